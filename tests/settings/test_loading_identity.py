"""Which model settings are of, although other keys than `name` and `based_on` may be invalid."""

from __future__ import annotations

import pytest

from gitstore.settings import identify, parse


class TestIdentity:
    """identify() reads two keys of settings of which others are broken."""

    BASE = (
        "based_on:  # the base\n\n  model: m\n  snapshot: v1\n"
        f"  # tag\n  tag: '{'0' * 40}'\n  commit: '{'1' * 40}'\n"
    )

    @pytest.mark.parametrize(
        "text",
        [
            f"name: x\ntypes:\n  train: []\n{BASE}",
            f"{BASE}name: x\r\ncode: src\n",
            f'"name": x\n{BASE}',
            f"{{name: x, based_on: {{model: m, snapshot: v1, tag: '{'0' * 40}', commit: '{'1' * 40}'}}}}",
        ],
    )
    def test_it_reads_what_parse_reads(self, text: str) -> None:
        settings = parse(text.encode())
        assert settings.based_on is not None
        assert identify(text.encode()) == (settings.name, settings.based_on, True)

    @pytest.mark.parametrize("broken", ["types: [1, 2]\n", "nothing: here\n", "code: &a src\n", "a: {\n"])
    def test_other_keys_may_be_broken(self, broken: str) -> None:
        base = parse(f"name: x\n{self.BASE}".encode()).based_on
        assert identify(f"{broken}name: x\n{self.BASE}".encode()) == ("x", base, True)

    def test_a_base_in_another_repository(self) -> None:
        identity = identify(f"code: 3\nname: x\n{self.BASE}  url: /models/m\n".encode())
        assert identity is not None
        assert identity.base is not None
        assert not identity.is_derived

    @pytest.mark.parametrize(
        ("base", "is_derived"), [("{model: m}", True), ("{model: m, url: /m}", False), ("{}", True)]
    )
    def test_an_invalid_base_tells_at_least_that_there_is_one(self, base: str, is_derived: bool) -> None:
        assert identify(f"name: x\nbased_on: {base}\n".encode()) == ("x", None, is_derived)

    @pytest.mark.parametrize("text", ["", "name: [x]\n", "name: x\nbased_on: [m]\n", "\xff", "name: a b\n"])
    def test_what_it_cannot_read(self, text: str) -> None:
        assert identify(text.encode("latin-1")) is None
