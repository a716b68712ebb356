//! Venues that can't be taken at their word: clocks that are wrong, platforms that never get ready, questions that are refused for ever,
//! lists that are cut short, texts that hold more than words. Every test also ends with a replay of the journal that must make the
//! same state.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]

mod orders_support;

use ferrofeed_core::orders::record::Record;
use ferrofeed_core::orders::router::{DeskState, EventKind, Outgoing, Request, Speaker};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::{Gateway, OrderReport, OrderStatus, Refusal, RefusalKind, Report, RequestKey, describe};
use orders_support::{MS, SECOND, World, quantapi, refusal, row};

fn log_in(world: &mut World) {
    let now = world.stamp();
    world.router.opened(0, now);
    let login = world.sent().unwrap();
    assert_eq!(login.request, Request::Login);
    world.report(Report::LoggedIn { request: RequestKey::Number(login.number), token: "a token".into() });
}

fn gateway() -> World {
    let mut world = World::new(quantapi());
    log_in(&mut world);
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    watch(&mut world, SECOND, &[]);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
    world
}

/// Lets time pass; whoever asks hears of these orders.
fn watch(world: &mut World, ns: i64, orders: &[OrderReport]) {
    for _ in 0..ns / (100 * MS) {
        world.answer_questions(orders);
        world.pass(100 * MS);
    }
}

fn made(venue_id: &str, created: i64) -> OrderReport {
    OrderReport { created, ..row(venue_id, "", OrderStatus::Working, "0") }
}

/// Places an order whose answer never comes.
fn unanswered(world: &mut World) -> u64 {
    let id = world.place();
    assert_eq!(world.command().unwrap().request, Request::Place(id));
    id
}

fn foreign(world: &mut World) -> Vec<Box<str>> {
    let events = world.events().into_iter();
    events.filter(|event| event.kind == EventKind::Foreign).map(|event| event.text).collect()
}

#[test]
fn an_order_is_recognised_by_its_terms_though_the_venues_clock_is_behind() {
    let mut world = gateway();
    let id = unanswered(&mut world);
    let orders = [made("v1", world.stamp().realtime - 30 * SECOND)];
    watch(&mut world, 20 * SECOND, &orders);
    assert_eq!(world.state(id), OrderState::Working);
    assert_eq!(world.router.venue_id(id), "v1");
    assert!(foreign(&mut world).is_empty(), "it is ours");
}

#[test]
fn a_clock_that_is_far_behind_is_learned_of_from_orders_that_are_known() {
    let mut world = gateway();
    world.live("v1");
    let then = world.stamp().realtime - 600 * SECOND;
    world.report(Report::Order(made("v1", then)));
    let id = unanswered(&mut world);
    watch(&mut world, 20 * SECOND, &[made("v1", then), made("v2", then)]);
    assert_eq!(world.state(id), OrderState::Working);
    assert_eq!(world.router.venue_id(id), "v2");
}

#[test]
fn an_order_that_was_there_before_ours_is_not_taken_for_it_whatever_its_time() {
    for created in [0, 10] {
        let mut world = gateway();
        let created = if created == 0 { 0 } else { world.stamp().realtime + created * SECOND };
        let theirs = made("v9", created);
        world.report(Report::Order(theirs.clone()));
        world.pass(MS);
        let id = unanswered(&mut world);
        watch(&mut world, 20 * SECOND, &[theirs]);
        assert_eq!(world.state(id), OrderState::Closed);
        assert_eq!(world.router.ledger().by_venue_id(world.desk, "v9"), None);
    }
}

#[test]
fn an_order_that_was_made_long_before_ours_is_not_taken_for_it_after_a_restart() {
    let mut world = gateway();
    let id = unanswered(&mut world);
    let theirs = made("v9", world.stamp().realtime - 600 * SECOND);
    world.restart();
    log_in(&mut world);
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    watch(&mut world, 20 * SECOND, &[theirs]);
    assert_eq!(world.state(id), OrderState::Closed);
}

fn unready(world: &mut World) -> Vec<Box<str>> {
    let events = world.events().into_iter();
    events
        .filter(|event| event.kind == EventKind::Desk && event.text.contains("is not ready"))
        .map(|event| event.text)
        .collect()
}

#[test]
fn a_platform_that_is_never_ready_is_told_of_and_its_connection_given_up() {
    let mut world = World::new(quantapi());
    log_in(&mut world);
    watch(&mut world, 20 * SECOND, &[]);
    assert!(unready(&mut world).is_empty(), "it may take its time");
    watch(&mut world, 20 * SECOND, &[]);
    assert_eq!(unready(&mut world).len(), 1);
    assert_eq!(world.router.refusal(world.desk), None, "nobody refused the keys");
    assert!(world.router.take_closes().is_empty(), "it may take minutes");
    watch(&mut world, 300 * SECOND, &[]);
    assert_eq!(unready(&mut world).len(), 1);
    assert_eq!(world.router.take_closes().len(), 1);
    let now = world.stamp();
    world.router.closed(0, now);
    log_in(&mut world);
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    watch(&mut world, 100 * SECOND, &[]);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
    assert!(unready(&mut world).is_empty());
    assert!(world.router.take_closes().is_empty());
}

#[test]
fn a_platform_whose_trouble_was_told_is_waited_for_and_told_of_now_and_then() {
    let mut world = gateway();
    world.report(Report::Gateway { state: Gateway::Reconnecting, message: "wait".into() });
    watch(&mut world, 3_600 * SECOND, &[]);
    let told = unready(&mut world).len();
    assert!((2..=15).contains(&told), "{told} times in an hour");
    assert!(world.router.take_closes().is_empty(), "the gateway is at it");
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    watch(&mut world, SECOND, &[]);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn a_platform_that_is_never_ready_does_not_cost_another_its_connection() {
    let mut world = gateway();
    let now = world.stamp();
    let other = world.router.add_desk("other", 0, quantapi(), 0, now);
    world.router.open_desk(other, now);
    let login = world.sent().unwrap();
    assert_eq!((login.desk, &login.request), (other, &Request::Login));
    let report = Report::LoggedIn { request: RequestKey::Number(login.number), token: "another".into() };
    world.router.report(other, report, now);
    watch(&mut world, 700 * SECOND, &[]);
    assert_eq!(unready(&mut world).len(), 3);
    assert!(world.router.take_closes().is_empty());
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn a_platform_whose_trouble_is_told_before_the_login_is_answered_does_not_cost_the_login() {
    for sent in [true, false] {
        let mut world = World::new(quantapi());
        let now = world.stamp();
        world.router.opened(0, now);
        let before = if sent { world.sent() } else { None };
        world.report(Report::Gateway { state: Gateway::ConnectFailed, message: "again".into() });
        let login = before.or_else(|| world.sent()).unwrap();
        assert_eq!(login.request, Request::Login);
        assert!(world.sent().is_none(), "one login is enough");
        world.report(Report::LoggedIn { request: RequestKey::Number(login.number), token: "a token".into() });
        world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
        watch(&mut world, SECOND, &[]);
        assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
    }
}

fn kind(request: &Request) -> u8 {
    match request {
        Request::Rules(_) => 13,
        Request::Balances => 14,
        Request::Orders(_) | Request::Order(_) => 15,
        Request::Positions(_) => 16,
        other => panic!("not a question: {other:?}"),
    }
}

fn answer_kind(world: &mut World, sent: &Outgoing, orders: &[OrderReport]) {
    let request = RequestKey::Kind(kind(&sent.request));
    world.report(match &sent.request {
        Request::Rules(_) => Report::Rules { request, rules: vec![] },
        Request::Balances => Report::Balances { request, balances: vec![] },
        Request::Positions(_) => Report::Positions { request, positions: vec![] },
        _ => Report::Orders { request, orders: orders.to_vec() },
    });
}

/// Lets time pass; questions that `refused` knows are refused with that, the rest hears of these orders. Gives how many were refused.
fn watch_kinds(
    world: &mut World,
    ns: i64,
    orders: &[OrderReport],
    refused: impl Fn(&Request) -> Option<RefusalKind>,
) -> usize {
    let mut count = 0;
    for _ in 0..ns / (100 * MS) {
        while let Some(sent) = world.sent() {
            if let Some(why) = refused(&sent.request) {
                count += 1;
                let request = RequestKey::Kind(kind(&sent.request));
                world.report(Report::RequestRefused { request, refusal: refusal(why) });
            } else {
                answer_kind(world, &sent, orders);
            }
        }
        world.pass(100 * MS);
    }
    count
}

fn coinceres() -> World {
    let mut world = World::new(Speaker::CoinCeres { exchange: "OKEX".into(), leverage: 0, utc_offset_s: 0 });
    let now = world.stamp();
    world.router.opened(0, now);
    watch_kinds(&mut world, SECOND, &[], |_| None);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
    world
}

fn place_at_coinceres(world: &mut World) -> u64 {
    let id = world.place();
    assert_eq!(world.sent().unwrap().request, Request::Place(id));
    id
}

fn live_at_coinceres(world: &mut World, venue_id: &str) -> u64 {
    let id = place_at_coinceres(world);
    let client_id = world.router.client_id(id).into();
    world.report(Report::Accepted { request: RequestKey::Kind(11), client_id, venue_id: venue_id.into() });
    id
}

fn reconnect(world: &mut World) {
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
}

#[test]
fn a_question_that_is_refused_is_asked_ever_more_rarely_and_holds_no_order_up() {
    let mut world = coinceres();
    let now = world.stamp();
    world.router.refresh(world.desk, now);
    let refused = |request: &Request| (*request == Request::Balances).then_some(RefusalKind::Other);
    let asked = watch_kinds(&mut world, 120 * SECOND, &[], refused);
    assert!((5..=12).contains(&asked), "{asked} times in 120 s");
    world.now += 30 * SECOND;
    while let Some(sent) = world.sent() {
        if sent.request == Request::Balances {
            let request = RequestKey::Kind(14);
            world.report(Report::RequestRefused { request, refusal: refusal(RefusalKind::Other) });
        } else {
            answer_kind(&mut world, &sent, &[]);
        }
    }
    place_at_coinceres(&mut world);
    // once it is answered all is as before
    watch_kinds(&mut world, 60 * SECOND, &[], |_| None);
    let now = world.stamp();
    world.router.refresh(world.desk, now);
    let asked = watch_kinds(&mut world, 2 * SECOND, &[], refused);
    assert_eq!(asked, 3, "at once, and again half a second later, and a second after that");
}

#[test]
fn an_order_of_which_the_venue_says_that_there_is_none_is_closed() {
    let mut world = coinceres();
    let id = live_at_coinceres(&mut world, "v1");
    reconnect(&mut world);
    let refused = |request: &Request| (*request == Request::Order(id)).then_some(RefusalKind::UnknownOrder);
    watch_kinds(&mut world, 20 * SECOND, &[], refused);
    assert_eq!(world.state(id), OrderState::Closed);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn a_live_order_of_which_the_venue_says_that_there_is_none_is_asked_about_again_before_it_is_closed() {
    let mut world = coinceres();
    let id = live_at_coinceres(&mut world, "v1");
    world.pass(SECOND);
    let now = world.stamp();
    world.router.refresh(world.desk, now);
    let refused = |request: &Request| (*request == Request::Order(id)).then_some(RefusalKind::UnknownOrder);
    watch_kinds(&mut world, SECOND, &[], refused);
    assert_eq!(world.state(id), OrderState::Unknown);
    watch_kinds(&mut world, 20 * SECOND, &[], refused);
    assert_eq!(world.state(id), OrderState::Closed);
}

#[test]
fn an_order_whose_question_is_refused_for_no_known_reason_stays_unknown_and_is_asked_for_ever_more_rarely() {
    let mut world = coinceres();
    let id = live_at_coinceres(&mut world, "v1");
    reconnect(&mut world);
    let refused = |request: &Request| (*request == Request::Order(id)).then_some(RefusalKind::Other);
    let asked = watch_kinds(&mut world, 120 * SECOND, &[], refused);
    assert_eq!(world.state(id), OrderState::Unknown);
    assert!((5..=12).contains(&asked), "{asked} times in 120 s");
}

/// So many orders of others, newest first.
fn theirs(world: &World, count: i64) -> Vec<OrderReport> {
    let newest = world.stamp().realtime + 60 * SECOND;
    (0..count)
        .map(|at| OrderReport { symbol: "ETH/USDT".into(), ..made(&format!("t{at}"), newest - at * MS) })
        .collect()
}

#[test]
fn a_list_that_may_be_cut_says_nothing_of_an_order_that_it_lacks() {
    let mut world = coinceres();
    let id = place_at_coinceres(&mut world);
    reconnect(&mut world);
    let list = theirs(&world, 50);
    watch_kinds(&mut world, 20 * SECOND, &list, |_| None);
    assert_eq!(world.state(id), OrderState::Unknown);
    assert!(world.events().iter().any(|event| event.text.contains("may be cut")), "somebody must look");
    let ours = row("v1", &world.router.client_id(id), OrderStatus::Filled, "2");
    world.report(Report::Order(ours));
    assert_eq!(world.state(id), OrderState::Filled);
}

#[test]
fn a_list_that_is_short_or_reaches_back_beyond_an_order_says_that_it_never_came() {
    for (others, older) in [(49, false), (80, true)] {
        let mut world = coinceres();
        let before = live_at_coinceres(&mut world, "v1");
        let client_id = world.router.client_id(before);
        let created = world.stamp().realtime;
        let first = OrderReport { created, ..row("v1", &client_id, OrderStatus::Filled, "2") };
        world.report(Report::Order(first.clone()));
        let id = place_at_coinceres(&mut world);
        reconnect(&mut world);
        let mut list = theirs(&world, others);
        if older {
            list.push(first);
        }
        watch_kinds(&mut world, 20 * SECOND, &list, |_| None);
        assert_eq!(world.state(id), OrderState::Absent, "{others} orders");
    }
}

#[test]
fn a_long_list_that_begins_with_the_oldest_says_nothing_of_the_newest() {
    let mut world = coinceres();
    let before = live_at_coinceres(&mut world, "v1");
    let client_id = world.router.client_id(before);
    let first = OrderReport { created: 1, ..row("v1", &client_id, OrderStatus::Filled, "2") };
    world.report(Report::Order(first.clone()));
    let id = place_at_coinceres(&mut world);
    reconnect(&mut world);
    let mut list = theirs(&world, 80);
    list.push(first);
    list.reverse();
    watch_kinds(&mut world, 20 * SECOND, &list, |_| None);
    assert_eq!(world.state(id), OrderState::Unknown);
}

#[test]
fn an_order_with_an_id_is_never_given_up_for_a_list_that_lacks_it() {
    let mut world = coinceres();
    let id = live_at_coinceres(&mut world, "v1");
    let client_id = world.router.client_id(id);
    world.pass(SECOND);
    for again in [false, true] {
        if again {
            reconnect(&mut world);
        }
        let now = world.stamp();
        world.router.refresh(world.desk, now);
        for _ in 0..200 {
            while let Some(sent) = world.sent() {
                let alone = [row("v1", &client_id, OrderStatus::Working, "0")];
                let orders = if sent.request == Request::Order(id) { &alone[..] } else { &[] };
                answer_kind(&mut world, &sent, orders);
            }
            world.pass(100 * MS);
        }
        assert_eq!(world.state(id), OrderState::Working);
    }
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control) && !text.contains("hunter2") && text.len() <= 400
}

#[test]
fn what_a_venue_says_is_one_line_of_bounded_length_without_our_keys() {
    let said = |cid: u64, words: &str| {
        format!(r#"{{"op":"login","cid":"{cid}","result":false,"error_message":"{words}","token":""}}"#)
    };
    let keys = Speaker::QuantApi {
        platform: "test".into(),
        symbols: vec!["ETH/USDT".into()],
        access_key: "hunter2-key".into(),
        secret_key: "hunter2-secret".into(),
    };
    let long = format!("{}hunter2-secret", "x".repeat(249));
    for words in [r"no\n2026-01-01 ERROR forged\r\u001b[2J", "you said hunter2-key and hunter2-secret", &long] {
        let mut world = World::new(keys.clone());
        let now = world.stamp();
        world.router.opened(0, now);
        let login = world.sent().unwrap();
        world.router.message(0, said(login.number, words).as_bytes(), now).unwrap();
        let misread = format!(r#"{{"op":"error","error_message":"{words}"}}"#);
        world.router.message(0, misread.as_bytes(), now).unwrap();
        let texts: Vec<_> = world.events().into_iter().map(|event| event.text).collect();
        assert!(texts.iter().any(|text| text.contains("login refused")), "{texts:?}");
        assert!(texts.iter().any(|text| text.contains("could not read")), "{texts:?}");
        assert!(texts.iter().all(|text| plain(text)), "{texts:?}");
        assert!(!texts.iter().any(|text| text.contains("hunter")), "{texts:?}");
        let journal = world.journal.lock().unwrap();
        for (_, kind, payload) in &journal.entries {
            if let Record::Anomaly { text, .. } = Record::read(*kind, payload).unwrap() {
                assert!(plain(&text) && !text.contains("hunter"), "{text}");
            }
        }
    }
}

#[test]
fn a_signature_that_a_venue_repeats_is_taken_out_of_its_words() {
    let mut world = coinceres();
    let id = place_at_coinceres(&mut world);
    let signature = "2bb24f69ca812c766a7bd73e3c2a331b55373a122bba8ede47ced0b4a07139c0";
    let message = format!("bad query sign={signature}&x").into();
    let refusal = Refusal { kind: RefusalKind::Other, code: "1".into(), message };
    world.report(Report::Refused { request: RequestKey::Kind(11), client_id: "".into(), refusal });
    assert_eq!(world.state(id), OrderState::Rejected);
    let reason = &world.router.ledger().order(id).unwrap().reason;
    assert_eq!(&**reason, "other (code 1): bad query sign=***&x");
}

#[test]
fn an_entry_is_printed_in_one_line_whatever_is_in_it() {
    let world = gateway();
    let record = Record::Anomaly { id: 0, text: "one\ntwo\u{1b}[2J".into() };
    let line = describe(&record, world.router.ledger());
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert!(line.contains("one") && line.contains("two"), "{line:?}");
}
