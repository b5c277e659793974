"""How a guest travels: in any cookies, in a header, and past every cache."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from testkit.apps import KINDS
from testkit.browsing import guest_lines
from testkit.sdk import guest_jwt
from testkit.visitors import cleared

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.browsing import Browse, Open
    from testkit.core import Core

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}


def exposed(answer: httpx.Response) -> set[str]:
    """Return the headers that a script of another origin may read."""
    names = answer.headers["access-control-expose-headers"].split(",")
    return {name.strip() for name in names}


def test_any_cookies(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """However a browser brings its cookies, each framework sees the same guest."""
    browser = browse(open_shop(told.config(issue="lazy"), kind=kind))
    one = guest_jwt(core, "G-1", {"n": 1}, iat=int(time.time()) - 100).encode()
    newer = guest_jwt(core, "G-1", {"n": 2}).encode()
    other = guest_jwt(core, "G-2").encode()
    large = b"x=" + b"y" * 8_000
    cases: list[tuple[list[bytes], int | None]] = [
        ([b"jwt=" + one], 1),
        ([b"jwt = " + one + b" ; a=1"], 1),
        ([b'jwt="' + one + b'"'], 1),
        ([b"a=1", b"jwt=" + one], 1),
        ([b"jwt=" + one, b"a=1"], 1),
        ([b"jwt=" + one + b"; jwt=" + one], 1),
        ([b"jwt=" + one + b"; jwt=" + newer], 2),
        ([b"jwt=" + newer, b"jwt=" + one], 2),
        ([b"jwt=junk; jwt=" + one], 1),
        ([b"jwt=" + one + b"; jwt=junk"], 1),
        ([b"jwt=; jwt=" + one], 1),
        ([b"a=\xe9\xff; jwt=" + one], 1),
        ([large + b"; jwt=" + one], 1),
        ([b"jwt=" + one + b"; " + large], 1),
        ([b"a; =b; ;; jwt=" + one], 1),
        ([b"jwt=" + one + b"; jwt=" + other], None),
        ([b"jwt=" + one, b"jwt=" + other], None),
        ([b"; ".join([b"jwt=" + one] * 5)], None),
        ([b"jwt=\xe9\xff"], None),
        ([b'jwt="' + one], None),
        ([b"JWT=" + one], None),
        ([b"jwt=" + b"A" * 8_000], None),
        ([b"jwt=" + one + b"\xe9"], None),
        ([b"jwt"], None),
    ]
    for headers, expected in cases:
        answer = browser.ask(("get",), cookie_headers=headers)
        (seen,) = answer.json()
        assert expected == (seen and seen["payload"]["n"]), headers
        assert [] == guest_lines(answer)
    assert {"verify-rejected"} == {event.code for event in told.events}


def test_header(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A client without cookies gets the guest in a header, and brings it so."""
    client = browse(open_shop(kind=kind), auth_mode="header")

    first = client.ask(("merge", CART))
    token = first.headers["guest-jwt"]
    same = client.ask(("get",), sent={"guest-jwt": token})
    changed = client.ask(("merge", {"n": 1}), sent={"guest-jwt": token})

    assert [[]] * 3 == [guest_lines(answer) for answer in (first, same, changed)]
    assert "guest-jwt" in exposed(first)
    assert "private, no-store" == first.headers["cache-control"]
    assert first.json() == same.json()
    assert "guest-jwt" not in same.headers
    assert token != changed.headers["guest-jwt"]
    assert {**CART, "n": 1} == changed.json()[0]["payload"]
    assert first.json()[0]["guest"] == changed.json()[0]["guest"]


def test_header_by_itself(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """Such a client is a guest from its first request, too."""
    client = browse(open_shop(kind=kind), auth_mode="header")

    answer = client.ask()
    again = client.ask(("get",), sent={"guest-jwt": answer.headers["guest-jwt"]})

    assert again.json()[0]["guest"].startswith("G-")
    assert ([], []) == (guest_lines(answer), guest_lines(again))


def test_known_header(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A known guest who came in a header is no reason to do nothing for the others."""
    app = open_shop(kind=kind)
    client = browse(app, auth_mode="header")
    token = client.ask().headers["guest-jwt"]

    known = client.ask(sent={"guest-jwt": token})

    assert "guest-jwt" not in known.headers
    assert 1 == len(guest_lines(browse(app).ask()))


def test_expose_headers(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """What the app exposes itself stays exposed."""
    client = browse(open_shop(kind=kind), auth_mode="header")

    answer = client.ask(headers={"Access-Control-Expose-Headers": "x-total"})

    assert {"x-total", "guest-jwt"} == exposed(answer)


def test_header_after_the_login(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """After a transfer the header says ``remove``; a cookie that came is cleared."""
    app = open_shop(kind=kind)
    token = guest_jwt(core, payload=CART)
    for cookie in (None, token):
        client = browse(app, auth_mode="header")
        if cookie:
            client.keep_cookie(cookie)

        answer = client.ask(("login", "user-1"), sent={"guest-jwt": token})

        assert "remove" == answer.headers["guest-jwt"]
        assert (cookie is not None) == cleared(answer)
        assert {"guest-jwt", "st-access-token"} <= exposed(answer)


def test_cookie_never_in_a_header(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """A guest that came in a cookie, which no script can read, answers in one."""
    client = browse(open_shop(kind=kind), auth_mode="header")
    client.keep_cookie(guest_jwt(core, payload=CART))

    changed = client.ask(("merge", {"n": 1}))
    client.keep_cookie(guest_jwt(core, iat=int(time.time()) - 31 * 86_400))
    renewed = client.ask()

    for answer in (changed, renewed):
        assert 1 == len(guest_lines(answer))
        assert "guest-jwt" not in answer.headers


def test_header_and_cookie(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """A valid header wins over cookies; a bad one does not hide a good cookie."""
    app = open_shop(kind=kind)
    one, two = guest_jwt(core, "G-1"), guest_jwt(core, "G-2")

    def seen(header: str, cookie: str) -> Any:
        client = browse(app, auth_mode="header")
        client.keep_cookie(cookie)
        guest = client.ask(("get",), sent={"guest-jwt": header}).json()[0]
        return guest and guest["guest"]

    assert "G-1" == seen(one, two)
    assert "G-1" == seen(one, "junk")
    assert "G-2" == seen("junk", two)
    assert seen("junk", "junk") is None


def test_bad_header(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A client whose header is no good gets another guest."""
    client = browse(open_shop(kind=kind), auth_mode="header")

    answer = client.ask(sent={"guest-jwt": "junk"})

    assert 3 == len(answer.headers["guest-jwt"].split("."))
    assert [] == guest_lines(answer)


CACHING = {
    "Cache-Control": "public, max-age=60",
    "Expires": "Thu, 01 Jan 2099 00:00:00 GMT",
    "Surrogate-Control": "max-age=60",
    "CDN-Cache-Control": "max-age=60",
}


def test_caches_of_who_wrote(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """Where a view wrote, what lets caches keep the answer goes, not the data."""
    app = open_shop(kind=kind)
    for step in (("merge", CART), ("clear",), ("visitor",)):
        browser = browse(app)
        if step == ("clear",):
            browser.keep_cookie(guest_jwt(core))

        answer = browser.ask(step, headers={**CACHING, "Vary": "Accept-Language"})

        assert 1 == len(guest_lines(answer)), step
        assert "private, no-store" == answer.headers["cache-control"]
        assert "Accept-Language, Cookie" == answer.headers["vary"]
        left = set(CACHING) & {name.title() for name in answer.headers}
        assert {"Cache-Control"} == left


def test_caches_of_who_read(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """Where a view only looked, the answer depends on the cookie and says so."""
    browser = browse(open_shop(kind=kind))
    browser.keep_cookie(guest_jwt(core))

    looked = browser.ask(("get",), headers=CACHING)
    nothing = browser.ask(headers=CACHING)
    all_ways = browser.ask(("get",), headers={"Vary": "*"})
    guarded = browser.ask(route="guarded")

    assert "Cookie" == looked.headers["vary"]
    for answer in (looked, nothing):
        kept = {name: answer.headers[name] for name in CACHING}
        assert CACHING == kept
        assert [] == guest_lines(answer)
    assert "vary" not in nothing.headers
    assert "*" == all_ways.headers["vary"]
    assert "Cookie" == guarded.headers["vary"]
    assert "cache-control" not in guarded.headers


@pytest.mark.parametrize("guests", ["outside", "inside", "alone"])
def test_missing_sdk(
    open_shop: Open,
    browse: Browse,
    caplog: pytest.LogCaptureFixture,
    kind: Kind,
    guests: Any,
) -> None:
    """Without the SDK's own middleware guests still work, and one line warns of it."""
    app = open_shop(kind=kind, guests=guests)

    answers = [browse(app).ask() for _ in range(2)]

    assert [1, 1] == [len(guest_lines(answer)) for answer in answers]
    warned = [one for one in caplog.messages if "own middleware is missing" in one]
    assert (1 if guests == "alone" else 0) == len(warned)
