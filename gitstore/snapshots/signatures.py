"""The signatures of snapshots: who signed them, and whether that holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from gitstore.disk.cores import core_count
from gitstore.errors import GitstoreError
from gitstore.git import verify_tag
from gitstore.git.repository import Repository
from gitstore.git.verify_tag import SIGNERS_KEY, Signature, Verdict
from gitstore.objects import tag
from gitstore.packs.oid import Kind, Oid
from gitstore.text import quoted

_SCHEMES = {"openpgp": "OpenPGP", "ssh": "SSH", "x509": "X.509"}
_MAKE_KNOWN = {
    "openpgp": "gpg --import makes a signer's public key known",
    "ssh": f"git config {SIGNERS_KEY} FILE names who is known, with a line for each signer: MAIL KEYTYPE KEY",
    "x509": "gpgsm --import makes a signer's certificate known",
}
_SIGN = "gitstore snapshot --sign signs a new snapshot, gitstore rename OLD NEW --sign one that is there"


class NotSigned(GitstoreError):
    """Snapshots lack the good signature of a known signer that was required; a line for each."""

    kind = "not_signed"

    def __init__(self, lacking: Mapping[str, Signature | None]) -> None:
        lines = [f"{name}: {told(each)}" for name, each in lacking.items()]
        super().__init__("\n".join(lines), hint(lacking.values()))


def of(repository: Repository, tags: Iterable[Oid]) -> dict[Oid, Signature | None]:
    """The signature of each of these sound tags; `None` for one without.

    Stock git checks, one process for each signed tag, on all cores; none for the others.
    """
    schemes = {oid: _scheme(repository, oid) for oid in tags}
    signed = {oid: scheme for oid, scheme in schemes.items() if scheme is not None}
    known = "ssh" not in signed.values() or verify_tag.knows_signers(repository)

    def check(oid: Oid) -> Signature:
        return verify_tag.check_signature(repository, oid, signed[oid], has_signers=known)

    found: dict[Oid, Signature | None] = dict.fromkeys(schemes)
    if signed:
        with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-signatures") as pool:
            found.update(zip(signed, pool.map(check, signed), strict=True))
    return found


def lacking(found: Mapping[str, Signature | None]) -> dict[str, Signature | None]:
    """The snapshots without a signature that git accepts."""
    return {name: each for name, each in found.items() if each is None or not each.accepted}


def hint(found: Iterable[Signature | None]) -> str | None:
    """What to do about signatures that are not there, or of unknown signers."""
    found = list(found)
    unknown = {each.scheme for each in found if each is not None and each.verdict is Verdict.UNKNOWN}
    hints = [_MAKE_KNOWN[scheme] for scheme in sorted(unknown)] + ([_SIGN] if None in found else [])
    return "; ".join(hints) or None


def told(found: Signature | None) -> str:
    """A signature in words."""
    if found is None:
        return "no signature"
    scheme = _SCHEMES[found.scheme]
    key = f"{scheme} key {found.key}" if found.key else f"{scheme} key"
    whose = f"{_shown(found.signer)}, {key}" if found.signer else key
    match found.verdict:
        case Verdict.GOOD:
            trust = f", trust {found.trust}" if found.trust else ""
            less = "" if found.accepted else ", less than gpg.minTrustLevel asks"
            return f"good signature of {whose}{trust}{less}"
        case Verdict.BAD:
            return f"bad {scheme} signature: the tag is not what was signed, or the signature is damaged"
        case Verdict.UNKNOWN:
            return f"signature of an unknown signer ({key})"
        case Verdict.EXPIRED:
            return f"signature that has expired, or whose key has ({whose})"
        case Verdict.REVOKED:
            return f"signature of a revoked key ({whose})"
        case Verdict.UNCHECKED:
            return f"{scheme} signature that cannot be checked: {found.output}"


def _scheme(repository: Repository, oid: Oid) -> str | None:
    """With what a tag is signed, if it is a tag and signed at all."""
    kind, content = repository.objects.read_inner(oid)
    if kind is not Kind.TAG or b"\n-----BEGIN " not in content:
        return None
    try:
        return tag.parse(content).signed
    except ValueError:
        return None


def _shown(signer: str) -> str:
    """A user id as it is, if that is harmless: it comes from whoever made the key."""
    return signer if signer.isprintable() else quoted(signer)
