//! Orders, fills, balances and positions in the words of a venue.

use super::PaperVenue;
use crate::clock::Stamp;
use crate::exchange::money::notional;
use crate::exchange::order::{Event, ExchangeReject, Fill, Order};
use crate::exchange::{Leg, average_price};
use crate::num::{Decimal, power_of_ten};
use crate::orders::{
    BalanceReport, ExecutionReport, MONEY_SCALE, Offset, OrderReport, PositionMore, PositionReport, Product, Refusal,
    RefusalKind, Rules, RulesReport, Side, SideMore,
};

impl PaperVenue {
    /// The orders of an account in an instrument, oldest first; `finished` ones, too, as far as they are kept.
    pub(super) fn orders(&self, account: u32, instrument: u32, finished: bool) -> Vec<OrderReport> {
        let kept = self.exchange.finished().filter(|order| finished && order.account == account);
        let all = kept.chain(self.exchange.live_of(account));
        let mut all: Vec<&Order> = all.filter(|order| order.terms.instrument == instrument).collect();
        all.sort_unstable_by_key(|order| order.number);
        all.into_iter().filter_map(|order| self.order_report(order)).collect()
    }

    /// The orders of an account under a client's id; live ones first.
    pub(super) fn orders_of_client(&self, account: u32, client_id: &str) -> Vec<OrderReport> {
        let finished = self.exchange.finished().filter(|order| order.account == account);
        let all = self.exchange.live_of(account).chain(finished);
        all.filter(|order| self.client_id(order) == client_id).filter_map(|order| self.order_report(order)).collect()
    }

    pub(super) fn order_report(&self, order: &Order) -> Option<OrderReport> {
        let rules = self.exchange.rules(order.terms.instrument)?;
        let size = |value: i64| decimal(value, rules.size_scale);
        Some(OrderReport {
            venue_id: order.number.to_string().into(),
            client_id: self.client_id(order).into(),
            symbol: rules.symbol.clone(),
            side: Some(order.terms.side),
            offset: Some(order.terms.offset),
            order_type: Some(order.terms.order_type),
            status: order.status,
            price: Some(decimal(order.terms.price, rules.price_scale)),
            quantity: Some(size(order.terms.quantity)),
            filled: Some(size(order.filled)),
            average_price: None,
            fee: Some(money(order.fee)),
            created: order.created,
            updated: order.updated,
        })
    }

    /// The fills of an account in an instrument, as far as they are kept, oldest first.
    pub(super) fn executions(&self, account: u32, instrument: u32) -> Vec<ExecutionReport> {
        let Some(rules) = self.exchange.rules(instrument) else { return Vec::new() };
        let all = self.exchange.fills().filter(|fill| fill.account == account && fill.instrument == instrument);
        all.map(|fill| execution(rules, fill)).collect()
    }

    pub(super) fn execution(&self, now: Stamp, event: &Event) -> Option<ExecutionReport> {
        let Event::Fill { account, order, instrument, trade, price, quantity, liquidity, fee } = *event else {
            return None;
        };
        let rules = self.exchange.rules(instrument)?;
        // an order may be forgotten by now, its fill is told all the same
        let order_side = self.exchange.order(order).map(|order| order.terms.side);
        let (side, offset) = (order_side.unwrap_or(Side::Buy), Offset::Net);
        let time = now.realtime;
        let fill = Fill { trade, order, account, instrument, side, offset, price, quantity, liquidity, fee, time };
        Some(ExecutionReport { side: order_side, ..execution(rules, &fill) })
    }

    /// The balances of an account, or the only one of a currency.
    pub(super) fn balances(&self, account: u32, only: Option<u32>) -> Vec<BalanceReport> {
        let names = self.exchange.currencies();
        let all = (0..).zip(self.exchange.balances(account)).zip(names);
        all.filter(|((currency, _), _)| only.is_none_or(|only| only == *currency))
            .map(|((_, balance), name)| BalanceReport {
                account: "".into(),
                currency: name.clone(),
                free: money(balance.free),
                locked: money(balance.locked),
                total: money(balance.total()),
            })
            .collect()
    }

    /// The position of an account in a contract; `None` of a spot instrument.
    pub(super) fn position(&self, now: Stamp, account: u32, instrument: u32) -> Option<PositionReport> {
        let rules = self.exchange.rules(instrument).filter(|rules| rules.product == Product::Contract)?;
        let legs = self.exchange.position(account, instrument);
        let size = |value: i64| decimal(value, rules.size_scale);
        let told =
            |leg: Leg| (size(leg.quantity), size(leg.available()), money(average_price(leg.cost, leg.quantity, rules)));
        let terms = self.exchange.terms(instrument)?;
        // a side is worth what it could be closed at: a long one the best bid, a short one the best ask
        let more = |leg: Leg, by: Side| {
            let (_, _, open) = told(leg);
            let worth = self.exchange.touch(instrument, by).and_then(|price| notional(rules, price, leg.quantity));
            let profit = worth.map_or(0, |worth| {
                let gain = worth.saturating_sub(leg.cost);
                if by == Side::Buy { gain } else { gain.saturating_neg() }
            });
            let leverage = Decimal { coef: terms.leverage.into(), scale: 0 };
            SideMore {
                hold_price: open,
                liquidation_price: Decimal::default(),
                unrealised: money(profit),
                leverage,
                margin: money(leg.margin),
            }
        };
        Some(PositionReport {
            symbol: rules.symbol.clone(),
            long: Some(told(legs.long)),
            short: Some(told(legs.short)),
            more: PositionMore {
                margin_mode: "crossed".into(),
                long: Some(more(legs.long, Side::Buy)),
                short: Some(more(legs.short, Side::Sell)),
            },
            updated: now.realtime,
        })
    }
}

fn execution(rules: &Rules, fill: &Fill) -> ExecutionReport {
    let currency = if rules.product == Product::Spot { &rules.quote } else { &rules.settle };
    ExecutionReport {
        venue_id: fill.order.to_string().into(),
        execution_id: fill.trade.to_string().into(),
        symbol: rules.symbol.clone(),
        side: Some(fill.side),
        price: decimal(fill.price, rules.price_scale),
        quantity: decimal(fill.quantity, rules.size_scale),
        liquidity: fill.liquidity,
        fee: Some((money(fill.fee), currency.clone())),
        time: fill.time,
    }
}

pub(super) fn rules_report(rules: &Rules) -> RulesReport {
    let price = |value: i64| Some(decimal(value, rules.price_scale));
    let size = |value: i64| Some(decimal(value, rules.size_scale));
    let both = rules.price_scale.saturating_add(rules.size_scale);
    RulesReport {
        symbol: rules.symbol.clone(),
        product: Some(rules.product),
        price_tick: price(rules.tick),
        size_tick: size(rules.lot),
        min_size: size(rules.min_size),
        min_price: price(rules.min_price),
        min_notional: i64::try_from(rules.min_notional).ok().map(|coef| decimal(coef, both)),
        base: Some(rules.base.clone()),
        quote: Some(rules.quote.clone()),
        settle: Some(rules.settle.clone()),
    }
}

pub(super) fn refusal(reject: ExchangeReject) -> Refusal {
    let kind = match reject {
        ExchangeReject::Insufficient | ExchangeReject::Position => RefusalKind::Insufficient,
        ExchangeReject::UnknownOrder | ExchangeReject::Cancelled => RefusalKind::UnknownOrder,
        ExchangeReject::Filled => RefusalKind::Filled,
        ExchangeReject::Full => RefusalKind::Throttled,
        _ => RefusalKind::Rules,
    };
    Refusal { kind, code: reject.name().into(), message: reject.to_string().into() }
}

/// A value at a scale, without trailing zeros.
fn decimal(mut coef: i64, mut scale: u8) -> Decimal {
    while scale > 0 && coef.checked_rem(10) == Some(0) {
        coef = coef.checked_div(10).unwrap_or(0);
        scale = scale.saturating_sub(1);
    }
    Decimal { coef, scale }
}

/// Money as a decimal: what 64 bits can't hold of the last digits goes.
fn money(money: i128) -> Decimal {
    (0..=MONEY_SCALE)
        .find_map(|digits| {
            let down = power_of_ten(digits.into())?;
            let coef = i64::try_from(money.checked_div(down.into())?).ok()?;
            Some(decimal(coef, MONEY_SCALE.saturating_sub(digits)))
        })
        .unwrap_or(Decimal { coef: if money < 0 { i64::MIN } else { i64::MAX }, scale: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_where_it_fits_and_else_loses_its_last_digits() {
        let one = 10_i128.pow(18);
        for (amount, text) in [
            (0, "0"),
            (one, "1"),
            (-one / 2, "-0.5"),
            (1, "0.000000000000000001"),
            (1_234_567 * one + one / 100_000_000, "1234567.00000001"),
            (12 * one + 7, "12"),
            (i128::from(i64::MAX) * one, "9223372036854775807"),
            (i128::from(i64::MAX) * one * 2, "9223372036854775807"),
        ] {
            assert_eq!(money(amount).to_string(), text);
            assert_eq!(Decimal::parse(text.as_bytes()), Ok(money(amount)), "and has no trailing zeros");
        }
    }
}
