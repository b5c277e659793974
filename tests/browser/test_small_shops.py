"""The page of the small shops, which a person opens to see that it works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from testkit.shop import SMALL_SHOPS, running_small_shop
from testkit.shop_page import enter, new_email

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MUG_AND_BOWL = [re.compile("^1 .*-mug-"), re.compile("^1 .*-bowl-")]


@pytest.mark.parametrize("framework", SMALL_SHOPS)
def test_a_guests_cart_survives_the_sign_up(browser: Browser, framework: str) -> None:
    """Guest, two items, sign up, cart still there, sign out, empty."""
    with running_small_shop(framework) as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        who, cart = page.locator("#who"), page.locator("#cart")
        expect(who).to_contain_text("You are guest G-")
        for button in ("Add a mug", "Add a bowl"):
            page.get_by_role("button", name=button).click()
        expect(cart.locator("li")).to_have_text(MUG_AND_BOWL)

        enter(page, new_email(), "Sign up")
        expect(who).to_contain_text("You are user")
        expect(cart.locator("li")).to_have_text(MUG_AND_BOWL)
        page.get_by_role("button", name="Sign out").click()
        expect(who).to_contain_text("You are guest G-")
        expect(cart).to_be_empty()
        expect(page.get_by_role("alert")).to_be_empty()
