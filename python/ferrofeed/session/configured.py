"""A venue's spec with what its configuration says instead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrofeed.config import VenueConfig
    from ferrofeed.spec import VenueSpec


def configured(spec: VenueSpec, venue: VenueConfig) -> VenueSpec:
    """The venue's spec with what its configuration says instead."""
    limits, heartbeat = spec.limits, spec.heartbeat
    if venue.requests_per_minute is not None:
        limits = replace(limits, requests_per_minute=venue.requests_per_minute)
    if venue.heartbeat_interval_s is not None:
        heartbeat = replace(heartbeat, interval_s=venue.heartbeat_interval_s)
    stale_after_s = {**spec.stale_after_s, **venue.stale_after_s}
    return replace(spec, limits=limits, heartbeat=heartbeat, stale_after_s=stale_after_s)
