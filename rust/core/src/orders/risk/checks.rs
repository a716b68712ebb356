//! The rules, one function for those that belong together. All arithmetic is exact.

use super::super::ledger::at_money_scale;
use super::super::record::Mode;
use super::super::rules::{Product, Rules};
use super::super::types::{Offset, OrderType, Side, Unit};
use super::super::venue::Supports;
use super::limits::Limits;
use super::reject::{Amount, Reject, Rule};
use super::{Checked, Intent, Seen, Top};
use crate::num::Decimal;

type Verdict = Result<(), Reject>;

const MONEY: u8 = super::super::MONEY_SCALE;

fn require(good: bool, rule: Rule, limit: Amount, found: Amount) -> Verdict {
    if good { Ok(()) } else { Err(Reject { rule, limit, found }) }
}

pub(super) fn mode(mode: Mode) -> Verdict {
    let found = Amount::Word("no new orders are taken until a human says so");
    require(mode != Mode::Halted, Rule::Halted, Amount::Word("active"), found)
}

/// The words for what a venue takes.
const fn offsets(allowed: &[Offset]) -> &'static str {
    match allowed {
        [Offset::Net] => "net",
        [Offset::Open, Offset::Close] => "open or close",
        _ => "net, open or close",
    }
}

pub(super) fn supported(intent: &Intent, rules: &Rules, supports: &Supports) -> Verdict {
    let types =
        if supports.order_types.contains(&OrderType::Ioc) { "limit, market and ioc" } else { "limit and market" };
    let found = Amount::Word(intent.order_type.name());
    let good = supports.order_types.contains(&intent.order_type);
    require(good, Rule::OrderType, Amount::Word(types), found)?;
    let allowed = match rules.product {
        Product::Spot => supports.spot_offsets,
        Product::Contract => supports.contract_offsets,
    };
    let found = Amount::Word(intent.offset.name());
    require(allowed.contains(&intent.offset), Rule::Offset, Amount::Word(offsets(allowed)), found)?;
    let unit = supports.unit(intent.order_type, intent.side);
    let wanted = Amount::Word(unit.map_or("another order", Unit::name));
    require(unit == Some(intent.unit), Rule::Unit, wanted, Amount::Word(intent.unit.name()))
}

/// The numbers at the instrument's scales. Money, like a price, has the price's scale.
pub(super) fn numbers(intent: &Intent, rules: &Rules) -> Result<Checked, Reject> {
    let scaled = |value: Decimal, scale: u8, rule| {
        let limit = Amount::Count(scale.into());
        value.at_scale(scale).ok_or(Reject { rule, limit, found: Amount::Decimal(value) })
    };
    let price = scaled(intent.price, rules.price_scale, Rule::PriceDigits)?;
    let scale = quantity_scale(intent, rules);
    let quantity = scaled(intent.quantity, scale, Rule::QuantityDigits)?;
    let found = Amount::Decimal(intent.price);
    if intent.order_type == OrderType::Market {
        require(price == 0, Rule::PriceSign, Amount::Word("0 for a market order"), found)?;
    } else {
        require(price > 0, Rule::PriceSign, Amount::Word("more than 0"), found)?;
    }
    require(quantity > 0, Rule::QuantitySign, Amount::Word("more than 0"), Amount::Decimal(intent.quantity))?;
    Ok(Checked { price, quantity })
}

const fn quantity_scale(intent: &Intent, rules: &Rules) -> u8 {
    match intent.unit {
        Unit::Base => rules.size_scale,
        Unit::Quote => rules.price_scale,
    }
}

fn notional(intent: &Intent, terms: Checked, rules: &Rules) -> Option<i128> {
    let both = i128::from(terms.price).saturating_mul(terms.quantity.into());
    match (intent.unit, intent.order_type) {
        (Unit::Quote, _) => {
            Some(i128::from(terms.quantity).saturating_mul(10_i128.saturating_pow(rules.size_scale.into())))
        }
        (Unit::Base, OrderType::Market) => None,
        (Unit::Base, _) => Some(both),
    }
}

pub(super) fn venue(intent: &Intent, terms: Checked, rules: &Rules) -> Verdict {
    let price = |value: i64| Amount::Scaled(value.into(), rules.price_scale);
    let size = |value: i64| Amount::Scaled(value.into(), rules.size_scale);
    let multiple = |value: i64, of: i64| of <= 0 || value.checked_rem(of) == Some(0);
    if intent.order_type != OrderType::Market {
        require(multiple(terms.price, rules.tick), Rule::Tick, price(rules.tick), price(terms.price))?;
        let enough = terms.price >= rules.min_price;
        require(enough, Rule::MinPrice, price(rules.min_price), price(terms.price))?;
    }
    if intent.unit == Unit::Base {
        require(multiple(terms.quantity, rules.lot), Rule::Lot, size(rules.lot), size(terms.quantity))?;
        let enough = terms.quantity >= rules.min_size;
        require(enough, Rule::MinSize, size(rules.min_size), size(terms.quantity))?;
        let few = rules.max_size == 0 || terms.quantity <= rules.max_size;
        require(few, Rule::MaxSize, size(rules.max_size), size(terms.quantity))?;
    }
    // closing what is left must always be possible: venues do not ask for a least amount there
    if intent.offset != Offset::Close
        && let Some(notional) = notional(intent, terms, rules)
    {
        let scale = rules.price_scale.saturating_add(rules.size_scale);
        let (limit, found) = (Amount::Scaled(rules.min_notional, scale), Amount::Scaled(notional, scale));
        require(notional >= rules.min_notional, Rule::MinNotional, limit, found)?;
    }
    Ok(())
}

pub(super) fn size(intent: &Intent, terms: Checked, rules: &Rules, limits: &Limits) -> Verdict {
    if let Some(most) = limits.max_quantity {
        let scale = quantity_scale(intent, rules);
        let found = at_money_scale(terms.quantity, scale);
        let (limit, shown) = (Amount::Decimal(most), Amount::Decimal(intent.quantity));
        require(found <= at_money_scale(most.coef, most.scale), Rule::MaxQuantity, limit, shown)?;
    }
    if let Some(most) = limits.max_notional
        && let Some(notional) = notional(intent, terms, rules)
    {
        let scale = rules.price_scale.saturating_add(rules.size_scale);
        let up = 10_i128.saturating_pow(MONEY.saturating_sub(scale).into());
        let good = notional.saturating_mul(up) <= at_money_scale(most.coef, most.scale);
        require(good, Rule::MaxNotional, Amount::Decimal(most), Amount::Scaled(notional, scale))?;
    }
    Ok(())
}

/// How far a price goes through the other side of our own book. A market order takes whatever there is: it needs a book that
/// can be trusted, and (with a limit of money) its worth is measured by the best price there.
pub(super) fn collar(intent: &Intent, terms: Checked, rules: &Rules, limits: &Limits, top: Option<Top>) -> Verdict {
    let by_worth = limits.max_notional.is_some() && intent.order_type == OrderType::Market;
    if limits.collar.is_none() && !by_worth {
        return Ok(());
    }
    let wanted = Amount::Word("a valid and fresh book of the reference venue");
    let missing = match top {
        None => Some("there is no book"),
        Some(top) if !top.valid => Some("the book is stale"),
        Some(top) if top.age > limits.collar_max_age => Some("the book is too old"),
        Some(top) if best(intent.side, top) <= 0 => Some("the book's other side is empty"),
        Some(_) => None,
    };
    if let Some(why) = missing {
        return require(limits.collar_without_book, Rule::NoBook, wanted, Amount::Word(why));
    }
    let Some(top) = top else { return Ok(()) };
    let best = at_money_scale(best(intent.side, top), top.price_scale);
    if intent.order_type == OrderType::Market {
        return worth(intent, terms, rules, limits, best);
    }
    let Some(collar) = limits.collar else { return Ok(()) };
    let price = at_money_scale(terms.price, rules.price_scale);
    let through = match intent.side {
        Side::Buy => price.saturating_sub(best),
        Side::Sell => best.saturating_sub(price),
    };
    let far = through.saturating_mul(10_000);
    let found = Amount::Basis(far.checked_div(best).unwrap_or(i128::MAX));
    let good = far <= best.saturating_mul(collar.into());
    require(good, Rule::Collar, Amount::Basis(collar.into()), found)
}

fn worth(intent: &Intent, terms: Checked, rules: &Rules, limits: &Limits, best: i128) -> Verdict {
    let (Some(most), Unit::Base) = (limits.max_notional, intent.unit) else { return Ok(()) };
    // the price with 9 digits, rounded up, so that the product stays far from overflow
    let price = best.div_euclid(1_000_000_000).saturating_add(i128::from(best.rem_euclid(1_000_000_000) != 0));
    let size_up = 10_i128.saturating_pow(9_u8.saturating_sub(rules.size_scale.min(9)).into());
    let worth = price.saturating_mul(i128::from(terms.quantity).saturating_mul(size_up));
    let scale = 9_u8.saturating_add(rules.size_scale.max(9));
    let limit = at_money_scale(most.coef, most.scale);
    let limit = limit.saturating_mul(10_i128.saturating_pow(scale.saturating_sub(MONEY).into()));
    require(worth <= limit, Rule::MaxNotional, Amount::Decimal(most), Amount::Scaled(worth, scale))
}

/// The best price of the side that an order trades against.
const fn best(side: Side, top: Top) -> i64 {
    match side {
        Side::Buy => top.ask,
        Side::Sell => top.bid,
    }
}

pub(super) fn position(intent: &Intent, terms: Checked, rules: &Rules, limits: &Limits, seen: &Seen) -> Verdict {
    let scale = rules.size_scale;
    let amount = |value: i64| at_money_scale(value, scale);
    let open = |side: &[i64; 3], offset: Offset| amount(side.get(usize::from(offset as u8)).copied().unwrap_or(0));
    let shown = |value: i128| Amount::Scaled(value, MONEY);
    let order = amount(terms.quantity);
    let (position, offset) = (seen.position, intent.offset);
    // what may be reduced: the position less what live orders reduce already
    let reducible = match (offset, intent.side) {
        (Offset::Open, _) => 0,
        (Offset::Close, Side::Sell) => position.long.saturating_sub(open(&seen.open.sell, Offset::Close)),
        (Offset::Close, Side::Buy) => position.short.saturating_sub(open(&seen.open.buy, Offset::Close)),
        (Offset::Net, Side::Sell) => position.net().saturating_sub(open(&seen.open.sell, Offset::Net)),
        (Offset::Net, Side::Buy) => position.net().saturating_neg().saturating_sub(open(&seen.open.buy, Offset::Net)),
    }
    .max(0);
    if seen.mode == Mode::Reducing {
        let good = intent.unit == Unit::Base && order <= reducible;
        require(good, Rule::Reducing, shown(reducible), Amount::Decimal(intent.quantity))?;
    }
    let Some(most) = limits.max_position else { return Ok(()) };
    if intent.unit == Unit::Quote {
        return Ok(());
    }
    let after = match (offset, intent.side) {
        (Offset::Open, Side::Buy) => position.long.saturating_add(open(&seen.open.buy, Offset::Open)),
        (Offset::Open, Side::Sell) => position.short.saturating_add(open(&seen.open.sell, Offset::Open)),
        (Offset::Net, Side::Buy) => position.net().saturating_add(open(&seen.open.buy, Offset::Net)),
        (Offset::Net, Side::Sell) => position.net().saturating_neg().saturating_add(open(&seen.open.sell, Offset::Net)),
        (Offset::Close, _) => return Ok(()),
    }
    .saturating_add(order);
    // what only reduces is never refused for the size of the position
    let good = after <= at_money_scale(most.coef, most.scale) || (order <= reducible && offset == Offset::Net);
    require(good, Rule::Position, Amount::Decimal(most), shown(after))
}

pub(super) fn live(limits: &Limits, seen: &Seen) -> Verdict {
    let few = |most: Option<u32>, count: u32| most.is_none_or(|most| count < most);
    let amount = |count: u32| Amount::Count(count.into());
    let most = limits.max_open_orders;
    require(few(most, seen.open.orders), Rule::OpenOrders, amount(most.unwrap_or(0)), amount(seen.open.orders))?;
    let most = limits.max_open_orders_venue;
    require(few(most, seen.live), Rule::OpenOrdersVenue, amount(most.unwrap_or(0)), amount(seen.live))
}
