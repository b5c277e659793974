"""Guests in Flask: the middleware and the guard."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from supertokens_python.framework.flask.flask_request import FlaskRequest

from supertokens_guest._background import run_blocking
from supertokens_guest._web import visits
from supertokens_guest._web.answers import ANSWERED_ERRORS, body_of
from supertokens_guest._web.requests import visit_of

__all__ = ["GuestMiddleware", "verify_visitor"]

_View = TypeVar("_View", bound=Callable[..., Any])


class GuestMiddleware:
    """Makes every visitor a guest until login: ``GuestMiddleware(app)``.

    Beside the SDK's ``Middleware(app)``, in either order. What it sets: as in FastAPI.
    """

    def __init__(self, app: Flask) -> None:
        """Add the functions and error handlers that this takes to *app*."""
        self._is_checked = False
        # First: the SDK's own function answers its routes and ends the row.
        app.before_request_funcs.setdefault(None, []).insert(0, self._arrive)
        app.after_request(_settle)
        # An application's context may outlive its request.
        app.teardown_request(lambda _error: g.pop("visitor", None))
        for error in ANSWERED_ERRORS:
            app.register_error_handler(error, body_of)

    def _arrive(self) -> None:
        if not self._is_checked:
            self._is_checked = True
            added = [one.__module__ for one in current_app.before_request_funcs[None]]
            visits.warn_without_sdk(added, "Middleware(app)")
        visit_of(_own()).has_middleware = True


def verify_visitor(
    *,
    check_database: bool = False,
    override_global_claim_validators: visits.ClaimValidators | None = None,
) -> Callable[[_View], _View]:
    """Return the decorator that puts who asks into ``g.visitor``.

    As the SDK's ``verify_session()``, under the route's. Arguments, errors and what a
    guard does are those of ``supertokens_guest.fastapi.verify_visitor``.
    """
    return _guard(
        check_database=check_database,
        override_global_claim_validators=override_global_claim_validators,
    )


@functools.cache
def _guard(**options: Any) -> Callable[[Any], Any]:
    def decorate(view: Any) -> Any:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.visitor = run_blocking(visits.find_visitor(_own(), None, **options))
            return current_app.ensure_sync(view)(*args, **kwargs)

        return guarded

    return decorate


def _own() -> FlaskRequest:
    """Return the request itself: what stands for it is bound to a context."""
    return FlaskRequest(cast("Any", request)._get_current_object())  # noqa: SLF001 - werkzeug's documented way


def _settle(response: Response) -> Response:
    run_blocking(visits.answer(visit_of(_own()), response))
    return response
