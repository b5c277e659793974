"""Verifying guests: the verifier that an app makes, and what the layers above use.

One of three outcomes: a ``Guest``, a ``TokenError``, or ``KeysUnavailableError`` when
nothing can be said. Known keys cost no I/O.
"""

import functools
import marshal
import math
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import httpx

from supertokens_guest._background import run_blocking
from supertokens_guest._tokens import rules
from supertokens_guest._tokens.keys import KeyCache, KeySet, StaticKeys, wait
from supertokens_guest.errors import ConfigError, KeysUnavailableError, TokenError
from supertokens_guest.events import logger, shown
from supertokens_guest.guest import Guest

MAX_REMEMBERED = 1_024  # tokens whose check is remembered; at most 8 MB of them


class _UnknownKeyError(Exception):
    """The token is well formed, and names a key that is not at hand: the argument."""


class TokenVerifier:
    """Verifies guest JWTs with the keys of one source, and remembers the last ones."""

    def __init__(
        self,
        keys: KeyCache | StaticKeys,
        *,
        issuer: str,
        reject_issued_before: float = -math.inf,  # epoch seconds
        wait_seconds: float = 1.0,
    ) -> None:
        self.keys = keys
        self._issuer = issuer
        self._reject_issued_before = reject_issued_before
        self._wait_seconds = wait_seconds
        # Bound to the key set, so gone with a key. What raises is never remembered.
        self._remembered = functools.lru_cache(maxsize=MAX_REMEMBERED)(self._check)

    async def verify(
        self, token: object, *, wait_seconds: float | None = None
    ) -> Guest:
        """Return the guest that *token* describes; wait for a missing key alone.

        Args:
            token: A compact JWT as it came in, not yet trusted.
            wait_seconds: The longest that this call may wait; ``None``: as set up.

        Raises:
            TokenError: The token is no valid guest; the code says why.
            KeysUnavailableError: The key could not be had in time. The token may be
                good: keep it and try again later.
        """
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        return await self._look_up(found, token, wait_seconds)

    def verify_sync(self, token: object, *, wait_seconds: float | None = None) -> Guest:
        """Return the guest that *token* describes; see ``verify``."""
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        return run_blocking(self._look_up(found, token, wait_seconds))

    async def _look_up(self, kid: str, token: object, limit: float | None) -> Guest:
        lookup = self.keys.look_up(kid)
        limit = self._wait_seconds if limit is None else limit
        await wait(lookup.landed, wait_seconds=limit)
        if not lookup.landed.done():
            raise KeysUnavailableError("The core's keys did not arrive in time.")
        found = self._found(token)
        if isinstance(found, Guest):
            return found
        if not lookup.landed.result():
            raise KeysUnavailableError("The core's keys could not be fetched.")
        if lookup.is_own:
            raise TokenError("bad_signature", f"The core has no key {shown(kid)}.")
        message = f"The key {shown(kid)} is not among keys asked for earlier."
        raise KeysUnavailableError(message)

    def _found(self, token: object) -> Guest | str:
        """Return the guest, or the id of the key that is missing.

        The one place that no unforeseen exception gets through: the guest is kept.
        """
        try:
            text = rules.checked_size(token)
            known = self._remembered(text, self.keys.current())
        except _UnknownKeyError as error:
            return str(error.args[0])
        except TokenError:
            raise
        except Exception as error:  # noqa: BLE001 - a login must survive any token
            fault = type(error).__name__
        else:
            guest_id, payload, containers, issued_at, expires_at, exp = known
            if exp <= time.time():
                raise TokenError("expired", "The token has expired.")
            own = {**payload, **marshal.loads(containers)}  # noqa: S302 - made below
            return Guest(guest_id, own, issued_at, expires_at)
        # Out here, and not with its text or traceback: either could quote the token.
        logger.error("Checking a token raised %s; nothing is said about it.", fault)
        raise KeysUnavailableError("The token could not be checked.")

    def _check(self, token: str, key_set: KeySet | None) -> tuple[Any, ...]:
        """Return a guest's parts, the lists and dicts of its payload apart, and exp."""
        kid = rules.key_id(token)
        if key_set is None or kid not in key_set.keys:
            rules.check_form(token)  # nothing is fetched for junk
            raise _UnknownKeyError(kid)
        key = key_set.keys[kid]
        guest_id, payload, iat, exp = rules.verified(token, key, self._issuer)
        if iat < self._reject_issued_before:
            raise TokenError("revoked", "Guests issued that early are not accepted.")
        issued_at = datetime.fromtimestamp(iat, timezone.utc)
        expires_at = datetime.fromtimestamp(exp, timezone.utc)
        containers = {n: v for n, v in payload.items() if isinstance(v, (dict, list))}
        apart = marshal.dumps(containers)
        return guest_id, payload, apart, issued_at, expires_at, exp


class GuestVerifier(TokenVerifier):
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
        given: list[Any] = [issuer, wait_seconds, jwks_url]
        name, seconds, url = given
        if not isinstance(name, str) or not name:
            faults.append("issuer must be the iss of your guest JWTs.")
        if type(seconds) not in {int, float} or not 0 < seconds < math.inf:
            faults.append("wait_seconds must be a number above 0.")
        if (url is None) == (public_keys is None):
            faults.append("Pass one of jwks_url and public_keys.")
        if url is not None and not _is_http_url(url):
            faults.append("jwks_url must be an http:// or https:// URL.")
        keys: KeyCache | StaticKeys = KeyCache(lambda: [str(jwks_url)])
        if public_keys is not None:
            try:
                keys = StaticKeys(public_keys)
            except ConfigError as error:
                faults.extend(error.faults)
        if faults:
            raise ConfigError(*faults)
        super().__init__(keys, issuer=issuer, wait_seconds=wait_seconds)


def _is_http_url(url: object) -> bool:
    try:
        parts = httpx.URL(url if isinstance(url, str) else "")
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)
