"""The plugin is the override, for who keeps plugins in one list."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, session

from supertokens_guest import ConfigError, guest_override, guest_plugin
from testkit.apps import KINDS, running_app
from testkit.sdk import API_DOMAIN, WEBSITE_DOMAIN, Setup, guest_jwt, reset_sdk
from testkit.visitors import cleared

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.browsing import Browse
    from testkit.core import Core

plugins = pytest.importorskip(
    "supertokens_python.plugins", reason="this SDK has no plugins"
)

CART = {"cart": ["sku-1"]}


def init_with_plugin(setup: Setup, functions: Any = lambda original: original) -> None:
    """Initialise the SDK with the plugin, and with the app's own override."""
    from supertokens_python import SupertokensExperimentalConfig

    override = session.InputOverrideConfig(functions=functions)
    init(
        app_info=InputAppInfo(
            app_name="Shop",
            api_domain=API_DOMAIN,
            website_domain=WEBSITE_DOMAIN,
            api_base_path="/auth",
            website_base_path="/auth",
        ),
        supertokens_config=SupertokensConfig(
            connection_uri=setup.core.url, api_key=setup.core.api_key
        ),
        framework=setup.framework,
        recipe_list=[emailpassword.init(), session.init(override=override)],
        mode="asgi" if setup.asynchronous else "wsgi",
        telemetry=False,
        experimental=SupertokensExperimentalConfig(
            plugins=[guest_plugin(setup.config)]
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_plugin(browse: Browse, told: Told, core: Core, kind: Kind) -> None:
    """A guest becomes a user as with the override."""
    setup = Setup(core=core, config=told.config(cookie_name="visitor"))
    with ExitStack() as stack:
        running = running_app(
            setup, kind=kind, guests="outside", initialise=init_with_plugin
        )
        browser = browse(stack.enter_context(running), auth_mode="cookie")

        browser.ask(("merge", CART))
        answer = browser.sign_up()

        assert (200, True) == (answer.status_code, cleared(answer, "visitor"))
        assert CART["cart"] == browser.me()["guest"]["cart"]
        assert 1 == len(told.transfers)


def test_override_of_the_apps_own(browse: Browse, told: Told, core: Core) -> None:
    """The app's own override is outside, so that its claims win."""

    def own(original: Any) -> Any:
        create = original.create_new_session

        async def create_new_session(
            user_id: str, recipe_user_id: Any, payload: Any, *rest: Any, **more: Any
        ) -> Any:
            claims = {**(payload or {}), "guest": "the app's"}
            return await create(user_id, recipe_user_id, claims, *rest, **more)

        original.create_new_session = create_new_session
        return original

    setup = Setup(core=core, config=told.config())
    with ExitStack() as stack:
        running = running_app(
            setup, initialise=lambda setup: init_with_plugin(setup, own)
        )
        browser = browse(stack.enter_context(running), auth_mode="cookie")
        browser.keep_cookie(guest_jwt(core, payload=CART))

        assert 200 == browser.login("user-1").status_code
        assert "the app's" == browser.me()["guest"]


def test_twice(core: Core) -> None:
    """The plugin beside the override is one too many, and says so at the start."""
    setup = Setup(core=core)
    reset_sdk()
    try:
        with pytest.raises(ConfigError, match="keep one"):
            init_with_plugin(setup, guest_override())
    finally:
        reset_sdk()


def test_older_sdk() -> None:
    """An SDK without plugins can use all the rest; the error says what to do."""
    program = """
import sys
import supertokens_guest
sys.modules["supertokens_python.plugins"] = None
try:
    supertokens_guest.guest_plugin()
except supertokens_guest.ConfigError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    expected = (
        "guest_plugin() needs supertokens-python 0.31.4 or newer; pass guest_override()"
        " to session.init() instead.\n"
    )
    assert expected == done.stdout
