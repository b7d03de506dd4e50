"""Rules for texts in settings.yaml that a type alone cannot express.

A function of this module returns what is wrong with a text, or None. The answer continues a sentence that
begins with the text, like that of `name_problem`.
"""

from __future__ import annotations

import keyword
import unicodedata

from gitstore.layout import BESIDE_CODE
from gitstore.text import control_problem

OBJECT_ID = "^[0-9a-f]{40}$"
PYTHON = r"^3\.(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2}))?$"

# An exact pin as in PEP 508, and nothing else: an installer would take other lines for a URL, a local path
# or an option. Markers are checked word by word for the same reason.
_PROJECT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[0-9][A-Za-z0-9._!+-]*"
_MARKER_WORD = (
    r""""[^"'\\]*"|'[^"'\\]*'|[()]|[<>=!~]=|[<>]|and\b|or\b|not\b|in\b|extra\b|os_name\b|sys_platform\b"""
    r"|platform_(?:machine|release|system|version|python_implementation)\b"
    r"|python_(?:full_)?version\b|implementation_(?:name|version)\b"
)
REQUIREMENT = (
    rf"^{_PROJECT}(?:\[{_PROJECT}(?:, ?{_PROJECT})*\])?=={_VERSION}(?: ?;(?: *(?:{_MARKER_WORD}))+)?$"
)


def parameter_problem(name: str) -> str | None:
    """Check the name of a parameter, which becomes a keyword argument of the model's code."""
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    # Python compares identifiers in NFKC, so an argument in another form would have another name.
    if not name.isidentifier() or not unicodedata.is_normalized("NFKC", name):
        return "is not a Python identifier"
    return None


def code_problem(path: str) -> str | None:
    """Check the path of the code directory, relative to the repository."""
    if path == ".":
        return None  # the top of the repository
    parts = path.split("/")
    if control_problem(path) or "\\" in path or "\n" in path:
        return "contains a character that a path in git should not have"
    if path.startswith("/"):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the repository"
    if "" in parts or "." in parts:
        return "has an empty or '.' component"
    if any(part.lower() == ".git" for part in parts):
        return "is git's own directory"
    if parts[0] in BESIDE_CODE:
        return "is reserved: gitstore stores something else there"
    return None
