from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gitstore.settings import document
from gitstore.settings.nodes import Mapping, to_plain


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of PyYAML's two parsers; installations without libyaml have the second only."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(document, "_Loader", getattr(yaml, request.param))
    name: str = request.param
    return name


MEANT = [
    ("true", True),
    ("false", False),
    ("~", None),
    ("null", None),
    ("", None),
    ("0", 0),
    ("-12", -12),
    ("3.50", 3.5),
    ("1e3", 1000.0),
    *[
        (text, text)
        for text in ("True", "yes", "no", "on", "off", "y", "NULL", "010", "0x1f", "0o7", "1_000", "+1")
    ],
    *[(text, text) for text in (".5", "5.", ".inf", ".nan", "1e999", "1:30", "2026-01-01", "=", "9" * 31)],
    ('"3.11"', "3.11"),
    ("'true'", "true"),
    ("|\n  two\n  lines\n", "two\nlines\n"),
    ("plain\n  goes on", "plain goes on"),
]


def test_scalars_mean_what_they_say(loader: str) -> None:
    found = {written: document.read(f"key: {written}".encode()) for written, _ in MEANT}
    assert {written: read.problems for written, read in found.items() if read.problems} == {}
    values = [(written, to_plain(found[written].root)) for written, _ in MEANT]
    # By their spelling too: 1 is 1.0 and True for ==.
    assert repr(values) == repr([(written, {"key": meant}) for written, meant in MEANT])


REFUSED = [
    (b"a: 1\na: 2", [(2, "the key 'a' is given twice; first on line 1")]),
    (b"a:\n  b: 1\n  b: 2", [(3, "the key 'b' is given twice; first on line 2")]),
    (b"1: x", [(1, "the key 1 is not text; put it in quotes")]),
    (b"true: x", [(1, "the key true is not text; put it in quotes")]),
    (b"~: x", [(1, "the key ~ is not text; put it in quotes")]),
    (b"? [a]\n: x", [(1, "a list or a mapping cannot be a key")]),
    (b"k" * 101 + b": x", [(1, f"the key '{'k' * 59}…' is too long")]),
    (b"a: &x 1", [(1, "the anchor &x is not allowed; remove it")]),
    (b"a: *x", [(1, "the alias *x is not allowed; write the value out")]),
    (b"*x : a", [(1, "the alias *x is not allowed; write the value out"), (1, "an alias cannot be a key")]),
    (b"<<: {a: 1}", [(1, "the merge key << is not allowed; write the keys out")]),
    (b"a: !!int 1", [(1, "the tag !!int is not allowed; remove it")]),
    (
        b"a: !!python/object/apply:os.system [ls]",
        [(1, "the tag !!python/object/apply:os.system is not allowed; remove it")],
    ),
    (b"a: !x [1]", [(1, "the tag !x is not allowed; remove it")]),
    (b"%YAML 1.1\n---\na: 1", [(1, "directives (%YAML, %TAG) are not allowed; remove them")]),
    (b"a: 1\n---\nb: 2", [(2, "a second document starts here; settings are one document")]),
    (b"\xef\xbb\xbfa: 1", [(1, "starts with a byte order mark; save the file as UTF-8 without one")]),
    (b"a: 1\nb: \xff", [(2, "is not UTF-8: byte 0xff")]),
    (b"a: \xed\xa0\x80", [(1, "is not UTF-8: byte 0xed")]),
    ("a: 1\nb: \u2028".encode(), [(2, "has the character U+2028 in it; remove it")]),
    (b"a: 1\rb: 2", [(1, "has the character U+000D in it; remove it")]),
    (b"a: \x00", [(1, "has the character U+0000 in it; remove it")]),
    (b"a:\n\tb: 1", [(2, "is indented with a tab; use spaces")]),
    (b"a: @b", [(1, "is not YAML: a value cannot start with '@'; put it in quotes")]),
    (b"[" * 1000, [(1, "is nested more than 32 levels deep")]),
    (b"- " * 1000, [(1, "is nested more than 32 levels deep")]),
    (b"{a: " * 1000, [(1, "is nested more than 32 levels deep")]),
    (b"#" * (256 * 1024 + 1), [(1, "is larger than 256 KiB; settings are a page of text")]),
]


def test_what_is_refused(loader: str) -> None:
    found = [(content, [tuple(each) for each in document.read(content).problems]) for content, _ in REFUSED]
    assert found == REFUSED


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="the words are those of libyaml")
@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (
            b"a: [1,\n  2\nb: 3",
            3,
            "did not find expected ',' or ']', while parsing a flow sequence that starts on line 1",
        ),
        (b"a: b: c", 1, "mapping values are not allowed in this context"),
        (b"x: 1\na: 'x\n\n", 2, "found unexpected end of stream, while scanning a quoted scalar"),
        (b'a: "\\q"', 1, "found unknown escape character, while parsing a quoted scalar"),
        (
            b"a:\n  - b\n c: d",
            3,
            "did not find expected key, while parsing a block mapping that starts on line 1",
        ),
    ],
)
def test_syntax_errors(content: bytes, line: int, message: str) -> None:
    assert document.read(content).problems == ((line, f"is not YAML: {message}"),)


@given(
    st.binary(max_size=60) | st.text("ab:-[]{}#&*!|>'\"%@\n\r\t ?,~1\\\\U", max_size=40).map(str.encode),
    st.sampled_from([yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]),
)
@example(b'a: "\\UFFFFFFFF"', yaml.SafeLoader)
@example(b'a: "\\ud800"', yaml.SafeLoader)
def test_nothing_makes_it_raise(content: bytes, loader: type) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_Loader", loader)
        read = document.read(content)
    lines = content.count(b"\n") + 1
    assert all(1 <= problem.line <= lines and "\n" not in problem.message for problem in read.problems)


def test_lines_and_places() -> None:
    text = (
        "# über\r\nname: x\r\nlist:\r\n  - a  # one\r\n  - b\r\n# end\r\ntext: |\r\n  t\r\n\r\nlast: {}\r\n"
    )
    read = document.read(text.encode())
    assert isinstance(read.root, Mapping)
    found = {
        key: (entry.key.line, text[entry.value.start : entry.value.end])
        for key, entry in read.root.entries.items()
    }
    assert found == {
        "name": (2, "x"),
        "list": (3, "- a  # one\r\n  - b"),
        "text": (7, "|\r\n  t"),
        "last": (10, "{}"),
    }
    assert read.end == len(text)
