//! A record in one line, for people: names instead of numbers, decimals instead of scaled integers.

use super::ledger::{Ledger, MONEY_SCALE};
use super::record::{Changed, Executed, Placed, Record};
use super::risk::Amount;
use super::show::one_line;
use super::types::{Offset, OrderType, Unit};
use std::fmt::Write as _;

/// The record in a line. `ledger` is the state it was applied to.
#[must_use]
pub fn describe(record: &Record, ledger: &Ledger) -> String {
    // names and ids of others may hold anything
    one_line(&line(record, ledger)).into_owned()
}

fn line(record: &Record, ledger: &Ledger) -> String {
    match record {
        Record::Started => "started".into(),
        Record::Desk { desk, name } => format!("venue {desk} is {name}"),
        Record::Instrument { instrument, desk, rules } => {
            let price = |value: i64| Amount::Scaled(value.into(), rules.price_scale);
            let size = |value: i64| Amount::Scaled(value.into(), rules.size_scale);
            format!(
                "instrument {instrument} is {} {} ({}), tick {}, lot {}, smallest {}",
                venue(ledger, *desk),
                rules.symbol,
                rules.product.name(),
                price(rules.tick),
                size(rules.lot),
                size(rules.min_size),
            )
        }
        Record::Strategy { strategy, name } => format!("strategy {strategy} is {name}"),
        Record::Placed(placed) => format!("order {}: placed: {}", placed.id, terms(placed, ledger)),
        Record::Denied { desk, rule, text } => format!("denied at {}: {text} [{rule}]", venue(ledger, *desk)),
        Record::Changed(changed) => change(changed, ledger),
        Record::Executed(fill) => execution(fill, ledger),
        Record::Position { slot, long, short } => {
            let symbol =
                ledger.instruments().iter().find(|known| known.slot == *slot).map_or("", |known| &known.rules.symbol);
            format!("position {symbol}: long {}, short {} (the venue's word)", money(*long), money(*short))
        }
        Record::Balance { desk, currency, amounts: [free, locked, total] } => format!(
            "balance {} {currency}: free {}, locked {}, total {}",
            venue(ledger, *desk),
            money(*free),
            money(*locked),
            money(*total)
        ),
        Record::Mode { mode, by } => format!("mode {} by {by}", mode.name()),
        Record::Kill { on: true, by } => format!("kill switch thrown: {by}"),
        Record::Kill { on: false, by } => format!("kill switch cleared by {by}"),
        Record::Anomaly { id: 0, text } => format!("anomaly: {text}"),
        Record::Anomaly { id, text } => format!("anomaly of order {id}: {text}"),
        Record::Checkpoint { last_id, .. } => format!("checkpoint, orders up to {last_id}"),
        Record::Kept(kept) => {
            format!("order {} kept, {}: {}", kept.placed.id, kept.state.name(), terms(&kept.placed, ledger))
        }
    }
}

const fn money(value: i128) -> Amount {
    Amount::Scaled(value, MONEY_SCALE)
}

fn venue(ledger: &Ledger, desk: u16) -> &str {
    ledger.desks().get(usize::from(desk)).map_or("no venue", |name| name)
}

fn scales(ledger: &Ledger, instrument: u32) -> (u8, u8) {
    let rules = ledger.instrument(instrument).map(|known| &known.rules);
    rules.map_or((0, 0), |rules| (rules.price_scale, rules.size_scale))
}

fn terms(placed: &Placed, ledger: &Ledger) -> String {
    let (price_scale, size_scale) = scales(ledger, placed.instrument);
    let symbol = ledger.instrument(placed.instrument).map_or("", |known| &known.rules.symbol);
    let scale = if placed.unit == Unit::Quote { price_scale } else { size_scale };
    let mut text = format!(
        "{} {} {} {} {symbol}",
        venue(ledger, placed.desk),
        placed.order_type.name(),
        placed.side.name(),
        Amount::Scaled(placed.quantity.into(), scale)
    );
    if placed.unit == Unit::Quote {
        text.push_str(" (money)");
    }
    if placed.order_type != OrderType::Market {
        let _ = write!(text, " at {}", Amount::Scaled(placed.price.into(), price_scale));
    }
    if placed.offset != Offset::Net {
        let _ = write!(text, ", {}", placed.offset.name());
    }
    if !placed.intent.is_empty() {
        let _ = write!(text, ", intent {}", placed.intent);
    }
    let strategy = usize::try_from(placed.strategy).ok().and_then(|at| ledger.strategies().get(at));
    if let Some(name) = strategy.filter(|name| !name.is_empty()) {
        let _ = write!(text, ", strategy {name}");
    }
    text
}

fn change(changed: &Changed, ledger: &Ledger) -> String {
    let (price_scale, size_scale) =
        ledger.order(changed.id).map_or((0, 0), |order| scales(ledger, order.placed.instrument));
    let mut text = format!("order {}: {}", changed.id, changed.change.name());
    if !changed.venue_id.is_empty() {
        let _ = write!(text, ", the venue calls it {}", changed.venue_id);
    }
    if changed.filled >= 0 {
        let _ = write!(text, ", filled {}", Amount::Scaled(changed.filled.into(), size_scale));
    }
    if changed.terms != (0, 0) {
        let (price, quantity) = changed.terms;
        let price = Amount::Scaled(price.into(), price_scale);
        let _ = write!(text, ", to {} at {price}", Amount::Scaled(quantity.into(), size_scale));
    }
    if !changed.reason.is_empty() {
        let _ = write!(text, ": {}", changed.reason);
    }
    text
}

fn execution(fill: &Executed, ledger: &Ledger) -> String {
    let (price_scale, size_scale) =
        ledger.order(fill.id).map_or((0, 0), |order| scales(ledger, order.placed.instrument));
    let price = Amount::Scaled(fill.price.into(), price_scale);
    let quantity = Amount::Scaled(fill.quantity.into(), size_scale);
    let mut text = format!("order {}: fill {} of {quantity} at {price}", fill.id, fill.execution_id);
    let _ = write!(text, ", {}", fill.liquidity.name());
    if !fill.fee_currency.is_empty() {
        let _ = write!(text, ", fee {} {}", money(fill.fee), fill.fee_currency);
    }
    text
}
