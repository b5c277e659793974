"""Guests are made, changed and recognised: with and without ``await``, on any core."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Request, Response

import supertokens_guest.asyncio
import supertokens_guest.syncio
from supertokens_guest import (
    ConfigError,
    GuestConfig,
    GuestVerifier,
    PayloadError,
    TokenError,
    clear_guest_cookie,
    set_guest_cookie,
)
from testkit.sdk import ISSUER, guest_jwt, reset_sdk
from testkit.visitors import cleared

if TYPE_CHECKING:
    from testkit.apps import Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit

PAYLOADS = [
    {},
    {"text": 'Grüße, 🛒, "\\\n\t\u2028\x7f', "": ""},
    {"numbers": [0, -1, 2**63 - 1, -(2**63), 0.1, -1.5e300, 1e22, 5e-324]},
    {"others": [True, False, None, [], {}, [[]], {"a": {"b": {"c": None}}}]},
    {"Ünï": 1, "a.b": 2, "guest": 3, "st": 4},
]


class _Awaiting:
    """The functions of ``supertokens_guest.asyncio``, run to their end."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(supertokens_guest.asyncio, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run(function(*args, **kwargs))

        return run


class _SyncInLoop:
    """The functions of ``supertokens_guest.syncio``, called where a loop runs."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(supertokens_guest.syncio, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run(call(*args, **kwargs))

        return run


WAYS: dict[str, Any] = {
    "asyncio": _Awaiting(),
    "syncio": supertokens_guest.syncio,
    "syncio in a loop": _SyncInLoop(),
}


@pytest.fixture(params=list(WAYS))
def guests(request: pytest.FixtureRequest) -> Any:
    """Return the functions of a guest, in each way to call them."""
    return WAYS[request.param]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_round_trip(serve: Serve, guests: Any, payload: dict[str, Any]) -> None:
    """What goes in comes back, value by value and type by type."""
    serve()

    guest = guests.verify_guest_jwt(guests.create_guest_jwt(payload))

    assert (payload, repr(payload)) == (guest.payload, repr(guest.payload))


def test_update(serve: Serve, guests: Any, told: Told) -> None:
    """An update has the same guest and another payload; the token may stand for it."""
    serve(told.config())
    token = guests.create_guest_jwt({"n": 1})
    guest = guests.verify_guest_jwt(token)

    updated = [guests.update_guest_jwt(known, {"m": 2}) for known in (guest, token)]

    again = [guests.verify_guest_jwt(new) for new in updated]
    assert [(guest.id, {"m": 2})] * 2 == [(new.id, new.payload) for new in again]
    assert {"n": 1} == guests.verify_guest_jwt(token).payload
    assert [("issue", None), ("update", None), ("update", None)] == told.codes()


def test_ids(serve: Serve, guests: Any) -> None:
    """A guest's id is new, or the app's own if it has the right form."""
    serve()

    tokens = [guests.create_guest_jwt() for _ in range(2)]

    ids = {guests.verify_guest_jwt(token).id for token in tokens}
    assert 2 == len(ids)
    assert (
        "G-my_own-1"
        == guests.verify_guest_jwt(guests.create_guest_jwt(guest_id="G-my_own-1")).id
    )
    for bad in ("", "G-", "my-1", "G-" + "a" * 65, "G-é", "G-1\n", 7):
        with pytest.raises(PayloadError):
            guests.create_guest_jwt(guest_id=bad)


def test_bad_payload(serve: Serve, guests: Any) -> None:
    """A payload that would not come back is refused, with the place and the reason."""
    serve()

    for payload, reason in (
        ([], "is not a mapping"),
        ({"a": [{"b": float("nan")}]}, r"\['a'\]\[0\]\['b'\]"),
        ({"a": 2**63}, r"\['a'\]"),
        ({"a": "\ud800"}, r"\['a'\]"),
        ({"sub": "x"}, r"\['sub'\]"),
        ({"a": "x" * 1_536}, "takes 1,544 bytes of JSON, more than 1,536"),
    ):
        with pytest.raises(PayloadError, match=reason):
            guests.create_guest_jwt(payload)


def test_tokens_that_are_no_good(
    serve: Serve, guests: Any, core: Core, told: Told
) -> None:
    """Each is refused by an error that says why, and reported."""
    serve(told.config())
    expired = guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001)

    for token, code in (("junk", "malformed"), (expired, "expired")):
        for refuse in (
            guests.verify_guest_jwt,
            partial(guests.update_guest_jwt, payload={}),
        ):
            with pytest.raises(TokenError) as refused:
                refuse(token)
            assert code == refused.value.code
    expected = [("verify-rejected", code) for code in ("malformed", "expired")]
    assert [event for event in expected for _ in range(2)] == told.codes()


def test_before_init(serve: Serve, guests: Any) -> None:
    """Without the SDK, or without the override, the error says what to do."""
    reset_sdk()
    with pytest.raises(ConfigError, match="not initialised"):
        guests.create_guest_jwt()

    serve(functions=lambda original: original)
    with pytest.raises(ConfigError, match="guest_override"):
        guests.create_guest_jwt()


def test_many_at_once(serve: Serve) -> None:
    """Tasks and threads may ask for guests at the same time."""
    serve()

    async def tasks() -> list[str]:
        create = supertokens_guest.asyncio.create_guest_jwt
        return await asyncio.gather(*(create({"n": n}) for n in range(8)))

    with ThreadPoolExecutor(4) as pool:
        create = supertokens_guest.syncio.create_guest_jwt
        futures = [pool.submit(create, {"n": n}) for n in range(8, 16)]
        tokens = [*asyncio.run(tasks()), *(future.result() for future in futures)]

    verify = supertokens_guest.syncio.verify_guest_jwt
    assert list(range(16)) == [verify(token).payload["n"] for token in tokens]


def test_lifetime(serve: Serve) -> None:
    """The configured lifetime is the token's."""
    serve(GuestConfig(lifetime_seconds=3_600))

    guest = supertokens_guest.syncio.verify_guest_jwt(
        supertokens_guest.syncio.create_guest_jwt()
    )

    assert 3_600 == (guest.expires_at - guest.issued_at).total_seconds()


def test_verifier_without_the_sdk(core: Core) -> None:
    """A service that runs no SDK verifies guests by the core's keys, or the app's."""
    verifier = GuestVerifier(
        issuer=ISSUER, jwks_url=f"{core.url}/.well-known/jwks.json", wait_seconds=5
    )
    token = guest_jwt(core, "G-1", {"n": 1})

    assert {"n": 1} == verifier.verify_sync(token).payload
    assert {"n": 1} == asyncio.run(verifier.verify(token)).payload
    with pytest.raises(TokenError):
        verifier.verify_sync(core.sign({"n": 1}))


def _routes(app: FastAPI) -> None:
    """Add routes as an app has them: with ``def`` and with ``async def``."""
    cart = {"cart": ["sku-1"]}

    @app.post("/app/async")
    async def asynchronous(request: Request, response: Response) -> None:
        token = await supertokens_guest.asyncio.create_guest_jwt(cart)
        set_guest_cookie(response, token, request)

    @app.post("/app/sync")
    def synchronous(request: Request, response: Response) -> None:
        token = supertokens_guest.syncio.create_guest_jwt(cart)
        set_guest_cookie(response, token, request)

    @app.post("/app/blocking")
    async def blocking(request: Request, response: Response) -> None:
        token = supertokens_guest.syncio.create_guest_jwt(cart)
        assert supertokens_guest.syncio.get_guest(request) is None
        set_guest_cookie(response, token, request)

    @app.post("/app/leave")
    def leave(request: Request, response: Response) -> None:
        clear_guest_cookie(response, request)

    @app.post("/app/mine/{token}")
    def mine(token: str, request: Request, response: Response) -> str:
        try:
            set_guest_cookie(response, token, request)
        except TokenError as error:
            return error.code
        return "set"


class TestFastapi:
    """Routes that issue by hand."""

    @pytest.mark.parametrize("route", ["async", "sync", "blocking"])
    def test_set(self, serve: Serve, visit: Visit, route: str) -> None:
        """The browser keeps the guest, no cache does, and the login takes it."""
        visitor = visit(serve(add_routes=_routes))

        answer = visitor.http.post(f"/app/{route}")

        (line,) = answer.headers.get_list("set-cookie")
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        expected = {"httponly", f"max-age={400 * 86_400}", "path=/", "samesite=lax"}
        assert expected == attributes
        assert "private, no-store" == answer.headers["cache-control"]
        assert "Cookie" == answer.headers["vary"]
        assert visitor.action("who").json()["guest"].startswith("G-")
        visitor.sign_up()
        assert ["sku-1"] == visitor.me()["guest"]["cart"]

    def test_clear(self, serve: Serve, visit: Visit) -> None:
        """A route may let the guest go."""
        visitor = visit(serve(add_routes=_routes))
        visitor.http.post("/app/async")

        answer = visitor.http.post("/app/leave")

        assert cleared(answer)
        assert {"guest": None} == visitor.action("who").json()

    def test_bad_token(self, serve: Serve, visit: Visit) -> None:
        """What is no guest is not made the browser's."""
        visitor = visit(serve(add_routes=_routes))

        assert "malformed" == visitor.http.post("/app/mine/junk").json()
        assert visitor.guest_cookie is None

    def test_attributes_follow_the_session_cookies(
        self, serve: Serve, visit: Visit
    ) -> None:
        """Domain, ``Secure`` and ``SameSite`` are those of the SDK's own cookies."""
        session = {
            "cookie_domain": ".shop.example",
            "older_cookie_domain": "shop.example.org",
            "cookie_secure": True,
            "cookie_same_site": "strict",
        }
        visitor = visit(serve(session=session, add_routes=_routes))

        line = visitor.http.post("/app/async").headers["set-cookie"].lower()
        gone = visitor.http.post("/app/leave").headers.get_list("set-cookie")

        for part in ("domain=.shop.example;", "; secure", "samesite=strict"):
            assert part in line
        domains = [line.lower().split("domain=")[1].split(";")[0] for line in gone]
        assert ["shop.example.org", ".shop.example"] == domains
