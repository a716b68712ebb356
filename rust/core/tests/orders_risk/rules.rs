//! A table for every rule: just inside, at, just outside. The words are part of it: they say the rule, its limit and what was found.

use super::support::{ANYTHING, Case, dec, money};
use ferrofeed_core::orders::ledger::Position;
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{Limits, Risk, Rule};
use ferrofeed_core::orders::{Offset, OrderType, Side, Unit};

#[test]
fn the_numbers_come_back_at_the_instruments_scales() {
    let checked = Case::new().price("100.05").quantity("1.002").check().unwrap();
    assert_eq!((checked.price, checked.quantity), (10_005, 1_002));
    let checked = Case::new().spending("250.5").check().unwrap();
    assert_eq!((checked.price, checked.quantity), (0, 25_050), "money has the price's scale");
}

#[test]
fn halted_takes_nothing() {
    Case::new().seen(|seen| seen.mode = Mode::Active).passes();
    Case::new()
        .seen(|seen| seen.mode = Mode::Halted)
        .refused("halted: no new orders are taken until a human says so (rule halted)");
}

#[test]
fn what_the_venue_has_no_word_for() {
    let mut case = Case::new();
    for (offset, good) in [(Offset::Net, true), (Offset::Open, false), (Offset::Close, false)] {
        case.intent.offset = offset;
        assert_eq!(case.check().is_ok(), good, "{offset:?} of spot");
    }
    case.refused("offset close can't be used here; expected net (rule offset)");
    Case::contract(Side::Buy, Offset::Net)
        .refused("offset net can't be used here; expected open or close (rule offset)");

    case = Case::new();
    case.intent.unit = Unit::Quote;
    let mut risk = Risk::default();
    let reject = risk.check(&case.intent, &case.rules, &case.seen, 0).unwrap_err();
    assert_eq!(reject.to_string(), "a quantity in quote can't be used here; expected base (rule unit)");

    let mut only_limit = ANYTHING;
    only_limit.order_types = &[OrderType::Limit, OrderType::Market];
    risk.set_supports(0, only_limit);
    let case = Case::new().typed(OrderType::Ioc);
    let reject = risk.check(&case.intent, &case.rules, &case.seen, 0).unwrap_err();
    assert_eq!(reject.to_string(), "the venue has no ioc orders; it has limit and market (rule order_type)");
    let mut other = case.intent;
    other.desk = 1;
    risk.check(&other, &case.rules, &case.seen, 0).expect("another desk's venue has them");
}

#[test]
fn digits() {
    Case::new().price("100.05").passes();
    Case::new()
        .price("100.055")
        .refused("price 100.055: more digits than the 2 after the point, or too large (rule price_digits)");
    Case::new()
        .price("92233720368547759")
        .refused("price 92233720368547759: more digits than the 2 after the point, or too large (rule price_digits)");
    Case::new().quantity("1.002").passes();
    Case::new()
        .quantity("1.0002")
        .refused("quantity 1.0002: more digits than the 3 after the point, or too large (rule quantity_digits)");
    Case::new()
        .spending("100.001")
        .refused("quantity 100.001: more digits than the 2 after the point, or too large (rule quantity_digits)");
}

#[test]
fn signs() {
    Case::new().price("0").refused("price 0: expected more than 0 (rule price_sign)");
    Case::new().price("-100").refused("price -100: expected more than 0 (rule price_sign)");
    Case::new().typed(OrderType::Market).passes();
    Case::new()
        .typed(OrderType::Market)
        .price("100")
        .refused("price 100: expected 0 for a market order (rule price_sign)");
    Case::new().quantity("0").refused("quantity 0: expected more than 0 (rule quantity_sign)");
    Case::new().quantity("-1").refused("quantity -1: expected more than 0 (rule quantity_sign)");
}

#[test]
fn tick_and_lot() {
    Case::new().price("100").passes();
    Case::new().price("100.05").passes();
    Case::new().price("100.01").refused("price 100.01: not a multiple of the tick 0.05 (rule tick)");
    Case::new().price("99.99").refused("price 99.99: not a multiple of the tick 0.05 (rule tick)");
    Case::new().quantity("1.002").passes();
    Case::new().quantity("1.001").refused("quantity 1.001: not a multiple of the lot 0.002 (rule lot)");
    Case::new().spending("10.01").passes();
}

#[test]
fn the_venues_sizes() {
    Case::new().quantity("0.1").passes();
    Case::new().price("1000").quantity("0.012").passes();
    Case::new().price("1000").quantity("0.010").passes();
    Case::new().price("2000").quantity("0.008").refused("quantity 0.008: the venue's smallest is 0.01 (rule min_size)");
    Case::new().quantity("99.998").passes();
    Case::new().quantity("100").passes();
    Case::new().quantity("100.002").refused("quantity 100.002: the venue's largest is 100 (rule max_size)");
    let mut case = Case::new().quantity("100.002");
    case.rules.max_size = 0;
    case.passes();
}

#[test]
fn the_venues_least_price_and_notional() {
    Case::new().price("10.05").quantity("2").passes();
    Case::new().price("10").quantity("2").passes();
    Case::new().price("9.95").quantity("2").refused("price 9.95: the venue's lowest is 10 (rule min_price)");
    Case::new().price("10.05").quantity("1").passes();
    Case::new().price("10").quantity("1").passes();
    Case::new()
        .price("10")
        .quantity("0.998")
        .refused("price x quantity 9.98: the venue's smallest is 10 (rule min_notional)");
    Case::new().spending("10").passes();
    Case::new().spending("9.99").refused("price x quantity 9.99: the venue's smallest is 10 (rule min_notional)");
    // what is left of a position can always be closed
    Case::contract(Side::Sell, Offset::Close).price("10").quantity("0.998").passes();
    Case::contract(Side::Sell, Offset::Open)
        .price("10")
        .quantity("0.998")
        .refused("price x quantity 9.98: the venue's smallest is 10 (rule min_notional)");
}

#[test]
fn our_own_quantity() {
    let limited = |text: &str| Case::new().limits(|limits| limits.max_quantity = Some(dec("2.5"))).quantity(text);
    limited("2.498").passes();
    limited("2.5").passes();
    limited("2.502").refused("quantity 2.502: our limit is 2.5 (rule max_quantity)");
    // a limit finer than the instrument, and one that is coarser
    let limited =
        |text: &str| Case::new().limits(|limits| limits.max_quantity = Some(dec("2.50199999999"))).quantity(text);
    limited("2.5").passes();
    limited("2.502").refused("quantity 2.502: our limit is 2.50199999999 (rule max_quantity)");
    let limited = |text: &str| Case::new().limits(|limits| limits.max_quantity = Some(dec("20"))).spending(text);
    limited("20").passes();
    limited("20.01").refused("quantity 20.01: our limit is 20 (rule max_quantity)");
}

#[test]
fn our_own_notional() {
    let limited = |case: Case| case.limits(|limits| limits.max_notional = Some(dec("200")));
    limited(Case::new().quantity("1.998")).passes();
    limited(Case::new().quantity("2")).passes();
    limited(Case::new().quantity("2.002")).refused("price x quantity 200.2: our limit is 200 (rule max_notional)");
    limited(Case::new().spending("200")).passes();
    limited(Case::new().spending("200.01")).refused("price x quantity 200.01: our limit is 200 (rule max_notional)");
}

#[test]
fn a_market_order_is_worth_what_our_book_says() {
    let limited = |side, quantity: &str| {
        let case = Case::new().sided(side).typed(OrderType::Market).quantity(quantity);
        case.limits(|limits| limits.max_notional = Some(dec("200.2")))
    };
    // a purchase at the ask of 100.10, a sale at the bid of 99.90
    limited(Side::Buy, "1.998").passes();
    limited(Side::Buy, "2").passes();
    limited(Side::Buy, "2.002").refused("price x quantity 200.4002: our limit is 200.2 (rule max_notional)");
    limited(Side::Sell, "2.004").passes();
    limited(Side::Sell, "2.006").refused("price x quantity 200.3994: our limit is 200.2 (rule max_notional)");
    // no book, no worth; not even where the collar does without
    for without in [false, true] {
        let case = limited(Side::Buy, "0.2").limits(|limits| limits.collar_without_book = without);
        case.seen(|seen| seen.top = None).refused(
            "the price can't be checked: there is no book; expected a valid and fresh book of the reference venue (rule no_book)",
        );
    }
    // a price far below a billionth counts with every digit
    let tiny = |quantity: &str| {
        let case = limited(Side::Buy, quantity).top(|top| (top.ask, top.price_scale) = (12, 12));
        case.limits(|limits| limits.max_notional = Some(dec("0.000000000024")))
    };
    tiny("2").passes();
    tiny("2.002").refused("price x quantity 0.000000000024024: our limit is 0.000000000024 (rule max_notional)");
}

#[test]
fn the_collar_of_a_purchase_lies_above_the_ask_that_of_a_sale_below_the_bid() {
    // 100 basis points of 100.10 and of 99.90: 101.101 and 98.901
    let collared = |side, price: &str| Case::new().sided(side).price(price).limits(|limits| limits.collar = Some(100));
    collared(Side::Buy, "101.05").passes();
    collared(Side::Buy, "101.1").passes();
    collared(Side::Buy, "101.15")
        .refused("price 101.15: the limit is 101.101, 100 basis points through our own book (rule collar)");
    collared(Side::Sell, "98.95").passes();
    collared(Side::Sell, "98.9")
        .refused("price 98.9: the limit is 98.901, 100 basis points through our own book (rule collar)");
    // far away on the other side nothing can happen
    collared(Side::Buy, "50").passes();
    collared(Side::Sell, "500").passes();
    collared(Side::Buy, "101.15")
        .typed(OrderType::Ioc)
        .price("101.15")
        .refused("price 101.15: the limit is 101.101, 100 basis points through our own book (rule collar)");
    // a collar of nothing: not through the book at all
    let none = |side, price: &str| collared(side, price).limits(|limits| limits.collar = Some(0));
    none(Side::Buy, "100.1").passes();
    none(Side::Buy, "100.15")
        .refused("price 100.15: the limit is 100.1, 0 basis points through our own book (rule collar)");
    none(Side::Sell, "99.9").passes();
    none(Side::Sell, "99.85")
        .refused("price 99.85: the limit is 99.9, 0 basis points through our own book (rule collar)");
    // one of the whole price and more lets any sale through
    for points in [10_000, 10_001, u32::MAX] {
        collared(Side::Sell, "10").limits(|limits| limits.collar = Some(points)).passes();
    }
}

#[test]
fn the_collar_is_exact_where_book_and_instrument_have_other_scales() {
    // ask 100.0999999: the last price is 101.100999899; with two digits, and a tick of 0.05, that is 101.10
    let fine = |price: &str, ask: i64, scale: u8| {
        let case = Case::new().price(price).limits(|limits| limits.collar = Some(100));
        case.top(|top| (top.ask, top.price_scale) = (ask, scale))
    };
    fine("101.1", 1_000_999_999, 7).passes();
    fine("101.15", 1_000_999_999, 7)
        .refused("price 101.15: the limit is 101.100999899, 100 basis points through our own book (rule collar)");
    // at the limit to the last digit, and one unit of the book's last digit below it
    fine("101", 100_000_000_000_000_000, 15).passes();
    fine("101", 99_999_999_999_999_999, 15)
        .refused("price 101: the limit is 100.99999999999999899, 100 basis points through our own book (rule collar)");
    // a book in whole units
    fine("101", 100, 0).passes();
    fine("101.05", 100, 0)
        .refused("price 101.05: the limit is 101, 100 basis points through our own book (rule collar)");
}

#[test]
fn a_collar_needs_a_book_that_can_be_trusted() {
    let says = |why: &str| {
        format!(
            "the price can't be checked: {why}; expected a valid and fresh book of the reference venue (rule no_book)"
        )
    };
    for order_type in OrderType::ALL.iter().copied() {
        let collared = || {
            let price = if order_type == OrderType::Market { "0" } else { "100" };
            Case::new().typed(order_type).price(price).limits(|limits| {
                limits.collar = Some(100);
                limits.collar_max_age = 2_000;
            })
        };
        collared().passes();
        let cases = [
            (collared().seen(|seen| seen.top = None), "there is no book"),
            (collared().top(|top| top.valid = false), "the book is stale"),
            (collared().top(|top| top.age = 2_001), "the book is too old"),
            (collared().top(|top| top.ask = 0), "the book's other side is empty"),
            (collared().sided(Side::Sell).top(|top| top.bid = 0), "the book's other side is empty"),
            (collared().top(|top| top.ask = -1), "the book's other side is empty"),
            (collared().top(|top| top.price_scale = 19), "the book's scale is none"),
        ];
        for (case, why) in cases {
            case.refused(&says(why));
            case.limits(|limits| limits.collar_without_book = true).passes();
        }
        collared().top(|top| top.age = 2_000).passes();
        collared().top(|top| top.bid = 0).passes();
        collared().sided(Side::Sell).top(|top| top.ask = 0).passes();
    }
    // without a collar nobody asks for a book
    Case::new().seen(|seen| seen.top = None).passes();
}

#[test]
fn the_position_counts_every_live_order_of_its_side() {
    let limited =
        |case: Case, quantity: &str| case.quantity(quantity).limits(|limits| limits.max_position = Some(dec("10")));
    let holding = |long: &str, short: &str| Position { long: money(long), short: money(short) };
    let buy = |quantity: &str| {
        limited(Case::new(), quantity).seen(|seen| {
            seen.position = holding("4", "0");
            seen.open.buy = [3_000, 0, 0];
            seen.open.sell = [50_000, 0, 0];
        })
    };
    buy("2.998").passes();
    buy("3").passes();
    buy("3.002").refused("the position could become 10.002: our limit is 10 (rule position)");
    let sell = |quantity: &str| {
        limited(Case::new().sided(Side::Sell), quantity).seen(|seen| {
            seen.position = holding("4", "0");
            seen.open.sell = [1_000, 0, 0];
        })
    };
    // 4 less 1 less 13: ten short
    sell("13").passes();
    sell("13.002").refused("the position could become 10.002: our limit is 10 (rule position)");
    for side in [Side::Buy, Side::Sell] {
        let open = |quantity: &str| {
            limited(Case::contract(side, Offset::Open), quantity).seen(|seen| {
                // the other position, and what closes, do not matter
                let (mine, other) = ("4", "9");
                (seen.position, seen.open.buy, seen.open.sell) = match side {
                    Side::Buy => (holding(mine, other), [0, 3_000, 9_000], [0, 9_000, 9_000]),
                    Side::Sell => (holding(other, mine), [0, 9_000, 9_000], [0, 3_000, 9_000]),
                };
            })
        };
        open("3").passes();
        open("3.002").refused("the position could become 10.002: our limit is 10 (rule position)");
        limited(Case::contract(side, Offset::Close), "50").seen(|seen| seen.position = holding("90", "90")).passes();
    }
}

#[test]
fn what_only_reduces_is_never_too_large() {
    let sell = |quantity: &str| {
        Case::new().sided(Side::Sell).quantity(quantity).limits(|limits| limits.max_position = Some(dec("10"))).seen(
            |seen| {
                seen.position.long = money("50");
                seen.open.sell = [10_000, 0, 0];
            },
        )
    };
    sell("40").passes();
    sell("50").passes();
    sell("50.002").refused("the position could become 10.002: our limit is 10 (rule position)");
    let buy = |quantity: &str| {
        Case::new().quantity(quantity).limits(|limits| limits.max_position = Some(dec("0"))).seen(|seen| {
            seen.position.long = money("-2");
        })
    };
    buy("2").passes();
    buy("2.002").refused("the position could become 0.002: our limit is 0 (rule position)");
}

#[test]
fn an_order_in_money_counts_with_what_it_buys() {
    let spending = |text: &str| {
        Case::new().spending(text).limits(|limits| limits.max_position = Some(dec("10"))).seen(|seen| {
            seen.position.long = money("4");
            seen.open.buy = [3_000, 0, 0];
        })
    };
    // three more at 100.10
    spending("300.29").passes();
    // money that is on its way buys too, whatever this order is in
    let other = |text: &str| spending(text).seen(|seen| seen.open.money = 20_000);
    other("100.3").passes();
    other("100.31").refused("the position could become 10.0000999000999001: our limit is 10 (rule position)");
    let plain = |text: &str| {
        let mut case = other("1").typed(OrderType::Limit).quantity(text);
        (case.intent.unit, case.intent.price) = (Unit::Base, dec("100"));
        case
    };
    plain("1").passes();
    plain("1.002").refused("the position could become 10.000001998001998002: our limit is 10 (rule position)");
    plain("1.002").sided(Side::Sell).passes();
    plain("1").seen(|seen| seen.top = None).refused(
        "the price can't be checked: there is no book; expected a valid and fresh book of the reference venue (rule no_book)",
    );
    spending("300.3").passes();
    spending("300.31").refused("the position could become 10.0000999000999001: our limit is 10 (rule position)");
    spending("100").seen(|seen| seen.top = None).refused(
        "the price can't be checked: there is no book; expected a valid and fresh book of the reference venue (rule no_book)",
    );
    spending("100").limits(|limits| limits.max_position = None).seen(|seen| seen.top = None).passes();
}

#[test]
fn live_orders() {
    let limited = |here: u32, venue: u32| {
        let case =
            Case::new().limits(|limits| (limits.max_open_orders, limits.max_open_orders_venue) = (Some(3), Some(5)));
        case.seen(|seen| (seen.open.orders, seen.live) = (here, venue))
    };
    limited(2, 4).passes();
    limited(3, 4).refused("3 live orders in the instrument: our limit is 3 (rule open_orders)");
    limited(4, 4).refused("4 live orders in the instrument: our limit is 3 (rule open_orders)");
    limited(2, 5).refused("5 live orders at the venue: our limit is 5 (rule open_orders_venue)");
    limited(u32::MAX, u32::MAX).limits(|limits| *limits = Limits::default()).passes();
}

#[test]
fn an_instruments_own_limits_replace_the_default_ones() {
    let case = Case::new();
    let mut risk = Risk::new(Limits { max_quantity: Some(dec("0.5")), ..Limits::default() });
    risk.set_limits(7, Limits { max_quantity: Some(dec("1")), ..Limits::default() });
    let mut check = |instrument| {
        let mut intent = case.intent;
        intent.instrument = instrument;
        risk.check(&intent, &case.rules, &case.seen, 0).map_err(|reject| reject.rule)
    };
    assert_eq!(check(0).unwrap_err(), Rule::MaxQuantity);
    assert!(check(7).is_ok());
}

/// An order that breaks every rule from one on is refused for that one: what is cheap and final comes first.
#[test]
fn the_order_of_the_rules() {
    let mut case = Case::contract(Side::Buy, Offset::Net).price("0.011").quantity("-0.0001").typed(OrderType::Ioc);
    case.intent.unit = Unit::Quote;
    case.rules.tick = 5;
    case.rules.max_size = 12;
    case.seen.mode = Mode::Halted;
    case.seen.top = None;
    (case.seen.open.orders, case.seen.live) = (9, 9);
    case.limits = Limits {
        max_quantity: Some(dec("0.001")),
        max_notional: Some(dec("0.01")),
        collar: Some(1),
        max_position: Some(dec("0.001")),
        max_open_orders: Some(0),
        max_open_orders_venue: Some(0),
        ..Limits::default()
    };
    let mut supports = ANYTHING;
    supports.order_types = &[OrderType::Limit];
    let expect = |case: &Case, supports, rule: Rule| {
        let mut risk = Risk::new(case.limits);
        risk.set_supports(0, supports);
        let found = risk.check(&case.intent, &case.rules, &case.seen, 0).expect_err(rule.name());
        assert_eq!(found.rule, rule, "{found}");
    };
    expect(&case, supports, Rule::Halted);
    case.seen.mode = Mode::Reducing;
    expect(&case, supports, Rule::OrderType);
    let supports = ANYTHING;
    expect(&case, supports, Rule::Offset);
    case.intent.offset = Offset::Open;
    expect(&case, supports, Rule::Unit);
    case.intent.unit = Unit::Base;
    expect(&case, supports, Rule::PriceDigits);
    case.intent.price = dec("-0.01");
    expect(&case, supports, Rule::QuantityDigits);
    case.intent.quantity = dec("-0.001");
    expect(&case, supports, Rule::PriceSign);
    case.intent.price = dec("0.01");
    expect(&case, supports, Rule::QuantitySign);
    case.intent.quantity = dec("0.001");
    expect(&case, supports, Rule::Tick);
    case.intent.price = dec("0.05");
    expect(&case, supports, Rule::MinPrice);
    case.intent.price = dec("10");
    expect(&case, supports, Rule::Lot);
    case.intent.quantity = dec("0.008");
    expect(&case, supports, Rule::MinSize);
    case.intent.quantity = dec("0.014");
    expect(&case, supports, Rule::MaxSize);
    case.rules.max_size = 0;
    expect(&case, supports, Rule::MinNotional);
    case.rules.min_notional = 0;
    expect(&case, supports, Rule::MaxQuantity);
    case.limits.max_quantity = None;
    expect(&case, supports, Rule::MaxNotional);
    case.limits.max_notional = None;
    expect(&case, supports, Rule::NoBook);
    case.seen.top = Case::new().seen.top;
    case.intent.price = dec("200");
    expect(&case, supports, Rule::Collar);
    case.limits.collar = None;
    expect(&case, supports, Rule::Reducing);
    case.seen.mode = Mode::Active;
    expect(&case, supports, Rule::Position);
    case.limits.max_position = None;
    expect(&case, supports, Rule::OpenOrders);
    case.limits.max_open_orders = None;
    expect(&case, supports, Rule::OpenOrdersVenue);
}

#[test]
fn the_names_of_the_rules_are_labels() {
    let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    for name in &names {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert_eq!(Rule::from_name(name).map(Rule::name), Some(*name));
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
}
