"""A browser for each module, whose tests say which shop it visits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from testkit.shop_page import Open

# Each window's address bar loads pages of its own, which cost as much as the page under
# test. The rest is what Playwright switches off; of two lists only the last one counts.
_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)

expect.set_options(timeout=20_000)  # a busy machine is slow, and no test waits in vain


# Not for the whole session: while Playwright runs, its event loop is this thread's, and
# no test elsewhere could run one of its own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Yield a running Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--disable-quic", f"--disable-features={','.join(_OFF)}"],
            # People's browsers show the page as it was when they go back.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, shop: str) -> Iterator[Open]:
    """Return a function that opens the shop in a browser that has no cookies.

    Or, in a *context*, in another tab. The test fails if a script of the page does, or
    is refused by the page's policy.
    """
    faults: list[str] = []

    def open_page(
        address: str | None = shop, context: BrowserContext | None = None
    ) -> Page:
        context = context or browser.new_context(reduced_motion="reduce")
        page = context.new_page()
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
        if address is not None:
            page.goto(address)
            expect(page.locator("body")).to_have_attribute("data-visitor", "guest")
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert [] == faults


@pytest.fixture
def page(open_page: Open) -> Page:
    """Return the shop in a new browser."""
    return open_page()
