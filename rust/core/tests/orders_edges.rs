//! What could slip through: orders that wait while the mode changes, cancels that were taken and came to nothing, money on its way,
//! instruments that are gone. Every test also ends with a replay of the journal that must make the same state.
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

use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::record::{Mode, Record};
use ferrofeed_core::orders::risk::{Limits, Risk, Rule, Top};
use ferrofeed_core::orders::router::{Denial, DeskState, NewOrder, Outgoing, Request, Router, Speaker};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::venue::coinceres;
use ferrofeed_core::orders::{Gateway, OrderStatus, OrderType, Product, RefusalKind, Report, RequestKey, Unit};
use orders_support::{MS, SECOND, World, dec, quantapi, refusal, row, rules, text};
use std::sync::Arc;

fn top() -> Top {
    Top { bid: 9_990, ask: 10_000, price_scale: 2, valid: true, age: 0 }
}

fn coinceres() -> Speaker {
    Speaker::CoinCeres { exchange: "OKEX".into(), leverage: 0, utc_offset_s: 0 }
}

/// Answers what is asked of a venue whose answers carry no number.
fn answer_kind(world: &mut World, sent: &Outgoing) {
    let report = match &sent.request {
        Request::Orders(_) | Request::Order(_) => Report::Orders { request: RequestKey::Kind(15), orders: vec![] },
        Request::Balances => Report::Balances { request: RequestKey::Kind(14), balances: vec![] },
        Request::Positions(_) => Report::Positions { request: RequestKey::Kind(16), positions: vec![] },
        Request::Rules(_) => Report::Rules { request: RequestKey::Kind(13), rules: vec![] },
        other => panic!("not a question: {other:?}"),
    };
    world.report(report);
}

fn coinceres_ready(limits: Limits) -> World {
    let mut world = World::with(coinceres(), Risk::new(limits));
    let desk = world.desk;
    world.router.risk().set_supports(desk, coinceres::SUPPORTS);
    let now = world.stamp();
    world.router.opened(0, now);
    for _ in 0..100 {
        while let Some(sent) = world.sent() {
            answer_kind(&mut world, &sent);
        }
        world.pass(100 * MS);
    }
    assert_eq!(world.router.desk_state(desk), Some(DeskState::Ready));
    world
}

#[test]
fn money_on_its_way_counts_for_the_position_it_will_buy() {
    let mut world = coinceres_ready(Limits { max_position: Some(dec("1")), ..Limits::default() });
    let spend = |world: &World, money: &str| NewOrder {
        order_type: OrderType::Market,
        unit: Unit::Quote,
        price: dec("0"),
        quantity: dec(money),
        top: Some(top()),
        ..world.order()
    };
    let order = spend(&world, "60");
    world.try_place(&order).unwrap();
    let denial = world.try_place(&spend(&world, "60")).unwrap_err();
    assert!(matches!(&denial, Denial::Risk(reject) if reject.rule == Rule::Position), "{denial}");
    let limit = NewOrder { quantity: dec("0.5"), top: Some(top()), ..world.order() };
    let denial = world.try_place(&limit).unwrap_err();
    assert!(matches!(&denial, Denial::Risk(reject) if reject.rule == Rule::Position), "{denial}");
    let limit = NewOrder { quantity: dec("0.4"), top: Some(top()), ..world.order() };
    world.try_place(&limit).unwrap();
}

#[test]
fn what_a_change_on_its_way_adds_counts_for_the_position() {
    let mut world =
        World::with(Speaker::Paper, Risk::new(Limits { max_position: Some(dec("10")), ..Limits::default() }));
    world.connect();
    let id = world.live("v1");
    let now = world.stamp();
    world.router.replace(id, dec("100.5"), dec("8"), None, SECOND, now).unwrap();
    let order = NewOrder { quantity: dec("3"), ..world.order() };
    let denial = world.try_place(&order).unwrap_err();
    assert!(matches!(&denial, Denial::Risk(reject) if reject.rule == Rule::Position), "{denial}");
    let order = NewOrder { quantity: dec("2"), ..world.order() };
    world.try_place(&order).unwrap();
}

#[test]
fn a_cancel_that_was_taken_and_came_to_nothing_is_asked_again_by_the_kill_switch() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    let client_id = world.router.client_id(id);
    let now = world.stamp();
    world.router.kill("test", now);
    let mut cancels = 0;
    for _ in 0..200 {
        while let Some(sent) = world.sent() {
            let request = RequestKey::Number(sent.number);
            if sent.request == Request::Cancel(vec![id]) {
                cancels += 1;
                world.report(Report::CancelAnswer { request, orders: vec![("v1".into(), None)] });
            } else {
                world.answer(&sent, &[row("v1", &client_id, OrderStatus::Working, "0")]);
            }
        }
        world.pass(50 * MS);
    }
    assert!((3..=20).contains(&cancels), "{cancels} cancels in 10 s");
}

#[test]
fn a_cancel_whose_answer_leaves_an_order_out_failed_for_that_one() {
    let mut world = coinceres_ready(Limits::default());
    let mut live = |venue_id: &str| {
        let id = world.place();
        let sent = world.sent().unwrap();
        assert_eq!(sent.request, Request::Place(id));
        let client_id = world.router.client_id(id).into();
        world.report(Report::Accepted { request: RequestKey::Kind(11), client_id, venue_id: venue_id.into() });
        id
    };
    let (one, other) = (live("v1"), live("v2"));
    let now = world.stamp();
    world.router.cancel(one, SECOND, now).unwrap();
    world.router.cancel(other, SECOND, now).unwrap();
    assert_eq!(world.sent().unwrap().request, Request::Cancel(vec![one, other]));
    world.report(Report::CancelAnswer { request: RequestKey::Kind(12), orders: vec![("v1".into(), None)] });
    assert_eq!(world.state(one), OrderState::PendingCancel);
    assert_eq!(world.state(other), OrderState::Working, "nobody said that its cancel was taken");
}

#[test]
fn an_order_that_waits_is_not_sent_once_the_mode_forbids_it() {
    for mode in [Mode::Halted, Mode::Reducing] {
        let mut world = World::ready(Speaker::Paper);
        let id = world.place();
        let now = world.stamp();
        world.router.set_mode(mode, "test", now);
        assert!(world.command().is_none(), "{mode:?}");
        assert_eq!(world.state(id), OrderState::Expired);
    }
    let mut world = World::ready(Speaker::Paper);
    let now = world.stamp();
    world.router.set_mode(Mode::Reducing, "test", now);
    world.router.set_mode(Mode::Active, "test", now);
    let id = world.place();
    world.router.set_mode(Mode::Active, "test", now);
    assert_eq!(world.command().unwrap().request, Request::Place(id), "what may be done is sent");
}

#[test]
fn what_is_too_late_ends_even_while_nothing_can_be_sent() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    world.pass(SECOND);
    assert_eq!(world.state(id), OrderState::PendingNew);
    world.pass(1);
    assert_eq!(world.state(id), OrderState::Expired);
}

#[test]
fn a_change_that_could_not_be_written_down_is_not_sent() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    world.journal.lock().unwrap().broken = true;
    let now = world.stamp();
    let denial = world.router.replace(id, dec("99"), dec("2"), None, SECOND, now).unwrap_err();
    assert!(matches!(denial, Denial::Journal(_)), "{denial}");
    assert!(world.command().is_none());
    assert_eq!(world.state(id), OrderState::Working);
    std::mem::forget(world); // the journal, being broken, does not make this state
}

/// The process ends, and the next one trades the spot instrument only.
fn restart_without_the_contract(world: &mut World) {
    world.now += 10 * MS;
    let now = world.stamp();
    let ledger = world.replayed();
    let journal = Box::new(Arc::clone(&world.journal));
    world.router = Router::new(world.config.clone(), ledger, Risk::new(Limits::default()), journal, now);
    world.router.add_desk("paper", 0, world.speaker.clone(), 0, now);
    world.router.add_instrument(world.desk, rules("ETH/USDT", Product::Spot), now).unwrap();
    world.router.opened(0, now);
}

#[test]
fn an_instrument_that_is_no_longer_traded_is_not_asked_for() {
    let mut world = World::ready(Speaker::Paper);
    restart_without_the_contract(&mut world);
    let mut asked = Vec::new();
    while let Some(sent) = world.sent() {
        asked.push(sent.request.clone());
        world.answer(&sent, &[]);
    }
    assert_eq!(asked, [Request::Rules(world.spot), Request::Orders(world.spot), Request::Balances]);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn an_instrument_that_is_no_longer_traded_is_asked_for_while_it_has_a_live_order() {
    let mut world = World::ready(Speaker::Paper);
    let order = NewOrder { instrument: world.contract, offset: ferrofeed_core::orders::Offset::Open, ..world.order() };
    let id = world.try_place(&order).unwrap();
    let sent = world.command().unwrap();
    world.accept(&sent, "v1");
    restart_without_the_contract(&mut world);
    let mut asked = Vec::new();
    while let Some(sent) = world.sent() {
        asked.push(sent.request.clone());
        world.answer(&sent, &[]);
    }
    assert!(asked.contains(&Request::Orders(world.contract)), "{asked:?}");
    assert_eq!(world.state(id), OrderState::Unknown);
}

#[test]
fn a_question_about_an_order_that_ended_meanwhile_is_not_asked_again() {
    let mut world = coinceres_ready(Limits::default());
    let id = world.place();
    let sent = world.sent().unwrap();
    assert_eq!(sent.request, Request::Place(id));
    let client_id = world.router.client_id(id).into();
    world.report(Report::Accepted { request: RequestKey::Kind(11), client_id, venue_id: "v1".into() });
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
    let mut single = None;
    for _ in 0..100 {
        while let Some(sent) = world.sent() {
            if sent.request == Request::Order(id) {
                single = Some(sent);
                break;
            }
            answer_kind(&mut world, &sent);
        }
        if single.is_some() {
            break;
        }
        world.pass(100 * MS);
    }
    assert!(single.is_some(), "the list lacks it: it is asked for by itself");
    world.report(Report::Order(row("v1", "", OrderStatus::Filled, "2")));
    assert_eq!(world.state(id), OrderState::Filled);
    let refusal = refusal(RefusalKind::Other);
    world.report(Report::RequestRefused { request: RequestKey::Kind(15), refusal });
    for _ in 0..100 {
        while let Some(sent) = world.sent() {
            assert_ne!(sent.request, Request::Order(id));
            answer_kind(&mut world, &sent);
        }
        world.pass(100 * MS);
    }
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn what_the_kill_switch_wanted_gone_is_cancelled_though_it_was_cleared_before_it_was_known_again() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    let client_id = world.router.client_id(id);
    let now = world.stamp();
    world.router.kill("test", now);
    world.restart();
    let now = world.stamp();
    assert!(world.router.clear_kill("a human", now));
    world.router.opened(0, now);
    let mut cancelled = false;
    for _ in 0..100 {
        while let Some(sent) = world.sent() {
            if sent.request.is_question() {
                world.answer(&sent, &[row("v1", &client_id, OrderStatus::Working, "0")]);
            } else {
                assert_eq!(sent.request, Request::Cancel(vec![id]));
                cancelled = true;
            }
        }
        world.pass(100 * MS);
    }
    assert!(cancelled);
}

#[test]
fn a_request_is_printed_without_its_body() {
    let mut world = World::new(quantapi());
    let now = world.stamp();
    world.router.opened(0, now);
    let sent = world.sent().unwrap();
    assert_eq!(sent.request, Request::Login);
    let said = text(&sent);
    assert!(said.contains("key"), "{said}");
    let printed = format!("{sent:?}");
    assert!(printed.contains("Login") && !printed.contains(&format!("{:?}", said.as_bytes())), "{printed}");
    assert!(printed.len() < 120, "{printed}");
}

#[test]
fn sums_of_live_orders_stay_right_however_large_they_are() {
    let mut world = World::ready(Speaker::Paper);
    let huge = NewOrder { quantity: dec("6000000000000000"), ..world.order() };
    let first = world.try_place(&huge).unwrap();
    let other = world.try_place(&huge).unwrap();
    let now = world.stamp();
    world.router.cancel(first, SECOND, now).unwrap();
    assert_eq!((world.state(first), world.state(other)), (OrderState::Expired, OrderState::PendingNew));
    assert_eq!(world.router.ledger().open(world.spot).buy[0], 6_000_000_000_000_000_000);
}

#[test]
fn a_checkpoint_keeps_positions_with_their_instruments_whatever_the_venue_calls_a_currency() {
    let mut world = World::ready(Speaker::Paper);
    let now = world.stamp();
    let sol = world.router.add_instrument(world.desk, rules("ETH/BTC", Product::Spot), now).unwrap();
    let mut renamed = rules("ETH/BTC", Product::Spot);
    renamed.base = "eth".into();
    world.router.add_instrument(world.desk, renamed, now).unwrap();
    world.live("v1");
    world.fill("v1", "e1", "2");
    let last = world.router.add_instrument(world.desk, rules("SOL/USDT", Product::Contract), now).unwrap();
    let mut copy = Ledger::new(world.config.keep);
    let mut entries = Vec::new();
    world.router.ledger().checkpoint(&mut |record| entries.push(record));
    for record in &entries {
        copy.apply(record, 0).unwrap();
    }
    for instrument in [world.spot, world.contract, sol, last] {
        assert_eq!(copy.position(instrument), world.router.ledger().position(instrument), "{instrument}");
    }
    assert_eq!(&copy, world.router.ledger());
    assert!(matches!(entries[0], Record::Checkpoint { .. }));
}

#[test]
fn an_order_that_is_live_after_its_end_is_cancelled_until_the_venue_no_longer_has_it() {
    let mut world = coinceres_ready(Limits::default());
    let id = world.place();
    world.sent().unwrap();
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
    let client_id = world.router.client_id(id);
    let (mut cancels, mut late) = (0, 0);
    for step in 0..400 {
        while let Some(sent) = world.sent() {
            match &sent.request {
                Request::Cancel(ids) => {
                    assert_eq!(*ids, [id]);
                    assert!(text(&sent).contains(r#""v1""#), "{}", text(&sent));
                    cancels += 1;
                    let orders = vec![("v1".into(), None)];
                    world.report(Report::CancelAnswer { request: RequestKey::Kind(12), orders });
                }
                Request::Orders(_) if world.state(id) == OrderState::Absent => {
                    // the first two cancels come to nothing
                    let status = if cancels < 3 { OrderStatus::Working } else { OrderStatus::Cancelled };
                    let orders = vec![row("v1", &client_id, status, "0")];
                    world.report(Report::Orders { request: RequestKey::Kind(15), orders });
                }
                _ => answer_kind(&mut world, &sent),
            }
        }
        if step == 100 {
            assert_eq!(world.state(id), OrderState::Absent);
            let client_id = world.router.client_id(id).into();
            world.report(Report::Accepted { request: RequestKey::Kind(11), client_id, venue_id: "v1".into() });
            assert!(world.router.ledger().kill().is_some());
            late = world.anomalies();
        }
        world.pass(50 * MS);
    }
    assert_eq!(cancels, 3);
    assert_eq!(world.state(id), OrderState::Absent, "one end is enough");
    assert_eq!(world.anomalies(), late, "it is told once");
    assert!(world.router.is_quiet(), "{:?}", world.router.restless());
}

#[test]
fn a_platform_that_is_ready_before_the_login_is_asked_for_everything_all_the_same() {
    let mut world = World::new(quantapi());
    let now = world.stamp();
    world.router.opened(0, now);
    let login = world.sent().unwrap();
    assert_eq!(login.request, Request::Login);
    // another login's, an earlier process's, or one that overtook the answer
    world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
    for _ in 0..10 {
        assert!(world.sent().is_none(), "nothing can be said without a token");
        world.pass(50 * MS);
    }
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Opening));
    world.report(Report::LoggedIn { request: RequestKey::Number(login.number), token: "token".into() });
    let mut asked = Vec::new();
    while let Some(sent) = world.sent() {
        asked.push(sent.request.clone());
        world.answer(&sent, &[]);
    }
    assert_eq!(asked.len(), 6, "{asked:?}");
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn whatever_happens_to_an_order_of_others_the_account_is_asked_for() {
    let mut world = World::ready(Speaker::Paper);
    let mut asks = || {
        let mut asked = 0;
        for _ in 0..20 {
            world.report(Report::Order(row("v9", "", OrderStatus::Working, "0.5")));
            world.pass(100 * MS);
            while let Some(sent) = world.sent() {
                asked += usize::from(sent.request == Request::Balances);
                world.answer(&sent, &[]);
            }
        }
        asked
    };
    assert!((2..=4).contains(&asks()), "told once, asked for as often as it moves, not as often as it is said");
    assert!((2..=4).contains(&asks()));
    let stats = world.router.stats(world.desk).unwrap();
    assert_eq!(stats.foreign.get(), 40);
}

#[test]
fn no_run_repeats_a_number_of_the_run_before_however_soon_it_starts() {
    let mut world = World::new(quantapi());
    let mut seen = std::collections::BTreeSet::new();
    for life in 0..3 {
        let begin = world.stamp();
        world.router.opened(0, begin);
        for _ in 0..5 {
            while let Some(sent) = world.sent() {
                assert!(seen.insert(sent.number), "life {life}: {} for {:?} again", sent.number, sent.request);
                match sent.request {
                    Request::Login => {
                        let request = RequestKey::Number(sent.number);
                        world.report(Report::LoggedIn { request, token: "a token".into() });
                        world.report(Report::Gateway { state: Gateway::Ready, message: "".into() });
                    }
                    ref request if request.is_question() => world.answer(&sent, &[]),
                    ref other => panic!("unexpected: {other:?}"),
                }
            }
            world.pass(10 * MS);
        }
        assert!(world.stamp().realtime - begin.realtime < SECOND);
        world.restart();
    }
    assert!(seen.len() > 6, "{seen:?}");
}
