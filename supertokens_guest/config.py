"""The one place where an app says how its guests shall be; every default is here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from supertokens_guest._tokens import payload
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import GuestEvent
from supertokens_guest.guest import GuestTransfer

if TYPE_CHECKING:
    from supertokens_python.framework.request import BaseRequest

# RFC 6265, 4.1.1: a cookie's name is a token of RFC 2616.
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_MAX_CHARS = 64

# What SuperTokens calls its own cookies, beside those that begin with st-; and names
# that no cookie can have in Python, because http.cookies takes them for attributes.
_TAKEN = frozenset(
    {"saccesstoken", "srefreshtoken", "sidrefreshtoken", "sfronttoken", "santicsrf"}
    | {"comment", "domain", "expires", "httponly", "max-age", "partitioned", "path"}
    | {"samesite", "secure", "version"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestConfig:
    """How guests are issued, recognised and carried into a login.

    Give it once, to ``guest_override`` or ``guest_plugin``; everything else finds it.

    Attributes:
        cookie_name: The cookie that carries the guest JWT. ``__Host-`` or ``__Secure-``
            before it makes it ``Secure``, the former without ``Domain`` too.
        lifetime_seconds: How long a new guest JWT is valid: 60 to ten years, which is
            also the default, as in the SuperTokens documentation.
        issue: When the middleware issues a guest: ``"eager"``, to each visitor;
            ``"lazy"``, when a view asks; or a function that tells of the SDK's
            ``BaseRequest`` whether its visitor may become one, as after consent, which
            binds guards, verbs and ``set_guest_cookie`` too, not ``create_guest_jwt``.
        transfer: Which claims move into the session: ``"all"``, a collection of names,
            or a function that returns the mapping to move for a ``GuestTransfer``.
            ``()`` moves nothing and leaves the guest to ``on_transfer``.
        namespace: The claim of the session under which they arrive, beside the guest's
            id as ``sub``. ``None`` puts them at the top level, without the id.
        transfer_to: Where in the session: ``"access_token_payload"``, readable by the
            front end, or ``"session_data_in_database"``, which no header carries. What
            does not fit into the former goes into the latter, all together.
        on_transfer: Called with the ``GuestTransfer`` of every guest who became a user,
            empty ones too. A coroutine function is awaited at the login. A plain one
            runs there too in FastAPI, on the event loop, so keep it short; in Flask and
            Django when the answer is made, in the request's own thread, and not for an
            answer of 500 and above. What it raises is logged, fails no login, and keeps
            the guest for another try. It can come twice for one guest (another device,
            a token that somebody kept), so it must be idempotent by ``guest.id``, and
            the first user wins: ``INSERT INTO carts (guest_id, user_id, …) VALUES (?,
            ?, …) ON CONFLICT (guest_id) DO NOTHING``.
        reject_issued_before: No guest issued before this aware datetime is accepted.
        public_keys: The core's static public keys as ``{key id: PEM}``. With them, no
            key is ever fetched, and no other is accepted.
        on_event: Called with each ``GuestEvent``, in whatever thread it happens: it
            must not block. What it raises is only logged.
    """

    cookie_name: str = "jwt"
    lifetime_seconds: int = payload.MAX_LIFETIME_SECONDS
    issue: Literal["eager", "lazy"] | Callable[[BaseRequest], bool] = "eager"
    transfer: (
        Literal["all"] | Collection[str] | Callable[[GuestTransfer], Mapping[str, Any]]
    ) = "all"
    namespace: str | None = "guest"
    transfer_to: Literal["access_token_payload", "session_data_in_database"] = (
        "access_token_payload"
    )
    on_transfer: Callable[[GuestTransfer], Awaitable[None] | None] | None = None
    reject_issued_before: datetime | None = None
    public_keys: Mapping[str, str] | None = None
    on_event: Callable[[GuestEvent], None] | None = None

    def __post_init__(self) -> None:
        """Refuse settings that cannot work, all in one ``ConfigError``."""
        if faults := [*_faults(self), *_callable_faults(self)]:
            raise ConfigError(*faults)


def _faults(config: Any) -> Iterator[str]:  # noqa: C901 - a list of settings
    name, seconds = config.cookie_name, config.lifetime_seconds
    if not isinstance(name, str) or not _COOKIE_NAME.fullmatch(name):
        yield f"cookie_name {name!r} is not a cookie name (RFC 6265, 4.1.1)."
    elif name.lower() in _TAKEN or name.startswith(payload.RESERVED_PREFIXES):
        yield f"cookie_name {name!r} means something to SuperTokens or to Python."
    most = payload.MAX_LIFETIME_SECONDS
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        yield f"lifetime_seconds must be a whole number, not {seconds!r}."
    elif not 60 <= seconds <= most:  # noqa: PLR2004 - a minute
        yield f"lifetime_seconds must be from 60 to {most:,}, not {seconds:,}."
    if config.issue not in ("eager", "lazy") and not callable(config.issue):
        yield f'issue must be "eager", "lazy" or a function, not {config.issue!r}.'
    if config.transfer != "all" and not callable(config.transfer):
        yield from _transfer_faults(config.transfer)
    namespace = config.namespace
    is_name = isinstance(namespace, str) and namespace.isprintable()
    if namespace is not None and not (is_name and 0 < len(namespace) <= _MAX_CHARS):
        yield f"namespace must be 1 to {_MAX_CHARS} printable characters or None."
    elif namespace is not None and payload.is_reserved(namespace):
        yield f"namespace {namespace!r} is reserved, as a name of JWT or SuperTokens."
    places = ("access_token_payload", "session_data_in_database")
    if config.transfer_to not in places:
        yield f"transfer_to must be one of {places}, not {config.transfer_to!r}."
    # A naive datetime means another instant in each timezone.
    instant = config.reject_issued_before
    is_aware = isinstance(instant, datetime) and instant.utcoffset() is not None
    if instant is not None and not is_aware:
        yield f"reject_issued_before must be an aware datetime, not {instant!r}."
    keys = config.public_keys
    if keys is not None and (not isinstance(keys, Mapping) or not keys):
        yield "public_keys must map at least one key id to a PEM text."


def _transfer_faults(transfer: object) -> Iterator[str]:
    is_one = isinstance(transfer, (str, bytes, Mapping))
    if is_one or not isinstance(transfer, Collection):
        yield 'transfer must be "all", a collection of names or a function.'
        return
    for name in transfer:
        if not isinstance(name, str):
            yield f"transfer holds {name!r}, which is not a name."
        elif payload.is_reserved(name):
            yield f"transfer names {name!r}, which is reserved and never transferred."


def _callable_faults(config: GuestConfig) -> Iterator[str]:
    for name in ("on_transfer", "on_event"):
        value = getattr(config, name)
        if value is not None and not callable(value):
            yield f"{name} must be a function or None, not {value!r}."
        elif inspect.isasyncgenfunction(value) or inspect.isgeneratorfunction(value):
            yield f"{name} is a generator, which would never run."
    for name in ("transfer", "issue", "on_event"):
        if inspect.iscoroutinefunction(getattr(config, name)):
            yield f"{name} must not be a coroutine function: nothing awaits it."
