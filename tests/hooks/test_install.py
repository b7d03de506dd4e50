"""`gitstore hooks install`, `list`, `uninstall`: the hooks of others go on running, and come back."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.hooks import install as installation
from gitstore.hooks import listing, script
from gitstore.hooks.install import install, uninstall
from tests.support import spawning
from tests.support.commands import Git, Run
from tests.support.failing import refuses
from tests.support.kills import copied
from tests.support.models import make, take
from tests.support.processes import kill, outcome, start

NAME = "reference-transaction"
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> "{log}"\ncat >> "{log}"\n'


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python that the guard starts is a stand-in; returns the real one."""
    python = Path(sys.executable)
    monkeypatch.setattr(sys, "executable", str(spawning.stand_ins() / "python"))
    return python


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model with a snapshot is made once, to be copied for each test."""
    return tmp_path_factory.mktemp("template") / "große zahlen"


@pytest.fixture
def here(template: Path, tmp_path: Path) -> Path:
    if not template.exists():
        take(make(template), "v1")
    return shutil.copytree(template, tmp_path / template.name, symlinks=True)


@pytest.fixture
def hooks(here: Path) -> Path:
    return here / ".git" / "hooks"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a log"


def opened(here: Path) -> Repository:
    return Repository.discover(here)


def write(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def inside(here: Path) -> dict[str, str]:
    """Configuration and hooks: bytes, modes, links."""
    top = here / ".git" if (here / ".git").is_dir() else here
    found = {"config": (top / "config").read_text()}
    for folder in (top / "hooks", top / "gitstore-hooks", here / ".husky", here.parent / "company"):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            goal = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
            found[str(path)] = f"{path.lstat().st_mode:o} {goal}"
    return found


def guarded(here: Path) -> bool:
    """Whether stock git is kept from deleting the snapshot."""
    done = subprocess.run(
        ["git", "tag", "--delete", "v1"], cwd=here, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or "the snapshot v1 can only be removed by gitstore" in done.stderr
    return done.returncode != 0


class TestWithinTheRepository:
    def test_there_and_back(self, here: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a guard that starts the real Python."""
        monkeypatch.setattr(sys, "executable", str(python))
        before = inside(here)
        done = install(opened(here))
        assert (done.path, done.following) == (here / ".git" / "hooks" / NAME, None)
        installed = inside(here)
        install(opened(here))
        assert inside(here) == installed
        assert guarded(here)
        assert uninstall(opened(here)).remaining == ()
        assert inside(here) == before
        assert uninstall(opened(here)) == installation.Uninstalled((), ())

    @pytest.mark.parametrize("kind", ["file", "link", "not executable"])
    def test_the_user_s_hook_runs_after_it_and_comes_back(
        self, here: Path, hooks: Path, log: Path, git: Git, kind: str, tmp_path: Path
    ) -> None:
        path = hooks / NAME
        if kind == "link":
            write(tmp_path / "mine", NOTE.format(log=log))
            path.symlink_to("../../../mine")
        else:
            write(path, NOTE.format(log=log), 0o755 if kind == "file" else 0o640)
        before = inside(here)
        done = install(opened(here))
        assert done.following == hooks / f"{NAME}.user"
        install(opened(here))
        git("tag", "new", cwd=here)
        new = git("rev-parse", "HEAD", cwd=here).strip()
        if kind == "not executable":
            assert not log.exists()
        else:
            line = f"{'0' * 40} {new} refs/tags/new\n"
            told = log.read_text().removeprefix(f"{NAME}.user preparing\n{line}")  # from git 2.54 on
            assert told == f"{NAME}.user prepared\n{line}{NAME}.user committed\n{line}"
        assert guarded(here)
        uninstall(opened(here))
        assert inside(here) == before

    def test_the_user_s_hook_can_refuse(self, here: Path, hooks: Path) -> None:
        write(hooks / NAME, "#!/bin/sh\n[ $1 = aborted ] || echo mine >&2\nexit 3\n")
        install(opened(here))
        done = subprocess.run(["git", "tag", "x"], cwd=here, capture_output=True, text=True, check=False)
        assert done.returncode == 128
        assert re.fullmatch(
            "mine\nfatal: .*updates? aborted by (the reference-transaction )?hook\n", done.stderr
        )

    def test_many_lines_reach_it_as_they_are(self, here: Path, hooks: Path, log: Path, git: Git) -> None:
        write(hooks / NAME, '#!/bin/sh\n[ "$1" != prepared ] || cat >> "{log}"\n'.replace("{log}", str(log)))
        install(opened(here))
        head = git("rev-parse", "HEAD", cwd=here).strip()
        names = [f"refs/{'tags' if each % 2 else 'heads'}/ä{each}" for each in range(100)]
        git(
            "update-ref",
            "--stdin",
            cwd=here,
            stdin="".join(f"create {each} {head}\n" for each in names).encode(),
        )
        assert log.read_text() == "".join(f"{'0' * 40} {head} {each}\n" for each in names)

    def test_without_a_directory_of_hooks(self, here: Path, hooks: Path) -> None:
        shutil.rmtree(hooks)
        install(opened(here))
        assert guarded(here)

    def test_core_hooks_path_that_says_the_default(self, here: Path, hooks: Path, git: Git) -> None:
        git("config", "core.hooksPath", ".git/hooks", cwd=here)
        assert install(opened(here)).path == here / ".git" / "hooks" / NAME
        assert guarded(here)

    def test_one_that_was_changed_is_not_lost(self, run: Run, here: Path, hooks: Path) -> None:
        install(opened(here))
        path = hooks / NAME
        path.write_text(path.read_text() + "echo more\n")
        with refuses(path):
            install(opened(here))
        outcome = run("hooks", "uninstall", cwd=here)
        assert (outcome.code, outcome.stderr.startswith(f"warning: {path} ")) == (1, True), outcome
        assert path.read_text().endswith("echo more\n")

    def test_one_that_was_replaced_is_not_lost(self, here: Path, hooks: Path) -> None:
        write(hooks / NAME, "#!/bin/sh\n# first\n")
        install(opened(here))
        write(hooks / NAME, "#!/bin/sh\n# second\n")
        with refuses(hooks / NAME, f"{NAME}.user"):
            install(opened(here))
        assert uninstall(opened(here)).remaining == (hooks / NAME, hooks / f"{NAME}.user")
        assert "second" in (hooks / NAME).read_text() and "first" in (hooks / f"{NAME}.user").read_text()

    def test_in_a_bare_repository_and_from_a_worktree(self, here: Path, tmp_path: Path, git: Git) -> None:
        git("clone", "--quiet", "--mirror", str(here), str(tmp_path / "bare.git"), cwd=tmp_path)
        install(opened(tmp_path / "bare.git"))
        assert guarded(tmp_path / "bare.git")
        git("worktree", "add", "--quiet", "../beside", cwd=here)
        assert install(opened(tmp_path / "beside")).path == here / ".git" / "hooks" / NAME
        assert guarded(tmp_path / "beside") and guarded(here)


class TestElsewhere:
    """`core.hooksPath` leads out of the repository: nothing is written there, and all of it runs."""

    @pytest.fixture
    def company(self, request: pytest.FixtureRequest, here: Path, hooks: Path, log: Path, git: Git) -> Path:
        how = getattr(request, "param", "local")
        directory = here / ".husky" if how == "local" else here.parent / "company"
        for name in ("pre-commit", "post-commit", NAME, "post-snapshot"):
            write(directory / name, NOTE.format(log=log))
        if how == "link":
            shutil.rmtree(hooks)
            hooks.symlink_to(directory)
        else:
            value = ".husky" if how == "local" else str(directory)
            git("config", f"--{how}", "core.hooksPath", value, cwd=here)
        return directory

    @pytest.mark.parametrize("company", ["local", "global", "link"], indirect=True)
    def test_there_and_back(self, here: Path, company: Path, log: Path, git: Git, run: Run) -> None:
        before = inside(here)
        done = install(opened(here))
        assert done.path == here / ".git" / "gitstore-hooks" / NAME
        assert {name: text for name, text in inside(here).items() if str(company) in name} == {
            name: text for name, text in before.items() if str(company) in name
        }
        installed = inside(here)
        install(opened(here))
        assert inside(here) == installed
        git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=here)
        ran = [line for line in log.read_text().splitlines() if " refs/" not in line and "HEAD" not in line]
        # A newer git tells of more transactions, and of a state more: each hook runs, in this order.
        places = [ran.index(each) for each in ("pre-commit ", f"{NAME} prepared", f"{NAME} committed")]
        assert places == sorted(places)
        assert (ran.count("pre-commit "), ran.count("post-commit ")) == (1, 1)
        assert guarded(here)
        assert run("snapshot", "v2", cwd=here).code == 0
        assert '"hook": "post-snapshot"' in log.read_text()
        self.look_at_the_list(here, company)
        uninstall(opened(here))
        (company / "pre-push").unlink()
        assert inside(here) == before

    def look_at_the_list(self, here: Path, company: Path) -> None:
        write(company / "pre-push", "#!/bin/sh\n", 0o644)
        found = listing.list_hooks(opened(here))
        assert found.is_protected
        assert {(each.name, str(each.owner), each.runs, each.path.name) for each in found.hooks} == {
            ("post-commit", "chained", True, "post-commit"),
            ("post-snapshot", "user", True, "post-snapshot"),
            ("pre-commit", "chained", True, "pre-commit"),
            ("pre-push", "chained", False, "pre-push"),
            (NAME, "gitstore", True, NAME),
            (NAME, "chained", True, NAME),
        }
        others = {each.path.parent.resolve() for each in found.hooks if each.owner != "gitstore"}
        assert others == {company}

    def test_a_hook_that_comes_later_runs(self, here: Path, company: Path, log: Path, git: Git) -> None:
        install(opened(here))
        write(company / "commit-msg", NOTE.format(log=log))
        git("commit", "--quiet", "--allow-empty", "-m", "x", cwd=here)
        assert "commit-msg .git/COMMIT_EDITMSG\n" in log.read_text()

    def test_what_is_put_into_our_directory_stays(self, here: Path, company: Path) -> None:
        install(opened(here))
        mine = write(here / ".git" / "gitstore-hooks" / "pre-commit", "#!/bin/sh\n# mine\n")
        with refuses("pre-commit"):
            install(opened(here))
        assert uninstall(opened(here)).remaining == (mine,)
        assert mine.read_text() == "#!/bin/sh\n# mine\n"
        assert "gitstore" not in (here / ".git" / "config").read_text()


def test_a_configuration_that_is_not_ours_to_change(here: Path, git: Git) -> None:
    git("config", "extensions.worktreeConfig", "true", cwd=here)
    git("config", "--worktree", "core.hooksPath", "/nowhere", cwd=here)
    with refuses("core.hooksPath", "/nowhere"):
        install(opened(here))


def test_when_the_path_changes_in_between(here: Path, git: Git) -> None:
    """husky, say, comes and goes: install follows, and uninstall takes all away."""
    before = inside(here)
    install(opened(here))
    git("config", "core.hooksPath", ".husky", cwd=here)
    assert not listing.list_hooks(opened(here)).is_protected
    assert install(opened(here)).path.parent.name == "gitstore-hooks"
    assert guarded(here)
    git("config", "--unset", "--fixed-value", "core.hooksPath", ".husky", cwd=here)
    assert install(opened(here)).path.parent.name == "hooks"
    assert not (here / ".git" / "gitstore-hooks").exists()
    assert guarded(here)
    uninstall(opened(here))
    assert inside(here) == before


def test_the_commands(run: Run, here: Path, hooks: Path) -> None:
    write(hooks / NAME, "#!/bin/sh\n")
    write(hooks / "pre-snapshot", "#!/bin/sh\n", 0o644)
    installed = run("hooks", "install", cwd=here / "code").stderr
    assert f"{hooks / NAME}:" in installed and f"{hooks / NAME}.user\n" in installed
    code, stdout, _ = run("hooks", "list", cwd=here)
    assert code == 0
    assert [line.split()[:4] for line in stdout.splitlines()] == [
        ["HOOK", "OF", "WHOSE", "RUNS"],
        ["pre-snapshot", "gitstore", "user", "no:"],
        [NAME, "git", "gitstore", "yes"],
        [NAME, "git", "chained", "yes"],
    ]
    (hooks / NAME).write_bytes(_other_version())
    found = json.loads(run("hooks", "list", "--json", cwd=here).stdout)
    assert (found["directory"], found["protected"]) == (str(hooks), True)
    assert found["hooks"][1] == {
        "name": NAME,
        "path": str(hooks / NAME),
        "of": "git",
        "whose": "gitstore",
        "executable": True,
        "runs": True,
        "current": False,
    }
    for _ in range(2):
        assert run("hooks", "uninstall", cwd=here).code == 0
    assert json.loads(run("hooks", "list", "--json", cwd=here).stdout)["protected"] is False
    assert run("hooks", "list", cwd=here.parent).code == 10


def test_a_guard_of_another_version_is_replaced(here: Path, hooks: Path) -> None:
    text = b"#!/bin/sh\n# gitstore hooks install wrote this (@SUM@): as it was long ago.\nexit 0\n"
    checksum = hashlib.sha256(text).hexdigest()[:16].encode()
    (hooks / NAME).write_bytes(text.replace(b"@SUM@", checksum))
    assert install(opened(here)).following is None
    assert (hooks / NAME).read_bytes() == script.render_guard()


def _other_version() -> bytes:
    """The guard as another installation of gitstore wrote it."""
    before, sys.executable = sys.executable, "/other/python"
    try:
        return script.render_guard()
    finally:
        sys.executable = before


@pytest.mark.parametrize("apart", [False, True], ids=["within", "apart"])
def test_kill_at_random_instants(
    request: pytest.FixtureRequest, here: Path, git: Git, *, apart: bool
) -> None:
    """The user's hook runs whatever the instant, and a repeat finishes."""
    log = here.parent / "log"
    if apart:
        git("config", "core.hooksPath", ".husky", cwd=here)
    write((here / ".husky" if apart else here / ".git" / "hooks") / NAME, NOTE.format(log=log))
    before = inside(here)
    kills = max(2, request.config.getoption("--kills") // 3)
    draw = random.Random(f"hooks {apart}")
    for number in range(kills):
        directory = copied(here, here.parent / str(number))
        for command in ("install", "uninstall"):
            process = start("hooks", command, cwd=directory)
            time.sleep(0.01 + 0.12 * (number + draw.random()) / kills)
            kill(process, group=True)
            log.unlink(missing_ok=True)
            git("tag", f"{command}-{number}", cwd=directory)
            assert f"refs/tags/{command}-{number}" in log.read_text()
            if (directory / ".git" / "config.lock").exists():
                (directory / ".git" / "config.lock").unlink()  # of a git that was killed
            again = outcome(start("hooks", command, cwd=directory))
            assert again.code == 0, again
            assert listing.list_hooks(opened(directory)).is_protected == (command == "install")
        now = {name.replace(str(directory), str(here)): text for name, text in inside(directory).items()}
        assert now == before
