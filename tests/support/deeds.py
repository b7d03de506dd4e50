"""The commands that write, for tests that kill them or let their system calls fail."""

from __future__ import annotations

from tests.support.kills import DERIVED, Deed

MADE = "(a model or branch called .*|.*) already exists\n"
MODEL = ".* is already a model: it has a settings.yaml\n"
GONE = "there is no state b\n"

DEEDS = [
    Deed("init new", where="source/..", done=MODEL),
    Deed("init --code src", where="adopted", done=MODEL, unsettled="^adopted/"),
    # Whole on disk, it may not be saved yet, so that a plain repeat finds it there.
    Deed("state import ../source --name new", again="state import ../source --name new --force"),
    Deed("state rename initial best", done="there is no state initial\n"),
    Deed("state rm b", done=GONE),
    Deed("state drop b", done="the state b is not on disk\n"),
    # Whole on disk, it may not be saved yet, as the hint says.
    Deed("state create fresh", done="the state fresh already exists\n", then="state save fresh"),
    Deed("rename v2 größer", done="there is no snapshot v2"),
    Deed("rm v1 v2 --force", done="there is no snapshot v1"),
    Deed("models rm dogs --yes", done="there is no derived model dogs\n"),
    Deed("derive v2 cats ../cats", done=MADE),
    Deed("derive v2 cats ../cats --state none", done=MADE),
    Deed("derive v2 cats ../cats --state ../source", done=MADE),
    Deed("derive v2 cats ../cats --reference", done=".* already exists\n"),
    Deed("rebase digits@v2", where=DERIVED, unsettled="^dogs/(code|settings.yaml)"),
    Deed("detach", where=DERIVED, unsettled="^dogs/settings.yaml"),
]

SIMPLE = [
    Deed("snapshot v3", done="the snapshot v3 already exists"),
    Deed("restore v1 --force"),
    Deed(
        "train -p values=[1,2] --save-as trained",
        done="the state trained already exists\n",
        then="state save trained",
    ),
    Deed("gc"),
]
"""Those that are killed at random instants elsewhere, with larger files."""
