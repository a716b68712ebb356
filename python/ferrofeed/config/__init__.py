"""Typed configuration: from a TOML file, a mapping or code, checked whole, with every problem told at once."""

from __future__ import annotations

from ferrofeed.config.gateway import ClientConfig, GatewayConfig
from ferrofeed.config.schema import (
    Config,
    InstrumentConfig,
    LoopConfig,
    ServiceConfig,
    Subscription,
    VenueConfig,
)
from ferrofeed.config.secrets import Secret, redact, redact_url
from ferrofeed.config.trading import OrdersConfig, RiskConfig, TradeConfig
from ferrofeed.errors import ConfigError, Problem

__all__ = [
    "ClientConfig",
    "Config",
    "ConfigError",
    "GatewayConfig",
    "InstrumentConfig",
    "LoopConfig",
    "OrdersConfig",
    "Problem",
    "RiskConfig",
    "Secret",
    "ServiceConfig",
    "Subscription",
    "TradeConfig",
    "VenueConfig",
    "redact",
    "redact_url",
]
