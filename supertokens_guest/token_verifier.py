"""Whether a token is a valid guest: who signed it, and what it says.

One of three outcomes: a ``Guest``, a ``TokenError``, or ``KeysUnavailableError`` when
nothing can be said. Known keys cost no I/O; the network is reached through the key
source alone.
"""

from __future__ import annotations

import functools
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from supertokens_guest import background, strict_json, tokens
from supertokens_guest.claims import REGISTERED
from supertokens_guest.encoding import decode_base64url
from supertokens_guest.errors import (
    BadSignatureError,
    ExpiredTokenError,
    GuestError,
    KeysUnavailableError,
    MalformedTokenError,
)
from supertokens_guest.events import logger, shown
from supertokens_guest.guest import Guest
from supertokens_guest.profile import check_claims

if TYPE_CHECKING:
    from collections.abc import Callable

    from supertokens_guest.key_source import KeySet, KeySource, Lookup
    from supertokens_guest.profile import TokenPolicy

MAX_REMEMBERED = 1_024
"""Tokens whose check is remembered; at most 8 MB of them."""

_PADDING = PKCS1v15()
_HASH = SHA256()


class _Verified(NamedTuple):
    """What is remembered of a token: enough to make a new ``Guest`` of it."""

    guest_id: str
    payload: Callable[[], dict[str, Any]]
    issued_at: datetime
    expires_at: datetime
    exp: float


class TokenVerifier:
    """Verifies guest JWTs with the keys of one source, by one policy.

    Remembers the last tokens that were valid. What it remembers is bound to the key set
    it was verified with: it is gone with a key, and when the keys are too old to use.
    """

    def __init__(
        self,
        keys: KeySource,
        policy: TokenPolicy,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Verify nothing yet.

        Args:
            keys: Where keys come from; may be shared with other verifiers.
            policy: What the app accepts.
            clock: Epoch seconds.
        """
        self._keys = keys
        self._policy = policy
        self._clock = clock
        # Remembers what returns, forgets what raises: failures are never remembered.
        self._verified = functools.lru_cache(maxsize=MAX_REMEMBERED)(self._check)

    async def verify(self, token: object, *, wait_seconds: float) -> Guest:
        """Return the guest that *token* describes.

        Does not give way to other tasks unless a key is missing.

        Args:
            token: A compact JWT as it came in; anything may.
            wait_seconds: The longest to wait for a missing key.

        Raises:
            TokenError: The token is no valid guest; the class says why.
            KeysUnavailableError: The key could not be had in time.
        """
        found = self._known(token)
        if isinstance(found, Guest):
            return found
        lookup = self._keys.look_up(found)
        await background.wait(lookup.landed, wait_seconds=wait_seconds)
        return self._conclude(token, lookup)

    def verify_sync(self, token: object, *, wait_seconds: float) -> Guest:
        """Return the guest that *token* describes; see ``verify``.

        Waits in the calling thread, which may be one that runs an event loop.
        """
        found = self._known(token)
        if isinstance(found, Guest):
            return found
        lookup = self._keys.look_up(found)
        background.wait_sync(lookup.landed, wait_seconds=wait_seconds)
        return self._conclude(token, lookup)

    def _conclude(self, token: object, lookup: Lookup) -> Guest:
        """Return the guest after the wait for *lookup*."""
        if not lookup.landed.done():
            raise KeysUnavailableError("The core's keys did not arrive in time.")
        found = self._known(token)
        if isinstance(found, Guest):
            return found
        if not lookup.landed.result():
            raise KeysUnavailableError("The core's keys could not be fetched.")
        if not lookup.is_own:
            raise KeysUnavailableError(
                f"The key {shown(found)} is not among keys asked for earlier."
            )
        raise BadSignatureError(f"The core has no key {shown(found)}.")

    def _known(self, token: object) -> Guest | str:
        """Return the guest, or the id of the key that is missing.

        The one place that no token can bring an unforeseen exception through.
        """
        try:
            text = tokens.check_size(token)
            kid = tokens.key_id(text)
            key_set = self._keys.current()
            if key_set is None or kid not in key_set.keys:
                tokens.split(text)  # what no key can make valid shall cause no fetch
                return kid
            verified = self._verified(text, key_set)
        except GuestError:
            raise
        except Exception as error:  # noqa: BLE001 - a login must survive any token
            # Not with its text or traceback: either could quote the token.
            logger.error("A token raised %s; it is refused.", type(error).__name__)
            raise MalformedTokenError("The token could not be read.") from None
        guest_id, payload, issued_at, expires_at, exp = verified
        if exp <= self._clock():
            raise ExpiredTokenError("The token has expired.")
        return Guest(guest_id, payload, issued_at, expires_at)

    def _check(self, token: str, key_set: KeySet) -> _Verified:
        """Check *token* in full; the payload is not read before the signature holds."""
        _, payload, signature = tokens.split(token)
        signed = token[: -1 - len(signature)].encode()
        try:
            key_set.keys[tokens.key_id(token)].verify(
                decode_base64url(signature), signed, _PADDING, _HASH
            )
        except InvalidSignature:
            raise BadSignatureError("The signature does not hold.") from None
        body, claims = tokens.parse_payload(payload)
        guest_id, iat, exp = check_claims(claims, self._policy, self._clock())
        return _Verified(
            guest_id,
            functools.partial(_payload, body),
            datetime.fromtimestamp(iat, timezone.utc),
            datetime.fromtimestamp(exp, timezone.utc),
            exp,
        )


def _payload(body: bytes) -> dict[str, Any]:
    """Read the app's part of a verified payload, anew for each guest."""
    claims = strict_json.parse(body)
    return {name: claims[name] for name in claims if name not in REGISTERED}
