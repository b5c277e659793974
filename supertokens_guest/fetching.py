"""One fetch of the core's key set over HTTP, bounded in time and size.

Decides nothing about when to fetch. Runs on the background loop: making a client loads
the certificates of the system, some 15 ms that no request's loop should lose.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from supertokens_guest.jwks import KeySetError, parse_key_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_BODY_BYTES = 131_072
"""A core's key set takes 1 to 3 kB."""

# Encoded bodies are refused: a small one can hold a very large one.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


async def fetch_key_set(
    urls: Iterable[str], *, host_seconds: float, total_seconds: float
) -> Mapping[str, RSAPublicKey]:
    """Return the usable keys of the first of *urls* that has any.

    Args:
        urls: Addresses of the same key set, asked one after the other.
        host_seconds: The longest that one of them may take, from connecting to the last
            byte, however slowly the bytes come.
        total_seconds: The longest that all of them may take together.

    Raises:
        KeySetError: None of them had usable keys in time; says why for each.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + total_seconds
    faults = []
    for url in urls:
        seconds = min(host_seconds, ends_at - loop.time())
        if seconds <= 0:
            break
        answer = await _ask(url, seconds)
        if not isinstance(answer, str):
            return answer
        faults.append(f"{_host(url)} {answer}")
    raise KeySetError("; ".join(faults) or "there is no address to ask")


async def _ask(url: str, seconds: float) -> Mapping[str, RSAPublicKey] | str:
    """Return the keys at *url*, or what is wrong with its answer."""
    try:
        return parse_key_set(await asyncio.wait_for(_body(url, seconds), seconds))
    except (asyncio.TimeoutError, httpx.TimeoutException):
        return f"did not answer within {seconds:.1f} s"
    except KeySetError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever one does, the next is asked
        return f"could not be asked: {type(error).__name__}"


async def _body(url: str, seconds: float) -> bytes:
    """Return the body of a plain answer 200 from *url*.

    The timeout of httpx is one for each step, which a byte now and then outwits, so it
    cannot be the limit for the whole. It is shorter than that, because httpx closes a
    connection whose step has timed out and may forget one that is cancelled.
    """
    async with (
        httpx.AsyncClient(follow_redirects=False, timeout=0.9 * seconds) as client,
        client.stream("GET", url, headers=_HEADERS) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise KeySetError(f"answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise KeySetError("sent an encoded body")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise KeySetError(f"sent more than {MAX_BODY_BYTES} bytes")
        return bytes(body)


def _host(url: str) -> str:
    """Return host and port in *url*, if it has any, without a name and password."""
    return url.partition("//")[2].partition("/")[0].rpartition("@")[2]
