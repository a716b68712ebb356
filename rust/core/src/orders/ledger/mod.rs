//! The state that the journal's records make: orders, positions, balances, mode. Nothing else changes it.

mod held;
mod order;

pub use held::{Open, Position};
pub use order::Order;

use super::record::{Changed, Executed, Mode, Placed, Record};
use super::rules::{Product, Rules};
use super::types::{Offset, Side};
use crate::clock::Nanos;
use foldhash::HashMap;
use held::{Weight, step};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Digits after the decimal point of money and positions: enough for any price scale and size scale together.
pub const MONEY_SCALE: u8 = 18;

/// An instrument of a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Whose.
    pub desk: u16,
    /// Rules.
    pub rules: Rules,
    /// Its position.
    pub slot: u32,
}

/// A record that does not fit the state: the journal is not one that this router wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent {
    /// What does not fit.
    pub what: Box<str>,
}

impl std::fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the journal contradicts itself: {}", self.what)
    }
}

impl std::error::Error for Inconsistent {}

fn inconsistent(what: impl Into<Box<str>>) -> Inconsistent {
    Inconsistent { what: what.into() }
}

/// The state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    keep: usize,
    last_id: u64,
    anomalies: u64,
    denials: u64,
    starts: u64,
    desks: Vec<Box<str>>,
    instruments: Vec<Instrument>,
    strategies: Vec<Box<str>>,
    orders: HashMap<u64, Order>,
    live: BTreeSet<u64>,
    live_by_desk: Vec<u32>,
    unknown_by_desk: Vec<u32>,
    finished: VecDeque<u64>,
    by_venue: Vec<HashMap<Box<str>, u64>>,
    intents: HashMap<Box<str>, u64>,
    positions: Vec<Position>,
    holdings: BTreeMap<(u16, Box<str>), u32>,
    open: Vec<Open>,
    balances: Vec<BTreeMap<Box<str>, [i128; 3]>>,
    mode: Mode,
    kill: Option<Box<str>>,
}

impl Ledger {
    /// An empty one that keeps the last `keep` finished orders.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            last_id: 0,
            anomalies: 0,
            denials: 0,
            starts: 0,
            desks: Vec::new(),
            instruments: Vec::new(),
            strategies: vec!["".into()],
            orders: HashMap::default(),
            live: BTreeSet::new(),
            live_by_desk: Vec::new(),
            unknown_by_desk: Vec::new(),
            finished: VecDeque::new(),
            by_venue: Vec::new(),
            intents: HashMap::default(),
            positions: Vec::new(),
            holdings: BTreeMap::new(),
            open: Vec::new(),
            balances: Vec::new(),
            mode: Mode::Active,
            kill: None,
        }
    }

    /// Applies a record, and forgets the oldest finished orders beyond those that are kept. On an error nothing is changed.
    ///
    /// # Errors
    /// [`Inconsistent`]: the record does not fit.
    pub fn apply(&mut self, record: &Record, time: Nanos) -> Result<(), Inconsistent> {
        self.take(record, time)?;
        self.forget(0);
        Ok(())
    }

    /// Forgets the oldest finished orders beyond those that are kept, but none of the `newest`.
    pub(super) fn forget(&mut self, newest: usize) {
        while self.finished.len() > self.keep.max(newest) {
            let Some(old) = self.finished.pop_front().and_then(|old| self.orders.remove(&old)) else { return };
            // a venue that forgot everything may have given its id again
            if let Some(ids) = self.by_venue.get_mut(usize::from(old.placed.desk))
                && ids.get(&old.venue_id) == Some(&old.placed.id)
            {
                ids.remove(&old.venue_id);
            }
            if self.intents.get(&old.placed.intent) == Some(&old.placed.id) {
                self.intents.remove(&old.placed.intent);
            }
        }
    }

    /// Applies a record, and forgets nothing.
    pub(super) fn take(&mut self, record: &Record, time: Nanos) -> Result<(), Inconsistent> {
        match record {
            Record::Started => self.starts = self.starts.saturating_add(1),
            Record::Desk { desk, name } => self.add_desk(*desk, name)?,
            Record::Instrument { instrument, desk, rules } => self.add_instrument(*instrument, *desk, rules)?,
            Record::Strategy { strategy, name } => {
                if usize::try_from(*strategy) != Ok(self.strategies.len()) {
                    return Err(inconsistent(format!("strategy {strategy} out of turn")));
                }
                self.strategies.push(name.clone());
            }
            Record::Placed(placed) => self.place(placed, time)?,
            Record::Denied { .. } => self.denials = self.denials.saturating_add(1),
            Record::Changed(changed) => self.change(changed, time)?,
            Record::Executed(fill) => self.execute(fill, time)?,
            Record::Position { slot, long, short } => {
                let position = usize::try_from(*slot).ok().and_then(|slot| self.positions.get_mut(slot));
                *position.ok_or_else(|| inconsistent(format!("no position {slot}")))? =
                    Position { long: *long, short: *short };
            }
            Record::Balance { desk, currency, amounts } => {
                let balances = self.balances.get_mut(usize::from(*desk));
                balances.ok_or_else(|| inconsistent(format!("no desk {desk}")))?.insert(currency.clone(), *amounts);
            }
            Record::Mode { mode, .. } => self.mode = *mode,
            Record::Kill { on, by } => self.kill = on.then(|| by.clone()),
            Record::Anomaly { .. } => self.anomalies = self.anomalies.saturating_add(1),
            Record::Checkpoint { last_id, anomalies, denials, starts } => {
                *self = Self::new(self.keep);
                (self.last_id, self.anomalies) = (*last_id, *anomalies);
                (self.denials, self.starts) = (*denials, *starts);
            }
            Record::Kept(kept) => self.take_back((**kept).clone().into())?,
        }
        Ok(())
    }

    /// The records that make this state from nothing.
    pub fn checkpoint(&self, each: &mut dyn FnMut(Record)) {
        each(Record::Checkpoint {
            last_id: self.last_id,
            anomalies: self.anomalies,
            denials: self.denials,
            starts: self.starts,
        });
        for (desk, name) in (0..).zip(&self.desks) {
            each(Record::Desk { desk, name: name.clone() });
        }
        for (strategy, name) in (0..).zip(&self.strategies).skip(1) {
            each(Record::Strategy { strategy, name: name.clone() });
        }
        for (instrument, known) in (0..).zip(&self.instruments) {
            // what it was when it was added says which position is its own
            let first = self.as_added(known);
            if first != known.rules {
                each(Record::Instrument { instrument, desk: known.desk, rules: first });
            }
            each(Record::Instrument { instrument, desk: known.desk, rules: known.rules.clone() });
        }
        for (slot, position) in (0..).zip(&self.positions) {
            each(Record::Position { slot, long: position.long, short: position.short });
        }
        for (desk, balances) in (0..).zip(&self.balances) {
            for (currency, amounts) in balances {
                each(Record::Balance { desk, currency: currency.clone(), amounts: *amounts });
            }
        }
        each(Record::Mode { mode: self.mode, by: "checkpoint".into() });
        if let Some(by) = &self.kill {
            each(Record::Kill { on: true, by: by.clone() });
        }
        for id in self.finished.iter().chain(&self.live) {
            if let Some(order) = self.orders.get(id) {
                each(Record::Kept(Box::new(order.keep())));
            }
        }
    }

    /// An instrument's rules with product and base currency such as they were when it got its position: venues spell a currency
    /// otherwise later, and the position stays.
    fn as_added(&self, known: &Instrument) -> Rules {
        let mut rules = known.rules.clone();
        let holding = self.holdings.iter().find(|(_, slot)| **slot == known.slot);
        rules.product = if holding.is_some() { Product::Spot } else { Product::Contract };
        if let Some(((_, base), _)) = holding {
            rules.base.clone_from(base);
        }
        rules
    }

    /// The highest order id given so far.
    #[must_use]
    pub const fn last_id(&self) -> u64 {
        self.last_id
    }

    /// How many anomalies, denials and starts the journal has seen.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64, u64) {
        (self.anomalies, self.denials, self.starts)
    }

    /// The desks' names.
    #[must_use]
    pub fn desks(&self) -> &[Box<str>] {
        &self.desks
    }

    /// Whether no order of a desk is kept: the number may be somebody else's from then on.
    #[must_use]
    pub fn is_unused(&self, desk: u16) -> bool {
        !self.orders.values().any(|order| order.placed.desk == desk)
    }

    /// The instruments.
    #[must_use]
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// An instrument.
    #[must_use]
    pub fn instrument(&self, index: u32) -> Option<&Instrument> {
        self.instruments.get(usize::try_from(index).ok()?)
    }

    /// The strategies' names; the first is nobody's.
    #[must_use]
    pub fn strategies(&self) -> &[Box<str>] {
        &self.strategies
    }

    /// An order, while it is kept.
    #[must_use]
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// Every order that is kept, in no order.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// The live orders, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.iter().filter_map(|id| self.orders.get(id))
    }

    /// Whether any order is unknown.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.unknown_by_desk.iter().any(|count| *count > 0)
    }

    /// How many orders of a desk are.
    #[must_use]
    pub fn unknown_of(&self, desk: u16) -> u32 {
        self.unknown_by_desk.get(usize::from(desk)).copied().unwrap_or(0)
    }

    /// How many orders of a desk are live.
    #[must_use]
    pub fn live_of(&self, desk: u16) -> u32 {
        self.live_by_desk.get(usize::from(desk)).copied().unwrap_or(0)
    }

    /// How many orders are live.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// The order that a venue knows under this id.
    #[must_use]
    pub fn by_venue_id(&self, desk: u16, venue_id: &str) -> Option<u64> {
        self.by_venue.get(usize::from(desk))?.get(venue_id).copied()
    }

    /// The ids that a desk's venue gave the orders which are still known, live and over.
    pub fn venue_ids(&self, desk: u16) -> impl Iterator<Item = &str> {
        self.by_venue.get(usize::from(desk)).into_iter().flat_map(|ids| ids.keys().map(|id| &**id))
    }

    /// The newest order of an intent.
    #[must_use]
    pub fn by_intent(&self, intent: &str) -> Option<&Order> {
        self.orders.get(self.intents.get(intent)?)
    }

    /// The position of an instrument.
    #[must_use]
    pub fn position(&self, instrument: u32) -> Position {
        self.instrument(instrument).map_or_else(Position::default, |known| self.position_at(known.slot))
    }

    /// A position by its number.
    #[must_use]
    pub fn position_at(&self, slot: u32) -> Position {
        usize::try_from(slot).ok().and_then(|slot| self.positions.get(slot)).copied().unwrap_or_default()
    }

    /// What live orders of an instrument may still trade.
    #[must_use]
    pub fn open(&self, instrument: u32) -> Open {
        usize::try_from(instrument).ok().and_then(|at| self.open.get(at)).copied().unwrap_or_default()
    }

    /// A desk's balances: free, locked, total by currency.
    #[must_use]
    pub fn balances(&self, desk: u16) -> Option<&BTreeMap<Box<str>, [i128; 3]>> {
        self.balances.get(usize::from(desk))
    }

    /// The mode asked for; see also [`Ledger::kill`].
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Why the kill switch is on, if it is.
    #[must_use]
    pub fn kill(&self) -> Option<&str> {
        self.kill.as_deref()
    }

    /// The mode in force: the kill switch halts.
    #[must_use]
    pub const fn mode_in_force(&self) -> Mode {
        if self.kill.is_some() { Mode::Halted } else { self.mode }
    }

    /// Adds a desk, or gives one without orders to somebody else: what was known of the account goes with the name.
    fn add_desk(&mut self, desk: u16, name: &str) -> Result<(), Inconsistent> {
        let at = usize::from(desk);
        let taken = self.desks.iter().any(|known| **known == *name);
        if taken || at > self.desks.len() || !(at == self.desks.len() || self.is_unused(desk)) {
            return Err(inconsistent(format!("desk {desk} ({name}) out of turn")));
        }
        if let Some(known) = self.desks.get_mut(at) {
            *known = name.into();
            let slots = self.instruments.iter().filter(|known| known.desk == desk).map(|known| known.slot);
            for slot in slots.filter_map(|slot| usize::try_from(slot).ok()) {
                if let Some(position) = self.positions.get_mut(slot) {
                    *position = Position::default();
                }
            }
            if let Some(balances) = self.balances.get_mut(at) {
                balances.clear();
            }
            return Ok(());
        }
        self.desks.push(name.into());
        self.by_venue.push(HashMap::default());
        self.balances.push(BTreeMap::new());
        self.live_by_desk.push(0);
        self.unknown_by_desk.push(0);
        Ok(())
    }

    fn add_instrument(&mut self, index: u32, desk: u16, rules: &Rules) -> Result<(), Inconsistent> {
        if usize::from(desk) >= self.desks.len() {
            return Err(inconsistent(format!("instrument {index} of desk {desk}, which is not there")));
        }
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(known) = self.instruments.get_mut(at) {
            let same = (known.rules.price_scale, known.rules.size_scale) == (rules.price_scale, rules.size_scale);
            if known.desk != desk || known.rules.symbol != rules.symbol || !same {
                return Err(inconsistent(format!("instrument {index} became another")));
            }
            known.rules = rules.clone();
            return Ok(());
        }
        if at != self.instruments.len() {
            return Err(inconsistent(format!("instrument {index} out of turn")));
        }
        let next = u32::try_from(self.positions.len()).unwrap_or(u32::MAX);
        let slot = match rules.product {
            Product::Spot => *self.holdings.entry((desk, rules.base.clone())).or_insert(next),
            Product::Contract => next,
        };
        if slot == next {
            self.positions.push(Position::default());
        }
        self.instruments.push(Instrument { desk, rules: rules.clone(), slot });
        self.open.push(Open::default());
        Ok(())
    }

    fn place(&mut self, placed: &Placed, time: Nanos) -> Result<(), Inconsistent> {
        let known = self.instrument(placed.instrument).is_some_and(|known| known.desk == placed.desk);
        if placed.id <= self.last_id || !known {
            return Err(inconsistent(format!("order {} can't be placed", placed.id)));
        }
        self.last_id = placed.id;
        let order = Order::new(placed.clone(), time);
        self.count(Weight::of(&order), 1);
        if !placed.intent.is_empty() {
            self.intents.insert(placed.intent.clone(), placed.id);
        }
        self.live.insert(placed.id);
        self.orders.insert(placed.id, order);
        Ok(())
    }

    fn change(&mut self, changed: &Changed, time: Nanos) -> Result<(), Inconsistent> {
        let done = self.alter(changed.id, |order| order.change(changed, time));
        done.ok_or_else(|| inconsistent(format!("order {}: {}", changed.id, changed.change.name())))
    }

    fn execute(&mut self, fill: &Executed, time: Nanos) -> Result<(), Inconsistent> {
        let done = self.alter(fill.id, |order| order.execute(fill, time));
        done.ok_or_else(|| inconsistent(format!("order {}: fill {}", fill.id, fill.execution_id)))
    }

    /// Changes an order: sums, positions and indices follow. `None` if there is no such order or it did not change.
    fn alter(&mut self, id: u64, change: impl FnOnce(&mut Order) -> bool) -> Option<()> {
        let order = self.orders.get_mut(&id)?;
        let (before, filled, unnamed) = (Weight::of(order), order.filled(), order.venue_id.is_empty());
        if !change(order) {
            return None;
        }
        let (after, traded) = (Weight::of(order), order.filled().saturating_sub(filled));
        if unnamed
            && !order.venue_id.is_empty()
            && let Some(ids) = self.by_venue.get_mut(usize::from(order.placed.desk))
        {
            ids.insert(order.venue_id.clone(), id);
        }
        self.count(before, -1);
        self.count(after, 1);
        if traded != 0 {
            self.trade(after, traded);
        }
        if before.live && !after.live {
            self.finish(id);
        }
        Some(())
    }

    fn finish(&mut self, id: u64) {
        self.live.remove(&id);
        self.finished.push_back(id);
    }

    fn take_back(&mut self, order: Order) -> Result<(), Inconsistent> {
        let id = order.placed.id;
        let known = self.instrument(order.placed.instrument).is_some_and(|known| known.desk == order.placed.desk);
        if id > self.last_id || !known || self.orders.contains_key(&id) {
            return Err(inconsistent(format!("order {id} can't be kept")));
        }
        if !order.venue_id.is_empty()
            && let Some(ids) = self.by_venue.get_mut(usize::from(order.placed.desk))
        {
            ids.insert(order.venue_id.clone(), id);
        }
        // one intent may have had several orders, kept in another order than they were placed
        if !order.placed.intent.is_empty() {
            let newest = self.intents.entry(order.placed.intent.clone()).or_insert(id);
            *newest = id.max(*newest);
        }
        self.count(Weight::of(&order), 1);
        let over = order.state.is_terminal();
        self.orders.insert(id, order);
        if over {
            self.finish(id);
        } else {
            self.live.insert(id);
        }
        Ok(())
    }

    fn count(&mut self, weight: Weight, sign: i64) {
        let at = usize::try_from(weight.instrument).unwrap_or(usize::MAX);
        if let Some(open) = self.open.get_mut(at) {
            open.add(weight, sign);
        }
        if weight.live
            && let Some(count) = self.live_by_desk.get_mut(usize::from(weight.desk))
        {
            step(count, sign);
        }
        if weight.live
            && weight.unknown
            && let Some(count) = self.unknown_by_desk.get_mut(usize::from(weight.desk))
        {
            step(count, sign);
        }
    }

    /// Moves the position by a fill.
    fn trade(&mut self, order: Weight, filled: i64) {
        let Some(known) = self.instrument(order.instrument) else { return };
        let amount = at_money_scale(filled, known.rules.size_scale);
        let slot = usize::try_from(known.slot).unwrap_or(usize::MAX);
        let Some(position) = self.positions.get_mut(slot) else { return };
        match (order.offset, order.side) {
            (Offset::Net | Offset::Open, Side::Buy) => position.long = position.long.saturating_add(amount),
            (Offset::Net | Offset::Close, Side::Sell) => position.long = position.long.saturating_sub(amount),
            (Offset::Open, Side::Sell) => position.short = position.short.saturating_add(amount),
            (Offset::Close, Side::Buy) => position.short = position.short.saturating_sub(amount),
        }
    }
}

/// A value at a scale of at most 18 digits, at [`MONEY_SCALE`].
#[must_use]
pub fn at_money_scale(value: impl Into<i128>, scale: u8) -> i128 {
    let up = u32::from(MONEY_SCALE.saturating_sub(scale));
    value.into().saturating_mul(10_i128.saturating_pow(up))
}
