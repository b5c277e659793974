"""The shops in Flask and Django: one page each, with what the large one promises."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from testkit.shop import SMALL_SHOPS, running_small_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

MUG = "stoneware-mug-cobalt"


@pytest.fixture(scope="module", params=SMALL_SHOPS)
def shop(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the address of each, as its user starts it."""
    with running_small_shop(request.param) as address:
        yield address


@pytest.fixture
def ada(shop: str) -> Iterator[httpx.Client]:
    """Yield a browser that is new to the shop."""
    headers = {"st-auth-mode": "cookie"}
    with httpx.Client(
        base_url=shop,
        headers=headers,
        timeout=20.0,
        trust_env=False,
        verify=False,  # plain HTTP; it saves loading certificates
    ) as client:
        yield client


def guest_cookies(client: httpx.Client) -> list[str]:
    """Return the guest's cookies that the browser has."""
    return [value for name, value in client.cookies.items() if "-guest" in name]


def test_the_page_makes_a_guest(ada: httpx.Client) -> None:
    """The same one who then has the cart."""
    page = ada.get("/")
    assert "<h1>Guest shop, small</h1>" in page.text
    held = guest_cookies(ada)
    assert 1 == len(held)
    assert ada.get("/cart").json()["who"].startswith("guest G-")
    assert held == guest_cookies(ada)


def test_the_cart_comes_along_at_the_sign_up(ada: httpx.Client) -> None:
    """The guest's cookie goes away, and the user goes on with the same cart."""
    ada.post(f"/cart/{MUG}")
    assert {MUG: 2} == ada.post(f"/cart/{MUG}").json()["cart"]
    email = {"id": "email", "value": f"{uuid.uuid4()}@example.com"}
    password = {"id": "password", "value": "correct-horse-9"}
    answer = ada.post("/auth/signup", json={"formFields": [email, password]})
    assert "OK" == answer.json()["status"]
    assert [] == guest_cookies(ada)

    visit = ada.get("/cart").json()
    assert {MUG: 2} == visit["cart"]
    assert visit["who"].startswith("user ")
    assert {MUG: 3} == ada.post(f"/cart/{MUG}").json()["cart"]
    ada.post("/auth/signout")
    assert {} == ada.get("/cart").json()["cart"]


def test_an_unknown_product_is_refused(ada: httpx.Client) -> None:
    """Nobody can fill a cart with what the shop does not sell."""
    assert 404 == ada.post("/cart/gold-bar").status_code


def test_a_request_of_another_site_changes_nothing(shop: str) -> None:
    """The guard refuses it, and makes nobody a guest."""
    headers = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    answer = httpx.post(f"{shop}/cart/{MUG}", headers=headers)
    assert (403, None) == (answer.status_code, answer.headers.get("set-cookie"))
