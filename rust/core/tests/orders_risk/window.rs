//! Repetitions within a window.

use super::support::{Case, dec};
use ferrofeed_core::clock::Nanos;
use ferrofeed_core::orders::ledger::{Open, Position};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{Limits, Risk, Rule};
use ferrofeed_core::orders::{Offset, OrderType, Side};
use proptest::prelude::*;

const WINDOW: Nanos = 1_000_000_000;

fn limits() -> Limits {
    Limits { duplicate_window: WINDOW, ..Limits::default() }
}

#[test]
fn the_same_order_again_is_refused_until_the_window_is_over() {
    let case = Case::new();
    let mut risk = Risk::new(limits());
    let mut at = |case: &Case, now| risk.check(&case.intent, &case.rules, &case.seen, now).map(drop);
    at(&case, 500).unwrap();
    let found = at(&case, 500).unwrap_err().to_string();
    assert_eq!(found, "the same order was placed 0 s ago: the least time between is 1 s (rule duplicate)");
    let found = at(&case, 500 + WINDOW - 1).unwrap_err().to_string();
    assert_eq!(found, "the same order was placed 0.999999999 s ago: the least time between is 1 s (rule duplicate)");
    at(&case, 500 + WINDOW).expect("refused ones do not count, and the first one is as old as the window");
    assert_eq!(at(&case, 501 + WINDOW).unwrap_err().rule, Rule::Duplicate);
}

#[test]
fn another_side_price_quantity_offset_or_instrument_is_another_order() {
    let case = Case::new();
    let mut risk = Risk::new(limits());
    let mut passes = |case: &Case| risk.check(&case.intent, &case.rules, &case.seen, 0).is_ok();
    assert!(passes(&case));
    assert!(passes(&case.clone().sided(Side::Sell)));
    assert!(passes(&case.clone().price("100.05")));
    assert!(passes(&case.clone().quantity("1.002")));
    let mut other = case.clone();
    other.intent.instrument = 1;
    assert!(passes(&other));
    let mut contract = Case::contract(Side::Buy, Offset::Open);
    assert!(passes(&contract));
    contract.intent.offset = Offset::Close;
    assert!(passes(&contract));
    assert!(!passes(&case.clone().typed(OrderType::Ioc)), "the type makes no other order of it");
    // no window, no rule
    let mut risk = Risk::default();
    for _ in 0..3 {
        risk.check(&case.intent, &case.rules, &case.seen, 0).expect("no window is set");
    }
}

/// A runaway loop that also changes the order a little: the memory stays bounded, the last 4,096 are known.
#[test]
fn the_last_4096_orders_are_remembered() {
    let mut risk = Risk::new(limits());
    let mut place = |number: i64| {
        let mut case = Case::new();
        case.intent.price = dec(&format!("{}", 100 + number));
        risk.check(&case.intent, &case.rules, &case.seen, number).map(drop)
    };
    for number in 0..4_096 {
        place(number).unwrap();
    }
    for number in 0..4_096 {
        assert_eq!(place(number).unwrap_err().rule, Rule::Duplicate, "{number}");
    }
    place(4_096).unwrap();
    place(0).expect("forgotten for the 4,097th");
    assert_eq!(place(2).unwrap_err().rule, Rule::Duplicate);
}

proptest! {
    #[test]
    fn as_a_list_of_all_orders_says(steps in prop::collection::vec((0_i64..WINDOW / 2, 0_u8..4, any::<bool>()), 1..200)) {
        let mut risk = Risk::new(limits());
        let mut all: Vec<(Nanos, u8, bool)> = Vec::new();
        let mut now = 0;
        for (step, kind, broken) in steps {
            now += step / if kind == 3 { 1 } else { 50 };
            let mut case = Case::new().price(["100", "100.05", "100", "100.05"][usize::from(kind)]);
            case.intent.side = if kind < 2 { Side::Buy } else { Side::Sell };
            case.seen.mode = if broken { Mode::Halted } else { Mode::Active };
            let repeated = all.iter().any(|(at, other, broken)| !broken && *other == kind && now - at < WINDOW);
            match risk.check(&case.intent, &case.rules, &case.seen, now) {
                Ok(_) => {
                    prop_assert!(!repeated && !broken);
                    all.push((now, kind, false));
                }
                Err(reject) => prop_assert_eq!(reject.rule, if broken { Rule::Halted } else { Rule::Duplicate }),
            }
            prop_assert_eq!(case.seen.position, Position::default());
            prop_assert_eq!(case.seen.open, Open::default());
        }
    }
}
