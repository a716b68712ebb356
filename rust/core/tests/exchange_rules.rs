//! The paper exchange rule by rule, in numbers that can be worked out by hand.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{
    Event, Exchange, ExchangeReject, MAX_MONEY, NewOrder, Order, OrderNo, Terms, money_text, notional,
};
use ferrofeed_core::orders::{Liquidity, Offset, OrderStatus, OrderType, Product, Rules, Side};

use ExchangeReject as No;
use Liquidity::{Maker, Taker};
use Offset::{Close, Net, Open};
use OrderType::{Ioc, Limit, Market};
use Side::{Buy, Sell};

const SPOT: u32 = 0;
const CONTRACT: u32 = 1;

fn rules(product: Product, price_scale: u8, size_scale: u8) -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETHUSDT".into(),
        product,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale,
        size_scale,
        tick: 1,
        lot: 1,
        min_size: 0,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    }
}

/// Prices in cents, sizes in hundredths; fees 0.1 % and 0.2 %, leverage 10. Each account has 1,000 USDT and 10 ETH.
struct Desk {
    exchange: Exchange,
    now: i64,
}

const A: u32 = 0;
const B: u32 = 1;

impl Desk {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl Fn(&mut Rules)) -> Self {
        let mut exchange = Exchange::new(100);
        for product in [Product::Spot, Product::Contract] {
            let mut rules = rules(product, 2, 2);
            change(&mut rules);
            exchange.add_instrument(rules, Terms { maker_ppm: 1_000, taker_ppm: 2_000, leverage: 10 });
        }
        for name in ["A", "B"] {
            let account = exchange.add_account(name);
            exchange.deposit(account, "USDT", money(1_000)).unwrap();
            exchange.deposit(account, "ETH", money(10)).unwrap();
        }
        exchange.take_events(&mut Vec::new());
        Self { exchange, now: 0 }
    }

    fn order(
        &mut self,
        account: u32,
        instrument: u32,
        new: (Side, OrderType, Offset, i64, i64),
    ) -> Result<OrderNo, No> {
        let (side, order_type, offset, price, quantity) = new;
        self.now += 1;
        let new = NewOrder { instrument, side, order_type, offset, price, quantity, client: 0 };
        self.exchange.submit(self.now, account, new)
    }

    /// A limit order on the spot market.
    fn limit(&mut self, account: u32, side: Side, price: i64, quantity: i64) -> OrderNo {
        self.order(account, SPOT, (side, Limit, Net, price, quantity)).unwrap()
    }

    fn show(&mut self, instrument: u32, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        let levels = |all: &[(i64, i64)]| all.iter().map(|&(price, size)| Level { price, size }).collect::<Vec<_>>();
        self.now += 1;
        self.exchange.market(self.now, instrument, &levels(bids), &levels(asks)).unwrap();
    }

    fn get(&self, number: OrderNo) -> Order {
        *self.exchange.order(number).unwrap()
    }

    /// Free and locked, as text.
    fn has(&self, account: u32, currency: &str) -> (String, String) {
        let at = self.exchange.currencies().iter().position(|name| **name == *currency).unwrap();
        let balance = self.exchange.balances(account)[at];
        (money_text(balance.free), money_text(balance.locked))
    }

    /// Account, price, quantity, who was first and fee of each fill since the last call.
    fn fills(&mut self) -> Vec<(u32, i64, i64, Liquidity, String)> {
        let mut events = Vec::new();
        self.exchange.take_events(&mut events);
        let fill = |event: &Event| match *event {
            Event::Fill { account, price, quantity, liquidity, fee, .. } => {
                Some((account, price, quantity, liquidity, money_text(fee)))
            }
            _ => None,
        };
        events.iter().filter_map(fill).collect()
    }

    /// Quantity, what may be closed, cost and margin of the long and the short position.
    fn position(&self, account: u32) -> [(i64, i64, String, String); 2] {
        let legs = self.exchange.position(account, CONTRACT);
        [legs.long, legs.short].map(|leg| (leg.quantity, leg.available(), money_text(leg.cost), money_text(leg.margin)))
    }
}

fn money(whole: i64) -> i128 {
    i128::from(whole) * 10_i128.pow(18)
}

fn pair(free: &str, locked: &str) -> (String, String) {
    (free.to_owned(), locked.to_owned())
}

fn leg(quantity: i64, available: i64, cost: &str, margin: &str) -> (i64, i64, String, String) {
    (quantity, available, cost.to_owned(), margin.to_owned())
}

#[test]
fn a_limit_order_rests_with_its_worst_case_locked_and_is_free_again_when_cancelled() {
    let mut desk = Desk::new();
    // 2 ETH at 100.00: 200 and the taker's fee of 0.40
    let order = desk.limit(A, Buy, 10_000, 200);
    assert_eq!(desk.has(A, "USDT"), pair("799.6", "200.4"));
    let sale = desk.limit(A, Sell, 10_100, 300);
    assert_eq!(desk.has(A, "ETH"), pair("7", "3"));
    assert_eq!(desk.exchange.resting(SPOT, Buy), [(10_000, 200)]);
    assert_eq!(desk.exchange.resting(SPOT, Sell), [(10_100, 300)]);
    for number in [order, sale] {
        desk.exchange.cancel(9, A, number).unwrap();
        assert_eq!(desk.get(number).status, OrderStatus::Cancelled);
        assert_eq!(desk.exchange.cancel(9, A, number), Err(No::Cancelled));
    }
    assert_eq!((desk.has(A, "USDT"), desk.has(A, "ETH")), (pair("1000", "0"), pair("10", "0")));
    assert_eq!(desk.exchange.cancel(9, A, 77), Err(No::UnknownOrder));
}

#[test]
fn both_sides_of_a_trade_pay_their_own_fee_and_what_was_held_too_much_is_free_again() {
    let mut desk = Desk::new();
    let sale = desk.limit(B, Sell, 9_900, 100);
    let purchase = desk.limit(A, Buy, 10_000, 150);
    assert_eq!(desk.fills(), [(A, 9_900, 100, Taker, "0.198".to_owned()), (B, 9_900, 100, Maker, "0.099".to_owned())]);
    // 0.5 ETH at 100.00 is left: 50 and 0.1
    assert_eq!(desk.has(A, "USDT"), pair("850.702", "50.1"));
    assert_eq!(desk.has(A, "ETH"), pair("11", "0"));
    assert_eq!(desk.has(B, "USDT"), pair("1098.901", "0"));
    assert_eq!(desk.has(B, "ETH"), pair("9", "0"));
    assert_eq!((desk.get(sale).status, desk.get(purchase).filled), (OrderStatus::Filled, 100));
    assert_eq!(money_text(desk.exchange.fees()[1]), "0.297");
    assert_eq!(desk.exchange.cancel(9, B, sale), Err(No::Filled));
    assert_eq!(desk.exchange.cancel(9, B, purchase), Err(No::UnknownOrder), "it is not B's");
    desk.exchange.cancel(9, A, purchase).unwrap();
    assert_eq!(desk.has(A, "USDT"), pair("900.802", "0"));
}

#[test]
fn the_fee_of_an_order_is_rounded_up_once() {
    // prices and sizes of five digits: a fill of 0.00001 at 0.00333 is worth 3.33e-8, its fee of 0.2 % 6.66e-11
    let mut exchange = Exchange::new(100);
    exchange.add_instrument(rules(Product::Spot, 5, 5), Terms { maker_ppm: 0, taker_ppm: 2_000, leverage: 1 });
    for name in ["A", "B"] {
        let account = exchange.add_account(name);
        exchange.deposit(account, "USDT", money(1)).unwrap();
        exchange.deposit(account, "ETH", money(1)).unwrap();
    }
    let new = |side, quantity| NewOrder {
        instrument: 0,
        side,
        order_type: Limit,
        offset: Net,
        price: 333,
        quantity,
        client: 0,
    };
    for _ in 0..200 {
        exchange.submit(0, B, new(Sell, 1)).unwrap();
    }
    let order = exchange.submit(0, A, new(Buy, 200)).unwrap();
    let order = exchange.order(order).unwrap();
    // 200 fills, worth 6.66e-6 together, and a fee of 1.332e-8
    assert_eq!((order.status, money_text(order.cost)), (OrderStatus::Filled, "0.00000666".to_owned()));
    assert_eq!(money_text(order.fee), "0.00000002");
    assert_eq!(money_text(exchange.fees()[1]), "0.00000002");
}

#[test]
fn a_market_order_takes_level_by_level_and_its_rest_is_cancelled() {
    let mut desk = Desk::new();
    desk.show(SPOT, &[(9_900, 100)], &[(10_000, 100), (10_100, 100)]);
    desk.limit(B, Sell, 10_050, 50);
    desk.fills();
    let order = desk.order(A, SPOT, (Buy, Market, Net, 0, 400)).unwrap();
    let fee = str::to_owned;
    assert_eq!(
        desk.fills(),
        [
            (A, 10_000, 100, Taker, fee("0.2")),
            (A, 10_050, 50, Taker, fee("0.1005")),
            (B, 10_050, 50, Maker, fee("0.05025")),
            (A, 10_100, 100, Taker, fee("0.202")),
        ]
    );
    assert_eq!((desk.get(order).status, desk.get(order).filled), (OrderStatus::Cancelled, 250));
    assert_eq!(desk.has(A, "USDT"), pair("748.2475", "0"));
}

#[test]
fn a_market_order_on_an_empty_book_is_cancelled_whole() {
    let mut desk = Desk::new();
    for side in [Buy, Sell] {
        let order = desk.order(A, SPOT, (side, Market, Net, 0, 100)).unwrap();
        assert_eq!((desk.get(order).status, desk.get(order).filled), (OrderStatus::Cancelled, 0));
    }
    assert_eq!((desk.has(A, "USDT"), desk.has(A, "ETH")), (pair("1000", "0"), pair("10", "0")));
    assert!(desk.fills().is_empty());
}

#[test]
fn a_market_order_buys_no_more_lots_than_there_is_money_for() {
    let mut desk = Desk::new();
    desk.show(SPOT, &[], &[(10_000, 600), (20_000, 5_000)]);
    // 6 ETH for 600 and 1.2; of 398.8 at 200 and 0.4 each: 1.99 ETH for 398 and 0.796
    let order = desk.order(A, SPOT, (Buy, Market, Net, 0, 5_000)).unwrap();
    assert_eq!((desk.get(order).status, desk.get(order).filled), (OrderStatus::Cancelled, 799));
    assert_eq!(desk.has(A, "USDT"), pair("0.004", "0"));
}

#[test]
fn an_ioc_takes_what_its_price_allows_and_never_rests() {
    let mut desk = Desk::new();
    desk.show(SPOT, &[(9_900, 100)], &[(10_000, 100), (10_100, 100)]);
    let order = desk.order(A, SPOT, (Buy, Ioc, Net, 10_000, 300)).unwrap();
    assert_eq!((desk.get(order).status, desk.get(order).filled), (OrderStatus::Cancelled, 100));
    let none = desk.order(A, SPOT, (Sell, Ioc, Net, 9_901, 100)).unwrap();
    assert_eq!((desk.get(none).status, desk.get(none).filled), (OrderStatus::Cancelled, 0));
    assert_eq!(desk.has(A, "USDT"), pair("899.8", "0"));
    assert!(desk.exchange.live().is_empty() && desk.exchange.resting(SPOT, Buy).is_empty());
}

#[test]
fn price_comes_first_then_time() {
    let mut desk = Desk::new();
    let [early, late, better] =
        [(10_000, 100), (10_000, 100), (9_990, 100)].map(|(price, size)| desk.limit(B, Sell, price, size));
    desk.limit(A, Buy, 10_000, 250);
    assert_eq!([better, early, late].map(|order| desk.get(order).filled), [100, 100, 50]);
}

#[test]
fn at_one_price_the_live_book_was_there_first() {
    let mut desk = Desk::new();
    let sale = desk.limit(B, Sell, 10_000, 100);
    desk.show(SPOT, &[], &[(10_000, 70)]);
    desk.limit(A, Buy, 10_000, 100);
    assert_eq!(desk.get(sale).filled, 30);
}

#[test]
fn what_was_taken_of_a_displayed_level_stays_taken_until_its_size_changes() {
    let mut desk = Desk::new();
    let take = |desk: &mut Desk| {
        let order = desk.order(A, SPOT, (Buy, Ioc, Net, 10_000, 50)).unwrap();
        desk.get(order).filled
    };
    desk.show(SPOT, &[], &[(10_000, 80)]);
    assert_eq!([take(&mut desk), take(&mut desk), take(&mut desk)], [50, 30, 0]);
    desk.show(SPOT, &[], &[(9_990, 10), (10_000, 80)]);
    assert_eq!([take(&mut desk), take(&mut desk)], [10, 0], "the level is the same, but for what came in front of it");
    desk.show(SPOT, &[], &[(10_000, 81)]);
    assert_eq!(take(&mut desk), 50);
    desk.show(SPOT, &[], &[]);
    desk.show(SPOT, &[], &[(10_000, 81)]);
    assert_eq!(take(&mut desk), 50, "a level that was gone is a new one");
}

#[test]
fn displayed_sizes_count_in_whole_lots() {
    let mut desk = Desk::with(|rules| rules.lot = 20);
    desk.show(SPOT, &[], &[(10_000, 19), (10_010, 59)]);
    let order = desk.order(A, SPOT, (Buy, Ioc, Net, 10_010, 100)).unwrap();
    assert_eq!(desk.get(order).filled, 40);
}

#[test]
fn a_live_book_that_crosses_resting_orders_fills_them_at_their_own_price_up_to_what_it_shows() {
    let mut desk = Desk::new();
    let [low, early, late] = [9_900, 10_000, 10_000].map(|price| desk.limit(A, Buy, price, 100));
    desk.show(SPOT, &[], &[(9_950, 150)]);
    assert_eq!([low, early, late].map(|order| desk.get(order).filled), [0, 100, 50]);
    let fee = |fee: &str| fee.to_owned();
    assert_eq!(desk.fills(), [(A, 10_000, 100, Maker, fee("0.1")), (A, 10_000, 50, Maker, fee("0.05"))]);
    desk.show(SPOT, &[], &[(9_950, 150)]);
    assert_eq!(desk.get(late).filled, 50, "the same size is not filled with twice");
    desk.show(SPOT, &[], &[(9_900, 500)]);
    assert_eq!([low, early, late].map(|order| desk.get(order).filled), [100, 100, 100]);
    let sale = desk.limit(A, Sell, 10_500, 100);
    desk.show(SPOT, &[(10_500, 100)], &[]);
    assert_eq!(desk.get(sale).status, OrderStatus::Filled);
}

#[test]
fn a_live_book_that_makes_no_sense_is_refused() {
    let level = |price, size| Level { price, size };
    let mut desk = Desk::new();
    desk.show(SPOT, &[], &[(10_000, 80)]);
    for (bids, asks) in [
        (vec![level(99, 1), level(100, 1)], vec![]),
        (vec![], vec![level(100, 1), level(100, 1)]),
        (vec![level(100, 1)], vec![level(100, 1)]),
        (vec![level(0, 1)], vec![]),
        (vec![], vec![level(100, -1)]),
    ] {
        assert_eq!(desk.exchange.market(0, SPOT, &bids, &asks), Err(No::Book), "{bids:?} {asks:?}");
    }
    assert_eq!(desk.exchange.market(0, 7, &[], &[]), Err(No::UnknownInstrument));
    let order = desk.order(A, SPOT, (Buy, Ioc, Net, 10_000, 80)).unwrap();
    assert_eq!(desk.get(order).filled, 80, "the book of before is still there");
}

#[test]
fn an_order_never_trades_with_its_own_account() {
    let mut desk = Desk::new();
    desk.limit(B, Sell, 9_900, 40);
    let own = desk.limit(A, Sell, 10_000, 100);
    desk.limit(B, Sell, 10_000, 100);
    let order = desk.limit(A, Buy, 10_000, 100);
    assert_eq!((desk.get(order).status, desk.get(order).filled), (OrderStatus::Cancelled, 40));
    assert_eq!((desk.get(own).status, desk.get(own).filled), (OrderStatus::Working, 0));
}

#[test]
fn every_rule_refuses_with_its_name_and_changes_nothing() {
    let mut desk = Desk::with(|rules| {
        (rules.tick, rules.lot, rules.min_size, rules.max_size) = (5, 10, 20, 1_000);
        (rules.min_price, rules.min_notional) = (100, 50_000);
    });
    let before = format!("{:?}", desk.exchange);
    let cases = [
        (SPOT, (Buy, Limit, Open, 10_000, 100), No::Offset),
        (CONTRACT, (Buy, Limit, Net, 10_000, 100), No::Offset),
        (SPOT, (Buy, Limit, Net, 0, 100), No::Price),
        (SPOT, (Buy, Limit, Net, -5, 100), No::Price),
        (SPOT, (Buy, Limit, Net, 95, 1_000), No::Price),
        (SPOT, (Buy, Market, Net, 10_000, 100), No::Price),
        (SPOT, (Buy, Limit, Net, 10_001, 100), No::Tick),
        (SPOT, (Buy, Limit, Net, 10_000, 0), No::Quantity),
        (SPOT, (Buy, Limit, Net, 10_000, -10), No::Quantity),
        (SPOT, (Buy, Limit, Net, 10_000, 25), No::Lot),
        (SPOT, (Buy, Limit, Net, 10_000, 10), No::Size),
        (SPOT, (Buy, Limit, Net, 10_000, 1_010), No::Size),
        (SPOT, (Buy, Limit, Net, 2_000, 20), No::Notional),
        (SPOT, (Buy, Limit, Net, 10_000, 1_000), No::Insufficient),
        (SPOT, (Sell, Ioc, Net, 10_000, 1_000), No::Insufficient),
        (CONTRACT, (Sell, Limit, Close, 10_000, 100), No::Position),
        (9, (Buy, Limit, Net, 10_000, 100), No::UnknownInstrument),
    ];
    desk.exchange.deposit(A, "ETH", -money(1)).unwrap();
    desk.exchange.take_events(&mut Vec::new());
    for (instrument, new, no) in cases {
        let before = format!("{:?}", desk.exchange);
        assert_eq!(desk.order(A, instrument, new), Err(no), "{new:?}");
        assert_eq!(format!("{:?}", desk.exchange), before, "{new:?} changed something");
    }
    assert_eq!(desk.order(9, SPOT, (Buy, Limit, Net, 10_000, 100)), Err(No::UnknownAccount));
    desk.exchange.deposit(A, "ETH", money(1)).unwrap();
    desk.exchange.take_events(&mut Vec::new());
    assert_eq!(format!("{:?}", desk.exchange), before);
}

#[test]
fn the_rules_let_in_what_just_fits() {
    let mut desk = Desk::with(|rules| (rules.tick, rules.lot, rules.min_size, rules.max_size) = (5, 10, 20, 1_000));
    desk.limit(A, Sell, 10_005, 1_000);
    // 998 and its fee of 0.2 % are 999.996
    desk.limit(A, Buy, 9_980, 1_000);
    assert_eq!((desk.has(A, "USDT"), desk.has(A, "ETH")), (pair("0.004", "999.996"), pair("0", "10")));
}

#[test]
fn long_and_short_are_opened_and_closed_by_side_and_offset() {
    let mut desk = Desk::new();
    // A goes long 3 ETH at 100.00, B short: margins of 30, fees of 0.6 and 0.3
    desk.order(B, CONTRACT, (Sell, Limit, Open, 10_000, 300)).unwrap();
    desk.order(A, CONTRACT, (Buy, Limit, Open, 10_000, 300)).unwrap();
    assert_eq!(desk.position(A), [leg(300, 300, "300", "30"), leg(0, 0, "0", "0")]);
    assert_eq!(desk.position(B), [leg(0, 0, "0", "0"), leg(300, 300, "300", "30")]);
    assert_eq!(desk.has(A, "USDT"), pair("969.4", "30"));
    assert_eq!(desk.has(B, "USDT"), pair("969.7", "30"));
    // A closes 1 at 110.00 with B, who closes its short: 10 go from B to A, fees of 0.22 and 0.11
    desk.order(B, CONTRACT, (Buy, Limit, Close, 11_000, 100)).unwrap();
    assert_eq!(desk.position(B)[1], leg(300, 200, "300", "30"));
    desk.order(A, CONTRACT, (Sell, Limit, Close, 11_000, 100)).unwrap();
    assert_eq!(desk.position(A), [leg(200, 200, "200", "20"), leg(0, 0, "0", "0")]);
    assert_eq!(desk.position(B), [leg(0, 0, "0", "0"), leg(200, 200, "200", "20")]);
    assert_eq!(desk.has(A, "USDT"), pair("989.18", "20"));
    assert_eq!(desk.has(B, "USDT"), pair("969.59", "20"));
    // both sides at once: B opens a long one beside its short one
    desk.show(CONTRACT, &[], &[(5_000, 100)]);
    desk.order(B, CONTRACT, (Buy, Market, Open, 0, 100)).unwrap();
    assert_eq!(desk.position(B), [leg(100, 100, "50", "5"), leg(200, 200, "200", "20")]);
}

#[test]
fn no_more_is_closed_than_there_is_and_is_not_promised() {
    let mut desk = Desk::new();
    desk.show(CONTRACT, &[(9_990, 1_000)], &[(10_000, 1_000)]);
    desk.order(A, CONTRACT, (Buy, Ioc, Open, 10_000, 300)).unwrap();
    let close = |size| (Sell, Limit, Close, 10_100, size);
    assert_eq!(desk.order(A, CONTRACT, close(301)), Err(No::Position));
    let order = desk.order(A, CONTRACT, close(200)).unwrap();
    assert_eq!(desk.position(A)[0].1, 100);
    assert_eq!(desk.order(A, CONTRACT, close(101)), Err(No::Position));
    assert_eq!(desk.order(A, CONTRACT, (Buy, Limit, Close, 9_000, 1)), Err(No::Position), "there is no short one");
    assert_eq!(desk.exchange.replace(9, A, order, 10_100, 301), Err(No::Position));
    desk.exchange.replace(9, A, order, 10_100, 300).unwrap();
    assert_eq!(desk.position(A)[0].1, 0);
    desk.exchange.cancel(9, A, order).unwrap();
    assert_eq!(desk.position(A)[0].1, 300);
    desk.order(A, CONTRACT, (Sell, Market, Close, 0, 300)).unwrap();
    assert_eq!(desk.position(A)[0], leg(0, 0, "0", "0"));
    // bought for 300 and sold for 299.7, with fees of 0.6 and 0.5994
    assert_eq!(desk.has(A, "USDT"), pair("998.5006", "0"));
}

#[test]
fn a_short_opened_above_its_limit_takes_no_more_margin_than_there_is() {
    let mut desk = Desk::new();
    desk.show(CONTRACT, &[(10_000, 100_000)], &[]);
    // at its limit of 1.00 an ETH takes 0.102, at 100.00 it takes 10.2; the rest of the 500 must be held for at the limit: of 1,000 USDT
    // 51 are held as it comes, and the other 949 pay 10.098 more for each of 93.97
    let order = desk.order(A, CONTRACT, (Sell, Limit, Open, 100, 50_000)).unwrap();
    let order = desk.get(order);
    assert_eq!((order.status, order.locked), (OrderStatus::Cancelled, 0));
    let free = desk.has(A, "USDT").0;
    assert!(!free.starts_with('-'), "{free}");
    assert_eq!(order.filled, desk.position(A)[1].0);
    assert_eq!(order.filled, 9_397);
}

#[test]
fn a_smaller_quantity_keeps_its_place_and_anything_else_loses_it() {
    for (price, quantity, keeps) in [(10_000, 60, true), (10_000, 100, true), (10_000, 110, false), (10_001, 60, false)]
    {
        let mut desk = Desk::new();
        let [first, second] = [100, 100].map(|size| desk.limit(A, Sell, 10_000, size));
        desk.exchange.replace(5, A, first, price, quantity).unwrap();
        desk.limit(B, Buy, 10_000, 60);
        let expected = if keeps { [60, 0] } else { [0, 60] };
        assert_eq!([first, second].map(|order| desk.get(order).filled), expected, "{price} {quantity}");
    }
}

#[test]
fn a_replaced_order_trades_if_it_can_and_a_refused_replace_changes_nothing() {
    let mut desk = Desk::new();
    desk.limit(B, Sell, 10_100, 50);
    let order = desk.limit(A, Buy, 10_000, 100);
    desk.exchange.take_events(&mut Vec::new());
    let before = format!("{:?}", desk.exchange);
    for (price, quantity, no) in
        [(10_000, 2_000, No::Insufficient), (0, 100, No::Price), (10_000, 0, No::Quantity), (10_000, -1, No::Quantity)]
    {
        assert_eq!(desk.exchange.replace(9, A, order, price, quantity), Err(no));
    }
    assert_eq!(desk.exchange.replace(9, B, order, 10_000, 50), Err(No::UnknownOrder));
    assert_eq!(format!("{:?}", desk.exchange), before);
    desk.exchange.replace(9, A, order, 10_100, 200).unwrap();
    assert_eq!(desk.get(order).filled, 50);
    assert_eq!(desk.exchange.replace(9, A, order, 10_100, 50), Err(No::Quantity), "so much is filled");
    assert_eq!(desk.exchange.resting(SPOT, Buy), [(10_100, 150)]);
    // 50.5 and a fee of 0.101 are paid; 151.5 and a worst fee of 0.303 are held
    assert_eq!(desk.has(A, "USDT"), pair("797.596", "151.803"));
}

#[test]
fn what_is_forgotten_is_unknown_and_what_is_kept_is_found() {
    let mut exchange = Exchange::new(2);
    exchange.add_instrument(rules(Product::Spot, 2, 2), Terms { maker_ppm: 0, taker_ppm: 0, leverage: 1 });
    exchange.add_account("A");
    exchange.deposit(0, "ETH", money(1)).unwrap();
    let new =
        NewOrder { instrument: 0, side: Sell, order_type: Limit, offset: Net, price: 100, quantity: 1, client: 0 };
    let lasting = exchange.submit(0, 0, new).unwrap();
    let numbers: Vec<OrderNo> = (0..5)
        .map(|_| {
            let number = exchange.submit(0, 0, new).unwrap();
            exchange.cancel(0, 0, number).unwrap();
            number
        })
        .collect();
    let found = numbers.iter().map(|number| exchange.cancel(0, 0, *number).unwrap_err());
    assert!(found.eq([No::UnknownOrder, No::UnknownOrder, No::UnknownOrder, No::Cancelled, No::Cancelled]));
    assert!(numbers.is_sorted(), "numbers grow");
    exchange.forget(0);
    assert_eq!(exchange.cancel(0, 0, lasting), Err(No::UnknownOrder));
    assert_eq!(exchange.balances(0)[0].locked, 0);
}

#[test]
fn deposits_have_limits() {
    let mut desk = Desk::new();
    let before = format!("{:?}", desk.exchange);
    assert_eq!(desk.exchange.deposit(A, "USDT", MAX_MONEY), Err(No::Overflow));
    assert_eq!(desk.exchange.deposit(A, "USDT", i128::MAX), Err(No::Overflow));
    assert_eq!(desk.exchange.deposit(A, "USDT", -money(1_001)), Err(No::Insufficient));
    assert_eq!(desk.exchange.deposit(A, "USDT", i128::MIN), Err(No::Insufficient));
    assert_eq!(desk.exchange.deposit(7, "BTC", 1), Err(No::UnknownAccount));
    assert_eq!(format!("{:?}", desk.exchange), before);
    desk.exchange.deposit(A, "USDT", -money(1_000)).unwrap();
    assert_eq!(desk.has(A, "USDT"), pair("0", "0"));
}

#[test]
fn an_order_larger_than_can_be_written_is_refused() {
    let mut desk = Desk::new();
    for new in [
        (Buy, Limit, Net, i64::MAX, i64::MAX),
        (Sell, Limit, Net, 1, i64::MAX),
        (Sell, Market, Net, 0, i64::MAX),
        (Buy, Limit, Net, i64::MAX, 1_000_000),
    ] {
        let before = format!("{:?}", desk.exchange);
        assert_eq!(desk.order(A, SPOT, new), Err(No::Overflow), "{new:?}");
        assert_eq!(format!("{:?}", desk.exchange), before);
    }
    assert_eq!(notional(&rules(Product::Spot, 0, 0), i64::MAX, i64::MAX), None);
}

#[test]
fn a_position_too_large_to_be_counted_is_refused() {
    let mut exchange = Exchange::new(10);
    exchange.add_instrument(rules(Product::Contract, 0, 18), Terms { maker_ppm: 0, taker_ppm: 0, leverage: 1 });
    exchange.add_account("A");
    exchange.deposit(0, "USDT", money(1_000)).unwrap();
    let new = |quantity| NewOrder {
        instrument: 0,
        side: Buy,
        order_type: Limit,
        offset: Open,
        price: 1,
        quantity,
        client: 0,
    };
    let order = exchange.submit(0, 0, new(i64::MAX)).unwrap();
    assert_eq!(exchange.submit(0, 0, new(1)), Err(No::Overflow));
    exchange.market(0, 0, &[], &[Level { price: 1, size: i64::MAX }]).unwrap();
    assert_eq!(exchange.order(order).unwrap().status, OrderStatus::Filled);
    assert_eq!(exchange.submit(0, 0, new(1)), Err(No::Overflow));
    // closing a part of so much is exact
    exchange.market(0, 0, &[Level { price: 1, size: 10 }], &[]).unwrap();
    exchange.submit(0, 0, NewOrder { side: Sell, offset: Close, quantity: 7, ..new(7) }).unwrap();
    let leg = exchange.position(0, 0).long;
    assert_eq!((leg.quantity, leg.cost), (i64::MAX - 7, i128::from(i64::MAX)), "7e-18 are less than the eighth digit");
}
