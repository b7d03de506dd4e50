"""A store behind Apache, configured as docs/store.md says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import apache, combinations, models
from tests.support.commands import fsck
from tests.support.stores import OWNERS, add_model, list_refs, make_store


@combinations.rest
@pytest.mark.real_starts
def test_push_and_clone_by_roles(tmp_path: Path) -> None:
    """Also a push that is larger than any buffer, and one that is stopped."""
    store = make_store(tmp_path / "store", f"{OWNERS}limits: {{object: 4MiB}}\n")
    bare = add_model(store).directory
    add_model(store, "ada/shown")
    local = models.make(tmp_path / "digits")
    models.put(local, "initial", {"weights": os.urandom(5_000_000)})
    models.take(local, "v1")
    (local.directory / "large").write_bytes(os.urandom(5_000_000))
    subprocess.run("git add -f large && git commit -qm large", shell=True, cwd=local.directory, check=True)

    def run(*arguments: str, cwd: Path = local.directory) -> str:
        """Run git; returns what it said if it failed."""
        variables = dict(os.environ, GIT_TERMINAL_PROMPT="0")
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    with apache.running(store, tmp_path / "apache", ("ada", "bob", "carol", "eve")) as url:

        def spell(user: str, model: str = "ada/digits", password: str = "secret") -> str:
            return f"{url}/{model}".replace("//", f"//{user}:{password}@", 1)

        assert run("push", "--atomic", spell("bob"), "main~1:refs/heads/main", "v1") == ""
        assert "has the role read for ada/digits" in run("push", spell("carol"), "main")
        assert "Authentication failed" in run("push", spell("bob", password="wrong"), "main")
        assert "could not read Username" in run("push", f"{url}/ada/digits", "main")
        assert "over 4,194,304 [object-size]" in run("push", spell("bob"), "main")
        assert run("clone", "--quiet", spell("carol"), "copy", cwd=tmp_path) == ""
        assert "no such model here that eve may read" in run("ls-remote", spell("eve"))
        assert "could not read Username" in run("ls-remote", f"{url}/ada/digits")
        assert run("ls-remote", f"{url}/ada/shown") == ""
    assert set(list_refs(tmp_path / "copy")) >= {"refs/tags/v1"}
    assert set(list_refs(bare)) == {"refs/heads/main", "refs/tags/v1"}
    fsck(bare)
