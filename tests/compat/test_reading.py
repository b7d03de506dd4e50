"""docs/format.md, "Reading": what a reader must refuse, made by stock git.

All the offenders of a kind are in one repository, so that `verify` must tell each from the sound ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import scenes
from tests.support.commands import Run
from tests.support.models import take
from tests.support.stock import Entries, Stock, problems_by_snapshot

SETTINGS = b"name: digits\n"
SOUND: Entries = {"code": {"model.py": b"pass\n"}, "settings.yaml": SETTINGS, "state": {"w": b"w"}}

TREES: dict[str, Entries] = {
    "no-code": {"settings.yaml": SETTINGS, "state": {}},
    "no-state": {"code": {}, "settings.yaml": SETTINGS},
    "no-settings": {"code": {}, "state": {}},
    "another-entry": SOUND | {"notes": b"notes"},
    "code-is-a-file": SOUND | {"code": b""},
    "state-is-a-file": SOUND | {"state": b""},
    "settings-are-a-directory": SOUND | {"settings.yaml": {"name": b"digits"}},
    "lock-is-a-directory": SOUND | {"packages.lock": {"name": b""}},
}

CODE: dict[str, Entries] = {
    "dot-git": {".git": b""},
    "dot-git-on-a-mac": {".g\u200cit": b""},
    "dot-git-on-windows": {"GIT~1": b""},
    "gitmodules": {".gitmodules": b""},
    "dot": {".": b""},
    "dot-dot": {"deep": {"..": b""}},
    "submodule": {"other": f"160000 {'1' * 40}"},
}

LINKS = {
    "out": b"../../elsewhere",
    "absolute": b"/etc/passwd",
    "empty": b"",
    "nul": b"model\0.py",
    "long": b"x" * 4097,
}

STATES: dict[str, Entries] = {
    "first-part-missing": {"w.parts": {"00000001": b"1"}},
    "gap": {"w.parts": {"00000000": b"0", "00000002": b"2"}},
    "short-number": {"w.parts": {"0000000": b"0"}},
    "no-number": {"w.parts": {"00000000": b"0", "notes": b""}},
    "part-is-a-directory": {"w.parts": {"00000000": {"x": b""}}},
    "in-parts-and-whole": {"w": b"w", "w.parts": {"00000000": b"0"}},
}

TRAILERS: dict[str, dict[str, str | None]] = {
    f"{key.lower()}-{number}": {key: value}
    for key, values in {
        "Model": (None, "cats", "a b"),
        "State": (None, "../x"),
        "Code-Tree": (None, "1" * 40),
        "State-Tree": (None, "1" * 40, "v1"),
        "Settings-Blob": (None, "1" * 40),
        "Based-On": (f"cats@v1 {'1' * 40}",),
        "Gitstore-Format": ("2", "one", "01"),
    }.items()
    for number, value in enumerate(values)
}


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a sound snapshot v1 that gitstore took, and one that stock git took."""
    scenes.snapshot(tmp_path)
    stock = Stock(tmp_path / "digits")
    stock.snapshot("by-hand", SOUND)
    return stock


def verified(stock: Stock, run: Run) -> dict[str, list[str]]:
    outcome = run("verify", "--all", "--json", cwd=stock.directory)
    report: dict[str, Any] = json.loads(outcome.stdout)
    assert outcome.code == (0 if report["ok"] else 12)
    return problems_by_snapshot(report)


def refused(stock: Stock, run: Run, *names: str) -> None:
    """`verify` names these snapshots and no other, and `export` writes nothing of them."""
    assert sorted(verified(stock, run)) == sorted(names)
    exported = [name for name in names if is_exported(stock, run, name)]
    assert exported == []


def is_exported(stock: Stock, run: Run, name: str) -> bool:
    target = stock.directory.parent / "out" / name
    outcome = run("export", name, str(target), cwd=stock.directory)
    return outcome.code not in (12, 13) or target.exists()


def test_what_is_sound_is_not_refused(stock: Stock, run: Run) -> None:
    stock.snapshot("links", SOUND | {"code": {"a": {"up": f"120000 {stock.blob(b'../b')}"}, "b": b""}})
    stock.snapshot("parts", SOUND | {"state": {"w.parts": {"00000000": b"0", "00000001": b"1"}}})
    stock.snapshot("empty", SOUND | {"state": {}})
    stock.snapshot("more", SOUND, trailers={"Reviewed-by": "Grace"})
    assert verified(stock, run) == {}


def test_a_tree_of_another_shape(stock: Stock, run: Run) -> None:
    for name, entries in TREES.items():
        stock.snapshot(name, entries)
    link = f"120000 {stock.blob(b'code/model.py')}"
    stock.snapshot("settings-are-a-link", SOUND | {"settings.yaml": link})
    stock.snapshot("lock-is-a-link", SOUND | {"packages.lock": link})
    refused(stock, run, *TREES, "settings-are-a-link", "lock-is-a-link")


def test_settings_that_are_invalid_or_another_model_s(stock: Stock, run: Run) -> None:
    stock.snapshot("invalid", SOUND | {"settings.yaml": b"name: digits\ncolor: red\n"})
    stock.snapshot("another-model-s", SOUND | {"settings.yaml": b"name: cats\n"})
    assert sorted(verified(stock, run)) == ["another-model-s", "invalid"]


def test_names_and_links_that_lead_elsewhere(stock: Stock, run: Run) -> None:
    for name, entries in CODE.items():
        stock.snapshot(f"code-{name}", SOUND | {"code": entries})
        stock.snapshot(f"state-{name}", SOUND | {"state": entries})
    for name, target in LINKS.items():
        stock.snapshot(f"link-{name}", SOUND | {"code": {"link": f"120000 {stock.blob(target)}"}})
    names = [*(f"{where}-{name}" for where in ("code", "state") for name in CODE)]
    refused(stock, run, *names, *(f"link-{name}" for name in LINKS))


def test_parts_that_are_no_file(stock: Stock, run: Run) -> None:
    for name, entries in STATES.items():
        stock.snapshot(name, SOUND | {"state": entries})
    refused(stock, run, *STATES)


def test_a_part_of_more_than_4_mib_is_not_exported(stock: Stock, run: Run) -> None:
    stock.snapshot("large", SOUND | {"state": {"w.parts": {"00000000": bytes(4 * 1024 * 1024 + 1)}}})
    assert not is_exported(stock, run, "large")


def test_a_tree_that_git_would_not_write(stock: Stock, run: Run) -> None:
    blob = stock.blob(b"x")
    trees = {
        "twice": stock.raw_tree(("100644", "a", blob), ("100644", "a", blob)),
        "out-of-order": stock.raw_tree(("100644", "b", blob), ("100644", "a", blob)),
        "slash": stock.raw_tree(("100644", "a/b", blob)),
        "no-name": stock.raw_tree(("100644", "", blob)),
    }
    for name, tree in trees.items():
        stock.snapshot(name, SOUND | {"state": f"040000 {tree}"})
    refused(stock, run, *trees)


def test_a_tree_that_is_too_deep(stock: Stock, run: Run) -> None:
    stream = (
        f"commit refs/heads/deep\ncommitter A <a@b> 0 +0000\ndata 0\nM 644 inline {'d/' * 257}w\ndata 1\nw\n"
    )
    stock.git("fast-import", "--quiet", stdin=stream.encode())
    tree = stock.git("rev-parse", "refs/heads/deep^{tree}")
    stock.snapshot("deep", SOUND | {"code": f"040000 {tree}"})
    refused(stock, run, "deep")


def test_trailers_that_differ(stock: Stock, run: Run) -> None:
    for name, trailers in TRAILERS.items():
        stock.snapshot(name, SOUND, trailers=trailers)
    problems = verified(stock, run)
    assert sorted(problems) == sorted(TRAILERS)
    unnamed = [(name, key) for name, (key,) in TRAILERS.items() if not names(problems[name], key)]
    assert unnamed == []


def names(messages: list[str], trailer: str) -> bool:
    """Whether each message names the trailer."""
    return all(trailer.removeprefix("Gitstore-").lower() in message.lower() for message in messages)


def test_a_trailer_that_is_there_twice(stock: Stock, run: Run) -> None:
    text = stock.git("tag", "--list", "--format=%(contents)", "by-hand")
    stock.tag("twice", "by-hand^{commit}", f"{text}\nModel: digits\n")
    assert list(verified(stock, run)) == ["twice"]


def test_a_tag_under_another_ref(stock: Stock, run: Run) -> None:
    stock.git("update-ref", "refs/tags/v2", "refs/tags/v1")
    assert list(verified(stock, run)) == ["v2"]


def test_an_object_whose_content_is_another(stock: Stock, run: Run) -> None:
    blob = stock.blob(b"weights")
    stock.snapshot("damaged", SOUND | {"state": {"w": f"100644 {blob}"}})
    other = stock.blob(b"other weights")
    objects = stock.directory / ".git" / "objects"
    path = objects / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes((objects / other[:2] / other[2:]).read_bytes())
    refused(stock, run, "damaged")


@pytest.mark.parametrize("replaced", ["code", "snapshot", "commit"])
def test_a_derived_model_that_contradicts_its_base(replaced: str, tmp_path: Path, run: Run) -> None:
    take(scenes.derived(tmp_path), "v1")
    stock = Stock(tmp_path / "digits")
    top = stock.entries("dogs/v1")
    text = stock.git("show", "dogs/v1:settings.yaml")
    if replaced == "code":
        top["code"] = {"model.py": b"another code\n"}
    elif replaced == "snapshot":
        top["settings.yaml"] = text.replace("snapshot: v1", "snapshot: v7").encode()
    else:
        commit = stock.git("rev-parse", "v1^{commit}")
        top["settings.yaml"] = text.replace(commit, "12" * 20).encode()
    base = f"digits@v1 {stock.git('rev-parse', 'v1')}"
    sound = stock.entries("dogs/v1")
    for name, entries in {"dogs/v2": top, "dogs/sound": sound}.items():
        stock.snapshot(name, entries, "dogs", {"Model": "dogs", "Based-On": base})
    assert list(verified(stock, run)) == ["dogs@v2"]
