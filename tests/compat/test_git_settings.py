"""What the user's configuration of git, and the variables of git(1), do to gitstore: nothing.

`SETTINGS` has a line for each that could, which is tried; `REASONED` one for each other section of
git-config(1), with the reason why it cannot, and `VARIABLES` the same for the environment. What is tried
is one small flow: init, snapshot, status, diff, derive, restore, detach. It must have the very same objects.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitstore.derive import detach, standalone, worktree
from gitstore.diff import diff
from gitstore.diff.status import read_status
from gitstore.models import init
from gitstore.models.model import Model
from gitstore.models.reference import RemoteSnapshot
from gitstore.snapshots import restore
from gitstore.snapshots import take as capture
from tests.support.commands import git
from tests.support.models import MODEL, again, put

# Each: the key, a value that could do harm, and why it does none.
SETTINGS = [
    ("init.defaultBranch", "trunk", "--initial-branch"),
    ("init.defaultObjectFormat", "sha256", "--object-format=sha1 (git 2.47 has the key)"),
    ("init.defaultRefFormat", "reftable", "-c init.defaultRefFormat=files (git 2.47)"),
    ("init.templateDir", "{tmp}/nowhere", "what a template has in it, we do not need"),
    (
        "core.hooksPath",
        "{tmp}/hooks",
        "-c core.hooksPath=/dev/null; tests/events/test_dispatch.py has the user's own",
    ),
    ("core.ignoreStat", "true", "-c core.ignoreStat=false, and its marks are looked behind"),
    ("core.fsmonitor", "{tmp}/nothing", "-c core.fsmonitor=false"),
    ("core.untrackedCache", "true", "it is checked by times of directories, like in git status"),
    ("core.splitIndex", "true", "-c core.splitIndex=false for the index that we write"),
    ("index.version", "4", "no index is parsed but by git"),
    ("index.sparse", "true", "likewise"),
    ("index.skipHash", "true", "-c index.skipHash=false: git itself loses a split index with it (git 2.40)"),
    ("feature.manyFiles", "true", "index.version=4 and index.skipHash=true, as above"),
    ("feature.experimental", "true", "it changes defaults, and we name what matters"),
    (
        "core.sparseCheckout",
        "true",
        "the patterns are a working copy's own; derive checks out all of the code",
    ),
    ("core.quotePath", "false", "lists of names are asked for with -z"),
    ("core.abbrev", "4", "-c core.abbrev=auto; ids are asked for in full"),
    ("core.compression", "0", "our packs are our own"),
    ("core.looseCompression", "9", "-c core.looseCompression=0 in quarantines, which pass"),
    ("core.bigFileThreshold", "1", "-c core.bigFileThreshold=2g in quarantines, 512m for diffs"),
    ("core.createObject", "rename", "how a file gets its name"),
    ("core.fsync", "none", "-c core.fsync=reference for refs; packs we sync ourselves"),
    ("core.logAllRefUpdates", "always", "reflogs of tags keep objects from gc, as they do for git"),
    (
        "core.preferSymlinkRefs",
        "true",
        "-c core.preferSymlinkRefs=false, for a HEAD in which libgit2 does not see one",
    ),
    ("core.useReplaceRefs", "true", "GIT_NO_REPLACE_OBJECTS=1"),
    ("core.notesRef", "refs/notes/mine", "notes are not asked for"),
    ("core.commentChar", "M", "messages come by --message, which git does not strip of comments"),
    ("core.commitGraph", "false", "only speed"),
    ("core.multiPackIndex", "false", "only speed"),
    ("core.warnAmbiguousRefs", "true", "refs are named in full"),
    ("core.trustctime", "false", "git then goes by the other stamps"),
    ("core.preloadIndex", "false", "only speed"),
    ("core.precomposeUnicode", "true", "of macOS"),
    ("core.protectNTFS", "true", "names that it refuses are refused by us"),
    (
        "core.attributesFile",
        "{tmp}/attributes",
        "attributes of the user are heeded; an unreadable file is none",
    ),
    ("core.excludesFile", "{tmp}/excludes", "ignored files are no code, whoever says so"),
    ("core.alternateRefsCommand", "false", "only asked in a fetch"),
    ("core.editor", "false", "nothing is edited"),
    ("core.pager", "false", "git has no terminal for its output"),
    ("core.whitespace", "tab-in-indent", "only shown"),
    ("commit.gpgSign", "true", "-c commit.gpgSign=false"),
    ("commit.template", "{tmp}/nowhere", "not read with --message"),
    ("commit.cleanup", "scissors", "our message has one line"),
    ("commit.verbose", "true", "no editor"),
    ("i18n.commitEncoding", "ISO-8859-15", "-c i18n.commitEncoding=UTF-8"),
    ("i18n.logOutputEncoding", "UTF-16", "no log is read"),
    ("tag.sort", "-creatordate", "git tag --list is not asked"),
    ("user.useConfigOnly", "true", "the identity is asked of git var"),
    ("log.showSignature", "true", "no log is read"),
    ("log.date", "relative", "likewise"),
    ("diff.external", "false", "diff-tree is plumbing, and runs no program"),
    ("diff.noprefix", "true", "plumbing has prefixes"),
    ("diff.mnemonicPrefix", "true", "likewise"),
    ("diff.renames", "copies", "--no-renames for what is read, --find-renames for what is shown"),
    ("diff.relative", "true", "plumbing does not heed it"),
    ("diff.orderFile", "{tmp}/nowhere", "likewise"),
    ("diff.ignoreSubmodules", "all", "there are none"),
    ("diff.context", "0", "plumbing does not heed it"),
    ("diff.wordRegex", ".", "likewise"),
    ("diff.colorMoved", "zebra", "only colours"),
    ("color.ui", "always", "--color=never, or plumbing"),
    ("column.ui", "always", "plumbing has no columns"),
    ("status.short", "true", "--porcelain=v1"),
    ("status.branch", "true", "--porcelain=v1 -z heeds only what is asked"),
    ("status.showUntrackedFiles", "no", "--untracked-files=all"),
    ("status.relativePaths", "false", "paths are from the top, where git runs"),
    ("status.renames", "copies", "--no-renames"),
    ("status.submoduleSummary", "true", "not in --porcelain"),
    ("submodule.recurse", "true", "-c submodule.recurse=false"),
    ("checkout.guess", "false", "branches are named in full"),
    ("checkout.workers", "4", "how many processes write"),
    ("worktree.guessRemote", "true", "git worktree add is not used"),
    ("worktree.useRelativePaths", "true", "likewise; paths in worktrees/ may be relative (git 2.48)"),
    ("gc.auto", "1", "-c gc.auto=0"),
    ("maintenance.auto", "true", "-c maintenance.auto=false"),
    ("pack.packSizeLimit", "1", "-c pack.packSizeLimit=0 where git packs for us"),
    ("pack.indexVersion", "1", "-c pack.indexVersion=2 where git packs for us"),
    ("pack.compression", "9", "whole entries are copied"),
    ("pack.writeReverseIndex", "true", "a file more, which git can make again"),
    ("alias.status", "!false", "git has no aliases for its own commands"),
    ("safe.bareRepository", "explicit", "GIT_DIR is set"),
    ("advice.addIgnoredFile", "true", "advice is not parsed"),
    ("help.autoCorrect", "immediate", "commands are spelled right"),
    ("pager.diff", "true", "no terminal"),
    ("rerere.enabled", "true", "no merge is made"),
    ("merge.ff", "only", "likewise"),
    ("url.https://nowhere.invalid/.insteadOf", "{tmp}", "paths of this machine are linked, not fetched"),
    ("trace2.eventTarget", "2", "standard error is shown only if git fails"),
    ("transfer.hideRefs", "refs/", "of servers"),
]

# Sections of git-config(1) that are not tried one by one.
REASONED = {
    "of commands that gitstore does not run": (
        "add am apply blame bundle clean clone completion difftool fastimport format gitcvs gitweb grep gui"
        " guitool imap instaweb interactive mailinfo mailmap man mergetool notes pull push rebase"
        " revert sendemail sequence showBranch stash tar uploadarchive versionsort web browser sparse"
        " bisect backfill replay history promisor attr reftable lsrefs pretty bitmapPseudoMerge size last"
        " trailer"
    ),
    "of fetch, by which a base comes from a URL: the user's way to reach it, tried below": (
        "credential credentialCache credentialStore fetch http protocol remote remotes sideband ssh transfer"
        " url"
    ),
    "of servers": "receive uploadpack uploadpackfilter",
    "only say where configuration is": "include includeIf hasconfig:remote",
    "what is checked, and how strictly, when somebody else checks": "fsck fsmonitor",
    "identity, by which git signs and names us: snapshots/test_take_signed.py": "author committer gpg user",
    "hooks in the configuration: tests/compat/test_newer_git.py": "hook",
    "filters of the user: tests/staging/test_stage.py": "filter",
    "a repository's format, which discovery reads": "extensions",
    "only speed or upkeep": "commitGraph gc maintenance pack repack splitIndex index",
    "a branch's remote": "branch",
}

# Each variable of git(1), a value, and what makes us immune.
VARIABLES = [
    ("GIT_DEFAULT_HASH", "sha256", "--object-format=sha1, and unset"),
    ("GIT_DEFAULT_REF_FORMAT", "reftable", "unset (git 2.45)"),
    ("GIT_DIR", "/nowhere", "set by us; the command line refuses what disagrees"),
    ("GIT_WORK_TREE", "/nowhere", "likewise"),
    ("GIT_COMMON_DIR", "/nowhere", "unset"),
    ("GIT_INDEX_FILE", "/nowhere", "unset"),
    ("GIT_INDEX_VERSION", "4", "unset"),
    ("GIT_OBJECT_DIRECTORY", "/nowhere", "unset"),
    ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere", "unset"),
    ("GIT_NAMESPACE", "somewhere", "unset"),
    ("GIT_PREFIX", "sub/", "unset"),
    ("GIT_QUARANTINE_PATH", "/nowhere", "unset: with it, git update-ref refuses"),
    ("GIT_SHALLOW_FILE", "/nowhere", "unset"),
    ("GIT_GRAFT_FILE", "/nowhere", "set to none"),
    ("GIT_NO_REPLACE_OBJECTS", "0", "set"),
    ("GIT_REPLACE_REF_BASE", "refs/heads/", "unset"),
    ("GIT_LITERAL_PATHSPECS", "0", "set"),
    ("GIT_GLOB_PATHSPECS", "1", "unset: git refuses it beside the former"),
    ("GIT_NOGLOB_PATHSPECS", "1", "likewise"),
    ("GIT_ICASE_PATHSPECS", "1", "likewise"),
    ("GIT_ATTR_SOURCE", "HEAD", "unset (git 2.43): attributes are those on disk"),
    ("GIT_EXTERNAL_DIFF", "false", "unset"),
    ("GIT_DIFF_OPTS", "--unified=0", "unset"),
    ("GIT_REF_PARANOIA", "0", "unset: damaged refs are named"),
    ("GIT_OPTIONAL_LOCKS", "1", "--no-optional-locks where nothing is to be written"),
    ("GIT_EDITOR", "false", "nothing is edited"),
    ("GIT_PAGER", "false", "no terminal"),
    ("GIT_TRACE", "1", "standard error is shown only if git fails"),
    ("GIT_TRACE_SETUP", "1", "likewise"),
    ("GIT_TRACE2", "1", "likewise"),
    ("GIT_FLUSH", "1", "output is read to its end"),
    ("GIT_CEILING_DIRECTORIES", "/", "gitstore looks for a repository up to the file system's top"),
    ("GIT_ADVICE", "1", "advice is not parsed (git 2.45)"),
    ("GIT_MERGE_VERBOSITY", "5", "no merge is made"),
    ("GIT_CONFIG_PARAMETERS", "'core.abbrev=4' 'status.short=true'", "git -c: heeded, ours come later"),
    ("LC_ALL", "de_DE.UTF-8", "LANGUAGE=en"),
    ("LANGUAGE", "de", "likewise"),
]

CODE = {"model.py": MODEL, "lib/[a]*.py": "A = 1\n", ".hidden": "h\n", "größe.txt": "ß\n", "M": "M\n"}

Outcome = dict[str, object]


def flow(top: Path) -> Outcome:
    """One life of a model, and what came of it, by ids and by files."""
    here = top / "digits"
    for name, content in CODE.items():
        (here / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "code" / name).write_text(content)
    model = init.create_model(here, name="digits").model
    put(model, "initial", {"weights": b"\0\1\2\3\4\5\6\7"})
    first = capture.take(model, "v1").snapshot
    (here / "code" / "lib" / "[a]*.py").write_text("A = 2\n")
    (here / "code" / "M").unlink()
    changed = diff.compare(first, again(model), patch=True).code
    stands = read_status(again(model))
    pup = worktree.derive(first, "pup", top / "pup").model
    second = capture.take(pup, "v1").snapshot
    restore.restore(again(model), first, force=True)
    detached = detach.detach(Model.open(top / "pup"))
    return {
        "tree": (first.tree, second.code_tree, second.state_tree),
        "diff": changed,
        "status": (stands.code, stands.uncommitted, stands.branch, stands.problems),
        "detached": detached.commit is not None,
        "files": {name: sorted(files(top / name)) for name in ("digits", "pup")},
        "refs": refs(here),
    }


def files(directory: Path) -> list[tuple[str, bytes]]:
    found = (path for path in directory.rglob("*") if path.is_file() and ".git" not in path.parts)
    return [(str(path.relative_to(directory)), path.read_bytes()) for path in found if path.name != ".git"]


def refs(directory: Path) -> list[str]:
    """All refs, read without the settings that are tried."""
    command = ["env", "-i", "git", "for-each-ref", "--format=%(refname) %(objectname)"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )


@pytest.fixture(scope="module")
def expected() -> Outcome:
    """What comes of it with no settings at all; filled by the first test that needs it."""
    return {}


@pytest.fixture
def compare(expected: Outcome, tmp_path: Path) -> Outcome:
    """What the flow gives without settings. It runs before those are made."""
    if not expected:
        (tmp_path / "plain").mkdir()
        expected.update(flow(tmp_path / "plain"))
    return expected


def configure(tmp_path: Path, settings: dict[str, str]) -> None:
    """Set keys of the user."""
    (tmp_path / "attributes").write_text("")
    (tmp_path / "excludes").write_text("")
    lines = []
    for key, value in settings.items():
        section, _, name = key.rpartition(".")
        section, _, below = section.partition(".")
        lines.append(f'[{section} "{below}"]' if below else f"[{section}]")
        lines.append(f'{name} = "{value.format(tmp=tmp_path)}"')
    with (Path.home() / ".gitconfig").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    assert git("config", key, cwd=tmp_path) == f"{value.format(tmp=tmp_path)}\n"  # git reads to the end


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each line for itself takes minutes; that is for `make settings`, and for who seeks the culprit."""
    if "why" in metafunc.fixturenames:
        table = SETTINGS if "key" in metafunc.fixturenames else VARIABLES
        lines = table if metafunc.config.getoption("--each-setting") else []
        names = ("key" if table is SETTINGS else "name", "value", "why")
        metafunc.parametrize(names, lines, ids=[line[0] for line in lines])


def test_all_settings_at_once_change_nothing(compare: Outcome, tmp_path: Path) -> None:
    configure(tmp_path, {key: value for key, value, _ in SETTINGS})
    assert flow(tmp_path) == compare


def test_all_variables_at_once_change_nothing(
    compare: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value, _ in VARIABLES:
        monkeypatch.setenv(name, value)
    assert flow(tmp_path) == compare


def test_the_table_knows_every_section_that_git_knows() -> None:
    listed = git("help", "--config-for-completion", cwd=Path()).split()
    words = {word for line in REASONED.values() for word in line.split()}
    told = words | {key.partition(".")[0] for key, _, _ in SETTINGS}
    assert {key.partition(".")[0] for key in listed} - told == set()


def test_settings_of_fetch(model: Model, tmp_path: Path) -> None:
    """A base that comes from a URL."""
    capture.take(model, "v1")
    settings = {
        "fetch.prune": "true", "fetch.pruneTags": "true", "fetch.recurseSubmodules": "true",
        "fetch.writeCommitGraph": "true", "fetch.unpackLimit": "1000", "fetch.fsckObjects": "true",
        "fetch.output": "compact", "fetch.parallel": "0", "fetch.negotiationAlgorithm": "skipping",
        "transfer.fsckObjects": "true", "transfer.unpackLimit": "1000", "protocol.version": "0",
        "remote.pushDefault": "nowhere", "safe.bareRepository": "explicit", "core.hooksPath": str(tmp_path),
        "init.defaultObjectFormat": "sha256", "gc.auto": "1", "pack.packSizeLimit": "1",
        "pack.indexVersion": "1",
    }  # fmt: skip
    configure(tmp_path, settings)
    source = RemoteSnapshot(f"file://{model.directory}", ("v1",))
    made = standalone.derive(source, "pup", tmp_path / "pup")
    assert capture.take(made.model, "v1").snapshot.code_tree == made.base.code_tree


def test_replacements_and_grafts_do_not_count(model: Model, tmp_path: Path) -> None:
    first = capture.take(model, "v1").snapshot
    (model.directory / "code" / "model.py").write_text("other = 1\n")
    second = capture.take(again(model), "v2").snapshot
    changes = diff.compare(first, second).code
    git("replace", str(first.commit), str(second.commit), cwd=model.directory)
    git("replace", str(first.tree), str(second.tree), cwd=model.directory)
    assert diff.compare(first, second).code == changes
    restore.restore(again(model), first, force=True)
    assert (model.directory / "code" / "model.py").read_text() == MODEL
    pup = worktree.derive(first, "pup", tmp_path / "pup").model
    assert (pup.directory / "code" / "model.py").read_text() == MODEL
    assert capture.take(pup, "v1").snapshot.code_tree == first.code_tree


def test_a_setting_changes_nothing(compare: Outcome, tmp_path: Path, key: str, value: str, why: str) -> None:
    assert why
    configure(tmp_path, {key: value})
    assert flow(tmp_path) == compare


def test_a_variable_changes_nothing(
    compare: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    assert why
    monkeypatch.setenv(name, value)
    assert flow(tmp_path) == compare
