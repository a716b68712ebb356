//! The paper exchange against a naive oracle: random orders, cancels, changes and live books of several accounts on spot and contract
//! markets. After each step both have said the same, and have the same orders, balances and positions; nothing is made or lost, nobody
//! without a lost position owes anything, what is locked is what orders and positions need, and no resting order crosses another.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests: what goes wrong here must stop the test"
)]

mod oracle;
mod pair;

use ferrofeed_core::exchange::Terms;
use ferrofeed_core::orders::{Offset, OrderType, Product, Side};
use pair::{Pair, Step, Wild};
use proptest::prelude::*;

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn order_type() -> impl Strategy<Value = OrderType> {
    prop_oneof![4 => Just(OrderType::Limit), 1 => Just(OrderType::Market), 1 => Just(OrderType::Ioc)]
}

/// What makes one order in a dozen a wrong one.
fn wild() -> impl Strategy<Value = Wild> {
    prop_oneof![
        30 => Just(Wild::No), 1 => Just(Wild::Price(0)), 1 => Just(Wild::Price(-5)), 1 => Just(Wild::Price(501)),
        1 => Just(Wild::Quantity(0)), 1 => Just(Wild::Quantity(-3)), 1 => Just(Wild::Quantity(4)),
        1 => Just(Wild::Quantity(3_000)), 1 => Just(Wild::Quantity(3)), 1 => Just(Wild::Offset), 1 => Just(Wild::Account),
        1 => Just(Wild::Instrument),
    ]
}

fn levels() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0..4_i64, 0..40_i64), 0..5)
}

/// Around the middle most of the time, so that orders meet and queue at one price; now and then far away.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 97..104_i64, 2 => 90..111_i64, 1 => 3..200_i64]
}

fn lots() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 2..6_i64, 2 => 1..25_i64, 1 => 25..101_i64]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_u32, 0..3_u32, side(), order_type(), any::<bool>(), price(), lots(), wild()).prop_map(
            |(account, instrument, side, order_type, closes, price, lots, wild)| Step::Submit {
                account, instrument, side, order_type, closes, price, lots, wild
            }
        ),
        3 => (0..3_u32, any::<usize>(), 0..8_u8).prop_map(|(account, order, aim)| Step::Cancel { account, order, aim }),
        3 => (any::<usize>(), 0..8_u8, prop_oneof![3 => Just(0_i64), 1 => -3..4_i64], -2..3_i64).prop_map(
            |(order, aim, move_by, more)| Step::Replace { order, aim, move_by, more }
        ),
        2 => (0..3_u32, 96..104_i64, 1..4_i64, levels(), levels()).prop_map(
            |(instrument, bid, spread, bids, asks)| Step::Market { instrument, bid, spread, bids, asks }
        ),
        2 => (0..3_u32, any::<usize>(), 0..3_i64).prop_map(|(instrument, level, more)| Step::Again { instrument, level, more }),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let ppm = || prop_oneof![Just(0_u32), Just(200), Just(333_333), 1..2_000_u32];
    (ppm(), ppm(), prop_oneof![2 => Just(1_u32), 1 => Just(3), 1 => Just(7), 1 => Just(100)])
        .prop_map(|(maker_ppm, taker_ppm, leverage)| Terms { maker_ppm, taker_ppm, leverage })
}

fn scales() -> impl Strategy<Value = (u8, u8)> {
    prop_oneof![Just((2, 1)), Just((10, 8)), Just((0, 0)), Just((8, 3))]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_exchange_does_as_the_oracle(
        terms in prop::array::uniform3(terms()),
        scales in scales(),
        keep in prop_oneof![Just(1_usize), Just(5), Just(1_000)],
        wealth in prop_oneof![Just(20_i64), Just(60), Just(200), Just(2_000), Just(100_000)],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let products = [Product::Spot, Product::Contract, Product::Contract];
        let mut pair = Pair::new(products, terms, scales, keep, wealth);
        for step in &steps {
            pair.step(step);
        }
        pair.sweep();
    }
}

#[test]
fn the_steps_reach_what_they_should() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 400);
    let mut reached = std::collections::BTreeMap::<String, usize>::new();
    for (leverage, wealth) in [(1, 20), (7, 60), (100, 2_000)] {
        let terms = Terms { maker_ppm: 200, taker_ppm: 500, leverage };
        let products = [Product::Spot, Product::Contract, Product::Contract];
        let mut pair = Pair::new(products, [terms; 3], (2, 1), 1_000, wealth);
        for step in steps.new_tree(&mut runner).unwrap().current() {
            pair.step(&step);
        }
        for what in pair.reached {
            *reached.entry(what).or_default() += 1;
        }
    }
    let offsets = [Offset::Net, Offset::Open, Offset::Close].map(|offset| format!("fill {}", offset.name()));
    let rejects = [
        "unknown_account",
        "unknown_instrument",
        "unknown_order",
        "filled",
        "cancelled",
        "price",
        "tick",
        "quantity",
        "lot",
        "size",
        "notional",
        "offset",
        "insufficient",
        "position",
        "book",
    ];
    let others = ["replaced", "partly", "self", "market", "unpaid", "several"];
    for what in offsets.iter().map(String::as_str).chain(rejects).chain(others) {
        assert!(reached.contains_key(what), "{what} was never reached: {reached:?}");
    }
}
