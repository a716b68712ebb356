//! THE normalised event: one fixed layout for Rust, NumPy, shared memory, files and JSON lines.
//!
//! Every event is one [`Event`] of 128 bytes, all integers, no padding. The fields before [`Event::v`] mean the
//! same for every [`Kind`]; the nine words of `v` are read through the typed views ([`Event::trade`],
//! [`Event::quote`], [`Event::bar`], [`Event::book`], [`Event::status`]). Levels of a book stand beside the events,
//! in [`Batch::levels`].
//!
//! Prices, sizes and turnovers are integers scaled by a power of ten that each event carries itself
//! (`price_scale`, `size_scale`, `turnover_scale`), so that a record is right on its own, even after an
//! instrument was re-announced at another scale.

use crate::clock::Nanos;
use bytemuck::{Pod, Zeroable};

/// What an event is. The value of [`Event::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One execution on the venue.
    Trade = 1,
    /// The venue's ticker: last price and day statistics.
    Quote = 2,
    /// A new state of an order book, or a change of it.
    Book = 3,
    /// A price bar (candle, kline).
    Bar = 4,
    /// What happened to a connection, a subscription or an instrument.
    Status = 5,
}

impl Kind {
    /// All kinds, in the order of their values.
    pub const ALL: [Self; 5] = [Self::Trade, Self::Quote, Self::Book, Self::Bar, Self::Status];

    /// The kind of this value of [`Event::kind`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == value)
    }

    /// The name used in JSON lines, metrics and the Python API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Quote => "quote",
            Self::Book => "book",
            Self::Bar => "bar",
            Self::Status => "status",
        }
    }
}

/// The aggressor's side of a trade. The value of [`Event::side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// The venue does not say.
    #[default]
    Unknown = 0,
    /// The buyer took liquidity.
    Buy = 1,
    /// The seller took liquidity.
    Sell = 2,
}

impl Side {
    /// The name used in JSON lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// How the levels of a book event are to be read. The value of [`Event::action`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// The levels are the whole book to its depth.
    #[default]
    Snapshot = 0,
    /// The levels are changes; size 0 removes the level.
    Update = 1,
}

/// The interval of a bar. The value of [`Event::interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it: minutes, hours, day, week, month, quarter, year")]
pub enum Interval {
    M1 = 1,
    M5 = 2,
    M15 = 3,
    M30 = 4,
    H1 = 5,
    H2 = 6,
    H4 = 7,
    D1 = 8,
    W1 = 9,
    Mo1 = 10,
    Q1 = 11,
    Y1 = 12,
}

impl Interval {
    /// All intervals, shortest first.
    pub const ALL: [Self; 12] = [
        Self::M1,
        Self::M5,
        Self::M15,
        Self::M30,
        Self::H1,
        Self::H2,
        Self::H4,
        Self::D1,
        Self::W1,
        Self::Mo1,
        Self::Q1,
        Self::Y1,
    ];

    /// The interval of this value of [`Event::interval`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| *interval as u8 == value)
    }

    /// The name used in channels (`bar:1m`) and JSON lines: `1m 5m 15m 30m 1h 2h 4h 1d 1w 1M 1Q 1Y`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H4 => "4h",
            Self::D1 => "1d",
            Self::W1 => "1w",
            Self::Mo1 => "1M",
            Self::Q1 => "1Q",
            Self::Y1 => "1Y",
        }
    }
}

/// The state a status event announces. The value of [`Event::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// The connection is up (handshake done); not yet subscribed. `instrument` is [`NO_INSTRUMENT`].
    Connected = 1,
    /// The connection is gone; every book of it is stale from here on. `instrument` is [`NO_INSTRUMENT`].
    Disconnected = 2,
    /// Data of this instrument may be missing from here on; its book is stale until [`State::Resync`].
    Gap = 3,
    /// The instrument's book is whole and valid again, in this epoch.
    Resync = 4,
    /// No data came on a channel for longer than its limit.
    Stale = 5,
    /// The venue acknowledged the subscription.
    Subscribed = 6,
    /// The subscription ended at our wish.
    Unsubscribed = 7,
    /// The venue refused the login or the subscription.
    Refused = 8,
    /// The instrument's scales changed: this event carries the new ones.
    Scale = 9,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Connected,
        Self::Disconnected,
        Self::Gap,
        Self::Resync,
        Self::Stale,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Refused,
        Self::Scale,
    ];

    /// The state of this value of [`Event::state`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == value)
    }

    /// The name used in JSON lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Gap => "gap",
            Self::Resync => "resync",
            Self::Stale => "stale",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Refused => "refused",
            Self::Scale => "scale",
        }
    }
}

/// Why a status event was sent. The value of [`Event::reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u16)]
pub enum StatusReason {
    /// Nothing more is known.
    #[default]
    None = 0,
    /// The peer closed the connection.
    PeerClosed = 1,
    /// We closed it: shutdown or a changed configuration.
    LocalClosed = 2,
    /// The peer broke RFC 6455.
    ProtocolError = 3,
    /// No answer to probes.
    HeartbeatTimeout = 4,
    /// No data although the connection lives.
    DataTimeout = 5,
    /// The venue refused our credentials.
    LoginRefused = 6,
    /// The venue refused the request.
    RequestRefused = 7,
    /// Best bid at or above best ask.
    Crossed = 8,
    /// Sequence numbers do not follow each other.
    SequenceGap = 9,
    /// A checksum of the venue does not match ours.
    Checksum = 10,
    /// A frame of this instrument could not be decoded.
    DecodeError = 11,
    /// First full state after a gap or a (re)connection.
    Snapshot = 12,
    /// A value did not fit the scale.
    ValueOutOfScale = 13,
    /// Another connection with the same key took our place.
    Kicked = 14,
    /// The network failed.
    NetworkError = 15,
    /// The venue never acknowledged.
    AckTimeout = 16,
}

impl StatusReason {
    /// All reasons.
    pub const ALL: [Self; 17] = [
        Self::None,
        Self::PeerClosed,
        Self::LocalClosed,
        Self::ProtocolError,
        Self::HeartbeatTimeout,
        Self::DataTimeout,
        Self::LoginRefused,
        Self::RequestRefused,
        Self::Crossed,
        Self::SequenceGap,
        Self::Checksum,
        Self::DecodeError,
        Self::Snapshot,
        Self::ValueOutOfScale,
        Self::Kicked,
        Self::NetworkError,
        Self::AckTimeout,
    ];

    /// The reason of this value of [`Event::reason`].
    #[must_use]
    pub fn from_u16(value: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u16 == value)
    }

    /// The name used in JSON lines and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PeerClosed => "peer_closed",
            Self::LocalClosed => "local_closed",
            Self::ProtocolError => "protocol_error",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::DataTimeout => "data_timeout",
            Self::LoginRefused => "login_refused",
            Self::RequestRefused => "request_refused",
            Self::Crossed => "crossed",
            Self::SequenceGap => "sequence_gap",
            Self::Checksum => "checksum",
            Self::DecodeError => "decode_error",
            Self::Snapshot => "snapshot",
            Self::ValueOutOfScale => "value_out_of_scale",
            Self::Kicked => "kicked",
            Self::NetworkError => "network_error",
            Self::AckTimeout => "ack_timeout",
        }
    }
}

/// [`Event::instrument`] of an event that concerns a whole connection.
pub const NO_INSTRUMENT: u32 = u32::MAX;

/// Bits of [`Event::flags`].
pub mod flag {
    /// The book was valid when the event was made (book events).
    pub const VALID: u8 = 1;
    /// This consumer lost or conflated events of this instrument just before this one.
    pub const LOSSY: u8 = 2;
}

/// Bits of [`Event::present`]: which optional fields the venue sent. A field whose bit is 0 is 0.
pub mod present {
    /// Trade: turnover. Quote and bar: turnover.
    pub const TURNOVER: u16 = 1;
    /// Quote: volume. Bar: volume.
    pub const VOLUME: u16 = 1 << 1;
    /// Quote: change.
    pub const CHANGE: u16 = 1 << 2;
    /// Quote: open.
    pub const OPEN: u16 = 1 << 3;
    /// Quote: high.
    pub const HIGH: u16 = 1 << 4;
    /// Quote: low.
    pub const LOW: u16 = 1 << 5;
    /// Quote: trading status.
    pub const STATUS: u16 = 1 << 6;
}

/// One normalised event, 128 bytes. See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Event {
    /// A [`Kind`].
    pub kind: u8,
    /// A [`Side`]; trades only.
    pub side: u8,
    /// An [`Action`]; books only.
    pub action: u8,
    /// A [`State`]; status events only.
    pub state: u8,
    /// Digits after the decimal point of every price in `v`.
    pub price_scale: u8,
    /// Digits after the decimal point of every size and volume in `v`.
    pub size_scale: u8,
    /// Digits after the decimal point of every turnover in `v`.
    pub turnover_scale: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Index of the venue connection in the configuration's order.
    pub venue: u16,
    /// An [`Interval`]; bars only.
    pub interval: u8,
    /// Digits after the decimal point of a quote's change.
    pub change_scale: u8,
    /// The instrument, an index into [`crate::instrument::Instruments`], or [`NO_INSTRUMENT`].
    pub instrument: u32,
    /// Number of the event in this feed: 1, 2, 3 … without a hole at the source.
    pub seq: u64,
    /// The venue's time, ns since the Unix epoch; 0 if the venue sent none.
    pub ts_event: Nanos,
    /// Realtime clock at the socket read, ns since the Unix epoch.
    pub ts_recv: Nanos,
    /// Monotonic clock when decoded and booked, ns; comparable within the process only.
    pub ts_booked: Nanos,
    /// Connection epoch: grows by one with every (re)connection of the venue.
    pub epoch: u32,
    /// A [`StatusReason`]; status events only.
    pub reason: u16,
    /// Bits of [`present`].
    pub present: u16,
    /// The payload words; read through the typed views.
    pub v: [i64; 9],
}

const _: () = assert!(size_of::<Event>() == 128);

/// One price level of a book side, 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Level {
    /// Price at the instrument's `price_scale`.
    pub price: i64,
    /// Size at the instrument's `size_scale`.
    pub size: i64,
}

const _: () = assert!(size_of::<Level>() == 16);

/// Payload of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Price, at `price_scale`.
    pub price: i64,
    /// Size, at `size_scale`.
    pub size: i64,
    /// Price times size as the venue says it, at `turnover_scale`, if it does.
    pub turnover: Option<i64>,
    /// Aggressor.
    pub side: Side,
    /// The venue's id, ASCII, padded with zeros; all zeros if there is none.
    pub trade_id: [u8; 48],
}

/// Payload of a quote. `None`: the venue did not send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Last price, at `price_scale`.
    pub last: i64,
    /// Volume, at `size_scale`.
    pub volume: Option<i64>,
    /// Turnover, at `turnover_scale`.
    pub turnover: Option<i64>,
    /// Change in percent, at `change_scale`.
    pub change: Option<i64>,
    /// Open price.
    pub open: Option<i64>,
    /// High price.
    pub high: Option<i64>,
    /// Low price.
    pub low: Option<i64>,
    /// The venue's trading status, 0 = normal.
    pub status: Option<i64>,
}

/// Payload of a book event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookView {
    /// Best bid of the book after this event; size 0 if the side is empty.
    pub best_bid: Level,
    /// Best ask of the book after this event; size 0 if the side is empty.
    pub best_ask: Level,
    /// Index of the first bid level in the batch's levels; the asks follow the bids.
    pub at: usize,
    /// Number of bid levels, best first.
    pub bids: usize,
    /// Number of ask levels, best first.
    pub asks: usize,
}

/// Payload of a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the field's standard terms; scales are those of the event")]
pub struct Bar {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: Option<i64>,
    pub turnover: Option<i64>,
    /// Open time of the bar, ns since the Unix epoch.
    pub ts_open: Nanos,
}

fn optional(present: u16, bit: u16, value: i64) -> Option<i64> {
    (present & bit != 0).then_some(value)
}

impl Event {
    /// An event of this kind with everything else zero and no instrument.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind: kind as u8, instrument: NO_INSTRUMENT, ..Self::zeroed() }
    }

    /// The kind, if the byte is one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_u8(self.kind)
    }

    /// Writes a trade's payload.
    pub fn set_trade(&mut self, trade: &Trade) {
        self.side = trade.side as u8;
        self.present = if trade.turnover.is_some() { present::TURNOVER } else { 0 };
        let id: [i64; 6] = bytemuck::cast(trade.trade_id);
        let [a, b, c, d, e, f] = id;
        self.v = [trade.price, trade.size, trade.turnover.unwrap_or(0), a, b, c, d, e, f];
    }

    /// The payload of a trade.
    #[must_use]
    pub fn trade(&self) -> Trade {
        let [price, size, turnover, a, b, c, d, e, f] = self.v;
        Trade {
            price,
            size,
            turnover: optional(self.present, present::TURNOVER, turnover),
            side: match self.side {
                1 => Side::Buy,
                2 => Side::Sell,
                _ => Side::Unknown,
            },
            trade_id: bytemuck::cast([a, b, c, d, e, f]),
        }
    }

    /// Writes a quote's payload. `change_scale` is the event's own field.
    pub fn set_quote(&mut self, quote: &Quote) {
        let mut bits = 0;
        let mut take = |bit: u16, value: Option<i64>| {
            if value.is_some() {
                bits |= bit;
            }
            value.unwrap_or(0)
        };
        self.v = [
            quote.last,
            take(present::VOLUME, quote.volume),
            take(present::TURNOVER, quote.turnover),
            take(present::CHANGE, quote.change),
            take(present::OPEN, quote.open),
            take(present::HIGH, quote.high),
            take(present::LOW, quote.low),
            take(present::STATUS, quote.status),
            0,
        ];
        self.present = bits;
    }

    /// The payload of a quote.
    #[must_use]
    pub fn quote(&self) -> Quote {
        let [last, volume, turnover, change, open, high, low, status, _] = self.v;
        let has = |bit, value| optional(self.present, bit, value);
        Quote {
            last,
            volume: has(present::VOLUME, volume),
            turnover: has(present::TURNOVER, turnover),
            change: has(present::CHANGE, change),
            open: has(present::OPEN, open),
            high: has(present::HIGH, high),
            low: has(present::LOW, low),
            status: has(present::STATUS, status),
        }
    }

    /// Writes a bar's payload.
    pub fn set_bar(&mut self, bar: &Bar) {
        self.present = (if bar.volume.is_some() { present::VOLUME } else { 0 })
            | (if bar.turnover.is_some() { present::TURNOVER } else { 0 });
        self.v = [
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume.unwrap_or(0),
            bar.turnover.unwrap_or(0),
            bar.ts_open,
            0,
            0,
        ];
    }

    /// The payload of a bar.
    #[must_use]
    pub fn bar(&self) -> Bar {
        let [open, high, low, close, volume, turnover, ts_open, _, _] = self.v;
        Bar {
            open,
            high,
            low,
            close,
            volume: optional(self.present, present::VOLUME, volume),
            turnover: optional(self.present, present::TURNOVER, turnover),
            ts_open,
        }
    }

    /// Writes a book event's payload.
    pub fn set_book(&mut self, book: &BookView) {
        let word = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.v = [
            book.best_bid.price,
            book.best_bid.size,
            book.best_ask.price,
            book.best_ask.size,
            word(book.at),
            word(book.bids),
            word(book.asks),
            0,
            0,
        ];
    }

    /// The payload of a book event.
    #[must_use]
    pub fn book(&self) -> BookView {
        let [bid, bid_size, ask, ask_size, at, bids, asks, _, _] = self.v;
        let count = |n: i64| usize::try_from(n).unwrap_or(0);
        BookView {
            best_bid: Level { price: bid, size: bid_size },
            best_ask: Level { price: ask, size: ask_size },
            at: count(at),
            bids: count(bids),
            asks: count(asks),
        }
    }

    /// A status event's state and reason, if the bytes are such.
    #[must_use]
    pub fn status(&self) -> Option<(State, StatusReason)> {
        Some((State::from_u8(self.state)?, StatusReason::from_u16(self.reason)?))
    }
}

/// Events in order, and the levels of their books. Reused from read to read, so that a steady state allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events.
    pub events: Vec<Event>,
    /// Levels of the book events: bids best first, then asks best first, at [`BookView::at`].
    pub levels: Vec<Level>,
}

impl Batch {
    /// Bid and ask levels of a book event of this batch; empty slices for any other event.
    #[must_use]
    pub fn levels_of(&self, event: &Event) -> (&[Level], &[Level]) {
        if event.kind != Kind::Book as u8 {
            return (&[], &[]);
        }
        let book = event.book();
        let middle = book.at.saturating_add(book.bids);
        let end = middle.saturating_add(book.asks);
        (self.levels.get(book.at..middle).unwrap_or(&[]), self.levels.get(middle..end).unwrap_or(&[]))
    }

    /// Appends a book event with its levels and sets its place and counts; best levels are left to the caller.
    pub fn push_book(&mut self, mut event: Event, bids: &[Level], asks: &[Level]) {
        let at = self.levels.len();
        self.levels.extend_from_slice(bids);
        self.levels.extend_from_slice(asks);
        let mut book = event.book();
        (book.at, book.bids, book.asks) = (at, bids.len(), asks.len());
        event.set_book(&book);
        self.events.push(event);
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.levels.clear();
    }
}
