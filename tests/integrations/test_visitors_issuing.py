"""When a guest is issued by itself or renewed, and what a slow core does to nobody."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from supertokens_guest import GuestConfig
from supertokens_guest._runtime import current
from supertokens_guest.devcore import DevCore
from testkit.apps import KINDS, closing_loops
from testkit.browsing import PATIENCE_SECONDS, guest_lines
from testkit.core import Core
from testkit.proxy import FaultyCore
from testkit.sdk import guest_jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.apps import App, Kind, Told
    from testkit.browsing import Browse, Open

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}
DAY = 86_400
AT_ONCE = 8
VISITS = 50
SIGNING = ("POST", "/recipe/jwt")


@pytest.fixture
def dev_core() -> Iterator[DevCore]:
    """Yield a core that can fail."""
    with DevCore() as dev_core:
        yield dev_core


def test_lazy(open_shop: Open, browse: Browse, told: Told, kind: Kind) -> None:
    """Nobody gets a guest by just looking; who is asked for one gets it."""
    app = open_shop(told.config(issue="lazy"), kind=kind)

    assert [] == guest_lines(browse(app).ask(("get",)))
    assert [] == told.codes()
    assert 1 == len(guest_lines(browse(app).ask(route="guarded")))
    assert 1 == len(guest_lines(browse(app).ask(("visitor",))))
    assert 1 == len(guest_lines(browse(app).ask(("merge", CART))))


def test_function(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """A consent binds guard, verbs and the cookie by hand, but no signing by hand."""

    def has_agreed(request: Any) -> bool:
        return bool(request.get_cookie("agreed"))

    app = open_shop(told.config(issue=has_agreed), kind=kind)
    token = guest_jwt(core)
    for agreed in (False, True):
        sent = {"Cookie": "agreed=yes"} if agreed else {}
        for answer in (
            browse(app).ask(("visitor",), sent=sent),
            browse(app).ask(("merge", CART), sent=sent),
            browse(app).ask(route="guarded", sent=sent),
            browse(app).ask(by_hand=token, sent=sent),
        ):
            assert (200 if agreed else 409) == answer.status_code
            assert agreed == bool(guest_lines(answer))
        assert agreed == bool(guest_lines(browse(app).ask(sent=sent)))
        created = browse(app).ask(("create", CART), sent=sent)
        assert (200, 3) == (created.status_code, len(created.json()[0].split(".")))
    assert ("issue-refused", "not_allowed") in told.codes()


def test_function_and_a_known_guest(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """Who is a guest already stays one: what is bound is issuing."""
    config = GuestConfig(issue=lambda _: False)
    browser = browse(open_shop(config, kind=kind))
    browser.keep_cookie(guest_jwt(core))

    answer = browser.ask(("merge", CART), route="guarded")

    assert (200, 1) == (answer.status_code, len(guest_lines(answer)))
    assert {"guest": "G-1", "payload": CART} == browser.who()


def test_function_that_fails(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """A fault in the app's function is no guest and an event, and fails no request."""

    def has_agreed(request: Any) -> bool:
        raise OSError("the database is away")

    browser = browse(open_shop(told.config(issue=has_agreed), kind=kind))

    answer = browser.ask()

    assert (200, []) == (answer.status_code, guest_lines(answer))
    assert [("issue-refused", "issue_raised")] == told.codes()
    assert isinstance(told.events[0].error, OSError)
    assert 409 == browser.ask(route="guarded").status_code


def test_renewal(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """After 30 days the same guest gets a new token, and lives on."""
    app = open_shop(told.config(), kind=kind)
    old, young = browse(app), browse(app)
    now = int(time.time())
    old.keep_cookie(guest_jwt(core, "G-old", CART, iat=now - 31 * DAY))
    young.keep_cookie(guest_jwt(core, "G-young", CART, iat=now - 29 * DAY))

    kept = [
        old.ask(method="HEAD"),
        old.ask(headers={"Cache-Control": "public"}),
        old.ask(status=404),
        young.ask(),
    ]
    renewed = old.ask(("get",))
    after = old.ask(("get",))

    expected = {"guest": "G-old", "payload": CART}
    assert [[]] * 4 == [guest_lines(answer) for answer in kept]
    assert ([expected], 1) == (renewed.json(), len(guest_lines(renewed)))
    assert ([expected], []) == (after.json(), guest_lines(after))
    assert [("renew", "G-old")] == [(one.code, one.guest_id) for one in told.events]


def test_renewal_that_fails(
    open_shop: Open, browse: Browse, told: Told, dev_core: DevCore, kind: Kind
) -> None:
    """A guest that cannot be renewed now stays the guest."""
    core = Core(url=dev_core.url)
    browser = browse(open_shop(told.config(), kind=kind, core=core))
    browser.keep_cookie(guest_jwt(core, iat=int(time.time()) - 31 * DAY))

    with dev_core.failing("500", path="/recipe/jwt"):
        answer = browser.ask(("get",), route="guarded")

    assert "G-1" == answer.json()[1]["guest"]
    assert (200, []) == (answer.status_code, guest_lines(answer))
    assert ("issue-shed", "core_unavailable") in told.codes()


def test_pause(
    open_shop: Open, browse: Browse, told: Told, dev_core: DevCore, kind: Kind
) -> None:
    """After a failure nothing is tried by itself for five seconds; a guard asks on."""
    app = open_shop(told.config(), kind=kind, core=Core(url=dev_core.url))
    began = time.monotonic()
    with dev_core.failing("500", path="/recipe/jwt"):
        failed = browse(app).ask()
    asked = signings(dev_core)

    paused = browse(app).ask()

    assert [(200, [])] * 2 == [
        (answer.status_code, guest_lines(answer)) for answer in (failed, paused)
    ]
    shed = [("issue-shed", "core_unavailable"), ("issue-shed", "paused")]
    assert shed == told.codes()
    assert asked == signings(dev_core)
    assert began + 5 <= current().paused_until <= time.monotonic() + 5
    assert 1 == len(guest_lines(browse(app).ask(route="guarded")))
    current().paused_until = time.monotonic()
    assert 1 == len(guest_lines(browse(app).ask()))


def at_once(app: App, kind: Kind, count: int, route: str = "open") -> list[Any]:
    """Have so many new visitors ask at once; what hangs fails.

    A WSGI app in this process, because Werkzeug's server takes one request at a time.
    """
    is_wsgi = kind in {"flask", "django"}
    transport = httpx.WSGITransport(closing_loops(app.native)) if is_wsgi else None

    def ask() -> httpx.Response:
        way = "sync" if is_wsgi else "async"
        return client.get(f"/{way}/{route}")

    with (
        httpx.Client(
            transport=transport or httpx.HTTPTransport(verify=False),
            base_url=app.url,
            timeout=PATIENCE_SECONDS,
            limits=httpx.Limits(max_connections=None),
        ) as client,
        ThreadPoolExecutor(count) as pool,
    ):
        # Each asks from a browser of its own.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        asking = [pool.submit(ask) for _ in range(count)]
        return [asked.result(timeout=PATIENCE_SECONDS) for asked in asking]


def signings(dev_core: DevCore) -> int:
    """Return how often the core was asked to sign."""
    return sum(request.route == "/recipe/jwt" for request in dev_core.requests)


def wait_for(is_true: Callable[[], bool]) -> None:
    """Wait for what another thread does; what hangs fails."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def test_eight_at_a_time(open_shop: Open, told: Told, core: Core, kind: Kind) -> None:
    """Eight are issued at a time; whoever else comes is served without a guest."""
    with FaultyCore(core) as faulty, ThreadPoolExecutor(1) as pool:
        app = open_shop(told.config(), kind=kind, core=faulty.core)
        faulty.hold(method=SIGNING[0], path=SIGNING[1])
        visits = pool.submit(at_once, app, kind, AT_ONCE + 4)
        wait_for(lambda: len(told.events) == 4)
        shed = told.codes()
        faulty.heal()

        answers = visits.result(timeout=PATIENCE_SECONDS)

    assert [("issue-shed", "busy")] * 4 == shed
    given = [len(guest_lines(answer)) for answer in answers]
    assert ({200}, AT_ONCE) == ({one.status_code for one in answers}, sum(given))


def test_guards_have_a_queue_of_their_own(
    open_shop: Open, core: Core, kind: Kind
) -> None:
    """Strangers who only look do not take a guest from somebody who needs one."""
    with FaultyCore(core) as faulty, ThreadPoolExecutor(2) as pool:
        app = open_shop(kind=kind, core=faulty.core)
        faulty.hold(method=SIGNING[0], path=SIGNING[1])
        strangers = pool.submit(at_once, app, kind, AT_ONCE)
        wait_for(lambda: faulty.asked.count(SIGNING) == AT_ONCE)

        needed = pool.submit(at_once, app, kind, 1, "guarded")
        wait_for(lambda: faulty.asked.count(SIGNING) == AT_ONCE + 1)
        is_held = not strangers.done()
        faulty.heal()

        (served,) = needed.result(timeout=PATIENCE_SECONDS)
        strangers.result(timeout=PATIENCE_SECONDS)
    assert is_held
    assert (200, 1) == (served.status_code, len(guest_lines(served)))


def test_core_that_hangs(
    open_shop: Open,
    told: Told,
    dev_core: DevCore,
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who looks is served without a guest in about a second; who needs one, a 503."""
    app = open_shop(told.config(), kind=kind, core=Core(url=dev_core.url))

    monkeypatch.undo()

    with dev_core.failing("slow", path="/recipe/jwt", seconds=60.0):
        (looked,) = at_once(app, kind, 1)
        needed = at_once(app, kind, 2 * AT_ONCE, "guarded")

    assert (200, []) == (looked.status_code, guest_lines(looked))
    assert ("issue-shed", "core_unavailable") in told.codes()
    assert {503} == {answer.status_code for answer in needed}


def test_requests_of_one_page(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """Each of a page's first requests may set a guest, and any of them holds."""
    app = open_shop(kind=kind)

    lines = [line for answer in at_once(app, kind, 6) for line in guest_lines(answer)]

    tokens = [line.split(";")[0].partition("=")[2] for line in lines]
    seen = []
    for token in tokens:
        browser = browse(app)
        browser.keep_cookie(token)
        answer = browser.ask(("get",))
        assert [] == guest_lines(answer)
        seen.append(answer.json()[0]["guest"])
    assert 6 == len(set(seen))


def test_many_first_visits(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """Of many first visits none fails; each has a guest, or an event says why not."""
    app = open_shop(told.config(), kind=kind)
    browse(app).ask()  # the keys
    told.events.clear()

    answers = at_once(app, kind, VISITS)

    assert {200} == {answer.status_code for answer in answers}
    given = sum(len(guest_lines(answer)) for answer in answers)
    codes = [event.code for event in told.events]
    assert given > 0
    assert (given, VISITS - given) == (codes.count("issue"), codes.count("issue-shed"))
