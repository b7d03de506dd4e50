"""`gitstore settings`: check, show and describe settings.yaml."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.render import settings as render


@click.group()
def command() -> None:
    """Check, show and describe settings.yaml.

    \b
    Examples:
      gitstore settings check
      gitstore settings show --json
      gitstore settings schema > settings.schema.json
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@output.json_option
@click.pass_context
def check(ctx: click.Context, file: Path | None, *, as_json: bool) -> None:
    """Print every problem in settings.yaml, or in FILE, with its line.

    Exits with 13 if there are any.

    \b
    Examples:
      gitstore settings check
      gitstore settings check ../other/settings.yaml --json
    """
    from gitstore import settings
    from gitstore.errors import BadSettings

    path = _find(ctx.obj) if file is None else ctx.obj / file
    source = path.name if file is None else str(file)
    try:
        settings.load(path, source)
    except BadSettings as error:
        if not as_json:
            raise
        output.print_json(render.check_json(error.problems))
        ctx.exit(error.exit_code)
    if as_json:
        output.print_json(render.check_json(()))
    else:
        output.print_message(f"{source}: ok")


@command.command()
@output.json_option
@click.pass_context
def show(ctx: click.Context, *, as_json: bool) -> None:
    """Print the settings as gitstore uses them, with every default filled in.

    With --json, sizes are in bytes and durations in seconds.

    \b
    Examples:
      gitstore settings show
      gitstore -C digits settings show --json
    """
    from gitstore import settings

    loaded = settings.load(_find(ctx.obj))
    if as_json:
        output.print_json(settings.to_builtins(loaded))
    else:
        output.print_data(settings.render(loaded).rstrip("\n"))


@command.command()
@output.json_option
def schema(*, as_json: bool) -> None:  # noqa: ARG001
    """Print the JSON Schema of settings.yaml, for editors. It is JSON with and without --json.

    \b
    Examples:
      gitstore settings schema > settings.schema.json
    """
    from gitstore.settings.json_schema import make_schema

    output.print_json(make_schema())


def _find(directory: Path) -> Path:
    """The settings.yaml of the model that a directory is in. A bare repository has it in its commits only."""
    from gitstore import settings
    from gitstore.errors import GitstoreError, NotAModel
    from gitstore.git.repository import Repository
    from gitstore.layout import SETTINGS

    try:
        return settings.find(directory)
    except NotAModel as error:
        with suppress(GitstoreError):
            if Repository.discover(directory).is_bare:
                error.message = f"{directory} is a bare repository, which has no {SETTINGS} on disk"
                error.hint = f"git show HEAD:{SETTINGS} prints what is committed; a clone has the file"
        raise
