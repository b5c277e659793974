"""The shop's page in a real browser: what a visitor sees and does."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from supertokens_guest.devcore import DevCore
from testkit.shop import running_shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Open = Callable[..., Page]

PASSWORD = "correct-horse-9"


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Yield the address of a shop."""
    with running_shop() as address:
        yield address


# Not for the whole session: while Playwright runs, its event loop is this thread's, and
# no test elsewhere could run one of its own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Yield a running Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--disable-quic"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, shop: str) -> Iterator[Open]:
    """Return a function that opens the shop in a browser that has no cookies.

    The test fails if a script of the page does, or is refused by the page's policy.
    """
    faults: list[str] = []

    def open_page(address: str = shop) -> Page:
        page = browser.new_context(reduced_motion="reduce").new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                # Chromium itself logs answers such as a 401; they are expected here.
                faults.append(message.text)
                if message.type == "error" and "Failed to load" not in message.text
                else None
            ),
        )
        page.goto(address)
        expect(page.locator("#products li")).to_have_count(16)
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert [] == faults


@pytest.fixture
def page(open_page: Open) -> Page:
    """Return the shop in a new browser."""
    return open_page()


def add(page: Page, product: str) -> None:
    """Put one of a product into the cart, and see that it is there."""
    page.get_by_role("button", name=f"Add to cart: {product}").click()
    expect(page.get_by_role("status")).to_have_text(f"{product} is in your cart.")


def enter(page: Page, email: str, button: str, password: str = PASSWORD) -> None:
    """Fill in the form and press a button."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name=button).click()


def new_email() -> str:
    """Return an address that nobody has."""
    return f"{uuid.uuid4()}@example.com"


def expect_visitor(page: Page, kind: str) -> None:
    """See who the page says is visiting."""
    expect(page.locator("body")).to_have_attribute("data-visitor", kind)


def expect_cart(page: Page, **quantities: int) -> None:
    """See what is in the cart; ``Cobalt_mug`` stands for a name with a space."""
    rows = page.locator("#cart-items li")
    expect(rows).to_have_count(len(quantities))
    for name, quantity in quantities.items():
        row = rows.filter(has_text=name.replace("_", " "))
        expect(row.locator(".quantity")).to_have_text(str(quantity))


def expire_session(page: Page) -> None:
    """Have the browser hold an access token that is no longer good."""
    cookies = page.context.cookies()
    token = next(cookie for cookie in cookies if cookie["name"] == "sAccessToken")
    page.context.add_cookies(
        [{**token, "value": token["value"][:-8] + "AAAAAAAA"}]  # type: ignore[typeddict-item, unused-ignore]  # what Playwright gives, it also takes
    )


def test_a_guests_cart_survives_the_sign_up(page: Page) -> None:
    """Guest, two items, sign up, cart still there, sign out, empty."""
    expect_visitor(page, "new")
    add(page, "Cobalt mug")
    add(page, "Celadon vase")
    expect_visitor(page, "guest")
    expect_cart(page, Cobalt_mug=1, Celadon_vase=1)
    expect(page.locator("#cart-total")).to_have_text("Total €63.00")
    guest_id = page.locator("#visitor-ids dd").inner_text()
    assert guest_id.startswith("G-")

    enter(page, new_email(), "Sign up")
    expect_visitor(page, "user")
    expect_cart(page, Cobalt_mug=1, Celadon_vase=1)
    expect(page.get_by_role("status")).to_have_text("Welcome! Your cart came along.")
    expect(page.locator("#visitor-ids dd").last).to_have_text(guest_id)

    page.get_by_role("button", name="Sign out").click()
    expect_visitor(page, "new")
    expect_cart(page)
    assert [] == page.context.cookies()


def test_the_cart_is_there_after_a_reload(page: Page) -> None:
    """The guest's in the cookie, the user's in the database."""
    add(page, "Cobalt mug")
    page.reload()
    expect_cart(page, Cobalt_mug=1)
    enter(page, new_email(), "Sign up")
    expect_visitor(page, "user")
    page.reload()
    expect_cart(page, Cobalt_mug=1)


def test_a_user_finds_the_cart_on_another_device(open_page: Open) -> None:
    """What a guest put in there is added to it at the sign-in."""
    email = new_email()
    first = open_page()
    add(first, "Cobalt mug")
    enter(first, email, "Sign up")
    expect_visitor(first, "user")

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
    enter(page, new_email(), "Sign up")
    expect_visitor(page, "user")
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
    enter(page, new_email(), "Sign up")
    expect_visitor(page, "user")
    add(page, "Celadon vase")
    page.context.clear_cookies(name="sRefreshToken")
    expire_session(page)
    page.get_by_role("button", name="Add to cart: Cobalt mug").click()
    expect_visitor(page, "guest")
    expect_cart(page, Cobalt_mug=1)
    expect(page.get_by_role("status")).to_have_text(re.compile("You are signed out"))


def test_a_wrong_password_is_told(open_page: Open) -> None:
    """And the guest's cart stays."""
    email = new_email()
    other = open_page()
    enter(other, email, "Sign up")
    expect_visitor(other, "user")

    page = open_page()
    add(page, "Cobalt mug")
    enter(page, email, "Sign in", "wrong-horse-9")
    expect(page.get_by_role("alert")).to_have_text(
        "The e-mail or the password is wrong."
    )
    expect_visitor(page, "guest")
    expect_cart(page, Cobalt_mug=1)


def test_an_email_that_is_taken_is_told_at_its_field(open_page: Open) -> None:
    """The field is marked and has the focus; the message belongs to it."""
    email = new_email()
    other = open_page()
    enter(other, email, "Sign up")
    expect_visitor(other, "user")

    page = open_page()
    enter(page, email, "Sign up")
    expect(page.locator("#email-problem")).to_have_text(re.compile("already exists"))
    field = page.get_by_label("E-mail")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()


def test_a_full_cart_is_told(page: Page) -> None:
    """What fits is in the cart, and the page says what to do."""
    for button in page.locator("#products button").all():
        button.click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("Nothing was lost"))
    page.reload()
    rows = page.locator("#cart-items li")
    expect(rows).not_to_have_count(0)
    assert rows.count() < 16


def test_trouble_is_told(open_page: Open) -> None:
    """A core that is away, and then a shop that is."""
    with DevCore() as core:
        with running_shop(quiet=False, SUPERTOKENS_CONNECTION_URI=core.url) as address:
            page = open_page(address)
            core.stop()
            page.get_by_role("button", name="Add to cart: Cobalt mug").click()
            alert = page.get_by_role("alert")
            expect(alert).to_have_text(re.compile("SuperTokens does not answer"))
            enter(page, new_email(), "Sign in")
            expect(alert).to_have_text(re.compile("SuperTokens does not answer"))
        page.get_by_role("button", name="Add to cart: Cobalt mug").click()
        expect(alert).to_have_text(re.compile("The shop cannot be reached"))


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_sideways(page: Page, width: int) -> None:
    """At any width the page scrolls in one direction only."""
    page.set_viewport_size({"width": width, "height": 800})
    add(page, "Terracotta plate")
    assert width == page.evaluate("document.documentElement.scrollWidth")
