"""Guests in FastAPI and Starlette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from supertokens_guest.responses import drop_guest_cookie, put_guest_cookie

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["clear_guest_cookie", "set_guest_cookie"]


def set_guest_cookie(
    response: Response, token: str, request: Request | None = None
) -> bool:
    """Set the guest cookie on *response*, with the attributes of the session cookies.

    Waits for nothing. The response also gets ``Cache-Control: private, no-store`` and
    ``Vary: Cookie``.

    Args:
        response: The one that the route returns, or FastAPI's injected ``Response``.
        token: What ``create_guest_jwt`` or ``update_guest_jwt`` returned.
        request: The request that is being answered. With it, no cookie is set for a
            visitor who brings a session, nor in the place of another guest, or of a JWT
            that is somebody else's.

    Returns:
        Whether the cookie was set.

    Raises:
        TokenError: *token* is not a valid guest.
        ConfigError: Guests are not set up.
    """
    return put_guest_cookie(response, token, request)


def clear_guest_cookie(response: Response, request: Request | None = None) -> bool:
    """Have *response* clear the guest cookie.

    Args:
        response: The one that the route returns, or FastAPI's injected ``Response``.
        request: The request that is being answered. With it, a JWT under the cookie's
            name that is somebody else's is left alone, unless a guest came beside it.

    Returns:
        Whether the cookie was cleared.

    Raises:
        ConfigError: Guests are not set up.
    """
    return drop_guest_cookie(response, request)
