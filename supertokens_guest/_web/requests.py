"""What a request brings along: its guest, session tokens, the site it came from."""

import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from supertokens_python.framework.request import BaseRequest
from supertokens_python.recipe.session import SessionContainer, access_token, jwt
from supertokens_python.supertokens import Supertokens
from supertokens_python.utils import FRAMEWORKS

from supertokens_guest._background import run_blocking
from supertokens_guest._runtime import current
from supertokens_guest._tokens.rules import ownership
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest

GUEST_HEADER = "guest-jwt"  # of clients without cookies, in both directions
MAX_COOKIES = 4  # of one name; a browser sends more only if somebody plants them

_KEY = "supertokens_guest.visit"  # where a request's own mapping holds its visit
# Headers that the SDK's front ends send and that no HTML form can: a request with one
# has passed the browser's CORS preflight.
_SDK_HEADERS = ("rid", "fdi-version", "st-auth-mode")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1


Act = Callable[[Any], None]  # what is done to a response


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the guest tokens of a request came to."""

    guest: Guest | None = None  # when there is exactly one; by the newest of its tokens
    by_header: bool = False  # that one came in the header, and so is answered in it
    ambiguous: bool = False  # two guests came, or more cookies than a browser sends
    unavailable: KeysUnavailableError | None = None  # a token may be good: keep it
    foreign: bool = False  # somebody else's JWT has our cookie's name
    clearable: bool = False  # all cookies that came are ours, and no good
    cookie_is_ours: bool = False  # a cookie says that it is a guest of this app
    header_is_ours: bool = False  # and so does the header
    fingerprint: str = ""  # names the tokens without showing them; empty for none

    @property
    def is_ours(self) -> bool:
        return self.cookie_is_ours or self.header_is_ours


@dataclass(eq=False)
class Visit:
    """One request: what it brings, and what becomes of its guest until the answer."""

    own: Any  # the framework's request, or the SDK's
    mapping: Mapping[str, Any]  # which the framework keeps of it: scope or environ
    has_middleware: bool = False  # GuestMiddleware will see the answer
    hides_status: bool = False  # the SDK shows its response mutators a 200, whatever is
    status: int | None = None  # the answer's, once it is known
    reading: Reading | None = None  # once the guest tokens were read
    was_read: bool = False  # by a view
    written: tuple[str, Guest] | None = None  # the token to set, and what it says
    cleared: bool = False  # the answer shall clear the guest
    moved: bool = False  # the guest has become this request's user
    waits: bool = False  # a login left the guest for a later transfer
    made: set[str] = field(default_factory=set)  # sessions, by their handles
    revoked: set[str] = field(default_factory=set)  # likewise
    deferred: list[Act] = field(default_factory=list)  # for `status`

    @functools.cached_property
    def request(self) -> BaseRequest:
        """The SDK's request; not made for one that needs nothing."""
        if isinstance(self.own, BaseRequest):
            return self.own
        framework = Supertokens.get_instance().app_info.framework
        # Declared to return None as well, which no framework of the SDK's does.
        return cast("BaseRequest", FRAMEWORKS[framework].wrap_request(self.own))

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
        return self.method not in _SAFE

    @property
    def lone_cookies(self) -> bytes | str | None:
        """The ``Cookie`` header, when nothing else can bring a guest or a session."""
        if "headers" not in self.mapping:
            others = {"HTTP_AUTHORIZATION", "HTTP_GUEST_JWT"} & self.mapping.keys()
            return None if others else self.mapping.get("HTTP_COOKIE")
        names = {b"cookie", b"authorization", b"guest-jwt"}
        brought = [pair for pair in self.mapping["headers"] if pair[0] in names]
        is_alone = len(brought) == 1 and brought[0][0] == b"cookie"
        return brought[0][1] if is_alone else None

    @property
    def _cookie_header(self) -> str:
        """Every ``Cookie`` header as one; HTTP/2 clients may send several."""
        if "headers" not in self.mapping:
            # WSGI servers join them with a comma, which no guest JWT has.
            return str(self.mapping.get("HTTP_COOKIE", "")).replace(",", ";")
        pairs = self.mapping["headers"]
        return "; ".join(v.decode("latin-1") for name, v in pairs if name == b"cookie")

    @property
    def wants_header(self) -> bool:
        """Whether this client takes tokens from headers, as it tells the SDK."""
        return (self.request.get_header("st-auth-mode") or "").lower() == "header"

    def guest_tokens(self, cookie_name: str) -> tuple[list[str], str | None]:
        """Return the guest cookies, at most one too many, and the guest header."""
        cookies = cookie_values(self._cookie_header, cookie_name)
        return cookies[: MAX_COOKIES + 1], self.request.get_header(GUEST_HEADER) or None

    async def read(self, *, wait_seconds: float | None = None) -> Reading:
        """Verify the guest tokens: once, or again until there were keys for all."""
        if self.reading is not None and self.reading.unavailable is None:
            return self.reading
        runtime = current()
        limit = runtime.wait_seconds if wait_seconds is None else wait_seconds
        ends_at = time.monotonic() + limit
        cookies, header = self.guest_tokens(runtime.config.cookie_name)
        tokens = [(token, False) for token in cookies[:MAX_COOKIES]]
        tokens += [] if header is None else [(header, True)]
        owners = [(ownership(token, runtime.issuer), by) for token, by in tokens]
        guests: list[tuple[Guest, bool]] = []
        bad, unavailable = [], None
        for (token, by_header), owner in zip(tokens, owners, strict=True):
            if owner[0] == "foreign":  # which needs no keys to tell
                continue
            left = max(0.0, ends_at - time.monotonic())
            try:
                guest = await runtime.verifier.verify(token, wait_seconds=left)
                guests.append((guest, by_header))
            except KeysUnavailableError as error:
                unavailable = error
            except TokenError as error:
                bad.append(owner)
                logger.debug("guest token refused: %s", error.code)
                runtime.tell("verify-rejected", error.code, error=error)
        if ("foreign", False) in owners:
            name = runtime.config.cookie_name
            logger.debug("the cookie %r holds a JWT that is not ours", name)
            runtime.tell("foreign-cookie")
        ids = {guest.id for guest, _ in guests}
        ambiguous = len(ids) > 1 or len(cookies) > MAX_COOKIES
        if ambiguous:
            # Of two guests the header's is the visitor's: nobody can plant it.
            guests = [pair for pair in guests if pair[1]]
        newest, by_header = max(
            guests,
            key=lambda pair: (pair[0].issued_at, pair[0].expires_at, pair[1]),
            default=(None, False),
        )
        self.reading = Reading(
            guest=newest,
            by_header=by_header,
            ambiguous=ambiguous,
            unavailable=unavailable,
            foreign=("foreign", False) in owners,
            # Clearing a name could take another cookie than is meant.
            clearable=0 < bad.count(("ours", False)) == len(cookies),
            cookie_is_ours=("ours", False) in owners,
            header_is_ours=("ours", True) in owners,
            fingerprint=fingerprint(token for token, _ in tokens),
        )
        return self.reading

    def read_now(self) -> Reading:
        """Read what can be told without waiting for keys."""
        return run_blocking(self.read(wait_seconds=0))

    def session_claims(self) -> dict[str, Any] | None:
        """Return what the request's session token says, valid, expired or forged."""
        # What the SDK cannot read, as garbage or a gateway's bearer, is no session.
        tokens = cookie_values(self._cookie_header, "sAccessToken")
        authorization = self.request.get_header("authorization") or ""
        if authorization.startswith("Bearer "):  # as the SDK compares it
            tokens.append(authorization.removeprefix("Bearer ").strip())
        for token in tokens:
            try:
                parsed = jwt.parse_jwt_without_signature_verification(unquote(token))
                structure = parsed.payload, parsed.version
                access_token.validate_access_token_structure(*structure)
            except Exception:  # noqa: BLE001, S112 - whatever the SDK raises
                continue
            return parsed.payload
        return None

    def from_another_site(self, user_context: dict[str, Any]) -> bool:
        """Tell whether a page of another site sent this request by itself."""
        # Such a page can sign a visitor's browser in to an account of its own, with a
        # form or a no-cors fetch, where cookies are SameSite=None. It cannot add a
        # header of the SDK's, and a browser says where the request comes from.
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
        if site is not None:
            return True
        # Or the host that the request came to; never http where the API is https, as
        # anybody on the network can be that.
        scheme = (
            "https" if api.startswith("https:") else str(origin).partition("://")[0]
        )
        own = _origin(f"{scheme}://{header('host') or ''}".lower())
        return scheme not in {"http", "https"} or origin != own

    def withholds_cookies(self) -> bool:
        """Tell whether the browser may have kept the visitor's cookies back."""
        # A guest set then would replace the visitor's own, or stand beside a session.
        header = self.request.get_header
        site = header("sec-fetch-site")
        if site is None:
            return self.is_unsafe and self.from_another_site({})
        if site != "cross-site":
            return False
        same_site = current().session_config.get_cookie_same_site(self.request, {})
        if same_site == "none":  # such cookies come with every request
            return self.from_another_site({})
        navigates = header("sec-fetch-mode") == "navigate" and self.method == "GET"
        return same_site == "strict" or not navigates


def visit_of(request: Any) -> Visit:
    """Return what is known of a framework's *request*, or of the SDK's."""
    own = request.request if isinstance(request, BaseRequest) else request
    for name in ("scope", "environ", "META"):
        mapping = getattr(own, name, None)
        if mapping is not None:
            visit: Visit | None = mapping.get(_KEY)
            if visit is None:
                visit = mapping[_KEY] = Visit(request, mapping)
            return visit
    raise TypeError(f"A request is expected, not a {type(request).__name__}.")


def cookie_values(header: str, name: str) -> list[str]:
    """Return each value that the ``Cookie`` header has for *name*, in its order.

    That is the most specific path first (RFC 6265, 5.4); frameworks keep one of them.
    """
    pairs = [pair.partition("=") for pair in header.split(";")]
    found = [value.strip() for key, has, value in pairs if has and key.strip() == name]
    return [v[1:-1] if len(v) > 1 and v[0] == v[-1] == '"' else v for v in found]


def _origin(domain: str) -> str:
    """Return *domain* as a browser writes an origin: without its scheme's own port."""
    port = ":443" if domain.startswith("https:") else ":80"
    return domain.removesuffix(port)


def fingerprint(tokens: Iterable[str]) -> str:
    """Name *tokens* so that they can be told again, and not be made from it."""
    text = "\n".join(sorted(set(tokens))).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32] if text else ""
