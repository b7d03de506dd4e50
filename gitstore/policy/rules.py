"""All rules for a push: what each says, why it exists, and what a pusher can do.

docs/store.md lists them. The names are stable: messages and programs use them.
"""

from __future__ import annotations

from typing import NamedTuple

from gitstore.policy.push import PathProblem
from gitstore.policy.refusal import Refusal


class Rule(NamedTuple):
    """A rule. `text` is its line in the documentation, `reason` says what happens without it."""

    name: str
    text: str
    reason: str
    remedy: str


RULES = (
    # Who and which refs.
    Rule(
        "role",
        "A push needs the role `write`.",
        "reading a model must not let anybody change it",
        "ask an admin of the model for the role write",
    ),
    Rule(
        "namespace",
        "Refs are below `refs/heads/`, `refs/tags/`, `refs/states/`, `refs/records/`, `refs/notes/`,"
        " `refs/aliases/` or `refs/gitstore/transit/`.",
        "other refs would hold bytes that no command of gitstore shows or removes",
        "push a branch, a snapshot or a state",
    ),
    Rule(
        "ref-name",
        "The names in refs are names as gitstore allows them; those of branches have no control"
        " characters, no spaces, and are in Unicode's form NFC.",
        "names become files, directories and words of command lines",
        "rename it, then push it under the new name",
    ),
    Rule(
        "ref-collision",
        "No two refs differ only in case or in the form of Unicode, and none is a directory of another.",
        "a clone on some file systems would hold one of them only",
        "give one of them another name",
    ),
    Rule(
        "ref-kind",
        "A ref below `refs/tags/` leads to an annotated tag, any other to a commit.",
        "nothing else can be listed, compared and removed",
        "push a commit, or the annotated tag of a snapshot",
    ),
    Rule(
        "snapshot-fixed",
        "A snapshot is never moved or deleted by a push.",
        "a snapshot never changes",
        "give the new snapshot another name; gitstore store rm removes a snapshot",
    ),
    Rule(
        "head-branch",
        "The branch that HEAD names is not deleted, and only an admin may push anything but a fast-forward"
        " to it. Writers may rewrite and delete other branches.",
        "clones start from that branch",
        "merge what the branch has, or ask an admin of the model",
    ),
    Rule(
        "notes-forward",
        "Notes only move forward, and only an admin may delete their ref.",
        "records of others would be lost",
        "fetch the notes and merge them: git notes merge -s cat_sort_uniq",
    ),
    Rule(
        "alias-role",
        "A protected alias is moved by the role that store.yaml names, any other by `write`.",
        "an alias decides what runs in production",
        "ask somebody with that role",
    ),
    Rule(
        "alias-forward",
        "An alias only moves forward, and only an admin may delete it.",
        "its commits are its history",
        "pull the alias first, then move it",
    ),
    Rule(
        "alias-gate",
        "A protected alias moves only to a snapshot that meets its gate in store.yaml, by records that the"
        " store has already.",
        "what runs in production would not have been tried",
        "push the snapshot and its records first; gitstore show lists what is recorded",
    ),
    Rule(
        "alias-move",
        "An alias is a line of commits with an empty tree, one for each move. The last one names a snapshot"
        " of its model that is there.",
        "an alias would hold the bytes of snapshots that were removed, or lead nowhere",
        "move it with gitstore alias set, and push the snapshot with it",
    ),
    Rule(
        "transit",
        "What is in transit is commits of blobs that are named by their ids, in directories of digits.",
        "these refs are deleted without a look at them",
        "gitstore push makes such commits; push anything else as a branch",
    ),
    Rule(
        "state-commit",
        "A state and the files of a record are a commit without parents.",
        "a parent would hold the bytes of states that were removed",
        "save the state with gitstore state save, and push that",
    ),
    # Sizes.
    Rule(
        "ref-count",
        "A push changes at most `refs` refs, and moves aliases at most as often.",
        "each one costs time under a lock",
        "push in parts",
    ),
    Rule(
        "pack-size",
        "The pack is at most `pack` bytes.",
        "one push must not fill the disk",
        "push in batches: git config gitstore.pushBatch 500MiB",
    ),
    Rule(
        "inflated-size",
        "All objects together are at most `inflated` bytes.",
        "a few megabytes can expand to terabytes",
        "push in batches: git config gitstore.pushBatch 500MiB",
    ),
    Rule(
        "expansion",
        "What is in a pack is at most 64 MiB more than 200 times its bytes, with deltas as they are; and"
        " what its deltas make is at most 256 MiB more than 1,000 times its bytes. Deltas that name another"
        " object of the pack by its id (git names its place) make at most 64 MiB more than 200 times its"
        " bytes.",
        "a pack of a megabyte keeps git busy for minutes",
        "store what consists of one byte in another form",
    ),
    Rule(
        "pack-form",
        "A push is as git sends it: commands, then a pack of version 2.",
        "what cannot be followed cannot be bounded",
        "push with stock git",
    ),
    Rule(
        "delta-size",
        "Over ssh and HTTP, a delta, its base and its result have at most 40 MiB together,"
        " and a delta alone 16 MiB.",
        "git holds all three in memory before any hook runs",
        "keep large files out of deltas: git config core.bigFileThreshold 8m, then git repack -adf",
    ),
    Rule(
        "delta-depth",
        "No object is made by a chain of more than 256 deltas.",
        "git follows the whole chain for each object, to tell its kind and to read it",
        "git config pack.depth 50, then git repack -adF",
    ),
    Rule(
        "object-size",
        "A blob is at most `object` bytes, a commit or a tag 1 MiB, a tree `tree` bytes.",
        "git holds objects in memory to compare them",
        "put large files into a state, which is stored in parts",
    ),
    Rule(
        "object-count", "A push brings at most `objects` objects.", "each one costs memory", "push in parts"
    ),
    Rule(
        "tree-sum",
        "The trees that a push leads to are at most `trees` bytes, each counted as 512 bytes more.",
        "each tree is read before it is let in",
        "push fewer commits at a time",
    ),
    Rule(
        "path-count",
        "A tree has at most `paths` files and directories, counted as often as they would be on disk.",
        "a dozen trees can have more paths than any disk holds",
        "put many small files into one archive",
    ),
    Rule(
        "part-count",
        "A state has at most `parts` parts, counted likewise.",
        "nothing could read the state again",
        "divide the state into several",
    ),
    Rule(
        "depth",
        "No file lies more than `depth` directories deep.",
        "programs that walk a tree would run out of stack",
        "use fewer directories below one another",
    ),
    Rule(
        "path-length",
        "A name has at most 255 bytes, a path at most `path`.",
        "no file system could hold it",
        "shorten the names",
    ),
    Rule(
        "parents",
        "A commit has at most `parents` parents.",
        "walks over the history would not end in time",
        "merge in several steps",
    ),
    Rule(
        "hidden-objects",
        "The pack has no object that no pushed ref needs, unless the repository has it already.",
        "whoever knows its id could fetch what no ref shows and nobody pays for",
        "push with stock git, which sends what is needed only",
    ),
    # Trees.
    Rule(
        "tree-form",
        "Trees are sorted, without a name twice, and have the modes that git writes.",
        "programs would see different files in one tree",
        "git fsck shows more; git add and git commit in a clone write it again",
    ),
    Rule(
        "name",
        "Names of files are UTF-8, without control characters and backslashes, and none that git or a file"
        " system takes for `.git`.",
        "a checkout could write into git's own files, and a listing could send commands to a terminal",
        "rename the file in every commit that is pushed",
    ),
    Rule(
        "name-collision",
        "No two names in a directory differ only in case or in the form of Unicode.",
        "a checkout on some file systems would hold one of the files only",
        "rename one of them in every commit that is pushed",
    ),
    Rule(
        "submodule",
        "There is no submodule and no `.gitmodules`.",
        "what it names is in another repository, and a checkout would fetch it",
        "add the files themselves, or leave them out",
    ),
    Rule(
        "link",
        "Links are relative, and lead neither out of their tree nor into `.git`.",
        "a checkout could read or overwrite files elsewhere",
        "replace the link by a copy of the file",
    ),
    # Snapshots.
    Rule(
        "snapshot-tag",
        "A tag is the annotated tag of a snapshot: of a commit, with the trailers of format 1.",
        "a tag that is no snapshot cannot be listed, billed and removed as one",
        "take a snapshot with gitstore snapshot; push anything else as a branch",
    ),
    Rule(
        "snapshot-tree",
        "A snapshot's tree has `code`, `state`, `settings.yaml`, perhaps `packages.lock`, and nothing else.",
        "no command could use it",
        "take the snapshot again with gitstore snapshot",
    ),
    Rule(
        "snapshot-trailers",
        "What a tag says of itself is so: its name, and the trailers with ids and names.",
        "commands and people believe the tag",
        "take the snapshot again with gitstore snapshot",
    ),
    Rule(
        "settings",
        "settings.yaml is valid, and agrees with the tag.",
        "nothing could run the snapshot",
        "gitstore settings check shows each problem with its line; then take the snapshot again",
    ),
    Rule(
        "derived-code",
        "A derived model's code is its base's, by id, unless it is detached.",
        "the settings say that it is",
        "gitstore restore brings the base's code back; gitstore detach makes the code the model's own",
    ),
    Rule(
        "base-ancestor",
        "The commit of a derived model's base is among the ancestors of its snapshots.",
        "the base's objects would vanish with the base",
        "push with gitstore push, which sends the base as well",
    ),
    Rule(
        "parts",
        "Files in a state are as docs/format.md says: plain files under 4 MiB, larger ones in `.parts` or"
        " `.planes`, with parts numbered without a gap, of known widths, of at most 4 MiB.",
        "no reader could join the file again",
        "save the state with gitstore state save, or take the snapshot again",
    ),
)
"""Every rule, in the order of the documentation."""

BY_NAME = {rule.name: rule for rule in RULES}


def refuse(rule: str, path: str, problem: str) -> Refusal:
    """Return the refusal of a rule. `problem` continues a sentence that begins with `path`."""
    return Refusal(rule, path, problem, BY_NAME[rule].remedy)


def refuse_path(problem: PathProblem) -> Refusal:
    """Return the refusal for a problem that the collector of facts found at a path."""
    return refuse(problem.rule, problem.path, problem.problem)
