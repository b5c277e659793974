"""The background thread that issues for coroutines, and decisions that block."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
import warnings
from typing import Any

import pytest

from supertokens_guest import CoreUnavailableError, _background
from supertokens_guest._background import (
    blocks,
    call_app,
    run,
    run_blocking,
    run_sync,
    submit,
)

VISITOR: contextvars.ContextVar[str] = contextvars.ContextVar("VISITOR")

LONG_SECONDS = 10.0


async def this_thread() -> threading.Thread:
    """Return the thread that runs this."""
    return threading.current_thread()


def test_everything_runs_in_one_daemon_thread() -> None:
    """However many threads ask, there is one loop, in one thread, a daemon."""
    found: list[threading.Thread] = []

    def ask() -> None:
        found.append(submit(this_thread).result(LONG_SECONDS))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 20 == len(found)
    assert [("supertokens-guest:_run_forever", True)] == [
        (t.name, t.daemon) for t in set(found)
    ]


def test_it_runs_in_a_copy_of_the_callers_context() -> None:
    """What the caller has set is seen; what is set there does not come back."""

    async def read_and_set() -> str:
        seen = VISITOR.get()
        VISITOR.set("somebody else")
        return seen

    VISITOR.set("this one")

    assert "this one" == submit(read_and_set).result(LONG_SECONDS)
    assert "this one" == VISITOR.get()


def test_an_error_reaches_who_submitted() -> None:
    """The future holds what the coroutine raised."""

    async def fail() -> None:
        raise LookupError("this")

    with pytest.raises(LookupError, match="this"):
        submit(fail).result(LONG_SECONDS)


@pytest.mark.parametrize(
    ("where", "what", "error"),
    [
        (threading.Thread, "start", RuntimeError),
        (asyncio, "SelectorEventLoop", OSError),
    ],
)
def test_no_thread_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, where: Any, what: str, error: type[Exception]
) -> None:
    """When the system gives no thread or file, the next call tries again."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(_background, "_loops", {})
    with monkeypatch.context() as patch:
        patch.setattr(where, what, refuse)
        with pytest.raises(CoreUnavailableError) as refused:
            submit(this_thread)

    assert isinstance(refused.value.__cause__, error)
    assert submit(this_thread).result(LONG_SECONDS).is_alive()


def test_a_system_exit_of_the_apps_loses_nothing_else() -> None:
    """Who raised it is told; what else is under way goes on, in the same thread."""
    entered, released = threading.Event(), asyncio.Event()

    async def wait() -> threading.Thread:
        entered.set()
        await released.wait()
        return threading.current_thread()

    async def leave() -> None:
        raise SystemExit

    async def release() -> None:
        released.set()

    waiting = submit(wait)
    assert entered.wait(LONG_SECONDS)
    with pytest.raises(SystemExit):
        submit(leave).result(LONG_SECONDS)
    submit(release).result(LONG_SECONDS)

    thread = waiting.result(LONG_SECONDS)
    assert thread is submit(this_thread).result(LONG_SECONDS)


@pytest.mark.parametrize("inside", [False, True])
def test_what_a_decision_runs_on_a_loop_does_not_block(inside: bool) -> None:
    """Only the decision itself does, whether or not the caller is inside a loop."""

    async def on_loop() -> bool:
        return blocks()

    async def decide() -> tuple[bool, bool]:
        return blocks(), await run(on_loop)

    async def within() -> tuple[bool, bool]:
        return run_blocking(decide())

    found = asyncio.run(within()) if inside else run_blocking(decide())

    assert (True, False) == found
    assert not blocks()


def test_a_loop_of_the_apps_own_does_not_block() -> None:
    """A plain function of the app's may start one while a decision is driven."""

    async def on_loop() -> bool:
        return blocks()

    async def decide() -> tuple[bool, bool, bool]:
        return blocks(), asyncio.run(on_loop()), blocks()

    assert (True, False, True) == run_blocking(decide())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_that_has_ended_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by an error of the selector, when something has closed its file."""
    monkeypatch.setattr(_background, "_loops", {})
    thread = submit(this_thread).result(LONG_SECONDS)
    loop: Any = _background._loops[os.getpid()]

    def fail(_: object) -> None:
        raise OSError

    monkeypatch.setattr(loop._selector, "select", fail)
    loop.call_soon_threadsafe(int)
    thread.join(LONG_SECONDS)
    loop.close()

    assert thread is not submit(this_thread).result(LONG_SECONDS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_k18_a_forked_child_gets_a_thread_of_its_own() -> None:
    """The child's work runs in the child, and the parent's loop still hears.

    Seen by the process's id alone: uWSGI forks without Python's hooks.
    """
    thread = submit(this_thread).result(LONG_SECONDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on
        child = os.fork()
    if child == 0:
        try:
            own = submit(this_thread).result(LONG_SECONDS)
            os._exit(0 if own.is_alive() and own is not thread else 1)
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert thread is submit(this_thread).result(LONG_SECONDS)


def test_the_thread_keeps_no_process_from_ending() -> None:
    """A process that ends with work under way ends at once, without a word."""
    code = (
        "import asyncio\n"
        "from supertokens_guest import _background\n"
        "_background.submit(lambda: asyncio.sleep(60))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, "", "") == (run.returncode, run.stdout, run.stderr)


async def _thread_and_context(_: object = None) -> tuple[threading.Thread, str]:
    await asyncio.sleep(0)
    return threading.current_thread(), VISITOR.get()


def test_a_sync_caller_uses_no_thread_of_ours() -> None:
    """It runs where the SDK's own sync functions do."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    VISITOR.set("this one")
    try:
        found = run_sync(_thread_and_context)
    finally:
        asyncio.set_event_loop(None)
        loop.close()

    assert (threading.current_thread(), "this one") == found


@pytest.mark.anyio
async def test_a_sync_caller_inside_a_loop_gets_a_thread_for_itself() -> None:
    """With the caller's context, and not the thread that others wait for."""
    VISITOR.set("this one")

    thread, seen = run_sync(_thread_and_context)

    assert "this one" == seen
    assert thread is not threading.current_thread()
    assert thread is not submit(this_thread).result(LONG_SECONDS)
    assert not thread.is_alive()


def test_a_decision_that_blocks_needs_no_loop() -> None:
    """It returns what it decided, and says so if it tried to await after all."""

    async def decide(answer: str) -> str:
        return answer

    assert "yes" == run_blocking(decide("yes"))
    with pytest.raises(RuntimeError, match="tried to await"):
        run_blocking(_thread_and_context())


@pytest.mark.anyio
async def test_a_task_that_is_begun_meanwhile_does_not_block() -> None:
    """As one of ``on_event``: it inherits the context, and runs on the app's loop."""

    async def tell() -> bool:
        return blocks()

    async def decide() -> tuple[bool, asyncio.Task[bool]]:
        return blocks(), asyncio.create_task(tell())

    is_blocking, task = run_blocking(decide())

    assert (True, False) == (is_blocking, await task)


@pytest.mark.anyio
async def test_a_function_of_the_apps_may_be_plain_or_not() -> None:
    """What it raises is raised, what it was cancelled by is an error of its own."""

    async def answer(value: str) -> str:
        return value.upper()

    async def cancelled(_: str) -> Any:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    assert ("A", "A") == (await call_app(str.upper, "a"), await call_app(answer, "a"))
    with pytest.raises(TypeError):
        await call_app(str.upper, 1)
    with pytest.raises(RuntimeError, match="cancelled from inside"):
        await call_app(cancelled, "a")


@pytest.mark.anyio
async def test_a_cancelled_caller_is_cancelled_and_so_is_what_it_called() -> None:
    """The request is over, as it would be for one who just awaited."""
    entered, ended = asyncio.Event(), asyncio.Event()

    async def forever(_: object) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(call_app(forever, None))
    await entered.wait()
    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(ended.wait(), LONG_SECONDS)
