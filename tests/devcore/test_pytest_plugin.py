"""The fixtures, used as somebody's tests use them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, session
from supertokens_python.supertokens import Supertokens

import supertokens_guest.devcore
from pytest_supertokens_guest import MakeGuest
from supertokens_guest.devcore import DevCore

ROOT = Path(supertokens_guest.devcore.__file__).absolute().parents[2]


def init_sdk(core: DevCore, api_domain: str = "http://localhost:8000") -> None:
    """Initialise the SDK as an app would."""
    init(
        app_info=InputAppInfo(
            app_name="shop", api_domain=api_domain, website_domain="http://localhost"
        ),
        supertokens_config=SupertokensConfig(connection_uri=core.url),
        framework="fastapi",
        recipe_list=[emailpassword.init(), session.init()],
        mode="asgi",
    )


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_finds_an_empty_core(dev_core: DevCore, run: int) -> None:
    """The same sign-up succeeds in each."""
    body = {"email": "a@b.c", "password": "x"}
    answer = httpx.post(f"{dev_core.url}/recipe/signup", json=body).json()

    assert "OK" == answer["status"]
    assert 1 == len(dev_core.requests)


@pytest.mark.parametrize("run", [1, 2])
def test_a_stopped_core_is_back_for_the_next_test(dev_core: DevCore, run: int) -> None:
    """A test may stop it and leave."""
    assert "Hello\n" == httpx.get(f"{dev_core.url}/hello").text
    dev_core.stop()


@pytest.mark.parametrize("domain", ["http://one.example", "http://two.example"])
@pytest.mark.usefixtures("supertokens_reset")
def test_each_test_initialises_the_sdk_anew(dev_core: DevCore, domain: str) -> None:
    """The second ``init`` is not ignored."""
    init_sdk(dev_core, domain)
    app_info = Supertokens.get_instance().app_info

    assert domain == app_info.api_domain.get_as_string_dangerous()
    assert "testing" == os.environ["SUPERTOKENS_ENV"]


def verified(core: DevCore, token: str) -> dict[str, Any]:
    """Return the claims of a guest that the core's published keys verify."""
    keys = httpx.get(f"{core.url}/.well-known/jwks.json").json()["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = (key for key in keys if key["kid"] == kid)
    assert kid.startswith("s-")
    claims: dict[str, Any] = jwt.decode(
        token, jwt.PyJWK(key), algorithms=["RS256"], audience="supertokens-guest"
    )
    return claims


def test_a_guest_is_signed_by_the_core(
    dev_core: DevCore, make_guest: MakeGuest
) -> None:
    """It has the claims of a guest, and the core was not asked."""
    token = make_guest({"cart": ["sku-1"]}, "G-me", issuer="http://api/auth")
    assert [] == dev_core.requests
    claims = verified(dev_core, token)

    assert 30 * 24 * 3600 == claims["exp"] - claims.pop("iat")
    del claims["exp"]
    assert {
        "iss": "http://api/auth",
        "sub": "G-me",
        "aud": "supertokens-guest",
        "cart": ["sku-1"],
    } == claims


@pytest.mark.usefixtures("supertokens_reset")
def test_a_guest_is_of_the_app_under_test(
    dev_core: DevCore, make_guest: MakeGuest
) -> None:
    """The issuer is the SDK's, and each guest is another."""
    init_sdk(dev_core)
    first, second = (verified(dev_core, make_guest()) for _ in range(2))

    assert "http://localhost:8000/auth" == first["iss"]
    assert first["sub"] != second["sub"]
    assert first["sub"].startswith("G-")


def test_a_guest_can_have_expired(make_guest: MakeGuest) -> None:
    """It was valid until then."""
    token = make_guest(issuer="x", lifetime_seconds=-10)
    claims = jwt.decode(token, options={"verify_signature": False})

    assert claims["iat"] < claims["exp"] < time.time()


@pytest.mark.usefixtures("supertokens_reset")
def test_a_guest_of_no_app_needs_an_issuer(make_guest: MakeGuest) -> None:
    """The failure says what to do."""
    with pytest.raises(pytest.fail.Exception, match=r"issuer=…"):
        make_guest()


def test_without_the_extra_the_fixture_says_what_to_install(tmp_path: Path) -> None:
    """And a run that does not ask for it passes."""
    (tmp_path / "conftest.py").write_text(
        """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {"starlette", "uvicorn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
    )
    (tmp_path / "test_it.py").write_text(
        "def test_with(dev_core): ...\n\ndef test_without(): ...\n"
    )
    plugin = "pytest_supertokens_guest"
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )

    assert "1 passed, 1 error" in process.stdout
    assert "pip install 'supertokens-guest[devcore]'" in process.stdout
