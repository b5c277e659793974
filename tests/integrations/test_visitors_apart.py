"""What one framework alone has: dependencies, descriptions, contexts, other scopes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from flask import g
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from supertokens_guest import GuestConfig, Visitor
from supertokens_guest.asyncio import get_visitor
from supertokens_guest.fastapi import CurrentVisitor, GuestMiddleware, verify_visitor
from testkit.browsing import guest_lines

if TYPE_CHECKING:
    from testkit.apps import App, Told
    from testkit.browsing import Browse, Open
    from testkit.core import Core

CART = {"cart": ["sku-1"]}


def test_dependency_override(open_shop: Open, browse: Browse) -> None:
    """A test of the app's can say who asks."""
    app = open_shop(kind="fastapi")
    someone = Visitor(id="somebody")
    app.native.dependency_overrides[verify_visitor()] = lambda: someone

    answer = browse(app).ask(route="guarded", headers={"Cache-Control": "public"})

    assert "somebody" == answer.json()[0]["id"]
    assert [] == guest_lines(answer)


def test_alias(open_shop: Open, browse: Browse) -> None:
    """``CurrentVisitor`` is the guard in an annotation."""
    app = open_shop(kind="fastapi")

    async def mine(visitor: Any) -> dict[str, Any]:
        return {"id": visitor.id}

    mine.__annotations__["visitor"] = CurrentVisitor
    app.native.get("/mine")(mine)

    answer = browse(app).http.get("/mine")

    assert answer.json()["id"].startswith("G-")
    assert 1 == len(guest_lines(answer))


def test_description(open_shop: Open, browse: Browse) -> None:
    """The OpenAPI description names the guest cookie, as it is configured."""
    app = open_shop(GuestConfig(cookie_name="__Host-guest"), kind="fastapi")

    description = browse(app).http.get("/openapi.json").json()

    schemes = description["components"]["securitySchemes"]
    expected = {"type": "apiKey", "in": "cookie", "name": "__Host-guest"}
    assert expected == schemes["guest"]
    assert [{"guest": []}] == description["paths"]["/async/guarded"]["get"]["security"]
    assert "security" not in description["paths"]["/async/open"]["get"]


def test_injected_response(open_shop: Open, browse: Browse, core: Core) -> None:
    """The guest travels with the injected response as with one of the view's own."""
    browser = browse(open_shop(kind="fastapi"))

    answer = browser.ask(
        ("merge", CART), status=201, cookies={"a": "1", "b": "2"}, injected=True
    )

    assert (201, 1) == (answer.status_code, len(guest_lines(answer)))
    assert {"a", "b", "jwt"} == set(answer.cookies)
    assert CART == (browser.who() or {})["payload"]


def test_background_task(open_shop: Open, browse: Browse) -> None:
    """What runs when the answer is gone is told so."""
    app = open_shop(kind="fastapi")
    browser = browse(app)

    first = browser.ask(
        route="background", later=[("merge", CART), ("get",)], catches=True
    )
    browser.ask()  # the task has ended by then

    assert 1 == len(guest_lines(first))
    refused, seen = app.native.state.background
    assert ("answered", None) == (refused["error"], seen)


@pytest.mark.parametrize("scope_type", ["websocket", "lifespan"])
def test_other_scopes(open_shop: Open, scope_type: str) -> None:
    """A websocket and a lifespan pass as they came."""
    open_shop(kind="fastapi")
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.append(arguments)

    async def receive() -> Any:
        """Give nothing."""

    async def send(message: Any) -> None:
        """Take anything."""

    scope = {"type": scope_type}
    asyncio.run(GuestMiddleware(app)(scope, receive, send))

    assert [({"type": scope_type}, receive, send)] == seen
    assert scope is seen[0][0]


def test_starlette(open_shop: Open) -> None:
    """An app without FastAPI has the middleware and the verbs."""
    open_shop(kind="fastapi")

    async def view(request: Request) -> JSONResponse:
        return JSONResponse({"id": (await get_visitor(request)).id})

    app = Starlette(routes=[Route("/", view)])
    app.add_middleware(GuestMiddleware)

    answer = asyncio.run(_get(app))

    assert answer.json()["id"].startswith("G-")
    assert 1 == len(guest_lines(answer))


async def _get(app: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        return await client.get("/")


def test_a_thousand_first_visits(open_shop: Open, browse: Browse, told: Told) -> None:
    """A thousand at once all get their answer; who gets no guest is counted."""
    app = open_shop(told.config(), kind="fastapi")
    browse(app).ask()  # the keys
    told.events.clear()

    answers = asyncio.run(asyncio.wait_for(_visit(app, 1_000), timeout=20))

    assert [200] * 1_000 == [status for status, _ in answers]
    given = sum(has_guest for _, has_guest in answers)
    codes = [event.code for event in told.events]
    assert given > 0
    assert (given, 1_000 - given) == (codes.count("issue"), codes.count("issue-shed"))


async def _visit(app: App, count: int) -> list[tuple[int, bool]]:
    """Have *count* strangers ask, without a client: it costs more than the app."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/async/open",
        "raw_path": b"/async/open",
        "query_string": b"",
        "root_path": "",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask() -> tuple[int, bool]:
        messages: list[Any] = []

        async def send(message: Any) -> None:
            messages.append(message)

        await app.native({**scope, "headers": []}, receive, send)
        names = [name for name, _ in messages[0]["headers"]]
        return messages[0]["status"], b"set-cookie" in names

    return list(await asyncio.gather(*(ask() for _ in range(count))))


def test_flask_context(open_shop: Open) -> None:
    """An application's context that outlives its request keeps no visitor."""
    app = open_shop(kind="flask")

    # The SDK's functions would leave a loop of their own open in this thread.
    with contextlib.closing(asyncio.new_event_loop()) as loop, app.native.app_context():
        asyncio.set_event_loop(loop)
        answer = app.native.test_client().get("/sync/guarded")
        kept = "visitor" in g
        asyncio.set_event_loop(None)

    assert (200, False) == (answer.status_code, kept)
