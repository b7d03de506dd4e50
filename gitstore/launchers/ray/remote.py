"""The functions and classes that Ray starts on nodes.

Ray sends those that are defined inside of others as code. So they can say that a node has no gitstore, or
another version, where one that is found by its name could not even be loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import gitstore
from gitstore.errors import GitstoreError
from gitstore.launchers.ray.cluster import load_ray

_MISFIT = "no-gitstore-like-this"


@cache
def make_evaluate() -> Any:
    """Return the task that evaluates, see `node.evaluate`. Its first argument is our version."""

    def evaluate(ours: str, encoded: bytes, inputs: Any, *, pack: bytes | None) -> Iterator[Any]:
        try:
            import gitstore

            theirs = gitstore.__version__
        except ImportError:
            theirs = None
        if theirs != ours:
            yield ("no-gitstore-like-this", theirs)
            return
        from gitstore.launchers.ray import node

        yield from node.evaluate(encoded, inputs, pack=pack)

    return load_ray().remote(num_returns="streaming", max_retries=0)(evaluate)


@cache
def make_seat() -> Any:
    """Return the class of actors that keep a model, see `seat.WarmSeat`."""

    class Seat:
        _seat: Any = None

        def check(self, ours: str) -> tuple[str, str | None] | None:
            try:
                import gitstore

                theirs = gitstore.__version__
            except ImportError:
                theirs = None
            return None if theirs == ours else ("no-gitstore-like-this", theirs)

        def open(self, encoded: bytes, pack: bytes | None) -> Any:
            from gitstore.launchers.ray.seat import WarmSeat

            self._seat = WarmSeat(encoded)
            return self._seat.open(pack)

        def evaluate(self, inputs: Any) -> Any:
            return self._seat.evaluate(inputs)

        def cancel(self) -> None:
            if self._seat is not None:  # else the caller gave up before it was opened
                self._seat.cancel()

        def close(self) -> None:
            if self._seat is not None:
                self._seat.close()

    return load_ray().remote(max_restarts=0, max_concurrency=4)(Seat)


@cache
def make_receiver() -> Any:
    """Return the class of actors that receive a snapshot. A node that asks for one has our gitstore."""
    from gitstore.launchers.ray.receiver import Receiver

    return load_ray().remote(num_cpus=0, max_restarts=0)(Receiver)


def check_version(answer: object) -> None:
    """Raise `GitstoreError` if an answer says that the node has no gitstore, or another version."""
    match answer:
        case (word, theirs) if word == _MISFIT:
            has = "has no gitstore" if theirs is None else f"has gitstore {theirs}"
            ours = gitstore.__version__
            raise GitstoreError(
                f"a node of the Ray cluster {has}, and gitstore {ours} runs here",
                f"install it for the Python of each node: pip install 'gitstore[ray]=={ours}'",
            )
