"""Completion in a shell: what can be suggested (`candidates`), and the scripts of shells (`shells`).

`main` calls `shells.answer` if a shell has set `COMPLETING`. Start reading there.
"""

COMPLETING = "_GITSTORE_COMPLETE"
"""The environment variable that a shell sets to ask what could come next."""
