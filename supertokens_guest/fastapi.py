"""Guests in FastAPI and Starlette: the middleware and the guard."""

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from supertokens_python.framework.fastapi.fastapi_request import FastApiRequest

from supertokens_guest._runtime import current
from supertokens_guest._web import visits
from supertokens_guest._web.answers import ANSWERED_ERRORS, body_of
from supertokens_guest._web.requests import visit_of
from supertokens_guest.guest import Visitor

__all__ = ["CurrentVisitor", "GuestMiddleware", "verify_visitor"]


class GuestMiddleware:
    """Makes every visitor a guest until login: ``app.add_middleware(GuestMiddleware)``.

    Beside the SDK's ``get_middleware()``, in either order. Sets at most one cookie for
    an answer, and never on one that a shared cache may keep.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap *app*, the rest of the application."""
        self.app = app
        self._is_checked = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a websocket or a lifespan passes through."""
        if not self._is_checked:
            self._is_checked = True
            added = getattr(scope.get("app"), "user_middleware", ())
            names = [one.cls.__module__ for one in added]
            visits.warn_without_sdk(names, "app.add_middleware(get_middleware())")
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = visit_of(FastApiRequest(Request(scope)))
        visit.has_middleware = visit.hides_status = True

        async def settle(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                if not visits.is_quiet(visit):
                    response = Response(status_code=message["status"])
                    response.raw_headers = list(message["headers"])
                    await visits.answer(visit, response)
                    message["headers"] = response.raw_headers
            await send(message)

        try:
            await self.app(scope, receive, settle)
        except ANSWERED_ERRORS as error:
            if visit.status is not None:
                raise  # the answer has begun
            await JSONResponse(*body_of(error))(scope, receive, settle)


def verify_visitor(
    *,
    check_database: bool = False,
    override_global_claim_validators: visits.ClaimValidators | None = None,
) -> Callable[..., Awaitable[Visitor]]:
    """Return the dependency that gives who asks, as the SDK's ``verify_session()``.

    The session's user, or the guest, issued now if there is none and no login; a login
    that left its guest waiting gets it before the view runs. The same arguments, which
    are as there, give the same function, so that a test can override it.

    Raises:
        SuperTokensError: The session has expired, or lacks a claim: the SDK's 401, 403.
        GuestRefusedError: 409; for an unsafe request that another site started, 403.
        CoreUnavailableError: No guest could be had within a second; 503.
        KeysUnavailableError: Nor could the one that came be judged; 503.
        ConfigError: Without ``GuestMiddleware``.
    """
    return _guard(
        check_database=check_database,
        override_global_claim_validators=override_global_claim_validators,
    )


@functools.cache
def _guard(**options: Any) -> Callable[..., Awaitable[Visitor]]:
    async def find_visitor(
        request: Request, _cookie: Annotated[None, Security(_GuestCookie())]
    ) -> Visitor:
        return await visits.find_visitor(request, None, **options)

    return find_visitor


class _GuestCookie(SecurityBase):
    """Shows the guest cookie in the OpenAPI description; checks nothing."""

    scheme_name = "guest"

    @property
    def model(self) -> APIKey:  # type: ignore[override]  # its name is known after init
        return APIKey(**{"in": APIKeyIn.cookie}, name=current().config.cookie_name)  # type: ignore[arg-type]  # an alias

    async def __call__(self) -> None:
        """Leave the cookie to the middleware."""


CurrentVisitor = Annotated[Visitor, Depends(verify_visitor())]
"""Who asks, in a view: ``async def cart(visitor: CurrentVisitor)``."""
