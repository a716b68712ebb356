//! At the ends of what numbers can be: nothing wraps, nothing is lost, a refusal changes nothing; and a warm exchange allocates nothing.
#![allow(unsafe_code, reason = "a counting allocator")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{Exchange, MAX_MONEY, MAX_ORDER, NewOrder, OrderNo, Terms};
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread at its end has no counter any more, and nobody who would read it.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `at`, `layout` and `size` are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises about `at` and `layout` are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ACCOUNTS: u32 = 3;

fn exchange(
    product: Product,
    (price_scale, size_scale): (u8, u8),
    terms: Terms,
    keep: usize,
    wealth: i128,
) -> Exchange {
    let mut exchange = Exchange::new(keep);
    let rules = Rules {
        symbol: "A/B".into(),
        raw_symbol: "A/B".into(),
        product,
        base: "A".into(),
        quote: "B".into(),
        settle: "B".into(),
        price_scale,
        size_scale,
        tick: 1,
        lot: 1,
        min_size: 0,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    };
    exchange.add_instrument(rules, terms);
    for _ in 0..ACCOUNTS {
        let account = exchange.add_account("somebody");
        for currency in ["A", "B"] {
            exchange.deposit(account, currency, wealth).unwrap();
        }
    }
    exchange
}

/// Balances, what positions cost, fees and the outside together, by currency; `None` where that leaves `i128`.
fn sums(exchange: &Exchange) -> Option<[i128; 2]> {
    let mut sums = [0_i128; 2];
    for (at, sum) in sums.iter_mut().enumerate() {
        *sum = exchange.fees()[at].checked_add(exchange.outside()[at])?;
        for account in 0..ACCOUNTS {
            let balance = exchange.balances(account)[at];
            *sum = sum.checked_add(balance.free.checked_add(balance.locked)?)?;
            if at == 1 {
                let legs = exchange.position(account, 0);
                *sum = sum.checked_add(legs.short.cost)?.checked_sub(legs.long.cost)?;
            }
        }
    }
    Some(sums)
}

fn size() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(1_i64),
        Just(i64::MAX),
        Just(i64::MAX - 1),
        Just(1_i64 << 62),
        1..1_000_i64,
        1..i64::MAX,
        (0..62_u32).prop_map(|bits| 1 << bits)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_wraps_and_nothing_is_lost(
        contract in any::<bool>(),
        scales in prop_oneof![Just((0_u8, 0_u8)), Just((0, 18)), Just((18, 0)), Just((9, 9)), Just((2, 4))],
        ppm in prop_oneof![Just(0_u32), Just(1), Just(1_000_000), Just(u32::MAX)],
        leverage in prop_oneof![Just(1_u32), Just(7), Just(u32::MAX)],
        wealth in prop_oneof![Just(MAX_MONEY), Just(8 * MAX_ORDER), Just(MAX_ORDER)],
        steps in prop::collection::vec((0..ACCOUNTS, any::<bool>(), 0..4_u8, any::<bool>(), size(), size(), 0..4_u8), 1..60),
    ) {
        let product = if contract { Product::Contract } else { Product::Spot };
        let terms = Terms { maker_ppm: ppm, taker_ppm: ppm / 2, leverage };
        let mut exchange = exchange(product, scales, terms, 100, wealth);
        let deposited = sums(&exchange);
        prop_assert_eq!(deposited, Some([3 * wealth; 2]));
        let mut live: Vec<(u32, OrderNo)> = Vec::new();
        for (account, buy, kind, closes, price, quantity, what) in steps {
            let before = format!("{exchange:?}");
            let refused = match what {
                0 => {
                    let level = [Level { price, size: quantity }];
                    let (bids, asks): (&[Level], &[Level]) = if buy { (&level, &[]) } else { (&[], &level) };
                    exchange.market(0, 0, bids, asks).is_err()
                }
                1 if !live.is_empty() => {
                    let (account, order) = live[usize::from(kind) % live.len()];
                    exchange.replace(0, account, order, price, quantity).is_err()
                }
                _ => {
                    let order_type = [OrderType::Limit, OrderType::Limit, OrderType::Ioc, OrderType::Market][usize::from(kind)];
                    let offset = match product {
                        Product::Spot => Offset::Net,
                        Product::Contract if closes => Offset::Close,
                        Product::Contract => Offset::Open,
                    };
                    let new = NewOrder {
                        instrument: 0,
                        side: if buy { Side::Buy } else { Side::Sell },
                        order_type,
                        offset,
                        price: if order_type == OrderType::Market { 0 } else { price },
                        quantity,
                        client: 0,
                    };
                    let number = exchange.submit(0, account, new);
                    live.extend(number.map(|number| (account, number)));
                    number.is_err()
                }
            };
            prop_assert!(!refused || format!("{exchange:?}") == before, "refused, and changed something");
            prop_assert_eq!(sums(&exchange), deposited);
            for account in 0..ACCOUNTS {
                let legs = exchange.position(account, 0);
                for leg in [legs.long, legs.short] {
                    prop_assert!(leg.quantity >= 0 && leg.available() >= 0 && leg.cost >= 0 && leg.margin >= 0);
                }
                for balance in exchange.balances(account) {
                    prop_assert!(balance.locked >= 0 && (contract || balance.free >= 0));
                }
            }
            exchange.take_events(&mut Vec::new());
        }
    }
}

/// One round of everything that is done to an exchange, around a price that moves.
fn round(exchange: &mut Exchange, offset: Offset, at: i64, numbers: &mut Vec<OrderNo>) {
    let new = |side, order_type, price, quantity| NewOrder {
        instrument: 0,
        side,
        order_type,
        offset,
        price,
        quantity,
        client: 0,
    };
    for step in 1..40 {
        for side in [Side::Buy, Side::Sell] {
            let price = 10_000 + at % 50 - side.sign() * (step % 13 + 1);
            numbers.push(exchange.submit(at, 0, new(side, OrderType::Limit, price, step)).unwrap());
        }
    }
    let level = |distance: i64| Level { price: 10_000 + at % 50 + distance, size: 5 + at % 3 };
    exchange.market(at, 0, &[level(-1), level(-2)], &[level(1), level(2)]).unwrap();
    exchange.submit(at, 1, new(Side::Buy, OrderType::Ioc, 10_060, 100)).unwrap();
    exchange.submit(at, 1, new(Side::Sell, OrderType::Market, 0, 100)).unwrap();
    for (place, number) in numbers.drain(..).enumerate() {
        if place % 3 == 0 {
            // it may be filled
            let _ = exchange.replace(at, 0, number, 9_000 + at % 7, 50);
        }
        let _ = exchange.cancel(at, 0, number);
    }
    assert!(exchange.live_of(0).next().is_none());
}

#[test]
fn a_warm_exchange_allocates_nothing() {
    for (product, offset) in [(Product::Spot, Offset::Net), (Product::Contract, Offset::Open)] {
        let terms = Terms { maker_ppm: 200, taker_ppm: 500, leverage: 10 };
        let mut exchange = exchange(product, (2, 4), terms, 500, MAX_ORDER);
        let (mut numbers, mut events) = (Vec::new(), Vec::new());
        let allocations = || ALLOCATIONS.with(Cell::get);
        let fresh = allocations();
        for at in 0..100 {
            round(&mut exchange, offset, at, &mut numbers);
            exchange.take_events(&mut events);
            events.clear();
        }
        let warm = allocations();
        assert!(warm > fresh, "the counter works");
        for at in 100..1_000 {
            round(&mut exchange, offset, at, &mut numbers);
            exchange.take_events(&mut events);
            events.clear();
        }
        assert_eq!(allocations(), warm, "{product:?}");
    }
}
