//! Trades: who meets whom at what price, and what it does to both.

use super::engine::Exchange;
use super::money::{affordable, amount, charge, need, notional};
use super::order::{Event, Fill};
use super::slab::{NONE, index};
use crate::clock::Nanos;
use crate::orders::{Liquidity, Offset, OrderStatus, OrderType, Side};

/// One fill of one order.
#[derive(Clone, Copy)]
struct Trade {
    at: u32,
    price: i64,
    size: i64,
    liquidity: Liquidity,
}

/// Whom an incoming order meets.
enum Meets {
    /// An order in this slot, or (`NONE`) the live book: at this price, for so much.
    Someone(u32, i64, i64),
    /// Nobody.
    Nobody,
    /// Itself, or a price that can't be paid: what is left of it goes.
    Wall,
}

impl Exchange {
    /// Trades an order against what is there, then rests or ends it.
    pub(super) fn work(&mut self, now: Nanos, at: u32) {
        let stopped = loop {
            match self.meets(at) {
                Meets::Nobody => break false,
                Meets::Wall => break true,
                Meets::Someone(maker, price, size) => {
                    self.trades = self.trades.saturating_add(1);
                    let taker = Trade { at, price, size, liquidity: Liquidity::Taker };
                    if maker == NONE {
                        self.meet_outside(taker);
                    }
                    self.settle(now, taker);
                    if maker != NONE {
                        self.settle(now, Trade { at: maker, liquidity: Liquidity::Maker, ..taker });
                    }
                }
            }
        };
        let Some(order) = self.slab.get(at).map(|slot| &slot.order) else { return };
        if order.status != OrderStatus::Working {
            return;
        }
        if stopped || order.terms.order_type != OrderType::Limit {
            return self.end(now, at, OrderStatus::Cancelled);
        }
        let (terms, slab) = (order.terms, &mut self.slab);
        if let Some(book) = self.instruments.get_mut(index(terms.instrument)) {
            book.ladder_mut(terms.side).push(slab, at, terms.price);
        }
    }

    /// The next one that an incoming order trades with.
    fn meets(&self, at: u32) -> Meets {
        let Some(order) = self.slab.get(at).map(|slot| &slot.order) else { return Meets::Nobody };
        let (terms, left) = (&order.terms, order.remaining());
        let Some(book) = self.instruments.get(index(terms.instrument)) else { return Meets::Nobody };
        if left == 0 {
            return Meets::Nobody;
        }
        let (market, across) = (terms.order_type == OrderType::Market, terms.side.opposite());
        let crosses = |price: i64| market || !terms.side.better(price, terms.price);
        let shown = book.shown(across).best().filter(|(price, _)| crosses(*price));
        let resting = book.ladder(across).best().filter(|queue| crosses(queue.price));
        let (maker, price, size) = match (shown, resting) {
            // at one price the live book was there before us
            (Some((price, size)), Some(queue)) if !across.better(queue.price, price) => (NONE, price, size),
            (_, Some(queue)) => {
                let Some(other) = self.slab.get(queue.head).map(|slot| &slot.order) else { return Meets::Nobody };
                if other.account == order.account {
                    return Meets::Wall;
                }
                (queue.head, queue.price, other.remaining())
            }
            (Some((price, size)), None) => (NONE, price, size),
            (None, None) => return Meets::Nobody,
        };
        let size = size.min(left);
        // what a purchase at its price or below takes was held when it came
        if !market && (terms.side == Side::Buy || price == terms.price) {
            return Meets::Someone(maker, price, size);
        }
        let free = self.accounts.get(index(order.account)).map_or(0, |account| account.free(book.money)).max(0);
        match affordable(book, order, free, price, size) {
            0 => Meets::Wall,
            size => Meets::Someone(maker, price, size),
        }
    }

    /// Fills the resting orders of a side that the other side of the live book crosses.
    pub(super) fn cross(&mut self, now: Nanos, instrument: u32, side: Side) {
        loop {
            let Some(book) = self.instruments.get(index(instrument)) else { return };
            let Some(queue) = book.ladder(side).best() else { return };
            let Some((level, shown)) = book.shown(side.opposite()).best() else { return };
            let Some(slot) = self.slab.get(queue.head).filter(|_| !side.better(level, queue.price)) else { return };
            let least = shown.min(slot.order.remaining());
            let trade = Trade { at: queue.head, price: queue.price, size: least, liquidity: Liquidity::Maker };
            self.trades = self.trades.saturating_add(1);
            self.meet_outside(trade);
            self.settle(now, trade);
        }
    }

    /// Takes the other side of a trade from the live book.
    fn meet_outside(&mut self, trade: Trade) {
        let Some(terms) = self.slab.get(trade.at).map(|slot| &slot.order.terms) else { return };
        let Some(book) = self.instruments.get_mut(index(terms.instrument)) else { return };
        book.shown_mut(terms.side.opposite()).take(trade.size);
        let sign = i128::from(terms.side.sign());
        let mut add = |currency: u32, money: i128| {
            if let Some(outside) = self.outside.get_mut(index(currency)) {
                *outside = outside.saturating_add(money.saturating_mul(sign));
            }
        };
        add(book.money, notional(&book.rules, trade.price, trade.size).unwrap_or(0));
        if terms.offset == Offset::Net {
            add(book.base, amount(&book.rules, trade.size).unwrap_or(0).saturating_neg());
        }
    }

    /// Books one side of a trade: money, position, the order; an order that is filled leaves.
    fn settle(&mut self, now: Nanos, Trade { at, price, size, liquidity }: Trade) {
        let Some(slot) = self.slab.get_mut(at) else { return };
        let order = &mut slot.order;
        let terms = order.terms;
        let Some(book) = self.instruments.get(index(terms.instrument)) else { return };
        let Some(account) = self.accounts.get_mut(index(order.account)) else { return };
        let owner = order.account;
        let money = notional(&book.rules, price, size).unwrap_or(0);
        let ppm = book.ppm(liquidity == Liquidity::Maker);
        let (principal, mut charged) = charge(book, order, money, ppm);
        if terms.offset == Offset::Net && terms.side == Side::Sell {
            // a fee is no more than what it is taken from
            charged = charged.min(money);
        }
        order.filled = order.filled.saturating_add(size);
        order.cost = order.cost.saturating_add(money);
        order.dues = order.dues.saturating_add(money.saturating_mul(ppm.into()));
        order.fee = order.fee.saturating_add(charged);
        order.updated = now;
        let held = order.locked;
        let wanted = need(book, order).unwrap_or(held);
        order.locked = wanted;
        match (terms.offset, terms.side) {
            (Offset::Net, side) => {
                let things = amount(&book.rules, size).unwrap_or(0);
                // what is given, and what is got for it
                let (gives, spent, gets, got) = match side {
                    Side::Buy => (book.money, money.saturating_add(charged), book.base, things),
                    Side::Sell => (book.base, things, book.money, money.saturating_sub(charged)),
                };
                if let Some(balance) = account.balance(gives) {
                    balance.pay(held, spent, wanted);
                }
                if let Some(balance) = account.balance(gets) {
                    balance.earn(got);
                }
                self.events.push(Event::Balance { account: owner, currency: book.base });
            }
            (offset, side) => {
                let Some(legs) = account.legs(terms.instrument) else { return };
                let leg = legs.of(side, offset);
                // money that leaves what is free or held, and how much more is locked as margin
                let (spent, margin) = if offset == Offset::Open {
                    leg.open(size, money, principal);
                    (charged.saturating_add(principal), principal)
                } else {
                    let (cost, margin) = leg.close(size);
                    let profit = match side {
                        Side::Sell => money.saturating_sub(cost),
                        Side::Buy => cost.saturating_sub(money),
                    };
                    (charged.saturating_sub(profit).saturating_sub(margin), margin.saturating_neg())
                };
                if let Some(balance) = account.balance(book.money) {
                    balance.pay(held, spent, wanted);
                    balance.locked = balance.locked.saturating_add(margin);
                }
                self.events.push(Event::Position { account: owner, instrument: terms.instrument });
            }
        }
        if let Some(earned) = self.fees.get_mut(index(book.money)) {
            *earned = earned.saturating_add(charged);
        }
        self.events.push(Event::Balance { account: owner, currency: book.money });
        let (number, trade, instrument) = (order.number, self.trades, terms.instrument);
        let filled = order.remaining() == 0;
        self.events.push(Event::Fill {
            account: owner,
            order: number,
            instrument,
            trade,
            price,
            quantity: size,
            liquidity,
            fee: charged,
        });
        if self.fills.len() >= self.slab.keep() {
            self.fills.pop_front();
        }
        self.fills.push_back(Fill {
            trade,
            order: number,
            account: owner,
            instrument,
            side: terms.side,
            offset: terms.offset,
            price,
            quantity: size,
            liquidity,
            fee: charged,
            time: now,
        });
        if filled {
            if liquidity == Liquidity::Maker {
                self.unlink(at);
            }
            self.end(now, at, OrderStatus::Filled);
        }
    }
}
