"""`gitstore lock`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitstore.cli import environment, options, output
from gitstore.cli.progress import waiting
from gitstore.cli.render import packages as render

if TYPE_CHECKING:
    from gitstore.models.model import Model


@click.command()
@click.option(
    "--upgrade", is_flag=True, help="Use the newest versions that fit, not those in the existing file."
)
@click.option(
    "--upgrade-package",
    "upgraded",
    metavar="NAME",
    multiple=True,
    help="Use the newest version of one package that others need. Can be repeated.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use this uv.toml, and no other configuration file of uv.",
)
@click.option(
    "--allow-builds",
    is_flag=True,
    help="Build packages that have no wheel. This runs their code on this machine.",
)
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 unless the file is up to date.")
@options.progress_option
@output.json_option
@click.pass_context
def command(
    ctx: click.Context, *, upgrade: bool, upgraded: tuple[str, ...], config: Path | None,
    allow_builds: bool, check: bool, show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Write packages.lock from settings.yaml. It lists the packages of settings.yaml, and all that they need.

    The file has the version and the hashes of each package, for every platform; pip and uv install from it.
    Git tracks it, and snapshots contain it. Versions in the existing file are kept while they fit. uv
    resolves the packages with your own configuration of uv. A uv.toml or pyproject.toml in the repository
    is used only if --config names it.

    \b
    Examples:
      gitstore lock
      gitstore lock --upgrade-package scipy
      gitstore lock --check
      uv pip install --require-hashes -r packages.lock
    """
    from gitstore.environments.resolve import update_lock
    from gitstore.environments.uv import Permissions
    from gitstore.models.model import Model

    if check and (upgrade or upgraded):
        raise click.UsageError("--check changes nothing, so it cannot upgrade", ctx)
    model = Model.open(ctx.obj)
    if check:
        _check(ctx, model, as_json=as_json)
        return
    with waiting("resolve packages", show=show_progress):
        permissions = Permissions(
            config=_find_file(ctx, config) if config is not None else None,
            builds=allow_builds,
            environment=environment.select_uv_variables(),
        )
        resolution = update_lock(model, upgrade=upgrade, upgraded=upgraded, permissions=permissions)
    render.show_resolution(resolution, as_json=as_json)


def _find_file(ctx: click.Context, config: Path) -> Path:
    path = Path(ctx.obj, config).absolute()
    if not path.is_file():
        raise click.UsageError(f"--config: {config} is not a file", ctx)
    return path


def _check(ctx: click.Context, model: Model, *, as_json: bool) -> None:
    """Check whether packages.lock is up to date, and exit with 1 if it is not."""
    from gitstore.environments import lockfile
    from gitstore.models.model import LOCK

    status = lockfile.check_content(model.settings.packages, model.read_top_file(LOCK))
    problem = lockfile.describe_problem(status)
    if as_json:
        output.print_json(render.check_json(status))
        ctx.exit(problem.exit_code if problem is not None else 0)
    if problem is not None:
        raise problem
    output.print_message(f"{LOCK} is up to date")
