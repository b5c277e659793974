"""What others found: each test fails where its fault is there."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import os
import pickle
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import (
    ConfigError,
    CoreUnavailableError,
    GuestConfig,
    GuestError,
    GuestTransfer,
    PayloadTooLargeError,
    TokenError,
    _runtime,
    set_guest_cookie,
)
from supertokens_guest import asyncio as guests
from supertokens_guest import syncio as guests_syncio
from supertokens_guest._tokens.issuing import AT_ONCE, places
from supertokens_guest._tokens.keys import KeyCache
from supertokens_guest._web.answers import body_of
from testkit.apps import KINDS
from testkit.browsing import guest_lines
from testkit.core import Core
from testkit.forging import static_key
from testkit.sdk import ISSUER, Setup, guest_jwt, init_sdk, reset_sdk
from testkit.visitors import cleared, front_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.apps import Kind, Told
    from testkit.browsing import Browse, Open
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1"]}
SECRET = "what-only-the-visitor-knows"

every_kind = pytest.mark.parametrize("kind", KINDS)

# What a login form of the site itself sends, and what it does not.
OWN = [
    {},
    {"sec-fetch-site": "same-origin", "origin": "null"},
    {"sec-fetch-site": "same-origin", "origin": "http://www.shop.example"},
    {"sec-fetch-site": "none"},
    {"origin": "http://www.shop.example", "host": "www.shop.example"},
    {"origin": "http://tenant.shop.example:81", "host": "tenant.shop.example:81"},
]
FOREIGN = [
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "origin": "null"},
    {"sec-fetch-site": "same-site", "origin": "http://blog.shop.example"},
    {"origin": "http://evil.example", "host": "www.shop.example"},
    {"origin": "http://www.shop.example:81", "host": "www.shop.example"},
]


@every_kind
def test_own_login_forms(serve: Serve, visit: Visit, told: Told, kind: Kind) -> None:
    """A form of the site itself transfers, by whichever name its visitors know it."""
    app = serve(told.config(), kind=kind)
    token = guest_jwt(app.core, payload=CART)
    for headers in OWN + FOREIGN:
        told.events.clear()
        visitor = visit(app, auth_mode=None)
        visitor.keep_cookie(token)
        visitor.http.headers.update(headers)

        answer = visitor.login()

        assert (headers in OWN) == cleared(answer), headers
        expected: tuple[str, str | None] = ("transfer", None)
        if headers in FOREIGN:
            expected = ("transfer-skipped", "cross_site")
        assert [expected] == told.codes(), headers


@every_kind
def test_login_that_fails_in_the_end(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """Made, and then taken back by an error, it keeps the guest for the next one."""
    visitor = visit(serve(told.config(), kind=kind))
    visitor.http.headers["connection"] = "close"  # uvicorn ends it after an error
    token = visitor.become_guest(CART)

    failed = visitor.login("user", fail=True)

    assert 500 == failed.status_code
    assert [] == guest_lines(failed)
    assert token == visitor.guest_cookie
    if kind in {"flask", "django", "django-asgi"}:
        assert [] == told.transfers  # the hook waits for the answer
    told.transfers.clear()
    assert cleared(visitor.login("user"))
    assert [CART] == [transfer.guest.payload for transfer in told.transfers]


def _encrypted() -> str:
    """Return an encrypted JWT, which nobody but its owner can read."""
    header = base64.urlsafe_b64encode(b'{"alg":"dir","enc":"A256GCM"}').decode()
    return f"{header.rstrip('=')}..c2l4dGVlbg.Y2lwaGVydGV4dA.dGFn"


@every_kind
@pytest.mark.parametrize("form", ["{jwe}", "Bearer%20{jws}", "Bearer {jws}"])
def test_cookie_of_another_system(  # noqa: PLR0917 - fixtures
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind, form: str
) -> None:
    """It is left alone by every answer, and an event names the clash."""
    token = core.sign({"sub": "somebody", "iss": "https://other.example"})
    value = form.format(jwe=_encrypted(), jws=token)
    browser = browse(open_shop(told.config(), kind=kind), auth_mode="cookie")
    browser.keep_cookie(value)

    answers = [browser.ask(), browser.sign_up(), browser.ask(), browser.sign_out()]

    assert [200] * 4 == [answer.status_code for answer in answers]
    assert [] == [line for answer in answers for line in guest_lines(answer)]
    assert ("foreign-cookie", None) in told.codes()
    assert value == browser.guest_cookie


@every_kind
def test_transfer_in_a_get(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """A later transfer and a clearing by hand keep their answers from caches."""
    browser = browse(open_shop(told.config(), kind=kind), auth_mode="cookie")
    told.failures = 1
    browser.become_guest(CART)
    assert 200 == browser.login().status_code
    assert [] == told.transfers

    late = browser.ask(route="guarded")
    by_hand = browse(open_shop(kind=kind)).ask(by_hand="")

    assert 1 == len(told.transfers)
    for answer in (late, by_hand):
        assert cleared(answer)
        assert "private, no-store" == answer.headers["cache-control"]
        assert "cookie" in answer.headers["vary"].lower()


@pytest.mark.parametrize("kind", ["fastapi", "flask"])
@pytest.mark.parametrize("transfer", ["all", (), ["cart"]])
@pytest.mark.parametrize(
    "transfer_to", ["access_token_payload", "session_data_in_database"]
)
def test_plain_values(  # noqa: PLR0917 - fixtures
    serve: Serve, visit: Visit, told: Told, kind: Kind, transfer: Any, transfer_to: Any
) -> None:
    """What an app is handed goes into JSON and pickle, whatever was chosen."""
    seen: list[dict[str, Any]] = []

    def hook(moving: GuestTransfer) -> None:
        plain = [moving.moved, moving.dropped, moving.guest.payload]
        assert plain == json.loads(json.dumps(plain))
        assert plain == pickle.loads(pickle.dumps(plain))
        assert moving.guest == pickle.loads(pickle.dumps(moving.guest))
        seen.append(moving.guest.payload)

    settings: dict[str, Any] = {"transfer": transfer, "transfer_to": transfer_to}
    app = serve(
        GuestConfig(on_transfer=hook, on_event=told.on_event, **settings), kind=kind
    )
    payloads = [{}, {**CART, "deep": {"a": [{"b": 1}]}}]
    for payload in payloads:
        visitor = visit(app)
        visitor.become_guest(payload)
        assert cleared(visitor.login())

    assert payloads == seen
    assert [("issue", None), ("transfer", None)] * 2 == told.codes()
    for event in told.events:
        assert event == pickle.loads(pickle.dumps(event))


def _lines_by_domain(lines: list[str]) -> dict[str | None, str]:
    """Return what an answer says of the guest cookie, by the cookie's domain."""
    found: dict[str | None, str] = {}
    for line in lines:
        parts = dict(
            part.strip().lower().partition("=")[::2] for part in line.split(";")
        )
        domain = parts.get("domain")  # Flask leaves its dot out
        found[domain and domain.lstrip(".")] = parts.get("max-age", "")
    return found


@every_kind
@pytest.mark.parametrize("older", [None, ""])
def test_cookie_domain_that_changed(  # noqa: PLR0917 - fixtures
    serve: Serve, visit: Visit, told: Told, core: Core, kind: Kind, older: str | None
) -> None:
    """Of one guest the newest token counts, of two none; the older domain is cleared.

    That is, if the app names it, as the SDK wants it named for its own cookies.
    """
    session = {"cookie_domain": ".shop.example", "older_cookie_domain": older}
    app = serve(told.config(), kind=kind, session=session)
    host = {"host": "api.shop.example"}
    tokens = [
        guest_jwt(core, "G-1", {"cart": ["old"]}, iat=1_700_000_000),
        guest_jwt(core, "G-1", {"cart": ["new"]}),
        guest_jwt(core, "G-2", {"cart": ["another"]}),
    ]

    for pair in (tokens[:2], tokens[1::-1]):
        visitor = visit(app)
        visitor.http.headers.update({**host, "cookie": f"jwt={pair[0]}; jwt={pair[1]}"})
        answer = visitor.login()
        expected: dict[str | None, str] = {"shop.example": "0"}
        if older is not None:
            expected[None] = "0"
        assert expected == _lines_by_domain(guest_lines(answer))
    assert [{"cart": ["new"]}] * 2 == [moving.moved for moving in told.transfers]

    visitor = visit(app)
    visitor.http.headers.update({**host, "cookie": f"jwt={tokens[0]}; jwt={tokens[2]}"})
    assert [] == guest_lines(visitor.login())
    assert ("transfer-skipped", "ambiguous") == told.codes()[-1]


# Messages that say what to do


@pytest.fixture
def no_sdk() -> Iterator[None]:
    """Forget the SDK before and after."""
    reset_sdk()
    yield
    reset_sdk()


def test_same_site_none_over_http(no_sdk: None) -> None:
    """Browsers would drop such a cookie, so the start fails and says why."""
    setup = Setup(
        core=Core(url="http://127.0.0.1:9"), session={"cookie_same_site": "none"}
    )

    with pytest.raises(ConfigError, match=r"SameSite=None without Secure.*https"):
        init_sdk(setup)


@pytest.mark.parametrize("name", ["st-access-token", "st-refresh-token", "sFrontToken"])
def test_cookie_name_of_the_sdks(name: str) -> None:
    """The guest cannot have the name of a cookie or header of SuperTokens."""
    with pytest.raises(ConfigError, match=f"cookie_name '{name}'.* SuperTokens"):
        GuestConfig(cookie_name=name)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_token_that_nobody_awaited(serve: Serve) -> None:
    """A token that is still a coroutine is told from a bad one."""
    from starlette.requests import Request
    from starlette.responses import Response

    serve()
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    token: Any = guests.create_guest_jwt()

    with pytest.raises(TokenError, match="a coroutine: await it"):
        set_guest_cookie(Response(), token, request)
    token.close()


@pytest.mark.parametrize("is_async", [True, False])
def test_core_at_a_wrong_address(no_sdk: None, *, is_async: bool) -> None:
    """The error names host and port, and no credentials of the address."""
    init_sdk(Setup(core=Core(url="http://shop:secret@127.0.0.1:9")))

    def create() -> str:
        if is_async:
            return asyncio.run(guests.create_guest_jwt())
        return guests_syncio.create_guest_jwt()

    with pytest.raises(CoreUnavailableError, match=r"127\.0\.0\.1:9 ") as raised:
        create()
    assert "secret" not in str(raised.value)


# What is left of an error, of a thread, of a fork


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _nested(value: object) -> object:
    for _ in range(40):
        value = [value]
    return value


def test_errors_hold_no_payload(serve: Serve) -> None:
    """Neither an error nor what it came from shows a payload or a token."""
    app = serve()
    bad_payloads: list[Any] = [
        {"note": {SECRET}},
        {"note": f"{SECRET}\ud800"},
        {"note": [SECRET, float("nan")]},
        {"note": SECRET * 100},
        {"iss": SECRET},
        {"note": _nested(SECRET)},
    ]
    key = static_key()
    bad_tokens: list[str] = [
        key.token(iss=ISSUER, cart=SECRET),
        guest_jwt(app.core, payload={"cart": SECRET}, aud="other"),
        guest_jwt(app.core, payload={"cart": SECRET}, iss="other"),
        key.sign(f'{{"cart": "{SECRET}'.encode()),
        key.sign(f'"{SECRET}\xff"'.encode("latin-1")),
    ]
    calls: list[Callable[[], Any]] = [
        *(functools.partial(guests_syncio.create_guest_jwt, p) for p in bad_payloads),
        *(functools.partial(guests_syncio.verify_guest_jwt, t) for t in bad_tokens),
    ]
    segments = [part for token in bad_tokens for part in token.split(".")[1:]]

    for call in calls:
        with pytest.raises(GuestError) as raised:
            call()
        for error in _chain(raised.value):
            held = [*map(str, error.args), *map(str, vars(error).values()), repr(error)]
            held += [str(getattr(error, name, "")) for name in ("doc", "object")]
            for shown in held:
                assert SECRET not in shown
                assert not any(segment in shown for segment in segments)


def test_exit_in_the_apps_functions(serve: Serve, visit: Visit, told: Told) -> None:
    """A SystemExit of ``on_event`` in the fetch of the keys loses nothing else."""
    threads: list[str] = []

    def on_event(event: Any) -> None:
        told.on_event(event)
        if event.code.startswith("keys-"):
            threads.append(threading.current_thread().name)
            raise SystemExit

    visitor = visit(serve(GuestConfig(on_event=on_event)))
    visitor.become_guest(CART, "G-1")

    assert cleared(visitor.sign_up())
    assert {"sub": "G-1", **CART} == visitor.me()["guest"]


def _in_a_child(work: Callable[[], object]) -> int:
    """Return the exit status of *work* in a forked child; one that hangs is killed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    timer = threading.Timer(20.0, os.kill, (pid, signal.SIGKILL))
    timer.start()
    _, status = os.waitpid(pid, 0)
    timer.cancel()
    return status


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("where", ["KeyCache", "app_info"])
def test_fork_while_the_verifier_is_made(
    no_sdk: None, core: Core, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A child does not wait for a thread of its parent's."""
    init_sdk(Setup(core=core))
    token = guest_jwt(core, "G-1")
    parent = os.getpid()
    arrived, released = threading.Event(), threading.Event()

    def slowly(original: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if os.getpid() == parent:
                arrived.set()
                released.wait(30.0)
            return original(*arguments, **options)

        return call

    if where == "KeyCache":
        monkeypatch.setattr(_runtime, where, slowly(KeyCache))
    else:
        app_info: Any = _runtime.Runtime.app_info
        monkeypatch.setattr(_runtime.Runtime, where, property(slowly(app_info.fget)))
    runtime = _runtime.current()
    thread = threading.Thread(target=lambda: runtime.verifier)
    thread.start()
    try:
        assert arrived.wait(10.0)
        assert 0 == _in_a_child(lambda: guests_syncio.verify_guest_jwt(token))
    finally:
        released.set()
        thread.join(10.0)


def test_places_of_a_forked_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """All its threads share its places, also those who come first, at once."""
    taken: list[bool] = []
    make = threading.BoundedSemaphore

    def meanwhile(number: int) -> Any:
        # While a thread makes the places of the child, another takes one.
        monkeypatch.setattr(threading, "BoundedSemaphore", make)
        taken.append(places("x").acquire(blocking=False))
        return make(number)

    monkeypatch.setattr(threading, "BoundedSemaphore", meanwhile)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    taken.append(places("x").acquire(blocking=False))
    for _ in taken:
        places("x").release()

    assert [True, True] == taken
    assert [True] * AT_ONCE == [
        places("x").acquire(blocking=False) for _ in range(AT_ONCE)
    ]
    assert not places("x").acquire(blocking=False)


def test_an_error_that_an_app_derived_is_answered() -> None:
    """As the one that it is derived from, and not with a 500."""

    class CartFullError(PayloadTooLargeError):
        """The app's own."""

    full = CartFullError("", "is full")

    assert body_of(PayloadTooLargeError("", "is full")) == body_of(full)


@every_kind
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_task_that_a_hook_returns(
    serve: Serve, visit: Visit, kind: Kind, is_cancelled: bool
) -> None:
    """A login neither waits for what the hook left running nor ends with it."""
    ends: list[float] = []

    async def on_transfer(_: GuestTransfer) -> Any:
        task = asyncio.ensure_future(asyncio.sleep(1.0))
        if is_cancelled:
            task.cancel()
        ends.append(time.monotonic() + 1.0)
        return task

    visitor = visit(serve(GuestConfig(on_transfer=on_transfer), kind=kind))
    visitor.become_guest(CART)

    answer = visitor.login()

    assert time.monotonic() < ends[0]
    assert 200 == answer.status_code
    assert cleared(answer)


@pytest.mark.parametrize("kind", ["flask", "django", "django-asgi"])
@pytest.mark.parametrize("late", [False, True])
def test_what_a_plain_hook_returns_is_cancelled(
    serve: Serve, visit: Visit, told: Told, kind: Kind, late: bool
) -> None:
    """It has failed, as any other hook that raises, and the guest is kept."""

    async def save(transfer: GuestTransfer) -> None:
        told.on_transfer(transfer)
        raise asyncio.CancelledError

    def on_transfer(transfer: GuestTransfer) -> Any:
        return save(transfer)

    told.failures = int(late)
    config = GuestConfig(on_transfer=on_transfer, on_event=told.on_event)
    visitor = visit(serve(config, kind=kind))
    token = visitor.become_guest(CART)

    answers = [visitor.sign_up()]
    if late:
        answers.append(visitor.action("transfer"))

    assert {200} == {answer.status_code for answer in answers}
    assert token == visitor.guest_cookie
    assert ("transfer-failed", "hook") in told.codes()


def test_the_bound_counts_ids_that_are_not_ascii(serve: Serve, visit: Visit) -> None:
    """In a front token each letter of them takes six bytes."""
    app = serve(session={"anti_csrf": "VIA_TOKEN"})
    visitor = visit(app)
    visitor.keep_cookie(guest_jwt(app.core, payload={"x": "a" * 100}))

    answer = visitor.login("Ж" * 64)
    visitor.http.headers["anti-csrf"] = answer.headers["anti-csrf"]
    refreshed = visitor.refresh()

    claims = front_payload(refreshed).get("guest", {})
    assert "x" not in claims
