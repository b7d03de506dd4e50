"""Trees of states: plain files under 4 MiB, and directories of parts (docs/format.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitstore.bigfiles import parts
from gitstore.bigfiles.parts import Part
from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits as read_limits
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.names import show_path
from gitstore.policy.push import PathProblem
from gitstore.policy.survey import Fold, TreeSurvey


class StateSurvey(TreeSurvey):
    """Surveys trees of states. The sizes of parts are looked up, the parts are not read."""

    def _add_entries(self, entries: list[TreeEntry], depth: int, *, fold: Fold) -> None:
        for problem in _find_form_problems(entries):
            fold.add_problem(problem)
        for entry in entries:
            suffix = parts.find_suffix(entry.name)
            if entry.is_tree and suffix:
                self._add_parts(entry, suffix, fold=fold)
            elif entry.is_tree and depth < self.limits.depth:
                fold.add_directory(entry.name, self.survey(entry.oid, depth + 1))
                fold.add_problem(_find_directory_problem(entry))
            else:
                fold.add_file(entry.name, self.find_entry_problem(entry))

    def find_entry_problem(self, entry: TreeEntry) -> PathProblem | None:
        """Return what is wrong with a file of a state."""
        problem = super().find_entry_problem(entry)
        if problem is not None:
            return problem
        name = show_path(entry.name)
        if entry.mode != Mode.FILE:
            return PathProblem("parts", name, f"has the mode {entry.mode:06o}; in a state it must be 100644")
        if parts.find_suffix(entry.name):
            return PathProblem("parts", name, "is a file with the suffix of a directory of parts")
        if tree.is_attributes(entry.name):
            return PathProblem("parts", name, "would be read by git; in a state it must be in parts")
        size = self._measure_blob(entry.oid)
        if isinstance(size, int) and size >= parts.LARGE:
            return PathProblem("parts", name, f"is a file of {size:,} bytes that is not in parts")
        return None if isinstance(size, int) else size._replace(path=name)

    def _add_parts(self, entry: TreeEntry, suffix: bytes, *, fold: Fold) -> None:
        """Count a file in parts, and check its parts."""
        name = show_path(entry.name)
        entries = self.read_entries(entry.oid)
        if isinstance(entries, PathProblem):
            fold.add_file(entry.name, entries._replace(path=name))
            return
        for part in entries:
            if part.mode != Mode.GITLINK:
                self.note(part.oid)
        try:
            listed = parts.from_entries(entries, suffix)
        except ValueError as error:
            fold.add_file(entry.name, PathProblem("parts", name, f"is malformed: {error}"))
            return
        problem = next(self._find_part_problems(listed), None)
        if problem is None and any(part.mode != Mode.FILE for part in entries):
            problem = PathProblem("parts", "", "has a part with a mode other than 100644")
        fold.add_file(entry.name, problem and problem._replace(path=name), parts=len(entries))

    def _find_part_problems(self, listed: Iterable[Part]) -> Iterator[PathProblem]:
        for number, part in enumerate(listed):
            size = self._measure_blob(part.oid)
            if isinstance(size, PathProblem):
                yield size
            elif size > read_limits.PART:
                yield PathProblem("parts", "", f"has a part {number:08d} of {size:,} bytes, over 4 MiB")
            elif size < part.width > 1:
                yield PathProblem(
                    "parts", "", f"has a part {number:08d} too short for words of {part.width} bytes"
                )

    def _measure_blob(self, oid: Oid) -> int | PathProblem:
        try:
            kind, size = self.reader.header(oid)
        except Corrupt as error:
            return PathProblem("parts", "", f"cannot be read: {error.message}")
        if kind is not Kind.BLOB:
            return PathProblem("parts", "", f"has a {kind.name.lower()} where a file should be")
        return size


def _find_form_problems(entries: Iterable[TreeEntry]) -> Iterator[PathProblem]:
    """Yield a problem for each file that is there in more than one form: whole, `.parts` or `.planes`."""
    entries = list(entries)
    suffixes = [parts.find_suffix(entry.name) if entry.is_tree else b"" for entry in entries]
    if not any(suffixes):
        return
    names = set[bytes]()
    for entry, suffix in zip(entries, suffixes, strict=True):
        name = entry.name.removesuffix(suffix)
        if not name:
            yield PathProblem("parts", show_path(entry.name), "has no name in front of its suffix")
        if name in names:
            yield PathProblem("parts", show_path(name), "is there in more than one form")
        names.add(name)


def _find_directory_problem(entry: TreeEntry) -> PathProblem | None:
    if tree.is_attributes(entry.name):
        return PathProblem("parts", show_path(entry.name), "is a directory with the name of git's attributes")
    return None
