"""Faults on demand: what a client sees of each."""

from __future__ import annotations

import socket

import httpx
import pytest

from supertokens_guest.devcore import Answer, DevCore

KEYS = "/.well-known/jwks.json"


def get(core: DevCore, path: str = KEYS, **options: float) -> httpx.Response:
    """Ask without following redirects."""
    return httpx.get(f"{core.url}{path}", **options)  # type: ignore[arg-type] # only timeouts


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("429", 429)])
def test_a_status(dev_core: DevCore, kind: str, status: int) -> None:
    """The core answers with that status, for as many requests as asked."""
    dev_core.fail(kind, times=2)  # type: ignore[arg-type] # parametrised

    assert [status, status, 200] == [get(dev_core).status_code for _ in range(3)]


def test_a_redirect(dev_core: DevCore) -> None:
    """The core sends the client elsewhere."""
    dev_core.fail("redirect", location="http://127.0.0.1:9/")
    response = get(dev_core)

    assert (302, "http://127.0.0.1:9/") == (
        response.status_code,
        response.headers["location"],
    )


def test_a_page_with_status_200(dev_core: DevCore) -> None:
    """Something between client and core answers for it."""
    dev_core.fail("html")
    response = get(dev_core)

    assert (200, "text/html") == (
        response.status_code,
        response.headers["content-type"],
    )
    assert response.text.startswith("<!doctype html>")


def test_an_empty_key_set(dev_core: DevCore) -> None:
    """The core publishes no keys."""
    dev_core.fail("empty_keys", path=KEYS)

    assert {"keys": []} == get(dev_core).json()


def test_hanging_up(dev_core: DevCore) -> None:
    """The connection ends without an answer."""
    dev_core.fail("hang_up", times=1)

    with pytest.raises(httpx.TransportError):
        get(dev_core)
    assert 200 == get(dev_core).status_code


def test_a_slow_answer(dev_core: DevCore) -> None:
    """The answer comes, but later than the client waits."""
    dev_core.fail("slow", seconds=30, times=1)

    with pytest.raises(httpx.ReadTimeout):
        get(dev_core, timeout=0.05)
    assert 200 == get(dev_core).status_code


def test_a_slow_answer_is_the_core_s_own(dev_core: DevCore) -> None:
    """Who waits long enough gets what was asked for."""
    dev_core.fail("slow", seconds=0.01)

    assert 2 == len(get(dev_core).json()["keys"])


def test_a_dripping_answer(dev_core: DevCore) -> None:
    """Headers and body come a byte at a time, and are whole in the end."""
    dev_core.fail("drip", path="/hello", seconds=0.0001)

    assert "Hello\n" == get(dev_core, "/hello").text


def test_a_dripping_answer_outlasts_a_read_timeout(dev_core: DevCore) -> None:
    """The first bytes come long before the last: a read timeout alone never ends."""
    dev_core.fail("drip", seconds=0.02)
    host, port = dev_core.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {KEYS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        pieces = [connection.recv(4096) for _ in range(3)]

    assert b"HTTP"[: len(b"".join(pieces))] == b"".join(pieces)[:4]
    assert all(len(piece) < 4 for piece in pieces)


def test_any_answer(dev_core: DevCore) -> None:
    """A test may write the answer itself."""
    answer = Answer(203, b"x" * 5000, {"Content-Type": "text/plain"})
    dev_core.fail("answer", answer=answer)
    response = get(dev_core)

    assert (203, 5000) == (response.status_code, len(response.content))


def test_a_fault_is_of_a_route_and_a_method(dev_core: DevCore) -> None:
    """Other routes and methods answer as ever; a tenant in the path is no other."""
    dev_core.fail("500", path="/recipe/session", method="GET")
    url = dev_core.url

    assert 500 == httpx.get(f"{url}/public/recipe/session").status_code
    assert 400 == httpx.post(f"{url}/recipe/session").status_code
    assert 200 == get(dev_core).status_code


def test_the_oldest_fault_comes_first(dev_core: DevCore) -> None:
    """Faults are met one after the other."""
    dev_core.fail("500", times=1)
    dev_core.fail("429", times=1)

    assert [500, 429, 200] == [get(dev_core).status_code for _ in range(3)]


def test_a_fault_can_be_lifted(dev_core: DevCore) -> None:
    """One alone, or all."""
    first = dev_core.fail("500")
    dev_core.fail("429")
    dev_core.heal(first)
    after_one = get(dev_core).status_code
    dev_core.heal()

    assert [429, 200] == [after_one, get(dev_core).status_code]


def test_a_fault_for_a_block(dev_core: DevCore) -> None:
    """It ends with the ``with`` statement."""
    with dev_core.failing("500"):
        inside = get(dev_core).status_code

    assert [500, 200] == [inside, get(dev_core).status_code]


def test_an_unknown_fault(dev_core: DevCore) -> None:
    """It is an error at once, not a fault that never comes."""
    with pytest.raises(ValueError, match="no fault 'fire'"):
        dev_core.fail("fire")  # type: ignore[arg-type] # the mistake


def test_a_faulty_request_is_recorded(dev_core: DevCore) -> None:
    """What was asked is known, whatever was answered."""
    dev_core.fail("hang_up")
    with pytest.raises(httpx.TransportError):
        get(dev_core)

    assert [KEYS] == [request.route for request in dev_core.requests]


def test_a_core_that_is_down_and_comes_back(dev_core: DevCore) -> None:
    """Nothing listens in between."""
    dev_core.stop()
    with pytest.raises(httpx.ConnectError):
        get(dev_core)
    dev_core.start()

    assert 200 == get(dev_core).status_code
