//! The paper exchange: a matching engine with accounts, and a venue in front of it that takes its time.
//!
//! [`Exchange`] matches by price and time. Incoming orders trade against the liquidity that a live book displays
//! ([`Exchange::market`]) and against one another; at one price the live book was there first. What was taken of a displayed level stays
//! taken until its size changes. A resting order that the live book crosses is filled at its own price, up to what is displayed.
//! An order never trades with its own account: the rest of the incoming one is cancelled. Money is exact ([`MONEY_SCALE`] digits);
//! the fee and the margin of an order are rounded up once, however many fills it has.
//!
//! [`PaperVenue`] is the exchange as a venue: requests and answers take a while, some orders are refused, by a seed.
//!
//! [`MONEY_SCALE`]: crate::orders::MONEY_SCALE

mod account;
mod book;
mod clients;
mod display;
mod engine;
mod ladder;
mod matching;
mod money;
mod order;
mod query;
mod slab;
mod text;
mod venue;

pub use account::{Balance, Leg, Legs};
pub use book::Terms;
pub use clients::ClientIds;
pub use engine::Exchange;
pub use money::{MAX_MONEY, MAX_ORDER, amount, fee, notional, part};
pub use order::{Event, ExchangeReject, Fill, NewOrder, Order, OrderNo};
pub use slab::MAX_LIVE;
pub use text::{average_price, money_text};
pub use venue::{Ask, ConnectionId, Latency, MAX_REQUESTS, Model, PaperVenue, Spread};
