//! Everything that is measured, in one piece of memory that another process can read while the feed works.
//!
//! The feed's thread writes as it always did: plain stores to its counters and histograms, which happen to lie in shared
//! memory. A [`View`] in another process reads them there: no lock, no message, no call, nothing that the feed would notice.
//! What is more than a number (a session's state, names) is written under a sequence lock when it changes.

mod board;
mod cells;
mod memory;
mod seqlock;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use board::Tables;
pub use board::{Board, ConsumerSlot};
pub use cells::{
    ChannelTimes, ConnectionCell, ConsumerCell, DESK_WORDS, DeskCell, GATEWAY_WORDS, GC_WORDS, Header, InstrumentCell,
    SESSION_WORDS,
};
pub use memory::{Full, Region, Shared};
pub use seqlock::{Text, Words};
pub use view::{FeedState, Freshness, OpenError, View};
