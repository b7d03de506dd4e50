"""docs/cli.md, made from the commands: `python -m gitstore.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from textwrap import dedent

import click

from gitstore.cli.main import cli

INTRODUCTION = """\
# Commands

`make docs` writes this page from the commands' own help.

`gitstore COMMAND`, or `git gitstore COMMAND`. A command acts on the model of the current directory; `-C DIR`
names another, and other paths are then relative to DIR. `--help` explains a command, `--version` tells the
version.

Data goes to standard output, messages and progress to standard error. `--json` prints data for programs:
sizes in bytes, durations in seconds, and numbers that JSON lacks as `"NaN"`, `"Infinity"` and `"-Infinity"`.
Bars of progress are drawn only on a terminal, unless `--progress` asks for them.

With `--json` a failed command tells its error as JSON, too, on the last line of standard error:

    {"error": {"kind": "bad_settings", "message": "…", "hint": null, "exit_code": 13, "details": {…}}}

`message` has a line for each problem. `details` has what is known beside it: `problems`, the `traceback` of
a model's code, and the phase that it was `at`. Errors of no model have the kinds `usage`, `system`,
`interrupted`, `output_lost` and `bug`.

On a terminal, and only there, `list`, `log`, `show` and `diff` use colours and the pager as git does:
`color.ui`, `color.diff`, `GIT_PAGER`, `core.pager` and `PAGER` count; `NO_COLOR` and `--no-pager` go without.
Characters that a terminal would obey are escaped there, in tags, files and what a model prints, and in
messages always. In a pipe data is exact.

REF names a snapshot:

| REF | the snapshot |
|---|---|
| `v1` | of the model of the current directory |
| `dogs@v1`, `dogs/v1` | of another model of the repository, the root model or a derived one |
| `../other@v1` | of the model in that directory |
"""

EXIT_CODES = {
    0: "done",
    1: "an expected failure, which the message explains; an input that settings.yaml does not allow",
    2: "the command line is wrong",
    10: "the directory is no model",
    11: "another process holds a lock",
    12: "what is stored is not what was put in: an object is missing or corrupt, a tag is no proper snapshot,"
    " a signature is bad",
    13: "settings.yaml is invalid",
    14: "the model's own code failed: it raised, ended, took too long, or gave wrong outputs",
    130: "interrupted (Ctrl-C), or a training was cancelled; nothing was recorded",
    141: "the reader of the output has gone (`gitstore list | head -1`)",
    255: "a bug in gitstore: the traceback is for a report on the project's issue tracker",
}


def page() -> str:
    """The whole page, as Markdown."""
    root = click.Context(cli, info_name="gitstore")
    blocks = [INTRODUCTION.rstrip("\n")]
    for context in _commands(root):
        blocks += _command(context)
    codes = "\n".join(f"| {code} | {_cell(meaning)} |" for code, meaning in EXIT_CODES.items())
    blocks += ["## Exit codes", f"| code | when |\n|---|---|\n{codes}"]
    return "\n\n".join(blocks) + "\n"


def _commands(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all commands below one, groups before what is in them."""
    if not isinstance(context.command, click.Group):
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            yield inner
            yield from _commands(inner)


def _command(context: click.Context) -> Iterator[str]:
    """The Markdown blocks of one command."""
    level = "##" if context.parent and context.parent.parent is None else "###"
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    yield f"{level} {context.command_path}"
    yield f"    {usage}"
    paragraphs = cleandoc(context.command.help or "").split("\n\n")
    *texts, examples = [_paragraph(text) for text in paragraphs]
    yield from texts
    options = "\n".join(_options(context))
    if options:
        yield f"| option | meaning |\n|---|---|\n{options}"
    yield examples


def _paragraph(text: str) -> str:
    """A paragraph of a command's help; one that click is told not to wrap is shown as it stands."""
    if not text.startswith("\b\n"):
        return " ".join(text.split())
    lines = text.removeprefix("\b\n")
    label, _, examples = lines.partition("\n")
    if label in ("Example:", "Examples:"):
        return f"{label}\n\n```sh\n{dedent(examples)}\n```"
    return f"```\n{lines}\n```"


def _options(context: click.Context) -> Iterator[str]:
    """A row for each option but --help, which every command has."""
    for parameter in context.command.params:
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            names, meaning = map(_cell, record)
            yield f"| `{names}` | {meaning} |"


def _cell(text: str) -> str:
    """Text that can stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
