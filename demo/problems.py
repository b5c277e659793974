"""What the visitor is told when something does not work.

Every answer that is an error is ``{"detail": a sentence}``; the page shows it as it is.
"""

import sqlite3

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from supertokens_guest import (
    CoreUnavailableError,
    KeysUnavailableError,
    PayloadTooLargeError,
)


def add_problem_handlers(app: FastAPI) -> None:
    """Have *app* answer these errors with a sentence for the visitor."""
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(PayloadTooLargeError, _cart_is_full)
    for error in (CoreUnavailableError, KeysUnavailableError):
        app.add_exception_handler(error, _no_core)
    app.add_exception_handler(sqlite3.OperationalError, _no_database)


async def _not_understood(_request: Request, error: Exception) -> JSONResponse:
    """Name each wrong value, as in "quantity: Input should be a valid integer."."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    # The last of "loc" is the value's name, or the place where the JSON is broken.
    sentences = [f"{fault['loc'][-1]}: {fault['msg']}." for fault in faults]
    return _problem(422, " ".join(sentences))


async def _cart_is_full(_request: Request, _error: Exception) -> JSONResponse:
    """Tell a guest that the cookie holds no more; it still holds what it did."""
    return _problem(
        409,
        "This does not fit: a guest's cart travels in a cookie, which is small."
        " Nothing was lost. Sign up, and the cart takes as much as you like.",
    )


async def _no_core(_request: Request, _error: Exception) -> JSONResponse:
    """Ask the visitor to come back: the core did not sign, and nothing has changed."""
    return _problem(
        503,
        "The cart was not changed: SuperTokens does not answer. Please try again soon.",
    )


async def _no_database(_request: Request, _error: Exception) -> JSONResponse:
    """Ask the visitor to come back: the database is locked, or its disk is full."""
    return _problem(503, "The shop's database is not available. Please try again soon.")


def _problem(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)
