"""The server of `workers`: `python worker_server.py WORKER DESCRIPTOR`, with one end of a socketpair.

A program by itself, for a worker has neither gitstore nor the tests loaded.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - the worker loads it when it has to, which takes long
import atexit
import gc
import importlib
import importlib.util
import json
import os
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

_REQUEST = 1 << 20

_execute = os.execv


def main(worker: str, descriptor: int) -> None:
    """Fork a guardian for each request, until the other end is closed."""
    sys.path[0] = worker  # as if that had been started
    entry = _entry(Path(worker))
    session = entry.load_session()
    guardian = importlib.import_module(f"{entry.PACKAGE}.guardian")
    requests = socket.socket(fileno=descriptor)
    gc.collect()
    gc.freeze()
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 4)
        if not data:
            return
        ready, tell = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child:
                os.write(tell, str(child).encode())
                os._exit(0)
            for each in (ready, tell, requests.detach()):
                os.close(each)
            _guard(guardian, session, json.loads(data), *descriptors)
        os.waitpid(between, 0)  # now the guardian is an orphan
        requests.send(os.read(ready, 32))
        for each in (ready, tell, *descriptors):
            os.close(each)


def _entry(worker: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("entry", worker / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _guard(guardian: Any, session: Any, request: Any, *descriptors: int) -> None:
    """Be a guardian, with the arguments, the directory and the environment that it was to start with."""
    stdout, stderr, control, connection = descriptors
    os.setsid()
    for number, descriptor in ((1, stdout), (2, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["directory"])

    def become_worker(_: str, command: list[str]) -> NoReturn:
        os.execv = _execute
        _work(session, command)

    os.execv = become_worker  # type: ignore[assignment]
    guardian.main([str(control), str(connection), *request["arguments"][2:]])


def _work(session: Any, command: list[str]) -> NoReturn:
    """Be a worker, to the end of Python."""
    sys.argv = command[-2:]
    code: object = 0
    try:
        session.serve(int(sys.argv.pop()))
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code & 0xFF if isinstance(code, int) else 1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
