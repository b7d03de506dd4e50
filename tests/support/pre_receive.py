"""A pre-receive hook that asks the policy alone, with a role and limits from its environment."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.policy.decide import decide
from gitstore.policy.limits import PushLimits
from gitstore.policy.role import Role
from gitstore.store.receive import facts
from gitstore.store.receive.asked import parse_changes
from gitstore.store.receive.needed import list_needed


def memory(key: str) -> int:
    """Bytes of this process: VmHWM is the most since `forget`, VmRSS what it has now."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{key}:"))


def forget() -> None:
    """Begin to count the most memory anew (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> int:
    forget()
    before, start = memory("VmRSS"), time.process_time()
    limits = PushLimits(**json.loads(os.environ["TEST_LIMITS"]))
    quarantine = os.environ.get("GIT_QUARANTINE_PATH")
    repository = Repository(Path(os.environ["GIT_DIR"]).absolute())
    found = facts.collect(
        repository,
        parse_changes(sys.stdin.buffer.read()),
        quarantine=Path(quarantine) if quarantine else None,
        role=Role[os.environ["TEST_ROLE"].upper()],
        limits=limits,
    )
    refusals = decide(found.push, limits)
    for refusal in refusals:
        print(f"error: {refusal}", file=sys.stderr)
    report = {
        "hook": time.process_time() - start,
        "memory": memory("VmHWM") - before,
        "pack": found.push.pack,
        "relied_on": [str(oid) for oid in found.reused],
        "needed": [
            [ref, tag and str(tag), {str(oid): [new.size, len(new.children)] for oid, new in objects.items()}]
            for ref, tag, objects in list_needed(found, lambda _: ())
        ],
    }
    Path(os.environ["TEST_REPORT"]).write_text(json.dumps(report))
    return 1 if refusals else 0


sys.exit(main())
