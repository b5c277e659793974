"""One fetch of a key set, over real HTTP, and which of its keys verify a guest."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt import PyJWKSetError

from supertokens_guest._tokens import keys
from supertokens_guest._tokens.keys import fetch_keys, fit, parse_key_set
from testkit.forging import SigningKey, encode, integer, private_key, static_key
from testkit.keyserver import LONG_SECONDS, KeyServer, Mode

KEY = static_key()
GOOD = KEY.jwk
OTHER = static_key(2).jwk
NUMBERS = KEY.private.private_numbers()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each address a quarter of a second: that it has a limit is tested."""
    monkeypatch.setattr(keys, "HOST_SECONDS", 0.25)


def fault(*urls: str) -> str:
    """Return what is wrong with all of *urls*."""
    with pytest.raises(PyJWKSetError) as raised:
        fetch_keys(urls)
    return str(raised.value)


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_keys_of_the_first_address(key_server: KeyServer) -> None:
    """One request for the whole set, in the words of RFC 9110, without a body."""
    assert [KEY.kid] == list(fetch_keys([key_server.url]))
    assert 1 == key_server.hits
    assert key_server.requests[0].startswith(b"GET /jwks.json HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in key_server.requests[0].lower()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("mode", ["hang", "drip", "drip headers"])
def test_k10_an_address_has_a_deadline_for_everything(
    key_server: KeyServer, mode: Mode
) -> None:
    """However slowly bytes come, an address has its time and no more."""
    key_server.mode = mode
    key_server.keys *= 20  # more than can be dripped in the time

    said = fault(key_server.url)

    # Nothing of httpx ends a wait for headers that come a byte at a time.
    assert "TimeoutError" in said or mode != "drip headers"


@pytest.mark.usefixtures("hasty")
def test_k10_a_name_that_is_looked_up_for_ever_has_a_deadline(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can interrupt the system's resolver; its thread is left behind."""
    answered = threading.Event()
    original = socket.getaddrinfo

    def hang(host: Any, *args: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            answered.wait(LONG_SECONDS)
        return original(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    keys = fetch_keys(["http://core.invalid/", key_server.url])
    was_answered = answered.is_set()
    answered.set()

    assert [KEY.kid] == list(keys)
    assert not was_answered


def test_k10_all_addresses_together_have_a_deadline(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last addresses are not asked when the time is over."""
    monkeypatch.setattr(keys, "HOST_SECONDS", 0.1)
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.25)
    key_server.mode = "hang"

    shown = fault(*[key_server.url] * 50)

    assert 0 < key_server.hits <= 5
    assert shown.count("127.0.0.1") <= 5


@pytest.mark.parametrize(
    "status",
    [
        "204 No Content",
        "201 Created",
        "301 Moved Permanently",
        "304 Not Modified",
        "401 Unauthorized",
        "404 Not Found",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ],
)
def test_k11_only_200_is_an_answer(key_server: KeyServer, status: str) -> None:
    """Another status is a failure, even with a good key set in the body."""
    key_server.mode, key_server.status = "raw", status
    key_server.body = json.dumps({"keys": [KEY.jwk]}).encode()

    assert f"answered {status[:3]}" in fault(key_server.url)


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"{}", b'{"keys":[]}'])
def test_k11_200_is_not_enough(key_server: KeyServer, body: bytes) -> None:
    """A page of a proxy, or a set without keys, is a failure."""
    key_server.mode, key_server.body = "raw", body

    assert "127.0.0.1: " in fault(key_server.url)


def test_k11_a_large_body_is_not_read_to_the_end(key_server: KeyServer) -> None:
    """2 MB are refused after 128 kB."""
    key_server.mode = "huge"

    assert "more than 131072 bytes" in fault(key_server.url)


def test_k11_the_limit_is_inclusive(key_server: KeyServer) -> None:
    """A body of exactly the limit is read, one byte more is not."""
    body = json.dumps({"keys": [KEY.jwk]}).encode()
    key_server.mode = "raw"
    key_server.body = body.ljust(keys.MAX_KEY_SET_BYTES)
    found = fetch_keys([key_server.url])
    key_server.body = body.ljust(keys.MAX_KEY_SET_BYTES + 1)

    assert [KEY.kid] == list(found)
    assert "more than" in fault(key_server.url)


def test_k11_an_encoded_body_is_refused(key_server: KeyServer) -> None:
    """2 MB in a few kB of gzip are not even unpacked."""
    key_server.mode = "gzip"

    assert "encoded" in fault(key_server.url)


def test_k12_a_redirect_is_not_followed(key_server: KeyServer) -> None:
    """Where it points to, nobody is asked."""
    with KeyServer([KEY.jwk]) as target:
        key_server.mode, key_server.status = "raw", "302 Found"
        key_server.headers["Location"] = target.url
        answer = fault(key_server.url)

    assert "answered 302" in answer
    assert 0 == target.hits


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("mode", ["hang", "hang up", "huge", "gzip"])
def test_k16_the_next_address_is_asked(key_server: KeyServer, mode: Mode) -> None:
    """One core that fails, however it does, costs its time and nothing else."""
    with KeyServer([KEY.jwk]) as failing:
        failing.mode = mode
        keys = fetch_keys([failing.url, key_server.url])

    assert [KEY.kid] == list(keys)
    assert (1, 1) == (failing.hits, key_server.hits)


def test_k16_an_empty_set_is_not_the_last_word(key_server: KeyServer) -> None:
    """A core that has no usable key is one that fails."""
    with KeyServer([]) as empty:
        assert [KEY.kid] == list(fetch_keys([empty.url, key_server.url]))


def test_k16_no_address_is_asked_after_a_good_one(key_server: KeyServer) -> None:
    """The first answer is enough."""
    fetch_keys([key_server.url, key_server.url])

    assert 1 == key_server.hits


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:{closed_port()}/",
        "http://no-such-host.invalid/",
        "https://127.0.0.1:1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "//127.0.0.1/",
        "",
        "http://",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://\ud800/",
        "x" * 100_000,
    ],
    ids=range(12),
)
def test_k16_a_bad_address_is_no_exception(key_server: KeyServer, url: str) -> None:
    """Whatever an address is, the next one is asked, and a fault is a fault."""
    assert [KEY.kid] == list(fetch_keys([url, key_server.url]))
    assert fault(url)


def test_encryption_that_fails_is_no_exception(key_server: KeyServer) -> None:
    """A server that does not speak TLS is one that does not answer."""
    url = key_server.url.replace("http:", "https:")

    assert [KEY.kid] == list(fetch_keys([url, key_server.url]))


def test_without_an_address_there_is_nothing_to_ask() -> None:
    """No address at all is a failure too."""
    assert "there is no address to ask" == fault()


def test_a_fault_shows_no_password() -> None:
    """An address with credentials is named without them."""
    shown = fault(f"http://user:secret@127.0.0.1:{closed_port()}/")

    assert "127.0.0.1" in shown
    assert "secret" not in shown


def test_all_faults_are_named(key_server: KeyServer) -> None:
    """Each address with what is wrong with it."""
    key_server.fail()
    shown = fault(key_server.url, key_server.url)

    assert 2 == shown.count("answered 500")


# Which keys verify a guest


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
    "alg RS512": changed(alg="RS512"),
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
    with pytest.raises(PyJWKSetError, match="usable"):
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


def test_k14_a_key_may_come_twice() -> None:
    """It is one key, as with two cores behind a list that somebody joined."""
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
        b'{"keys":' + b"[" * 100_000,
    ],
)
def test_k11_a_body_that_is_no_key_set_is_an_error(body: bytes) -> None:
    """Whatever is sent, there is no exception of another kind."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - of many kinds
        parse_key_set(body)


def test_k11_a_hundred_keys_are_the_most() -> None:
    """A set with one key more is refused as a whole."""
    filler: list[Any] = [{} for _ in range(99)]

    assert [KEY.kid] == parsed(*filler, GOOD)
    with pytest.raises(PyJWKSetError, match="at most 100"):
        parsed(*filler, {}, GOOD)


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_are_a_key_set(body: bytes) -> None:
    """Whatever one address sends, the next one is asked."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - of many kinds
        parse_key_set(body)


@pytest.mark.parametrize(
    ("kid", "expected"),
    [
        ("s-1", True),
        (KEY.kid, True),
        ("s-" + "a" * 64, True),
        ("s-" + "a" * 65, False),
        ("S-1", False),
        ("d-1690000000000", False),
        ("s-1\n", False),
        ("", False),
        (None, False),
    ],
)
def test_the_form_of_a_key_id(kid: Any, expected: bool) -> None:
    """A static key's id is ``s-`` and letters, digits and hyphens."""
    key = KEY.private.public_key()
    if expected:
        assert key is fit(kid, key)
    else:
        with pytest.raises((ValueError, TypeError)):
            fit(kid, key)
