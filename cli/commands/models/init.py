"""`gitstore init`."""

from __future__ import annotations

from pathlib import Path

import click

from gitstore.cli import output
from gitstore.cli.completion import candidates
from gitstore.cli.render import models as render


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
@click.option("--name", metavar="NAME", help="The name of the model; the directory's name by default.")
@click.option(
    "--example",
    metavar="EXAMPLE",
    help="Start from an example: digits.",
    shell_complete=candidates.examples,
)
@click.option(
    "--code",
    metavar="SUBDIR",
    help="The directory of the code, code/ by default; . is the top of the repository.",
)
@output.json_option
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    name: str | None,
    example: str | None,
    code: str | None,
    *,
    as_json: bool,
) -> None:
    """Create a model in DIRECTORY. If that is the top of a git repository, turn the repository into a model.

    A new model has a repository, code/model.py to fill in, settings.yaml, and states/initial/ for its
    weights. In an existing repository, init adds only what is missing, and commits it.

    \b
    Examples:
      gitstore init digits --example digits
      cd my-classifier && gitstore init --code src
      cd my-scripts && gitstore init --code .
    """
    from gitstore.models import examples, init

    if example is not None and example not in examples.list_names():
        names = ", ".join(examples.list_names())
        raise click.BadParameter(
            f"there is no example {example!r}; choose from: {names}", param_hint="--example"
        )
    created = init.create_model(
        Path(ctx.obj, directory).resolve(), name=name, example=example or init.SKELETON, code=code
    )
    render.show_created(created, as_json=as_json)
