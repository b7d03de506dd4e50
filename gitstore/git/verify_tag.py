"""Verifying a tag's signature by `git verify-tag --raw`, and reading its output.

git accepts a good signature by a key that it knows: an OpenPGP or X.509 key in the keyring, with the trust
that `gpg.minTrustLevel` requires (by default, none), or an SSH key that `gpg.ssh.allowedSignersFile` lists
for that time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid

SIGNERS_KEY = "gpg.ssh.allowedSignersFile"

_WITHOUT_SIGNERS = ("-c", f"{SIGNERS_KEY}=/dev/null")
# Status words of gpg and gpgsm, doc/DETAILS of GnuPG. They are "exclusive" in git's gpg-interface.c: at most
# one of them may occur.
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
    """The result of a check. `unknown`: git does not know the key. `unchecked`: there is no program."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNCHECKED = "unchecked"


@dataclass(frozen=True)
class Signature:
    """A tag's signature, as git sees it.

    `scheme` is `openpgp`, `ssh` or `x509`. `accepted` says whether `git verify-tag` accepts it. `key` is the
    fingerprint, `signer` the user id or principal that the key belongs to, `trust` the keyring's trust in
    that. `output` is the text of the program if it could not be understood.
    """

    scheme: str
    verdict: Verdict
    accepted: bool = False
    signer: str | None = None
    key: str | None = None
    trust: str | None = None
    output: str | None = None


def knows_signers(repository: Repository) -> bool:
    """Whether git is configured to know SSH keys of signers."""
    return bool(repository.git_config.values(SIGNERS_KEY.lower()))


def check_signature(repository: Repository, oid: Oid, scheme: str, *, has_signers: bool = True) -> Signature:
    """Let stock git check the signature of a signed tag.

    If no signers are configured (`has_signers` is false), all SSH keys are unknown.
    """
    options = () if has_signers else _WITHOUT_SIGNERS  # otherwise git refuses to check SSH signatures
    completed = repository.attempt(*options, "verify-tag", "--raw", str(oid))
    parse = _parse_ssh if scheme == "ssh" else _parse_keyring
    return parse(scheme, completed.stderr, accepted=completed.returncode == 0)


def _parse_ssh(scheme: str, text: str, *, accepted: bool) -> Signature:
    """Read the output of ssh-keygen."""
    lines = text.splitlines()
    good = next(filter(None, map(_GOOD_SSH.fullmatch, lines)), None)
    if good is not None:
        verdict = Verdict.GOOD if good["signer"] else Verdict.UNKNOWN
        if verdict is Verdict.UNKNOWN and any("key has expired" in line for line in lines):
            verdict = Verdict.EXPIRED
        return Signature(scheme, verdict, accepted, good["signer"], good["key"])
    if lines == ["Could not verify signature."]:
        # For any other problem, ssh-keygen prints more. This is a key in gpg.ssh.revocationFile.
        return Signature(scheme, Verdict.REVOKED)
    if any(line.startswith("Could not verify signature") for line in lines):
        return Signature(scheme, Verdict.BAD)
    return Signature(scheme, Verdict.UNCHECKED, output=_join(lines))


def _parse_keyring(scheme: str, text: str, *, accepted: bool) -> Signature:
    """Read the status lines of gpg or gpgsm."""
    lines = text.splitlines()
    words = [line.split(" ")[1:] for line in lines if line.startswith("[GNUPG:] ")]
    status = {word: rest for word, *rest in words}
    verdicts = [(word, rest) for word, *rest in words if word in _VERDICTS]
    if len(verdicts) > 1 or "NODATA" in status:
        return Signature(scheme, Verdict.BAD)
    if not verdicts:
        return Signature(scheme, Verdict.UNCHECKED, output=_join(lines))
    word, rest = verdicts[0]
    verdict = Verdict.UNKNOWN if "NO_PUBKEY" in status else Verdict(_VERDICTS[word])
    if word == "ERRSIG":
        output = _join(lines) if verdict is Verdict.UNCHECKED else None
        return Signature(scheme, verdict, key=rest[-1] if len(rest) == 7 else rest[0], output=output)
    valid = status.get("VALIDSIG", rest[:1])
    trusts = (name.removeprefix("TRUST_").lower() for name in status if name.startswith("TRUST_"))
    trust = next(trusts, None)
    # For OpenPGP, the tenth field is the primary key's fingerprint. The signing key may be a subkey of it.
    key = valid[9] if len(valid) > 9 else valid[0]
    return Signature(scheme, verdict, accepted, " ".join(rest[1:]), key, trust)


def _join(lines: list[str]) -> str:
    """Return the output for people, on one line."""
    return "; ".join(line.removeprefix("error: ").removeprefix("fatal: ") for line in lines) or "nothing"
