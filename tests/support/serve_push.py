"""A front of a store: `serve_push` from standard input. The last line of standard error is a report."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from gitstore.policy.limits import PushLimits
from gitstore.store.front.stream import read_from, serve_push


def main() -> int:
    bare = Path(sys.argv[1])
    limits = PushLimits(**json.loads(os.environ["TEST_LIMITS"]))
    before = resource.getrusage(resource.RUSAGE_SELF)
    served = serve_push(
        "receive-pack", str(bare), repository=bare, read=read_from(0), limits=limits, variables=os.environ
    )
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in used) - before.ru_utime - before.ru_stime
    report = {
        "rule": served.stopped and served.stopped.refusal.rule,
        "cpu": cpu,
        "git": used[1].ru_maxrss * 1024,
    }
    print(f"\n{json.dumps(report)}", file=sys.stderr)
    return served.exit_code


sys.exit(main())
