"""The values that an app meets: a guest, a visitor, a transfer into a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import SessionContainer


@final
@dataclass(frozen=True)  # with slots, guest.unknown = 1 would be a TypeError
class Guest:
    """A visitor who is not logged in, as a verified guest JWT describes it. Read-only.

    Attributes:
        id: The JWT's ``sub``: ``G-`` and 1 to 64 of ``A-Za-z0-9_-``.
        payload: What the app put into the guest. A plain dict of this ``Guest`` alone:
            changing it changes no other and no token.
        issued_at: When the core signed the token, aware, in UTC.
        expires_at: When the token ends, aware, in UTC.
    """

    id: str
    payload: dict[str, Any] = field(repr=False, hash=False)
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who asks, by *id*: a user, who has a *session*, or else a *guest*."""

    id: str
    guest: Guest | None = None
    session: SessionContainer | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestTransfer:
    """One guest's data on its way into one login session.

    Attributes:
        guest: The guest who is becoming a user.
        session: The login session; ``None`` only while ``GuestConfig.transfer`` chooses
            the claims for a login, which has none yet.
        user_id: The user who logged in; the primary user's id when accounts are linked.
        recipe_user_id: The id of the login method that was used.
        tenant_id: The tenant of the login, ``"public"`` without multitenancy.
        request: The request that carried the guest; *user_context* is the SDK's of it.
        moved: The claims that arrive in the session, without the namespace and the id.
        in_database: Whether they lie in the session's data: as configured, or because
            they did not fit into the login's headers.
        dropped: For each claim that does not arrive, why: ``"reserved"``, ``"present"``
            (the session has one of that name), ``"namespace_taken"`` (by what is not
            this guest's), ``"no_room"`` or ``"removed"`` (by an override of the app's).
    """

    guest: Guest
    session: SessionContainer | None = None
    user_id: str
    recipe_user_id: str
    tenant_id: str
    request: BaseRequest = field(repr=False)
    user_context: dict[str, Any] = field(repr=False)
    moved: dict[str, Any] = field(default_factory=dict, repr=False)
    in_database: bool = False
    dropped: dict[str, str] = field(default_factory=dict)
