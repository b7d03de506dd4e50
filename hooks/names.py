"""The names of hooks, git's and gitstore's."""

from __future__ import annotations

from gitstore.events.events import EVENTS

GITSTORE = tuple(EVENTS)

GUARD = "reference-transaction"
"""The git hook that keeps stock git from changing snapshots, githooks(5)."""

QUIET = ("push-to-checkout", "proc-receive")
"""Hooks of git that change what git does by their presence, githooks(5)."""

GIT = (
    "applypatch-msg",
    "commit-msg",
    "p4-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "p4-prepare-changelist",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "reference-transaction",
    "sendemail-validate",
    "update",
    *QUIET,
)
"""The hooks that git 2.39 to 2.50 looks for in its hooks directory."""
