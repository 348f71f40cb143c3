"""The machine: fetchers, workers and the nurseries that own them. Knows no driver and no vendor."""

import sys

if "rich" not in sys.modules:
    # structlog loads rich, where it is installed, to draw tracebacks that nobody here asks for: a tenth of every start.
    sys.modules["rich"] = None  # type: ignore[assignment]  # so that importing it fails
    import structlog  # noqa: F401 - without it, for good

    del sys.modules["rich"]
