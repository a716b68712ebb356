//! What operators and the API ask of a desk, and ids that a venue gives again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]

mod orders_support;

use ferrofeed_core::clock::{Nanos, Stamp};
use ferrofeed_core::orders::journal::Status;
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::record::{Changed, Placed, Record};
use ferrofeed_core::orders::risk::{Limits, Risk};
use ferrofeed_core::orders::router::{EventKind, Request, Router, Sink, Speaker};
use ferrofeed_core::orders::state::{Change, OrderState};
use ferrofeed_core::orders::{Offset, OrderType, Product, Side, Unit};
use orders_support::{EPOCH, SECOND, World, config, rules};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_refresh_asks_for_everything_once() {
    let mut world = World::ready(Speaker::Paper);
    let now = world.stamp();
    assert!(world.router.refresh(world.desk, now));
    assert!(world.router.refresh(world.desk, now), "asking twice adds nothing");
    let mut asked = Vec::new();
    while let Some(sent) = world.sent() {
        asked.push(sent.request.clone());
        world.answer(&sent, &[]);
    }
    let (spot, contract) = (world.spot, world.contract);
    assert_eq!(
        asked,
        [
            Request::Rules(spot),
            Request::Orders(spot),
            Request::Rules(contract),
            Request::Orders(contract),
            Request::Balances,
            Request::Positions(contract),
        ]
    );
    world.router.closed(0, now);
    assert!(!world.router.refresh(world.desk, now), "there is nobody to ask");
    assert!(!world.router.refresh(99, now));
}

#[test]
fn a_router_that_was_ended_lets_go_of_its_journal_and_takes_nothing() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    assert_eq!(Arc::strong_count(&world.journal), 2);
    world.router.end("the feed was stopped");
    assert_eq!(Arc::strong_count(&world.journal), 1);
    assert_eq!(world.router.broken(), Some("the feed was stopped"));
    assert_eq!(world.state(id), OrderState::Working, "it can still be looked at");
}

/// A journal whose disk can fail a sync after the append that it was for.
struct Unsynced(Arc<AtomicBool>);

impl Sink for Unsynced {
    fn append(&mut self, _: Nanos, _: u8, _: &[u8]) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) { Err("fdatasync: no such luck".into()) } else { Ok(()) }
    }

    fn status(&mut self) -> Option<Status> {
        Some(Status { failed: self.0.load(Ordering::Relaxed), ..Status::default() })
    }
}

#[test]
fn a_sync_that_failed_is_found_out_without_a_next_entry() {
    let failed = Arc::new(AtomicBool::new(false));
    let sink = Box::new(Unsynced(Arc::clone(&failed)));
    let now = Stamp { realtime: EPOCH, monotonic: SECOND };
    let mut router = Router::new(config(), Ledger::new(1), Risk::new(Limits::default()), sink, now);
    router.kill("runaway", now);
    router.tick(now);
    assert_eq!(router.take_events().len(), 1);
    assert_eq!(router.broken(), None);
    failed.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        router.tick(now);
    }
    assert_eq!(router.broken(), Some("fdatasync: no such luck"));
    let told: Vec<_> = router.take_events().into_iter().map(|event| (event.kind, event.text)).collect();
    let texts = [
        "the journal failed, no new orders are taken: fdatasync: no such luck",
        "the journal can't be put on the disk",
    ];
    assert_eq!(told, texts.map(|text| (EventKind::Anomaly, text.into())), "once");
}

#[test]
fn an_id_that_a_venue_gives_again_belongs_to_the_newer_order() {
    let mut ledger = Ledger::new(1);
    let mut apply = |record: Record| ledger.apply(&record, 0).unwrap();
    apply(Record::Desk { desk: 0, name: "paper".into() });
    apply(Record::Instrument { instrument: 0, desk: 0, rules: rules("ETH/USDT", Product::Spot) });
    for (id, venue_id) in [(1, "1"), (2, "1"), (3, "2")] {
        apply(placed(id));
        apply(changed(id, Change::Accepted, venue_id));
        if id != 2 {
            apply(changed(id, Change::Cancelled, ""));
        }
    }
    assert!(ledger.order(1).is_none(), "one finished order is kept");
    assert_eq!(ledger.by_venue_id(0, "1"), Some(2));
    assert_eq!(ledger.by_venue_id(0, "2"), Some(3));
}

fn placed(id: u64) -> Record {
    Record::Placed(Placed {
        id,
        desk: 0,
        instrument: 0,
        strategy: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        offset: Offset::Net,
        unit: Unit::Base,
        price: 100,
        quantity: 1,
        intent: "".into(),
    })
}

fn changed(id: u64, change: Change, venue_id: &str) -> Record {
    let (venue_id, reason) = (venue_id.into(), "".into());
    Record::Changed(Changed { id, change, venue_id, filled: -1, cost: -1, terms: (0, 0), reason })
}
