"""The market-data venues, one frozen spec each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ferrofeed.venues.infoway import INFOWAY
from ferrofeed.venues.itick import ITICK, itick
from ferrofeed.venues.ziario import ZIARIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.spec import VenueSpec

SPECS: Final[Mapping[str, VenueSpec]] = {spec.name: spec for spec in (ZIARIO, ITICK, INFOWAY)}
"""Every venue by its ``kind`` in the configuration."""

__all__ = ["INFOWAY", "ITICK", "SPECS", "ZIARIO", "itick"]
