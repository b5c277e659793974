"""What is read from a request, the same in every framework."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from supertokens_python.framework.django.django_request import DjangoRequest
from supertokens_python.framework.fastapi.fastapi_request import FastApiRequest
from supertokens_python.framework.flask.flask_request import FlaskRequest

from supertokens_guest._web.requests import MAX_COOKIES, visit_of
from testkit.core import Core
from testkit.sdk import Setup, init_sdk, reset_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest._web.requests import Visit

Headers = list[tuple[str, str]]
NOWHERE = Core(url="http://127.0.0.1:9")  # nothing here asks a core anything
# No names: for each, the SDK reads the list of public suffixes, for 0.2 s.
API = "https://127.0.0.1"
WEBSITE = "https://127.0.0.2"
EVIL = "https://evil.example"


def _token(**claims: object) -> str:
    """Return a token of the form of the core's, which nobody has signed."""
    header = {"alg": "RS256", "typ": "JWT", "kid": "d-1", "version": "5"}
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"x")
    )


SESSION = _token(
    sub="user-1",
    rsub="user-1",
    tId="public",
    iat=1_500_000_000,
    exp=1_500_000_001,
    sessionHandle="h",
    refreshTokenHash1="r",
    parentRefreshTokenHash1=None,
    antiCsrfToken=None,
)


@pytest.fixture
def _app() -> Iterator[None]:
    """Have an app over https."""
    reset_sdk()
    init_sdk(Setup(core=NOWHERE, api_domain=API, website_domain=WEBSITE))
    yield
    reset_sdk()


def fastapi_request(headers: Headers, method: str = "GET") -> BaseRequest:
    """Return what the SDK makes of a Starlette request."""
    from starlette.requests import Request

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return FastApiRequest(Request({"type": "http", "method": method, "headers": raw}))


def flask_request(headers: Headers, method: str = "GET") -> BaseRequest:
    """Return what the SDK makes of a Flask request."""
    from flask import Request

    return FlaskRequest(Request(wsgi_environ(headers, method)))


def wsgi_environ(headers: Headers, method: str) -> dict[str, Any]:
    """Return a request as a WSGI server gives it, with one ``Cookie`` header."""
    from werkzeug.test import EnvironBuilder

    cookies = "; ".join(value for name, value in headers if name == "Cookie")
    others = [(name, value) for name, value in headers if name != "Cookie"]
    cookie = [("Cookie", cookies)] if cookies else []
    builder = EnvironBuilder(method=method, headers=[*others, *cookie])
    return builder.get_environ()


def django_request(headers: Headers, method: str = "GET") -> BaseRequest:
    """Return what the SDK makes of a Django request under WSGI."""
    from django.core.handlers.wsgi import WSGIRequest

    return DjangoRequest(WSGIRequest(wsgi_environ(headers, method)))


def django_asgi_request(headers: Headers, method: str = "GET") -> BaseRequest:
    """Return what the SDK makes of a Django request under ASGI."""
    from django.core.handlers.asgi import ASGIRequest

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": "/", "headers": raw}
    return DjangoRequest(ASGIRequest(scope, BytesIO()))


@pytest.fixture(
    params=[fastapi_request, flask_request, django_request, django_asgi_request]
)
def make(request: pytest.FixtureRequest) -> Callable[..., Visit]:
    """Make a request in each framework, as we look at it."""

    def make(headers: Headers, method: str = "GET") -> Visit:
        return visit_of(request.param(headers, method))

    return make


def test_t12_two_cookie_headers_are_read_as_one(make: Any) -> None:
    """HTTP/2 clients may send several, and frameworks differ in which they keep."""
    request = make([("Cookie", "x=1; jwt=a"), ("Cookie", "jwt=b")])

    assert ["a", "b"] == request.guest_tokens("jwt")[0]


def test_t12_one_token_too_many_is_seen(make: Any) -> None:
    """Planting hundreds of cookies buys an attacker nothing, and does not go unseen."""
    header = "; ".join(f"jwt={i}" for i in range(99))

    assert 1 + MAX_COOKIES == len(make([("Cookie", header)]).guest_tokens("jwt")[0])


@pytest.mark.parametrize("make_asgi", [fastapi_request, django_asgi_request])
def test_t12_a_comma_in_another_cookie_makes_no_token(make_asgi: Any) -> None:
    """Where Django joins two headers with one, they are read before that."""
    headers = [
        ("Cookie", "prefs=dark,jwt=a"),
        ("Cookie", f"sent=1,sAccessToken={SESSION}"),
    ]
    request = visit_of(make_asgi(headers))

    assert [] == request.guest_tokens("jwt")[0]
    assert request.session_claims() is None


@pytest.mark.parametrize("make_wsgi", [flask_request, django_request])
def test_t12_a_wsgi_server_may_join_headers_with_a_comma(make_wsgi: Any) -> None:
    """It has room for one, and the visitor's guest may be in the second."""
    request = visit_of(make_wsgi([("Cookie", "x=1,jwt=a")]))

    assert ["a"] == request.guest_tokens("jwt")[0]


@pytest.mark.parametrize("thing", [None, {}, "request", 5])
def test_what_is_no_request_is_told_so(thing: object) -> None:
    """By its type, and not by an attribute that it does not have."""
    with pytest.raises(TypeError, match="A request is expected, not a"):
        visit_of(thing)


def test_a_request_without_cookies_has_no_guest(make: Any) -> None:
    """Nothing is an error."""
    assert [] == make([]).guest_tokens("jwt")[0]


def test_a_client_without_cookies_has_headers(make: Any) -> None:
    """The guest's own, and the one that tells the SDK where tokens shall go."""
    request = make([("guest-jwt", "a.b.c"), ("st-auth-mode", "HEADER")])

    assert (([], "a.b.c"), True) == (request.guest_tokens("jwt"), request.wants_header)
    assert (([], None), False) == (make([]).guest_tokens("jwt"), make([]).wants_header)


def test_what_is_known_of_a_request_lies_in_the_request(make: Any) -> None:
    """Wherever it is wrapped anew, and nowhere for another one."""
    one = make([])
    wrapped: Any = one.request

    assert one is visit_of(wrapped.request)
    assert one is visit_of(type(wrapped)(wrapped.request))
    assert one is not make([])


@pytest.mark.parametrize(
    ("headers", "brings"),
    [
        ([], False),
        ([("Cookie", f"jwt={SESSION}; sFrontToken={SESSION}")], False),
        ([("Cookie", f"sAccessToken={SESSION}")], True),
        ([("Cookie", f"sAccessToken=junk; sAccessToken={SESSION}")], True),
        ([("Authorization", f"Bearer {SESSION}")], True),
        ([("Cookie", "sAccessToken=junk")], False),
        ([("Cookie", "sAccessToken=")], False),
        ([("Cookie", "sAccessToken=a.b.c; sRefreshToken=d; sIdRefreshToken=e")], False),
        ([("Cookie", f"sAccessToken={_token(sub='u')}")], False),
        ([("Authorization", "Bearer of-a-gateway")], False),
        ([("Authorization", f"Bearer {_token(sub='u', scope='read')}")], False),
        ([("Authorization", f"Basic {SESSION}")], False),
    ],
)
def test_s9_only_what_the_sdk_reads_as_its_own_is_a_session(
    make: Any, headers: Headers, brings: bool
) -> None:
    """Expired or forged too; garbage and a gateway's bearer bar nobody."""
    claims = make(headers).session_claims()

    assert ("user-1" if brings else None) == (claims and claims["sub"])


OURS = [
    {},
    {"origin": API},
    {"origin": WEBSITE},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-origin", "origin": "null"},
    {"sec-fetch-site": "same-origin", "origin": "https://shop.example.net"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "same-site", "origin": WEBSITE},
    {"sec-fetch-site": "cross-site", "origin": WEBSITE},
    {"sec-fetch-site": "cross-site", "origin": API},
    {"origin": "https://www.example.com:8443", "host": "www.example.com:8443"},
    {"origin": "https://tenant.example.com", "host": "tenant.example.com:443"},
    {"origin": "https://tenant.example.com", "host": "Tenant.Example.com"},
    *({"origin": EVIL, name: "x"} for name in ("rid", "fdi-version", "st-auth-mode")),
    {"sec-fetch-site": "cross-site", "origin": EVIL, "rid": "session"},
]
FOREIGN = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "http://127.0.0.2"},
    {"origin": "https://127.0.0.2.evil.example"},
    {"origin": f"{API}:444"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-site", "origin": "https://blog.example.com"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "cross-site", "origin": EVIL},
    {"sec-fetch-site": "cross-site", "origin": "null"},
    {"sec-fetch-site": "anything"},
    {"origin": "https://www.example.com:8443", "host": "www.example.com"},
    {"origin": "http://www.example.com", "host": "www.example.com"},
    {"origin": EVIL, "host": "127.0.0.1", "x-forwarded-host": "evil.example"},
    {"origin": EVIL, "host": "x", "forwarded": "host=evil.example;proto=https"},
    {"sec-fetch-site": "cross-site", "origin": EVIL, "host": "evil.example"},
]


@pytest.mark.usefixtures("_app")
@pytest.mark.parametrize("headers", OURS, ids=str)
def test_s13_what_this_site_started(make: Any, headers: dict[str, str]) -> None:
    """By a header of the SDK's, by what the browser says, or by a known origin."""
    assert not make(list(headers.items())).from_another_site({})


@pytest.mark.usefixtures("_app")
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_s13_what_another_site_started(make: Any, headers: dict[str, str]) -> None:
    """Whatever a proxy or the page says of itself; never ``http`` beside ``https``."""
    assert make(list(headers.items())).from_another_site({})


def test_s13_the_websites_origin_may_be_a_function(make: Any) -> None:
    """As the SDK allows."""
    reset_sdk()
    origin = "https://shop.example.net"
    init_sdk(Setup(core=NOWHERE, api_domain=API, website_domain=lambda *_: origin))

    assert not make([("Origin", origin)]).from_another_site({})
    assert make([("Origin", EVIL)]).from_another_site({})
    reset_sdk()


CROSS = ("sec-fetch-site", "cross-site")
NAVIGATES = ("sec-fetch-mode", "navigate")


@pytest.mark.parametrize(
    ("same_site", "method", "headers", "withheld"),
    [
        ("lax", "GET", [], False),
        ("lax", "POST", [], False),
        ("lax", "POST", [("origin", EVIL)], True),
        ("lax", "GET", [("origin", EVIL)], False),
        ("lax", "GET", [CROSS, NAVIGATES], False),
        ("lax", "GET", [CROSS], True),
        ("lax", "POST", [CROSS, NAVIGATES], True),
        ("lax", "POST", [("sec-fetch-site", "same-site")], False),
        ("lax", "POST", [("sec-fetch-site", "same-origin")], False),
        ("lax", "POST", [CROSS, ("rid", "session")], True),
        ("strict", "GET", [CROSS, NAVIGATES], True),
        ("strict", "GET", [("sec-fetch-site", "none"), NAVIGATES], False),
    ],
)
def test_s22_when_the_browser_may_have_withheld_cookies(
    make: Any, same_site: str, method: str, headers: Headers, withheld: bool
) -> None:
    """Cross-site, and no navigation that Lax cookies go with."""
    reset_sdk()
    session = {"cookie_same_site": same_site}
    init_sdk(
        Setup(core=NOWHERE, api_domain=API, website_domain=WEBSITE, session=session)
    )

    assert withheld is make(headers, method).withholds_cookies()
    reset_sdk()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_changes_nothing(make: Any, method: str) -> None:
    """RFC 9110, 9.2.1; all others may."""
    assert not make([], method).is_unsafe
    assert make([], "POST").is_unsafe
    assert make([], "PURGE").is_unsafe
