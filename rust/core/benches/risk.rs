//! What the checks of one order cost: let through with nothing set, with every limit set, and refused by the first and the last rule.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    reason = "criterion's macros write undocumented functions; a benchmark"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::{Open, Position};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{BudgetLimits, Intent, Limits, Risk, Seen, Top};
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side, Unit};
use std::hint::black_box;

fn rules() -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETHUSDT".into(),
        product: Product::Spot,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale: 2,
        size_scale: 5,
        tick: 1,
        lot: 1,
        min_size: 10,
        max_size: 1_000_000_000,
        min_price: 1,
        min_notional: 50_000_000,
    }
}

/// Everything set and nothing broken.
fn limits() -> Limits {
    Limits {
        max_quantity: Some(Decimal { coef: 100, scale: 0 }),
        max_notional: Some(Decimal { coef: 1_000_000, scale: 0 }),
        collar: Some(100),
        max_position: Some(Decimal { coef: 1_000, scale: 0 }),
        max_open_orders: Some(100),
        max_open_orders_venue: Some(1_000),
        duplicate_window: 1_000_000_000,
        ..Limits::default()
    }
}

fn intent(price: i64) -> Intent {
    Intent {
        desk: 0,
        instrument: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        offset: Offset::Net,
        unit: Unit::Base,
        price: Decimal { coef: price, scale: 2 },
        quantity: Decimal { coef: 15, scale: 1 },
    }
}

fn seen(mode: Mode) -> Seen {
    let top = Top { bid: 200_000_000_000, ask: 200_010_000_000, price_scale: 8, valid: true, age: 1_000_000 };
    Seen::new(mode, Some(top), Position::default(), Open::default(), 3)
}

fn checks(c: &mut Criterion) {
    let (rules, active, halted) = (rules(), seen(Mode::Active), seen(Mode::Halted));

    let mut plain = Risk::new(Limits::default());
    c.bench_function("risk/no_limits", |b| {
        b.iter(|| plain.check(black_box(&intent(200_000)), &rules, black_box(&active), 0));
    });

    // an order every 10 ms, of 200 prices in turn: 100 are within the window of repetitions, and 1,000 within the budget's
    let mut full = Risk::new(limits());
    full.set_budget(0, BudgetLimits { requests: 2_000, window: 10_000_000_000, reserve: 100 });
    let mut now = 0;
    c.bench_function("risk/every_limit", |b| {
        b.iter(|| {
            now += 10_000_000;
            let checked =
                full.check(black_box(&intent(200_000 + now / 10_000_000 % 200)), &rules, black_box(&active), now);
            assert!(checked.is_ok());
            checked
        });
    });

    // the memory of repetitions full: 4,096 orders to compare with, and to make room
    let mut busy = Risk::new(Limits { duplicate_window: i64::MAX, ..limits() });
    let mut price = 0;
    c.bench_function("risk/every_limit_4096_remembered", |b| {
        b.iter(|| {
            price = (price + 1) % 10_000;
            let checked = busy.check(black_box(&intent(190_000 + price)), &rules, black_box(&active), 0);
            assert!(checked.is_ok());
            checked
        });
    });

    let mut first = Risk::new(limits());
    c.bench_function("risk/refused_halted", |b| {
        b.iter(|| first.check(black_box(&intent(200_000)), &rules, black_box(&halted), 0));
    });
    let mut last = Risk::new(limits());
    last.set_budget(0, BudgetLimits { requests: 0, window: 1, reserve: 0 });
    c.bench_function("risk/refused_rate", |b| {
        b.iter(|| last.check(black_box(&intent(200_000)), &rules, black_box(&active), 0));
    });
    let reject = last.check(&intent(200_000), &rules, &active, 0).err();
    c.bench_function("risk/text_of_a_refusal", |b| b.iter(|| black_box(&reject).map(|reject| reject.to_string())));
}

criterion_group!(benches, checks);
criterion_main!(benches);
