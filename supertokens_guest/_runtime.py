"""What one initialised SDK has of us: configuration, verifier, and what is remembered.

The SDK makes everything once, in ``init``, and its own functions find it there; ours
find this. It belongs to one ``SessionRecipe``: a test that resets the SDK starts
afresh.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from supertokens_python.exceptions import GeneralError
from supertokens_python.querier import Querier
from supertokens_python.recipe.session.recipe import SessionRecipe

from supertokens_guest._tokens.keys import KeyCache, StaticKeys
from supertokens_guest._tokens.verifying import TokenVerifier
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import GuestEvent, tell

if TYPE_CHECKING:
    from supertokens_python.recipe.session.interfaces import RecipeInterface
    from supertokens_python.recipe.session.utils import NormalisedSessionConfig
    from supertokens_python.supertokens import AppInfo

    from supertokens_guest._tokens.keys import KeySource
    from supertokens_guest.config import GuestConfig
    from supertokens_guest.events import EventCode
    from supertokens_guest.guest import Guest

LOGIN_WAIT_SECONDS = 2.0
"""How long a login may wait for the core's keys: once, and only while none are held."""

REQUEST_WAIT_SECONDS = 1.0
"""How long any other request may wait, for the keys or for a guest to be issued."""


class Runtime:
    """The guests of one initialised SDK."""

    def __init__(self, config: GuestConfig, static_keys: StaticKeys | None) -> None:
        self.config = config
        # When the late transfer into each session, by its handle, failed: an instant of
        # the monotonic clock, or infinity while it is under way.
        self.late_tries: dict[str, float] = {}
        # Until then nothing is issued or renewed by itself: the core has just failed.
        self.paused_until = -math.inf
        # Cookie headers that need nothing, with the keys by which they were read and
        # the epoch seconds until when.
        self.quiet: dict[bytes | str | None, tuple[object, float]] = {}
        self._static_keys = static_keys

    @property
    def app_info(self) -> AppInfo:
        app: AppInfo = SessionRecipe.get_instance().get_app_info()
        return app

    @property
    def session_config(self) -> NormalisedSessionConfig:
        config: NormalisedSessionConfig = SessionRecipe.get_instance().config
        return config

    @property
    def issuer(self) -> str:
        """The ``iss`` of this app's guests: its API domain and base path."""
        app = self.app_info
        domain: str = app.api_domain.get_as_string_dangerous()
        base_path: str = app.api_base_path.get_as_string_dangerous()
        return domain + base_path

    @property
    def verifier(self) -> TokenVerifier:
        made: TokenVerifier | None = vars(self).get("_verifier")
        # Without a lock, which a fork could leave locked: making one does no I/O.
        return made or vars(self).setdefault("_verifier", self._make_verifier())

    def tell(self, code: EventCode, reason: str | None = None, **about: Any) -> None:
        """Tell the app; *about* has ``guest``, ``user_id``, ``error``."""
        guest: Guest | None = about.pop("guest", None)
        guest_id = None if guest is None else guest.id
        event = GuestEvent(code=code, reason=reason, guest_id=guest_id, **about)
        tell(self.config.on_event, event)

    def _make_verifier(self) -> TokenVerifier:
        keys: KeySource | None = self._static_keys
        if keys is None:
            observer = functools.partial(tell, self.config.on_event)
            keys = KeyCache(_jwks_urls, observer=observer)
        instant = self.config.reject_issued_before
        return TokenVerifier(
            keys,
            issuer=self.issuer,
            reject_issued_before=-math.inf if instant is None else instant.timestamp(),
        )


def _jwks_urls() -> list[str]:
    path = "/.well-known/jwks.json"
    urls: list[str] = Querier.get_instance().get_all_core_urls_for_path(path)
    return urls


_installed: Runtime | None = None
_session_config: object = None


def install(runtime: Runtime, original: RecipeInterface) -> None:
    """Install *runtime* for the session recipe that *original* is being made for.

    The recipe does not exist yet while it calls the override's factory, but its
    configuration does, and the implementation that we are given holds it.

    Raises:
        ConfigError: That recipe has guests already.
    """
    global _installed, _session_config
    config = getattr(original, "config", None)
    if config is not None and config is _session_config:
        raise ConfigError(
            "There are two guest_override() or guest_plugin() around each other: keep"
            " one, and give it the whole GuestConfig."
        )
    _installed, _session_config = runtime, config


def current() -> Runtime:
    """Return the runtime of the SDK as it is initialised now.

    Raises:
        ConfigError: The SDK is not initialised, or without ``guest_override``.
    """
    global _session_config
    try:
        recipe = SessionRecipe.get_instance()
    except GeneralError as error:
        raise ConfigError(
            "SuperTokens is not initialised: call supertokens_python.init() with"
            " session.init() in its recipe_list first."
        ) from error
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
