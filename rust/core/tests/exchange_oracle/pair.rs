//! The exchange and the oracle side by side.

use super::oracle::{Happened, Listed, Oracle};
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{Event, Exchange, ExchangeReject, NewOrder, Order, OrderNo, Terms};
use ferrofeed_core::orders::{Offset, OrderStatus, OrderType, Product, Rules, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wild {
    No,
    Price(i64),
    Quantity(i64),
    Offset,
    Account,
    Instrument,
}

/// Prices in ticks, sizes in lots.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Submit {
        account: u32,
        instrument: u32,
        side: Side,
        order_type: OrderType,
        closes: bool,
        price: i64,
        lots: i64,
        wild: Wild,
    },
    /// `aim` 0: any order of this account or not; else a live one of whoever's it is.
    Cancel { account: u32, order: usize, aim: u8 },
    /// To a price so many ticks away and a quantity so many lots more.
    Replace { order: usize, aim: u8, move_by: i64, more: i64 },
    /// Levels by their distance from the one before and their size.
    Market { instrument: u32, bid: i64, spread: i64, bids: Vec<(i64, i64)>, asks: Vec<(i64, i64)> },
    /// The book of before, but for so much more at one of its levels.
    Again { instrument: u32, level: usize, more: i64 },
}

const TICK: i64 = 5;
const LOT: i64 = 3;
const ACCOUNTS: u32 = 3;

pub(crate) struct Pair {
    exchange: Exchange,
    oracle: Oracle,
    /// The exchange's number of each order of the oracle.
    numbers: Vec<OrderNo>,
    deposited: BTreeMap<String, i128>,
    now: i64,
    pub(crate) reached: BTreeSet<String>,
}

/// Everything that can be seen of an exchange.
fn picture(exchange: &Exchange) -> String {
    let accounts: Vec<_> = (0..exchange.account_count())
        .map(|account| {
            let legs: Vec<_> = (0..exchange.instrument_count()).map(|at| exchange.position(account, at)).collect();
            (exchange.balances(account).to_vec(), legs)
        })
        .collect();
    let books: Vec<_> = (0..exchange.instrument_count())
        .map(|at| (exchange.resting(at, Side::Buy), exchange.resting(at, Side::Sell)))
        .collect();
    let finished: Vec<_> = exchange.finished().collect();
    let fills = exchange.fills().count();
    format!(
        "{:?}{finished:?}{accounts:?}{books:?}{fills}{:?}{:?}",
        exchange.live(),
        exchange.fees(),
        exchange.outside()
    )
}

impl Pair {
    pub(crate) fn new(
        products: [Product; 3],
        terms: [Terms; 3],
        (price_scale, size_scale): (u8, u8),
        keep: usize,
        wealth: i64,
    ) -> Self {
        let mut exchange = Exchange::new(keep);
        let mut oracle = Oracle { accounts: ACCOUNTS, keep, ..Oracle::default() };
        for (product, terms) in products.into_iter().zip(terms) {
            let rules = Rules {
                symbol: "A/B".into(),
                raw_symbol: "A/B".into(),
                product,
                base: "A".into(),
                quote: "B".into(),
                settle: "B".into(),
                price_scale,
                size_scale,
                tick: TICK,
                lot: LOT,
                min_size: 2 * LOT,
                max_size: 300,
                min_price: 10,
                min_notional: 3_000,
            };
            exchange.add_instrument(rules.clone(), terms);
            let terms = if product == Product::Spot { Terms { leverage: 1, ..terms } } else { terms };
            oracle.listed.push(Listed { rules, terms, bids: Vec::new(), asks: Vec::new() });
        }
        let mut pair = Self {
            exchange,
            oracle,
            numbers: Vec::new(),
            deposited: BTreeMap::new(),
            now: 0,
            reached: BTreeSet::new(),
        };
        for account in 0..ACCOUNTS {
            pair.exchange.add_account("somebody");
            let digits = 18 - u32::from(price_scale) - u32::from(size_scale);
            let money = i128::from(wealth) * 500 * 10_i128.pow(digits);
            let things = i128::from(wealth) * 10_i128.pow(18 - u32::from(size_scale));
            for (currency, amount) in [("A", things), ("B", money)] {
                pair.exchange.deposit(account, currency, amount).unwrap();
                pair.oracle.own(account, currency, amount);
                *pair.deposited.entry(currency.to_owned()).or_default() += amount;
            }
        }
        pair.exchange.take_events(&mut Vec::new());
        pair
    }

    fn number(&self, place: usize) -> OrderNo {
        self.numbers.get(place).copied().unwrap_or(12_345)
    }

    pub(crate) fn step(&mut self, step: &Step) {
        self.now += 1;
        let (before, balances) = (picture(&self.exchange), self.balances());
        let done = match step {
            Step::Submit { account, instrument, side, order_type, closes, price, lots, wild } => {
                let product = self.oracle.listed[*instrument as usize].rules.product;
                let mut account = *account;
                let mut new = NewOrder {
                    instrument: *instrument,
                    side: *side,
                    order_type: *order_type,
                    offset: match (product, closes) {
                        (Product::Spot, _) => Offset::Net,
                        (_, true) => Offset::Close,
                        (_, false) => Offset::Open,
                    },
                    price: if *order_type == OrderType::Market { 0 } else { price * TICK },
                    quantity: lots * LOT,
                    client: 7,
                };
                match *wild {
                    Wild::No => {}
                    Wild::Price(price) => new.price = price,
                    Wild::Quantity(quantity) => new.quantity = quantity,
                    Wild::Offset if product == Product::Spot => new.offset = Offset::Open,
                    Wild::Offset => new.offset = Offset::Net,
                    Wild::Account => account = 9,
                    Wild::Instrument => new.instrument = 9,
                }
                let (ours, theirs) = (self.exchange.submit(self.now, account, new), self.oracle.submit(account, new));
                assert_eq!(ours.err(), theirs.err(), "{step:?}");
                self.numbers.extend(ours);
                ours.map(drop)
            }
            Step::Cancel { account, order, aim } => {
                let place = self.aim(*order, *aim);
                let owner = self.oracle.orders.get(place).map(|order| order.account);
                let account = owner.filter(|_| *aim > 0).unwrap_or(*account);
                let ours = self.exchange.cancel(self.now, account, self.number(place));
                assert_eq!(ours, self.oracle.cancel(account, place), "{step:?}");
                ours
            }
            Step::Replace { order, aim, move_by, more } => {
                let place = self.aim(*order, *aim);
                let Some(order) = self.oracle.orders.get(place).cloned() else { return };
                let (price, quantity) = (order.new.price + move_by * TICK, order.new.quantity + more * LOT);
                let ours = self.exchange.replace(self.now, order.account, self.number(place), price, quantity);
                assert_eq!(ours, self.oracle.replace(order.account, place, price, quantity), "{step:?}");
                ours
            }
            Step::Again { instrument, level, more } => {
                let listed = &self.oracle.listed[*instrument as usize];
                let level_of = |&(price, size, _): &(i64, i64, i64)| Level { price, size };
                let mut bids: Vec<Level> = listed.bids.iter().map(level_of).collect();
                let mut asks: Vec<Level> = listed.asks.iter().map(level_of).collect();
                let count = bids.len() + asks.len();
                if let Some(level) = bids.iter_mut().chain(&mut asks).nth(level % (count + 1)) {
                    level.size += more;
                }
                let ours = self.exchange.market(self.now, *instrument, &bids, &asks);
                assert_eq!(ours, self.oracle.market(*instrument, &bids, &asks), "{step:?}");
                ours
            }
            Step::Market { instrument, bid, spread, bids, asks } => {
                let levels = |from: i64, sign: i64, steps: &[(i64, i64)]| {
                    let mut price = from * TICK;
                    let level = |(away, size): &(i64, i64)| {
                        price += sign * away;
                        Level { price, size: *size }
                    };
                    steps.iter().map(level).collect::<Vec<_>>()
                };
                let (bids, asks) = (levels(*bid, -1, bids), levels(bid + spread, 1, asks));
                let ours = self.exchange.market(self.now, *instrument, &bids, &asks);
                assert_eq!(ours, self.oracle.market(*instrument, &bids, &asks), "{step:?}");
                ours
            }
        };
        self.compare(step, &balances, done);
        if let Err(no) = done {
            assert_eq!(picture(&self.exchange), before, "{step:?} was refused and changed something");
            self.reached.insert(no.name().to_owned());
        }
    }

    /// Fills every resting order from a live book that crosses all of them: in their order, which the events show.
    pub(crate) fn sweep(&mut self) {
        for instrument in 0..self.exchange.instrument_count() {
            for (bid, bids, asks) in [(0, vec![], vec![(0, 1 << 30)]), (2_000, vec![(0, 1 << 30)], vec![])] {
                self.step(&Step::Market { instrument, bid, spread: 1, bids, asks });
            }
        }
        assert!(self.exchange.live().is_empty());
    }

    /// One of all orders (or none), or of the live ones.
    fn aim(&self, order: usize, aim: u8) -> usize {
        let live: Vec<usize> =
            (0..self.numbers.len()).filter(|at| self.oracle.orders[*at].status == OrderStatus::Working).collect();
        match live.get(order % live.len().max(1)) {
            Some(place) if aim > 0 => *place,
            _ => order % (self.numbers.len() + 1),
        }
    }

    fn balances(&self) -> Vec<(u32, usize, i128, i128)> {
        (0..ACCOUNTS)
            .flat_map(|account| {
                let all = self.exchange.balances(account).iter().enumerate();
                all.map(move |(currency, balance)| (account, currency, balance.free, balance.locked))
            })
            .collect()
    }

    fn compare(&mut self, step: &Step, balances: &[(u32, usize, i128, i128)], done: Result<(), ExchangeReject>) {
        self.same_events(step, balances, done);
        self.same_orders(step);
        for account in 0..ACCOUNTS {
            for (name, balance) in self.exchange.currencies().iter().zip(self.exchange.balances(account)) {
                let (free, locked) = (self.oracle.free(account, name), self.oracle.locked(account, name));
                assert_eq!((balance.free, balance.locked), (free, locked), "{account} {name} after {step:?}");
                assert!(balance.locked >= 0);
                assert!(
                    balance.free >= 0 || self.oracle.in_debt.contains(&account),
                    "{account} owes {name} after {step:?}"
                );
            }
            for instrument in 0..self.exchange.instrument_count() {
                let legs = self.exchange.position(account, instrument);
                for (leg, long) in [(legs.long, true), (legs.short, false)] {
                    let theirs = self.oracle.leg(account, instrument, long);
                    let closing = self.oracle.closing(account, instrument, long);
                    let of_it = (theirs.quantity, theirs.cost, theirs.margin, closing);
                    assert_eq!((leg.quantity, leg.cost, leg.margin, leg.closing), of_it, "after {step:?}");
                    assert!(leg.available() >= 0 && leg.opening >= 0);
                }
            }
        }
        self.nothing_is_lost(step);
    }

    fn same_events(&mut self, step: &Step, balances: &[(u32, usize, i128, i128)], done: Result<(), ExchangeReject>) {
        let mut events = Vec::new();
        self.exchange.take_events(&mut events);
        assert!(done.is_ok() || events.is_empty(), "{step:?} was refused and had {events:?} happen");
        let place = |number: OrderNo| self.numbers.iter().position(|one| *one == number).expect("an order");
        let mut told = BTreeSet::new();
        let mut ours = Vec::new();
        for event in events {
            match event {
                Event::Accepted { order, .. } => ours.push(Happened::Accepted(place(order))),
                Event::Cancelled { order, .. } => ours.push(Happened::Cancelled(place(order))),
                Event::Replaced { order, .. } => ours.push(Happened::Replaced(place(order))),
                Event::Fill { order, trade, price, quantity, liquidity, fee, .. } => {
                    ours.push(Happened::Fill { order: place(order), trade, price, quantity, liquidity, fee });
                }
                Event::Balance { account, currency } => drop(told.insert((account, currency as usize))),
                Event::Position { .. } => {}
            }
        }
        let theirs = std::mem::take(&mut self.oracle.happened);
        assert_eq!(ours, theirs, "{step:?}");
        for (before, after) in balances.iter().zip(self.balances()) {
            assert!(*before == after || told.contains(&(after.0, after.1)), "nobody said {after:?} after {step:?}");
        }
        self.note(&theirs);
    }

    /// Notes what a step reached.
    fn note(&mut self, happened: &[Happened]) {
        let fills = happened.iter().filter(|what| matches!(what, Happened::Fill { .. })).count();
        for what in happened {
            match what {
                Happened::Fill { order, .. } => {
                    let order = &self.oracle.orders[*order];
                    self.reached.insert(format!("fill {}", order.new.offset.name()));
                    if order.left() > 0 {
                        self.reached.insert("partly".to_owned());
                    }
                    if order.new.order_type == OrderType::Market {
                        self.reached.insert("market".to_owned());
                    }
                    if fills > 4 {
                        self.reached.insert("several".to_owned());
                    }
                }
                Happened::Replaced(_) => drop(self.reached.insert("replaced".to_owned())),
                Happened::Cancelled(order) => {
                    let order = &self.oracle.orders[*order];
                    if happened.len() > 1 && order.new.order_type == OrderType::Limit {
                        self.reached.insert("self".to_owned());
                    }
                    let market = order.new.order_type == OrderType::Market;
                    if market && self.oracle.shown(order.new.instrument, order.new.side.opposite()).is_some() {
                        self.reached.insert("unpaid".to_owned());
                    }
                }
                Happened::Accepted(_) => {}
            }
        }
    }

    fn same_orders(&self, step: &Step) {
        let live: Vec<OrderNo> = self.exchange.live().iter().map(|order| order.number).collect();
        let theirs = self.oracle.orders.iter().zip(&self.numbers);
        let mut expected: Vec<_> =
            theirs.filter(|(order, _)| order.status == OrderStatus::Working).map(|(_, number)| *number).collect();
        expected.sort_unstable();
        assert_eq!(live, expected, "live after {step:?}");
        let finished: Vec<OrderNo> = self.exchange.finished().map(|order| order.number).collect();
        let kept = self.oracle.finished.len().saturating_sub(self.oracle.keep);
        let expected: Vec<OrderNo> = self.oracle.finished[kept..].iter().map(|place| self.numbers[*place]).collect();
        assert_eq!(finished, expected, "finished after {step:?}");
        for number in live.into_iter().chain(finished) {
            let order = self.exchange.order(number).expect("an order that is there");
            let place = self.numbers.iter().position(|one| *one == number).unwrap();
            let theirs = &self.oracle.orders[place];
            let ours = (order.account, order.terms, order.filled, order.cost, order.fee, order.locked, order.status);
            let expected = (
                theirs.account,
                theirs.new,
                theirs.filled(),
                self.oracle.cost(theirs),
                theirs.fee,
                self.oracle.hold(theirs).1,
                theirs.status,
            );
            assert_eq!(ours, expected, "after {step:?}");
        }
    }

    /// Every currency is all there, each resting side adds up, and no two resting orders could trade.
    fn nothing_is_lost(&self, step: &Step) {
        for (at, name) in self.exchange.currencies().iter().enumerate() {
            let mut sum = self.exchange.fees()[at] + self.exchange.outside()[at];
            assert_eq!(self.exchange.fees()[at], self.oracle.fees.get(&**name).copied().unwrap_or(0));
            assert_eq!(self.exchange.outside()[at], self.oracle.outside.get(&**name).copied().unwrap_or(0));
            for account in 0..ACCOUNTS {
                sum += self.exchange.balances(account)[at].total();
                for instrument in 0..self.exchange.instrument_count() {
                    let rules = self.exchange.rules(instrument).unwrap();
                    if rules.product == Product::Contract && rules.settle == *name {
                        let legs = self.exchange.position(account, instrument);
                        sum += legs.short.cost - legs.long.cost;
                    }
                }
            }
            assert_eq!(sum, self.deposited[&**name], "{name} after {step:?}");
        }
        for instrument in 0..self.exchange.instrument_count() {
            let sides = [Side::Buy, Side::Sell].map(|side| (side, self.exchange.resting(instrument, side)));
            for (side, levels) in &sides {
                let live = self.exchange.live();
                let resting =
                    live.iter().filter(|order| order.terms.instrument == instrument && order.terms.side == *side);
                let whole: i64 = resting.map(Order::remaining).sum();
                assert_eq!(levels.iter().map(|level| level.1).sum::<i64>(), whole);
                assert!(levels.is_sorted_by(|a, b| if *side == Side::Buy { a.0 > b.0 } else { a.0 < b.0 }));
            }
            let [(_, bids), (_, asks)] = &sides;
            let crossed = bids.first().zip(asks.first()).is_some_and(|(bid, ask)| bid.0 >= ask.0);
            assert!(!crossed, "crossed after {step:?}");
        }
    }
}
