"""The background thread, and waiting for what runs in it."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import Future

import pytest

from supertokens_guest import background

VISITOR: contextvars.ContextVar[str] = contextvars.ContextVar("VISITOR")

LONG_SECONDS = 10.0


async def this_thread() -> threading.Thread:
    """Return the thread that runs this."""
    return threading.current_thread()


def test_everything_runs_in_one_daemon_thread() -> None:
    """However many threads ask, there is one loop, in one thread, a daemon."""
    loops = []
    threads = [
        threading.Thread(target=lambda: loops.append(background.background_loop()))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running = {background.submit(this_thread).result(LONG_SECONDS) for _ in range(5)}

    assert 1 == len(set(map(id, loops)))
    assert [("supertokens-guest", True)] == [(t.name, t.daemon) for t in running]


def test_it_runs_in_a_copy_of_the_callers_context() -> None:
    """What the caller has set is seen; what is set there does not come back."""

    async def read_and_set() -> str:
        seen = VISITOR.get()
        VISITOR.set("somebody else")
        return seen

    VISITOR.set("this one")

    assert "this one" == background.submit(read_and_set).result(LONG_SECONDS)
    assert "this one" == VISITOR.get()


def test_an_error_reaches_who_submitted() -> None:
    """The future holds what the coroutine raised."""

    async def fail() -> None:
        raise LookupError("this")

    with pytest.raises(LookupError, match="this"):
        background.submit(fail).result(LONG_SECONDS)


def test_no_thread_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system gives no thread, the next call tries again."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(background, "_loop", None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            background.submit(this_thread)

    thread = background.submit(this_thread).result(LONG_SECONDS)
    loop = background.background_loop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert "supertokens-guest" == thread.name


@pytest.mark.anyio
async def test_a_wait_ends_with_the_future() -> None:
    """A waiter wakes when the future is done in another thread."""
    future: Future[bool] = Future()
    threading.Timer(0.02, future.set_result, [True]).start()

    await background.wait(future, wait_seconds=LONG_SECONDS)

    assert future.done()


@pytest.mark.anyio
async def test_a_wait_that_runs_out_leaves_the_future_alone() -> None:
    """The budget of one waiter is nothing to the others."""
    future: Future[bool] = Future()

    await background.wait(future, wait_seconds=0.01)
    background.wait_sync(future, wait_seconds=0.01)

    assert not future.done()


@pytest.mark.anyio
@pytest.mark.parametrize("wait_seconds", [0, -1])
async def test_nobody_who_has_no_time_waits(wait_seconds: float) -> None:
    """With nothing to spend the answer is given at once."""
    future: Future[bool] = Future()

    await background.wait(future, wait_seconds=wait_seconds)
    background.wait_sync(future, wait_seconds=wait_seconds)

    assert not future.done()


@pytest.mark.anyio
async def test_a_cancelled_waiter_is_cancelled_and_nothing_else() -> None:
    """Cancellation arrives at the waiter, and the future is not touched by it."""
    future: Future[bool] = Future()
    waiter = asyncio.create_task(background.wait(future, wait_seconds=LONG_SECONDS))
    await asyncio.sleep(0)
    waiter.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not future.cancelled()
    assert not future.done()


@pytest.mark.anyio
async def test_a_cancellation_that_comes_with_the_result_is_not_swallowed() -> None:
    """A task that is cancelled while its future is done ends cancelled."""
    future: Future[bool] = Future()
    waiter = asyncio.create_task(background.wait(future, wait_seconds=LONG_SECONDS))
    await asyncio.sleep(0)
    future.set_result(True)
    waiter.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiter


def test_a_loop_that_ends_before_the_future_disturbs_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The future is done after the waiter's loop was closed, and nothing is logged."""
    future: Future[bool] = Future()

    async def leave() -> None:
        task = asyncio.create_task(background.wait(future, wait_seconds=LONG_SECONDS))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    future.set_result(True)

    assert [] == caplog.records


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_k18_a_forked_child_gets_a_thread_of_its_own() -> None:
    """The child's work runs in the child, and the parent's loop still hears."""
    thread = background.submit(this_thread).result(LONG_SECONDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on
        child = os.fork()
    if child == 0:
        try:
            thread = background.submit(this_thread).result(LONG_SECONDS)
            os._exit(0 if thread.is_alive() else 1)
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert thread is background.submit(this_thread).result(LONG_SECONDS)


def test_a_thread_that_has_ended_is_replaced() -> None:
    """A function of the app's may end it with SystemExit; the next call starts anew."""

    async def answer() -> int:
        return 42

    ended = background.background_loop()
    ended.call_soon_threadsafe(ended.stop)  # as SystemExit does, but quietly
    for thread in threading.enumerate():
        if thread.name == "supertokens-guest":
            thread.join(timeout=10)

    assert 42 == background.submit(answer).result(timeout=10)
    assert ended is not background.background_loop()


def test_the_thread_keeps_no_process_from_ending() -> None:
    """A process that ends with work under way ends at once, without a word."""
    code = (
        "import asyncio\n"
        "from supertokens_guest import background\n"
        "background.submit(lambda: asyncio.sleep(60))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, "", "") == (run.returncode, run.stdout, run.stderr)
