"""Where something is out of reach, or a login not complete: nothing is lost.

What a login cannot take along comes by the guard of a later request.
"""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, multifactorauth, session, totp

from demo.auth import guest_config
from supertokens_guest import guest_override
from supertokens_guest._runtime import Runtime
from supertokens_guest.devcore import DevCore
from testkit.core import Core
from testkit.proxy import FaultyCore
from testkit.shop import shop_here
from testkit.shop_page import (
    add,
    cookie,
    enter,
    expect_cart,
    expect_visitor,
    new_email,
    sign_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route
    from supertokens_python.recipe.multifactorauth.interfaces import RecipeInterface

    from demo import cores
    from demo.carts import Carts
    from testkit.shop import Shop


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Yield a shop that can be started again."""
    with shop_here(tmp_path_factory.mktemp("shop")) as here:
        yield here


@pytest.fixture(scope="module")
def shop(here: Shop) -> str:
    """Return its address."""
    return here.address


@pytest.fixture(autouse=True)
def _started(here: Shop, core: Core) -> None:
    here.start(core)


def test_a_core_and_a_shop_out_of_reach_are_told(page: Page, here: Shop) -> None:
    """And the cart is as it was, as soon as they are back."""
    alert = page.get_by_role("alert")
    with DevCore() as core:
        here.start(Core(url=core.url))
        page.reload()
        add(page, "Cobalt mug")
        core.stop()
        page.get_by_role("button", name="Add to cart: Celadon mug").click()
        expect(alert).to_contain_text("SuperTokens does not answer")
        enter(page, new_email(), "Sign in")
        expect(alert).to_contain_text("SuperTokens does not answer")
        core.start()
        page.context.set_offline(True)
        page.get_by_role("button", name="Add to cart: Celadon mug").click()
        expect(alert).to_contain_text("The shop cannot be reached")
        page.context.set_offline(False)
        expect_cart(page, Cobalt_mug=1)
        add(page, "Celadon mug")
        expect_cart(page, Cobalt_mug=1, Celadon_mug=1)


def test_a_login_without_keys_is_caught_up_by_the_next_request(
    page: Page, here: Shop, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login keeps the cookie, and the cart comes as soon as the keys can."""
    # It would wait for them two seconds.
    monkeypatch.setattr(Runtime, "login_wait_seconds", 0.05)
    add(page, "Cobalt mug")
    held = cookie(page)
    with FaultyCore(core) as faulty:
        here.start(faulty.core)
        fault = faulty.hold()
        found: list[str | None] = []

        def heal(route: Route) -> None:
            found.append(cookie(page))
            fault.met.wait(timeout=10)
            faulty.heal()
            route.continue_()

        # What the page asks for first when it is signed in.
        page.route("**/api/cart", heal, times=1)
        sign_up(page)
        expect(page.get_by_role("status")).to_have_text(
            "Welcome! Your cart came along."
        )
        expect_cart(page, Cobalt_mug=1)
        assert fault.met.is_set()
        assert [held] == found
        assert cookie(page) is None
        page.reload()
        expect(page.locator("#in-cookie")).to_contain_text("The cookie is gone.")


def code_of(secret: str) -> str:
    """Return what an authenticator app shows now (RFC 6238)."""
    counter = int(time.time()) // 30
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def asking_for_totp(original: RecipeInterface) -> RecipeInterface:
    """Have every login need a code beside the password."""

    async def requirements(*_: Any, **__: Any) -> Any:
        return ["totp"]

    original.get_mfa_requirements_for_auth = requirements  # type: ignore[method-assign]  # the SDK's own way to override
    return original


def init_with_second_factor(address: str, core: cores.Core, carts: Carts) -> None:
    """Initialise the SDK as the demo does, with an authenticator app beside."""
    guests = guest_override(guest_config(carts))
    second = multifactorauth.OverrideConfig(functions=asking_for_totp)
    init(
        app_info=InputAppInfo(
            app_name="Guest shop", api_domain=address, website_domain=address
        ),
        supertokens_config=SupertokensConfig(core.url, core.api_key),
        framework="fastapi",
        recipe_list=[
            emailpassword.init(),
            session.init(override=session.InputOverrideConfig(functions=guests)),
            multifactorauth.init(first_factors=["emailpassword"], override=second),
            totp.init(),
        ],
        mode="asgi",
        telemetry=False,
    )


POST = """([path, body]) => fetch(path, {
  method: "POST",
  headers: { "content-type": "application/json", "st-auth-mode": "cookie" },
  body: JSON.stringify(body),
}).then((answer) => answer.json())"""


def test_a_login_with_a_second_factor_takes_the_guest_once_it_is_complete(
    page: Page, here: Shop, core: Core
) -> None:
    """After the password the guest waits; after the code it has come along."""
    asked = {"userId": "nobody", "skew": 1, "period": 30}
    status = core.call("POST", "/recipe/totp/device", **asked).status_code
    if status != 200:
        pytest.skip(f"this core has no TOTP: it answers {status}")
    add(page, "Cobalt mug")
    held = cookie(page)
    here.start(core, init_with_second_factor)
    email = new_email()

    enter(page, email, "Sign up")
    expect(page.get_by_role("alert")).to_contain_text("not all the way in yet")
    assert held == cookie(page)
    device = page.evaluate(POST, ["/auth/totp/device", {}])
    body = {"deviceName": device["deviceName"], "totp": code_of(device["secret"])}
    assert "OK" == page.evaluate(POST, ["/auth/totp/device/verify", body])["status"]
    assert held == cookie(page)

    page.reload()
    expect_visitor(page, "user")
    expect_cart(page, Cobalt_mug=1)
    assert cookie(page) is None
