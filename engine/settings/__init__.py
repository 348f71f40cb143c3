"""Settings: what can be configured (`sections`), and how it is read and checked (`load`).

Nothing here looks at the process's environment by itself: the command line hands it over.
"""

from engine.settings.catalogue import Entry, catalogue
from engine.settings.init_file import commented_config
from engine.settings.loading import load, require
from engine.settings.lookup_sections import PROVIDERS, GeoSettings, LookupSettings
from engine.settings.secret import Secret, redact_url
from engine.settings.sections import (
    PRESETS,
    AcceptanceSettings,
    DatabaseSettings,
    EngineSettings,
    EnrichmentSettings,
    LogSettings,
    QueueSettings,
    Settings,
    SourceSettings,
    StatusSettings,
    WorkerSettings,
)

__all__ = [
    "PRESETS",
    "PROVIDERS",
    "AcceptanceSettings",
    "DatabaseSettings",
    "EngineSettings",
    "EnrichmentSettings",
    "Entry",
    "GeoSettings",
    "LogSettings",
    "LookupSettings",
    "QueueSettings",
    "Secret",
    "Settings",
    "SourceSettings",
    "StatusSettings",
    "WorkerSettings",
    "catalogue",
    "commented_config",
    "load",
    "redact_url",
    "require",
]
