"""Taking signed snapshots, and that stock git agrees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.models.model import Model
from gitstore.objects import tag
from tests.support.commands import Fsck, Git, Outcome, Run
from tests.support.failing import refuses
from tests.support.models import git_state, picture, refs, take

MESSAGE = "Größe\n\nof it: all\n\n# not a comment   \n\tindented"


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


def failed(message: str, hint: str) -> Outcome:
    return Outcome(1, "", f"error: {message}\nhint: {hint}\n")


def untouched(here: Path, act: Callable[[], Outcome]) -> Outcome:
    """What `act` ends with; it must leave nothing at all."""
    before = refs(here), git_state(here), picture(here / ".git" / "objects")
    outcome = act()
    assert (refs(here), git_state(here), picture(here / ".git" / "objects")) == before
    private = here / ".git" / "gitstore"
    assert [path.name for path in private.glob(".*~new-*")] == []
    return outcome


def test_stock_git_agrees(run: Run, here: Path, git: Git, fsck: Fsck, signer: str) -> None:
    before = git_state(here)
    assert run("snapshot", "größe-1", "--sign", "-m", MESSAGE, cwd=here).code == 0
    git("verify-tag", "größe-1", cwd=here)
    git("tag", "--verify", "größe-1", cwd=here)
    fsck(here)
    assert git_state(here) == before
    found = tag.parse(git("cat-file", "tag", "größe-1", cwd=here).encode())
    assert found.message == MESSAGE
    message = git("cat-file", "tag", "größe-1", cwd=here).partition("-----BEGIN ")[0]
    parsed = git("interpret-trailers", "--parse", cwd=here, stdin=message.encode())
    assert parsed.splitlines() == [f"{key}: {value}" for key, value in found.trailers.items()]
    assert list(found.trailers)[-1] == "Gitstore-Format"
    assert len(list((here / ".git" / "objects" / "pack").glob("*.pack"))) == 1
    assert run("verify", cwd=here) == Outcome(
        0, "", f"größe-1: {signer}\nVerified größe-1: 8 objects are intact\n"
    )


def test_it_is_the_tag_that_git_would_make(run: Run, here: Path, git: Git, ssh: str) -> None:
    """Byte for byte; this kind of signature is always the same for the same content."""
    found = json.loads(run("snapshot", "v1", "-s", "-m", MESSAGE, "--json", cwd=here).stdout)
    assert found["signed"] == "ssh"
    message = git("cat-file", "tag", "v1", cwd=here).partition("\n\n")[2].partition("-----BEGIN ")[0]
    git("tag", "--delete", "v1", cwd=here)
    how = ("--sign", "--cleanup=verbatim", "--file=-")
    git("tag", *how, "v1", found["commit"], cwd=here, stdin=message.encode())
    assert git("rev-parse", "v1", cwd=here).strip() == found["tag"]


def test_of_a_derived_model_in_its_worktree(
    run: Run, model: Model, git: Git, ssh_key: Path, ssh: str, tmp_path: Path, fsck: Fsck
) -> None:
    """The key is configured for that worktree alone, and named from its top; the command runs below."""
    worktree.derive(take(model, "v1"), "dogs", tmp_path / "my dogs")
    dogs = tmp_path / "my dogs"
    git("config", "extensions.worktreeConfig", "true", cwd=dogs)
    git("config", "--global", "--unset", "user.signingKey", cwd=dogs)
    git("config", "--worktree", "user.signingKey", "../my keys/ada", cwd=dogs)
    (dogs / "code" / "__pycache__").mkdir()
    assert run("snapshot", "d1", "--sign", cwd=dogs / "code").code == 0
    git("verify-tag", "dogs/d1", cwd=dogs)
    assert run("snapshot", "v2", "--sign", cwd=model.directory).stderr.startswith(
        "error: the tag v2 cannot be signed: "
    )
    fsck(dogs)


def test_in_a_bare_repository(run: Run, model: Model, git: Git, tmp_path: Path, ssh: str) -> None:
    assert run("state", "save", cwd=model.directory).code == 0
    git("clone", "--quiet", "--mirror", ".", "../bare", cwd=model.directory)
    assert run("snapshot", "v1", "--sign", cwd=tmp_path / "bare").code == 0
    git("verify-tag", "v1", cwd=tmp_path / "bare")


def test_a_condition_on_the_directory(run: Run, here: Path, git: Git, home: Path, ssh_key: Path) -> None:
    """As people have one key for work, and another at home."""
    (home / "work").write_text(f'[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = "{ssh_key}"\n')
    git("config", "--global", f"includeIf.gitdir:{here}/.git.path", "work", cwd=here)
    assert run("snapshot", "v1", "--sign", cwd=here).code == 0
    assert "SSH SIGNATURE" in git("cat-file", "tag", "v1", cwd=here)


def test_whether_to_sign(run: Run, here: Path, ssh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `git tag --annotate`: asked for, or configured, wherever git looks for that."""
    run("snapshot", "unconfigured", cwd=here)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "tag.gpgSign")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "yes")
    run("snapshot", "configured", cwd=here)
    run("snapshot", "not", "--no-sign", cwd=here)
    listed = {each["name"]: each["signed"] for each in json.loads(run("list", "--json", cwd=here).stdout)}
    assert listed == {"unconfigured": None, "configured": "ssh", "not": None}
    assert "\nsigned:    ssh\n" in run("show", "configured", cwd=here).stdout
    assert "signed" not in run("show", "not", cwd=here).stdout


def test_with_another_key(
    run: Run, here: Path, git: Git, ssh: str, ssh_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("config", "--global", "--unset", "user.signingKey", cwd=here)
    assert run("snapshot", "v1", "-u", str(ssh_key), cwd=here).code == 0
    literal = f"key::{ssh_key.with_suffix('.pub').read_text()}"
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent = dict(each.split("=", 1) for each in started.replace("\n", "").split(";") if "=" in each)
    monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
    try:
        subprocess.run(["ssh-add", "-q", ssh_key], check=True)
        assert run("snapshot", "v2", "--local-user", literal.strip(), cwd=here).code == 0
    finally:
        os.kill(int(agent["SSH_AGENT_PID"]), signal.SIGTERM)
    git("verify-tag", "v1", "v2", cwd=here)
    outcome = run("snapshot", "v3", "-u", str(ssh_key), "--no-sign", cwd=here)
    assert (outcome.code, outcome.stderr.splitlines()[-1]) == (2, "error: give --local-user, or --no-sign")


class TestFailures:
    def test_no_key_of_gpg(
        self, run: Run, here: Path, git: Git, gpg: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What gpg said, git tells since 2.40."""
        monkeypatch.setenv("GIT_COMMITTER_EMAIL", "nobody@example.org")
        first = untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here))
        git("config", "user.signingKey", "nobody@example.org", cwd=here)
        second = untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here))
        for outcome in (first, second):
            error = outcome.stderr.splitlines()[0]
            assert error.startswith("error: the tag v1 cannot be signed: gpg failed to sign the data")
            assert "unable to sign" not in error
        assert first.stderr.splitlines()[1:] == [
            "hint: git config --global user.signingKey KEY sets the key, one of gpg --list-secret-keys;"
            " for an SSH key: git config --global gpg.format ssh;"
            " git config --global user.signingKey ~/.ssh/id_ed25519.pub"
        ]
        assert second.stderr.splitlines()[1:] == [
            "hint: gpg --clearsign, run by hand, shows more; on a terminal it may need export GPG_TTY=$(tty)"
        ]

    def test_no_ssh_key(self, run: Run, here: Path, git: Git, ssh: str) -> None:
        git("config", "--global", "--unset", "user.signingKey", cwd=here)
        assert untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here)) == failed(
            "the tag v1 cannot be signed: either user.signingkey or gpg.ssh.defaultKeyCommand needs to be"
            " configured",
            "git config --global user.signingKey ~/.ssh/id_ed25519.pub sets the key",
        )

    def test_an_ssh_key_that_is_not_there(self, run: Run, here: Path, git: Git, ssh: str) -> None:
        """git 2.39 makes a tag without a signature then, and exits with 0."""
        git("config", "user.signingKey", "no/such/key", cwd=here)
        outcome = untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here))
        error, hint = outcome.stderr.splitlines()
        assert outcome.code == 1
        assert error.startswith("error: the tag v1 cannot be signed: ")
        assert "no/such/key: No such file or directory" in error
        assert hint == (
            "hint: the key must be a file, or key:: and a public key that ssh-agent has;"
            " ssh-add -L lists those"
        )

    @pytest.mark.parametrize("program", ["gpg.program", "gpg.ssh.program"])
    def test_no_program(
        self, run: Run, here: Path, git: Git, program: str, request: pytest.FixtureRequest
    ) -> None:
        request.getfixturevalue("ssh" if "ssh" in program else "gpg")
        git("config", program, "/no/such/program", cwd=here)
        outcome = untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here))
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: the tag v1 cannot be signed: ")

    def test_a_format_that_git_does_not_know(self, run: Run, here: Path, git: Git) -> None:
        git("config", "gpg.format", "wax", cwd=here)
        outcome = untouched(here, lambda: run("snapshot", "v1", "--sign", cwd=here))
        assert outcome.code == 1
        assert outcome.stderr.splitlines()[-1] == "hint: gpg.format must be openpgp, x509 or ssh"

    @pytest.mark.parametrize("kind", ["PGP SIGNATURE", "SSH SIGNATURE", "SIGNED MESSAGE"])
    def test_a_message_in_which_a_signature_would_begin(self, model: Model, kind: str) -> None:
        with refuses("-----BEGIN", kind, "-----"):
            take(model, "v1", f"First\n\n-----BEGIN {kind}-----\nx")
