"""The guard gives the session's user, or the guest, in the form of the SDK's own."""

from __future__ import annotations

import importlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import GuestConfig
from supertokens_guest.devcore import DevCore
from testkit.apps import KINDS, Told
from testkit.browsing import expired_session, guest_lines
from testkit.core import Core
from testkit.sdk import guest_jwt
from testkit.visitors import cleared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.apps import Kind
    from testkit.browsing import Browse, Browser, Open

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}


@pytest.fixture
def dev_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevCore]:
    """Yield a core that can fail, whose keys are asked for again at once."""
    monkeypatch.setattr("supertokens_guest._tokens.keys.RETRY_SECONDS", (0.0, 0.0))
    with DevCore() as dev_core:
        yield dev_core


def guarded(browser: Browser, *steps: Any, route: str = "guarded", **more: Any) -> Any:
    """Ask for a guarded route and return the whole answer."""
    return browser.ask(*steps, route=route, **more)


@pytest.mark.parametrize("way", ["async", "sync"])
def test_guest_or_user(
    open_shop: Open, browse: Browse, told: Told, kind: Kind, way: str
) -> None:
    """A visitor is the guest until the login, and then the user, in any view."""
    browser = browse(open_shop(told.config(), kind=kind), auth_mode="cookie")

    first = guarded(browser, way=way)
    again = guarded(browser, way=way)
    browser.login("user-1")
    (user,) = guarded(browser, way=way).json()

    (guest,) = first.json()
    assert guest["id"].startswith("G-")
    assert (True, False) == (guest["is_guest"], guest["is_user"])
    assert 1 == len(guest_lines(first))
    assert ([guest], []) == (again.json(), guest_lines(again))
    assert {"id": "user-1", "is_guest": False, "is_user": True} == user
    assert [("issue", None), ("transfer", None)] == told.codes()


def test_any_method(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A guard binds where nothing is automatic."""
    app = open_shop(kind=kind)
    for method in ("HEAD", "OPTIONS"):
        answer = guarded(browse(app), method=method)
        assert (200, 1) == (answer.status_code, len(guest_lines(answer)))


def test_one_signing(open_shop: Open, browse: Browse, told: Told, kind: Kind) -> None:
    """Who is guarded and then asked for again is signed once."""
    browser = browse(open_shop(told.config(), kind=kind))

    answer = guarded(browser, ("visitor",), ("get",))

    ids = {shown.get("guest", shown.get("id")) for shown in answer.json()}
    assert 1 == len(ids)
    assert [("issue", None)] == told.codes()


def test_claim_validators(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A user without the claim gets the SDK's 403; a guest has no session to ask."""
    app = open_shop(kind=kind)
    user, guest = browse(app, auth_mode="cookie"), browse(app)
    user.login()

    refused = guarded(user, route="guarded-vip")
    served = guarded(guest, route="guarded-vip")

    assert 403 == refused.status_code
    assert ["vip"] == [one["id"] for one in refused.json()["claimValidationErrors"]]
    assert (200, True) == (served.status_code, served.json()[0]["is_guest"])


def test_check_database(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """A session that the core no longer has is seen by who asks the core."""
    user = browse(open_shop(kind=kind), auth_mode="cookie")
    user.login()
    handle = user.me()["sessionHandle"]
    core.call("POST", "/recipe/session/remove", sessionHandles=[handle])

    assert 200 == guarded(user).status_code
    assert 401 == guarded(user, route="guarded-database").status_code


def test_expired_session(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """An expired login is the SDK's 401, so that the front end refreshes or ends it."""
    user = browse(open_shop(told.config(), kind=kind), auth_mode="cookie")
    user.keep_cookie(expired_session(core), name="sAccessToken")

    answer = guarded(user)

    assert (401, []) == (answer.status_code, guest_lines(answer))
    assert [] == told.codes()
    assert "try refresh token" == answer.json()["message"]


def test_unreadable_session(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """What the SDK cannot read as its own is no session, so that there is a guest."""
    app = open_shop(kind=kind)
    gateway = core.sign({"iss": "https://gateway.example", "sub": "service"})
    for sent in (
        {"Authorization": "Bearer junk"},
        {"Authorization": f"Bearer {gateway}"},
        {"Cookie": "sAccessToken=junk"},
        {"Cookie": "sAccessToken="},
    ):
        answer = guarded(browse(app), sent=sent)
        assert (200, True) == (answer.status_code, answer.json()[0]["is_guest"]), sent


def test_conflicts(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """Where no guest may be set, the answer is a 409 that gives no reason."""
    app = open_shop(kind=kind)
    foreign = core.sign({"iss": "https://other.example", "sub": "somebody"})
    both = f"jwt={guest_jwt(core, 'G-1')}; jwt={guest_jwt(core, 'G-2')}"
    for sent in (
        {"Cookie": f"jwt={foreign}"},
        {"Cookie": both},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ):
        answer = guarded(browse(app), sent=sent)
        assert (409, {"message": "Conflict"}) == (answer.status_code, answer.json())
        assert [] == guest_lines(answer)


def test_another_site(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """An unsafe request that another site started is a 403, for guests and users."""
    app = open_shop(kind=kind)
    guest, user = browse(app), browse(app, auth_mode="cookie")
    guest.keep_cookie(guest_jwt(core))
    user.login()
    del user.http.headers["st-auth-mode"]  # no other site's page can send it

    for browser in (guest, user):
        refused = guarded(browser, method="POST", sent=CROSS)
        assert (403, {"message": "Forbidden"}) == (refused.status_code, refused.json())
        assert 200 == guarded(browser, sent=CROSS).status_code
        own = {"Sec-Fetch-Site": "same-origin"}
        assert 200 == guarded(browser, method="POST", sent=own).status_code


def test_keys_unavailable(
    open_shop: Open, browse: Browse, dev_core: DevCore, kind: Kind
) -> None:
    """A guest that cannot be judged is a 503, and stays."""
    core = Core(url=dev_core.url)
    browser = browse(open_shop(kind=kind, core=core))
    browser.keep_cookie(guest_jwt(core))

    with dev_core.failing("500", path="/.well-known/jwks.json"):
        answer = guarded(browser)

    message = {"message": "Service Unavailable"}
    assert (503, message) == (answer.status_code, answer.json())
    assert [] == guest_lines(answer)


def test_core_unavailable(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """Without a core there is no guest: 503, where one is needed."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses connections
        core = Core(url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        answer = guarded(browse(open_shop(kind=kind, core=core)))

    message = {"message": "Service Unavailable"}
    assert (503, message) == (answer.status_code, answer.json())


def test_same_function(kind: Kind) -> None:
    """Equal arguments give one function, so that a test can override a dependency."""
    name = "django" if kind == "django-asgi" else kind
    verify = importlib.import_module(f"supertokens_guest.{name}").verify_visitor

    def validators(*_: Any) -> list[Any]:
        return []

    assert verify() is verify(check_database=False)
    assert verify() is not verify(check_database=True)
    own = verify(override_global_claim_validators=validators)
    assert own is verify(override_global_claim_validators=validators)
    assert own is not verify()


def waiting(
    open_shop: Open, browse: Browse, dev: DevCore, told: Told, kind: Kind
) -> Browser:
    """Return who has logged in while the core told no keys, with the guest kept."""
    core = Core(url=dev.url)
    browser = browse(open_shop(told.config(), kind=kind, core=core), auth_mode="cookie")
    browser.keep_cookie(guest_jwt(core, payload=CART))
    with dev.failing("500", path="/.well-known/jwks.json"):
        browser.login("user-1")
    return browser


def test_late_transfer_after_an_outage(
    open_shop: Open, browse: Browse, told: Told, dev_core: DevCore, kind: Kind
) -> None:
    """What a login could not do for want of keys, the guard of the next request does.

    The middleware alone does nothing to a session.
    """
    browser = waiting(open_shop, browse, dev_core, told, kind)
    assert "sg-waiting" in browser.me()
    seen = told.transfers[:]
    plain = browser.ask(("get",))

    answer = guarded(browser)

    assert ([], []) == (seen, guest_lines(plain))
    assert "sAccessToken" not in "".join(plain.headers.get_list("set-cookie"))
    assert "user-1" == answer.json()[0]["id"]
    assert cleared(answer)
    assert "private, no-store" == answer.headers["cache-control"]
    session = browser.me()
    assert {"sub": "G-1", **CART} == session["guest"]
    assert "sg-waiting" not in session
    assert ["user-1"] == [transfer.user_id for transfer in told.transfers]


def test_late_transfer_after_a_failed_hook(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """A hook that raised at the login is called again by the guard."""
    calls: list[str] = []

    def hook(transfer: Any) -> None:
        calls.append(transfer.user_id)
        if len(calls) == 1:
            raise OSError("the database is away")

    config = GuestConfig(on_transfer=hook, transfer=())
    browser = browse(open_shop(config, kind=kind), auth_mode="cookie")
    browser.keep_cookie(guest_jwt(core, payload=CART))
    login = browser.login("user-1")
    kept = browser.guest_cookie

    answer = guarded(browser)
    guarded(browser)

    assert (200, False, True) == (login.status_code, cleared(login), kept is not None)
    assert (200, True) == (answer.status_code, cleared(answer))
    assert ["user-1", "user-1"] == calls
    assert "sg-waiting" not in browser.me()


def test_late_transfer_takes_no_other(
    open_shop: Open, browse: Browse, told: Told, dev_core: DevCore, kind: Kind
) -> None:
    """A guest that came after the login is not the one that it left waiting."""
    browser = waiting(open_shop, browse, dev_core, told, kind)
    browser.keep_cookie(guest_jwt(Core(url=dev_core.url), "G-2"))

    answer = guarded(browser)

    assert (200, []) == (answer.status_code, guest_lines(answer))
    assert [] == told.transfers
    assert "guest" not in browser.me()


def test_one_late_transfer(
    open_shop: Open, browse: Browse, told: Told, dev_core: DevCore, kind: Kind
) -> None:
    """What the requests of a page all find waiting is transferred once."""
    browser = waiting(open_shop, browse, dev_core, told, kind)
    cookies = "; ".join(f"{one.name}={one.value}" for one in browser.http.cookies.jar)

    answers = [guarded(browser, sent={"Cookie": cookies}) for _ in range(3)]

    assert [200] * 3 == [answer.status_code for answer in answers]
    assert 1 == told.codes().count(("transfer", None))
