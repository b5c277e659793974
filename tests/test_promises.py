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
import uuid
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

from supertokens_guest import (
    ConfigError,
    GuestConfig,
    GuestError,
    KeysUnavailableError,
    PayloadError,
    TokenError,
    budget,
)
from supertokens_guest._tokens.payload import RESERVED
from supertokens_guest import clear_guest_cookie, set_guest_cookie
from supertokens_guest.handover import session_shape
from supertokens_guest.runtime import current
from supertokens_guest.syncio import (
    create_guest_jwt,
    update_guest_jwt,
    verify_guest_jwt,
)
from testkit.proxy import FaultyCore, answer_with
from testkit.sdk import API_DOMAIN, ISSUER, WEBSITE_DOMAIN, guest_jwt
from testkit.visitors import cleared, front_payload, headers_bytes, set_cookies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.apps import App, Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1"], "note": "a gift"}

# As the design lists them, whatever the package's own list says.
RESERVED_NAMES = (
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),
    *("sessionHandle", "refreshTokenHash1", "parentRefreshTokenHash1"),
    *("antiCsrfToken", "tId", "rsub", "stt"),
    *("client_id", "scp", "scope", "sid", "isImpersonation"),
    *("__proto__", "constructor", "prototype"),
    *("st-role", "st-perm", "st-ev", "st-mfa", "st-t-dmns", "st-"),
)


@pytest.fixture
def faulty(core: Core) -> Iterator[FaultyCore]:
    """Yield the core behind a proxy that has it misbehave."""
    with FaultyCore(core) as faulty:
        yield faulty


# S1


@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_s1_reserved_name_is_refused(
    serve: Serve, core: Core, faulty: FaultyCore, name: str
) -> None:
    """A payload with a reserved name is refused, by name, before the core is asked."""
    serve(core=faulty.core)

    with pytest.raises(PayloadError, match=rf"\['{name}'\]"):
        create_guest_jwt({"cart": [], name: 1})
    with pytest.raises(PayloadError, match=rf"\['{name}'\]"):
        update_guest_jwt(guest_jwt(core), {name: 1})
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
    # These a guest JWT may have and still be one: the others are in S3.
    names = ["jti", "nbf", *RESERVED_NAMES[-10:]]
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
    prefixed = {name for name in RESERVED_NAMES if name.startswith("st-")}

    assert set(RESERVED_NAMES) - prefixed == RESERVED


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


def test_s2_late_transfer_never_replaces_a_claim(serve: Serve, visit: Visit) -> None:
    """The same holds for a transfer after the login."""
    visitor = visit(serve(GuestConfig(namespace=None)))
    visitor.become_guest({"plan": "gold", "cart": []})
    visitor.login(payload={"plan": "free"}, marked=True)

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
    assert CART == visitor.action("transfer").json()["transfer"]["moved"]


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
) -> None:
    """While the keys do not come, a login succeeds, and the guest is kept for later."""
    config = told.config(login_wait_seconds=0.05)
    visitor = visit(serve(config, core=faulty.core))
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


def _cookie_routes(app: FastAPI) -> None:
    """Add routes that set and clear the guest cookie by hand."""

    @app.post("/app/set/{token}")
    async def set_cookie(
        token: str, request: Request, response: Response
    ) -> dict[str, bool]:
        return {"done": set_guest_cookie(response, token, request)}

    @app.post("/app/clear")
    async def clear_cookie(request: Request, response: Response) -> dict[str, bool]:
        return {"done": clear_guest_cookie(response, request)}


def test_s9_next_person_inherits_nothing(serve: Serve, visit: Visit) -> None:
    """The login's own response clears the guest; a sign-out clears one that is left."""
    visitor = visit(serve())
    visitor.become_guest(CART)

    assert cleared(visitor.sign_up())

    visitor.become_guest(CART)
    assert cleared(visitor.sign_out())
    assert visitor.guest_cookie is None


@pytest.mark.parametrize("name", ["sAccessToken", "sRefreshToken", "authorization"])
def test_s9_no_guest_beside_a_session(
    serve: Serve, visit: Visit, core: Core, name: str
) -> None:
    """A visitor who brings any session token, valid or not, is not made a guest."""
    visitor = visit(serve(add_routes=_cookie_routes))
    token = guest_jwt(core)
    path = f"/app/set/{token}"
    assert {"done": True} == visitor.http.post(path).json()
    visitor.http.cookies.clear()
    if name == "authorization":
        visitor.http.headers[name] = "Bearer expired"
    else:
        visitor.keep_cookie("expired", name=name)

    answer = visitor.http.post(path)

    assert {"done": False} == answer.json()
    assert set() == set_cookies(answer)


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
    if "payload" in login:
        visitor.action("transfer")

    assert "guest" not in visitor.me()
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
            from supertokens_python.types import RecipeUserId

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


@pytest.mark.parametrize(
    ("headers", "moves"),
    [
        ({}, True),
        ({"origin": API_DOMAIN}, True),
        ({"origin": WEBSITE_DOMAIN}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://evil.example", "rid": "emailpassword"}, True),
        ({"origin": "https://evil.example", "fdi-version": "3.0"}, True),
        ({"origin": "https://evil.example", "st-auth-mode": "cookie"}, True),
    ],
)
def test_s13_login_by_another_site(
    serve: Serve,
    visit: Visit,
    told: Told,
    headers: dict[str, str],
    moves: bool,
) -> None:
    """A login that another site started takes no guest, and leaves the cookie."""
    visitor = visit(serve(told.config()), auth_mode=None)
    token = visitor.become_guest(CART)

    answer = visitor.http.post("/app/login", json={"user": "u"}, headers=headers)

    assert 200 == answer.status_code
    assert moves == ("guest" in front_payload(answer))
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
    """Of two valid guests none is transferred; of one guest's tokens, the newest is."""
    app = serve(told.config())
    now = 1_700_000_000

    def login(*tokens: str) -> httpx.Response:
        cookies = "; ".join(f"jwt={token}" for token in tokens)
        headers = {"cookie": cookies}
        return visit(app).http.post("/app/login", json={"user": "u"}, headers=headers)

    planted = login(guest_jwt(core, "G-mine"), guest_jwt(core, "G-planted"))

    assert 200 == planted.status_code
    assert set() == set_cookies(planted) - {"sAccessToken", "sRefreshToken"}
    assert [] == told.transfers
    assert [("transfer-skipped", "ambiguous")] == told.codes()

    login(
        guest_jwt(core, "G-1", {"n": 1}, iat=now + 1),
        guest_jwt(core, "G-1", {"n": 2}, iat=now + 2),
    )

    assert [{"n": 2}] == [transfer.moved for transfer in told.transfers]


# S16


def test_s16_what_is_not_ours(
    serve: Serve, visit: Visit, core: Core, told: Told
) -> None:
    """Somebody else's JWT under our cookie's name is never cleared or overwritten."""
    visitor = visit(serve(told.config(), add_routes=_cookie_routes))
    foreign = core.sign({"sub": "somebody", "aud": "their-app"})
    visitor.keep_cookie(foreign)

    answers = [
        visitor.http.post(f"/app/set/{guest_jwt(core)}"),
        visitor.http.post("/app/clear"),
        visitor.sign_up(),
        visitor.action("transfer"),
        visitor.sign_out(),
    ]

    assert [False] * 5 == ["jwt" in set_cookies(answer) for answer in answers]
    assert foreign == visitor.guest_cookie
    assert {("foreign-cookie", None)} == set(told.codes())


def test_s16_invalid_token_of_ours(serve: Serve, visit: Visit, core: Core) -> None:
    """A guest of ours that is no good any more is cleared at the login."""
    visitor = visit(serve())
    visitor.keep_cookie(guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001))

    assert cleared(visitor.login())


@pytest.mark.parametrize("value", ["junk", "a.b.c", "%7B%22cart%22%3A1%7D"])
def test_s16_unreadable_value(serve: Serve, visit: Visit, value: str) -> None:
    """A value that is no JWT at all may be anybody's, and stays."""
    visitor = visit(serve())
    visitor.keep_cookie(value)

    answers = [visitor.sign_up(), visitor.action("transfer"), visitor.sign_out()]

    assert [False] * 3 == ["jwt" in set_cookies(answer) for answer in answers]


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


def test_s17_failed_hook_keeps_the_guest(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """A hook that raises keeps the guest, and the next chance tries again."""
    fails = [True]

    async def on_transfer(transfer: Any) -> None:
        if fails.pop() if fails else False:
            raise OSError("the shop's database is down")
        told.on_transfer(transfer)

    visitor = visit(serve(GuestConfig(on_transfer=on_transfer, on_event=told.on_event)))
    token = visitor.become_guest(CART)

    answer = visitor.sign_up()

    assert "OK" == answer.json()["status"]
    assert {"sub": verify_guest_jwt(token).id, **CART} == visitor.me()["guest"]
    assert token == visitor.guest_cookie
    assert ("transfer-failed", "hook") in told.codes()

    assert cleared(visitor.action("transfer"))
    assert [CART] == [transfer.moved for transfer in told.transfers]


def test_s17_what_stays_behind_keeps_the_guest(serve: Serve, visit: Visit) -> None:
    """Without a hook, the cookie is cleared only when everything has moved."""
    visitor = visit(serve(GuestConfig(max_payload_bytes=2_048)))
    token = visitor.become_guest({"small": 1, "large": "x" * 1_900})

    answer = visitor.login()

    assert not cleared(answer)
    assert token == visitor.guest_cookie
    assert 1 == visitor.me()["guest"]["small"]


# S18

FULL_PAYLOADS = {
    "one long name": lambda size: {"x": "a" * (size - len('{"x":""}'))},
    "many names": lambda size: {f"name{n:02}": n for n in range(size // 13)},
    "not ASCII": lambda size: {"x": "Ж" * ((size - len('{"x":""}')) // 6)},
    "beyond 16 bits": lambda size: {"x": "🛒" * ((size - len('{"x":""}')) // 12)},
    "floats": lambda size: {"x": [1.5e300] * ((size - len('{"x":[]}')) // 9)},
}


@pytest.mark.parametrize("payload", FULL_PAYLOADS.values(), ids=FULL_PAYLOADS)
def test_s18_largest_payload_fits(serve: Serve, visit: Visit, payload: Any) -> None:
    """By default everything that a guest may hold fits into login and refresh."""
    app = serve()
    visitor = visit(app)
    largest = payload(GuestConfig().max_payload_bytes)
    token = visitor.become_guest(largest)

    answer = visitor.sign_up(
        origin=WEBSITE_DOMAIN, rid="emailpassword", fdi_version="4.1"
    )
    refreshed = visitor.refresh()

    assert {"sub": verify_guest_jwt(token).id, **largest} == visitor.me()["guest"]
    assert cleared(answer)
    assert [True, True] == [
        headers_bytes(response) < 4_000 for response in (answer, refreshed)
    ]


@pytest.mark.parametrize("namespace", ["guest", None])
@pytest.mark.parametrize("anti_csrf", ["NONE", "VIA_TOKEN"])
def test_s18_what_does_not_fit_stays_behind(
    serve: Serve,
    visit: Visit,
    told: Told,
    anti_csrf: str,
    namespace: str | None,
) -> None:
    """Claims that would not fit are left out, one by one, and an event says so."""
    config = told.config(max_payload_bytes=2_048, namespace=namespace)
    app = serve(config, session={"anti_csrf": anti_csrf, "cookie_domain": "127.0.0.1"})
    visitor = visit(app)
    payload = {f"part{n:02}": "é" * 4 for n in range(50)}
    visitor.become_guest(payload)

    answer = visitor.login(payload={"app": "y" * 100})
    if "anti-csrf" in answer.headers:
        visitor.http.headers["anti-csrf"] = answer.headers["anti-csrf"]
    refreshed = visitor.refresh()

    (transfer,) = told.transfers
    assert payload == {
        **transfer.moved,
        **{name: payload[name] for name in transfer.dropped},
    }
    assert {"too_large"} == set(transfer.dropped.values())
    assert transfer.moved
    assert 200 == refreshed.status_code
    sizes = [headers_bytes(response) for response in (answer, refreshed)]
    assert max(sizes) < 4_000
    assert ("transfer", "too_large") in told.codes()
    # And not much room is wasted: 260 bytes are set aside for the headers of others,
    # and up to 80 for how many characters of a refresh token happen to be escaped.
    assert max(sizes) > 3_500


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
@pytest.mark.parametrize(
    "payload", [{"x": "a" * 300}, {"x": "Ж" * 50, "y": [1e22] * 9}]
)
def test_s18_nothing_is_larger_than_counted(
    serve: Serve,
    visit: Visit,
    told: Told,
    session: dict[str, Any],
    payload: dict[str, Any],
) -> None:
    """No session's headers, those of its refresh included, exceed what was counted."""
    visitor = visit(serve(told.config(), session=session))
    visitor.become_guest(payload)

    answer = visitor.login(str(uuid.uuid4()))
    if visitor.cookie("sRefreshToken") is None:  # it was set for another domain
        token = _cookie_value(answer, "sRefreshToken")
        visitor.keep_cookie(token, name="sRefreshToken")
    if "anti-csrf" in answer.headers:
        visitor.http.headers["anti-csrf"] = answer.headers["anti-csrf"]
    refreshed = visitor.refresh()

    assert (200, 200) == (answer.status_code, refreshed.status_code)
    front = front_payload(refreshed)
    claims: dict[str, Any] = {
        name: front[name] for name in ("iss", "guest") if name in front
    }
    (transfer,) = told.transfers
    shape = session_shape(current(), transfer, disable_anti_csrf=False)
    assert shape is not None
    # With a third copy of the token no guest's claims fit into 4,000 bytes.
    assert shape.token_in_header == ("guest" not in front)
    counted = budget.headers_bytes(shape, claims) - budget.OTHER_HEADERS_BYTES
    assert _session_bytes(answer) <= counted
    assert _session_bytes(refreshed) <= counted


def _cookie_value(answer: httpx.Response, name: str) -> str:
    """Return the value of a cookie that *answer* sets, for whatever domain."""
    lines = answer.headers.get_list("set-cookie")
    (line,) = [line for line in lines if line.startswith(f"{name}=")]
    return line.partition("=")[2].partition(";")[0]


def _session_bytes(answer: httpx.Response) -> int:
    """Return the bytes of the headers that carry a session."""
    names = {"set-cookie", "front-token", "anti-csrf", "st-access-token"}
    names.add("access-control-expose-headers")
    return sum(
        len(name) + len(value) + len(": \r\n")
        for name, value in answer.headers.raw
        if name.decode() in names and not value.startswith(b"jwt=")
    )
