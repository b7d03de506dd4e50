"""Files of rules with anything in them: all problems are found, none is a bug."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gitstore.aliases.requirements import parse
from gitstore.automation.config import load
from gitstore.automation.rules import AutomationRule
from gitstore.errors import BadSettings

WORDS = st.sampled_from(
    [field.encode_name for field in msgspec.structs.fields(AutomationRule)]
    + [
        "url",
        "secret",
        "record",
        "inputs",
        "require",
        "command",
        "snapshot.created",
        "https://example.org",
        "v1",
    ]
)
VALUES = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(rules=st.lists(st.dictionaries(WORDS, VALUES, max_size=5), max_size=3))
def test_any_rules(rules: list[dict[str, object]]) -> None:
    with TemporaryDirectory() as directory, suppress(BadSettings):
        path = Path(directory, "automation.yaml")
        path.write_bytes(msgspec.json.encode({"automation": rules}))  # JSON is YAML
        load(path)


@given(text=st.text(max_size=60) | st.from_regex(r"[\w.:-]{1,9} ?[<>=]{1,2} ?(current)? ?[-+]? ?[\d.e]{0,9}"))
def test_any_requirement(text: str) -> None:
    with suppress(ValueError):
        parsed = parse(text)
        assert parsed.text == text.strip()
        assert parsed.record or parsed.output
