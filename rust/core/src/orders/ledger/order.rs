//! One order, as far as we know it.

use super::super::record::{Changed, Executed, Kept, Placed};
use super::super::state::{Change, OrderState, next};
use super::super::types::Unit;
use crate::clock::Nanos;

/// One order. Quantities at the size scale, prices at the price scale, money at the sum of both, fees at
/// [`super::super::MONEY_SCALE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// As it was placed, with its terms of now.
    pub placed: Placed,
    /// State.
    pub state: OrderState,
    /// The venue's id, empty while it is not known.
    pub venue_id: Box<str>,
    /// Filled, by the venue's reports of the order.
    pub reported: i64,
    /// Filled, by its reports of fills.
    pub executed: i64,
    /// Money by the venue's average price, -1: not told.
    pub reported_cost: i128,
    /// Money by the fills.
    pub cost: i128,
    /// Fees by currency.
    pub fees: Vec<(Box<str>, i128)>,
    /// Ids of the fills counted in `executed`.
    pub executions: Vec<Box<str>>,
    /// When it was placed, ns since the Unix epoch.
    pub created: Nanos,
    /// When it changed last.
    pub updated: Nanos,
    /// The last reason given for a change: a refusal's words, why it is unknown.
    pub reason: Box<str>,
}

impl Order {
    pub(super) fn new(placed: Placed, time: Nanos) -> Self {
        Self {
            placed,
            state: OrderState::PendingNew,
            venue_id: "".into(),
            reported: 0,
            executed: 0,
            reported_cost: -1,
            cost: 0,
            fees: Vec::new(),
            executions: Vec::new(),
            created: time,
            updated: time,
            reason: "".into(),
        }
    }

    /// What is filled: reports of the order and reports of fills may come in any order, the larger is the truth.
    #[must_use]
    pub fn filled(&self) -> i64 {
        self.reported.max(self.executed)
    }

    /// What may still be filled; of an order in money, and of a finished one, 0.
    #[must_use]
    pub fn remaining(&self) -> i64 {
        if self.state.is_terminal() || self.placed.unit == Unit::Quote {
            return 0;
        }
        self.placed.quantity.saturating_sub(self.filled()).max(0)
    }

    /// Money paid or got for what is filled, where all of it is known: from the fills, else from the venue's average.
    #[must_use]
    pub fn money(&self) -> Option<i128> {
        if self.executed >= self.reported {
            Some(self.cost)
        } else {
            (self.reported_cost >= 0).then_some(self.reported_cost)
        }
    }

    /// Whether what the venue filled is known for certain.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !matches!(self.state, OrderState::Closed | OrderState::Unknown)
    }

    /// Applies a change; false if the table has no such transition.
    pub(super) fn change(&mut self, changed: &Changed, time: Nanos) -> bool {
        let Some(to) = next(self.state, changed.change) else { return false };
        self.state = to;
        if self.venue_id.is_empty() {
            self.venue_id.clone_from(&changed.venue_id);
        }
        self.reported = self.reported.max(changed.filled);
        self.reported_cost = self.reported_cost.max(changed.cost);
        if changed.change == Change::Replaced {
            (self.placed.price, self.placed.quantity) = changed.terms;
        }
        if !changed.reason.is_empty() {
            self.reason.clone_from(&changed.reason);
        }
        self.updated = time;
        true
    }

    /// Adds a fill; false if it is there already or a sum overflows.
    pub(super) fn execute(&mut self, fill: &Executed, time: Nanos) -> bool {
        if self.executions.contains(&fill.execution_id) {
            return false;
        }
        let money = i128::from(fill.price).saturating_mul(fill.quantity.into());
        let (Some(executed), Some(cost)) = (self.executed.checked_add(fill.quantity), self.cost.checked_add(money))
        else {
            return false;
        };
        (self.executed, self.cost) = (executed, cost);
        self.executions.push(fill.execution_id.clone());
        if !fill.fee_currency.is_empty() {
            match self.fees.iter_mut().find(|(currency, _)| *currency == fill.fee_currency) {
                Some((_, fee)) => *fee = fee.saturating_add(fill.fee),
                None => self.fees.push((fill.fee_currency.clone(), fill.fee)),
            }
        }
        self.updated = time;
        true
    }

    /// The order for a checkpoint.
    #[must_use]
    pub fn keep(&self) -> Kept {
        Kept {
            placed: self.placed.clone(),
            state: self.state,
            venue_id: self.venue_id.clone(),
            reported: self.reported,
            executed: self.executed,
            reported_cost: self.reported_cost,
            cost: self.cost,
            fees: self.fees.clone(),
            executions: self.executions.clone(),
            times: (self.created, self.updated),
            reason: self.reason.clone(),
        }
    }
}

impl From<Kept> for Order {
    fn from(kept: Kept) -> Self {
        Self {
            placed: kept.placed,
            state: kept.state,
            venue_id: kept.venue_id,
            reported: kept.reported,
            executed: kept.executed,
            reported_cost: kept.reported_cost,
            cost: kept.cost,
            fees: kept.fees,
            executions: kept.executions,
            created: kept.times.0,
            updated: kept.times.1,
            reason: kept.reason,
        }
    }
}
