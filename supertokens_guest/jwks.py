"""Which keys of a JSON Web Key Set (RFC 7517) may verify a guest JWT.

Only the core's *static* keys, whose ids begin with ``s-``: guests are signed with one,
and the dynamic ones (``d-``) sign nothing but sessions. Knows nothing about where the
set comes from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from supertokens_guest import strict_json
from supertokens_guest.encoding import decode_base64url, is_canonical, outside_alphabet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

KEY_ID = re.compile(r"s-[A-Za-z0-9-]{1,64}")
"""The form of a static key's id, for ``fullmatch``: ``s-`` and a UUID in the core."""

MODULUS_BITS = range(2_048, 8_192 + 1)
"""RFC 7518, 3.3 asks for at least 2,048; above 8,192 a check costs milliseconds."""

MAX_KEYS = 100
"""A core publishes its static key and two or three dynamic ones."""


class KeySetError(Exception):
    """There is no usable key in what was read; the message says why."""


def parse_key_set(body: bytes) -> Mapping[str, RSAPublicKey]:
    """Return the usable keys of a key set by their id; at least one.

    A member that cannot be used is passed over; it spoils none of the others.

    Args:
        body: The key set as it came over the wire.

    Raises:
        KeySetError: It is no key set, or has no usable key, or more than ``MAX_KEYS``.
    """
    try:
        document = strict_json.parse(body)
    except ValueError:
        raise KeySetError("is not strict JSON") from None
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list):
        raise KeySetError('is not an object with a list "keys"')
    if len(members) > MAX_KEYS:
        raise KeySetError(f"has more than {MAX_KEYS} keys")
    keys: dict[str, RSAPublicKey] = {}
    ambiguous = set()
    for member in members:
        key = _usable(member)
        if key is not None and keys.setdefault(member["kid"], key) != key:
            ambiguous.add(member["kid"])
    keys = {kid: key for kid, key in keys.items() if kid not in ambiguous}
    if not keys:
        raise KeySetError("has no usable static key")
    return keys


def is_usable_modulus(key: RSAPublicKey) -> bool:
    """Tell whether *key* is neither too weak nor too slow."""
    return key.key_size in MODULUS_BITS


def _usable(member: object) -> RSAPublicKey | None:
    """Return the member's key when every one of its parameters allows it.

    ``use``, ``key_ops`` and ``alg`` may be absent (RFC 7517, 4.2 to 4.4). A ``d`` makes
    it a private key, which nobody publishes on purpose.
    """
    if not isinstance(member, dict) or "d" in member:
        return None
    operations = member.get("key_ops", ["verify"])
    if (
        member.get("kty") != "RSA"
        or member.get("use", "sig") != "sig"
        or member.get("alg", "RS256") != "RS256"
        or not isinstance(operations, list)
        or "verify" not in operations
        or not is_key_id(member.get("kid"))
    ):
        return None
    modulus, exponent = _integer(member.get("n")), _integer(member.get("e"))
    if modulus % 2 == 0 or exponent % 2 == 0 or exponent == 1:
        return None  # no RSA key (RFC 8017, 3.1)
    try:
        key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None
    return key if is_usable_modulus(key) else None


def is_key_id(kid: Any) -> bool:
    """Tell whether *kid* has the form of a static key's id."""
    return isinstance(kid, str) and KEY_ID.fullmatch(kid) is not None


def _integer(value: object) -> int:
    """Read a Base64urlUInt (RFC 7518, 2); 0 for anything else."""
    if not isinstance(value, str):
        return 0
    segment = value.encode("ascii", "replace")
    if outside_alphabet(segment) or not is_canonical(segment):
        return 0
    return int.from_bytes(decode_base64url(segment), "big")
