"""Any login recipe that the SDK offers takes the guest along, whatever is beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.framework.fastapi import verify_session

from testkit.apps import App, Kind, Told
from testkit.core import Core
from testkit.fixtures import Serve, Visit
from testkit.login_recipes import (
    LOGINS,
    VERIFIES_ITSELF,
    Login,
    Verification,
    World,
)
from testkit.provider import Provider, running_provider
from testkit.sdk import guest_jwt
from testkit.visitors import Visitor, cleared

CARTS: dict[str, dict[str, Any]] = {
    "G-1": {"cart": ["sku-1", "sku-2"]},
    "G-2": {"cart": [], "note": "Grüße"},
}
"""The guest who signs up, and the one who signs in to the same account."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Serve a provider of third-party logins."""
    with running_provider() as provider:
        yield provider


@pytest.mark.parametrize("roles", [False, True], ids=["no-roles", "roles"])
@pytest.mark.parametrize("verification", ["off", "OPTIONAL", "REQUIRED"])
@pytest.mark.parametrize("recipe", LOGINS)
def test_login(
    *,
    serve: Serve,
    visit: Visit,
    told: Told,
    provider: Provider,
    recipe: str,
    verification: Verification,
    roles: bool,
) -> None:
    """A guest signs up and another signs in: each finds its data in the session."""
    world = World(provider=provider, verification=verification, roles=roles)
    app = serve(told.config(), recipes=world.recipes())

    _sign_up_and_in(app, visit, told, world, recipe)


@pytest.mark.parametrize("kind", ["flask", "django", "django-asgi"])
@pytest.mark.parametrize("recipe", LOGINS)
def test_login_elsewhere(
    *,
    serve: Serve,
    visit: Visit,
    told: Told,
    provider: Provider,
    recipe: str,
    kind: Kind,
) -> None:
    """The same holds in the other frameworks, with all recipes at once."""
    world = World(provider=provider, verification="REQUIRED", roles=True)
    app = serve(told.config(), recipes=world.recipes(), kind=kind)

    _sign_up_and_in(app, visit, told, world, recipe)


@pytest.mark.parametrize("recipe", sorted(LOGINS.keys() - VERIFIES_ITSELF))
def test_kept_out_until_verified(
    serve: Serve, visit: Visit, provider: Provider, recipe: str
) -> None:
    """Who has to verify an address first, on another device too, loses no data."""
    world = World(provider=provider, verification="REQUIRED")
    app = serve(recipes=world.recipes(), add_routes=_add_guarded)
    visitor, elsewhere = visit(app), visit(app)

    _log_in(visitor, "G-1", LOGINS[recipe][0], world)
    kept_out = visitor.http.post("/app/guarded")
    status = world.verify_email(visitor, opened_by=elsewhere)
    learnt = visitor.http.get("/auth/user/email/verify")
    let_in = visitor.http.post("/app/guarded")

    assert (403, "OK", 200) == (kept_out.status_code, status, let_in.status_code)
    assert {"status": "OK", "isVerified": True} == learnt.json()
    assert {"sub": "G-1", **CARTS["G-1"]} == let_in.json()["guest"]


@pytest.mark.parametrize("recipe", LOGINS)
def test_guest_gives_no_role(
    *,
    serve: Serve,
    visit: Visit,
    told: Told,
    core: Core,
    provider: Provider,
    recipe: str,
) -> None:
    """A guest that names roles changes nobody's, though nothing is between them."""
    world = World(provider=provider, roles=True)
    app = serve(told.config(namespace=None), recipes=world.recipes())
    visitor = visit(app)
    found = []

    for guest_id, login in zip(CARTS, LOGINS[recipe], strict=True):
        claimed = {"st-role": {"v": ["admin"], "t": 1}, "st-perm": {"v": ["all"]}}
        visitor.http.cookies.clear()
        visitor.keep_cookie(guest_jwt(core, guest_id, {**claimed, **CARTS[guest_id]}))
        user_id = login(visitor, world).json()["user"]["id"]
        payload = visitor.me()
        found.append([payload[name]["v"] for name in ("st-role", "st-perm")])
        world.promote(user_id)

    assert [[[], []], [[world.role], ["refund"]]] == found
    assert list(CARTS.values()) == [transfer.moved for transfer in told.transfers]
    refused = {"st-role": "reserved", "st-perm": "reserved"}
    assert [refused] * 2 == [transfer.dropped for transfer in told.transfers]


def _sign_up_and_in(
    app: App, visit: Visit, told: Told, world: World, recipe: str
) -> None:
    """Go through two logins of one account, from two devices, each with a guest."""
    sign_up, sign_in = LOGINS[recipe]
    first, second = visit(app), visit(app)
    second.email = first.email
    verified = recipe in VERIFIES_ITSELF

    user_id = _log_in(first, "G-1", sign_up, world)
    assert [("G-1", user_id)] == _transferred(told)
    _check_session(first, "G-1", world, verified=verified, role=False)

    if world.verification != "off":
        expected = "EMAIL_ALREADY_VERIFIED_ERROR" if verified else "OK"
        assert expected == world.verify_email(first)
        _check_session(first, "G-1", world, verified=True, role=False)
    if world.roles:
        world.promote(user_id)

    assert user_id == _log_in(second, "G-2", sign_in, world)
    _check_session(second, "G-2", world, verified=True, role=True)

    assert [200, 200] == [device.refresh().status_code for device in (first, second)]
    _check_session(first, "G-1", world, verified=True, role=False)
    _check_session(second, "G-2", world, verified=True, role=True)
    assert [("G-1", user_id), ("G-2", user_id)] == _transferred(told)
    assert [("issue", None), ("transfer", None)] * 2 == told.codes()


def _log_in(visitor: Visitor, guest_id: str, login: Login, world: World) -> str:
    """Become a guest, log in, see the guest's cookie go; return the user's id."""
    visitor.become_guest(CARTS[guest_id], guest_id)

    answer = login(visitor, world)

    assert (200, "OK") == (answer.status_code, answer.json()["status"])
    assert cleared(answer)
    assert visitor.guest_cookie is None
    user_id: str = answer.json()["user"]["id"]
    return user_id


def _transferred(told: Told) -> list[tuple[str, str]]:
    """Return for each call of the hook who became whom."""
    return [(transfer.guest.id, transfer.user_id) for transfer in told.transfers]


def _check_session(
    visitor: Visitor, guest_id: str, world: World, *, verified: bool, role: bool
) -> None:
    """See the guest's data in the session, beside the recipes' own claims."""
    payload = visitor.me()
    assert {"sub": guest_id, **CARTS[guest_id]} == payload["guest"]

    recipes_claims = {
        name: payload[name]["v"] for name in payload if name.startswith("st-")
    }
    expected: dict[str, Any] = {}
    if world.verification != "off":
        expected["st-ev"] = verified
    if world.roles:
        expected["st-role"] = [world.role] if role else []
        expected["st-perm"] = ["refund"] if role else []
    assert expected == recipes_claims


def _add_guarded(app: FastAPI) -> None:
    """Add a route for those whom the claims of all recipes let in."""

    @app.post("/app/guarded")
    async def guarded(
        session: Annotated[SessionContainer, Depends(verify_session())],
    ) -> dict[str, Any]:
        return session.get_access_token_payload()
