"""The story that `gitstore demo` tells: a model of digits, from its first snapshot to a store of models.

It is made of command lines and of what must hold after them; who tells it decides how it looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from gitstore.cli.demo.shell import Shell
from gitstore.errors import GitstoreError

Check = Callable[[str], str | None]
"""What is wrong with a command's output, or `None`. The answer continues a sentence: "prints nothing"."""


class Narrator(Protocol):
    """Who tells the story."""

    def text(self, text: str) -> None:
        """Say what comes next, and why."""

    def command(self, line: str) -> None:
        """Show a command line, which is run now."""

    def output(self, text: str) -> None:
        """Show what it printed."""


class StoryFailed(GitstoreError):
    """A command of the story failed, or what it should show is not so."""


class Command(NamedTuple):
    """A command line, and what its output must be."""

    line: str
    check: Check = lambda _: None


class Chapter(NamedTuple):
    """What happens, in words and in commands."""

    text: str
    commands: list[Command]


def tell(directory: Path, narrator: Narrator) -> None:
    """Run the story in an empty directory, which must exist. Raises `StoryFailed` where it breaks off."""
    with Shell(directory) as shell:
        for chapter in CHAPTERS:
            narrator.text(chapter.text)
            for command in chapter.commands:
                narrator.command(command.line)
                outcome = shell.run(command.line)
                narrator.output(outcome.output)
                if outcome.exit_code:
                    raise _failed(command, f"exits with {outcome.exit_code}")
                problem = command.check(outcome.output)
                if problem is not None:
                    raise _failed(command, problem)


def _failed(command: Command, problem: str) -> StoryFailed:
    return StoryFailed(f"the demo stops here: {' '.join(command.line.split())} {problem}")


def _silent(output: str) -> str | None:
    return "prints something" if output else None


def _one_object(output: str) -> str | None:
    return None if len(set(output.split())) == 1 else "prints different object ids"


def _no_code(output: str) -> str | None:
    return "names a file of the code" if re.search(r" code/", output) else None


def _two_environments(output: str) -> str | None:
    users = [line.split()[-1] for line in output.splitlines() if "digits@" in line]
    return None if len(users) == 2 else "does not show an environment for each snapshot"


def _names(text: str) -> Check:
    """Whether the output names something."""
    return lambda output: None if text in output else f"does not name {text}"


def _names_or_charges_nothing(text: str) -> Check:
    """Whether an invoice names something. It has no lines yet if everything is younger than a second."""
    names = _names(text)
    return lambda output: None if output.startswith("Nothing was charged") else names(output)


def _over(percent: float) -> Check:
    """Whether the total of data/score.py is over so many percent."""

    def check(output: str) -> str | None:
        total = re.search(r"^total +([\d.]+)%", output, re.MULTILINE)
        return None if total and float(total[1]) > percent else f"does not give over {percent} %"

    return check


def _derived(name: str, digits: str) -> list[Command]:
    """Training a derived model on some digits in its own worktree, a snapshot of it, and how good that is."""
    classes = digits.replace(" ", ",")
    return [
        Command(f"cd ../{name}"),
        Command(
            "gitstore train -p images=@../digits/data/digits.npz:train_images \\\n"
            f"    -p labels=@../digits/data/digits.npz:train_labels -p 'classes=[{classes}]' --use"
        ),
        Command(f"gitstore snapshot v1 -m 'Trained on the {name} digits'"),
        Command("gitstore evaluate v1 -p images=@../digits/data/digits.npz:test_images --out out"),
        Command(f"python ../digits/data/score.py out/digit.npy {digits}", _over(90)),
    ]


CHAPTERS = [
    Chapter(
        "A model is a git repository. This one classifies images of handwritten digits, in plain numpy.",
        [
            Command("gitstore init digits --example digits"),
            Command("cd digits"),
            Command("git ls-files"),
        ],
    ),
    Chapter(
        "Train it on the digits 0 to 4. That makes a new state, and --use makes it the active one.",
        [
            Command(
                "gitstore train -p images=@data/digits.npz:train_images \\\n"
                "    -p labels=@data/digits.npz:train_labels -p 'classes=[0,1,2,3,4]' --use"
            ),
        ],
    ),
    Chapter(
        "A snapshot is code, state and settings together. It is an annotated tag: git can read it.",
        [
            Command("gitstore snapshot v1 -m 'Generic classifier, trained on 0 to 4'"),
            Command("git cat-file -p v1"),
            Command("git ls-tree v1"),
        ],
    ),
    Chapter(
        "Evaluate it on images that it has not seen. It knows 0 to 4, and nothing else.",
        [
            Command("gitstore evaluate v1 -p images=@data/digits.npz:test_images --out out/v1"),
            Command("python data/score.py out/v1/digit.npy"),
            Command("python data/score.py out/v1/digit.npy 0 1 2 3 4", _over(90)),
        ],
    ),
    Chapter(
        "Change the code, the settings and a package: another activation function, another name for an"
        " output, another numpy. gitstore lock pins it with its hashes.",
        [
            Command(
                "sed -i.bak -e 's/np.maximum(\\(.*\\), 0)/np.tanh(\\1)/' "
                "-e 's/(hidden > 0)/(1 - hidden**2)/' \\\n"
                "    -e 's/probability/confidence/' -e 's/numpy==2.4.6/numpy==2.3.5/' \\\n"
                "    code/model.py settings.yaml"
            ),
            Command("rm code/model.py.bak settings.yaml.bak"),
            Command("gitstore lock"),
            Command("git diff --unified=0 code settings.yaml"),
            Command("git commit --quiet --all --message 'Use tanh and numpy 2.3; call it confidence'"),
        ],
    ),
    Chapter(
        "Train on from the active state, with all ten digits.",
        [
            Command(
                "gitstore train -p images=@data/digits.npz:train_images \\\n"
                "    -p labels=@data/digits.npz:train_labels --use"
            ),
            Command("gitstore snapshot v2 -m 'Trained on all digits'"),
            Command("gitstore evaluate v2 -p images=@data/digits.npz:test_images --out out/v2"),
            Command("python data/score.py out/v2/digit.npy", _over(90)),
        ],
    ),
    Chapter(
        "Evaluate v1 again, with the numpy that it was taken with. Its outputs are the same, byte for byte:"
        " cmp finds no difference.",
        [
            Command("gitstore evaluate v1 -p images=@data/digits.npz:test_images --out out/v1-again"),
            Command("cmp out/v1/digit.npy out/v1-again/digit.npy", _silent),
            Command("cmp out/v1/probability.npy out/v1-again/probability.npy", _silent),
            Command("gitstore env list", _two_environments),
        ],
    ),
    Chapter(
        "Derive two models from v1. Each has its own worktree, settings and states; the code is that of v1.",
        [
            Command("gitstore derive v1 even"),
            Command("gitstore derive v1 odd"),
            Command("git worktree list"),
        ],
    ),
    Chapter("Train one of them on the even digits.", _derived("even", "0 2 4 6 8")),
    Chapter("And the other on the odd ones.", _derived("odd", "1 3 5 7 9")),
    Chapter(
        "The code of all three is one git object, and no file that the two have added is code.",
        [
            Command("cd ../digits"),
            Command("git rev-parse v1:code even/v1:code odd/v1:code", _one_object),
            Command(
                "git rev-list --objects --filter=object:type=blob --filter-provided-objects \\\n"
                "    even/v1 odd/v1 --not v1",
                _no_code,
            ),
        ],
    ),
    Chapter(
        "What is stored, for whom. An object that several hold is there once, and charged in equal parts.",
        [
            Command("gitstore list --all"),
            Command("gitstore usage"),
        ],
    ),
    Chapter(
        "Every object is what its id says, for gitstore and for git, which has nothing to complain about.",
        [
            Command("gitstore verify --all"),
            Command("git fsck --full --strict", _silent),
            Command("git log --oneline --graph --decorate --branches --tags"),
        ],
    ),
    Chapter(
        "Share them. A store is a directory of bare repositories. Its hooks decide what a push may bring, and"
        " its ledger says since when each byte is stored. The price is so high that seconds cost something.",
        [
            Command("cd .."),
            Command("gitstore store init store"),
            Command("echo 'prices: [{from: 2026-01-01, storage: 900/MiB-hour}]' >> store/store.yaml"),
            Command("gitstore store create lab/digits --store store"),
            Command("git -C digits remote add origin ../store/lab/digits.git"),
            Command("gitstore -C digits push", _names("v2")),
        ],
    ),
    Chapter(
        "A clone somewhere else gives the same results as the model that it was cloned from.",
        [
            Command("gitstore clone store/lab/digits.git clone"),
            Command("cd clone"),
            Command("gitstore evaluate v2 -p images=@../digits/data/digits.npz:test_images --out out"),
            Command("cmp out/digit.npy ../digits/out/v2/digit.npy", _silent),
        ],
    ),
    Chapter(
        "Derive a model in the store. Its base is charged for what both hold, the new model for the rest.",
        [
            Command("cd ../store"),
            Command("gitstore store derive lab/digits@v1 team/letters", _names("charged")),
            Command("gitstore store usage", _names("team/letters")),
            Command("gitstore store invoice --month $(date -u +%Y-%m)", _names_or_charges_nothing("digits")),
            Command("gitstore store audit"),
        ],
    ),
]
