//! Orders, as Python sees them: the router behind one lock, and the paper exchange.

mod core;
mod paper;
mod shape;
pub(crate) mod stats;

pub(crate) use core::{JournalError, OrderCore, OrderDeniedError, read_journal};
