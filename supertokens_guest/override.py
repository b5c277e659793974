"""The override of the session recipe: guests enter a session, and end with one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.session import SessionContainer, exceptions, interfaces
from supertokens_python.supertokens import get_request_from_user_context
from supertokens_python.types import RecipeUserId

from supertokens_guest._runtime import Runtime, current, install, refused_by_core
from supertokens_guest._tokens.keys import StaticKeys
from supertokens_guest._transfer.handover import Handover, is_exempt
from supertokens_guest._transfer.selection import WAITING, guests
from supertokens_guest._web.answers import at_answer, clear_ours, clear_with
from supertokens_guest._web.cookies import checked_secure
from supertokens_guest._web.requests import Visit, visit_of
from supertokens_guest.config import GuestConfig
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import logger

if TYPE_CHECKING:
    from supertokens_python.plugins import SuperTokensPlugin


def guest_override(
    config: GuestConfig | None = None,
) -> Callable[[interfaces.RecipeInterface], interfaces.RecipeInterface]:
    """Return the function override for ``session.init``.

        session.init(
            override=session.SessionOverrideConfig(functions=guest_override())
        )

    (``session.InputOverrideConfig`` on SDK 0.30.) With an override of the app's own,
    call one inside the other; the app's claims win in both orders:

        functions=lambda original: my_override(guest_override(config)(original))

    Args:
        config: How guests shall be; ``None`` takes every default.

    Raises:
        ConfigError: *config* is not a ``GuestConfig``, its keys cannot be read, or, at
            ``init``, there are two of these around each other, or browsers would drop
            the cookie.
    """
    chosen: object = GuestConfig() if config is None else config
    if not isinstance(chosen, GuestConfig):
        raise ConfigError(
            "guest_override() takes a GuestConfig; as the override itself, write"
            " functions=guest_override()."
        )
    keys = None if chosen.public_keys is None else StaticKeys(chosen.public_keys)

    def override(original: interfaces.RecipeInterface) -> interfaces.RecipeInterface:
        _check_cookie(chosen.cookie_name, original)
        install(Runtime(chosen, keys), original)
        _take_guests(original)
        _end_guests(original)
        return original

    return override


def guest_plugin(config: GuestConfig | None = None) -> SuperTokensPlugin:
    """Return the override of ``guest_override`` as a plugin.

        init(..., experimental=SupertokensExperimentalConfig(plugins=[guest_plugin()]))

    The session recipe is in ``recipe_list`` as ever; an override of the app's own there
    runs outside. Of two plugins of one id the SDK takes the first, and says nothing.
    Raises what that raises, and a ``ConfigError`` on an SDK older than 0.31.4.
    """
    try:
        from supertokens_python.plugins import RecipePluginOverride, SuperTokensPlugin
    except ImportError as error:
        raise ConfigError(
            "guest_plugin() needs supertokens-python 0.31.4 or newer; pass"
            " guest_override() to session.init() instead."
        ) from error
    override: Any = RecipePluginOverride()
    override.functions = guest_override(config)
    return SuperTokensPlugin(
        id="supertokens-guest",
        version=version("supertokens-guest"),
        compatible_sdk_versions=">=0.31.4",
        override_map={"session": override},
    )


def _check_cookie(name: str, original: Any) -> None:
    """Refuse at start a cookie that browsers would drop, where the start can tell."""
    session = getattr(original, "config", None)
    app = getattr(original, "app_info", None)
    # The SDK remembers the first answer for the process, so an origin that the app
    # finds by the request must not be asked for without one.
    if session is not None and not callable(getattr(app, "_AppInfo__origin", None)):
        same_site = session.get_cookie_same_site(None, {})
        checked_secure(name, secure=session.cookie_secure, same_site=same_site)


def _take_guests(original: Any) -> None:
    """Let guests into the sessions that *original* makes."""
    create = original.create_new_session

    async def create_new_session(  # noqa: PLR0917 - the SDK's signature
        user_id: str,
        recipe_user_id: RecipeUserId,
        access_token_payload: dict[str, Any] | None,
        session_data_in_database: dict[str, Any] | None,
        disable_anti_csrf: bool | None,  # noqa: FBT001 - the SDK's signature
        tenant_id: str,
        user_context: dict[str, Any],
    ) -> SessionContainer:
        async def make(into_payload: Any, into_data: Any) -> SessionContainer:
            session = await create(
                user_id,
                recipe_user_id,
                {**payload, **into_payload} if into_payload else access_token_payload,
                {**data, **into_data} if into_data else session_data_in_database,
                disable_anti_csrf,
                tenant_id,
                user_context=user_context,
            )
            return _watched(session)

        payload, data = access_token_payload or {}, session_data_in_database or {}
        visit: Visit | None = None  # as a script or a dashboard has none
        with contextlib.suppress(AttributeError, TypeError):  # or its own idea of one
            visit = visit_of(get_request_from_user_context(user_context))
        if visit is None or is_exempt(payload, user_context):
            return await make({}, {})
        handover = Handover(
            visit, user_context, user_id, recipe_user_id.get_as_string(), tenant_id
        )
        with _harmless(handover):
            handover.beside = _carried(handover, payload)
            if not handover.beside:
                await handover.find()
                handover.choose(payload, data)
        into_payload = {**handover.beside, **handover.selection.into_payload}
        into_data = handover.selection.into_data
        try:
            session = await make(into_payload, into_data)
        except Exception as error:
            if not (into_payload or into_data) or not refused_by_core(error):
                raise
            logger.warning("the core refused a guest's claims; the guest is kept")
            guest = handover.guest
            current().tell("transfer-failed", "core_refused", guest=guest, error=error)
            return await make({}, {})
        with _harmless(handover):
            await handover.finish(session)
        return session

    original.create_new_session = create_new_session


@contextlib.contextmanager
def _harmless(handover: Handover) -> Iterator[None]:
    """Let no login fail for a guest's sake: it is left alone then."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("the guest of a login was left alone", exc_info=error)
        current().tell("transfer-failed", "error", guest=handover.guest, error=error)
        handover.guest = None


def _carried(handover: Handover, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the guest's claims of the session that this one takes the place of."""
    # The SDK swaps a session for a bare one when an e-mail verification links accounts:
    # the same login method, and the old session still attached to the request. Another
    # person who logs in at this browser has another login method and gets nothing.
    namespace, previous = current().config.namespace, handover.visit.session
    if namespace is None or previous is None or namespace in payload:
        return {}
    if previous.get_recipe_user_id().get_as_string() != handover.recipe_user_id:
        return {}
    if previous.get_handle() in handover.visit.made:
        return {}  # made in this request: the guest is still here
    old = previous.get_access_token_payload()
    claims = guests(old.get(namespace))
    waiting = {WAITING: old[WAITING]} if WAITING in old else {}
    return {} if claims is None else {namespace: claims, **waiting}


def _end_guests(original: Any) -> None:
    """Clear the guest when a session that a request brings has ended, or ends."""

    def watching(find: Callable[..., Any]) -> Callable[..., Any]:
        async def find_session(*args: Any, **options: Any) -> SessionContainer | None:
            try:
                session = await find(*args, **options)
            except exceptions.SuperTokensSessionError as error:
                clear_with(error)
                raise
            return None if session is None else _watched(session)

        return find_session

    original.get_session = watching(original.get_session)
    original.refresh_session = watching(original.refresh_session)


def _watched(session: SessionContainer) -> SessionContainer:
    """Have the end of *session* clear the guest that came with it: at sign-out."""
    # The recipe's revoke_session is told no request where an app calls the session's.
    revoke = session.revoke_session

    async def revoke_session(user_context: Any = None) -> None:
        await revoke(user_context)
        if session.req_res_info is None:
            return
        visit, handle = visit_of(session.req_res_info.request), session.get_handle()
        visit.revoked.add(handle)
        if handle in visit.made:  # the login has never been
            visit.moved = False
        else:
            at_answer(session, visit, functools.partial(clear_ours, visit))

    session.revoke_session = revoke_session  # type: ignore[method-assign]  # of this one alone
    return session
