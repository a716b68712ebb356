//! One socket's read side, and the work on each of its messages.

use super::{Feed, Notice};
use crate::clock::{Lap, Stamp};
use crate::counters::{Counters, Stages};
use crate::event::{NO_INSTRUMENT, State, StatusReason};
use crate::quarantine::Quarantine;
use crate::queue::Pressure;
use crate::region::{ConnectionCell, Shared};
use crate::sign::Secret;
use crate::venue::{AnyDecoder, Context, Decode, DecodeError, DecodeErrorKind, Disposition, VenueKind};
use crate::wire::{Limits, Message, Role, WireReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// One socket's read side.
#[derive(Debug)]
pub struct Connection {
    venue: u16,
    epoch: u32,
    wire: WireReader,
    limits: Limits,
    decoder: Option<AnyDecoder>,
    /// Text messages of a raw connection are counted by [`Connection::judge`].
    judged: bool,
    counters: Shared<Counters>,
    stages: Shared<Stages>,
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
        Self::counting_in(&Shared::private(), venue, kind, limits, quarantine)
    }

    /// The same, its counters and histograms in a place where others may look.
    #[must_use]
    pub fn counting_in(
        cell: &Shared<ConnectionCell>,
        venue: u16,
        kind: Option<VenueKind>,
        limits: Limits,
        quarantine: Arc<Mutex<Quarantine>>,
    ) -> Self {
        Self {
            venue,
            epoch: 0,
            wire: WireReader::new(Role::Client, limits),
            limits,
            decoder: kind.map(AnyDecoder::new),
            judged: false,
            counters: cell.part(|cell| &cell.counters),
            stages: cell.part(|cell| &cell.stages),
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

    /// Of a raw connection of a venue that speaks text: what a text message was is not known here, but told by
    /// [`Connection::judge`], which counts it. Binary ones are quarantined.
    pub fn set_judged(&mut self) {
        self.judged = true;
    }

    /// Counts a text message that was handed on, by what it was: data, control, or of no use.
    pub fn judge(&mut self, verdict: Verdict, message: &[u8], stamp: Stamp) {
        self.counters.messages.add_single_writer(1);
        match verdict {
            Verdict::Data => self.counters.data.add_single_writer(1),
            Verdict::Control => self.counters.control.add_single_writer(1),
            Verdict::Rejected(kind, at) => {
                if let Some(counter) = self.counters.quarantined.get(kind as usize) {
                    counter.add_single_writer(1);
                }
                let mut kept = self.quarantine.lock().unwrap_or_else(PoisonError::into_inner);
                kept.put(self.venue, kind.name(), at, stamp.realtime, message, &self.secrets);
            }
        }
    }

    /// The connection's counters, over all its epochs.
    #[must_use]
    pub fn counters(&self) -> &Shared<Counters> {
        &self.counters
    }

    /// The connection's histograms, over all its epochs.
    #[must_use]
    pub fn stages(&self) -> &Shared<Stages> {
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
        let (counters, stages) = (&*self.counters, &*self.stages);
        let lap = feed.laps.start();
        let job = Job { venue: self.venue, epoch: self.epoch, stamp, lap, counters, stages };
        while !self.failed {
            let mut tried = None;
            if let Some(decoder) = &mut self.decoder
                && let Some(text) = self.wire.whole_text()
            {
                match job.plain(decoder, text, feed) {
                    Plain::Read => {
                        self.wire.pass();
                        self.counters.messages.add_single_writer(1);
                        continue;
                    }
                    other => tried = Some(other),
                }
            }
            match self.wire.next() {
                Ok(None) => break,
                Ok(Some(message)) => {
                    let later = self.judged && matches!(message, Message::Text(_));
                    if !later {
                        self.counters.messages.add_single_writer(1);
                    }
                    match message {
                        Message::Text(text) => {
                            let Some(decoder) = &mut self.decoder else {
                                if !later {
                                    self.counters.control.add_single_writer(1);
                                }
                                notices.push(Notice::Message(text.to_vec(), false));
                                continue;
                            };
                            // One that came in pieces, of frames or of reads, was not tried yet.
                            let done = match tried.unwrap_or_else(|| job.plain(decoder, text, feed)) {
                                Plain::Read => Done::Nothing,
                                Plain::Other => job.text(decoder, text, feed),
                                Plain::Broken => Done::Rejected(DecodeError::new(DecodeErrorKind::Internal, 0)),
                            };
                            match done {
                                Done::Nothing => {}
                                Done::Control => notices.push(Notice::Control(text.to_vec())),
                                Done::Rejected(error) => {
                                    job.reject(error, text, feed, &self.quarantine, &self.secrets);
                                    tell(&mut self.told, error, notices);
                                }
                            }
                        }
                        Message::Binary(bytes) => {
                            if self.decoder.is_none() && !self.judged {
                                self.counters.control.add_single_writer(1);
                                notices.push(Notice::Message(bytes.to_vec(), true));
                                continue;
                            }
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
        feed.hand_on(lap.now())
    }
}

/// What a text message of a raw connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It said something.
    Data,
    /// A matter of the session.
    Control,
    /// It could not be read, for this reason, at this byte.
    Rejected(DecodeErrorKind, usize),
}

/// Says a kind of rejection once per connection.
fn tell(told: &mut u32, error: DecodeError, notices: &mut Vec<Notice>) {
    let bit = 1_u32.wrapping_shl(error.kind as u32);
    if *told & bit == 0 {
        *told |= bit;
        notices.push(Notice::Quarantined(error.kind, error.at));
    }
}

/// What the straight-line reader made of a message.
#[derive(Clone, Copy)]
enum Plain {
    /// It is done with.
    Read,
    /// It is for the general path.
    Other,
    /// The reader failed where it must not: a bug of ours, contained.
    Broken,
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
    lap: Lap,
    counters: &'a Counters,
    stages: &'a Stages,
}

impl Job<'_> {
    fn context<'a>(&self, feed: &'a mut Feed) -> Context<'a> {
        Context {
            instruments: &mut feed.instruments,
            out: &mut feed.batch,
            venue: self.venue,
            epoch: self.epoch,
            stamp: self.stamp,
            adopt: false,
        }
    }

    /// Reads a message that may be in the venue's own spelling, and may be no text at all.
    #[inline]
    fn plain(&self, decoder: &mut AnyDecoder, text: &[u8], feed: &mut Feed) -> Plain {
        let mark = feed.batch.events.len();
        let levels_mark = feed.batch.levels.len();
        let mut context = self.context(feed);
        match catch_unwind(AssertUnwindSafe(|| decoder.plain(text, &mut context))) {
            Ok(true) => {
                self.data(mark, feed);
                Plain::Read
            }
            Ok(false) => Plain::Other,
            Err(_) => {
                self.take_back(feed, mark, levels_mark);
                Plain::Broken
            }
        }
    }

    /// Books and measures what a message brought, from `mark` on.
    #[inline]
    fn data(&self, mark: usize, feed: &mut Feed) {
        let decoded_at = self.lap.now();
        self.counters.data.add_single_writer(1);
        self.stages.receive_to_decoded.record(decoded_at.saturating_sub(self.stamp.monotonic));
        if let Some(first) = feed.batch.events.get(mark)
            && first.ts_event != 0
        {
            self.stages.venue_to_receive.record(self.stamp.realtime.saturating_sub(first.ts_event));
        }
        // Time is taken again only if there was something to book.
        if feed.book_events(mark, self.stamp, self.counters) {
            self.stages.decoded_to_booked.record(self.lap.now().saturating_sub(decoded_at));
        }
    }

    fn text(&self, decoder: &mut AnyDecoder, text: &[u8], feed: &mut Feed) -> Done {
        let mark = feed.batch.events.len();
        let levels_mark = feed.batch.levels.len();
        let mut context = self.context(feed);
        // A decoder that panics is a bug of ours: it costs this message, not the process.
        let outcome = catch_unwind(AssertUnwindSafe(|| decoder.general(text, &mut context)))
            .unwrap_or(Err(DecodeError::new(DecodeErrorKind::Internal, 0)));
        match outcome {
            Ok(Disposition::Data) => {
                self.data(mark, feed);
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
