"""What is read from a request, the same in every framework."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from supertokens_python.framework.django.django_request import DjangoRequest
from supertokens_python.framework.fastapi.fastapi_request import FastApiRequest
from supertokens_python.framework.flask.flask_request import FlaskRequest
from supertokens_python.supertokens import AppInfo

from supertokens_guest.requests import (
    MAX_TOKENS,
    brings_session,
    from_another_site,
    guest_tokens,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from supertokens_python.framework.request import BaseRequest

Headers = list[tuple[str, str]]


def fastapi_request(headers: Headers) -> BaseRequest:
    """Return what the SDK makes of a Starlette request."""
    from starlette.requests import Request

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return FastApiRequest(Request({"type": "http", "method": "GET", "headers": raw}))


def flask_request(headers: Headers) -> BaseRequest:
    """Return what the SDK makes of a Flask request."""
    from flask import Request

    return FlaskRequest(Request(wsgi_environ(headers)))


def wsgi_environ(headers: Headers) -> dict[str, Any]:
    """Return a request as a WSGI server gives it, with one ``Cookie`` header."""
    from werkzeug.test import EnvironBuilder

    cookies = "; ".join(value for name, value in headers if name == "Cookie")
    others = [(name, value) for name, value in headers if name != "Cookie"]
    cookie = [("Cookie", cookies)] if cookies else []
    return EnvironBuilder(headers=[*others, *cookie]).get_environ()


def django_request(headers: Headers) -> BaseRequest:
    """Return what the SDK makes of a Django request under WSGI."""
    from django.core.handlers.wsgi import WSGIRequest

    return DjangoRequest(WSGIRequest(wsgi_environ(headers)))


def django_asgi_request(headers: Headers) -> BaseRequest:
    """Return what the SDK makes of a Django request under ASGI."""
    from django.core.handlers.asgi import ASGIRequest

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw}
    return DjangoRequest(ASGIRequest(scope, BytesIO()))


@pytest.fixture(
    params=[fastapi_request, flask_request, django_request, django_asgi_request]
)
def make(request: pytest.FixtureRequest) -> Callable[[Headers], BaseRequest]:
    """Make a request in each framework."""
    maker: Callable[[Headers], BaseRequest] = request.param
    return maker


APP = AppInfo(
    app_name="shop",
    api_domain="https://api.example.com",
    website_domain="https://example.com",
    framework="fastapi",
    api_gateway_path="",
    api_base_path="/auth",
    website_base_path="/auth",
    mode="asgi",
    origin=None,
)


def test_t12_two_cookie_headers_are_read_as_one(make: Any) -> None:
    """HTTP/2 clients may send several, and frameworks differ in which they keep."""
    request = make([("Cookie", "x=1; jwt=a"), ("Cookie", "jwt=b")])

    assert ["a", "b"] == guest_tokens(request, "jwt")


def test_t12_one_token_too_many_is_seen(make: Any) -> None:
    """Planting hundreds of cookies buys an attacker nothing, and does not go unseen."""
    header = "; ".join(f"jwt={i}" for i in range(99))

    assert 1 + MAX_TOKENS == len(guest_tokens(make([("Cookie", header)]), "jwt"))


@pytest.mark.parametrize("make_asgi", [fastapi_request, django_asgi_request])
def test_t12_a_comma_in_another_cookie_makes_no_token(make_asgi: Any) -> None:
    """Where Django joins two headers with one, they are read before that."""
    request = make_asgi(
        [("Cookie", "prefs=dark,jwt=a"), ("Cookie", "sent=1,sAccessToken=b")]
    )

    assert [] == guest_tokens(request, "jwt")
    assert not brings_session(request)


@pytest.mark.parametrize("make_wsgi", [flask_request, django_request])
def test_t12_a_wsgi_server_may_join_headers_with_a_comma(make_wsgi: Any) -> None:
    """It has room for one, and the visitor's guest may be in the second."""
    request = make_wsgi([("Cookie", "x=1,jwt=a")])

    assert ["a"] == guest_tokens(request, "jwt")


@pytest.mark.parametrize("thing", [None, {}, "request", 5])
def test_what_is_no_request_is_told_so(thing: object) -> None:
    """By its type, and not by an attribute that it does not have."""
    with pytest.raises(TypeError, match="A request is expected, not a"):
        wrapped(thing)


def test_a_request_without_cookies_has_no_guest(make: Any) -> None:
    """Nothing is an error."""
    assert [] == guest_tokens(make([]), "jwt")


@pytest.mark.parametrize(
    ("headers", "brings"),
    [
        ([], False),
        ([("Cookie", "jwt=a; sFrontToken=b")], False),
        ([("Cookie", "sAccessToken=a")], True),
        ([("Cookie", "jwt=a; sAccessToken=")], True),
        ([("Cookie", "sRefreshToken=a")], True),
        ([("Cookie", "sIdRefreshToken=a")], True),
        ([("Authorization", "Bearer a")], True),
        ([("Authorization", "bearer a")], True),
        ([("Authorization", "Basic a")], False),
    ],
)
def test_s9_a_session_is_seen_however_it_comes(
    make: Any, headers: Headers, brings: bool
) -> None:
    """In cookies or in a header, valid or expired."""
    assert brings is brings_session(make(headers))


@pytest.mark.parametrize(
    ("headers", "other"),
    [
        ([], False),
        ([("Origin", "https://example.com")], False),
        ([("Origin", "https://api.example.com")], False),
        ([("Origin", "https://evil.example")], True),
        ([("Origin", "http://example.com")], True),
        ([("Origin", "https://example.com.evil.example")], True),
        ([("Origin", "null")], True),
        ([("Origin", "https://api.example.com:444")], True),
        ([("Origin", "https://evil.example"), ("rid", "session")], False),
        ([("Origin", "https://evil.example"), ("fdi-version", "3.0")], False),
        ([("Origin", "https://evil.example"), ("st-auth-mode", "cookie")], False),
    ],
)
def test_s13_another_site_is_told_by_its_origin(
    make: Any, headers: Headers, other: bool
) -> None:
    """Unless a header came that no page of another site can send."""
    assert other is from_another_site(make(headers), APP, {})


def test_s13_the_websites_origin_may_be_a_function(make: Any) -> None:
    """As the SDK allows."""
    request = make([("Origin", "https://shop.example.net")])
    app = AppInfo(
        app_name="shop",
        api_domain="https://api.example.com",
        website_domain=None,
        framework="fastapi",
        api_gateway_path="",
        api_base_path="/auth",
        website_base_path="/auth",
        mode="asgi",
        origin=lambda request, context: "https://shop.example.net",
    )

    assert not from_another_site(request, app, {})
