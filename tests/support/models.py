"""Small models to test with, and pictures of everything that a command may not touch."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from functools import cache
from pathlib import Path

from gitstore.models import init
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run import conditions
from gitstore.run.cache.cache import Cache
from gitstore.run.conditions import Conditions
from gitstore.run.evaluation import LocalLauncher
from gitstore.sandbox.choice import Sandbox
from gitstore.snapshots import take as capture
from tests.support import copying, lasting
from tests.support.commands import git

MODEL = '''\
import json
from pathlib import Path

import numpy as np

RATE = 2.0


class Model:
    """Multiplies by a factor, which training adds to."""

    @staticmethod
    def create_state(out, factor=None):
        save(out, 1.0 if factor is None else float(factor))

    def __init__(self, state):
        path = Path(state) / "factor.json"
        self.factor = json.loads(path.read_text()) if path.exists() else 1.0

    def evaluate(self, values):
        return {"products": values * self.factor * RATE}

    def train(self, tracker, values):
        if (values < 0).any():
            raise ValueError("a negative value")
        self.factor += float(values.sum())
        tracker.metric("factor", self.factor)

    def save_state(self, out):
        save(out, self.factor)


def save(out, factor):
    (Path(out) / "factor.json").write_text(json.dumps(factor))
'''

SETTINGS = """\
# What this model is
name: {name}
filesystem_size: 1MiB    # no more
types:
  create_state:
    - {{name: factor, types: [f64], shape: [], required: false}}
  train:
    - {{name: values, types: [f64], shape: [-1]}}
  evaluate:
    inputs:
      - {{name: values, types: [f64], shape: [-1]}}
    outputs:
      - {{name: products, types: [f64], shape: [-1]}}
"""


def make(directory: Path, name: str = "digits") -> Model:
    """A model in a new repository: code that multiplies, and `states/initial/weights` of 8 bytes.

    Where there is nothing yet, it is a copy: each process makes such a model once for all its tests.
    """
    configuration = os.environ.get("GIT_CONFIG_GLOBAL")
    if directory.exists() or configuration is None:
        return _make(directory, name)
    variables = ((key, os.environ[key]) for key in sorted(os.environ) if key.startswith("GIT_"))
    own = tuple(each for each in variables if each[0] != "GIT_CONFIG_GLOBAL")
    template = _template(name, own, Path(configuration).read_text())
    directory.parent.mkdir(parents=True, exist_ok=True)
    copying.copy_tree(template / name, directory)
    copying.refresh_index(directory / ".git" / "index", directory)
    return Model.open(directory)


@cache
def _template(name: str, variables: object, configuration: str) -> Path:
    """What `make` copies, if all that git goes by is the same."""
    template = lasting.make_directory("template")
    model = _make(template / name, name)
    with model.repository.writer():  # the first write sets what else each test would wait for
        pass
    for sample in (model.repository.common / "hooks").glob("*.sample"):
        sample.unlink()
    return template


def _make(directory: Path, name: str) -> Model:
    (directory / "code").mkdir(parents=True)
    (directory / "code" / "model.py").write_text(MODEL)
    model = init.create_model(directory, name=name).model
    (directory / "settings.yaml").write_text(SETTINGS.format(name=name))
    git("add", "--all", cwd=directory)
    git("commit", "--quiet", "-m", "A model that multiplies", cwd=directory)
    put(model, "initial", {"weights": b"\0\1\2\3\4\5\6\7"})
    return Model.open(directory)


def existing_repository(directory: Path, **files: str) -> Path:
    """A new repository with one commit of files, in whose names `__` is a slash."""
    directory.mkdir()
    git("init", "--quiet", cwd=directory)
    for name, text in files.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "--all", cwd=directory)
    git("commit", "--quiet", "--message", "before", cwd=directory)
    return directory


def put(model: Model, state: str, contents: dict[str, bytes]) -> Path:
    """Write files into a state on disk."""
    directory = model.directory / "states" / state
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def write(model: Model, name: str, content: str) -> None:
    """Write a text file of the working copy."""
    path = model.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def edit(model: Model, old: str, new: str) -> None:
    """Replace some text in the settings."""
    path = model.directory / "settings.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def change(model: Model, *, old: str = "RATE = 2.0", new: str = "RATE = 3.0") -> None:
    """Commit another code."""
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace(old, new))
    git("add", "--all", cwd=model.directory)
    git("commit", "--quiet", "-m", "another rate", cwd=model.directory)


def retype(model: Model, old: str, new: str) -> None:
    """Commit other settings."""
    edit(model, old, new)
    git("commit", "--quiet", "-m", "other settings", "--", "settings.yaml", cwd=model.directory)


def take(model: Model, name: str, message: str | None = None) -> Snapshot:
    """A snapshot, as a fresh process would take it."""
    return capture.take(again(model), name, message=message).snapshot


def again(model: Model) -> Model:
    """The model as a fresh process would see it."""
    return Model.open(model.directory)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression makes smaller, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def refs(directory: Path) -> dict[str, str]:
    """Everything that names a commit or a tag: refs, symbolic refs, and the HEAD of each working copy."""
    found = dict(
        line.split(" ", 1)
        for line in git(
            "for-each-ref", "--format=%(refname) %(objectname) %(symref)", cwd=directory
        ).splitlines()
    )
    return found | {"worktrees": git("worktree", "list", "--porcelain", cwd=directory)}


def picture(directory: Path) -> dict[str, str]:
    """Every file below a directory but for git's own: its mode, and its hash or where it links to."""
    found = {}
    for folder, folders, names in os.walk(directory):
        if ".git" in folders:
            folders.remove(".git")
        for path in (Path(folder, name) for name in [*names, *folders] if name != ".git"):
            mode = f"{path.lstat().st_mode:o}"
            if path.is_symlink():
                found[str(path.relative_to(directory))] = f"{mode} {os.readlink(path)}"
            elif path.is_file():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[str(path.relative_to(directory))] = f"{mode} {digest}"
            else:
                found[str(path.relative_to(directory))] = mode
    return found


def git_state(directory: Path) -> tuple[bytes, str, str]:
    """What a plain git user looks at: the index byte by byte, HEAD, and the status."""
    git_directory = Path(git("rev-parse", "--absolute-git-dir", cwd=directory).strip())
    index = git_directory / "index"
    return (
        index.read_bytes() if index.exists() else b"",
        (git_directory / "HEAD").read_text(),
        git("--no-optional-locks", "status", "--porcelain=v2", "--branch", cwd=directory),
    )


def trailers(directory: Path, tag: str) -> dict[str, str]:
    """A tag's trailers, as stock git finds them."""
    message = git("tag", "--list", "--format=%(contents)", tag, cwd=directory)
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=message,
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def joined(directory: Path) -> dict[str, bytes]:
    """The files below a checkout's state/, with `cat NAME.parts/*` done by a shell."""
    found = {}
    for folder, folders, names in os.walk(directory):
        for name in [each for each in folders if each.endswith(".parts")]:
            folders.remove(name)
            content = subprocess.check_output(["sh", "-c", 'cat "$1"/*', "sh", str(Path(folder, name))])
            found[str(Path(folder, name.removesuffix(".parts")).relative_to(directory))] = content
        for path in (Path(folder, name) for name in names):
            found[str(path.relative_to(directory))] = path.read_bytes()
    return found


def user_conditions() -> Conditions:
    """The conditions of the operations of this test."""
    environments = conditions.find_environments(user_cache())
    return Conditions(user_cache(), environments, Sandbox(off=True))


def user_launcher() -> LocalLauncher:
    """The launcher of the commands of this test."""
    return LocalLauncher(user_conditions())


def user_cache() -> Cache:
    """The cache that the commands of this test use."""
    return Cache(Path(os.environ["XDG_CACHE_HOME"]) / "gitstore")
