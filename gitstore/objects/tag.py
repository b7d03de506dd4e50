"""Annotated tags: encoding and parsing, with git's trailers at the end of the message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from gitstore.objects.oid import Oid

_TRAILER = re.compile(r"([A-Za-z0-9-]+): (.*)")
_TAGGER = re.compile(r"(.*) (\d+) ([+-])(\d\d)(\d\d)")
_SIGNATURE = re.compile(  # at the very end; a message may quote one
    r"^-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----\n"
    r"(?:(?!-----BEGIN ).)*-----END \1-----\s*\Z",
    re.MULTILINE | re.DOTALL,
)


class Tag(NamedTuple):
    """An annotated tag. `message` is without the trailers and without a signature."""

    target: Oid
    target_kind: str
    name: str
    tagger: str
    date: datetime | None
    message: str
    trailers: Mapping[str, str]


def encode(target: Oid, name: str, identity: str, message: str, trailers: Mapping[str, str]) -> bytes:
    """The content of a tag on a commit. `identity` is name, mail, time and zone; trailers are lines."""
    ending = "".join(f"{key}: {value}\n" for key, value in trailers.items())
    text = f"object {target}\ntype commit\ntag {name}\ntagger {identity}\n\n{message}\n\n{ending}"
    return text.encode("utf-8", "surrogateescape")


def identity(content: bytes) -> str:
    """Who made a tag, and when, as `encode` takes it."""
    head = content.decode("utf-8", "surrogateescape").partition("\n\n")[0]
    return next((line[7:] for line in head.split("\n") if line.startswith("tagger ")), "")


def is_signed(content: bytes) -> bool:
    """Whether a signature ends a tag's message."""
    return _SIGNATURE.search(content.decode("utf-8", "surrogateescape")) is not None


def parse(content: bytes) -> Tag:
    """A tag from its content; `ValueError` if it is malformed."""
    head, _, body = content.decode("utf-8", "surrogateescape").partition("\n\n")
    header = dict(line.partition(" ")[::2] for line in head.split("\n"))
    try:
        target, kind, name = Oid.parse(header["object"]), header["type"], header["tag"]
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]}") from error
    tagger, date = _tagger(header.get("tagger", ""))
    message, trailers = _split(body)
    return Tag(target, kind, name, tagger, date, message, trailers)


def _tagger(line: str) -> tuple[str, datetime | None]:
    match = _TAGGER.fullmatch(line)
    if match is None:
        return line, None
    who, seconds, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        return who, datetime.fromtimestamp(int(seconds), timezone(offset))
    except (ValueError, OverflowError, OSError):
        return who, None


def _split(body: str) -> tuple[str, dict[str, str]]:
    """The message proper, and the trailers of its last paragraph, as git-interpret-trailers(1) finds them."""
    text = _SIGNATURE.sub("", body).rstrip()
    message, blank, last = text.rpartition("\n\n")
    found = [_TRAILER.fullmatch(line) for line in last.split("\n")]
    trailers = {match[1]: match[2] for match in found if match}
    if not blank or len(trailers) < len(found):
        return text, {}
    return message.strip(), trailers
