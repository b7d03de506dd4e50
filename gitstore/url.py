"""URLs of repositories: recognizing them, which ones git may get, and showing them without credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from gitstore.text import control_problem

# https://example.org/path, user@example.org:path and example.org:path.
# A host has two letters or more: C: is a drive.
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|[\w.-]{2,}:")
_SSH = re.compile(r"(git\+)?ssh(\+git)?://|(?!\w+://)[^/]+:")  # or host:path, as git-clone(1) reads it
_ROOT = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*|([\w.-]+@)?[\w.-]{2,}:|")
_REMOTE_HELPER = re.compile("[A-Za-z0-9]+::")  # gitremote-helpers(7)


def is_url(text: str) -> bool:
    """Whether a text is the URL of a repository, if it is not the path of a directory."""
    return _URL.match(text) is not None


def is_ssh(url: str) -> bool:
    """Whether git reaches a URL by ssh."""
    return _SSH.match(url) is not None


def is_relative(url: str) -> bool:
    """Whether a URL is one that starts at another one, as in git-submodule(1)."""
    return url.startswith(("./", "../"))


def join_url(url: str, relative: str) -> str | None:
    """Return the URL that a relative one leads to from another URL or an absolute path.

    Each `..` takes off a step of the path, and never the host: `None` if there are too many.
    """
    root = _ROOT.match(url)
    end = root.end() if root is not None else 0
    slash = "/" if url[end:].startswith("/") else ""
    steps = [step for step in url[end:].split("/") if step]
    for step in relative.split("/"):
        if step == "..":
            if not steps or steps[-1] == "..":
                return None
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return f"{url[:end]}{slash}{'/'.join(steps)}"


def url_problem(url: str) -> str | None:
    """Return why git may not get a URL or path of a repository; `None` if it may.

    The answer continues a sentence that begins with the URL, like that of `name_problem`.
    """
    if control_problem(url) or "\n" in url or not url.strip():
        return "is empty or contains a control character"
    if url.startswith("-"):
        return "starts with '-', which git would read as an option"
    if _REMOTE_HELPER.match(url):
        return "names a remote helper, which git would run"
    return None


def without_credentials(url: str) -> str:
    """Return a URL as it may be shown and recorded: without a password, and for HTTP without a user.

    For HTTP, the user is often a token.
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if parts.scheme in ("http", "https"):
        user = ""
    user = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}" if user else host))


def remove_password(text: str, url: str) -> str:
    """Return a text, such as a message of git that repeats a URL, without the password in that URL."""
    password = urlsplit(url).password if "://" in url else None
    return text.replace(f":{password}", "") if password else text
