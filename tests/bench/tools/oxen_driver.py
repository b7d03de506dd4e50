"""Runs in the Python that has `oxenai`, and does what oxen.py asks for, one JSON line at a time.

Imports nothing of ours: that Python need not have it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def do(repo: Any, request: dict[str, str]) -> str:
    """Do one request; the answer of a commit is its id."""
    if request["do"] == "init":
        repo.init()
        return ""
    if request["do"] == "snapshot":
        repo.add(request["path"])
        try:
            commit = repo.commit(request["label"])
        except ValueError as error:
            if "No changes to commit" not in str(error):
                raise
            commit = repo.log()[0]
        return str(commit.id)
    repo.restore(request["path"], source=request["commit"])
    return ""


def main() -> None:
    """Answer on what was stdout; what Oxen itself prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    importlib.import_module("oxen.user").config_user("Bench", "bench@example.invalid")
    repo = importlib.import_module("oxen").Repo(sys.argv[1])
    answers.write(json.dumps({"value": "ready"}) + "\n")
    for line in sys.stdin:
        try:
            answer = {"value": do(repo, json.loads(line))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
