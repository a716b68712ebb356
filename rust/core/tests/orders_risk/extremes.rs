//! Whatever numbers come: an answer with its words, never a panic; and nothing is let through that is not at its scale.

use super::support::{ANYTHING, dec, spot};
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::{Open, Position};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{BudgetLimits, Intent, Limits, Risk, Seen, Top};
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side, Unit};
use proptest::prelude::*;
use proptest::sample::select;

fn whole() -> impl Strategy<Value = i64> {
    prop_oneof![
        select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, 2, 10, i64::MAX - 1, i64::MAX]),
        (any::<i64>(), 0_u32..63).prop_map(|(value, shift)| value >> shift),
    ]
}

fn wide() -> impl Strategy<Value = i128> {
    prop_oneof![
        select(vec![i128::MIN, i128::MIN + 1, -1, 0, 1, i128::MAX]),
        (any::<i128>(), 0_u32..127).prop_map(|(value, shift)| value >> shift),
    ]
}

fn scale() -> impl Strategy<Value = u8> {
    prop_oneof![0_u8..19, any::<u8>()]
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (whole(), scale()).prop_map(|(coef, scale)| Decimal { coef, scale })
}

prop_compose! {
    fn rules()(
        product in select(Product::ALL.to_vec()),
        price_scale in scale(),
        size_scale in scale(),
        (tick, lot, min_size, max_size, min_price) in (whole(), whole(), whole(), whole(), whole()),
        min_notional in wide(),
    ) -> Rules {
        Rules { product, price_scale, size_scale, tick, lot, min_size, max_size, min_price, min_notional, ..spot() }
    }
}

prop_compose! {
    fn intent()(
        side in select(Side::ALL.to_vec()),
        order_type in select(OrderType::ALL.to_vec()),
        offset in select(Offset::ALL.to_vec()),
        unit in select(Unit::ALL.to_vec()),
        price in decimal(),
        quantity in decimal(),
    ) -> Intent {
        Intent { desk: 0, instrument: 0, side, order_type, offset, unit, price, quantity }
    }
}

prop_compose! {
    fn limits()(
        (max_quantity, max_notional, max_position) in
            (prop::option::of(decimal()), prop::option::of(decimal()), prop::option::of(decimal())),
        collar in prop::option::of(any::<u32>()),
        (collar_max_age, duplicate_window) in (whole(), whole()),
        collar_without_book: bool,
        (max_open_orders, max_open_orders_venue) in (prop::option::of(any::<u32>()), prop::option::of(any::<u32>())),
    ) -> Limits {
        Limits {
            max_quantity, max_notional, collar, collar_max_age, collar_without_book, max_position, max_open_orders,
            max_open_orders_venue, duplicate_window,
        }
    }
}

prop_compose! {
    fn seen()(
        mode in select(Mode::ALL.to_vec()),
        (bid, ask, price_scale, valid, age) in (whole(), whole(), scale(), any::<bool>(), whole()),
        has_book: bool,
        (long, short) in (wide(), wide()),
        (buy, sell) in ([whole(), whole(), whole()], [whole(), whole(), whole()]),
        (orders, unknown, live) in (any::<u32>(), any::<u32>(), any::<u32>()),
    ) -> Seen {
        let top = has_book.then_some(Top { bid, ask, price_scale, valid, age });
        Seen::new(mode, top, Position { long, short }, Open { buy: buy.map(i128::from), sell: sell.map(i128::from), orders, unknown, money: 0 }, live)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_comes_there_is_an_answer(
        intent in intent(),
        rules in rules(),
        limits in limits(),
        seen in seen(),
        (requests, reserve, window) in (0_u32..70_000, any::<u32>(), whole()),
        times in [whole(), whole(), whole()],
    ) {
        let mut risk = Risk::new(limits);
        risk.set_supports(0, ANYTHING);
        risk.set_budget(0, BudgetLimits { requests, window, reserve });
        for now in times {
            match risk.check(&intent, &rules, &seen, now) {
                Ok(checked) => {
                    prop_assert_eq!(intent.price.at_scale(rules.price_scale), Some(checked.price));
                    prop_assert!(checked.quantity > 0);
                    prop_assert!(seen.mode != Mode::Halted);
                }
                Err(reject) => {
                    let text = reject.to_string();
                    prop_assert!(text.ends_with(&format!(" (rule {})", reject.rule.name())) && !text.contains('\n'), "{}", text);
                }
            }
            risk.take_cancel(0, now);
            risk.take_query(0, now);
        }
    }
}

#[test]
fn the_largest_numbers_do_not_slip_through_by_saturating() {
    // 9.2e18 at scale 0 is 9,223,372,036,854,775,707 above a book of 100, and 1 basis point of 100 is 0.01
    let mut case = super::support::Case::new();
    (case.rules.price_scale, case.rules.size_scale, case.rules.tick, case.rules.lot) = (0, 18, 1, 1);
    (case.rules.max_size, case.rules.min_size, case.rules.min_notional) = (0, 0, 0);
    case.intent.price = Decimal { coef: i64::MAX, scale: 0 };
    case.limits.collar = Some(1);
    case.clone()
        .top(|top| (top.ask, top.price_scale) = (100, 0))
        .refused("price 9223372036854775807: the limit is 100.01, 1 basis points through our own book (rule collar)");
    // nor does a market order's worth: the most that fits, 9.2 x 9.2e18, against a limit that would overflow when raised
    let mut case = case.typed(OrderType::Market).limits(|limits| *limits = Limits::default());
    case.intent.quantity = Decimal { coef: i64::MAX, scale: 18 };
    case.limits.max_notional = Some(dec("1000000000000000000"));
    case.top(|top| (top.ask, top.price_scale) = (i64::MAX, 0)).refused(
        "price x quantity 85070591730234615847.396907784232501249: our limit is 1000000000000000000 (rule max_notional)",
    );
}
