"""Finds a SuperTokens core: the one that the environment names, or one of our own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from supertokens_guest.devcore import DevCore

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT_SECONDS = 5.0


class StartError(Exception):
    """The shop cannot start; the message says why, for the person at the terminal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """A core that answers.

    Attributes:
        url: Its connection URI; several with ``;`` between them.
        api_key: What it wants to be shown, if anything.
        description: What it is, for people.
    """

    url: str
    api_key: str | None
    description: str


@contextmanager
def available_core() -> Iterator[Core]:
    """Have a core for the length of a ``with`` block.

    It is the one of ``SUPERTOKENS_CONNECTION_URI`` and ``SUPERTOKENS_API_KEY``, and
    without them a dev core of our own, which forgets its users at the end.

    Raises:
        StartError: The one that the environment names does not answer.
    """
    url = os.environ.get("SUPERTOKENS_CONNECTION_URI")
    if url:
        api_key = os.environ.get("SUPERTOKENS_API_KEY") or None
        _check(url, api_key)
        yield Core(url=url, api_key=api_key, description=f"the core at {url}")
        return
    with DevCore() as core:
        yield Core(
            url=core.url,
            api_key=None,
            description="a dev core; SUPERTOKENS_CONNECTION_URI names a real one",
        )


def _check(url: str, api_key: str | None) -> None:
    """Ask each host for its versions: better to fail here than at the first sign-up.

    Raises:
        StartError: None of them answers as a core does.
    """
    headers = {} if api_key is None else {"api-key": api_key}
    reasons = []
    for host in filter(None, map(str.strip, url.split(";"))):
        try:
            answer = httpx.get(
                f"{host.rstrip('/')}/apiversion", headers=headers, timeout=_WAIT_SECONDS
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reasons.append(f"{host}: {error}")
            continue
        if answer.is_success:
            return
        reasons.append(f"{host}: {answer.status_code} {answer.text.strip()[:80]}")
    raise StartError(f"No SuperTokens core to use ({'; '.join(reasons)}).")
