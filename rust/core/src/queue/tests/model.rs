//! The queue against a plain list: the same rules by scanning, no positions, no holes, no links.

use super::super::*;
use super::{Shot, check_identity};
use crate::event::{Action, Level, State, StatusReason, flag};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
struct Item {
    event: Event,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Best bid, best ask, flags, epoch of the book last told.
type Top = (Level, Level, u8, u32);

struct Model {
    policy: Policy,
    capacity: usize,
    filter: Filter,
    pending: Vec<Item>,
    accounts: BTreeMap<u32, Account>,
    filtered: u64,
    closed: bool,
    unique_statuses: bool,
    lossy: BTreeSet<u32>,
    base_lost: BTreeSet<u32>,
    broken: BTreeSet<u32>,
    tops: BTreeMap<u32, Top>,
}

fn is(event: &Event, kind: Kind) -> bool {
    event.kind == kind as u8
}

fn same_key(a: &Event, b: &Event) -> bool {
    let same = a.kind == b.kind && a.instrument == b.instrument;
    match Kind::from_u8(a.kind).unwrap() {
        Kind::Bar => same && a.interval == b.interval,
        Kind::Status => same && a.venue == b.venue && a.state == b.state,
        _ => same,
    }
}

impl Model {
    fn new(policy: Policy, capacity: usize, filter: Filter) -> Self {
        Self {
            policy,
            capacity,
            filter,
            pending: Vec::new(),
            accounts: BTreeMap::new(),
            filtered: 0,
            closed: false,
            unique_statuses: policy == Policy::Conflate,
            lossy: BTreeSet::new(),
            base_lost: BTreeSet::new(),
            broken: BTreeSet::new(),
            tops: BTreeMap::new(),
        }
    }

    fn account(&mut self, instrument: u32) -> &mut Account {
        self.accounts.entry(instrument).or_insert(Account {
            instrument,
            received: 0,
            inserted: 0,
            delivered: 0,
            conflated: 0,
            dropped: 0,
            pending: 0,
        })
    }

    fn is_update(&self, event: &Event) -> bool {
        is(event, Kind::Book) && event.action == Action::Update as u8 && !self.filter.is_top_only()
    }

    /// The next event of the instrument from this index on gets the flag; if there is none, the next to come.
    fn flag_from(&mut self, index: usize, instrument: u32) {
        match self.pending[index..].iter_mut().find(|item| item.event.instrument == instrument) {
            Some(item) => item.event.flags |= flag::LOSSY,
            None => {
                self.lossy.insert(instrument);
            }
        }
    }

    fn push(&mut self, mut item: Item) {
        if self.lossy.remove(&item.event.instrument) {
            item.event.flags |= flag::LOSSY;
        }
        if self.filter.is_top_only() && item.event.action == Action::Update as u8 {
            (item.bids, item.asks) = (Vec::new(), Vec::new());
        }
        self.account(item.event.instrument).pending += 1;
        self.pending.push(item);
    }

    /// Conflates away every waiting event that satisfies the condition.
    fn conflate(&mut self, later: &mut Event, condition: impl Fn(&Event) -> bool) {
        while let Some(index) = self.pending.iter().position(|item| condition(&item.event)) {
            let old = self.pending.remove(index).event;
            let account = self.account(old.instrument);
            account.pending -= 1;
            account.conflated += 1;
            if old.flags & flag::LOSSY != 0 {
                self.flag_from(index, old.instrument);
            }
            later.flags |= flag::LOSSY;
        }
    }

    fn push_status(&mut self, mut event: Event) {
        if self.unique_statuses {
            let key = event;
            self.conflate(&mut event, |old| same_key(old, &key));
        }
        self.push(Item { event, bids: vec![], asks: vec![] });
    }

    fn notice(cause: &Event, state: State, reason: StatusReason) -> Event {
        let mut event = *cause;
        (event.kind, event.state, event.reason) = (Kind::Status as u8, state as u8, reason as u16);
        (event.action, event.interval, event.flags, event.v, event.present) = (0, 0, 0, [0; 9], 0);
        event
    }

    fn notify(&mut self, cause: &Event, state: State, reason: StatusReason) {
        if self.filter.wants_status() {
            self.account(cause.instrument).received += 1;
            self.account(cause.instrument).inserted += 1;
            self.push_status(Self::notice(cause, state, reason));
        }
    }

    fn offer(&mut self, shot: &Shot) {
        let event = shot.event;
        let instrument = event.instrument;
        if !self.filter.wants(&event) {
            self.filtered += 1;
            return;
        }
        if self.filter.is_top_only() {
            if is(&event, Kind::Book) {
                let book = event.book();
                let top = (book.best_bid, book.best_ask, event.flags & flag::VALID, event.epoch);
                if self.tops.insert(instrument, top) == Some(top) {
                    self.filtered += 1;
                    return;
                }
            } else if is(&event, Kind::Status) {
                self.tops.remove(&instrument);
            }
        }
        self.account(instrument).received += 1;
        self.closed |= self.policy == Policy::Disconnect && self.pending.len() >= self.capacity;
        if self.closed {
            self.account(instrument).dropped += 1;
            return;
        }
        let mut item = Item { event, bids: shot.bids.clone(), asks: shot.asks.clone() };
        match self.policy {
            Policy::Block | Policy::Disconnect => self.push(item),
            _ if is(&event, Kind::Status) => self.push_status(event),
            _ if self.is_update(&event) => {
                if self.base_lost.contains(&instrument) {
                    self.account(instrument).dropped += 1;
                    self.lossy.insert(instrument);
                    if self.broken.insert(instrument) {
                        self.notify(&event, State::Gap, StatusReason::SequenceGap);
                    }
                } else {
                    self.push(item);
                }
            }
            _ => {
                if self.policy == Policy::Conflate {
                    self.conflate(&mut item.event, |old| same_key(old, &event));
                }
                let broken = is(&event, Kind::Book) && {
                    self.base_lost.remove(&instrument);
                    self.broken.remove(&instrument)
                };
                self.push(item);
                if broken {
                    self.notify(&event, State::Resync, StatusReason::Snapshot);
                }
            }
        }
        if !matches!(self.policy, Policy::Block | Policy::Disconnect) {
            self.relieve();
        }
    }

    fn relieve(&mut self) {
        while self.pending.len() > self.capacity {
            let victim = if self.policy == Policy::Conflate { self.longest_chain() } else { None };
            let Some(index) = victim.or_else(|| self.pending.iter().position(|item| !is(&item.event, Kind::Status)))
            else {
                self.make_unique();
                return;
            };
            if is(&self.pending[index].event, Kind::Book) {
                self.drop_books(index);
            } else {
                let instrument = self.pending.remove(index).event.instrument;
                let account = self.account(instrument);
                account.pending -= 1;
                account.dropped += 1;
                self.flag_from(index, instrument);
            }
        }
    }

    /// First change of the book with most of them, two at least; the one that began to wait first if there are several.
    fn longest_chain(&self) -> Option<usize> {
        let mut best = None;
        for (index, item) in self.pending.iter().enumerate() {
            let mine = |other: &&Item| other.event.instrument == item.event.instrument && self.is_update(&other.event);
            if self.is_update(&item.event) && !self.pending[..index].iter().any(|other| mine(&other)) {
                let count = self.pending.iter().filter(mine).count();
                if count >= 2 && best.is_none_or(|(most, _)| count > most) {
                    best = Some((count, index));
                }
            }
        }
        best.map(|(_, index)| index)
    }

    fn drop_books(&mut self, first: usize) {
        let cause = self.pending[first].event;
        let instrument = cause.instrument;
        let mine = |item: &Item| item.event.instrument == instrument && is(&item.event, Kind::Book);
        let mut run = vec![first];
        let mut snapshot_waits = false;
        for index in first + 1..self.pending.len() {
            if mine(&self.pending[index]) {
                if !self.is_update(&self.pending[index].event) {
                    snapshot_waits = true;
                    break;
                }
                run.push(index);
            }
        }
        let any_update = run.iter().any(|index| self.is_update(&self.pending[*index].event));
        self.tops.remove(&instrument);
        let account = self.account(instrument);
        account.pending -= run.len() as u64;
        account.dropped += run.len() as u64;
        let seqs: Vec<u64> = run.iter().map(|index| self.pending[*index].event.seq).collect();
        for index in run.iter().rev() {
            self.pending.remove(*index);
        }
        let mut gap_stands = false;
        if !snapshot_waits {
            self.base_lost.insert(instrument);
            if any_update {
                self.broken.insert(instrument);
                gap_stands = self.put_gap(first, &cause);
            }
        }
        for seq in seqs.into_iter().skip(usize::from(gap_stands)) {
            let after = self.pending.partition_point(|item| item.event.seq < seq);
            self.flag_from(after, instrument);
        }
    }

    fn put_gap(&mut self, first: usize, cause: &Event) -> bool {
        if !self.filter.wants_status() {
            return false;
        }
        let mut event = Self::notice(cause, State::Gap, StatusReason::SequenceGap);
        if let Some(later) = self.pending[first..].iter_mut().rfind(|item| same_key(&item.event, &event)) {
            later.event.flags |= flag::LOSSY;
            return false;
        }
        let before = self.pending.len();
        if self.unique_statuses {
            let gap = event;
            self.conflate(&mut event, |old| same_key(old, &gap));
        }
        event.flags |= flag::LOSSY;
        let first = first - (before - self.pending.len());
        self.account(cause.instrument).received += 1;
        self.account(cause.instrument).inserted += 1;
        self.account(cause.instrument).pending += 1;
        self.pending.insert(first, Item { event, bids: vec![], asks: vec![] });
        true
    }

    fn make_unique(&mut self) {
        if std::mem::replace(&mut self.unique_statuses, true) {
            return;
        }
        let latest: Vec<Event> = self.pending.iter().map(|item| item.event).collect();
        for (index, event) in latest.iter().enumerate() {
            if latest[index + 1..].iter().any(|later| same_key(later, event)) {
                let at = self.pending.iter().position(|item| same_key(&item.event, event)).unwrap();
                let old = self.pending.remove(at).event;
                let account = self.account(old.instrument);
                account.pending -= 1;
                account.conflated += 1;
                if old.flags & flag::LOSSY != 0 {
                    self.flag_from(at, old.instrument);
                }
                let last = self.pending.iter_mut().rfind(|item| same_key(&item.event, event)).unwrap();
                last.event.flags |= flag::LOSSY;
            }
        }
    }

    fn take(&mut self) -> Vec<Item> {
        self.unique_statuses = self.policy == Policy::Conflate;
        for account in self.accounts.values_mut() {
            account.delivered += account.pending;
            account.pending = 0;
        }
        std::mem::take(&mut self.pending)
    }
}

fn items(batch: &Batch) -> Vec<Item> {
    let one = |event: &Event| {
        let (bids, asks) = batch.levels_of(event);
        let (bids, asks) = (bids.to_vec(), asks.to_vec());
        Item { event: if is(event, Kind::Book) { placeless(event) } else { *event }, bids, asks }
    };
    batch.events.iter().map(one).collect()
}

/// The event without the place of its levels, which is the batch's affair.
fn placeless(event: &Event) -> Event {
    let mut book = event.book();
    (book.at, book.bids, book.asks) = (0, 0, 0);
    let mut event = *event;
    event.set_book(&book);
    event
}

#[derive(Clone, Debug)]
enum Step {
    Offer(Vec<Shot>),
    Take,
}

fn shots() -> impl Strategy<Value = Shot> {
    let book = (0_u32..4, prop::bool::weighted(0.6), 0_i64..3, 0_usize..4, 0_usize..3)
        .prop_map(|(instrument, update, top, bids, asks)| Shot::book(instrument, update, top, bids, asks));
    let data = (0_u32..4, 0_u8..4).prop_map(|(instrument, which)| match which {
        0 => Shot::plain(Kind::Trade, instrument),
        1 => Shot::plain(Kind::Quote, instrument),
        interval => Shot::bar(instrument, interval),
    });
    let status = (prop_oneof![4 => 0_u32..4, 1 => Just(NO_INSTRUMENT)], 0_usize..5, 0_u16..2).prop_map(
        |(instrument, state, venue)| {
            let states = [State::Gap, State::Resync, State::Disconnected, State::Connected, State::Scale];
            Shot::status(venue, instrument, states[state])
        },
    );
    prop_oneof![5 => book, 4 => data, 1 => status]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let offer = prop::collection::vec(shots(), 0..20).prop_map(Step::Offer);
    let outage = prop::collection::vec(
        (0_u32..4, prop::bool::ANY)
            .prop_map(|(instrument, gap)| Shot::status(0, instrument, if gap { State::Gap } else { State::Resync })),
        0..20,
    )
    .prop_map(Step::Offer);
    prop::collection::vec(prop_oneof![8 => offer, 1 => outage, 2 => Just(Step::Take)], 0..40)
}

fn filters() -> impl Strategy<Value = Filter> {
    let kinds = prop_oneof![
        4 => Just(Kind::ALL.to_vec()),
        1 => Just(vec![Kind::Book, Kind::Quote]),
        1 => Just(vec![Kind::Book, Kind::Status]),
        1 => Just(vec![]),
    ];
    let instruments = prop_oneof![3 => Just(None), 1 => prop::collection::vec(0_u32..5, 0..4).prop_map(Some)];
    (kinds, instruments, prop::bool::weighted(0.3)).prop_map(|(kinds, instruments, top)| {
        let filter = Filter::default().kinds(&kinds).top_of_book_changes(top);
        instruments.map_or(filter.clone(), |wanted| filter.instruments(&wanted))
    })
}

/// Runs the same steps through both and compares all that can be seen, after every step.
fn agree(policy: Policy, capacity: usize, filter: &Filter, steps: &[Step]) -> Result<(), TestCaseError> {
    let queue = Queue::new(Config { capacity_events: capacity, policy, filter: filter.clone() });
    let mut model = Model::new(policy, capacity, filter.clone());
    let (mut seq, mut out, mut taken) = (0, Batch::default(), BTreeMap::<u32, u64>::new());
    let status_keys = 2 * 5 * 5;
    for step in steps.iter().chain([&Step::Take]) {
        match step {
            Step::Offer(shots) => {
                let mut batch = Batch::default();
                for shot in shots {
                    seq += 1;
                    let mut shot = shot.clone();
                    shot.event.seq = seq;
                    shot.push_to(&mut batch);
                    model.offer(&shot);
                }
                let pressure = queue.offer(&batch);
                let full = policy == Policy::Block && queue.pending() > capacity;
                let expected = if model.closed {
                    Pressure::Closed
                } else if full {
                    Pressure::Full
                } else {
                    Pressure::Ok
                };
                prop_assert_eq!(pressure, expected);
            }
            Step::Take => {
                let result = queue.take(&mut out, 0);
                let expected = model.take();
                prop_assert_eq!(items(&out), expected);
                prop_assert!(out.events.is_sorted_by_key(|event| event.seq));
                let books = out.events.iter().filter(|event| is(event, Kind::Book)).map(Event::book);
                let levels: usize = books.map(|book| book.bids + book.asks).sum();
                prop_assert_eq!(out.levels.len(), levels, "no levels of dead events are left");
                let closed = if model.closed { Taken::Closed(CloseReason::SlowConsumer) } else { Taken::Empty };
                prop_assert_eq!(result, if out.events.is_empty() { closed } else { Taken::Events(out.events.len()) });
                for event in &out.events {
                    *taken.entry(event.instrument).or_default() += 1;
                }
            }
        }
        prop_assert_eq!(queue.pending(), model.pending.len());
        prop_assert_eq!(queue.is_relieved(), model.pending.len() <= capacity / 2);
        let expected: Vec<Account> = model.accounts.values().copied().filter(|account| account.received > 0).collect();
        prop_assert_eq!(queue.accounts(), expected);
        let totals = queue.totals();
        prop_assert_eq!(totals.filtered, model.filtered);
        let sums =
            [totals.received, totals.delivered, totals.conflated, totals.dropped, totals.pending, totals.filtered];
        prop_assert_eq!(queue.slot().cell.account(), sums, "what others see is the same");
        prop_assert_eq!(queue.books_lost(), model.broken.iter().copied().collect::<Vec<_>>());
        // And what must hold whatever the model says.
        for account in queue.accounts() {
            check_identity(&account);
            prop_assert_eq!(account.delivered, taken.get(&account.instrument).copied().unwrap_or(0));
        }
        match policy {
            Policy::Conflate | Policy::DropOldest => prop_assert!(queue.pending() <= capacity.max(status_keys)),
            Policy::Disconnect => prop_assert!(queue.pending() <= capacity),
            Policy::Block => prop_assert_eq!(queue.totals().conflated + queue.totals().dropped, 0),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_policy_does_what_the_model_does(
        policy in prop::sample::select(Policy::ALL.to_vec()),
        capacity in 1_usize..40,
        filter in filters(),
        steps in steps(),
    ) {
        agree(policy, capacity, &filter, &steps)?;
    }

    /// Unfiltered, the two policies that lose events, where most of the rules are.
    #[test]
    fn lossy_policies_do_what_the_model_does(conflate in any::<bool>(), capacity in 1_usize..25, steps in steps()) {
        let policy = if conflate { Policy::Conflate } else { Policy::DropOldest };
        agree(policy, capacity, &Filter::default(), &steps)?;
    }
}
