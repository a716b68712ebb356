//! What a router asks of a venue.

use crate::clock::Nanos;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Log in (quantapi).
    Login,
    /// Log out.
    Logout,
    /// A new order.
    Place(u64),
    /// Cancel these, all of one instrument.
    Cancel(Vec<u64>),
    /// Change price and quantity of an order.
    Replace(u64, i64, i64),
    /// What orders are there in this instrument?
    Orders(u32),
    /// What became of this order?
    Order(u64),
    /// What is on the account?
    Balances,
    /// What is the position in this instrument?
    Positions(u32),
    /// What are this instrument's rules?
    Rules(u32),
}

impl Request {
    /// Questions change nothing: they wait for the rest, and for one another where the venue demands it.
    #[must_use]
    pub const fn is_question(&self) -> bool {
        matches!(self, Self::Orders(_) | Self::Order(_) | Self::Balances | Self::Positions(_) | Self::Rules(_))
    }

    /// Whether both ask the same kind of thing.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let orders = |request: &Self| matches!(request, Self::Orders(_) | Self::Order(_));
        (orders(self) && orders(other)) || std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A request that waits to be sent.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    /// Not to be sent later than this, monotonic.
    pub(super) deadline: Nanos,
    /// When it was put here, monotonic.
    pub(super) since: Nanos,
    /// When what caused it was read from its socket, monotonic; 0: nothing did.
    pub(super) cause: Nanos,
}

/// A request that was sent and not answered.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Its number.
    pub(super) number: u64,
    pub(super) request: Request,
    pub(super) sent: Nanos,
    /// It was given up; a late answer still tells something.
    pub(super) overdue: bool,
}
