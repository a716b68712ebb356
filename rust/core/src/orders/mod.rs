//! Orders: what is asked of a venue, what a venue says of it, and the one truth made of both.
//!
//! No sockets and no clock: time is an argument, bytes go in and out. The parts, in the order a command meets them:
//! [`risk`] (is it allowed?) → [`journal`] (written before the wire) → [`venue`] (request bytes, answers to [`Report`]s) →
//! the router, which alone changes the state of an order.

mod describe;
pub mod journal;
pub mod ledger;
pub mod record;
mod report;
pub mod risk;
pub mod router;
mod rules;
mod show;
pub mod state;
pub(crate) mod types;
pub mod venue;

pub use describe::describe;
pub use ledger::MONEY_SCALE;
pub use report::{
    BalanceReport, ExecutionReport, Gateway, OrderReport, OrderStatus, PositionMore, PositionReport, Refusal,
    RefusalKind, Report, RequestKey, RulesReport, SideMore,
};
pub use rules::{Product, Rules};
pub use types::{Liquidity, Offset, OrderType, Side, Unit};
