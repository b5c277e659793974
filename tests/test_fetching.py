"""One fetch of a key set, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from supertokens_guest.fetching import MAX_BODY_BYTES, fetch_key_set
from supertokens_guest.jwks import KeySetError
from testkit.forging import static_key
from testkit.keyserver import KeyServer, Mode

KEY = static_key()

SECONDS = 0.25
"""Instead of 3 for each address: what is tested is that there is a limit."""


@pytest.fixture(autouse=True)
def _no_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Load no certificates for each client: nothing here is encrypted."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """Yield a server of one good key."""
    with KeyServer([KEY.jwk]) as server:
        yield server


def fetch(*urls: str, host: float = 3.0, total: float = 5.0) -> Mapping[str, Any]:
    """Fetch from the first of *urls* that has keys."""
    return asyncio.run(fetch_key_set(urls, host_seconds=host, total_seconds=total))


def fault(*urls: str, host: float = 3.0, total: float = 5.0) -> str:
    """Return what is wrong with all of *urls*."""
    with pytest.raises(KeySetError) as raised:
        fetch(*urls, host=host, total=total)
    return str(raised.value)


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_keys_of_the_first_address(server: KeyServer) -> None:
    """One request for the whole set, in the words of RFC 9110, without a body."""
    assert [KEY.kid] == list(fetch(server.url))
    assert 1 == server.hits
    assert server.requests[0].startswith(b"GET /jwks.json HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in server.requests[0].lower()


@pytest.mark.parametrize("mode", ["hang", "drip", "drip headers"])
def test_k10_an_address_has_a_deadline_for_everything(
    server: KeyServer, mode: Mode
) -> None:
    """However slowly bytes come, an address has its time and no more."""
    server.mode = mode
    server.keys *= 20  # more than can be dripped in the time

    assert "did not answer within 0.2 s" in fault(server.url, host=SECONDS)


def test_k10_all_addresses_together_have_a_deadline(server: KeyServer) -> None:
    """The last addresses are not asked when the time is over."""
    server.mode = "hang"

    shown = fault(*[server.url] * 50, host=0.1, total=0.25)

    assert 0 < server.hits <= 5
    assert shown.count("did not answer") <= 5


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
def test_k11_only_200_is_an_answer(server: KeyServer, status: str) -> None:
    """Another status is a failure, even with a good key set in the body."""
    server.mode, server.status = "raw", status
    server.body = json.dumps({"keys": [KEY.jwk]}).encode()

    assert f"answered {status[:3]}" in fault(server.url)


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"{}", b'{"keys":[]}'])
def test_k11_200_is_not_enough(server: KeyServer, body: bytes) -> None:
    """A page of a proxy, or a set without keys, is a failure."""
    server.mode, server.body = "raw", body

    assert server.url.split("/")[2] in fault(server.url)


def test_k11_a_large_body_is_not_read_to_the_end(server: KeyServer) -> None:
    """2 MB are refused after 128 kB."""
    server.mode = "huge"

    assert "more than 131072 bytes" in fault(server.url)


def test_k11_the_limit_is_inclusive(server: KeyServer) -> None:
    """A body of exactly the limit is read, one byte more is not."""
    body = json.dumps({"keys": [KEY.jwk]}).encode()
    server.mode = "raw"
    server.body = body.ljust(MAX_BODY_BYTES)
    keys = fetch(server.url)
    server.body = body.ljust(MAX_BODY_BYTES + 1)

    assert [KEY.kid] == list(keys)
    assert "more than" in fault(server.url)


def test_k11_an_encoded_body_is_refused(server: KeyServer) -> None:
    """2 MB in a few kB of gzip are not even unpacked."""
    server.mode = "gzip"

    assert "encoded" in fault(server.url)


def test_k12_a_redirect_is_not_followed(server: KeyServer) -> None:
    """Where it points to, nobody is asked."""
    with KeyServer([KEY.jwk]) as target:
        server.mode, server.status = "raw", "302 Found"
        server.headers["Location"] = target.url
        answer = fault(server.url)

    assert "answered 302" in answer
    assert 0 == target.hits


@pytest.mark.parametrize("mode", ["hang", "hang up", "huge", "gzip"])
def test_k16_the_next_address_is_asked(server: KeyServer, mode: Mode) -> None:
    """One core that fails, however it does, costs its time and nothing else."""
    with KeyServer([KEY.jwk]) as failing:
        failing.mode = mode
        keys = fetch(failing.url, server.url, host=SECONDS if mode == "hang" else 3.0)

    assert [KEY.kid] == list(keys)
    assert (1, 1) == (failing.hits, server.hits)


def test_k16_an_empty_set_is_not_the_last_word(server: KeyServer) -> None:
    """A core that has no usable key is one that fails."""
    with KeyServer([]) as empty:
        assert [KEY.kid] == list(fetch(empty.url, server.url))


def test_k16_no_address_is_asked_after_a_good_one(server: KeyServer) -> None:
    """The first answer is enough."""
    fetch(server.url, server.url)

    assert 1 == server.hits


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
)
def test_k16_a_bad_address_is_no_exception(server: KeyServer, url: str) -> None:
    """Whatever an address is, the next one is asked, and a fault is a fault."""
    assert [KEY.kid] == list(fetch(url, server.url))
    assert fault(url)


def test_encryption_that_fails_is_no_exception(server: KeyServer) -> None:
    """A server that does not speak TLS is one that does not answer."""
    url = server.url.replace("http:", "https:")

    assert [KEY.kid] == list(fetch(url, server.url, host=1.0))


def test_without_an_address_there_is_nothing_to_ask() -> None:
    """No address at all is a failure too."""
    assert "there is no address to ask" == fault()


def test_a_fault_shows_no_password() -> None:
    """An address with credentials is named without them."""
    shown = fault(f"http://user:secret@127.0.0.1:{closed_port()}/")

    assert "127.0.0.1" in shown
    assert "secret" not in shown


def test_all_faults_are_named(server: KeyServer) -> None:
    """Each address with what is wrong with it."""
    server.fail()
    shown = fault(server.url, server.url)

    assert 2 == shown.count("answered 500")
