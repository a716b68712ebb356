//! A venue's budget of requests: never more than so many in any window, however it is laid.

use super::limits::BudgetLimits;
use crate::clock::Nanos;
use std::collections::VecDeque;

/// The times of the last requests. Exact for every window, unlike counters that start anew with each; bounded by the limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    limits: BudgetLimits,
    times: VecDeque<Nanos>,
}

impl Budget {
    pub(super) fn new(limits: BudgetLimits) -> Self {
        Self { limits, times: VecDeque::with_capacity(usize::try_from(limits.requests.min(65_536)).unwrap_or(0)) }
    }

    pub(super) const fn limits(&self) -> BudgetLimits {
        self.limits
    }

    /// Requests in the window that ends now.
    pub(super) fn used(&mut self, now: Nanos) -> u32 {
        while self.times.front().is_some_and(|time| now.saturating_sub(*time) >= self.limits.window) {
            self.times.pop_front();
        }
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// Whether one more is within the budget, `reserve` of it left alone.
    pub(super) fn allows(&mut self, reserve: u32, now: Nanos) -> bool {
        self.limits.window <= 0 || self.used(now) < self.limits.requests.saturating_sub(reserve)
    }

    pub(super) fn take(&mut self, now: Nanos) {
        if self.limits.window > 0 {
            self.times.push_back(now);
        }
    }
}
