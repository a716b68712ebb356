//! Balances, positions and rules, as venues tell them.
//!
//! Fills move our positions at once. What a venue says of a position may be older or newer than the fills we have, so it is not
//! taken over where it differs, but looked at again: only what still differs when nothing moved for the settle time is a drift,
//! told as such, and taken over. At the end of a reconciliation it is taken over at once.

use super::super::ledger::{MONEY_SCALE, Position};
use super::super::record::Record;
use super::super::report::{BalanceReport, PositionMore, PositionReport, RequestKey, RulesReport};
use super::super::rules::{Product, Rules};
use super::desk::Seen;
use super::reported::money;
use super::request::Request;
use super::{Nanos, Router, Stamp};
use crate::num::Decimal;

impl Router {
    /// Something happened on a desk's account: it is asked for whole a moment after the last such thing.
    pub(super) fn account_changed(&mut self, desk: u16, now: Stamp) {
        let due = now.monotonic.saturating_add(self.config.account_after);
        if let Some(desk) = self.desk_mut(desk) {
            desk.account_due = due;
        }
    }

    /// Asks for everything on the account.
    pub(super) fn ask_account(&mut self, number: u16, now: Stamp) {
        let contracts = self.contracts(number);
        let Some(desk) = self.desk_mut(number) else { return };
        desk.account_due = Nanos::MAX;
        desk.question(Request::Balances, now.monotonic);
        for instrument in contracts {
            desk.question(Request::Positions(instrument), now.monotonic);
        }
    }

    pub(super) fn contracts(&self, desk: u16) -> Vec<u32> {
        self.of_product(desk, Product::Contract).map(|(index, _)| index).collect()
    }

    fn of_product(&self, desk: u16, product: Product) -> impl Iterator<Item = (u32, &Rules)> {
        let all = self.desk(desk).map_or(&[][..], |desk| &desk.instruments);
        all.iter()
            .filter_map(|index| Some((*index, &self.ledger.instrument(*index)?.rules)))
            .filter(move |(_, rules)| rules.product == product)
    }

    pub(super) fn balances_reported(&mut self, desk: u16, key: RequestKey, balances: &[BalanceReport], now: Stamp) {
        if key != RequestKey::None && self.take_pending(desk, key, |asked| *asked == Request::Balances).is_none() {
            self.count(desk, |stats| &stats.stray);
            return;
        }
        for balance in balances {
            let currency: Box<str> = if balance.account.is_empty() {
                balance.currency.clone()
            } else {
                format!("{}:{}", balance.account, balance.currency).into()
            };
            let amounts = [money(balance.free), money(balance.locked), money(balance.total)];
            let known = self.ledger.balances(desk).and_then(|known| known.get(&currency));
            if known != Some(&amounts) {
                self.commit(&Record::Balance { desk, currency, amounts }, now);
            }
        }
        self.holdings_seen(desk, now);
        self.answered_question(desk, key, now);
    }

    /// What a desk holds of the base currencies of its spot instruments.
    fn holdings_seen(&mut self, desk: u16, now: Stamp) {
        let spots: Vec<(u32, Box<str>)> =
            self.of_product(desk, Product::Spot).map(|(index, rules)| (index, rules.base.clone())).collect();
        for (instrument, base) in spots {
            // one account, or the spot one among several: `ETH`, `spot:ETH`, `spot:OKEX:ETH`
            let is_it = |name: &str| {
                name.rsplit_once(':').map_or(*name == *base, |(account, currency)| {
                    *currency == *base && account.split(':').next() == Some("spot")
                })
            };
            let balances = self.ledger.balances(desk).into_iter().flatten();
            let totals = balances.filter(|(name, _)| is_it(name)).map(|(_, [_, _, total])| *total);
            let total = totals.reduce(i128::saturating_add);
            if let Some(total) = total {
                self.saw(desk, instrument, total, 0, now);
            }
        }
    }

    pub(super) fn positions_reported(&mut self, desk: u16, key: RequestKey, positions: &[PositionReport], now: Stamp) {
        let mut asked = None;
        if key != RequestKey::None {
            let pending = self.take_pending(desk, key, |asked| matches!(asked, Request::Positions(_)));
            let Some(Request::Positions(instrument)) = pending.map(|pending| pending.request) else {
                self.count(desk, |stats| &stats.stray);
                return;
            };
            asked = Some(instrument);
        }
        let mut told: Vec<(u32, Option<Decimal>, Option<Decimal>)> = Vec::new();
        for position in positions {
            let named = self.instrument_named(desk, &position.symbol);
            let Some(instrument) = (if position.symbol.is_empty() { asked } else { named }) else { continue };
            self.hold_on_to(instrument, position);
            // a venue may tell the two sides in two reports
            let at = told.iter().position(|(known, ..)| *known == instrument);
            let at = at.unwrap_or_else(|| {
                told.push((instrument, None, None));
                told.len().saturating_sub(1)
            });
            if let Some((_, long, short)) = told.get_mut(at) {
                *long = position.long.map(|(quantity, ..)| quantity).or(*long);
                *short = position.short.map(|(quantity, ..)| quantity).or(*short);
            }
        }
        // what the answer to a question does not list is nothing; a notification tells only what changed
        if let Some(instrument) = asked
            && !told.iter().any(|(known, ..)| *known == instrument)
        {
            told.push((instrument, None, None));
        }
        for (instrument, long, short) in told {
            let before = self.desk(desk).and_then(|desk| desk.seen.get(&instrument)).copied();
            let known = |told: Option<Decimal>, before: Option<i128>| match told {
                Some(quantity) => money(quantity).saturating_abs(),
                None if asked == Some(instrument) => 0,
                None => before.unwrap_or(0),
            };
            let long = known(long, before.map(|seen| seen.long));
            let short = known(short, before.map(|seen| seen.short));
            self.saw(desk, instrument, long, short, now);
        }
        self.answered_question(desk, key, now);
    }

    /// Keeps a venue's word of a position whole, for those who want to look at it.
    fn hold_on_to(&mut self, instrument: u32, position: &PositionReport) {
        let known = self.holdings.entry(instrument).or_insert_with(|| PositionReport {
            symbol: position.symbol.clone(),
            long: None,
            short: None,
            more: PositionMore::default(),
            updated: 0,
        });
        let before = (known.long, known.short);
        known.long = position.long.or(known.long);
        known.short = position.short.or(known.short);
        known.more.long = position.more.long.or(known.more.long);
        known.more.short = position.more.short.or(known.more.short);
        if !position.more.margin_mode.is_empty() {
            known.more.margin_mode.clone_from(&position.more.margin_mode);
        }
        known.updated = known.updated.max(position.updated);
        // profits change with every price: that is no news of the position
        if before != (known.long, known.short) && !self.told.contains(&instrument) {
            self.told.push(instrument);
        }
    }

    fn saw(&mut self, desk: u16, instrument: u32, long: i128, short: i128, now: Stamp) {
        let ours = self.ledger.position(instrument);
        let same = ours == Position { long, short };
        let Some(desk) = self.desk_mut(desk) else { return };
        let before = desk.seen.get(&instrument).copied();
        let differs = match before {
            _ if same => 0,
            Some(seen) if (seen.long, seen.short) == (long, short) && seen.differs != 0 => seen.differs,
            _ => now.monotonic,
        };
        desk.seen.insert(instrument, Seen { long, short, differs });
        desk.compare_at = 0;
    }

    /// Takes over what a desk says of its positions: all of it, or only what has differed for so long that nothing on its way
    /// can explain it.
    pub(super) fn adopt_positions(&mut self, number: u16, at_once: bool, now: Stamp) {
        let settle = self.config.settle;
        let Some(desk) = self.desk(number) else { return };
        let seen: Vec<(u32, Seen)> = desk.seen.iter().map(|(instrument, seen)| (*instrument, *seen)).collect();
        let mut looked_at = false;
        for (instrument, seen) in seen {
            let ours = self.ledger.position(instrument);
            let venue = Position { long: seen.long, short: seen.short };
            let mut differs = seen.differs;
            if ours == venue {
                differs = 0;
            } else if differs == 0 {
                differs = now.monotonic;
                looked_at = true;
            } else if at_once || now.monotonic.saturating_sub(differs) >= settle {
                let slot = self.ledger.instrument(instrument).map_or(0, |known| known.slot);
                self.commit(&Record::Position { slot, long: venue.long, short: venue.short }, now);
                if !at_once {
                    self.count(number, |stats| &stats.drifts);
                }
                differs = 0;
            }
            if let Some(entry) = self.desk_mut(number).and_then(|desk| desk.seen.get_mut(&instrument)) {
                entry.differs = differs;
            }
        }
        if let Some(desk) = self.desk_mut(number) {
            let differing = desk.seen.values().map(|seen| seen.differs).filter(|since| *since != 0);
            desk.compare_at = differing.min().map_or(Nanos::MAX, |since| since.saturating_add(settle));
        }
        // fills moved ours away from what was seen last: look again
        if looked_at {
            self.account_changed(number, now);
        }
    }

    pub(super) fn rules_reported(&mut self, desk: u16, key: RequestKey, reports: &[RulesReport], now: Stamp) {
        let pending = self.take_pending(desk, key, |asked| matches!(asked, Request::Rules(_)));
        let Some(Request::Rules(asked)) = pending.map(|pending| pending.request) else {
            self.count(desk, |stats| &stats.stray);
            return;
        };
        let mut found = false;
        for report in reports {
            let named = self.instrument_named(desk, &report.symbol);
            let Some(instrument) = (if report.symbol.is_empty() { Some(asked) } else { named }) else { continue };
            let Some(before) = self.ledger.instrument(instrument).map(|known| known.rules.clone()) else { continue };
            found |= instrument == asked;
            match merged(&before, report) {
                Ok(rules) if rules == before => {}
                Ok(rules) => {
                    self.commit(&Record::Instrument { instrument, desk, rules }, now);
                }
                Err(what) => self.anomaly(0, &format!("{}: {what}", before.symbol), now),
            }
        }
        if !found {
            let symbol = self.ledger.instrument(asked).map_or("", |known| &known.rules.symbol);
            let text = format!("the venue does not list {symbol}");
            self.tell_desk(desk, &text, now);
        }
        self.answered_question(desk, key, now);
    }

    /// The instrument that a desk knows by this symbol, canonical or its venue's spelling.
    #[must_use]
    pub fn instrument_named(&self, desk: u16, symbol: &str) -> Option<u32> {
        if symbol.is_empty() {
            return None;
        }
        let known = |index: &u32| {
            self.ledger
                .instrument(*index)
                .is_some_and(|known| *known.rules.raw_symbol == *symbol || *known.rules.symbol == *symbol)
        };
        self.desk(desk)?.instruments.iter().copied().find(known)
    }
}

/// The rules with what a venue says of them; the stricter of what was set by hand and what it says.
fn merged(before: &Rules, report: &RulesReport) -> Result<Rules, String> {
    let mut rules = before.clone();
    let price = |what: &str, value: Decimal| {
        value.at_scale(before.price_scale).filter(|value| *value >= 0).ok_or_else(|| {
            format!("the venue's {what} {value} can't be written with price_scale {}", before.price_scale)
        })
    };
    let size = |what: &str, value: Decimal| {
        value
            .at_scale(before.size_scale)
            .filter(|value| *value >= 0)
            .ok_or_else(|| format!("the venue's {what} {value} can't be written with size_scale {}", before.size_scale))
    };
    if let Some(tick) = report.price_tick.filter(|tick| tick.coef > 0) {
        rules.tick = price("tick", tick)?;
    }
    if let Some(lot) = report.size_tick.filter(|lot| lot.coef > 0) {
        rules.lot = size("lot", lot)?;
    }
    if let Some(least) = report.min_size {
        rules.min_size = size("smallest size", least)?;
    }
    if let Some(least) = report.min_price {
        rules.min_price = price("lowest price", least)?;
    }
    if let Some(least) = report.min_notional {
        let up = before.price_scale.saturating_add(before.size_scale).min(MONEY_SCALE);
        let down = 10_i128.saturating_pow(u32::from(MONEY_SCALE.saturating_sub(up)));
        // rounded up: an order must not be smaller
        let amount = money(least).max(0);
        rules.min_notional = amount.div_euclid(down).saturating_add(i128::from(amount.rem_euclid(down) != 0));
    }
    for (mine, theirs) in
        [(&mut rules.base, &report.base), (&mut rules.quote, &report.quote), (&mut rules.settle, &report.settle)]
    {
        if let Some(theirs) = theirs.as_ref().filter(|theirs| !theirs.is_empty()) {
            mine.clone_from(theirs);
        }
    }
    Ok(rules)
}
