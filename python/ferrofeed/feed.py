"""The feed: everything a program needs to have live, normalised market data."""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from ferrofeed import _core, board
from ferrofeed.book import Book
from ferrofeed.config import Config
from ferrofeed.consumer import Consumer, Policy
from ferrofeed.dispatch import Dispatcher, Inline, inline_options
from ferrofeed.errors import UsageError
from ferrofeed.events import KINDS, Batch, Names, kinds_of
from ferrofeed.market_source import MarketSource
from ferrofeed.net.link import Link
from ferrofeed.net.socket import tls_context
from ferrofeed.net.supervisor import Supervisor
from ferrofeed.net.tuning import Tuning
from ferrofeed.session import DEFAULT_BACKOFF, Budgets, Session
from ferrofeed.session.configured import configured
from ferrofeed.spec import Topic
from ferrofeed.venues import ORDER_SPECS, SPECS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from ferrofeed.config import VenueConfig
    from ferrofeed.dispatch import Callback
    from ferrofeed.gateway import GatewayServer
    from ferrofeed.net.order_link import OrderLink
    from ferrofeed.orders.api import Orders
    from ferrofeed.orders.wiring import OrderSide
    from ferrofeed.session import BackoffPolicy, Snapshot
    from ferrofeed.spec import VenueSpec

DEFAULT_CAPACITY = 65_536
_LOG = logging.getLogger("ferrofeed.feed")


class Feed:
    """Connections to every venue of a configuration, on a thread of their own, and the consumers of what they bring.

    Methods may be called from any thread. Used as a context manager it starts on entry and stops on exit::

        with Feed.from_file("feed.toml") as feed:
            for batch in feed.consumer():
                for event in batch: ...

    Where a method takes several symbols, channels or kinds, one may be given as a plain string.
    """

    def __init__(
        self,
        config: Config,
        *,
        specs: Mapping[str, VenueSpec] = SPECS,
        order_specs: Mapping[str, VenueSpec] = ORDER_SPECS,
        backoff: BackoffPolicy = DEFAULT_BACKOFF,
        seed: int | None = None,
    ) -> None:
        """Prepare, and connect to nothing yet.

        ``specs``, ``order_specs``: other venues, or the same with other limits; ``backoff``: how long to wait before
        reconnections; ``seed`` fixes their jitter (tests). Where a venue trades, the journal is opened here:
        :class:`~ferrofeed.orders.JournalFailedError` if another process has it.
        """
        self.config = config
        self.names = Names()
        self.core = _core.FeedCore(quarantine_per_reason=8, quarantine_total=max(1, config.service.quarantine))
        self._specs = specs
        self._backoff = backoff
        self._supervisor = Supervisor(self.core.board, Tuning(config.service.loop), self.core.deliver, self._ended)
        self._links: dict[str, list[Link]] = {}
        self._instruments: dict[tuple[str, str], int] = {}
        self._consumers: list[Consumer] = []
        self._dispatchers: list[Callback] = []
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._state = "new"
        budgets = Budgets()
        rng = random.Random(seed)  # noqa: S311  # jitter, not secrets
        for venue in config.venues:
            if not venue.trades:
                self._add_venue(venue, budgets, rng)
        for venue in config.venues:
            for symbol, channel in venue.topics():
                self._subscribe(venue.id, [symbol], [channel])
        self._order_side: OrderSide | None = None
        if config.trading:
            from ferrofeed.orders.wiring import OrderSide  # noqa: PLC0415  # most feeds trade nothing

            side = OrderSide(
                config, self.core, self._supervisor, names=self.names, books=self._book_of, specs=order_specs
            )
            side.connect(config, order_specs, budgets, rng, backoff)
            self._order_side = side
            try:
                side.serve(config, MarketSource(self._gateway_consumer, self._pictures, self._json_lines))
            except BaseException:
                side.close()
                raise

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A feed of a TOML file. Raises :class:`~ferrofeed.errors.ConfigError`."""
        return cls(Config.load(path))

    # life

    def start(self) -> Self:
        """Connect to every venue. Returns at once; see :meth:`wait_ready`."""
        with self._lock:
            if self._state != "new":
                raise UsageError(f"the feed can't start: it is {self._state}")
            self._state = "running"
        self._supervisor.start()
        self.core.board.put_state(board.RUNNING)
        for dispatcher in self._dispatchers:
            dispatcher.start()
        return self

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close every connection, end every consumer once it has taken what is pending. Idempotent.

        Called by an inline callback it returns at once: the feed ends when the callback has.
        """
        with self._lock:
            self._state = "stopped"
        self.core.board.put_state(board.STOPPED)
        self._supervisor.stop(timeout_s)
        if self._supervisor.on_thread:
            return
        self._close_consumers()
        for dispatcher in self.dispatchers:
            dispatcher.join(timeout_s)
        self.core.board.close()
        self._close_orders()

    def _ended(self) -> None:
        self._close_consumers()
        self._close_orders()
        self.core.board.close()

    def _close_consumers(self) -> None:
        for consumer in self.consumers:
            consumer.core.close()

    def _close_orders(self) -> None:
        if self._order_side is not None:
            self._order_side.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._state == "running"

    def ready(self) -> bool:
        """Whether it runs, every wanted subscription is acknowledged and every book of it valid."""
        return not self.missing()

    def missing(self) -> list[str]:
        """What keeps the feed from being :meth:`ready`: a line for each connection that lacks something."""
        if not self.running:
            return ["the feed is not running"]
        links, side = self._all_links(), self._order_side
        lines = self._supervisor.call(lambda: [line for link in links if (line := link.missing())])
        return lines if side is None else lines + side.missing()

    def wait_ready(self, timeout_s: float = 30.0) -> bool:
        """Wait until :meth:`ready`; False if it did not come within ``timeout_s``, see :meth:`missing` for why.

        False at once when a venue refused us for good: only another configuration can help. Not for an inline callback,
        which would wait for itself: :class:`UsageError`.
        """
        if self._supervisor.on_thread:
            raise UsageError("an inline callback can't wait for the feed: nothing is read meanwhile")
        deadline = time.monotonic() + timeout_s
        while True:
            if not self.missing():
                return True
            fatal = any(session.fatal for session in self._sessions())
            if fatal or time.monotonic() > deadline or not self.running:
                return False
            time.sleep(0.01)

    # orders

    @property
    def orders(self) -> Orders:
        """Orders at the trading venues of the configuration; :class:`UsageError` if it has none."""
        if self._order_side is None:
            raise UsageError("no venue of the configuration trades: kinds coinceres, quantapi and paper do")
        return self._order_side.orders

    @property
    def gateway(self) -> GatewayServer | None:
        """The server of the trading API; None: the configuration wants none."""
        return None if self._order_side is None else self._order_side.gateway

    # subscriptions

    def subscribe(self, venue: str, symbols: str | Iterable[str], channels: str | Iterable[str]) -> None:
        """Subscribe every symbol with every channel, while running or before.

        Raises :class:`UsageError` for a venue that is not in the configuration and for channels it does not have;
        nothing is subscribed then. Symbols the venue does not have it refuses: a ``status`` event and a counter say so.
        """
        topics = self._subscribe(venue, symbols, channels)
        _LOG.debug("%s: %d topics wanted", venue, len(topics))

    def unsubscribe(self, venue: str, symbols: str | Iterable[str], channels: str | Iterable[str]) -> None:
        """Drop subscriptions; those that are not there are passed over."""
        spec, links = self._venue(venue)
        self._check_not_stopped()
        raw = {spec.dialect.raw_symbol(symbol) for symbol in several(symbols)}
        gone = {Topic(channel, symbol) for channel in several(channels) for symbol in raw}
        for link in links:
            self._on_loop(partial(link.unwant, gone))

    def retry(self, venue: str) -> None:
        """Try again what the venue had refused for good (a wrong key), once that is put right. Else does nothing.

        Logins of the gateway's clients there are tried again too.
        """
        links: list[Link | OrderLink] = [*self._links.get(venue, ())]
        if not links and self._order_side is not None:
            side = self._order_side
            links += [link for link in side.links if any(desk.is_of(venue) for desk in link.desks)]
            if not links and venue in side.orders.venues():
                return  # one that never connects: the paper exchange, or one without keys
        for link in links or self._venue(venue)[1]:
            self._on_loop(link.retry)

    # consumers

    def consumer(
        self,
        *,
        kinds: str | Iterable[str] = KINDS,
        symbols: str | Iterable[str] | None = None,
        policy: Policy = "conflate",
        capacity: int = DEFAULT_CAPACITY,
        top_of_book: bool = False,
        name: str = "",
    ) -> Consumer:
        """A new consumer: it gets every event from now on. Make it before :meth:`start` to miss nothing.

        ``kinds``: ``trade quote book bar status``; ``symbols``: canonical or raw, of any venue (None: all; they must be
        subscribed already); ``capacity``: events; ``top_of_book``: of books only those whose best level changed.
        Raises :class:`UsageError` for what is not known, and once the feed was stopped.
        """
        consumer = self._consumer(
            kinds, policy=policy, capacity=capacity, name=name, symbols=symbols, top_of_book=top_of_book
        )
        if policy == "block":
            self._on_loop(lambda: self._supervisor.block_for(consumer.core))
        return consumer

    def on(
        self, kind: str | Iterable[str], callback: Callable[[Any], object], *, inline: bool = False, **options: Any
    ) -> Consumer:
        """Call ``callback(event)`` for every event of a kind (or of several, in their order).

        By default on a thread of this consumer's own, with the ``options`` of :meth:`consumer`. ``inline``: on the
        feed's own thread, within the read that brought the event, when books and queues are up to date: the quickest
        there is, and while the callback runs nothing else is read. It gets every event, or with ``policy="conflate"``
        the newest state of each instrument and channel of a read; ``capacity`` means nothing then. It may call
        anything of the feed, but not wait for it.

        Closing the consumer given back ends the calls, but for what was taken already. An exception of the callback is
        counted, the first is logged, and the feed goes on.
        """
        return self._call_back(callback, several(kind), inline=inline, batches=False, options=options)

    def on_batch(
        self,
        callback: Callable[[Batch], object],
        *,
        kinds: str | Iterable[str] = KINDS,
        inline: bool = False,
        **options: Any,
    ) -> Consumer:
        """As :meth:`on`, but call ``callback(batch)`` once for all that is pending; inline: once for each read."""
        return self._call_back(callback, several(kinds), inline=inline, batches=True, options=options)

    def _gateway_consumer(self, kinds: Sequence[str], symbols: Sequence[str]) -> Consumer:
        policy: Policy = "drop_oldest" if "trade" in kinds else "conflate"
        name = f"gateway-{'-'.join(kinds)}"
        return self._consumer(kinds, policy=policy, capacity=DEFAULT_CAPACITY, name=name, symbols=symbols)

    def _json_lines(self, batch: _core.Batch) -> bytes:
        return self.core.json_lines(batch, self.names.venues)

    def _pictures(self, wanted: Sequence[tuple[str, str]]) -> Batch:
        """The valid books of venues with symbols."""
        found = [self._book_of(*one) for one in wanted]
        return Batch(self.core.pictures([index for index in found if index is not None]), self.names)

    def _call_back(
        self,
        callback: Callable[[Any], object],
        kinds: list[str],
        *,
        inline: bool,
        batches: bool,
        options: dict[str, Any],
    ) -> Consumer:
        which = "-".join(kinds) if len(kinds) < len(KINDS) else "all"
        options["name"] = options.get("name") or f"on-{which}-{next(self._numbers)}"
        dispatcher: Callback
        if inline:
            consumer = self._consumer(kinds, **inline_options(options))
            dispatcher = quick = Inline(consumer, callback, self.names, batches=batches)
            self.core.set_inline(consumer.core, quick.deliver)
        else:
            consumer = self.consumer(kinds=kinds, **options)
            dispatcher = Dispatcher(consumer, callback, batches=batches)
        with self._lock:
            self._dispatchers.append(dispatcher)
        if self.running:
            dispatcher.start()
        return consumer

    def _consumer(
        self,
        kinds: str | Iterable[str],
        *,
        policy: Policy,
        capacity: int,
        name: str,
        symbols: str | Iterable[str] | None = None,
        top_of_book: bool = False,
    ) -> Consumer:
        instruments = None
        if symbols is not None:
            instruments = [index for symbol in several(symbols) for index in self._indices(symbol)]
        self._check_not_stopped()
        name = name or f"consumer-{next(self._numbers)}"
        try:
            core = self.core.add_consumer(
                capacity=capacity,
                policy=policy,
                kinds=kinds_of(several(kinds)),
                instruments=instruments,
                top_of_book=top_of_book,
                name=name,
            )
        except (ValueError, OverflowError) as error:
            raise UsageError(f"consumer: {error}") from None
        consumer = Consumer(name, policy, core, self.names, self._close_consumer)
        with self._lock:
            self._consumers.append(consumer)
            if self._state == "stopped":  # just now, by another thread
                core.close()
        return consumer

    # what there is to see

    def book(self, venue: str, symbol: str, depth: int | None = None) -> Book | None:
        """A picture of an instrument's book, its best ``depth`` levels (None: all); None before its first snapshot.

        Raises :class:`UsageError` for what is not subscribed.
        """
        index = self._instruments.get((venue, self._venue(venue)[0].dialect.raw_symbol(symbol)))
        if index is None:
            raise UsageError(f"{venue}: no subscribed instrument {symbol!r}")
        snapshot = self.core.book(index, depth)
        return None if snapshot is None else Book(snapshot, venue, self.names.symbols[index][0])

    def snapshots(self) -> list[tuple[Link, Snapshot]]:
        """Every link with what its session has to show."""
        links = self._all_links()

        def look() -> list[tuple[Link, Snapshot]]:
            return [(link, link.snapshot()) for link in links]

        return self._supervisor.call(look) if self.running else look()

    @property
    def consumers(self) -> list[Consumer]:
        """Every consumer there is now."""
        with self._lock:
            return list(self._consumers)

    @property
    def dispatchers(self) -> list[Callback]:
        """The callbacks of :meth:`on` and :meth:`on_batch`, with their error counts."""
        with self._lock:
            return list(self._dispatchers)

    @property
    def pauses(self) -> int:
        """How often reading stopped for a consumer with the policy ``block``."""
        return self._supervisor.pauses

    def quarantine(self) -> list[dict[str, Any]]:
        """Messages that could not be used: the first few of each reason, secrets masked."""
        return [
            {"venue": self.names.venues[venue], "reason": reason, "at": at, "ts_recv": ts_recv, "text": text}
            for venue, reason, at, ts_recv, text in self.core.quarantine()
        ]

    # inside

    def _all_links(self) -> list[Link]:
        return [link for links in self._links.values() for link in links]

    def _sessions(self) -> list[Session]:
        links: list[Link | OrderLink] = [*self._all_links()]
        if self._order_side is not None:
            # with wrong keys a client of the gateway fails for itself
            links += [link for link in self._order_side.links if not all(desk.owner for desk in link.desks)]
        return [link.session for link in links]

    def _book_of(self, venue: str, symbol: str) -> int | None:
        spec = self._venue(venue)[0]
        return self._instruments.get((venue, spec.dialect.raw_symbol(symbol)))

    def _add_venue(self, venue: VenueConfig, budgets: Budgets, rng: random.Random) -> None:
        spec = configured(self._specs[venue.kind], venue)
        secrets = [secret.reveal().encode() for secret in (venue.api_key, venue.api_secret) if secret is not None]
        links: list[Link] = []
        if venue.url.startswith("wss:"):
            with contextlib.suppress(OSError):  # the connection will say what is wrong with the file
                tls_context(venue.tls_ca)  # read here, so that the loop need not
        for _ in range(venue.connections):
            index = self.core.add_connection(
                venue.kind, max_message=spec.limits.max_message_bytes, secrets=secrets, label=venue.id
            )
            self.names.venues.append(venue.id)
            session = Session(spec, venue, budgets.of(spec, venue), rng, self._backoff)
            loop = self._supervisor
            link = Link(self.core, index, venue, session, loop.spawn, loop.pressure, loop.announced, loop.tuning)
            self._supervisor.add(link)
            links.append(link)
        self._links[venue.id] = links

    def _venue(self, venue: str) -> tuple[VenueSpec, list[Link]]:
        if venue not in self._links:
            raise UsageError(f"no venue {venue!r}; there are {', '.join(self._links) or 'none'}")
        links = self._links[venue]
        return links[0].session.spec, links

    def _check_not_stopped(self) -> None:
        if self._state == "stopped":
            raise UsageError("the feed was stopped; a feed runs once")

    def _subscribe(self, venue: str, symbols: str | Iterable[str], channels: str | Iterable[str]) -> list[Topic]:
        spec, links = self._venue(venue)
        self._check_not_stopped()
        channels = several(channels)
        for channel in channels:
            if channel not in spec.channels:
                raise UsageError(f"{venue}: no channel {channel!r}; {spec.name} has {', '.join(sorted(spec.channels))}")
        wanted: list[Topic] = []
        by_link: dict[int, dict[Topic, int]] = {}
        for symbol, channel in itertools.product(several(symbols), channels):
            if not symbol.strip():
                raise UsageError(f"{venue}: a symbol is empty")
            raw = spec.dialect.raw_symbol(symbol)
            with self._lock:
                index = self._instrument(venue, symbol, raw, spec, links)
            topic = Topic(channel, raw)
            wanted.append(topic)
            by_link.setdefault(self.names.owners[index], {})[topic] = index
        for link in links:
            topics = by_link.get(link.venue)
            if topics:
                self._on_loop(partial(link.want, topics))
        return wanted

    def _instrument(self, venue: str, symbol: str, raw: str, spec: VenueSpec, links: list[Link]) -> int:
        index = self._instruments.get((venue, raw))
        if index is not None:
            return index
        link = min(links, key=lambda link: sum(owner == link.venue for owner in self.names.owners))
        scales = next(
            (
                chosen
                for chosen in self.config.instruments
                if chosen.venue == venue and spec.dialect.raw_symbol(chosen.symbol) == raw
            ),
            None,
        )
        index = self.core.add_instrument(
            link.venue,
            symbol,
            list(spec.dialect.spellings(raw)),
            price_scale=None if scales is None else scales.price_scale,
            size_scale=None if scales is None else scales.size_scale,
            turnover_scale=None if scales is None else scales.turnover_scale,
        )
        self.names.symbols.append((symbol, raw))
        self.names.owners.append(link.venue)
        self._instruments[venue, raw] = index
        return index

    def _indices(self, symbol: str) -> list[int]:
        found = [index for index, names in enumerate(self.names.symbols) if symbol in names]
        if not found:
            raise UsageError(f"no subscribed instrument {symbol!r}")
        return found

    def _close_consumer(self, consumer: Consumer) -> None:
        with self._lock:
            if consumer in self._consumers:
                self._consumers.remove(consumer)
            self._dispatchers = [dispatcher for dispatcher in self._dispatchers if dispatcher.consumer is not consumer]
        self.core.remove_consumer(consumer.core)
        if consumer.policy == "block":
            self._on_loop(lambda: self._supervisor.unblock(consumer.core))

    def _on_loop(self, call: Callable[[], object]) -> None:
        if self.running:
            self._supervisor.call(call)
        else:
            call()


def several(names: str | Iterable[str]) -> list[str]:
    """The names; a plain string is one of them, not its characters."""
    return [names] if isinstance(names, str) else list(names)
