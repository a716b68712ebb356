//! The rules, one function for those that belong together. All arithmetic is exact.

use super::super::ledger::at_money_scale;
use super::super::record::Mode;
use super::super::rules::{Product, Rules};
use super::super::types::{Offset, OrderType, Side, Unit};
use super::super::venue::Supports;
use super::exact::at_most;
use super::limits::Limits;
use super::reject::{Amount, Reject, Rule};
use super::{Checked, Intent, Seen, Top};
use crate::num::{Decimal, MAX_SCALE};

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
        let good = within(terms.quantity.into(), quantity_scale(intent, rules), most);
        require(good, Rule::MaxQuantity, Amount::Decimal(most), Amount::Decimal(intent.quantity))?;
    }
    if let Some(most) = limits.max_notional
        && let Some(notional) = notional(intent, terms, rules)
    {
        let scale = rules.price_scale.saturating_add(rules.size_scale);
        let found = Amount::Scaled(notional, scale);
        require(within(notional, scale, most), Rule::MaxNotional, Amount::Decimal(most), found)?;
    }
    Ok(())
}

fn within(value: i128, scale: u8, most: Decimal) -> bool {
    at_most(value, scale, most.coef.into(), most.scale)
}

/// The best price of the side that an order trades against, if our own book can be trusted with it.
pub(super) fn reference(side: Side, limits: &Limits, top: Option<Top>) -> Result<(i64, u8), Reject> {
    let why = match top {
        None => "there is no book",
        Some(top) if !top.valid => "the book is stale",
        Some(top) if top.age > limits.collar_max_age => "the book is too old",
        Some(top) if top.price_scale > MAX_SCALE => "the book's scale is none",
        Some(top) if best(side, top) <= 0 => "the book's other side is empty",
        Some(top) => return Ok((best(side, top), top.price_scale)),
    };
    let limit = Amount::Word("a valid and fresh book of the reference venue");
    Err(Reject { rule: Rule::NoBook, limit, found: Amount::Word(why) })
}

/// How far a price goes through the other side of our own book. A market order takes whatever there is: it needs a book that
/// can be trusted, and (with a limit of money) its worth is measured by the best price there, which no setting can do without.
pub(super) fn collar(intent: &Intent, terms: Checked, rules: &Rules, limits: &Limits, top: Option<Top>) -> Verdict {
    let is_market = intent.order_type == OrderType::Market;
    if is_market
        && intent.unit == Unit::Base
        && let Some(most) = limits.max_notional
    {
        let (best, scale) = reference(intent.side, limits, top)?;
        let worth = i128::from(best).saturating_mul(terms.quantity.into());
        let scale = scale.saturating_add(rules.size_scale);
        let found = Amount::Scaled(worth, scale);
        require(within(worth, scale, most), Rule::MaxNotional, Amount::Decimal(most), found)?;
    }
    let Some(collar) = limits.collar else { return Ok(()) };
    let (best, scale) = match reference(intent.side, limits, top) {
        Ok(best) => best,
        Err(_) if limits.collar_without_book => return Ok(()),
        Err(reject) => return Err(reject),
    };
    if is_market {
        return Ok(());
    }
    // the last price allowed is exact with four digits more
    let scale = scale.saturating_add(4);
    let (price, price_scale, away) = (i128::from(terms.price), rules.price_scale, i128::from(collar));
    let bound = |points: i128| i128::from(best).saturating_mul(points);
    let (good, last) = match intent.side {
        Side::Buy => {
            let last = bound(10_000_i128.saturating_add(away));
            (at_most(price, price_scale, last, scale), last)
        }
        Side::Sell => {
            let last = bound(10_000_i128.saturating_sub(away));
            (at_most(last, scale, price, price_scale), last)
        }
    };
    require(good, Rule::Collar, Amount::Bound(last, scale, collar), Amount::Scaled(price, price_scale))
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
    let open = |side: &[i128; 3], offset: Offset| {
        at_money_scale(side.get(usize::from(offset as u8)).copied().unwrap_or(0), scale)
    };
    let shown = |value: i128| Amount::Scaled(value, MONEY);
    let order = at_money_scale(terms.quantity, scale);
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
    // how much of it money on its way will have bought back, nobody knows
    let reducible = if intent.side == Side::Buy && seen.open.money > 0 { 0 } else { reducible };
    if seen.mode == Mode::Reducing {
        let good = intent.unit == Unit::Base && order <= reducible;
        require(good, Rule::Reducing, shown(reducible), Amount::Decimal(intent.quantity))?;
    }
    let Some(most) = limits.max_position else { return Ok(()) };
    let before = match (offset, intent.side) {
        (Offset::Open, Side::Buy) => position.long.saturating_add(open(&seen.open.buy, Offset::Open)),
        (Offset::Open, Side::Sell) => position.short.saturating_add(open(&seen.open.sell, Offset::Open)),
        (Offset::Net, Side::Buy) => position.net().saturating_add(open(&seen.open.buy, Offset::Net)),
        (Offset::Net, Side::Sell) => position.net().saturating_neg().saturating_add(open(&seen.open.sell, Offset::Net)),
        (Offset::Close, _) => return Ok(()),
    };
    let (order, spent) = match intent.unit {
        Unit::Base => (order, 0),
        Unit::Quote => (0, i128::from(terms.quantity)),
    };
    // what only reduces is never refused for the size of the position
    if spent == 0 && order <= reducible && offset == Offset::Net {
        return Ok(());
    }
    let on_its_way = if intent.side == Side::Buy { seen.open.money } else { 0 };
    let (after, money) = (before.saturating_add(order), spent.saturating_add(on_its_way));
    if money > 0 {
        return position_by_money(intent, rules, limits, seen.top, after, money, most);
    }
    require(within(after, MONEY, most), Rule::Position, Amount::Decimal(most), shown(after))
}

/// The same where orders say how much money to spend, this one or those that are live: what that buys at the best price of our own
/// book.
fn position_by_money(
    intent: &Intent,
    rules: &Rules,
    limits: &Limits,
    top: Option<Top>,
    before: i128,
    money: i128,
    most: Decimal,
) -> Verdict {
    let (best, scale) = reference(intent.side, limits, top)?;
    let limit = at_money_scale(most.coef, most.scale);
    // before + money / best <= limit, without the division
    let room = limit.saturating_sub(before);
    let money_scale = rules.price_scale;
    let worth = room.checked_mul(best.into());
    let good = worth.map_or(room > 0, |worth| at_most(money, money_scale, worth, MONEY.saturating_add(scale)));
    // only shown: rounded up, and as large as can be where it does not fit
    let up = MONEY.saturating_add(scale).saturating_sub(rules.price_scale);
    let bought = money.saturating_mul(10_i128.saturating_pow(up.into()));
    let bought =
        bought.saturating_add(i128::from(best)).saturating_sub(1).checked_div(best.into()).unwrap_or(i128::MAX);
    let after = Amount::Scaled(before.saturating_add(bought), MONEY);
    require(good, Rule::Position, Amount::Decimal(most), after)
}

pub(super) fn live(limits: &Limits, seen: &Seen) -> Verdict {
    let few = |most: Option<u32>, count: u32| most.is_none_or(|most| count < most);
    let amount = |count: u32| Amount::Count(count.into());
    let most = limits.max_open_orders;
    require(few(most, seen.open.orders), Rule::OpenOrders, amount(most.unwrap_or(0)), amount(seen.open.orders))?;
    let most = limits.max_open_orders_venue;
    require(few(most, seen.live), Rule::OpenOrdersVenue, amount(most.unwrap_or(0)), amount(seen.live))
}
