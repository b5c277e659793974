"""The shop's answers, over HTTP: guests, users, and one who becomes the other."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from demo.carts import Carts
from demo.products import MAX_QUANTITY, PRODUCTS
from supertokens_guest.devcore import DevCore
from testkit.shop import read_address, running_shop, start_shop, stop_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MUG, BOWL = "stoneware-mug-cobalt", "stoneware-bowl-cobalt"
PASSWORD = "correct-horse-9"
COOKIE = "shop-guest"


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Yield the address of a shop that has made a guest: the first takes longest."""
    with running_shop() as address:
        httpx.get(f"{address}/api/cart")
        yield address


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return where a shop may keep its carts."""
    return tmp_path / "carts.db"


def browser(address: str) -> httpx.Client:
    """Open a new browser."""
    headers = {"st-auth-mode": "cookie", "rid": "test"}
    return httpx.Client(
        base_url=address,
        headers=headers,
        trust_env=False,
        verify=False,  # plain HTTP; it saves loading certificates
    )


@pytest.fixture
def ada(shop: str) -> Iterator[httpx.Client]:
    """Yield a browser that is new to the shop."""
    with browser(shop) as client:
        yield client


@pytest.fixture
def bob(shop: str) -> Iterator[httpx.Client]:
    """Yield another."""
    with browser(shop) as client:
        yield client


def put(client: httpx.Client, product: str, quantity: Any) -> httpx.Response:
    """Ask for so many of a product."""
    return client.put(f"/api/cart/{product}", json={"quantity": quantity})


def visit(client: httpx.Client) -> dict[str, Any]:
    """Return who the visitor is and what the cart holds."""
    answer = client.get("/api/cart")
    assert 200 == answer.status_code, answer.text
    described: dict[str, Any] = answer.json()
    return described


def enter(client: httpx.Client, email: str, action: str = "signup") -> None:
    """Sign up or in."""
    fields = [{"id": "email", "value": email}, {"id": "password", "value": PASSWORD}]
    answer = client.post(f"/auth/{action}", json={"formFields": fields})
    assert "OK" == answer.json()["status"]


def new_email() -> str:
    """Return an address that nobody has."""
    return f"{uuid.uuid4()}@example.com"


def test_every_visitor_is_a_guest(ada: httpx.Client) -> None:
    """From the page on, and the same one in whatever comes after it."""
    ada.get("/")
    cookie = ada.cookies[COOKIE]
    assert cookie
    described = visit(ada)
    assert described == {
        "id": described["cookie"]["sub"],
        "is_guest": True,
        "cart": {},
        "cookie": {"sub": described["id"]},
        "session": None,
    }
    assert cookie == ada.cookies[COOKIE]


def test_a_guests_cart_is_kept_under_one_id(ada: httpx.Client) -> None:
    """Each change replaces the cookie, and the guest stays the same."""
    first = put(ada, MUG, 1).json()
    put(ada, BOWL, 3)
    put(ada, MUG, 2)
    assert {MUG: 2, BOWL: 3} == visit(ada)["cart"]
    assert first["id"] == visit(ada)["id"]
    put(ada, MUG, 0)
    assert {"sub": first["id"], "cart": {BOWL: 3}} == visit(ada)["cookie"]


def test_the_cart_comes_along_at_the_sign_up(ada: httpx.Client) -> None:
    """Into the database and into the session, and the guest's cookie goes away."""
    guest = put(ada, MUG, 2).json()
    enter(ada, new_email())
    assert COOKIE not in ada.cookies
    user = visit(ada)
    assert user == {
        "id": user["id"],
        "is_guest": False,
        "cart": {MUG: 2},
        "cookie": None,
        "session": guest["cookie"],
    }
    assert guest["id"] != user["id"]


def test_a_cart_of_everything_comes_along(ada: httpx.Client) -> None:
    """One of each product and the most of it, whether or not a header has the room."""
    for product in PRODUCTS:
        put(ada, product, MAX_QUANTITY)
    enter(ada, new_email())
    user = visit(ada)
    everything = dict.fromkeys(PRODUCTS, MAX_QUANTITY)
    assert everything == user["cart"] == user["session"]["cart"]


def test_the_next_visitor_starts_empty(ada: httpx.Client) -> None:
    """After the sign-out nothing of the user or the guest is left in the browser."""
    guest = put(ada, MUG, 2).json()
    enter(ada, new_email())
    ada.post("/auth/signout")
    assert [] == list(ada.cookies)
    assert {} == visit(ada)["cart"]
    assert guest["id"] != visit(ada)["id"]


def test_a_user_gets_no_guest_cookie(ada: httpx.Client) -> None:
    """A signed-in visitor's changes go to the database alone."""
    enter(ada, new_email())
    assert {MUG: 1} == put(ada, MUG, 1).json()["cart"]
    ada.get("/")
    assert COOKIE not in ada.cookies


def test_carts_are_added_up_at_the_sign_in(
    ada: httpx.Client, bob: httpx.Client
) -> None:
    """A user who fills a cart on another device finds both together."""
    email = new_email()
    put(ada, MUG, 2)
    enter(ada, email)
    put(bob, MUG, 1)
    put(bob, BOWL, 1)
    enter(bob, email, "signin")
    assert {MUG: 3, BOWL: 1} == visit(bob)["cart"] == visit(ada)["cart"]


def test_a_kept_cookie_brings_nobody_else_the_cart(
    ada: httpx.Client, bob: httpx.Client
) -> None:
    """The first user wins: whoever kept the guest's cookie gets nothing for it."""
    put(ada, MUG, 2)
    bob.cookies.set(COOKIE, ada.cookies[COOKIE], domain="127.0.0.1")
    enter(ada, new_email())
    enter(bob, new_email())
    assert {} == visit(bob)["cart"]
    assert {MUG: 2} == visit(ada)["cart"]


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1, 1.5, "2", True, None])
def test_a_quantity_that_cannot_be_is_refused(ada: httpx.Client, quantity: Any) -> None:
    """And the cart stays as it was."""
    put(ada, MUG, 1)
    assert 422 == put(ada, MUG, quantity).status_code
    assert {MUG: 1} == visit(ada)["cart"]


def test_an_unknown_product_is_refused(ada: httpx.Client) -> None:
    """Nobody can fill a cart with what the shop does not sell."""
    assert 404 == put(ada, "gold-bar", 1).status_code
    assert {} == visit(ada)["cart"]


def test_a_request_of_another_site_changes_nothing(ada: httpx.Client) -> None:
    """The guard refuses it, and makes nobody a guest."""
    ada.headers = httpx.Headers(
        {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    )
    assert 403 == put(ada, MUG, 1).status_code
    assert [] == list(ada.cookies)


def test_a_bad_guest_cookie_is_no_error(ada: httpx.Client) -> None:
    """Whoever brings nonsense is a new guest, and the nonsense is gone."""
    ada.cookies.set(COOKIE, "nonsense", domain="127.0.0.1", path="/")
    assert 200 == put(ada, MUG, 1).status_code
    assert {MUG: 1} == visit(ada)["cart"]


def test_an_expired_session_is_told_to_refresh(ada: httpx.Client) -> None:
    """Not served as a guest: 401, and after the refresh the user's cart is there."""
    put(ada, MUG, 1)
    enter(ada, new_email())
    good = ada.cookies["sAccessToken"]
    ada.cookies.delete("sAccessToken")
    ada.cookies.set("sAccessToken", good[:-8] + "AAAAAAAA", domain="127.0.0.1")
    assert 401 == ada.get("/api/cart").status_code
    ada.cookies.delete("sAccessToken")
    assert 200 == ada.post("/auth/session/refresh").status_code
    assert {MUG: 1} == visit(ada)["cart"]


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_other_names_lead_to_the_one_address(shop: str, host: str) -> None:
    """Cookies belong to a name, so all visitors come by the same one."""
    port = shop.rpartition(":")[2]
    answer = httpx.get(f"{shop}/api/products", headers={"host": f"{host}:{port}"})
    assert (307, f"{shop}/api/products") == (
        answer.status_code,
        answer.headers["location"],
    )


def test_no_answer_about_a_visitor_is_kept_by_a_cache(ada: httpx.Client) -> None:
    """Neither the cart nor a change of it."""
    for answer in (ada.get("/api/cart"), put(ada, MUG, 1)):
        assert "no-store" in answer.headers["cache-control"]


def test_the_page_loads_nothing_from_elsewhere(ada: httpx.Client) -> None:
    """The browser is told to refuse it, and there is nothing to refuse."""
    page = ada.get("/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "https://" not in page.text


def test_the_page_leads_to_the_readme(ada: httpx.Client) -> None:
    """As text, which every browser shows."""
    assert 'href="/readme"' in ada.get("/").text
    readme = ada.get("/readme")
    assert readme.text.startswith("# supertokens-guest")
    assert "text/plain; charset=utf-8" == readme.headers["content-type"]


def test_a_cart_that_could_not_be_saved_at_the_login_is_saved_later(
    database: Path,
) -> None:
    """The sign-up succeeds, the guest is kept, and the next visit tries again."""
    process = start_shop("--port", "0", "--database", str(database))
    try:
        with browser(read_address(process)) as ada:
            put(ada, MUG, 2)
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("DROP TABLE transferred_guests")
            enter(ada, new_email())
            assert COOKIE in ada.cookies
            Carts(database)  # makes the table again
            user = visit(ada)
            assert (False, {MUG: 2}) == (user["is_guest"], user["cart"])
            assert {MUG: 2} == user["session"]["cart"]
            assert COOKIE not in ada.cookies
    finally:
        status, log = stop_shop(process)
    assert 0 == status
    assert "on_transfer raised" in log


def test_with_the_core_away_a_guest_is_asked_to_come_back() -> None:
    """A change is a 503, and the cart stays as it was."""
    with (
        DevCore() as core,
        running_shop(SUPERTOKENS_CONNECTION_URI=core.url) as address,
        browser(address) as ada,
    ):
        put(ada, MUG, 2)
        core.stop()
        assert 503 == put(ada, BOWL, 1).status_code
        assert {MUG: 2} == visit(ada)["cart"]
        core.start()
        assert {MUG: 2, BOWL: 1} == put(ada, BOWL, 1).json()["cart"]
