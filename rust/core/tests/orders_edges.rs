//! What could slip through: orders that wait while the mode changes, cancels that were taken and came to nothing,
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

use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{Limits, Risk};
use ferrofeed_core::orders::router::{Denial, DeskState, NewOrder, Outgoing, Request, Router, Speaker};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::venue::coinceres;
use ferrofeed_core::orders::{Offset, OrderStatus, Product, RefusalKind, Report, RequestKey};
use orders_support::{MS, SECOND, World, dec, quantapi, refusal, row, rules};
use std::sync::Arc;

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
    let order = NewOrder { instrument: world.contract, offset: Offset::Open, ..world.order() };
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
    let text = orders_support::text(&sent);
    assert!(text.contains("key"), "{text}");
    let printed = format!("{sent:?}");
    assert!(printed.contains("Login") && !printed.contains(&format!("{:?}", text.as_bytes())), "{printed}");
    assert!(printed.len() < 120, "{printed}");
}
