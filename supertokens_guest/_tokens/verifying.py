"""Verifying guests: the verifier that an app makes, and what the layers above use.

One of three outcomes: a ``Guest``, a ``TokenError``, or ``KeysUnavailableError`` when
nothing can be said. Known keys cost no I/O.
"""

from __future__ import annotations

import concurrent.futures
import functools
import marshal
import math
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

import httpx

from supertokens_guest._tokens import rules
from supertokens_guest._tokens.keys import KeyCache, KeySource, StaticKeys, wait
from supertokens_guest.errors import (
    ConfigError,
    GuestError,
    KeysUnavailableError,
    TokenError,
)
from supertokens_guest.events import logger, shown
from supertokens_guest.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supertokens_guest._tokens.keys import KeySet, Lookup

MAX_REMEMBERED = 1_024
"""Tokens whose check is remembered; at most 8 MB of them."""


class _UnknownKeyError(Exception):
    """The token is well formed, and names a key that is not at hand: the argument."""


class TokenVerifier:
    """Verifies guest JWTs with the keys of one source.

    Remembers the last tokens that were valid. What it remembers is bound to the key set
    it was verified with: it is gone with a key, and when the keys are too old to use.

    Attributes:
        keys: The source; what is bound to ``keys.current()`` can be forgotten with it.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        reject_issued_before: float = -math.inf,
    ) -> None:
        """Verify nothing yet; a guest issued before those epoch seconds is revoked."""
        self.keys = keys
        self._issuer = issuer
        self._reject_issued_before = reject_issued_before
        # Remembers what returns, forgets what raises: failures are never remembered.
        self._remembered = functools.lru_cache(maxsize=MAX_REMEMBERED)(self._check)

    async def verify(self, token: object, *, wait_seconds: float) -> Guest:
        """Return the guest that *token* describes; wait for a missing key alone.

        Raises:
            TokenError: The token is no valid guest; the code says why.
            KeysUnavailableError: The key could not be had in time.
        """
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        lookup = self.keys.look_up(found)
        await wait(lookup.landed, wait_seconds=wait_seconds)
        return self._conclude(token, lookup)

    def verify_sync(self, token: object, *, wait_seconds: float) -> Guest:
        """Return the guest that *token* describes; see ``verify``."""
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        lookup = self.keys.look_up(found)
        concurrent.futures.wait((lookup.landed,), timeout=wait_seconds)
        return self._conclude(token, lookup)

    def _conclude(self, token: object, lookup: Lookup) -> Guest:
        if not lookup.landed.done():
            raise KeysUnavailableError("The core's keys did not arrive in time.")
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        if not lookup.landed.result():
            raise KeysUnavailableError("The core's keys could not be fetched.")
        if not lookup.is_own:
            raise KeysUnavailableError(
                f"The key {shown(found)} is not among keys asked for earlier."
            )
        raise TokenError("bad_signature", f"The core has no key {shown(found)}.")

    def _found(self, token: object) -> Guest | str:
        """Return the guest, or the id of the key that is missing.

        The one place that no unforeseen exception gets through. It is nobody's fault
        but ours, so the guest is kept.
        """
        try:
            text = rules.checked_size(token)
            expires_at, guest = self._remembered(text, self.keys.current())
        except _UnknownKeyError as error:
            return str(error.args[0])
        except GuestError:
            raise
        except Exception as error:  # noqa: BLE001 - a login must survive any token
            fault = type(error).__name__
        else:
            if expires_at <= time.time():
                raise TokenError("expired", "The token has expired.")
            return guest()
        # Out here, and not with its text or traceback: either could quote the token.
        logger.error("Checking a token raised %s; nothing is said about it.", fault)
        raise KeysUnavailableError("The token could not be checked.")

    def _check(
        self, token: str, key_set: KeySet | None
    ) -> tuple[float, Callable[[], Guest]]:
        """Check *token* in full; return until when it is good, and what makes a guest.

        Each ``Guest`` has a payload of its own.
        """
        kid = rules.key_id(token)
        if key_set is None or kid not in key_set.keys:
            raise _UnknownKeyError(kid)
        found = rules.verified(token, key_set.keys[kid], self._issuer)
        if found.issued_at < self._reject_issued_before:
            raise TokenError("revoked", "Guests issued that early are not accepted.")
        payload = marshal.dumps(found.payload)  # deepcopy gives up on a deep one
        return found.expires_at, lambda: Guest(
            found.guest_id,
            marshal.loads(payload),  # noqa: S302 - our own
            datetime.fromtimestamp(found.issued_at, timezone.utc),
            datetime.fromtimestamp(found.expires_at, timezone.utc),
        )


class GuestVerifier:
    """Verifies guest JWTs in a service of its own, which does not run the SDK.

    Holds the keys and what it has verified; make one, and share it among threads.
    """

    def __init__(
        self,
        *,
        issuer: str,
        jwks_url: str | None = None,
        public_keys: Mapping[str, str] | None = None,
        wait_seconds: float = 1.0,
    ) -> None:
        """Check the set-up; fetch nothing yet.

        Args:
            issuer: The ``iss`` of the guests: the API's domain and base path.
            jwks_url: Where the keys are: ``{core or API}/…/jwks.json``.
            public_keys: Or the keys themselves, PEM by key id: no network at all.
            wait_seconds: The longest that a token whose key is not known may wait.

        Raises:
            ConfigError: Names everything that is wrong.
        """
        faults = []
        name, seconds, url = cast(
            "tuple[Any, Any, Any]", (issuer, wait_seconds, jwks_url)
        )
        if not isinstance(name, str) or not name:
            faults.append("issuer must be the iss of your guest JWTs.")
        if type(seconds) not in {int, float} or not 0 < seconds < math.inf:
            faults.append("wait_seconds must be a number above 0.")
        if (url is None) == (public_keys is None):
            faults.append("Pass one of jwks_url and public_keys.")
        if url is not None and not _is_http_url(url):
            faults.append("jwks_url must be an http:// or https:// URL.")
        keys: KeySource = KeyCache(lambda: [str(jwks_url)])
        if public_keys is not None:
            try:
                keys = StaticKeys(public_keys)
            except ConfigError as error:
                faults.extend(error.faults)
        if faults:
            raise ConfigError(*faults)
        self._wait_seconds = wait_seconds
        self._verifier = TokenVerifier(keys, issuer=issuer)

    async def verify(self, token: object) -> Guest:
        """Return the guest that *token* describes.

        Args:
            token: A compact JWT as it came in, not yet trusted.

        Raises:
            TokenError: The token is no valid guest; the code says why.
            KeysUnavailableError: The key could not be had in time. The token may be
                good: keep it and try again later.
        """
        return await self._verifier.verify(token, wait_seconds=self._wait_seconds)

    def verify_sync(self, token: object) -> Guest:
        """Return the guest that *token* describes; see ``verify``."""
        return self._verifier.verify_sync(token, wait_seconds=self._wait_seconds)


def _is_http_url(url: object) -> bool:
    try:
        parts = httpx.URL(str(url))
    except httpx.InvalidURL:
        return False
    return (
        isinstance(url, str) and parts.scheme in {"http", "https"} and bool(parts.host)
    )
