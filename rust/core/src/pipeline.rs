//! One call per socket read: bytes → messages → events → books → consumers.
//!
//! A [`Feed`] holds what all connections share: instruments, books, consumers' queues, the sequence of events. A
//! [`Connection`] holds what one socket needs. The owner of the socket reads into [`Connection::space`] and calls
//! [`Connection::received`]; what it must answer or hand to the session comes back as [`Notice`]s, rare by nature.

use crate::book::{Book, Validity};
use crate::clock::{Nanos, Stamp, monotonic_ns};
use crate::counters::{Counters, Stages};
use crate::event::{Batch, Event, Kind, Level, NO_INSTRUMENT, State, StatusReason, flag};
use crate::instrument::Instruments;
use crate::quarantine::Quarantine;
use crate::queue::{Pressure, Queue};
use crate::sign::Secret;
use crate::venue::{AnyDecoder, Context, Decode, DecodeError, DecodeErrorKind, Disposition, VenueKind};
use crate::wire::{Limits, Message, ProtocolError, Role, WireReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

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
#[derive(Debug, Default)]
pub struct Feed {
    /// The instruments; events refer to them by index.
    pub instruments: Instruments,
    books: Vec<Option<Booked>>,
    queues: Vec<Arc<Queue>>,
    last_data: Vec<[Nanos; CHANNELS]>,
    batch: Batch,
    seq: u64,
}

impl Feed {
    /// A feed without instruments or consumers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// Monotonic time of the last event of a channel (see [`channel_slot`]); 0: never.
    #[must_use]
    pub fn last_data(&self, instrument: u32, slot: usize) -> Nanos {
        let index = usize::try_from(instrument).unwrap_or(usize::MAX);
        self.last_data.get(index).and_then(|slots| slots.get(slot)).copied().unwrap_or(0)
    }

    /// Number of the last event.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Announces something that happened outside the stream of messages: connection and subscription changes.
    /// [`State::Connected`] and [`State::Disconnected`] belong to [`Connection::connected`] and [`Connection::disconnected`].
    pub fn announce(&mut self, venue: u16, epoch: u32, instrument: u32, state: State, reason: StatusReason) -> Pressure {
        let event = self.status(venue, epoch, instrument, state, reason, Stamp::now());
        self.batch.events.push(event);
        self.hand_on(0)
    }

    fn status(&self, venue: u16, epoch: u32, instrument: u32, state: State, reason: StatusReason, stamp: Stamp) -> Event {
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

    /// Updates books and channel times by the events from `mark` on.
    fn book_events(&mut self, mark: usize, stamp: Stamp, counters: &Counters) {
        let mut at = mark;
        while let Some(event) = self.batch.events.get(at).copied() {
            if let Some(counter) = counters.events.get(usize::from(event.kind).wrapping_sub(1)) {
                counter.add_single_writer(1);
            }
            self.touch(&event, stamp.monotonic);
            if event.kind == Kind::Book as u8 {
                self.book_event(at, event, stamp);
            } else if event.state == State::Scale as u8 {
                self.rescale(&event);
            }
            at = at.saturating_add(1);
        }
    }

    fn touch(&mut self, event: &Event, now: Nanos) {
        let (Some(slot), Ok(index)) = (channel_slot(event.kind, event.interval), usize::try_from(event.instrument)) else {
            return;
        };
        if index >= self.last_data.len() {
            self.last_data.resize(self.instruments.len().max(index.saturating_add(1)), [0; CHANNELS]);
        }
        if let Some(last) = self.last_data.get_mut(index).and_then(|slots| slots.get_mut(slot)) {
            *last = now;
        }
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

    fn book_event(&mut self, at: usize, mut event: Event, stamp: Stamp) {
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
            let status = self.status(event.venue, event.epoch, event.instrument, state, reason, stamp);
            self.batch.events.insert(at.saturating_add(1), status);
        }
    }

    fn rescale(&mut self, event: &Event) {
        let Some(Some(booked)) = usize::try_from(event.instrument).ok().and_then(|index| self.books.get_mut(index)) else {
            return;
        };
        let by = |new: u8, old: u8| i8::try_from(i16::from(new).saturating_sub(i16::from(old))).unwrap_or(0);
        let price_by = by(event.price_scale, booked.price_scale);
        let size_by = by(event.size_scale, booked.size_scale);
        // A book that can't be written at the new scale says so itself: it is stale until its next snapshot.
        let _ = booked.book.rescale(price_by, size_by);
        (booked.price_scale, booked.size_scale) = (event.price_scale, event.size_scale);
    }

    /// Makes a book stale and announces it, once.
    fn gap(&mut self, venue: u16, epoch: u32, instrument: u32, reason: StatusReason, stamp: Stamp) {
        let Some(Some(booked)) = usize::try_from(instrument).ok().and_then(|index| self.books.get_mut(index)) else {
            return;
        };
        if booked.book.is_valid() {
            booked.book.invalidate(reason);
            let event = self.status(venue, epoch, instrument, State::Gap, reason, stamp);
            self.batch.events.push(event);
        }
    }

    /// Makes every book of a venue connection stale, without an event of its own for each.
    fn invalidate_all(&mut self, venue: u16, reason: StatusReason) {
        for (instrument, slot) in self.instruments.iter().zip(&mut self.books) {
            if instrument.venue == venue
                && let Some(booked) = slot
                && booked.book.is_valid()
            {
                booked.book.invalidate(reason);
            }
        }
    }

    /// Makes one instrument's book stale because its subscription ended.
    pub fn invalidate(&mut self, instrument: u32, reason: StatusReason) {
        if let Some(Some(booked)) = usize::try_from(instrument).ok().and_then(|index| self.books.get_mut(index)) {
            booked.book.invalidate(reason);
        }
    }

    /// Numbers the batch's events, gives it to every consumer, and empties it.
    fn hand_on(&mut self, booked_at: Nanos) -> Pressure {
        let mut pressure = Pressure::Fine;
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
            if queue.offer(&self.batch) == Pressure::Full {
                pressure = Pressure::Full;
            }
        }
        self.batch.clear();
        pressure
    }
}

/// Something of a read that concerns the owner of the socket. Bytes are copies: notices are rare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A message for the session (login, acknowledgement, heartbeat answer, note, refusal).
    Control(Vec<u8>),
    /// A message of a raw connection; `true`: binary.
    Message(Vec<u8>, bool),
    /// A WebSocket ping: answer with a pong of the same payload.
    Ping(Vec<u8>),
    /// A WebSocket pong.
    Pong(Vec<u8>),
    /// The peer's close frame: answer with a close frame and end the connection.
    Close(Option<u16>, String),
    /// The peer broke RFC 6455: send this close code and end the connection.
    ProtocolError(ProtocolError),
    /// The first message of its kind that went to the quarantine on this connection (for one log line a kind).
    Quarantined(DecodeErrorKind, usize),
}

/// One socket's read side.
#[derive(Debug)]
pub struct Connection {
    venue: u16,
    epoch: u32,
    wire: WireReader,
    limits: Limits,
    decoder: Option<AnyDecoder>,
    counters: Arc<Counters>,
    stages: Arc<Stages>,
    quarantine: Arc<Mutex<Quarantine>>,
    secrets: Vec<Secret>,
    told: u32,
    frames_before: u64,
    discarded_before: u64,
    failed: bool,
}

impl Connection {
    /// A connection of a venue; `kind` `None` is a raw one: its messages are all handed on as [`Notice::Message`].
    #[must_use]
    pub fn new(venue: u16, kind: Option<VenueKind>, limits: Limits, quarantine: Arc<Mutex<Quarantine>>) -> Self {
        Self {
            venue,
            epoch: 0,
            wire: WireReader::new(Role::Client, limits),
            limits,
            decoder: kind.map(AnyDecoder::new),
            counters: Arc::default(),
            stages: Arc::default(),
            quarantine,
            secrets: Vec::new(),
            told: 0,
            frames_before: 0,
            discarded_before: 0,
            failed: false,
        }
    }

    /// Texts that must never reach the quarantine readable: keys, tokens.
    pub fn set_secrets(&mut self, secrets: Vec<Secret>) {
        self.secrets = secrets;
    }

    /// The connection's counters, over all its epochs.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The connection's histograms, over all its epochs.
    #[must_use]
    pub fn stages(&self) -> &Arc<Stages> {
        &self.stages
    }

    /// The connection's epoch: how many times it was connected.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// A new socket was upgraded: starts a fresh read side and announces it.
    pub fn connected(&mut self, feed: &mut Feed) -> Pressure {
        self.wire = WireReader::new(Role::Client, self.limits);
        self.epoch = self.epoch.wrapping_add(1);
        (self.frames_before, self.discarded_before) = (0, 0);
        self.failed = false;
        feed.announce(self.venue, self.epoch, NO_INSTRUMENT, State::Connected, StatusReason::None)
    }

    /// The socket is gone: makes the venue's books stale and announces it.
    pub fn disconnected(&mut self, feed: &mut Feed, reason: StatusReason) -> Pressure {
        if self.wire.in_message() {
            self.counters.unfinished.add_single_writer(1);
        }
        feed.invalidate_all(self.venue, reason);
        feed.announce(self.venue, self.epoch, NO_INSTRUMENT, State::Disconnected, reason)
    }

    /// Where the next socket read goes; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.wire.space()
    }

    /// Works on `n` bytes just read into [`Connection::space`], to the end: events are booked and handed on when this returns.
    pub fn received(&mut self, n: usize, stamp: Stamp, feed: &mut Feed, notices: &mut Vec<Notice>) -> Pressure {
        self.counters.reads.add_single_writer(1);
        self.counters.bytes.add_single_writer(u64::try_from(n).unwrap_or(0));
        self.wire.filled(n);
        while !self.failed {
            match self.wire.next() {
                Ok(None) => break,
                Ok(Some(message)) => {
                    self.counters.messages.add_single_writer(1);
                    match message {
                        Message::Text(text) => {
                            let Some(decoder) = &mut self.decoder else {
                                self.counters.control.add_single_writer(1);
                                notices.push(Notice::Message(text.to_vec(), false));
                                continue;
                            };
                            let job = Job {
                                venue: self.venue,
                                epoch: self.epoch,
                                stamp,
                                counters: &self.counters,
                                stages: &self.stages,
                            };
                            match job.text(decoder, text, feed) {
                                Done::Nothing => {}
                                Done::Control => notices.push(Notice::Control(text.to_vec())),
                                Done::Rejected(error) => {
                                    job.reject(error, text, feed, &self.quarantine, &self.secrets);
                                    tell(&mut self.told, error, notices);
                                }
                            }
                        }
                        Message::Binary(bytes) => {
                            if self.decoder.is_none() {
                                self.counters.control.add_single_writer(1);
                                notices.push(Notice::Message(bytes.to_vec(), true));
                                continue;
                            }
                            let job = Job {
                                venue: self.venue,
                                epoch: self.epoch,
                                stamp,
                                counters: &self.counters,
                                stages: &self.stages,
                            };
                            let error = DecodeError::new(DecodeErrorKind::Binary, 0);
                            job.reject(error, bytes, feed, &self.quarantine, &self.secrets);
                            tell(&mut self.told, error, notices);
                        }
                        Message::Ping(payload) => {
                            self.counters.control.add_single_writer(1);
                            notices.push(Notice::Ping(payload.to_vec()));
                        }
                        Message::Pong(payload) => {
                            self.counters.control.add_single_writer(1);
                            notices.push(Notice::Pong(payload.to_vec()));
                        }
                        Message::Close { code, reason } => {
                            self.counters.control.add_single_writer(1);
                            notices.push(Notice::Close(code, reason.to_owned()));
                        }
                    }
                }
                Err(error) => {
                    self.failed = true;
                    self.counters.messages.add_single_writer(1);
                    if let Some(counter) = self.counters.protocol_errors.get(error.kind as usize) {
                        counter.add_single_writer(1);
                    }
                    notices.push(Notice::ProtocolError(error));
                }
            }
        }
        let (frames, discarded) = (self.wire.frames(), self.wire.discarded());
        self.counters.frames.add_single_writer(frames.wrapping_sub(self.frames_before));
        self.counters.discarded_bytes.add_single_writer(discarded.wrapping_sub(self.discarded_before));
        (self.frames_before, self.discarded_before) = (frames, discarded);
        feed.hand_on(monotonic_ns())
    }
}

/// Says a kind of rejection once per connection.
fn tell(told: &mut u32, error: DecodeError, notices: &mut Vec<Notice>) {
    let bit = 1_u32.wrapping_shl(error.kind as u32);
    if *told & bit == 0 {
        *told |= bit;
        notices.push(Notice::Quarantined(error.kind, error.at));
    }
}

enum Done {
    Nothing,
    Control,
    Rejected(DecodeError),
}

/// One message at work.
struct Job<'a> {
    venue: u16,
    epoch: u32,
    stamp: Stamp,
    counters: &'a Counters,
    stages: &'a Stages,
}

impl Job<'_> {
    fn text(&self, decoder: &mut AnyDecoder, text: &[u8], feed: &mut Feed) -> Done {
        let mark = feed.batch.events.len();
        let levels_mark = feed.batch.levels.len();
        let mut context = Context {
            instruments: &mut feed.instruments,
            out: &mut feed.batch,
            venue: self.venue,
            epoch: self.epoch,
            stamp: self.stamp,
            adopt: false,
        };
        // A decoder that panics is a bug of ours: it costs this message, not the process.
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(text, &mut context)))
            .unwrap_or(Err(DecodeError::new(DecodeErrorKind::Internal, 0)));
        match decoded {
            Ok(Disposition::Data) => {
                let decoded_at = monotonic_ns();
                self.counters.data.add_single_writer(1);
                self.stages.receive_to_decoded.record(decoded_at.saturating_sub(self.stamp.monotonic));
                if let Some(first) = feed.batch.events.get(mark)
                    && first.ts_event != 0
                {
                    self.stages.venue_to_receive.record(self.stamp.realtime.saturating_sub(first.ts_event));
                }
                feed.book_events(mark, self.stamp, self.counters);
                self.stages.decoded_to_booked.record(monotonic_ns().saturating_sub(decoded_at));
                Done::Nothing
            }
            Ok(Disposition::Control) => {
                self.take_back(feed, mark, levels_mark);
                self.counters.control.add_single_writer(1);
                Done::Control
            }
            Ok(Disposition::Ignored(reason)) => {
                self.take_back(feed, mark, levels_mark);
                if let Some(counter) = self.counters.ignored.get(reason as usize) {
                    counter.add_single_writer(1);
                }
                Done::Nothing
            }
            Err(error) => {
                self.take_back(feed, mark, levels_mark);
                Done::Rejected(error)
            }
        }
    }

    /// Drops what a message appended, its scale announcements aside: those did happen.
    fn take_back(&self, feed: &mut Feed, mark: usize, levels_mark: usize) {
        if feed.batch.events.len() == mark {
            feed.batch.levels.truncate(levels_mark);
            return;
        }
        let mut at = 0_usize;
        feed.batch.events.retain(|event| {
            let keep = at < mark || event.state == State::Scale as u8;
            at = at.saturating_add(1);
            keep
        });
        feed.batch.levels.truncate(levels_mark);
        feed.book_events(mark, self.stamp, self.counters);
    }

    fn reject(
        &self,
        error: DecodeError,
        message: &[u8],
        feed: &mut Feed,
        quarantine: &Mutex<Quarantine>,
        secrets: &[Secret],
    ) {
        if let Some(counter) = self.counters.quarantined.get(error.kind as usize) {
            counter.add_single_writer(1);
        }
        if let Some(instrument) = error.instrument {
            feed.gap(self.venue, self.epoch, instrument, StatusReason::DecodeError, self.stamp);
        }
        let mut kept = quarantine.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(self.venue, error.kind.name(), error.at, self.stamp.realtime, message, secrets);
    }
}
