//! While reducing, only what can only reduce: however the live orders of that side are filled, nothing is opened or turned.

use super::support::{Case, dec, money};
use ferrofeed_core::orders::ledger::Position;
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::Rule;
use ferrofeed_core::orders::{Offset, OrderType, Side};

fn reducing(case: Case, long: &str, short: &str) -> Case {
    let position = Position { long: money(long), short: money(short) };
    case.seen(|seen| (seen.mode, seen.position) = (Mode::Reducing, position))
}

#[test]
fn a_sale_of_spot_is_bounded_by_what_is_held_and_not_for_sale_yet() {
    let sale = |quantity: &str| {
        reducing(Case::new().sided(Side::Sell).quantity(quantity), "3", "0").seen(|seen| seen.open.sell = [1_000, 0, 0])
    };
    sale("1.998").passes();
    sale("2").passes();
    sale("2.002").refused("reducing: at most 2 can be reduced, not 2.002 (rule reducing)");
    sale("2").typed(OrderType::Market).passes();
    sale("2.002").typed(OrderType::Market).refused("reducing: at most 2 can be reduced, not 2.002 (rule reducing)");
    // all of it is for sale already, or more than all
    for open in [3_000, 3_001, i128::from(i64::MAX)] {
        sale("0.2")
            .seen(|seen| seen.open.sell = [open, 0, 0])
            .refused("reducing: at most 0 can be reduced, not 0.2 (rule reducing)");
    }
    // what is being bought may not come
    sale("2.002")
        .seen(|seen| seen.open.buy = [9_000, 0, 0])
        .refused("reducing: at most 2 can be reduced, not 2.002 (rule reducing)");
}

#[test]
fn a_purchase_of_spot_is_bounded_by_what_is_short() {
    let purchase = |quantity: &str, long: &str| {
        reducing(Case::new().quantity(quantity), long, "0").seen(|seen| seen.open.buy = [1_000, 0, 0])
    };
    purchase("2", "-3").passes();
    purchase("2.002", "-3").refused("reducing: at most 2 can be reduced, not 2.002 (rule reducing)");
    purchase("0.2", "3").refused("reducing: at most 0 can be reduced, not 0.2 (rule reducing)");
    purchase("0.2", "0").refused("reducing: at most 0 can be reduced, not 0.2 (rule reducing)");
    // nobody knows what money buys
    purchase("20", "-3").spending("20").refused("reducing: at most 2 can be reduced, not 20 (rule reducing)");
}

#[test]
fn a_contract_is_closed_up_to_its_own_position_and_never_opened() {
    for (side, long, short) in [(Side::Sell, "3", "7"), (Side::Buy, "7", "3")] {
        let close = |quantity: &str| {
            reducing(Case::contract(side, Offset::Close).quantity(quantity), long, short).seen(|seen| match side {
                Side::Buy => (seen.open.buy, seen.open.sell) = ([0, 5_000, 1_000], [0, 5_000, 5_000]),
                Side::Sell => (seen.open.sell, seen.open.buy) = ([0, 5_000, 1_000], [0, 5_000, 5_000]),
            })
        };
        close("2").passes();
        close("2.002").refused("reducing: at most 2 can be reduced, not 2.002 (rule reducing)");
        let open = reducing(Case::contract(side, Offset::Open), long, short);
        open.refused("reducing: at most 0 can be reduced, not 1 (rule reducing)");
    }
}

/// Orders that are let through one after the other, and then filled in whatever part, leave a position between what it was and 0.
#[test]
fn no_sequence_of_orders_opens_or_turns_a_position() {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let start = i64::try_from(random(20_001)).unwrap() - 10_000;
        let mut open = ([0_i128; 3], [0_i128; 3]);
        let mut orders = Vec::new();
        for _ in 0..12 {
            let side = if random(2) == 0 { Side::Buy } else { Side::Sell };
            let size = i64::try_from(random(4_000)).unwrap() * 2 + 200;
            let mut case = Case::new().sided(side);
            case.intent.quantity = dec(&format!("{}.{:03}", size / 1_000, size % 1_000));
            case.seen.mode = Mode::Reducing;
            case.seen.position.long = i128::from(start) * 10_i128.pow(15);
            (case.seen.open.buy, case.seen.open.sell) = open;
            match case.check() {
                Ok(checked) => {
                    assert_eq!(checked.quantity, size);
                    let sums = if side == Side::Buy { &mut open.0 } else { &mut open.1 };
                    sums[0] += i128::from(size);
                    orders.push((side, size));
                    passed += 1;
                }
                Err(reject) => {
                    assert_eq!(reject.rule, Rule::Reducing, "{reject}");
                    refused += 1;
                }
            }
        }
        for _ in 0..4 {
            let end = orders.iter().fold(start, |at, (side, size)| {
                at + side.sign() * i64::try_from(random(u64::try_from(*size).unwrap() + 1)).unwrap()
            });
            let whole = orders.iter().fold(start, |at, (side, size)| at + side.sign() * size);
            for end in [end, whole] {
                assert!(end.signum() * start.signum() >= 0 && end.abs() <= start.abs(), "{start} became {end}");
            }
        }
    }
    assert!(passed > 1_000 && refused > 1_000, "{passed} let through, {refused} refused");
}
