//! Random schedules of faults over the router and the paper exchange, on a virtual clock: whatever the network, the venue and the
//! process do, there are never two live orders of one intent, nothing is sent late or twice, every order has one end, the journal
//! makes the state, and when all is quiet the router knows what the venue knows, to the last digit.
//!
//! `FERROFEED_SCHEDULES` says how many (100,000 for the record, some thousands by default); a failure is shrunk to its shortest form.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]

mod step;
mod venue;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use world::{Dialect, World};

fn schedules(dialect: Dialect) {
    let cases = std::env::var("FERROFEED_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let persistence = FileFailurePersistence::Off;
    let config = Config { cases, failure_persistence: Some(Box::new(persistence)), ..Config::default() };
    let result = TestRunner::new(config).run(&(any::<u64>(), step::steps(60)), |(seed, steps)| {
        let mut world = World::new(dialect, seed);
        for step in steps {
            world.take(step);
        }
        world.finish();
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_venue_with_ids_and_history() {
    schedules(Dialect::Paper);
}

#[test]
fn a_gateway_without_ids_and_history() {
    schedules(Dialect::Gateway);
}
