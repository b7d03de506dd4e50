"""What stock git says of a tag's signature: `git verify-tag --raw`, and what its words mean.

Git accepts a signature that is good and of a key that it knows: an OpenPGP or X.509 key in the
keyring, trusted as much as `gpg.minTrustLevel` asks (which is not at all, unless set); an SSH key
that `gpg.ssh.allowedSignersFile` has for that time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid

SIGNERS = "gpg.ssh.allowedSignersFile"

_WITHOUT_SIGNERS = ("-c", f"{SIGNERS}=/dev/null")
# What gpg and gpgsm say, GnuPG's doc/DETAILS; "exclusive" in git's gpg-interface.c, so only one may be said.
_VERDICTS = {
    "GOODSIG": "good",
    "BADSIG": "bad",
    "EXPSIG": "expired",
    "EXPKEYSIG": "expired",
    "REVKEYSIG": "revoked",
    "ERRSIG": "unchecked",
}
_GOOD_SSH = re.compile(r'Good "git" signature (?:for (?P<signer>.+) )?with (?P<type>\S+) key (?P<key>\S+)')


class Verdict(StrEnum):
    """What a signature is: `unknown` is of a key that is not known, `unchecked` for want of a program."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Signature:
    """A tag's signature, as git sees it.

    `scheme` is `openpgp`, `ssh` or `x509`; `accepted`, whether `git verify-tag` takes it for good
    enough; `key` the fingerprint; `signer` the user id, or the principal, whom the key is known to belong
    to; `trust` what the keyring says of that; `said` what the program said if nothing can be made of it.
    """

    scheme: str
    verdict: Verdict
    accepted: bool = False
    signer: str | None = None
    key: str | None = None
    trust: str | None = None
    said: str | None = None


def knows_signers(repository: Repository) -> bool:
    """Whether git is configured to know SSH keys."""
    return bool(repository.git_config.values(SIGNERS.lower()))


def check(repository: Repository, oid: Oid, scheme: str, *, signers: bool = True) -> Signature:
    """Let stock git check the signature of a tag that has one.

    Without known `signers` git would not look at SSH signatures; then all their keys are unknown.
    """
    done = repository.attempt(*(() if signers else _WITHOUT_SIGNERS), "verify-tag", "--raw", str(oid))
    read = _of_ssh if scheme == "ssh" else _of_keyring
    return read(scheme, done.stderr, accepted=done.returncode == 0)


def _of_ssh(scheme: str, text: str, *, accepted: bool) -> Signature:
    """What ssh-keygen's words mean."""
    lines = text.splitlines()
    good = next(filter(None, map(_GOOD_SSH.fullmatch, lines)), None)
    if good is not None:
        verdict = Verdict.GOOD if good["signer"] else Verdict.UNKNOWN
        if verdict is Verdict.UNKNOWN and any("key has expired" in line for line in lines):
            verdict = Verdict.EXPIRED
        return Signature(scheme, verdict, accepted, good["signer"], good["key"])
    if lines == ["Could not verify signature."]:
        # ssh-keygen has a word for whatever is wrong, but for a key in gpg.ssh.revocationFile.
        return Signature(scheme, Verdict.REVOKED)
    if any(line.startswith("Could not verify signature") for line in lines):
        return Signature(scheme, Verdict.BAD)
    return Signature(scheme, Verdict.UNCHECKED, said=_said(lines))


def _of_keyring(scheme: str, text: str, *, accepted: bool) -> Signature:
    """What the status lines of gpg or gpgsm mean."""
    lines = text.splitlines()
    words = [line.split(" ")[1:] for line in lines if line.startswith("[GNUPG:] ")]
    status = {word: rest for word, *rest in words}
    verdicts = [(word, rest) for word, *rest in words if word in _VERDICTS]
    if len(verdicts) > 1 or "NODATA" in status:
        return Signature(scheme, Verdict.BAD)
    if not verdicts:
        return Signature(scheme, Verdict.UNCHECKED, said=_said(lines))
    word, rest = verdicts[0]
    verdict = Verdict.UNKNOWN if "NO_PUBKEY" in status else Verdict(_VERDICTS[word])
    if word == "ERRSIG":
        said = _said(lines) if verdict is Verdict.UNCHECKED else None
        return Signature(scheme, verdict, key=rest[-1] if len(rest) == 7 else rest[0], said=said)
    valid = status.get("VALIDSIG", rest[:1])
    trust = next((each.removeprefix("TRUST_").lower() for each in status if each.startswith("TRUST_")), None)
    # OpenPGP: the tenth is the primary key's fingerprint, of which the signing one may be a part.
    key = valid[9] if len(valid) > 9 else valid[0]
    return Signature(scheme, verdict, accepted, " ".join(rest[1:]), key, trust)


def _said(lines: list[str]) -> str:
    """What a person can read of it, on one line."""
    return "; ".join(line.removeprefix("error: ").removeprefix("fatal: ") for line in lines) or "nothing"
