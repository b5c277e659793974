"""Where the SDK's e-mails arrive: nothing is sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from supertokens_python.ingredients.emaildelivery.types import (
    EmailDeliveryConfig,
    EmailDeliveryInterface,
)


class Mailbox(EmailDeliveryInterface[Any]):
    """Keeps what the SDK would send, for any recipe that sends e-mail.

    Attributes:
        received: What each e-mail was to be made of, oldest first.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.received: list[Any] = []

    def delivery(self) -> EmailDeliveryConfig[Any]:
        """Return the ``email_delivery`` of a recipe that shall deliver here."""
        return EmailDeliveryConfig(service=self)

    async def send_email(
        self,
        template_vars: Any,
        user_context: Any,  # noqa: ARG002 - the SDK's signature
    ) -> None:
        """Keep one."""
        self.received.append(template_vars)

    def take(self) -> Any:
        """Return the only e-mail that is there, and forget it."""
        (received,) = self.received
        self.received.clear()
        return received


def link_parts(link: str) -> tuple[dict[str, str], str]:
    """Return the query of a link, and what follows its ``#``."""
    parts = urlsplit(link)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return query, parts.fragment
