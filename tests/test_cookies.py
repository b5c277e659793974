"""The guest's cookie and header, as they are read and as each framework writes them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest import ConfigError, Guest, GuestConfig
from supertokens_guest._web.cookies import (
    MAX_AGE_SECONDS,
    clear_cookie,
    is_for_all,
    keep_newest_session,
    keep_private,
    set_cookie,
    set_header,
    vary_by_cookie,
)
from supertokens_guest._web.requests import Visit, cookie_values, visit_of
from testkit.core import Core
from testkit.sdk import Setup, init_sdk, reset_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "a.b.c"
NOWHERE = Core(url="http://127.0.0.1:9")  # nothing here asks a core anything


@pytest.fixture
def app() -> Iterator[Callable[..., Visit]]:
    """Return a function that sets up an app and brings it a request."""
    from starlette.requests import Request

    def app(cookie_name: str = "jwt", **session: Any) -> Visit:
        reset_sdk()
        config = GuestConfig(cookie_name=cookie_name)
        init_sdk(Setup(core=NOWHERE, config=config, session=session))
        return visit_of(Request({"type": "http", "method": "GET", "headers": []}))

    yield app
    reset_sdk()


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("", []),
        ("jwt=a", ["a"]),
        ("x=1; jwt=a; y=2", ["a"]),
        ("jwt=a; jwt=b", ["a", "b"]),
        ("x=dark,jwt=a", []),
        ("jwt=a,jwt=b", ["a,jwt=b"]),
        ('jwt="a.b.c"', ["a.b.c"]),
        ('jwt="', ['"']),
        ("jwt=", [""]),
        ("jwt", []),
        ("jwt ; jwt=a", ["a"]),
        (" jwt = a ", ["a"]),
        ("xjwt=a; jwt.x=b; JWT=c; $jwt=d", []),
        ("jwt=a=b", ["a=b"]),
    ],
)
def test_t12_every_value_is_found_in_the_headers_order(
    header: str, values: list[str]
) -> None:
    """Frameworks keep the first or the last of several; this keeps them all."""
    assert values == cookie_values(header, "jwt")


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a header holds, there is a list of texts in it."""
    assert all(isinstance(value, str) for value in cookie_values(header, "jwt"))


def starlette_response() -> Any:
    """Return a response of FastAPI's."""
    from starlette.responses import Response

    return Response()


def flask_response() -> Any:
    """Return a response of Flask's."""
    from flask import Response

    return Response()


def django_response() -> Any:
    """Return a response of Django's."""
    from django.http import HttpResponse

    return HttpResponse()


@pytest.fixture(params=[starlette_response, flask_response, django_response])
def response(request: pytest.FixtureRequest) -> Any:
    """Return an empty response of each framework."""
    make: Callable[[], Any] = request.param
    return make()


def set_cookie_lines(response: Any) -> list[str]:
    """Return the ``Set-Cookie`` values that will be sent."""
    if hasattr(response, "cookies"):  # Django writes them last
        return [morsel.OutputString() for morsel in response.cookies.values()]
    lines: list[str] = response.headers.getlist("set-cookie")
    return lines


def guest(**left: float) -> Guest:
    """Return a guest with so much time left."""
    now = datetime.now(timezone.utc)
    return Guest("G-1", {}, now, now + timedelta(**left))


def read(line: str) -> dict[str, str]:
    """Return a ``Set-Cookie`` value as its value and attributes, without the times."""
    (morsel,) = SimpleCookie(line).values()
    shown = {name: str(value).lower() for name, value in morsel.items() if value}
    shown.pop("expires", None)
    if "domain" in shown:  # RFC 6265, 5.2.3: the dot is ignored
        shown["domain"] = shown["domain"].removeprefix(".")
    return {"value": morsel.value, **shown}


SHOP = {"cookie_domain": ".shop.example", "cookie_secure": True}


def test_setting(response: Any, app: Any) -> None:
    """All attributes of the session cookies, and no cache may hand the guest on."""
    visit = app(**SHOP, cookie_same_site="strict")
    set_cookie(visit, response, TOKEN, None)

    (line,) = set_cookie_lines(response)
    assert {
        "value": TOKEN,
        "path": "/",
        "domain": "shop.example",
        "max-age": str(MAX_AGE_SECONDS),
        "httponly": "true",
        "secure": "true",
        "samesite": "strict",
    } == read(line)
    assert "private, no-store" == response.headers["Cache-Control"]
    assert "Cookie" == response.headers["Vary"]


@pytest.mark.parametrize(
    ("left", "least", "most"),
    [
        ({"days": 3_650}, MAX_AGE_SECONDS, MAX_AGE_SECONDS),
        ({"hours": 1}, 3_540, 3_600),
        ({"hours": -1}, 0, 0),
    ],
)
def test_a_cookie_lives_as_long_as_its_token_and_at_most_400_days(
    response: Any, app: Any, left: dict[str, float], least: int, most: int
) -> None:
    """Ten years of token do not make ten years of cookie."""
    set_cookie(app(), response, TOKEN, guest(**left))

    (line,) = set_cookie_lines(response)
    age = int(line.lower().partition("max-age=")[2].partition(";")[0])
    assert least <= age <= most


def test_setting_keeps_what_the_response_varies_on(response: Any, app: Any) -> None:
    """And names the cookie once."""
    response.headers["Vary"] = "Origin"
    set_cookie(app(), response, TOKEN, None)
    set_cookie(app(), response, TOKEN, None)

    assert "Origin, Cookie" == response.headers["Vary"]


def test_without_https_and_domain(response: Any, app: Any) -> None:
    """Nothing is added that the session cookies do not have."""
    set_cookie(app(), response, TOKEN, None)

    (line,) = set_cookie_lines(response)
    assert set() == {"secure", "domain"} & read(line).keys()


@pytest.mark.parametrize(
    ("name", "domain", "secure"),
    [
        ("guest", "shop.example", None),
        ("__Secure-jwt", "shop.example", "true"),
        ("__Host-jwt", None, "true"),
        ("__host-jwt", None, "true"),
    ],
)
def test_a_prefix_of_the_name_is_kept_as_a_promise(
    response: Any, app: Any, name: str, domain: str | None, secure: str | None
) -> None:
    """Browsers drop a cookie whose attributes break its prefix, a cleared one too."""
    visit = app(name, cookie_domain=".shop.example")
    set_cookie(visit, response, TOKEN, None)
    found = [read(line) for line in set_cookie_lines(response)]
    clear_cookie(visit, response)
    found.append(read(set_cookie_lines(response)[-1]))

    for cookie in found:
        assert (domain, secure) == (cookie.get("domain"), cookie.get("secure"))


@pytest.mark.parametrize("name", ["jwt", "__Secure-guest"])
def test_a_cookie_that_browsers_drop_is_an_error_at_start(app: Any, name: str) -> None:
    """``SameSite=None`` without ``Secure``, which the SDK itself lets pass on http."""
    session = {"cookie_same_site": "none", "cookie_secure": False}
    if name == "jwt":
        with pytest.raises(ConfigError, match="SameSite=None without Secure"):
            app(name, **session)
    else:
        assert app(name, **session)


def test_s9_clearing_has_the_attributes_of_setting(response: Any, app: Any) -> None:
    """A browser clears only what has the same name, domain and path."""
    visit = app(**SHOP)
    set_cookie(visit, response, TOKEN, None)
    (line,) = set_cookie_lines(response)
    clear_cookie(visit, response)
    cleared = read(set_cookie_lines(response)[-1])

    expected = {**read(line), "value": "", "max-age": "0"}
    assert expected == {"max-age": "0", **cleared}  # Morsel leaves a zero out
    assert "max-age=0" in set_cookie_lines(response)[-1].lower()


@pytest.mark.parametrize(
    ("domain", "older", "cleared"),
    [
        (".new.io", ".old.io", {"new.io", "old.io"}),
        (".new.io", "", {"new.io", None}),
        (None, ".old.io", {None, "old.io"}),
        (".new.io", ".new.io", {"new.io"}),
        (None, "", {None}),
        (None, None, {None}),
    ],
)
def test_clearing_covers_the_older_domain(
    response: Any,
    app: Any,
    domain: str | None,
    older: str | None,
    cleared: set[str | None],
) -> None:
    """In every framework, Django too, which keeps one cookie for each name."""
    clear_cookie(app(cookie_domain=domain, older_cookie_domain=older), response)

    lines = set_cookie_lines(response)
    assert len(cleared) == len(lines)
    assert cleared == {read(line).get("domain") for line in lines}


def test_a_client_without_cookies_gets_a_header(response: Any) -> None:
    """A script of another origin may read it, beside what it may read already."""
    response.headers["Access-Control-Expose-Headers"] = "front-token"
    set_header(response, TOKEN)

    assert TOKEN == response.headers["guest-jwt"]
    exposed = response.headers["Access-Control-Expose-Headers"]
    assert "front-token, guest-jwt" == exposed
    assert "private, no-store" == response.headers["Cache-Control"]
    assert [] == set_cookie_lines(response)


FOR_ALL = [
    {"Cache-Control": "public"},
    {"Cache-Control": "max-age=60"},
    {"Cache-Control": "s-maxage=60"},
    {"Cache-Control": "no-cache, max-age=0"},
    {"Expires": "Thu, 01 Dec 2033 16:00:00 GMT"},
    {"Last-Modified": "Thu, 01 Dec 2022 16:00:00 GMT"},
    {"Surrogate-Control": "max-age=60"},
    {"CDN-Cache-Control": "max-age=60"},
    {"Cache-Control": "private", "Cloudflare-CDN-Cache-Control": "max-age=60"},
]


@pytest.mark.parametrize("headers", FOR_ALL, ids=str)
def test_s19_what_a_shared_cache_may_keep(
    response: Any, headers: dict[str, str]
) -> None:
    """By any header that lets one; a guest takes those headers away."""
    for name, value in headers.items():
        response.headers[name] = value

    assert is_for_all(response)
    keep_private(response)
    assert not is_for_all(response)
    assert "private, no-store" == response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "private", "Last-Modified": "Thu, 01 Dec 2022 16:00:00 GMT"},
    ],
    ids=str,
)
def test_s19_what_no_shared_cache_keeps(response: Any, headers: dict[str, str]) -> None:
    """It may have a guest."""
    for name, value in headers.items():
        response.headers[name] = value

    assert not is_for_all(response)


def test_s19_an_answer_varies_by_cookie_once(response: Any) -> None:
    """Or by everything, which says so already."""
    vary_by_cookie(response)
    vary_by_cookie(response)
    assert "Cookie" == response.headers["Vary"]

    response.headers["Vary"] = "*"
    vary_by_cookie(response)
    assert "*" == response.headers["Vary"]


def test_s18_one_access_token_is_sent(response: Any) -> None:
    """The last that the SDK wrote, with every other cookie as it was."""
    for name, value in (
        *(("theme", "dark"), ("sAccessToken", "old"), ("sRefreshToken", "r")),
        *(("sAccessToken", "new"), ("lang", "de")),
    ):
        response.set_cookie(name, value)
    keep_newest_session(response)

    lines = set_cookie_lines(response)
    assert sorted(
        ["theme=dark", "sAccessToken=new", "sRefreshToken=r", "lang=de"]
    ) == sorted(line.partition(";")[0] for line in lines)
