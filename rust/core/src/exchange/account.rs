//! Money and positions of one account. Money at [`MONEY_SCALE`], exact.

use crate::orders::{MONEY_SCALE, Offset, Rules, Side};

/// One currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// To use. Below zero only where a position lost more than its margin: nothing is liquidated here.
    pub free: i128,
    /// Held for orders and as margin.
    pub locked: i128,
}

impl Balance {
    /// Both.
    #[must_use]
    pub const fn total(self) -> i128 {
        self.free.saturating_add(self.locked)
    }
}

/// One side of a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Quantity, at the size scale.
    pub quantity: i64,
    /// What of it is promised to closing orders.
    pub closing: i64,
    /// What it cost to open, at money scale.
    pub cost: i128,
    /// Its margin, part of what is locked.
    pub margin: i128,
}

impl Leg {
    /// What may be closed.
    #[must_use]
    pub const fn available(self) -> i64 {
        self.quantity.saturating_sub(self.closing)
    }

    pub(super) fn open(&mut self, quantity: i64, cost: i128, margin: i128) {
        self.quantity = self.quantity.saturating_add(quantity);
        self.cost = self.cost.saturating_add(cost);
        self.margin = self.margin.saturating_add(margin);
    }

    /// Takes a part out; gives what that part cost and its margin. Of the last part, all that is left.
    pub(super) fn close(&mut self, quantity: i64) -> (i128, i128) {
        let part = |whole: i128| {
            if quantity >= self.quantity {
                return whole;
            }
            let exact =
                whole.checked_mul(quantity.into()).and_then(|product| product.checked_div(self.quantity.into()));
            exact.and_then(|part| part.checked_div(CENT)).map_or(whole, |units| units.saturating_mul(CENT))
        };
        let (cost, margin) = (part(self.cost), part(self.margin));
        self.cost = self.cost.saturating_sub(cost);
        self.margin = self.margin.saturating_sub(margin);
        self.quantity = self.quantity.saturating_sub(quantity);
        (cost, margin)
    }
}

/// Both sides of a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legs {
    /// Long.
    pub long: Leg,
    /// Short.
    pub short: Leg,
}

impl Legs {
    /// The side that an order changes.
    #[must_use]
    pub const fn of(&mut self, side: Side, offset: Offset) -> &mut Leg {
        match (side, offset) {
            (Side::Buy, Offset::Close) | (Side::Sell, Offset::Open | Offset::Net) => &mut self.short,
            (Side::Buy, _) | (Side::Sell, Offset::Close) => &mut self.long,
        }
    }
}

/// One account; balances by currency and positions by instrument.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) name: Box<str>,
    pub(super) balances: Vec<Balance>,
    pub(super) positions: Vec<Legs>,
}

impl Account {
    pub(super) fn balance(&mut self, currency: u32) -> Option<&mut Balance> {
        self.balances.get_mut(usize::try_from(currency).ok()?)
    }

    pub(super) fn free(&self, currency: u32) -> i128 {
        usize::try_from(currency).ok().and_then(|at| self.balances.get(at)).map_or(0, |balance| balance.free)
    }

    pub(super) fn legs(&mut self, instrument: u32) -> Option<&mut Legs> {
        self.positions.get_mut(usize::try_from(instrument).ok()?)
    }
}

/// Price × size as money; `None`: more than can be written.
#[must_use]
pub fn notional(rules: &Rules, price: i64, size: i64) -> Option<i128> {
    let up = MONEY_SCALE.checked_sub(rules.price_scale)?.checked_sub(rules.size_scale)?;
    i128::from(price).checked_mul(size.into())?.checked_mul(10_i128.checked_pow(up.into())?)
}

/// A size of a thing as money of that thing.
#[must_use]
pub fn amount(rules: &Rules, size: i64) -> Option<i128> {
    let up = MONEY_SCALE.checked_sub(rules.size_scale)?;
    i128::from(size).checked_mul(10_i128.checked_pow(up.into())?)
}

/// Fees and margins are whole multiples of this, 10⁻⁸: so no balance grows more digits than its instruments and this have.
pub(super) const CENT: i128 = 10_i128.pow(10);

/// `money × millionths`, rounded up to the eighth digit.
#[must_use]
pub fn fee(money: i128, ppm: u32) -> Option<i128> {
    let product = money.checked_mul(ppm.into())?;
    round_up(product, 1_000_000 * CENT)?.checked_mul(CENT)
}

/// `money ÷ by`, rounded up to the eighth digit.
#[must_use]
pub fn part(money: i128, by: u32) -> i128 {
    if by <= 1 {
        return money;
    }
    let unit = i128::from(by).saturating_mul(CENT);
    round_up(money, unit).unwrap_or(money).saturating_mul(CENT)
}

/// How many whole units, rounded up.
fn round_up(money: i128, unit: i128) -> Option<i128> {
    money.checked_div_euclid(unit)?.checked_add(i128::from(money.checked_rem_euclid(unit)? != 0))
}
