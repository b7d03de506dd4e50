"""`gitstore store http-backend`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gitstore.cli import output
from gitstore.cli.commands.store import options

if TYPE_CHECKING:
    from gitstore.policy.limits import PushLimits
    from gitstore.store.front.http import HttpCall, HttpRefusal


_BLOCK = 64 * 1024
_DRAINED = 4 << 30
"""Bytes of a push that are read and dropped after it was refused."""


@click.command("http-backend")
@options.store_option
@click.pass_context
def command(ctx: click.Context, *, root: Path | None) -> None:
    """Answer one request for a web server, as git http-backend does, by the roles in store.yaml.

    The web server runs it as a CGI program and must have checked who asks: REMOTE_USER is believed. Without
    it, only public models can be read.

    \b
    Examples:
      gitstore store http-backend --store /srv/models
    """
    from gitstore.store.front.http import HttpRefusal, parse_request

    store = options.open_store(ctx, root)
    user = options.find_web_user()
    try:
        call = parse_request(store, os.environ, user)
        if call.posted == "receive-pack":
            _receive(call, os.environ, store.config.limits.to_push_limits({}))
        else:
            _answer(call, os.environ)
    except HttpRefusal as refusal:
        _refuse(refusal)


def _receive(call: HttpCall, request: Mapping[str, str], limits: PushLimits) -> None:
    """Let git receive a push, which is stopped at the first byte that is too much."""
    from gitstore.store.front.http import limit_read
    from gitstore.store.front.report import render_answer
    from gitstore.store.front.stream import read_from, serve_push

    read = limit_read(request, read_from(0))
    served = serve_push(
        "http-backend",
        repository=call.repository,
        read=read,
        limits=limits,
        variables=call.environment,
        write=_write,
    )
    if served.stopped is not None:
        output.print_message(f"error: {served.stopped.refusal}")
        _write(render_answer(served.stopped) or served.stopped.answer)
    _drain(read)


def _drain(read: Callable[[int], bytes]) -> None:
    """Read on, up to a limit: a client that is cut off while it sends does not read the answer."""
    left = _DRAINED
    while left > 0 and (block := read(_BLOCK)):
        left -= len(block)


def _write(block: bytes) -> None:
    sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()


def _answer(call: HttpCall, request: Mapping[str, str]) -> NoReturn:
    """Let git answer. What a client wants and has is read first, with a limit, and then given to git."""
    from gitstore.git import process as git
    from gitstore.store.front.http import read_body

    environment = call.environment
    if call.posted is not None:
        with tempfile.TemporaryFile() as body:
            for block in read_body(request, sys.stdin.buffer):
                body.write(block)
            environment = environment | {"CONTENT_LENGTH": str(body.tell())}
            body.seek(0)
            os.dup2(body.fileno(), 0)
    git.become("http-backend", environment=environment)


def _refuse(refusal: HttpRefusal) -> None:
    lines = (f"Status: {refusal.status}", *refusal.headers, "Content-Type: text/plain", "", refusal.message)
    sys.stdout.write("".join(f"{line}\r\n" for line in lines))
