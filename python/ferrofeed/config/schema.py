"""The configuration, typed. Field names are the TOML keys, but for the plurals ``venues`` and ``instruments``."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrofeed.config.trading import ORDER_KINDS, OrdersConfig, RiskConfig, TradeConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from ferrofeed.config.gateway import GatewayConfig
    from ferrofeed.config.secrets import Secret
    from ferrofeed.errors import Problem
    from ferrofeed.spec import VenueSpec


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """The thread that reads the sockets."""

    cpu: int | None = None
    """Pin it to this CPU; None leaves it to the kernel."""
    busy_poll: bool = False
    """Spin on the sockets instead of sleeping until one is readable: a whole CPU for a few microseconds."""
    so_busy_poll_us: int | None = None
    """``SO_BUSY_POLL``: how long the kernel polls the network card itself before a read gives up; None: its default."""
    tcp_quickack: bool = False
    """``TCP_QUICKACK``: acknowledge at once."""
    receive_buffer_bytes: int | None = None
    """``SO_RCVBUF``; None: the kernel sizes it."""
    fifo_priority: int | None = None
    """``SCHED_FIFO`` with this priority; None: an ordinary thread."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What concerns the process and no venue."""

    metrics: str = "127.0.0.1:9464"
    """``host:port`` of the Prometheus endpoint; empty: none."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    log_format: str = "text"
    """``text`` or ``json``."""
    quarantine: int = 100
    """How many messages that could not be decoded are kept for inspection, in all."""
    lock_memory: bool = False
    """Keep the process's memory from being paged out."""
    gc: str = "freeze"
    """``freeze``: what start-up made is never walked again; ``off``: nothing is; ``on``: Python's own way."""
    switch_interval_us: int | None = None
    """How long a thread may hold the interpreter while another waits for it; None: Python's 5,000."""
    loop: LoopConfig = field(default_factory=LoopConfig)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host (an IPv6 address without brackets) and port of the metrics endpoint, None if it is off."""
        return split_address(self.metrics) if self.metrics else None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Every symbol with every channel."""

    symbols: Sequence[str]
    """Canonical (``ETH/USDT``) or as the venue spells it."""
    channels: Sequence[str]
    """``quote``, ``depth``, ``trade``, ``bar:INTERVAL``."""


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """One venue: where it is, who we are there and what we want."""

    id: str
    """The label in metrics and events."""
    kind: str
    url: str = ""
    """Empty: the kind's own, which a :class:`Config` fills in."""
    api_key: Secret | None = field(default=None, hash=False)
    api_secret: Secret | None = field(default=None, hash=False)
    tls_ca: Path | None = None
    """PEM file of the authority to trust instead of the system's."""
    connections: int = 1
    """Sockets over which the subscriptions are spread."""
    requests_per_minute: int | None = None
    """Instead of the kind's own limit."""
    heartbeat_interval_s: float | None = None
    """Instead of the kind's own."""
    stale_after_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    """By channel (``bar``: all bars): how long without data before it is probed."""
    subscribe: Sequence[Subscription] = ()

    # of venues that trade
    exchange: str = ""
    """coinceres: the exchange behind it."""
    push_url: str = ""
    """coinceres: a second socket that brings what happens to orders; empty: the first brings it."""
    utc_offset_h: float = 8.0
    """coinceres: how far its local times are ahead of UTC."""
    leverage: int = 10
    """coinceres: of contracts; 0: what is set there."""
    platform: str = ""
    """quantapi: the platform behind the gateway."""
    poll_s: float | None = None
    """How often live orders are asked for, pushes or not; 0: never; None: the kind's own."""
    market: str = ""
    """paper: the market-data venue whose books it trades against; empty: nothing trades."""
    seed: int = 0
    """paper: of its latencies and refusals."""
    maker_ppm: int = 200
    taker_ppm: int = 500
    """paper: fees, in millionths."""
    latency_us: tuple[int, int] = (0, 0)
    """paper: least and most of one way."""
    reject_ppm: int = 0
    """paper: how many of a million new orders it refuses for no reason."""
    balances: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    """paper: what is on the account at the start."""
    restart: str = "forget"
    """paper: what it knows after a restart: nothing."""
    trade: Sequence[TradeConfig] = ()
    risk: RiskConfig = field(default_factory=RiskConfig)

    @property
    def trades(self) -> bool:
        """Whether it takes orders; then it brings no market data."""
        return self.kind in ORDER_KINDS

    @property
    def keyless(self) -> bool:
        """Whether it trades, and not with keys of ours: clients of the gateway bring theirs."""
        return self.trades and self.kind != "paper" and self.api_key is None

    def topics(self) -> Iterator[tuple[str, str]]:
        """Every (symbol, channel) to subscribe, in the order of the file."""
        for subscription in self.subscribe:
            for symbol in subscription.symbols:
                for channel in subscription.channels:
                    yield symbol, channel


@dataclass(frozen=True, slots=True)
class InstrumentConfig:
    """Scales of one instrument, set by hand; those left out are found and moved by the feed itself."""

    venue: str
    symbol: str
    price_scale: int | None = None
    """Digits after the decimal point, 0 to 18."""
    size_scale: int | None = None
    turnover_scale: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration, valid by construction however it was made.

    Raises :class:`~ferrofeed.errors.ConfigError`, which names every problem, if it isn't. ``specs`` says which venues
    there are; without it, those that come with the package.
    """

    venues: Sequence[VenueConfig] = ()
    service: ServiceConfig = field(default_factory=ServiceConfig)
    instruments: Sequence[InstrumentConfig] = ()
    gateway: GatewayConfig | None = None
    orders: OrdersConfig = field(default_factory=OrdersConfig)
    source: str = "configuration"
    """The file's name, for messages."""
    specs: InitVar[Mapping[str, VenueSpec] | None] = None
    warnings: tuple[Problem, ...] = field(init=False, default=(), compare=False, repr=False)
    """What works and probably isn't meant."""

    def __post_init__(self, specs: Mapping[str, VenueSpec] | None) -> None:
        """Check everything and fill in what the kinds of venues say."""
        from ferrofeed.config.load import normalise  # noqa: PLC0415  # it builds the classes above

        for name, value in normalise(self, specs).items():
            object.__setattr__(self, name, value)

    @classmethod
    def load(cls, path: str | Path, *, specs: Mapping[str, VenueSpec] | None = None) -> Config:
        """Read a TOML file. Relative paths in it start at its folder."""
        from ferrofeed.config.load import read_toml  # noqa: PLC0415

        return cls.from_dict(read_toml(Path(path)), source=str(path), base=Path(path).parent, specs=specs)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        source: str = "configuration",
        base: Path | None = None,
        specs: Mapping[str, VenueSpec] | None = None,
    ) -> Config:
        """Build from what the TOML file would hold; relative paths start at ``base``, or else at the working folder."""
        from ferrofeed.config.load import read_dict  # noqa: PLC0415

        config = object.__new__(cls)
        for name, value in read_dict(data, source=source, base=base or Path(), specs=specs).items():
            object.__setattr__(config, name, value)
        return config

    @property
    def trading(self) -> tuple[VenueConfig, ...]:
        """The venues that take orders."""
        return tuple(venue for venue in self.venues if venue.trades)

    def limits(self, venue: VenueConfig, trade: TradeConfig | None = None) -> RiskConfig:
        """The limits in force at a venue, or for a table of what is traded there."""
        at_venue = venue.risk.over(self.orders.risk)
        return at_venue if trade is None else trade.risk.over(at_venue)

    def venue(self, venue_id: str) -> VenueConfig:
        """The venue of this id; :class:`KeyError` if there is none."""
        for venue in self.venues:
            if venue.id == venue_id:
                return venue
        raise KeyError(venue_id)


def split_address(address: str) -> tuple[str, int]:
    """``host:port`` in two, brackets of an IPv6 address gone; the address was checked before."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
