//! What a consumer asks for, and what it is told.

use super::Filter;

/// What happens to events that a consumer does not take in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Only the latest of each (instrument, kind, interval) waits. For whoever wants the present state.
    Conflate,
    /// Over capacity the oldest events go. For whoever wants every event, or to know of a hole.
    DropOldest,
    /// Over capacity the queue closes. For whoever would rather start anew than miss something.
    Disconnect,
    /// Nothing goes; the producer is asked to pause reading its sockets. For recorders and tests.
    Block,
}

impl Policy {
    /// All policies.
    pub const ALL: [Self; 4] = [Self::Conflate, Self::DropOldest, Self::Disconnect, Self::Block];

    /// The name used in the configuration and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflate => "conflate",
            Self::DropOldest => "drop_oldest",
            Self::Disconnect => "disconnect",
            Self::Block => "block",
        }
    }
}

/// What a queue is made from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most events that wait at once; 0 is taken as 1.
    pub capacity_events: usize,
    /// What happens beyond that.
    pub policy: Policy,
    /// Which events the consumer wants at all.
    pub filter: Filter,
}

/// What a producer is told by an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pressure {
    /// Go on.
    Ok,
    /// Policy `block`, above capacity: stop reading until [`super::Queue::is_relieved`].
    Full,
    /// Closed: nothing more will be delivered; forget this queue.
    Closed,
}

/// Why a queue is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Policy `disconnect`: the consumer did not keep up.
    SlowConsumer,
    /// The producer ended; what waits is still delivered.
    Producer,
    /// The consumer ended; what waited was dropped.
    Consumer,
}

impl CloseReason {
    /// The name used in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowConsumer => "slow_consumer",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// What a consumer is told by a take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Taken {
    /// So many events are in the batch.
    Events(usize),
    /// Nothing waits at the moment.
    Empty,
    /// Nothing waits and nothing will come.
    Closed(CloseReason),
}

/// What became of the events of one instrument, for one consumer.
/// `received = delivered + conflated + dropped + pending`, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The instrument, or [`crate::event::NO_INSTRUMENT`].
    pub instrument: u32,
    /// Events that passed the filter, and the notices that the queue made itself.
    pub received: u64,
    /// Of these the queue's own notices: `gap` when it had to drop changes of a book, `resync` when the book is whole again.
    pub inserted: u64,
    /// Taken by the consumer.
    pub delivered: u64,
    /// Replaced by a later event of the same kind.
    pub conflated: u64,
    /// Lost.
    pub dropped: u64,
    /// Waiting.
    pub pending: u64,
}

/// The sums of all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `Account`")]
pub struct Totals {
    pub received: u64,
    pub inserted: u64,
    pub delivered: u64,
    pub conflated: u64,
    pub dropped: u64,
    pub pending: u64,
    /// Events that the filter kept out; they are in no other number.
    pub filtered: u64,
}
