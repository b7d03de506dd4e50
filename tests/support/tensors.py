"""safetensors files, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest


class InMemory:
    """A file that notes what is read of it, and of which nothing outside of it may be read."""

    def __init__(self, content: bytes, size: int | None = None) -> None:
        self.content = content
        self.size = len(content) if size is None else size
        self.asked = 0
        self.reads = 0

    def read(self, offset: int, length: int) -> bytes:
        assert 0 <= offset <= offset + length <= self.size
        self.asked += length
        self.reads += 1
        return self.content[offset : offset + length]


def refusal(read: Callable[[InMemory], object], content: bytes) -> str:
    """The one line with which a reader of a format refuses a file."""
    with pytest.raises(ValueError) as caught:
        read(InMemory(content))
    assert type(caught.value) is ValueError
    (line,) = str(caught.value).splitlines()
    return line


Values = tuple[str, list[int], bytes]
"""Type, shape and bytes of a tensor."""


def safetensors(tensors: Mapping[str, Values], metadata: Mapping[str, str] | None = None) -> bytes:
    """A file with these tensors, in this order."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(values)]}
        end += len(values)
    return with_header(header, b"".join(values for _, _, values in tensors.values()))


def with_header(header: object, values: bytes = b"") -> bytes:
    """A file with this header, true or not: bytes as they are, anything else as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values
