//! What is measured and counted on the way of an order. Words of 64 bits only: it may lie where another process looks.

use super::super::risk::Rule;
use crate::latency::{Counter, Histogram};

/// How many rules there may be.
const RULES: usize = 32;

/// Of one desk. Histograms in ns; one thread at a time writes, the one that holds the router.
#[derive(Debug)]
#[repr(C)]
pub struct DeskStats {
    /// From the socket read that caused an order to the moment its request was taken to be sent.
    pub tick_to_order: Histogram,
    /// From there to the venue's answer.
    pub order_to_ack: Histogram,
    /// From a cancel's request to the venue's answer.
    pub cancel_to_ack: Histogram,
    /// The risk checks of one order.
    pub risk: Histogram,
    /// Writing it into the journal.
    pub journal: Histogram,
    /// From there to the moment its request was taken to be sent.
    pub outbox: Histogram,
    /// Making its request's text.
    pub encode: Histogram,
    /// Orders placed.
    pub placed: Counter,
    /// Orders the venue refused.
    pub refused: Counter,
    /// Cancels sent, orders counted.
    pub cancels: Counter,
    /// Fills.
    pub fills: Counter,
    /// Orders that became unknown.
    pub lost: Counter,
    /// Commands whose time to live was over before they could be sent.
    pub expired: Counter,
    /// Requests not answered in time.
    pub unanswered: Counter,
    /// Reports that only repeated what was known: duplicates, and those that came late.
    pub late: Counter,
    /// Reports that belong to no order and no request.
    pub stray: Counter,
    /// Orders of others.
    pub foreign: Counter,
    /// Positions that had to be set to what the venue says.
    pub drifts: Counter,
    /// Times it was asked what is true, and became ready.
    pub reconciled: Counter,
    /// Messages: reports, heartbeat answers, and those that could not be read.
    pub reports: Counter,
    /// See `reports`.
    pub heartbeats: Counter,
    /// See `reports`.
    pub unreadable: Counter,
    /// Orders not let through, by [`Rule`].
    pub denied: [Counter; RULES],
}

impl DeskStats {
    /// Counts a denial.
    pub fn deny(&self, rule: Rule) {
        if let Some(counter) = self.denied.get(usize::from(rule as u8)) {
            counter.add(1);
        }
    }
}

/// Of the whole router.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Tallies {
    /// Entries written to the journal.
    pub journaled: Counter,
    /// Records that were applied without being written: the journal had failed.
    pub unjournaled: Counter,
    /// Records that did not fit the state: our own mistakes.
    pub inconsistencies: Counter,
}
