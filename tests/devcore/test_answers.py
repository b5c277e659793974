"""What no recording shows: answers that the core's source or a real core gave."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import jwt
import pytest

from supertokens_guest.devcore import DevCore

Ask: TypeAlias = Callable[..., Any]

SESSION = {"userDataInJWT": {}, "userDataInDatabase": {}, "enableAntiCsrf": False}
VERIFY = {"doAntiCsrfCheck": False, "enableAntiCsrf": False, "checkDatabase": False}
REFRESH = {"enableAntiCsrf": False, "useDynamicSigningKey": True}
JWT_FIELDS = {"algorithm": "RS256", "jwksDomain": "d", "validity": 100}


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that shows the time and stands still."""
    return Clock(time.time())


@pytest.fixture
def aging(clock: Clock) -> Iterator[Ask]:
    """Yield a function that asks a core whose time the test moves."""
    core = DevCore(
        clock=clock, access_token_validity_seconds=10, refresh_token_validity_seconds=60
    )
    with core, httpx.Client(base_url=core.url) as client:

        def ask(method: str, path: str, /, **fields: Any) -> Any:
            content: dict[str, Any] = {"json": fields} if method != "GET" else {}
            return client.request(method, path, **content).json()

        yield ask


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unverified."""
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def test_an_expired_access_token_asks_for_a_refresh(aging: Ask, clock: Clock) -> None:
    """Its session lives on, and a refresh gives a token that holds."""
    made = aging("POST", "/recipe/session", userId="u", **SESSION)
    clock.now += 11
    expired = aging(
        "POST",
        "/recipe/session/verify",
        accessToken=made["accessToken"]["token"],
        **VERIFY,
    )
    fresh = aging(
        "POST",
        "/recipe/session/refresh",
        refreshToken=made["refreshToken"]["token"],
        **REFRESH,
    )
    verified = aging(
        "POST",
        "/recipe/session/verify",
        accessToken=fresh["accessToken"]["token"],
        **VERIFY,
    )

    assert {"status": "TRY_REFRESH_TOKEN", "message": "Access token expired"} == expired
    assert "OK" == verified["status"]


def test_lifetimes_are_options(aging: Ask, clock: Clock) -> None:
    """Access tokens end on a whole second, refresh tokens to the millisecond."""
    made = aging("POST", "/recipe/session", userId="u", **SESSION)

    assert int(clock.now) * 1000 + 10_000 == made["accessToken"]["expiry"]
    assert int(clock.now * 1000) + 60_000 == made["refreshToken"]["expiry"]


def test_new_access_tokens_may_live_shorter() -> None:
    """As in core 12.1: those of a new and of a refreshed session, and no others."""
    core = DevCore(access_token_validity_seconds=1000, access_token_validity_jitter=0.1)
    lifetimes = {"": set[int](), "/refresh": set[int](), "/verify": set[int]()}
    with core, httpx.Client(base_url=core.url) as client:

        def ask(what: str, **fields: Any) -> Any:
            answer = client.post(f"/recipe/session{what}", json=fields).json()
            token = claims(answer["accessToken"]["token"])
            lifetimes[what].add(token["exp"] - token["iat"])
            return answer

        for _ in range(20):
            made = ask("", userId="u", **SESSION)
            token = made["refreshToken"]["token"]
            fresh = ask("/refresh", refreshToken=token, **REFRESH)
            ask("/verify", accessToken=fresh["accessToken"]["token"], **VERIFY)

    assert {1000} == lifetimes.pop("/verify")
    for found in lifetimes.values():
        assert 900 <= min(found) < max(found) <= 1000


def test_an_expired_session_is_gone(aging: Ask, clock: Clock) -> None:
    """No endpoint but verify, which does not look at the row's expiry, knows it."""
    made = aging("POST", "/recipe/session", userId="u", **SESSION)
    handle = made["session"]["handle"]
    clock.now += 61

    gone = {"status": "UNAUTHORISED", "message": "Session does not exist."}
    assert gone == aging("GET", f"/recipe/session?sessionHandle={handle}")
    assert [] == aging("GET", "/recipe/session/user?userId=u")["sessionHandles"]
    assert (
        "Session missing in db or has expired"
        == (
            aging(
                "POST",
                "/recipe/session/refresh",
                refreshToken=made["refreshToken"]["token"],
                **REFRESH,
            )["message"]
        )
    )


def test_a_promotion_prolongs_the_session(aging: Ask, clock: Clock) -> None:
    """A session that is used lives as long again."""
    made = aging("POST", "/recipe/session", userId="u", **SESSION)
    clock.now += 50
    fresh = aging(
        "POST",
        "/recipe/session/refresh",
        refreshToken=made["refreshToken"]["token"],
        **REFRESH,
    )
    aging(
        "POST",
        "/recipe/session/verify",
        accessToken=fresh["accessToken"]["token"],
        **VERIFY,
    )
    clock.now += 50
    handle = made["session"]["handle"]

    assert "OK" == aging("GET", f"/recipe/session?sessionHandle={handle}")["status"]


@pytest.mark.parametrize(("csrf", "sizes"), [(False, [207, 300]), (True, [262, 355])])
def test_refresh_tokens_are_as_long_as_a_core_s(
    ask: Ask, *, csrf: bool, sizes: list[int]
) -> None:
    """An app that counts the bytes of its headers counts the same ones."""
    fields = {**SESSION, "enableAntiCsrf": csrf}
    first = ask("POST", "/recipe/session", userId="u" * 36, **fields)
    fields = {**REFRESH, "refreshToken": first["refreshToken"]["token"]}
    if csrf:
        fields |= {"enableAntiCsrf": True, "antiCsrfToken": first["antiCsrfToken"]}
    second = ask("POST", "/recipe/session/refresh", **fields)
    tokens = (answer["refreshToken"]["token"] for answer in (first, second))

    assert sizes == [len(base64.b64decode(t.partition(".")[0])) for t in tokens]


def test_regenerating_keeps_the_expiry(aging: Ask, clock: Clock) -> None:
    """And gives no token when it has passed, but stores the payload."""
    token = aging("POST", "/recipe/session", userId="u", **SESSION)["accessToken"]
    clock.now += 5
    path = "/recipe/session/regenerate"
    changed = aging("POST", path, accessToken=token["token"], userDataInJWT={"a": 1})
    clock.now += 6
    late = aging("POST", path, accessToken=token["token"], userDataInJWT={"a": 2})

    assert token["expiry"] == changed["accessToken"]["expiry"]
    assert {"a": 2} == late["session"]["userDataInJWT"]
    assert "accessToken" not in late


def test_regenerating_checks_no_signature(ask: Ask) -> None:
    """The SDK has checked it before."""
    token = ask("POST", "/recipe/session", userId="u", **SESSION)["accessToken"][
        "token"
    ]
    forged = token[:-10] + "AAAAAAAAAA"

    answer = ask("POST", "/recipe/session/regenerate", accessToken=forged)
    assert "OK" == answer["status"]


def test_a_code_expires(aging: Ask, clock: Clock) -> None:
    """A typed one counts as an attempt; a link begins anew."""
    made = aging("POST", "/recipe/signinup/code", email="a@b.c")
    clock.now += 901
    path, login = "/recipe/signinup/code/consume", made["preAuthSessionId"]
    typed = aging(
        "POST",
        path,
        preAuthSessionId=login,
        deviceId=made["deviceId"],
        userInputCode=made["userInputCode"],
    )
    followed = aging("POST", path, preAuthSessionId=login, linkCode=made["linkCode"])

    assert ("EXPIRED_USER_INPUT_CODE_ERROR", 1) == (
        typed["status"],
        typed["failedCodeInputAttemptCount"],
    )
    assert "RESTART_FLOW_ERROR" == followed["status"]


def test_mailed_tokens_expire(aging: Ask, clock: Clock) -> None:
    """An hour for a new password, a day for an address."""
    user = aging("POST", "/recipe/signup", email="a@b.c", password="x")["user"]["id"]
    who = {"userId": user, "email": "a@b.c"}
    reset, verify = "/recipe/user/password/reset/token", "/recipe/user/email/verify"
    password_token = aging("POST", reset, **who)["token"]
    clock.now += 3601
    late_password = aging("POST", f"{reset}/consume", token=password_token)
    email_token = aging("POST", f"{verify}/token", **who)["token"]
    clock.now += 24 * 3600 + 1
    late_email = aging("POST", verify, method="token", token=email_token)

    assert "RESET_PASSWORD_INVALID_TOKEN_ERROR" == late_password["status"]
    assert "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR" == late_email["status"]


def test_the_sixth_wrong_code_needs_a_new_login(ask: Ask) -> None:
    """Four attempts may fail; the fifth ends the login."""
    made = ask("POST", "/recipe/signinup/code", phoneNumber="+1 (415) 555-0100")
    wrong = {"preAuthSessionId": made["preAuthSessionId"], "userInputCode": "x"}
    wrong["deviceId"] = made["deviceId"]
    statuses = [
        ask("POST", "/recipe/signinup/code/consume", **wrong)["status"]
        for _ in range(6)
    ]

    assert ["INCORRECT_USER_INPUT_CODE_ERROR"] * 4 == statuses[:4]
    assert ["RESTART_FLOW_ERROR"] * 2 == statuses[4:]


def test_a_link_signs_up_and_ends_all_codes(ask: Ask) -> None:
    """A second login of the same number has nothing left to consume."""
    first = ask("POST", "/recipe/signinup/code", phoneNumber="+14155550100")
    other = ask("POST", "/recipe/signinup/code", phoneNumber="+14155550100")
    again = ask("POST", "/recipe/signinup/code", deviceId=first["deviceId"])
    consumed = ask(
        "POST",
        "/recipe/signinup/code/consume",
        preAuthSessionId=again["preAuthSessionId"],
        linkCode=again["linkCode"],
    )
    late = ask(
        "POST",
        "/recipe/signinup/code/consume",
        preAuthSessionId=other["preAuthSessionId"],
        linkCode=other["linkCode"],
    )

    assert (True, ["+14155550100"]) == (
        consumed["createdNewUser"],
        consumed["user"]["phoneNumbers"],
    )
    assert "RESTART_FLOW_ERROR" == late["status"]


def test_a_user_takes_all_along(ask: Ask) -> None:
    """Sessions, roles, metadata and the verified address go with a user."""
    email = "a@b.c"
    user = ask("POST", "/recipe/signup", email=email, password="x")["user"]["id"]
    ask("POST", "/recipe/session", userId=user, **SESSION)
    ask("PUT", "/recipe/role", role="r", permissions=[])
    ask("PUT", "/recipe/user/role", userId=user, role="r")
    ask("PUT", "/recipe/user/metadata", userId=user, metadataUpdate={"a": 1})
    ask("POST", "/user/remove", userId=user)

    assert [] == ask("GET", f"/recipe/session/user?userId={user}")["sessionHandles"]
    assert [] == ask("GET", f"/recipe/user/roles?userId={user}")["roles"]
    assert {} == ask("GET", f"/recipe/user/metadata?userId={user}")["metadata"]
    assert "OK" == ask("POST", "/recipe/signup", email=email, password="x")["status"]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_pages_cover_all_users_once(ask: Ask, order: str) -> None:
    """Page by page, in the order of joining."""
    made = [
        ask("POST", "/recipe/signup", email=f"{n}@b.c", password="x")["user"]["id"]
        for n in range(7)
    ]
    seen: list[str] = []
    path = query = f"/users?limit=3&timeJoinedOrder={order}"
    while query:
        page = ask("GET", query)
        seen += [user["id"] for user in page["users"]]
        token = page.get("nextPaginationToken")
        query = token and f"{path}&paginationToken={token}"

    assert sorted(made) == sorted(seen)
    joined = [ask("GET", f"/user/id?userId={i}")["user"]["timeJoined"] for i in seen]
    assert sorted(joined, reverse=order == "DESC") == joined


def test_a_changed_address_is_found_and_not_verified(ask: Ask) -> None:
    """The old address is free again."""
    user = ask("POST", "/recipe/signup", email="a@b.c", password="x")["user"]["id"]
    ask("PUT", "/recipe/user", recipeUserId=user, email="New@b.c", password="y")
    by_info = "/users/by-accountinfo?doUnionOfAccountInfo=true&email="

    assert [] == ask("GET", f"{by_info}a@b.c")["users"]
    assert user == ask("GET", f"{by_info}new@b.c")["users"][0]["id"]
    signed_in = ask("POST", "/recipe/signin", email="new@b.c", password="y")
    assert user == signed_in["recipeUserId"]


def test_the_order_of_claims_is_the_core_s(ask: Ask) -> None:
    """The core's first, in its order; the payload's as they came."""
    payload = {"z": 1, "iss": "me", "a": 2}
    token = ask("POST", "/recipe/jwt", payload=payload, **JWT_FIELDS)["jwt"]

    assert ["iat", "exp", "iss", "z", "a"] == list(claims(token))


def test_text_that_is_no_utf8_is_written_as_java_does(dev_core: DevCore) -> None:
    """A lone surrogate becomes a question mark; other letters stay as they are."""
    body = (
        r'{"payload":{"a":"\ud800é"},"algorithm":"RS256","jwksDomain":"d","validity":9}'
    )
    answer = httpx.post(f"{dev_core.url}/recipe/jwt", content=body.encode())

    assert "?é" == claims(answer.json()["jwt"])["a"]


def test_a_route_that_the_dev_core_lacks_is_not_found(dev_core: DevCore) -> None:
    """It says so as the core does, with or without a key."""
    answer = httpx.get(f"{dev_core.url}/recipe/webauthn/options?userId=x")

    assert (404, "Not found\n") == (answer.status_code, answer.text)
