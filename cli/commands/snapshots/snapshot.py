"""`gitstore snapshot`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output, totals
from gitstore.cli.completion import candidates
from gitstore.cli.progress import byte_progress
from gitstore.cli.render import snapshots as render
from gitstore.cli.run_options import RunOptions, run_options

if TYPE_CHECKING:
    from gitstore.run.candidate_check import CandidateCheck


@click.command()
@click.argument("name")
@click.option(
    "-m", "--message", metavar="TEXT", help="Describe the snapshot. The text can have several lines."
)
@click.option(
    "--check",
    is_flag=True,
    help="First load the model from the snapshot's content; take no snapshot if that fails.",
)
@options.input_option
@run_options()
@click.option(
    "--state",
    "state_name",
    metavar="STATE",
    help="The state to take; the active one by default.",
    shell_complete=candidates.states,
)
@options.signing_options
@options.no_verify_option
@options.pointers_option
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, name: str, message: str | None, state_name: str | None, *, check: bool,
    inputs: tuple[str, ...], run_with: RunOptions, sign: bool | None, key: str | None,
    call_hook: bool, force: bool, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Take a snapshot of code, state and settings. They are taken as they are on disk.

    If any of them changes while it is read, no snapshot is taken. A snapshot is an annotated tag that never
    changes. The branch, the index and all files stay as they are.

    A snapshot leaves out ignored files and those outside the code directory, which its code may miss.
    --check loads the model from the snapshot's content before it is taken; with -p, it also evaluates it.

    Signing uses git's configuration: gpg.format, user.signingKey and the programs. If signing fails, no
    snapshot is taken.

    \b
    Examples:
      gitstore snapshot v1 -m "First that works"
      gitstore snapshot v2 --json
      gitstore snapshot v2 --check -p images=@image.npy
      gitstore snapshot best --state trained-3
      gitstore snapshot v3 --sign -u ~/.ssh/id_ed25519.pub
    """
    from gitstore.git.sign_tag import Signer
    from gitstore.models.model import Model
    from gitstore.snapshots.take import take

    model = Model.open(ctx.obj)
    candidate_check = _candidate_check(ctx, inputs, check=check, run_with=run_with)
    with ExitStack() as bar:
        total = totals.on_disk(model, state_name) if state_name is not None else totals.on_disk(model)
        progress = bar.enter_context(byte_progress(f"snapshot {name}", total, show=show_progress))
        # The bar must be gone before git asks for a passphrase.
        signer = Signer(sign, key, before=bar.close)
        new = take(
            model, name, message=message, state_name=state_name, signer=signer, call_hook=call_hook,
            allow_pointers=force, check=candidate_check, progress=progress,
        )  # fmt: skip
    render.show_taken(new, model, checked=candidate_check is not None, as_json=as_json)


def _candidate_check(
    ctx: click.Context, inputs: tuple[str, ...], *, check: bool, run_with: RunOptions
) -> CandidateCheck | None:
    """What runs a snapshot before it is taken. It alone needs numpy, which takes longer than a snapshot."""
    if not check and not inputs:
        run_with.refuse(ctx, "is only for --check")
        return None
    from gitstore.run.candidate_check import CandidateCheck
    from gitstore.run.values.inputs import Assignments

    assignments = Assignments(inputs, ctx.obj) if inputs else None
    return CandidateCheck(assignments, run_with.find_conditions(ctx.obj))
