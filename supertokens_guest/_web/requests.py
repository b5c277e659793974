"""What a request brings along: guests, session tokens, the site it came from.

Reads the SDK's ``BaseRequest`` and so knows no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from supertokens_python.framework.request import BaseRequest
from supertokens_python.recipe.session.access_token import (
    validate_access_token_structure,
)
from supertokens_python.recipe.session.jwt import (
    parse_jwt_without_signature_verification,
)
from supertokens_python.supertokens import Supertokens
from supertokens_python.utils import FRAMEWORKS

from supertokens_guest._web.cookies import GUEST_HEADER, cookie_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest._runtime import Runtime
    from supertokens_guest._web.reading import Reading
    from supertokens_guest.guest import Guest

MAX_COOKIES = 4
"""How many cookies of one name are looked at: a browser sends more only if somebody
plants them."""

KEY = "supertokens_guest.visit"
"""Where a request's own mapping holds its ``Visit``."""

# Headers that the SDK's front ends send and that no HTML form can: a request with one
# has passed the browser's CORS preflight.
_SDK_HEADERS = ("rid", "fdi-version", "st-auth-mode")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1


class Visit:
    """What becomes of one request's guest, from its arrival to its answer.

    Attributes:
        has_middleware: Whether ``GuestMiddleware`` will see the answer.
        hides_status: Whether the SDK shows its response mutators another status than
            the answer's: in FastAPI a fresh response, always 200.
        status: The answer's status, once it is known.
        reading: What the request brought, once it was read.
        was_read: Whether a view looked at the guest.
        written: The token that the answer shall set, and what it says.
        cleared: Whether the answer shall clear the guest.
        waits: Whether a login of this request left the guest for a later transfer.
        made: The handles of sessions that this request made.
        revoked: The handles of those that it ended.
        deferred: What the answer does once its status is known.
    """

    __slots__ = (
        "cleared",
        "deferred",
        "has_middleware",
        "hides_status",
        "made",
        "reading",
        "revoked",
        "status",
        "waits",
        "was_read",
        "written",
    )

    def __init__(
        self, *, has_middleware: bool = False, hides_status: bool = False
    ) -> None:
        """Look at nothing yet: most requests need nothing."""
        self.has_middleware = has_middleware
        self.hides_status = hides_status
        self.status: int | None = None
        self.reading: Reading | None = None
        self.was_read = False
        self.written: tuple[str, Guest] | None = None
        self.cleared = False
        self.waits = False
        self.made: set[str] = set()
        self.revoked: set[str] = set()
        self.deferred: list[Callable[[Any], None]] = []


def visit_of(request: BaseRequest) -> Visit:
    """Return what is known of *request*, wherever it is asked."""
    own: Any = getattr(request, "request")  # noqa: B009 - each BaseRequest of the SDK has it, the class does not say so
    for name in ("scope", "environ", "META"):
        mapping = getattr(own, name, None)
        if mapping is not None:
            visit: Visit | None = mapping.get(KEY)
            if visit is None:
                visit = mapping[KEY] = Visit()
            return visit
    return Visit()


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


def guest_cookies(request: BaseRequest, cookie_name: str) -> list[str]:
    """Return what the request brings as guest cookies, the most specific path first.

    Of more than ``MAX_COOKIES`` there is one more, so that it can be seen: which of
    them is the visitor's own nobody can say.
    """
    return cookie_values(_cookie_header(request), cookie_name)[: MAX_COOKIES + 1]


def guest_header(request: BaseRequest) -> str | None:
    """Return what a client without cookies sends as its guest."""
    return request.get_header(GUEST_HEADER) or None


def wants_header(request: BaseRequest) -> bool:
    """Tell whether this client takes tokens from headers, as it tells the SDK."""
    return (request.get_header("st-auth-mode") or "").lower() == "header"


def session_claims(request: BaseRequest) -> dict[str, Any] | None:
    """Return what the request's session token says, valid, expired or forged.

    Only what the SDK reads as its own counts: garbage under its names and a gateway's
    bearer are no session of ours.
    """
    tokens = cookie_values(_cookie_header(request), "sAccessToken")
    authorization = request.get_header("authorization") or ""
    if authorization.startswith("Bearer "):  # as the SDK compares it
        tokens.append(authorization.removeprefix("Bearer ").strip())
    for token in tokens:
        try:
            parsed = parse_jwt_without_signature_verification(unquote(token))
            validate_access_token_structure(parsed.payload, parsed.version)
        except Exception:  # noqa: BLE001, S112 - so the SDK decides what is a token
            continue
        return parsed.payload
    return None


def session_of(request: BaseRequest) -> SessionContainer | None:
    """Return the session that the SDK attached to the request, if there is one."""
    try:
        return request.get_session()
    except AttributeError:  # what the frameworks' own objects say for "not set"
        return None


def is_unsafe(request: BaseRequest) -> bool:
    """Tell whether the request may change something (RFC 9110, 9.2.1)."""
    return request.method().upper() not in _SAFE


def from_another_site(
    runtime: Runtime, request: BaseRequest, user_context: dict[str, Any]
) -> bool:
    """Tell whether a page of another site sent this request by itself.

    Such a page can sign a visitor's browser in to an account of its own, with a form or
    a ``no-cors`` fetch, where cookies are ``SameSite=None``. It cannot add a header of
    the SDK's, and a browser says where the request comes from.
    """
    if any(request.get_header(name) for name in _SDK_HEADERS):
        return False
    site = request.get_header("sec-fetch-site")
    if site in {"same-origin", "none"}:
        return False
    origin = request.get_header("origin")
    if site is None and origin is None:
        return False
    app = runtime.app_info
    api = app.api_domain.get_as_string_dangerous()
    website = app.get_origin(request, user_context).get_as_string_dangerous()
    if origin in {_origin(api), _origin(website)}:
        return False  # a website on another site than its API is "cross-site"
    return site is not None or not _is_own_host(request, str(origin), api)


def withholds_cookies(runtime: Runtime, request: BaseRequest) -> bool:
    """Tell whether the browser may have kept the visitor's cookies back.

    A guest that were set then would replace the visitor's own, or stand beside a
    session. ``SameSite=None`` cookies come with every request.
    """
    same_site = runtime.session_config.get_cookie_same_site(request, {})
    site = request.get_header("sec-fetch-site")
    if site is None:
        foreign = is_unsafe(request) and from_another_site(runtime, request, {})
    elif site != "cross-site":
        return False
    elif same_site == "none":
        foreign = from_another_site(runtime, request, {})
    else:
        navigates = request.get_header("sec-fetch-mode") == "navigate"
        is_get = request.method().upper() == "GET"
        foreign = same_site == "strict" or not (navigates and is_get)
    return foreign


def _is_own_host(request: BaseRequest, origin: str, api_domain: str) -> bool:
    """Tell whether *origin* is the host, with its port, that the request came to.

    Never ``http`` where the API is https: anybody on the network can be that.
    """
    scheme, _, host = origin.partition("://")
    if scheme not in {"http", "https"} or (
        scheme == "http" and api_domain.startswith("https:")
    ):
        return False
    own = request.get_header("host") or ""
    return bool(host) and _origin(f"{scheme}://{own.lower()}") == origin


def _cookie_header(request: BaseRequest) -> str:
    """Return every ``Cookie`` header as one; HTTP/2 clients may send several.

    Under ASGI they are all there, where the SDK's request gives the first alone. WSGI
    has room for one, so servers join them with a comma, which cannot be told from one
    in a value; no guest JWT has one.
    """
    own: Any = getattr(request, "request")  # noqa: B009 - see visit_of
    scope = getattr(own, "scope", None)
    if scope is None:
        return (request.get_header("cookie") or "").replace(",", ";")
    pairs = scope.get("headers", ())
    return "; ".join(v.decode("latin-1") for name, v in pairs if name == b"cookie")


def _origin(domain: str) -> str:
    """Return *domain* as a browser writes an origin: without its scheme's own port."""
    port = ":443" if domain.startswith("https:") else ":80"
    return domain.removesuffix(port)
