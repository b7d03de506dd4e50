"""One adapter for each tool, behind one protocol."""

from __future__ import annotations

from tests.bench.tools.base import Scratch, Tool
from tests.bench.tools.borg import Borg
from tests.bench.tools.dvc import Dvc
from tests.bench.tools.git import Git
from tests.bench.tools.git_lfs import GitLfs
from tests.bench.tools.gitstore import Gitstore
from tests.bench.tools.oxen import Oxen
from tests.bench.tools.restic import Restic

__all__ = ["Borg", "Dvc", "Git", "GitLfs", "Gitstore", "Oxen", "Restic", "Scratch", "Tool"]
