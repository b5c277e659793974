"""What happens to guests, for the app and the log; never a token or a payload."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

logger: logging.Logger = logging.getLogger("supertokens_guest")

EventCode = Literal[
    "issue", "renew", "update", "verify-rejected", "keys-unavailable", "keys-available",
    "transfer", "transfer-skipped", "transfer-failed",
    "issue-refused", "issue-shed", "foreign-cookie",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestEvent:
    """Something happened to a guest, or to the keys that guests are checked with.

    Attributes:
        code: What happened, from a fixed list.
        reason: Why, as a fixed word: the ``code`` of an error for ``verify-rejected``
            and ``issue-refused``, the rule that applied for ``transfer-skipped``.
        guest_id: The guest it happened to, where one is known.
        user_id: The user who logged in, where there is one.
        error: What was raised, where something was.
    """

    code: EventCode
    reason: str | None = None
    guest_id: str | None = None
    user_id: str | None = None
    error: BaseException | None = field(default=None, repr=False)


def shown(value: object) -> str:
    """Return *value* for a log line: escaped, so that it starts none, and cut to 64."""
    return repr(value)[:64]


def tell(on_event: Callable[[GuestEvent], None] | None, event: GuestEvent) -> None:
    """Hand *event* to the app; an error that it raises is only logged."""
    try:
        if on_event is not None:
            on_event(event)
    except Exception:
        logger.exception("on_event raised for the event %s", event.code)
