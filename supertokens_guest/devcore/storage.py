"""What the dev core remembers: plain dataclasses in memory, gone with the process."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Json
    from .keys import KeyRing


def normalised_email(email: str) -> str:
    """Return *email* as the core stores and compares it."""
    return email.strip().lower()


def account_info(email: str | None = None, phone_number: str | None = None) -> Json:
    """Return what is given, as the core stores it, by the names of the fields."""
    info = {}
    if email is not None:
        info["email"] = normalised_email(email)
    if phone_number is not None:
        # The core knows more about the world's forms.
        info["phoneNumber"] = re.sub(r"[\s().-]", "", phone_number)
    return info


def new_id() -> str:
    """Return a UUID, as the core's ids are."""
    return str(uuid.uuid4())


def sha256(text: str) -> str:
    """Return the SHA-256 of *text* in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class User:
    """A user with its one login method; the dev core links no accounts.

    Attributes:
        recipe_id: ``emailpassword``, ``thirdparty`` or ``passwordless``.
        info: Its ``email``, ``phoneNumber`` or ``thirdParty`` (the provider's id and
            the user's there); changed by `Storage.put_user` alone.
        password_hash: Salt and digest.
    """

    recipe_id: str
    joined_at_ms: int
    password_hash: bytes = b""
    info: Json = field(default_factory=dict)
    id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Session:
    """A session.

    Attributes:
        refresh_hash1: SHA-256 of the refresh token in force.
        payload: ``userDataInJWT``.
        data: ``userDataInDatabase``.
    """

    user_id: str
    payload: Json
    data: Json
    uses_static_key: bool
    created_at_ms: int
    expires_at_ms: int = 0
    refresh_hash1: str = ""
    handle: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token stands for; it is kept by its SHA-256."""

    session_handle: str
    parent_hash1: str | None
    anti_csrf: str | None


@dataclass(frozen=True, slots=True)
class MailToken:
    """What a mailed token stands for."""

    user_id: str
    email: str
    expires_at_ms: int


@dataclass(slots=True)
class MailTokens:
    """Tokens that an app mails, for a new password or to verify an address."""

    lifetime_seconds: int
    kept: dict[str, MailToken] = field(default_factory=dict)

    def make(self, core: Core, user_id: str, email: str) -> str:
        """Return a new token of 128 characters."""
        token = base64.b64encode(secrets.token_hex(48).encode()).decode()
        expires_at_ms = core.now_ms() + self.lifetime_seconds * 1000
        self.kept[token] = MailToken(user_id, email, expires_at_ms)
        return token

    def use(self, core: Core, token: str) -> MailToken | None:
        """Return what *token* stands for, unless it is too old; this ends its like."""
        found = self.kept.get(token)
        if found is None:
            return None
        self.forget(found.user_id, found.email)
        return found if found.expires_at_ms >= core.now_ms() else None

    def forget(self, user_id: str, email: str | None = None) -> None:
        """Forget a user's tokens, for one address or all."""
        for token, found in list(self.kept.items()):
            if found.user_id == user_id and email in {None, found.email}:
                del self.kept[token]


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a passwordless login, to type in or to follow as a link."""

    user_input_code: str
    created_at_ms: int
    link_code: str = field(default_factory=secrets.token_urlsafe)
    id: str = field(default_factory=new_id)


@dataclass(slots=True)
class Device:
    """A passwordless login that has begun.

    Attributes:
        info: The ``email`` or ``phoneNumber`` to which codes are sent.
        id: Kept by the browser.
        pre_auth_session_id: Stands in links.
    """

    info: Json
    id: str
    pre_auth_session_id: str = field(default_factory=secrets.token_urlsafe)
    failed_attempts: int = 0
    codes: list[Code] = field(default_factory=list)


@dataclass(slots=True)
class TotpDevice:
    """An authenticator app's secret, in base32."""

    secret: str
    period_seconds: int
    skew: int
    is_verified: bool = False


@dataclass(slots=True)
class Storage:
    """All that is kept. A new one is an empty core."""

    users: dict[str, User] = field(default_factory=dict)
    users_by_info: dict[tuple[str, Any], list[User]] = field(default_factory=dict)
    verified_emails: set[tuple[str, str]] = field(default_factory=set)
    password_tokens: MailTokens = field(default_factory=lambda: MailTokens(3600))
    verification_tokens: MailTokens = field(
        default_factory=lambda: MailTokens(24 * 3600)
    )
    devices: dict[str, Device] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    user_roles: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, Json] = field(default_factory=dict)
    totp_devices: dict[str, dict[str, TotpDevice]] = field(default_factory=dict)
    totp_failed_at_ms: dict[str, list[int]] = field(default_factory=dict)
    totp_used_codes: dict[str, set[str]] = field(default_factory=dict)

    def put_user(self, user: User, info: Json) -> None:
        """Add *user*, or give it other account info."""
        for key in user.info.items():
            self.users_by_info[key].remove(user)
        self.users[user.id] = user
        user.info = info
        for key in info.items():
            self.users_by_info.setdefault(key, []).append(user)

    def user_of(self, recipe_id: str, info: Json) -> User | None:
        """Return the one user of a recipe with any of this account info."""
        found = (self.users_by_info.get(key, ()) for key in info.items())
        users = (user for users in found for user in users)
        return next((user for user in users if user.recipe_id == recipe_id), None)

    def handles_of(self, user_id: str) -> list[str]:
        """Return the handles of a user's sessions, expired ones included."""
        return [s.handle for s in self.sessions.values() if s.user_id == user_id]


@dataclass
class Core:
    """One core: its keys, what it keeps, its clock and its settings.

    Attributes:
        clock: Seconds since the epoch.
        api_key: What callers must send, if anything.
    """

    keys: KeyRing
    clock: Callable[[], float]
    access_token_validity_seconds: int
    refresh_token_validity_seconds: int
    access_token_validity_jitter: float = 0.0
    api_key: str | None = None
    storage: Storage = field(default_factory=Storage)

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, as all times of the core are."""
        return int(self.clock() * 1000)
