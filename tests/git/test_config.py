"""The repository's own configuration: what git writes there is durable, and read as git reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.process import GitFailed
from gitstore.git.repository import Repository
from tests.support.commands import git
from tests.support.tracing import system_calls


def test_what_is_set_is_synced_after_git_has_renamed_it(repository: Repository) -> None:
    script = f"""
        from pathlib import Path
        from gitstore.git.repository import Repository
        Repository.discover(Path({str(repository.directory)!r})).local_config.set("gitstore.a.b", "c")
    """
    calls = system_calls(script, "fsync", "rename", below=repository.common)
    assert calls == [("rename", "config"), ("fsync", "config"), ("fsync", "")]


def test_reading(repository: Repository) -> None:
    config = repository.local_config
    assert config.subsections("gitstore", "someKey") == {}
    config.set("gitstore.A b.c.someKey", 'x "y" # z')
    config.set("gitstore.someKey", "one")
    config.path.write_text(f"{config.path.read_text()}[gitstore]\n\tsomekey\n[other]\n\tsomeKey = no\n")
    assert config.subsections("gitstore", "someKey") == {"A b.c": 'x "y" # z', None: ""}
    config.set("gitstore.someKey", "two")
    config.unset("gitstore.A b.c.someKey")
    config.unset("gitstore.A b.c.someKey")
    assert config.subsections("gitstore", "someKey") == {None: "two"}
    assert git("config", "--get-all", "gitstore.someKey", cwd=repository.directory) == "two\n"


def test_what_git_refuses_is_told_in_its_words(repository: Repository) -> None:
    with pytest.raises(GitFailed, match="key does not contain"):
        repository.local_config.set("nothing", "x")


def test_a_variable_of_git_config_leads_nowhere_else(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG", str(tmp_path / "elsewhere"))
    repository.local_config.set("gitstore.someKey", "x")
    assert repository.local_config.subsections("gitstore", "someKey") == {None: "x"}
    assert not (tmp_path / "elsewhere").exists()
