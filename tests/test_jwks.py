"""Which keys of a key set may verify a guest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest.jwks import KeySetError, is_key_id, parse_key_set
from testkit.forging import SigningKey, encode, integer, private_key, static_key

KEY = static_key()
GOOD = KEY.jwk
OTHER = static_key(2).jwk
NUMBERS = KEY.private.private_numbers()


def parsed(*members: Any) -> list[str]:
    """Return the ids of the usable keys among *members*."""
    return list(parse_key_set(json.dumps({"keys": members}).encode()))


def changed(**changes: Any) -> dict[str, Any]:
    """Return another key's member with *changes*; ``...`` leaves one out."""
    return {
        name: value for name, value in {**OTHER, **changes}.items() if value is not ...
    }


def test_a_cores_key_set_gives_its_static_keys() -> None:
    """The static key is there, with its value; the dynamic one is not."""
    dynamic = SigningKey("d-1690000000000", private_key(2)).jwk

    keys = parse_key_set(json.dumps({"keys": [dynamic, GOOD]}).encode())

    assert {KEY.kid: KEY.private.public_key()} == keys


EC = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
DEFECTS: dict[str, Any] = {
    "null": None,
    "number": 1,
    "text": "x",
    "list": [],
    "empty": {},
    "oct": {"kty": "oct", "kid": OTHER["kid"], "k": encode(b"secret")},
    "oct with an RSA key": changed(kty="oct"),
    "EC": {
        "kty": "EC",
        "crv": "P-256",
        "kid": OTHER["kid"],
        "x": integer(EC.x),
        "y": integer(EC.y),
    },
    "kty missing": changed(kty=...),
    "kty in small letters": changed(kty="rsa"),
    "use enc": changed(use="enc"),
    "use null": changed(use=None),
    "alg RS512": changed(alg="RS512"),
    "alg null": changed(alg=None),
    "key_ops sign": changed(key_ops=["sign"]),
    "key_ops empty": changed(key_ops=[]),
    "key_ops text": changed(key_ops="verify"),
    "key_ops null": changed(key_ops=None),
    "private": changed(d=integer(NUMBERS.d)),
    "kid missing": changed(kid=...),
    "kid null": changed(kid=None),
    "kid a number": changed(kid=7),
    "kid a list": changed(kid=["s-1"]),
    "kid empty": changed(kid=""),
    "kid without an id": changed(kid="s-"),
    "kid dynamic": changed(kid="d-1690000000000"),
    "kid with a line feed": changed(kid="s-1\n"),
    "kid too long": changed(kid="s-" + "a" * 65),
    "kid a path": changed(kid="s-../1"),
    "n missing": changed(n=...),
    "n null": changed(n=None),
    "n empty": changed(n=""),
    "n a number": changed(n=NUMBERS.public_numbers.n),
    "n not base64url": changed(n="+/+/"),
    "n not ASCII": changed(n="\uff21\uff22\uff23\uff24"),
    "n padded": changed(n=OTHER["n"] + "=="),
    "n even": changed(n=integer(NUMBERS.public_numbers.n + 1)),
    "n of 1024 bits": SigningKey(OTHER["kid"], private_key(1, bits=1_024)).jwk,
    "n of 2047 bits": changed(n=integer(2**2_046 + 1)),
    "n of 8193 bits": changed(n=integer(2**8_192 + 1)),
    "n zero": changed(n="AA"),
    "e missing": changed(e=...),
    "e one": changed(e="AQ"),
    "e zero": changed(e="AA"),
    "e even": changed(e="Ag"),
    "e larger than n": changed(e=integer(2**4_096 + 1)),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_k14_a_bad_member_spoils_no_good_one(defect: str) -> None:
    """A key with one defect is passed over, on either side of a good one."""
    bad = DEFECTS[defect]

    assert [KEY.kid] == parsed(bad, GOOD)
    assert [KEY.kid] == parsed(GOOD, bad)


@pytest.mark.parametrize("defect", DEFECTS)
def test_k13_a_set_without_a_usable_key_is_none(defect: str) -> None:
    """The same key alone makes an error, so it can replace no good set."""
    with pytest.raises(KeySetError, match="usable"):
        parsed(DEFECTS[defect])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use": ...},
        {"alg": ...},
        {"use": ..., "alg": ...},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"x5t": "ignored"},
        {"e": "Aw"},
        {"n": integer(2**2_047 + 1)},
        {"n": integer(2**8_191 + 1)},
        {"n": encode(b"\0" + NUMBERS.public_numbers.n.to_bytes(256, "big"))},
    ],
)
def test_k14_what_may_be_absent_may_be_absent(changes: dict[str, Any]) -> None:
    """Optional members may be missing, unknown ones are ignored."""
    assert [OTHER["kid"]] == parsed(changed(**changes))


def test_k14_two_keys_of_one_id_are_none() -> None:
    """An id with two values stands for neither; the same value twice is one key."""
    twin = {**OTHER, "n": static_key(3).jwk["n"]}

    assert [KEY.kid] == parsed(OTHER, GOOD, twin)
    assert [KEY.kid] == parsed(OTHER, twin, OTHER, GOOD)
    assert [KEY.kid] == parsed(GOOD, GOOD)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":"x"}',
        b'{"keys":[]}',
        json.dumps([GOOD]).encode(),
        json.dumps({"keys": [GOOD]}).encode("utf-16"),
        json.dumps({"keys": [GOOD]}).encode() + b"x",
        b'{"keys":[],' + json.dumps({"keys": [GOOD]}).encode()[1:],
        b'{"keys":' + b"[" * 100_000,
    ],
)
def test_k11_a_body_that_is_no_key_set_is_an_error(body: bytes) -> None:
    """Whatever is sent, there is no exception of another kind."""
    with pytest.raises(KeySetError):
        parse_key_set(body)


def test_k11_a_hundred_keys_are_the_most() -> None:
    """A set with one key more is refused as a whole."""
    filler: list[Any] = [{} for _ in range(99)]

    assert [KEY.kid] == parsed(*filler, GOOD)
    with pytest.raises(KeySetError, match="more than 100"):
        parsed(*filler, {}, GOOD)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_are_a_surprise(body: bytes) -> None:
    """Every body that holds no key is the same kind of error."""
    with pytest.raises(KeySetError):
        parse_key_set(body)


@pytest.mark.parametrize(
    ("kid", "expected"),
    [("s-1", True), (KEY.kid, True), ("s-" + "a" * 64, True), ("S-1", False)],
)
def test_the_form_of_a_key_id(kid: str, expected: bool) -> None:
    """A static key's id is ``s-`` and letters, digits and hyphens."""
    assert expected == is_key_id(kid)
