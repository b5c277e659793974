"""The count of header bytes, against what the SDK itself writes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from supertokens_python.recipe.session.cookie_and_header import build_front_token

from supertokens_guest.budget import (
    MAX_HEADERS_BYTES,
    OTHER_HEADERS_BYTES,
    SessionShape,
    headers_bytes,
)
from supertokens_guest._tokens.payload import encoded
from supertokens_guest.config import GuestConfig

USER_ID = "3523315d-3f04-4b4b-9128-8f8c5bc9cb4b"
SHAPE = SessionShape(
    user_id=USER_ID,
    tenant_id="public",
    cookie_domain=None,
    refresh_path="/auth/session/refresh",
    secure=False,
    anti_csrf=False,
    token_in_header=False,
)
# What the core adds to a session that was refreshed.
CORE = {
    "iat": 1795541648,
    "exp": 1795545248,
    "sub": USER_ID,
    "tId": "public",
    "rsub": USER_ID,
    "sessionHandle": "9f5562e3-beca-4cab-bd84-93def66f6352",
    "refreshTokenHash1": "f" * 64,
    "parentRefreshTokenHash1": "f" * 64,
    "antiCsrfToken": None,
}
ISSUER = {"iss": "https://api.example.com/auth"}


def sdk_bytes(payload: dict[str, Any]) -> int:
    """Return the size of the two headers that carry claims, from the SDK's own code."""
    whole = {**payload, **CORE}
    front_token = build_front_token(USER_ID, 1795545248000, whole)
    # As the core writes it: compact, UTF-8 as it is.
    body = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
    return len(front_token) + len(base64.urlsafe_b64encode(body).rstrip(b"="))


@pytest.mark.parametrize(
    "claims",
    [
        {"a": "x" * 300},
        {"a": "я" * 50},
        {"a": "\U0001f600" * 20},
        {"a": ['"\\\n'] * 30},
        {"a": {"b": [1, 2.5, None, True]}},
    ],
)
def test_s18_a_claim_counts_as_much_as_the_sdk_makes_of_it(
    claims: dict[str, Any],
) -> None:
    """The count grows with the headers, byte by byte, up to base64's rounding."""
    counted = headers_bytes(SHAPE, {**ISSUER, **claims}) - headers_bytes(SHAPE, ISSUER)
    written = sdk_bytes({**ISSUER, **claims}) - sdk_bytes(ISSUER)

    assert written - 4 <= counted <= written + 12


@pytest.mark.parametrize(
    ("larger", "by"),
    [
        (replace(SHAPE, secure=True), 2 * len("; Secure")),
        (replace(SHAPE, cookie_domain=".x.io"), 2 * len("; Domain=.x.io")),
        (replace(SHAPE, refresh_path="/api/auth/session/refresh"), len("/api")),
    ],
)
def test_s18_attributes_count(larger: SessionShape, by: int) -> None:
    """Each of the two session cookies has them."""
    assert by == headers_bytes(larger, ISSUER) - headers_bytes(SHAPE, ISSUER)


@pytest.mark.parametrize(
    "larger",
    [
        replace(SHAPE, anti_csrf=True),
        replace(SHAPE, tenant_id="customer-1"),
        replace(SHAPE, user_id="u" * 64),
        replace(SHAPE, token_in_header=True),
    ],
)
def test_s18_what_makes_a_session_larger_counts(larger: SessionShape) -> None:
    """More in the tokens, or one token more."""
    assert headers_bytes(SHAPE, ISSUER) + 30 < headers_bytes(larger, ISSUER)


@pytest.mark.parametrize(
    ("number", "longer"),
    [(1e16, 1), (-1e-07, 1), (12345678.0, 1), (123456789012345.0, 2)],
)
def test_s18_floats_may_be_written_longer(number: float, longer: int) -> None:
    """The core writes 1e+16 as 1.0E16; it is counted once, in the access token."""
    as_long = int("1" * len(repr(number)))
    by = headers_bytes(SHAPE, {"a": [number] * 30}) - headers_bytes(
        SHAPE, {"a": [as_long] * 30}
    )

    assert longer * 30 * 4 // 3 == by


@pytest.mark.parametrize("number", [0.0, -0.5, 9.99, 0.001, 9999999.0, 1e7, 1.5e300])
def test_s18_floats_of_a_cart_are_no_longer(number: float) -> None:
    """A price takes no more room than it is written with."""
    as_long = int("1" * len(repr(number)))

    assert headers_bytes(SHAPE, {"a": [as_long] * 30}) == headers_bytes(
        SHAPE, {"a": [number] * 30}
    )


def test_s18_the_default_payload_fits_a_session_that_holds_little_else() -> None:
    """With HTTPS, a cookie domain and the namespace, after a refresh."""
    shape = replace(SHAPE, secure=True, cookie_domain=".example.com")
    most = GuestConfig().max_payload_bytes
    payload = {"a": "x" * (most - len(encoded({"a": ""})))}
    guest = {"guest": {"sub": f"G-{USER_ID}", **payload}}

    assert most == len(encoded(payload))
    assert headers_bytes(shape, {**ISSUER, **guest}) <= MAX_HEADERS_BYTES
    assert OTHER_HEADERS_BYTES >= 139 + 107  # uvicorn's, and three for CORS
