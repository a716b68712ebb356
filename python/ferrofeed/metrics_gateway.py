"""The gateway's metrics, from what the core put on the feed's board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ferrofeed.metrics_families import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.metrics_core import Metric

PLAIN: Final = {
    "connections": ("ferrofeed_gateway_connections", "Connections of clients taken."),
    "messages": ("ferrofeed_gateway_messages_received", "Messages of clients."),
    "sent": ("ferrofeed_gateway_messages_sent", "Messages to clients: answers, states, notifications."),
    "logins": ("ferrofeed_gateway_logins", "Logins taken."),
    "undeliverable": ("ferrofeed_gateway_undeliverable", "Answers and notifications whose client was gone."),
    "conflated": ("ferrofeed_gateway_trades_left_out", "Trades that a client was too slow for."),
}
"""What is no refusal."""


def gateway_metrics(feed: Mapping[str, Any]) -> Iterator[Metric]:
    """Every metric of the gateway; none where none serves."""
    if feed["gateway"] is None:
        return
    connections, logins, counted = feed["gateway"]
    yield gauge("ferrofeed_gateway_open_connections", "Connections of clients open now.", (), [((), connections)])
    yield gauge("ferrofeed_gateway_open_logins", "Logins of clients there now.", (), [((), logins)])
    for key, (name, text) in PLAIN.items():
        yield counter(name, text, (), [((), counted[key])])
    yield counter(
        "ferrofeed_gateway_refused",
        "What was refused, or cut off, by reason.",
        ("reason",),
        [((reason,), n) for reason, n in counted.items() if reason not in PLAIN],
    )
