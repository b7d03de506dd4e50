"""Calling functions of a model, async or not."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class Caller(contextlib.ExitStack):
    """Calls the model's functions, async or not.

    All async functions run on one event loop, so that an object that a model binds to the loop in one of them
    still works in the next. The first async function imports asyncio and starts the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop: asyncio.AbstractEventLoop | None = None

    def call(self, function: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Return the function's result, awaited if it is awaitable. Raises whatever the function raises."""
        result = function(*args, **kwargs)
        return self.run(result) if inspect.isawaitable(result) else result

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Return the result of an awaitable."""
        import asyncio

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
            self.callback(_close_loop, self.loop)
        return self.loop.run_until_complete(_wait_for(awaitable))


def _close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that a model left behind, and close the loop, as asyncio.run does."""
    import asyncio

    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _wait_for(awaitable: Awaitable[object]) -> object:
    return await awaitable
