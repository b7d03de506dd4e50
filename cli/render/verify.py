"""How the result of verify is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output
from gitstore.cli.render.records import evaluations
from gitstore.text import counted

if TYPE_CHECKING:
    from gitstore.git.verify_tag import Signature
    from gitstore.run.recording.verification import VerifiedEvaluation
    from gitstore.snapshots.verification import Verification


def to_json(verified: Verification, evaluated: Sequence[VerifiedEvaluation] = ()) -> dict[str, Any]:
    """The whole result, for programs."""
    report = verified.report
    problems: list[dict[str, Any]] = [
        {
            "message": problem.message,
            "snapshots": problem.snapshots,
            "path": problem.path,
            "oid": str(problem.oid) if problem.oid else None,
        }
        for problem in report.problems
    ]
    problems += [
        {"message": message, "snapshots": [], "path": None, "oid": None}
        for message in verified.other_problems
    ]
    return {
        "ok": verified.error is None and all(entry.is_equal for entry in evaluated),
        "snapshots": report.snapshots,
        "objects": report.objects,
        "problems": problems,
        "notices": verified.notices,
        "signatures": [_signature(name, signature) for name, signature in report.signatures.items()],
        "evaluations": list(map(evaluations.verified_json, evaluated)),
    }


def _signature(name: str, signature: Signature | None) -> dict[str, Any]:
    return {
        "snapshot": name,
        "status": signature.verdict if signature else "none",
        "accepted": signature.accepted if signature else False,
        "signed": signature.scheme if signature else None,
        "signer": signature.signer if signature else None,
        "key": signature.key if signature else None,
        "trust": signature.trust if signature else None,
    }


def show(verified: Verification, evaluated: Sequence[VerifiedEvaluation]) -> None:
    """The result for a person, without the error."""
    show_details(verified)
    if verified.error is None and evaluations.make_error(evaluated) is None:
        show_intact(verified)
        evaluations.show_verified(evaluated)


def show_details(verified: Verification) -> None:
    """Show warnings, and a line for each signature that is not part of the error."""
    for notice in verified.notices:
        output.print_message(f"warning: {notice}")
    signed = verified.report.signatures
    if any(signed.values()):
        errors = {} if verified.problems else verified.unaccepted
        _show_signatures({name: signature for name, signature in signed.items() if name not in errors})


def _show_signatures(signed: Mapping[str, Signature | None]) -> None:
    """A line for each snapshot, but for bad signatures, which are listed as problems."""
    from gitstore.git.verify_tag import Verdict
    from gitstore.snapshots import signatures

    for name, signature in signed.items():
        if signature is None or signature.verdict is not Verdict.BAD:
            output.print_message(f"{name}: {signatures.describe(signature)}")
    hint = signatures.suggest(signature for signature in signed.values() if signature is not None)
    if hint is not None:
        output.print_message(f"hint: {hint}")


def show_intact(verified: Verification) -> None:
    """Show that nothing is wrong."""
    report = verified.report
    names = ", ".join(report.snapshots) or "no snapshots"
    objects = counted(report.objects, "object is", "objects are")
    output.print_message(f"Verified {names}: {objects} intact")
