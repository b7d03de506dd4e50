"""The git configuration of each repository of a store.

It is in the repository's own file, not in an included one: git skips an included file that is gone without a
word, and then no hook would run.
"""

from __future__ import annotations

from pathlib import Path

from gitstore.git.config import BIG_FILE_THRESHOLD
from gitstore.policy import reception
from gitstore.store.config.schema import LimitsConfig

_FIXED = {
    "core.fsync": "all",
    "core.bigFileThreshold": BIG_FILE_THRESHOLD,  # parts of weights are never held in memory, nor as deltas
    "core.logAllRefUpdates": "false",  # a reflog would keep what was removed
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "gc.auto": "0",  # only gitstore store gc knows of pushes that are under way
    "maintenance.auto": "false",
    "transfer.unpackLimit": "1",  # loose objects would not be synced
    "receive.unpackLimit": "1",
    "fetch.unpackLimit": "1",
    "transfer.fsckObjects": "true",
    "receive.fsckObjects": "true",
    "receive.fsck.badFilemode": "error",
    "receive.fsck.gitattributesSymlink": "error",
    "receive.fsck.gitignoreSymlink": "error",
    "receive.fsck.mailmapSymlink": "error",
    "receive.shallowUpdate": "false",
    "receive.autogc": "false",
    "receive.updateServerInfo": "false",
    "receive.advertisePushOptions": "false",
    "receive.advertiseAtomic": "true",
    "uploadpack.allowFilter": "true",
    "uploadpackfilter.allow": "false",  # other filters cost the server too much
    "uploadpackfilter.blob:none.allow": "true",
    "uploadpackfilter.blob:limit.allow": "true",
    "uploadpack.allowAnySHA1InWant": "false",
    "uploadpack.allowReachableSHA1InWant": "true",  # a partial clone asks for blobs by id
    "http.getanyfile": "false",
    "http.receivepack": "true",
    "http.uploadpack": "true",
}


def repository_settings(hooks: Path, limits: LimitsConfig) -> dict[str, str]:
    """Return the configuration that a repository must have, by keys as git spells them.

    `hooks` is the store's directory of hooks.
    """
    bounds = {bound.key: bound.value for bound in reception.CONFIGURATION}
    return {"core.hooksPath": str(hooks), "receive.maxInputSize": str(limits.pack), **_FIXED, **bounds}
