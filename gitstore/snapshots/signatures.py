"""The signatures of snapshots: who signed them, and whether the signature is valid."""

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
_SIGN = "gitstore snapshot --sign signs a new snapshot; gitstore rename OLD NEW --sign signs an existing one"


class NotSigned(GitstoreError):
    """Snapshots lack the required good signature of a known signer. The message has a line for each."""

    kind = "not_signed"

    def __init__(self, lacking: Mapping[str, Signature | None]) -> None:
        lines = [f"{name}: {describe(signature)}" for name, signature in lacking.items()]
        super().__init__("\n".join(lines), suggest(lacking.values()))


def check_tags(repository: Repository, tags: Iterable[Oid]) -> dict[Oid, Signature | None]:
    """Check the signatures of some undamaged tags. The value is `None` for a tag without signature.

    Stock git checks them, in one process for each signed tag, on all cores.
    """
    schemes = {oid: _read_scheme(repository, oid) for oid in tags}
    signed = {oid: scheme for oid, scheme in schemes.items() if scheme is not None}
    has_signers = "ssh" not in signed.values() or verify_tag.knows_signers(repository)

    def check(oid: Oid) -> Signature:
        return verify_tag.check_signature(repository, oid, signed[oid], has_signers=has_signers)

    signatures: dict[Oid, Signature | None] = dict.fromkeys(schemes)
    if signed:
        with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-signatures") as pool:
            signatures.update(zip(signed, pool.map(check, signed), strict=True))
    return signatures


def select_unaccepted(signatures: Mapping[str, Signature | None]) -> dict[str, Signature | None]:
    """Return the entries without a signature that git accepts."""
    return {
        name: signature
        for name, signature in signatures.items()
        if signature is None or not signature.accepted
    }


def suggest(signatures: Iterable[Signature | None]) -> str | None:
    """Return a hint that says what to do about missing signatures and unknown signers."""
    signatures = list(signatures)
    unknown = {
        signature.scheme
        for signature in signatures
        if signature is not None and signature.verdict is Verdict.UNKNOWN
    }
    hints = [_MAKE_KNOWN[scheme] for scheme in sorted(unknown)] + ([_SIGN] if None in signatures else [])
    return "; ".join(hints) or None


def describe(signature: Signature | None) -> str:
    """Describe a signature in words."""
    if signature is None:
        return "no signature"
    scheme = _SCHEMES[signature.scheme]
    key = f"{scheme} key {signature.key}" if signature.key else f"{scheme} key"
    whose = f"{_escape(signature.signer)}, {key}" if signature.signer else key
    match signature.verdict:
        case Verdict.GOOD:
            trust = f", trust {signature.trust}" if signature.trust else ""
            less = "" if signature.accepted else ", less than gpg.minTrustLevel requires"
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
            return f"{scheme} signature that cannot be checked: {signature.output}"


def _read_scheme(repository: Repository, oid: Oid) -> str | None:
    """Return the scheme of a tag's signature; `None` for what is no tag or not signed."""
    kind, content = repository.objects.read_inner(oid)
    if kind is not Kind.TAG or b"\n-----BEGIN " not in content:
        return None
    try:
        return tag.parse(content).signed
    except ValueError:
        return None


def _escape(signer: str) -> str:
    """Return a user id that is safe to print: whoever made the key chose it."""
    return signer if signer.isprintable() else quoted(signer)
