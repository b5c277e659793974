"""The override of the session recipe: a guest's data enters the session at its making.

A guest never fails a login: whatever goes wrong on the way, the session is made as if
there had been no guest, and the guest is kept for another try.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.multifactorauth.recipe import MultiFactorAuthRecipe

from supertokens_guest.claims import GUEST_ID
from supertokens_guest.config import GuestConfig
from supertokens_guest.core_errors import refused_by_core
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import logger
from supertokens_guest.guest import GuestTransfer
from supertokens_guest.handover import (
    choose_claims,
    clear_on_response,
    complete,
    find_candidate,
    leaves_guest_alone,
    session_shape,
)
from supertokens_guest.keys import StaticKeys
from supertokens_guest.reading import is_ours
from supertokens_guest.requests import guest_tokens, request_of, session_of
from supertokens_guest.runtime import Runtime, install
from supertokens_guest.transfer import EMPTY, NOTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import (
        RecipeInterface,
        SessionContainer,
    )
    from supertokens_python.types import RecipeUserId


def guest_override(
    config: GuestConfig | None = None,
) -> Callable[[RecipeInterface], RecipeInterface]:
    """Return the function override for ``session.init``.

    ::

        session.init(
            override=session.InputOverrideConfig(functions=guest_override())
        )

    With an override of the app's own, call one inside the other; the app's claims win
    in both orders::

        functions=lambda original: my_override(guest_override(config)(original))

    Args:
        config: How guests shall be; ``None`` takes every default.

    Raises:
        ConfigError: *config* is not a ``GuestConfig``, or its keys cannot be read.
    """
    chosen: object = GuestConfig() if config is None else config
    if not isinstance(chosen, GuestConfig):
        raise ConfigError(
            "guest_override() takes a GuestConfig; as the override itself, write"
            " functions=guest_override()."
        )
    keys = None if chosen.public_keys is None else StaticKeys(chosen.public_keys)

    def override(original: RecipeInterface) -> RecipeInterface:
        runtime = Runtime(chosen, keys)
        install(runtime, original)
        _override_create(runtime, original)
        _override_revoke(runtime, original)
        return original

    return override


def _override_create(runtime: Runtime, original: RecipeInterface) -> None:
    """Let guests into the sessions that *original* makes."""
    create = original.create_new_session

    async def create_new_session(  # noqa: PLR0913, PLR0917 - the SDK's signature
        user_id: str,
        recipe_user_id: RecipeUserId,
        access_token_payload: dict[str, Any] | None,
        session_data_in_database: dict[str, Any] | None,
        disable_anti_csrf: bool | None,  # noqa: FBT001 - the SDK's signature
        tenant_id: str,
        user_context: dict[str, Any],
    ) -> SessionContainer:
        login = _Login(
            create=create,
            user_id=user_id,
            recipe_user_id=recipe_user_id,
            access_token_payload=access_token_payload,
            session_data_in_database=session_data_in_database,
            disable_anti_csrf=disable_anti_csrf,
            tenant_id=tenant_id,
            user_context=user_context,
        )
        return await _create_with_guest(runtime, login)

    original.create_new_session = create_new_session  # type: ignore[method-assign]  # the SDK's own way to override


def _override_revoke(runtime: Runtime, original: RecipeInterface) -> None:
    """Clear the guest cookie when the request's own session ends: at sign-out."""
    revoke = original.revoke_session

    async def revoke_session(session_handle: str, user_context: dict[str, Any]) -> bool:
        revoked = await revoke(session_handle, user_context)
        request = request_of(user_context)
        session = None if request is None else session_of(request)
        if request is None or session is None or session.get_handle() != session_handle:
            return revoked
        tokens = guest_tokens(request, runtime.config.cookie_name)
        if any(is_ours(runtime, token) for token in tokens):
            clear_on_response(runtime, session, request)
        return revoked

    original.revoke_session = revoke_session  # type: ignore[method-assign]  # the SDK's own way to override


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class _Login:
    """A session that is about to be made, with what the SDK says of it."""

    create: Callable[..., Awaitable[SessionContainer]]
    user_id: str
    recipe_user_id: RecipeUserId
    access_token_payload: dict[str, Any] | None
    session_data_in_database: dict[str, Any] | None
    disable_anti_csrf: bool | None
    tenant_id: str
    user_context: dict[str, Any]

    async def make(
        self,
        *,
        into_payload: Mapping[str, Any] = EMPTY,
        into_data: Mapping[str, Any] = EMPTY,
    ) -> SessionContainer:
        """Make the session, with these claims beside those that it has."""
        payload, data = self.access_token_payload, self.session_data_in_database
        return await self.create(
            self.user_id,
            self.recipe_user_id,
            {**(payload or {}), **into_payload} if into_payload else payload,
            {**(data or {}), **into_data} if into_data else data,
            self.disable_anti_csrf,
            self.tenant_id,
            user_context=self.user_context,
        )


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class _Plan:
    """What shall happen to the guest of a login.

    Attributes:
        request: The request of the login.
        draft: The transfer, before there is a session; ``None`` without a guest.
        selection: What of the guest enters the session.
        carried: Claims of a guest in the session that this one replaces.
        clearable: Whether all that came is ours and no good.
    """

    request: BaseRequest
    draft: GuestTransfer | None = None
    selection: Selection = NOTHING
    carried: Mapping[str, Any] = field(default_factory=dict)
    clearable: bool = False


async def _create_with_guest(runtime: Runtime, login: _Login) -> SessionContainer:
    """Make the session of *login*, with the data of the request's guest in it."""
    plan = await _plan(runtime, login)
    if plan is None:
        return await login.make()
    added, carried = plan.selection.added, plan.carried
    try:
        if runtime.config.transfer_to == "access_token_payload":
            session = await login.make(into_payload={**carried, **added})
        else:
            session = await login.make(into_payload=carried, into_data=added)
    except Exception as error:
        if not (added or carried) or not refused_by_core(error):
            raise
        logger.warning("the core refused a guest's claims; the guest is kept")
        guest = None if plan.draft is None else plan.draft.guest
        runtime.tell("transfer-failed", "core_refused", guest=guest, error=error)
        return await login.make()
    await _finish(runtime, plan, session)
    return session


async def _plan(runtime: Runtime, login: _Login) -> _Plan | None:
    """Decide about the guest of this login; whatever goes wrong here stays here."""
    try:
        request = request_of(login.user_context)
        payload = login.access_token_payload or {}
        if request is None or leaves_guest_alone(payload, login.user_context):
            return None
        carried = _carried(runtime, login, request)
        if carried:
            return _Plan(request=request, carried=carried)
        if MultiFactorAuthRecipe.get_instance() is not None:
            if guest_tokens(request, runtime.config.cookie_name):
                runtime.tell("transfer-skipped", "factors_incomplete")
            return None
        return await _plan_transfer(runtime, login, request)
    except Exception as error:  # noqa: BLE001 - no login fails for a guest's sake
        logger.exception("the guest of a login was left alone")
        runtime.tell("transfer-failed", "error", error=error)
        return None


async def _plan_transfer(
    runtime: Runtime, login: _Login, request: BaseRequest
) -> _Plan:
    """Find the login's guest and choose what of it moves."""
    candidate = await find_candidate(
        runtime,
        request,
        login.user_context,
        wait_seconds=runtime.config.login_wait_seconds,
    )
    if candidate.guest is None:
        return _Plan(request=request, clearable=candidate.clearable)
    draft = GuestTransfer(
        guest=candidate.guest,
        user_id=login.user_id,
        recipe_user_id=login.recipe_user_id.get_as_string(),
        tenant_id=login.tenant_id,
        request=request,
        user_context=login.user_context,
    )
    no_anti_csrf = login.disable_anti_csrf is True
    shape = session_shape(runtime, draft, disable_anti_csrf=no_anti_csrf)
    present = (
        login.session_data_in_database if shape is None else login.access_token_payload
    )
    selection = choose_claims(runtime, draft, present=present or {}, shape=shape)
    return _Plan(request=request, draft=draft, selection=selection)


async def _finish(runtime: Runtime, plan: _Plan, session: SessionContainer) -> None:
    """Do what follows once there is a session; the login has already succeeded."""
    try:
        if plan.draft is not None:
            await complete(runtime, plan.draft, session, plan.selection)
        elif plan.clearable:
            clear_on_response(runtime, session, plan.request)
    except Exception as error:  # noqa: BLE001 - no login fails for a guest's sake
        logger.exception("a guest's transfer was not completed; the guest is kept")
        guest = None if plan.draft is None else plan.draft.guest
        runtime.tell("transfer-failed", "error", guest=guest, error=error)


def _carried(
    runtime: Runtime, login: _Login, request: BaseRequest
) -> Mapping[str, Any]:
    """Return the guest's claims of the session that this one takes the place of.

    The SDK swaps a session for a bare one when an e-mail verification links accounts:
    the same login method, and the old session still attached to the request. Another
    person who logs in at this browser has another login method and gets nothing.
    """
    namespace = runtime.config.namespace
    previous = session_of(request)
    if namespace is None or previous is None:
        return EMPTY
    same = previous.get_recipe_user_id().get_as_string()
    if same != login.recipe_user_id.get_as_string():
        return EMPTY
    claim = previous.get_access_token_payload().get(namespace)
    if not isinstance(claim, dict) or namespace in (login.access_token_payload or {}):
        return EMPTY
    guest_id = claim.get("sub")
    if not isinstance(guest_id, str) or not GUEST_ID.fullmatch(guest_id):
        return EMPTY
    return {namespace: claim}
