"""Serving a warm model: evaluations of any number of clients, one after the other."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from gitstore.errors import GitstoreError
from gitstore.launchers import answers
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.warm import WarmModel
from gitstore.run.worker import wire
from gitstore.run.worker.tensors import Value
from gitstore.run.workplace import Workplace

OpenModel = Callable[[], AbstractContextManager[WarmModel]]


class Keeper:
    """Keeps a model instantiated, and instantiates it again if its process has ended.

    All that the model needs belongs to one thread: locks of the cache are those of the thread that took them.
    Ctrl-C while a model loads is one of the `interrupts`, those of `open_model`, and so ends that.
    """

    def __init__(self, open_model: OpenModel, *, interrupts: Interrupts | None = None) -> None:
        self._open_model = open_model
        self._model: WarmModel | None = None
        self._stack = ExitStack()
        self._interrupts = interrupts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gitstore-model")

    def __enter__(self) -> Keeper:
        try:
            self._thread.submit(self._find_model).result()
        except BaseException:
            if self._interrupts is not None:
                self._interrupts.add()
            self._thread.shutdown()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()

    @property
    def workplace(self) -> Workplace:
        """Where the model runs."""
        return self._thread.submit(self._find_model).result().workplace

    def evaluate(self, inputs: Mapping[str, Value]) -> Evaluation:
        """Evaluate inputs. Raises like `WarmModel.evaluate`.

        Any thread may call it. Evaluations run one after the other.
        """
        return self._thread.submit(lambda: self._find_model().evaluate(inputs)).result()

    def _find_model(self) -> WarmModel:
        if self._model is None or not self._model.is_alive:
            self._model = None
            self._stack.close()
            self._model = self._stack.enter_context(self._open_model())
        return self._model


class Server:
    """Answers clients at a listening socket, until `stop` or `idle_limit` idle seconds."""

    def __init__(self, keeper: Keeper, *, idle_limit: float) -> None:
        self._keeper = keeper
        self._idle_limit = idle_limit
        self._stopped, self._stopping = socket.socketpair()
        self._clients: dict[threading.Thread, socket.socket] = {}
        self._state = threading.Lock()
        self._busy = self._answered = 0
        self._last_use = time.monotonic()

    def stop(self) -> None:
        """Let `run` end. It can be called from any thread, and from a handler of signals."""
        with suppress(OSError):
            self._stopping.send(b".")

    def run(self, listener: socket.socket) -> None:
        """Accept clients until the end. Evaluations that run then are finished and answered."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._stopped, select.POLLIN)
        with self._stopped, self._stopping:
            while True:
                events = dict(poll.poll(max(0.0, self._remaining()) * 1000))
                if self._stopped.fileno() in events:
                    break
                if events:
                    self._accept(listener)
                elif self._remaining() <= 0:  # no client has asked meanwhile
                    break
            self._dismiss_clients()

    def _remaining(self) -> float:
        """Return the seconds until nobody has asked for too long."""
        with self._state:
            return self._idle_limit - (0 if self._busy else time.monotonic() - self._last_use)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        thread = threading.Thread(target=self._attend, args=[connection], daemon=True)
        self._clients = {client: socket for client, socket in self._clients.items() if client.is_alive()}
        self._clients[thread] = connection
        thread.start()

    def _dismiss_clients(self) -> None:
        """Read nothing more from clients, and wait until those that asked have their answers."""
        for connection in self._clients.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for thread in self._clients:
            thread.join()

    def _attend(self, connection: socket.socket) -> None:
        with connection, suppress(wire.Closed, wire.Malformed):
            channel = wire.Channel(connection)
            while True:
                self._answer(channel, channel.receive())

    def _answer(self, channel: wire.Channel, frame: wire.Frame) -> None:
        if frame.kind == "evaluate":
            self._evaluate(channel, frame)
        elif frame.kind == "status":
            channel.send("status", answered=self._answered, remaining=self._remaining())
        elif frame.kind == "stop":
            channel.send("stopping")
            self.stop()
        else:
            raise wire.Malformed(f"a frame {frame.kind!r:.40} that no client sends")

    def _evaluate(self, channel: wire.Channel, frame: wire.Frame) -> None:
        try:
            with self._counting():
                evaluated = self._keeper.evaluate(frame.tensors)
        except GitstoreError as error:
            answers.send_failure(channel, error)
        else:
            answers.send_outputs(channel, evaluated)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Note that an evaluation runs, and when the last one ended."""
        with self._state:
            self._busy += 1
        try:
            yield
        finally:
            with self._state:
                self._busy -= 1
                self._answered += 1
                self._last_use = time.monotonic()
