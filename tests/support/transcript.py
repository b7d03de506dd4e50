"""Transcripts: commands and what they print, as a person sees it, in files that a review can read.

    # A snapshot that exists
    scene: snapshot v1

        $ gitstore snapshot v1
        ! error: the snapshot v1 already exists, and a snapshot never changes
        [1]

A line that begins with `#` starts an example. `scene:` names one of the scenes of
`tests/cli/test_golden.py`, and its arguments; without one, the example starts in an empty directory. Lines
after `$` are run in their order; those after `>` continue them. A line that begins with gitstore is run in
this process. Any other is run by sh, and must succeed. `cd` and `export NAME=VALUE` hold for the lines that
follow. All else that is indented is output, which `make accept` writes: standard output as it is, standard
error after `!`, and the exit code in brackets unless it is 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.support.commands import Outcome

_INDENT = "    "
_COMMAND = f"{_INDENT}$ "
_CONTINUED = f"{_INDENT}> "


class Example(NamedTuple):
    """What is run in one scene."""

    title: str
    """Its first line, and lines of prose below it."""
    scene: tuple[str, ...]
    """The name of the scene, and its arguments."""
    lines: tuple[str, ...]
    """The command lines; one that is continued has several lines."""


def parse(text: str) -> Iterator[Example]:
    """The examples of a file. What their commands print is passed over."""
    _, *blocks = re.split(r"^(?=# )", text, flags=re.MULTILINE)
    for block in blocks:
        title: list[str] = []
        scene: tuple[str, ...] = ()
        commands: list[str] = []
        for line in block.splitlines():
            if line.startswith(_COMMAND):
                commands.append(line.removeprefix(_COMMAND))
            elif line.startswith(_CONTINUED):
                commands[-1] += f"\n{line.removeprefix(_CONTINUED)}"
            elif line.startswith("scene: "):
                scene = tuple(line.split()[1:])
            elif line and not line.startswith(_INDENT):
                title.append(line)
        yield Example("\n".join(title), scene, tuple(commands))


def render(example: Example, outputs: list[str]) -> str:
    """The text of an example, with the output of each of its commands."""
    text = f"{example.title}\n"
    if example.scene:
        text += f"scene: {' '.join(example.scene)}\n"
    gap = "\n"
    for line, output in zip(example.lines, outputs, strict=True):
        text += gap + _COMMAND + line.replace("\n", f"\n{_CONTINUED}") + "\n" + _indented(output)
        gap = "\n" if output else ""
    return text


def shown(outcome: Outcome) -> str:
    """What a command printed, and its exit code."""
    errors = "\n".join(pretty(line) for line in outcome.stderr.splitlines())
    lines = [*pretty(outcome.stdout).splitlines(), *(f"! {line}" for line in errors.splitlines())]
    return "".join(f"{line}\n" for line in [*lines, *([f"[{outcome.code}]"] if outcome.code else [])])


def pretty(text: str) -> str:
    """JSON with a line for each value; any other text as it is."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _indented(output: str) -> str:
    lines = [f"{_INDENT}{line}".rstrip() + "\n" for line in output.splitlines()]
    assert not [line for line in lines if line.startswith((_COMMAND, _CONTINUED))], output
    return "".join(lines)


_SIZE = r"\d[\d.,]* (?:B|KiB|MiB)"
_KEYS = (
    "added_bytes|exclusive_bytes|exclusive|shared|charged|freed|foreign|live|dead|disk|overhead|loose_live|index"
    "|linked|linked_bytes"
)
_VARYING = {
    # Sizes in packs depend on the version of the compressor; none at all is none with each.
    r"\b(added|frees|free|Freed|freed|linked|charged|snapshot \S+:|loose objects:)"
    rf" (?!0 B){_SIZE}": r"\1 <size>",
    r'("name": "pack-[^"]*",\s+"before": )\d+(,\s+"after": )\d+': r"\1<size>\2<size>",
    r'("pack": null,\s+"size"): \d+': r"\1: <size>",
    r'("name": "v\d",\s+"size"): \d+': r"\1: <size>",
    r'"since": "[^"]+"': '"since": "<date>"',
    rf"{_SIZE} (?=of it only when|more are dead|are charged no longer)": "<size> ",
    rf"(copied|charged|still needs) (?!0 B){_SIZE}": r"\1 <size>",
    rf'"({_KEYS})": [1-9]\d*\b': r'"\1": <size>',
    r'"(cost|saves|saved)": [1-9]\d*\b': r'"\1": <money>',
    r"saves \d+\.\d{6}(?= EUR)": "saves <money>",
    r'("name": "pack-.*",\s+"size"): \d+': r"\1: <size>",
    r'("unlocked": \w+,\s+"size"): \d+': r"\1: <size>",
    r'("objects": \d+,\s+"size"): [1-9]\d*': r"\1: <size>",
    rf"(\d objects), (?!0 B){_SIZE}": r"\1, <size>",
    rf"(environment .*): {_SIZE}": r"\1: <size>",
    rf"(environment .*), {_SIZE}": r"\1, <size>",
    r'("name": "[0-9a-f]{32}",\s+"size"): \d+': r"\1: <size>",
    r"evt_[0-9a-f]{32}": "evt_<id>",
    r"(?!2023-11-14)\d{4}-\d\d-\d\dT[\d:]+(?:\.\d+)?Z": "<date>",
    r"(?m)^[0-9a-f]{12}  \d{4}-\d\d-\d\d \d\d:\d\d  ": "<event>       <minute>          ",
    # Transactions of a store have random names, and packs of pushes depend on zlib.
    r"\bhead [0-9a-f]{64}\b": "head <hash>",
    r'"head": "[0-9a-f]{64}"': '"head": "<hash>"',
    r"(?<= objects and )[\d.]+ [KM]?i?B": "<size>",
    r'"size": \d+(?=,\s+"models": \d)': '"size": <size>',
    # What a machine, its git and its Python decide.
    r"\b[0-9a-f]{32}\b(/[0-9a-f]{12})?": "<key>",
    r"(?<![.\d])\b[0-9a-f]{16}\b": "<launcher>",
    r"(<launcher>  \S+) +\d+( +\d+  )\d+ min \d+ s": r"\1  <process>\2<time>",
    r'"process": \d+': '"process": <process>',
    r'"started": "[^"]+"': '"started": "<date>"',
    r'"remaining": [\d.]+': '"remaining": <seconds>',
    r"\bPython \d+\.\d+\.\d+\b": "Python <version>",
    r'"python": "\d+\.\d+\.\d+"': '"python": "<version>"',
    r'"platform": "[^"]+"': '"platform": "<platform>"',
    r'"last_used": "[^"]+"': '"last_used": "<date>"',
    r"(?m)^((?:took|memory|python|packages): {2,})\S.*$": r"\1<it depends>",
    r'"peak_memory": \d+': '"peak_memory": <size>',
    r'"numpy==[^"]+"(?=\s+\],\s+"packages_lock")': '"numpy==<version>"',
    r"\bcommit [0-9a-f]{10}\b": "commit <short-id>",
    r"\d+(?:\.\d+)? m?s(?=: )": "<duration>",
    r'": \d+\.\d{5,}(?:e-\d+)?': '": <seconds>',
    r'"seconds": 0\.0\b': '"seconds": <seconds>',
    r": \d\.\d+e-\d+": ": <seconds>",
    r"\d{4}-\d\d-\d\d \d\d:\d\d\+00:00": "<date>",
    r"(broken zlib stream|git rev-list): .*": r"\1: <cause>",
    r"(?m)^! +[~^]+\n": "",
    r"127\.0\.0\.1:\d+": "127.0.0.1:<port>",
}
"""What differs from run to run and from machine to machine, by patterns, and what is shown instead."""


class Steady:
    """Outputs of one example without what varies. An object id has the same number wherever it is met."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names` says what is shown for texts such as directories."""
        self._names = names
        self._ids: dict[str, str] = {}

    def text(self, text: str) -> str:
        """A text without what varies."""
        for varying, name in self._names.items():
            text = text.replace(varying, name)
        for pattern, replacement in _VARYING.items():
            text = re.sub(pattern, replacement, text)
        text = re.sub(r"\b[0-9a-f]{40}\b", self._id, text)
        return re.sub(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12}\b", "<short-id>", text)

    def table(self, text: str) -> str:
        """A text without the digits of sizes in packs: of numbers of three digits and more, and of costs."""
        text = self.text(text)
        if text.startswith("{"):
            return text
        return re.sub(
            r"(?<= )(?:\d[\d,]{2,}|\d+\.\d{6})(?=\s)", lambda match: re.sub(r"\d", "#", match[0]), text
        )

    def _id(self, match: re.Match[str]) -> str:
        return self._ids.setdefault(match[0], f"<id-{len(self._ids) + 1}>")
