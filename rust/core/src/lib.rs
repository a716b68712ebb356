//! The hot path of ferrofeed: WebSocket bytes to normalised events and order books.
//!
//! Pure Rust: no Python, no async runtime, no I/O. A program that owns a socket hands the bytes it
//! read to a [`pipeline::Connection`] and gets normalised [`event::Event`]s, up-to-date
//! [`book::Book`]s, counters and latency histograms back.
//!
//! The modules, in the order a byte meets them:
//! [`wire`] (RFC 6455 read side) → [`json`] and [`num`] (scanning, exact decimals) →
//! [`venue`] (one decoder a venue) → [`event`] (the schema) → [`book`] → [`queue`] (consumers). What is measured on
//! the way lies in a [`region`] that another process can read.

pub mod book;
pub mod clock;
pub mod counters;
pub mod event;
pub mod exchange;
pub mod gateway;
pub mod instrument;
pub mod json;
pub mod latency;
pub mod num;
pub mod orders;
pub mod pipeline;
pub mod quarantine;
pub mod queue;
pub mod region;
pub mod render;
pub mod sign;
mod spelling;
pub mod venue;
pub mod wire;
