"""What a packages.lock says of itself, and what is made of uv's messages. No network."""

from __future__ import annotations

import pytest

from gitstore import settings
from gitstore.environments import lockfile
from gitstore.environments.lockfile import LockStatus
from gitstore.environments.uv import extract_cause
from gitstore.models import examples
from gitstore.settings import Packages

WANTED = Packages(python="3.12", requirements=("alpha==1.0", "beta==2.0"))
BODY = """\
alpha==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:00
    # via beta
beta==2.0 \\
    --hash=sha256:11
"""
LOCK = lockfile.render(WANTED, BODY)


def test_what_was_made_is_current() -> None:
    assert lockfile.check_content(WANTED, LOCK) is LockStatus.CURRENT
    assert lockfile.describe_problem(LockStatus.CURRENT) is None


def test_it_says_what_made_it_and_of_what() -> None:
    assert LOCK.decode() == (
        "# Made by gitstore lock from packages in settings.yaml. Do not edit.\n"
        "# content: sha256 97b4d17924e762848fbf470ee46b6e081e4efe2d524ca061fb9d0b60b718665f\n"
        "# resolved from: sha256 1fc2b2eb9ad4ec5494bc4bf8c1b7fca346f3f10438df0eecd54618ea1ea72c05\n" + BODY
    )


def test_no_requirements_need_no_file() -> None:
    assert lockfile.check_content(Packages(python="3.12"), None) is LockStatus.CURRENT
    assert lockfile.check_content(WANTED, None) is LockStatus.MISSING


@pytest.mark.parametrize(
    "wanted",
    [
        Packages(python="3.12.1", requirements=WANTED.requirements),
        Packages(requirements=WANTED.requirements),
        Packages(python="3.12", requirements=("alpha==1.0",)),
        Packages(python="3.12", requirements=("alpha==1.0", "beta==2.1")),
        Packages(),
    ],
)
def test_other_settings_make_it_stale(wanted: Packages) -> None:
    assert lockfile.check_content(wanted, LOCK) is LockStatus.STALE


def test_the_order_of_requirements_does_not() -> None:
    turned = Packages(python="3.12", requirements=WANTED.requirements[::-1])
    assert lockfile.check_content(turned, LOCK) is LockStatus.CURRENT
    assert lockfile.render(turned, BODY) == LOCK


def test_naming_the_python_that_is_taken_anyway_changes_nothing() -> None:
    silent = Packages(requirements=("alpha==1.0",))
    named = Packages(python=lockfile.OLDEST_PYTHON, requirements=("alpha==1.0",))
    assert lockfile.check_content(named, lockfile.render(silent, BODY)) is LockStatus.CURRENT


@pytest.mark.parametrize(
    "edited",
    [
        LOCK + b"\n",
        LOCK.replace(b"beta==2.0", b"beta==2.1"),
        LOCK.replace(b"sha256:11", b"sha256:12"),
        LOCK.replace(b"\n", b"\n<<<<<<< ours\n", 1),
        b"# Made by gitstore lock\n",
    ],
)
def test_an_edit_is_noticed(edited: bytes) -> None:
    assert lockfile.check_content(WANTED, edited) is LockStatus.EDITED


def test_edits_and_other_settings_count_as_edits() -> None:
    assert lockfile.check_content(Packages(), LOCK + b"gamma==1\n") is LockStatus.EDITED


@pytest.mark.parametrize("other", [b"", b"alpha==1.0\n", b"\xff\xfe"])
def test_what_others_made_is_foreign(other: bytes) -> None:
    assert lockfile.check_content(WANTED, other) is LockStatus.FOREIGN


def test_pins_are_what_is_not_a_comment_or_a_hash() -> None:
    assert lockfile.list_pins(LOCK) == ["alpha==1.0 ; sys_platform == 'linux'", "beta==2.0"]


CAUSES: list[tuple[str, str]] = [
    (
        "error: No solution found when resolving dependencies\n"
        "  cause: Because there is no version of alpha==9 and you require alpha==9, we can conclude that"
        " your requirements are unsatisfiable.\n\nhint: read this\n      and that\n",
        "there is no version of alpha==9 and you require alpha==9",
    ),
    (
        "  × No solution found when resolving dependencies:\n"
        "  ╰─▶ Because alpha was not found in the package registry and you require\n"
        "      alpha==1.0, we can conclude that your requirements are unsatisfiable.\n",
        "alpha was not found in the package registry and you require alpha==1.0",
    ),
    (
        "warning: something else\n"
        "error: Request failed after 3 retries\n"
        "  Caused by: Failed to fetch: `http://127.0.0.1:9/alpha/`\n"
        "  Caused by: error sending request\n"
        "  Caused by: Connection refused (os error 111)\n",
        "Request failed after 3 retries: Failed to fetch: `http://127.0.0.1:9/alpha/`:"
        " Connection refused (os error 111)",
    ),
    (
        "error: Failed to parse: uv.toml\n  cause: line 1\n    |\n  1 | [\n",
        "Failed to parse: uv.toml: line 1 | 1 | [",
    ),
    ("", ""),
    ("a panic\n of its own\n", "a panic of its own"),
]


def test_the_cause_of_a_failure_is_one_line() -> None:
    found = [extract_cause(said) for said, _ in CAUSES]
    assert found == [told for _, told in CAUSES]


@pytest.mark.parametrize("example", examples.list_names())
def test_the_examples_have_what_they_need(example: str) -> None:
    """Else the first snapshot that anybody takes would warn."""
    directory = examples.find_path(example)
    lock = directory / "packages.lock"
    wanted = settings.load(directory / "settings.yaml").packages
    content = lock.read_bytes() if lock.exists() else None
    assert lockfile.check_content(wanted, content) is LockStatus.CURRENT
