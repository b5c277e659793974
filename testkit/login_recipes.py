"""The login recipes of the SDK as people use them, and what an app has around it.

Third parties are asked over HTTP and e-mails are read.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx
from supertokens_python.recipe import (
    emailverification,
    passwordless,
    thirdparty,
    userroles,
)
from supertokens_python.recipe.passwordless import ContactEmailOnlyConfig
from supertokens_python.recipe.userroles.asyncio import (
    add_role_to_user,
    create_new_role_or_add_permissions,
)

from testkit.mailbox import Mailbox, link_parts
from testkit.provider import CALLBACK, THIRD_PARTY_ID
from testkit.visitors import Visitor

if TYPE_CHECKING:
    from testkit.provider import Provider

Verification = Literal["off", "OPTIONAL", "REQUIRED"]


@dataclass(frozen=True, kw_only=True)
class World:
    """What an app has around it, beside its core.

    Attributes:
        provider: Where people log in by a third party.
        verification: The mode of the e-mail verification recipe.
        roles: Whether the user roles recipe is there.
        mailbox: Where all e-mails arrive.
        role: A role that no other test has given to anybody.
    """

    provider: Provider
    verification: Verification = "off"
    roles: bool = False
    mailbox: Mailbox = field(default_factory=Mailbox)
    role: str = field(default_factory=lambda: f"clerk-{uuid.uuid4()}")

    def recipes(self) -> list[Any]:
        """Return the recipes of an app, beside emailpassword and session."""
        delivery = self.mailbox.delivery()
        providers = thirdparty.SignInAndUpFeature(providers=[self.provider.config()])
        recipes: list[Any] = [
            thirdparty.init(sign_in_and_up_feature=providers),
            passwordless.init(
                contact_config=ContactEmailOnlyConfig(),
                flow_type="USER_INPUT_CODE_AND_MAGIC_LINK",
                email_delivery=delivery,
            ),
        ]
        if self.verification != "off":
            recipes.append(emailverification.init(self.verification, delivery))
        if self.roles:
            recipes.append(userroles.init())
        return recipes

    def verify_email(
        self, visitor: Visitor, *, opened_by: Visitor | None = None
    ) -> str:
        """Ask for the e-mail with the link, and follow it.

        Args:
            visitor: Who is logged in and asks.
            opened_by: Where the link is opened, if it is another browser.

        Returns:
            The last status.
        """
        asked: str = visitor.http.post("/auth/user/email/verify/token").json()["status"]
        if asked != "OK":
            return asked
        query, _ = link_parts(self.mailbox.take().email_verify_link)
        answer = (opened_by or visitor).http.post(
            "/auth/user/email/verify",
            json={"method": "token", "token": query["token"]},
        )
        status: str = answer.json()["status"]
        return status

    def promote(self, user_id: str) -> None:
        """Give a user the role, with one permission."""

        async def promote() -> None:
            await create_new_role_or_add_permissions(self.role, ["refund"])
            await add_role_to_user("public", user_id, self.role)

        asyncio.run(promote())


def by_sign_up(visitor: Visitor, _: World) -> httpx.Response:
    """Sign up with a password."""
    return visitor.sign_up()


def by_sign_in(visitor: Visitor, _: World) -> httpx.Response:
    """Sign in with a password."""
    return visitor.sign_in()


def by_third_party(visitor: Visitor, _: World) -> httpx.Response:
    """Go to the provider, come back with its code, and have the SDK ask who it is."""
    where = visitor.http.get(
        "/auth/authorisationurl",
        params={
            "thirdPartyId": THIRD_PARTY_ID,
            "redirectURIOnProviderDashboard": CALLBACK,
        },
    ).json()
    address = httpx.URL(where["urlWithQueryParams"])
    sent_back = visitor.http.get(
        address.copy_merge_params({"state": "s", "login_hint": visitor.email})
    )
    query, _fragment = link_parts(sent_back.headers["location"])
    redirect = {
        "redirectURIOnProviderDashboard": CALLBACK,
        "redirectURIQueryParams": query,
        "pkceCodeVerifier": where["pkceCodeVerifier"],
    }
    return visitor.http.post(
        "/auth/signinup",
        json={"thirdPartyId": THIRD_PARTY_ID, "redirectURIInfo": redirect},
    )


def by_code(visitor: Visitor, world: World) -> httpx.Response:
    """Type the code that comes by e-mail."""
    device = _ask_for_code(visitor)
    return visitor.http.post(
        "/auth/signinup/code/consume",
        json={
            "deviceId": device["deviceId"],
            "preAuthSessionId": device["preAuthSessionId"],
            "userInputCode": world.mailbox.take().user_input_code,
        },
    )


def by_link(visitor: Visitor, world: World) -> httpx.Response:
    """Follow the link that comes by e-mail."""
    _ask_for_code(visitor)
    query, link_code = link_parts(world.mailbox.take().url_with_link_code)
    return visitor.http.post(
        "/auth/signinup/code/consume",
        json={"preAuthSessionId": query["preAuthSessionId"], "linkCode": link_code},
    )


def _ask_for_code(visitor: Visitor) -> dict[str, str]:
    """Have the passwordless recipe send an e-mail; return what the device learns."""
    sent = visitor.http.post("/auth/signinup/code", json={"email": visitor.email})
    device: dict[str, str] = sent.json()
    return device


Login = Callable[[Visitor, World], httpx.Response]

LOGINS: dict[str, tuple[Login, Login]] = {
    "emailpassword": (by_sign_up, by_sign_in),
    "third party": (by_third_party, by_third_party),
    "code": (by_code, by_code),
    "link": (by_link, by_link),
}
"""How to sign up and how to sign in, by recipe; only the first distinguishes."""

VERIFIES_ITSELF = {"code", "link"}
"""Who comes this way has shown that the address is theirs."""
