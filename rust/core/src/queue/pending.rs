//! The waiting events: appended in order, replaced and dropped in place, handed over as one batch.
//!
//! An event that is replaced or dropped stays where it is with kind [`DEAD`] until the batch is taken (the consumer's thread
//! then closes the holes) or the dead outweigh the living. So an offer is an append, and a take a swap.
//!
//! Under `conflate` and `drop_oldest` each event links to the next of its instrument, and each book event to the instrument's next:
//! that is how a loss finds the event that must carry [`flag::LOSSY`].
#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts of events and levels held in memory; each subtraction takes back what was added for the same event, \
              which the tests compare with a naive model after every step"
)]

use super::lane::{Lanes, NONE};
use super::policy::Policy;
use crate::event::{Action, Batch, Event, Kind, Level, State, StatusReason, flag};
use foldhash::{HashMap, HashMapExt as _};

/// Kind of an event that was replaced or dropped.
const DEAD: u8 = 0;

/// The holes are closed when the dead take this many bytes more than the living (few in tests, so that it happens often).
const SLACK_BYTES: usize = if cfg!(test) { 1024 } else { 64 * 1024 };

#[derive(Clone, Copy)]
struct Link {
    /// Next event of the instrument.
    next: u32,
    /// Next book event of the instrument.
    book: u32,
}

/// Venue, instrument and state of a status event.
type StatusKey = (u16, u32, u8);

fn status_key(event: &Event) -> StatusKey {
    (event.venue, event.instrument, event.state)
}

pub(super) struct Pending {
    policy: Policy,
    capacity: usize,
    /// Status events are wanted, so the queue may insert its own.
    notices: bool,
    /// Every book event stands for itself.
    top_only: bool,
    batch: Batch,
    /// One for each event, under the policies that lose events.
    links: Vec<Link>,
    live: usize,
    /// Events dropped, and notices inserted, in all.
    pub(super) dropped: u64,
    pub(super) inserted: u64,
    dead_levels: usize,
    /// No data event waits before this position.
    cursor: usize,
    /// Grows whenever positions lose their meaning.
    round: u64,
    pub(super) lanes: Lanes,
    /// Latest status event of each key: round and position.
    statuses: HashMap<StatusKey, (u64, u32)>,
    /// No two status events of one key wait, and none shall.
    unique_statuses: bool,
    /// Instruments with waiting changes of a book, under `conflate`.
    chained: Vec<u32>,
}

impl Pending {
    pub(super) fn new(policy: Policy, capacity: usize) -> Self {
        Self {
            policy,
            capacity,
            notices: true,
            top_only: false,
            batch: Batch::default(),
            links: Vec::new(),
            live: 0,
            dropped: 0,
            inserted: 0,
            dead_levels: 0,
            cursor: 0,
            round: 1,
            lanes: Lanes::new(),
            statuses: HashMap::new(),
            unique_statuses: policy == Policy::Conflate,
            chained: Vec::new(),
        }
    }

    pub(super) fn set_modes(&mut self, notices: bool, top_only: bool) {
        (self.notices, self.top_only) = (notices, top_only);
        self.lanes.forget_tops();
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Number of events in memory, dead ones included.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.batch.events.len(), self.batch.levels.len())
    }

    /// Swaps everything out. The batch may hold dead events: see [`close_holes`]. Says whether it does.
    pub(super) fn take(&mut self, out: &mut Batch) -> bool {
        out.clear();
        core::mem::swap(&mut self.batch, out);
        let holes = out.events.len() != self.live || self.dead_levels > 0;
        self.live = 0;
        self.dead_levels = 0;
        self.unique_statuses = self.policy == Policy::Conflate;
        self.forget_positions();
        holes
    }

    /// Counts everything that waits as dropped, and forgets it.
    pub(super) fn discard(&mut self) {
        self.lanes.drop_pending(self.round);
        self.dropped += self.live as u64;
        let mut freed = Batch::default();
        let _ = self.take(&mut freed);
    }

    fn forget_positions(&mut self) {
        self.links.clear();
        self.chained.clear();
        self.cursor = 0;
        self.round += 1;
    }

    fn event(&self, at: u32) -> Option<&Event> {
        self.batch.events.get(at as usize)
    }

    fn flag_lossy(&mut self, at: u32) {
        if let Some(event) = self.batch.events.get_mut(at as usize) {
            event.flags |= flag::LOSSY;
        }
    }

    fn link(&self, at: u32) -> Link {
        self.links.get(at as usize).copied().unwrap_or(Link { next: NONE, book: NONE })
    }

    fn is_update(&self, event: &Event) -> bool {
        self.is_action_update(event.action)
    }

    fn is_action_update(&self, action: u8) -> bool {
        action == Action::Update as u8 && !self.top_only
    }

    /// Appends an event without any rule (`block`, `disconnect`).
    pub(super) fn append(&mut self, event: &Event, bids: &[Level], asks: &[Level]) {
        let lane = self.lanes.at(event.instrument, self.round);
        lane.pending += 1;
        self.live += 1;
        if event.kind == Kind::Book as u8 {
            self.batch.push_book(*event, bids, asks);
        } else {
            self.batch.events.push(*event);
        }
    }

    /// Appends an event under the rules of `conflate` or `drop_oldest`.
    pub(super) fn admit(&mut self, event: &Event, bids: &[Level], asks: &[Level]) {
        match event.kind {
            kind if kind == Kind::Status as u8 => self.admit_status(event),
            kind if kind == Kind::Book as u8 => self.admit_book(event, bids, asks),
            _ => {
                let mut replaced = false;
                if self.policy == Policy::Conflate {
                    let slot = self.lanes.at(event.instrument, self.round).slot(event).map_or(NONE, |slot| *slot);
                    replaced = self.replace(slot);
                }
                self.chain(event, replaced, &[], &[]);
            }
        }
        if self.live > self.capacity {
            self.relieve();
        }
    }

    fn admit_status(&mut self, event: &Event) {
        let replaced = self.unique_statuses && self.replace(self.status_at(status_key(event)));
        self.chain(event, replaced, &[], &[]);
    }

    fn admit_book(&mut self, event: &Event, bids: &[Level], asks: &[Level]) {
        let update = self.is_update(event);
        let lane = self.lanes.at(event.instrument, self.round);
        if update {
            if lane.base_lost {
                lane.dropped += 1;
                self.dropped += 1;
                lane.lossy = true;
                if !core::mem::replace(&mut lane.broken, true) {
                    self.notify(event, State::Gap, StatusReason::SequenceGap);
                }
            } else {
                self.chain(event, false, bids, asks);
            }
            return;
        }
        lane.base_lost = false;
        let broken = core::mem::replace(&mut lane.broken, false);
        let head = lane.book_head;
        let mut replaced = false;
        if self.policy == Policy::Conflate && head != NONE {
            // The whole book supersedes everything before it.
            let mut at = head;
            while at != NONE {
                let next = self.link(at).book;
                replaced |= self.replace(at);
                at = next;
            }
            let lane = self.lanes.at(event.instrument, self.round);
            (lane.book_head, lane.book_tail) = (NONE, NONE);
            if core::mem::replace(&mut lane.updates, 0) > 0 {
                self.chained.retain(|instrument| *instrument != event.instrument);
            }
        }
        self.chain(event, replaced, bids, asks);
        if broken {
            self.notify(event, State::Resync, StatusReason::Snapshot);
        }
    }

    /// Appends the queue's own word about an instrument, if the consumer reads such.
    fn notify(&mut self, cause: &Event, state: State, reason: StatusReason) {
        if self.notices {
            let lane = self.lanes.at(cause.instrument, self.round);
            lane.received += 1;
            lane.inserted += 1;
            self.inserted += 1;
            self.admit_status(&notice(cause, state, reason));
        }
    }

    /// Appends an event and makes it known to its instrument. `lossy`: it replaces an earlier one.
    fn chain(&mut self, event: &Event, lossy: bool, bids: &[Level], asks: &[Level]) {
        let at = self.batch.events.len();
        if event.kind == Kind::Book as u8 {
            self.batch.push_book(*event, bids, asks);
        } else {
            self.batch.events.push(*event);
        }
        self.live += 1;
        if self.register(at, event) | lossy {
            self.lanes.at(event.instrument, self.round).lossy = false;
            self.flag_lossy(u32::try_from(at).unwrap_or(NONE));
        }
    }

    /// Makes the event at a position known to its instrument: it is the last one now. Says whether a loss is still
    /// to be told.
    fn register(&mut self, at: usize, event: &Event) -> bool {
        let at = u32::try_from(at).unwrap_or(NONE);
        let update = self.is_update(event);
        let lane = self.lanes.at(event.instrument, self.round);
        lane.pending += 1;
        if let Some(last) = self.links.get_mut(lane.tail as usize) {
            last.next = at;
        }
        lane.tail = at;
        self.links.push(Link { next: NONE, book: NONE });
        if event.kind == Kind::Book as u8 {
            match self.links.get_mut(lane.book_tail as usize) {
                Some(last) => last.book = at,
                None => lane.book_head = at,
            }
            lane.book_tail = at;
            if update {
                lane.updates += 1;
                if lane.updates == 1 && self.policy == Policy::Conflate {
                    self.chained.push(event.instrument);
                }
            }
        } else if event.kind == Kind::Status as u8 {
            self.statuses.insert(status_key(event), (self.round, at));
        } else if self.policy == Policy::Conflate
            && let Some(slot) = lane.slot(event)
        {
            *slot = at;
        }
        lane.lossy
    }

    /// The waiting status event of a key, [`NONE`] if there is none.
    fn status_at(&self, key: StatusKey) -> u32 {
        match self.statuses.get(&key) {
            Some((round, at)) if *round == self.round => *at,
            _ => NONE,
        }
    }

    /// Conflates the event at a position into a later one, which is to be flagged; false if none lives there.
    fn replace(&mut self, at: u32) -> bool {
        let Some(&Event { instrument, flags, .. }) = self.bury(at) else { return false };
        self.lanes.at(instrument, self.round).conflated += 1;
        if flags & flag::LOSSY != 0 {
            self.flag_next(at, instrument);
        }
        true
    }

    /// Marks an event as dead, if it lived; the event says what it was but for its kind.
    fn bury(&mut self, at: u32) -> Option<&Event> {
        let event = self.batch.events.get_mut(at as usize).filter(|event| event.kind != DEAD)?;
        if event.kind == Kind::Book as u8 {
            let book = event.book();
            self.dead_levels += book.bids + book.asks;
        }
        event.kind = DEAD;
        self.live -= 1;
        self.lanes.at(event.instrument, self.round).pending -= 1;
        Some(event)
    }

    /// The next waiting event of an instrument after a position carries the flag; if none waits, the next that comes.
    fn flag_next(&mut self, at: u32, instrument: u32) {
        let mut next = self.link(at).next;
        while self.event(next).is_some_and(|event| event.kind == DEAD) {
            next = self.link(next).next;
        }
        if next == NONE {
            self.lanes.at(instrument, self.round).lossy = true;
        } else {
            self.flag_lossy(next);
        }
    }

    /// Back to capacity, if data events are there to drop.
    fn relieve(&mut self) {
        while self.live > self.capacity {
            if !self.drop_longest_chain() && !self.drop_oldest() {
                self.make_statuses_unique();
                break;
            }
        }
    }

    /// Closes the holes if they grew too large.
    pub(super) fn tidy(&mut self) {
        let levels = self.batch.levels.len() - self.dead_levels;
        let living = self.live * size_of::<Event>() + levels * size_of::<Level>();
        let dead = (self.batch.events.len() - self.live) * size_of::<Event>() + self.dead_levels * size_of::<Level>();
        if dead > living + SLACK_BYTES {
            self.compact();
        }
    }

    fn compact(&mut self) {
        close_holes(&mut self.batch);
        self.live = self.batch.events.len();
        self.dead_levels = 0;
        self.forget_positions();
        for at in 0..self.live {
            if let Some(event) = self.batch.events.get(at).copied() {
                let _ = self.register(at, &event);
            }
        }
    }

    /// Drops the oldest data event; a book event takes the changes that build on it along. False if only status events wait.
    fn drop_oldest(&mut self) -> bool {
        let is_data = |event: &Event| event.kind != DEAD && event.kind != Kind::Status as u8;
        while let Some(event) = self.batch.events.get(self.cursor) {
            let (at, instrument) = (u32::try_from(self.cursor).unwrap_or(NONE), event.instrument);
            if !is_data(event) {
                self.cursor += 1;
            } else if event.kind == Kind::Book as u8 {
                self.drop_books(at, NONE, instrument);
                return true;
            } else {
                let _ = self.bury(at);
                self.lanes.at(instrument, self.round).dropped += 1;
                self.dropped += 1;
                self.flag_next(at, instrument);
                return true;
            }
        }
        false
    }

    /// Under `conflate`: drops the changes of the book that has most of them (two at least). What can't be conflated pays first,
    /// not the latest quote of a quiet instrument.
    fn drop_longest_chain(&mut self) -> bool {
        let mut longest = (1, NONE);
        for instrument in &self.chained {
            let updates = self.lanes.at(*instrument, self.round).updates;
            if updates > longest.0 {
                longest = (updates, *instrument);
            }
        }
        let (_, instrument) = longest;
        if instrument == NONE {
            return false;
        }
        // A snapshot in front stays: the state it gives is old, not wrong.
        let head = self.lanes.at(instrument, self.round).book_head;
        if self.event(head).is_some_and(|event| self.is_update(event)) {
            self.drop_books(head, NONE, instrument);
        } else {
            self.drop_books(self.link(head).book, head, instrument);
        }
        true
    }

    /// Drops a book event and the changes that follow it, up to the next snapshot; `before` is the book event in front.
    fn drop_books(&mut self, first: u32, before: u32, instrument: u32) {
        let (mut at, mut dropped, mut updates) = (first, 0, 0);
        while let Some(action) = self.bury(at).map(|event| event.action) {
            dropped += 1;
            updates += u32::from(self.is_action_update(action));
            at = self.link(at).book;
            if self.event(at).is_some_and(|event| !self.is_update(event)) {
                break;
            }
        }
        match self.links.get_mut(before as usize) {
            Some(link) => link.book = at,
            None => self.lanes.at(instrument, self.round).book_head = at,
        }
        let lane = self.lanes.at(instrument, self.round);
        lane.dropped += dropped;
        self.dropped += dropped;
        lane.updates = lane.updates.saturating_sub(updates);
        lane.forget_top();
        if lane.updates == 0 && updates > 0 {
            self.chained.retain(|chained| *chained != instrument);
        }
        let mut gap_stands = false;
        if at == NONE {
            let lane = self.lanes.at(instrument, self.round);
            lane.book_tail = before;
            lane.base_lost = true;
            if updates > 0 {
                lane.broken = true;
                gap_stands = self.put_gap(first);
            }
        }
        self.flag_after_books(first, at, instrument, gap_stands);
    }

    /// Flags what follows each of the book events that were dropped, from `first` to before `end`, in one walk; where the
    /// first was, a gap may stand that says it.
    fn flag_after_books(&mut self, first: u32, end: u32, instrument: u32, gap_stands: bool) {
        let (mut at, mut dropped, mut lost) = (first, first, false);
        while at != NONE && (lost || dropped != end) {
            if at == dropped && dropped != end {
                lost = at != first || !gap_stands;
                dropped = self.link(at).book;
            } else if lost && self.event(at).is_some_and(|event| event.kind != DEAD) {
                self.flag_lossy(at);
                lost = false;
            }
            at = self.link(at).next;
        }
        if lost {
            self.lanes.at(instrument, self.round).lossy = true;
        }
    }

    /// Puts a gap where the first of the lost changes was, unless a later one waits anyway. Says whether it did.
    fn put_gap(&mut self, first: u32) -> bool {
        let Some(cause) = self.event(first).copied().filter(|_| self.notices) else { return false };
        let mut gap = notice(&cause, State::Gap, StatusReason::SequenceGap);
        let other = self.status_at(status_key(&gap));
        if other != NONE && other > first {
            self.flag_lossy(other);
            return false;
        }
        if self.unique_statuses {
            self.replace(other);
        }
        gap.flags |= flag::LOSSY;
        if let Some(event) = self.batch.events.get_mut(first as usize) {
            *event = gap;
        }
        self.live += 1;
        self.statuses.insert(status_key(&gap), (self.round, first));
        let lane = self.lanes.at(gap.instrument, self.round);
        lane.received += 1;
        lane.inserted += 1;
        lane.pending += 1;
        self.inserted += 1;
        true
    }

    /// Only status events wait and they are too many: of each (venue, instrument, state) the latest stays.
    fn make_statuses_unique(&mut self) {
        if core::mem::replace(&mut self.unique_statuses, true) {
            return;
        }
        for at in 0..u32::try_from(self.batch.events.len()).unwrap_or(NONE) {
            let Some(event) = self.event(at).filter(|event| event.kind != DEAD) else { continue };
            let latest = self.status_at(status_key(event));
            if latest != at {
                self.replace(at);
                self.flag_lossy(latest);
            }
        }
    }
}

/// A status event about the instrument of another event, at its place in the stream.
fn notice(cause: &Event, state: State, reason: StatusReason) -> Event {
    Event {
        state: state as u8,
        reason: reason as u16,
        price_scale: cause.price_scale,
        size_scale: cause.size_scale,
        turnover_scale: cause.turnover_scale,
        venue: cause.venue,
        instrument: cause.instrument,
        seq: cause.seq,
        ts_event: cause.ts_event,
        ts_recv: cause.ts_recv,
        ts_booked: cause.ts_booked,
        epoch: cause.epoch,
        ..Event::new(Kind::Status)
    }
}

/// Takes the dead events and their levels out of a batch.
pub(super) fn close_holes(batch: &mut Batch) {
    let Batch { events, levels } = batch;
    let mut end = 0;
    events.retain_mut(|event| {
        if event.kind == Kind::Book as u8 {
            let mut book = event.book();
            let count = book.bids + book.asks;
            if count > 0 {
                levels.copy_within(book.at..book.at + count, end);
            }
            book.at = end;
            event.set_book(&book);
            end += count;
        }
        event.kind != DEAD
    });
    levels.truncate(end);
}
