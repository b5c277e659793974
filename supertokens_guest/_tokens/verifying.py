"""Verifying guests: the verifier that an app makes, and what the layers above use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from supertokens_guest.errors import ConfigError
from supertokens_guest.keys import KeyCache, KeySource, StaticKeys
from supertokens_guest.profile import TokenPolicy
from supertokens_guest.token_verifier import TokenVerifier
from supertokens_guest.tokens import Claimed, claimed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_guest.guest import Guest

__all__ = ["Claimed", "GuestVerifier", "TokenPolicy", "TokenVerifier", "claimed"]


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
        if not _is_text(issuer):
            faults.append("issuer must be the iss of your guest JWTs.")
        if not _is_duration(wait_seconds):
            faults.append("wait_seconds must be a number above 0.")
        if (jwks_url is None) == (public_keys is None):
            faults.append("Pass one of jwks_url and public_keys.")
        if jwks_url is not None and not _is_http_url(jwks_url):
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
        self._verifier = TokenVerifier(keys, TokenPolicy(issuers=frozenset({issuer})))

    async def verify(self, token: object) -> Guest:
        """Return the guest that *token* describes.

        Args:
            token: A compact JWT as it came in, not yet trusted.

        Raises:
            TokenError: The token is no valid guest; the class says why.
            KeysUnavailableError: The key could not be had in time. The token may be
                good: keep it and try again later.
        """
        return await self._verifier.verify(token, wait_seconds=self._wait_seconds)

    def verify_sync(self, token: object) -> Guest:
        """Return the guest that *token* describes; see ``verify``."""
        return self._verifier.verify_sync(token, wait_seconds=self._wait_seconds)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_duration(value: object) -> bool:
    """Tell whether *value* is a finite number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < math.inf


def _is_http_url(url: object) -> bool:
    """Tell whether *url* is an absolute address that httpx can ask."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
