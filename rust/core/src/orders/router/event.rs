//! What a router tells: every change, numbered, in order.

use super::super::state::{Change, OrderState};
use super::super::types::words;
use crate::clock::Nanos;

words! {
    /// What an event is about.
    EventKind {
        /// An order changed: `id`, `change`, `state`.
        Order = 1 "order",
        /// An order was filled: `price` and `quantity` of the fill.
        Fill = 2 "fill",
        /// An order was not let through: nothing was sent.
        Denied = 3 "denied",
        /// A position was set to what the venue says, since fills had not made it so.
        Position = 4 "position",
        /// A balance changed.
        Balance = 5 "balance",
        /// The mode changed.
        Mode = 6 "mode",
        /// The kill switch was thrown or cleared.
        Kill = 7 "kill",
        /// Something that should not be; look at it.
        Anomaly = 8 "anomaly",
        /// A desk became ready, or no longer is.
        Desk = 9 "desk",
        /// The venue has an order that is not ours.
        Foreign = 10 "foreign",
    }
}

/// One event. What does not apply is 0 or empty. Prices and quantities are at the instrument's scales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// 1, 2, 3 … since the start.
    pub seq: u64,
    /// ns since the Unix epoch.
    pub time: Nanos,
    /// What it is about.
    pub kind: EventKind,
    /// The desk, `u16::MAX`: none.
    pub desk: u16,
    /// The instrument, `u32::MAX`: none.
    pub instrument: u32,
    /// The order.
    pub id: u64,
    /// What happened to it.
    pub change: Option<Change>,
    /// Its state after that.
    pub state: Option<OrderState>,
    /// What is filled of it.
    pub filled: i64,
    /// Price of a fill.
    pub price: i64,
    /// Quantity of a fill.
    pub quantity: i64,
    /// In words: a reason, a rule, a currency and its amounts.
    pub text: Box<str>,
}

impl Event {
    /// An event about nothing yet.
    #[must_use]
    pub fn new(kind: EventKind, time: Nanos) -> Self {
        Self {
            seq: 0,
            time,
            kind,
            desk: u16::MAX,
            instrument: u32::MAX,
            id: 0,
            change: None,
            state: None,
            filled: 0,
            price: 0,
            quantity: 0,
            text: "".into(),
        }
    }
}
