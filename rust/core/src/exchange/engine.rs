//! The engine: what is asked is checked whole, then done whole, or refused with nothing changed.

use super::account::{Account, Legs};
use super::book::{Instrument, Terms};
use super::money::{MAX_MONEY, check, need, pays};
use super::order::{Event, ExchangeReject, Fill, NewOrder, Order, OrderNo};
use super::slab::{Slab, index};
use crate::clock::Nanos;
use crate::event::Level;
use crate::orders::{Offset, OrderStatus, Product, Rules, Side};
use std::collections::VecDeque;

pub(super) type Done = Result<(), ExchangeReject>;

/// The exchange. See the module's text.
///
/// What happens is noted until [`Exchange::take_events`] takes it: who does not want to know must take it all the same.
#[derive(Debug)]
pub struct Exchange {
    pub(super) instruments: Vec<Instrument>,
    pub(super) currencies: Vec<Box<str>>,
    pub(super) accounts: Vec<Account>,
    /// Fees earned, by currency.
    pub(super) fees: Vec<i128>,
    /// What the live book's side of our trades got, by currency.
    pub(super) outside: Vec<i128>,
    pub(super) slab: Slab,
    /// Fills, oldest first.
    pub(super) fills: VecDeque<Fill>,
    pub(super) trades: u64,
    pub(super) events: Vec<Event>,
}

impl Exchange {
    /// An empty exchange that keeps the last `keep` finished orders (at least one, at most 2²³), and as many fills.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            instruments: Vec::new(),
            currencies: Vec::new(),
            accounts: Vec::new(),
            fees: Vec::new(),
            outside: Vec::new(),
            slab: Slab::new(keep),
            fills: VecDeque::new(),
            trades: 0,
            events: Vec::new(),
        }
    }

    /// Numbers trades from this time on, in nanoseconds since 1970, and orders from 128 times its seconds: an exchange that forgot
    /// everything must not give the same numbers again. A run of more than 128 orders a second on average, or another one within the
    /// same second, would: see [`Exchange::number_after`].
    pub const fn number_from(&mut self, now: u64) {
        self.slab.number_from(now / 1_000_000_000);
        self.trades = now;
    }

    /// Gives orders higher numbers than this one of an earlier run.
    pub fn number_after(&mut self, number: OrderNo) {
        self.slab.number_after(number);
    }

    /// Adds an instrument; gives its number. With more than 18 digits of price and size together it takes no order.
    pub fn add_instrument(&mut self, rules: Rules, terms: Terms) -> u32 {
        let base = self.currency(&rules.base);
        let money = match rules.product {
            Product::Spot => self.currency(&rules.quote),
            Product::Contract => self.currency(&rules.settle),
        };
        self.instruments.push(Instrument::new(rules, terms, base, money));
        for account in &mut self.accounts {
            account.positions.push(Legs::default());
        }
        u32::try_from(self.instruments.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Adds an account; gives its number.
    pub fn add_account(&mut self, name: &str) -> u32 {
        self.accounts.push(Account::new(name, self.currencies.len(), self.instruments.len()));
        u32::try_from(self.accounts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// A currency's number.
    pub fn currency(&mut self, name: &str) -> u32 {
        if let Some(at) = self.currencies.iter().position(|known| **known == *name) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.currencies.push(name.into());
        self.fees.push(0);
        self.outside.push(0);
        for account in &mut self.accounts {
            account.balances.push(super::Balance::default());
        }
        u32::try_from(self.currencies.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Puts money into an account (or takes it out, where it is below zero).
    ///
    /// # Errors
    /// No such account, too much for a balance, or more to take out than is free.
    pub fn deposit(&mut self, account: u32, currency: &str, money: i128) -> Done {
        if index(account) >= self.accounts.len() {
            return Err(ExchangeReject::UnknownAccount);
        }
        let currency = self.currency(currency);
        let balance = self.account_mut(account)?.balance(currency).ok_or(ExchangeReject::UnknownAccount)?;
        let free = balance.free.checked_add(money).ok_or(ExchangeReject::Overflow)?;
        if free > MAX_MONEY {
            return Err(ExchangeReject::Overflow);
        }
        if money < 0 && free < 0 {
            return Err(ExchangeReject::Insufficient);
        }
        balance.free = free;
        self.events.push(Event::Balance { account, currency });
        Ok(())
    }

    /// Takes a new order in, trades what can be traded, and lets the rest of a limit order rest; gives its number. What of a market
    /// order can't be paid for is cancelled.
    ///
    /// # Errors
    /// [`ExchangeReject`]: nothing was changed.
    pub fn submit(&mut self, now: Nanos, account: u32, new: NewOrder) -> Result<OrderNo, ExchangeReject> {
        let book = self.instruments.get(index(new.instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        check(&book.rules, &new)?;
        let mut order = Order {
            number: 0,
            account,
            terms: new,
            filled: 0,
            cost: 0,
            fee: 0,
            dues: 0,
            locked: 0,
            status: OrderStatus::Working,
            created: now,
            updated: now,
        };
        let held = need(book, &order)?;
        if !self.slab.has_room() {
            return Err(ExchangeReject::Full);
        }
        self.admit(&order, held, 0)?;
        let (at, number) = self.slab.take();
        self.hold(&order, held, new.quantity);
        (order.number, order.locked) = (number, held);
        if let Some(slot) = self.slab.get_mut(at) {
            slot.order = order;
        }
        if let Some(owner) = self.accounts.get_mut(index(account)) {
            self.slab.enlist(at, &mut owner.oldest, &mut owner.newest);
        }
        self.events.push(Event::Accepted { account, order: number });
        self.work(now, at);
        Ok(number)
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
        let old = self.slab.get(at).map(|slot| slot.order).ok_or(ExchangeReject::UnknownOrder)?;
        if quantity <= old.filled {
            return Err(ExchangeReject::Quantity);
        }
        let mut new = Order { terms: NewOrder { price, quantity, ..old.terms }, updated: now, ..old };
        let book = self.instruments.get(index(new.terms.instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        check(&book.rules, &new.terms)?;
        let held = need(book, &new)?;
        self.admit(&new, held, old.remaining())?;
        self.hold(&old, held, new.remaining().saturating_sub(old.remaining()));
        new.locked = held;
        let keeps = price == old.terms.price && quantity <= old.terms.quantity;
        if !keeps {
            self.unlink(at);
        }
        if let Some(slot) = self.slab.get_mut(at) {
            slot.order = new;
        }
        self.events.push(Event::Replaced { account, order: number });
        if !keeps {
            self.work(now, at);
        }
        Ok(())
    }

    /// Takes a new picture of the live book, best levels first: resting orders that it crosses are filled, at their own price, in
    /// their order, up to what it displays in whole lots. An empty side is one that displays nothing.
    ///
    /// # Errors
    /// No such instrument; levels out of order, not above 0, or crossed. Nothing was changed.
    pub fn market(&mut self, now: Nanos, instrument: u32, bids: &[Level], asks: &[Level]) -> Done {
        let book = self.instruments.get_mut(index(instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        let crossed = bids.first().zip(asks.first()).is_some_and(|(bid, ask)| bid.price >= ask.price);
        if crossed || !book.shown(Side::Buy).is_sound(bids) || !book.shown(Side::Sell).is_sound(asks) {
            return Err(ExchangeReject::Book);
        }
        let lot = book.rules.lot;
        book.shown_mut(Side::Buy).set(bids, lot);
        book.shown_mut(Side::Sell).set(asks, lot);
        self.cross(now, instrument, Side::Buy);
        self.cross(now, instrument, Side::Sell);
        Ok(())
    }

    /// Cancels every live order of every account, one account after the other, oldest first.
    pub fn cancel_all(&mut self, now: Nanos) {
        for account in 0..self.account_count() {
            self.cancel_account(now, account);
        }
    }

    /// Cancels every live order of an account, oldest first.
    pub fn cancel_account(&mut self, now: Nanos, account: u32) {
        loop {
            let oldest = self.live_of(account).next().map(|order| order.number);
            match oldest.map(|number| self.cancel(now, account, number)) {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return,
            }
        }
    }

    /// Forgets every order, live or finished, and every fill: what was held is free again, positions and balances stay.
    pub fn forget(&mut self, now: Nanos) {
        self.cancel_all(now);
        self.slab.forget();
        self.fills.clear();
        self.events.clear();
    }

    /// Takes what happened since the last call, in order.
    pub fn take_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    /// Whether an order may be taken that needs `held`; of itself as it was before, `before` of its quantity is promised already.
    fn admit(&self, order: &Order, held: i128, before: i64) -> Done {
        let terms = &order.terms;
        let book = self.instruments.get(index(terms.instrument)).ok_or(ExchangeReject::UnknownInstrument)?;
        let account = self.accounts.get(index(order.account)).ok_or(ExchangeReject::UnknownAccount)?;
        let bounded = |currency: u32| {
            let balance = account.balances.get(index(currency)).copied().unwrap_or_default();
            let known = |all: &[i128]| all.get(index(currency)).copied().unwrap_or(0);
            [balance.free, balance.locked, known(&self.fees), known(&self.outside)]
                .iter()
                .all(|money| (-MAX_MONEY..=MAX_MONEY).contains(money))
        };
        let mut sound = bounded(book.money);
        if terms.offset == Offset::Net {
            sound = sound && bounded(book.base);
        } else {
            let mut legs = account.positions.get(index(terms.instrument)).copied().unwrap_or_default();
            let leg = legs.of(terms.side, terms.offset);
            if terms.offset == Offset::Close && leg.available().saturating_add(before) < order.remaining() {
                return Err(ExchangeReject::Position);
            }
            let opens = leg.opening.saturating_sub(before).checked_add(order.remaining());
            let fits = opens.and_then(|opens| opens.checked_add(leg.quantity)).is_some();
            sound = sound && leg.cost <= MAX_MONEY && (fits || terms.offset == Offset::Close);
        }
        if !sound {
            return Err(ExchangeReject::Overflow);
        }
        let free = account.free(held_in(book, terms)).saturating_add(order.locked);
        if terms.offset != Offset::Close && free < held { Err(ExchangeReject::Insufficient) } else { Ok(()) }
    }

    /// Holds `held` in place of what an order holds now, and promises so much more of a position.
    fn hold(&mut self, order: &Order, held: i128, more: i64) {
        let terms = &order.terms;
        let Some(book) = self.instruments.get(index(terms.instrument)) else { return };
        let Some(account) = self.accounts.get_mut(index(order.account)) else { return };
        if terms.offset != Offset::Net
            && let Some(legs) = account.legs(terms.instrument)
        {
            let leg = legs.of(terms.side, terms.offset);
            if terms.offset == Offset::Open {
                leg.opening = leg.opening.saturating_add(more);
            } else if more != 0 {
                leg.closing = leg.closing.saturating_add(more);
                self.events.push(Event::Position { account: order.account, instrument: terms.instrument });
            }
        }
        if held != order.locked {
            let currency = held_in(book, terms);
            if let Some(balance) = account.balance(currency) {
                balance.pay(order.locked, 0, held);
            }
            self.events.push(Event::Balance { account: order.account, currency });
        }
    }

    /// Ends an order: what is held for it is free again.
    pub(super) fn end(&mut self, now: Nanos, at: u32, status: OrderStatus) {
        let Some(order) = self.slab.get(at).map(|slot| slot.order) else { return };
        self.hold(&order, 0, order.remaining().saturating_neg());
        if let Some(slot) = self.slab.get_mut(at) {
            slot.order.status = status;
            slot.order.updated = now;
            slot.order.locked = 0;
        }
        if status == OrderStatus::Cancelled {
            self.events.push(Event::Cancelled { account: order.account, order: order.number });
        }
        if let Some(owner) = self.accounts.get_mut(index(order.account)) {
            self.slab.finish(at, &mut owner.oldest, &mut owner.newest);
        }
    }

    /// Takes a resting order out of the book.
    pub(super) fn unlink(&mut self, at: u32) {
        let Some(terms) = self.slab.get(at).map(|slot| slot.order.terms) else { return };
        if let Some(book) = self.instruments.get_mut(index(terms.instrument)) {
            book.ladder_mut(terms.side).remove(&mut self.slab, at, terms.price);
        }
    }

    fn account_mut(&mut self, account: u32) -> Result<&mut Account, ExchangeReject> {
        self.accounts.get_mut(index(account)).ok_or(ExchangeReject::UnknownAccount)
    }

    /// The slot of an account's live order.
    fn find(&self, account: u32, number: OrderNo) -> Result<u32, ExchangeReject> {
        let at = self.slab.find(number).ok_or(ExchangeReject::UnknownOrder)?;
        let order = self.slab.get(at).map(|slot| &slot.order).filter(|order| order.account == account);
        match order.ok_or(ExchangeReject::UnknownOrder)?.status {
            OrderStatus::Filled => Err(ExchangeReject::Filled),
            OrderStatus::Cancelled => Err(ExchangeReject::Cancelled),
            _ => Ok(at),
        }
    }
}

/// The currency that an order holds.
fn held_in(book: &Instrument, terms: &NewOrder) -> u32 {
    if terms.offset == Offset::Net && !pays(terms) { book.base } else { book.money }
}
