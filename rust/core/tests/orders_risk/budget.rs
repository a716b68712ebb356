//! A venue's budget: by brute force over random times, no window ever holds more than it may, and nothing that fits is refused.

use super::support::Case;
use ferrofeed_core::clock::Nanos;
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{BudgetLimits, Limits, Risk, Rule};
use proptest::prelude::*;

fn risk(limits: BudgetLimits) -> Risk {
    let mut risk = Risk::new(Limits::default());
    risk.set_budget(0, limits);
    risk
}

fn order(risk: &mut Risk, now: Nanos) -> Result<(), Rule> {
    let case = Case::new();
    risk.check(&case.intent, &case.rules, &case.seen, now).map(drop).map_err(|reject| reject.rule)
}

#[test]
fn orders_leave_the_reserve_to_cancels_and_questions_do_too() {
    let mut risk = risk(BudgetLimits { requests: 5, window: 1_000, reserve: 2 });
    for now in 0..2 {
        order(&mut risk, now).unwrap();
    }
    assert!(risk.take_query(0, 2));
    let case = Case::new();
    let reject = risk.check(&case.intent, &case.rules, &case.seen, 3).unwrap_err();
    assert_eq!(reject.to_string(), "3 requests in the window: orders may use 3 (rule rate)");
    assert!(!risk.take_query(0, 3));
    assert!(risk.take_cancel(0, 3) && risk.take_cancel(0, 4));
    assert!(!risk.take_cancel(0, 5), "the whole budget is used");
    // the first is as old as the window: one place is free, for a cancel
    assert!(!risk.take_query(0, 1_000));
    assert!(risk.take_cancel(0, 1_000));
    assert!(!risk.take_cancel(0, 1_000));
    // all but those of 1,000 are out: two more before the reserve begins
    for _ in 0..2 {
        order(&mut risk, 1_004).unwrap();
    }
    assert_eq!(order(&mut risk, 1_004), Err(Rule::Rate));
}

#[test]
fn an_order_that_is_refused_uses_nothing() {
    let mut risk = risk(BudgetLimits { requests: 1, window: 1_000, reserve: 0 });
    let mut broken = Case::new();
    broken.seen.mode = Mode::Halted;
    for _ in 0..10 {
        risk.check(&broken.intent, &broken.rules, &broken.seen, 0).expect_err("halted");
    }
    order(&mut risk, 0).unwrap();
    for now in 0..999 {
        assert_eq!(order(&mut risk, now), Err(Rule::Rate));
        assert!(!risk.take_cancel(0, now));
    }
    order(&mut risk, 1_000).expect("what was refused for the rate uses nothing either");
}

#[test]
fn no_window_is_no_limit_and_no_requests_is_none_at_all() {
    for window in [0, -1, Nanos::MIN] {
        let mut risk = risk(BudgetLimits { requests: 0, window, reserve: 9 });
        assert!(order(&mut risk, 0).is_ok() && risk.take_query(0, 0) && risk.take_cancel(0, 0));
    }
    let mut none = risk(BudgetLimits { requests: 0, window: 1, reserve: 0 });
    assert!(order(&mut none, 0).is_err() && !none.take_query(0, 0) && !none.take_cancel(0, 0));
    let mut reserved = risk(BudgetLimits { requests: 1, window: 1, reserve: 2 });
    assert!(order(&mut reserved, 0).is_err() && !reserved.take_query(0, 0) && reserved.take_cancel(0, 0));
    // a desk without a budget has no limit, whatever another one's is
    assert!(none.take_query(1, 0) && none.take_cancel(1, 0));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Order,
    Query,
    Cancel,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_window_holds_too_many_and_nothing_that_fits_is_refused(
        requests in 0_u32..8,
        reserve in 0_u32..9,
        window in 1_i64..200,
        start in prop_oneof![Just(0_i64), Just(i64::MIN / 2), Just(i64::MAX - 100_000)],
        steps in prop::collection::vec((0_i64..60, prop_oneof![Just(What::Order), Just(What::Query), Just(What::Cancel)]), 1..300),
    ) {
        let mut risk = risk(BudgetLimits { requests, window, reserve });
        let mut taken: Vec<Nanos> = Vec::new();
        let mut now = start;
        for (step, what) in steps {
            now += step;
            let allowed = match what {
                What::Order => order(&mut risk, now).is_ok(),
                What::Query => risk.take_query(0, now),
                What::Cancel => risk.take_cancel(0, now),
            };
            // the same from the list of everything, which the budget does not keep
            let inside = taken.iter().filter(|at| now - **at < window).count();
            let most = if what == What::Cancel { requests } else { requests.saturating_sub(reserve) };
            prop_assert_eq!(allowed, inside < most as usize);
            if allowed {
                taken.push(now);
            }
        }
        // and every window there is, wherever it begins
        for from in &taken {
            for begin in [*from, from - window + 1, from - window / 2] {
                let inside = taken.iter().filter(|at| (begin..begin + window).contains(*at)).count();
                prop_assert!(inside <= requests as usize, "{inside} from {begin} on");
            }
        }
    }
}
