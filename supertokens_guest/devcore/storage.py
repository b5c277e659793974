"""What the dev core remembers: plain dataclasses in memory, gone with the process."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any


def normalised_email(email: str) -> str:
    """Return *email* as the core stores and compares it."""
    return email.strip().lower()


def normalised_phone_number(phone_number: str) -> str:
    """Return *phone_number* as stored; the core knows more about the world's forms."""
    return re.sub(r"[\s().-]", "", phone_number)


@dataclass(slots=True, eq=False)
class User:
    """A user with its one login method; the dev core links no accounts.

    Attributes:
        recipe_id: ``emailpassword``, ``thirdparty`` or ``passwordless``.
        third_party: The provider's id and the user's id there.
        password_hash: Salt and digest; see `hash_password`.
    """

    id: str
    recipe_id: str
    joined_at_ms: int
    email: str | None = None
    phone_number: str | None = None
    third_party: tuple[str, str] | None = None
    password_hash: bytes | None = None

    def account_keys(self) -> list[tuple[str, ...]]:
        """Return the keys under which the user is found by account info."""
        keys: list[tuple[str, ...]] = []
        if self.email is not None:
            keys.append(("email", self.email))
        if self.phone_number is not None:
            keys.append(("phoneNumber", self.phone_number))
        if self.third_party is not None:
            keys.append(("thirdParty", *self.third_party))
        return keys


@dataclass(slots=True)
class Session:
    """A session's row.

    Attributes:
        refresh_hash2: SHA-256 of SHA-256 of the refresh token in force.
        payload: ``userDataInJWT``.
        data: ``userDataInDatabase``.
    """

    handle: str
    user_id: str
    refresh_hash2: str
    payload: dict[str, Any]
    data: dict[str, Any]
    created_at_ms: int
    expires_at_ms: int
    uses_static_key: bool


@dataclass(slots=True)
class MailToken:
    """A token that was mailed: for a new password, or to verify an address."""

    user_id: str
    email: str
    expires_at_ms: int


@dataclass(slots=True)
class Device:
    """A passwordless login that has begun.

    Attributes:
        id: Kept by the browser; its hash is the pre-auth session id.
        codes: By link-code hash.
    """

    id: bytes
    id_hash: str
    link_code_salt: bytes
    email: str | None
    phone_number: str | None
    failed_attempts: int = 0
    codes: dict[str, Code] = field(default_factory=dict)

    @property
    def contact(self) -> tuple[str, str]:
        """Where the code was sent: the name of the field, and its value."""
        if self.email is not None:
            return ("email", self.email)
        return ("phoneNumber", self.phone_number or "")


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a passwordless login."""

    id: str
    created_at_ms: int


@dataclass(slots=True)
class Storage:
    """All rows. A new one is an empty core."""

    users: dict[str, User] = field(default_factory=dict)
    users_by_account: dict[tuple[str, ...], dict[str, User]] = field(
        default_factory=dict
    )
    verified_emails: set[tuple[str, str]] = field(default_factory=set)
    verification_tokens: dict[str, MailToken] = field(default_factory=dict)
    password_tokens: dict[str, MailToken] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    user_roles: dict[str, list[str]] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_user(self, user: User) -> None:
        """Add *user*, or add it again after its account info changed."""
        self.users[user.id] = user
        for key in user.account_keys():
            self.users_by_account.setdefault(key, {})[user.id] = user

    def forget_accounts(self, user: User) -> None:
        """Take *user* out of the index, before its account info changes."""
        for key in user.account_keys():
            self.users_by_account[key].pop(user.id, None)
            if not self.users_by_account[key]:
                del self.users_by_account[key]

    def users_with(self, *key: str) -> dict[str, User]:
        """Return the users with this piece of account info, by id."""
        return self.users_by_account.get(key, {})

    def user_of(self, recipe_id: str, *key: str) -> User | None:
        """Return the one user of a recipe with this piece of account info."""
        for user in self.users_with(*key).values():
            if user.recipe_id == recipe_id:
                return user
        return None

    def remove_user(self, user_id: str) -> None:
        """Forget a user and what belongs to it, as far as there is any."""
        user = self.users.pop(user_id, None)
        if user is not None:
            self.forget_accounts(user)
        self.user_roles.pop(user_id, None)
        self.metadata.pop(user_id, None)
        self.verified_emails = {
            pair for pair in self.verified_emails if pair[0] != user_id
        }
        for tokens in (self.verification_tokens, self.password_tokens):
            for name in [n for n, token in tokens.items() if token.user_id == user_id]:
                del tokens[name]
        for handle in self.handles_of(user_id):
            del self.sessions[handle]

    def handles_of(self, user_id: str) -> list[str]:
        """Return the handles of a user's sessions, expired ones included."""
        return [
            session.handle
            for session in self.sessions.values()
            if session.user_id == user_id
        ]


def hash_password(password: str, salt: bytes | None = None) -> bytes:
    """Return salt and digest of a password.

    A real core takes 100 ms with bcrypt or Argon2. A test double that signs up
    thousands cannot; it keeps no plain text all the same.
    """
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = hashlib.sha256(salt + password.encode("utf-8", "surrogatepass")).digest()
    return salt + digest


def password_matches(password: str, password_hash: bytes) -> bool:
    """Return whether *password* is the one that was hashed."""
    return secrets.compare_digest(
        hash_password(password, password_hash[:16]), password_hash
    )
