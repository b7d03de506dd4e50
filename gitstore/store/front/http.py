"""What a CGI for a web server lets through to git http-backend, git-http-backend(1), RFC 3875."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from gitstore.errors import GitstoreError, InvalidName, NotAStore
from gitstore.policy.role import Role
from gitstore.store import hooks
from gitstore.store.access import User, find_role
from gitstore.store.front.environment import service_environment
from gitstore.store.front.shell import SERVICES
from gitstore.store.names import SUFFIX, ModelName, parse_model_name
from gitstore.store.store import Store

LARGEST_REQUEST = 32 * 1024 * 1024
"""The most bytes that a client's list of what it wants and has may need, inflated."""

_BLOCK = 64 * 1024
_LENGTH = re.compile("[0-9]{1,18}")
_REFS = "/info/refs"
_ADVERTISED = {f"service=git-{service}": service for service in SERVICES}


class HttpRefusal(GitstoreError):
    """A request that is answered without git: a status, and a line of text for the person."""

    def __init__(self, status: str, message: str, *headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class HttpCall(NamedTuple):
    """A request that git may answer: its environment, and the service whose body it has, if it has one."""

    repository: Path
    environment: dict[str, str]
    posted: str | None


def parse_request(store: Store, request: Mapping[str, str], user: User) -> HttpCall:
    """Return what a request asks for, if the user's role allows it.

    `request` has the variables of the CGI. Somebody without a role gets the same answer for models that exist
    and that do not. Raises `HttpRefusal`.
    """
    name, service, is_post = _parse_path(request)
    role = find_role(store.config, user, name)
    if role is Role.NONE or (role < SERVICES[service] and not user.name):
        raise _refuse_reading(user)
    model = store.path(name)
    if not (model / "HEAD").is_file():
        raise HttpRefusal("404 Not Found", f"there is no model {name} here")
    if role < SERVICES[service]:
        raise HttpRefusal(
            "403 Forbidden",
            f"{user} has the role {role.word} for {name}; this needs {SERVICES[service].word}",
        )
    if service == "receive-pack":
        _check_hooks(store)
    if is_post and request.get("CONTENT_TYPE") != f"application/x-git-{service}-request":
        raise HttpRefusal("415 Unsupported Media Type", "the body has the wrong type")
    path = f"/{name.owner}/{name.model}{SUFFIX}" + (f"/git-{service}" if is_post else _REFS)
    environment = service_environment(
        store, store.find_model(name), user=user, inherited=request, protocol=request.get("HTTP_GIT_PROTOCOL")
    )
    environment |= _cgi_variables(request) | {
        "GIT_PROJECT_ROOT": str(store.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": "" if is_post else f"service=git-{service}",
        "REMOTE_USER": user.name,
    }
    if is_post and service == "receive-pack":
        if request.get("HTTP_CONTENT_ENCODING"):
            raise HttpRefusal("415 Unsupported Media Type", "a push is not compressed once more")
        # With it, git http-backend would wait busily for the rest of a push that was stopped.
        environment.pop("CONTENT_LENGTH", None)
    return HttpCall(model, environment, service if is_post else None)


def _check_hooks(store: Store) -> None:
    try:
        hooks.check_runnable(store.hooks_directory)
    except NotAStore as error:
        raise HttpRefusal("503 Service Unavailable", str(error)) from error


def _parse_path(request: Mapping[str, str]) -> tuple[ModelName, str, bool]:
    """Return the model, the service, and whether it is a POST. Other files and services do not exist."""
    path, method = request.get("PATH_INFO", ""), request.get("REQUEST_METHOD", "")
    not_found = HttpRefusal("404 Not Found", "this store only serves git fetch and git push over smart HTTP")
    if method == "GET" and path.endswith(_REFS):
        service, model = _ADVERTISED.get(request.get("QUERY_STRING", "")), path.removesuffix(_REFS)
    elif method == "POST" and "/git-" in path:
        model, _, service = path.rpartition("/git-")
    else:
        raise not_found
    if service not in SERVICES:
        raise not_found
    try:
        return parse_model_name(model), service, method == "POST"
    except InvalidName as error:
        raise not_found from error


def _refuse_reading(user: User) -> HttpRefusal:
    """Return the answer that does not depend on whether the model exists. After 401, git asks for a name."""
    if user.name:
        return HttpRefusal("404 Not Found", f"there is no such model here that {user} may read")
    return HttpRefusal("401 Unauthorized", "log in first", 'WWW-Authenticate: Basic realm="gitstore"')


def _cgi_variables(request: Mapping[str, str]) -> dict[str, str]:
    names = ("REQUEST_METHOD", "CONTENT_TYPE", "REMOTE_ADDR", "SERVER_PROTOCOL", "GATEWAY_INTERFACE")
    variables = {name: request[name] for name in names if name in request}
    length = request.get("CONTENT_LENGTH", "")
    # Without it, git reads to the end.
    return variables | ({"CONTENT_LENGTH": length} if _LENGTH.fullmatch(length) else {})


def read_body(request: Mapping[str, str], source: IO[bytes]) -> Iterator[bytes]:
    """Yield the body of a request, inflated, in blocks. Raises `HttpRefusal` before it becomes too large.

    A short gzip may need gigabytes: git itself has no limit.
    """
    encoding, total = request.get("HTTP_CONTENT_ENCODING", ""), 0
    blocks = _read_blocks(request.get("CONTENT_LENGTH", ""), source)
    if encoding in ("gzip", "x-gzip"):
        blocks = _inflate(blocks)
    elif encoding:
        raise HttpRefusal("415 Unsupported Media Type", "the body has an unknown encoding")
    for block in blocks:
        total += len(block)
        if total > LARGEST_REQUEST:
            raise HttpRefusal(
                "413 Content Too Large", f"the request needs more than {LARGEST_REQUEST:,} bytes"
            )
        yield block


def limit_read(request: Mapping[str, str], read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return `read` up to the end of the request's body: a web server may keep the pipe open after it."""
    length = request.get("CONTENT_LENGTH", "")
    left = int(length) if _LENGTH.fullmatch(length) else None

    def read_within(size: int) -> bytes:
        nonlocal left
        block = read(size if left is None else min(size, left)) if left != 0 else b""
        left = None if left is None else left - len(block)
        return block

    return read_within


def _read_blocks(length: str, source: IO[bytes]) -> Iterator[bytes]:
    left = int(length) if _LENGTH.fullmatch(length) else None
    while left is None or left > 0:
        block = source.read(_BLOCK if left is None else min(left, _BLOCK))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def _inflate(blocks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            pending = block
            while pending:
                yield inflater.decompress(pending, _BLOCK)
                pending = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as error:
        raise HttpRefusal("400 Bad Request", f"the body is no gzip: {error}") from error
