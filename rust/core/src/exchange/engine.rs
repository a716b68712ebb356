//! The engine: what is asked is checked whole, then done whole, or refused with nothing changed.

use super::account::{Account, Balance, Legs, amount, fee, notional, part};
use super::ladder::{Display, Ladder, NONE};
use super::order::{Event, ExchangeReject, Fill, NewOrder, Order, OrderNo};
use crate::clock::Nanos;
use crate::event::Level;
use crate::orders::{Liquidity, Offset, OrderStatus, OrderType, Product, Rules, Side};
use std::collections::VecDeque;

type Done = Result<(), ExchangeReject>;

/// What an instrument costs, and how much of a contract's worth must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Fee of the order that was there first, millionths of the money.
    pub maker_ppm: u32,
    /// Fee of the order that took.
    pub taker_ppm: u32,
    /// Worth of a contract's position over its margin; 1 for spot.
    pub leverage: u32,
}

#[derive(Debug)]
struct Instrument {
    rules: Rules,
    terms: Terms,
    base: u32,
    /// The currency that is paid: quote of spot, settlement of contracts.
    money: u32,
    bids: Ladder,
    asks: Ladder,
    shown_bids: Display,
    shown_asks: Display,
}

impl Instrument {
    const fn ladder(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    const fn shown(&mut self, side: Side) -> &mut Display {
        match side {
            Side::Buy => &mut self.shown_bids,
            Side::Sell => &mut self.shown_asks,
        }
    }
}

#[derive(Debug)]
struct Slot {
    order: Order,
    next: u32,
    before: u32,
}

/// The exchange. See the module's text.
#[derive(Debug)]
pub struct Exchange {
    instruments: Vec<Instrument>,
    currencies: Vec<Box<str>>,
    accounts: Vec<Account>,
    /// Fees earned, by currency.
    fees: Vec<i128>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Finished orders, oldest first.
    history: VecDeque<Order>,
    /// Fills, oldest first.
    fills: VecDeque<Fill>,
    keep: usize,
    orders: u64,
    trades: u64,
    events: Vec<Event>,
}

/// What an incoming order still wants.
#[derive(Clone, Copy)]
struct Taker {
    at: u32,
    account: u32,
    instrument: u32,
    side: Side,
    /// `None`: at any price.
    limit: Option<i64>,
}

impl Exchange {
    /// An empty exchange that keeps the last `keep` finished orders.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            instruments: Vec::new(),
            currencies: Vec::new(),
            accounts: Vec::new(),
            fees: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            history: VecDeque::new(),
            fills: VecDeque::new(),
            keep,
            orders: 0,
            trades: 0,
            events: Vec::new(),
        }
    }

    /// Adds an instrument; gives its number.
    pub fn add_instrument(&mut self, rules: Rules, terms: Terms) -> u32 {
        let base = self.currency(&rules.base);
        let money = match rules.product {
            Product::Spot => self.currency(&rules.quote),
            Product::Contract => self.currency(&rules.settle),
        };
        self.instruments.push(Instrument {
            rules,
            terms: Terms { leverage: terms.leverage.max(1), ..terms },
            base,
            money,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            shown_bids: Display::default(),
            shown_asks: Display::default(),
        });
        for account in &mut self.accounts {
            account.positions.push(Legs::default());
        }
        u32::try_from(self.instruments.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Adds an account; gives its number.
    pub fn add_account(&mut self, name: &str) -> u32 {
        self.accounts.push(Account {
            name: name.into(),
            balances: vec![Balance::default(); self.currencies.len()],
            positions: vec![Legs::default(); self.instruments.len()],
        });
        u32::try_from(self.accounts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// A currency's number.
    pub fn currency(&mut self, name: &str) -> u32 {
        if let Some(at) = self.currencies.iter().position(|known| **known == *name) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.currencies.push(name.into());
        self.fees.push(0);
        for account in &mut self.accounts {
            account.balances.push(Balance::default());
        }
        u32::try_from(self.currencies.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Puts money into an account (or takes it out, where it is below zero).
    ///
    /// # Errors
    /// No such account, or too much.
    pub fn deposit(&mut self, account: u32, currency: &str, money: i128) -> Done {
        let currency = self.currency(currency);
        let balance = self.account_mut(account)?.balance(currency).ok_or(ExchangeReject::UnknownAccount)?;
        balance.free = balance.free.checked_add(money).ok_or(ExchangeReject::Overflow)?;
        self.events.push(Event::Balance { account, currency });
        Ok(())
    }

    /// Takes a new order in, trades what can be traded, and lets the rest of a limit order rest; gives its number.
    ///
    /// # Errors
    /// [`ExchangeReject`]: nothing was changed.
    pub fn submit(&mut self, now: Nanos, account: u32, new: NewOrder) -> Result<OrderNo, ExchangeReject> {
        let instrument = self.instrument(new.instrument)?;
        check(&instrument.rules, &new)?;
        let held = need(instrument, &new, new.price, new.quantity)?;
        self.hold(account, &new, held, new.quantity)?;
        self.orders = self.orders.saturating_add(1);
        let at = self.slot();
        let number = (self.orders << 32) | u64::from(at);
        let order = Order {
            number,
            account,
            terms: new,
            filled: 0,
            cost: 0,
            fee: 0,
            locked: held,
            status: OrderStatus::Working,
            created: now,
            updated: now,
        };
        if let Some(slot) = self.slots.get_mut(index(at)) {
            *slot = Slot { order, next: NONE, before: NONE };
        }
        self.events.push(Event::Accepted { account, order: number });
        self.work(now, at);
        Ok(number)
    }

    /// Trades an order against what is there, then rests or ends it.
    fn work(&mut self, now: Nanos, at: u32) {
        let Some(order) = self.at(at).map(|slot| slot.order) else { return };
        let limit = (order.terms.order_type != OrderType::Market).then_some(order.terms.price);
        let taker =
            Taker { at, account: order.account, instrument: order.terms.instrument, side: order.terms.side, limit };
        let own = self.take(now, taker);
        let Some(order) = self.at(at).map(|slot| slot.order) else { return };
        if order.remaining() == 0 {
            return;
        }
        if own || order.terms.order_type != OrderType::Limit {
            self.end(now, at, OrderStatus::Cancelled);
        } else {
            self.rest(at);
        }
    }

    /// Trades until nothing is left of it or nothing crosses it; says whether an own resting order stopped it.
    fn take(&mut self, now: Nanos, taker: Taker) -> bool {
        loop {
            let Some(left) = self.at(taker.at).map(|slot| slot.order.remaining()) else { return false };
            let Some(book) = self.instruments.get_mut(index(taker.instrument)) else { return false };
            if left == 0 {
                return false;
            }
            let across = taker.side.opposite();
            let crosses = |price: i64| match (taker.limit, taker.side) {
                (None, _) => true,
                (Some(limit), Side::Buy) => price <= limit,
                (Some(limit), Side::Sell) => price >= limit,
            };
            let shown = book.shown(across).best().filter(|(price, _)| crosses(*price));
            let ladder = book.ladder(across);
            let resting = ladder.best().filter(|queue| crosses(queue.price));
            let (price, maker) = match (shown, resting) {
                // at one price the live book was there before us
                (Some((price, size)), Some(queue)) if !ladder.better(queue.price, price) => (price, Err(size)),
                (_, Some(queue)) => (queue.price, Ok(queue.head)),
                (Some((price, size)), None) => (price, Err(size)),
                (None, None) => return false,
            };
            let (size, maker) = match maker {
                Err(size) => (left.min(size), None),
                Ok(head) => {
                    let Some(order) = self.at(head).map(|slot| slot.order) else { return false };
                    if order.account == taker.account {
                        return true;
                    }
                    (left.min(order.remaining()), Some(head))
                }
            };
            let size = self.affordable(taker, price, size);
            if size == 0 {
                return true;
            }
            self.trades = self.trades.saturating_add(1);
            self.settle(now, taker.at, price, size, Liquidity::Taker);
            match maker {
                Some(head) => self.settle(now, head, price, size, Liquidity::Maker),
                None => {
                    if let Some(book) = self.instruments.get_mut(index(taker.instrument)) {
                        book.shown(across).take(price, size);
                    }
                }
            }
        }
    }

    /// How much of a size an order can pay for: a limit order paid when it came, a market order pays as it goes.
    fn affordable(&self, taker: Taker, price: i64, size: i64) -> i64 {
        let (Some(slot), Ok(instrument)) = (self.at(taker.at), self.instrument(taker.instrument)) else { return 0 };
        let terms = &slot.order.terms;
        let paid = match (instrument.rules.product, terms.side, terms.offset) {
            (Product::Spot, Side::Sell, _) | (Product::Contract, _, Offset::Close) => true,
            _ => terms.order_type != OrderType::Market,
        };
        if paid {
            return size;
        }
        let free = self.accounts.get(index(taker.account)).map_or(0, |account| account.free(instrument.money));
        let costs = |size: i64| {
            let money = notional(&instrument.rules, price, size)?;
            part(money, instrument.terms.leverage).checked_add(fee(money, instrument.terms.taker_ppm)?)
        };
        let lot = instrument.rules.lot.max(1);
        // the most lots that free money pays for: costs only grow with the size
        let (mut fits, mut fails) = (0_i64, size.checked_div(lot).unwrap_or(0).saturating_add(1));
        if costs(size).is_some_and(|money| money <= free) {
            return size;
        }
        while fails.saturating_sub(fits) > 1 {
            let middle = fits.saturating_add(fails).div_euclid(2);
            if costs(middle.saturating_mul(lot)).is_some_and(|money| money <= free) {
                fits = middle;
            } else {
                fails = middle;
            }
        }
        fits.saturating_mul(lot).min(size)
    }

    /// Books one side of a trade: money, position, the order; an order that is filled leaves.
    fn settle(&mut self, now: Nanos, at: u32, price: i64, size: i64, liquidity: Liquidity) {
        let trade = self.trades;
        let Some(slot) = self.slots.get_mut(index(at)) else { return };
        let order = &mut slot.order;
        let Some(instrument) = self.instruments.get(index(order.terms.instrument)) else { return };
        let Some(account) = self.accounts.get_mut(index(order.account)) else { return };
        let rules = &instrument.rules;
        let ppm = if liquidity == Liquidity::Maker { instrument.terms.maker_ppm } else { instrument.terms.taker_ppm };
        let money = notional(rules, price, size).unwrap_or(i128::MAX);
        let mut charged = fee(money, ppm).unwrap_or(i128::MAX);
        order.filled = order.filled.saturating_add(size);
        let before = order.locked;
        let wanted = need(instrument, &order.terms, order.terms.price, order.remaining()).unwrap_or(before);
        match rules.product {
            Product::Spot => {
                let things = amount(rules, size).unwrap_or(i128::MAX);
                if order.terms.side == Side::Buy {
                    if order.terms.order_type != OrderType::Market {
                        // held for the worst case: what rounding of several fills adds is not charged
                        charged = charged.min(before.saturating_sub(money).max(0));
                    }
                    let spent = money.saturating_add(charged);
                    order.locked = pay(account, instrument.money, before, wanted, spent);
                    earn(account, instrument.base, things);
                } else {
                    order.locked = pay(account, instrument.base, before, wanted, things);
                    charged = charged.min(money);
                    earn(account, instrument.money, money.saturating_sub(charged));
                }
                self.events.push(Event::Balance { account: order.account, currency: instrument.base });
            }
            Product::Contract => {
                let opens = order.terms.offset == Offset::Open;
                let Some(leg) =
                    account.legs(order.terms.instrument).map(|legs| legs.of(order.terms.side, order.terms.offset))
                else {
                    return;
                };
                if opens {
                    let margin = part(money, instrument.terms.leverage);
                    leg.open(size, money, margin);
                    if order.terms.order_type != OrderType::Market {
                        charged = charged.min(before.saturating_sub(margin).max(0));
                    }
                    // the margin stays locked; the fee goes
                    order.locked = pay(account, instrument.money, before, wanted, margin.saturating_add(charged));
                    lock(account, instrument.money, margin);
                } else {
                    leg.closing = leg.closing.saturating_sub(size);
                    let (cost, margin) = leg.close(size);
                    let profit = match order.terms.side {
                        Side::Sell => money.saturating_sub(cost),
                        Side::Buy => cost.saturating_sub(money),
                    };
                    lock(account, instrument.money, margin.saturating_neg());
                    earn(account, instrument.money, margin.saturating_add(profit).saturating_sub(charged));
                }
                self.events.push(Event::Position { account: order.account, instrument: order.terms.instrument });
            }
        }
        order.cost = order.cost.saturating_add(money);
        order.fee = order.fee.saturating_add(charged);
        order.updated = now;
        if let Some(earned) = self.fees.get_mut(index(instrument.money)) {
            *earned = earned.saturating_add(charged);
        }
        let fill = Fill {
            trade,
            order: order.number,
            account: order.account,
            instrument: order.terms.instrument,
            side: order.terms.side,
            offset: order.terms.offset,
            price,
            quantity: size,
            liquidity,
            fee: charged,
            time: now,
        };
        let (account, number, filled) = (order.account, order.number, order.remaining() == 0);
        let currency = instrument.money;
        self.events.push(Event::Balance { account, currency });
        let instrument = fill.instrument;
        self.events.push(Event::Fill {
            account,
            order: number,
            instrument,
            trade,
            price,
            quantity: size,
            liquidity,
            fee: charged,
        });
        if self.fills.len() >= self.keep.max(1) {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
        if filled {
            if liquidity == Liquidity::Maker {
                self.unlink(at);
            }
            self.end(now, at, OrderStatus::Filled);
        }
    }

    /// Ends an order: what is held for it is free again.
    fn end(&mut self, now: Nanos, at: u32, status: OrderStatus) {
        let Some(slot) = self.slots.get_mut(index(at)) else { return };
        let order = &mut slot.order;
        order.status = status;
        order.updated = now;
        let (held, left) = (std::mem::take(&mut order.locked), order.remaining());
        let order = *order;
        if status == OrderStatus::Cancelled {
            self.release(&order, held, left);
            self.events.push(Event::Cancelled { account: order.account, order: order.number });
        } else if held != 0 {
            self.release(&order, held, 0);
        }
        if let Some(slot) = self.slots.get_mut(index(at)) {
            slot.order.number = 0;
        }
        self.free.push(at);
        if self.history.len() >= self.keep {
            self.history.pop_front();
        }
        self.history.push_back(order);
    }

    /// Holds what an order needs.
    fn hold(&mut self, number: u32, new: &NewOrder, held: i128, closing: i64) -> Done {
        let instrument = self.instruments.get(index(new.instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        let account = self.accounts.get_mut(index(number)).ok_or(ExchangeReject::UnknownAccount)?;
        if instrument.rules.product == Product::Contract && new.offset == Offset::Close {
            let legs = account.legs(new.instrument).ok_or(ExchangeReject::UnknownInstrument)?;
            let leg = legs.of(new.side, new.offset);
            if leg.available() < closing {
                return Err(ExchangeReject::Position);
            }
            leg.closing = leg.closing.saturating_add(closing);
            self.events.push(Event::Position { account: number, instrument: new.instrument });
            return Ok(());
        }
        let currency = currency_of(instrument, new);
        if account.free(currency) < held {
            return Err(ExchangeReject::Insufficient);
        }
        if held != 0 {
            earn(account, currency, held.saturating_neg());
            lock(account, currency, held);
            self.events.push(Event::Balance { account: number, currency });
        }
        Ok(())
    }

    /// The opposite of [`Exchange::hold`].
    fn release(&mut self, order: &Order, held: i128, closing: i64) {
        let new = &order.terms;
        let Some(instrument) = self.instruments.get(index(new.instrument)) else { return };
        let Some(account) = self.accounts.get_mut(index(order.account)) else { return };
        if instrument.rules.product == Product::Contract && new.offset == Offset::Close {
            if let Some(legs) = account.legs(new.instrument) {
                let leg = legs.of(new.side, new.offset);
                leg.closing = leg.closing.saturating_sub(closing);
            }
            self.events.push(Event::Position { account: order.account, instrument: new.instrument });
        } else if held != 0 {
            let currency = currency_of(instrument, new);
            lock(account, currency, held.saturating_neg());
            earn(account, currency, held);
            self.events.push(Event::Balance { account: order.account, currency });
        }
    }

    fn rest(&mut self, at: u32) {
        let Some(terms) = self.at(at).map(|slot| slot.order.terms) else { return };
        let Some(book) = self.instruments.get_mut(index(terms.instrument)) else { return };
        let Some(queue) = book.ladder(terms.side).queue(terms.price) else { return };
        let tail = std::mem::replace(&mut queue.tail, at);
        if queue.head == NONE {
            queue.head = at;
        }
        if let Some(slot) = self.slots.get_mut(index(tail)) {
            slot.next = at;
        }
        if let Some(slot) = self.slots.get_mut(index(at)) {
            (slot.before, slot.next) = (tail, NONE);
        }
    }

    /// Takes an order out of its queue, if it is in one.
    fn unlink(&mut self, at: u32) {
        let Some(slot) = self.at(at) else { return };
        let (terms, next, before) = (slot.order.terms, slot.next, slot.before);
        let Some(book) = self.instruments.get_mut(index(terms.instrument)) else { return };
        let ladder = book.ladder(terms.side);
        let Some(queue) = ladder.queue(terms.price) else { return };
        let first = queue.head == at;
        if first {
            queue.head = next;
        }
        if queue.tail == at {
            queue.tail = before;
        }
        let empty = queue.head == NONE;
        if empty {
            ladder.tidy(terms.price);
        }
        if let Some(slot) = self.slots.get_mut(index(before)) {
            slot.next = next;
        }
        if let Some(slot) = self.slots.get_mut(index(next)) {
            slot.before = before;
        }
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// [`ExchangeReject`]: it is over, or not there.
    pub fn cancel(&mut self, now: Nanos, account: u32, number: OrderNo) -> Done {
        let at = self.find(account, number)?;
        self.unlink(at);
        self.end(now, at, OrderStatus::Cancelled);
        Ok(())
    }

    /// Gives an order a new price and a new whole quantity. It keeps its place only if the price stays and the quantity does not
    /// grow; else it comes anew, and may trade at once.
    ///
    /// # Errors
    /// [`ExchangeReject`]: nothing was changed.
    pub fn replace(&mut self, now: Nanos, account: u32, number: OrderNo, price: i64, quantity: i64) -> Done {
        let at = self.find(account, number)?;
        let order = self.at(at).map(|slot| slot.order).ok_or(ExchangeReject::UnknownOrder)?;
        if quantity <= order.filled {
            return Err(ExchangeReject::Quantity);
        }
        let new = NewOrder { price, quantity, ..order.terms };
        let instrument = self.instrument(new.instrument)?;
        check(&instrument.rules, &new)?;
        let left = quantity.saturating_sub(order.filled);
        let held = need(instrument, &new, price, left)?;
        // what was held makes room for what will be
        self.release(&order, order.locked, order.remaining());
        if let Err(reject) = self.hold(account, &new, held, left) {
            let again = self.hold(account, &order.terms, order.locked, order.remaining());
            debug_assert!(again.is_ok(), "what was held a moment ago can be held again");
            return Err(reject);
        }
        let keeps = price == order.terms.price && quantity <= order.terms.quantity;
        if !keeps {
            self.unlink(at);
        }
        if let Some(slot) = self.slots.get_mut(index(at)) {
            slot.order.terms = new;
            slot.order.locked = held;
            slot.order.updated = now;
            if !keeps {
                (slot.next, slot.before) = (NONE, NONE);
            }
        }
        self.events.push(Event::Replaced { account, order: number });
        if !keeps {
            self.work(now, at);
        }
        Ok(())
    }

    /// Takes a new picture of the live book, best levels first: resting orders that it crosses are filled, at their own price, in
    /// their order, up to what it displays.
    ///
    /// # Errors
    /// No such instrument.
    pub fn market(&mut self, now: Nanos, instrument: u32, bids: &[Level], asks: &[Level]) -> Done {
        let book = self.instruments.get_mut(index(instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        book.shown_bids.set(bids);
        book.shown_asks.set(asks);
        for side in [Side::Buy, Side::Sell] {
            while let Some((head, resting, price, size)) = self.crossed(instrument, side) {
                let Some(left) = self.at(head).map(|slot| slot.order.remaining()) else { return Ok(()) };
                let size = size.min(left);
                self.trades = self.trades.saturating_add(1);
                if let Some(book) = self.instruments.get_mut(index(instrument)) {
                    book.shown(side.opposite()).take(price, size);
                }
                self.settle(now, head, resting, size, Liquidity::Maker);
            }
        }
        Ok(())
    }

    /// The best resting order of a side that the other side of the live book crosses: slot, its price, the level's price and size.
    fn crossed(&mut self, instrument: u32, side: Side) -> Option<(u32, i64, i64, i64)> {
        let book = self.instruments.get_mut(index(instrument))?;
        let queue = book.ladder(side).best()?;
        let (level, left) = book.shown(side.opposite()).best()?;
        let crosses = match side {
            Side::Buy => queue.price >= level,
            Side::Sell => queue.price <= level,
        };
        crosses.then_some((queue.head, queue.price, level, left))
    }

    /// Cancels every live order of every account.
    pub fn cancel_all(&mut self, now: Nanos) {
        for order in self.live() {
            let _ = self.cancel(now, order.account, order.number);
        }
    }

    /// Forgets every order, live or finished: what was held is free again, positions and balances stay.
    pub fn forget(&mut self, now: Nanos) {
        self.cancel_all(now);
        self.history.clear();
        self.fills.clear();
        self.events.clear();
    }

    /// Takes what happened since the last call, in order.
    pub fn take_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    /// An order, live or finished, while it is kept.
    #[must_use]
    pub fn order(&self, number: OrderNo) -> Option<&Order> {
        let at = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        match self.at(at) {
            Some(slot) if slot.order.number == number => Some(&slot.order),
            _ => self.history.iter().rev().find(|order| order.number == number),
        }
    }

    /// The live orders, oldest first.
    #[must_use]
    pub fn live(&self) -> Vec<Order> {
        let mut live: Vec<Order> = self.slots.iter().map(|slot| slot.order).filter(|order| order.number != 0).collect();
        live.sort_unstable_by_key(|order| order.number);
        live
    }

    /// The finished orders that are kept, oldest first.
    pub fn finished(&self) -> impl Iterator<Item = &Order> {
        self.history.iter()
    }

    /// The fills that are kept (as many as finished orders), oldest first.
    #[must_use]
    pub fn fills(&self) -> impl DoubleEndedIterator<Item = &Fill> {
        self.fills.iter()
    }

    /// A resting side, best first: price and quantity of each price.
    #[must_use]
    pub fn resting(&self, instrument: u32, side: Side) -> Vec<(i64, i64)> {
        let Ok(book) = self.instrument(instrument) else { return Vec::new() };
        let ladder = match side {
            Side::Buy => &book.bids,
            Side::Sell => &book.asks,
        };
        let sum = |head: u32| {
            let mut at = head;
            let mut sum = 0_i64;
            while let Some(slot) = self.at(at) {
                sum = sum.saturating_add(slot.order.remaining());
                at = slot.next;
            }
            sum
        };
        ladder.queues().rev().map(|queue| (queue.price, sum(queue.head))).collect()
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

    /// Fees earned, by currency.
    #[must_use]
    pub fn fees(&self) -> &[i128] {
        &self.fees
    }

    fn instrument(&self, instrument: u32) -> Result<&Instrument, ExchangeReject> {
        self.instruments.get(index(instrument)).ok_or(ExchangeReject::UnknownInstrument)
    }

    fn account_mut(&mut self, account: u32) -> Result<&mut Account, ExchangeReject> {
        self.accounts.get_mut(index(account)).ok_or(ExchangeReject::UnknownAccount)
    }

    fn at(&self, at: u32) -> Option<&Slot> {
        self.slots.get(index(at))
    }

    /// The slot of an account's live order.
    fn find(&self, account: u32, number: OrderNo) -> Result<u32, ExchangeReject> {
        let order = self.order(number).filter(|order| order.account == account);
        let order = order.ok_or(ExchangeReject::UnknownOrder)?;
        match order.status {
            OrderStatus::Filled => Err(ExchangeReject::Filled),
            OrderStatus::Cancelled => Err(ExchangeReject::Cancelled),
            _ => u32::try_from(number & u64::from(u32::MAX)).map_err(|_| ExchangeReject::UnknownOrder),
        }
    }

    /// A free slot.
    fn slot(&mut self) -> u32 {
        if let Some(at) = self.free.pop() {
            return at;
        }
        let order = Order {
            number: 0,
            account: 0,
            terms: NewOrder {
                instrument: 0,
                side: Side::Buy,
                order_type: OrderType::Limit,
                offset: Offset::Net,
                price: 0,
                quantity: 0,
                client: 0,
            },
            filled: 0,
            cost: 0,
            fee: 0,
            locked: 0,
            status: OrderStatus::Cancelled,
            created: 0,
            updated: 0,
        };
        self.slots.push(Slot { order, next: NONE, before: NONE });
        u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(NONE)
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What the rules say of an order.
fn check(rules: &Rules, new: &NewOrder) -> Done {
    let multiple = |value: i64, of: i64| of <= 0 || value.checked_rem(of) == Some(0);
    let offset = match rules.product {
        Product::Spot => new.offset == Offset::Net,
        Product::Contract => new.offset != Offset::Net,
    };
    if !offset {
        return Err(ExchangeReject::Offset);
    }
    if (new.order_type == OrderType::Market) != (new.price == 0)
        || new.price < 0
        || new.price < rules.min_price && new.price != 0
    {
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
    if new.order_type != OrderType::Market && new.offset != Offset::Close && worth < rules.min_notional {
        return Err(ExchangeReject::Notional);
    }
    Ok(())
}

/// What must be held for an order's rest: of a limit order the worst case, of a market order nothing where it pays as it goes.
fn need(instrument: &Instrument, new: &NewOrder, price: i64, left: i64) -> Result<i128, ExchangeReject> {
    let rules = &instrument.rules;
    let overflow = ExchangeReject::Overflow;
    if rules.product == Product::Contract && new.offset == Offset::Close {
        return Ok(0);
    }
    if rules.product == Product::Spot && new.side == Side::Sell {
        return amount(rules, left).ok_or(overflow);
    }
    if new.order_type == OrderType::Market {
        return Ok(0);
    }
    let money = notional(rules, price, left).ok_or(overflow)?;
    let worst = instrument.terms.maker_ppm.max(instrument.terms.taker_ppm);
    let fee = fee(money, worst).ok_or(overflow)?;
    part(money, instrument.terms.leverage).checked_add(fee).ok_or(overflow)
}

/// The currency that an order holds.
fn currency_of(instrument: &Instrument, new: &NewOrder) -> u32 {
    match (instrument.rules.product, new.side) {
        (Product::Spot, Side::Sell) => instrument.base,
        _ => instrument.money,
    }
}

/// Pays out of what was held, the rest out of what is free; what need not be held any more is free again. Gives what is still
/// held.
fn pay(account: &mut Account, currency: u32, held: i128, wanted: i128, spent: i128) -> i128 {
    let from_held = spent.min(held);
    let still = wanted.min(held.saturating_sub(from_held)).max(0);
    let freed = held.saturating_sub(from_held).saturating_sub(still);
    let from_free = spent.saturating_sub(from_held);
    lock(account, currency, still.saturating_sub(held));
    earn(account, currency, freed.saturating_sub(from_free));
    still
}

fn earn(account: &mut Account, currency: u32, money: i128) {
    if let Some(balance) = account.balance(currency) {
        balance.free = balance.free.saturating_add(money);
    }
}

fn lock(account: &mut Account, currency: u32, money: i128) {
    if let Some(balance) = account.balance(currency) {
        balance.locked = balance.locked.saturating_add(money);
    }
}
