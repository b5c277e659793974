"""Where coroutines run: one decision for callers that await and callers that block.

A decision is a coroutine. Under ``run_blocking`` each piece of I/O in it blocks, as
``blocks()`` tells it to, so that it never suspends and needs no event loop.

The process has one background thread with a loop, for async issuing alone: the SDK
loads certificates for each call to the core, some 15 to 30 ms in which a request's loop
would stand still. Sync callers use no loop of ours, so that greenlets which stand in
for threads (gevent, eventlet) find none running.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from supertokens_guest.errors import CoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

LOOP_SECONDS = 60.0  # then a sync call inside a running loop gives up waiting

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_pid = 0
# Loops of a parent or of a thread that has ended: closing one, as the garbage collector
# would, deafens the parent's, with which it shares a selector.
_lost: list[asyncio.AbstractEventLoop] = []

_blocks: contextvars.ContextVar[bool] = contextvars.ContextVar("blocks", default=False)


def blocks() -> bool:
    """Tell whether what asks is driven by ``run_blocking``."""
    return _blocks.get()


async def run(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return the outcome of the coroutine of the SDK's that *make* returns."""
    return run_sync(make) if blocks() else await make()


def run_blocking(decision: Coroutine[Any, Any, T]) -> T:
    """Run *decision* in this thread, without a loop."""
    was = _blocks.set(True)
    try:
        decision.send(None)
    except StopIteration as end:
        outcome: T = end.value
        return outcome
    finally:
        _blocks.reset(was)
    decision.close()
    raise RuntimeError("A decision that blocks has tried to await.")


def run_sync(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a loop of its own, inside a running one in another thread.

    Not on the loop that the SDK keeps for each thread: Django has a new thread for each
    request, whose loop nobody would close.
    """

    async def inside() -> T:
        _blocks.set(False)
        return await make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(inside())
        finally:
            loop.close()
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def run_there() -> None:
        try:
            future.set_result(context.run(asyncio.run, inside()))
        except BaseException as error:  # noqa: BLE001 - it is the outcome then
            future.set_exception(error)

    _started(threading.Thread(target=run_there, daemon=True))
    return future.result(LOOP_SECONDS)


async def call_app(function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function of the app's, plain or not, in a task of its own.

    If what it waits for is cancelled, that is not the end of the login around it.
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


@functools.cache
def _shares_thread(_pid: int) -> bool:
    thread = threading.Thread(target=int)
    _started(thread)
    return thread.native_id == threading.get_native_id()


def has_threads() -> bool:
    """Tell whether a new thread is one of the system's; gevent's is a greenlet here.

    A loop that ran in it would be that of every other greenlet as well.
    """
    return not _shares_thread(os.getpid())


def submit(
    make: Callable[[], Coroutine[Any, Any, T]],
) -> concurrent.futures.Future[T]:
    """Run a coroutine on the background loop, in a copy of the caller's context.

    Raises:
        CoreUnavailableError: The system gives no more threads or files.
    """
    loop = _running_loop()  # before the coroutine: without one it would not be awaited
    return asyncio.run_coroutine_threadsafe(make(), loop)


def _running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of the background thread, started at first use in a process."""
    global _lock, _loop, _thread, _pid
    if _pid != os.getpid():
        # A forked child: its parent's thread does not exist here, and another thread
        # may have held the lock. Asked by pid, because uWSGI runs no hooks of Python.
        _lock, _thread, _pid = threading.Lock(), None, os.getpid()
    with _lock:
        if _loop is None or _thread is None or not _thread.is_alive():
            # Not the policy's loop: what the app chose for itself need not survive a
            # fork, and this one only waits for a few sockets.
            try:
                loop = asyncio.SelectorEventLoop()
            except OSError as error:  # it needs a file to be woken up by
                raise _no_more("files") from error
            thread = threading.Thread(
                target=_run_forever, args=(loop,), name="supertokens-guest", daemon=True
            )
            try:
                _started(thread)
            except CoreUnavailableError:
                loop.close()
                raise
            if _loop is not None:
                _lost.append(_loop)
            _loop, _thread = loop, thread
        return _loop


def _started(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise _no_more("threads") from error


def _no_more(things: str) -> CoreUnavailableError:
    return CoreUnavailableError(f"The system gives no more {things} to ask the core.")


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):  # noqa: PERF203 - hardly ever raised
            # By a function of the app's, whose caller is told; the rest goes on.
            continue
