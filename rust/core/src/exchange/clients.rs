//! What clients call their orders.

use super::order::OrderNo;
use super::slab::{index, slot_of};

/// Clients' own ids of orders, as text, for as long as the exchange keeps the orders.
#[derive(Clone, Debug, Default)]
pub struct ClientIds {
    /// By slot: the order that was there last, and its id.
    known: Vec<(OrderNo, Box<str>)>,
}

impl ClientIds {
    /// Remembers an order's id, which must be the exchange's number of it. Forgets that of the order whose place it has.
    pub fn set(&mut self, order: OrderNo, client: &str) {
        let at = index(slot_of(order));
        if at >= self.known.len() {
            self.known.resize_with(at.saturating_add(1), Default::default);
        }
        if let Some(known) = self.known.get_mut(at) {
            *known = (order, client.into());
        }
    }

    /// An order's id; empty where it has none.
    #[must_use]
    pub fn get(&self, order: OrderNo) -> &str {
        self.known.get(index(slot_of(order))).filter(|known| known.0 == order).map_or("", |known| &known.1)
    }
}
