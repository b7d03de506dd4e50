"""Stock git, and the files that git keeps in a repository.

It owns running git apart from the user's hooks and variables (`process`), finding and opening a repository,
git's own files (`files`, `ref_files`), refs, configuration, attributes, worktrees, signatures, and fetching.
Only this room starts git. It must not know what a model, a snapshot or a state is. Start with `repository`,
which has all of it.
"""
