"""docs/format.md, "Snapshot": its tree, commit and tag, written by us and by stock git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Run, parsed
from tests.support.models import write
from tests.support.stock import Stock

SOUND = {"code": {"model.py": b"pass\n"}, "settings.yaml": b"name: digits\n", "state": {"w": b"w"}}

TRAILERS = """\
Model: digits
State: initial
Code-Tree: {code}
State-Tree: {state}
Settings-Blob: {settings}
Gitstore-Format: 1
"""


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a snapshot v1."""
    scenes.snapshot(tmp_path)
    return Stock(tmp_path / "digits")


def trailers(stock: Stock, name: str) -> str:
    """The trailers that a snapshot of digits must have."""
    paths = {"code": "code", "state": "state", "settings": "settings.yaml"}
    return TRAILERS.format(**{key: stock.git("rev-parse", f"{name}:{path}") for key, path in paths.items()})


class TestWrittenByUs:
    def test_the_tree_has_exactly_these_entries(self, stock: Stock, run: Run) -> None:
        listed = stock.git("ls-tree", "--format=%(objectmode) %(objecttype) %(path)", "v1").splitlines()
        assert listed == ["040000 tree code", "100644 blob settings.yaml", "040000 tree state"]
        (stock.directory / "packages.lock").write_text("numpy==2.4.6\n")
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        names = stock.git("ls-tree", "--name-only", "v2").splitlines()
        assert names == ["code", "packages.lock", "settings.yaml", "state"]

    def test_the_commit_has_the_branch_head_as_its_parent(self, stock: Stock, run: Run) -> None:
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        assert stock.git("log", "-1", "--format=%P", "v1") == stock.git("rev-parse", "main")
        assert stock.git("log", "-1", "--format=%P", "v2") == stock.git("rev-parse", "main")

    def test_the_tag_byte_by_byte(self, stock: Stock, run: Run) -> None:
        message = "A first try\n\nIt learns.\n\nModel: none"
        assert run("snapshot", "v2", "-m", message, cwd=stock.directory).code == 0
        head = (
            f"object {stock.git('rev-parse', 'v2^{commit}')}\ntype commit\ntag v2\n"
            "tagger Ada Lovelace <ada@example.org> 1700000000 +0000\n"
        )
        content = stock.git("cat-file", "tag", "v2") + "\n"
        assert content == f"{head}\n{message}\n\n{trailers(stock, 'v2')}"
        assert stock.git("interpret-trailers", "--parse", stdin=content.encode()) + "\n" == trailers(
            stock, "v2"
        )

    def test_modes_of_code_are_git_s(self, stock: Stock, run: Run) -> None:
        code = stock.directory / "code"
        (code / "run.sh").write_text("#!/bin/sh\n")
        (code / "run.sh").chmod(0o755)
        (code / "link").symlink_to("model.py")
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        listed = stock.git("ls-tree", "--format=%(objectmode) %(path)", "v2:code").splitlines()
        assert listed == ["120000 link", "100644 model.py", "100755 run.sh"]

    def test_code_that_git_ignores_is_left_out(self, stock: Stock, run: Run) -> None:
        write(Model.open(stock.directory), "code/.gitignore", "*.log\n")
        write(Model.open(stock.directory), "code/new.py", "")
        write(Model.open(stock.directory), "code/run.log", "")
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        names = stock.git("ls-tree", "--name-only", "v2:code").splitlines()
        assert names == [".gitignore", "model.py", "new.py"]

    def test_converted_code_is_the_blob_that_git_stores(self, stock: Stock, run: Run) -> None:
        write(Model.open(stock.directory), "code/.gitattributes", "*.bat text eol=crlf\n")
        (stock.directory / "code" / "run.bat").write_bytes(b"echo\r\n")
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        expected = stock.git("hash-object", "code/run.bat")
        assert stock.git("rev-parse", "v2:code/run.bat") == expected
        assert stock.git("cat-file", "blob", expected) == "echo"

    def test_settings_are_the_bytes_on_disk_whatever_git_converts(self, stock: Stock, run: Run) -> None:
        content = b"name: digits  # \xc3\xbc\r\n\r\n"
        (stock.directory / ".gitattributes").write_text("* text eol=lf\n")
        (stock.directory / "settings.yaml").write_bytes(content)
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        stored = subprocess.check_output(["git", "cat-file", "blob", "v2:settings.yaml"], cwd=stock.directory)
        assert stored == content

    def test_removed_by_us_or_by_git(self, stock: Stock, run: Run) -> None:
        assert run("snapshot", "v2", cwd=stock.directory).code == 0
        assert run("rm", "v1", "--yes", cwd=stock.directory).code == 0
        assert stock.git("tag") == "v2"
        stock.git("tag", "--delete", "v2")
        assert parsed(run("list", "--json", cwd=stock.directory)) == []

    def test_renamed(self, stock: Stock, run: Run) -> None:
        before = {name: stock.git("rev-parse", name) for name in ("v1", "v1^{commit}")}
        assert run("rename", "v1", "first", cwd=stock.directory).code == 0
        assert stock.git("tag") == "first"
        assert stock.git("rev-parse", "first^{commit}") == before["v1^{commit}"]
        expected = trailers(stock, "first").replace(
            "Gitstore-Format", f"Renamed-From: v1 {before['v1']}\nGitstore-Format"
        )
        assert (stock.git("cat-file", "tag", "first") + "\n").endswith(f"\n\n{expected}")


class TestWrittenByGit:
    def test_it_is_read_in_full(self, stock: Stock, run: Run, tmp_path: Path, fsck: Fsck) -> None:
        tag = stock.snapshot("by-hand", SOUND)
        shown = parsed(run("show", "by-hand", "--json", cwd=stock.directory))
        assert (shown["tag"], shown["state"], shown["message"]) == (tag, "initial", "by hand")
        assert run("verify", "by-hand", cwd=stock.directory).code == 0
        assert run("export", "by-hand", str(tmp_path / "out"), cwd=stock.directory).code == 0
        assert (tmp_path / "out" / "code" / "model.py").read_text() == "pass\n"
        assert (tmp_path / "out" / "settings.yaml").read_bytes() == SOUND["settings.yaml"]
        assert (tmp_path / "out" / "state" / "w").read_bytes() == b"w"
        fsck(stock.directory)

    def test_it_is_restored_renamed_and_derived_from(self, stock: Stock, run: Run, tmp_path: Path) -> None:
        stock.snapshot("by-hand", SOUND)
        for command in (
            "restore by-hand --force",
            "rename by-hand first",
            f"derive first dogs {tmp_path}/dogs",
        ):
            assert run(*command.split(), cwd=stock.directory).code == 0, command
        assert (stock.directory / "code" / "model.py").read_text() == "pass\n"
        assert (stock.directory / "states" / "initial" / "w").read_bytes() == b"w"
        assert run("snapshot", "v1", cwd=tmp_path / "dogs").code == 0
        assert stock.git("rev-parse", "dogs/v1:code") == stock.git("rev-parse", "first:code")

    def test_a_light_tag_on_its_commit_is_none(self, stock: Stock, run: Run) -> None:
        stock.git("tag", "light", "v1^{commit}")
        assert [each["name"] for each in parsed(run("list", "--json", cwd=stock.directory))] == ["v1"]

    def test_a_tag_in_its_stead_is_refused(self, stock: Stock, run: Run) -> None:
        """On a tag, or on a tree, with the trailers of a snapshot."""
        text = stock.git("tag", "--list", "--format=%(contents)", "v1")
        for name, target in {"on-a-tag": "v1", "on-a-tree": "v1^{tree}"}.items():
            stock.tag(name, target, text)
            assert run("verify", name, cwd=stock.directory).code == 12


def test_a_signature_is_checked_by_hand(stock: Stock, run: Run, tmp_path: Path, home: Path) -> None:
    """By the lines of the page, with ssh-keygen alone."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    stock.git("config", "gpg.format", "ssh")
    stock.git("config", "user.signingKey", str(key))
    assert run("snapshot", "v2", "--sign", cwd=stock.directory).code == 0
    page = Path(__file__).parents[2].joinpath("docs", "format.md").read_text()
    script = page.partition("```sh\n")[2].partition("```")[0].replace("tag v1", "tag v2")
    assert script.count("v2") == 2
    signers = stock.directory / "allowed_signers"
    signers.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    subprocess.run(["sh", "-ec", script], cwd=stock.directory, capture_output=True, check=True)
    forged = script.replace("< tag\n", "< tag.forged\n").replace(
        "ssh-keygen -Y", "sed s/digits/cats/ tag > tag.forged\nssh-keygen -Y"
    )
    done = subprocess.run(["sh", "-ec", forged], cwd=stock.directory, capture_output=True, check=False)
    assert done.returncode != 0
