//! The paper exchange as a venue: every request is answered once, in order, in time, to the session that asked; what is told adds up to
//! what is; and the same seed does the same again.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{
    Ask, ConnectionId, Latency, MAX_REQUESTS, Model, NewOrder, PaperVenue, Spread, Terms, money_text,
};
use ferrofeed_core::orders::{
    Offset, OrderReport, OrderStatus, OrderType, Product, RefusalKind, Report, RequestKey, Rules, Side,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MS: i64 = 1_000_000;

fn rules(product: Product) -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETHUSDT".into(),
        product,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale: 2,
        size_scale: 2,
        tick: 1,
        lot: 1,
        min_size: 0,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    }
}

fn at(now: i64) -> Stamp {
    Stamp { realtime: 1_700_000_000_000_000_000 + now, monotonic: now }
}

/// A venue with a spot market and a contract, and two accounts with a connection each.
fn venue(model: Model) -> PaperVenue {
    let mut venue = PaperVenue::new(model, 1_000);
    for product in [Product::Spot, Product::Contract] {
        venue.exchange.add_instrument(rules(product), Terms { maker_ppm: 200, taker_ppm: 500, leverage: 10 });
    }
    for name in ["A", "B"] {
        let account = venue.exchange.add_account(name);
        for currency in ["ETH", "USDT"] {
            venue.exchange.deposit(account, currency, 1_000_000 * 10_i128.pow(18)).unwrap();
        }
        let connection = venue.add_connection(account);
        venue.connect(connection);
    }
    venue.poll(at(0), &mut Vec::new());
    run(&mut venue, 1_000 * MS);
    venue
}

/// Polls whenever there is something to do until this time; what came, with its time.
fn run(venue: &mut PaperVenue, until: i64) -> Vec<(i64, ConnectionId, Report)> {
    let mut all = Vec::new();
    while let Some(now) = venue.next_deadline().filter(|now| *now <= until) {
        let mut out = Vec::new();
        venue.poll(at(now), &mut out);
        all.extend(out.into_iter().map(|(connection, report)| (now, connection, report)));
    }
    all
}

fn new(instrument: u32, side: Side, offset: Offset, price: i64, quantity: i64) -> NewOrder {
    let order_type = if price == 0 { OrderType::Market } else { OrderType::Limit };
    NewOrder { instrument, side, order_type, offset, price, quantity, client: 0 }
}

fn spot(side: Side, price: i64, quantity: i64) -> NewOrder {
    new(0, side, Offset::Net, price, quantity)
}

/// The number of the request that a report answers.
fn answers(report: &Report) -> Option<u64> {
    let (Report::Accepted { request, .. }
    | Report::Refused { request, .. }
    | Report::CancelAnswer { request, .. }
    | Report::RequestRefused { request, .. }
    | Report::Orders { request, .. }
    | Report::Executions { request, .. }
    | Report::Balances { request, .. }
    | Report::Positions { request, .. }
    | Report::Rules { request, .. }) = report
    else {
        return None;
    };
    match request {
        RequestKey::Number(number) => Some(*number),
        _ => None,
    }
}

fn model(seed: u64) -> Model {
    let latency = Latency { least: MS, most: 5 * MS };
    Model { there: latency, back: latency, reject_ppm: 100_000, seed, cancel_on_disconnect: false }
}

/// The orders that a request for orders found.
fn ask_orders(venue: &mut PaperVenue, now: i64, ask: Ask) -> Vec<OrderReport> {
    venue.request(at(now), 0, 999, ask);
    let all = run(venue, now + 1_000 * MS);
    all.into_iter()
        .find_map(|(_, _, report)| match report {
            Report::Orders { request: RequestKey::Number(999), orders } => Some(orders),
            _ => None,
        })
        .expect("an answer")
}

fn ask() -> impl Strategy<Value = Ask> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let order = (0..2_u32, side(), any::<bool>(), prop_oneof![4 => 9_990..10_010_i64, 1 => Just(0)], 1..50_i64);
    let number = || (0..40_u64).prop_map(|order| Box::from(((order + 1) << 24).to_string()));
    prop_oneof![
        6 => order.prop_map(|(instrument, side, closes, price, quantity)| {
            let offset = match (instrument, closes) {
                (0, _) => Offset::Net,
                (_, true) => Offset::Close,
                (_, false) => Offset::Open,
            };
            Ask::Place("mine".into(), new(instrument, side, offset, price, quantity))
        }),
        2 => prop::collection::vec(number(), 0..3).prop_map(Ask::Cancel),
        1 => (0..2_u32).prop_map(Ask::Orders),
        1 => (0..3_u32).prop_map(Ask::Open),
        1 => (0..3_u32).prop_map(Ask::Executions),
        1 => Just(Ask::Order("mine".into())),
        1 => Just(Ask::Balances),
        1 => (0..3_u32).prop_map(Ask::Positions),
        1 => (0..3_u32).prop_map(Ask::Rules),
    ]
}

proptest! {
    #[test]
    fn every_request_is_answered_once_in_order_and_in_time_and_what_is_told_adds_up(
        seed in any::<u64>(),
        skewed in any::<bool>(),
        asks in prop::collection::vec((0..2_u16, 0..3 * MS, ask()), 1..60),
    ) {
        let play = || {
            let mut venue = venue(model(seed));
            let spread = if skewed { Spread::Skewed } else { Spread::Even };
            venue.set_spread(spread, spread);
            let mut now = 2_000 * MS;
            let (mut told, mut sent) = (Vec::new(), Vec::new());
            for (number, (connection, wait, ask)) in (0..).zip(&asks) {
                now += wait;
                told.extend(run(&mut venue, now));
                venue.request(at(now), *connection, number, ask.clone());
                sent.push((number, *connection, now));
            }
            told.extend(run(&mut venue, i64::MAX));
            (venue, told, sent)
        };
        let (venue, told, sent) = play();
        prop_assert_eq!(&told, &play().1, "the same seed does the same");
        for connection in [0, 1] {
            let answered: Vec<(u64, i64)> = told
                .iter()
                .filter(|(_, to, _)| *to == connection)
                .filter_map(|(now, _, report)| answers(report).map(|number| (number, *now)))
                .collect();
            let asked: Vec<(u64, i64)> = sent
                .iter()
                .filter(|(_, from, _)| *from == connection)
                .map(|(number, _, now)| (*number, *now))
                .collect();
            let numbers = |all: &[(u64, i64)]| all.iter().map(|(number, _)| *number).collect::<Vec<_>>();
            prop_assert_eq!(numbers(&answered), numbers(&asked), "each once, in order");
            for ((_, came), (_, went)) in answered.iter().zip(&asked) {
                prop_assert!(came - went >= 2 * MS, "no answer is faster than light");
            }
            // what was told last is what is; fills add up to what orders say is filled
            let account = u32::from(connection);
            let mut orders: BTreeMap<Box<str>, OrderReport> = BTreeMap::new();
            let mut filled: BTreeMap<Box<str>, i64> = BTreeMap::new();
            let mut balances: BTreeMap<Box<str>, [String; 3]> = BTreeMap::new();
            for (_, _, report) in told.iter().filter(|(_, to, _)| *to == connection) {
                match report {
                    Report::Order(order) => drop(orders.insert(order.venue_id.clone(), order.clone())),
                    Report::Execution(fill) => {
                        *filled.entry(fill.venue_id.clone()).or_default() += fill.quantity.at_scale(2).unwrap();
                    }
                    Report::Balances { balances: some, .. } => {
                        for one in some {
                            let text = [one.free, one.locked, one.total].map(|number| number.to_string());
                            balances.insert(one.currency.clone(), text);
                        }
                    }
                    _ => {}
                }
            }
            for (id, order) in &orders {
                prop_assert_eq!(order.filled.unwrap().at_scale(2), Some(filled.get(id).copied().unwrap_or(0)));
                let real = venue.exchange.order(id.parse().unwrap()).unwrap();
                prop_assert_eq!((order.status, &*order.client_id), (real.status, "mine"));
                prop_assert_eq!(order.filled.unwrap().at_scale(2), Some(real.filled));
            }
            for (name, balance) in venue.exchange.currencies().iter().zip(venue.exchange.balances(account)) {
                if let Some(told) = balances.get(name) {
                    let real = [balance.free, balance.locked, balance.total()].map(money_text);
                    prop_assert_eq!(told, &real);
                }
            }
        }
    }
}

#[test]
fn another_seed_does_something_else() {
    let times = |seed| {
        let mut venue = venue(model(seed));
        for number in 0..20 {
            venue.request(at(2_000 * MS), 0, number, Ask::Place("x".into(), spot(Side::Buy, 100, 1)));
        }
        run(&mut venue, i64::MAX)
    };
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

#[test]
fn an_order_is_told_of_as_accepted_then_its_fills_then_as_it_is() {
    let mut venue = venue(Model::default());
    let mut told = |connection, number, new| {
        venue.request(at(0), connection, number, Ask::Place(format!("c{number}").into(), new));
        let mut out = Vec::new();
        venue.poll(at(0), &mut out);
        out
    };
    let resting = told(0, 1, spot(Side::Sell, 10_000, 100));
    let [(0, Report::Accepted { request: RequestKey::Number(1), client_id, venue_id }), (0, Report::Balances { .. })] =
        &resting[..]
    else {
        panic!("{resting:?}")
    };
    assert_eq!(&**client_id, "c1");
    let taken = told(1, 2, spot(Side::Buy, 10_000, 150));
    let of = |account: ConnectionId| taken.iter().filter(move |(to, _)| *to == account).map(|(_, report)| report);
    let theirs: Vec<_> = of(1).collect();
    let [Report::Accepted { .. }, Report::Execution(fill), Report::Order(order), Report::Balances { .. }, ..] =
        theirs[..]
    else {
        panic!("{theirs:?}")
    };
    assert_eq!((fill.price.to_string(), fill.quantity.to_string()), ("100".to_owned(), "1".to_owned()));
    assert_eq!((order.status, order.filled.unwrap().to_string()), (OrderStatus::Working, "1".to_owned()));
    let ours: Vec<_> = of(0).collect();
    let [Report::Execution(fill), Report::Order(order), ..] = ours[..] else { panic!("{ours:?}") };
    assert_eq!((&fill.venue_id, &order.venue_id, order.status), (venue_id, venue_id, OrderStatus::Filled));
    assert_eq!(
        fill.fee.as_ref().map(|(fee, currency)| (fee.to_string(), &**currency)),
        Some(("0.02".to_owned(), "USDT"))
    );
}

#[test]
fn a_position_is_told_of_contracts_and_never_of_spot() {
    let mut venue = venue(Model::default());
    venue.market(at(0), 1, &[], &[Level { price: 10_000, size: 300 }]).unwrap();
    for instrument in [0, 1] {
        venue.request(at(0), 0, instrument.into(), Ask::Positions(instrument));
    }
    venue.request(at(0), 0, 2, Ask::Place("x".into(), new(1, Side::Buy, Offset::Open, 10_000, 300)));
    let all = run(&mut venue, 0);
    let positions: Vec<_> = all
        .iter()
        .filter_map(|(_, _, report)| match report {
            Report::Positions { request, positions } => Some((*request, positions.len(), positions.first()?.long?)),
            _ => None,
        })
        .map(|(request, count, (quantity, available, price))| {
            (request, count, [quantity, available, price].map(|n| n.to_string()))
        })
        .collect();
    let text = |quantity: &str, price: &str| [quantity, quantity, price].map(str::to_owned);
    assert_eq!(
        positions,
        [(RequestKey::Number(1), 1, text("0", "0")), (RequestKey::None, 1, text("3", "100"))],
        "the answer for spot is empty"
    );
}

#[test]
fn a_lost_connection_is_told_nothing_and_its_orders_live_on_unless_they_should_not() {
    for cancel_on_disconnect in [false, true] {
        let latency = Latency { least: MS, most: MS };
        let mut venue = venue(Model { there: latency, back: latency, cancel_on_disconnect, ..Model::default() });
        let now = 2_000 * MS;
        venue.request(at(now), 0, 1, Ask::Place("before".into(), spot(Side::Buy, 100, 1)));
        run(&mut venue, now + 2 * MS);
        venue.request(at(now + 3 * MS), 0, 2, Ask::Place("on its way".into(), spot(Side::Buy, 100, 1)));
        venue.disconnect(0, at(now + 3 * MS));
        assert!(run(&mut venue, now + 10 * MS).is_empty());
        venue.connect(0);
        let orders = ask_orders(&mut venue, now + 20 * MS, Ask::Open(0));
        let clients: Vec<&str> = orders.iter().map(|order| &*order.client_id).collect();
        let expected: &[&str] = if cancel_on_disconnect { &["on its way"] } else { &["before", "on its way"] };
        assert_eq!(clients, expected);
        let orders = ask_orders(&mut venue, now + 2_000 * MS, Ask::Order("before".into()));
        let status = if cancel_on_disconnect { OrderStatus::Cancelled } else { OrderStatus::Working };
        assert_eq!(orders.iter().map(|order| order.status).collect::<Vec<_>>(), [status]);
        assert!(ask_orders(&mut venue, now + 4_000 * MS, Ask::Order("never".into())).is_empty());
    }
}

#[test]
fn who_connects_again_gets_no_answers_to_what_was_asked_before() {
    let latency = Latency { least: 5 * MS, most: 5 * MS };
    let mut venue = venue(Model { there: latency, back: latency, ..Model::default() });
    let now = 2_000 * MS;
    venue.request(at(now), 0, 1, Ask::Place("x".into(), spot(Side::Buy, 100, 1)));
    venue.disconnect(0, at(now + MS));
    venue.connect(0);
    let told = run(&mut venue, i64::MAX);
    assert!(told.iter().all(|(_, _, report)| answers(report).is_none()), "{told:?}");
    let news = told.iter().find_map(|(_, _, report)| match report {
        Report::Order(order) => Some((&*order.client_id, order.status)),
        _ => None,
    });
    assert_eq!(news, Some(("x", OrderStatus::Working)), "but that there is an order now is news");
}

#[test]
fn an_order_that_lives_long_keeps_its_clients_id() {
    let mut venue = PaperVenue::new(Model::default(), 4);
    venue.exchange.add_instrument(rules(Product::Spot), Terms { maker_ppm: 0, taker_ppm: 0, leverage: 1 });
    let account = venue.exchange.add_account("A");
    venue.exchange.deposit(account, "USDT", 10_i128.pow(24)).unwrap();
    let connection = venue.add_connection(account);
    venue.connect(connection);
    venue.request(at(0), connection, 0, Ask::Place("old".into(), spot(Side::Buy, 100, 1)));
    for number in 1..200_000 {
        let mut ioc = spot(Side::Buy, 100, 1);
        ioc.order_type = OrderType::Ioc;
        venue.request(at(0), connection, number, Ask::Place("young".into(), ioc));
        venue.poll(at(0), &mut Vec::new());
    }
    let orders = ask_orders(&mut venue, 1, Ask::Open(0));
    assert_eq!(orders.iter().map(|order| &*order.client_id).collect::<Vec<_>>(), ["old"]);
}

#[test]
fn who_asks_too_much_is_told_so_and_nothing_is_lost() {
    let latency = Latency { least: MS, most: MS };
    let mut venue = venue(Model { there: latency, ..Model::default() });
    let now = 2_000 * MS;
    let count = u64::try_from(MAX_REQUESTS).unwrap() + 2;
    for number in 0..count {
        let ask = if number % 2 == 0 { Ask::Place("x".into(), spot(Side::Buy, 100, 1)) } else { Ask::Balances };
        venue.request(at(now), 0, number, ask);
    }
    let told = run(&mut venue, i64::MAX);
    let mut answered: Vec<u64> = told.iter().filter_map(|(_, _, report)| answers(report)).collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..count), "each once");
    let throttled = told.iter().filter(|(_, _, report)| match report {
        Report::Refused { refusal, .. } | Report::RequestRefused { refusal, .. } => {
            refusal.kind == RefusalKind::Throttled
        }
        _ => false,
    });
    assert_eq!(throttled.count(), 2);
}

#[test]
fn the_model_refuses_as_many_as_it_says() {
    let mut venue = venue(Model { reject_ppm: 250_000, seed: 3, ..Model::default() });
    for number in 0..4_000 {
        venue.request(at(0), 0, number, Ask::Place("x".into(), spot(Side::Buy, 100, 1)));
    }
    let told = run(&mut venue, 0);
    let refused = told.iter().filter(|(_, _, report)| matches!(report, Report::Refused { .. })).count();
    assert!((900..1_100).contains(&refused), "{refused}");
    assert_eq!(venue.exchange.live().len(), 4_000 - refused, "what is refused is not there");
}

#[test]
fn numbers_of_a_later_run_are_others() {
    let number = |time, after| {
        let mut venue = venue(Model::default());
        venue.exchange.number_from(time);
        venue.exchange.number_after(after);
        venue.exchange.submit(0, 0, spot(Side::Buy, 100, 1)).unwrap()
    };
    let (time, second) = (1_700_000_000_000_000_000, 1_000_000_000);
    assert_eq!(number(time + second, 0) - number(time, 0), 128 << 24);
    let first = number(time, 0);
    assert!(number(time, first) > first, "within the same second");
    let fast = first + (1_000_000 << 24);
    assert!(number(time + second, fast) > fast, "after a run of more than 128 orders a second");
    assert_eq!(number(time + second, first), number(time + second, 0));
    assert!(i64::try_from(number(u64::from(u32::MAX) * second, 0)).is_ok());
}
