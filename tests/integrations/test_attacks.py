"""What a review found with working exploits: each was seen to succeed before."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import GuestConfig, syncio
from supertokens_guest._background import submit
from testkit.apps import KINDS
from testkit.sdk import guest_jwt
from testkit.visitors import set_cookies

if TYPE_CHECKING:
    import httpx

    from testkit.apps import App, Kind, Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit
    from testkit.proxy import FaultyCore

SESSION_COOKIES = {"sAccessToken", "sRefreshToken"}


def login(visit: Visit, app: App, *tokens: str) -> httpx.Response:
    """Log in with these guest cookies, in this order."""
    cookies = "; ".join(f"jwt={token}" for token in tokens)
    route = f"{app.prefix}/login"
    return visit(app).http.post(route, json={"user": "u"}, headers={"cookie": cookies})


@pytest.mark.parametrize("kind", KINDS)
def test_s15_cookies_planted_before_the_visitors_own(
    serve: Serve, visit: Visit, core: Core, told: Told, kind: Kind
) -> None:
    """Specific paths come first: filling up what is looked at hides nobody's guest."""
    app = serve(told.config(), kind=kind)
    planted = [guest_jwt(core, "G-planted"), "x", "x", "x"]

    answer = login(visit, app, *planted, guest_jwt(core, "G-mine"))

    assert 200 == answer.status_code
    assert SESSION_COOKIES == set_cookies(answer)
    assert [] == told.transfers
    assert ("transfer-skipped", "ambiguous") == told.codes()[-1]


async def _cancelled(_: object) -> Any:
    """Wait for something that somebody else has cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


@pytest.mark.parametrize("kind", KINDS)
def test_s5_a_cancellation_inside_a_function_of_the_apps(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """It is an error of that function, and no login's end."""
    config = GuestConfig(on_transfer=_cancelled, on_event=told.on_event)
    visitor = visit(serve(config, kind=kind))
    token = visitor.become_guest({"cart": [1]})

    assert "OK" == visitor.sign_up().json()["status"]
    assert token == visitor.guest_cookie
    assert [("issue", None), ("transfer-failed", "hook")] == told.codes()


def test_s7_a_guest_beside_one_that_cannot_be_judged(
    serve: Serve, visit: Visit, faulty: FaultyCore, told: Told
) -> None:
    """The other may be somebody else's or a newer one: both are kept."""
    app = serve(told.config(), core=faulty.core)
    visitor = visit(app)
    known = visitor.become_guest({"cart": [1]}, "G-1")
    header, payload, signature = known.split(".")
    unknown = ".".join((_with_other_key(header), payload, signature))
    faulty.fail(None)
    answer = login(visit, app, known, unknown)

    assert SESSION_COOKIES == set_cookies(answer)
    assert [] == told.transfers
    assert ("transfer-skipped", "keys_unavailable") in told.codes()


def _with_other_key(header: str) -> str:
    """Return a header that names a key that the core does not have."""
    names = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    names["kid"] = "s-unknown"
    text = json.dumps(names, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_sync_function_on_the_packages_own_thread(serve: Serve) -> None:
    """It does not wait for itself: it gets a loop of its own."""
    serve()

    async def here() -> str:
        return syncio.create_guest_jwt(guest_id="G-1")

    token = submit(here).result(timeout=10)
    assert "G-1" == syncio.verify_guest_jwt(token).id
