"""Lines of authorized_keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gitstore.store.front import keys
from gitstore.store.store import Store
from tests.support.stores import make_store

FIRST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFirstFirstFirstFirstFirstFirstFirstFirstFir ada@laptop"
SECOND = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAISecond= token"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / 'a "store"')


def test_each_key_runs_the_shell_of_its_user(store: Store) -> None:
    (store.keys_directory / "ada.pub").write_text(f"# laptop\n{FIRST}\n\n{SECOND}\n")
    first, second = keys.list_lines(store)
    assert first.startswith('command="')
    assert first.endswith(f'",restrict {FIRST.removesuffix("@laptop")}')
    assert f"store shell '--store={store.root}' -- ada".replace('"', '\\"') in first
    assert second.endswith(" ada")


def test_all_problems_at_once(store: Store) -> None:
    (store.keys_directory / "ada.pub").write_text(
        f'{FIRST}\ncommand="sh" {SECOND}\nssh-dss AAAAB3NzaC1kc3MAAACB x\n'
    )
    (store.keys_directory / "bob.pub").write_text(FIRST)
    (store.keys_directory / "a b.pub").write_text(SECOND)
    with pytest.raises(keys.BadKeys) as caught:
        keys.list_lines(store)
    lines = [line.removeprefix(f"{store.keys_directory}/") for line in caught.value.message.splitlines()]
    assert lines == [
        "a b.pub: 'a b' cannot be the name of a user: it contains a space",
        "ada.pub:2: is not a public key; options are not allowed",
        "ada.pub:3: is not a public key; options are not allowed",
        "bob.pub:1: is a key of ada already",
    ]


def test_lines_of_others_stay(store: Store, tmp_path: Path) -> None:
    path = tmp_path / ".ssh" / "authorized_keys"
    path.parent.mkdir()
    path.write_text("ssh-rsa AAAA somebody\n")
    (store.keys_directory / "ada.pub").write_text(FIRST)
    assert keys.install(store, path) == 1
    (store.keys_directory / "ada.pub").unlink()
    assert keys.install(store, path) == 0
    assert [line for line in path.read_text().splitlines() if not line.startswith("#")] == [
        "ssh-rsa AAAA somebody"
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
