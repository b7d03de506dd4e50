"""Signing tags like `git tag --sign`, with the user's configuration, programs and keys.

Stock git signs in a scratch repository that only has the commit, because it also writes the tag and a ref.
The values for keys and programs are passed from the real repository: in the scratch directory, conditions
of the configuration (`includeIf`) may not hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import directories
from gitstore.errors import GitstoreError
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.objects import tag
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.oid import Kind, Oid

_TAGGER = re.compile(r"(.*) <(.*)> (\d+ [+-]\d{4})")

_SSH_KEY = "git config --global user.signingKey ~/.ssh/id_ed25519.pub"
_SET_KEY = {
    "ssh": f"{_SSH_KEY} sets the key",
    "openpgp": "git config --global user.signingKey KEY sets the key, one of gpg --list-secret-keys;"
    f" for an SSH key: git config --global gpg.format ssh; {_SSH_KEY}",
    "x509": "git config --global user.signingKey KEY sets the key, one of gpgsm --list-secret-keys",
}
_FIX_KEY = {
    "ssh": "the key must be a file, or key:: and a public key that ssh-agent has; ssh-add -L lists those",
    "openpgp": "gpg --clearsign, run by hand, shows more; on a terminal it may need export GPG_TTY=$(tty)",
    "x509": "gpgsm --sign, run by hand, shows more",
}
"""Hints by `gpg.format`: if no key is configured, and if one is."""


class SigningFailed(GitstoreError):
    """A tag could not be signed: there is no key or no program, or nobody entered the passphrase."""


@dataclass(frozen=True)
class Signer:
    """Whether to sign tags, and with which key. For `None`, git's configuration decides.

    `before` is called before a program may ask for a passphrase.
    """

    is_wanted: bool | None = None
    key: str | None = None
    before: Callable[[], None] = lambda: None

    def signs(self, repository: Repository) -> bool:
        """Whether to sign tags of this repository: as requested, or as `tag.gpgSign` says."""
        if self.key is not None:
            return True
        if self.is_wanted is not None:
            return self.is_wanted
        try:
            return repository.git_config.boolean("tag.gpgsign") or False
        except ValueError:  # a number, or a value that git refuses
            return repository.git("config", "--type=bool", "tag.gpgSign").strip() == b"true"

    def sign(self, repository: Repository, content: bytes, *, commit: bytes) -> bytes:
        """Return a tag's content with its signature, byte for byte as git would write it.

        `commit` is the content of the tagged commit. May wait for a passphrase. Writes nothing to the
        repository. Raises `SigningFailed`.
        """
        self.before()
        name = tag.parse(content).name
        configuration = repository.git_config.sections("gpg", "user")  # keys and programs
        key = ("--local-user", self.key) if self.key is not None else ()
        command = (*_options(configuration), "tag", *key)
        completed, signed = _run_git_tag(repository, content, commit=commit, command=command)
        # If ssh-keygen cannot load the key, git 2.39 writes an unsigned tag and exits with 0.
        if signed is None or not signed.startswith(content) or tag.parse(signed).signed is None:
            hint = _make_hint(configuration, self.key)
            raise SigningFailed(f"the tag {name} cannot be signed: {_find_reason(completed)}", hint)
        return signed


AS_CONFIGURED = Signer()
"""Signs if git's configuration requests it, like `git tag --annotate`."""


def _run_git_tag(
    repository: Repository, content: bytes, *, commit: bytes, command: tuple[str, ...]
) -> tuple[git.Completed, bytes | None]:
    """Let `git tag` write the tag; return how it ended, and the tag's content if there is one."""
    with _scratch(repository) as directory:
        variables = {"GIT_DIR": str(directory)}
        hashing = ("hash-object", "-t", "commit", "-w", "--stdin")
        target = repository.git(*hashing, stdin=commit, variables=variables).decode().strip()
        message = directory / "message"
        message.write_bytes(content.partition(b"\n\n")[2])
        completed = git.attempt(
            *(*command, "--sign", "--cleanup=verbatim", "--file", str(message)),
            *("--", tag.parse(content).name, target),
            cwd=repository.directory,
            variables=variables | _tagger_variables(content),
            at_terminal=True,
        )
        return completed, _read_only_tag(directory / "objects")


@contextmanager
def _scratch(repository: Repository) -> Iterator[Path]:
    """Make a temporary repository, which the end of the block removes."""
    with directories.scratch(repository.private.absolute(), "sign") as directory:
        (directory / "HEAD").write_text("ref: refs/heads/none\n")
        for name in ("objects", "refs"):
            (directory / name).mkdir()
        yield directory


def _options(configuration: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the options that give git this configuration in another repository."""
    for key, value in configuration.items():
        yield from ("-c", key if value is None else f"{key}={value}")


def _tagger_variables(content: bytes) -> dict[str, str]:
    """Return the environment that makes git record the tagger and the time of the tag's content."""
    match = _TAGGER.fullmatch(tag.read_tagger(content))
    if match is None:
        raise GitstoreError(f"the tag {tag.parse(content).name} cannot be signed: it names no tagger")
    name, mail, date = match.groups()
    return {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail, "GIT_COMMITTER_DATE": f"@{date}"}


def _read_only_tag(objects: Path) -> bytes | None:
    """Return the content of the tag in a directory of objects, if there is one."""
    database = ObjectDatabase(objects)
    contents = (database.read(Oid(oid)) for oid, _ in database.list_loose())
    return next((content for kind, content in contents if kind is Kind.TAG), None)


_FINAL_LINES = ("unable to sign the tag", "The tag message has been left in ")
"""How the lines start that git itself prints at the end."""


def _find_reason(completed: git.Completed) -> str:
    """Return what the signing program printed, if git passes it on. For gpg, git before 2.40 does not."""
    lines = [line.strip() for line in completed.stderr.splitlines()]
    reasons = [
        line.removeprefix("error: ").removeprefix("fatal: ").rstrip(":")
        for line in lines
        if line and not line.startswith("[GNUPG:]")
    ]
    if len(reasons) > 1:
        reasons = [line for line in reasons if not line.startswith(_FINAL_LINES)]
    return "; ".join(reasons) or f"exit code {completed.returncode}"


def _make_hint(configuration: Mapping[str, str | None], key: str | None) -> str:
    """Say what to configure."""
    scheme = (configuration.get("gpg.format") or "openpgp").lower()
    key = key or configuration.get("user.signingkey")
    if scheme == "ssh":
        key = key or configuration.get("gpg.ssh.defaultkeycommand")
    return (_FIX_KEY if key else _SET_KEY).get(scheme, "gpg.format must be openpgp, x509 or ssh")
