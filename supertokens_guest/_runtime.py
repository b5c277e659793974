"""What one initialised SDK has of us: configuration, verifier, and what is remembered.

The SDK's own functions find what ``init`` made; ours find this. It belongs to one
``SessionRecipe``: a test that resets the SDK starts afresh.
"""

import functools
import math
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx
from supertokens_python.exceptions import GeneralError
from supertokens_python.querier import Querier
from supertokens_python.recipe.session.interfaces import RecipeInterface
from supertokens_python.recipe.session.recipe import SessionRecipe
from supertokens_python.supertokens import AppInfo

from supertokens_guest._tokens.keys import KeyCache, StaticKeys
from supertokens_guest._tokens.verifying import TokenVerifier
from supertokens_guest.config import GuestConfig
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import EventCode, GuestEvent, tell
from supertokens_guest.guest import Guest

if TYPE_CHECKING:  # in SDK 0.30 it has another name
    from supertokens_python.recipe.session.utils import NormalisedSessionConfig


class Runtime:
    """The guests of one initialised SDK."""

    login_wait_seconds = 2.0  # for the core's keys: once, and only while none are held
    wait_seconds = 1.0  # of any other request: for keys, or for a guest to be issued

    def __init__(self, config: GuestConfig, static_keys: StaticKeys | None) -> None:
        self.config = config
        # By session: when a late transfer into it failed; infinity while under way.
        self.late_tries: dict[str, float] = {}
        # Until then nothing is issued or renewed by itself: the core has just failed.
        self.paused_until = -math.inf
        # Cookie headers that need nothing: read with which keys, and until when.
        self.quiet: dict[bytes | str | None, tuple[object, float]] = {}
        self._static_keys = static_keys
        self._verifier: list[TokenVerifier] = []

    @property
    def app_info(self) -> AppInfo:
        return cast("AppInfo", SessionRecipe.get_instance().get_app_info())

    @property
    def session_config(self) -> "NormalisedSessionConfig":
        return cast("NormalisedSessionConfig", SessionRecipe.get_instance().config)

    @property
    def issuer(self) -> str:
        domain, path = self.app_info.api_domain, self.app_info.api_base_path
        return f"{domain.get_as_string_dangerous()}{path.get_as_string_dangerous()}"

    @property
    def verifier(self) -> TokenVerifier:
        """The one verifier, made at first use: the recipe has to be there."""
        if not self._verifier:
            since = self.config.reject_issued_before
            made = TokenVerifier(
                self._static_keys
                or KeyCache(
                    functools.partial(_core_urls, "/.well-known/jwks.json"),
                    observer=functools.partial(tell, self.config.on_event),
                ),
                issuer=self.issuer,
                reject_issued_before=-math.inf if since is None else since.timestamp(),
            )
            # Without a lock, which a fork could leave locked: the first one counts.
            self._verifier.append(made)
        return self._verifier[0]

    def tell(self, code: EventCode, reason: str | None = None, **about: Any) -> None:
        """Tell the app; *about* has ``guest``, ``user_id``, ``error``."""
        guest: Guest | None = about.pop("guest", None)
        guest_id = None if guest is None else guest.id
        event = GuestEvent(code=code, reason=reason, guest_id=guest_id, **about)
        tell(self.config.on_event, event)


# The SDK has no types for a core that fails it, only texts: "SuperTokens core threw an
# error for a POST request to path: '/recipe/jwt' with status code: 400 and message: …"
# (querier.py). The core's message is never repeated.
_THREW = r"SuperTokens core threw an error for a (?:GET|POST|PUT) request to path: "
_ANSWERED = re.compile(_THREW + r"'[^']*' with status code: (\d{3}) ")
# It says 400 to claims that it does not want, or 500 to what it did not foresee.
_REFUSED = re.compile(
    _THREW + "'[^']*/recipe/session(?:/regenerate|/data)?' with status code: [45]00 "
)
_SILENT = ("No SuperTokens core available", "The running SuperTokens core version is")


def core_failure(error: Exception) -> str | None:
    """Return how the core failed, as a clause; ``None`` if *error* is another's."""
    if isinstance(error, httpx.HTTPError):
        return f"did not answer ({type(error).__name__})"
    answered = _ANSWERED.match(str(error))
    if answered is not None:
        return f"answered {answered[1]}"
    return "did not answer" if str(error).startswith(_SILENT) else None


def refused_by_core(error: Exception) -> bool:
    """Tell whether the core answered, and did not want the claims of a session."""
    return _REFUSED.match(str(error)) is not None


def core_addresses() -> str:
    """Return host and port of each core that is asked, for a message; no passwords."""
    return ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in _core_urls(""))


def _core_urls(path: str) -> list[str]:
    return cast("list[str]", Querier.get_instance().get_all_core_urls_for_path(path))


_installed: Runtime | None = None
_session_config: object = None


def install(runtime: Runtime, original: RecipeInterface) -> None:
    """Install *runtime* for the session recipe that *original* is being made for."""
    global _installed, _session_config
    # The recipe does not exist yet, but its configuration does.
    config = getattr(original, "config", None)
    if config is not None and config is _session_config:
        raise ConfigError(
            "There are two guest_override() or guest_plugin() around each other: keep"
            " one, and give it the whole GuestConfig."
        )
    _installed, _session_config = runtime, config


def current() -> Runtime:
    """Return the runtime of the SDK as it is initialised now, or say what to set up."""
    global _session_config
    try:
        recipe = SessionRecipe.get_instance()
    except GeneralError as error:
        message = (
            "SuperTokens is not initialised: call init() with session.init() first."
        )
        raise ConfigError(message) from error
    if _session_config is None:
        # An app's own implementation without a configuration is taken for the recipe
        # that asks first: the one that was being made.
        _session_config = recipe.config
    if _installed is None or _session_config is not recipe.config:
        raise ConfigError(
            "Guests are not set up: pass override=session.SessionOverrideConfig("
            "functions=guest_override()) to session.init(), or guest_plugin() to"
            " SupertokensExperimentalConfig."
        )
    return _installed
