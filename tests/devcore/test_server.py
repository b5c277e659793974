"""Starting, stopping, resetting; what was asked; where it may listen."""

from __future__ import annotations

import socket
import threading
import time

import httpx
import pytest

from supertokens_guest.devcore import DevCore, DevCoreError

JWT_FIELDS = {
    "payload": {},
    "algorithm": "RS256",
    "jwksDomain": "http://unused",
    "validity": 100,
}


def key_ids(core: DevCore) -> list[str]:
    """Return the ids of the published keys."""
    answer = httpx.get(f"{core.url}/.well-known/jwks.json").json()
    return [key["kid"] for key in answer["keys"]]


def test_it_records_what_was_asked(dev_core: DevCore) -> None:
    """A request is recorded with its parts, and its route without the tenant."""
    httpx.post(
        f"{dev_core.url}/Public/recipe/signin/?a=1&a=2&b=",
        json={"email": "a"},
        headers={"rid": "emailpassword"},
    )

    (request,) = dev_core.requests
    assert ("POST", "/recipe/signin") == (request.method, request.route)
    assert "/Public/recipe/signin/" == request.path
    assert {"a": "1", "b": ""} == request.query
    assert "emailpassword" == request.headers["rid"]
    assert {"email": "a"} == request.json


def test_reset_forgets_all_but_the_keys(dev_core: DevCore) -> None:
    """Users, requests and faults are gone; tokens signed before still verify."""
    kept = key_ids(dev_core)
    httpx.post(
        f"{dev_core.url}/recipe/signup", json={"email": "a@b.c", "password": "x"}
    )
    dev_core.fail("500")

    dev_core.reset()

    assert [] == dev_core.requests
    assert 0 == httpx.get(f"{dev_core.url}/users/count").json()["count"]
    assert kept == key_ids(dev_core)


def test_a_restart_keeps_port_rows_and_keys() -> None:
    """A stopped core refuses connections; started again, it goes on as before."""
    with DevCore() as core:
        url, kept = core.url, key_ids(core)
        httpx.post(f"{url}/recipe/signup", json={"email": "a@b.c", "password": "x"})
        core.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/hello")
        core.start()

        assert url == core.url
        assert kept == key_ids(core)
        assert 1 == httpx.get(f"{url}/users/count").json()["count"]


def test_a_restart_with_new_keys_forgets_rows_too() -> None:
    """It comes back on its port as a core without a database does."""
    with DevCore() as core:
        url, old = core.url, key_ids(core)
        httpx.post(f"{url}/recipe/signup", json={"email": "a@b.c", "password": "x"})
        core.restart(new_keys=True)

        assert url == core.url
        assert set(old).isdisjoint(key_ids(core))
        assert 0 == httpx.get(f"{url}/users/count").json()["count"]


def test_rotated_keys_sign_at_once(dev_core: DevCore) -> None:
    """New keys sign; old ones stay published when asked for, and go otherwise."""
    old = key_ids(dev_core)
    dev_core.rotate_keys(keep_old=True)
    both = key_ids(dev_core)
    dev_core.rotate_keys()

    assert set(old) < set(both)
    assert 4 == len(both)
    assert set(both).isdisjoint(key_ids(dev_core))


@pytest.mark.parametrize("static", [True, False])
def test_after_a_rotation_the_new_key_signs(dev_core: DevCore, *, static: bool) -> None:
    """Both kinds of tokens are signed with a key that was not there before."""
    old = key_ids(dev_core)
    dev_core.rotate_keys(keep_old=True)
    fields = {**JWT_FIELDS, "useStaticSigningKey": static}
    token = httpx.post(f"{dev_core.url}/recipe/jwt", json=fields).json()["jwt"]

    import jwt

    kid = jwt.get_unverified_header(token)["kid"]
    assert kid in key_ids(dev_core)
    assert kid not in old


def test_stopping_ends_an_answer_that_is_slow() -> None:
    """A stop does not wait for a request that is being answered."""
    with DevCore() as core:
        core.fail("slow", seconds=60)
        failures: list[type[Exception]] = []

        def ask() -> None:
            try:
                httpx.get(f"{core.url}/hello", timeout=30)
            except httpx.HTTPError as error:
                failures.append(type(error))

        thread = threading.Thread(target=ask)
        thread.start()
        while not core.requests:
            time.sleep(0.001)
        core.stop()
        thread.join(timeout=10)

    assert 1 == len(failures)


def test_it_starts_twice_without_harm(dev_core: DevCore) -> None:
    """A second start changes nothing."""
    url = dev_core.url
    dev_core.start()

    assert url == dev_core.url
    assert "Hello\n" == httpx.get(f"{url}/hello").text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no.such.host.invalid"])
def test_it_listens_on_loopback_only(host: str) -> None:
    """Any other host is refused before a socket is opened."""
    with pytest.raises(DevCoreError, match=r"loopback|unknown host"):
        DevCore(host=host)


def test_it_listens_elsewhere_when_told_to() -> None:
    """With ``allow_remote`` every address will do."""
    with DevCore(host="0.0.0.0", allow_remote=True) as core:
        port = core.url.rsplit(":", 1)[1]

        assert "Hello\n" == httpx.get(f"http://127.0.0.1:{port}/hello").text


def test_localhost_is_loopback() -> None:
    """A name is resolved, and its address stands in the URL."""
    with DevCore(host="localhost") as core:
        assert "Hello\n" == httpx.get(f"{core.url}/hello").text


def test_a_port_in_use_is_an_error() -> None:
    """The message names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DevCoreError, match=rf"port {port}"):
            DevCore(port=port).start()


@pytest.mark.parametrize("api_key", ["", "short", "a" * 19, "a" * 20 + "_"])
def test_an_api_key_is_as_the_core_wants_it(api_key: str) -> None:
    """At least twenty characters, and no others than the core takes."""
    with pytest.raises(DevCoreError, match="at least 20"):
        DevCore(api_key=api_key)
