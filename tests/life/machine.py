"""The rules of a life for what is on disk and for states, and what all rules are made with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gitstore.git.repository import Repository
from tests.life import checks
from tests.life.contents import CODE_FILES, IGNORED_FILES, STATE_FILES, STATES, contents, numbers
from tests.life.life import Life
from tests.life.world import Line
from tests.support.commands import Git, Gitstore, Run


def among(choose: Callable[[Life], Iterable[str]]) -> st.SearchStrategy[str]:
    """One of the names that there are at that moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(sorted(choose(machine.life))))


models = among(lambda life: life.world.models)
derived = among(lambda life: life.world.derived)
snapshots = among(lambda life: [f"{model.name}@{name}" for model, name, _ in life.world.snapshots()])
states = st.one_of(
    *2 * [among(lambda life: life.world.states() or STATES)],
    st.sampled_from(STATES),
)
"""States that some model has, as a rule."""
forces = st.booleans()


class Act(NamedTuple):
    """One thing to do: the name of a machine's method, and what it is given."""

    name: str
    given: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.given.items())})"


def step(
    when: Callable[[Life], object] = lambda _: True, *, often: int = 2, **drawn: st.SearchStrategy[Any]
) -> Callable[[_Method], _Method]:
    """Say of a method what it can be given, when it can be called at all, and how often others are."""

    def decorate(method: _Method) -> _Method:
        strategy = st.builds(Act, st.just(method.__name__), st.fixed_dictionaries(drawn))
        _STEPS.append((when, often * [strategy]))
        return method

    return decorate


_Method = TypeVar("_Method", bound=Callable[..., None])
_STEPS: list[tuple[Callable[[Life], object], list[st.SearchStrategy[Act]]]] = []


def _acts(machine: Machine) -> st.SearchStrategy[Act]:
    possible = [acts for when, acts in _STEPS if when(machine.life)]
    return st.sampled_from([act for acts in possible for act in acts]).flatmap(lambda act: act)


def _is_file(number: int | None) -> bool:
    return number is not None


class Machine(RuleBasedStateMachine):
    """A life as hypothesis leads it. Each rule predicts whether its command is refused, and what it does.

    After each step files and refs are compared, and everything after every `often`-th one and at the end.
    """

    def __init__(self, run: Run, git: Git, gitstore: Gitstore, *, often: int) -> None:
        super().__init__()
        self.life, self._often = Life(run, git, gitstore), often
        self._steps = 0
        self.is_sound = False

    def teardown(self) -> None:
        try:
            if self.is_sound:
                self.life.check()
                checks.check_sharing(Repository.discover(self.life.root.directory))
                for copy in self.life.copies:
                    checks.check_copy(*copy)
        finally:
            self.life.end()

    @rule(act=st.runner().flatmap(_acts))
    def do(self, act: Act) -> None:
        """Do one thing, and look at what there is.

        One rule for all: of many, hypothesis would leave half out of each life, and they need one another.
        """
        self.is_sound = False
        getattr(self, act.name)(**act.given)
        self._steps += 1
        if self._steps % self._often:
            self.life.look()
        else:
            self.life.check()
        self.is_sound = True

    @step(
        model=models, state=st.sampled_from(STATES[:-1]), file=st.sampled_from(STATE_FILES), number=contents
    )
    def edit_state(self, model: str, state: str, file: str, number: int | None) -> None:
        here = self.life.world.models[model]
        if number is not None or file in here.disk.get(state, {}):
            files = here.disk.setdefault(state, {})
            self.life.write(here.directory / "states" / state, files, file, number)

    @step(often=3, model=models, file=st.sampled_from(CODE_FILES + IGNORED_FILES), number=numbers)
    def edit_code(self, model: str, file: str, number: int | None) -> None:
        here = self.life.world.models[model]
        files = here.ignored if file in IGNORED_FILES else here.code
        if number is not None or (file in files and here.code.keys() - {file}):
            self.life.write(here.directory / here.code_at, files, file, number)

    @step(model=models, number=st.integers(0, 3))
    def edit_settings(self, model: str, number: int) -> None:
        here = self.life.world.models[model]
        lines = [line for line in here.settings.splitlines() if not line.startswith(b"description:")]
        here.settings = b"\n".join([*lines, b"description: '%d'  # edited" % number, b""])
        (here.directory / "settings.yaml").write_bytes(here.settings)

    @step(model=models, committed=st.booleans())
    def add(self, model: str, committed: bool) -> None:
        here = self.life.world.models[model]
        self.life.stock(here, "add", "--all")
        here.index = (dict(here.code), here.settings)
        if committed and here.index != here.head:
            self.life.stock(here, "commit", "--quiet", "-m", "Edited")
            here.commit(here.index)

    @step(model=models, file=st.sampled_from(CODE_FILES))
    def check_out_file(self, model: str, file: str) -> None:
        here = self.life.world.models[model]
        there = {*here.code, *here.index[0]}
        if file in here.head[0] and not any(_excludes(file, each) for each in there):
            self.life.stock(here, "checkout", "HEAD", "--", f"{here.code_at}/{file}")
            here.code[file] = here.head[0][file]
            here.index = ({**here.index[0], file: here.head[0][file]}, here.index[1])

    @step(
        command=st.sampled_from(
            ["", "gc", "gc --prune=now", "repack -a -d", "pack-refs --all", "worktree prune"]
        )
    )
    def collect(self, command: str) -> None:
        """By stock git, or by gitstore."""
        if command:
            self.life.stock(self.life.root, *command.split())
        else:
            self.gc()

    def gc(self) -> None:
        """By gitstore, which leaves nothing to itself."""
        self.life.say(self.life.root, "gc")
        again = json.loads(self.life.say(self.life.root, "gc", "--dry-run", "--json").stdout)
        assert (again["freed"], again["snapshots"]) == (0, [])

    # States

    @step(model=models, state=states)
    def save_state(self, model: str, state: str) -> None:
        here = self.life.world.models[model]
        files, refused = here.on_disk(state), self._no_state_name(here, state)
        if files is None:
            refused = "it is not on disk"
        self.life.say(here, "state", "save", state, refused=refused, changes=_state_refs(here, state))
        if refused is None and files is not None:
            here.saved[state] = dict(files)

    @step(model=models, state=states)
    def use_state(self, model: str, state: str) -> None:
        here = self.life.world.models[model]
        is_there = state == "initial" or here.current(state) is not None
        refused = None if is_there else "there is none"
        self.life.say(here, "state", "use", state, refused=refused)
        if refused is None:
            here.active = state

    @step(model=models, state=states)
    def write_state_out(self, model: str, state: str) -> None:
        here = self.life.world.models[model]
        refused = None if here.current(state) is not None else "there is none"
        outcome = self.life.say(here, "state", "path", state, refused=refused)
        if refused is None:
            assert outcome.stdout == f"{here.directory / 'states' / state}\n"
            if here.on_disk(state) is None:
                here.disk[state] = dict(here.saved[state])

    @step(
        model=models,
        state=st.sampled_from(STATES),
        files=st.dictionaries(
            st.sampled_from(STATE_FILES[1:]), contents.filter(lambda number: number is not None), max_size=2
        ),
        force=forces,
        save=st.booleans(),
    )
    def import_state(self, model: str, state: str, files: dict[str, int], force: bool, save: bool) -> None:
        here, source = self.life.world.models[model], self.life.top / "Quelle"
        source.mkdir()
        found: dict[str, bytes] = {}
        for path, number in files.items():
            self.life.write(source, found, path, number)
        refused = self._no_state_name(here, state)
        if not force and (here.disk.get(state) or state in here.saved):
            refused = "there is one"
        if not files:
            refused = "there is nothing to import"
        options = [*(["--force"] if force else []), *([] if save else ["--no-save"])]
        command = ["state", "import", str(source), "--name", state, *options]
        self.life.say(here, *command, refused=refused, changes=_state_refs(here, state))
        if refused is None:
            here.disk[state] = found
            if save:
                here.saved[state] = dict(found)
        for path in found:
            (source / path).unlink()
        checks.remove_empty(source)

    @step(model=models, old=states, new=st.sampled_from(STATES))
    def rename_state(self, model: str, old: str, new: str) -> None:
        here = self.life.world.models[model]
        refused = self._no_state_rename(here, old, new)
        changes = _state_refs(here, old, new)
        self.life.say(here, "state", "rename", old, new, refused=refused, changes=changes)
        if refused is None:
            if old in here.saved:
                here.saved[new] = here.saved.pop(old)
            if here.disk.get(old):
                here.disk[new] = here.disk.pop(old)
            here.active = new if here.active == old else here.active

    @step(model=models, state=states, force=forces)
    def rm_state(self, model: str, state: str, force: bool) -> None:
        here, refused = self.life.world.models[model], None
        if here.current(state) is None:
            refused = "there is none"
        elif not force and (here.active == state or here.loses_state(state)):
            refused = "it is active, or not saved"
        options = ["--force"] if force else []
        changes = _state_refs(here, state)
        self.life.say(here, "state", "rm", state, *options, refused=refused, changes=changes)
        if refused is None:
            here.saved.pop(state, None)
            here.disk.pop(state, None)
            here.active = "initial" if here.active == state else here.active

    def _no_state_name(self, model: Line, state: str) -> str | None:
        if " " in state:
            return "it is no name"
        return "a model has the name" if self.life.world.is_taken(model, state) else None

    def _no_state_rename(self, model: Line, old: str, new: str) -> str | None:
        no_name = self._no_state_name(model, new)
        if no_name is not None or old == new:
            return no_name or "it is called so"
        saved, there = model.saved, model.disk
        if old not in saved and not there.get(old):
            return "there is none"
        # The same commit under both names is a renaming that was killed in its midst.
        begun = {old, new} <= saved.keys() and len({self._state(model, each) for each in (old, new)}) == 1
        if (not begun and (new in saved or there.get(new))) or (there.get(old) and there.get(new)):
            return "there is one of that name"
        return None

    def _state(self, model: Line, state: str) -> str:
        return self.life.oid(f"refs/states/{model.prefix}{state}")


def _state_refs(model: Line, *states: str) -> list[str]:
    return [f"refs/states/{model.prefix}{state}" for state in states]


def _excludes(one: str, other: str) -> bool:
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")
