"""What ``GuestMiddleware`` costs: known guests, first visits, and four processes.

A known guest is compared with what the framework's own signed-cookie session adds to
the same app, for a cookie of the same size; a first visit with what the SDK's
``create_jwt`` takes through the same core.
"""

from __future__ import annotations

import os

# Read by the SDK at its import: no list of public suffixes from the network.
os.environ.setdefault("SUPERTOKENS_TLDEXTRACT_DISABLE_HTTP", "1")

import asyncio
import contextlib
import functools
import io
import itertools
import logging
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import httpx
from flask import Flask
from flask import session as flask_session
from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from supertokens_python.recipe.jwt.interfaces import CreateJwtOkResult
from supertokens_python.recipe.session.asyncio import create_jwt

from benchmarks._certificates import loaded_each_time
from benchmarks._core import core_process
from benchmarks._measuring import Limits, ratio
from supertokens_guest._runtime import Runtime
from supertokens_guest.asyncio import get_guest
from supertokens_guest.devcore import DevCore
from supertokens_guest.fastapi import GuestMiddleware
from supertokens_guest.flask import GuestMiddleware as FlaskGuests
from testkit.core import Core
from testkit.sdk import Setup, guest_jwt, init_sdk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from starlette.requests import Request

    Cost = Callable[[], float]

SECRET = "no secret"  # noqa: S105 - it protects nothing
PAYLOAD = {"cart": [f"sku-{number}" for number in range(10)]}
REQUESTS = 200  # in one round of a known guest, some 10 ms
ROUNDS = 30
FIRST_VISITS = 15
GAPS = 7
AT_ONCE = 8
TICK_SECONDS = 0.001
WORKERS = 4
GUESTS = 200
START_SECONDS = 60.0


def main() -> int:
    """Measure, print, and return the process's exit status."""
    logging.disable()  # one line says that the SDK's middleware is missing here
    # What a busy machine takes is measured, not cut off.
    Runtime.wait_seconds = START_SECONDS
    with (
        loaded_each_time() as note,
        core_process() as core,
        contextlib.closing(asyncio.new_event_loop()) as loop,
    ):
        init_sdk(Setup(core=core))
        token = guest_jwt(core, payload=PAYLOAD)
        limits = Limits(
            "A request of a known guest / the framework's own signed-cookie session,\n"
            f"  each less the app alone (CPU, cookies of {len(token):,} bytes)"
        )
        for what, limit, costs in (
            ("Starlette", 0.4, _starlette(loop, token)),
            ("Flask, read by the view", 1.0, _flask(token)),
            ("Django, read by the view", 1.0, _django(token)),
        ):
            limits.hold(what, limit, functools.partial(_added, *costs))
        firsts = Limits(f"First visits / create_jwt of the SDK ({note})")
        firsts.hold("one", 1.2, functools.partial(_first_visits, loop))
        gaps = functools.partial(_gaps, loop)
        firsts.hold("longest gap of the loop, eight at once", 0.1, gaps)
    workers = Limits(f"{WORKERS} processes behind one port, {GUESTS} known guests")
    workers.hold("calls of the core after the first keys", 0.0, _calls_of_workers)
    exceeded = limits.exceeded + firsts.exceeded + workers.exceeded
    return int(exceeded > 0)


def _added(alone: Cost, guests: Cost, session: Cost) -> float:
    """Return what guests add to an app, as a multiple of what its session adds."""
    return ratio(
        lambda _: -alone() + guests(), lambda _: -alone() + session(), rounds=ROUNDS
    )


# Known guests


def _starlette(loop: asyncio.AbstractEventLoop, token: str) -> list[Cost]:
    async def view(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    routes = [Route("/", view)]
    alone, guests, session = (Starlette(routes=routes) for _ in range(3))
    guests.add_middleware(GuestMiddleware)
    session.add_middleware(SessionMiddleware, secret_key=SECRET)
    # As SessionMiddleware makes it, and as long as the guest's token.
    data = b64encode(b'{"cart": "%s"}' % (b"x" * (len(token) * 3 // 4 - 50)))
    signed = TimestampSigner(SECRET).sign(data).decode()

    def cost(app: Any, cookie: str) -> float:
        started = time.thread_time()
        loop.run_until_complete(_ask_often(app, cookie))
        return time.thread_time() - started

    headers = loop.run_until_complete(_ask(guests, f"jwt={token}"))
    assert b"set-cookie" not in dict(headers)
    return [
        functools.partial(cost, alone, f"jwt={token}"),
        functools.partial(cost, guests, f"jwt={token}"),
        functools.partial(cost, session, f"session={signed}"),
    ]


async def _ask_often(app: Any, cookie: str) -> None:
    for _ in range(REQUESTS):
        await _ask(app, cookie)


async def _ask(app: Any, cookie: str | None = None) -> Any:
    """Send one request to an ASGI app, and return the headers of its answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    if cookie is not None:
        scope["headers"] = [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode())]
    started: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        started.append(message)

    await app(scope, receive, send)
    return started[0]["headers"]


def _flask(token: str) -> list[Cost]:
    alone, guests, session = (Flask(str(number)) for number in range(3))
    for app in (alone, guests):
        app.get("/")(lambda: "ok")
    session.get("/")(lambda: str("cart" in flask_session))
    session.secret_key = SECRET
    FlaskGuests(guests)
    serializer: Any = session.session_interface
    serializer = serializer.get_signing_serializer(session)
    length = len(token) - len(serializer.dumps({"cart": ""}))
    signed = _incompressible(lambda text: serializer.dumps({"cart": text}), length)
    return _wsgi_costs([alone, guests, session], token, f"session={signed}", "/")


def _django(token: str) -> list[Cost]:
    import django
    from django.conf import settings
    from django.contrib.sessions.backends.signed_cookies import SessionStore
    from django.core.wsgi import get_wsgi_application
    from django.test.utils import override_settings

    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[],
        ROOT_URLCONF="benchmarks._django_urls",
        SECRET_KEY=SECRET,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        LOGGING_CONFIG=None,
    )
    django.setup()
    apps = []
    for middleware in (
        [],
        ["supertokens_guest.django.GuestMiddleware"],
        ["django.contrib.sessions.middleware.SessionMiddleware"],
    ):
        with override_settings(MIDDLEWARE=middleware):
            apps.append(get_wsgi_application())

    def dumps(text: str) -> str:
        store = SessionStore()
        store["cart"] = text
        store.save()
        return str(store.session_key)

    signed = _incompressible(dumps, len(token) - len(dumps("")))
    return _wsgi_costs(apps, token, f"sessionid={signed}", "/session")


def _incompressible(dumps: Callable[[str], str], length: int) -> str:
    """Return a cookie with so much more in it that compressing does not shorten."""
    text = os.urandom(length).hex()
    while len(dumps(text)) > length + len(dumps("")):
        text = text[:-8]
    return dumps(text)


def _wsgi_costs(apps: list[Any], token: str, cookie: str, path: str) -> list[Cost]:
    alone, guests, session = apps

    def cost(app: Any, cookie: str, path: str) -> float:
        started = time.thread_time()
        for _ in range(REQUESTS):
            _call(app, cookie, path)
        return time.thread_time() - started

    assert "set-cookie" not in _call(guests, f"jwt={token}", "/")
    return [
        functools.partial(cost, alone, f"jwt={token}", "/"),
        functools.partial(cost, guests, f"jwt={token}", "/"),
        functools.partial(cost, session, cookie, path),
    ]


def _call(app: Any, cookie: str, path: str) -> set[str]:
    """Send one request to a WSGI app, and return the names of its answer's headers."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_COOKIE": cookie,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    names: set[str] = set()

    def start_response(status: str, headers: Any, _: Any = None) -> Any:
        assert status.startswith("200"), status
        names.update(name.lower() for name, _ in headers)

    answer = app(environ, start_response)
    for _ in answer:
        pass
    getattr(answer, "close", lambda: None)()
    return names


# First visits


def make_app() -> Starlette:
    """Return an app in which every visitor is a guest."""

    async def view(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/", view)])
    app.add_middleware(GuestMiddleware)
    return app


async def _create() -> bool:
    """Have the SDK sign what a first visit has signed."""
    claims = {"sub": "G-1", "aud": "supertokens-guest"}
    result = await create_jwt(claims, 3_600, use_static_signing_key=True)
    return isinstance(result, CreateJwtOkResult)


async def _visit(app: Starlette) -> bool:
    """Visit *app* for the first time, and tell whether that made a guest."""
    return b"set-cookie" in dict(await _ask(app))


def _first_visits(loop: asyncio.AbstractEventLoop) -> float:
    app = make_app()

    def seconds(make: Callable[[], Coroutine[Any, Any, bool]], _: int) -> float:
        started = time.perf_counter()
        assert loop.run_until_complete(make())
        return time.perf_counter() - started

    visit = functools.partial(seconds, functools.partial(_visit, app))
    create = functools.partial(seconds, _create)
    for warm_up in (visit, create):  # the keys, and what is loaded once
        warm_up(0)
    return ratio(visit, create, rounds=FIRST_VISITS)


def _gaps(loop: asyncio.AbstractEventLoop) -> float:
    """Return the median longest gap of visits, as a multiple of that of the SDK."""
    app = make_app()
    ours, theirs = [], []
    for _ in range(GAPS):
        ours.append(loop.run_until_complete(_longest_gap(lambda: _visit(app))))
        theirs.append(loop.run_until_complete(_longest_gap(_create)))
    return statistics.median(ours) / statistics.median(theirs)


async def _longest_gap(call: Callable[[], Awaitable[bool]]) -> float:
    """Return the longest time in seconds in which the loop looked at no timer."""
    longest, ended = 0.0, False

    async def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not ended:
            await asyncio.sleep(TICK_SECONDS)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(2 * TICK_SECONDS)
    done = await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    assert all(done)
    ended = True
    await ticking
    return longest


# Four processes


def make_worker() -> Starlette:
    """Return the app of one process, which tells its id and the guest's."""

    async def view(request: Request) -> JSONResponse:
        guest = await get_guest(request)
        return JSONResponse([os.getpid(), guest and guest.id])

    logging.disable()
    init_sdk(Setup(core=Core(url=os.environ["BENCH_CORE"])))
    app = Starlette(routes=[Route("/", view)])
    app.add_middleware(GuestMiddleware)
    return app


def _calls_of_workers() -> float:
    with DevCore() as core, _workers(core.url) as url, httpx.Client() as client:
        claims = {"iss": "http://127.0.0.1:3001/auth", "aud": "supertokens-guest"}
        now = int(time.time())
        tokens = {
            f"G-{number}": core.sign_jwt(
                {**claims, "sub": f"G-{number}", "iat": now, "exp": now + 3_600}
            )
            for number in range(GUESTS)
        }

        def ask(guest_id: str) -> int:
            headers = {"Connection": "close", "Cookie": f"jwt={tokens[guest_id]}"}
            answer = client.get(url, headers=headers)
            pid, found = answer.json()
            assert (guest_id, False) == (found, "set-cookie" in answer.headers)
            return int(pid)

        warm: set[int] = set()
        for guest_id in itertools.islice(itertools.cycle(tokens), 2_000):
            warm.add(ask(guest_id))
            if len(warm) == WORKERS:
                break
        assert len(warm) == WORKERS, "not all processes answer"
        known = len(core.requests)
        seen = {ask(guest_id) for guest_id in list(tokens) * 4}
        assert seen == warm
        return len(core.requests) - known


@contextlib.contextmanager
def _workers(core_url: str) -> Iterator[str]:
    """Serve the app by several processes; yields its address."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "uvicorn", "--factory", "--port", str(port)]
    command += ["--workers", str(WORKERS), "--log-level", "critical"]
    process = subprocess.Popen(  # noqa: S603 - the command is ours
        [*command, "benchmarks.bench_middleware:make_worker"],
        env={**os.environ, "BENCH_CORE": core_url},
    )
    try:
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                break
            assert time.monotonic() < give_up_at, "the processes did not start"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
