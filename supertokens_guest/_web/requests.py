"""What a request brings along: guest cookies, session tokens, the site it came from.

Reads the SDK's ``BaseRequest`` and so knows no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from supertokens_python.framework.request import BaseRequest
from supertokens_python.supertokens import Supertokens, get_request_from_user_context
from supertokens_python.utils import FRAMEWORKS

from supertokens_guest.cookies import SESSION_COOKIES, cookie_names, cookie_values

if TYPE_CHECKING:
    from supertokens_python.recipe.session.interfaces import SessionContainer
    from supertokens_python.supertokens import AppInfo

MAX_TOKENS = 4
"""How many cookies of one name are looked at: a browser sends more only if somebody
plants them."""

# Headers that the SDK's front ends send and that no HTML form can: a request with one
# has passed the browser's CORS preflight.
_SDK_HEADERS = ("rid", "fdi-version", "st-auth-mode")


def request_of(user_context: dict[str, Any]) -> BaseRequest | None:
    """Return the request of a session's making; scripts and dashboards have none."""
    return get_request_from_user_context(user_context)


def wrapped(request: Any) -> BaseRequest:
    """Return the framework's *request* as the SDK's ``BaseRequest``.

    Raises:
        TypeError: It is no request.
    """
    if isinstance(request, BaseRequest):
        return request
    if not hasattr(request, "headers") and not hasattr(request, "META"):
        raise TypeError(f"A request is expected, not a {type(request).__name__}.")
    framework = Supertokens.get_instance().app_info.framework
    # Declared to return None as well, which no framework of the SDK's does.
    return cast("BaseRequest", FRAMEWORKS[framework].wrap_request(request))


def guest_tokens(request: BaseRequest, cookie_name: str) -> list[str]:
    """Return what the request brings as guest cookies, the most specific path first.

    Of more than ``MAX_TOKENS`` there is one more, so that it can be seen: which of them
    is the visitor's own nobody can say.
    """
    return cookie_values(_cookie_header(request), cookie_name)[: MAX_TOKENS + 1]


def brings_session(request: BaseRequest) -> bool:
    """Tell whether any session token came along, valid or expired.

    An access token in ``Authorization`` counts, and so does anything else that is borne
    there: whoever sends it is not a visitor without a name.
    """
    if SESSION_COOKIES & cookie_names(_cookie_header(request)):
        return True
    authorization = request.get_header("authorization") or ""
    return authorization.lower().startswith("bearer ")


def from_another_site(
    request: BaseRequest, app: AppInfo, user_context: dict[str, Any]
) -> bool:
    """Tell whether a page of another site sent this request by itself.

    Such a page can sign a visitor's browser in to an account of its own, with a form or
    a ``no-cors`` fetch, where cookies are ``SameSite=None``. A browser then names the
    page's ``Origin``, and the page cannot add a header of the SDK's.
    """
    origin = request.get_header("origin")
    if origin is None or any(request.get_header(name) for name in _SDK_HEADERS):
        return False
    website = app.get_origin(request, user_context)
    ours = (app.api_domain, website)
    return origin not in {_origin(domain.get_as_string_dangerous()) for domain in ours}


def session_of(request: BaseRequest) -> SessionContainer | None:
    """Return the session that the SDK attached to the request, if there is one."""
    try:
        return request.get_session()
    except AttributeError:  # what the frameworks' own objects say for "not set"
        return None


def _cookie_header(request: BaseRequest) -> str:
    """Return every ``Cookie`` header as one; HTTP/2 clients may send several.

    Under ASGI they are all there, where the SDK's request gives the first alone. WSGI
    has room for one, so servers join them with a comma, which cannot be told from one
    in a value; no guest JWT has one.
    """
    own: Any = request.request
    scope = getattr(own, "scope", None)
    if scope is None:
        return (request.get_header("cookie") or "").replace(",", ";")
    pairs = scope.get("headers", ())
    return "; ".join(v.decode("latin-1") for name, v in pairs if name == b"cookie")


def _origin(domain: str) -> str:
    """Return *domain* as a browser writes an origin: without its scheme's own port."""
    port = ":443" if domain.startswith("https:") else ":80"
    return domain.removesuffix(port)
