"""Whatever is done to a model, in whatever order: each snapshot stays, and all adds up.

`make life` lives many more lives than a test run does, and looks at everything after each step. A failure
prints the shortest sequence of rules that shows it.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from gitstore import settings as settings_file
from gitstore.git.repository import Repository
from gitstore.storage import usage
from tests.life import checks
from tests.life.contents import MESSAGES, MODELS, SNAPSHOTS
from tests.life.machine import (
    Machine,
    derived,
    forces,
    models,
    snapshots,
    step,
)
from tests.life.world import Base, Line, Taken
from tests.support.commands import Git, Gitstore, Run

SOME, STEPS, OFTEN = 4, 20, 5
"""Lives, steps of each, and steps from one look at everything to the next, that a test run can afford."""


class AnyLife(Machine):
    """All rules: here those of the beginning, of snapshots and of models based on them."""

    # The beginning

    @initialize(adopted=st.booleans(), derived=st.booleans())
    def init(self, adopted: bool, derived: bool) -> None:
        """A model with a snapshot, edited since, and perhaps another based on it: much needs them."""
        life, root = self.life, self.life.root
        rules = "*.log\n/states/\n"
        if adopted:
            root.code_at = "src"
            life.git("init", "--quiet", str(root.directory), cwd=life.top)
            life.write(root.directory / "src", root.code, "model.py", 7)
            (root.directory / ".gitignore").write_text(rules)
            life.stock(root, "add", "--all")
            life.stock(root, "commit", "--quiet", "-m", "Before gitstore")
        options = ["--code", "src"] if adopted else []
        assert life.run("init", str(root.directory), "--name", "digits", *options, cwd=life.top).code == 0
        (root.directory / ".gitignore").write_text(rules)
        life.stock(root, "commit", "--quiet", "--allow-empty", "--all", "-m", "Rules")
        root.code = checks.files(root.directory / root.code_at)
        root.settings = (root.directory / "settings.yaml").read_bytes()
        root.head = root.index = root.before = (dict(root.code), root.settings)
        life.say(root, "init", refused="it is a model")
        self.edit_state("digits", "initial", "w", 14)
        self.take("digits", "v1", "", later=False)
        self.edit_code("digits", "run.log", 7)
        self.edit_code("digits", "lib/x.py", 14)
        if derived:
            self.derive("digits@v1", "dogs", "copy")
        life.check()

    # Snapshots

    @step(
        often=5,
        model=models,
        name=st.sampled_from(SNAPSHOTS),
        message=st.sampled_from(MESSAGES),
        later=st.booleans(),
    )
    def take(self, model: str, name: str, message: str, later: bool) -> None:
        here = self.life.world.models[model]
        self.life.now += later
        refused, state = self._no_snapshot_name(here, name), here.current(here.active)
        if state is None:
            refused = "it has no state"
        elif here.pinned is not None and here.code != here.pinned.code:
            refused = "the code is not the base's"
        ref = f"refs/tags/{here.prefix}{name}"
        self.life.say(here, "snapshot", name, "-m", message, refused=refused, changes=[ref])
        if refused is None and state is not None:
            said = message or f"Snapshot {name} of {model}"
            commit, tag = self.life.oid(f"{ref}^{{commit}}"), self.life.oid(ref)
            here.snapshots[name] = Taken(
                dict(here.code),
                dict(state),
                here.active,
                here.settings,
                said,
                self.life.now,
                commit,
                tag,
                here.base,
            )

    @step(lambda life: any(life.world.snapshots()), snapshot=snapshots, name=st.sampled_from(SNAPSHOTS))
    def rename(self, snapshot: str, name: str) -> None:
        (here, taken), old = self.life.world.find(snapshot), snapshot.partition("@")[2]
        refused = self._no_snapshot_name(here, name)
        refs = [f"refs/tags/{here.prefix}{each}" for each in (old, name)]
        self.life.say(here, "rename", old, name, refused=refused, changes=refs)
        if refused is None:
            here.snapshots[name] = here.snapshots.pop(old)
            taken.tag = self.life.oid(refs[1])

    @step(lambda life: any(life.world.snapshots()), snapshot=snapshots, force=forces, collect=st.booleans())
    def rm(self, snapshot: str, force: bool, collect: bool) -> None:
        """With `collect`, gc frees what it said, to the byte."""
        (here, taken), name = self.life.world.find(snapshot), snapshot.partition("@")[2]
        refused = "a model is based on it" if self.life.world.pinned_to(taken.commit) and not force else None
        options = ["--force"] if force else []
        if collect:
            self.gc()
        before = self._packed()
        ref = f"refs/tags/{here.prefix}{name}"
        outcome = self.life.say(here, "rm", name, "--yes", "--json", *options, refused=refused, changes=[ref])
        if refused is None:
            del here.snapshots[name]
            if collect:
                said = json.loads(outcome.stdout)
                self.gc()
                assert before - self._packed() == said["exclusive_bytes"] - said["withheld_bytes"]

    @step(
        lambda life: any(life.world.snapshots()),
        snapshot=snapshots,
        parts=st.sampled_from(["", "", "", "code", "state", "settings", "code settings"]),
        force=forces,
    )
    def restore(self, snapshot: str, parts: str, force: bool) -> None:
        here, taken = self.life.world.find(snapshot)
        chosen = set(parts.split() or ["code", "state", "settings"])
        refused = self._does_not_fit(here, taken, chosen) or (
            "something would be lost" if not force and self._loses(here, taken, chosen) else None
        )
        options = [*(f"--{part}" for part in parts.split()), *(["--force"] if force else [])]
        # A state that is nowhere on disk is saved before it becomes the active one.
        is_saved = "state" in chosen and here.active != taken.state_name and not taken.state
        is_saved &= here.current(taken.state_name) is None
        refs = [f"refs/states/{here.prefix}{taken.state_name}"] if is_saved else []
        command = ["restore", snapshot.partition("@")[2], *options]
        self.life.say(here, *command, refused=refused, changes=refs)
        if refused is None:
            if "code" in chosen:
                here.code = dict(taken.code)
            if "settings" in chosen:
                here.settings = self._settings(here, taken)
            if "state" in chosen:
                if self._writes_state(here, taken):
                    here.disk[taken.state_name] = dict(taken.state)
                if is_saved:
                    here.saved[taken.state_name] = dict(taken.state)
                here.active = taken.state_name

    def _no_snapshot_name(self, model: Line, name: str) -> str | None:
        if name == "HEAD":
            return "it is no name"
        if name in model.snapshots:
            return "there is one"
        return "a model has the name" if self.life.world.is_taken(model, name) else None

    def _does_not_fit(self, model: Line, taken: Taken, parts: set[str]) -> str | None:
        if "code" in parts and model.pinned is not None and model.pinned.code != taken.code:
            return "the code is not the base's"
        if "settings" in parts and taken.base != model.base and not self._is_detached_since(model, taken):
            return "the base was another"
        if "state" in parts and self.life.world.is_taken(model, taken.state_name):
            return "a model has the name of the state"
        if "state" in parts and self._writes_state(model, taken):
            is_saved = taken.state_name in model.saved
            return "no files would mean the state as it is saved" if is_saved and not taken.state else None
        return None

    def _writes_state(self, model: Line, taken: Taken) -> bool:
        """Whether the snapshot's state is to be written out, under its own name."""
        now, saved = model.on_disk(taken.state_name), model.saved.get(taken.state_name)
        return now != taken.state and not (now is None and not taken.state and saved in (None, taken.state))

    def _loses(self, model: Line, taken: Taken, parts: set[str]) -> bool:
        state = self._writes_state(model, taken) and model.loses_state(taken.state_name)
        return (
            ("state" in parts and state)
            or ("code" in parts and model.loses_code(taken.code))
            or ("settings" in parts and model.loses_settings(self._settings(model, taken)))
        )

    def _is_detached_since(self, model: Line, taken: Taken) -> bool:
        """Whether the model has the base that it had, but it has its own code now."""
        then, now = taken.base, model.base
        if then is None or now is None or then.is_detached or not now.is_detached:
            return False
        return replace(then, is_detached=True) == now

    def _settings(self, model: Line, taken: Taken) -> bytes:
        """The settings that are restored: a model that was detached stays so."""
        if not self._is_detached_since(model, taken):
            return taken.settings
        now = settings_file.parse(model.head[1]).based_on
        return settings_file.set_keys(taken.settings, {"based_on": now})

    def _packed(self) -> int:
        """Bytes of objects in packs."""
        packs = usage.measure(Repository.discover(self.life.root.directory)).packs
        return sum(pack.size - pack.overhead for pack in packs)

    # Derived models

    @step(
        lambda life: any(life.world.snapshots()),
        snapshot=snapshots,
        name=st.sampled_from(MODELS),
        state=st.sampled_from(["copy", "none"]),
    )
    def derive(self, snapshot: str, name: str, state: str) -> None:
        (above, taken), root = self.life.world.find(snapshot), self.life.root
        refused = None
        if name in self.life.world.models or name in root.snapshots or name in root.saved:
            refused = "the name is taken"
        directory = self.life.top / f"{name} von hier"
        changes = [f"refs/heads/{name}", f"refs/states/{name}/initial"]
        command = ["derive", snapshot.partition("@")[2], name, str(directory), "--state", state]
        self.life.say(above, *command, refused=refused, changes=changes)
        if refused is None:
            made = Line(name, f"{name}/", directory, base=_base(snapshot, taken), code=dict(taken.code))
            made.saved = {"initial": dict(taken.state)} if state == "copy" else {}
            made.head = dict(taken.code), taken.settings
            self._follow(made, made.base, dict(taken.code))
            self.life.world.derived[name] = made

    @step(
        lambda life: any(life.world.snapshots()) and len(life.copies) < 2,
        snapshot=snapshots,
        state=st.sampled_from(["copy", "none"]),
    )
    def derive_reference(self, snapshot: str, state: str) -> None:
        """A repository of its own, which nothing that happens here may touch: it is looked at in the end."""
        (above, taken), name = self.life.world.find(snapshot), snapshot.partition("@")[2]
        directory = self.life.top / f"Kopie {len(self.life.copies)}"
        self.life.say(above, "derive", name, "copy", str(directory), "--reference", "--state", state)
        line = Line("copy", "", directory, base=_base(snapshot, taken), code=dict(taken.code))
        self.life.say(line, "snapshot", "own", "-m", "Taken at once")
        self.life.copies.append((directory, taken.code, taken.state if state == "copy" else {}))

    @step(
        lambda life: life.world.derived and any(life.world.snapshots()),
        model=derived,
        snapshot=snapshots,
        force=forces,
    )
    def rebase(self, model: str, snapshot: str, force: bool) -> None:
        here, (above, taken) = self.life.world.models[model], self.life.world.find(snapshot)
        refused = self._no_base(here, above, taken, force)
        is_same = here.base is not None and (here.base.commit, here.base.tag) == (taken.commit, taken.tag)
        if refused is None and is_same and here.version != here.head:
            return  # a file that is as it was before the last commit would follow
        if refused is None and (here.version, here.index) != (here.head, here.head):
            refused = "something is not committed"
        options = ["--force"] if force else []
        changes = [f"refs/heads/{model}"]
        self.life.say(here, "rebase", snapshot, *options, refused=refused, changes=changes)
        if refused is None and not is_same:
            here.code = dict(taken.code)
            self._follow(here, _base(snapshot, taken), dict(taken.code))

    @step(lambda life: life.world.derived, often=1, model=derived)
    def detach(self, model: str) -> None:
        here, base = self.life.world.models[model], self.life.world.models[model].base
        assert base is not None
        is_clean = here.settings == here.index[1] == here.head[1]
        if base.is_detached and not is_clean:
            return  # see rebase
        changes = [f"refs/heads/{model}"]
        self.life.say(
            here, "detach", refused=None if is_clean else "the settings are not committed", changes=changes
        )
        if is_clean and not base.is_detached:
            own = Base(base.model, base.snapshot, base.tag, base.commit, base.code, is_detached=True)
            self._follow(here, own, here.head[0])

    def _no_base(self, model: Line, above: Line, taken: Taken, force: bool) -> str | None:
        world, base = self.life.world, model.base
        if base is None or base.is_detached:
            return "it is detached"
        lines = world.bases_of(above.name, taken.base) | world.bases_of(above.name, above.base)
        if above is model or model.name in lines:
            return "it would be based on itself"
        if not force and above.name != (base.model if base.model in world.derived else self.life.root.name):
            return "it is another model's"
        if (base.commit, base.tag) == (taken.commit, taken.tag):
            return None
        return "a commit changed the code" if not force and model.head[0] != base.code else None

    def _follow(self, model: Line, base: Base | None, code: dict[str, bytes]) -> None:
        """The settings name the base and are otherwise as they were; index and branch have them."""
        assert base is not None
        before, index = model.head[1], model.index[0]
        model.settings = (model.directory / "settings.yaml").read_bytes()
        found = settings_file.parse(model.settings)
        said, was = found.based_on, settings_file.parse(before)
        assert said is not None
        assert (said.model, said.snapshot, said.tag, said.commit, said.url, bool(said.detached)) == (
            base.model, base.snapshot, base.tag, base.commit, None, base.is_detached,
        )  # fmt: skip
        assert (found.name, found.types, found.description) == (model.name, was.types, was.description)
        model.base = base
        model.commit((code, model.settings))
        if base.is_detached:
            model.index = (index, model.settings)  # what was staged of the code stays so


def _base(snapshot: str, taken: Taken) -> Base:
    model, _, name = snapshot.partition("@")
    return Base(model, name, taken.tag, taken.commit, dict(taken.code))


def test_any_life(request: pytest.FixtureRequest, run: Run, git: Git, gitstore: Gitstore) -> None:
    lives = request.config.getoption("--lives")

    class Here(AnyLife):
        def __init__(self) -> None:
            super().__init__(run, git, gitstore, often=OFTEN if lives is None else 1)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=lives or SOME,
            stateful_step_count=STEPS if lives is None else 50,
            derandomize=lives is None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
        ),
    )
