"""The demo's page as its visitor uses it, in a browser that Playwright drives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Open = Callable[..., Page]

COOKIE = "shop-guest"
PASSWORD = "correct-horse-9"  # noqa: S105 - it protects nothing


def new_email() -> str:
    """Return an address that nobody has."""
    return f"{uuid.uuid4()}@example.com"


def add(page: Page, product: str) -> None:
    """Put one of a product into the cart, and see that it is there."""
    page.get_by_role("button", name=f"Add to cart: {product}").click()
    expect(page.get_by_role("status")).to_have_text(f"{product} is in your cart.")


def enter(page: Page, email: str, button: str, password: str = PASSWORD) -> None:
    """Fill in the form and press a button."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name=button).click()


def sign_up(page: Page) -> str:
    """Sign up, and see that it is done; return the e-mail."""
    email = new_email()
    enter(page, email, "Sign up")
    expect_visitor(page, "user")
    return email


def sign_out(page: Page) -> None:
    """Sign out, and see that it is done."""
    page.get_by_role("button", name="Sign out").click()
    expect_visitor(page, "guest")


def expect_visitor(page: Page, kind: str) -> None:
    """See whether the page says that a guest or a user is visiting."""
    expect(page.locator("body")).to_have_attribute("data-visitor", kind)


def expect_cart(page: Page, **quantities: int) -> None:
    """See what is in the cart; ``Cobalt_mug`` stands for a name with a space."""
    rows = page.locator("#cart-items li")
    expect(rows).to_have_count(len(quantities))
    for name, quantity in quantities.items():
        row = rows.filter(has_text=name.replace("_", " "))
        expect(row.locator(".quantity")).to_have_text(str(quantity))


def cookie(page: Page, name: str = COOKIE) -> str | None:
    """Return what the browser would send to the page's server by that name."""
    values = {
        found["name"]: found["value"]
        for found in page.context.cookies(page.url)
        if "name" in found and "value" in found
    }
    return values.get(name)


def plant(page: Page, value: str, name: str = COOKIE) -> None:
    """Put a cookie into the browser by hand, in the place of the one it has."""
    page.context.clear_cookies(name=name)
    page.context.add_cookies([{"name": name, "value": value, "url": page.url}])
