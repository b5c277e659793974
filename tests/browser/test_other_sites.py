"""What pages of other sites, and cookies that they plant, do to a visitor: nothing.

The other sites are real ones, whose pages Chromium opens: it decides which cookies go
along, and says where a request comes from.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from starlette.responses import HTMLResponse

from testkit.serving import serving_asgi
from testkit.shop import shop_here
from testkit.shop_page import (
    PASSWORD,
    add,
    cookie,
    expect_cart,
    expect_visitor,
    plant,
    sign_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from testkit.core import Core
    from testkit.shop_page import Open

# Names that every browser finds on this machine. The first two are of one site; where a
# name ends in one label, such as localhost, no site is above it.
SHOP, SIBLING, STRANGER = "shop.pots.localhost", "blog.pots.localhost", "evil.localhost"


@pytest.fixture(scope="module")
def shop(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a shop that takes a form, too."""
    with shop_here(tmp_path_factory.mktemp("shop"), SHOP) as shop:
        shop.start(core)
        shop.app.post("/newsletter")(lambda: "Thank you!")
        yield shop.address


@pytest.fixture(scope="module")
def other_site() -> Iterator[str]:
    """Yield where every page is empty, under whatever name."""
    with serving_asgi(HTMLResponse("<!doctype html><title>Other</title>")) as address:
        yield address


POST = """([address, name, value]) => {
  const form = document.createElement("form");
  const field = document.createElement("input");
  Object.assign(form, { action: address, method: "POST", enctype: "text/plain" });
  Object.assign(field, { name, value });
  form.append(field);
  document.body.append(form);
  form.submit();
}"""


def post_from(
    page: Page, site: str, address: str, name: str = "email", value: str = "me"
) -> int:
    """Have a page of *site* post a form, in a new tab; return the answer's status."""
    tab = page.context.new_page()
    tab.goto(site)
    with tab.expect_navigation() as navigation:
        tab.evaluate(POST, [address, name, value])
    answer = navigation.value
    assert answer is not None
    status = answer.status
    tab.close()
    return status


def named(site: str, host: str) -> str:
    """Return the address of *site* under another name."""
    return site.replace("127.0.0.1", host)


def test_another_sites_form_does_not_wipe_the_guest(
    page: Page, shop: str, other_site: str
) -> None:
    """Its request brings no cookies, and its answer sets none."""
    add(page, "Cobalt mug")
    held = cookie(page)
    stranger = named(other_site, STRANGER)
    assert 200 == post_from(page, stranger, f"{shop}/newsletter")
    assert held == cookie(page)
    page.reload()
    expect_cart(page, Cobalt_mug=1)


def test_another_sites_form_plants_no_guest_beside_a_session(
    page: Page, shop: str, other_site: str
) -> None:
    """A user stays a user without a guest."""
    sign_up(page)
    stranger = named(other_site, STRANGER)
    assert 200 == post_from(page, stranger, f"{shop}/newsletter")
    assert cookie(page) is None
    page.reload()
    expect_visitor(page, "user")


@pytest.mark.parametrize("host", [SIBLING, STRANGER])
def test_a_login_that_another_site_starts_takes_no_guest(
    open_page: Open, page: Page, shop: str, other_site: str, host: str
) -> None:
    """Its owner finds no cart in the account, and the visitor still has it."""
    owner = open_page()
    email = sign_up(owner)
    fields = [{"id": "email", "value": email}, {"id": "password", "value": PASSWORD}]
    text = json.dumps({"formFields": fields, "more": ""})
    add(page, "Cobalt mug")
    held = cookie(page)

    # A text form sends name, "=" and value: JSON, if the "=" falls into a string.
    site = named(other_site, host)
    status = post_from(page, site, f"{shop}/auth/signin", text[:-2], text[-2:])

    assert (200, held) == (status, cookie(page))
    page.reload()
    expect_cart(page, Cobalt_mug=1)
    owner.reload()
    expect_visitor(owner, "user")
    expect_cart(owner)


def test_a_form_of_the_same_site_leaves_the_guest_as_it_is(
    page: Page, shop: str, other_site: str
) -> None:
    """Its request brings the cookies, so that there is nothing to issue."""
    add(page, "Cobalt mug")
    held = cookie(page)
    assert 200 == post_from(page, named(other_site, SIBLING), f"{shop}/newsletter")
    assert held == cookie(page)


def unsigned(shop: str) -> str:
    """Return what says to be a guest of *shop*, and is signed by nobody."""
    claims = {"iss": f"{shop}/auth", "aud": "supertokens-guest", "sub": "G-1"}
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return (
        ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
    )


@pytest.mark.parametrize("value", ["nonsense", "unsigned", "x" * 3_800])
def test_a_bad_cookie_planted_by_hand_is_replaced(
    page: Page, shop: str, value: str
) -> None:
    """The visitor is a new guest, whose cart comes along as anybody's."""
    planted = unsigned(shop) if value == "unsigned" else value
    plant(page, planted)
    page.reload()
    add(page, "Cobalt mug")
    assert planted != cookie(page)
    sign_up(page)
    expect_cart(page, Cobalt_mug=1)
    assert cookie(page) is None


def test_another_apps_cookie_is_told_and_left(page: Page, core: Core) -> None:
    """It may be somebody's login. Here is no cart before the sign-up; then there is."""
    value = core.sign({"sub": "somebody", "iss": "https://other.example"})
    plant(page, value)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Another cookie is in the way")
    sign_up(page)
    add(page, "Cobalt mug")
    expect_cart(page, Cobalt_mug=1)
    assert value == cookie(page)


def plant_from_sibling(page: Page, site: str, value: str) -> None:
    """Have a page of a sibling host set a cookie that goes to the shop as well."""
    tab = page.context.new_page()
    tab.goto(named(site, SIBLING))
    pair = f"shop-guest={value}; domain=pots.localhost; path=/"
    tab.evaluate("pair => { document.cookie = pair }", pair)
    tab.close()
    assert value in {found.get("value") for found in page.context.cookies(page.url)}


def test_a_bad_cookie_planted_by_a_sibling_does_not_hide_the_guest(
    page: Page, other_site: str
) -> None:
    """The visitor's own is good, goes on, and comes along at the sign-up."""
    add(page, "Cobalt mug")
    plant_from_sibling(page, other_site, "nonsense")
    page.reload()
    expect_cart(page, Cobalt_mug=1)
    add(page, "Celadon vase")
    sign_up(page)
    expect_cart(page, Cobalt_mug=1, Celadon_vase=1)


def test_a_guest_planted_by_a_sibling_enters_no_account(
    open_page: Open, page: Page, other_site: str
) -> None:
    """Of two guests nobody can say whose they are: neither is taken, none is lost."""
    attacker = open_page()
    add(attacker, "Charcoal plate")
    add(page, "Cobalt mug")
    plant_from_sibling(page, other_site, cookie(attacker) or "")
    held = page.context.cookies(page.url)
    sign_up(page)
    expect_cart(page)
    guests = [found for found in held if found.get("name") == "shop-guest"]
    assert 2 == len(guests)
    kept = page.context.cookies(page.url)
    assert guests == [found for found in kept if found.get("name") == "shop-guest"]
    add(page, "Terracotta bowl")
    expect_cart(page, Terracotta_bowl=1)
