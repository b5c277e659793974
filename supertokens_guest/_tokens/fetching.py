"""One fetch of the core's key set over HTTP, and which of its keys verify guests.

Bounded in time and size, and without an event loop, so that greenlets in the place of
threads serve as well. Decides nothing about when to fetch.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWKSetError

from supertokens_guest._background import in_thread

KEY_ID = re.compile(r"s-[A-Za-z0-9-]{1,64}")  # the core's dynamic keys (d-) sign none
MODULUS_BITS = range(2_048, 8_192 + 1)  # RFC 7518, 3.3; above, a check takes long
MAX_KEY_SET_BYTES = 131_072  # a core's takes 1 to 3 kB
MAX_KEYS = 100  # a core publishes one static key and two or three dynamic ones
HOST_SECONDS = 3.0  # for one address, from the look-up of its name to the last byte
FETCH_SECONDS = 5.0  # for all addresses together

Keys = Mapping[str, RSAPublicKey]  # by their ids


def fetch_keys(urls: Iterable[str]) -> Keys:
    """Return the usable keys of the first of *urls* that has any in time."""
    ends_at = time.monotonic() + FETCH_SECONDS
    faults = []
    for url in urls:
        seconds = min(HOST_SECONDS, ends_at - time.monotonic())
        if seconds <= 0:
            break
        host = None
        try:
            host = urlsplit(url).hostname  # without a name and password
            # In a thread that can be left behind: the timeout of httpx is one for each
            # step, which a byte now and then outwits, and there is none for names.
            return parse_key_set(in_thread(_body, url, seconds).result(seconds))
        except Exception as error:  # noqa: BLE001 - whatever one does, the next is asked
            said = error if isinstance(error, PyJWKSetError) else type(error).__name__
            faults.append(f"{host}: {said}")
    raise PyJWKSetError("; ".join(faults) or "there is no address to ask")


def _body(url: str, seconds: float) -> bytes:
    ends_at = time.monotonic() + seconds
    # An encoded body is refused: a small one can hold a very large one.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with (
        httpx.Client(follow_redirects=False, timeout=seconds) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise PyJWKSetError(f"answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise PyJWKSetError("sent an encoded body")
        body = b""
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_KEY_SET_BYTES or time.monotonic() > ends_at:
                raise PyJWKSetError(f"sent more than {MAX_KEY_SET_BYTES} bytes")
        return body


def parse_key_set(body: bytes) -> Keys:
    """Return the usable keys of a JSON Web Key Set (RFC 7517), or raise without any."""
    members = json.loads(body.decode())["keys"]
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise PyJWKSetError(f"has not a list of at most {MAX_KEYS} keys")
    keys = {}
    for member in members:
        with contextlib.suppress(Exception):  # a bad one spoils none of the others
            key = PyJWK(member)
            if key.algorithm_name == "RS256" and key.public_key_use in {None, "sig"}:
                keys[str(key.key_id)] = fit(key.key_id, key.key)
    if not keys:
        raise PyJWKSetError("has no usable static key")
    return keys


def fit(kid: Any, key: object) -> RSAPublicKey:
    """Return *key* if it is public, neither weak nor slow, and *kid* a static key's."""
    if not isinstance(key, RSAPublicKey) or key.key_size not in MODULUS_BITS:
        raise ValueError("not an RSA public key of that size")
    if KEY_ID.fullmatch(kid) is None:  # a TypeError if it is no text
        raise ValueError("not a static key's id")
    return key
