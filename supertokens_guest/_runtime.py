"""What one initialised SDK has of us: the configuration, the verifier, the attributes.

The SDK makes everything once, in ``init``, and its own functions find it there; ours
find this. It belongs to one ``SessionRecipe``: a test that resets the SDK starts
afresh.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from supertokens_python.exceptions import GeneralError
from supertokens_python.querier import Querier
from supertokens_python.recipe.session.recipe import SessionRecipe

from supertokens_guest.cookies import CookieAttributes, cookie_attributes
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import GuestEvent, tell
from supertokens_guest.keys import KeyCache, StaticKeys
from supertokens_guest.verification import TokenPolicy, TokenVerifier

if TYPE_CHECKING:
    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import RecipeInterface
    from supertokens_python.recipe.session.utils import NormalisedSessionConfig
    from supertokens_python.supertokens import AppInfo

    from supertokens_guest.config import GuestConfig
    from supertokens_guest.events import EventCode
    from supertokens_guest.guest import Guest
    from supertokens_guest.keys import KeySource

_JWKS_PATH = "/.well-known/jwks.json"


class Runtime:
    """The guests of one initialised SDK.

    Attributes:
        config: What the app gave to ``guest_override``.
    """

    def __init__(self, config: GuestConfig, static_keys: StaticKeys | None) -> None:
        """Hold the configuration; no I/O, and nothing of the SDK is needed yet."""
        self.config = config
        self._static_keys = static_keys
        self._verifier: TokenVerifier | None = None
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
        app = self.app_info
        domain: str = app.api_domain.get_as_string_dangerous()
        base_path: str = app.api_base_path.get_as_string_dangerous()
        return domain + base_path

    @property
    def verifier(self) -> TokenVerifier:
        """The verifier of this app's guests; made at first use, after ``init``."""
        if self._verifier is None:
            with self._lock:
                if self._verifier is None:
                    self._verifier = self._make_verifier()
        return self._verifier

    def cookie_attributes(
        self, request: BaseRequest | None, user_context: dict[str, Any]
    ) -> CookieAttributes:
        """Return the guest cookie's attributes, after the session cookies' own."""
        session = self.session_config
        return cookie_attributes(
            self.config.cookie_name,
            domain=session.cookie_domain,
            older_domain=session.older_cookie_domain,
            secure=session.cookie_secure,
            same_site=session.get_cookie_same_site(request, user_context),
        )

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
        """Make the verifier with the app's own keys, or with those of the core."""
        keys: KeySource
        if self._static_keys is not None:
            keys = self._static_keys
        else:
            observer = functools.partial(tell, self.config.on_event)
            keys = KeyCache(_jwks_urls, observer=observer)
        not_before = self.config.reject_issued_before
        policy = TokenPolicy(
            issuers=frozenset({self.issuer}),
            reject_issued_before=None if not_before is None else not_before.timestamp(),
        )
        return TokenVerifier(keys, policy)


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
        self._session_config: object = getattr(original, "config", None)

    def belongs_to(self, recipe: SessionRecipe) -> bool:
        """Tell whether this was installed for *recipe*.

        An app's own implementation without a configuration is taken for the recipe that
        asks first: the one that was being made.
        """
        if self._session_config is None:
            self._session_config = recipe.config
        return self._session_config is recipe.config


_installed: _Installed | None = None


def install(runtime: Runtime, original: RecipeInterface) -> None:
    """Install *runtime* for the session recipe that *original* is being made for."""
    global _installed  # noqa: PLW0603 - one per process, as the SDK's own instances are
    _installed = _Installed(runtime, original)


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
            "Guests are not set up: pass override=session.InputOverrideConfig("
            "functions=guest_override()) to session.init()."
        )
    return _installed.runtime
