"""A guest becomes a user: at the login, or later into a session that is there.

One value goes all the way: it reads the request's guest, chooses what moves, calls the
app's hook and has the answer clear the cookie. Whatever goes wrong, no login fails, and
the guest is kept for another try.
"""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from asgiref.sync import sync_to_async
from supertokens_python.recipe.multifactorauth import multi_factor_auth_claim as mfa
from supertokens_python.recipe.multifactorauth.recipe import MultiFactorAuthRecipe
from supertokens_python.recipe.session import SessionContainer

from supertokens_guest import _background as background
from supertokens_guest._runtime import current
from supertokens_guest._tokens.payload import plain_copy
from supertokens_guest._transfer import selection as select
from supertokens_guest._web.answers import at_answer, drop, give
from supertokens_guest._web.cookies import keep_newest_session, keep_private
from supertokens_guest._web.requests import Reading, Visit, fingerprint
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest, GuestTransfer

_MARK = "supertokens_guest_without_transfer"


def without_guest_transfer(user_context: dict[str, Any]) -> dict[str, Any]:
    """Mark *user_context*: a session that is made with it takes nothing from a guest.

    For a session that is not the visitor's own, as when support staff log in as a user:
    ``create_new_session(…, user_context=without_guest_transfer({}))``. Give it one for
    this session alone, as the mark stays in it; the same one is returned.
    """
    user_context[_MARK] = True
    return user_context


def is_exempt(payload: Mapping[str, Any], user_context: Mapping[str, Any]) -> bool:
    """Tell whether this session is in another's name, or was marked so."""
    return bool(payload.get("isImpersonation") or user_context.get(_MARK))


def lacks_factors(payload: dict[str, Any] | None) -> bool:
    """Tell whether a session, or a login without one yet, waits for a factor."""
    if MultiFactorAuthRecipe.get_instance() is None:
        return False
    value = mfa.MultiFactorAuthClaim.get_value_from_payload(payload or {})
    return value is None or not value.v


@dataclass(slots=True, repr=False)
class Handover:
    """One request's guest on the way into one session, from reading to clearing."""

    visit: Visit
    user_context: dict[str, Any]
    user_id: str
    recipe_user_id: str
    tenant_id: str
    session: Any = None  # is there from the start in a late transfer
    reading: Reading = field(default_factory=Reading)
    guest: Guest | None = None  # to be transferred now
    clears: bool = False  # what came, without a transfer
    beside: dict[str, Any] = field(default_factory=dict)  # what else enters the token
    selection: select.Selection = field(default_factory=select.Selection)
    is_told: bool = False  # the app's hook has succeeded, or there is none

    async def find(self) -> None:
        """Read the request's guest, and decide whether this session may take it."""
        visit, runtime, is_login = self.visit, current(), self.session is None
        brought = any(visit.guest_tokens(runtime.config.cookie_name))
        if visit.cleared or visit.moved or not (brought or visit.written):
            return
        if visit.from_another_site(self.user_context):
            runtime.tell("transfer-skipped", "cross_site")
            return
        wait = runtime.login_wait_seconds if is_login else runtime.wait_seconds
        reading = await visit.read(wait_seconds=wait)
        if visit.written is not None:
            reading = replace(reading, guest=visit.written[1], unavailable=None)
        self.reading = reading
        reason: str | None = None
        if reading.ambiguous:
            reason = "ambiguous"
        elif is_login and self._is_another_users():
            reason, self.clears = "another_user", reading.is_ours
        elif reading.unavailable is not None:
            # Beside a valid guest too: this token may be another's, or a newer one.
            reason, self.beside = "keys_unavailable", self._mark()
        elif reading.guest is None:
            self.clears = reading.clearable
        elif is_login and lacks_factors(None):
            reason, self.beside = "factors_incomplete", self._mark()
        else:
            self.guest = reading.guest
        if reason is not None:
            error = reading.unavailable
            runtime.tell("transfer-skipped", reason, guest=reading.guest, error=error)

    def choose(self, payload: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Choose what of the guest enters a session that has *payload* and *data*."""
        config = current().config
        if self.guest is None:
            return
        chosen: Mapping[str, Any] = self.guest.payload
        if callable(config.transfer):
            chosen = config.transfer(self.transfer())
        elif config.transfer != "all":
            chosen = {name: chosen[name] for name in chosen if name in config.transfer}
        if not chosen and config.transfer != "all":
            return
        self.selection = select.select_claims(
            plain_copy(chosen),
            guest_id=self.guest.id,
            payload=payload,
            data=data,
            namespace=config.namespace,
            room=self._room if config.transfer_to == "access_token_payload" else None,
        )

    async def finish(self, session: SessionContainer) -> None:
        """Do at a login what follows once there is a session; it has succeeded."""
        visit, config = self.visit, current().config
        self.session, self.user_id = session, session.get_user_id()
        visit.made.add(session.get_handle())
        visit.waits = select.WAITING in self.beside
        if self.guest is None:
            if self.clears:
                at_answer(session, visit, self._clear)
            return
        payload = session.get_access_token_payload()
        self.selection = select.arrived(self.selection, payload, config.namespace)
        if self._runs_at_login() and not await self.call_hook():
            await self._leave_waiting()
        else:
            self.settle()

    async def call_hook(self) -> bool:
        """Tell the app of the transfer; return whether its hook, if any, succeeded."""
        hook: Any = current().config.on_transfer
        answer: Any = None
        try:
            if hook is not None and background.blocks():
                answer = hook(self.transfer())
            elif hook is not None and self._runs_at_login():
                await background.call_app(hook, self.transfer())
            elif hook is not None:
                # The thread in which Django and Flask keep what belongs to a request.
                answer = await sync_to_async(hook)(self.transfer())
            if inspect.isawaitable(answer):
                await background.run(lambda: background.call_app(lambda it: it, answer))
        except Exception as error:  # noqa: BLE001 - the hook is the app's
            logger.error("on_transfer raised; the guest is kept", exc_info=error)
            current().tell("transfer-failed", "hook", guest=self.guest, error=error)
            return False
        self.is_told = True
        return True

    def settle(self) -> None:
        """Have the answer clear the guest, once the hook is told, if it may."""
        self.visit.moved = self.is_told and self._is_whole
        at_answer(self.session, self.visit, self._settle_on)

    def transfer(self) -> GuestTransfer:
        """Return the transfer as the app sees it, in values of its own."""
        return GuestTransfer(
            guest=cast("Guest", self.guest),
            session=self.session,
            user_id=self.user_id,
            recipe_user_id=self.recipe_user_id,
            tenant_id=self.tenant_id,
            request=self.visit.request,
            user_context=self.user_context,
            moved=copy.deepcopy(self.selection.moved),
            in_database=self.selection.in_database,
            dropped={**self.selection.dropped},
        )

    @property
    def _is_whole(self) -> bool:
        """Whether nothing of the guest would be lost with it: a hook had everything."""
        has_hook = current().config.on_transfer is not None
        return has_hook or self.selection.left_behind is None

    def _settle_on(self, response: Any) -> None:
        visit, reason = self.visit, self.selection.left_behind
        if self.session.get_handle() in visit.revoked:
            return
        if not self.is_told and not background.run_blocking(self.call_hook()):
            background.run_sync(self._leave_waiting)
            if visit.written is not None:
                give(visit, response, *visit.written)
            return
        keep_private(response)
        if reason is not None:
            logger.warning("a guest's claims are not in the session: %s", reason)
        if self._is_whole:
            self._clear(response)
        current().tell("transfer", reason, guest=self.guest, user_id=self.user_id)

    def _clear(self, response: Any) -> None:
        self.visit.written = None
        drop(self.visit, response, self.reading)

    async def _leave_waiting(self) -> None:
        """Have the session say which guest it still waits for."""
        self.visit.waits = True
        try:
            await self.session.merge_into_access_token_payload(self._mark())
        except Exception as error:  # noqa: BLE001 - the login has succeeded
            logger.error("a session cannot say which guest waits", exc_info=error)
        at_answer(self.session, self.visit, keep_newest_session)

    def _mark(self) -> dict[str, Any]:
        """Return the claim that names the tokens which the next request will bring."""
        written = self.visit.written
        name = fingerprint([written[0]]) if written else self.reading.fingerprint
        return {select.WAITING: name}

    def _room(self, payload: Mapping[str, Any]) -> int:
        """Return how many bytes an answer's headers have left beside *payload*."""
        sessions = current().session_config
        exposed = sessions.expose_access_token_to_frontend_in_cookie_based_auth
        path = sessions.refresh_token_path.get_as_string_dangerous()
        ids = max(self.user_id, self.recipe_user_id, key=len) + self.tenant_id
        size = select.headers_bytes(payload, ids=ids, copies=2 if exposed else 1)
        attributes = len(path) + 2 * len(sessions.cookie_domain or "")
        return select.MAX_HEADERS_BYTES - size - attributes

    def _runs_at_login(self) -> bool:
        """Tell whether the hook, if any, belongs on the event loop of the login."""
        # In Flask and Django not a plain one: what it uses, such as a connection, is of
        # the request's thread, and must find no loop there.
        hook: Any = current().config.on_transfer
        call = getattr(hook, "__call__", None)  # noqa: B004 - an object's may be one
        is_coroutine = any(map(inspect.iscoroutinefunction, (hook, call)))
        return hook is None or is_coroutine or current().app_info.framework == "fastapi"

    def _is_another_users(self) -> bool:
        """Tell whether the guest waits, or may wait, for another user's login."""
        claims = self.visit.session_claims() or {}
        brought = {str(claims[name]) for name in ("sub", "rsub") if name in claims}
        return bool(brought) and brought.isdisjoint({self.user_id, self.recipe_user_id})
