"""
The settings: one TOML file, overlaid by the environment, read once into a frozen `Config`.

`relay.config.table` is what may be set, `relay.config.load` how it is read, and
`relay.config.rules` what must hold between one setting and another.
"""

from __future__ import annotations

from relay.config.load import Survey, load_config, read_secret, survey_config
from relay.config.shipped import shipped
from relay.config.table import (
    AdobeConfig,
    Bytes,
    Config,
    CustomerioConfig,
    FilterConfig,
    InletConfig,
    LogConfig,
    ProvisionConfig,
    RouteConfig,
    Seconds,
    ServerConfig,
    SpoolConfig,
    parse_duration_s,
    parse_size_bytes,
)

__all__ = [
    "AdobeConfig",
    "Bytes",
    "Config",
    "CustomerioConfig",
    "FilterConfig",
    "InletConfig",
    "LogConfig",
    "ProvisionConfig",
    "RouteConfig",
    "Seconds",
    "ServerConfig",
    "SpoolConfig",
    "Survey",
    "load_config",
    "parse_duration_s",
    "parse_size_bytes",
    "read_secret",
    "shipped",
    "survey_config",
]
