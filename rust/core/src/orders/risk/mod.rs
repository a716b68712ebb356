//! Risk: every order is checked before it is written anywhere.
//!
//! Pure: no clock, no state but the budgets of the venues and the last orders of each instrument. Rules are looked at in a fixed
//! order, what is cheap and final first: mode; what the venue can do; the numbers themselves; the venue's rules; our limits; the
//! collar; the position; live orders; repetition; the budget. An order that breaks one consumes nothing.

mod budget;
mod checks;
mod exact;
mod limits;
mod recent;
mod reject;

pub use limits::{BudgetLimits, Limits, PAPER};
pub use reject::{Amount, Reject, Rule};

use super::ledger::{Open, Position};
use super::record::Mode;
use super::rules::Rules;
use super::types::{Offset, OrderType, Side, Unit};
use super::venue::Supports;
use crate::clock::Nanos;
use crate::num::Decimal;
use budget::Budget;
use foldhash::HashMap;
use recent::{Key, Recent};

/// An order as the caller gave it.
#[derive(Clone, Copy, Debug)]
pub struct Intent {
    /// Which desk.
    pub desk: u16,
    /// Which instrument.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Offset.
    pub offset: Offset,
    /// What the quantity counts.
    pub unit: Unit,
    /// Price, 0 for a market order.
    pub price: Decimal,
    /// Quantity.
    pub quantity: Decimal,
}

/// The same at the instrument's scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checked {
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
}

/// The best prices of our own book, at its own scale; 0: that side is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid: i64,
    /// Best ask.
    pub ask: i64,
    /// Digits after the decimal point.
    pub price_scale: u8,
    /// Whether the book is valid.
    pub valid: bool,
    /// How old its last change is, ns.
    pub age: Nanos,
}

/// What the checks look at besides the order.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The mode in force.
    pub mode: Mode,
    /// Our own book.
    pub top: Option<Top>,
    /// The position.
    pub position: Position,
    /// What live orders of the instrument may still trade.
    pub open: Open,
    /// Live orders at the venue.
    pub live: u32,
}

impl Seen {
    /// All of it.
    #[must_use]
    pub const fn new(mode: Mode, top: Option<Top>, position: Position, open: Open, live: u32) -> Self {
        Self { mode, top, position, open, live }
    }
}

/// The checks, and what they need to remember.
#[derive(Clone, Debug, Default)]
pub struct Risk {
    default: Limits,
    limits: HashMap<u32, Limits>,
    supports: HashMap<u16, Supports>,
    budgets: HashMap<u16, Budget>,
    recent: HashMap<u32, Recent>,
}

impl Risk {
    /// The limits of instruments that have none of their own.
    #[must_use]
    pub fn new(default: Limits) -> Self {
        Self { default, ..Self::default() }
    }

    /// Sets an instrument's own limits.
    pub fn set_limits(&mut self, instrument: u32, limits: Limits) {
        self.limits.insert(instrument, limits);
    }

    /// The limits of an instrument.
    #[must_use]
    pub fn limits(&self, instrument: u32) -> Limits {
        self.limits.get(&instrument).copied().unwrap_or(self.default)
    }

    /// The best price that an order would trade against, with its scale.
    ///
    /// # Errors
    /// Why our own book can't be trusted with it: there is none, it is stale, older than the instrument's limits allow, or empty.
    pub fn reference(&self, instrument: u32, side: Side, top: Option<Top>) -> Result<(i64, u8), Reject> {
        checks::reference(side, &self.limits(instrument), top)
    }

    /// Says what a desk's venue can do; without it, everything the paper exchange can.
    pub fn set_supports(&mut self, desk: u16, supports: Supports) {
        self.supports.insert(desk, supports);
    }

    /// Sets a desk's budget.
    pub fn set_budget(&mut self, desk: u16, limits: BudgetLimits) {
        self.budgets.insert(desk, Budget::new(limits));
    }

    /// A desk that can do, and may ask, what another one can and may: each of the two has such a budget to itself.
    pub fn set_like(&mut self, desk: u16, other: u16) {
        if let Some(supports) = self.supports.get(&other).copied() {
            self.supports.insert(desk, supports);
        }
        if let Some(limits) = self.budgets.get(&other).map(Budget::limits) {
            self.budgets.insert(desk, Budget::new(limits));
        }
    }

    /// Lets an order through, at its instrument's scales; it counts for the budget and as the last of its kind.
    ///
    /// # Errors
    /// [`Reject`]: the first rule it breaks; nothing is counted.
    pub fn check(&mut self, intent: &Intent, rules: &Rules, seen: &Seen, now: Nanos) -> Result<Checked, Reject> {
        checks::mode(seen.mode)?;
        checks::supported(intent, rules, self.supports.get(&intent.desk).unwrap_or(&PAPER))?;
        let terms = checks::numbers(intent, rules)?;
        let limits = self.limits.get(&intent.instrument).copied().unwrap_or(self.default);
        checks::venue(intent, terms, rules)?;
        checks::size(intent, terms, rules, &limits)?;
        checks::collar(intent, terms, rules, &limits, seen.top)?;
        checks::position(intent, terms, rules, &limits, seen)?;
        checks::live(&limits, seen)?;
        let window = limits.duplicate_window;
        let key = Key { side: intent.side, offset: intent.offset, terms };
        if window > 0
            && let Some(found) = self.recent.get(&intent.instrument).and_then(|recent| recent.age(&key, window, now))
        {
            return Err(Reject { rule: Rule::Duplicate, limit: Amount::Time(window), found: Amount::Time(found) });
        }
        self.within_budget(intent.desk, now)?;
        if let Some(budget) = self.budgets.get_mut(&intent.desk) {
            budget.take(now);
        }
        if window > 0 {
            self.recent.entry(intent.instrument).or_default().add(key, window, now);
        }
        Ok(terms)
    }

    /// Takes a cancel from a desk's budget: the whole of it is open to cancels.
    pub fn take_cancel(&mut self, desk: u16, now: Nanos) -> bool {
        self.take(desk, false, now)
    }

    /// Takes a question from it: what is reserved for cancels is left alone.
    pub fn take_query(&mut self, desk: u16, now: Nanos) -> bool {
        self.take(desk, true, now)
    }

    fn take(&mut self, desk: u16, leave: bool, now: Nanos) -> bool {
        let Some(budget) = self.budgets.get_mut(&desk) else { return true };
        let reserve = if leave { budget.limits().reserve } else { 0 };
        let allowed = budget.allows(reserve, now);
        if allowed {
            budget.take(now);
        }
        allowed
    }

    fn within_budget(&mut self, desk: u16, now: Nanos) -> Result<(), Reject> {
        let Some(budget) = self.budgets.get_mut(&desk) else { return Ok(()) };
        let limits = budget.limits();
        if budget.allows(limits.reserve, now) {
            return Ok(());
        }
        let limit = Amount::Count(limits.requests.saturating_sub(limits.reserve).into());
        Err(Reject { rule: Rule::Rate, limit, found: Amount::Count(budget.used(now).into()) })
    }
}
