"""Where coroutines run: one decision for callers that await and callers that block.

A decision is a coroutine. Under ``run_blocking`` each piece of I/O in it blocks, as
``blocks()`` tells it to, so that it never suspends and needs no event loop.

The process has one background loop, for async issuing alone: the SDK loads certificates
for each call to the core, 15 to 30 ms in which a request's loop would stand still. Sync
callers do not use it, so that greenlets in the place of threads find no loop running.
"""

import asyncio
import contextlib
import contextvars
import functools
import inspect
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from supertokens_guest.errors import CoreUnavailableError

T = TypeVar("T")
Make = Callable[[], Coroutine[Any, Any, T]]

LOOP_SECONDS = 60.0  # then a sync call inside a running loop gives up waiting

# By pid: a forked child has no thread of its parent's, and uWSGI forks without hooks.
# None is ever closed: that would deafen a parent's, with which it shares a selector.
_loops: dict[int, asyncio.AbstractEventLoop] = {}

# The decision, and the loop around it: what the app begins inside may last longer, or
# have a loop of its own.
_driven: contextvars.ContextVar[tuple[Any, Any]] = contextvars.ContextVar("driven")


def _loop_here() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def blocks() -> bool:
    """Tell whether what asks is driven by ``run_blocking``."""
    decision, loop = _driven.get((None, None))
    return decision is not None and decision.cr_running and loop is _loop_here()


async def run(make: Make[T]) -> T:
    return run_sync(make) if blocks() else await make()


def run_blocking(decision: Coroutine[Any, Any, T]) -> T:
    """Run *decision* in this thread, without a loop."""
    was = _driven.set((decision, _loop_here()))
    try:
        decision.send(None)
    except StopIteration as end:
        outcome: T = end.value
        return outcome
    finally:
        _driven.reset(was)
    decision.close()
    raise RuntimeError("A decision that blocks has tried to await.")


def run_sync(make: Make[T]) -> T:
    """Run a coroutine on a loop of its own, inside a running one in another thread."""
    if _loop_here() is None:
        # Not the SDK's of each thread: of Django's new ones nobody would close it.
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(make())
    context = contextvars.copy_context()
    return in_thread(lambda: context.run(asyncio.run, make())).result(LOOP_SECONDS)


def in_thread(work: Callable[..., T], *args: Any) -> Future[T]:
    """Run *work* in a daemon thread, which keeps no process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args))
        except BaseException as error:  # noqa: BLE001 - it is the result then
            future.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.name = f"supertokens-guest:{getattr(work, '__name__', '')}"
    try:
        thread.start()
    except (RuntimeError, OSError) as error:
        message = "The system gives no more threads to ask the core."
        raise CoreUnavailableError(message) from error
    return future


async def call_app(function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function of the app's, plain or not; what cancels it cancels no login."""

    async def call() -> Any:
        answer = function(argument)
        return await answer if inspect.isawaitable(answer) else answer

    outcome: Any = (await asyncio.gather(call(), return_exceptions=True))[0]
    if isinstance(outcome, asyncio.CancelledError):
        outcome = RuntimeError("cancelled from inside")
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@functools.cache
def _shares_thread(_pid: int) -> bool:
    return in_thread(threading.get_native_id).result() == threading.get_native_id()


def has_threads() -> bool:
    """Tell whether a new thread is one of the system's; gevent's is a greenlet here."""
    return not _shares_thread(os.getpid())


def submit(make: Make[T]) -> Future[T]:
    """Run a coroutine on the background loop, in a copy of the caller's context."""
    loop = _loops.get(os.getpid())
    if loop is None:
        try:
            # Not the policy's loop: what the app chose need not survive a fork.
            fresh = asyncio.SelectorEventLoop()
        except OSError as error:
            message = "The system gives no more files to ask the core."
            raise CoreUnavailableError(message) from error
        loop = _loops.setdefault(os.getpid(), fresh)
        if loop is not fresh:
            fresh.close()  # another thread was first
        else:
            try:
                in_thread(_run_forever, loop)
            except CoreUnavailableError:
                _loops.pop(os.getpid()).close()
                raise
    return asyncio.run_coroutine_threadsafe(make(), loop)


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    try:
        while True:
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                # By a function of the app's, whose caller is told; the rest goes on.
                loop.run_forever()
    finally:  # by an error of the system's: who asks next gets another
        _loops.pop(os.getpid(), None)
