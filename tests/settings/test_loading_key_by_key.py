"""Reading settings key by key gives what reading them as a whole gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example as example_of
from hypothesis import given
from hypothesis import strategies as st

from gitstore.settings import loading, parse

LINES = (
    "name: x", "name: 'x", "name:", "description: |", "description: |+", "description: >-",
    "description: text", "description: 'a", "  more", "  - more", "- item", "-", "---", "...",
    "# comment", "  # comment", "", "code: src # why", "code: &src src", "code: *src",
    "types: {train: []}", "types:", "  train:", "  train: [", "  ]", "packages: {", "}",
    '"name": y', "? name", "nothing: true", "\tcode: x", "code: [a,", "code: b]",
    "filesystem_size: 1MiB\r", "filesystem_size: 1MiB\rname: y", "%YAML 1.1", "\ufeffname: x",
    "\u2028", "description: \x85", "based_on: {model: m}", "based_on: ~", "? ", ": x",
    "name: x\n\n\n",
)  # fmt: skip


class TestKeyByKey:
    """parse() reads each key by itself where it can, so that what a thousand files share is read once."""

    def test_it_reads_ordinary_settings_so(self, example: bytes) -> None:
        assert loading._parse_by_keys(example) == parse(example)
        assert loading._parse_by_keys(b"# A model.\n\n" + example + b"\n# The end.\n") == parse(example)

    def test_keys_that_files_share_are_read_once(
        self, example: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parse(example)
        read: list[bytes] = []

        def note(lines: bytes, original: Any = loading._parse_whole) -> Any:
            read.append(lines)
            return original(lines)

        monkeypatch.setattr(loading, "_parse_whole", note)
        for number in range(3):
            parse(example.replace(b"name: digits", b"name: shared%d" % number, 1))
            parse(example.replace(b"name: digits", b"name: shared%d" % number, 1), "v1:settings.yaml")
        assert read == [b"name: shared%d\n" % number for number in range(3)]

    @given(st.lists(st.sampled_from(LINES), max_size=6), st.sampled_from(["", "\n"]))
    @example_of(["description: |+", "", "name: x"], "")
    @example_of(["name: x", "description: |", "  text"], "")
    @example_of(["  more", "description: text", "name: x"], "\n")
    def test_it_reads_what_the_whole_says(self, lines: list[str], end: str) -> None:
        content = ("\n".join(lines) + end).encode()
        settings, problems = loading._parse_whole(content)
        loading._parse_key.cache_clear()
        assert loading._parse_by_keys(content) in (None, settings)
        assert loading._parse(content) == (settings, problems)

    def test_only_short_ones_are_remembered(self) -> None:
        """Thousands of hostile files would take memory until the command ends."""
        loading._parse.cache_clear()
        for number in range(3):
            text = f"name: x{number}\ndescription: {'y' * loading._CACHED}\n"
            parse(text.encode())
            parse(f"name: x{number}\n".encode())
        assert loading._parse.cache_info().currsize == 3
