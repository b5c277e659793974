"""The SDK as an app under test has it: initialised for one test, then forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, session

from supertokens_guest import GuestConfig, guest_override
from supertokens_guest._tokens.payload import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from testkit.core import Core

API_DOMAIN = "http://127.0.0.1:3001"
"""The API's domain as the SDK is told; no one asks on which port it really listens."""

WEBSITE_DOMAIN = "http://127.0.0.1:3000"

ISSUER = f"{API_DOMAIN}/auth"
"""The ``iss`` of sessions and guests of an app with these settings."""

Framework = Literal["fastapi", "flask", "django"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """How an app under test sets up SuperTokens.

    Attributes:
        core: The core that it uses.
        framework: The app's framework.
        asynchronous: Whether it is an ASGI app.
        config: How guests shall be.
        functions: The session recipe's override; ``None`` for ``guest_override`` with
            *config* alone.
        recipes: Recipes beside emailpassword and session.
        session: More arguments for ``session.init``.
        api_domain: Where the API says that it lives.
        website_domain: Where the front end lives, or a function that finds its origin.
        network_interceptor: Sees each of the SDK's calls to the core.
    """

    core: Core
    framework: Framework = "fastapi"
    asynchronous: bool = True
    config: GuestConfig = field(default_factory=GuestConfig)
    functions: Callable[[Any], Any] | None = None
    recipes: Sequence[Any] = ()
    session: dict[str, Any] = field(default_factory=dict)
    api_domain: str = API_DOMAIN
    website_domain: str | Callable[[Any, Any], str] = WEBSITE_DOMAIN
    network_interceptor: Callable[..., Any] | None = None


def init_sdk(setup: Setup) -> None:
    """Initialise the SDK as an app would."""
    functions = setup.functions or guest_override(setup.config)
    # The name of the class in SDK 0.30, which 0.31 still has.
    override = session.InputOverrideConfig(functions=functions)
    website = setup.website_domain
    init(
        app_info=InputAppInfo(
            app_name="Shop",
            api_domain=setup.api_domain,
            website_domain=None if callable(website) else website,
            origin=website if callable(website) else None,
            api_base_path="/auth",
            website_base_path="/auth",
        ),
        supertokens_config=SupertokensConfig(
            connection_uri=setup.core.url,
            api_key=setup.core.api_key,
            network_interceptor=setup.network_interceptor,
        ),
        framework=setup.framework,
        recipe_list=[
            emailpassword.init(),
            session.init(override=override, **setup.session),
            *setup.recipes,
        ],
        mode="asgi" if setup.asynchronous else "wsgi",
        telemetry=False,
    )


def reset_sdk() -> None:
    """Forget everything that ``init`` made; needs ``SUPERTOKENS_ENV=testing``."""
    # It loads pytest, which an app that a test starts has no use for.
    import pytest_supertokens_guest

    pytest_supertokens_guest.reset_sdk()


def guest_jwt(
    core: Core,
    guest_id: str = "G-1",
    payload: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return a guest of an app with these settings, signed by *core* without checks.

    Args:
        core: Who signs.
        guest_id: Its ``sub``.
        payload: What an app could have put in, and what it could not.
        **claims: Registered claims, instead of the usual ones: ``iat``, ``aud``, …
    """
    registered = {"iss": ISSUER, "sub": guest_id, "aud": AUDIENCE}
    return core.sign({**registered, **(payload or {}), **claims})
