#![allow(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

use super::*;
use crate::clock::monotonic_ns;
use crate::event::{Action, BookView, Level, State, flag};
use std::sync::atomic::AtomicBool;

mod model;

/// An event on its way, with its levels.
#[derive(Clone, Debug)]
struct Shot {
    event: Event,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Shot {
    fn plain(kind: Kind, instrument: u32) -> Self {
        Self { event: Event { instrument, ..Event::new(kind) }, bids: vec![], asks: vec![] }
    }

    fn bar(instrument: u32, interval: u8) -> Self {
        let mut shot = Self::plain(Kind::Bar, instrument);
        shot.event.interval = interval;
        shot
    }

    fn status(venue: u16, instrument: u32, state: State) -> Self {
        let mut shot = Self::plain(Kind::Status, instrument);
        (shot.event.venue, shot.event.state) = (venue, state as u8);
        shot
    }

    fn book(instrument: u32, update: bool, top: i64, bids: usize, asks: usize) -> Self {
        let mut shot = Self::plain(Kind::Book, instrument);
        shot.event.action = if update { Action::Update } else { Action::Snapshot } as u8;
        shot.event.flags = flag::VALID;
        let side = |from: i64, count| (from..).take(count).map(|price| Level { price, size: top }).collect();
        (shot.bids, shot.asks) = (side(100, bids), side(200, asks));
        let best_bid = Level { price: 100, size: top };
        shot.event.set_book(&BookView { best_bid, ..BookView::default() });
        shot
    }

    fn push_to(&self, batch: &mut Batch) {
        if self.event.kind == Kind::Book as u8 {
            batch.push_book(self.event, &self.bids, &self.asks);
        } else {
            batch.events.push(self.event);
        }
    }
}

fn check_identity(account: &Account) {
    let Account { received, delivered, conflated, dropped, pending, inserted, .. } = *account;
    assert_eq!(received, delivered + conflated + dropped + pending, "{account:?}");
    assert!(inserted <= received);
}

fn queue(policy: Policy, capacity_events: usize) -> Queue {
    Queue::new(Config { capacity_events, policy, filter: Filter::default() })
}

/// Numbers the shots from `seq` on and offers them as one read.
fn offer(queue: &Queue, seq: u64, shots: &[Shot]) -> Pressure {
    let mut batch = Batch::default();
    for (shot, seq) in shots.iter().zip(seq..) {
        let mut shot = shot.clone();
        shot.event.seq = seq;
        shot.push_to(&mut batch);
    }
    queue.offer(&batch)
}

/// What a take gives, one word an event: kind or state, seq, `!` if lossy.
fn taken(queue: &Queue) -> String {
    let mut out = Batch::default();
    let _ = queue.take(&mut out, 0);
    let words = out.events.iter().map(|event| {
        let name = match event.status().filter(|_| event.kind == Kind::Status as u8) {
            Some((state, _)) => state.name(),
            None => event.kind().unwrap().name(),
        };
        format!("{name}{}{}", event.seq, if event.flags & flag::LOSSY == 0 { "" } else { "!" })
    });
    words.collect::<Vec<_>>().join(" ")
}

fn quotes(count: usize) -> Vec<Shot> {
    vec![Shot::plain(Kind::Quote, 0); count]
}

fn totals(queue: &Queue) -> (u64, u64, u64, u64, u64) {
    let Totals { received, delivered, conflated, dropped, pending, .. } = queue.totals();
    (received, delivered, conflated, dropped, pending)
}

#[test]
fn drop_oldest_marks_what_follows_the_loss() {
    let queue = queue(Policy::DropOldest, 3);
    let (a, b) = (Shot::plain(Kind::Trade, 0), Shot::plain(Kind::Trade, 1));
    assert_eq!(offer(&queue, 1, &[a.clone(), b.clone(), a.clone(), b.clone(), b]), Pressure::Ok);
    assert_eq!(taken(&queue), "trade3! trade4! trade5");
    assert_eq!(totals(&queue), (5, 3, 0, 2, 0));
    assert_eq!(offer(&queue, 6, &[a]), Pressure::Ok);
    assert_eq!(taken(&queue), "trade6", "said once");
}

#[test]
fn a_loss_with_nothing_after_it_is_told_by_the_next_event() {
    let queue = queue(Policy::DropOldest, 1);
    let (a, b) = (Shot::plain(Kind::Trade, 0), Shot::plain(Kind::Quote, 1));
    let _ = offer(&queue, 1, &[a.clone(), b]);
    assert_eq!(taken(&queue), "quote2");
    let _ = offer(&queue, 3, &[a]);
    assert_eq!(taken(&queue), "trade3!");
}

#[test]
fn status_events_outlive_the_data_and_conflate_alone() {
    let queue = queue(Policy::DropOldest, 2);
    let gap = Shot::status(0, 7, State::Gap);
    let resync = Shot::status(0, 7, State::Resync);
    let _ = offer(&queue, 1, &[gap.clone(), Shot::plain(Kind::Trade, 7), resync.clone()]);
    assert_eq!(totals(&queue), (3, 0, 0, 1, 2), "the trade went, it was the only data");
    let _ = offer(&queue, 4, &[gap, Shot::plain(Kind::Trade, 7)]);
    assert_eq!(taken(&queue), "resync3! gap4!", "the last word is the gap");
    assert_eq!(totals(&queue), (5, 2, 1, 2, 0));
}

#[test]
fn conflate_keeps_the_latest_of_each_key_in_order() {
    let queue = queue(Policy::Conflate, 100);
    let quote = Shot::plain(Kind::Quote, 0);
    let shots = [
        quote.clone(),
        Shot::plain(Kind::Quote, 1),
        Shot::bar(0, 1),
        Shot::bar(0, 2),
        Shot::plain(Kind::Trade, 0),
        quote,
        Shot::bar(0, 1),
        Shot::plain(Kind::Trade, 0),
    ];
    let _ = offer(&queue, 1, &shots);
    assert_eq!(taken(&queue), "quote2 bar4 quote6! bar7! trade8!");
    assert_eq!(totals(&queue), (8, 5, 3, 0, 0));
}

#[test]
fn no_outage_is_hidden_by_what_follows_it() {
    let queue = queue(Policy::Conflate, 100);
    let states = [State::Gap, State::Resync, State::Disconnected, State::Connected, State::Gap];
    let shots: Vec<Shot> = states.into_iter().map(|state| Shot::status(0, 1, state)).collect();
    let _ = offer(&queue, 1, &shots);
    assert_eq!(taken(&queue), "resync2 disconnected3 connected4 gap5!");
}

#[test]
fn a_snapshot_replaces_snapshot_and_changes() {
    let queue = queue(Policy::Conflate, 100);
    let (snapshot, change) = (Shot::book(0, false, 1, 2, 2), Shot::book(0, true, 1, 1, 0));
    let _ = offer(&queue, 1, &[snapshot.clone(), change.clone(), change.clone(), snapshot, change]);
    let mut out = Batch::default();
    assert_eq!(queue.take(&mut out, 0), Taken::Events(2));
    assert_eq!(out.levels.len(), 4 + 1, "the levels of the replaced are gone");
    assert_eq!(out.levels_of(&out.events[0]).0.len(), 2);
    assert_eq!(out.levels_of(&out.events[1]).0, [Level { price: 100, size: 1 }]);
    assert_eq!(totals(&queue), (5, 2, 3, 0, 0));
}

#[test]
fn lost_changes_leave_a_gap_and_a_snapshot_mends_it() {
    for policy in [Policy::Conflate, Policy::DropOldest] {
        let queue = queue(policy, 3);
        let (snapshot, change) = (Shot::book(0, false, 1, 1, 1), Shot::book(0, true, 1, 1, 0));
        let _ = offer(&queue, 1, &[change.clone(), change.clone(), change.clone(), change.clone()]);
        assert_eq!(queue.books_lost(), [0]);
        let _ = offer(&queue, 5, std::slice::from_ref(&change));
        assert_eq!(taken(&queue), "gap1!", "one word for all five, where the first was");
        let _ = offer(&queue, 6, std::slice::from_ref(&change));
        assert_eq!(taken(&queue), "", "still nothing it could be applied to");
        let _ = offer(&queue, 7, &[snapshot, change]);
        assert!(queue.books_lost().is_empty());
        assert_eq!(taken(&queue), "book7! resync7 book8");
        assert_eq!(totals(&queue), (10, 4, 0, 6, 0));
        assert_eq!(queue.totals().inserted, 2);
    }
}

#[test]
fn a_flood_of_changes_pays_before_a_quiet_quote() {
    let queue = queue(Policy::Conflate, 4);
    let _ = offer(&queue, 1, &[Shot::plain(Kind::Quote, 5), Shot::book(1, true, 1, 1, 0)]);
    let _ = offer(&queue, 3, &vec![Shot::book(2, true, 1, 1, 0); 3]);
    assert_eq!(taken(&queue), "quote1 book2 gap3!");
}

#[test]
fn disconnect_delivers_what_waited_and_nothing_after() {
    let queue = queue(Policy::Disconnect, 2);
    assert_eq!(offer(&queue, 1, &quotes(2)), Pressure::Ok);
    assert_eq!(offer(&queue, 3, &quotes(2)), Pressure::Closed);
    let mut out = Batch::default();
    assert_eq!(queue.take(&mut out, 0), Taken::Events(2));
    assert_eq!(queue.take(&mut out, 0), Taken::Closed(CloseReason::SlowConsumer));
    assert_eq!(offer(&queue, 5, &quotes(1)), Pressure::Closed, "also when there is room again");
    assert_eq!(totals(&queue), (5, 2, 0, 3, 0));
}

#[test]
fn block_keeps_everything_and_asks_for_a_pause() {
    let queue = queue(Policy::Block, 4);
    assert_eq!(offer(&queue, 1, &quotes(4)), Pressure::Ok);
    assert_eq!(offer(&queue, 5, &quotes(3)), Pressure::Full);
    assert!(!queue.is_relieved());
    let mut out = Batch::default();
    assert_eq!(queue.take(&mut out, 0), Taken::Events(7));
    assert!(queue.is_relieved());
    assert_eq!(offer(&queue, 8, &quotes(2)), Pressure::Ok);
    assert!(queue.is_relieved(), "half the capacity is little enough");
}

#[test]
fn closing_keeps_or_drops_what_waits() {
    let by_producer = queue(Policy::DropOldest, 10);
    let _ = offer(&by_producer, 1, &quotes(3));
    by_producer.close(CloseReason::Producer);
    by_producer.close(CloseReason::SlowConsumer);
    let mut out = Batch::default();
    assert_eq!(by_producer.take(&mut out, 0), Taken::Events(3));
    assert_eq!(by_producer.take(&mut out, 0), Taken::Closed(CloseReason::Producer));

    let by_consumer = queue(Policy::Block, 10);
    let _ = offer(&by_consumer, 1, &quotes(3));
    by_consumer.close(CloseReason::Consumer);
    assert_eq!(offer(&by_consumer, 4, &quotes(1)), Pressure::Closed);
    assert_eq!(by_consumer.take(&mut out, 0), Taken::Closed(CloseReason::Consumer));
    assert_eq!(totals(&by_consumer), (4, 0, 0, 4, 0));
    assert_eq!(by_consumer.closed(), Some(CloseReason::Consumer));
}

#[test]
fn filtered_events_are_in_no_account() {
    let filter = Filter::default().kinds(&[Kind::Quote, Kind::Status]).instruments(&[1, 64]);
    let queue = Queue::new(Config { capacity_events: 9, policy: Policy::DropOldest, filter });
    let wanted =
        [Shot::plain(Kind::Quote, 1), Shot::plain(Kind::Quote, 64), Shot::status(0, NO_INSTRUMENT, State::Connected)];
    let unwanted = [Shot::plain(Kind::Trade, 1), Shot::plain(Kind::Quote, 0), Shot::plain(Kind::Quote, 65)];
    let mut stray = Shot::plain(Kind::Quote, 1);
    stray.event.kind = 9;
    let _ = offer(&queue, 1, &[&wanted[..], &unwanted[..], &[stray]].concat());
    assert_eq!(taken(&queue), "quote1 quote2 connected3");
    assert_eq!((queue.totals().received, queue.totals().filtered), (3, 4));
    assert_eq!(queue.accounts().iter().map(|account| account.instrument).collect::<Vec<_>>(), [1, 64, NO_INSTRUMENT]);
    queue.set_filter(Filter::default());
    let _ = offer(&queue, 8, &[Shot::plain(Kind::Trade, 0), Shot::plain(Kind::Trade, MAX_INSTRUMENTS)]);
    assert_eq!(taken(&queue), "trade8");
}

#[test]
fn tops_come_when_they_change() {
    let filter = Filter::default().top_of_book_changes(true);
    let queue = Queue::new(Config { capacity_events: 2, policy: Policy::DropOldest, filter });
    let book = |top| Shot::book(0, false, top, 1, 1);
    let _ = offer(&queue, 1, &[book(1), book(1), book(2)]);
    assert_eq!(taken(&queue), "book1 book3");
    let _ = offer(&queue, 4, &[book(2), Shot::status(0, 0, State::Gap), book(2)]);
    assert_eq!(taken(&queue), "gap5 book6", "after a status event the top is said again");
    let mut invalid = book(2);
    invalid.event.flags = 0;
    let mut reconnected = invalid.clone();
    reconnected.event.epoch = 1;
    let _ = offer(&queue, 7, &[invalid, reconnected]);
    assert_eq!(taken(&queue), "book7 book8");
    // A top that was dropped was not told: it comes again.
    let _ = offer(&queue, 9, &[book(3), Shot::plain(Kind::Quote, 1), Shot::plain(Kind::Quote, 2), book(3)]);
    assert_eq!(taken(&queue), "quote11 book12!");
}

#[test]
fn memory_is_bounded_under_a_consumer_that_never_comes() {
    for policy in [Policy::Conflate, Policy::DropOldest] {
        let queue = queue(policy, 100);
        let mut shots = vec![Shot::book(0, false, 1, 20, 20)];
        shots.extend((0..5).map(|instrument| Shot::plain(Kind::Trade, instrument)));
        for round in 0..20_000_u64 {
            let _ = offer(&queue, round * 6 + 1, &shots);
            let (events, levels) = queue.lock().pending.held();
            assert!(events < 250 && levels < 2_500, "{events} {levels}");
        }
        queue.accounts().iter().for_each(check_identity);
    }
}

#[test]
fn a_steady_state_uses_the_same_memory() {
    for policy in Policy::ALL {
        let queue = queue(policy, 64);
        let mut out = Batch::default();
        let shots: Vec<Shot> = (0..4)
            .flat_map(|i| [Shot::plain(Kind::Quote, i), Shot::book(i, false, 1, 5, 5)])
            .cycle()
            .take(40)
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..100_u64 {
            let _ = offer(&queue, round * 40 + 1, &shots);
            let _ = queue.take(&mut out, 0);
            if round >= 4 {
                seen.insert((out.events.as_ptr(), out.levels.as_ptr()));
            }
        }
        assert_eq!(seen.len(), 2, "two buffers go to and fro ({})", policy.name());
    }
}

#[test]
fn latency_is_from_booked_to_taken() {
    let queue = queue(Policy::DropOldest, 10);
    let mut shots = quotes(3);
    (shots[0].event.ts_booked, shots[1].event.ts_booked) = (1_000, 99_999);
    let _ = offer(&queue, 1, &shots);
    let _ = queue.take(&mut Batch::default(), 1_250);
    let snapshot = queue.latency().snapshot();
    assert_eq!((snapshot.count(), snapshot.sum_ns(), snapshot.negative()), (2, 250, 0));
}

#[test]
fn an_armed_waker_is_called_once_for_each_sleep() {
    let queue = queue(Policy::DropOldest, 10);
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    queue.set_waker(Box::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    let count = || calls.load(Ordering::SeqCst);
    let _ = offer(&queue, 1, &quotes(1));
    assert_eq!(count(), 0, "not armed");
    assert!(!queue.arm(), "something waits");
    let _ = taken(&queue);
    assert!(queue.arm());
    let _ = offer(&queue, 2, &[]);
    assert_eq!(count(), 0, "nothing came");
    let _ = offer(&queue, 2, &quotes(1));
    let _ = offer(&queue, 3, &quotes(1));
    assert_eq!(count(), 1);
    let _ = taken(&queue);
    let _ = offer(&queue, 4, &quotes(1));
    assert_eq!(count(), 1, "not armed again");
    let _ = taken(&queue);
    assert!(queue.arm());
    queue.close(CloseReason::Producer);
    assert_eq!(count(), 2, "the end is news too");
    assert!(!queue.arm());
}

#[test]
fn waiting_ends_with_an_event_or_the_end_or_the_time() {
    let queue = queue(Policy::DropOldest, 10);
    assert!(!queue.wait(Duration::from_millis(1)));
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| queue.wait(Duration::from_secs(60)));
        let _ = offer(&queue, 1, &quotes(1));
        assert!(sleeper.join().unwrap());
        let _ = taken(&queue);
        let sleeper = scope.spawn(|| queue.wait(Duration::from_secs(60)));
        queue.close(CloseReason::Producer);
        assert!(sleeper.join().unwrap());
    });
}

/// A feed and a consumer at full speed: nothing is lost that is not accounted for, and the order holds.
#[test]
fn two_threads_agree_on_every_event() {
    const READS: u64 = 20_000;
    const PER_READ: u64 = 7;
    for policy in Policy::ALL {
        let queue = queue(policy, 50);
        let done = AtomicBool::new(false);
        let (mut taken, mut last) = (0_u64, 0_u64);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut shots: Vec<Shot> = (0..4).map(|i| Shot::plain(Kind::Quote, i)).collect();
                shots.extend((0..3).map(|i| Shot::book(i, false, 1, 3, 3)));
                for read in 0..READS {
                    if offer(&queue, read * PER_READ + 1, &shots) == Pressure::Full {
                        while !queue.is_relieved() {
                            std::thread::yield_now();
                        }
                    }
                }
                done.store(true, Ordering::SeqCst);
                queue.close(CloseReason::Producer);
            });
            let mut out = Batch::default();
            loop {
                let _ = queue.wait(Duration::from_secs(10));
                match queue.take(&mut out, monotonic_ns()) {
                    Taken::Closed(_) => break,
                    Taken::Empty => {}
                    Taken::Events(count) => {
                        assert_eq!(count, out.events.len());
                        taken += count as u64;
                        for event in &out.events {
                            assert!(event.seq > last);
                            last = event.seq;
                            let (bids, _) = out.levels_of(event);
                            assert_eq!(bids.len(), if event.kind == Kind::Book as u8 { 3 } else { 0 });
                        }
                    }
                }
                queue.accounts().iter().for_each(check_identity);
            }
        });
        let totals = queue.totals();
        assert!(done.load(Ordering::SeqCst));
        assert_eq!(totals.received, READS * PER_READ);
        assert_eq!((totals.delivered, totals.pending), (taken, 0));
        assert_eq!(totals.received, totals.delivered + totals.conflated + totals.dropped);
        match policy {
            Policy::Block => assert_eq!(taken, READS * PER_READ),
            Policy::Disconnect => {}
            Policy::Conflate | Policy::DropOldest => assert_eq!(last, READS * PER_READ, "the newest always arrives"),
        }
    }
}

/// `cargo test --release -p ferrofeed-core queue::tests::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost_of_an_event() {
    for (name, shot) in [("quote", Shot::plain(Kind::Quote, 0)), ("book 5x5", Shot::book(0, false, 1, 5, 5))] {
        for policy in Policy::ALL {
            for (per_read, instruments) in [(1_u64, 1_u32), (64, 16), (64, 1_000)] {
                let queue = queue(policy, 65_536);
                let mut batch = Batch::default();
                for at in 0..per_read {
                    let mut shot = shot.clone();
                    shot.event.instrument = u32::try_from(at).unwrap() * (instruments / 16).max(1) % instruments;
                    shot.event.ts_booked = 1;
                    shot.push_to(&mut batch);
                }
                let mut out = Batch::default();
                let rounds = 2_000_000 / per_read;
                let mut best = i64::MAX;
                for _ in 0..5 {
                    let start = monotonic_ns();
                    for _ in 0..rounds {
                        let _ = queue.offer(&batch);
                        let _ = queue.take(&mut out, 1_000);
                    }
                    best = best.min(monotonic_ns() - start);
                }
                let ns10 = best * 10 / i64::try_from(rounds * per_read).unwrap();
                println!(
                    "{name:9} {:12} {per_read:3} a read, {instruments:4} instruments: {}.{} ns",
                    policy.name(),
                    ns10 / 10,
                    ns10 % 10
                );
            }
        }
    }
}
