//! THE normalised event: one fixed layout for Rust, `NumPy`, shared memory, files and JSON lines.
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

mod names;

pub use names::{Action, Interval, Kind, Side, State, StatusReason};

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
        self.v = [trade.price, trade.size, trade.turnover.unwrap_or(0), 0, 0, 0, 0, 0, 0];
        for (word, part) in self.v.iter_mut().skip(3).zip(id) {
            *word = part;
        }
    }

    /// The payload of a trade.
    #[must_use]
    pub fn trade(&self) -> Trade {
        let [price, size, turnover, id @ ..] = self.v;
        Trade {
            price,
            size,
            turnover: optional(self.present, present::TURNOVER, turnover),
            side: match self.side {
                1 => Side::Buy,
                2 => Side::Sell,
                _ => Side::Unknown,
            },
            trade_id: bytemuck::cast(id),
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
