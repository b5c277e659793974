"""The values that an app meets: a guest, a visitor, a guest's transfer into a session.

Knows neither how a guest is verified nor how it is carried over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import SessionContainer


@final
class Guest:
    """A visitor who is not logged in, as a verified guest JWT describes it. Read-only.

    Attributes:
        id: The JWT's ``sub``: ``G-`` and 1 to 64 of ``A-Za-z0-9_-``.
        payload: What the app put into the guest, without the registered claims. A plain
            dict of this ``Guest`` alone: changing it changes no other and no token.
        issued_at: When the core signed the token, aware, in UTC.
        expires_at: When the token ends, aware, in UTC.
    """

    __slots__ = ("_expires_at", "_id", "_issued_at", "_payload")

    def __init__(
        self,
        id: str,  # noqa: A002 - the field's public name; nothing here needs the builtin
        payload: dict[str, Any] | Callable[[], dict[str, Any]],
        issued_at: datetime,
        expires_at: datetime,
    ) -> None:
        """Hold what was verified; a payload's function is called at its first read."""
        self._id = id
        self._payload = payload
        self._issued_at = issued_at
        self._expires_at = expires_at

    @property
    def id(self) -> str:
        """The JWT's ``sub``."""
        return self._id

    @property
    def payload(self) -> dict[str, Any]:
        """What the app put into the guest; see the class."""
        if callable(self._payload):
            self._payload = self._payload()
        return self._payload

    @property
    def issued_at(self) -> datetime:
        """When the core signed the token."""
        return self._issued_at

    @property
    def expires_at(self) -> datetime:
        """When the token ends."""
        return self._expires_at

    def __eq__(self, other: object) -> bool:
        """Tell whether *other* is the same guest with the same payload and times."""
        if not isinstance(other, Guest):
            return NotImplemented
        return (self.id, self.issued_at, self.expires_at, self.payload) == (
            other.id,
            other.issued_at,
            other.expires_at,
            other.payload,
        )

    def __hash__(self) -> int:
        """Agree with equality without reading the payload."""
        return hash((self.id, self.issued_at, self.expires_at))

    def __repr__(self) -> str:
        """Name the guest, never its payload: representations end up in logs."""
        return f"<Guest {self.id!r} until {self.expires_at:%Y-%m-%d}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who asks: exactly one of a logged-in user and a guest.

    Attributes:
        id: The user's id, or the guest's.
        guest: The guest, or ``None`` for a user.
        session: The user's session, or ``None`` for a guest.
    """

    id: str
    guest: Guest | None = None
    session: SessionContainer | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestTransfer:
    """One guest's data on its way into one login session.

    Attributes:
        guest: The guest who is becoming a user.
        session: The login session; ``None`` only while ``transfer`` of the
            configuration chooses the claims, before a login has its session.
        user_id: The user who logged in; the primary user's id when accounts are linked.
        recipe_user_id: The id of the login method that was used.
        tenant_id: The tenant of the login, ``"public"`` without multitenancy.
        request: The request that carried the guest.
        user_context: The SDK's user context of that request.
        moved: The claims that arrive in the session, without the namespace and the id.
        in_database: Whether they lie in the session's data in the database: because the
            configuration says so, or because they did not fit into the login's headers.
        dropped: For each claim that does not arrive, why: ``"reserved"``, ``"present"``
            (the session has a claim of that name), ``"namespace_taken"`` (the claim
            that they go under is not this guest's), ``"no_room"`` (the headers are full
            without them) or ``"removed"`` (by an override of the app's).
    """

    guest: Guest
    session: SessionContainer | None = None
    user_id: str
    recipe_user_id: str
    tenant_id: str
    request: BaseRequest
    user_context: dict[str, Any]
    moved: dict[str, Any] = field(default_factory=dict)
    in_database: bool = False
    dropped: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name who became whom and which claims, never their values."""
        return (
            f"<GuestTransfer {self.guest.id!r} to {self.user_id!r},"
            f" moved {sorted(self.moved)}, dropped {self.dropped}>"
        )
