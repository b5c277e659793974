"""The certificates that the SDK loads for each call to the core, or does not.

It makes an HTTP client for each call, and each client loads the certificates of all
authorities, for plain HTTP too: most of what a call costs the app. With a folder in
``SSL_CERT_DIR``, and no ``SSL_CERT_FILE``, OpenSSL looks for one when it needs one.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def loaded_each_time() -> Iterator[str]:
    """Have the SDK load certificates as it does where nobody set anything.

    Yields:
        What to say about it.
    """
    dir_counts = "SSL_CERT_DIR" in os.environ and "SSL_CERT_FILE" not in os.environ
    with _environment({}):
        yield (
            "SSL_CERT_DIR, set here, is left out: with it the SDK hardly blocks"
            if dir_counts
            else "SSL_CERT_DIR is not in effect, as where nobody set it"
        )


@contextmanager
def never_loaded() -> Iterator[str]:
    """Have the SDK load none, so that they do not hide what else there is.

    Yields:
        What to say about it.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        _environment({"SSL_CERT_DIR": folder}),
    ):
        yield "SSL_CERT_DIR is set for this, or the SDK's certificates hide the rest"


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Set these of the variables and no other; put back what was there."""
    before = {name: os.environ.pop(name, None) for name in _VARIABLES}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
