"""Signing tags, as `git tag --sign` does it: with the user's configuration, programs and keys.

Stock git signs, in a scratch repository that has the commit and nothing else, so that the tag it
makes, and the ref, are there alone. What the configuration of the real one says of keys and
programs goes with it; a scratch directory has other conditions (`includeIf`) than the real one.
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
_WHICH_KEY = {
    "ssh": f"{_SSH_KEY} says with which key",
    "openpgp": "git config --global user.signingKey KEY says with which key of gpg --list-secret-keys;"
    f" for an SSH key: git config --global gpg.format ssh; {_SSH_KEY}",
    "x509": "git config --global user.signingKey KEY says with which key of gpgsm --list-secret-keys",
}
_THAT_KEY = {
    "ssh": "the key is to be a file, or key:: and a public key that ssh-agent has; ssh-add -L lists those",
    "openpgp": "gpg --clearsign, said by hand, tells more; on a terminal it may need export GPG_TTY=$(tty)",
    "x509": "gpgsm --sign, said by hand, tells more",
}
"""What to do if no key is named; and if one is. By `gpg.format`."""


class SigningFailed(GitstoreError):
    """A tag could not be signed: no key, no program, or a person who did not give the passphrase."""


@dataclass(frozen=True)
class Signer:
    """Whether tags shall be signed, and with which key; where it is `None`, git's configuration says.

    `before` is called before the person may be asked for a passphrase.
    """

    wanted: bool | None = None
    key: str | None = None
    before: Callable[[], None] = lambda: None

    def signs(self, repository: Repository) -> bool:
        """Whether tags of this repository shall be signed: told, or by `tag.gpgSign`."""
        if self.key is not None:
            return True
        if self.wanted is not None:
            return self.wanted
        try:
            return repository.git_config.boolean("tag.gpgsign") or False
        except ValueError:  # a number, or what git refuses
            return repository.git("config", "--type=bool", "tag.gpgSign").strip() == b"true"

    def sign(self, repository: Repository, content: bytes, commit: bytes) -> bytes:
        """A tag's content with a signature behind it, byte for byte as git would make it.

        `commit` is the content of the commit that it tags. Waits for the person, if need be. Writes
        nothing to the repository. Raises `SigningFailed`.
        """
        self.before()
        name = tag.parse(content).name
        configuration = repository.git_config.sections("gpg", "user")  # keys and programs
        key = ("--local-user", self.key) if self.key is not None else ()
        done, signed = _attempt(repository, content, commit, (*_options(configuration), "tag", *key))
        # git 2.39 exits with 0, and leaves the tag without a signature, if ssh-keygen cannot load the key.
        if signed is None or not signed.startswith(content) or tag.parse(signed).signed is None:
            hint = _hint(configuration, self.key)
            raise SigningFailed(f"the tag {name} cannot be signed: {_reason(done)}", hint)
        return signed


AS_CONFIGURED = Signer()
"""Signs if git's configuration says so, like `git tag --annotate`."""


def _attempt(
    repository: Repository, content: bytes, commit: bytes, command: tuple[str, ...]
) -> tuple[git.Completed, bytes | None]:
    """Let `git tag` make the tag, with the person's help; returns what became of it."""
    with _scratch(repository) as directory:
        variables = {"GIT_DIR": str(directory)}
        hashing = ("hash-object", "-t", "commit", "-w", "--stdin")
        target = repository.git(*hashing, stdin=commit, variables=variables).decode().strip()
        message = directory / "message"
        message.write_bytes(content.partition(b"\n\n")[2])
        done = git.attempt(
            *(*command, "--sign", "--cleanup=verbatim", "--file", str(message)),
            *("--", tag.parse(content).name, target),
            cwd=repository.directory,
            variables=variables | _tagger(content),
            at_terminal=True,
        )
        return done, _only_tag(directory / "objects")


@contextmanager
def _scratch(repository: Repository) -> Iterator[Path]:
    """A repository of its own, which is gone with the block."""
    with directories.scratch(repository.private.absolute(), "sign") as directory:
        (directory / "HEAD").write_text("ref: refs/heads/none\n")
        for each in ("objects", "refs"):
            (directory / each).mkdir()
        yield directory


def _options(configuration: Mapping[str, str | None]) -> Iterator[str]:
    """The options by which git has this configuration in another repository, too."""
    for key, value in configuration.items():
        yield from ("-c", key if value is None else f"{key}={value}")


def _tagger(content: bytes) -> dict[str, str]:
    """The environment in which git names the same tagger, and the same time, as the tag does."""
    match = _TAGGER.fullmatch(tag.identity(content))
    if match is None:
        raise GitstoreError(
            f"the tag {tag.parse(content).name} cannot be signed: it does not say who made it"
        )
    name, mail, date = match.groups()
    return {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail, "GIT_COMMITTER_DATE": f"@{date}"}


def _only_tag(objects: Path) -> bytes | None:
    """The content of the tag that is in a directory of objects."""
    database = ObjectDatabase(objects)
    found = (database.read(Oid(oid)) for oid, _ in database.loose())
    return next((content for kind, content in found if kind is Kind.TAG), None)


_LAST_WORDS = ("unable to sign the tag", "The tag message has been left in ")
"""What git itself says in the end."""


def _reason(done: git.Completed) -> str:
    """What the program that signs said, as far as git passes it on; before 2.40 it does not for gpg."""
    lines = [line.strip() for line in done.stderr.splitlines()]
    said = [
        line.removeprefix("error: ").removeprefix("fatal: ").rstrip(":")
        for line in lines
        if line and not line.startswith("[GNUPG:]")
    ]
    if len(said) > 1:
        said = [line for line in said if not line.startswith(_LAST_WORDS)]
    return "; ".join(said) or f"exit code {done.returncode}"


def _hint(configuration: Mapping[str, str | None], key: str | None) -> str:
    """What to configure."""
    scheme = (configuration.get("gpg.format") or "openpgp").lower()
    named = key or configuration.get("user.signingkey")
    if scheme == "ssh":
        named = named or configuration.get("gpg.ssh.defaultkeycommand")
    return (_THAT_KEY if named else _WHICH_KEY).get(scheme, "gpg.format is openpgp, x509 or ssh")
