"""Stock git, and the files that git itself keeps in a repository.

It owns starting git apart from settings and variables of the user, finding a repository, its refs, its
configuration and its worktrees, signatures, and fetching. The only room that starts git. It knows no models.
Start with `repository`, which brings all of it together."""
