"""The gateway: the quant trading API, served to strategies in any language in front of every trading venue."""

from __future__ import annotations

from ferrofeed.gateway.server import GatewayServer

__all__ = ["GatewayServer"]
