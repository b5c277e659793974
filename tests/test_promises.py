"""The promises of the design, each named by its number.

They are tested where they are kept: in a real app, through the real SDK, on the core of
``SUPERTOKENS_CONNECTION_URI`` or on a dev core. In FastAPI alone; that all frameworks
behave the same is shown in ``integrations/test_transfer.py``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from supertokens_python.recipe import multifactorauth
from supertokens_python.recipe.multifactorauth.asyncio import (
    mark_factor_as_complete_in_session,
)
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.asyncio import create_new_session
from supertokens_python.recipe.session.framework.fastapi import verify_session
from supertokens_python.types import RecipeUserId

import supertokens_guest.asyncio
from supertokens_guest import (
    ConfigError,
    CoreUnavailableError,
    GuestConfig,
    GuestError,
    GuestRefusedError,
    KeysUnavailableError,
    PayloadError,
    PayloadTooLargeError,
    TokenError,
    clear_guest_cookie,
    set_guest_cookie,
)
from supertokens_guest._runtime import Runtime
from supertokens_guest._tokens import issuing
from supertokens_guest._tokens.payload import RESERVED, RESERVED_PREFIXES
from supertokens_guest._transfer import late
from supertokens_guest.syncio import (
    create_guest_jwt,
    update_guest_jwt,
    verify_guest_jwt,
)
from testkit.apps import KINDS
from testkit.proxy import FaultyCore, answer_with
from testkit.sdk import API_DOMAIN, ISSUER, WEBSITE_DOMAIN, guest_jwt
from testkit.visitors import cleared, front_payload, headers_bytes, set_cookies

if TYPE_CHECKING:
    from testkit.apps import App, Kind, Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit
    from testkit.visitors import Visitor

CART = {"cart": ["sku-1"], "note": "a gift"}

# As the design lists them, whatever the package's own list says.
RESERVED_NAMES = (
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),
    *("sessionHandle", "refreshTokenHash1", "parentRefreshTokenHash1"),
    *("antiCsrfToken", "tId", "rsub", "stt"),
    *("client_id", "scp", "scope", "sid", "isImpersonation"),
    *("__proto__", "constructor", "prototype"),
    *("st-role", "st-perm", "st-ev", "st-mfa", "st-t-dmns", "st-"),
    *("sg-waiting", "sg-more", "sg-"),
)
# A JWT of the core's with one of these is no guest, so that none can be transferred.
NO_GUESTS_NAMES = RESERVED_NAMES[: RESERVED_NAMES.index("isImpersonation")]


def _routes(app: FastAPI) -> None:
    """Add routes that set and clear the guest cookie by hand."""

    def answer(response: Response, act: Any, *args: Any) -> dict[str, Any]:
        response.headers["Cache-Control"] = "public, max-age=60"
        try:
            act(response, *args)
        except GuestRefusedError as error:
            return {"refused": error.code}
        return {"done": True}

    @app.api_route("/app/set", methods=["GET", "POST"])
    async def set_cookie(
        request: Request, response: Response, token: str
    ) -> dict[str, Any]:
        return answer(response, set_guest_cookie, token, request)

    @app.post("/app/clear")
    async def clear_cookie(request: Request, response: Response) -> dict[str, Any]:
        return answer(response, clear_guest_cookie, request)

    guard = verify_session(check_database=True)

    @app.post("/app/checked")
    async def checked(_: SessionContainer = Depends(guard)) -> dict[str, Any]:  # noqa: B008, FAST002 - FastAPI's way
        return {}


# S1


def test_s1_reserved_name_is_refused(
    serve: Serve, core: Core, faulty: FaultyCore
) -> None:
    """A payload with a reserved name is refused, by name, before the core is asked."""
    serve(core=faulty.core)
    guest = guest_jwt(core)

    for name in RESERVED_NAMES:
        with pytest.raises(PayloadError, match=rf"\['{name}'\]"):
            create_guest_jwt({"cart": [], name: 1})
        with pytest.raises(PayloadError, match=rf"\['{name}'\]"):
            update_guest_jwt(guest, {name: 1})
        with pytest.raises(ConfigError, match=name):
            GuestConfig(namespace=name)

    assert ("POST", "/recipe/jwt") not in faulty.asked


@pytest.mark.parametrize("namespace", ["guest", None])
def test_s1_reserved_name_is_never_transferred(
    serve: Serve, visit: Visit, core: Core, told: Told, namespace: str | None
) -> None:
    """Whatever a guest JWT holds, no reserved name enters a session."""
    config = GuestConfig(namespace=namespace, on_transfer=told.on_transfer)
    visitor = visit(serve(config))
    names = RESERVED_NAMES[len(NO_GUESTS_NAMES) :]
    visitor.keep_cookie(guest_jwt(core, payload={**dict.fromkeys(names, 1), "ok": 1}))

    visitor.login()

    payload = visitor.me()
    inside = payload if namespace is None else payload["guest"]
    assert 1 == inside["ok"]
    assert set() == set(names) & set(inside)
    (transfer,) = told.transfers
    assert dict.fromkeys(names, "reserved") == transfer.dropped


def test_s1_list() -> None:
    """The package's list has every name of the design's."""
    prefixed = {name for name in RESERVED_NAMES if name[2:3] == "-"}

    assert set(RESERVED_NAMES) - prefixed == RESERVED
    assert {name[:3] for name in prefixed} == set(RESERVED_PREFIXES)


# S2


def test_s2_transfer_never_replaces_a_claim(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """What the login session says of itself stands, with a namespace or without."""
    visitor = visit(serve(GuestConfig(namespace=None, on_transfer=told.on_transfer)))
    visitor.become_guest({"plan": "gold", "isAdmin": True, "cart": []})

    visitor.login(payload={"plan": "free", "isAdmin": None})

    payload = visitor.me()
    assert ("free", None, []) == (
        payload["plan"],
        payload["isAdmin"],
        payload["cart"],
    )
    (transfer,) = told.transfers
    assert {"plan": "present", "isAdmin": "present"} == transfer.dropped


def test_s2_late_transfer_never_replaces_a_claim(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """The same holds for a transfer after the login."""
    told.failures = 1
    visitor = visit(serve(told.config(namespace=None)))
    visitor.become_guest({"plan": "gold", "cart": []})
    visitor.login(payload={"plan": "free"})

    transfer = visitor.action("transfer").json()["transfer"]

    assert ({"cart": []}, {"plan": "present"}) == (
        transfer["moved"],
        transfer["dropped"],
    )
    assert "free" == visitor.me()["plan"]


# S3


def _other_tokens(core: Core) -> dict[str, str]:
    """Return JWTs of the same core that are something else than a guest."""
    guest = {"iss": ISSUER, "sub": "G-1", "aud": "supertokens-guest"}
    session = core.call(
        "POST",
        "/recipe/session",
        userId="G-1",
        userDataInJWT={"iss": ISSUER, "aud": "supertokens-guest"},
        userDataInDatabase={},
        enableAntiCsrf=False,
        useDynamicSigningKey=False,
    ).json()
    return {
        "session": session["accessToken"]["token"],
        "plain": core.sign({"cart": ["sku-1"]}),
        "plain with our sub": core.sign({"iss": ISSUER, "sub": "G-1"}),
        "for somebody else": core.sign({**guest, "aud": "api"}),
        "for several": core.sign({**guest, "aud": ["supertokens-guest", "api"]}),
        "OAuth": core.sign({**guest, "client_id": "web", "scp": ["openid"], "stt": 1}),
        "OpenID": core.sign({**guest, "sid": "1"}),
        "scope": core.sign({**guest, "scope": "email"}),
        "of a user": core.sign(
            {**guest, "sub": "7d5e0a2c-0f5a-4b7e-9a43-1c3c5d3b7f0e"}
        ),
        "of another app": core.sign({**guest, "iss": "https://other.example/auth"}),
        "with a dynamic key": core.sign(guest, static=False),
        "for a hundred years": core.sign(guest, seconds=3_153_600_000),
        **{
            f"with {name}": core.sign({**guest, name: 1})
            for name in NO_GUESTS_NAMES
            if name not in {"iss", "sub", "aud", "exp", "iat"}
        },
    }


def test_s3_only_a_guest_jwt_is_a_guest(
    serve: Serve, visit: Visit, core: Core, told: Told
) -> None:
    """Every other JWT of the same core is refused, and no login takes from it."""
    visitor = visit(serve(GuestConfig(on_transfer=told.on_transfer)))

    for name, token in _other_tokens(core).items():
        with pytest.raises(TokenError):
            verify_guest_jwt(token)
        visitor.http.cookies.clear()
        visitor.keep_cookie(token)
        assert {"guest": None} == visitor.action("who").json(), name
        visitor.login()
        assert "guest" not in visitor.me(), name

    assert [] == told.transfers
    assert "G-1" == verify_guest_jwt(guest_jwt(core)).id


# S4


@pytest.mark.parametrize("dynamic", [True, False])
def test_s4_guest_is_no_session(
    serve: Serve, visit: Visit, core: Core, dynamic: bool
) -> None:
    """No guest JWT opens a view for users, whichever key signs sessions."""
    app = serve(session={"use_dynamic_access_token_signing_key": dynamic})
    session = dict.fromkeys(["sessionHandle", "refreshTokenHash1"], "x")
    for token in (
        visit(app).become_guest(CART),
        guest_jwt(core, payload={**session, "tId": "public", "rsub": "u"}),
    ):
        visitor = visit(app)
        visitor.keep_cookie(token, name="sAccessToken")
        bearer = {"authorization": f"Bearer {token}"}

        assert 401 == visitor.action("me").status_code
        assert 401 == visitor.http.post("/app/me", headers=bearer).status_code


# S5


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cookie=st.binary(max_size=200) | st.sampled_from([b"=", b'"', b"." * 9_000]))
def test_s5_any_bytes_as_cookie(served: App, cookie: bytes) -> None:
    """Whatever arrives as guest cookie, requests and logins succeed."""

    async def requests() -> list[int]:
        transport = httpx.ASGITransport(served.native)
        headers = [(b"cookie", b"jwt=" + cookie), (b"st-auth-mode", b"cookie")]
        async with httpx.AsyncClient(
            transport=transport, base_url="http://x", headers=headers
        ) as client:
            answers = [
                await client.post("/app/who", json={}),
                await client.post("/app/login", json={"user": "u"}),
            ]
            return [answer.status_code for answer in answers]

    assert [200, 200] == asyncio.run(requests())


@pytest.fixture
def served(serve: Serve) -> App:
    """Serve an app with the defaults."""
    return serve()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(max_size=100) | st.binary() | st.none() | st.integers())
def test_s5_verifier_raises_guest_errors_alone(served: App, token: Any) -> None:
    """No exception but a ``GuestError`` leaves the verifier."""
    with pytest.raises(GuestError):
        verify_guest_jwt(token)


@pytest.mark.parametrize("status", [400, 500])
def test_s5_core_refuses_the_claims(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    told: Told,
    status: int,
) -> None:
    """A core that refuses a guest's claims gets the session without them."""
    visitor = visit(serve(told.config(), core=faulty.core))
    token = visitor.become_guest(CART)
    refusal = answer_with(status, b"The user payload contains protected field")
    faulty.fail(refusal, method="POST", path="/recipe/session", times=1)

    answer = visitor.sign_up()

    assert "OK" == answer.json()["status"]
    assert "guest" not in visitor.me()
    assert token == visitor.guest_cookie
    assert ("transfer-failed", "core_refused") in told.codes()
    assert cleared(visitor.sign_in())
    assert CART == {name: visitor.me()["guest"][name] for name in CART}


# S6


def test_s6_bad_cookie_is_never_a_401(serve: Serve, visit: Visit, core: Core) -> None:
    """No route answers 401 for the sake of a guest cookie."""
    app = serve()
    token = guest_jwt(core)
    for bad in (
        "junk",
        token[:-5] + "AAAAA",
        guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001),
        core.sign({"sub": "x"}),
    ):
        visitor = visit(app)
        visitor.keep_cookie(bad)
        answers = [visitor.action("who"), visitor.sign_up()]
        visitor.keep_cookie(bad)
        answers += [visitor.action(name) for name in ("me", "transfer")]
        answers += [visitor.refresh(), visitor.action("me"), visitor.sign_out()]

        assert {200} == {answer.status_code for answer in answers}


# S7


def test_s7_keys_out_of_reach(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the keys do not come, a login succeeds, and the guest is kept for later."""
    assert 2.0 == Runtime.login_wait_seconds
    monkeypatch.setattr(Runtime, "login_wait_seconds", 0.05)
    visitor = visit(serve(told.config(), core=faulty.core))
    token = guest_jwt(faulty.core)
    visitor.keep_cookie(token)
    held = faulty.hold()

    answer = visitor.login()

    assert held.met.is_set()  # and still unanswered: the login did not wait for it
    assert 200 == answer.status_code
    assert token == visitor.guest_cookie
    assert [("transfer-skipped", "keys_unavailable")] == told.codes()
    faulty.heal()
    assert cleared(visitor.action("transfer"))
    assert {"sub": "G-1"} == visitor.me()["guest"]


# S8


def test_s8_forged_key_ids(serve: Serve, visit: Visit, faulty: FaultyCore) -> None:
    """Invented key ids cause one fetch; those of the wrong form none at all."""
    visitor = visit(serve(core=faulty.core))
    visitor.become_guest(CART)
    known = faulty.key_requests

    for kid in ("d-1700000000000", "x", "s-", "s-" + "a" * 65, "s-\n", "../s-1"):
        with pytest.raises(TokenError):
            verify_guest_jwt(_forged(kid))
    assert known == faulty.key_requests

    with pytest.raises(TokenError):  # missing from keys that were fetched after it came
        verify_guest_jwt(_forged("s-0"))
    for number in range(1, 20):
        with pytest.raises(KeysUnavailableError):  # the core may not be asked now
            verify_guest_jwt(_forged(f"s-{number}"))
    visitor.keep_cookie(_forged("s-21"))
    assert {"guest": None} == visitor.action("who").json()
    assert 200 == visitor.login().status_code

    assert known + 1 == faulty.key_requests


def _forged(kid: str) -> str:
    """Return a token of the right form with a key id of the forger's choice."""

    def segment(value: object) -> str:
        text = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    header = {"kid": kid, "typ": "JWT", "alg": "RS256"}
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "G-1",
        "aud": "supertokens-guest",
        "iat": now,
        "exp": now + 60,
    }
    return f"{segment(header)}.{segment(claims)}.{'A' * 342}"


# S9


def _waiting(visitor: Visitor, told: Told) -> str:
    """Log in as ``u-1`` while the hook fails, so that the guest waits; return it."""
    told.failures = 1
    token = visitor.become_guest(CART)
    visitor.login("u-1")
    assert token == visitor.guest_cookie
    return token


def test_s9_next_person_inherits_nothing(serve: Serve, visit: Visit) -> None:
    """The login's own response clears the guest."""
    visitor = visit(serve())
    visitor.become_guest(CART)

    assert cleared(visitor.sign_up())
    assert visitor.guest_cookie is None


def _end_session(visitor: Visitor, core: Core) -> None:
    """Have the core forget every session of ``u-1``."""
    handle = visitor.me()["sessionHandle"]
    core.call("POST", "/recipe/session/remove", sessionHandles=[handle])


def _refresh_in_vain(visitor: Visitor, core: Core) -> httpx.Response:
    _end_session(visitor, core)
    return visitor.refresh()


def _check_in_vain(visitor: Visitor, core: Core) -> httpx.Response:
    _end_session(visitor, core)
    return visitor.http.post("/app/checked")


def _transfer_in_vain(visitor: Visitor, core: Core) -> httpx.Response:
    _end_session(visitor, core)
    return visitor.action("transfer")


def _steal(visitor: Visitor, _: Core) -> httpx.Response:
    """Refresh with a token that was used and replaced."""
    old = visitor.cookie("sRefreshToken") or ""
    visitor.refresh()
    visitor.me()
    visitor.http.cookies.delete("sRefreshToken")
    visitor.keep_cookie(old, name="sRefreshToken")
    return visitor.refresh()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda visitor, _: visitor.sign_out(), 200),
        (_refresh_in_vain, 401),
        (_steal, 401),
        (_check_in_vain, 401),
        (_transfer_in_vain, 401),
    ],
    ids=["sign-out", "refresh", "theft", "check", "transfer"],
)
def test_s9_what_ends_a_session_ends_the_guest(
    serve: Serve, visit: Visit, told: Told, end: Any, status: int
) -> None:
    """Whatever clears the session's cookies clears the guest that was kept for it."""
    app = serve(told.config(), add_routes=_routes)
    visitor = visit(app)
    _waiting(visitor, told)

    answer = end(visitor, app.core)

    assert status == answer.status_code
    assert visitor.cookie("sAccessToken") is None
    assert cleared(answer)
    assert visitor.guest_cookie is None


def test_s9_another_users_login_takes_nothing(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """A guest that waits for a user is that user's, and goes when another logs in."""
    visitor = visit(serve(told.config()))
    _waiting(visitor, told)

    answer = visitor.login("u-2")

    assert cleared(answer)
    assert set() == {"guest", "sg-waiting"} & visitor.me().keys()
    assert [] == told.transfers
    assert ("transfer-skipped", "another_user") in told.codes()


def test_s9_the_same_users_login_takes_it(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """Also when the first session is over by then."""
    app = serve(told.config())
    visitor = visit(app)
    _waiting(visitor, told)
    _end_session(visitor, app.core)

    assert cleared(visitor.login("u-1"))
    assert [CART] == [transfer.moved for transfer in told.transfers]


SESSION = {
    "sub": "u-1",
    "rsub": "u-1",
    "tId": "public",
    "sessionHandle": "h",
    "refreshTokenHash1": "r",
    "parentRefreshTokenHash1": None,
    "antiCsrfToken": None,
}


@pytest.mark.parametrize("seconds", [3_600, -3_600], ids=["valid", "expired"])
@pytest.mark.parametrize("way", ["cookie", "authorization"])
def test_s9_no_guest_beside_a_session(  # noqa: PLR0917 - fixtures
    serve: Serve, visit: Visit, core: Core, told: Told, way: str, seconds: int
) -> None:
    """A visitor who brings a session token, expired too, is not made a guest."""
    visitor = visit(serve(told.config(), add_routes=_routes))
    now = int(time.time())
    session = core.sign({**SESSION, "iat": now - 7_200, "exp": now + seconds})
    if way == "cookie":
        visitor.keep_cookie(session, name="sAccessToken")
    else:
        visitor.http.headers[way] = f"Bearer {session}"

    answer = visitor.http.post("/app/set", params={"token": guest_jwt(core)})

    assert {"refused": "session"} == answer.json()
    assert set() == set_cookies(answer)
    assert [("issue-refused", "session")] == told.codes()


@pytest.mark.parametrize("way", ["sAccessToken", "sRefreshToken", "authorization"])
def test_s9_garbage_is_no_session(
    serve: Serve, visit: Visit, core: Core, told: Told, way: str
) -> None:
    """Neither a planted cookie nor a gateway's bearer keeps a guest from anything."""
    visitor = visit(serve(told.config(), add_routes=_routes))
    if way == "authorization":
        visitor.http.headers[way] = f"Bearer {core.sign({'sub': 'gateway'})}"
    else:
        visitor.keep_cookie("junk", name=way)

    token = guest_jwt(core, payload=CART)
    assert {"done": True} == visitor.http.post(
        "/app/set", params={"token": token}
    ).json()
    assert cleared(visitor.login())
    assert [CART] == [transfer.moved for transfer in told.transfers]


# S10


def test_s10_nothing_is_shown(
    serve: Serve,
    visit: Visit,
    core: Core,
    told: Told,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No token and no payload is in a log line, a representation or an error."""
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-payload"
    visitor = visit(serve(told.config()))
    tokens = [
        visitor.become_guest({"note": secret}),
        guest_jwt(core, payload={"note": secret}, exp=1_500_000_000, iat=1_400_000_000),
        core.sign({"note": secret}),
        guest_jwt(core, payload={"note": secret})[:-4] + "AAAA",
    ]
    errors: list[BaseException] = []
    for token in tokens:
        visitor.keep_cookie(token)
        visitor.action("who")
        visitor.login()
        try:
            verify_guest_jwt(token)
        except TokenError as error:
            errors.append(error)
    with pytest.raises(PayloadError) as refused:
        create_guest_jwt({"note": secret, "more": {secret: {1, 2}}, "x": secret * 99})
    errors.append(refused.value)

    assert (1, 3 + 1) == (len(told.transfers), len(errors))
    shown = [
        *(record.getMessage() for record in caplog.records if _is_ours(record)),
        *map(repr, told.events),
        *map(repr, told.transfers),
        *(repr(transfer.guest) for transfer in told.transfers),
        *map(repr, errors[:-1]),
    ]
    for text in shown:
        assert secret not in text
        for token in tokens:
            assert token not in text
            assert token.split(".")[1] not in text


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell whether the package wrote a log record."""
    return record.name.startswith("supertokens_guest") and "devcore" not in record.name


def test_s10_subjects_are_escaped_and_cut(served: App, core: Core) -> None:
    """What a stranger wrote into a token starts no log line of its own."""
    token = guest_jwt(core, "line\nfeed " + "x" * 200)

    with pytest.raises(TokenError) as refused:
        verify_guest_jwt(token)

    assert r"'line\nfeed" in str(refused.value)
    assert "x" * 64 not in str(refused.value)


# S11


@pytest.mark.parametrize(
    "login", [{"payload": {"isImpersonation": True}}, {"marked": True}]
)
def test_s11_impersonation(
    serve: Serve, visit: Visit, told: Told, login: dict[str, Any]
) -> None:
    """Neither login nor a late transfer puts an admin's guest into a user's session."""
    visitor = visit(serve(GuestConfig(on_transfer=told.on_transfer)))
    token = visitor.become_guest(CART)

    visitor.login(**login)
    transfer = visitor.action("transfer")

    assert {"transfer": None} == transfer.json()
    assert set() == {"guest", "sg-waiting"} & visitor.me().keys()
    assert token == visitor.guest_cookie
    assert [] == told.transfers


# S12


def test_s12_nothing_is_read_in_verify_session(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """A guest cookie beside a session moves nothing by itself."""
    visitor = visit(serve(told.config()))
    visitor.login()
    token = visitor.become_guest(CART)
    told.events.clear()

    answer = visitor.action("me")

    assert 200 == answer.status_code
    assert "guest" not in answer.json()
    assert token == visitor.guest_cookie
    assert ([], []) == (told.transfers, told.events)


def test_s12_requests_of_one_route_do_not_mix(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """Logins under one ``verify_session`` at once each take their own guest.

    The SDK gives all requests of a route one user context; after an ``await`` it holds
    the request of another visitor.
    """
    guard = verify_session(session_required=False)
    arrived: list[Request] = []

    def add_route(app: FastAPI) -> None:
        @app.post("/app/switch/{user}")
        async def switch(
            user: str,
            request: Request,
            session: SessionContainer | None = Depends(guard),  # noqa: B008, FAST002 - FastAPI's way
        ) -> dict[str, Any]:
            arrived.append(request)
            while len(arrived) < 2:  # noqa: ASYNC110 - until both are here
                await asyncio.sleep(0.001)
            new = await create_new_session(request, "public", RecipeUserId(user))
            return {"guest": new.get_access_token_payload()["guest"]["sub"]}

    app = serve(GuestConfig(on_transfer=told.on_transfer), add_routes=add_route)
    tokens = {name: guest_jwt(app.core, f"G-{name}") for name in ("a", "b")}

    async def both() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=app.url, trust_env=False) as client:
            return await asyncio.gather(
                *(
                    client.post(
                        f"/app/switch/{name}",
                        headers={"cookie": f"jwt={token}", "st-auth-mode": "cookie"},
                    )
                    for name, token in tokens.items()
                )
            )

    answers = asyncio.run(both())

    assert ["G-a", "G-b"] == [answer.json()["guest"] for answer in answers]
    assert {"a": "G-a", "b": "G-b"} == {
        transfer.user_id: transfer.guest.id for transfer in told.transfers
    }


# S13

EVIL = "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "moves"),
    [
        ({}, True),
        ({"origin": API_DOMAIN}, True),
        ({"origin": WEBSITE_DOMAIN}, True),
        ({"origin": "the host that the request came to"}, True),
        ({"origin": EVIL}, False),
        ({"origin": "null"}, False),
        ({"origin": EVIL, "rid": "emailpassword"}, True),
        ({"origin": EVIL, "fdi-version": "3.0"}, True),
        ({"origin": EVIL, "st-auth-mode": "cookie"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": WEBSITE_DOMAIN}, True),
        ({"sec-fetch-site": "same-site", "origin": "http://blog.example"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": WEBSITE_DOMAIN}, True),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, False),
        ({"sec-fetch-site": "cross-site", "origin": EVIL}, False),
        ({"origin": EVIL, "x-forwarded-host": "evil.example"}, False),
    ],
    ids=str,
)
def test_s13_login_by_another_site(
    serve: Serve,
    visit: Visit,
    told: Told,
    headers: dict[str, str],
    moves: bool,
) -> None:
    """A login that another site started takes no guest, then or later; it is kept."""
    app = serve(told.config())
    visitor = visit(app, auth_mode=None)
    token = visitor.become_guest(CART)
    if headers.get("origin", "").startswith("the host"):
        headers = {"origin": app.url}

    answer = visitor.http.post("/app/login", json={"user": "u"}, headers=headers)

    assert 200 == answer.status_code
    assert moves == ("guest" in front_payload(answer))
    assert "sg-waiting" not in front_payload(answer)
    assert moves == cleared(answer)
    assert (None if moves else token) == visitor.guest_cookie
    skipped = ("transfer-skipped", "cross_site")
    assert moves == (skipped not in told.codes())


# S14


def _second_factor(requirements: list[str]) -> Any:
    """Return the recipe that asks every user for these factors."""

    def functions(original: Any) -> Any:
        async def get_mfa_requirements_for_auth(*_: Any, **__: Any) -> list[str]:
            return requirements

        original.get_mfa_requirements_for_auth = get_mfa_requirements_for_auth
        return original

    override = multifactorauth.OverrideConfig(functions=functions)
    return multifactorauth.init(first_factors=["emailpassword"], override=override)


def _factor_route(app: FastAPI) -> None:
    """Add a route that completes the second factor."""
    guard = verify_session(override_global_claim_validators=lambda *_: [])

    @app.post("/app/factor")
    async def factor(
        session: SessionContainer = Depends(guard),  # noqa: B008, FAST002 - FastAPI's way
    ) -> dict[str, str]:
        await mark_factor_as_complete_in_session(session, "otp-email")
        return {}


def test_s14_half_a_login_transfers_nothing(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """Transfer, hook and clearing wait until all factors are complete."""
    recipe = _second_factor(["otp-email"])
    visitor = visit(serve(told.config(), recipes=[recipe], add_routes=_factor_route))
    token = visitor.become_guest(CART)

    answer = visitor.sign_up()
    too_early = visitor.action("transfer")

    assert "OK" == answer.json()["status"]
    assert {"transfer": None} == too_early.json()
    assert "guest" not in visitor.me()
    assert token == visitor.guest_cookie
    assert [] == told.transfers
    assert 2 == told.codes().count(("transfer-skipped", "factors_incomplete"))

    visitor.http.post("/app/factor")
    complete = visitor.action("transfer")

    assert CART == complete.json()["transfer"]["moved"]
    assert cleared(complete)
    assert 1 == len(told.transfers)


# S15


def test_s15_two_guests(serve: Serve, visit: Visit, core: Core, told: Told) -> None:
    """Of two valid guests none is transferred; of one guest's tokens, the newest is.

    Whether they come in cookies or in the header.
    """
    app = serve(told.config())
    now = 1_700_000_000

    def login(*cookies: str, header: str | None = None) -> httpx.Response:
        headers = {"cookie": "; ".join(f"jwt={token}" for token in cookies)}
        if header is not None:
            headers["guest-jwt"] = header
        return visit(app).http.post("/app/login", json={"user": "u"}, headers=headers)

    mine, planted = guest_jwt(core, "G-mine"), guest_jwt(core, "G-planted")
    for answer in (login(mine, planted), login(planted, header=mine)):
        assert 200 == answer.status_code
        assert {"sAccessToken", "sRefreshToken"} == set_cookies(answer)
        assert "guest-jwt" not in answer.headers
        assert set() == {"guest", "sg-waiting"} & front_payload(answer).keys()
    assert [] == told.transfers
    assert [("transfer-skipped", "ambiguous")] * 2 == told.codes()

    older = guest_jwt(core, "G-1", {"n": 1}, iat=now + 1)
    newer = guest_jwt(core, "G-1", {"n": 2}, iat=now + 2)
    assert cleared(login(older, newer))
    by_header = login(older, header=newer)
    assert cleared(by_header)
    assert "remove" == by_header.headers["guest-jwt"]
    assert cleared(login(newer, header=older))

    # Of two of one second it is the one of the most specific path, which comes first.
    of_one_second = [
        guest_jwt(core, "G-1", {"n": n}, iat=now + 2, exp=now + 300_000_000)
        for n in (2, 1)
    ]
    assert cleared(login(*of_one_second))

    assert [{"n": 2}] * 4 == [transfer.moved for transfer in told.transfers]


# S16


def _foreign(core: Core) -> dict[str, str]:
    """Return what may be under our cookie's name and somebody else's, by kind."""
    mine = guest_jwt(core)
    return {
        "of another app of ours": guest_jwt(core, iss="https://other.example/auth"),
        "for somebody else": core.sign({"sub": "somebody", "aud": "their-app"}),
        "for nobody": core.sign({"sub": "somebody"}),
        "encrypted": f"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.{mine}.AAAA",
        "a bearer": f"Bearer {core.sign({'sub': 'somebody'})}",
        "an encoded bearer": f"Bearer%20{core.sign({'sub': 'somebody'})}",
    }


def test_s16_what_is_not_ours(
    serve: Serve, visit: Visit, core: Core, told: Told
) -> None:
    """Somebody else's JWT under our cookie's name is never cleared or overwritten."""
    app = serve(told.config(), add_routes=_routes)
    token = create_guest_jwt()

    for name, foreign in _foreign(core).items():
        told.events.clear()
        visitor = visit(app)
        visitor.keep_cookie(foreign)
        refused = visitor.http.post("/app/set", params={"token": token})
        refused_to_clear = visitor.http.post("/app/clear")
        answers = [
            *(refused, refused_to_clear, visitor.sign_up()),
            *(visitor.action("transfer"), visitor.sign_out()),
        ]

        assert {"refused": "foreign_cookie"} == refused.json(), name
        assert {"refused": "foreign_cookie"} == refused_to_clear.json(), name
        assert not any("jwt" in set_cookies(answer) for answer in answers), name
        assert foreign == visitor.guest_cookie, name
        assert ("foreign-cookie", None) in told.codes(), name
        assert {"foreign-cookie", "issue-refused"} == {c for c, _ in told.codes()}, name


def test_s16_what_is_not_ours_without_keys(
    serve: Serve, visit: Visit, faulty: FaultyCore, told: Told
) -> None:
    """No key is needed to see that a JWT says that it is somebody else's."""
    app = serve(told.config(), core=faulty.core, add_routes=_routes)
    faulty.fail(None)

    for name, foreign in _foreign(faulty.core).items():
        visitor = visit(app)
        visitor.keep_cookie(foreign)
        answers = [visitor.http.post("/app/clear"), visitor.login()]

        assert {"refused": "foreign_cookie"} == answers[0].json(), name
        assert not any("jwt" in set_cookies(answer) for answer in answers), name
        assert "sg-waiting" not in front_payload(answers[1]), name
    assert ("transfer-skipped", "keys_unavailable") not in told.codes()


def test_s16_invalid_token_of_ours(serve: Serve, visit: Visit, core: Core) -> None:
    """A guest of ours that is no good any more is cleared at the login."""
    visitor = visit(serve())
    visitor.keep_cookie(guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001))

    assert cleared(visitor.login())


@pytest.mark.parametrize("value", ["junk", "a.b.c", "%7B%22cart%22%3A1%7D", "Bearer x"])
def test_s16_unreadable_value(
    serve: Serve, visit: Visit, core: Core, value: str
) -> None:
    """A value that is no JWT at all stays, until a guest takes its place."""
    visitor = visit(serve(add_routes=_routes))
    visitor.keep_cookie(value)

    answers = [visitor.sign_up(), visitor.action("transfer"), visitor.sign_out()]

    assert [False] * 3 == ["jwt" in set_cookies(answer) for answer in answers]
    params = {"token": guest_jwt(core)}
    assert {"done": True} == visitor.http.post("/app/set", params=params).json()


@pytest.mark.parametrize("beside", ["foreign", "unavailable"])
def test_s16_bad_token_beside_another(
    serve: Serve, visit: Visit, core: Core, beside: str
) -> None:
    """No bad token of ours is cleared if that could take another cookie with it."""
    app = serve()
    visit(app).become_guest(CART)
    with pytest.raises(TokenError):
        verify_guest_jwt(_forged("s-0"))  # from here on, new key ids are unavailable
    expired = guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001)
    other = core.sign({"aud": "x"}) if beside == "foreign" else _forged("s-1")

    answer = visit(app).http.post(
        "/app/login",
        json={"user": "u"},
        headers={"cookie": f"jwt={other}; jwt={expired}"},
    )

    assert 200 == answer.status_code
    assert "jwt" not in set_cookies(answer)


# S17


@pytest.mark.parametrize("is_async", [True, False], ids=["coroutine", "plain"])
@pytest.mark.parametrize("kind", KINDS)
def test_s17_failed_hook_keeps_the_guest(
    serve: Serve, visit: Visit, told: Told, kind: Kind, is_async: bool
) -> None:
    """A hook that raises keeps the guest, and the next chance tries again."""

    async def on_transfer(transfer: Any) -> None:
        await asyncio.sleep(0)
        told.on_transfer(transfer)

    told.failures = 1
    hook = on_transfer if is_async else told.on_transfer
    config = GuestConfig(on_transfer=hook, on_event=told.on_event)
    visitor = visit(serve(config, kind=kind))
    token = visitor.become_guest(CART)

    answer = visitor.sign_up()

    assert "OK" == answer.json()["status"]
    assert {"sub": verify_guest_jwt(token).id, **CART} == visitor.me()["guest"]
    assert token == visitor.guest_cookie
    assert ("transfer-failed", "hook") in told.codes()

    assert cleared(visitor.action("transfer"))
    assert [CART] == [transfer.moved for transfer in told.transfers]
    assert "sg-waiting" not in visitor.me()


@pytest.mark.parametrize("kind", KINDS)
def test_s17_an_answer_of_500_keeps_the_guest(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """A route that fails when the session is there loses nothing of the guest.

    In Flask and Django a plain hook has not run either, and the next login has it run.
    """
    app = serve(told.config(), kind=kind)
    visitor = visit(app)
    token = visitor.become_guest(CART)

    answer = visitor.http.post(
        f"{app.prefix}/login",
        json={"user": "u-17", "fail": True},
        headers={"connection": "close"},  # uvicorn will, after an exception
    )

    assert 500 == answer.status_code
    assert "jwt" not in set_cookies(answer)
    assert token == visitor.guest_cookie
    assert (1 if kind == "fastapi" else 0) == len(told.transfers)
    told.transfers.clear()
    assert cleared(visitor.login("u-17"))
    assert [CART] == [transfer.moved for transfer in told.transfers]


def test_s17_what_stays_behind_keeps_the_guest(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """Without a hook, the cookie is cleared only when everything has moved."""
    visitor = visit(serve(GuestConfig(on_event=told.on_event)))
    token = visitor.become_guest(CART)

    answer = visitor.login(payload={"guest": "mine"})

    assert not cleared(answer)
    assert token == visitor.guest_cookie
    assert ("transfer", "namespace_taken") in told.codes()


# S18

MOST = 1_536
ROOM = MOST - len('{"x":""}')
FULL_PAYLOADS: dict[str, dict[str, Any]] = {
    "one long name": {"x": "a" * ROOM},
    "many names": {f"name{n:02}": n for n in range(MOST // 13)},
    "not ASCII": {"x": "Ж" * (ROOM // 6)},
    "beyond 16 bits": {"x": "🛒" * (ROOM // 12)},
    "floats": {"x": [1.5e300] * (ROOM // 9)},
    "a cart": {"x": [f"9f5562e3-beca-4cab-bd84-93def66f{n:04}" for n in range(39)]},
}


@pytest.mark.parametrize("namespace", ["guest", None])
def test_s18_largest_payload_fits(
    serve: Serve, visit: Visit, namespace: str | None
) -> None:
    """Everything that a guest may hold fits into its cookie, login and refresh."""
    app = serve(GuestConfig(namespace=namespace), add_routes=_routes)

    for name, payload in FULL_PAYLOADS.items():
        visitor = visit(app)
        token = create_guest_jwt(payload)
        answers = [
            visitor.http.post("/app/set", params={"token": token}),
            visitor.sign_up(
                origin=WEBSITE_DOMAIN, rid="emailpassword", fdi_version="4.1"
            ),
            visitor.refresh(),
        ]

        guest = {"sub": verify_guest_jwt(token).id, **payload}
        assert {"data": guest} == visitor.action("taken").json(), name
        assert cleared(answers[1]), name
        assert max(map(headers_bytes, answers)) < 4_000, name


def test_s18_a_larger_payload_is_refused(served: App) -> None:
    """One byte more than 1,536, counted as compact JSON with escapes."""
    for payload in FULL_PAYLOADS.values():
        size = len(json.dumps(payload, separators=(",", ":")))
        assert size <= MOST
        with pytest.raises(PayloadTooLargeError):
            create_guest_jwt({**payload, "more": "x" * (MOST - size)})


@pytest.mark.parametrize(
    "session",
    [
        {},
        {"anti_csrf": "VIA_TOKEN"},
        {"expose_access_token_to_frontend_in_cookie_based_auth": True},
        {"cookie_domain": ".shop.example", "cookie_secure": True},
    ],
    ids=lambda session: next(iter(session), "defaults"),
)
def test_s18_whatever_fits_fits(
    serve: Serve, visit: Visit, told: Told, session: dict[str, Any]
) -> None:
    """At each size the headers hold what is in the token; what is not overflows.

    The claims go where they fit: all into the token up to a size, and all into the
    session's data from there on.
    """
    app = serve(told.config(), session=session)
    for size in range(0, 700, 50):
        visitor = visit(app)
        visitor.become_guest({"x": "Ж" * (size // 12) + "a" * (size // 2)})

        answer = visitor.login("3523315d-3f04-4b4b-9128-8f8c5bc9cb4b")
        if visitor.cookie("sRefreshToken") is None:  # it was set for another domain
            token = _cookie_value(answer, "sRefreshToken")
            visitor.keep_cookie(token, name="sRefreshToken")
        if "anti-csrf" in answer.headers:
            visitor.http.headers["anti-csrf"] = answer.headers["anti-csrf"]
        refreshed = visitor.refresh()

        assert (200, 200) == (answer.status_code, refreshed.status_code)
        assert max(map(headers_bytes, (answer, refreshed))) < 4_000, size

    where = [transfer.in_database for transfer in told.transfers]
    # With a third copy of the token there is no room at all.
    exposed = "expose_access_token_to_frontend_in_cookie_based_auth" in session
    assert [not exposed] * len(where) == [bool(t.moved) for t in told.transfers]
    assert sorted(where) == where
    assert [False, not exposed] == [where[0], where[-1]]


def test_s18_a_late_transfer_leaves_room_for_the_next_refresh(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That sends the claims again, and a refresh token with them."""
    monkeypatch.setattr(Runtime, "login_wait_seconds", 0.05)
    session = {"anti_csrf": "VIA_TOKEN"}
    visitor = visit(serve(told.config(), core=faulty.core, session=session))
    visitor.http.headers.update({"origin": WEBSITE_DOMAIN, "rid": "session"})
    visitor.keep_cookie(guest_jwt(faulty.core, payload={"x": "a" * 420}))
    faulty.hold()
    visitor.http.headers["anti-csrf"] = visitor.login().headers["anti-csrf"]
    faulty.heal()

    answers = visitor.action("transfer"), visitor.refresh()

    assert cleared(answers[0])
    assert max(map(headers_bytes, answers)) < 4_000


def _cookie_value(answer: httpx.Response, name: str) -> str:
    """Return the value of a cookie that *answer* sets, for whatever domain."""
    lines = answer.headers.get_list("set-cookie")
    (line,) = [line for line in lines if line.startswith(f"{name}=")]
    return line.partition("=")[2].partition(";")[0]


def test_s18_no_room_even_for_the_mark(serve: Serve, visit: Visit, told: Told) -> None:
    """Then nothing moves, nothing lies where nobody finds it, and nothing waits."""
    visitor = visit(serve(GuestConfig(on_event=told.on_event)))
    token = visitor.become_guest({"x": "a" * 1_000})

    visitor.login(payload={"app": "y" * 1_000})

    assert set() == {"guest", "sg-waiting"} & visitor.me().keys()
    assert {} == visitor.action("data").json()
    assert token == visitor.guest_cookie
    assert ("transfer", "no_room") in told.codes()


def test_s18_data_of_somebody_else(serve: Serve, visit: Visit, told: Told) -> None:
    """Claims overflow into no data that is there and not this guest's."""
    visitor = visit(serve(GuestConfig(on_event=told.on_event)))
    token = visitor.become_guest({"x": "a" * 1_000})

    visitor.login(data={"guest": {"sub": "G-other"}})

    assert "guest" not in visitor.me()
    assert {"guest": {"sub": "G-other"}} == visitor.action("data").json()
    assert token == visitor.guest_cookie
    assert ("transfer", "namespace_taken") in told.codes()


@pytest.mark.parametrize("replaced", [{}, {"guest": {"sub": "G-other", "x": 1}}])
def test_s18_data_that_is_gone(
    serve: Serve, visit: Visit, replaced: dict[str, Any]
) -> None:
    """What the app took out of the session's data is not the guest's any more."""
    app = serve()
    visitor = visit(app)
    visitor.become_guest({"x": "a" * 1_000}, "G-1")
    visitor.login()
    app.core.call(
        "PUT",
        "/recipe/session/data",
        sessionHandle=visitor.me()["sessionHandle"],
        userDataInDatabase=replaced,
    )

    assert {"data": {"sub": "G-1"}} == visitor.action("taken").json()


# S19


def test_s19_no_cache_keeps_a_guest(
    serve: Serve, visit: Visit, core: Core, told: Told
) -> None:
    """What sets or clears a guest, or carries a late transfer, is for one visitor.

    Whatever the route said to caches before.
    """
    visitor = visit(serve(told.config(), add_routes=_routes))
    params = {"token": guest_jwt(core)}
    answers = [
        visitor.http.get("/app/set", params=params),
        visitor.http.post("/app/clear"),
    ]
    visitor.become_guest(CART)
    answers.append(visitor.login("u-1"))
    visitor.sign_out()
    _waiting(visitor, told)
    answers.append(visitor.action("transfer"))

    assert [True] * 4 == ["jwt" in set_cookies(answer) for answer in answers]
    for answer in answers:
        assert "private, no-store" == answer.headers["cache-control"]
        assert "Cookie" == answer.headers["vary"]


# S20


def test_s20_no_call_waits_for_ever(
    serve: Serve, visit: Visit, faulty: FaultyCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a core that answers nothing, each call comes back, in both ways to call."""
    monkeypatch.setattr(issuing.issue, "__kwdefaults__", _sooner(issuing.issue))
    visitor = visit(serve(core=faulty.core))
    token = guest_jwt(faulty.core)
    faulty.hold()
    faulty.hold(method="POST", path="/recipe/jwt")

    with pytest.raises(CoreUnavailableError, match="in time"):
        create_guest_jwt()
    with pytest.raises(CoreUnavailableError, match="in time"):
        asyncio.run(supertokens_guest.asyncio.create_guest_jwt())
    with pytest.raises(KeysUnavailableError):
        verify_guest_jwt(token)
    visitor.keep_cookie(token)
    assert {"guest": None} == visitor.action("who").json()


def _sooner(function: Any) -> dict[str, Any]:
    """Return the function's defaults with less patience."""
    return {**function.__kwdefaults__, "wait_seconds": 0.1}


# S21


@pytest.mark.parametrize("refused", ["marked", "impersonation", "ambiguous", "site"])
def test_s21_a_refused_login_leaves_nothing_waiting(
    serve: Serve, visit: Visit, core: Core, told: Told, refused: str
) -> None:
    """What a login was refused is not taken by a later request."""
    visitor = visit(serve(told.config()), auth_mode=None)
    token = visitor.become_guest(CART)
    body: dict[str, Any] = {"user": "u"}
    headers = {}
    if refused == "marked":
        body["marked"] = True
    elif refused == "impersonation":
        body["payload"] = {"isImpersonation": True}
    elif refused == "ambiguous":
        headers["cookie"] = f"jwt={token}; jwt={guest_jwt(core, 'G-planted')}"
    else:
        headers["origin"] = EVIL
    login = visitor.http.post("/app/login", json=body, headers=headers)
    bearer = {"authorization": f"Bearer {login.headers['st-access-token']}"}

    later = visitor.http.post("/app/transfer", headers=bearer)

    assert {"transfer": None} == later.json()
    assert "sg-waiting" not in front_payload(login)
    assert token == visitor.guest_cookie
    assert [] == told.transfers


def test_s21_the_waiting_guest_alone(serve: Serve, visit: Visit, told: Told) -> None:
    """Another token, even of the same guest, is not the one that the login left."""
    visitor = visit(serve(told.config()))
    waiting = _waiting(visitor, told)
    other = update_guest_jwt(waiting, {"cart": ["planted"]})
    for planted in (other, create_guest_jwt(CART)):
        visitor.keep_cookie(planted)
        assert {"transfer": None} == visitor.action("transfer").json()
        assert planted == visitor.guest_cookie
    assert [] == told.transfers

    visitor.keep_cookie(waiting)
    assert cleared(visitor.action("transfer"))
    assert [CART] == [transfer.moved for transfer in told.transfers]


@pytest.mark.parametrize("removed", ["plan", "guest", "sg-waiting"])
def test_s21_what_an_administrator_took_out_stays_out(
    serve: Serve, visit: Visit, told: Told, removed: str
) -> None:
    """The visitor's token still says what the session does not say any more."""
    app = serve(told.config(transfer=()))
    visitor = visit(app)
    told.failures = 1
    visitor.become_guest(CART, "G-1")
    visitor.login(payload={"plan": "gold", "guest": {"sub": "G-1"}})
    before = visitor.me()
    names = ["iss", "plan", "guest", "sg-waiting"]
    left = {name: before[name] for name in names if name != removed}
    app.core.call(
        "PUT",
        "/recipe/jwt/data",
        sessionHandle=before["sessionHandle"],
        userDataInJWT=left,
    )
    assert removed in visitor.me()

    answer = visitor.action("transfer")

    waits = removed != "sg-waiting"
    assert waits == (answer.json()["transfer"] is not None)
    assert waits == cleared(answer)
    if waits:
        assert removed not in visitor.me()
        assert "sg-waiting" not in visitor.me()


def test_s21_once_at_a_time(serve: Serve, visit: Visit, told: Told) -> None:
    """A request that comes while another transfers the same session's guest waits not.

    It moves nothing, and tells nobody.
    """
    entered, released = asyncio.Event(), asyncio.Event()
    calls: list[str] = []

    async def on_transfer(transfer: Any) -> None:
        calls.append(transfer.guest.id)
        if len(calls) == 1:
            raise OSError
        entered.set()
        await released.wait()

    async def release() -> None:
        released.set()

    def add_routes(app: FastAPI) -> None:
        app.post("/app/release")(release)

        @app.post("/app/entered")
        async def has_entered() -> None:
            await asyncio.wait_for(entered.wait(), 10)

    visitor = visit(serve(GuestConfig(on_transfer=on_transfer), add_routes=add_routes))
    visitor.become_guest(CART, "G-1")
    visitor.login()

    with ThreadPoolExecutor() as pool:
        first = pool.submit(visitor.action, "transfer")
        assert 200 == visitor.http.post("/app/entered").status_code
        second = visitor.action("transfer")
        visitor.http.post("/app/release")

    assert {"transfer": None} == second.json()
    assert CART == first.result().json()["transfer"]["moved"]
    assert ["G-1", "G-1"] == calls


def test_s21_a_failed_try_is_not_repeated_for_a_minute(
    serve: Serve, visit: Visit, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard tries with every request; the login's own failure does not count."""
    visitor = visit(serve(told.config()))
    _waiting(visitor, told)
    told.failures = 1

    tries = [visitor.action("transfer"), visitor.action("transfer")]

    assert [{"transfer": None}] * 2 == [answer.json() for answer in tries]
    assert [] == told.transfers
    assert 2 == told.codes().count(("transfer-failed", "hook"))
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 59)
    monkeypatch.setattr(late, "time", later)
    assert {"transfer": None} == visitor.action("transfer").json()
    later.monotonic = lambda: time.monotonic() + 61
    assert cleared(visitor.action("transfer"))
    assert [CART] == [transfer.moved for transfer in told.transfers]


# S22


@pytest.mark.parametrize(
    ("method", "headers", "sets"),
    [
        ("POST", {}, True),
        ("POST", {"origin": EVIL}, False),
        ("POST", {"origin": WEBSITE_DOMAIN}, True),
        ("GET", {"origin": EVIL}, True),
        ("POST", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "cross-site", "rid": "session"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, True),
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
    ],
    ids=str,
)
def test_s22_cookies_that_may_have_been_withheld(  # noqa: PLR0917 - fixtures
    serve: Serve,
    visit: Visit,
    core: Core,
    method: str,
    headers: dict[str, str],
    sets: bool,
) -> None:
    """Where a browser may keep the visitor's guest back, none takes its place."""
    visitor = visit(serve(add_routes=_routes), auth_mode=None)
    params = {"token": guest_jwt(core)}

    answer = visitor.http.request(method, "/app/set", params=params, headers=headers)

    assert ({"done": True} if sets else {"refused": "not_allowed"}) == answer.json()
    assert sets == ("jwt" in set_cookies(answer))


def test_s22_strict_cookies_come_with_no_navigation(
    serve: Serve, visit: Visit, core: Core
) -> None:
    """Where the session's cookies are ``SameSite=Strict``, a link's GET has none."""
    session = {"cookie_same_site": "strict"}
    visitor = visit(serve(session=session, add_routes=_routes), auth_mode=None)
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    answer = visitor.http.get(
        "/app/set", params={"token": guest_jwt(core)}, headers=headers
    )

    assert {"refused": "not_allowed"} == answer.json()
