"""The venues, one frozen spec each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ferrofeed.venues.coinceres import COINCERES
from ferrofeed.venues.infoway import INFOWAY
from ferrofeed.venues.itick import ITICK, itick
from ferrofeed.venues.quantapi import QUANTAPI
from ferrofeed.venues.ziario import ZIARIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.spec import VenueSpec

SPECS: Final[Mapping[str, VenueSpec]] = {spec.name: spec for spec in (ZIARIO, ITICK, INFOWAY)}
"""Every market-data venue by its ``kind`` in the configuration."""

ORDER_SPECS: Final[Mapping[str, VenueSpec]] = {spec.name: spec for spec in (COINCERES, QUANTAPI)}
"""Every trading venue that is reached over a socket, likewise. They have no channels."""

__all__ = ["COINCERES", "INFOWAY", "ITICK", "ORDER_SPECS", "QUANTAPI", "SPECS", "ZIARIO", "itick"]
