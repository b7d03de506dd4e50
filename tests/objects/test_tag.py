from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.git.repository import Repository
from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import fsck, git

TARGET = Oid.of(Kind.COMMIT, b"")
TRAILERS = {"Model": "digits", "State": "initial", "Gitstore-Format": "1"}
IDENTITY = "Ada Lovelace <ada@example.org> 1700000000 +0130"

SSH = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"
PGP = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAAB\n-----END PGP SIGNATURE-----\n"

messages = (
    st.lists(
        st.one_of(
            st.sampled_from(["", "Model: evil", "a: b", "---", "-----BEGIN PGP SIGNATURE-----", "x\ty"]),
            st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=10),
        ),
        min_size=1,
        max_size=6,
    )
    .map("\n".join)
    .map(str.strip)
    .filter(bool)
)


@given(messages)
def test_a_tag_is_read_back(message: str) -> None:
    found = tag.parse(tag.encode(TARGET, "v1", identity=IDENTITY, message=message, trailers=TRAILERS))
    assert found == tag.Tag(
        target=TARGET,
        target_kind="commit",
        name="v1",
        tagger="Ada Lovelace <ada@example.org>",
        date=datetime(2023, 11, 14, 23, 43, 20, tzinfo=timezone(timedelta(hours=1, minutes=30))),
        message=message,
        trailers=TRAILERS,
    )


@pytest.mark.parametrize("message", ["First", "First\n\nBody: it\n\nand more", "Größe\n\n# not a comment"])
def test_git_finds_the_same_in_a_tag(repository: Repository, message: str) -> None:
    directory = repository.directory
    git("commit", "--quiet", "--allow-empty", "-m", "m", cwd=directory)
    head = Oid.parse(git("rev-parse", "HEAD", cwd=directory).strip())
    content = tag.encode(head, "v1", identity=IDENTITY, message=message, trailers=TRAILERS)
    with repository.writer() as writer:
        oid = writer.add(Kind.TAG, content)
        writer.finish()
    git("update-ref", "refs/tags/v1", str(oid), cwd=directory)
    fsck(repository)
    assert git("cat-file", "tag", "v1", cwd=directory).encode() == content
    trailers = "".join(f"{key}: {value}\n" for key, value in TRAILERS.items())
    body = content.decode().partition("\n\n")[2]
    assert git("interpret-trailers", "--parse", cwd=directory, stdin=body.encode()) == trailers
    assert git("for-each-ref", "--format=%(contents:trailers)", "refs/tags", cwd=directory).strip() == (
        trailers.strip()
    )
    shown = git("for-each-ref", "--format=%(contents)", "refs/tags", cwd=directory)
    assert shown.rstrip("\n") == f"{message}\n\n{trailers}".rstrip("\n")


@pytest.mark.parametrize("signature", [SSH, PGP])
@pytest.mark.parametrize("message", ["First", "Quoted:\n\n-----BEGIN PGP SIGNATURE-----\nx"])
def test_a_signature_is_not_of_the_message(signature: str, message: str) -> None:
    content = (
        tag.encode(TARGET, "v1", identity=IDENTITY, message=message, trailers=TRAILERS) + signature.encode()
    )
    found = tag.parse(content)
    assert (found.message, found.trailers) == (message, TRAILERS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", ""),
        ("First\n", "First"),
        ("a: b\n", "a: b"),  # a first paragraph is a title, whatever it looks like
        ("First\n\nand more\nwords\n", "First\n\nand more\nwords"),
        ("First\n\n\n", "First"),
    ],
)
def test_a_tag_without_trailers(repository: Repository, body: str, message: str) -> None:
    found = tag.parse(f"object {TARGET}\ntype commit\ntag v1\ntagger {IDENTITY}\n\n{body}".encode())
    assert (found.message, found.trailers) == (message, {})
    assert git("interpret-trailers", "--parse", cwd=repository.directory, stdin=body.encode()) in (
        "",
        "and: more\n",
    )


@pytest.mark.parametrize(
    ("tagger", "expected"),
    [
        ("A <a@b> 0 +0000", ("A <a@b>", datetime(1970, 1, 1, tzinfo=UTC))),
        ("A <a@b> 99999999999999999999 +0000", ("A <a@b>", None)),
        ("A <a@b> 0 +9999", ("A <a@b>", None)),
        (
            "A <a@b> 0 -0330",
            ("A <a@b>", datetime(1969, 12, 31, 20, 30, tzinfo=timezone(-timedelta(hours=3.5)))),
        ),
        ("A <a@b>", ("A <a@b>", None)),
        ("", ("", None)),
    ],
)
def test_a_tagger_that_git_would_not_write(tagger: str, expected: tuple[str, datetime | None]) -> None:
    found = tag.parse(f"object {TARGET}\ntype commit\ntag v1\ntagger {tagger}\n\nm\n".encode())
    assert (found.tagger, found.date) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it has no object"),
        (b"object x\ntype commit\ntag v1\n\n", "Odd-length string"),
        (f"object {TARGET}\ntag v1\n\n".encode(), "it has no type"),
        (f"object {TARGET}\ntype commit\n\n".encode(), "it has no tag"),
    ],
)
def test_a_malformed_tag(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tag.parse(content)
