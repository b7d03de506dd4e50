"""What `import gitstore` promises: the names, where they come from, and that it costs nothing."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gitstore
from gitstore import errors
from tests.support.commands import Run

PAGE = Path(gitstore.__file__).parents[1] / "docs" / "library.md"


def test_all_is_sorted_and_everything_in_it_is_there() -> None:
    assert gitstore.__all__ == sorted(set(gitstore.__all__))
    assert dir(gitstore) == gitstore.__all__
    for name in gitstore.__all__:
        assert getattr(gitstore, name) is not None


def test_everything_says_what_it_is_and_takes_and_gives() -> None:
    for name in set(gitstore.__all__) - {"__version__"}:
        exported = getattr(gitstore, name)
        assert inspect.getdoc(exported), name
        assert exported.__name__ == name
        for method, function in vars(exported).items() if inspect.isclass(exported) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                assert inspect.getdoc(function), f"{name}.{method}"
                assert "return" in function.__annotations__, f"{name}.{method}"


def test_every_error_of_the_tree_is_exported_and_drawn_and_on_the_page() -> None:
    classes = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}
    own = {name for name, value in classes.items() if issubclass(value, Exception)}
    assert own == {name for name in gitstore.__all__ if name in vars(errors)}
    assert own == set(re.findall(r"^    [│├└─ ]*(\w+)  ", errors.__doc__ or "", re.MULTILINE))
    table = PAGE.read_text().partition("| class | when |")[2]
    assert own <= set(re.findall(r"`([A-Z]\w+)`", table))


def test_every_name_is_on_the_page() -> None:
    page = PAGE.read_text()
    shown = {*re.findall(r"\w+", page)}
    values = {"Holder", "ModelUse", "PackUse", "State", "__version__"}  # what attributes hold
    assert set(gitstore.__all__) - shown <= values
    for noun in (gitstore.Model, gitstore.Snapshot):
        public = {name for name in vars(noun) if not name.startswith("_")}
        assert {name for name in public if f".{name}" not in page} == set(), noun


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'gitstore' has no attribute 'opne'"):
        gitstore.opne  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(gitstore, "Repository")


def test_importing_it_imports_nothing_else() -> None:
    script = (
        "import sys; before = {*sys.modules}; import gitstore; gitstore.__version__, dir(gitstore)\n"
        "print(*sorted({*sys.modules} - before))"
    )
    printed = output(sys.executable, "-c", script)
    assert printed.split() == ["gitstore"]


def test_python_m_gitstore_is_the_command(tmp_path: Path, run: Run) -> None:
    assert output(sys.executable, "-m", "gitstore", "--version") == f"gitstore {gitstore.__version__}\n"
    command = [sys.executable, "-m", "gitstore", "list"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == run("list", cwd=tmp_path)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_errors_come_back_whole_from_another_process() -> None:
    for error in (
        errors.NoSuchSnapshot("there is no snapshot v9", "look again"),
        errors.InvalidInput(["a: is missing", "b: is missing"]),
        errors.ModelException("it raised", "mend it", phase="train", traceback="Traceback"),
        errors.CodeTerminated("it ended", phase="train", returncode=3, signal=None),
    ):
        received = pickle.loads(pickle.dumps(error))
        assert type(received) is type(error)
        assert (str(received), vars(received)) == (str(error), vars(error))
