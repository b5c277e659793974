"""What one initialised SDK has of us: configuration, verifier, memory of late tries.

The SDK makes everything once, in ``init``, and its own functions find it there; ours
find this. It belongs to one ``SessionRecipe``: a test that resets the SDK starts
afresh.
"""

from __future__ import annotations

import functools
import math
import threading
from typing import TYPE_CHECKING

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

_JWKS_PATH = "/.well-known/jwks.json"


class Runtime:
    """The guests of one initialised SDK.

    Attributes:
        config: What the app gave to ``guest_override``.
        late_tries: When the late transfer into each session, by its handle, failed: an
            instant of the monotonic clock, or infinity while it is under way.
        paused_until: Before this instant of the monotonic clock, nothing is issued or
            renewed by itself: the core has just failed.
    """

    def __init__(self, config: GuestConfig, static_keys: StaticKeys | None) -> None:
        """Hold the configuration; no I/O, and nothing of the SDK is needed yet."""
        self.config = config
        self.late_tries: dict[str, float] = {}
        self.paused_until = -math.inf
        self._static_keys = static_keys
        self._verifier: TokenVerifier | None = None
        self._issuer: str | None = None
        self._lock = threading.Lock()

    @property
    def app_info(self) -> AppInfo:
        """The SDK's description of the app."""
        app: AppInfo = SessionRecipe.get_instance().get_app_info()
        return app

    @property
    def session_config(self) -> NormalisedSessionConfig:
        """The configuration of the session recipe."""
        config: NormalisedSessionConfig = SessionRecipe.get_instance().config
        return config

    @property
    def issuer(self) -> str:
        """The ``iss`` of this app's guests: its API domain and base path."""
        if self._issuer is None:
            app = self.app_info
            domain: str = app.api_domain.get_as_string_dangerous()
            base_path: str = app.api_base_path.get_as_string_dangerous()
            self._issuer = domain + base_path
        return self._issuer

    @property
    def verifier(self) -> TokenVerifier:
        """The verifier of this app's guests; made at first use, after ``init``."""
        if self._verifier is None:
            with self._lock:
                if self._verifier is None:
                    self._verifier = self._make_verifier()
        return self._verifier

    def tell(
        self,
        code: EventCode,
        reason: str | None = None,
        *,
        guest: Guest | None = None,
        user_id: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Tell the app's ``on_event`` what happened; see ``GuestEvent``."""
        event = GuestEvent(
            code=code,
            reason=reason,
            guest_id=None if guest is None else guest.id,
            user_id=user_id,
            error=error,
        )
        tell(self.config.on_event, event)

    def _make_verifier(self) -> TokenVerifier:
        keys: KeySource
        if self._static_keys is not None:
            keys = self._static_keys
        else:
            observer = functools.partial(tell, self.config.on_event)
            keys = KeyCache(_jwks_urls, observer=observer)
        not_before = self.config.reject_issued_before
        return TokenVerifier(
            keys,
            issuer=self.issuer,
            reject_issued_before=(
                -math.inf if not_before is None else not_before.timestamp()
            ),
        )


def _jwks_urls() -> list[str]:
    """Return where each core of the app's ``connection_uri`` publishes its keys."""
    urls: list[str] = Querier.get_instance().get_all_core_urls_for_path(_JWKS_PATH)
    return urls


class _Installed:
    """The newest runtime, and the session recipe that it belongs to."""

    def __init__(self, runtime: Runtime, original: RecipeInterface) -> None:
        self.runtime = runtime
        # The recipe does not exist yet while it calls the override's factory, but
        # its configuration does, and the implementation that we are given holds it.
        self.session_config: object = getattr(original, "config", None)

    def belongs_to(self, recipe: SessionRecipe) -> bool:
        """Tell whether this was installed for *recipe*.

        An app's own implementation without a configuration is taken for the recipe that
        asks first: the one that was being made.
        """
        if self.session_config is None:
            self.session_config = recipe.config
        return self.session_config is recipe.config


_installed: _Installed | None = None


def install(runtime: Runtime, original: RecipeInterface) -> None:
    """Install *runtime* for the session recipe that *original* is being made for.

    Raises:
        ConfigError: That recipe has guests already.
    """
    global _installed  # noqa: PLW0603 - one per process, as the SDK's own instances are
    installed = _Installed(runtime, original)
    config = installed.session_config
    if _installed and config is not None and _installed.session_config is config:
        raise ConfigError(
            "There are two guest_override() or guest_plugin() around each other: keep"
            " one, and give it the whole GuestConfig."
        )
    _installed = installed


def current() -> Runtime:
    """Return the runtime of the SDK as it is initialised now.

    Raises:
        ConfigError: The SDK is not initialised, or without ``guest_override``.
    """
    try:
        recipe = SessionRecipe.get_instance()
    except GeneralError as error:
        raise ConfigError(
            "SuperTokens is not initialised: call supertokens_python.init() with"
            " session.init() in its recipe_list first."
        ) from error
    if _installed is None or not _installed.belongs_to(recipe):
        raise ConfigError(
            "Guests are not set up: pass override=session.SessionOverrideConfig("
            "functions=guest_override()) to session.init(), or guest_plugin() to"
            " SupertokensExperimentalConfig."
        )
    return _installed.runtime
