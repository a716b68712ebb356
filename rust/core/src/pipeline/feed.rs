//! What all connections of a feed share: instruments, books, consumers, the sequence of events.

use super::live::Live;
use crate::book::{Book, Validity};
use crate::clock::{Laps, Nanos, Stamp};
use crate::counters::Counters;
use crate::event::{Batch, BookView, Event, Kind, Level, State, StatusReason, flag};
use crate::instrument::Instruments;
use crate::queue::{Pressure, Queue};
use crate::region::{Board, Full};
use std::sync::Arc;

/// Slots of [`Feed::last_data`]: quote, depth, trade, then one for each [`crate::event::Interval`] by its value.
pub const CHANNELS: usize = 16;

/// The slot of an event's channel in [`Feed::last_data`]; status events have none.
#[must_use]
pub fn channel_slot(kind: u8, interval: u8) -> Option<usize> {
    match Kind::from_u8(kind)? {
        Kind::Quote => Some(0),
        Kind::Book => Some(1),
        Kind::Trade => Some(2),
        Kind::Bar => Some(usize::from(interval).saturating_add(2).min(CHANNELS.saturating_sub(1))),
        Kind::Status => None,
    }
}

/// One instrument's book and the scales its levels are at.
#[derive(Debug)]
struct Booked {
    book: Book,
    price_scale: u8,
    size_scale: u8,
}

/// What all connections of a feed share. Owned by the feed's thread.
#[derive(Debug)]
pub struct Feed {
    /// The instruments; events refer to them by index.
    pub instruments: Instruments,
    books: Vec<Option<Booked>>,
    queues: Vec<Arc<Queue>>,
    live: Live,
    pub(super) batch: Batch,
    pub(super) laps: Laps,
    seq: u64,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// A feed without instruments or consumers.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Arc::new(Board::private()))
    }

    /// The same; what there is to know of its instruments is put up on a board for others to read.
    #[must_use]
    pub fn on(board: Arc<Board>) -> Self {
        Self {
            instruments: Instruments::default(),
            books: Vec::new(),
            queues: Vec::new(),
            live: Live::on(board),
            batch: Batch::default(),
            laps: Laps::default(),
            seq: 0,
        }
    }

    /// Makes room on the board for every instrument there is. To be called when some were added.
    ///
    /// # Errors
    /// [`Full`].
    pub fn reserve(&mut self) -> Result<(), Full> {
        self.live.reserve(self.instruments.len())
    }

    /// Says on the board whether a channel (see [`channel_slot`]) of an instrument is wanted.
    pub fn show_wanted(&self, instrument: u32, slot: usize, wanted: bool) {
        if let (Ok(index), Some(known)) = (usize::try_from(instrument), self.instruments.get(instrument)) {
            self.live.want(index, known.venue, slot, wanted);
        }
    }

    /// Adds a consumer's queue: it receives every event from the next read on.
    pub fn add_queue(&mut self, queue: Arc<Queue>) {
        self.queues.push(queue);
    }

    /// Removes a consumer's queue.
    pub fn remove_queue(&mut self, queue: &Arc<Queue>) {
        self.queues.retain(|known| !Arc::ptr_eq(known, queue));
    }

    /// The consumers' queues.
    #[must_use]
    pub fn queues(&self) -> &[Arc<Queue>] {
        &self.queues
    }

    /// An instrument's book, once it had one.
    #[must_use]
    pub fn book(&self, instrument: u32) -> Option<&Book> {
        let booked = self.books.get(usize::try_from(instrument).ok()?)?.as_ref()?;
        Some(&booked.book)
    }

    /// The scales of the numbers in an instrument's book: `(price_scale, size_scale)`.
    #[must_use]
    pub fn book_scales(&self, instrument: u32) -> Option<(u8, u8)> {
        let booked = self.books.get(usize::try_from(instrument).ok()?)?.as_ref()?;
        Some((booked.price_scale, booked.size_scale))
    }

    /// The valid books of some instruments as events with all their levels, in that order: where somebody begins who comes later.
    /// Their times are those of the last change, their number is that of the feed's last event.
    #[must_use]
    pub fn pictures(&self, instruments: &[u32]) -> Batch {
        let mut pictures = Batch::default();
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for instrument in instruments {
            let at = usize::try_from(*instrument).ok();
            let booked = at.and_then(|at| self.books.get(at)).and_then(Option::as_ref);
            let (Some(booked), Some(known)) = (booked, self.instruments.get(*instrument)) else { continue };
            let book = &booked.book;
            if !book.is_valid() {
                continue;
            }
            let mut event = Event::new(Kind::Book);
            (event.venue, event.instrument, event.epoch, event.seq) =
                (known.venue, *instrument, book.epoch(), self.seq);
            (event.ts_event, event.ts_recv) = (book.ts().event, book.ts().recv);
            (event.price_scale, event.size_scale) = (booked.price_scale, booked.size_scale);
            event.flags = flag::VALID;
            let best = |level: Option<Level>| level.unwrap_or_default();
            event.set_book(&BookView {
                best_bid: best(book.best_bid()),
                best_ask: best(book.best_ask()),
                ..BookView::default()
            });
            book.copy_levels(usize::MAX, &mut bids, &mut asks);
            pictures.push_book(event, &bids, &asks);
        }
        pictures
    }

    /// Monotonic time of the last event of a channel (see [`channel_slot`]); 0: never.
    #[must_use]
    pub fn last_data(&self, instrument: u32, slot: usize) -> Nanos {
        self.live.last(usize::try_from(instrument).unwrap_or(usize::MAX), slot)
    }

    /// Number of the last event.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Announces something that happened outside the stream of messages: connection and subscription changes.
    /// [`State::Connected`] and [`State::Disconnected`] belong to [`super::Connection::connected`] and [`super::Connection::disconnected`].
    pub fn announce(
        &mut self,
        venue: u16,
        epoch: u32,
        instrument: u32,
        state: State,
        reason: StatusReason,
    ) -> Pressure {
        let event = self.status(venue, epoch, instrument, state, reason, Stamp::now());
        self.batch.events.push(event);
        self.hand_on(0)
    }

    fn status(
        &self,
        venue: u16,
        epoch: u32,
        instrument: u32,
        state: State,
        reason: StatusReason,
        stamp: Stamp,
    ) -> Event {
        let mut event = Event::new(Kind::Status);
        event.venue = venue;
        event.epoch = epoch;
        event.instrument = instrument;
        event.state = state as u8;
        event.reason = reason as u16;
        event.ts_recv = stamp.realtime;
        event.ts_booked = stamp.monotonic;
        if let Some(known) = self.instruments.get(instrument) {
            event.price_scale = known.price.digits();
            event.size_scale = known.size.digits();
            event.turnover_scale = known.turnover.digits();
        }
        event
    }

    /// Updates books and channel times by the events from `mark` on; says whether there was a book among them.
    pub(super) fn book_events(&mut self, mark: usize, stamp: Stamp, counters: &Counters) -> bool {
        let (mut at, mut booked) = (mark, false);
        while let Some(event) = self.batch.events.get(at) {
            let (kind, interval, instrument, state) = (event.kind, event.interval, event.instrument, event.state);
            if let Some(counter) = counters.events.get(usize::from(kind).wrapping_sub(1)) {
                counter.add_single_writer(1);
            }
            self.touch(kind, interval, instrument, stamp.monotonic);
            if kind == Kind::Book as u8 {
                self.book_event(at, stamp);
                booked = true;
            } else if state == State::Scale as u8 {
                self.rescale(at);
            }
            at = at.saturating_add(1);
        }
        booked
    }

    fn touch(&mut self, kind: u8, interval: u8, instrument: u32, now: Nanos) {
        let (Some(slot), Ok(index)) = (channel_slot(kind, interval), usize::try_from(instrument)) else {
            return;
        };
        self.live.touch(index, slot, now);
    }

    fn booked(&mut self, event: &Event) -> Option<&mut Booked> {
        let index = usize::try_from(event.instrument).ok()?;
        if index >= self.books.len() {
            self.books.resize_with(self.instruments.len().max(index.saturating_add(1)), || None);
        }
        let slot = self.books.get_mut(index)?;
        Some(slot.get_or_insert_with(|| Booked {
            book: Book::new(None),
            price_scale: event.price_scale,
            size_scale: event.size_scale,
        }))
    }

    fn book_event(&mut self, at: usize, stamp: Stamp) {
        let Some(mut event) = self.batch.events.get(at).copied() else { return };
        let levels = std::mem::take(&mut self.batch.levels);
        let mut view = event.book();
        let middle = view.at.saturating_add(view.bids);
        let bids: &[Level] = levels.get(view.at..middle).unwrap_or(&[]);
        let asks: &[Level] = levels.get(middle..middle.saturating_add(view.asks)).unwrap_or(&[]);
        let mut change = None;
        if let Some(booked) = self.booked(&event) {
            let before = booked.book.validity();
            (booked.price_scale, booked.size_scale) = (event.price_scale, event.size_scale);
            booked.book.replace(bids, asks);
            booked.book.set_ts(event.ts_event, event.ts_recv);
            booked.book.set_epoch(event.epoch);
            let fine = booked.book.check();
            view.best_bid = booked.book.best_bid().unwrap_or_default();
            view.best_ask = booked.book.best_ask().unwrap_or_default();
            if fine {
                event.flags |= flag::VALID;
                if before != Validity::Valid {
                    change = Some((State::Resync, StatusReason::Snapshot));
                }
            } else if before != Validity::Stale(StatusReason::Crossed) {
                change = Some((State::Gap, StatusReason::Crossed));
            }
        }
        self.batch.levels = levels;
        event.set_book(&view);
        if let Some(slot) = self.batch.events.get_mut(at) {
            *slot = event;
        }
        if let Some((state, reason)) = change {
            self.live.set_valid(usize::try_from(event.instrument).unwrap_or(usize::MAX), state == State::Resync);
            let status = self.status(event.venue, event.epoch, event.instrument, state, reason, stamp);
            self.batch.events.insert(at.saturating_add(1), status);
        }
    }

    fn rescale(&mut self, at: usize) {
        let Some(event) = self.batch.events.get(at) else { return };
        let Some(Some(booked)) = usize::try_from(event.instrument).ok().and_then(|index| self.books.get_mut(index))
        else {
            return;
        };
        let by = |new: u8, old: u8| i8::try_from(i16::from(new).saturating_sub(i16::from(old))).unwrap_or(0);
        let price_by = by(event.price_scale, booked.price_scale);
        let size_by = by(event.size_scale, booked.size_scale);
        // A book that can't be written at the new scale says so itself: it is stale until its next snapshot.
        let _ = booked.book.rescale(price_by, size_by);
        self.live.set_valid(usize::try_from(event.instrument).unwrap_or(usize::MAX), booked.book.is_valid());
        (booked.price_scale, booked.size_scale) = (event.price_scale, event.size_scale);
    }

    /// Makes a book stale and announces it, once.
    pub(super) fn gap(&mut self, venue: u16, epoch: u32, instrument: u32, reason: StatusReason, stamp: Stamp) {
        let Some(Some(booked)) = usize::try_from(instrument).ok().and_then(|index| self.books.get_mut(index)) else {
            return;
        };
        if booked.book.is_valid() {
            booked.book.invalidate(reason);
            self.live.set_valid(usize::try_from(instrument).unwrap_or(usize::MAX), false);
            let event = self.status(venue, epoch, instrument, State::Gap, reason, stamp);
            self.batch.events.push(event);
        }
    }

    /// Makes every book of a venue connection stale, without an event of its own for each.
    pub(super) fn invalidate_all(&mut self, venue: u16, reason: StatusReason) {
        for (index, (instrument, slot)) in self.instruments.iter().zip(&mut self.books).enumerate() {
            if instrument.venue == venue
                && let Some(booked) = slot
                && booked.book.is_valid()
            {
                booked.book.invalidate(reason);
                self.live.set_valid(index, false);
            }
        }
    }

    /// Makes one instrument's book stale because its subscription ended.
    pub fn invalidate(&mut self, instrument: u32, reason: StatusReason) {
        if let Some(Some(booked)) = usize::try_from(instrument).ok().and_then(|index| self.books.get_mut(index)) {
            booked.book.invalidate(reason);
            self.live.set_valid(usize::try_from(instrument).unwrap_or(usize::MAX), false);
        }
    }

    /// Numbers the batch's events, gives it to every consumer, and empties it.
    pub(super) fn hand_on(&mut self, booked_at: Nanos) -> Pressure {
        let mut pressure = Pressure::Ok;
        if self.batch.events.is_empty() {
            return pressure;
        }
        for event in &mut self.batch.events {
            self.seq = self.seq.wrapping_add(1);
            event.seq = self.seq;
            if booked_at != 0 {
                event.ts_booked = booked_at;
            }
        }
        for queue in &self.queues {
            // A closed queue counts what it is offered as dropped; it stays until its owner takes it off.
            if queue.offer(&self.batch) == Pressure::Full {
                pressure = Pressure::Full;
            }
        }
        self.batch.clear();
        pressure
    }
}
