//! All rules against a second reading of what they say: fractions, one list of everything that an order breaks, no order of checks
//! but the list's.

use super::support::{ANYTHING, spot};
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::{Open, Position};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{Intent, Limits, Risk, Rule, Seen, Top};
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side, Unit};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg, Sub};

/// A fraction; the numbers of these tests are small enough for it.
#[derive(Clone, Copy, Debug)]
struct Q(i128, i128);

fn q(value: i64, scale: u8) -> Q {
    Q(value.into(), 10_i128.pow(scale.into()))
}

fn of(value: Decimal) -> Q {
    q(value.coef, value.scale)
}

/// The fraction in its lowest terms, so that products stay small.
fn reduced(Q(a, b): Q) -> Q {
    let (mut x, mut y) = (a.unsigned_abs(), b.unsigned_abs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    let common = i128::try_from(x.max(1)).unwrap();
    Q(a / common, b / common)
}

impl Add for Q {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        reduced(Self(self.0 * other.1 + other.0 * self.1, self.1 * other.1))
    }
}

impl Neg for Q {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, self.1)
    }
}

impl Sub for Q {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Q {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        reduced(Self(self.0 * other.0, self.1 * other.1))
    }
}

impl PartialEq for Q {
    fn eq(&self, other: &Self) -> bool {
        self.cmp_to(*other) == Ordering::Equal
    }
}

impl PartialOrd for Q {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp_to(*other))
    }
}

impl Q {
    const ZERO: Self = Self(0, 1);

    fn cmp_to(self, other: Self) -> Ordering {
        (self - other).0.cmp(&0)
    }

    fn over(self, other: Self) -> Self {
        assert!(other > Self::ZERO, "a price");
        reduced(Self(self.0 * other.1, self.1 * other.0))
    }

    fn is_multiple_of(self, step: Self) -> bool {
        self.over(step).1 == 1
    }
}

/// The first rule broken, from the whole list.
fn broken(intent: &Intent, rules: &Rules, limits: &Limits, seen: &Seen) -> Option<Rule> {
    let price = of(intent.price);
    let quantity = of(intent.quantity);
    let market = intent.order_type == OrderType::Market;
    let in_money = intent.unit == Unit::Quote;
    let price_of = |value: i64| q(value, rules.price_scale);
    let size_of = |value: i64| q(value, rules.size_scale);
    let digits = |value: Decimal, scale: u8| of(value).is_multiple_of(q(1, scale));
    let top = seen.top.filter(|top| top.valid && top.age <= limits.collar_max_age);
    let best =
        top.map(|top| if intent.side == Side::Buy { q(top.ask, top.price_scale) } else { q(top.bid, top.price_scale) });
    let best = best.filter(|best| *best > Q::ZERO);
    let notional = if in_money {
        Some(quantity)
    } else if market {
        None
    } else {
        Some(price * quantity)
    };
    let sum = |side: Side, offset: Offset| {
        let sums = if side == Side::Buy { seen.open.buy } else { seen.open.sell };
        size_of(i64::try_from(sums[offset as usize]).unwrap())
    };
    let held = |amount: i128| reduced(Q(amount, 10_i128.pow(18)));
    let (long, short) = (held(seen.position.long), held(seen.position.short));
    let same = sum(intent.side, intent.offset);
    // how much of it exists in the order's own direction, and in the other
    let (with, against) = match (intent.offset, intent.side) {
        (Offset::Net, Side::Buy) => (long - short, short - long),
        (Offset::Net, Side::Sell) => (short - long, long - short),
        (Offset::Open, Side::Buy) => (long, Q::ZERO),
        (Offset::Open, Side::Sell) => (short, Q::ZERO),
        (Offset::Close, Side::Buy) => (Q::ZERO, short),
        (Offset::Close, Side::Sell) => (Q::ZERO, long),
    };
    let only_reduces = intent.offset != Offset::Open && !in_money && quantity + same <= against;
    let bought = if in_money { best.map(|best| quantity.over(best)) } else { Some(quantity) };
    let after = bought.map(|bought| with + same + bought);
    let contract = rules.product == Product::Contract;
    let position = limits.max_position.filter(|_| intent.offset != Offset::Close).map(of);
    let needs_worth = market && !in_money && limits.max_notional.is_some();
    let unit = if market && intent.side == Side::Buy { Unit::Quote } else { Unit::Base };
    let collar = limits.collar.map(|points| Q(points.into(), 10_000));

    let list = [
        (Rule::Halted, seen.mode == Mode::Halted),
        (Rule::Offset, contract == (intent.offset == Offset::Net)),
        (Rule::Unit, intent.unit != unit),
        (Rule::PriceDigits, !digits(intent.price, rules.price_scale)),
        (Rule::QuantityDigits, !digits(intent.quantity, if in_money { rules.price_scale } else { rules.size_scale })),
        (Rule::PriceSign, if market { price != Q::ZERO } else { price <= Q::ZERO }),
        (Rule::QuantitySign, quantity <= Q::ZERO),
        (Rule::Tick, !market && !price.is_multiple_of(price_of(rules.tick))),
        (Rule::MinPrice, !market && price < price_of(rules.min_price)),
        (Rule::Lot, !in_money && !quantity.is_multiple_of(size_of(rules.lot))),
        (Rule::MinSize, !in_money && quantity < size_of(rules.min_size)),
        (Rule::MaxSize, !in_money && rules.max_size != 0 && quantity > size_of(rules.max_size)),
        (
            Rule::MinNotional,
            intent.offset != Offset::Close
                && notional.is_some_and(|notional| {
                    notional
                        < reduced(Q(rules.min_notional, 10_i128.pow(u32::from(rules.price_scale + rules.size_scale))))
                }),
        ),
        (Rule::MaxQuantity, limits.max_quantity.is_some_and(|most| quantity > of(most))),
        (Rule::MaxNotional, notional.zip(limits.max_notional).is_some_and(|(notional, most)| notional > of(most))),
        (Rule::NoBook, needs_worth && best.is_none()),
        (
            Rule::MaxNotional,
            needs_worth && best.zip(limits.max_notional).is_some_and(|(best, most)| best * quantity > of(most)),
        ),
        (Rule::NoBook, collar.is_some() && best.is_none() && !limits.collar_without_book),
        (
            Rule::Collar,
            !market
                && best.zip(collar).is_some_and(|(best, collar)| match intent.side {
                    Side::Buy => price - best > best * collar,
                    Side::Sell => best - price > best * collar,
                }),
        ),
        (Rule::Reducing, seen.mode == Mode::Reducing && !only_reduces),
        (Rule::NoBook, position.is_some() && after.is_none()),
        (Rule::Position, !only_reduces && after.zip(position).is_some_and(|(after, most)| after > most)),
        (Rule::OpenOrders, limits.max_open_orders.is_some_and(|most| seen.open.orders >= most)),
        (Rule::OpenOrdersVenue, limits.max_open_orders_venue.is_some_and(|most| seen.live >= most)),
    ];
    list.iter().find(|(_, broken)| *broken).map(|(rule, _)| *rule)
}

/// Mostly what is near a limit: multiples of a step, now and then one off.
fn near(most: i64) -> impl Strategy<Value = i64> {
    (0..=most, select(vec![0_i64, 0, 0, 0, 0, 1, -1])).prop_map(|(value, off)| value * 5 + off)
}

prop_compose! {
    fn order()(
        product in select(Product::ALL.to_vec()),
        scales in (1_u8..4, 1_u8..4),
        sides in (select(Side::ALL.to_vec()), select(OrderType::ALL.to_vec())),
        offset_wrong in prop::bool::weighted(0.02),
        closes: bool,
        unit_wrong in prop::bool::weighted(0.02),
        price in (near(40), select(vec![0_u8, 0, 0, 0, 1])),
        quantity in (near(40), select(vec![0_u8, 0, 0, 0, 1])),
        mins in (weighted(0.25, near(20)), weighted(0.25, near(40)), weighted(0.25, near(20)), weighted(0.25, near(1_000))),
    ) -> (Intent, Rules) {
        let (price_scale, size_scale) = scales;
        let (side, order_type) = sides;
        let market = order_type == OrderType::Market;
        let offset = match (product, offset_wrong) {
            (Product::Spot, false) | (Product::Contract, true) => Offset::Net,
            _ if closes => Offset::Close,
            _ => Offset::Open,
        };
        let right = if market && side == Side::Buy { Unit::Quote } else { Unit::Base };
        let wrong = if right == Unit::Base { Unit::Quote } else { Unit::Base };
        let unit = if unit_wrong { wrong } else { right };
        let rules = Rules {
            product, price_scale, size_scale, tick: 5, lot: 5,
            min_size: mins.0.unwrap_or(0).max(0), max_size: mins.1.unwrap_or(0).max(0),
            min_price: mins.2.unwrap_or(0).max(0), min_notional: mins.3.unwrap_or(0).max(0).into(),
            ..spot()
        };
        let scale = if unit == Unit::Quote { price_scale } else { size_scale };
        let price = if market && price.1 == 0 { Decimal::default() } else { Decimal { coef: price.0, scale: price_scale + price.1 } };
        let quantity = Decimal { coef: quantity.0, scale: scale + quantity.1 };
        (Intent { desk: 0, instrument: 0, side, order_type, offset, unit, price, quantity }, rules)
    }
}

prop_compose! {
    fn limits()(
        most in (
            weighted(0.25, (near(40), 0_u8..5)), weighted(0.25, (near(2_000), 0_u8..7)), weighted(0.5, (near(100), 0_u8..5)),
        ),
        collar in weighted(0.5, prop_oneof![0_u32..2_000, 9_000_u32..11_000]),
        collar_without_book: bool,
        orders in (weighted(0.25, 0_u32..6), weighted(0.25, 0_u32..6)),
    ) -> Limits {
        let decimal = |value: Option<(i64, u8)>| value.map(|(coef, scale)| Decimal { coef, scale });
        Limits {
            max_quantity: decimal(most.0), max_notional: decimal(most.1), max_position: decimal(most.2), collar,
            collar_max_age: 50, collar_without_book, max_open_orders: orders.0, max_open_orders_venue: orders.1,
            duplicate_window: 0,
        }
    }
}

prop_compose! {
    fn seen()(
        mode in select(vec![Mode::Active, Mode::Active, Mode::Active, Mode::Active, Mode::Reducing, Mode::Reducing, Mode::Halted]),
        prices in (near(40), near(40), 0_u8..5),
        valid in prop::bool::weighted(0.95),
        age in 0_i64..53,
        has_book in prop::bool::weighted(0.95),
        held in (near(60), near(60), any::<bool>()),
        buy in [near(10), near(10), near(10)],
        sell in [near(10), near(10), near(10)],
        counts in (0_u32..5, 0_u32..5),
    ) -> Seen {
        let top = has_book.then_some(Top { bid: prices.0, ask: prices.1, price_scale: prices.2, valid, age });
        let unit = 10_i128.pow(16);
        let long = i128::from(held.0) * unit * if held.2 { 1 } else { -1 };
        let position = Position { long, short: i128::from(held.1.max(0)) * unit };
        let sums = |sums: [i64; 3]| sums.map(|sum| i128::from(sum.max(0)));
        let open = Open { buy: sums(buy), sell: sums(sell), money: 0, orders: counts.0, unknown: 0 };
        Seen::new(mode, top, position, open, counts.1)
    }
}

#[test]
fn the_first_rule_broken_is_the_one_of_a_plain_reading() {
    let cases = 40_000_u32;
    let mut met = vec![0_u32; Rule::ALL.len()];
    let mut passed = 0_u32;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases, ..ProptestConfig::default() });
    let counts = std::cell::RefCell::new((&mut met, &mut passed));
    runner
        .run(&(order(), limits(), seen()), |((intent, rules), limits, seen)| {
            let mut risk = Risk::new(limits);
            risk.set_supports(0, ANYTHING);
            let found = risk.check(&intent, &rules, &seen, 0).map(drop).map_err(|reject| reject.rule);
            let expected = broken(&intent, &rules, &limits, &seen);
            prop_assert_eq!(found.err(), expected);
            let mut counts = counts.borrow_mut();
            match expected {
                Some(rule) => counts.0[rule as usize] += 1,
                None => *counts.1 += 1,
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    // every rule that these cases can break was broken, and enough got through
    for rule in Rule::ALL {
        let possible = !matches!(rule, Rule::OrderType | Rule::Duplicate | Rule::Rate);
        assert_eq!(met[*rule as usize] > 10, possible, "{rule:?}: {}", met[*rule as usize]);
    }
    assert!(passed > cases / 50, "{passed} of {cases} let through");
}
