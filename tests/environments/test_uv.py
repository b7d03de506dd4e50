"""Running uv: what it trusts, and which variables it gets."""

from __future__ import annotations

import ssl

from gitstore.environments import uv


def test_it_trusts_what_the_system_trusts_unless_the_user_says_otherwise() -> None:
    paths = ssl.get_default_verify_paths()
    added = uv.trust_system({"HOME": "/"})
    assert ("UV_SYSTEM_CERTS" in added) is bool(paths.cafile or paths.capath)
    for name in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"):
        assert uv.trust_system({name: "false"}) == {name: "false"}


def test_uv_knows_the_variable() -> None:
    """A wrong value is an error of uv only if it reads the variable."""
    completed = uv.run("pip", "list", variables={"UV_SYSTEM_CERTS": "maybe", "HOME": "/", "PATH": "/usr/bin"})
    assert completed.returncode != 0
    assert b"UV_SYSTEM_CERTS" in completed.stderr or b"maybe" in completed.stderr
