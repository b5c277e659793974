"""What the SDK raises when the core fails it: it has no types for that, only texts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
from supertokens_python.querier import Querier

# querier.py: "SuperTokens core threw an error for a POST request to path: '/recipe/jwt'
# with status code: 400 and message: …". The core's message is never repeated.
_ANSWERED = re.compile(
    r"SuperTokens core threw an error for a (?:GET|POST|PUT) request to path: "
    r"'(?P<path>[^']*)' with status code: (?P<status>\d{3}) "
)
_SILENT = ("No SuperTokens core available", "The running SuperTokens core version is")
_SESSION_PATH = re.compile(r"/recipe/session(?:/regenerate|/data)?$")


def core_failure(error: Exception) -> str | None:
    """Return how the core failed, as a clause; ``None`` if *error* is another's."""
    if isinstance(error, httpx.HTTPError):
        return f"did not answer ({type(error).__name__})"
    answered = _ANSWERED.match(str(error))
    if answered is not None:
        return f"answered {answered['status']}"
    return "did not answer" if str(error).startswith(_SILENT) else None


def refused_by_core(error: Exception) -> bool:
    """Tell whether the core answered, and did not want the claims of a session.

    It says 400, or 500 for what it did not foresee; anything else is about the core.
    """
    answered = _ANSWERED.match(str(error))
    if answered is None or answered["status"] not in {"400", "500"}:
        return False
    return _SESSION_PATH.search(answered["path"]) is not None


def core_addresses() -> str:
    """Return host and port of each core that is asked, for a message; no passwords."""
    urls = Querier.get_instance().get_all_core_urls_for_path("")
    return ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in urls)
