"""The process's one background thread, and ways to wait for what runs in it.

The thread runs an event loop of its own, so that the whole of a fetch can have a
deadline and no request's loop is held up by it. It belongs to no request: a visitor who
hangs up cancels nothing for the others. Knows nothing about keys or tokens.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_THREAD_NAME = "supertokens-guest"

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_lost: list[asyncio.AbstractEventLoop] = []


def background_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop of the background thread, started at first use.

    The thread is a daemon and keeps no process from ending, but for a name look-up that
    is under way, which the interpreter waits for. A forked child gets a
    thread of its own at its first use, and so does a process whose thread has ended, as
    by a ``SystemExit`` in a function of the app's.

    Raises:
        RuntimeError: The system gives no more threads.
        OSError: The system gives no more files, which the loop needs to wake up.
    """
    global _loop, _thread
    with _lock:
        if _loop is None or _thread is None or not _thread.is_alive():
            # Not the policy's loop: what the app chose for itself need not survive a
            # fork, and this one only waits for a few sockets.
            loop = asyncio.SelectorEventLoop()
            try:
                thread = threading.Thread(
                    target=loop.run_forever, name=_THREAD_NAME, daemon=True
                )
                thread.start()
            except BaseException:
                loop.close()
                raise
            if _loop is not None:
                _lost.append(_loop)
            _loop, _thread = loop, thread
        return _loop


def submit(
    make: Callable[[], Coroutine[Any, Any, T]],
) -> concurrent.futures.Future[T]:
    """Run the coroutine that *make* returns on the background loop.

    It runs in a copy of the caller's context variables: what it sets is not seen by the
    caller.

    Args:
        make: Called at once, in the caller's thread.

    Returns:
        The coroutine's outcome. Cancelling it cancels the coroutine.

    Raises:
        RuntimeError: The system gives no more threads.
        OSError: The system gives no more files.
    """
    loop = background_loop()
    return asyncio.run_coroutine_threadsafe(make(), loop)


async def wait(future: concurrent.futures.Future[Any], *, wait_seconds: float) -> None:
    """Return when *future* is done, or after *wait_seconds*.

    Neither the time running out nor the caller's being cancelled touches *future*,
    which others may be waiting for; works on any event loop.
    """
    if future.done() or wait_seconds <= 0:
        return
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not arrived.done():
            arrived.set_result(None)

    def tell_loop(_: concurrent.futures.Future[Any]) -> None:
        # The loop may have ended before the future: then nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(tell_loop)
    # Not wait_for, which on Python 3.11 and older can swallow a cancellation that
    # comes together with the result.
    await asyncio.wait((arrived,), timeout=wait_seconds)


def wait_sync(future: concurrent.futures.Future[Any], *, wait_seconds: float) -> None:
    """Return when *future* is done, or after *wait_seconds*; see ``wait``.

    Blocks the calling thread. On the background thread, which would wait for itself, it
    returns at once.
    """
    if wait_seconds > 0 and not _is_here():
        concurrent.futures.wait((future,), timeout=wait_seconds)


def refuse_here() -> None:
    """Refuse to go on where waiting would wait for itself for ever.

    Raises:
        RuntimeError: This is the background thread, which also calls ``on_event``.
    """
    if _is_here():
        raise RuntimeError(
            "A synchronous function of supertokens_guest was called on the package's"
            " own thread, as from on_event; call it elsewhere, or use the coroutine."
        )


def _is_here() -> bool:
    """Tell whether this is the background thread."""
    return threading.current_thread().name == _THREAD_NAME


def _start_afresh() -> None:
    """Forget the parent's thread, which does not exist in a forked child."""
    global _lock, _loop  # noqa: PLW0603 - see background_loop
    # Another thread of the parent may have held the lock.
    _lock = threading.Lock()
    if _loop is not None:
        # Kept, never closed: it shares its selector with the parent's loop, and closing
        # it, which the garbage collector would do, deafens the parent's.
        _lost.append(_loop)
        _loop = None


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_afresh)
