"""Fixed keys, for a verifier that never touches the network."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from supertokens_guest.errors import BadSignatureError, ConfigError
from supertokens_guest.events import shown
from supertokens_guest.jwks import MODULUS_BITS, is_key_id, is_usable_modulus
from supertokens_guest.key_source import KeySet, Lookup


class StaticKeys:
    """Keys that are given once and for all; never asks anybody for more."""

    def __init__(self, public_keys: Mapping[str, str]) -> None:
        """Read the keys.

        Args:
            public_keys: PEM by key id, as in the core's ``/.well-known/jwks.json``.

        Raises:
            ConfigError: There is none, or one is not an RSA public key of 2,048 to
                8,192 bits, or an id is not a static one (``s-…``); names all faults.
        """
        if not _is_filled_mapping(public_keys):
            raise ConfigError("public_keys must map at least one key id to a PEM.")
        keys = {kid: _public_key(pem) for kid, pem in public_keys.items()}
        faults = [
            f"public_keys has the id {shown(kid)}, but guests are signed with static"
            " keys, whose ids begin with s-."
            for kid in keys
            if not is_key_id(kid)
        ]
        faults += [
            f"public_keys[{shown(kid)}] is not the PEM of an RSA public key of"
            f" {MODULUS_BITS[0]} to {MODULUS_BITS[-1]} bits."
            for kid, key in keys.items()
            if key is None
        ]
        if faults:
            raise ConfigError(*faults)
        self._key_set = KeySet({kid: key for kid, key in keys.items() if key})

    def current(self) -> KeySet:
        """Return the keys."""
        return self._key_set

    def look_up(self, kid: str) -> Lookup:
        """Say that there is no such key.

        Raises:
            BadSignatureError: Always.
        """
        raise BadSignatureError(f"There is no key {shown(kid)}.")


def _public_key(pem: object) -> RSAPublicKey | None:
    """Read *pem*; ``None`` when it does not hold a usable key."""
    try:
        key = load_pem_public_key(str(pem).encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and is_usable_modulus(key) else None


def _is_filled_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and len(value) > 0
