"""How guests live with what an app overrides itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import jwt as pyjwt
import pytest
from supertokens_python.recipe import jwt, openid
from supertokens_python.recipe.session.asyncio import (
    create_new_session_without_request_response,
)
from supertokens_python.types import RecipeUserId

from supertokens_guest import (
    CoreUnavailableError,
    GuestConfig,
    guest_override,
    syncio,
)
from supertokens_guest.asyncio import create_guest_jwt
from testkit.visitors import cleared

if TYPE_CHECKING:
    from collections.abc import Callable

    from testkit.apps import Told
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1"], "plan": "gold"}


def app_override(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return an override of the app's that changes a session's payload."""

    def override(original: Any) -> Any:
        create = original.create_new_session

        async def create_new_session(
            user_id: str,
            recipe_user_id: Any,
            access_token_payload: dict[str, Any] | None,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            payload = change(access_token_payload or {})
            return await create(user_id, recipe_user_id, payload, *args, **kwargs)

        original.create_new_session = create_new_session
        return original

    return override


class TestOrder:
    """The app's own override, before ours and after it."""

    @pytest.mark.parametrize("inside", [True, False])
    def test_claims_of_the_app_win(
        self, serve: Serve, visit: Visit, told: Told, inside: bool
    ) -> None:
        """In both orders, what the app says stands, and the transfer knows it."""
        ours = guest_override(told.config(namespace=None))
        theirs = app_override(lambda payload: {**payload, "plan": "free"})
        orders = {
            True: lambda original: ours(theirs(original)),
            False: lambda original: theirs(ours(original)),
        }
        visitor = visit(serve(functions=orders[inside]))
        visitor.become_guest(CART)

        answer = visitor.sign_up()

        payload = visitor.me()
        assert ("free", ["sku-1"]) == (payload["plan"], payload["cart"])
        (transfer,) = told.transfers
        assert {"cart": ["sku-1"]} == transfer.moved
        assert {"plan": "present"} == transfer.dropped
        assert cleared(answer)

    @pytest.mark.parametrize("inside", [True, False])
    def test_namespace_of_the_app_wins(
        self, serve: Serve, visit: Visit, told: Told, inside: bool
    ) -> None:
        """The same under a namespace, which the app may use for itself."""
        ours = guest_override(told.config())
        theirs = app_override(lambda payload: {**payload, "guest": "no"})
        orders = {
            True: lambda original: ours(theirs(original)),
            False: lambda original: theirs(ours(original)),
        }
        visitor = visit(serve(functions=orders[inside]))
        visitor.become_guest(CART)

        visitor.sign_up()

        assert "no" == visitor.me()["guest"]
        (transfer,) = told.transfers
        assert {} == transfer.moved
        assert {"cart", "plan"} == set(transfer.dropped)

    def test_claim_that_the_app_removes(
        self, serve: Serve, visit: Visit, told: Told
    ) -> None:
        """An override that runs after ours may take a claim out again."""
        ours = guest_override(GuestConfig(namespace=None, on_event=told.on_event))

        def without_plan(payload: dict[str, Any]) -> dict[str, Any]:
            return {name: payload[name] for name in payload if name != "plan"}

        theirs = app_override(without_plan)
        visitor = visit(serve(functions=lambda original: ours(theirs(original))))
        token = visitor.become_guest(CART)

        visitor.login()

        assert "plan" not in visitor.me()
        assert token == visitor.guest_cookie
        assert ("transfer", "removed") in told.codes()

    def test_mappings_of_the_app_are_not_written_to(
        self, serve: Serve, visit: Visit
    ) -> None:
        """What a route or an override passes on is as it was afterwards."""
        seen: list[dict[str, Any]] = []

        def note(payload: dict[str, Any]) -> dict[str, Any]:
            seen.append(payload)
            return payload

        ours, theirs = guest_override(), app_override(note)
        visitor = visit(serve(functions=lambda original: theirs(ours(original))))
        visitor.become_guest(CART)

        visitor.login(payload={"app": 1})

        assert [{"app", "iss"}] == [set(payload) for payload in seen]
        assert "guest" in visitor.me()


class TestCreateJwt:
    """Guests are signed through the app's overrides of the JWT and OpenId recipes."""

    @pytest.mark.parametrize("recipe", ["jwt", "openid"])
    def test_override_is_used_on_the_callers_loop(
        self, serve: Serve, recipe: str
    ) -> None:
        """It sees the claims and the static key, where its own things belong."""
        calls: list[tuple[Any, ...]] = []

        def functions(original: Any) -> Any:
            create = original.create_jwt

            async def create_jwt(
                payload: dict[str, Any],
                validity_seconds: int | None = None,
                use_static_signing_key: bool | None = None,
                user_context: dict[str, Any] | None = None,
            ) -> Any:
                loop = asyncio.get_running_loop()
                calls.append((loop, payload["sub"], use_static_signing_key))
                return await create(
                    payload={**payload, "shop": "north"},
                    validity_seconds=validity_seconds,
                    use_static_signing_key=use_static_signing_key,
                    user_context=user_context,
                )

            original.create_jwt = create_jwt
            return original

        recipes: dict[str, list[Any]] = {
            "jwt": [jwt.init(override=jwt.OverrideConfig(functions=functions))],
            "openid": [
                jwt.init(),  # which the SDK wants first
                openid.init(override=openid.InputOverrideConfig(functions=functions)),
            ],
        }
        serve(recipes=recipes[recipe])

        async def both() -> tuple[Any, list[str]]:
            tokens = [
                await create_guest_jwt({"n": 1}, "G-1"),
                syncio.create_guest_jwt({"n": 2}, "G-2"),
            ]
            return asyncio.get_running_loop(), tokens

        loop, tokens = asyncio.run(both())

        assert [("G-1", True), ("G-2", True)] == [call[1:] for call in calls]
        assert loop is calls[0][0]
        payloads = [syncio.verify_guest_jwt(token).payload for token in tokens]
        assert [{"n": 1, "shop": "north"}, {"n": 2, "shop": "north"}] == payloads

    def test_error_of_the_override(self, serve: Serve) -> None:
        """What the app's override raises is the app's to see, not an outage."""

        def functions(original: Any) -> Any:
            async def create_jwt(*_: Any, **__: Any) -> Any:
                raise LookupError("the app's own")

            original.create_jwt = create_jwt
            return original

        serve(recipes=[jwt.init(override=jwt.OverrideConfig(functions=functions))])

        with pytest.raises(LookupError, match="the app's own"):
            asyncio.run(create_guest_jwt())

    def test_override_that_spoils_the_claims(self, serve: Serve) -> None:
        """A token that we would refuse ourselves is never handed out."""

        def functions(original: Any) -> Any:
            create = original.create_jwt

            async def create_jwt(payload: dict[str, Any], *args: Any) -> Any:
                return await create({**payload, "aud": "shop"}, *args)

            original.create_jwt = create_jwt
            return original

        serve(recipes=[jwt.init(override=jwt.OverrideConfig(functions=functions))])

        with pytest.raises(CoreUnavailableError, match="wrong_audience"):
            asyncio.run(create_guest_jwt())


def test_session_from_a_script(serve: Serve, told: Told) -> None:
    """A session that no request asked for has no guest and no error."""
    serve(told.config())

    session = asyncio.run(
        create_new_session_without_request_response(
            "public", RecipeUserId("u-1"), {"app": 1}
        )
    )

    assert 1 == session.get_access_token_payload()["app"]
    assert "guest" not in session.get_access_token_payload()
    assert ([], []) == (told.transfers, told.events)


def test_hook_may_use_the_session(serve: Serve, visit: Visit) -> None:
    """An ``async`` hook is given the session itself, and may write to it."""

    async def on_transfer(transfer: Any) -> None:
        await asyncio.sleep(0)
        await transfer.session.merge_into_access_token_payload({"from": "hook"})

    visitor = visit(serve(GuestConfig(on_transfer=on_transfer)))
    visitor.become_guest(CART)

    visitor.login()

    assert ("hook", ["sku-1"]) == (visitor.me()["from"], visitor.me()["guest"]["cart"])


class TestSelection:
    """Which claims move, by the app's choice."""

    def test_names(self, serve: Serve, visit: Visit) -> None:
        """Names choose what moves; the rest is not missed."""
        visitor = visit(serve(GuestConfig(transfer=["cart", "absent"])))
        visitor.become_guest(CART, "G-1")

        answer = visitor.login()

        assert {"sub": "G-1", "cart": ["sku-1"]} == visitor.me()["guest"]
        assert cleared(answer)

    def test_nothing(self, serve: Serve, visit: Visit, told: Told) -> None:
        """With ``()`` nothing moves; the hook has the guest."""
        visitor = visit(serve(told.config(transfer=())))
        visitor.become_guest(CART)

        answer = visitor.login()

        assert "guest" not in visitor.me()
        assert [CART] == [transfer.guest.payload for transfer in told.transfers]
        assert cleared(answer)

    def test_function(self, serve: Serve, visit: Visit) -> None:
        """A function may make other claims of the guest's."""

        def count(transfer: Any) -> dict[str, Any]:
            return {
                "items": len(transfer.guest.payload["cart"]),
                "for": transfer.user_id,
            }

        visitor = visit(serve(GuestConfig(transfer=count)))
        visitor.become_guest(CART, "G-1")

        visitor.login("u-1")

        assert {"sub": "G-1", "items": 1, "for": "u-1"} == visitor.me()["guest"]

    def test_function_that_fails(self, serve: Serve, visit: Visit, told: Told) -> None:
        """An error in it fails no login, and keeps the guest."""

        def fail(_: Any) -> dict[str, Any]:
            raise OSError

        visitor = visit(serve(told.config(transfer=fail)))
        token = visitor.become_guest(CART)

        answer = visitor.login()

        assert 200 == answer.status_code
        assert token == visitor.guest_cookie
        assert [] == told.transfers
        assert ("transfer-failed", "error") in told.codes()


def test_token_is_what_the_documentation_says(serve: Serve) -> None:
    """Registered claims, the payload beside them, the static key, ten years."""
    app = serve()
    token = syncio.create_guest_jwt({"cart": []}, "G-1")

    header = pyjwt.get_unverified_header(token)
    claims = pyjwt.decode(token, options={"verify_signature": False})

    assert {"alg": "RS256", "typ": "JWT", "kid": header["kid"]} == header
    assert header["kid"].startswith("s-")
    assert ["aud", "cart", "exp", "iat", "iss", "sub"] == sorted(claims)
    assert 315_360_000 == claims["exp"] - claims["iat"]
    keys = httpx.get(f"{app.core.url}/.well-known/jwks.json").json()["keys"]
    assert header["kid"] in {key["kid"] for key in keys}
