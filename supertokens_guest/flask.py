"""Guests in Flask: the middleware and the guard."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app, g, jsonify, request
from supertokens_python.framework.flask.flask_request import FlaskRequest

from supertokens_guest._background import run_blocking
from supertokens_guest._web import visits
from supertokens_guest._web.answers import ANSWERED_ERRORS, status_of
from supertokens_guest._web.requests import visit_of
from supertokens_guest.events import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response

    from supertokens_guest._web.visits import ClaimValidators
    from supertokens_guest.errors import GuestError

__all__ = ["GuestMiddleware", "verify_visitor"]

_View = TypeVar("_View", bound="Callable[..., Any]")

_SDK_MODULE = "supertokens_python.framework.flask.flask_middleware"


class GuestMiddleware:
    """Makes every visitor a guest until login: ``GuestMiddleware(app)``.

    Beside the SDK's ``Middleware(app)``, in either order. Sets at most one cookie for
    an answer, and never on one that a shared cache may keep.
    """

    def __init__(self, app: Flask) -> None:
        """Add the functions and error handlers that this takes to *app*."""
        self._is_checked = False
        # First: the SDK's own function answers its routes and ends the row.
        app.before_request_funcs.setdefault(None, []).insert(0, self._arrive)
        app.after_request(_settle)
        app.teardown_request(_leave)
        for error in ANSWERED_ERRORS:
            app.register_error_handler(error, _answer)

    def _arrive(self) -> None:
        if not self._is_checked:
            self._is_checked = True
            functions = current_app.before_request_funcs[None]
            if not any(one.__module__ == _SDK_MODULE for one in functions):
                logger.warning(
                    "SuperTokens' own middleware is missing: Middleware(app) writes the"
                    " sessions that guests log in to."
                )
        visit_of(_own()).has_middleware = True


def verify_visitor(
    *,
    check_database: bool = False,
    override_global_claim_validators: ClaimValidators | None = None,
) -> Callable[[_View], _View]:
    """Return the decorator that puts who asks into ``g.visitor``.

    As the SDK's ``verify_session()``, under the route's. Arguments, errors and what a
    guard does are those of ``supertokens_guest.fastapi.verify_visitor``.
    """
    return _guard(check_database, override_global_claim_validators)


@functools.cache
def _guard(
    check_database: bool,  # noqa: FBT001 - positional, so that equal calls are one
    validators: ClaimValidators | None,
) -> Callable[[Any], Any]:
    def decorate(view: Any) -> Any:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.visitor = run_blocking(
                visits.find_visitor(
                    _own(),
                    None,
                    check_database=check_database,
                    override_global_claim_validators=validators,
                )
            )
            return current_app.ensure_sync(view)(*args, **kwargs)

        return guarded

    return decorate


def _own() -> FlaskRequest:
    """Return the request itself: what stands for it is bound to a context."""
    return FlaskRequest(cast("Any", request)._get_current_object())  # noqa: SLF001 - werkzeug's documented way


def _settle(response: Response) -> Response:
    visit = visit_of(_own())
    visit.status = response.status_code
    if not visits.is_quiet(visit):
        run_blocking(visits.answer(visit, response))
    return response


def _leave(_error: BaseException | None) -> None:
    g.pop("visitor", None)  # an application's context may outlive its request


def _answer(error: GuestError) -> tuple[Response, int]:
    status = status_of(error)
    return jsonify(message=HTTPStatus(status).phrase), status
