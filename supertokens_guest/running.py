"""Coroutines that hold something of the app's, run for a caller that cannot await."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from typing import TYPE_CHECKING, Any, TypeVar

from supertokens_python.async_to_sync_wrapper import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run_sync(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that *make* returns, and return its outcome.

    It runs where the SDK's own sync functions run theirs: on the loop of this thread.
    Inside a running loop, where those raise, it gets a thread and a loop for itself.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return sync(make())
    context = contextvars.copy_context()
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(context.run, lambda: asyncio.run(make())).result()
