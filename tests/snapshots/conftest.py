"""Keys to sign with: of gpg and of ssh-keygen, which must be here, and nowhere near the user's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ADA = "Ada Lovelace <ada@example.org>"

CERTIFICATE = """\
Key-Type: RSA
Key-Length: 2048
Key-Usage: sign
Serial: random
Name-DN: CN=Ada Lovelace,O=Example
Name-Email: ada@example.org
Hash-Algo: SHA256
"""


def needed(program: str) -> str:
    """The program, or the test is skipped."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return program


@dataclass(frozen=True)
class Keyring:
    """A home of gpg. Its path is short, as that of a socket must be."""

    home: Path

    def gpg(self, *arguments: str) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def make(self, person: str, *, clock: str | None = None, expires: str = "never") -> str:
        """A new key, without a passphrase; returns its fingerprint."""
        time = ("--faked-system-time", clock) if clock else ()
        quick = ("--quick-gen-key", person, "ed25519", "sign", expires)
        self.gpg(*time, "--pinentry-mode", "loopback", "--passphrase", "", *quick)
        return self.fingerprint(person)

    def certify(self) -> str:
        """A new X.509 certificate of Ada Lovelace, which trusts itself; returns its fingerprint."""
        (self.home / "gpgsm.conf").write_text("disable-crl-checks\n")
        (self.home / "request").write_text(CERTIFICATE)
        gpgsm = ["gpgsm", "--homedir", str(self.home), "--batch", "--quiet"]
        request = [
            "--pinentry-mode",
            "loopback",
            "--passphrase-fd",
            "0",
            "--generate-key",
            str(self.home / "request"),
        ]
        made = subprocess.run([*gpgsm, *request], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        subprocess.run([*gpgsm, "--import"], input=made.stdout, capture_output=True, check=True)
        listing = [*gpgsm, "--with-colons", "--list-keys"]
        lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
        fingerprint = next(line.split(":")[9] for line in lines if line.startswith("fpr:"))
        (self.home / "trustlist.txt").write_text(f"{fingerprint} S relax\n")
        return fingerprint

    def fingerprint(self, person: str) -> str:
        lines = self.gpg("--with-colons", "--list-keys", f"={person}").splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


@pytest.fixture(scope="session")
def new_keyring() -> Iterator[Callable[[], Keyring]]:
    """Makes keyrings; their agents end with the session."""
    needed("gpg")
    made: list[Keyring] = []

    def make() -> Keyring:
        made.append(Keyring(Path(tempfile.mkdtemp(prefix="gs-"))))
        return made[-1]

    yield make
    for each in made:
        subprocess.run(["gpgconf", "--homedir", each.home, "--kill", "all"], check=True)
        shutil.rmtree(each.home, ignore_errors=True)


@pytest.fixture(scope="session")
def ada(new_keyring: Callable[[], Keyring]) -> Keyring:
    """A keyring with a key of Ada Lovelace, who takes the snapshots of the tests."""
    keyring = new_keyring()
    keyring.make(ADA)
    return keyring


@pytest.fixture
def gpg(ada: Keyring, monkeypatch: pytest.MonkeyPatch) -> str:
    """git signs with gpg, as it is, and with the key of whoever is at work; returns the fingerprint."""
    monkeypatch.setenv("GNUPGHOME", str(ada.home))
    return ada.fingerprint(ADA)


@pytest.fixture(scope="session")
def made_ssh_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An SSH key without a passphrase, and its fingerprint."""
    key = tmp_path_factory.mktemp("ssh") / "ada"
    subprocess.run([needed("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    listed = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True)
    return key, listed.stdout.split()[1]


@pytest.fixture
def ssh_key(made_ssh_key: tuple[Path, str], tmp_path: Path) -> Path:
    """An SSH key without a passphrase, at a path with a space."""
    key = tmp_path / "my keys" / "ada"
    key.parent.mkdir()
    for suffix in ("", ".pub"):
        shutil.copy(made_ssh_key[0].with_suffix(suffix), key.with_suffix(suffix))
    return key


@pytest.fixture
def ssh(made_ssh_key: tuple[Path, str], ssh_key: Path, home: Path) -> str:
    """git signs with an SSH key, and knows it; returns the fingerprint."""
    signers = ssh_key.with_name("signers")
    signers.write_text(f"ada@example.org {ssh_key.with_suffix('.pub').read_text()}")
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = "{ssh_key}"\n')
        file.write(f'[gpg "ssh"]\n\tallowedSignersFile = "{signers}"\n')
    return made_ssh_key[1]


@pytest.fixture(scope="session")
def certified(new_keyring: Callable[[], Keyring]) -> tuple[Keyring, str]:
    """A keyring with a certificate, and its fingerprint."""
    needed("gpgsm")
    keyring = new_keyring()
    return keyring, keyring.certify()


@pytest.fixture
def x509(certified: tuple[Keyring, str], monkeypatch: pytest.MonkeyPatch, home: Path) -> str:
    """git signs with gpgsm; returns the fingerprint."""
    keyring, fingerprint = certified
    monkeypatch.setenv("GNUPGHOME", str(keyring.home))
    with (home / ".gitconfig").open("a") as file:
        file.write("[gpg]\n\tformat = x509\n[user]\n\tsigningKey = ada@example.org\n")
    return fingerprint


@pytest.fixture(params=["gpg", "ssh", "x509"])
def signer(request: pytest.FixtureRequest) -> str:
    """Each of the three; returns how `verify` tells of its signature."""
    key = request.getfixturevalue(request.param)
    if request.param == "x509":
        return f"good signature of /CN=Ada Lovelace/O=Example, X.509 key {key}, trust fully"
    if request.param == "gpg":
        return f"good signature of {ADA}, OpenPGP key {key}, trust ultimate"
    return f"good signature of ada@example.org, SSH key {key}"
