from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.errors import BadSettings
from gitstore.settings import BasedOn, Packages, parse, set_keys
from gitstore.settings.document import read
from gitstore.settings.nodes import to_plain

BASE = BasedOn(model="classifier", snapshot="v1", tag="a" * 40, commit="1" * 40)
BASE_LINES = f"""\
based_on:
  model: classifier
  snapshot: v1
  tag: {"a" * 40}
  commit: "{"1" * 40}"
"""


def test_nothing_else_changes(example: bytes) -> None:
    changed = set_keys(
        example,
        {
            "name": "other",
            "filesystem_size": "1GiB",
            "packages": Packages(python="3.12", requirements=("numpy==2.4.6",)),
            "max_durations": None,
            "based_on": BASE,
            "code": "src",
        },
    )
    expected = (
        example.decode()
        .replace("name: digits", "name: other")
        .replace("filesystem_size: 32MiB  ", "filesystem_size: 1GiB  ")
        .replace('python: "3.11"', 'python: "3.12"')
    )
    before, durations, after = expected.partition("max_durations:")
    after = after.partition("\n")[2]
    after = after[: after.index("based_on:")] + BASE_LINES.replace(
        "on:", "on:       # derived only; gitstore writes it"
    )
    assert durations
    assert changed.decode() == before + after + "code: src\n"
    assert parse(changed).based_on == BASE


@pytest.mark.parametrize(
    ("content", "changes", "expected"),
    [
        ("", {"name": "x"}, "name: x\n"),
        ("# only a comment", {"name": "x"}, "# only a comment\nname: x\n"),
        ("# only a comment", {}, "# only a comment"),
        ("name: x", {"code": "src"}, "name: x\ncode: src\n"),
        ("name: x\r\n", {"code": "src"}, "name: x\r\ncode: src\r\n"),
        ("name: x  # my name\n", {"name": "z"}, "name: z  # my name\n"),
        ("\"name\" : 'x'  # c\n", {"name": "z"}, '"name" : z  # c\n'),
        ("name:  # none yet\n", {"name": "z"}, "name: z  # none yet\n"),
        ("name: x\n---\n", {}, None),
        ("---\nname: x\n...\n# end\n", {"code": "src"}, "---\nname: x\ncode: src\n...\n# end\n"),
        ("  name: x\n  code: y\n", {"types": {}, "code": "z"}, "  name: x\n  code: z\n  types: {}\n"),
        (
            "a: 1\n# above b\nb: 2  # beside b\n# below b\nc: 3\n",
            {"b": None},
            "a: 1\n# above b\n# below b\nc: 3\n",
        ),
        ("a: 1\nb: 2", {"b": None}, "a: 1\n"),
        ("a: 1\n", {"a": None}, ""),
        ("a: 1\n", {"zzz": None}, "a: 1\n"),
        (
            "a:  # beside\n  # above\n  - 1  # one\n  - 2\n# below\nb: 2\n",
            {"a": [3]},
            "a: [3]  # beside\n  # above\n# below\nb: 2\n",
        ),
        ("a:\r\n- 1\r\n- 2\r\nb: 2\r\n", {"a": "x"}, "a: x\r\nb: 2\r\n"),
        ("a: |  # block\n  text\n  # text\n\n# below\nb: 2\n", {"a": "x"}, "a: x\n\n# below\nb: 2\n"),
        ("a: {x: 1,\n    y: 2}  # c\nb: 2\n", {"a": 1}, "a: 1  # c\nb: 2\n"),
        ("a: 'one\n\n  two'  # c\nb: 2\n", {"a": 1}, "a: 1  # c\nb: 2\n"),
        (
            "a: 1  # c\nb: 2\n",
            {"a": {"first": "x" * 60, "second": ["y" * 40, "z"]}},
            f"a:  # c\n  first: {'x' * 60}\n  second: [{'y' * 40}, z]\nb: 2\n",
        ),
        (
            "a:  # c\n  # above\n  b: 1\nc: 2\n",
            {"a": {"first": "x" * 60, "second": ["y" * 40]}},
            f"a:  # c\n  # above\n  first: {'x' * 60}\n  second: [{'y' * 40}]\nc: 2\n",
        ),
        ("{name: x, code: z}\n", {"types": {}}, "name: x\ncode: z\ntypes: {}\n"),
        ("{name: x, code: z}\r\n", {"name": None}, "code: z\r\n"),
        ("? name\n: x\n", {"name": "z"}, "? name\n: z\n"),
        # Without an end of line, this text has none either; a key after it would give it one.
        ("a: |\n  text", {"b": 1}, "a: text\nb: 1\n"),
        ("größe: 1\n名: '😀'  # 😀\nz: 1\n", {"名": 2, "z": 3}, "größe: 1\n名: 2  # 😀\nz: 3\n"),
    ],
)
def test_texts(content: str, changes: dict[str, object], expected: str | None) -> None:
    if expected is None:
        with pytest.raises(BadSettings, match="second document"):
            set_keys(content.encode(), changes)
    else:
        assert set_keys(content.encode(), changes).decode() == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\na: 2", "settings.yaml:2: the key 'a' is given twice; first on line 1"),
        (b"# c\n- a", "settings.yaml:1: is not a mapping of keys, like name: digits"),
        (
            b"a: [",
            "settings.yaml:1: is not YAML: did not find expected node content, while parsing a flow node",
        ),
    ],
)
def test_what_cannot_be_read_is_not_edited(content: bytes, problem: str) -> None:
    with pytest.raises(BadSettings) as error:
        set_keys(content, {"name": "x"})
    assert error.value.message == problem


KEYS = st.sampled_from(["a", "b", "c", "on", "1", "a b"])
SCALARS = st.sampled_from(
    ["x", "1", "", "'q'", '"\\n"', "a # b", "a  # c", "|\n  t\n", ">+\n  t\n\n", "|-\n\n  t\n  # t"]
)
BLOCKS = st.sampled_from(
    ["\n- 1\n- x", "\n  - 1  # c\n  -\n", "\n  k: v\n\n  # c\n  l: {}", " [1,\n 2]  # c", "\n  # c\n  v"]
)
LINES = st.sampled_from(["", "# comment", "  # indented", "---", "..."])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Texts that are mostly block mappings, with all that people and programs do to them."""
    parts = draw(
        st.lists(
            st.builds(lambda key, value: f"{key}: {value}", KEYS, SCALARS | BLOCKS) | LINES,
            max_size=6,
        )
    )
    text = "\n".join(parts) + draw(st.sampled_from(["", "\n", "\n\n"]))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return text.encode()


VALUES = st.recursive(
    st.booleans()
    | st.integers(-9, 10**9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
CHANGES = st.dictionaries(KEYS.filter(lambda key: key != "1"), st.none() | VALUES, max_size=4)


@given(documents(), CHANGES)
def test_the_result_is_the_old_data_with_the_changes(content: bytes, changes: dict[str, object]) -> None:
    before = read(content)
    old = {} if to_plain(before.root) is None else to_plain(before.root)
    if before.problems or not isinstance(old, dict):
        return
    after = read(set_keys(content, changes))
    kept = {key: value for key, value in old.items() if key not in changes}
    added = {key: value for key, value in changes.items() if value is not None}
    assert after.problems == ()
    assert (to_plain(after.root) or {}) == kept | added
    assert set_keys(content, {}) == content
