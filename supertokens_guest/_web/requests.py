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

from supertokens_guest._runtime import current
from supertokens_guest._web.cookies import GUEST_HEADER, cookie_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supertokens_python.recipe.session.interfaces import SessionContainer

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
    """One request: what it brings, and what becomes of its guest until the answer.

    Attributes:
        has_middleware: Whether ``GuestMiddleware`` will see the answer.
        hides_status: Whether the SDK shows its response mutators another status than
            the answer's: in FastAPI a fresh response, always 200.
        status: The answer's status, once it is known.
        reading: What the guest tokens came to, once they were read.
        was_read: Whether a view looked at the guest.
        written: The token that the answer shall set, and what it says.
        cleared: Whether the answer shall clear the guest.
        moved: Whether the guest has become this request's user.
        waits: Whether a login of this request left the guest for a later transfer.
        made: The handles of sessions that this request made.
        revoked: The handles of those that it ended.
        deferred: What the answer does once its status is known.
    """

    def __init__(self, make_request: Callable[[], BaseRequest]) -> None:
        """Look at nothing yet: most requests need nothing."""
        self._make_request = make_request
        self._request: BaseRequest | None = None
        self.has_middleware = self.hides_status = False
        self.was_read = self.cleared = self.moved = self.waits = False
        self.status: int | None = None
        self.reading: Reading | None = None
        self.written: tuple[str, Guest] | None = None
        self.made: set[str] = set()
        self.revoked: set[str] = set()
        self.deferred: list[Callable[[Any], None]] = []

    @property
    def request(self) -> BaseRequest:
        if self._request is None:
            self._request = self._make_request()
        return self._request

    @property
    def session(self) -> SessionContainer | None:
        """The session that the SDK attached to the request, if there is one."""
        try:
            return self.request.get_session()
        except AttributeError:  # what the frameworks' own objects say for "not set"
            return None

    @property
    def method(self) -> str:
        return str(self.request.method()).upper()

    @property
    def is_unsafe(self) -> bool:
        """Whether the request may change something (RFC 9110, 9.2.1)."""
        return self.method not in _SAFE

    @property
    def wants_header(self) -> bool:
        """Whether this client takes tokens from headers, as it tells the SDK."""
        return (self.request.get_header("st-auth-mode") or "").lower() == "header"

    def guest_tokens(self, cookie_name: str) -> tuple[list[str], str | None]:
        """Return the guest cookies, the most specific path first, and the guest header.

        Of more than ``MAX_COOKIES`` there is one more, so that it can be seen: which of
        them is the visitor's own nobody can say.
        """
        cookies = cookie_values(_cookie_header(self.request), cookie_name)
        return cookies[: MAX_COOKIES + 1], self.request.get_header(GUEST_HEADER) or None

    def session_claims(self) -> dict[str, Any] | None:
        """Return what the request's session token says, valid, expired or forged.

        Only what the SDK reads as its own counts: garbage under its names and a
        gateway's bearer are no session of ours.
        """
        tokens = cookie_values(_cookie_header(self.request), "sAccessToken")
        authorization = self.request.get_header("authorization") or ""
        if authorization.startswith("Bearer "):  # as the SDK compares it
            tokens.append(authorization.removeprefix("Bearer ").strip())
        for token in tokens:
            try:
                parsed = parse_jwt_without_signature_verification(unquote(token))
                validate_access_token_structure(parsed.payload, parsed.version)
            except Exception:  # noqa: BLE001, S112 - so the SDK tells what is a token
                continue
            return parsed.payload
        return None

    def from_another_site(self, user_context: dict[str, Any]) -> bool:
        """Tell whether a page of another site sent this request by itself.

        Such a page can sign a visitor's browser in to an account of its own, with a
        form or a ``no-cors`` fetch, where cookies are ``SameSite=None``. It cannot add
        a header of the SDK's, and a browser says where the request comes from.
        """
        header = self.request.get_header
        if any(header(name) for name in _SDK_HEADERS):
            return False
        site, origin = header("sec-fetch-site"), header("origin")
        if site in {"same-origin", "none"} or (site is None and origin is None):
            return False
        app = current().app_info
        api = app.api_domain.get_as_string_dangerous()
        website = app.get_origin(self.request, user_context).get_as_string_dangerous()
        if origin in {_origin(api), _origin(website)}:
            return False  # a website on another site than its API is "cross-site"
        return site is not None or not self._is_own_host(str(origin), api)

    def withholds_cookies(self) -> bool:
        """Tell whether the browser may have kept the visitor's cookies back.

        A guest that were set then would replace the visitor's own, or stand beside a
        session. ``SameSite=None`` cookies come with every request.
        """
        header = self.request.get_header
        site = header("sec-fetch-site")
        if site is None:
            return self.is_unsafe and self.from_another_site({})
        if site != "cross-site":
            return False
        config = current().session_config
        same_site = config.get_cookie_same_site(self.request, {})
        if same_site == "none":
            return self.from_another_site({})
        navigates = header("sec-fetch-mode") == "navigate" and self.method == "GET"
        return same_site == "strict" or not navigates

    def _is_own_host(self, origin: str, api_domain: str) -> bool:
        """Tell whether *origin* is the host, with its port, that the request came to.

        Never ``http`` where the API is https: anybody on the network can be that.
        """
        scheme = origin.partition("://")[0]
        if scheme == "http" and api_domain.startswith("https:"):
            return False
        own = (self.request.get_header("host") or "").lower()
        return scheme in {"http", "https"} and origin == _origin(f"{scheme}://{own}")


def visit_of(request: Any) -> Visit:
    """Return what is known of a framework's *request*, or of the SDK's.

    Raises:
        TypeError: It is no request.
    """
    own = request.request if isinstance(request, BaseRequest) else request
    for name in ("scope", "environ", "META"):
        mapping = getattr(own, name, None)
        if mapping is not None:
            visit: Visit | None = mapping.get(KEY)
            if visit is None:
                visit = mapping[KEY] = Visit(lambda: _wrapped(request))
            return visit
    raise TypeError(f"A request is expected, not a {type(request).__name__}.")


def lone_cookies(environ: Mapping[str, Any]) -> str | None:
    """Return WSGI's ``Cookie`` header, when nothing else can bring guest or session."""
    if "HTTP_AUTHORIZATION" in environ or "HTTP_GUEST_JWT" in environ:
        return None
    return environ.get("HTTP_COOKIE")


def _wrapped(request: Any) -> BaseRequest:
    if isinstance(request, BaseRequest):
        return request
    framework = Supertokens.get_instance().app_info.framework
    # Declared to return None as well, which no framework of the SDK's does.
    return cast("BaseRequest", FRAMEWORKS[framework].wrap_request(request))


def _cookie_header(request: Any) -> str:
    """Return every ``Cookie`` header as one; HTTP/2 clients may send several.

    Under ASGI they are all there, where the SDK's request gives the first alone. WSGI
    has room for one, so servers join them with a comma, which cannot be told from one
    in a value; no guest JWT has one.
    """
    scope = getattr(request.request, "scope", None)
    if scope is None:
        return (request.get_header("cookie") or "").replace(",", ";")
    pairs = scope.get("headers", ())
    return "; ".join(v.decode("latin-1") for name, v in pairs if name == b"cookie")


def _origin(domain: str) -> str:
    """Return *domain* as a browser writes an origin: without its scheme's own port."""
    port = ":443" if domain.startswith("https:") else ":80"
    return domain.removesuffix(port)
