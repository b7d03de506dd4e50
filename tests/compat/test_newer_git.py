"""What git has learned since 2.39, the oldest that gitstore takes; where it has not, a test is skipped."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.git.repository import Repository
from gitstore.models import reference
from gitstore.models.model import Model
from tests.support import combinations
from tests.support.commands import Fsck, Run, git, said
from tests.support.models import again, noise, put, take, write

HAVE = tuple(map(int, re.findall(r"\d+", git("version", cwd=Path()))[:2]))


def since(version: str, what: str) -> pytest.MarkDecorator:
    """Skip where git is older than the first version that has it."""
    needed = tuple(map(int, version.split(".")))
    return pytest.mark.skipif(needed > HAVE, reason=f"{what}: git {version}, and this is {HAVE[0]}.{HAVE[1]}")


def configure(tmp_path: Path, **values: str) -> None:
    """Set keys of the user, with `__` for a dot."""
    for key, value in values.items():
        git("config", "--global", "--add", key.replace("__", "."), value, cwd=tmp_path)


def chain(model: Model) -> Path:
    return model.repository.common / "objects" / "pack" / "multi-pack-index.d" / "multi-pack-index-chain"


def is_well(model: Model, run: Run, fsck: Fsck) -> None:
    """Nothing is lost, by our own checks and by git's."""
    fsck(model.directory)
    assert run("verify", "--all", cwd=model.directory).code == 0
    assert run("usage", cwd=model.directory).code == 0


@since("2.47", "incremental multi-pack-index")
class TestIncrementalMultiPackIndex:
    @pytest.fixture
    def indexed(self, model: Model) -> Model:
        """Two snapshots, each of which a layer of the index has: of sizes at which packs are not merged."""
        for number, size in enumerate((200_000, 50_000)):
            put(model, "initial", {"weights": noise(size, number)})
            take(model, f"v{number}")
            git("multi-pack-index", "write", "--incremental", cwd=model.directory)
        assert len(chain(model).read_text().split()) == 2
        return model

    def test_gc(self, indexed: Model, run: Run, fsck: Fsck) -> None:
        is_well(indexed, run, fsck)
        assert chain(indexed).exists()
        assert run("rm", "v0", "--yes", cwd=indexed.directory).code == 0
        assert run("gc", cwd=indexed.directory).code == 0
        is_well(indexed, run, fsck)

    def test_packs_are_merged(self, indexed: Model, run: Run, fsck: Fsck) -> None:
        for number in range(2, 6):
            take(indexed, f"v{number}")
            is_well(indexed, run, fsck)
        assert not chain(indexed).exists()  # a pack that it names went
        git("multi-pack-index", "write", "--incremental", cwd=indexed.directory)
        git("multi-pack-index", "verify", cwd=indexed.directory)


@since("2.48", "relative paths to worktrees")
class TestRelativePaths:
    @pytest.fixture
    def relative(self, model: Model, tmp_path: Path) -> Model:
        configure(tmp_path, worktree__useRelativePaths="true")
        take(model, "v1")
        git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"), cwd=model.directory)
        assert git("config", "extensions.relativeWorktrees", cwd=model.directory) == "true\n"
        assert (tmp_path / "side" / ".git").read_text().startswith("gitdir: ../digits/")
        return model

    def test_a_derived_model(self, relative: Model, tmp_path: Path, run: Run, fsck: Fsck) -> None:
        dogs = worktree.derive(reference.resolve("v1", relative.directory), "dogs", tmp_path / "dogs").model
        take(dogs, "v1")
        assert run("gc", cwd=relative.directory).code == 0
        is_well(relative, run, fsck)
        assert run("status", cwd=tmp_path / "side").code == 0
        assert run("models", "rm", "dogs", "--yes", cwd=relative.directory).code == 0
        assert "dogs" not in git("worktree", "list", cwd=relative.directory)
        is_well(relative, run, fsck)

    def test_all_of_it_is_moved(self, relative: Model, tmp_path: Path, run: Run, fsck: Fsck) -> None:
        """As git worktree repair writes it, with paths that stay right when all moves at once."""
        dogs = worktree.derive(reference.resolve("v1", relative.directory), "dogs", tmp_path / "dogs").model
        git("worktree", "repair", "--relative-paths", str(dogs.directory), cwd=relative.directory)
        (tmp_path / "moved").mkdir()
        for name in ("digits", "dogs", "side"):
            (tmp_path / name).rename(tmp_path / "moved" / name)
        moved = Model.open(tmp_path / "moved" / "dogs")
        take(moved, "v1")
        here = Model.open(tmp_path / "moved" / "digits")
        assert run("gc", cwd=moved.directory).code == 0
        is_well(here, run, fsck)
        assert run("models", "rm", "dogs", "--yes", cwd=here.directory).code == 0
        assert not moved.directory.exists()
        is_well(here, run, fsck)


@since("2.45", "reftable")
class TestReftable:
    def test_as_the_user_s_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, fsck: Fsck
    ) -> None:
        configure(tmp_path, init__defaultRefFormat="reftable", init__defaultObjectFormat="sha256")
        monkeypatch.setenv("GIT_DEFAULT_REF_FORMAT", "reftable")
        monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
        here = tmp_path / "digits"
        assert run("init", str(here), cwd=tmp_path).code == 0
        (here / "states" / "initial" / "weights").write_bytes(b"1")
        assert run("snapshot", "v1", cwd=here).code == 0
        assert run("derive", "v1", "dogs", cwd=here).code == 0
        assert run("derive", f"{here}@v1", "cats", cwd=tmp_path).code == 0
        for name in ("digits", "dogs", "cats"):
            assert run("snapshot", "v2", cwd=tmp_path / name).code == 0
            fsck(tmp_path / name)

    def test_is_refused(self, tmp_path: Path, run: Run) -> None:
        here = tmp_path / "here"
        git("init", "--quiet", "--ref-format=reftable", str(here), cwd=tmp_path)
        refusal = said(
            f"error: {here}/.git keeps its refs in a reftable, which gitstore does not support",
            "hint: git refs migrate --ref-format=files (git 2.46) converts them to files",
            code=1,
        )
        assert run("init", cwd=here) == refusal
        assert run("status", cwd=here) == refusal
        assert run("evaluate", f"{here}@v1", cwd=tmp_path) == refusal
        assert run("derive", f"{here}@v1", "dogs", cwd=tmp_path) == refusal
        assert sorted(path.name for path in here.iterdir()) == [".git"]
        assert not (tmp_path / "dogs").exists()


@since("2.46", "git refs migrate")
def test_refs_are_migrated_there_and_back(model: Model, run: Run, fsck: Fsck) -> None:
    """By the hint of the refusal; git migrates refs only where there are no more worktrees."""
    take(model, "v1")
    git("refs", "migrate", "--ref-format=reftable", cwd=model.directory)
    outcome = run("list", cwd=model.directory)
    assert (outcome.code, outcome.stderr.count("\n")) == (1, 2)
    hint = outcome.stderr.splitlines()[1].removeprefix("hint: git ").partition(" (")[0]
    git(*hint.split(), cwd=model.directory)
    assert reference.resolve("v1", model.directory).name == "v1"
    assert again(model).active_state == "initial"
    take(model, "v2")
    assert run("gc", cwd=model.directory).code == 0
    is_well(model, run, fsck)


@since("2.55", "hooks in the configuration, and a switch for them")
def test_hooks_in_the_configuration_do_not_run(model: Model, tmp_path: Path, run: Run) -> None:
    events = (
        "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-index-change",
        "reference-transaction", "pre-auto-gc", "post-rewrite", "post-merge",
    )  # fmt: skip
    log = tmp_path / "log"
    configure(tmp_path, hook__mine__command=f"echo ran >>'{log}'; cat >>'{log}'; false #")
    for event in events:
        configure(tmp_path, hook__mine__event=event)
    refused = subprocess.run(["git", "commit", "--allow-empty", "-m", "m"], cwd=model.directory, check=False)
    assert refused.returncode != 0
    assert log.read_text().startswith("ran")  # it works for stock git
    log.unlink()
    every_writing_command(model, tmp_path, lambda *_: None, run)
    assert not log.exists()


@combinations.sample(3)
@pytest.mark.parametrize(
    "upkeep",
    [
        pytest.param(("maintenance", "run", "--auto"), id="maintenance"),
        pytest.param(("gc", "--quiet", "--cruft", "--prune=now"), id="cruft", marks=since("2.41", "cruft")),
        pytest.param(
            ("repack", "-q", "--geometric=2", "-d", "--write-midx", "--write-bitmap-index"), id="geometric"
        ),
        pytest.param(
            ("repack", "-q", "--cruft", "--cruft-expiration=never", "-d", "--write-midx"), id="cruft-midx",
            marks=since("2.41", "cruft"),
        ),
        pytest.param(
            ("-c", "maintenance.strategy=geometric", "maintenance", "run"), id="strategy",
            marks=since("2.52", "the strategy geometric"),
        ),
        pytest.param(
            ("repack", "-q", "--geometric=2", "-d", "--write-midx=incremental", "--write-bitmap-index"),
            id="incremental", marks=since("2.55", "incremental repacking"),
        ),
    ],
)  # fmt: skip
def test_upkeep_between_commands_loses_nothing(
    model: Model, tmp_path: Path, run: Run, fsck: Fsck, upkeep: tuple[str, ...]
) -> None:
    """With gc.auto=1 and autoDetach off, so that each --auto is due, and over when it returns."""
    configure(tmp_path, gc__auto="1", gc__autoDetach="false", maintenance__autoDetach="false")
    exports = {}
    for number in range(4):
        put(model, "initial", {"weights": noise(70_000, number)})
        write(model, "code/more.py", f"NUMBER = {number}\n")
        git("add", "--all", cwd=model.directory)
        git("commit", "--quiet", "-m", "more", cwd=model.directory)
        take(model, f"v{number}")
        exports[f"v{number}"] = noise(70_000, number)
        git(*upkeep, cwd=model.directory)
        if number == 2:
            assert run("rm", "v0", "--yes", cwd=model.directory).code == 0
            del exports["v0"]
            assert run("gc", cwd=model.directory).code == 0
    is_well(model, run, fsck)
    for name, weights in exports.items():
        assert run("export", name, str(tmp_path / name), cwd=model.directory).code == 0
        assert (tmp_path / name / "state" / "weights").read_bytes() == weights


def every_writing_command(model: Model, tmp_path: Path, check: Fsck, run: Run) -> None:
    """Run each in turn, with a check after each."""
    here, dogs, cats = model.directory, tmp_path / "dogs", tmp_path / "cats"
    commands = [
        (here, "snapshot v1"), (here, "state save"), (here, "train -p values=[1.0] --use"),
        (here, "snapshot v2"), (here, f"derive v1 dogs {dogs}"), (tmp_path, f"derive {here}@v1 cats {cats}"),
        (dogs, "snapshot v1"), (cats, "snapshot v1"), (dogs, "rebase v2"), (dogs, "detach"),
        (here, "restore v1 --force"), (here, "rename v1 first"), (here, "rm v2 --yes --force"), (here, "gc"),
        (here, "models rm dogs --yes --force"), (here, "gc"), (cats, "gc"),
    ]  # fmt: skip
    for directory, command in commands:
        outcome = run(*command.split(), cwd=directory)
        assert outcome.code == 0, f"{command}: {outcome.stderr}"
        check(cats if directory == cats else here)
    check(cats)


def test_fsck_is_silent_after_every_writing_command(
    model: Model, tmp_path: Path, run: Run, fsck: Fsck
) -> None:
    every_writing_command(model, tmp_path, fsck, run)


def test_hooks_in_the_configuration_are_disabled_by_name(repository: Repository) -> None:
    """For git 2.54, which has no switch for all of them; nothing is asked for without such hooks."""
    assert repository.without_hooks == []
    repository.git("config", "hook.My own.hook.command", "false")
    repository.git("config", "hook.My own.hook.event", "reference-transaction")
    repository.git("config", "hook.jobs", "2")
    fresh = Repository(repository.git_directory)
    assert fresh.without_hooks == ["-c", "hook.My own.hook.enabled=false"]
    assert fresh.git("config", "hook.My own.hook.enabled") == b"false\n"


@pytest.mark.parametrize("variable", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"])
def test_hooks_in_a_configuration_that_a_variable_names(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Git reads such a file, and libgit2 does not."""
    file = tmp_path / "configuration"
    file.write_text('[include]\n\tpath = more\n[hook "one"]\n\tcommand = false\n')
    (tmp_path / "more").write_text('[hook "two"]\n\tcommand = false\n')
    monkeypatch.setenv(variable, str(file))
    disabled = [word for word in repository.without_hooks if word != "-c"]
    assert disabled == ["hook.one.enabled=false", "hook.two.enabled=false"]
    file.write_text("[damaged")
    assert Repository(repository.git_directory).without_hooks == []
