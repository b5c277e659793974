"""The guest cookie as each framework writes it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest._web.cookies import CookieAttributes
from supertokens_guest.responses import clear_cookie, set_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "a.b.c"


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
    from django.conf import settings
    from django.http import HttpResponse

    if not settings.configured:
        settings.configure()
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


def attributes(
    domain: str | None = None, older_domain: str | None = None, *, secure: bool = True
) -> CookieAttributes:
    """Return attributes as the session recipe would decide them."""
    return CookieAttributes(
        name="jwt",
        domain=domain,
        older_domain=older_domain,
        secure=secure,
        same_site="none" if secure else "lax",
    )


def read(line: str) -> dict[str, str]:
    """Return a ``Set-Cookie`` value as its value and attributes, without the times."""
    morsel = SimpleCookie(line)["jwt"]
    shown = {name: str(value) for name, value in morsel.items() if value}
    shown.pop("expires", None)
    return {"value": morsel.value, **shown}


def test_setting(response: Any) -> None:
    """All attributes, and no cache may hand the guest to anybody else."""
    set_cookie(response, TOKEN, attributes(".example.com"), max_age=60)

    (line,) = set_cookie_lines(response)
    domain = read(line)["domain"].lstrip(".")  # RFC 6265, 5.2.3: the dot is ignored
    assert {
        "value": TOKEN,
        "path": "/",
        "domain": "example.com",
        "max-age": "60",
        "httponly": "True",
        "secure": "True",
        "samesite": "none",
    } == {**read(line), "domain": domain, "samesite": read(line)["samesite"].lower()}
    assert "private, no-store" == response.headers["Cache-Control"]
    assert "Cookie" == response.headers["Vary"]


def test_setting_keeps_what_the_response_varies_on(response: Any) -> None:
    """And names the cookie once."""
    response.headers["Vary"] = "Origin"
    set_cookie(response, TOKEN, attributes(), max_age=60)
    set_cookie(response, TOKEN, attributes(), max_age=60)

    assert "Origin, Cookie" == response.headers["Vary"]


def test_without_https_and_domain(response: Any) -> None:
    """Nothing is added that the session cookies do not have."""
    set_cookie(response, TOKEN, attributes(secure=False), max_age=60)

    (line,) = set_cookie_lines(response)
    assert {"secure", "domain"} & read(line).keys() == set()


def test_s9_clearing_has_the_attributes_of_setting(response: Any) -> None:
    """A browser clears only what has the same name, domain and path."""
    clear_cookie(response, attributes(".example.com"))

    (line,) = set_cookie_lines(response)
    cleared = read(line)
    assert "" == cleared["value"]
    assert "/" == cleared["path"]
    assert "example.com" == cleared["domain"].lstrip(".")
    assert "max-age=0" in line.lower()


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
    response: Any, domain: str | None, older: str | None, cleared: set[str | None]
) -> None:
    """In every framework, Django too, which keeps one cookie for each name."""
    clear_cookie(response, attributes(domain, older))

    lines = set_cookie_lines(response)
    domains = [read(line).get("domain") for line in lines]
    assert len(cleared) == len(lines)
    assert cleared == {domain and domain.lstrip(".") for domain in domains}
