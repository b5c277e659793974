"""Base64url as JOSE uses it (RFC 7515, 2): without padding, one spelling per value."""

from __future__ import annotations

import base64
import re

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")

# The bits of the last character that belong to no byte must be zero; by what is left
# of the length in fours. One character left over holds no byte at all.
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048"), 1: frozenset("")}


def decode_base64url(segment: str) -> bytes:
    """Return the bytes that *segment* stands for.

    Raises:
        ValueError: Padding, a character outside the alphabet, or a second spelling of
            the same bytes. The message does not quote the segment.
    """
    if _ALPHABET.fullmatch(segment) is None:
        raise ValueError("not base64url")
    return decode_checked(segment)


def decode_checked(segment: str) -> bytes:
    """Return the bytes of a *segment* that is known to keep to the alphabet.

    Raises:
        ValueError: A second spelling of the same bytes.
    """
    left_over = len(segment) & 3
    if left_over and segment[-1] not in _LAST[left_over]:
        raise ValueError("not the canonical base64url")
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) & 3))
