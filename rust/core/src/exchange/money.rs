//! What orders cost. Money at [`MONEY_SCALE`], exact.
//!
//! Nothing here overflows, because nothing that could is let in: an order is worth at most [`MAX_ORDER`], and an account whose money
//! is beyond [`MAX_MONEY`] takes no order. With at most [`super::slab::MAX_LIVE`] live orders no balance can then leave `i128`, whatever
//! happens: 2¹²² + 2²² × 2¹⁰⁰ < 2¹²⁷.

use super::book::Instrument;
use super::order::{ExchangeReject, NewOrder, Order};
use crate::orders::{MONEY_SCALE, Offset, OrderType, Product, Rules, Side};

/// The most that an order's price × quantity, or the amount of a spot order, may be: more than 10¹² of a currency.
pub const MAX_ORDER: i128 = 1 << 100;

/// The most that a balance may be for a deposit or an order to be taken: more than 5 × 10¹⁸ of a currency.
pub const MAX_MONEY: i128 = 1 << 122;

/// Fees and margins are whole multiples of this, 10⁻⁸: so no balance grows more digits than its instruments and this have.
pub(super) const CENT: i128 = 10_i128.pow(10);

/// The largest fee, in millionths: all of the money.
pub(super) const MAX_PPM: u32 = 1_000_000;

/// Price × size as money; `None`: more than can be written.
#[must_use]
pub fn notional(rules: &Rules, price: i64, size: i64) -> Option<i128> {
    let up = MONEY_SCALE.checked_sub(rules.price_scale)?.checked_sub(rules.size_scale)?;
    i128::from(price).checked_mul(size.into())?.checked_mul(power(up))
}

/// A size of a thing as money of that thing.
#[must_use]
pub fn amount(rules: &Rules, size: i64) -> Option<i128> {
    let up = MONEY_SCALE.checked_sub(rules.size_scale)?;
    i128::from(size).checked_mul(power(up))
}

/// 10^exponent, of at most 18.
fn power(exponent: u8) -> i128 {
    crate::num::power_of_ten(exponent.into()).unwrap_or(1).into()
}

/// `money × millionths`, rounded up to the eighth digit.
#[must_use]
pub fn fee(money: i128, ppm: u32) -> Option<i128> {
    money.checked_mul(ppm.into()).map(due)
}

/// The fee for so much money × millionths, rounded up to the eighth digit.
pub(super) fn due(dues: i128) -> i128 {
    round_up(dues, CENT.saturating_mul(MAX_PPM.into())).saturating_mul(CENT)
}

/// `money ÷ by`, rounded up to the eighth digit; money itself where it is not divided.
#[must_use]
pub fn part(money: i128, by: u32) -> i128 {
    if by <= 1 {
        return money;
    }
    round_up(money, CENT.saturating_mul(by.into())).saturating_mul(CENT)
}

/// How many whole units (above 0), rounded up. A division of 128 bits costs more than all else here: one, no second for the rest.
#[inline]
fn round_up(money: i128, unit: i128) -> i128 {
    let whole = money.checked_div(unit).unwrap_or(0);
    whole.saturating_add(i128::from(whole.saturating_mul(unit) < money))
}

/// `money × quantity ÷ of`, rounded down to the eighth digit, for `0 ≤ quantity < of` and money not below 0.
pub(super) fn share(money: i128, quantity: i64, of: i64) -> i128 {
    let (quantity, of) = (i128::from(quantity), i128::from(of));
    let (Some(whole), Some(rest)) = (money.checked_div(of), money.checked_rem(of)) else { return 0 };
    // the rest and the quantity are both below 2^63
    let below = rest.saturating_mul(quantity).checked_div(of).unwrap_or(0);
    let exact = whole.saturating_mul(quantity).saturating_add(below);
    exact.saturating_sub(exact.checked_rem(CENT).unwrap_or(0))
}

/// What the rules of an instrument say of an order.
pub(super) fn check(rules: &Rules, new: &NewOrder) -> Result<(), ExchangeReject> {
    let multiple = |value: i64, of: i64| of <= 1 || value.checked_rem(of) == Some(0);
    if (rules.product == Product::Spot) != (new.offset == Offset::Net) {
        return Err(ExchangeReject::Offset);
    }
    let market = new.order_type == OrderType::Market;
    if market != (new.price == 0) || new.price < 0 || (!market && new.price < rules.min_price) {
        return Err(ExchangeReject::Price);
    }
    if !multiple(new.price, rules.tick) {
        return Err(ExchangeReject::Tick);
    }
    if new.quantity <= 0 {
        return Err(ExchangeReject::Quantity);
    }
    if !multiple(new.quantity, rules.lot) {
        return Err(ExchangeReject::Lot);
    }
    if new.quantity < rules.min_size || (rules.max_size != 0 && new.quantity > rules.max_size) {
        return Err(ExchangeReject::Size);
    }
    let worth = i128::from(new.price).saturating_mul(new.quantity.into());
    if !market && new.offset != Offset::Close && worth < rules.min_notional {
        return Err(ExchangeReject::Notional);
    }
    Ok(())
}

/// Whether an order of these terms pays money as it fills: a purchase on a spot market, or one that opens a position.
pub(super) const fn pays(terms: &NewOrder) -> bool {
    match terms.offset {
        Offset::Net => matches!(terms.side, Side::Buy),
        Offset::Open => true,
        Offset::Close => false,
    }
}

/// What must be held for an order's rest: the worst case of a limit order, the things of a spot sale; nothing for what closes a
/// position, and nothing for a market order that pays as it goes.
///
/// The fee and the margin of an order are rounded up once for all of its fills: each fill is charged what they have grown by. So what
/// is held for the whole order pays for its parts, however many there are.
///
/// # Errors
/// More than [`MAX_ORDER`].
pub(super) fn need(book: &Instrument, order: &Order) -> Result<i128, ExchangeReject> {
    let (rules, terms, left) = (&book.rules, &order.terms, order.remaining());
    let most = |money: Option<i128>| money.filter(|money| *money <= MAX_ORDER).ok_or(ExchangeReject::Overflow);
    if rules.product == Product::Spot {
        let things = most(amount(rules, left))?;
        if terms.side == Side::Sell {
            return Ok(things);
        }
    }
    let money = most(notional(rules, terms.price, left))?;
    if !pays(terms) || terms.order_type == OrderType::Market || left == 0 {
        return Ok(0);
    }
    let cost = most(order.cost.checked_add(money))?;
    let principal = part(cost, book.terms.leverage).saturating_sub(part(order.cost, book.terms.leverage));
    let dues = order.dues.saturating_add(money.saturating_mul(book.worst_ppm.into()));
    Ok(principal.saturating_add(due(dues)).saturating_sub(order.fee))
}

/// What one more fill takes from an order's account: its margin (of spot: its price) and its fee.
pub(super) fn charge(book: &Instrument, order: &Order, money: i128, ppm: u32) -> (i128, i128) {
    let cost = order.cost.saturating_add(money);
    let principal = part(cost, book.terms.leverage).saturating_sub(part(order.cost, book.terms.leverage));
    let dues = order.dues.saturating_add(money.saturating_mul(ppm.into()));
    (principal, due(dues).saturating_sub(order.fee))
}

/// Whether an order can take `size` at `price` with this much free money, and hold what its rest needs.
pub(super) fn fits(book: &Instrument, order: &Order, free: i128, price: i64, size: i64) -> bool {
    let Some(money) = notional(&book.rules, price, size).filter(|money| *money <= MAX_ORDER) else { return false };
    let cost = order.cost.saturating_add(money);
    if cost > MAX_ORDER {
        return false;
    }
    if !pays(&order.terms) {
        return true;
    }
    let (principal, charged) = charge(book, order, money, book.terms.taker_ppm);
    let after = Order {
        filled: order.filled.saturating_add(size),
        cost,
        fee: order.fee.saturating_add(charged),
        dues: order.dues.saturating_add(money.saturating_mul(book.terms.taker_ppm.into())),
        ..*order
    };
    let Ok(rest) = need(book, &after) else { return false };
    principal.saturating_add(charged).saturating_add(rest) <= free.saturating_add(order.locked)
}

/// The most of a size, in whole lots, that [`fits`].
pub(super) fn affordable(book: &Instrument, order: &Order, free: i128, price: i64, size: i64) -> i64 {
    if fits(book, order, free, price, size) {
        return size;
    }
    let lot = book.rules.lot.max(1);
    // what a fill takes only grows with its size
    let (mut good, mut bad) = (0_i64, size.checked_div(lot).unwrap_or(0).saturating_add(1));
    while bad.saturating_sub(good) > 1 {
        let middle = good.saturating_add(bad.saturating_sub(good).div_euclid(2));
        if fits(book, order, free, price, middle.saturating_mul(lot)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good.saturating_mul(lot).min(size)
}
