"""What a review found with working exploits: each was seen to succeed before."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import (
    GuestConfig,
    GuestEvent,
    RevokedGuestError,
    syncio,
)
from supertokens_guest import (
    asyncio as guest_asyncio,
)
from supertokens_guest._background import submit
from testkit.apps import KINDS
from testkit.proxy import FaultyCore
from testkit.sdk import guest_jwt
from testkit.visitors import cleared, set_cookies

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from testkit.apps import App, Kind, Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit

SESSION_COOKIES = {"sAccessToken", "sRefreshToken"}


@pytest.fixture
def faulty(core: Core) -> Iterator[FaultyCore]:
    """Put a faulty core in front of the core."""
    with FaultyCore(core) as faulty:
        yield faulty


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
    assert [("transfer-skipped", "ambiguous")] == told.codes()


async def _cancelled(_: object) -> Any:
    """Wait for something that somebody else has cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("setting", "reason"), [("on_transfer", "hook"), ("is_revoked", "is_revoked")]
)
def test_s5_a_cancellation_inside_a_function_of_the_apps(  # noqa: PLR0917 - fixtures
    serve: Serve, visit: Visit, told: Told, kind: Kind, setting: str, reason: str
) -> None:
    """It is an error of that function, and no login's end."""
    settings: dict[str, Any] = {setting: _cancelled, "on_event": told.on_event}
    visitor = visit(serve(GuestConfig(**settings), kind=kind))
    token = visitor.become_guest({"cart": [1]})

    assert "OK" == visitor.sign_up().json()["status"]
    assert token == visitor.guest_cookie
    assert [("issue", None), ("transfer-failed", reason)] == told.codes()


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
    import base64
    import json

    names = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    names["kid"] = "s-unknown"
    text = json.dumps(names, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_namespace_of_the_apps_own_loses_no_guest(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """Nothing has moved: without a hook nothing is cleared, and an event says why."""
    visitor = visit(serve(GuestConfig(on_event=told.on_event)))
    token = visitor.become_guest({"cart": [1]})

    visitor.login(payload={"guest": "mine"})

    assert token == visitor.guest_cookie
    assert ("transfer", "namespace_taken") in told.codes()


def test_s9_a_guest_from_before_the_api_moved(
    serve: Serve, visit: Visit, core: Core
) -> None:
    """It is no guest here, and in nobody's way."""
    visitor = visit(serve())
    old = guest_jwt(core, "G-old", iss="https://old.example.com/auth")
    visitor.keep_cookie(old)

    assert not cleared(visitor.login())
    new = visit(serve())
    new.keep_cookie(old)
    assert new.become_guest({"cart": [1]}, "G-new") == new.guest_cookie


def test_a_revoked_guest_is_not_updated(serve: Serve, told: Told) -> None:
    """It would live on under a new token."""
    serve(told.config(is_revoked=lambda guest: guest.id == "G-1"))

    async def update() -> None:
        good = await guest_asyncio.create_guest_jwt({"a": 1}, "G-2")
        bad = await guest_asyncio.create_guest_jwt({"a": 1}, "G-1")
        updated = syncio.update_guest_jwt(good, {"a": 2})
        assert {"a": 2} == syncio.verify_guest_jwt(updated).payload
        with pytest.raises(RevokedGuestError):
            await guest_asyncio.update_guest_jwt(bad, {"a": 2})
        with pytest.raises(RevokedGuestError):
            syncio.update_guest_jwt(bad, {"a": 2})

    asyncio.run(update())
    assert ("verify-rejected", "revoked") in told.codes()


def test_a_synchronous_function_on_the_packages_own_thread(serve: Serve) -> None:
    """It says that it would wait for itself, and later calls are answered."""
    told: list[GuestEvent] = []
    serve(GuestConfig(on_event=told.append))

    async def here() -> None:
        syncio.create_guest_jwt()

    with pytest.raises(RuntimeError, match="own thread"):
        submit(here).result(timeout=10)
    with contextlib.suppress(RuntimeError):
        submit(here).result(timeout=10)
    assert syncio.create_guest_jwt()
