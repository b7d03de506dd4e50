"""A store behind a web server on loopback: git over smart HTTP by roles, and what else is asked for."""

from __future__ import annotations

import base64
import gzip
import io
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.store.access import ANONYMOUS, User
from gitstore.store.front.http import LARGEST_REQUEST, HttpRefusal, parse_request, read_body
from gitstore.store.store import Store
from tests.support import combinations, models
from tests.support.commands import fsck, git
from tests.support.crafting import MIB, Command, Craft, format_commands, list_files, zeros
from tests.support.stores import OWNERS, add_model, list_refs, make_pushed, make_store, web_server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with web_server(store) as url:
        yield url


def log_in(url: str, user: str) -> str:
    return url.replace("http://", f"http://{user}:x@")


def run_git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_push_and_clone_by_roles(store: Store, url: str, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    for user, code in (("carol", "403"), ("eve", "not found")):
        refused = run_git("push", f"{log_in(url, user)}/ada/digits", "v2", cwd=local.directory)
        assert code in refused.stderr
    pushed = run_git("push", f"{log_in(url, 'bob')}/ada/digits.git", "v2", cwd=local.directory)
    assert pushed.returncode == 0, pushed.stderr
    cloned = run_git("clone", "--quiet", f"{log_in(url, 'carol')}/ada/digits", "copy", cwd=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    assert set(list_refs(tmp_path / "copy")) >= {"refs/tags/v1", "refs/tags/v2"}
    fsck(store.find_model("ada/digits").directory)


@pytest.mark.real_starts
def test_the_public_is_read_without_a_name(store: Store, url: str, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "shown", "v1", model="ada/shown")
    assert run_git("ls-remote", f"{url}/ada/shown", cwd=tmp_path).returncode == 0
    assert get(f"{url}/ada/shown/info/refs?service=git-receive-pack")[0] == 401


def test_a_private_model_does_not_show_that_it_exists(store: Store, url: str) -> None:
    add_model(store)
    paths = [f"/ada/{name}/info/refs?service=git-upload-pack" for name in ("digits", "none")]
    assert len({get(url + path) for path in paths}) == 1
    assert len({ask_as("eve", store, path) for path in paths}) == 1
    assert get(f"{url}/ada/digits/info/refs?service=git-upload-pack")[0] == 401


def ask_as(user: str, store: Store, path: str) -> tuple[int, str]:
    path, _, query = path.partition("?")
    try:
        parse_request(store, {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query}, User(user))
    except HttpRefusal as refusal:
        return int(refusal.status.split()[0]), refusal.message
    return 200, ""


@pytest.mark.parametrize(
    "path",
    [
        "/", "/store.yaml", "/ledger.sqlite", "/hooks/pre-receive", "/ada/shown.git/HEAD",
        "/ada/shown.git/config", "/ada/shown.git/objects/info/packs",
        "/ada/shown.git/objects/info/alternates", "/ada/shown.git/info/refs",
        "/ada/shown.git/info/refs?service=git-upload-archive",
        "/ada/../shown/info/refs?service=git-upload-pack", "/ada/shown.git/git-upload-pack",
        "/ada/shown.git/info/refs?service=git-upload-pack&x", "//ada/shown/info/refs?service=git-upload-pack",
        "/ada/shown.git/../../info/refs?service=git-upload-pack",
    ],
)  # fmt: skip
def test_nothing_else_is_served(store: Store, path: str) -> None:
    add_model(store, "ada/shown")
    assert ask_as("ada", store, path)[0] == 404


def test_without_its_hooks_it_takes_no_pushes(store: Store, url: str, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    (store.hooks_directory / "pre-receive").unlink()
    remote = f"{log_in(url, 'ada')}/ada/digits"
    pushed = run_git("push", remote, "v2", cwd=local.directory)
    assert "503" in pushed.stderr
    assert run_git("ls-remote", remote, "v2", cwd=local.directory).stdout == ""


def test_a_user_s_name_in_a_header_is_not_believed(store: Store) -> None:
    add_model(store)
    request = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/ada/digits/info/refs", "HTTP_REMOTE_USER": "ada",
        "QUERY_STRING": "service=git-receive-pack", "HTTP_GITSTORE_USER": "ada",
        "HTTP_AUTHORIZATION": "Basic YWRhOng=",
    }  # fmt: skip
    with pytest.raises(HttpRefusal, match="log in first"):
        parse_request(store, request, ANONYMOUS)
    call = parse_request(store, request, User("ada"))
    assert not [name for name in call.environment if name.startswith("HTTP_")]


def test_a_bomb_of_haves_is_refused_before_it_takes_memory() -> None:
    body = gzip.compress(b"0032have " + b"0" * (LARGEST_REQUEST + 1))
    request = {"CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": "gzip"}
    with pytest.raises(HttpRefusal, match="the request needs more than 33,554,432 bytes"):
        for _ in read_body(request, io.BytesIO(body)):
            pass


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_is_read_to_its_end(encoding: str) -> None:
    content = bytes(range(256)) * 1000
    body = gzip.compress(content) if encoding else content
    for length in (str(len(body)), ""):
        request = {"CONTENT_LENGTH": length, "HTTP_CONTENT_ENCODING": encoding}
        assert b"".join(read_body(request, io.BytesIO(body + b"more" * (length != "")))) == content


@pytest.mark.parametrize(("encoding", "status"), [("br", "415"), ("gzip", "400")])
def test_a_body_that_cannot_be_read(encoding: str, status: str) -> None:
    with pytest.raises(HttpRefusal) as caught:
        list(read_body({"HTTP_CONTENT_ENCODING": encoding}, io.BytesIO(b"no gzip")))
    assert caught.value.status.startswith(status)


@combinations.rest
def test_many_haves_go_through_compressed(store: Store, url: str, tmp_path: Path) -> None:
    """git compresses what it wants and has as soon as that is over a kilobyte."""
    local = make_pushed(store, tmp_path / "digits", "v1")
    address = f"{log_in(url, 'ada')}/ada/digits"
    assert run_git("clone", "--quiet", address, "copy", cwd=tmp_path).returncode == 0
    for number in range(60):
        git("commit", "--quiet", "--allow-empty", "-m", str(number), cwd=tmp_path / "copy")
    models.take(local, "v2")
    git("push", "--quiet", "origin", "v2", cwd=local.directory)
    fetched = run_git("fetch", "--quiet", "origin", "--tags", cwd=tmp_path / "copy")
    assert fetched.returncode == 0, fetched.stderr
    assert "refs/tags/v2" in list_refs(tmp_path / "copy")


def post(url: str, body: bytes) -> bytes:
    """Push what no git would send."""
    headers = {
        "Content-Type": "application/x-git-receive-pack-request",
        "Authorization": f"Basic {base64.b64encode(b'ada:x').decode()}",
    }
    request = urllib.request.Request(f"{url}/ada/digits/git-receive-pack", data=body, headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"] == "application/x-git-receive-pack-result"
        return bytes(answer.read())


def test_a_bomb_is_stopped(store: Store, url: str) -> None:
    model = add_model(store)
    craft, files = Craft(), list_files(model.directory)
    craft.add_entry(entry_header(Kind.BLOB, 1 << 40) + zeros(16 * MIB))
    answer = post(url, format_commands([Command("refs/heads/main", Oid(b"\1" * 20))]) + craft.pack())
    assert answer[4:].startswith(
        b"unpack the push has an object of 1,099,511,627,776 bytes, over 268,435,456 ["
    )
    assert b"ng refs/heads/main the push has an object" in answer
    assert list_files(model.directory) == files


def test_a_client_that_reads_no_report_gets_git_s_answer(store: Store, url: str) -> None:
    add_model(store)
    line = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\n"
    assert post(url, b"%04x%s0000no pack" % (len(line) + 4, line)) == b""


def test_git_that_has_seen_enough_is_heard(store: Store, url: str) -> None:
    """It ends before it has read the pack, which is more than a pipe takes."""
    add_model(store)
    craft = Craft()
    craft.blob(os.urandom(3 * MIB))
    answer = post(url, format_commands([Command("refs/heads/../x", Oid(b"\1" * 20))]) + craft.pack())
    assert b"refs/heads/../x" in answer


@combinations.sample(2)
@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("pack: 1MiB", "the push has a pack of over 1,048,576 bytes [pack-size]"),
        ("object: 1MiB", "the push has an object of 2,000,000 bytes, over 1,048,576 [object-size]"),
        ("inflated: 1MiB", "the push has objects of over 1,048,576 bytes [inflated-size]"),
        ("refs: 1", "the push changes more than 1 refs [ref-count]"),
    ],
)
def test_a_pusher_is_told_why_a_push_was_stopped(tmp_path: Path, limits: str, told: str) -> None:
    """The rule and the size, and nothing of a broken pack. git has more to send than any pipe takes."""
    store = make_store(tmp_path / "store", f"{OWNERS}limits: {{{limits}}}\n")
    model = add_model(store)
    local = models.make(tmp_path / "digits")
    models.put(local, "initial", {f"weights{number}": os.urandom(2_000_000) for number in range(3)})
    models.take(local, "v1")
    files = list_files(model.directory)
    with web_server(store) as url:
        remote = f"{log_in(url, 'ada')}/ada/digits"
        pushed = run_git("-c", "pack.threads=1", "push", remote, "main", "v1", cwd=local.directory)
    rule = told.rpartition("[")[2].rstrip("]")
    lines = pushed.stderr.splitlines()
    assert pushed.returncode == 1, pushed.stderr
    assert [line for line in lines if line.startswith(f"remote: error: {told}; ")], pushed.stderr
    assert f"error: remote unpack failed: stopped [{rule}]" in lines
    rejected = [line.split()[3] for line in lines if "[remote rejected]" in line]
    assert rejected == ["main", "v1"], pushed.stderr
    assert list_files(model.directory) == files
