"""Writes docs/cli.md from the commands: `python -m gitstore.cli.manual > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from textwrap import dedent, fill

import click

from gitstore.cli.main import cli

WIDTH = 100

INTRODUCTION = """\
# Commands

`make docs` writes this page from the commands' own help.

`gitstore COMMAND` and `git gitstore COMMAND` are the same. A command acts on the model of the
current directory. `-C DIR` names another; other paths are then relative to DIR. `--help` explains a
command, `--version` prints the version.

Data goes to standard output, messages and progress to standard error. `--json` prints data for
programs; [json.md](json.md) describes it. Sizes are in bytes and durations in seconds. Numbers that
JSON does not have are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`. Progress bars are drawn
only on a terminal, unless `--progress` asks for them.

With `--json`, a failed command also prints its error as JSON, on the last line of standard error:

    {"error": {"kind": "bad_settings", "message": "…", "hint": null, "exit_code": 13, "details": {…}}}

`message` has a line for each problem. `details` has more data, if there is any: the `problems`, the
`traceback` of a model's code, and the phase that it was `at`. Errors that no model causes have the
kinds `usage`, `system`, `interrupted`, `output_lost` and `bug`.

On a terminal, `list`, `log`, `show` and `diff` use colours and the pager as git does. `color.ui`,
`color.diff`, `GIT_PAGER`, `core.pager` and `PAGER` choose them; `NO_COLOR` and `--no-pager` switch
them off. Control characters in tags, files and the output of a model are escaped on a terminal, and
in messages always. In a pipe, data is exact.

REF names a snapshot:

| REF | the snapshot |
|---|---|
| `v1` | `v1` of the model of the current directory |
| `dogs@v1`, `dogs/v1` | `v1` of the model `dogs` in the same repository, the root model or a derived one |
| `../other@v1` | `v1` of the model in the directory `../other` |
"""

EXIT_CODES = {
    0: "done",
    1: "an expected failure, which the message explains; an input that settings.yaml does not allow;"
    " outputs that are not as `evaluate --expect` expects them",
    2: "the command line is wrong",
    10: "the directory is not a model",
    11: "another process holds a lock",
    12: "something stored is damaged: an object is missing or corrupt, a tag is not a valid snapshot,"
    " a signature is bad; a recorded evaluation gives something else now",
    13: "settings.yaml is invalid",
    14: "the model's own code failed: it raised, ended, took too long, or returned wrong outputs;"
    " or it could not run: its interpreter or its packages could not be had",
    125: "`evaluate --expect` could not compare: for `git bisect run`, the commit cannot be tested",
    130: "interrupted (Ctrl-C), or a training was cancelled; nothing was recorded",
    141: "the reader of the output has closed it (`gitstore list | head -1`)",
    255: "a bug in gitstore; please report it with the traceback",
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
    """A paragraph of a command's help. One that click must not wrap is shown unchanged."""
    if not text.startswith("\b\n"):
        return fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
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
