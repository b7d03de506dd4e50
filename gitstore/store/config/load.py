"""Reading store.yaml."""

from __future__ import annotations

from pathlib import Path

from gitstore.errors import BadSettings
from gitstore.settings.strict import parse_strictly
from gitstore.store.config.schema import StoreConfig

FILE_NAME = "store.yaml"

MAX_BYTES = 4 * 1024 * 1024
"""Enough for ten thousand models that all have settings of their own."""

EMPTY = "write at least the owners, like owners: {ada: {members: {ada: admin}}}"


def parse(content: bytes, source: str = FILE_NAME) -> StoreConfig:
    """Parse the content of store.yaml. Raises `BadSettings` with all problems, each with its line and key."""
    return parse_strictly(content, StoreConfig, source=source, empty=EMPTY, at_most=MAX_BYTES)


def load(path: Path) -> StoreConfig:
    """Read and parse store.yaml. Raises `BadSettings`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadSettings([f"{path}: cannot be read: {error.strerror}"]) from error
    return parse(content, str(path))
