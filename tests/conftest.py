"""What every test can rely on: a quiet SDK, one event loop, programs that are there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

# Read by the SDK whenever it asks: no public-suffix list from the network, no
# telemetry, and its recipes may be reset between tests.
os.environ.setdefault("SUPERTOKENS_TLDEXTRACT_DISABLE_HTTP", "1")
os.environ.setdefault("SUPERTOKENS_ENV", "testing")

# The SDK makes an HTTP client for each call to the core, and each client loads a bundle
# of certificates for 20 ms, unless OpenSSL shall find them in a directory when it needs
# one. Over plain HTTP, in all tests and in what they start, it needs none.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# A shell starts what it runs in the background with Ctrl-C ignored, and programs that
# tests start would inherit that; the tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start many processes. Where Python is told to write no bytecode, as in many
# containers, each of them would compile the SDK and the frameworks for itself, which
# takes a second; so there it is written into a folder of its own.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parents[1] / "build" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ["testkit.fixtures", "testkit.keyserver"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio: the SDK knows no other loop."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def django_settings() -> None:
    """Have one set of Django's settings, whichever test comes first.

    They can be made once in a process: a test that made bare ones would take the app's
    addresses from every later test of Django.
    """
    from testkit import django_app

    django_app._configure()


def installed_program(variable: str, *names: str) -> str:
    """Return the path of a program that a test drives, or skip the test.

    Args:
        variable: The environment variable that names the program, if it is set.
        names: Its names on ``PATH``, the best first.

    Returns:
        An absolute path, or what the variable says.
    """
    named = os.environ.get(variable)
    found = named or next(filter(None, map(shutil.which, names)), None)
    if found and shutil.which(found):
        return found
    missing = f"no {names[0]} here; install it, or set {variable} to its path"
    # A machine that is meant to have it (CI) must not pass by skipping.
    if os.environ.get("SUPERTOKENS_GUEST_REQUIRE_PROGRAMS"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium; skip where there is none."""
    return installed_program(
        "CHROMIUM", "chromium", "chromium-browser", "google-chrome"
    )


@pytest.fixture(scope="session")
def nginx() -> str:
    """Return the path of nginx; skip where there is none."""
    # Debian keeps it where only root's PATH looks.
    return installed_program("NGINX", "nginx", "/usr/sbin/nginx")
