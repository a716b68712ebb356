//! The paper exchange written as plainly as can be: lists that are searched from end to end, and nothing kept that can be worked out.
//! What is locked is summed up from the orders and positions there are; what is free is the rest. Whether something can be paid is
//! found by doing it on a copy.

use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{ExchangeReject, NewOrder, Terms};
use ferrofeed_core::orders::{Liquidity, Offset, OrderStatus, OrderType, Product, Rules, Side};
use std::collections::BTreeMap;

const CENT: i128 = 10_000_000_000;

/// `money × num ÷ den`, up to the next 10⁻⁸.
fn up(money: i128, num: i128, den: i128) -> i128 {
    let unit = den * CENT;
    let mut units = money * num / unit;
    while units * unit < money * num {
        units += 1;
    }
    units * CENT
}

#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) rules: Rules,
    pub(crate) terms: Terms,
    pub(crate) bids: Vec<(i64, i64, i64)>,
    pub(crate) asks: Vec<(i64, i64, i64)>,
}

impl Listed {
    fn worth(&self, price: i64, size: i64) -> i128 {
        let digits = 18 - u32::from(self.rules.price_scale) - u32::from(self.rules.size_scale);
        i128::from(price) * i128::from(size) * 10_i128.pow(digits)
    }

    fn things(&self, size: i64) -> i128 {
        i128::from(size) * 10_i128.pow(18 - u32::from(self.rules.size_scale))
    }

    pub(crate) fn money(&self) -> &str {
        if self.rules.product == Product::Spot { &self.rules.quote } else { &self.rules.settle }
    }

    fn margin(&self, money: i128) -> i128 {
        if self.terms.leverage == 1 { money } else { up(money, 1, self.terms.leverage.into()) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) account: u32,
    pub(crate) new: NewOrder,
    pub(crate) arrival: u64,
    /// Price, size, millionths.
    pub(crate) fills: Vec<(i64, i64, u32)>,
    pub(crate) fee: i128,
    pub(crate) status: OrderStatus,
}

impl Order {
    pub(crate) fn filled(&self) -> i64 {
        self.fills.iter().map(|fill| fill.1).sum()
    }
    pub(crate) fn left(&self) -> i64 {
        self.new.quantity - self.filled()
    }
    fn live(&self) -> bool {
        self.status == OrderStatus::Working
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) quantity: i64,
    pub(crate) cost: i128,
    pub(crate) margin: i128,
}

/// What happened, without balances and positions: orders by their place in [`Oracle::orders`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Accepted(usize),
    Fill { order: usize, trade: u64, price: i64, quantity: i64, liquidity: Liquidity, fee: i128 },
    Cancelled(usize),
    Replaced(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) listed: Vec<Listed>,
    pub(crate) accounts: u32,
    pub(crate) orders: Vec<Order>,
    /// Places of finished orders, in the order they finished.
    pub(crate) finished: Vec<usize>,
    pub(crate) keep: usize,
    /// Everything an account owns, by account and currency.
    pub(crate) owned: BTreeMap<(u32, String), i128>,
    /// By account, instrument, and whether it is the long one.
    pub(crate) legs: BTreeMap<(u32, u32, bool), Leg>,
    pub(crate) fees: BTreeMap<String, i128>,
    pub(crate) outside: BTreeMap<String, i128>,
    pub(crate) happened: Vec<Happened>,
    /// Accounts that a closed position left with less than nothing.
    pub(crate) in_debt: Vec<u32>,
    pub(crate) arrivals: u64,
    pub(crate) trades: u64,
}

fn is_long(side: Side, offset: Offset) -> bool {
    (side == Side::Buy) == (offset == Offset::Open)
}

impl Oracle {
    pub(crate) fn own(&mut self, account: u32, currency: &str, money: i128) {
        *self.owned.entry((account, currency.to_owned())).or_default() += money;
    }

    fn dues(order: &Order, listed: &Listed) -> i128 {
        order.fills.iter().map(|(price, size, ppm)| listed.worth(*price, *size) * i128::from(*ppm)).sum()
    }

    pub(crate) fn cost(&self, order: &Order) -> i128 {
        let listed = &self.listed[order.new.instrument as usize];
        order.fills.iter().map(|(price, size, _)| listed.worth(*price, *size)).sum()
    }

    /// What an order holds, and in which currency.
    pub(crate) fn hold(&self, order: &Order) -> (String, i128) {
        let listed = &self.listed[order.new.instrument as usize];
        let spot = listed.rules.product == Product::Spot;
        if spot && order.new.side == Side::Sell {
            let things = if order.live() { listed.things(order.left()) } else { 0 };
            return (listed.rules.base.to_string(), things);
        }
        let currency = listed.money().to_owned();
        if !order.live()
            || order.new.offset == Offset::Close
            || order.new.order_type == OrderType::Market
            || order.left() == 0
        {
            return (currency, 0);
        }
        let (rest, cost) = (listed.worth(order.new.price, order.left()), self.cost(order));
        let worst = i128::from(listed.terms.maker_ppm.max(listed.terms.taker_ppm));
        let fee = up(Self::dues(order, listed) + rest * worst, 1, 1_000_000) - order.fee;
        (currency, listed.margin(cost + rest) - listed.margin(cost) + fee)
    }

    pub(crate) fn locked(&self, account: u32, currency: &str) -> i128 {
        let orders = self.orders.iter().filter(|order| order.account == account).map(|order| self.hold(order));
        let held: i128 = orders.filter(|(of, _)| of == currency).map(|(_, held)| held).sum();
        let legs = self
            .legs
            .iter()
            .filter(|((of, instrument, _), _)| *of == account && self.listed[*instrument as usize].money() == currency);
        held + legs.map(|(_, leg)| leg.margin).sum::<i128>()
    }

    pub(crate) fn free(&self, account: u32, currency: &str) -> i128 {
        self.owned.get(&(account, currency.to_owned())).copied().unwrap_or(0) - self.locked(account, currency)
    }

    pub(crate) fn leg(&self, account: u32, instrument: u32, long: bool) -> Leg {
        self.legs.get(&(account, instrument, long)).copied().unwrap_or_default()
    }

    /// What live orders would close of a position.
    pub(crate) fn closing(&self, account: u32, instrument: u32, long: bool) -> i64 {
        self.orders
            .iter()
            .filter(|order| order.live() && order.account == account && order.new.instrument == instrument)
            .filter(|order| order.new.offset == Offset::Close && is_long(order.new.side, order.new.offset) == long)
            .map(Order::left)
            .sum()
    }

    fn check(&self, new: &NewOrder) -> Result<(), ExchangeReject> {
        use ExchangeReject as No;
        let Some(Listed { rules, .. }) = self.listed.get(new.instrument as usize) else {
            return Err(No::UnknownInstrument);
        };
        let market = new.order_type == OrderType::Market;
        let offset_fits = match rules.product {
            Product::Spot => new.offset == Offset::Net,
            Product::Contract => new.offset == Offset::Open || new.offset == Offset::Close,
        };
        let worth = i128::from(new.price) * i128::from(new.quantity);
        let wrong = [
            (!offset_fits, No::Offset),
            (market && new.price != 0 || !market && (new.price <= 0 || new.price < rules.min_price), No::Price),
            (new.price % rules.tick != 0, No::Tick),
            (new.quantity <= 0, No::Quantity),
            (new.quantity % rules.lot != 0, No::Lot),
            (new.quantity < rules.min_size || rules.max_size > 0 && new.quantity > rules.max_size, No::Size),
            (!market && new.offset != Offset::Close && worth < rules.min_notional, No::Notional),
        ];
        wrong.iter().find(|(is, _)| *is).map_or(Ok(()), |(_, no)| Err(*no))
    }

    /// Whether an order may be as it is, when it has just been put in or changed.
    fn covered(&self, place: usize) -> Result<(), ExchangeReject> {
        let order = &self.orders[place];
        let (account, instrument) = (order.account, order.new.instrument);
        if order.new.offset == Offset::Close {
            let long = is_long(order.new.side, order.new.offset);
            let promised = self.closing(account, instrument, long);
            return if promised > self.leg(account, instrument, long).quantity {
                Err(ExchangeReject::Position)
            } else {
                Ok(())
            };
        }
        let (currency, _) = self.hold(order);
        if self.free(account, &currency) < 0 { Err(ExchangeReject::Insufficient) } else { Ok(()) }
    }

    pub(crate) fn submit(&mut self, account: u32, new: NewOrder) -> Result<usize, ExchangeReject> {
        self.check(&new)?;
        if account >= self.accounts {
            return Err(ExchangeReject::UnknownAccount);
        }
        let before = self.clone();
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.orders.push(Order { account, new, arrival, fills: Vec::new(), fee: 0, status: OrderStatus::Working });
        let place = self.orders.len() - 1;
        if let Err(no) = self.covered(place) {
            *self = before;
            return Err(no);
        }
        self.happened.push(Happened::Accepted(place));
        self.work(place);
        Ok(place)
    }

    pub(crate) fn live(&self, account: u32, place: usize) -> Result<(), ExchangeReject> {
        let Some(order) = self.orders.get(place).filter(|order| order.account == account) else {
            return Err(ExchangeReject::UnknownOrder);
        };
        let kept = self.finished.iter().rev().take(self.keep).any(|finished| *finished == place);
        match order.status {
            OrderStatus::Working => Ok(()),
            _ if !kept => Err(ExchangeReject::UnknownOrder),
            OrderStatus::Filled => Err(ExchangeReject::Filled),
            _ => Err(ExchangeReject::Cancelled),
        }
    }

    pub(crate) fn cancel(&mut self, account: u32, place: usize) -> Result<(), ExchangeReject> {
        self.live(account, place)?;
        self.finish(place, OrderStatus::Cancelled);
        Ok(())
    }

    pub(crate) fn replace(
        &mut self,
        account: u32,
        place: usize,
        price: i64,
        quantity: i64,
    ) -> Result<(), ExchangeReject> {
        self.live(account, place)?;
        let old = self.orders[place].new;
        if quantity <= self.orders[place].filled() {
            return Err(ExchangeReject::Quantity);
        }
        let new = NewOrder { price, quantity, ..old };
        self.check(&new)?;
        let before = self.clone();
        self.orders[place].new = new;
        if let Err(no) = self.covered(place) {
            *self = before;
            return Err(no);
        }
        self.happened.push(Happened::Replaced(place));
        if price != old.price || quantity > old.quantity {
            self.arrivals += 1;
            self.orders[place].arrival = self.arrivals;
            self.work(place);
        }
        Ok(())
    }

    fn finish(&mut self, place: usize, status: OrderStatus) {
        self.orders[place].status = status;
        self.finished.push(place);
        if status == OrderStatus::Cancelled {
            self.happened.push(Happened::Cancelled(place));
        }
    }

    /// The best of the live book on a side: where it is in the list, its price and whole lots that are left.
    pub(crate) fn shown(&self, instrument: u32, side: Side) -> Option<(usize, i64, i64)> {
        let listed = &self.listed[instrument as usize];
        let levels = if side == Side::Buy { &listed.bids } else { &listed.asks };
        let lots = |left: i64| left / listed.rules.lot * listed.rules.lot;
        let all = levels.iter().enumerate().map(|(at, (price, size, taken))| (at, *price, lots(size - taken)));
        all.into_iter().find(|(_, _, left)| *left > 0)
    }

    /// The resting order of a side that is first in line.
    fn first(&self, instrument: u32, side: Side, but: usize) -> Option<usize> {
        let resting = (0..self.orders.len()).filter(|place| *place != but).filter(|place| {
            let order = &self.orders[*place];
            order.live() && order.new.instrument == instrument && order.new.side == side
        });
        resting.min_by_key(|place| {
            let order = &self.orders[*place];
            (-side.sign() * order.new.price, order.arrival)
        })
    }

    fn take_shown(&mut self, instrument: u32, side: Side, at: usize, much: i64) {
        let listed = &mut self.listed[instrument as usize];
        let levels = if side == Side::Buy { &mut listed.bids } else { &mut listed.asks };
        levels[at].2 += much;
    }

    fn work(&mut self, place: usize) {
        let Order { account, new, .. } = self.orders[place].clone();
        let across = new.side.opposite();
        let crosses = |price: i64| {
            new.order_type == OrderType::Market
                || if new.side == Side::Buy { price <= new.price } else { price >= new.price }
        };
        while self.orders[place].left() > 0 {
            let shown = self.shown(new.instrument, across).filter(|(_, price, _)| crosses(*price));
            let first = self.first(new.instrument, across, place);
            let first = first.filter(|first| crosses(self.orders[*first].new.price));
            let live_book_leads = match (shown, first) {
                (Some((_, price, _)), Some(first)) => {
                    let own = self.orders[first].new.price;
                    if across == Side::Sell { price <= own } else { price >= own }
                }
                (shown, None) => shown.is_some(),
                (None, Some(_)) => false,
            };
            let (price, size, maker) = if live_book_leads {
                let (_, price, size) = shown.unwrap();
                (price, size, None)
            } else if let Some(first) = first {
                (self.orders[first].new.price, self.orders[first].left(), Some(first))
            } else {
                break;
            };
            if maker.is_some_and(|maker| self.orders[maker].account == account) {
                return self.finish(place, OrderStatus::Cancelled);
            }
            let Some(size) = self.payable(place, price, size.min(self.orders[place].left())) else {
                return self.finish(place, OrderStatus::Cancelled);
            };
            self.trades += 1;
            if maker.is_none() {
                self.take_shown(new.instrument, across, shown.unwrap().0, size);
                self.outside(place, price, size);
            }
            self.fill(place, price, size, Liquidity::Taker);
            if let Some(maker) = maker {
                self.fill(maker, price, size, Liquidity::Maker);
            }
        }
        if self.orders[place].live() && new.order_type != OrderType::Limit {
            self.finish(place, OrderStatus::Cancelled);
        }
    }

    /// The most, in lots, that leaves the account no worse than empty.
    fn payable(&self, place: usize, price: i64, most: i64) -> Option<i64> {
        let order = &self.orders[place];
        let listed = &self.listed[order.new.instrument as usize];
        let money = listed.money().to_owned();
        let closes = order.new.offset == Offset::Close;
        if closes || listed.rules.product == Product::Spot && order.new.side == Side::Sell {
            return Some(most);
        }
        let floor = self.free(order.account, &money).min(0);
        (1..=most / listed.rules.lot).rev().map(|lots| lots * listed.rules.lot).find(|size| {
            let mut copy = self.clone();
            copy.fill(place, price, *size, Liquidity::Taker);
            copy.free(order.account, &money) >= floor
        })
    }

    fn outside(&mut self, place: usize, price: i64, size: i64) {
        let new = self.orders[place].new;
        let listed = &self.listed[new.instrument as usize];
        let sign = i128::from(new.side.sign());
        let (money, worth, things) = (listed.money().to_owned(), listed.worth(price, size), listed.things(size));
        let base = (listed.rules.product == Product::Spot).then(|| listed.rules.base.to_string());
        *self.outside.entry(money).or_default() += sign * worth;
        if let Some(base) = base {
            *self.outside.entry(base).or_default() -= sign * things;
        }
    }

    fn fill(&mut self, place: usize, price: i64, size: i64, liquidity: Liquidity) {
        let order = self.orders[place].clone();
        let listed = self.listed[order.new.instrument as usize].clone();
        let ppm = if liquidity == Liquidity::Maker { listed.terms.maker_ppm } else { listed.terms.taker_ppm };
        let (account, money) = (order.account, listed.money().to_owned());
        let (worth, things) = (listed.worth(price, size), listed.things(size));
        let cost_before = self.cost(&order);
        self.orders[place].fills.push((price, size, ppm));
        let mut fee = up(Self::dues(&self.orders[place], &listed), 1, 1_000_000) - order.fee;
        let long = is_long(order.new.side, order.new.offset);
        let base = listed.rules.base.to_string();
        match (order.new.offset, order.new.side) {
            (Offset::Net, Side::Buy) => {
                self.own(account, &base, things);
                self.own(account, &money, -worth);
            }
            (Offset::Net, Side::Sell) => {
                fee = fee.min(worth);
                self.own(account, &base, -things);
                self.own(account, &money, worth);
            }
            (Offset::Open, _) => {
                let margin = listed.margin(cost_before + worth) - listed.margin(cost_before);
                let leg = self.legs.entry((account, order.new.instrument, long)).or_default();
                leg.quantity += size;
                leg.cost += worth;
                leg.margin += margin;
            }
            (Offset::Close, _) => {
                let leg = self.legs.entry((account, order.new.instrument, long)).or_default();
                let of = |whole: i128| {
                    if size == leg.quantity {
                        whole
                    } else {
                        whole * i128::from(size) / i128::from(leg.quantity) / CENT * CENT
                    }
                };
                let (cost, margin) = (of(leg.cost), of(leg.margin));
                leg.quantity -= size;
                leg.cost -= cost;
                leg.margin -= margin;
                self.own(account, &money, if long { worth - cost } else { cost - worth });
            }
        }
        self.own(account, &money, -fee);
        *self.fees.entry(money.clone()).or_default() += fee;
        self.orders[place].fee += fee;
        let trade = self.trades;
        self.happened.push(Happened::Fill { order: place, trade, price, quantity: size, liquidity, fee });
        if self.orders[place].left() == 0 {
            self.finish(place, OrderStatus::Filled);
        }
        if order.new.offset == Offset::Close && self.free(account, &money) < 0 {
            self.in_debt.push(account);
        }
    }

    pub(crate) fn market(&mut self, instrument: u32, bids: &[Level], asks: &[Level]) -> Result<(), ExchangeReject> {
        let Some(listed) = self.listed.get_mut(instrument as usize) else {
            return Err(ExchangeReject::UnknownInstrument);
        };
        let falling = bids.iter().zip(bids.iter().skip(1)).all(|(a, b)| a.price > b.price);
        let rising = asks.iter().zip(asks.iter().skip(1)).all(|(a, b)| a.price < b.price);
        let sound = bids.iter().chain(asks).all(|level| level.price > 0 && level.size >= 0);
        let apart = bids.iter().all(|bid| asks.iter().all(|ask| bid.price < ask.price));
        if !(falling && rising && sound && apart) {
            return Err(ExchangeReject::Book);
        }
        for (side, levels) in [(&mut listed.bids, bids), (&mut listed.asks, asks)] {
            let old = std::mem::take(side);
            for level in levels {
                let same = old.iter().find(|(price, size, _)| *price == level.price && *size == level.size);
                side.push((level.price, level.size, same.map_or(0, |same| same.2)));
            }
        }
        for side in [Side::Buy, Side::Sell] {
            while let Some(first) = self.first(instrument, side, usize::MAX) {
                let Some((at, level, left)) = self.shown(instrument, side.opposite()) else { break };
                let price = self.orders[first].new.price;
                if if side == Side::Buy { level > price } else { level < price } {
                    break;
                }
                let size = left.min(self.orders[first].left());
                self.trades += 1;
                self.take_shown(instrument, side.opposite(), at, size);
                self.outside(first, price, size);
                self.fill(first, price, size, Liquidity::Maker);
            }
        }
        Ok(())
    }
}
