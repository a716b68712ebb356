//! Trading venues: request bytes, and messages to [`Report`](super::Report)s. No I/O, no clock, no state.
//!
//! Encoders append one whole JSON message to a buffer, or nothing at all: what a venue can't say is [`Unsupported`], found out
//! before the first byte. They allocate nothing but the buffer's own growth. Decoders append the reports of one whole message, or
//! nothing at all: a message with one broken field says nothing that money should be moved by.
//!
//! Decoders are strict where the venue's document speaks and judge late: the order of keys is of no account, unknown keys are
//! skipped, `null` counts as if the key were not there, of duplicate keys the last one wins.

pub mod coinceres;
pub mod quantapi;
pub(crate) mod read;
mod time;
pub(crate) mod write;

use super::types::{Offset, OrderType, Side, Unit};
use crate::venue::{DecodeError, DecodeErrorKind};
use std::fmt;

/// Longest id, symbol, currency or other word of an answer, in bytes; tokens may have [`LONGEST_TOKEN`].
pub const LONGEST_WORD: usize = 128;
/// Longest login token, in bytes.
pub const LONGEST_TOKEN: usize = 1_024;
/// What is kept of a venue's text, in bytes; cut where a character ends.
pub const LONGEST_TEXT: usize = 256;
/// Most orders, fills, contracts or balances in one answer. More is an error, since half an answer is a wrong one.
pub const MOST_ITEMS: usize = 16_384;

/// What a venue can say, for the risk check: an order it has no words for must not get as far as the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supports {
    /// Order types.
    pub order_types: &'static [OrderType],
    /// Offsets of orders in spot instruments.
    pub spot_offsets: &'static [Offset],
    /// Offsets of orders in contracts.
    pub contract_offsets: &'static [Offset],
    /// What the quantity counts, for each type and side.
    pub units: &'static [(OrderType, Side, Unit)],
    /// Whether orders carry an id of the client's.
    pub client_ids: bool,
    /// Whether an order can be replaced by one request.
    pub replace: bool,
    /// Most orders in one cancel, 0: the venue names no limit.
    pub most_cancels: usize,
}

impl Supports {
    /// What the quantity of such an order counts; `None` if the venue has no such order.
    #[must_use]
    pub fn unit(&self, order_type: OrderType, side: Side) -> Option<Unit> {
        self.units.iter().find(|(a, b, _)| (*a, *b) == (order_type, side)).map(|(_, _, unit)| *unit)
    }

    /// Whether the venue has a word for this order.
    ///
    /// # Errors
    /// [`Unsupported`] with the first that it has none for: type, then offset, then unit.
    pub fn check(
        &self,
        order_type: OrderType,
        side: Side,
        contract: bool,
        offset: Offset,
        unit: Unit,
    ) -> Result<(), Unsupported> {
        if !self.order_types.contains(&order_type) {
            return Err(Unsupported { what: What::OrderType(order_type) });
        }
        let offsets = if contract { self.contract_offsets } else { self.spot_offsets };
        if !offsets.contains(&offset) {
            return Err(Unsupported { what: What::Offset(offset) });
        }
        if self.unit(order_type, side) != Some(unit) {
            return Err(Unsupported { what: What::Unit(unit) });
        }
        Ok(())
    }
}

/// A request that the venue has no words for. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// What can't be said.
    pub what: What,
}

/// What a request can't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// This order type.
    OrderType(OrderType),
    /// This offset: for this product, or with this leverage.
    Offset(Offset),
    /// A quantity in this unit, for this type and side.
    Unit(Unit),
    /// A price that is not above zero, of an order that has one.
    Price,
    /// A quantity that is not above zero.
    Quantity,
    /// More orders at once than the venue takes; this is how many it takes.
    TooMany(usize),
    /// A list of nothing. To one venue it would mean all there is.
    Nothing,
    /// An id that is empty or holds the mark that separates ids.
    Id,
    /// A credential that is no text (UTF-8).
    Credential,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::OrderType(order_type) => write!(f, "the venue has no {} orders", order_type.name()),
            What::Offset(offset) => write!(f, "the venue has no word for offset {} here", offset.name()),
            What::Unit(unit) => write!(f, "the venue takes no quantity in {} for this type and side", unit.name()),
            What::Price => f.write_str("the price is not above zero"),
            What::Quantity => f.write_str("the quantity is not above zero"),
            What::TooMany(most) => write!(f, "the venue takes at most {most} at once"),
            What::Nothing => f.write_str("an empty list"),
            What::Id => f.write_str("an id that is empty or holds a separator"),
            What::Credential => f.write_str("a credential that is no text"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// An error in words, with the word the venue used where it is one that its document does not have (a status, an operation).
/// Quotes nothing else of the message, which may hold a credential.
#[must_use]
pub fn explain(text: &[u8], error: DecodeError) -> String {
    let name = error.kind.name();
    let rest = text.get(error.at..).unwrap_or_default();
    if error.kind != DecodeErrorKind::UnknownShape || matches!(rest.first(), None | Some(b'{' | b'[')) {
        return format!("{name} at byte {}", error.at);
    }
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b',' | b'}' | b']')).unwrap_or(rest.len());
    let word = rest.get(..end.min(32)).unwrap_or_default();
    format!("{name} at byte {}: {}", error.at, String::from_utf8_lossy(word).escape_debug())
}
