"""Annotated tags: encoding and parsing, with git's trailers at the end of the message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import NamedTuple

from gitstore.packs.oid import Oid

_TARGET = re.compile(rb"object ([0-9a-f]{40})\ntype ([a-z]+)\n")
_HEADER = re.compile(r"^([a-z]+) (.*)$", re.MULTILINE)
_TRAILER = re.compile(r"^([A-Za-z0-9-]+): (.*)$", re.MULTILINE)
_TAGGER = re.compile(r"(.*) (\d+) ([+-])(\d\d)(\d\d)")
_SIGNATURE = re.compile(  # at the very end; a message may quote one
    r"^-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----\n"
    r"(?:(?!-----BEGIN ).)*-----END \1-----\s*\Z",
    re.MULTILINE | re.DOTALL,
)

_SCHEMES = {  # as git's gpg.format calls them
    "PGP SIGNATURE": "openpgp",
    "PGP MESSAGE": "openpgp",
    "SIGNED MESSAGE": "x509",
    "SSH SIGNATURE": "ssh",
}


class Tag(NamedTuple):
    """An annotated tag. `message` is without the trailers and without a signature.

    `signed` is the kind of signature, in the words of git's `gpg.format`; the signature is not checked.
    `repeated` are the trailers that the message has more than once; `trailers` has their last value.
    """

    target: Oid
    target_kind: str
    name: str
    tagger: str
    date: datetime | None
    message: str
    trailers: Mapping[str, str]
    signed: str | None = None
    repeated: tuple[str, ...] = ()


def encode(target: Oid, name: str, *, identity: str, message: str, trailers: Mapping[str, str]) -> bytes:
    """Return the content of a tag on a commit. `identity` is name, mail, time and zone."""
    ending = "".join(f"{key}: {value}\n" for key, value in trailers.items())
    text = f"object {target}\ntype commit\ntag {name}\ntagger {identity}\n\n{message}\n\n{ending}"
    return text.encode("utf-8", "surrogateescape")


def read_tagger(content: bytes) -> str:
    """Return who made a tag, and when, as `encode` takes it."""
    head = content.decode("utf-8", "surrogateescape").partition("\n\n")[0]
    return next((line[7:] for line in head.split("\n") if line.startswith("tagger ")), "")


def read_target(content: bytes) -> tuple[Oid, str]:
    """Return the object of a tag, and its kind. Raises `ValueError` if the tag is malformed."""
    match = _TARGET.match(content)
    if match is None:
        raise ValueError("it does not begin with an object and its type")
    return Oid.parse(match[1]), match[2].decode()


def parse(content: bytes) -> Tag:
    """Return a tag from its content. Raises `ValueError` if it is malformed."""
    head, _, body = content.decode("utf-8", "surrogateescape").partition("\n\n")
    header = dict(_HEADER.findall(head))
    try:
        target, kind, name = Oid.parse(header["object"]), header["type"], header["tag"]
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]}") from error
    tagger, date = parse_identity(header.get("tagger", ""))
    # The first test is cheap, and few tags are signed.
    signature = _SIGNATURE.search(body) if "-----BEGIN " in body else None
    message, lines = split_trailers(body[: signature.start()] if signature else body)
    signed = _SCHEMES[signature[1]] if signature else None
    trailers = dict(lines)
    counts = Counter(key for key, _ in lines) if len(trailers) < len(lines) else {}
    repeated = tuple(key for key, count in counts.items() if count > 1)
    return Tag(target, kind, name, tagger, date, message, trailers, signed, repeated)


def parse_identity(line: str) -> tuple[str, datetime | None]:
    """Split name and mail from the date in a tagger, author or committer. No date if it is malformed."""
    match = _TAGGER.fullmatch(line)
    if match is None:
        return line, None
    name, seconds, sign, hours, minutes = match.groups()
    try:
        return name, datetime.fromtimestamp(int(seconds), _zone(sign, hours, minutes))
    except (ValueError, OverflowError, OSError):
        return name, None


@cache
def _zone(sign: str, hours: str, minutes: str) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def split_trailers(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a message from the trailers of its last paragraph, git-interpret-trailers(1)."""
    text = text.rstrip()
    message, blank, last = text.rpartition("\n\n")
    trailers = _TRAILER.findall(last)
    if not blank or len(trailers) <= last.count("\n"):
        return text, []
    return message.strip(), trailers
