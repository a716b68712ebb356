//! What strategies and operators ask for.

use super::super::record::{Changed, Mode, Placed, Record};
use super::super::risk::{Intent, Reject, Rule, Seen, Top};
use super::super::state::{Change, OrderState};
use super::super::types::{Offset, OrderType, Side, Unit};
use super::desk::{DeskState, MOST_GHOSTS, MOST_REQUESTS};
use super::request::{Request, Waiting};
use super::{Nanos, Router, Stamp};
use crate::num::Decimal;

/// An order as it is asked for.
#[derive(Clone, Debug)]
pub struct NewOrder<'a> {
    /// Which instrument; it says which desk.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Offset.
    pub offset: Offset,
    /// What the quantity counts.
    pub unit: Unit,
    /// Price; 0 for a market order.
    pub price: Decimal,
    /// Quantity.
    pub quantity: Decimal,
    /// Not to be sent later than so long after now, ns.
    pub ttl: Nanos,
    /// Whose order.
    pub strategy: u32,
    /// The caller's key: at most one order of one key is ever live. Empty: none.
    pub intent: &'a str,
    /// The best prices we know, for the collar.
    pub top: Option<Top>,
    /// When what caused it was read from its socket, monotonic; 0: nothing did.
    pub cause: Nanos,
}

/// Why a command was not taken. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A rule of risk.
    Risk(Reject),
    /// No such instrument.
    UnknownInstrument(u32),
    /// No such order, or it is no longer kept.
    UnknownOrder(u64),
    /// The order is over.
    Finished(u64, OrderState),
    /// The desk takes no orders now.
    NotReady(Box<str>, DeskState),
    /// The instrument has an order whose state is not known.
    Unreconciled(u64),
    /// The intent has an order, which is live or was filled, if only in part.
    Intent(u64, OrderState),
    /// A change of this order is on its way.
    Busy(u64, OrderState),
    /// The venue can't do that.
    Unsupported(&'static str),
    /// Too many requests wait.
    Full(usize),
    /// The journal does not take it.
    Journal(Box<str>),
    /// A text is too long.
    TooLong(&'static str, usize),
}

impl Denial {
    /// The rule's name, for metrics and the journal.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Risk(reject) => reject.rule.name(),
            Self::UnknownInstrument(_) => "unknown_instrument",
            Self::UnknownOrder(_) => "unknown_order",
            Self::Finished(..) => "finished",
            Self::NotReady(..) => "not_ready",
            Self::Unreconciled(_) => "unreconciled",
            Self::Intent(..) => "intent",
            Self::Busy(..) => "busy",
            Self::Unsupported(_) => "unsupported",
            Self::Full(_) => "full",
            Self::Journal(_) => "journal",
            Self::TooLong(..) => "too_long",
        }
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Risk(reject) => reject.fmt(f),
            Self::UnknownInstrument(index) => write!(f, "no instrument {index}"),
            Self::UnknownOrder(id) => write!(f, "no order {id}, or it is too old to be kept"),
            Self::Finished(id, state) => write!(f, "order {id} is over: {}", state.name()),
            Self::NotReady(desk, state) => write!(f, "{desk} takes no orders: it is {}, not ready", state.name()),
            Self::Unreconciled(id) => {
                write!(
                    f,
                    "order {id} of this instrument is unknown: no new ones until the venue has said what became of it"
                )
            }
            Self::Intent(id, state) => write!(f, "the intent has order {id} already, which is {}", state.name()),
            Self::Busy(id, state) => write!(f, "order {id} is {}: wait for the venue's answer", state.name()),
            Self::Unsupported(what) => write!(f, "the venue has no {what}"),
            Self::Full(most) => write!(f, "{most} requests wait for the venue already"),
            Self::Journal(why) => write!(f, "the journal takes nothing: {why}"),
            Self::TooLong(what, most) => write!(f, "{what}: more than {most} bytes"),
        }
    }
}

impl std::error::Error for Denial {}

/// Bytes of an intent's key.
const MOST_INTENT: usize = 64;

impl Router {
    /// Checks an order, journals it and puts its request into the outbox; gives its id.
    ///
    /// # Errors
    /// [`Denial`]: nothing is sent, and the journal has a line that says so.
    pub fn place(&mut self, order: &NewOrder<'_>, now: Stamp) -> Result<u64, Denial> {
        let started = (self.config.laps)();
        let checked = self.admit(order, now);
        let desk = self.ledger.instrument(order.instrument).map_or(u16::MAX, |known| known.desk);
        let placed = match checked {
            Ok(placed) => placed,
            Err(denial) => return Err(self.deny(desk, denial, now)),
        };
        let checked = (self.config.laps)();
        let id = placed.id;
        if !self.commit(&Record::Placed(placed), now) {
            let why = self.broken.clone().unwrap_or_default();
            return Err(Denial::Journal(why));
        }
        let journaled = (self.config.laps)();
        if let Some(stats) = self.stats.get(usize::from(desk)) {
            stats.risk.record(checked.saturating_sub(started));
            stats.journal.record(journaled.saturating_sub(checked));
            stats.placed.add(1);
        }
        let waiting = Waiting {
            request: Request::Place(id),
            deadline: now.monotonic.saturating_add(order.ttl.max(0)),
            since: now.monotonic,
            cause: order.cause,
        };
        if let Some(desk) = self.desk_mut(desk) {
            desk.commands.push_back(waiting);
        }
        Ok(id)
    }

    /// Notes that something was not taken, in the journal and the counters.
    pub fn deny(&mut self, desk: u16, denial: Denial, now: Stamp) -> Denial {
        if let (Denial::Risk(reject), Some(stats)) = (&denial, self.stats.get(usize::from(desk))) {
            stats.deny(reject.rule);
        }
        let text = denial.to_string().into();
        self.commit(&Record::Denied { desk, rule: denial.rule().into(), text }, now);
        denial
    }

    /// Notes in the journal that something was not taken before it got as far as here.
    pub fn note(&mut self, desk: u16, rule: &str, text: &str, now: Stamp) {
        self.commit(&Record::Denied { desk, rule: rule.into(), text: text.into() }, now);
    }

    fn admit(&mut self, order: &NewOrder<'_>, now: Stamp) -> Result<Placed, Denial> {
        if let Some(why) = &self.broken {
            return Err(Denial::Journal(why.clone()));
        }
        let known =
            self.ledger.instrument(order.instrument).ok_or(Denial::UnknownInstrument(order.instrument))?.clone();
        let desk = self.desk(known.desk).ok_or_else(|| Denial::NotReady("the venue".into(), DeskState::Down))?;
        let (name, state, room, live) =
            (desk.name.clone(), desk.state, desk.has_room(), self.ledger.live_of(known.desk));
        if order.intent.len() > MOST_INTENT {
            return Err(Denial::TooLong("intent", MOST_INTENT));
        }
        if let Some(before) = (!order.intent.is_empty()).then(|| self.ledger.by_intent(order.intent)).flatten()
            && !(before.filled() == 0
                && matches!(
                    before.state,
                    OrderState::Cancelled | OrderState::Rejected | OrderState::Expired | OrderState::Absent
                ))
        {
            return Err(Denial::Intent(before.placed.id, before.state));
        }
        let mode = self.ledger.mode_in_force();
        if mode != Mode::Halted && state != DeskState::Ready {
            return Err(Denial::NotReady(name, state));
        }
        if mode != Mode::Halted
            && let Some(unknown) = self.unknown_in(order.instrument)
        {
            return Err(Denial::Unreconciled(unknown));
        }
        if !room {
            return Err(Denial::Full(MOST_REQUESTS));
        }
        let open = self.open_at_most(order.instrument);
        let seen = Seen::new(mode, order.top, self.ledger.position(order.instrument), open, live);
        let intent = Intent {
            desk: known.desk,
            instrument: order.instrument,
            side: order.side,
            order_type: order.order_type,
            offset: order.offset,
            unit: order.unit,
            price: order.price,
            quantity: order.quantity,
        };
        let checked = self.risk.check(&intent, &known.rules, &seen, now.monotonic).map_err(Denial::Risk)?;
        Ok(Placed {
            id: self.next_id(now),
            desk: known.desk,
            instrument: order.instrument,
            strategy: order.strategy,
            side: order.side,
            order_type: order.order_type,
            offset: order.offset,
            unit: order.unit,
            price: checked.price,
            quantity: checked.quantity,
            intent: order.intent.into(),
        })
    }

    /// Seconds since the Unix epoch and 20 bits to count in; never one that was given before.
    fn next_id(&self, now: Stamp) -> u64 {
        let seconds = u64::try_from(now.realtime.max(0)).unwrap_or(0) / 1_000_000_000;
        (seconds << 20).max(self.ledger.last_id().saturating_add(1))
    }

    fn unknown_in(&self, instrument: u32) -> Option<u64> {
        if self.ledger.open(instrument).unknown == 0 {
            return None;
        }
        self.ledger
            .live()
            .find(|order| order.placed.instrument == instrument && order.state == OrderState::Unknown)
            .map(|order| order.placed.id)
    }

    /// Asks the venue to cancel an order; of one that was not sent yet, the order ends here.
    ///
    /// # Errors
    /// [`Denial::UnknownOrder`], [`Denial::Finished`].
    pub fn cancel(&mut self, id: u64, ttl: Nanos, now: Stamp) -> Result<(), Denial> {
        let order = self.ledger.order(id).ok_or(Denial::UnknownOrder(id))?;
        if order.state.is_terminal() {
            return Err(Denial::Finished(id, order.state));
        }
        self.ask_cancel(id, now.monotonic.saturating_add(ttl.max(0)), now);
        Ok(())
    }

    /// Cancels every live order of a desk, an instrument, a strategy (`None`: of any), as often as it takes: an order whose
    /// state is not known yet is cancelled when it is. Gives how many there are.
    pub fn cancel_all(
        &mut self,
        desk: Option<u16>,
        instrument: Option<u32>,
        strategy: Option<u32>,
        now: Stamp,
    ) -> usize {
        let chosen: Vec<u64> = self
            .ledger
            .live()
            .map(|order| &order.placed)
            .filter(|placed| desk.is_none_or(|desk| placed.desk == desk))
            .filter(|placed| instrument.is_none_or(|instrument| placed.instrument == instrument))
            .filter(|placed| strategy.is_none_or(|strategy| placed.strategy == strategy))
            .map(|placed| placed.id)
            .collect();
        self.cancel_each(&chosen, now);
        chosen.len()
    }

    /// The same for these orders; what is over already stays as it is.
    pub fn cancel_each(&mut self, orders: &[u64], now: Stamp) {
        for id in orders {
            if self.state(*id).is_some_and(|state| !state.is_terminal()) {
                self.track(*id).wanted_gone = true;
                self.ask_cancel(*id, Nanos::MAX, now);
            }
        }
    }

    /// Puts a cancel into the outbox, if the order can be cancelled now.
    pub(super) fn ask_cancel(&mut self, id: u64, deadline: Nanos, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (state, number, named) = (order.state, order.placed.desk, !order.venue_id.is_empty());
        let Some(desk) = self.desk_mut(number) else { return };
        if state == OrderState::PendingNew {
            let at = desk.commands.iter().position(|waiting| waiting.request == Request::Place(id));
            if let Some(waiting) = at.and_then(|at| desk.commands.remove(at)) {
                self.too_late(number, &waiting, "cancelled before it was sent", now);
                return;
            }
        }
        // its id at the venue is not known: when it is, the cancel follows
        if !named || !desk.is_up() || !desk.has_room() {
            self.track(id).wanted_gone = true;
            return;
        }
        let again = now.monotonic.saturating_add(self.config.ask_again.saturating_mul(2));
        self.track(id).cancel_after = again;
        let Some(desk) = self.desk_mut(number) else { return };
        if desk.is_cancelling(id) {
            return;
        }
        let request = Request::Cancel(vec![id]);
        desk.commands.push_back(Waiting { request, deadline, since: now.monotonic, cause: 0 });
        if matches!(state, OrderState::Working | OrderState::PendingReplace) {
            self.simply(id, Change::CancelAsked, "", now);
        }
    }

    /// The venue has an order live that is over: its end stays, but what is there must go. Gives whether that is new.
    pub(super) fn cancel_ghost(&mut self, id: u64, venue_id: &str, now: Stamp) -> bool {
        let Some(number) = self.ledger.order(id).map(|order| order.placed.desk) else { return false };
        let new = !self.ghosts.contains_key(&id);
        if venue_id.is_empty() || (new && self.ghosts.len() >= MOST_GHOSTS) {
            return new;
        }
        self.ghosts.insert(id, venue_id.into());
        if let Some(desk) = self.desk_mut(number)
            && desk.is_up()
            && desk.has_room()
            && !desk.is_cancelling(id)
        {
            let request = Request::Cancel(vec![id]);
            desk.commands.push_back(Waiting { request, deadline: Nanos::MAX, since: now.monotonic, cause: 0 });
        }
        // the next picture tells whether it is still there
        self.ask_about(id, now.monotonic.saturating_add(self.config.ask_again.saturating_mul(2)));
        new
    }

    /// Asks the venue to change an order's price and quantity (the whole quantity, what is filled of it included).
    ///
    /// # Errors
    /// [`Denial`]: nothing is sent.
    #[allow(clippy::too_many_arguments, reason = "one call is one command; they are all different things")]
    pub fn replace(
        &mut self,
        id: u64,
        price: Decimal,
        quantity: Decimal,
        top: Option<Top>,
        ttl: Nanos,
        now: Stamp,
    ) -> Result<(), Denial> {
        let order = self.ledger.order(id).ok_or(Denial::UnknownOrder(id))?;
        let placed = order.placed.clone();
        let filled = order.filled();
        let state = order.state;
        if state.is_terminal() {
            return Err(Denial::Finished(id, state));
        }
        let desk = self.desk(placed.desk).ok_or_else(|| Denial::NotReady("the venue".into(), DeskState::Down))?;
        let checked = if !desk.speaker.has_replace() {
            Err(Denial::Unsupported("change of an order: cancel it and place another"))
        } else if desk.state != DeskState::Ready {
            Err(Denial::NotReady(desk.name.clone(), desk.state))
        } else if state != OrderState::Working {
            Err(Denial::Busy(id, state))
        } else {
            self.recheck(&placed, filled, price, quantity, top, now)
        };
        let (price, quantity) = match checked {
            Ok(terms) => terms,
            Err(denial) => return Err(self.deny(placed.desk, denial, now)),
        };
        let changed = Changed {
            id,
            change: Change::ReplaceAsked,
            venue_id: "".into(),
            filled: -1,
            cost: -1,
            terms: (price, quantity),
            reason: "".into(),
        };
        if self.broken.is_none() {
            self.change(changed, now);
        }
        if let Some(why) = self.broken.clone() {
            // what could not be written down is not sent
            if self.state(id) == Some(OrderState::PendingReplace) {
                self.simply(id, Change::ReplaceFailed, "the journal does not take it", now);
            }
            return Err(Denial::Journal(why));
        }
        let waiting = Waiting {
            request: Request::Replace(id, price, quantity),
            deadline: now.monotonic.saturating_add(ttl.max(0)),
            since: now.monotonic,
            cause: 0,
        };
        if let Some(desk) = self.desk_mut(placed.desk) {
            desk.commands.push_back(waiting);
        }
        Ok(())
    }

    /// The new terms of an order, checked as a new order of what is added would be.
    fn recheck(
        &mut self,
        placed: &Placed,
        filled: i64,
        price: Decimal,
        quantity: Decimal,
        top: Option<Top>,
        now: Stamp,
    ) -> Result<(i64, i64), Denial> {
        let known = self.ledger.instrument(placed.instrument).ok_or(Denial::UnknownInstrument(placed.instrument))?;
        let rules = known.rules.clone();
        let mut open = self.open_at_most(placed.instrument);
        let before = placed.quantity.saturating_sub(filled).max(0);
        // the order itself makes room for what it becomes
        open.grow(placed.side, placed.offset, i128::from(before).saturating_neg());
        open.orders = open.orders.saturating_sub(1);
        let live = self.ledger.live_of(placed.desk).saturating_sub(1);
        let position = self.ledger.position(placed.instrument);
        let seen = Seen::new(self.ledger.mode_in_force(), top, position, open, live);
        let intent = Intent {
            desk: placed.desk,
            instrument: placed.instrument,
            side: placed.side,
            order_type: placed.order_type,
            offset: placed.offset,
            unit: placed.unit,
            price,
            quantity,
        };
        let checked = self.risk.check(&intent, &rules, &seen, now.monotonic).map_err(Denial::Risk)?;
        if checked.quantity <= filled {
            return Err(Denial::Unsupported("quantity below what is filled already"));
        }
        Ok((checked.price, checked.quantity))
    }

    /// Changes the mode; unless that is [`Mode::Active`], orders that wait to be sent end here. While the kill switch is on it
    /// changes nothing yet.
    pub fn set_mode(&mut self, mode: Mode, by: &str, now: Stamp) {
        if mode == self.ledger.mode() {
            return;
        }
        self.commit(&Record::Mode { mode, by: by.into() }, now);
        if mode != Mode::Active {
            // it was let through under another mode
            self.drop_all_orders("the mode changed before it was sent", now);
        }
    }

    /// Throws the kill switch: nothing but cancels from now on, everything live is cancelled, until a human clears it.
    pub fn kill(&mut self, why: &str, now: Stamp) {
        if self.ledger.kill().is_none() {
            self.commit(&Record::Kill { on: true, by: why.into() }, now);
        }
        // what was not sent yet is not sent
        self.drop_all_orders("the kill switch was thrown", now);
        self.cancel_all(None, None, None, now);
    }

    /// Clears the kill switch; gives whether it was on.
    pub fn clear_kill(&mut self, who: &str, now: Stamp) -> bool {
        let on = self.ledger.kill().is_some();
        if on {
            self.commit(&Record::Kill { on: false, by: who.into() }, now);
        }
        on
    }

    fn drop_all_orders(&mut self, why: &str, now: Stamp) {
        for desk in 0..u16::try_from(self.desks.len()).unwrap_or(u16::MAX) {
            self.drop_orders(desk, why, now);
        }
    }

    /// Ends every order of a desk that still waits to be sent.
    pub(super) fn drop_orders(&mut self, number: u16, why: &str, now: Stamp) {
        let Some(desk) = self.desk_mut(number) else { return };
        let is_order = |waiting: &Waiting| matches!(waiting.request, Request::Place(_) | Request::Replace(..));
        let (dropped, kept): (Vec<Waiting>, Vec<Waiting>) = desk.commands.drain(..).partition(is_order);
        desk.commands = kept.into();
        for waiting in dropped {
            self.too_late(number, &waiting, why, now);
        }
    }

    /// A desk's rule counter by [`Rule`], for whoever shows it.
    #[must_use]
    pub fn denied(&self, desk: u16, rule: Rule) -> u64 {
        let counter = self.stats.get(usize::from(desk)).and_then(|stats| stats.denied.get(usize::from(rule as u8)));
        counter.map_or(0, crate::latency::Counter::get)
    }
}
