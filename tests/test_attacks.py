"""Tokens that try something: each is refused, for the right reason and without I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supertokens_guest._tokens.keys import KeyCache
from supertokens_guest._tokens.verifying import TokenVerifier
from supertokens_guest.errors import KeysUnavailableError, TokenError
from testkit.attacks_claims import CLAIMS, OTHER_TOKENS, PAYLOADS, Case
from testkit.attacks_jose import (
    ALGORITHM,
    ATTACKER,
    CRIT_AND_TYPE,
    DYNAMIC,
    FORMAT,
    GOOD,
    HEADERS,
    KEY,
    KEY_IDS,
    MODULUS,
    SIGNATURES,
)
from testkit.forging import ISSUER, SigningKey, encode, integer, private_key
from testkit.keyserver import LONG_SECONDS, KeyServer

CASES: dict[str, Case] = {
    **{f"F {name}": (token, "malformed") for name, token in FORMAT.items()},
    **{f"A {name}": (token, "malformed") for name, token in ALGORITHM.items()},
    **{f"S {name}": (token, "bad_signature") for name, token in SIGNATURES.items()},
    **{f"K {name}": (token, "malformed") for name, token in KEY_IDS.items()},
    **{f"C {name}": (token, "malformed") for name, token in CRIT_AND_TYPE.items()},
    **{f"H {name}": (token, "malformed") for name, token in HEADERS.items()},
    **{f"P {name}": (token, "malformed") for name, token in PAYLOADS.items()},
    **{f"P {name}": case for name, case in CLAIMS.items()},
    **{f"X {name}": case for name, case in OTHER_TOKENS.items()},
}
HARMLESS = {
    "P UTF-16": "PyJWT guesses the encoding of a payload",
    "P byte order mark": "PyJWT guesses the encoding of a payload",
    "P sub twice": "the last one counts, for PyJWT and for who reads the payload",
    "P name twice inside": "the last one counts",
    "P surrogate": "the transfer copies what comes back from JSON, and says what not",
    "P infinite number": "as above",
    "P nested and closed": "as above",
    "P too deep for a payload": "as above",
}
"""What PyJWT lets through: the right key has signed it, but the core signs no such
thing, so no visitor can have one."""
OTHER_SPELLING = "F non-canonical signature"
"""PyJWT before 2.14 reads it as the token that its holder has anyway."""


@pytest.fixture(scope="module")
def server() -> Iterator[KeyServer]:
    """Yield a core's key set, with the dynamic key in it."""
    with KeyServer([DYNAMIC.jwk, KEY.jwk]) as server:
        yield server


@pytest.fixture(scope="module")
def verifier(server: KeyServer) -> TokenVerifier:
    """Return a verifier that has the keys."""
    verifier = TokenVerifier(KeyCache(lambda: [server.url]), issuer=ISSUER)
    verifier.verify_sync(GOOD, wait_seconds=LONG_SECONDS)
    return verifier


@pytest.mark.parametrize("name", CASES.keys() - HARMLESS.keys() - {OTHER_SPELLING})
def test_an_attack_is_refused(
    name: str, verifier: TokenVerifier, server: KeyServer
) -> None:
    """The token is invalid for the reason that it is, and the core is not asked."""
    token, code = CASES[name]

    with pytest.raises(TokenError) as raised:
        verifier.verify_sync(token, wait_seconds=1.0)
    assert code == raised.value.code
    assert 1 == server.hits


@pytest.mark.parametrize("name", [*HARMLESS, OTHER_SPELLING])
def test_what_only_the_core_could_sign_is_no_surprise(
    name: str, verifier: TokenVerifier
) -> None:
    """It is a guest or is refused, by the version of PyJWT; nothing else is raised."""
    try:
        outcome = verifier.verify_sync(CASES[name][0], wait_seconds=1.0).id[:2]
    except TokenError as error:
        outcome = error.code

    assert outcome in {"G-", "malformed", "bad_signature"}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in CASES
        if (name[0] in "FAKCH" or "of a dynamic key" in name) and name != OTHER_SPELLING
    ],
)
def test_k5_no_malformed_token_starts_a_fetch(name: str) -> None:
    """A cache without keys asks nobody because of one."""
    token, _ = CASES[name]
    cache = KeyCache(list)
    verifier = TokenVerifier(cache, issuer=ISSUER)

    with pytest.raises(TokenError):
        verifier.verify_sync(token, wait_seconds=1.0)
    assert cache._asked_at == -math.inf


def test_the_token_that_the_attacks_start_from_is_valid(
    verifier: TokenVerifier,
) -> None:
    """So each case is refused for what is changed in it."""
    other_order = KEY.token(dict(reversed(KEY.header.items())))
    guests = [verifier.verify_sync(t, wait_seconds=1.0) for t in (GOOD, other_order)]

    assert 2 == len(guests)


def test_there_are_as_many_cases_as_are_known() -> None:
    """No case was lost: the lists have at least the known sizes."""
    groups = {group: sum(name[0] == group for name in CASES) for group in "FASKCHPX"}

    assert groups["F"] >= 38
    assert groups["A"] >= 35
    assert groups["S"] >= 13
    assert groups["K"] >= 29
    assert groups["C"] >= 17
    assert groups["H"] >= 22
    assert groups["P"] >= 87
    assert groups["X"] >= 5


JWK_ATTACKS: dict[str, Callable[[], Any]] = {
    "oct of the static id": lambda: {
        "kty": "oct",
        "kid": "s-9",
        "k": encode(b"x" * 32),
    },
    "weak key": lambda: SigningKey("s-9", private_key(9, bits=1_024)).jwk,
    "even modulus": lambda: {**ATTACKER.jwk, "kid": "s-9", "n": integer(MODULUS + 1)},
    "exponent one": lambda: {**ATTACKER.jwk, "kid": "s-9", "e": "AQ"},
    "for encryption": lambda: {**ATTACKER.jwk, "kid": "s-9", "use": "enc"},
    "private": lambda: {**ATTACKER.jwk, "kid": "s-9", "d": "AAAA"},
}


@pytest.mark.parametrize("name", JWK_ATTACKS)
def test_j_a_key_that_is_not_fit_verifies_nothing(name: str) -> None:
    """A token of a key that the set should not have is refused, a good one is not."""
    token = KEY.token({**KEY.header, "kid": "s-9"})
    with KeyServer([JWK_ATTACKS[name](), KEY.jwk]) as server:
        verifier = TokenVerifier(KeyCache(lambda: [server.url]), issuer=ISSUER)
        with pytest.raises(TokenError):
            verifier.verify_sync(token, wait_seconds=LONG_SECONDS)
        assert "G-" == verifier.verify_sync(GOOD, wait_seconds=LONG_SECONDS).id[:2]


def test_j_a_set_without_a_fit_key_makes_nothing_invalid() -> None:
    """Nothing can be said about a token then, so it may be good."""
    with KeyServer([{"kty": "oct", "kid": KEY.kid, "k": "AAAA"}]) as server:
        verifier = TokenVerifier(KeyCache(lambda: [server.url]), issuer=ISSUER)
        with pytest.raises(KeysUnavailableError):
            verifier.verify_sync(GOOD, wait_seconds=LONG_SECONDS)
