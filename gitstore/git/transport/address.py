"""Where a URL leads, by git's own reading of it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gitstore.git.repository import Repository
from gitstore.url import url_problem

_WEB = ("http", "https")
_DIAGNOSIS = "Diag: "


class GitAddress(NamedTuple):
    """The parts of a URL or path.

    `protocol` is `ssh`, `file` for a path, or what the URL begins with. `host` may begin with a user, as ssh
    takes it. `path` is as the other side gets it; one on this machine may be relative.
    """

    protocol: str
    host: str
    port: str | None
    path: str


def read_address(repository: Repository, url: str) -> GitAddress | None:
    """Return the parts of a URL or path; `None` for one that git must not get, or would not understand.

    A relative path starts at the repository's directory.
    """
    if url_problem(url) is not None:
        return None
    # git alone knows what of host:path, [host:port]:path, user@[::1]:path, ssh://host/~path is what.
    completed = repository.attempt("fetch-pack", "--diag-url", url)
    if completed.returncode:
        return _split_web_url(url)
    lines = completed.stdout.decode(errors="surrogateescape").splitlines()
    values = dict(
        line.removeprefix(_DIAGNOSIS).split("=", 1) for line in lines if line.startswith(_DIAGNOSIS)
    )
    port = values.get("port", "NONE")
    host = values.get("userandhost", values.get("hostandport", ""))
    return GitAddress(values["protocol"], host, None if port == "NONE" else port, values["path"])


def _split_web_url(url: str) -> GitAddress | None:
    parts = urlsplit(url)
    if parts.scheme not in _WEB:
        return None
    return GitAddress(parts.scheme, parts.netloc, None, unquote(parts.path))
