from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.disk import exchange as module
from gitstore.disk.exchange import absence, repair, replacement


@pytest.fixture(params=["at one instant", "one after the other"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to replace, on a system that can exchange two, and on one that cannot."""
    if request.param != "at one instant":
        monkeypatch.setattr(module, "exchange", lambda *_: False)
    (tmp_path / "größe 1" / "sub").mkdir(parents=True)
    (tmp_path / "größe 1" / "sub" / "old").write_text("old")
    return tmp_path / "größe 1"


def test_the_new_one_takes_the_place(place: Path) -> None:
    with replacement(place) as new:
        (new.directory / "new").write_text("new")
        assert os.listdir(place) == ["sub"]
        new.put()
        assert os.listdir(place) == ["new"]
    assert os.listdir(place.parent) == [place.name]
    assert place.stat().st_mode & 0o777 == 0o777 & ~_umask()


def test_without_put_all_stays(place: Path) -> None:
    with pytest.raises(KeyError), replacement(place) as new:
        (new.directory / "new").write_text("new")
        raise KeyError
    assert os.listdir(place.parent) == [place.name]
    assert (place / "sub" / "old").read_text() == "old"


def test_a_place_that_is_free_or_a_link(place: Path, tmp_path: Path) -> None:
    with replacement(tmp_path / "deep" / "new") as new:
        new.put()
    assert os.listdir(tmp_path / "deep") == ["new"]
    (tmp_path / "deep" / "link").symlink_to(place)
    with replacement(tmp_path / "deep" / "link") as new:
        new.put()
    assert sorted(os.listdir(tmp_path / "deep")) == ["link", "new"]
    assert (place / "sub" / "old").read_text() == "old"


def test_the_old_one_comes_back_if_the_new_one_cannot_move_in(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "exchange", lambda *_: False)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if "~new-" in path.name:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"), replacement(place) as new:
        new.put()
    assert os.listdir(place.parent) == [place.name]
    assert (place / "sub" / "old").read_text() == "old"


def test_absence_ends_well_or_not_at_all(place: Path) -> None:
    with pytest.raises(KeyError), absence(place):
        assert not place.exists()
        raise KeyError
    assert (place / "sub" / "old").read_text() == "old"
    with absence(place):
        assert not place.exists()
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize("there", [True, False])
def test_what_killed_commands_left_is_mended(tmp_path: Path, *, there: bool) -> None:
    for name in (".a~old", ".a~new-x1", ".b~new-y", "b", ".c.tmp", ".d~mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    if there:
        (tmp_path / "a").mkdir()
    repair(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".c.tmp", ".d~mine", "a", "b"]
    assert os.listdir(tmp_path / "a") == ([] if there else ["f"])
    repair(tmp_path / "nowhere")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
