//! What the exchange knows, for who asks.

use super::account::{Balance, Legs};
use super::book::Terms;
use super::engine::Exchange;
use super::order::{Fill, Order, OrderNo};
use super::slab::{NONE, index};
use crate::orders::{Rules, Side};

impl Exchange {
    /// An order, live or finished, while it is kept.
    #[must_use]
    pub fn order(&self, number: OrderNo) -> Option<&Order> {
        self.slab.get(self.slab.find(number)?).map(|slot| &slot.order)
    }

    /// The live orders of all accounts, oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<Order> {
        let all = (0..self.account_count()).flat_map(|account| self.live_of(account));
        let mut live: Vec<Order> = all.copied().collect();
        live.sort_unstable_by_key(|order| order.number);
        live
    }

    /// The live orders of an account, oldest first.
    pub fn live_of(&self, account: u32) -> impl Iterator<Item = &Order> {
        let oldest = self.accounts.get(index(account)).map_or(NONE, |account| account.oldest);
        self.slab.live_from(oldest)
    }

    /// The finished orders that are kept, in the order they finished.
    pub fn finished(&self) -> impl Iterator<Item = &Order> {
        self.slab.finished()
    }

    /// The fills that are kept, oldest first.
    #[must_use]
    pub fn fills(&self) -> impl DoubleEndedIterator<Item = &Fill> {
        self.fills.iter()
    }

    /// A resting side, best first: price and quantity of each price.
    #[must_use]
    pub fn resting(&self, instrument: u32, side: Side) -> Vec<(i64, i64)> {
        let Some(book) = self.instruments.get(index(instrument)) else { return Vec::new() };
        let sum = |head: u32| {
            let queue = std::iter::successors(self.slab.get(head), |slot| self.slab.get(slot.next));
            queue.fold(0_i64, |sum, slot| sum.saturating_add(slot.order.remaining()))
        };
        book.ladder(side).queues().map(|queue| (queue.price, sum(queue.head))).collect()
    }

    /// An instrument's rules.
    #[must_use]
    pub fn rules(&self, instrument: u32) -> Option<&Rules> {
        self.instruments.get(index(instrument)).map(|known| &known.rules)
    }

    /// An instrument's terms.
    #[must_use]
    pub fn terms(&self, instrument: u32) -> Option<Terms> {
        self.instruments.get(index(instrument)).map(|known| known.terms)
    }

    /// How many instruments there are.
    #[must_use]
    pub fn instrument_count(&self) -> u32 {
        u32::try_from(self.instruments.len()).unwrap_or(u32::MAX)
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> u32 {
        u32::try_from(self.accounts.len()).unwrap_or(u32::MAX)
    }

    /// The currencies by number.
    #[must_use]
    pub fn currencies(&self) -> &[Box<str>] {
        &self.currencies
    }

    /// An account's balances by currency.
    #[must_use]
    pub fn balances(&self, account: u32) -> &[Balance] {
        self.accounts.get(index(account)).map_or(&[], |account| &account.balances)
    }

    /// An account's name.
    #[must_use]
    pub fn account_name(&self, account: u32) -> &str {
        self.accounts.get(index(account)).map_or("", |account| &account.name)
    }

    /// An account's position.
    #[must_use]
    pub fn position(&self, account: u32, instrument: u32) -> Legs {
        let account = self.accounts.get(index(account));
        account.and_then(|account| account.positions.get(index(instrument))).copied().unwrap_or_default()
    }

    /// The best price that the live book of an instrument displays on a side.
    #[must_use]
    pub fn touch(&self, instrument: u32, side: Side) -> Option<i64> {
        self.instruments.get(index(instrument))?.shown(side).touch()
    }

    /// Fees earned, by currency.
    #[must_use]
    pub fn fees(&self) -> &[i128] {
        &self.fees
    }

    /// What the live book's side of all trades got, by currency (below zero: gave); of contracts as if they were bought for cash.
    ///
    /// So of every currency the sum of all balances, less what long positions cost, plus what short ones did, plus
    /// [`Exchange::fees`], plus this, changes by deposits only.
    #[must_use]
    pub fn outside(&self) -> &[i128] {
        &self.outside
    }
}
