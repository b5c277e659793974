"""Every way to log in that the tests know, each as one function of a visitor."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx
from supertokens_python.ingredients.emaildelivery.types import (
    EmailDeliveryConfig,
    EmailDeliveryInterface,
)
from supertokens_python.recipe import passwordless, thirdparty
from supertokens_python.recipe.passwordless import ContactEmailOnlyConfig
from supertokens_python.recipe.thirdparty.provider import (
    Provider,
    ProviderClientConfig,
    ProviderConfig,
    ProviderInput,
)
from supertokens_python.recipe.thirdparty.types import UserInfo, UserInfoEmail

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.visitors import Visitor

_codes: dict[str, str] = {}


class _Mailbox(EmailDeliveryInterface[Any]):
    """Keeps the codes that the passwordless recipe sends, by address."""

    async def send_email(
        self,
        template_vars: Any,
        user_context: Any,  # noqa: ARG002 - the SDK's signature
    ) -> None:
        """Keep one."""
        _codes[template_vars.email] = template_vars.user_input_code


def recipes() -> list[Any]:
    """Return the recipes that the logins need beside emailpassword."""
    config = ProviderConfig(
        third_party_id="friend", clients=[ProviderClientConfig(client_id="shop")]
    )
    provider = ProviderInput(config=config, override=_knows_everybody)
    return [
        thirdparty.init(
            sign_in_and_up_feature=thirdparty.SignInAndUpFeature(providers=[provider])
        ),
        passwordless.init(
            contact_config=ContactEmailOnlyConfig(),
            flow_type="USER_INPUT_CODE",
            email_delivery=EmailDeliveryConfig(service=_Mailbox()),
        ),
    ]


def _knows_everybody(provider: Provider) -> Provider:
    """Take the access token for the user's address, and ask nobody."""

    async def get_user_info(
        oauth_tokens: dict[str, Any],
        user_context: dict[str, Any],  # noqa: ARG001 - the SDK's signature
    ) -> UserInfo:
        email = oauth_tokens["access_token"]
        return UserInfo(email, UserInfoEmail(email, is_verified=True))

    provider.get_user_info = get_user_info  # type: ignore[method-assign]  # the SDK's own way to override
    return provider


def sign_up(visitor: Visitor) -> httpx.Response:
    """Sign up with a password."""
    return visitor.sign_up()


def sign_in(visitor: Visitor) -> httpx.Response:
    """Sign in with a password, to an account that is there."""
    cookies = httpx.Cookies(visitor.http.cookies)
    visitor.http.cookies.clear()
    visitor.sign_up()
    visitor.http.cookies = cookies
    return visitor.sign_in()


def by_third_party(visitor: Visitor) -> httpx.Response:
    """Sign in by a third party."""
    body = {"thirdPartyId": "friend", "oAuthTokens": {"access_token": visitor.email}}
    return visitor.http.post("/auth/signinup", json=body)


def by_code(visitor: Visitor) -> httpx.Response:
    """Sign in by a code that comes by e-mail."""
    sent = visitor.http.post("/auth/signinup/code", json={"email": visitor.email})
    body = {
        "deviceId": sent.json()["deviceId"],
        "preAuthSessionId": sent.json()["preAuthSessionId"],
        "userInputCode": _codes.pop(visitor.email),
    }
    return visitor.http.post("/auth/signinup/code/consume", json=body)


def by_own_route(visitor: Visitor) -> httpx.Response:
    """Log in by a route of the app's."""
    return visitor.login(str(uuid.uuid4()))


LOGINS: dict[str, Callable[[Visitor], httpx.Response]] = {
    "sign-up": sign_up,
    "sign-in": sign_in,
    "third party": by_third_party,
    "code by e-mail": by_code,
    "own route": by_own_route,
}
"""The ways to log in, by name."""
