"""Models as people have them: the example, one of ONNX with trained weights, and one of scikit-learn.

Each runs in a locked environment of its own, of the wheels that `wheels` fetches.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gitstore.models import examples
from gitstore.settings import set_keys
from tests.support import wheels
from tests.support.commands import GITSTORE
from tests.support.environments import make_empty_index

_TEXT = "Snapshots never change 2026"
_SOURCES = Path(__file__).parents[1] / "real"
_WEIGHTS = "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
_DIGITS = Path(examples.__file__).parent / "digits" / "data" / "digits.npz"


@dataclass(frozen=True)
class RealModel:
    """A way to make a model, what to evaluate, and whether the outputs in a directory are good ones."""

    name: str
    requirements: tuple[str, ...]
    prepare: Callable[[Path], None]
    make_state: Callable[[Path], None]
    find_input: Callable[[Path], str]
    is_good: Callable[[Path], bool]

    def make(self, directory: Path) -> str:
        """Make the model in a new directory, with a lock, a state and the snapshot v1.

        Returns its input, as -p takes it. The directory beside it gets files as well.
        """
        self.prepare(directory)
        settings = directory / "settings.yaml"
        python = "{}.{}".format(*sys.version_info)
        packages = {"packages": {"python": python, "requirements": list(self.requirements)}}
        settings.write_bytes(set_keys(settings.read_bytes(), packages))
        gitstore("lock", cwd=directory)
        run("git", "add", "--all", cwd=directory)
        run("git", "commit", "--quiet", "--message", "The model", cwd=directory)
        self.make_state(directory)
        gitstore("snapshot", "v1", cwd=directory)
        return self.find_input(directory)


def gitstore(*arguments: str, cwd: Path) -> str:
    """Run the installed gitstore, which must succeed; return what it printed."""
    return run(str(GITSTORE), *arguments, cwd=cwd)


def run(*command: str, cwd: Path) -> str:
    """Run a command, which must succeed; return what it printed."""
    completed = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, f"{' '.join(command)}: {completed.stderr}"
    return completed.stdout


def offline(cache: Path) -> Mapping[str, str]:
    """Variables with which uv and gitstore have empty caches below `cache`, and the wheels alone."""
    return {
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": make_empty_index(cache),
        "UV_FIND_LINKS": f"{wheels.DIRECTORY},{wheels.REAL_DIRECTORY}",
        "UV_CACHE_DIR": str(cache / "uv"),
        "XDG_CACHE_HOME": str(cache),
    }


def _prepare_digits(directory: Path) -> None:
    gitstore("init", str(directory), "--example", "digits", cwd=directory.parent)
    (directory / "packages.lock").unlink()


def _copy_sources(name: str) -> Callable[[Path], None]:
    def copy(directory: Path) -> None:
        gitstore("init", str(directory), cwd=directory.parent)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_SOURCES / name, directory, ignore=ignore, dirs_exist_ok=True)

    return copy


def _train(directory: Path) -> None:
    data = ("-p", _find_digits("train_images", "images"), "-p", _find_digits("train_labels", "labels"))
    gitstore("train", *data, "--use", cwd=directory)


def _find_digits(key: str, name: str) -> str:
    return f"{name}=@{_DIGITS}:{key}"


def _find_images(_directory: Path) -> str:
    return _find_digits("test_images", "images")


def _knows_digits(outputs: Path) -> bool:
    labels = np.load(_DIGITS)["test_labels"]
    return bool((np.load(outputs / "digit.npy") == labels).mean() > 0.9)


def _import_weights(directory: Path) -> None:
    (wheel,) = wheels.REAL_DIRECTORY.glob(f"{wheels.WEIGHTS}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        path = archive.extract(_WEIGHTS, directory.parent / "weights")
    gitstore("state", "import", path, "--name", "pp-ocrv4", "--use", cwd=directory)


def _draw_line(directory: Path) -> str:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (520, 48), "white")
    ImageDraw.Draw(image).text((10, 4), _TEXT, "black", font=ImageFont.load_default(32))
    path = directory.parent / "line.png"
    image.save(path)
    return f"line=@{path}"


def _read_line(outputs: Path) -> bool:
    return str(np.load(outputs / "text.npy")) == _TEXT


MODELS = (
    RealModel(
        "digits",
        # Another one than in the plain environment, and than gitstore runs with.
        (f"numpy=={wheels.OTHER_NUMPY}",),
        prepare=_prepare_digits,
        make_state=_train,
        find_input=_find_images,
        is_good=_knows_digits,
    ),
    RealModel(
        "line",
        (f"numpy=={wheels.OTHER_NUMPY}", f"onnxruntime=={wheels.ONNXRUNTIME}"),
        prepare=_copy_sources("line"),
        make_state=_import_weights,
        find_input=_draw_line,
        is_good=_read_line,
    ),
    RealModel(
        "forest",
        (f"numpy=={wheels.NUMPY}", f"scikit-learn=={wheels.SCIKIT_LEARN}"),
        prepare=_copy_sources("forest"),
        make_state=_train,
        find_input=_find_images,
        is_good=_knows_digits,
    ),
)
