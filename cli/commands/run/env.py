"""`gitstore env`: the environments that operations run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitstore.cli import options, output
from gitstore.cli.completion import candidates
from gitstore.cli.progress import waiting
from gitstore.cli.render import packages as render

if TYPE_CHECKING:
    from gitstore.environments.environment import BuiltEnvironment
    from gitstore.environments.spec import EnvironmentSpec
    from gitstore.environments.store import EnvironmentStore


@click.group()
def command() -> None:
    """Manage the environments that operations run in: interpreters with the packages of packages.lock.

    An operation builds its environment when it is first needed. All repositories of the user share them.

    \b
    Examples:
      gitstore env list
      gitstore env build v1
      gitstore env rm --unused --older-than 30d
    """


@command.command("list")
@output.json_option
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the environments, most recently used first.

    USED BY are working copies and snapshots of this repository that run in it.

    \b
    Examples:
      gitstore env list
      gitstore env list --json
    """
    from gitstore.environments.uses import find_uses
    from gitstore.errors import NotAModel
    from gitstore.models.model import Model

    store = _find_store(ctx)
    try:
        uses = find_uses(Model.identify(ctx.obj), store)
    except NotAModel:
        uses = {}
    render.show_environments(store.list_environments()[::-1], uses, as_json=as_json)


@command.command()
@click.argument("reference", metavar="[REF]", required=False, shell_complete=candidates.snapshots)
@click.option(
    "--allow-builds",
    is_flag=True,
    help="Build packages that have no wheel. This runs their code on this machine, without a sandbox.",
)
@options.no_lock_option
@options.progress_option
@output.json_option
@click.pass_context
def build(
    ctx: click.Context, reference: str | None, *, allow_builds: bool, unlocked: bool,
    show_progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Build the environment of a snapshot, or of the working copy, unless it exists.

    \b
    Examples:
      gitstore env build
      gitstore env build v1
      gitstore env build dogs@v1
    """
    store, spec = _find_store(ctx), _read_spec(ctx, reference, unlocked=unlocked)
    existing = {environment.path for environment in store.list_environments()}
    with (
        waiting("build environment", show=show_progress),
        store.open(spec, allow_builds=allow_builds) as environment,
    ):
        pass
    render.show_built(environment, is_new=environment.path not in existing, as_json=as_json)


@command.command()
@click.argument("keys", metavar="[KEY]...", nargs=-1, shell_complete=candidates.environments)
@click.option("--unused", is_flag=True, help="Remove all environments that no operation uses now.")
@click.option("--older-than", metavar="AGE", help="Only those last used longer ago than this: 30d, 12h.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")
@output.json_option
@click.pass_context
def rm(
    ctx: click.Context, keys: tuple[str, ...], *, unused: bool, older_than: str | None, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Remove environments. KEY is a key of gitstore env list, or its first 4 digits or more.

    An environment that an operation uses now stays. One that is needed again is built again.

    \b
    Examples:
      gitstore env rm 8af5fa31
      gitstore env rm --unused
      gitstore env rm --unused --older-than 30d
    """
    if bool(keys) == unused:
        raise click.UsageError("give keys, or --unused", ctx)
    if older_than is not None and not unused:
        raise click.UsageError("--older-than is only for --unused", ctx)
    store = _find_store(ctx)
    environments = _choose_unused(ctx, store, older_than) if unused else _find_all(store, keys)
    render.show_removed_environments(
        store.remove(environments, dry_run=dry_run), dry_run=dry_run, as_json=as_json
    )


def _find_store(ctx: click.Context) -> EnvironmentStore:
    from gitstore.run.cache.user_cache import find_user_cache
    from gitstore.run.conditions import find_environments

    return find_environments(find_user_cache(ctx.obj))


def _find_all(store: EnvironmentStore, keys: tuple[str, ...]) -> list[BuiltEnvironment]:
    found = {environment.path: environment for key in keys for environment in store.find(key)}
    return list(found.values())


def _choose_unused(
    ctx: click.Context, store: EnvironmentStore, older_than: str | None
) -> list[BuiltEnvironment]:
    import time

    from gitstore.units import parse_duration

    try:
        age = parse_duration(older_than) if older_than is not None else 0.0
    except ValueError as error:
        raise click.UsageError(f"--older-than: {error}", ctx) from error
    latest = time.time() - age
    return [
        environment
        for environment in store.list_environments()
        if environment.find_last_use() <= latest and not environment.is_in_use()
    ]


def _read_spec(ctx: click.Context, reference: str | None, *, unlocked: bool) -> EnvironmentSpec:
    from gitstore.environments.spec import choose_spec
    from gitstore.layout import LOCK
    from gitstore.models import reference as references
    from gitstore.models.model import Model

    if reference is None:
        model = Model.open(ctx.obj)
        return choose_spec(model.settings.packages, model.read_top_file(LOCK), unlocked=unlocked)
    snapshot = references.resolve(reference, ctx.obj)
    return choose_spec(snapshot.settings.packages, snapshot.lock_content, unlocked=unlocked)
