"""The life of ONE connection, sans-I/O, the same for every venue."""

from ferrofeed.session.actions import Action, Close, Connect, Emit, Level, Log, Reason, Send, SendPing, State
from ferrofeed.session.backoff import BackoffPolicy
from ferrofeed.session.budget import Budget, Budgets
from ferrofeed.session.session import DEFAULT_BACKOFF, Session
from ferrofeed.session.snapshot import Phase, Snapshot
from ferrofeed.session.staleness import Activity
from ferrofeed.session.subscriptions import TopicState
from ferrofeed.session.units import NEVER

__all__ = [
    "DEFAULT_BACKOFF",
    "NEVER",
    "Action",
    "Activity",
    "BackoffPolicy",
    "Budget",
    "Budgets",
    "Close",
    "Connect",
    "Emit",
    "Level",
    "Log",
    "Phase",
    "Reason",
    "Send",
    "SendPing",
    "Session",
    "Snapshot",
    "State",
    "TopicState",
]
