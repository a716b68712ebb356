//! Orders, as Python sees them: the router behind one lock, and the paper exchange.

mod core;
mod gateway;
mod paper;
mod replay;
mod shape;
mod state;
pub(crate) mod stats;

pub(crate) use core::{JournalError, OrderCore, OrderDeniedError};
pub(crate) use gateway::GatewayCore;
pub(crate) use replay::{read_journal, replay_orders};
