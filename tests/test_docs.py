"""The documentation says what is so: examples run as written, and nothing is left out."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from gitstore import __version__, errors
from gitstore.cli import failures, manual
from gitstore.cli.commands.run import expectations
from gitstore.cli.demo.shell import Shell
from gitstore.cli.main import cli
from tests.support import combinations, spawning

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WITH_EXAMPLES = [page for page in DOCS if "```console\n" in page.read_text(encoding="utf-8")]
SHORT = ("README.md", "format.md", "hooks.md", "library.md")
"""Pages whose examples the suite runs itself; make combinations runs those of the others."""

PROSE_WIDTH = 100


# Commands whose point is that they have nothing to say; others may, where no output is shown for them.
QUIET = ("cmp ", "git fsck ", "git diff --exit-code ", "git verify-pack ")


class Example(NamedTuple):
    """A command line in the documentation, and the output that is shown for it."""

    line: str
    shown: str

    @property
    def fails(self) -> bool:
        """Whether the page shows the command as one that fails."""
        return re.search("^error: ", self.shown, re.MULTILINE) is not None


class Program(NamedTuple):
    """A Python block whose first line is a comment with a path: the reader writes it to that file."""

    path: str
    source: str


class Session(NamedTuple):
    """Lines that the reader types into Python, with what it prints. All sessions of a page are one."""

    text: str


def read(*path: str) -> str:
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def steps(text: str) -> Iterator[Example | Program | Session]:
    """What a reader of a page does, in its order: write the programs, run the command lines, type Python."""
    for language, block in re.findall(
        r"^```(console|pycon|python)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    ):
        if language == "console":
            yield from examples(block)
        elif language == "pycon":
            yield Session(block)
        elif path := re.match(r"# ([\w.-]+\.py)\n", block):
            yield Program(path[1], block)


def examples(block: str) -> Iterator[Example]:
    """What follows a `$ `, with its continued lines, and the lines up to the next one."""
    assert block.startswith("$ ")
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        length = next(i for i, line in enumerate(lines, start=1) if not line.endswith("\\\n"))
        yield Example("".join(lines[:length]).rstrip("\n"), "".join(lines[length:]))


def matches(shown: str, output: str) -> bool:
    """Whether output is what is shown, where `…` stands for any text, and for any lines if it is alone."""
    pattern = "".join(
        "(?:.*\n)*" if line == "…\n" else re.escape(line).replace("…", ".*")
        for line in shown.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, output) is not None


@pytest.mark.parametrize(
    "page",
    [page if page.name in SHORT else pytest.param(page, marks=combinations.rest) for page in WITH_EXAMPLES],
    ids=lambda page: page.name,
)
def test_examples_run_as_written(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of hooks.md, which are the fewest, with Python itself, and all others with a stand-in for it."""
    if page.name != "hooks.md":
        monkeypatch.setattr(sys, "executable", str(spawning.stand_ins() / "python"))
    scope: dict[str, object] = {}
    with Shell(tmp_path) as shell:
        for step in steps(page.read_text(encoding="utf-8")):
            if isinstance(step, Program):
                (shell.directory / step.path).write_text(step.source, encoding="utf-8")
            elif isinstance(step, Session):
                monkeypatch.chdir(shell.directory)
                run_session(step, scope)
            else:
                run_example(step, shell)


def run_example(example: Example, shell: Shell) -> None:
    """Run a command line, which must end and print as shown."""
    result = shell.run(example.line)
    context = f"$ {example.line}\n{result.output}"
    assert (result.exit_code != 0) == example.fails, context
    if example.shown or example.line.startswith(QUIET):
        assert matches(example.shown, result.output), context


def run_session(session: Session, scope: dict[str, object]) -> None:
    """Run a session as doctest does, where `...` in what is shown stands for any text."""
    test = doctest.DocTestParser().get_doctest(session.text, scope, "session", None, None)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    scope.update(test.globs)


PAGES = ["README.md", "format.md", "hooks.md", "library.md", "recipes.md", "troubleshooting.md"]


def test_the_pages_with_examples_are_found() -> None:
    assert set(PAGES) <= {page.name for page in WITH_EXAMPLES}


def test_the_readme_quotes_messages_that_the_troubleshooting_page_shows() -> None:
    """That page's commands are run, so that the README's table cannot name a message that nobody prints."""
    section = re.search(r"^## Troubleshooting\n(.*?)^\[", read("README.md"), re.DOTALL | re.MULTILINE)
    assert section is not None
    quoted = [row.split("`")[1] for row in re.findall(r"^\| `.*$", section[1], re.MULTILINE)]
    shown = "".join(blocks(read("docs", "troubleshooting.md"), "console"))
    assert len(quoted) >= 10
    for message in quoted:
        pattern = re.escape(message).replace("…", ".*?").rstrip(".*?")
        assert re.search(pattern, shown), message


def test_prose_has_lines_of_at_most_a_hundred_characters() -> None:
    assert [(page.name, line) for page in DOCS for line in prose(page) if len(line) > PROSE_WIDTH] == []


def prose(page: Path) -> list[str]:
    """Its lines without code, tables, what a program writes between two comments, and targets of links."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", "", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "    "))]
    return [re.sub(r"\]\([^)]*\)", "]", line) for line in lines]


def test_each_section_of_the_format_is_tested_against_stock_git() -> None:
    """tests/compat/test_SECTION.py has each but the last, which is a promise for the future."""
    renamed = {"states_and_their_files": "states", "in_a_repository_of_their_own": "standalone"}
    titles = re.findall(r"^##+ (.*)$", read("docs", "format.md"), re.MULTILINE)
    sections = {title.lower().replace(" ", "_") for title in titles if title != "Compatibility"}
    assert len(sections) > 8
    missing = {renamed.get(name, name) for name in sections} - {
        path.stem.removeprefix("test_") for path in (ROOT / "tests" / "compat").glob("test_*.py")
    }
    assert missing == set()


def commands(
    group: click.Group = cli, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, the outermost first."""
    context = click.Context(group, info_name="gitstore" if parent is None else group.name, parent=parent)
    if parent is None:
        yield "gitstore", group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{context.command_path} {name}", command
        if isinstance(command, click.Group):
            command.name = name
            yield from commands(command, context)


COMMANDS = dict(commands())


def test_every_help_has_an_example() -> None:
    assert [
        name
        for name, command in COMMANDS.items()
        if not re.search(rf"Examples?:\n +.*{name.split()[0]} ", command.help or "")
    ] == []


def test_every_command_and_option_is_in_the_reference() -> None:
    page = read("docs", "cli.md")
    for name, command in COMMANDS.items():
        if name == "gitstore":
            continue
        section = re.search(rf"^##+ {name}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
        assert section is not None, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                options = [*parameter.opts, *parameter.secondary_opts]
                assert [option for option in options if option not in section[1]] == [], name


def test_the_reference_is_current() -> None:
    assert read("docs", "cli.md") == manual.page(), "make docs writes it"


def test_the_readme_names_every_command_and_no_other() -> None:
    table = re.search(r"^\| command \|.*?\n\n", read("README.md"), re.DOTALL | re.MULTILINE)
    assert table is not None
    cells = [row.split("|")[1] for row in table[0].strip().splitlines()[2:]]
    named = {word for cell in cells for word in re.findall(r"[\w-]+", cell)}
    assert named == {word for name in COMMANDS for word in name.split()[1:]}


def test_every_exit_code_is_documented() -> None:
    classes = [errors.GitstoreError]
    for each in classes:
        classes += each.__subclasses__()
    codes = {each.exit_code for each in classes if each.__module__ == errors.__name__}
    codes |= {expectations.CannotCompare.exit_code}
    codes |= {0, click.UsageError.exit_code, failures.INTERRUPTED, failures.BROKEN_PIPE, failures.BUG}
    assert set(manual.EXIT_CODES) == codes
    listed = re.search(r"^Exit codes: (.*?)\n\n", read("README.md"), re.DOTALL | re.MULTILINE)
    assert listed is not None
    assert {int(code) for code in re.findall(r"\b\d+\b", listed[1])} == codes


def test_every_dependency_has_a_reason() -> None:
    page = read("docs", "architecture.md")
    for requirement in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]:
        name = re.split(r"[<>=!~\[; ]", requirement)[0]
        assert re.search(rf"^\| {name} \| .+ \|$", page, re.MULTILINE), name


def test_every_room_has_its_line() -> None:
    packages = {path.parent.name for path in ROOT.glob("gitstore/*/__init__.py")} | {"cli", "hooks"}
    lines = re.findall(r"^\| `(\w+)/` \| .+ \|$", read("docs", "architecture.md"), re.MULTILINE)
    assert sorted(lines) == sorted(packages)


def test_modules_that_the_architecture_names_exist() -> None:
    """Below gitstore/, or from the top of the repository, as for cli/ and tests/."""
    page = read("docs", "architecture.md")
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", page))
    assert len(named) > 30
    assert [
        path for path in named if not ((ROOT / "gitstore" / path).exists() or (ROOT / path).exists())
    ] == []
    _, _, questions = page.partition("## Ten questions\n")
    answers = re.findall(r"^\| [A-Z].*\? \| (.*) \|$", questions, re.MULTILINE)
    assert len(answers) == 10
    assert [answer for answer in answers if not re.search(r"`[\w/]+\.py`", answer)] == []


def test_the_changelog_has_the_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_links_lead_somewhere() -> None:
    link = re.compile(r"\]\(([^)#:]*)#?([^)]*)\)")
    links = [(page, target) for page in DOCS for target in link.findall(page.read_text(encoding="utf-8"))]
    assert len(links) > 100
    assert [(page.name, target) for page, target in links if not leads_somewhere(page, *target)] == []


def leads_somewhere(page: Path, path: str, anchor: str) -> bool:
    """Whether a link of a page names a file, and a heading in it if it names one."""
    target = page.parent / path if path else page
    if not anchor or not target.exists():
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in [heading.lower().replace(" ", "-") for heading in headings]


HOSTS = {
    "arxiv.org",
    "creativecommons.org",
    "doi.org",
    "git-lfs.github.com",  # what a Git LFS pointer begins with, in two generations
    "hawser.github.com",
    "json-schema.org",
    "keepachangelog.com",
    "semver.org",
    "www.w3.org",  # the namespace of SVG
}
RESERVED = re.compile(r"(.*\.)?(example(\.(org|com|net))?|localhost|invalid|test)|127\.0\.0\.1")
HOME_OF_SOMEBODY = re.compile(r"(?<![\w.~-])/(?:home|Users|root|work|workspace|mnt|builds?)/[\w.]")


def sources() -> list[Path]:
    """The files that are, or could be, in a commit."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def test_no_file_names_a_machine() -> None:
    """No path of somebody's machine, and no host but those that the documentation links to."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert not HOME_OF_SOMEBODY.search(text), path
        for host in re.findall(r"https?://([\w.-]+)", text):
            assert host in HOSTS or RESERVED.fullmatch(host), f"{path}: {host}"
