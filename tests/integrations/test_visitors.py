"""Every visitor is a guest: who gets one by itself, on which answers, and who none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import GuestConfig
from testkit.apps import KINDS
from testkit.browsing import expired_session, guest_lines
from testkit.sdk import API_DOMAIN, WEBSITE_DOMAIN, guest_jwt

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.browsing import Browse, Open
    from testkit.core import Core

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}


def test_first_visit(open_shop: Open, browse: Browse, told: Told, kind: Kind) -> None:
    """A visitor gets a guest with the first answer, and no second with the next."""
    browser = browse(open_shop(told.config(), kind=kind))

    first = browser.ask()
    token = browser.guest_cookie
    second = browser.ask()

    (line,) = guest_lines(first)
    attributes = {part.strip().lower() for part in line.split(";")[1:]}
    attributes = {part for part in attributes if not part.startswith("expires=")}
    expected = {"httponly", f"max-age={400 * 86_400}", "path=/", "samesite=lax"}
    assert expected == attributes
    assert "private, no-store" == first.headers["cache-control"]
    assert "Cookie" == first.headers["vary"]
    assert [] == guest_lines(second)
    assert "cache-control" not in second.headers
    assert token == browser.guest_cookie
    assert {} == (browser.who() or {})["payload"]
    assert [("issue", None)] == told.codes()


@pytest.mark.parametrize("route", ["open", "guarded"])
@pytest.mark.parametrize("guests", ["outside", "inside"])
def test_one_cookie(
    open_shop: Open, browse: Browse, kind: Kind, guests: Any, route: str
) -> None:
    """However often a view changes the guest, the answer sets it once, whole."""
    browser = browse(open_shop(kind=kind, guests=guests))

    answer = browser.ask(
        *[("merge", {f"n{number}": number}) for number in range(3)],
        ("visitor",),
        ("get",),
        route=route,
        cookies={"a": "1", "b": "2"},
    )

    assert 1 == len(guest_lines(answer))
    lines = answer.headers.get_list("set-cookie")
    assert ["a=1", "b=2"] == sorted(
        line.partition(";")[0] for line in lines if not line.startswith("jwt=")
    )
    shown = answer.json()[-1]
    assert {"n0": 0, "n1": 1, "n2": 2} == shown["payload"]
    assert shown == browser.who()


def test_shared_cache(open_shop: Open, browse: Browse, told: Told, kind: Kind) -> None:
    """What a shared cache may keep is left as it is, and carries no guest."""
    ask = browse(open_shop(told.config(), kind=kind)).ask
    for name, value in (
        ("Cache-Control", "public"),
        ("Cache-Control", "s-maxage=60"),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "no-cache, Max-Age=60"),
        ("Expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Surrogate-Control", "max-age=60"),
        ("CDN-Cache-Control", "max-age=60"),
        ("Cloudflare-CDN-Cache-Control", "max-age=60"),
    ):
        answer = ask(headers={name: value})

        assert value == answer.headers[name]
        assert [] == guest_lines(answer), (name, value)

    assert [] == told.codes()


def test_private_answers(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """What no shared cache may keep carries a guest."""
    app = open_shop(kind=kind)
    for headers in (
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "no-store", "Expires": "0"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "private", "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"},
    ):
        assert 1 == len(guest_lines(browse(app).ask(headers=headers))), headers


def test_not_automatic(open_shop: Open, browse: Browse, told: Told, kind: Kind) -> None:
    """No answer that no visitor looks at makes a guest."""
    browser = browse(open_shop(told.config(), kind=kind))
    dests = ("image", "script", "style", "font", "audio", "video")

    answers = [
        browser.ask(method="OPTIONS"),
        browser.ask(method="HEAD"),
        *(browser.ask(sent={"Sec-Fetch-Dest": dest}) for dest in dests),
        browser.ask(sent={"Sec-Purpose": "prefetch;prerender"}),
        browser.ask(sent={"Purpose": "prefetch"}),
        browser.ask(sent={"X-Moz": "prefetch"}),
        *(browser.ask(status=status) for status in (400, 404, 500)),
        browser.http.get("/nowhere"),
        browser.http.get("/auth/signup/email/exists?email=a@example.com"),
    ]

    assert [[]] * len(answers) == [guest_lines(answer) for answer in answers]
    assert [] == told.codes()


CROSS = {"Sec-Fetch-Site": "cross-site"}
NAVIGATION = {**CROSS, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
ELSEWHERE = {"Origin": "https://elsewhere.example"}


WITHHELD: dict[str, list[tuple[str, dict[str, str], bool]]] = {
    "lax": [
        ("POST", CROSS, False),
        ("POST", NAVIGATION, False),
        ("GET", CROSS, False),
        ("GET", {**CROSS, "Sec-Fetch-Mode": "cors"}, False),
        ("POST", ELSEWHERE, False),
        ("GET", NAVIGATION, True),
        ("GET", ELSEWHERE, True),
        ("POST", {"Sec-Fetch-Site": "same-site"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Origin": API_DOMAIN}, True),
        ("POST", {"Origin": WEBSITE_DOMAIN}, True),
        ("POST", {}, True),
    ],
    "strict": [
        ("GET", NAVIGATION, False),
        ("GET", {"Sec-Fetch-Site": "none"}, True),
    ],
    "none": [
        ("POST", {**CROSS, **ELSEWHERE}, False),
        ("POST", {**CROSS, "Origin": WEBSITE_DOMAIN}, True),
    ],
}


@pytest.mark.parametrize("same_site", WITHHELD)
def test_withheld_cookies(
    open_shop: Open, browse: Browse, kind: Kind, same_site: str
) -> None:
    """Where the browser may have kept cookies back, a guest could replace another."""
    session = {"cookie_same_site": same_site, "cookie_secure": same_site == "none"}
    browser = browse(open_shop(kind=kind, session=session))
    for method, sent, gets_one in WITHHELD[same_site]:
        by_itself = browser.ask(method=method, sent=sent)
        browser.http.cookies.clear()
        by_verb = browser.ask(("merge", CART), method=method, sent=sent, catches=True)
        browser.http.cookies.clear()

        case = (method, sent)
        assert gets_one == bool(guest_lines(by_itself)), case
        assert gets_one == bool(guest_lines(by_verb)), case
        assert gets_one != (by_verb.json()[0].get("error") == "not_allowed"), case


def test_redirect(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """The first answer of many sites is a redirect, and carries the guest."""
    browser = browse(open_shop(kind=kind))

    answer = browser.ask(status=302, headers={"Location": "/elsewhere"})

    assert (302, 1) == (answer.status_code, len(guest_lines(answer)))


def test_server_error(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """An answer of 500 sets no guest and clears none, whatever its view did."""
    browser = browse(open_shop(kind=kind))
    browser.keep_cookie(guest_jwt(core))

    answers = [
        browser.ask(("merge", CART), status=500),
        browser.ask(("clear",), status=503),
    ]

    assert [[], []] == [guest_lines(answer) for answer in answers]
    assert {"guest": "G-1", "payload": {}} == browser.who()


def test_client_error_of_a_view_that_wrote(
    open_shop: Open, browse: Browse, kind: Kind
) -> None:
    """A view that answers 400 keeps what it wrote before."""
    browser = browse(open_shop(kind=kind))

    answer = browser.ask(("merge", CART), status=400)

    assert (400, 1) == (answer.status_code, len(guest_lines(answer)))
    assert CART == (browser.who() or {})["payload"]


def test_by_hand(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """A view that sets or clears the cookie itself is left its way."""
    browser = browse(open_shop(kind=kind))
    token = guest_jwt(core)

    was_set = browser.ask(by_hand=token)
    kept = browser.guest_cookie
    was_cleared = browser.ask(by_hand="")

    assert token == kept
    assert [1, 1] == [len(guest_lines(one)) for one in (was_set, was_cleared)]
    assert browser.guest_cookie is None


def test_beside_a_session_token(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """No guest appears beside a login, expired too; garbage under its name is none."""
    app = open_shop(told.config(), kind=kind)
    user = browse(app, auth_mode="cookie")
    user.login()
    expired = browse(app)
    expired.keep_cookie(expired_session(core), name="sAccessToken")
    garbage = browse(app)
    garbage.keep_cookie("junk", name="sAccessToken")
    gateway = {"Authorization": f"Bearer {core.sign({'iss': 'https://gateway'})}"}
    bearer = {"Authorization": f"Bearer {expired_session(core)}"}

    assert [] == guest_lines(user.ask())
    assert [] == guest_lines(expired.ask())
    assert [] == guest_lines(browse(app).ask(sent=bearer))
    assert [] == told.codes()
    assert 1 == len(guest_lines(garbage.ask()))
    assert 1 == len(guest_lines(browse(app).ask(sent=gateway)))


def test_another_ones_cookie(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """Somebody else's JWT bars the guest; what nobody can read is replaced."""
    app = open_shop(told.config(), kind=kind)
    barred, junk, ended = browse(app), browse(app), browse(app)
    foreign = core.sign({"iss": "https://other.example", "sub": "somebody"})
    barred.keep_cookie(foreign)
    junk.keep_cookie("junk")
    ended.keep_cookie(guest_jwt(core, iat=1_500_000_000, exp=1_500_000_001))

    assert [] == guest_lines(barred.ask())
    assert ("foreign-cookie", None) in told.codes()
    assert 1 == len(guest_lines(junk.ask()))
    assert 1 == len(guest_lines(ended.ask()))


def test_two_guests(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """Two valid guests are no guest, and stay: which is the visitor's nobody knows."""
    browser = browse(open_shop(told.config(), kind=kind))
    both = f"jwt={guest_jwt(core, 'G-1')}; jwt={guest_jwt(core, 'G-2')}"

    answer = browser.ask(("get",), sent={"Cookie": both})

    assert [None] == answer.json()
    assert [] == guest_lines(answer)
    assert [] == told.codes()


def test_host_prefix(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A ``__Host-`` name keeps its promise to the browser."""
    config = GuestConfig(cookie_name="__Host-guest")
    session = {"cookie_domain": ".shop.example"}
    browser = browse(open_shop(config, kind=kind, session=session))

    (line,) = guest_lines(browser.ask(), "__Host-guest")

    parts = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"secure", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
