"""What is read from a request, the same in every framework."""

from __future__ import annotations

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
    from werkzeug.test import EnvironBuilder

    joined = [("; ".join(v for n, v in headers if n == "Cookie"))]
    others = [(n, v) for n, v in headers if n != "Cookie"]
    cookie = [("Cookie", value) for value in joined if value]
    environ = EnvironBuilder(headers=[*others, *cookie]).get_environ()
    return FlaskRequest(Request(environ))


def django_request(headers: Headers) -> BaseRequest:
    """Return what the SDK makes of a Django request, cookies joined as under ASGI."""
    from django.conf import settings
    from django.http import HttpRequest

    if not settings.configured:
        settings.configure()
    request = HttpRequest()
    for name, value in headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        known = request.META.get(key)
        request.META[key] = value if known is None else f"{known},{value}"
    return DjangoRequest(request)


@pytest.fixture(params=[fastapi_request, flask_request, django_request])
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


def test_t12_only_the_first_few_tokens_are_looked_at(make: Any) -> None:
    """Planting hundreds of cookies buys an attacker nothing."""
    header = "; ".join(f"jwt={i}" for i in range(9))

    assert ["0", "1", "2", "3"] == guest_tokens(make([("Cookie", header)]), "jwt")
    assert 4 == MAX_TOKENS


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
