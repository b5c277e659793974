"""What a guest adds to a sign-in, from end to end.

The SDK's own sign-in in a FastAPI app, with a core in another process. Each guest is
new, so that nothing about it is remembered, and its data moves into the session.
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
import uuid
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI
from supertokens_python.framework.fastapi import get_middleware

from benchmarks._certificates import never_loaded
from benchmarks._core import core_process
from benchmarks._measuring import Limits, ratio
from testkit.sdk import API_DOMAIN, ISSUER, Setup, init_sdk

if TYPE_CHECKING:
    from testkit.core import Core

LIMIT = 1.05
ROUNDS = 80
WARM_UP_ROUNDS = 3
CREDENTIALS = {
    "formFields": [
        {"id": "email", "value": "visitor@example.com"},
        {"id": "password", "value": "correct horse 1"},
    ]
}
PAYLOAD = {f"item-{i}": f"something in the cart, {i} of it" for i in range(7)}


def main() -> int:
    """Measure, print, and return the process's exit status."""
    with (
        never_loaded() as note,
        core_process() as core,
        contextlib.closing(asyncio.new_event_loop()) as loop,
    ):
        limits = Limits(f"A sign-in with a guest / without ({note})")
        init_sdk(Setup(core=core))
        client = _make_client()
        loop.run_until_complete(_sign_up(client))

        def with_guest(_: int) -> float:
            headers = {"cookie": f"jwt={_new_guest(core)}"}
            return loop.run_until_complete(_sign_in(client, headers))

        def without(_: int) -> float:
            _new_guest(core)  # left unused: both sides come after the same work
            return loop.run_until_complete(_sign_in(client, {}))

        ratio(with_guest, without, rounds=WARM_UP_ROUNDS)
        measure = functools.partial(ratio, with_guest, without, rounds=ROUNDS)
        limits.hold("from the request to the answer", LIMIT, measure)
        loop.run_until_complete(client.aclose())
    return int(limits.exceeded > 0)


def _make_client() -> httpx.AsyncClient:
    """Return a browser, as it were, of an app with the SDK's middleware alone."""
    app = FastAPI()
    app.add_middleware(get_middleware())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=API_DOMAIN,
        headers={"st-auth-mode": "cookie", "rid": "emailpassword"},
        trust_env=False,
    )


async def _sign_up(client: httpx.AsyncClient) -> None:
    """Make the user who will sign in."""
    answer = await client.post("/auth/signup", json=CREDENTIALS)
    assert answer.json()["status"] == "OK", answer.text


def _new_guest(core: Core) -> str:
    """Return a guest JWT that this process has not seen."""
    return core.sign(
        {
            "iss": ISSUER,
            "sub": f"G-{uuid.uuid4()}",
            "aud": "supertokens-guest",
            **PAYLOAD,
        }
    )


async def _sign_in(client: httpx.AsyncClient, headers: dict[str, str]) -> float:
    """Sign in, and return the seconds it took."""
    client.cookies.clear()
    start = time.perf_counter()
    answer = await client.post("/auth/signin", json=CREDENTIALS, headers=headers)
    seconds = time.perf_counter() - start
    assert answer.json()["status"] == "OK", answer.text
    cleared = any(
        line.startswith('jwt=""') for line in answer.headers.get_list("set-cookie")
    )
    assert cleared is bool(headers), "the guest was not transferred"
    return seconds


if __name__ == "__main__":
    sys.exit(main())
