"""How long the event loop stands still while ten guest JWTs are made at once.

Compared with ten calls of the SDK's own ``create_jwt``, which make a client for HTTP on
the loop each. The core runs in another process.
"""

from __future__ import annotations

import os

# Read by the SDK at its import: no list of public suffixes from the network.
os.environ.setdefault("SUPERTOKENS_TLDEXTRACT_DISABLE_HTTP", "1")

import asyncio
import contextlib
import functools
import sys
import time
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.jwt.interfaces import CreateJwtOkResult
from supertokens_python.recipe.session.asyncio import create_jwt

from benchmarks._certificates import loaded_each_time
from benchmarks._core import core_process
from benchmarks._measuring import Limits, ratio
from supertokens_guest.asyncio import create_guest_jwt
from testkit.sdk import Setup, init_sdk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIMIT = 0.1
AT_ONCE = 10
ROUNDS = 7
TICK_SECONDS = 0.001
PAYLOAD = {f"item-{i}": f"something in the cart, {i} of it" for i in range(6)}


def main() -> int:
    """Measure, print, and return the process's exit status."""
    with (
        loaded_each_time() as note,
        core_process() as core,
        contextlib.closing(asyncio.new_event_loop()) as loop,
    ):
        limits = Limits(
            f"The event loop's longest gap, {AT_ONCE} create_guest_jwt at once"
            f" / {AT_ONCE} create_jwt of the SDK\n  ({note})"
        )
        init_sdk(Setup(core=core))
        loop.run_until_complete(_issue())  # fetches the keys

        def issue(_: int) -> float:
            return _longest_gap(loop, _issue)

        def create(_: int) -> float:
            return _longest_gap(loop, _create)

        measure = functools.partial(ratio, issue, create, rounds=ROUNDS)
        limits.hold("ten at once", LIMIT, measure)
    return int(limits.exceeded > 0)


async def _issue() -> object:
    """Make a guest JWT as an app does."""
    return await create_guest_jwt(PAYLOAD)


async def _create() -> object:
    """Have the SDK make the same with the same key, without our checks."""
    result = await create_jwt(
        {"sub": "G-1", "aud": "supertokens-guest", **PAYLOAD},
        validity_seconds=3_600,
        use_static_signing_key=True,
    )
    assert isinstance(result, CreateJwtOkResult)
    return result.jwt


def _longest_gap(
    loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[Any]]
) -> float:
    """Return the longest time in seconds in which the loop did not look at a timer."""

    async def watch() -> float:
        ended = False
        longest = 0.0

        async def tick() -> None:
            nonlocal longest
            last = time.perf_counter()
            while not ended:
                await asyncio.sleep(TICK_SECONDS)
                now = time.perf_counter()
                longest = max(longest, now - last)
                last = now

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(2 * TICK_SECONDS)
        await asyncio.gather(*(call() for _ in range(AT_ONCE)))
        ended = True
        await ticking
        return longest

    return loop.run_until_complete(watch())


if __name__ == "__main__":
    sys.exit(main())
