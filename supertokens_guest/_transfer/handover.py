"""A guest becomes a user: at the login, or later into a session that is there.

One value goes all the way, a ``Handover``: it reads the request's guest, chooses what
moves, calls the app's hook and has the answer clear the cookie. A guest never fails a
login: whatever goes wrong, the guest is kept for another try.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from supertokens_python.recipe.multifactorauth.multi_factor_auth_claim import (
    MultiFactorAuthClaim,
)
from supertokens_python.recipe.multifactorauth.recipe import MultiFactorAuthRecipe

from supertokens_guest._background import call_app, run_sync
from supertokens_guest._tokens.payload import plain_copy
from supertokens_guest._transfer.selection import (
    SETTLED,
    WAITING,
    Headers,
    Selection,
    arrived,
    select_claims,
)
from supertokens_guest._web.answers import at_answer, drop, fingerprint_of
from supertokens_guest._web.cookies import keep_newest_session, keep_private
from supertokens_guest._web.reading import Reading, read
from supertokens_guest._web.requests import (
    from_another_site,
    guest_cookies,
    guest_header,
    session_claims,
    visit_of,
)
from supertokens_guest.events import logger
from supertokens_guest.guest import GuestTransfer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest._background import Edge
    from supertokens_guest._runtime import Runtime
    from supertokens_guest.guest import Guest

_MARK = "supertokens_guest_without_transfer"


def without_guest_transfer(user_context: dict[str, Any]) -> dict[str, Any]:
    """Mark *user_context*: a session that is made with it takes nothing from a guest.

    For sessions that are not the visitor's own, as when support staff log in as a
    user::

        await create_new_session(
            request, "public", user_id, user_context=without_guest_transfer({})
        )

    Args:
        user_context: The context that will be given to the SDK. Use one of its own for
            the session: the mark stays in it.

    Returns:
        The same *user_context*.
    """
    user_context[_MARK] = True
    return user_context


def leaves_guest_alone(
    access_token_payload: Mapping[str, Any], user_context: Mapping[str, Any]
) -> bool:
    """Tell whether this session is somebody's in another's name, or was marked so."""
    return bool(access_token_payload.get("isImpersonation") or user_context.get(_MARK))


def lacks_factors(access_token_payload: dict[str, Any]) -> bool:
    """Tell whether a session still waits for a factor."""
    if MultiFactorAuthRecipe.get_instance() is None:
        return False
    value = MultiFactorAuthClaim.get_value_from_payload(access_token_payload)
    return value is None or not value.v


@dataclass(kw_only=True, slots=True, repr=False)
class Handover:
    """One request's guest on the way into one session, from reading to clearing.

    Attributes:
        is_late: Whether the session was there before.
        reading: What the request brought.
        guest: The guest to be transferred; ``None`` where there is none, or not yet.
        clears: Whether the answer shall clear what came, without a transfer.
        waiting: What the session shall say of a guest who has to wait.
        carried: Claims of a guest in the session that this one replaces.
        selection: What of the guest enters the session.
    """

    runtime: Runtime
    request: BaseRequest
    user_context: dict[str, Any]
    user_id: str
    recipe_user_id: str
    tenant_id: str
    is_late: bool = False
    reading: Reading = field(default_factory=Reading)
    guest: Guest | None = None
    clears: bool = False
    waiting: str | None = None
    carried: dict[str, Any] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)

    @property
    def into_payload(self) -> dict[str, Any]:
        """What the session's access token gets, at its top level."""
        mark = {} if self.waiting is None else {WAITING: self.waiting}
        return {**self.carried, **self.selection.into_payload, **mark}

    async def find(self, edge: Edge, *, wait_seconds: float) -> None:
        """Read the request's guest, and decide whether this session may take it."""
        runtime, request = self.runtime, self.request
        visit = visit_of(request)
        name = runtime.config.cookie_name
        brought = guest_cookies(request, name) or guest_header(request)
        if visit.cleared or not (brought or visit.written):
            return
        if from_another_site(runtime, request, self.user_context):
            runtime.tell("transfer-skipped", "cross_site")
            return
        reading = await read(runtime, request, edge, wait_seconds=wait_seconds)
        written = visit.written
        if written is not None:
            reading = replace(reading, guest=written[1], unavailable=None)
        self.reading = reading
        if reading.ambiguous:
            runtime.tell("transfer-skipped", "ambiguous")
        elif not self.is_late and self._is_another_users(reading):
            runtime.tell("transfer-skipped", "another_user", guest=reading.guest)
            self.clears = reading.cookie_is_ours or reading.header_is_ours
        elif reading.unavailable is not None:
            # Beside a valid guest too: this token may be another's, or a newer one.
            error = reading.unavailable
            runtime.tell("transfer-skipped", "keys_unavailable", error=error)
            self.waiting = fingerprint_of(request, reading)
        elif reading.guest is None:
            self.clears = reading.clearable
        elif not self.is_late and MultiFactorAuthRecipe.get_instance() is not None:
            runtime.tell("transfer-skipped", "factors_incomplete", guest=reading.guest)
            self.waiting = fingerprint_of(request, reading)
        else:
            self.guest = reading.guest

    def choose(
        self,
        payload: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        disable_anti_csrf: bool = False,
        session: SessionContainer | None = None,
    ) -> None:
        """Choose what of the guest enters a session that has *payload* and *data*.

        Raises:
            Exception: What the app's ``transfer`` raised, or ``PayloadError`` for
                claims that JSON cannot carry.
        """
        if self.guest is None:
            return
        config = self.runtime.config
        everything = self.guest.payload
        if config.transfer == "all":
            chosen: Mapping[str, Any] = everything
        elif callable(config.transfer):
            chosen = config.transfer(self._transfer(self.guest, session))
        else:
            names = config.transfer
            chosen = {name: everything[name] for name in everything if name in names}
        chosen = plain_copy(chosen)
        if chosen or config.transfer == "all":
            self.selection = select_claims(
                chosen,
                guest_id=self.guest.id,
                payload=payload,
                data=data,
                namespace=config.namespace,
                headers=self._headers(disable_anti_csrf=disable_anti_csrf),
            )

    async def finish(self, session: SessionContainer, edge: Edge) -> None:
        """Do at a login what follows once there is a session; it has succeeded."""
        visit = visit_of(self.request)
        visit.made.add(session.get_handle())
        visit.waits = self.waiting is not None
        if self.guest is None:
            if self.clears:
                at_answer(session, self.request, self._clear)
            return
        payload = session.get_access_token_payload()
        namespace = self.runtime.config.namespace
        self.selection = arrived(self.selection, payload, namespace)
        transfer = self._transfer(self.guest, session)
        hook = self.runtime.config.on_transfer
        if hook is None or self._runs_at_login(hook):
            if await self.call_hook(transfer, edge):
                self.settle(transfer)
            else:
                await self._leave_waiting(session)
            return

        def act(response: Any) -> None:
            if session.get_handle() in visit.revoked:
                return
            if self._tried(hook, transfer):
                self._settle_on(response, transfer)
            else:
                run_sync(lambda: self._leave_waiting(session))

        at_answer(session, self.request, act)

    async def call_hook(self, transfer: GuestTransfer, edge: Edge) -> bool:
        """Tell the app of a transfer; return whether its hook, if any, succeeded."""
        hook = self.runtime.config.on_transfer
        if hook is None:
            return True
        if edge.blocks:
            return self._tried(hook, transfer)
        try:
            if self._runs_at_login(hook):
                await call_app(hook, transfer)
            else:
                # The thread in which Django and Flask keep what belongs to a request.
                await sync_to_async(hook)(transfer)
        except Exception as error:  # noqa: BLE001 - the hook is the app's
            self._hook_failed(error)
            return False
        return True

    def settle(self, transfer: GuestTransfer) -> None:
        """Have the answer clear the guest, if nothing of it stays behind."""
        session = transfer.session
        if session is not None:
            handles = visit_of(self.request).revoked

            def act(response: Any) -> None:
                if session.get_handle() not in handles:
                    self._settle_on(response, transfer)

            at_answer(session, self.request, act)

    def transfer(self, session: SessionContainer) -> GuestTransfer | None:
        """Return the transfer as the app sees it; ``None`` without a guest."""
        return None if self.guest is None else self._transfer(self.guest, session)

    def _settle_on(self, response: Any, transfer: GuestTransfer) -> None:
        left_behind = set(transfer.dropped.values()) - SETTLED
        keep_private(response)
        if left_behind:
            logger.warning(
                "claims of a guest did not enter the session: %s", sorted(left_behind)
            )
        else:
            self._clear(response)
        self.runtime.tell(
            "transfer",
            min(left_behind, default=None),
            guest=transfer.guest,
            user_id=transfer.user_id,
        )

    def _clear(self, response: Any) -> None:
        visit_of(self.request).written = None
        drop(self.runtime, self.request, response, self.reading)

    def _tried(self, hook: Any, transfer: GuestTransfer) -> bool:
        """Call the hook in this thread; return whether it succeeded."""

        async def awaited(answer: Any) -> None:
            await answer

        try:
            answer = hook(transfer)
            if inspect.isawaitable(answer):
                run_sync(lambda: awaited(answer))
        except Exception as error:  # noqa: BLE001 - the hook is the app's
            self._hook_failed(error)
            return False
        return True

    def _hook_failed(self, error: Exception) -> None:
        logger.exception("on_transfer raised; the guest is kept")
        self.runtime.tell("transfer-failed", "hook", guest=self.guest, error=error)

    async def _leave_waiting(self, session: SessionContainer) -> None:
        """Have the session say which guest it still waits for."""
        visit_of(self.request).waits = True
        name = fingerprint_of(self.request, self.reading)
        try:
            await session.merge_into_access_token_payload({WAITING: name})
            at_answer(session, self.request, keep_newest_session)
        except Exception:
            logger.exception("a guest is kept, but its session cannot say so")

    def _runs_at_login(self, hook: Any) -> bool:
        """Tell whether the hook belongs on the event loop of the login.

        In Flask and Django a plain one does not: what it uses, such as a database
        connection, is bound to the request's thread, and must find no loop there.
        """
        call = getattr(hook, "__call__", None)  # noqa: B004 - for its being a coroutine's
        return (
            inspect.iscoroutinefunction(hook)
            or inspect.iscoroutinefunction(call)
            or self.runtime.app_info.framework == "fastapi"
        )

    def _is_another_users(self, reading: Reading) -> bool:
        """Tell whether the guest waits, or may wait, for another user's login."""
        if not reading.fingerprint:
            return False
        claims = session_claims(self.request)
        ids = {self.user_id, self.recipe_user_id}
        return claims is not None and ids.isdisjoint(
            {str(claims.get("sub")), str(claims.get("rsub"))}
        )

    def _transfer(
        self, guest: Guest, session: SessionContainer | None
    ) -> GuestTransfer:
        return GuestTransfer(
            guest=guest,
            session=session,
            user_id=self.user_id if session is None else session.get_user_id(),
            recipe_user_id=self.recipe_user_id,
            tenant_id=self.tenant_id,
            request=self.request,
            user_context=self.user_context,
            moved=dict(self.selection.moved),
            in_database=self.selection.in_database,
            dropped={**self.selection.dropped},
        )

    def _headers(self, *, disable_anti_csrf: bool) -> Headers | None:
        """Return what carries the claims; ``None`` if no header does."""
        if self.runtime.config.transfer_to != "access_token_payload":
            return None
        session = self.runtime.session_config
        exposed = session.expose_access_token_to_frontend_in_cookie_based_auth
        return Headers(
            user_id=max(self.user_id, self.recipe_user_id, key=len),
            tenant_id=self.tenant_id,
            domain=session.cookie_domain or "",
            refresh_path=session.refresh_token_path.get_as_string_dangerous(),
            anti_csrf=not disable_anti_csrf
            and session.anti_csrf_function_or_string == "VIA_TOKEN",
            copies=2 if exposed else 1,
            is_login=not self.is_late,
        )
