"""Tokens that are wrong outside the payload: shape, header, key and signature."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from testkit.forging import (
    SigningKey,
    compact,
    encode,
    guest_claims,
    private_key,
    static_key,
)

KEY = static_key(1)
ATTACKER = SigningKey(KEY.kid, private_key(2))
DYNAMIC = SigningKey("d-1690000000000", private_key(3))
PUBLIC = KEY.private.public_key()
MODULUS = PUBLIC.public_numbers().n
GOOD = KEY.token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
RAW_SIGNATURE = KEY.signature(f"{HEADER}.{PAYLOAD}".encode())


def with_header(**members: Any) -> str:
    """Return a token signed with the right key and another header."""
    header = {**KEY.header, **members}
    return KEY.token(
        {name: value for name, value in header.items() if value is not ...}
    )


def with_raw_header(text: bytes) -> str:
    """Return a token signed with the right key over any header."""
    return KEY.token(text)


def with_signature(signature: bytes) -> str:
    """Return the good token with another signature."""
    return f"{HEADER}.{PAYLOAD}.{encode(signature)}"


def by_hmac(secret: bytes) -> str:
    """Return a token by HS256, for who takes the public key for a secret."""
    head = encode(compact({**KEY.header, "alg": "HS256"}))
    signed = f"{head}.{PAYLOAD}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{encode(mac.finalize())}"


def by_rsa(
    alg: str, pad: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm
) -> str:
    """Return a token that the right key signed in another way."""
    signed = f"{encode(compact({**KEY.header, 'alg': alg}))}.{PAYLOAD}"
    return f"{signed}.{encode(KEY.private.sign(signed.encode(), pad, hash_))}"


def public_bytes(encoding: Encoding, form: PublicFormat) -> bytes:
    """Return the public key as bytes."""
    return PUBLIC.public_bytes(encoding, form)


def zero_terminated(alg: str) -> str:
    """Return an unsigned token, with an empty signature."""
    return f"{encode(compact({**KEY.header, 'alg': alg}))}.{PAYLOAD}."


SPKI, PKCS1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
PEM, DER = Encoding.PEM, Encoding.DER
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
V15 = padding.PKCS1v15()
LAST = "AQgw"
ES256_KEY = ec.generate_private_key(ec.SECP256R1())

FORMAT: dict[str, Any] = {
    "empty": "",
    "one segment": HEADER,
    "two segments": f"{HEADER}.{PAYLOAD}",
    "four segments": f"{GOOD}.{SIGNATURE}",
    "five segments": f"{GOOD}.e30.e30",
    "no header": f".{PAYLOAD}.{SIGNATURE}",
    "no payload": f"{HEADER}..{SIGNATURE}",
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "only dots": "..",
    "leading space": f" {GOOD}",
    "trailing space": f"{GOOD} ",
    "line feed": f"{GOOD}\n",
    "CRLF": f"{GOOD}\r\n",
    "bearer": f"Bearer {GOOD}",
    "quoted": f'"{GOOD}"',
    "NUL": f"{GOOD}\0",
    "NUL inside": f"{HEADER}\0.{PAYLOAD}.{SIGNATURE}",
    "not ASCII": f"{GOOD}é",
    "full-width dot": GOOD.replace(".", "\uff0e"),
    "lone surrogate": f"{GOOD}\ud800",
    "lone surrogate in the header": f"\udfff{GOOD}",
    "padding": f"{HEADER}.{PAYLOAD}.{SIGNATURE}==",
    "padded header": f"{HEADER}=.{PAYLOAD}.{SIGNATURE}",
    "padded payload": f"{HEADER}.{PAYLOAD}=.{SIGNATURE}",
    "junk": "!!!!",
    "junk inside": f"{HEADER}.{PAYLOAD[:9]}!{PAYLOAD[9:]}.{SIGNATURE}",
    "junk at the end": f"{GOOD}!!!!",
    "space inside": f"{HEADER}.{PAYLOAD[:9]} {PAYLOAD[9:]}.{SIGNATURE}",
    "standard base64": (
        f"{HEADER}.{PAYLOAD}."
        + base64.b64encode(b"\xfb\xff" + RAW_SIGNATURE).decode().rstrip("=")
    ),
    "non-canonical signature": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    "JSON flattened": json.dumps(
        {"protected": HEADER, "payload": PAYLOAD, "signature": SIGNATURE}
    ),
    "JSON general": json.dumps(
        {
            "payload": PAYLOAD,
            "signatures": [{"protected": HEADER, "signature": SIGNATURE}],
        }
    ),
    "polyglot": f'{{"x":"{GOOD}"}}',
    "int": 7,
    "list": [GOOD],
    "dict": {"token": GOOD},
    "null": None,
    "true": True,
    "bytes": GOOD.encode(),
    "a megabyte": f"{HEADER}.{'A' * 1_000_000}.{SIGNATURE}",
    "100,000 dots": "." * 100_000,
    "too long by one": f"{GOOD}".ljust(4_097, "A"),
}

ALGORITHM: dict[str, Any] = {
    **{
        f"{alg!r} {kind}": token
        for alg in ("none", "None", "NONE", "nOnE", "")
        for kind, token in (
            ("unsigned", zero_terminated(alg)),
            ("signed", with_header(alg=alg)),
        )
    },
    "null": with_header(alg=None),
    "HS256 PEM": by_hmac(public_bytes(PEM, SPKI)),
    "HS256 PEM without a line feed": by_hmac(public_bytes(PEM, SPKI).rstrip(b"\n")),
    "HS256 PKCS#1": by_hmac(public_bytes(PEM, PKCS1)),
    "HS256 DER": by_hmac(public_bytes(DER, SPKI)),
    "HS256 modulus": by_hmac(MODULUS.to_bytes(256, "big")),
    "HS256 JWK": by_hmac(compact(KEY.jwk)),
    "HS256 JWKS": by_hmac(compact({"keys": [KEY.jwk]})),
    "HS256 empty": by_hmac(b""),
    "RS384": by_rsa("RS384", V15, hashes.SHA384()),
    "RS512": by_rsa("RS512", V15, hashes.SHA512()),
    "PS256": by_rsa("PS256", PSS, hashes.SHA256()),
    "ES256": f"{encode(compact({**KEY.header, 'alg': 'ES256'}))}.{PAYLOAD}."
    + encode(ES256_KEY.sign(b"x", ec.ECDSA(hashes.SHA256()))),
    "ES256 zero": f"{encode(compact({**KEY.header, 'alg': 'ES256'}))}.{PAYLOAD}."
    + encode(bytes(64)),
    "small letters": with_header(alg="rs256"),
    "space": with_header(alg="RS256 "),
    "number": with_header(alg=256),
    "list": with_header(alg=["RS256"]),
    "dict": with_header(alg={"RS256": 1}),
    "true": with_header(alg=True),
    "NUL": with_header(alg="RS256\0"),
    "missing": with_header(alg=...),
    "twice": with_raw_header(
        compact(KEY.header).replace(b'"alg"', b'"alg":"none","alg"')
    ),
    "twice, the other way": with_raw_header(
        compact(KEY.header)[:-1] + b',"alg":"none"}'
    ),
    "twice the same": with_raw_header(compact(KEY.header)[:-1] + b',"alg":"RS256"}'),
}

OTHER_WAYS_TO_SIGN: dict[str, Any] = {
    "PSS for RS256": by_rsa("RS256", PSS, hashes.SHA256()),
    "SHA-512 for RS256": by_rsa("RS256", V15, hashes.SHA512()),
}

SIGNED_LARGER = (int.from_bytes(RAW_SIGNATURE, "big") + MODULUS).to_bytes(257, "big")
SIGNATURES: dict[str, Any] = {
    **OTHER_WAYS_TO_SIGN,
    "bit flip": with_signature(bytes([RAW_SIGNATURE[0] ^ 1]) + RAW_SIGNATURE[1:]),
    "last bit": with_signature(RAW_SIGNATURE[:-1] + bytes([RAW_SIGNATURE[-1] ^ 1])),
    "short": with_signature(RAW_SIGNATURE[:-1]),
    "one byte": with_signature(RAW_SIGNATURE[:1]),
    "long": with_signature(RAW_SIGNATURE + b"\0"),
    "longer in front": with_signature(b"\0" + RAW_SIGNATURE),
    "zero": with_signature(bytes(256)),
    "one": with_signature((1).to_bytes(256, "big")),
    "n": with_signature(MODULUS.to_bytes(256, "big")),
    "n - 1": with_signature((MODULUS - 1).to_bytes(256, "big")),
    "s + n": with_signature(SIGNED_LARGER),
    "payload swapped": (
        f"{HEADER}.{encode(compact(guest_claims(sub='G-2')))}.{SIGNATURE}"
    ),
    "header swapped": (
        f"{encode(compact(dict(reversed(KEY.header.items()))))}.{PAYLOAD}.{SIGNATURE}"
    ),
    "another key": ATTACKER.token(),
    "dynamic key under the static id": DYNAMIC.token(KEY.header),
}

JWK = ATTACKER.jwk
KEY_IDS: dict[str, Any] = {
    "missing": with_header(kid=...),
    "null": with_header(kid=None),
    "int": with_header(kid=7),
    "list": with_header(kid=[KEY.kid]),
    "dict": with_header(kid={KEY.kid: 1}),
    "empty": with_header(kid=""),
    "traversal": with_header(kid="../../../../dev/null"),
    "s-traversal": with_header(kid="s-../../dev/null"),
    "absolute": with_header(kid="/dev/null"),
    "SQL": with_header(kid="s-1' OR '1'='1"),
    "command": with_header(kid="s-1|id"),
    "NUL": with_header(kid=f"{KEY.kid}\0"),
    "space": with_header(kid=f"{KEY.kid} "),
    "upper case": with_header(kid=KEY.kid.upper()),
    "prefix alone": with_header(kid="s-"),
    "10 kB": with_header(kid="s-" + "a" * 10_000),
    "300 characters": with_header(kid="s-" + "a" * 300),
    "homoglyph": with_header(kid="\u0455-1"),
    "escaped": with_raw_header(compact(KEY.header).replace(b"s-", b"\\u0073-")),
    "line feed": with_header(kid=f"{KEY.kid}\n"),
    "class": with_header(kid="__class__"),
    "surrogate": with_header(kid="s-\ud800"),
    "twice": with_raw_header(compact(KEY.header)[:-1] + b',"kid":"s-2"}'),
    "jwk": ATTACKER.token({**KEY.header, "jwk": JWK}),
    "jwk without kid": ATTACKER.token({"alg": "RS256", "typ": "JWT", "jwk": JWK}),
    "jku": ATTACKER.token({**KEY.header, "jku": "https://evil.example/jwks"}),
    "jku and the right key": with_header(jku="https://evil.example/jwks"),
    "x5u": ATTACKER.token({**KEY.header, "x5u": "https://evil.example/cert"}),
    "x5c": ATTACKER.token({**KEY.header, "x5c": ["AAAA"]}),
}

CRIT_AND_TYPE: dict[str, Any] = {
    "crit unknown": with_header(crit=["x"], x=1),
    "crit exp": with_header(crit=["exp"]),
    "crit empty": with_header(crit=[]),
    "crit text": with_header(crit="exp"),
    "crit null": with_header(crit=None),
    "crit absent name": with_header(crit=["b64"]),
    "crit numbers": with_header(crit=[1]),
    "b64": with_header(b64=False),
    "b64 and crit": with_header(b64=False, crit=["b64"]),
    "zip": with_header(zip="DEF"),
    "typ of an access token": with_header(typ="at+jwt"),
    "typ null": with_header(typ=None),
    "typ number": with_header(typ=5),
    "typ missing": with_header(typ=...),
    "typ secevent": with_header(typ="secevent+jwt"),
    "typ JOSE": with_header(typ="JOSE"),
    "typ in small letters": with_header(typ="jwt"),
    "cty": with_header(cty="JWT"),
}

HEAD = compact(KEY.header)
HEADERS: dict[str, Any] = {
    "array": with_raw_header(b"[]"),
    "text": with_raw_header(b'"RS256"'),
    "null": with_raw_header(b"null"),
    "number": with_raw_header(b"7"),
    "object": with_raw_header(b"{}"),
    "no JSON": with_raw_header(b"\x00\x01\x02"),
    "UTF-16": with_raw_header(HEAD.decode().encode("utf-16")),
    "UTF-16LE": with_raw_header(HEAD.decode().encode("utf-16-le")),
    "UTF-32": with_raw_header(HEAD.decode().encode("utf-32")),
    "byte order mark": with_raw_header(b"\xef\xbb\xbf" + HEAD),
    "bad UTF-8": with_raw_header(HEAD[:-1] + b',"x":"\xff"}'),
    "overlong": with_raw_header(HEAD[:-1] + b',"x":"\xc0\xaf"}'),
    "NaN": with_raw_header(HEAD[:-1] + b',"x":NaN}'),
    "5,000 digits": with_raw_header(HEAD[:-1] + b',"x":' + b"1" * 5_000 + b"}"),
    "trailing text": with_raw_header(HEAD + b"x"),
    "trailing object": with_raw_header(HEAD + b"{}"),
    "trailing comma": with_raw_header(HEAD[:-1] + b",}"),
    **{
        f"nested {levels} {name}": with_raw_header(opening * levels)
        for levels in (900, 5_000, 100_000)
        for name, opening in (("arrays", b"["), ("objects", b'{"a":'))
    },
    "20 kB": with_raw_header(HEAD[:-1] + b',"x":"' + b"a" * 20_000 + b'"}'),
}
