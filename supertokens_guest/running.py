"""Functions of the app's, and coroutines that hold something of it: where they run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from supertokens_python.async_to_sync_wrapper import sync

from supertokens_guest.background import refuse_here

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


async def call_app(function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function of the app's, plain or not, and return its answer.

    In a task of its own: if what it waits for is cancelled, that is an error of its
    own, and not the end of the login that it was called in.

    Raises:
        Exception: What the function raised.
        RuntimeError: It was cancelled, though the caller was not.
    """

    async def call() -> Any:
        answer = function(argument)
        return await answer if inspect.isawaitable(answer) else answer

    task = asyncio.ensure_future(call())
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        task.cancel()  # the request is over, as it would be for one who just awaited
        raise
    if task.cancelled():
        raise RuntimeError("cancelled from inside")
    return task.result()


def run_sync(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that *make* returns, and return its outcome.

    It runs where the SDK's own sync functions run theirs: on the loop of this thread.
    Inside a running loop, where those raise, it gets a thread and a loop for itself.

    Raises:
        RuntimeError: Called on the package's own thread, as from ``on_event``.
    """
    refuse_here()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return sync(make())
    context = contextvars.copy_context()
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(context.run, lambda: asyncio.run(make())).result()
