"""A guest becomes a user: at the login, or later into a session that is there.

One value goes all the way, a ``Handover``: it reads the request's guest, chooses what
moves, calls the app's hook and has the answer clear the cookie. A guest never fails a
login: whatever goes wrong, the guest is kept for another try.
"""

import copy
import functools
import inspect
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from asgiref.sync import sync_to_async
from supertokens_python.recipe.multifactorauth.multi_factor_auth_claim import (
    MultiFactorAuthClaim,
)
from supertokens_python.recipe.multifactorauth.recipe import MultiFactorAuthRecipe
from supertokens_python.recipe.session import SessionContainer

from supertokens_guest._background import blocks, call_app, run_blocking, run_sync
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
    ``create_new_session(…, user_context=without_guest_transfer({}))``.

    Args:
        user_context: One for this session alone: the mark stays in it.

    Returns:
        The same *user_context*.
    """
    user_context[_MARK] = True
    return user_context


def leaves_guest_alone(
    access_token_payload: Mapping[str, Any], user_context: Mapping[str, Any]
) -> bool:
    """Tell whether this session is in another's name, or was marked so."""
    return bool(access_token_payload.get("isImpersonation") or user_context.get(_MARK))


def lacks_factors(access_token_payload: dict[str, Any] | None) -> bool:
    """Tell whether a session, or a login without one yet, waits for a factor."""
    if MultiFactorAuthRecipe.get_instance() is None:
        return False
    value = MultiFactorAuthClaim.get_value_from_payload(access_token_payload or {})
    return value is None or not value.v


@dataclass(kw_only=True, slots=True, repr=False)
class Handover:
    """One request's guest on the way into one session, from reading to clearing."""

    visit: Visit
    user_context: dict[str, Any]
    user_id: str
    recipe_user_id: str
    tenant_id: str
    is_late: bool = False  # the session was there before
    reading: Reading = field(default_factory=Reading)
    guest: Guest | None = None  # to be transferred now
    clears: bool = False  # what came, without a transfer
    waiting: str | None = None  # what the session shall say of a guest who has to wait
    carried: dict[str, Any] = field(default_factory=dict)  # from a session replaced
    selection: select.Selection = field(default_factory=select.Selection)

    @property
    def into_payload(self) -> dict[str, Any]:
        """What the session's access token gets, at its top level."""
        mark = {} if self.waiting is None else {select.WAITING: self.waiting}
        return {**self.carried, **self.selection.into_payload, **mark}

    async def find(self) -> None:
        """Read the request's guest, and decide whether this session may take it."""
        visit, runtime = self.visit, current()
        brought = any(visit.guest_tokens(runtime.config.cookie_name))
        if visit.cleared or visit.moved or not (brought or visit.written):
            return
        if visit.from_another_site(self.user_context):
            runtime.tell("transfer-skipped", "cross_site")
            return
        wait = runtime.wait_seconds if self.is_late else runtime.login_wait_seconds
        reading = await visit.read(wait_seconds=wait)
        if visit.written is not None:
            reading = replace(reading, guest=visit.written[1], unavailable=None)
        self.reading = reading
        reason: str | None = None
        if reading.ambiguous:
            reason = "ambiguous"
        elif not self.is_late and self._is_another_users():
            reason, self.clears = "another_user", reading.is_ours
        elif reading.unavailable is not None:
            # Beside a valid guest too: this token may be another's, or a newer one.
            reason, self.waiting = "keys_unavailable", self._next_fingerprint()
        elif reading.guest is None:
            self.clears = reading.clearable
        elif not self.is_late and lacks_factors(None):
            reason, self.waiting = "factors_incomplete", self._next_fingerprint()
        else:
            self.guest = reading.guest
        if reason is not None:
            error = reading.unavailable
            runtime.tell("transfer-skipped", reason, guest=reading.guest, error=error)

    def choose(
        self,
        payload: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        session: SessionContainer | None = None,
    ) -> None:
        """Choose what of the guest enters a session that has *payload* and *data*."""
        config, sessions = current().config, current().session_config
        if self.guest is None:
            return
        chosen: Mapping[str, Any] = self.guest.payload
        if callable(config.transfer):
            chosen = config.transfer(self.transfer(session))
        elif config.transfer != "all":
            chosen = {name: chosen[name] for name in chosen if name in config.transfer}
        if not chosen and config.transfer != "all":
            return

        def room(merged: Mapping[str, Any]) -> int:
            exposed = sessions.expose_access_token_to_frontend_in_cookie_based_auth
            path = sessions.refresh_token_path.get_as_string_dangerous()
            size = select.headers_bytes(
                merged,
                user_id=max(self.user_id, self.recipe_user_id, key=len),
                tenant_id=self.tenant_id,
                copies=2 if exposed else 1,
                refresh_path=None if self.is_late else path,
            )
            domain = sessions.cookie_domain or ""
            return select.MAX_HEADERS_BYTES - size - 2 * len(domain)

        in_token = config.transfer_to == "access_token_payload"
        self.selection = select.select_claims(
            plain_copy(chosen),
            guest_id=self.guest.id,
            payload=payload,
            data=data,
            namespace=config.namespace,
            room=room if in_token else None,
        )

    async def finish(self, session: SessionContainer) -> None:
        """Do at a login what follows once there is a session; it has succeeded."""
        visit, config = self.visit, current().config
        visit.made.add(session.get_handle())
        visit.waits = self.waiting is not None
        if self.guest is None:
            if self.clears:
                at_answer(session, visit, self._clear)
            return
        payload = session.get_access_token_payload()
        self.selection = select.arrived(self.selection, payload, config.namespace)
        if config.on_transfer is not None and not self._runs_at_login():
            at_answer(session, visit, functools.partial(self._call_and_settle, session))
        elif await self.call_hook(session):
            self.settle(session)
        else:
            await self._leave_waiting(session)

    async def call_hook(self, session: SessionContainer) -> bool:
        """Tell the app of a transfer; return whether its hook, if any, succeeded."""
        hook: Any = current().config.on_transfer
        try:
            if hook is not None and blocks():
                answer = hook(self.transfer(session))
                if inspect.isawaitable(answer):
                    run_sync(lambda: _awaited(answer))
            elif hook is not None and self._runs_at_login():
                await call_app(hook, self.transfer(session))
            elif hook is not None:
                # The thread in which Django and Flask keep what belongs to a request.
                await sync_to_async(hook)(self.transfer(session))
        except Exception as error:  # noqa: BLE001 - the hook is the app's
            logger.error("on_transfer raised; the guest is kept", exc_info=error)
            current().tell("transfer-failed", "hook", guest=self.guest, error=error)
            return False
        return True

    def settle(self, session: SessionContainer) -> None:
        """Have the answer clear the guest, if nothing of it stays behind."""
        self.visit.moved = self._is_whole
        act = functools.partial(self._settle_on, session)
        at_answer(session, self.visit, act)

    def transfer(self, session: SessionContainer | None) -> GuestTransfer:
        """Return the transfer as the app sees it, in values of its own."""
        return GuestTransfer(
            guest=cast("Guest", self.guest),
            session=session,
            user_id=self.user_id if session is None else session.get_user_id(),
            recipe_user_id=self.recipe_user_id,
            tenant_id=self.tenant_id,
            request=self.visit.request,
            user_context=self.user_context,
            moved=copy.deepcopy(self.selection.moved),
            in_database=self.selection.in_database,
            dropped={**self.selection.dropped},
        )

    @property
    def _left_behind(self) -> list[str]:
        return sorted(set(self.selection.dropped.values()) - select.SETTLED)

    @property
    def _is_whole(self) -> bool:
        """Whether nothing of the guest would be lost with it: a hook had everything."""
        return not self._left_behind or current().config.on_transfer is not None

    def _call_and_settle(self, session: SessionContainer, response: Any) -> None:
        if session.get_handle() in self.visit.revoked:
            return
        if run_blocking(self.call_hook(session)):
            self._settle_on(session, response)
            return
        run_sync(lambda: self._leave_waiting(session))
        if self.visit.written is not None:
            give(self.visit, response, *self.visit.written)

    def _settle_on(self, session: SessionContainer, response: Any) -> None:
        if session.get_handle() in self.visit.revoked:
            return
        keep_private(response)
        reason = min(self._left_behind, default=None)
        if reason is not None:
            logger.warning("a guest's claims are not in the session: %s", reason)
        if self._is_whole:
            self._clear(response)
        user_id = session.get_user_id()
        current().tell("transfer", reason, guest=self.guest, user_id=user_id)

    def _clear(self, response: Any) -> None:
        self.visit.written = None
        drop(self.visit, response, self.reading)

    async def _leave_waiting(self, session: SessionContainer) -> None:
        """Have the session say which guest it still waits for."""
        self.visit.waits = True
        mark = {select.WAITING: self._next_fingerprint()}
        try:
            await session.merge_into_access_token_payload(mark)
        except Exception as error:  # noqa: BLE001 - the login has succeeded
            logger.error("a session cannot say which guest waits", exc_info=error)
        at_answer(session, self.visit, keep_newest_session)

    def _next_fingerprint(self) -> str:
        """Name the tokens that the next request will bring."""
        written = self.visit.written
        return fingerprint([written[0]]) if written else self.reading.fingerprint

    def _runs_at_login(self) -> bool:
        """Tell whether the hook belongs on the event loop of the login.

        In Flask and Django a plain one does not: what it uses, such as a database
        connection, is bound to the request's thread, and must find no loop there.
        """
        hook: Any = current().config.on_transfer
        call = getattr(hook, "__call__", None)  # noqa: B004 - an object's may be one
        is_coroutine = any(map(inspect.iscoroutinefunction, (hook, call)))
        return is_coroutine or current().app_info.framework == "fastapi"

    def _is_another_users(self) -> bool:
        """Tell whether the guest waits, or may wait, for another user's login."""
        claims = self.visit.session_claims() or {}
        brought = {str(claims[name]) for name in ("sub", "rsub") if name in claims}
        return bool(brought) and brought.isdisjoint({self.user_id, self.recipe_user_id})


async def _awaited(answer: Awaitable[None]) -> None:
    await answer
