"""Fixed keys."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from supertokens_guest.errors import BadSignatureError, ConfigError
from supertokens_guest.static_keys import StaticKeys
from testkit.forging import SigningKey, private_key, static_key

KEY = static_key()
PRIVATE_PEM = KEY.private.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
).decode()
PKCS1_PEM = (
    KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
)
EC_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize("pem", [KEY.pem, f"\n{KEY.pem}\n", PKCS1_PEM])
def test_t14_keys_are_read_from_pem(pem: str) -> None:
    """The keys are there from the start, and stay the same set."""
    keys = StaticKeys({KEY.kid: pem})

    assert {KEY.kid: KEY.private.public_key()} == keys.current().keys
    assert keys.current() is keys.current()


def test_t14_there_are_no_others() -> None:
    """Another key id is no key's, and nobody is asked for it."""
    with pytest.raises(BadSignatureError, match="s-other"):
        StaticKeys({KEY.kid: KEY.pem}).look_up("s-other")


@pytest.mark.parametrize("keys", [{}, None, [], "s-1", [("s-1", KEY.pem)]])
def test_at_least_one_key_is_needed(keys: Any) -> None:
    """No keys, and what is no mapping, is a configuration error."""
    with pytest.raises(ConfigError, match="at least one"):
        StaticKeys(keys)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "x",
        None,
        7,
        KEY.pem[:100],
        KEY.pem.encode(),
        PRIVATE_PEM,
        EC_PEM,
        SigningKey("s-1", private_key(1, bits=1_024)).pem,
        "\ud800",
    ],
)
def test_what_is_no_key_is_an_error_that_does_not_show_it(pem: Any) -> None:
    """Only the PEM of a public RSA key of some size is one; a secret stays one."""
    with pytest.raises(ConfigError, match=r"public_keys\['s-1'\]") as raised:
        StaticKeys({"s-1": pem})

    assert "BEGIN" not in str(raised.value)


@pytest.mark.parametrize("kid", ["", "1", "d-1690000000000", "s-1\n", 7, ("s-1",)])
def test_what_is_no_static_id_is_an_error(kid: Any) -> None:
    """A dynamic key's id, or anybody's, would never match."""
    with pytest.raises(ConfigError, match="static"):
        StaticKeys({kid: KEY.pem})


def test_all_faults_are_named_at_once() -> None:
    """Two wrong ids and a wrong key make three faults."""
    with pytest.raises(ConfigError) as raised:
        StaticKeys({"a": KEY.pem, "b": KEY.pem, "s-1": "x", "s-2": KEY.pem})

    assert 3 == len(raised.value.faults)


def test_the_key_must_not_be_slow() -> None:
    """Above 8,192 bits a check would cost milliseconds."""
    slow = rsa.RSAPublicNumbers(65_537, 2**8_192 + 1).public_key()
    pem = slow.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(ConfigError, match="bits"):
        StaticKeys({"s-1": pem})
