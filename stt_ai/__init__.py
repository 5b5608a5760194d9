"""stt_ai: a self-hosted speech-to-text service on Ray Serve, and its client.

The client's names, such as `Client`, are here when they are asked for: whoever imports this for the service does not
load what the client needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stt_ai.sdk import *  # noqa: F403

__version__ = "0.1.0"
_FUNCTIONS = ("verify_webhook",)


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS or (not name.startswith("_") and name[:1].isupper()):
        from stt_ai import sdk

        if name in sdk.__all__:
            return getattr(sdk, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from stt_ai import sdk

    return sorted([*globals(), *sdk.__all__])
