//! What a queue knows about one instrument.

use super::filter::MAX_INSTRUMENTS;
use super::policy::Account;
use crate::event::{Event, Kind, Level, NO_INSTRUMENT, flag};

/// No position.
pub(super) const NONE: u32 = u32::MAX;

/// Conflation slots: trade, quote, and one for each bar interval (and an unknown one).
const SLOTS: usize = 15;

/// The top of a book as the consumer was last told.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Top {
    bid: Level,
    ask: Level,
    epoch: u32,
    valid: bool,
}

/// Counts of one instrument, and where its waiting events are. Positions are good for one round (until the events are
/// taken or moved); [`Lanes::at`] forgets those of an earlier round, so that a take need not visit every instrument.
pub(super) struct Lane {
    pub(super) received: u64,
    pub(super) inserted: u64,
    pub(super) conflated: u64,
    pub(super) dropped: u64,
    round: u64,
    pub(super) pending: u64,
    /// Last waiting event of the instrument (it may be dead).
    pub(super) tail: u32,
    /// First and last waiting book event; each links to the next.
    pub(super) book_head: u32,
    pub(super) book_tail: u32,
    /// Waiting book events that are changes.
    pub(super) updates: u32,
    slots: [u32; SLOTS],
    /// Events were lost and none that could say so waits: the next one shall.
    pub(super) lossy: bool,
    /// A book event was lost and no snapshot came since: a change has nothing to be applied to.
    pub(super) base_lost: bool,
    /// A change was lost: the consumer's book is stale until the next snapshot.
    pub(super) broken: bool,
    top: Option<Top>,
}

impl Lane {
    fn new() -> Self {
        Self {
            received: 0,
            inserted: 0,
            conflated: 0,
            dropped: 0,
            round: 0,
            pending: 0,
            tail: NONE,
            book_head: NONE,
            book_tail: NONE,
            updates: 0,
            slots: [NONE; SLOTS],
            lossy: false,
            base_lost: false,
            broken: false,
            top: None,
        }
    }

    fn refresh(&mut self, round: u64) {
        if self.round != round {
            self.round = round;
            self.pending = 0;
            self.updates = 0;
            (self.tail, self.book_head, self.book_tail) = (NONE, NONE, NONE);
            self.slots = [NONE; SLOTS];
        }
    }

    /// Where the waiting event that a trade, quote or bar replaces is kept.
    pub(super) fn slot(&mut self, event: &Event) -> Option<&mut u32> {
        let slot = match event.kind {
            kind if kind == Kind::Trade as u8 => 0,
            kind if kind == Kind::Quote as u8 => 1,
            kind if kind == Kind::Bar as u8 => usize::from(event.interval.min(12)).saturating_add(2),
            _ => return None,
        };
        self.slots.get_mut(slot)
    }

    /// Whether a book event tells a top that the consumer was not told; it is taken as told then.
    pub(super) fn tells_new_top(&mut self, event: &Event) -> bool {
        let book = event.book();
        let valid = event.flags & flag::VALID != 0;
        let top = Some(Top { bid: book.best_bid, ask: book.best_ask, epoch: event.epoch, valid });
        let new = self.top != top;
        self.top = top;
        new
    }

    /// The next book event tells a new top, whatever it is.
    pub(super) fn forget_top(&mut self) {
        self.top = None;
    }

    fn account(&self, instrument: u32, round: u64) -> Account {
        let pending = if self.round == round { self.pending } else { 0 };
        let &Self { received, inserted, conflated, dropped, .. } = self;
        // What was received and neither waits nor was lost has been taken.
        let delivered = received.saturating_sub(conflated).saturating_sub(dropped).saturating_sub(pending);
        Account { instrument, received, inserted, delivered, conflated, dropped, pending }
    }
}

/// The lanes of all instruments, by index, and one for the events of whole connections.
pub(super) struct Lanes {
    dense: Vec<Lane>,
    none: Lane,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { dense: Vec::new(), none: Lane::new() }
    }

    /// The lane of an instrument (the filter lets only bounded indices pass).
    #[inline]
    pub(super) fn at(&mut self, instrument: u32, round: u64) -> &mut Lane {
        let at = instrument as usize;
        if instrument < MAX_INSTRUMENTS && at >= self.dense.len() {
            self.dense.resize_with(at.saturating_add(1), Lane::new);
        }
        let lane = self.dense.get_mut(at).unwrap_or(&mut self.none);
        lane.refresh(round);
        lane
    }

    /// Accounts of all instruments that received anything, in the order of their index.
    pub(super) fn accounts(&self, round: u64) -> impl Iterator<Item = Account> + '_ {
        let dense = (0_u32..).zip(&self.dense);
        dense
            .chain([(NO_INSTRUMENT, &self.none)])
            .map(move |(instrument, lane)| lane.account(instrument, round))
            .filter(|account| account.received > 0)
    }

    /// Instruments whose book the consumer can't follow until a snapshot comes.
    pub(super) fn broken(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.dense).filter(|(_, lane)| lane.broken).map(|(instrument, _)| instrument)
    }

    pub(super) fn forget_tops(&mut self) {
        self.dense.iter_mut().for_each(Lane::forget_top);
    }

    /// Counts everything that waits as dropped.
    pub(super) fn drop_pending(&mut self, round: u64) {
        for lane in self.dense.iter_mut().chain([&mut self.none]) {
            lane.refresh(round);
            lane.dropped = lane.dropped.saturating_add(lane.pending);
            lane.pending = 0;
        }
    }
}
