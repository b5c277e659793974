"""Guests of one tenant stay there: the function form of ``transfer``, as documented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testkit.apps import KINDS
from testkit.sdk import guest_jwt
from testkit.visitors import cleared

if TYPE_CHECKING:
    from supertokens_guest import GuestTransfer
    from testkit.apps import Kind, Told
    from testkit.browsing import Browse, Open
    from testkit.core import Core

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}


class WrongTenantError(Exception):
    """A guest of one tenant has come to another's login."""


def of_this_tenant(transfer: GuestTransfer) -> dict[str, Any]:
    """Give a guest's data to logins of its own tenant alone.

    Fails closed: what raises moves nothing, calls no hook, and keeps the cookie for the
    tenant that it belongs to.
    """
    payload = transfer.guest.payload
    if payload.get("tenant") != transfer.tenant_id:
        raise WrongTenantError
    return {name: payload[name] for name in payload if name != "tenant"}


def test_own_tenant(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """A guest of this tenant becomes its user."""
    app = open_shop(told.config(transfer=of_this_tenant), kind=kind)
    browser = browse(app, auth_mode="cookie")
    browser.keep_cookie(guest_jwt(core, payload={**CART, "tenant": "public"}))

    answer = browser.ask(("login", "user-1"))

    assert (200, True) == (answer.status_code, cleared(answer))
    assert {"sub": "G-1", **CART} == browser.me()["guest"]
    (transfer,) = told.transfers
    assert ("public", "user-1") == (transfer.tenant_id, transfer.recipe_user_id)


def test_another_tenant(
    open_shop: Open, browse: Browse, told: Told, core: Core, kind: Kind
) -> None:
    """Another tenant's guest moves nothing, tells nobody and is kept."""
    app = open_shop(told.config(transfer=of_this_tenant), kind=kind)
    browser = browse(app, auth_mode="cookie")
    token = guest_jwt(core, payload={**CART, "tenant": "other"})
    browser.keep_cookie(token)

    answer = browser.ask(("login", "user-1"))

    assert (200, False) == (answer.status_code, cleared(answer))
    assert token == browser.guest_cookie
    assert "guest" not in browser.me()
    assert [] == told.transfers
    (event,) = [one for one in told.events if one.code == "transfer-failed"]
    assert isinstance(event.error, WrongTenantError)
