"""Guests in Django, under WSGI and ASGI: the middleware and the guard."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import JsonResponse
from supertokens_python.exceptions import SuperTokensError
from supertokens_python.framework.django.django_request import DjangoRequest
from supertokens_python.framework.django.django_response import DjangoResponse
from supertokens_python.supertokens import Supertokens

from supertokens_guest._background import AWAIT, BLOCK, run_blocking, run_sync
from supertokens_guest._web import visits
from supertokens_guest._web.answers import ANSWERED_ERRORS, status_of
from supertokens_guest._web.requests import visit_of
from supertokens_guest.events import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from supertokens_python.recipe.session.interfaces import (
        SessionClaimValidator,
        SessionContainer,
    )
    from supertokens_python.types import MaybeAwaitable

    from supertokens_guest._web.requests import Visit

    ClaimValidators = Callable[
        [list[SessionClaimValidator], SessionContainer, dict[str, Any]],
        MaybeAwaitable[list[SessionClaimValidator]],
    ]

__all__ = ["GuestMiddleware", "verify_visitor"]

_View = TypeVar("_View", bound="Callable[..., Any]")

_SDK_MIDDLEWARE = "supertokens_python.framework.django.django_middleware.middleware"


class GuestMiddleware:
    """Makes every visitor a guest until login, as a line in ``MIDDLEWARE``.

    Beside the SDK's own, in either order. Sets at most one cookie for an answer, and
    never on one that a shared cache may keep.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Wrap *get_response*.

        Args:
            get_response: The rest of the application.
        """
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        if _SDK_MIDDLEWARE not in settings.MIDDLEWARE:
            logger.warning(
                "SuperTokens' own middleware is missing in MIDDLEWARE: %s writes the"
                " sessions that guests log in to.",
                _SDK_MIDDLEWARE,
            )

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request, or return the coroutine that does."""
        own = DjangoRequest(request)
        visit = visit_of(own)
        visit.has_middleware = True
        if self._is_async:
            return self._serve(request, own, visit)
        response = self.get_response(request)
        cookies = _cookies(request.META)
        if not _is_quiet(visit, cookies, response):
            run_blocking(
                visits.answer(own, response, response.status_code, BLOCK, cookies)
            )
        return response

    async def _serve(self, request: Any, own: DjangoRequest, visit: Visit) -> Any:
        response = await self.get_response(request)
        cookies = _cookies(request.META)
        if not _is_quiet(visit, cookies, response):
            await visits.answer(own, response, response.status_code, AWAIT, cookies)
        return response

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """Answer what a visitor can bring about in a view; Django makes it a 500."""
        del request
        if not isinstance(exception, ANSWERED_ERRORS):
            return None
        status = status_of(exception)
        return JsonResponse({"message": HTTPStatus(status).phrase}, status=status)


def verify_visitor(
    *,
    check_database: bool = False,
    override_global_claim_validators: ClaimValidators | None = None,
) -> Callable[[_View], _View]:
    """Return the decorator that puts who asks into ``request.visitor``.

    For views that are functions, sync or async, as the SDK's ``verify_session()``::

        @verify_visitor()
        def add(request): ...

    The session's user, or the guest, issued now if there is none and no login; a login
    that left its guest waiting gets it before the view runs. The same arguments give
    the same function.

    Args:
        check_database: Ask the core whether the session still exists.
        override_global_claim_validators: As in ``verify_session()``.

    Raises:
        GuestRefusedError: 409; for an unsafe request that another site started, 403.
        CoreUnavailableError: No guest could be had within a second; 503.
        KeysUnavailableError: Nor could the one that came be judged; 503.
        ConfigError: Without ``GuestMiddleware``.
    """
    return _guard(check_database, override_global_claim_validators)


@functools.cache
def _guard(
    check_database: bool,  # noqa: FBT001 - positional, so that equal calls are one
    validators: ClaimValidators | None,
) -> Callable[[Any], Any]:
    options: dict[str, Any] = {
        "check_database": check_database,
        "override_global_claim_validators": validators,
    }

    def decorate(view: Any) -> Any:
        @functools.wraps(view)
        async def guarded_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            own = DjangoRequest(request)
            try:
                request.visitor = await visits.find_visitor(own, AWAIT, **options)
                return await view(request, *args, **kwargs)
            except SuperTokensError as error:
                return await _answer(own, error)

        @functools.wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            own = DjangoRequest(request)
            try:
                decision = visits.find_visitor(own, BLOCK, **options)
                request.visitor = run_blocking(decision)
                return view(request, *args, **kwargs)
            except SuperTokensError as error:
                failure = error
            return run_sync(lambda: _answer(own, failure))

        return guarded_async if iscoroutinefunction(view) else guarded

    return decorate


async def _answer(request: DjangoRequest, error: SuperTokensError) -> Any:
    """Answer as the SDK does: Django would make a 500 of what leaves a view."""
    result: Any = await Supertokens.get_instance().handle_supertokens_error(
        request, error, DjangoResponse(JsonResponse({})), {}
    )
    return result.response


def _is_quiet(visit: Visit, cookies: str | None, response: Any) -> bool:
    if cookies is None or not visits.is_quiet(visit, cookies):
        return False
    visit.status = response.status_code
    return True


def _cookies(meta: dict[str, Any]) -> str | None:
    """Return the ``Cookie`` header, when nothing else can bring guest or session."""
    if "HTTP_AUTHORIZATION" in meta or "HTTP_GUEST_JWT" in meta:
        return None
    return meta.get("HTTP_COOKIE")
