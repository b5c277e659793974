"""The shop's page in a real browser: what a visitor sees and does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from testkit.shop import SMALL_SHOPS, running_small_shop, shop_here
from testkit.shop_page import (
    COOKIE,
    add,
    cookie,
    enter,
    expect_cart,
    expect_visitor,
    new_email,
    sign_out,
    sign_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page, Response, Route

    from testkit.core import Core
    from testkit.shop_page import Open


@pytest.fixture(scope="module")
def shop(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a shop."""
    with shop_here(tmp_path_factory.mktemp("shop")) as shop:
        shop.start(core)
        yield shop.address


def expire_session(page: Page) -> None:
    """Have the browser hold an access token that is no longer good."""
    cookies = page.context.cookies()
    token = next(cookie for cookie in cookies if cookie["name"] == "sAccessToken")
    page.context.add_cookies(
        [{**token, "value": token["value"][:-8] + "AAAAAAAA"}]  # type: ignore[typeddict-item, unused-ignore]  # what Playwright gives, it also takes
    )


def test_a_guests_cart_survives_the_sign_up(page: Page) -> None:
    """Guest, two items, sign up, cart still there, sign out, empty."""
    guest_id = json.loads(page.locator("#in-cookie pre").inner_text())["sub"]
    assert guest_id.startswith("G-")
    add(page, "Cobalt mug")
    add(page, "Celadon vase")
    expect_cart(page, Cobalt_mug=1, Celadon_vase=1)
    expect(page.locator("#cart-total")).to_have_text("Total €63.00")

    sign_up(page)
    expect(page.get_by_role("status")).to_have_text("Welcome! Your cart came along.")
    expect_cart(page, Cobalt_mug=1, Celadon_vase=1)
    assert cookie(page) is None

    sign_out(page)
    expect_cart(page)
    expect(page.locator("#in-cookie pre")).not_to_contain_text(guest_id)
    assert {COOKIE} == {found["name"] for found in page.context.cookies()}


def test_the_page_shows_where_the_cart_is(page: Page) -> None:
    """In the cookie of a guest; after the login in the session and in the database."""
    in_cookie, in_session, in_database = page.locator("#places li").all()
    add(page, "Cobalt mug")
    expect(in_cookie).to_contain_text('"stoneware-mug-cobalt": 1')
    expect(in_session).to_contain_text("Nobody is signed in")
    expect(in_database).to_contain_text("Nothing is written for a guest")
    held = in_cookie.locator("pre").inner_text()

    sign_up(page)
    expect(in_cookie).to_contain_text("The cookie is gone. It held:")
    expect(in_cookie.locator("pre")).to_have_text(held)
    expect(in_session.locator("pre")).to_have_text(held)
    expect(in_database).to_contain_text('"stoneware-mug-cobalt": 1')


def test_the_cart_is_there_after_a_reload(page: Page) -> None:
    """The guest's in the cookie, the user's in the database."""
    add(page, "Cobalt mug")
    page.reload()
    expect_cart(page, Cobalt_mug=1)
    sign_up(page)
    page.reload()
    expect_visitor(page, "user")
    expect_cart(page, Cobalt_mug=1)


def test_a_user_finds_the_cart_on_another_device(open_page: Open) -> None:
    """What a guest put in there is added to it at the sign-in."""
    first = open_page()
    add(first, "Cobalt mug")
    email = sign_up(first)

    second = open_page()
    enter(second, email, "Sign in")
    expect_visitor(second, "user")
    expect_cart(second, Cobalt_mug=1)

    third = open_page()
    add(third, "Cobalt mug")
    add(third, "Charcoal plate")
    enter(third, email, "Sign in")
    expect_visitor(third, "user")
    expect_cart(third, Cobalt_mug=2, Charcoal_plate=1)


def test_two_tabs_at_the_first_visit_share_one_guest(
    open_page: Open, page: Page, shop: str
) -> None:
    """Both answers set a guest; the last one wins, and what both tabs add is kept."""
    context = page.context
    context.clear_cookies()
    tabs = [page, open_page(None, context)]
    held: list[Route] = []
    answers: list[Response] = []

    def hold_until_both_ask(route: Route) -> None:
        held.append(route)
        if len(held) == len(tabs):
            for waiting in held:
                waiting.continue_()

    context.route(f"{shop}/", hold_until_both_ask)
    context.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright marks its handlers, which no built-in lets it
    for tab in tabs:
        tab.evaluate("address => { setTimeout(() => { location = address }) }", shop)
    for tab in tabs:
        expect(tab.locator("#in-cookie pre")).to_contain_text("G-")
    context.unroute(f"{shop}/")
    pages = [answer for answer in answers if answer.url == f"{shop}/"]
    assert 2 == len({answer.header_value("set-cookie") for answer in pages} - {None})

    add(tabs[0], "Cobalt mug")
    tabs[1].reload()
    add(tabs[1], "Celadon vase")
    for tab in tabs:
        tab.reload()
        expect_cart(tab, Cobalt_mug=1, Celadon_vase=1)
    sign_up(tabs[1])
    expect_cart(tabs[1], Cobalt_mug=1, Celadon_vase=1)


def test_quantities_can_be_changed_by_keyboard(page: Page) -> None:
    """The focus stays on the button, and goes to the cart when its row is gone."""
    add(page, "Cobalt mug")
    more = page.get_by_role("button", name="One more: Cobalt mug")
    more.focus()
    page.keyboard.press("Enter")
    expect_cart(page, Cobalt_mug=2)
    expect(more).to_be_focused()
    page.get_by_role("button", name="One less: Cobalt mug").focus()
    page.keyboard.press("Enter")
    expect_cart(page, Cobalt_mug=1)
    page.keyboard.press("Enter")
    expect_cart(page)
    expect(page.locator("#cart-title")).to_be_focused()


def test_fast_clicks_are_all_counted(page: Page) -> None:
    """A guest's changes wait for each other: each starts from the cookie before."""
    page.evaluate(
        "document.querySelectorAll('#products button')"
        ".forEach((button, n) => n < 4 && button.click())"
    )
    expect_cart(page, Cobalt_mug=1, Celadon_mug=1, Terracotta_mug=1, Charcoal_mug=1)
    page.reload()
    expect(page.locator("#cart-items li")).to_have_count(4)


def test_an_expired_session_is_refreshed_once(page: Page) -> None:
    """The visitor notices nothing: one refresh, and what was asked for is done."""
    sign_up(page)
    refreshes: list[str] = []
    page.on(
        "request",
        lambda request: (
            refreshes.append(request.method) if "/refresh" in request.url else None
        ),
    )
    expire_session(page)
    add(page, "Cobalt mug")
    expect_cart(page, Cobalt_mug=1)
    expect_visitor(page, "user")
    assert ["POST"] == refreshes


def test_a_session_that_has_ended_makes_a_guest(page: Page) -> None:
    """With nothing to refresh the visitor is told, and may go on as a guest."""
    sign_up(page)
    add(page, "Celadon vase")
    page.context.clear_cookies(name="sRefreshToken")
    expire_session(page)
    page.get_by_role("button", name="Add to cart: Cobalt mug").click()
    expect_visitor(page, "guest")
    expect_cart(page, Cobalt_mug=1)
    expect(page.get_by_role("status")).to_have_text(re.compile("You are signed out"))


def test_the_back_button_after_the_sign_out_shows_no_user(
    open_page: Open, page: Page
) -> None:
    """Also where the browser has kept the page as the user left it."""
    add(page, "Cobalt mug")
    sign_up(page)
    page.reload()  # this answer sets no guest, so that the browser may keep the page
    expect_visitor(page, "user")
    page.evaluate("addEventListener('pageshow', (e) => { window.kept = e.persisted })")
    page.get_by_role("link", name="Read how it works").click()
    other = open_page(None, page.context)
    other.goto(page.url.replace("/readme", "/"))
    sign_out(other)

    page.go_back(wait_until="commit")  # a page that was kept does not load
    expect_visitor(page, "guest")
    assert page.evaluate("window.kept")
    expect_cart(page)
    expect(page.locator("#in-session")).to_contain_text("Nobody is signed in")


def test_a_wrong_password_is_told(open_page: Open, page: Page) -> None:
    """And the guest's cart stays."""
    email = sign_up(open_page())
    add(page, "Cobalt mug")
    enter(page, email, "Sign in", "wrong-horse-9")
    expect(page.get_by_role("alert")).to_have_text(
        "The e-mail or the password is wrong."
    )
    expect_visitor(page, "guest")
    expect_cart(page, Cobalt_mug=1)


def test_an_email_that_is_taken_is_told_at_its_field(
    open_page: Open, page: Page
) -> None:
    """The field is marked and has the focus; the message belongs to it."""
    email = sign_up(open_page())
    enter(page, email, "Sign up")
    expect(page.locator("#email-problem")).to_have_text(re.compile("already exists"))
    field = page.get_by_label("E-mail")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_nothing_overlaps_or_sticks_out(page: Page) -> None:
    """At any width, for guest and user; each thing to press is a finger's width."""
    add(page, "Terracotta plate")
    for visitor in ("guest", "user"):
        expect_visitor(page, visitor)
        for width in (320, 375, 768, 1280):
            page.set_viewport_size({"width": width, "height": 667})
            page.evaluate("scrollTo(0, 0)")
            assert width == page.evaluate("document.documentElement.scrollWidth")
            assert (width, []) == (width, page.evaluate(OVERLAPPING))
            assert (width, []) == (width, page.evaluate(TOO_SMALL))
        if visitor == "guest":
            sign_up(page)


def test_on_a_phone_everything_is_in_reach(page: Page) -> None:
    """From the last product on: the message, the cart and the way to sign in."""
    page.set_viewport_size({"width": 375, "height": 667})
    add(page, "Charcoal vase")
    price = page.locator("#products li").last.locator(".price")
    header = page.locator("header")
    expect(page.get_by_role("status")).to_be_in_viewport(ratio=1)
    expect(price).to_be_in_viewport(ratio=1)
    assert bottom(header) <= top(price)

    for link, title in (("Cart", "Your cart"), ("Sign in", "You")):
        shortcut = page.get_by_role("navigation").get_by_role("link", name=link)
        expect(shortcut).to_be_in_viewport(ratio=1)
        shortcut.click()
        heading = page.get_by_role("heading", name=title, exact=True)
        expect(heading).to_be_in_viewport(ratio=1)
        assert bottom(header) <= top(heading)


# Flask sorts the names of an object.
MUG_AND_BOWL = re.compile("^1 .*-(mug-cobalt1 .*-bowl|bowl-cobalt1 .*-mug)-cobalt$")


@pytest.mark.parametrize("framework", SMALL_SHOPS)
def test_the_small_shops_have_a_page_too(browser: Browser, framework: str) -> None:
    """Guest, two items, sign up, cart still there, sign out, empty."""
    with running_small_shop(framework) as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        who, cart = page.locator("#who"), page.locator("#cart")
        expect(who).to_contain_text("You are guest G-")
        for button in ("Add a mug", "Add a bowl"):
            page.get_by_role("button", name=button).click()
        expect(cart).to_have_text(MUG_AND_BOWL)

        enter(page, new_email(), "Sign up")
        expect(who).to_contain_text("You are user")
        expect(cart).to_have_text(MUG_AND_BOWL)
        page.get_by_role("button", name="Sign out").click()
        expect(who).to_contain_text("You are guest G-")
        expect(cart).to_be_empty()
        expect(page.get_by_role("alert")).to_be_empty()


def top(part: Locator) -> float:
    """Return where *part* begins, from the top of the window."""
    box = part.bounding_box()
    assert box is not None
    return box["y"]


def bottom(part: Locator) -> float:
    """Return where *part* ends, from the top of the window."""
    box = part.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


VISIBLE = """
const visible = (selector) => [...document.querySelectorAll(selector)]
  .map((part) => ({ part, box: part.getBoundingClientRect() }))
  .filter(({ box }) => box.width && box.height);
"""

# Texts and controls; what holds another does not count.
OVERLAPPING = f"""() => {{
  {VISIBLE}
  const parts = visible("h1, h2, h3, a, button, input, label, pre, p, span");
  const apart = (one, other) => one.part.contains(other.part)
    || other.part.contains(one.part)
    || one.box.right <= other.box.left + 0.5 || other.box.right <= one.box.left + 0.5
    || one.box.bottom <= other.box.top + 0.5 || other.box.bottom <= one.box.top + 0.5;
  return parts.flatMap((one, index) => parts.slice(index + 1)
    .filter((other) => !apart(one, other))
    .map((other) => [one.part.outerHTML, other.part.outerHTML]));
}}"""

TOO_SMALL = f"""() => {{
  {VISIBLE}
  return visible("a, button, input")
    .filter(({{ box }}) => box.width < 44 || box.height < 44)
    .map(({{ part }}) => part.outerHTML);
}}"""
