"""The core that tests talk to: an address, a dev core's or a real one's."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from supertokens_guest.devcore import DevCore

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "SUPERTOKENS_CONNECTION_URI"
API_KEY = "SUPERTOKENS_API_KEY"


class NoCoreError(Exception):
    """Nothing that is a core answers where the environment says that one is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """Where a core answers.

    Attributes:
        url: Its address.
        api_key: What it wants from callers, if anything.
    """

    url: str
    api_key: str | None = None

    def call(self, method: str, path: str, **json: Any) -> httpx.Response:
        """Send one request to the core itself, as an SDK would."""
        # Without the charset, a real core reads a body as ISO-8859-1.
        headers = {
            "cdi-version": "5.1",
            "content-type": "application/json; charset=utf-8",
        }
        if self.api_key is not None:
            headers["api-key"] = self.api_key
        with httpx.Client(base_url=self.url, verify=False, trust_env=False) as client:  # noqa: S501 - plain HTTP; it saves loading certificates
            return client.request(method, path, json=json, headers=headers)

    def sign(
        self, payload: dict[str, Any], *, static: bool = True, seconds: int = 3_600
    ) -> str:
        """Have the core sign any claims: its own come from *payload* if they are there.

        Returns:
            A JWT, as ``create_jwt`` of the SDK would give it.
        """
        answer = self.call(
            "POST",
            "/recipe/jwt",
            payload=payload,
            validity=seconds,
            useStaticSigningKey=static,
            algorithm="RS256",
            jwksDomain="http://unused",
        )
        answer.raise_for_status()
        token: str = answer.json()["jwt"]
        return token


@contextmanager
def running_core() -> Iterator[Core]:
    """Yield the core that the environment names, or else a dev core.

    Raises:
        NoCoreError: The environment names one, and nothing answers there as a core.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        with DevCore() as dev_core:
            yield Core(url=dev_core.url)
        return
    core = Core(url=address.rstrip("/"), api_key=os.environ.get(API_KEY) or None)
    try:
        answer = core.call("GET", "/apiversion")
    except httpx.HTTPError as error:
        raise NoCoreError(
            f"{ADDRESS} is {address}, and no core answers there: {error!r}"
        ) from error
    if not answer.is_success:
        raise NoCoreError(
            f"{ADDRESS} is {address}, which answered {answer.status_code}"
            f" {answer.text.strip()!r}; is {API_KEY} right?"
        )
    yield core
