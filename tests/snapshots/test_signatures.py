"""What `verify` and `rename` make of signatures."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.snapshots.conftest import ADA, Keyring, needed
from tests.support import combinations
from tests.support.commands import Fsck, Git, Outcome, Run
from tests.support.models import refs, take

OBJECTS = "Verified v1: 8 objects are intact\n"


@pytest.fixture
def here(model: Model) -> Path:
    return model.directory


def signatures(run: Run, here: Path) -> list[dict[str, object]]:
    found = json.loads(run("verify", "--json", cwd=here).stdout)["signatures"]
    assert isinstance(found, list)
    return found


def forge(git: Git, here: Path, old: str, new: str) -> None:
    """Change the tag v1, signature and name as they are."""
    content = git("cat-file", "tag", "v1", cwd=here)
    assert old in content
    forged = git(
        "hash-object", "-t", "tag", "-w", "--stdin", cwd=here, stdin=content.replace(old, new).encode()
    )
    git("update-ref", "refs/tags/v1", forged.strip(), cwd=here)


@combinations.sample(2)
def test_what_is_signed_is_verified_and_what_is_changed_is_bad(
    run: Run, here: Path, git: Git, signer: str
) -> None:
    """A clone knows as much."""
    run("snapshot", "v1", "--sign", "-m", "First", cwd=here)
    signed = git("rev-parse", "v1", cwd=here).strip()
    git("clone", "--quiet", ".", "../clone", cwd=here)
    good = Outcome(0, "", f"v1: {signer}\n{OBJECTS}")
    assert run("verify", "--require-signature", cwd=here.parent / "clone") == good
    scheme = next(each for each in ("OpenPGP", "SSH", "X.509") if each in signer)
    changed = "the tag is not what was signed, or the signature is damaged"
    bad = Outcome(12, "", f"error: v1: bad {scheme} signature: {changed}\n")
    trailer = "Gitstore-Format: 1\n"
    for old, new in (("First", "Fjrst"), (f"{trailer}-----", f"{trailer}\n-----")):
        forge(git, here, old, new)
        for arguments in (["verify"], ["verify", "--require-signature"]):
            assert run(*arguments, cwd=here) == bad
        (found,) = signatures(run, here)
        word = scheme.lower().replace(".", "")
        assert (found["status"], found["accepted"], found["signed"]) == ("bad", False, word)
        git("update-ref", "refs/tags/v1", signed, cwd=here)
    assert run("verify", cwd=here) == good
    if scheme != "X.509":
        line = git("cat-file", "tag", "v1", cwd=here).splitlines()[-3]
        forge(git, here, line, line[1:] + line[0])
        assert run("verify", cwd=here).code == 12


def test_signed_by_stock_git(run: Run, model: Model, git: Git, signer: str, fsck: Fsck) -> None:
    here = model.directory
    taken = take(model, "v1", "First")
    message = git("tag", "--list", "--format=%(contents)", "v1", cwd=here)
    git("tag", "--force", "--sign", "--file=-", "v1", str(taken.commit), cwd=here, stdin=message.encode())
    assert run("verify", "v1", "--require-signature", cwd=here) == Outcome(0, "", f"v1: {signer}\n{OBJECTS}")
    fsck(here)


def test_a_replacement_is_not_believed(run: Run, here: Path, git: Git, ssh: str) -> None:
    """git-replace(1) lets git read another object than is there; the signature is to be of this one."""
    run("snapshot", "v1", "--sign", "-m", "First", cwd=here)
    good = git("rev-parse", "v1", cwd=here).strip()
    forge(git, here, "First", "Forged")
    git("replace", git("rev-parse", "v1", cwd=here).strip(), good, cwd=here)
    git("verify-tag", "v1", cwd=here)
    assert run("verify", cwd=here).code == 12


def test_none_is_required(run: Run, here: Path, ssh: str) -> None:
    run("snapshot", "v1", cwd=here)
    assert run("verify", cwd=here) == Outcome(0, "", OBJECTS)
    run("snapshot", "v2", "--sign", cwd=here)
    good = f"v2: good signature of ada@example.org, SSH key {ssh}\n"
    assert run("verify", cwd=here).stderr.startswith(f"v1: no signature\n{good}")
    assert run("verify", "--require-signature", cwd=here) == Outcome(
        1,
        "",
        f"{good}error: v1: no signature\n"
        "hint: gitstore snapshot --sign signs a new snapshot;"
        " gitstore rename OLD NEW --sign signs an existing one\n",
    )
    outcome = run("verify", "--require-signature", "--json", cwd=here)
    found = json.loads(outcome.stdout)
    assert (outcome.code, found["ok"], found["problems"]) == (1, False, [])
    assert {each["snapshot"]: (each["status"], each["accepted"]) for each in found["signatures"]} == {
        "v1": ("none", False),
        "v2": ("good", True),
    }
    assert run("verify", "v2", "--require-signature", cwd=here).code == 0


def test_unsigned_snapshots_cost_no_process(
    run: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ssh: str
) -> None:
    run("snapshot", "v1", cwd=here)
    run("snapshot", "v2", cwd=here)
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    run("verify", cwd=here)  # --all also asks git where the cache is
    assert not (tmp_path / "trace").exists()
    run("snapshot", "v3", "--sign", cwd=here)
    (tmp_path / "trace").unlink()
    run("verify", "--all", cwd=here)
    assert (tmp_path / "trace").read_text().count("verify-tag") == 1


class TestSSH:
    def test_an_unknown_signer(self, run: Run, here: Path, git: Git, ssh: str, ssh_key: Path) -> None:
        """Nobody is known; but what was changed is still found out."""
        run("snapshot", "v1", "--sign", "-m", "First", cwd=here)
        signed = git("rev-parse", "v1", cwd=here).strip()
        signers = ssh_key.with_name("signers")
        nobody: list[Callable[[], object]] = [
            lambda: signers.write_text(""),
            signers.unlink,
            lambda: git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile", cwd=here),
        ]
        told = f"v1: signature of an unknown signer (SSH key {ssh})\n"
        hint = (
            "hint: git config gpg.ssh.allowedSignersFile FILE names who is known,"
            " with a line for each signer: MAIL KEYTYPE KEY\n"
        )
        for make_unknown in nobody:
            make_unknown()
            assert run("verify", cwd=here) == Outcome(0, "", f"{told}{hint}{OBJECTS}")
            assert run("verify", "--require-signature", cwd=here) == Outcome(1, "", f"error: {told}{hint}")
            forge(git, here, "First", "Forged")
            assert run("verify", cwd=here).code == 12
            git("update-ref", "refs/tags/v1", signed, cwd=here)

    def test_a_key_that_was_only_known_before(self, run: Run, here: Path, ssh: str, ssh_key: Path) -> None:
        run("snapshot", "v1", "--sign", cwd=here)
        signers = ssh_key.with_name("signers")
        who, key = signers.read_text().split(" ", 1)
        signers.write_text(f'{who} valid-before="20200101" {key}')
        told = f"v1: signature that has expired, or whose key has (SSH key {ssh})\n"
        assert run("verify", cwd=here) == Outcome(0, "", f"{told}{OBJECTS}")
        assert run("verify", "--require-signature", cwd=here) == Outcome(1, "", f"error: {told}")

    def test_a_revoked_key(self, run: Run, here: Path, git: Git, ssh: str, ssh_key: Path) -> None:
        run("snapshot", "v1", "--sign", cwd=here)
        git("config", "gpg.ssh.revocationFile", str(ssh_key.with_suffix(".pub")), cwd=here)
        assert run("verify", cwd=here) == Outcome(
            0, "", f"v1: signature of a revoked key (SSH key)\n{OBJECTS}"
        )
        assert run("verify", "--require-signature", cwd=here).code == 1


class TestOpenPGP:
    def test_an_unknown_and_then_an_untrusted_signer(
        self,
        run: Run,
        here: Path,
        git: Git,
        gpg: str,
        ada: Keyring,
        new_keyring: Callable[[], Keyring],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A key in the keyring is known; whether that is enough, gpg.minTrustLevel says, as to git."""
        run("snapshot", "v1", "--sign", cwd=here)
        other = new_keyring()
        monkeypatch.setenv("GNUPGHOME", str(other.home))
        told = f"v1: signature of an unknown signer (OpenPGP key {gpg})\n"
        hint = "hint: gpg --import makes a signer's public key known\n"
        assert run("verify", cwd=here) == Outcome(0, "", f"{told}{hint}{OBJECTS}")
        assert run("verify", "--require-signature", cwd=here) == Outcome(1, "", f"error: {told}{hint}")
        ada.gpg("--yes", "--output", str(here.parent / "ada.pgp"), "--export", gpg)
        other.gpg("--import", str(here.parent / "ada.pgp"))
        good = f"v1: good signature of {ADA}, OpenPGP key {gpg}, trust undefined"
        assert run("verify", "--require-signature", cwd=here) == Outcome(0, "", f"{good}\n{OBJECTS}")
        git("config", "gpg.minTrustLevel", "marginal", cwd=here)
        less = f"{good}, less than gpg.minTrustLevel requires\n"
        assert run("verify", cwd=here) == Outcome(0, "", f"{less}{OBJECTS}")
        assert run("verify", "--require-signature", cwd=here) == Outcome(1, "", f"error: {less}")

    def test_an_expired_key(
        self, run: Run, here: Path, git: Git, gpg: str, ada: Keyring, tmp_path: Path
    ) -> None:
        bob = "Bob <bob@example.org>"
        key = ada.make(bob, clock="20200101T000000", expires="1y")
        then = tmp_path / "gpg then"
        then.write_text('#!/bin/sh\nexec gpg --faked-system-time 20200201T000000 "$@"\n')
        then.chmod(0o755)
        git("config", "gpg.program", str(then), cwd=here)
        run("snapshot", "v1", "-u", key, cwd=here)
        git("config", "--unset", "gpg.program", cwd=here)
        told = f"v1: signature that has expired, or whose key has ({bob}, OpenPGP key {key})\n"
        assert run("verify", cwd=here) == Outcome(0, "", f"{told}{OBJECTS}")
        # Newer git accepts what was signed before the key expired, and so it is accepted here.
        accepted = subprocess.run(["git", "verify-tag", "v1"], cwd=here, capture_output=True).returncode == 0
        required = run("verify", "--require-signature", cwd=here)
        assert required == (
            Outcome(0, "", f"{told}{OBJECTS}") if accepted else Outcome(1, "", f"error: {told}")
        )
        (found,) = signatures(run, here)
        assert (found["status"], found["signer"], found["key"]) == ("expired", bob, key)

    def test_a_revoked_key(self, run: Run, here: Path, gpg: str, ada: Keyring, tmp_path: Path) -> None:
        eve = "Eve <eve@example.org>"
        key = ada.make(eve)
        run("snapshot", "v1", "-u", key, cwd=here)
        revocation = (ada.home / "openpgp-revocs.d" / f"{key}.rev").read_text()
        (tmp_path / "revocation").write_text(revocation.replace("\n:-----BEGIN", "\n-----BEGIN"))
        ada.gpg("--import", str(tmp_path / "revocation"))
        told = f"v1: signature of a revoked key ({eve}, OpenPGP key {key})\n"
        assert run("verify", cwd=here) == Outcome(0, "", f"{told}{OBJECTS}")
        assert run("verify", "--require-signature", cwd=here) == Outcome(1, "", f"error: {told}")

    def test_no_gpg(self, run: Run, here: Path, git: Git, gpg: str) -> None:
        run("snapshot", "v1", "--sign", cwd=here)
        git("config", "gpg.program", "/no/such/gpg", cwd=here)
        verified = run("verify", cwd=here)
        told = (
            "v1: OpenPGP signature that cannot be checked: cannot (run|exec) '?/no/such/gpg'?: No such file"
        )
        assert (verified.code, verified.stdout) == (0, "")
        assert re.match(told, verified.stderr) and verified.stderr.endswith(OBJECTS)
        assert run("verify", "--require-signature", cwd=here).code == 1


class TestRename:
    @combinations.sample(2)
    def test_signed_anew(self, run: Run, here: Path, git: Git, signer: str, fsck: Fsck) -> None:
        run("snapshot", "v1", "--sign", "-m", "First", cwd=here)
        assert run("rename", "v1", "größe", cwd=here) == Outcome(
            1,
            "",
            "error: the snapshot v1 is signed, and the signature is for that name\n"
            "hint: --sign signs the new name; --force drops the signature\n",
        )
        assert run("rename", "v1", "größe", "--sign", cwd=here).code == 0
        git("verify-tag", "größe", cwd=here)
        assert run("verify", cwd=here).stderr.startswith(f"größe: {signer}\n")
        assert run("rename", "größe", "plain", "--force", "--json", cwd=here).code == 0
        assert [each["status"] for each in signatures(run, here)] == ["none"]
        fsck(here)

    def test_as_configured(self, run: Run, here: Path, git: Git, ssh: str) -> None:
        run("snapshot", "v1", "--sign", cwd=here)
        git("config", "tag.gpgSign", "true", cwd=here)
        assert run("rename", "v1", "v2", cwd=here).code == 0
        git("verify-tag", "v2", cwd=here)
        assert run("rename", "v2", "v3", "--no-sign", cwd=here).code == 1

    def test_a_signature_that_fails_renames_nothing(self, run: Run, here: Path, ssh: str) -> None:
        run("snapshot", "v1", cwd=here)
        before = refs(here)
        outcome = run("rename", "v1", "v2", "-u", "no/such/key", cwd=here)
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: the tag v2 cannot be signed: ")
        assert refs(here) == before


def test_needed_programs_are_named() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"^no-such-program is not installed$"):
        needed("no-such-program")
