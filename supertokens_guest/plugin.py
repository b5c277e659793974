"""The override as a plugin of the SDK, for who keeps plugins in one list."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from supertokens_guest.errors import ConfigError
from supertokens_guest.override import guest_override

if TYPE_CHECKING:
    from supertokens_python.plugins import SuperTokensPlugin

    from supertokens_guest.config import GuestConfig

PLUGIN_ID = "supertokens-guest"


def guest_plugin(config: GuestConfig | None = None) -> SuperTokensPlugin:
    """Return the override of ``guest_override`` as a plugin.

        init(..., experimental=SupertokensExperimentalConfig(plugins=[guest_plugin()]))

    The session recipe is in ``recipe_list`` as ever; an override of the app's own there
    runs outside. Of two plugins of one id the SDK takes the first, and says nothing.

    Args:
        config: How guests shall be; ``None`` takes every default.

    Raises:
        ConfigError: The SDK is older than 0.31.4, or as ``guest_override``.
    """
    try:
        from supertokens_python.plugins import RecipePluginOverride, SuperTokensPlugin
    except ImportError as error:
        raise ConfigError(
            "guest_plugin() needs supertokens-python 0.31.4 or newer; pass"
            " guest_override() to session.init() instead."
        ) from error

    override: Any = RecipePluginOverride()
    override.functions = guest_override(config)
    return SuperTokensPlugin(
        id=PLUGIN_ID,
        version=version(PLUGIN_ID),
        compatible_sdk_versions=">=0.31.4",
        override_map={"session": override},
    )
