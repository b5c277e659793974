"""Guests in Django, under WSGI and ASGI: the middleware and the guard."""

from __future__ import annotations  # or pyright reads django.http as this module's

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from supertokens_python.exceptions import SuperTokensError
from supertokens_python.framework.django.django_request import DjangoRequest
from supertokens_python.framework.django.django_response import DjangoResponse
from supertokens_python.supertokens import Supertokens

from supertokens_guest._background import run_blocking, run_sync
from supertokens_guest._web import visits
from supertokens_guest._web.answers import ANSWERED_ERRORS, body_of
from supertokens_guest._web.requests import visit_of

__all__ = ["GuestMiddleware", "verify_visitor"]

_View = TypeVar("_View", bound=Callable[..., Any])


class GuestMiddleware:
    """Makes every visitor a guest until login, as a line in ``MIDDLEWARE``.

    Beside the SDK's own, in either order. What it sets: as in FastAPI.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Wrap *get_response*, the rest of the application."""
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        sdks = "supertokens_python.framework.django.django_middleware.middleware"
        visits.warn_without_sdk(settings.MIDDLEWARE, f"{sdks} in MIDDLEWARE")

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request, or return the coroutine that does."""
        visit_of(request).has_middleware = True
        if self._is_async:
            return self._serve(request)
        response = self.get_response(request)
        run_blocking(visits.answer(visit_of(request), response))
        return response

    async def _serve(self, request: HttpRequest) -> Any:
        response = await self.get_response(request)
        await visits.answer(visit_of(request), response)
        return response

    def process_exception(self, _request: HttpRequest, exception: Exception) -> Any:
        """Answer what a visitor can bring about in a view; Django makes it a 500."""
        if not isinstance(exception, ANSWERED_ERRORS):
            return None
        body, status = body_of(exception)
        return JsonResponse(body, status=status)


def verify_visitor(
    *,
    check_database: bool = False,
    override_global_claim_validators: visits.ClaimValidators | None = None,
) -> Callable[[_View], _View]:
    """Return the decorator that puts who asks into ``request.visitor``.

    For views that are functions, sync or async, as the SDK's ``verify_session()``.
    Arguments, errors and what a guard does are those of
    ``supertokens_guest.fastapi.verify_visitor``.
    """
    return _guard(
        check_database=check_database,
        override_global_claim_validators=override_global_claim_validators,
    )


@functools.cache
def _guard(**options: Any) -> Callable[[Any], Any]:
    find: Any = functools.partial(visits.find_visitor, **options)

    def decorate(view: Any) -> Any:
        @functools.wraps(view)
        async def guarded_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                request.visitor = await find(request, None)
                return await view(request, *args, **kwargs)
            except SuperTokensError as error:
                return await _answer(request, error)

        @functools.wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                request.visitor = run_blocking(find(request, None))
                return view(request, *args, **kwargs)
            except SuperTokensError as error:
                return run_sync(functools.partial(_answer, request, error))

        return guarded_async if iscoroutinefunction(view) else guarded

    return decorate


async def _answer(request: HttpRequest, error: SuperTokensError) -> Any:
    """Answer as the SDK does: Django would make a 500 of what leaves a view."""
    result: Any = await Supertokens.get_instance().handle_supertokens_error(
        DjangoRequest(request), error, DjangoResponse(JsonResponse({})), {}
    )
    return result.response
