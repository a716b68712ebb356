"""Why a command was not taken: one class for each way a caller may want to go on. Nothing was sent, ever."""

from __future__ import annotations

from typing import Final

from ferrofeed.errors import FerrofeedError


class OrderError(FerrofeedError):
    """A command that was not taken. ``rule`` names why; the text says the limit and what was found."""

    def __init__(self, rule: str, text: str, order: int = 0) -> None:
        super().__init__(text)
        self.rule = rule
        self.order = order
        """The order it is about, where there is one; 0: none."""

    def __reduce__(self) -> tuple[type[OrderError], tuple[str, str, int]]:
        """Pickle by parts."""
        return type(self), (self.rule, str(self), self.order)


class OrderRejectedError(OrderError):
    """A rule of risk, or of the venue's instrument: tick, lot, limits, collar, position, budget ..."""


class HaltedError(OrderRejectedError):
    """The router is halted, or the kill switch is on; or it is reducing, and this would not only reduce."""


class NotReadyError(OrderError):
    """The venue takes no orders now: not connected, not logged in, not reconciled; or too many requests wait."""


class UnsupportedError(OrderError):
    """The venue can't do that."""


class IntentUsedError(OrderError):
    """The intent has an order already, which is live or was filled, if only in part: see ``order``."""


class UnknownOrderError(OrderError):
    """No such order, or it is too old to be kept."""


class OrderFinishedError(OrderError):
    """The order is over."""


class BadInputError(OrderError):
    """Not a number, not a side, not a symbol of the venue: what was found, and what was expected."""


class JournalFailedError(OrderError):
    """The journal takes nothing: no order is sent that could not be written down first."""


class WaitTimeoutError(OrderError, TimeoutError):
    """What was waited for did not happen in time; the order goes on."""


_BY_RULE: Final[dict[str, type[OrderError]]] = {
    "busy": NotReadyError,
    "finished": OrderFinishedError,
    "full": NotReadyError,
    "halted": HaltedError,
    "input": BadInputError,
    "intent": IntentUsedError,
    "journal": JournalFailedError,
    "not_ready": NotReadyError,
    "order_type": UnsupportedError,
    "reducing": HaltedError,
    "too_long": BadInputError,
    "unit": UnsupportedError,
    "unknown_instrument": BadInputError,
    "unknown_order": UnknownOrderError,
    "unreconciled": NotReadyError,
    "unsupported": UnsupportedError,
}


def error_of(rule: str, text: str, order: int) -> OrderError:
    """The error of a rule's name; every rule of risk that has none of its own is a rejection."""
    return _BY_RULE.get(rule, OrderRejectedError)(rule, text, order)
