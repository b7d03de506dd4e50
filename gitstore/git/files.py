"""Git's own small files, gitrepository-layout(5): `.git`, `commondir`, `gitdir` and what a ref's file holds.

Each format is parsed here and nowhere else, by git's rules. `ref_files` says what is wrong with a ref, and
`worktrees` what is wrong with a worktree. Nothing is written here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from gitstore.packs.oid import Oid

SPACES = " \t\n\r"
"""What git takes for spaces (its ctype.c): neither a vertical tab nor a form feed, unlike Python."""

_LINE_ENDS = "\n\r"
"""What git cuts off from the end of a file that holds a path."""

_LINK = b"gitdir:"
_SYMBOLIC = b"ref:"
_HEAD = re.compile(rb"ref:[ \t\n\r]*refs/|[0-9a-f]{40}")
_ID = re.compile(rb"([0-9a-fA-F]{40})(?:[ \t\n\r]|$)")
_ZEROS = b"0" * 40

RefValue = Oid | str
"""What a ref holds: an object id, or, if it is symbolic, the name of another ref."""


def read_text(path: Path) -> str | None:
    """Return a small file without the newline at its end; `None` if it cannot be read."""
    try:
        return os.fsdecode(path.read_bytes()).rstrip("\n")
    except OSError:
        return None


def parse_link(content: bytes, link: Path) -> Path | None:
    """Return the git directory that a file `.git` at `link` leads to; `None` if it names none."""
    if not content.startswith(_LINK):
        return None
    target = os.fsdecode(content.removeprefix(_LINK)).lstrip(SPACES).rstrip(_LINE_ENDS)
    return Path(os.path.normpath(link.parent / target))


def read_common_directory(git_directory: Path) -> Path:
    """Return the directory that all working copies of a repository share."""
    try:
        content = (git_directory / "commondir").read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return git_directory
    return (git_directory / os.fsdecode(content).rstrip(_LINE_ENDS)).resolve()


def read_worktree_directory(administration: Path) -> Path | None:
    """Return where git has noted that a linked working copy is; `None` if it has not."""
    link = read_text(administration / "gitdir")
    return Path(os.path.normpath(administration / link)).parent if link else None


def parse_ref(content: bytes) -> RefValue | None:
    """Return what the file of a ref, or of HEAD, holds; `None` if that is neither an id nor `ref: NAME`.

    Zeros are no id. The name is not checked.
    """
    if content.startswith(_SYMBOLIC):
        return os.fsdecode(content.removeprefix(_SYMBOLIC)).strip(SPACES)
    match = _ID.match(content)
    return Oid.parse(match[1]) if match is not None and match[1] != _ZEROS else None


def is_head(path: Path) -> bool:
    """Whether git takes a directory with this HEAD for a repository: any id will do, zeros included."""
    if path.is_symlink():
        return str(path.readlink()).startswith("refs/")
    try:
        return _HEAD.match(path.read_bytes()) is not None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False  # a HEAD that cannot be read may be right: that is another error
