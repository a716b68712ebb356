//! The queue between a feed and one consumer: bounded, exactly accounted, with a declared policy.
//!
//! The feed calls [`Queue::offer`] once for each socket read, the consumer [`Queue::take`] whenever it likes and gets everything
//! that waits. Both hold one lock for a moment (an append, a swap), never for a message; in a steady state neither
//! allocates. A consumer that is slow pays for itself: the feed never waits for it.
//!
//! # Rules
//! * **Accounts**: for every instrument, `received = delivered + conflated + dropped + pending` ([`Account`]). What the
//!   [`Filter`] keeps out is not received, but counted.
//! * **Order**: a batch is in the order of `seq`. The queue's own notices have the `seq` of the event that caused them.
//! * **`drop_oldest`**: over capacity the oldest data event goes, and the next event of its instrument carries [`flag::LOSSY`].
//! * **`conflate`**: of each (instrument, kind, interval) the latest waits, and carries `LOSSY` if it replaced one. Of status
//!   events the latest of each (venue, instrument, state) waits, so that a gap or a disconnect is never hidden by what
//!   follows it. Should the latest alone exceed the capacity, the oldest go as above. An event that itself carried `LOSSY` hands
//!   the flag on when it goes.
//! * **Books**: a snapshot replaces everything of its book. A change ([`crate::event::Action::Update`]) replaces nothing, it waits. If one
//!   must be dropped, every waiting change that builds on it goes too, and the changes that come until the next snapshot; unless such a
//!   snapshot waits already, a `gap` notice stands where the first lost one was, and a `resync` notice follows the snapshot that mends it.
//!   [`Queue::books_lost`] names the books that need one. Over capacity under `conflate` the longest chain of changes goes first.
//! * **Status events** are never dropped. When they alone exceed the capacity, they conflate as under `conflate`: what waits is then
//!   bounded by the number of (venue, instrument, state).
//! * **`disconnect`**: over capacity the queue closes; what waits is delivered, what comes is counted as dropped.
//! * **`block`**: nothing goes. Above capacity (by at most one read) an offer says [`Pressure::Full`], until [`Queue::is_relieved`].
//!
//! [`flag::LOSSY`]: crate::event::flag::LOSSY

mod filter;
mod lane;
mod pending;
mod policy;
#[cfg(test)]
mod tests;

pub use filter::{Filter, MAX_INSTRUMENTS};
pub use policy::{Account, CloseReason, Config, Policy, Pressure, Taken, Totals};

use crate::clock::Nanos;
use crate::event::{Action, Batch, Event, Kind, NO_INSTRUMENT};
use crate::latency::Histogram;
use crate::region::ConsumerSlot;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use pending::Pending;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Waker = Arc<dyn Fn() + Send + Sync>;

/// A bounded queue from a feed to one consumer. See the module's text.
pub struct Queue {
    policy: Policy,
    capacity: usize,
    state: Mutex<State>,
    ready: Condvar,
    /// Account and latencies, where others may look.
    slot: ConsumerSlot,
    /// Number of waiting events, for whoever only wants to know.
    depth: AtomicUsize,
    /// Held while taking: the histogram has one writer at a time.
    latency: Mutex<()>,
}

struct State {
    pending: Pending,
    filter: Filter,
    filtered: u64,
    /// Events that passed the filter, and those that were taken.
    received: u64,
    delivered: u64,
    closed: Option<CloseReason>,
    /// Somebody sleeps on the condition variable (or did).
    waiting: bool,
    /// The waker is to be called.
    armed: bool,
    waker: Option<Waker>,
}

impl State {
    fn is_ready(&self) -> bool {
        self.pending.len() > 0 || self.closed.is_some()
    }

    /// `received delivered conflated dropped pending filtered`, by sums kept as they go: for every read, so not by lanes.
    fn account(&self) -> [u64; 6] {
        let (pending, dropped) = (self.pending.len() as u64, self.pending.dropped);
        let received = self.received.wrapping_add(self.pending.inserted);
        // What was received and neither waits, nor was taken, nor was dropped has been replaced.
        let rest = received.wrapping_sub(self.delivered).wrapping_sub(pending);
        [received, self.delivered, rest.wrapping_sub(dropped), dropped, pending, self.filtered]
    }

    fn accept(&mut self, policy: Policy, capacity: usize, event: &Event, source: &Batch) {
        if !self.filter.wants(event) {
            self.filtered = self.filtered.saturating_add(1);
            return;
        }
        let is_book = event.kind == Kind::Book as u8;
        let lane = self.pending.lanes.at(event.instrument, self.pending.round());
        if self.filter.is_top_only() {
            if is_book && !lane.tells_new_top(event) {
                self.filtered = self.filtered.saturating_add(1);
                return;
            }
            if event.kind == Kind::Status as u8 && event.instrument != NO_INSTRUMENT {
                lane.forget_top();
            }
        }
        lane.received = lane.received.saturating_add(1);
        if policy == Policy::Disconnect && self.closed.is_none() && self.pending.len() >= capacity {
            self.closed = Some(CloseReason::SlowConsumer);
        }
        if self.closed.is_some() {
            let lane = self.pending.lanes.at(event.instrument, self.pending.round());
            lane.dropped = lane.dropped.saturating_add(1);
            self.pending.dropped = self.pending.dropped.saturating_add(1);
            return;
        }
        let stripped = self.filter.is_top_only() && event.action == Action::Update as u8;
        let (bids, asks) = if stripped { (&[][..], &[][..]) } else { source.levels_of(event) };
        match policy {
            Policy::Block | Policy::Disconnect => self.pending.append(event, bids, asks),
            Policy::Conflate | Policy::DropOldest => self.pending.admit(event, bids, asks),
        }
    }
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::counting_in(ConsumerSlot::private(), config)
    }

    /// The same, its account and its latencies in a place where others may look.
    #[must_use]
    pub fn counting_in(slot: ConsumerSlot, config: Config) -> Self {
        let Config { capacity_events, policy, filter } = config;
        let capacity = capacity_events.max(1);
        let mut pending = Pending::new(policy, capacity);
        pending.set_modes(filter.wants_status(), filter.is_top_only());
        let state = State {
            pending,
            filter,
            filtered: 0,
            received: 0,
            delivered: 0,
            closed: None,
            waiting: false,
            armed: false,
            waker: None,
        };
        Self {
            policy,
            capacity,
            state: Mutex::new(state),
            slot,
            ready: Condvar::new(),
            depth: AtomicUsize::new(0),
            latency: Mutex::new(()),
        }
    }

    /// No code that runs under the lock panics; should it ever, the counts are still the best there are.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the events of one socket read to the consumer; their `seq` must grow from call to call. Wakes the consumer
    /// if it sleeps.
    pub fn offer(&self, batch: &Batch) -> Pressure {
        let mut state = self.lock();
        let filtered = state.filtered;
        for event in &batch.events {
            state.accept(self.policy, self.capacity, event, batch);
        }
        let kept_out = state.filtered.wrapping_sub(filtered);
        state.received = state.received.wrapping_add(batch.events.len() as u64).wrapping_sub(kept_out);
        state.pending.tidy();
        let depth = state.pending.len();
        let pressure = match state.closed {
            Some(_) => Pressure::Closed,
            None if self.policy == Policy::Block && depth > self.capacity => Pressure::Full,
            None => Pressure::Ok,
        };
        self.release(state);
        pressure
    }

    /// Publishes the depth, unlocks, and wakes whoever sleeps if there is a reason to.
    fn release(&self, mut state: MutexGuard<'_, State>) {
        self.depth.store(state.pending.len(), Ordering::Release);
        self.slot.cell.account.write(&state.account());
        if !state.is_ready() || !(state.waiting || state.armed) {
            return;
        }
        let notify = core::mem::replace(&mut state.waiting, false);
        let waker = if core::mem::replace(&mut state.armed, false) { state.waker.clone() } else { None };
        drop(state);
        if notify {
            self.ready.notify_all();
        }
        if let Some(wake) = waker {
            wake();
        }
    }

    /// Moves everything that waits into `out` (what was in it is forgotten, its memory used on) and records how long it
    /// waited; `now_monotonic` is [`crate::clock::monotonic_ns`] now.
    pub fn take(&self, out: &mut Batch, now_monotonic: Nanos) -> Taken {
        let one_at_a_time = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        let taken = state.pending.len();
        let holes = state.pending.take(out);
        state.delivered = state.delivered.wrapping_add(taken as u64);
        self.slot.cell.account.write(&state.account());
        let closed = state.closed;
        self.depth.store(0, Ordering::Release);
        drop(state);
        // From here on the feed can go on: what takes long for many events is done by the consumer, for itself.
        if holes {
            pending::close_holes(out);
        }
        for event in out.events.iter().filter(|event| event.ts_booked != 0) {
            // An event booked after `now` was read did not wait at all.
            self.slot.cell.latency.record(now_monotonic.saturating_sub(event.ts_booked).max(0));
        }
        drop(one_at_a_time);
        match (out.events.len(), closed) {
            (0, Some(reason)) => Taken::Closed(reason),
            (0, None) => Taken::Empty,
            (count, _) => Taken::Events(count),
        }
    }

    /// Sleeps until there is something to take, or the queue is closed (true), or the time is over (false).
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let asleep = |state: &mut State| {
            let nothing = !state.is_ready();
            // Left set after a time-out: another thread may sleep too, and one wake-up in vain costs little.
            state.waiting |= nothing;
            nothing
        };
        let result = self.ready.wait_timeout_while(self.lock(), timeout, asleep);
        let (state, _) = result.unwrap_or_else(PoisonError::into_inner);
        state.is_ready()
    }

    /// What [`Queue::arm`]ed consumers are woken by: a write to an eventfd or a pipe, for instance. Runs on the producer's
    /// thread, outside the lock; it must be quick and must not panic.
    pub fn set_waker(&self, waker: Box<dyn Fn() + Send + Sync>) {
        self.lock().waker = Some(waker.into());
    }

    /// Asks for one call of the waker when something comes, and returns true: sleep now. Returns false, and asks for
    /// nothing, if something waits already or the queue is closed: take first.
    #[must_use]
    pub fn arm(&self) -> bool {
        let mut state = self.lock();
        state.armed = !state.is_ready();
        state.armed
    }

    /// Closes the queue, from either side; the first reason stays. What waits is still delivered, unless it was the consumer
    /// who closed: then it is dropped.
    pub fn close(&self, reason: CloseReason) {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        if reason == CloseReason::Consumer {
            state.pending.discard();
        }
        self.release(state);
    }

    /// Why the queue is closed, if it is.
    #[must_use]
    pub fn closed(&self) -> Option<CloseReason> {
        self.lock().closed
    }

    /// Changes what the consumer wants, from the next offer on. What waits stays.
    pub fn set_filter(&self, filter: Filter) {
        let mut state = self.lock();
        state.pending.set_modes(filter.wants_status(), filter.is_top_only());
        state.filter = filter;
    }

    /// Number of events that wait. Takes no lock.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.depth.load(Ordering::Acquire)
    }

    /// Whether a producer that was told [`Pressure::Full`] may read on: at most half the capacity waits. Takes no lock.
    #[must_use]
    pub fn is_relieved(&self) -> bool {
        self.pending() <= self.capacity / 2
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The capacity, events.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Accounts of every instrument that received anything, by index; that of whole connections last.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let state = self.lock();
        state.pending.lanes.accounts(state.pending.round()).collect()
    }

    /// The sums of all accounts, and what the filter kept out.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        let zero = Totals { filtered: state.filtered, ..Totals::default() };
        state.pending.lanes.accounts(state.pending.round()).fold(zero, |sum, one| Totals {
            received: sum.received.saturating_add(one.received),
            inserted: sum.inserted.saturating_add(one.inserted),
            delivered: sum.delivered.saturating_add(one.delivered),
            conflated: sum.conflated.saturating_add(one.conflated),
            dropped: sum.dropped.saturating_add(one.dropped),
            pending: sum.pending.saturating_add(one.pending),
            ..sum
        })
    }

    /// Instruments whose changes were lost to this consumer and whose book it can't follow until a snapshot is offered.
    #[must_use]
    pub fn books_lost(&self) -> Vec<u32> {
        self.lock().pending.lanes.broken().collect()
    }

    /// How long events waited: from [`Event::ts_booked`] to the take, ns. Events without the stamp are left out.
    #[must_use]
    pub fn latency(&self) -> &Histogram {
        &self.slot.cell.latency
    }

    /// The place of its account and its latencies.
    #[must_use]
    pub fn slot(&self) -> &ConsumerSlot {
        &self.slot
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Queue");
        out.field("policy", &self.policy).field("capacity", &self.capacity).field("pending", &self.pending());
        out.finish_non_exhaustive()
    }
}
