//! The router, one rule at a time, against a venue that says what the test wants. Every test also ends with a replay of the
//! journal that must make the same state.
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

use ferrofeed_core::orders::record::{Mode, Record};
use ferrofeed_core::orders::risk::{Limits, Risk, Rule};
use ferrofeed_core::orders::router::{Denial, DeskState, EventKind, Request, Speaker};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::{OrderStatus, RefusalKind, Report, RequestKey, Side};
use orders_support::{MS, SECOND, World, budget, dec, quantapi, refusal, row, text};

#[test]
fn an_order_is_journaled_before_it_can_be_sent_and_is_sent_once() {
    let mut world = World::ready(Speaker::Paper);
    let before = world.journal.lock().unwrap().entries.len();
    let id = world.place();
    let entries = world.journal.lock().unwrap().entries[before..].to_vec();
    let [(_, kind, payload)] = &*entries else { panic!("{entries:?}") };
    assert!(matches!(Record::read(*kind, payload), Ok(Record::Placed(placed)) if placed.id == id));
    assert_eq!(world.command().unwrap().request, Request::Place(id));
    assert!(world.command().is_none());
    world.pass(SECOND);
    assert!(world.command().is_none());
    assert_eq!(world.state(id), OrderState::PendingNew);
}

#[test]
fn a_life_from_placed_to_filled() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    assert_eq!(world.state(id), OrderState::Working);
    world.fill("v1", "e1", "0.5");
    assert_eq!((world.state(id), world.filled(id)), (OrderState::Working, 500));
    world.fill("v1", "e1", "0.5");
    assert_eq!((world.filled(id), world.late()), (500, 1), "a repeated fill counts once");
    world.fill("v1", "e2", "1.5");
    assert_eq!((world.state(id), world.filled(id)), (OrderState::Filled, 2_000));
    let order = world.router.ledger().order(id).unwrap();
    assert_eq!(order.money(), Some(10_025 * 2_000));
    assert_eq!(order.fees, [("USDT".into(), 20_000_000_000_000_000)]);
    assert_eq!(world.router.ledger().position(world.spot).long, 2 * 10_i128.pow(18));
}

#[test]
fn fills_and_reports_in_any_order_count_once() {
    let reports = |world: &mut World, order: [u8; 3]| {
        for which in order {
            match which {
                0 => world.fill("v1", "e1", "1"),
                1 => world.fill("v1", "e2", "1"),
                _ => world.report(Report::Order(row("v1", "", OrderStatus::Filled, "2"))),
            }
        }
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut world = World::ready(Speaker::Paper);
        let id = world.live("v1");
        reports(&mut world, order);
        assert_eq!((world.state(id), world.filled(id)), (OrderState::Filled, 2_000), "{order:?}");
        assert_eq!(world.router.ledger().position(world.spot).long, 2 * 10_i128.pow(18), "{order:?}");
        assert_eq!(world.anomalies(), 0, "{order:?}");
    }
}

#[test]
fn what_comes_before_the_acknowledgement_waits_for_it() {
    let mut world = World::new(quantapi());
    log_in(&mut world);
    let id = world.place();
    let sent = world.command().unwrap();
    world.report(Report::Order(row("v9", "", OrderStatus::Working, "0")));
    world.fill("v9", "e1", "2");
    assert_eq!((world.state(id), world.filled(id)), (OrderState::PendingNew, 0));
    world.accept(&sent, "v9");
    assert_eq!((world.state(id), world.filled(id)), (OrderState::Filled, 2_000));
    assert_eq!(world.router.stats(world.desk).unwrap().foreign.get(), 0);
}

/// Takes the login that waits, and lets the platform become ready with nothing on it.
fn log_in(world: &mut World) {
    let now = world.stamp();
    world.router.opened(0, now);
    let sent = world.sent().unwrap();
    assert_eq!(sent.request, Request::Login);
    world.report(Report::LoggedIn { request: RequestKey::Number(sent.number), token: "token".into() });
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Opening), "a login taken is not yet one to use");
    world.report(Report::Gateway { state: ferrofeed_core::orders::Gateway::Ready, message: "".into() });
    world.answer_questions(&[]);
    for _ in 0..100 {
        world.pass(100 * MS);
        world.answer_questions(&[]);
    }
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn a_command_is_not_sent_after_its_time_to_live() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    world.now += SECOND + 1;
    assert!(world.command().is_none());
    assert_eq!(world.state(id), OrderState::Expired);
    let id = world.live("v1");
    let now = world.stamp();
    world.router.cancel(id, SECOND, now).unwrap();
    assert_eq!(world.state(id), OrderState::PendingCancel);
    world.now += SECOND + 1;
    assert!(world.command().is_none());
    assert_eq!(world.state(id), OrderState::Working, "the cancel was too late, the order goes on");
}

#[test]
fn at_the_last_moment_it_is_sent() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    world.now += SECOND;
    assert_eq!(world.command().unwrap().request, Request::Place(id));
}

#[test]
fn a_lost_connection_makes_everything_unknown_and_nothing_is_sent_again() {
    let mut world = World::ready(Speaker::Paper);
    let working = world.live("v1");
    let sent = world.place();
    world.command().unwrap();
    let unsent = world.place();
    let now = world.stamp();
    world.router.closed(0, now);
    assert_eq!(world.state(working), OrderState::Unknown);
    assert_eq!(world.state(sent), OrderState::Unknown);
    assert_eq!(world.state(unsent), OrderState::Expired, "it never left");
    let denial = world.try_place(&world.order()).unwrap_err();
    assert!(matches!(denial, Denial::NotReady(_, DeskState::Down)), "{denial}");
    world.router.opened(0, now);
    let rows = [
        row("v1", &world.router.client_id(working), OrderStatus::Working, "0.5"),
        row("v2", &world.router.client_id(sent), OrderStatus::Filled, "2"),
    ];
    while let Some(outgoing) = world.sent() {
        assert!(outgoing.request.is_question(), "{:?}", outgoing.request);
        world.answer(&outgoing, &rows);
    }
    assert_eq!((world.state(working), world.filled(working)), (OrderState::Working, 500));
    assert_eq!((world.state(sent), world.filled(sent)), (OrderState::Filled, 2_000));
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn an_order_that_never_came_is_absent_only_after_the_settle_time() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    world.command().unwrap();
    let now = world.stamp();
    world.router.closed(0, now);
    let cut = world.now;
    world.router.opened(0, now);
    while world.state(id) == OrderState::Unknown {
        assert!(world.now < cut + 5 * SECOND, "it is never decided");
        world.answer_questions(&[]);
        let ready = world.router.desk_state(world.desk) == Some(DeskState::Ready);
        assert_eq!(ready, world.state(id) != OrderState::Unknown);
        world.pass(20 * MS);
    }
    assert_eq!(world.state(id), OrderState::Absent);
    assert!(world.now >= cut + world.config.settle);
    world.pass(20 * MS);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn after_a_restart_the_venue_is_asked() {
    let mut world = World::ready(Speaker::Paper);
    let filled = world.live("v1");
    let cancelled = world.live("v2");
    let gone = world.live("v3");
    let pending = world.place();
    world.command().unwrap();
    world.restart();
    for id in [filled, cancelled, gone, pending] {
        assert_eq!(world.state(id), OrderState::Unknown);
    }
    let now = world.stamp();
    world.router.opened(0, now);
    let rows = [
        row("v1", &world.router.client_id(filled), OrderStatus::Filled, "2"),
        row("v2", &world.router.client_id(cancelled), OrderStatus::Cancelled, "0.25"),
    ];
    for _ in 0..300 {
        while let Some(outgoing) = world.sent() {
            world.answer(&outgoing, &rows);
        }
        world.pass(20 * MS);
    }
    assert_eq!((world.state(filled), world.filled(filled)), (OrderState::Filled, 2_000));
    assert_eq!((world.state(cancelled), world.filled(cancelled)), (OrderState::Cancelled, 250));
    assert_eq!(world.state(gone), OrderState::Closed, "it was live, and the venue forgot it");
    assert_eq!(world.state(pending), OrderState::Absent);
    let next = world.place();
    assert!(next > pending, "ids go on");
}

#[test]
fn a_missing_answer_holds_the_instrument_back_until_the_venue_has_said_what_became_of_it() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    let sent = world.command().unwrap();
    world.pass(world.config.ack_timeout);
    assert_eq!(world.state(id), OrderState::Unknown);
    let denial = world.try_place(&world.order()).unwrap_err();
    assert_eq!(denial, Denial::Unreconciled(id));
    // the answer comes after all
    world.accept(&sent, "v1");
    assert_eq!(world.state(id), OrderState::Working);
    world.place();
}

#[test]
fn cancels_are_asked_answered_and_refused() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    let now = world.stamp();
    world.router.cancel(id, SECOND, now).unwrap();
    world.router.cancel(id, SECOND, now).unwrap();
    let sent = world.command().unwrap();
    assert_eq!(sent.request, Request::Cancel(vec![id]));
    assert!(world.command().is_none(), "one cancel at a time");
    let request = RequestKey::Number(sent.number);
    let orders = vec![("v1".into(), Some(refusal(RefusalKind::Filled)))];
    world.report(Report::CancelAnswer { request, orders });
    assert_eq!(world.state(id), OrderState::Working);
    world.fill("v1", "e1", "2");
    assert_eq!(world.state(id), OrderState::Filled);
    let now = world.stamp();
    assert_eq!(world.router.cancel(id, SECOND, now), Err(Denial::Finished(id, OrderState::Filled)));
    assert_eq!(world.router.cancel(7, SECOND, now), Err(Denial::UnknownOrder(7)));
}

#[test]
fn a_cancel_before_the_order_is_sent_ends_it_here_and_before_its_answer_follows_that() {
    let mut world = World::ready(Speaker::Paper);
    let unsent = world.place();
    let now = world.stamp();
    world.router.cancel(unsent, SECOND, now).unwrap();
    assert_eq!(world.state(unsent), OrderState::Expired);
    assert!(world.command().is_none());
    let id = world.place();
    let sent = world.command().unwrap();
    world.router.cancel(id, SECOND, now).unwrap();
    assert!(world.command().is_none(), "the venue's id of it is not known yet");
    world.accept(&sent, "v1");
    assert_eq!(world.command().unwrap().request, Request::Cancel(vec![id]));
    assert_eq!(world.state(id), OrderState::PendingCancel);
}

#[test]
fn the_kill_switch_cancels_everything_stays_on_over_a_restart_and_is_cleared_by_a_human() {
    let mut world = World::ready(Speaker::Paper);
    let live = world.live("v1");
    let unsent = world.place();
    let now = world.stamp();
    world.router.kill("test", now);
    assert_eq!(world.state(unsent), OrderState::Expired);
    let sent = world.command().unwrap();
    assert_eq!(sent.request, Request::Cancel(vec![live]));
    let request = RequestKey::Number(sent.number);
    world.report(Report::CancelAnswer { request, orders: vec![("v1".into(), Some(refusal(RefusalKind::Other)))] });
    world.pass(2 * SECOND);
    assert_eq!(world.command().unwrap().request, Request::Cancel(vec![live]), "it is asked until it is done");
    world.restart();
    assert_eq!(world.router.ledger().kill(), Some("test"));
    let now = world.stamp();
    world.router.opened(0, now);
    let rows = [row("v1", &world.router.client_id(live), OrderStatus::Working, "0")];
    let mut cancelled = false;
    for _ in 0..200 {
        while let Some(outgoing) = world.sent() {
            if outgoing.request.is_question() {
                world.answer(&outgoing, &rows);
            } else {
                assert_eq!(outgoing.request, Request::Cancel(vec![live]));
                cancelled = true;
            }
        }
        world.pass(20 * MS);
    }
    assert!(cancelled, "after the restart, too");
    let denial = world.try_place(&world.order()).unwrap_err();
    assert_eq!(denial.rule(), "halted");
    let now = world.stamp();
    assert!(world.router.clear_kill("a human", now));
    assert!(!world.router.clear_kill("a human", now));
    world.report(Report::Order(row("v1", "", OrderStatus::Cancelled, "0")));
    world.place();
}

#[test]
fn reducing_lets_through_only_what_reduces() {
    let mut world = World::ready(Speaker::Paper);
    world.live("v1");
    world.fill("v1", "e1", "2");
    let now = world.stamp();
    world.router.set_mode(Mode::Reducing, "test", now);
    let denial = world.try_place(&world.order()).unwrap_err();
    assert_eq!(denial.rule(), "reducing");
    let mut sell = world.order();
    sell.side = Side::Sell;
    world.try_place(&sell).unwrap();
    let denial = world.try_place(&sell).unwrap_err();
    assert_eq!(denial.rule(), "reducing", "what the first sells can't be sold again");
}

#[test]
fn an_intent_has_at_most_one_live_order() {
    let mut world = World::ready(Speaker::Paper);
    let mut order = world.order();
    order.intent = "enter";
    let id = world.try_place(&order).unwrap();
    assert_eq!(world.try_place(&order), Err(Denial::Intent(id, OrderState::PendingNew)));
    let sent = world.command().unwrap();
    let request = RequestKey::Number(sent.number);
    world.report(Report::Refused { request, client_id: "".into(), refusal: refusal(RefusalKind::Insufficient) });
    assert_eq!(world.state(id), OrderState::Rejected);
    let again = world.try_place(&order).unwrap();
    let sent = world.command().unwrap();
    world.accept(&sent, "v2");
    world.fill("v2", "e1", "0.5");
    world.report(Report::Order(row("v2", "", OrderStatus::Cancelled, "0.5")));
    assert_eq!(world.try_place(&order), Err(Denial::Intent(again, OrderState::Cancelled)), "a part of it is filled");
    world.restart();
    assert_eq!(world.router.ledger().by_intent("enter").unwrap().placed.id, again);
}

#[test]
fn a_denied_order_leaves_one_line_and_nothing_else() {
    let mut world = World::ready(Speaker::Paper);
    let cases = [
        ("0", "1", "price_sign"),
        ("-1", "1", "price_sign"),
        ("1", "0", "quantity_sign"),
        ("1", "-2", "quantity_sign"),
        ("1.001", "1", "price_digits"),
        ("1", "1.0001", "quantity_digits"),
    ];
    for (price, quantity, rule) in cases {
        let before = world.journal.lock().unwrap().entries.len();
        let mut order = world.order();
        (order.price, order.quantity) = (dec(price), dec(quantity));
        let denial = world.try_place(&order).unwrap_err();
        assert_eq!(denial.rule(), rule);
        assert!(denial.to_string().contains(&format!("(rule {rule})")), "{denial}");
        let entries = world.journal.lock().unwrap().entries[before..].to_vec();
        let [(_, kind, payload)] = &*entries else { panic!("{entries:?}") };
        assert!(matches!(Record::read(*kind, payload), Ok(Record::Denied { rule: named, .. }) if *named == *rule));
        assert!(world.command().is_none());
    }
    assert_eq!(world.router.ledger().orders().count(), 0);
    assert_eq!(world.router.denied(world.desk, Rule::PriceSign), 2);
}

#[test]
fn a_broken_journal_takes_no_order_and_lets_cancels_and_reports_through() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.live("v1");
    let whole = world.replayed();
    assert_eq!(&whole, world.router.ledger());
    world.journal.lock().unwrap().broken = true;
    let denial = world.try_place(&world.order()).unwrap_err();
    assert!(matches!(denial, Denial::Journal(_)), "{denial}");
    assert!(world.router.broken().is_some());
    assert!(world.command().is_none());
    let now = world.stamp();
    world.router.cancel(id, SECOND, now).unwrap();
    assert_eq!(world.command().unwrap().request, Request::Cancel(vec![id]), "less risk is always allowed");
    world.fill("v1", "e1", "2");
    assert_eq!(world.state(id), OrderState::Filled, "what happened is true, written down or not");
    assert!(world.router.tallies().unjournaled.get() > 0);
    // the journal lacks it: the usual last check does not hold here
    std::mem::forget(world);
}

#[test]
fn a_venue_that_contradicts_an_end_throws_the_kill_switch() {
    let mut world = World::ready(Speaker::Paper);
    let id = world.place();
    world.command().unwrap();
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
    for _ in 0..200 {
        world.answer_questions(&[]);
        world.pass(20 * MS);
    }
    assert_eq!(world.state(id), OrderState::Absent);
    let client_id = world.router.client_id(id);
    world.report(Report::Order(row("v1", &client_id, OrderStatus::Working, "0")));
    assert_eq!(world.state(id), OrderState::Absent, "one end is enough");
    assert!(world.router.ledger().kill().is_some());
    assert!(world.events().iter().any(|event| event.kind == EventKind::Anomaly && event.id == id));
}

#[test]
fn a_refusal_that_does_not_say_of_what_makes_all_that_wait_unknown_unless_there_is_but_one() {
    let speaker = Speaker::CoinCeres { exchange: "TEST".into(), leverage: 0, utc_offset_s: 0 };
    let mut world = World::new(speaker);
    let now = world.stamp();
    world.router.opened(0, now);
    answer_kinds(&mut world);
    let refused = |world: &mut World| {
        let (request, refusal) = (RequestKey::Kind(11), refusal(RefusalKind::Other));
        world.report(Report::Refused { request, client_id: "".into(), refusal });
    };
    let one = world.place();
    world.command().unwrap();
    refused(&mut world);
    assert_eq!(world.state(one), OrderState::Rejected);
    let two = [world.place(), world.place()];
    world.command().unwrap();
    world.command().unwrap();
    refused(&mut world);
    assert_eq!(two.map(|id| world.state(id)), [OrderState::Unknown; 2]);
}

/// Answers the questions of a venue that knows them by their kind only.
fn answer_kinds(world: &mut World) {
    for _ in 0..200 {
        while let Some(sent) = world.sent() {
            let kind = RequestKey::Kind;
            world.report(match sent.request {
                Request::Orders(_) => Report::Orders { request: kind(15), orders: vec![] },
                Request::Balances => Report::Balances { request: kind(14), balances: vec![] },
                Request::Positions(_) => Report::Positions { request: kind(16), positions: vec![] },
                Request::Rules(_) => Report::Rules { request: kind(13), rules: vec![] },
                other => panic!("{other:?}"),
            });
        }
        world.pass(20 * MS);
    }
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn one_question_of_a_kind_where_answers_carry_no_number() {
    let speaker = Speaker::CoinCeres { exchange: "TEST".into(), leverage: 0, utc_offset_s: 0 };
    let mut world = World::new(speaker);
    let now = world.stamp();
    world.router.opened(0, now);
    let mut kinds = Vec::new();
    while let Some(sent) = world.sent() {
        kinds.push(std::mem::discriminant(&sent.request));
        assert!(text(&sent).contains("\"biz_type\":1"), "{}", text(&sent));
    }
    let mut once = kinds.clone();
    once.dedup();
    assert_eq!(kinds.len(), 4, "rules, orders, balances, positions: each once until it is answered");
    assert_eq!(once.len(), 4);
    world.pass(world.config.ack_timeout);
    assert_eq!(world.router.take_closes(), [(0, "a question was not answered")]);
}

#[test]
fn an_order_that_a_list_lacks_is_asked_for_by_itself_before_it_is_given_up() {
    let speaker = Speaker::CoinCeres { exchange: "TEST".into(), leverage: 0, utc_offset_s: 0 };
    let mut world = World::new(speaker);
    let now = world.stamp();
    world.router.opened(0, now);
    answer_kinds(&mut world);
    let id = world.place();
    world.command().unwrap();
    let client_id = world.router.client_id(id);
    let accepted =
        Report::Accepted { request: RequestKey::Kind(11), client_id: client_id.as_str().into(), venue_id: "v1".into() };
    world.report(accepted);
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
    let mut asked = 0;
    let orders = |orders| Report::Orders { request: RequestKey::Kind(15), orders };
    for _ in 0..200 {
        while let Some(sent) = world.sent() {
            let kind = RequestKey::Kind;
            world.report(match sent.request {
                Request::Orders(_) => orders(vec![]),
                Request::Order(one) => {
                    assert_eq!(one, id);
                    assert!(text(&sent).contains("\"system_oid\":\"v1\""), "{}", text(&sent));
                    asked += 1;
                    orders(vec![row("v1", &client_id, OrderStatus::Working, "0.5")])
                }
                Request::Balances => Report::Balances { request: kind(14), balances: vec![] },
                Request::Positions(_) => Report::Positions { request: kind(16), positions: vec![] },
                Request::Rules(_) => Report::Rules { request: kind(13), rules: vec![] },
                other => panic!("{other:?}"),
            });
        }
        world.pass(20 * MS);
    }
    assert_eq!((world.state(id), world.filled(id), asked), (OrderState::Working, 500, 1));
}

#[test]
fn cancels_of_several_orders_go_together_where_the_venue_takes_that() {
    let speaker = Speaker::CoinCeres { exchange: "TEST".into(), leverage: 0, utc_offset_s: 0 };
    let mut world = World::new(speaker);
    let now = world.stamp();
    world.router.opened(0, now);
    answer_kinds(&mut world);
    let ids: Vec<u64> = (0..20)
        .map(|number| {
            let id = world.place();
            world.command().unwrap();
            let client_id = world.router.client_id(id).into();
            let venue_id = format!("v{number}").into();
            world.report(Report::Accepted { request: RequestKey::Kind(11), client_id, venue_id });
            id
        })
        .collect();
    let now = world.stamp();
    assert_eq!(world.router.cancel_all(None, None, None, now), 20);
    assert_eq!(world.command().unwrap().request, Request::Cancel(ids[..15].to_vec()));
    assert!(world.command().is_none(), "the next one waits for the answer");
    let orders = (0..15).map(|number| (format!("v{number}").into(), None)).collect();
    world.report(Report::CancelAnswer { request: RequestKey::Kind(12), orders });
    assert_eq!(world.command().unwrap().request, Request::Cancel(ids[15..].to_vec()));
}

#[test]
fn without_ids_of_ours_an_order_is_recognised_by_its_terms() {
    let mut world = World::new(quantapi());
    log_in(&mut world);
    let found = world.place();
    world.command().unwrap();
    let lost = world.place();
    world.command().unwrap();
    let now = world.stamp();
    world.router.closed(0, now);
    world.router.opened(0, now);
    let sent = world.sent().unwrap();
    world.report(Report::LoggedIn { request: RequestKey::Number(sent.number), token: "token".into() });
    world.report(Report::Gateway { state: ferrofeed_core::orders::Gateway::Ready, message: "".into() });
    let mut foreign = row("f1", "", OrderStatus::Working, "0");
    foreign.price = Some(dec("1"));
    let rows = [row("v1", "", OrderStatus::Working, "0.5"), foreign];
    for _ in 0..300 {
        while let Some(outgoing) = world.sent() {
            world.answer(&outgoing, &rows);
        }
        world.pass(20 * MS);
    }
    assert_eq!((world.state(found), world.filled(found)), (OrderState::Working, 500), "equal terms: the older one");
    assert_eq!(world.state(lost), OrderState::Closed, "not open, and nothing says whether it was ever there");
    assert!(world.router.stats(world.desk).unwrap().foreign.get() > 0);
    assert_eq!(world.router.desk_state(world.desk), Some(DeskState::Ready));
}

#[test]
fn a_budget_keeps_room_for_cancels() {
    let mut risk = Risk::new(Limits::default());
    risk.set_budget(0, budget(10, 4));
    let mut world = World::with(Speaker::Paper, risk);
    world.connect();
    world.pass(SECOND);
    let ids: Vec<u64> = (0..6).map(|_| world.place()).collect();
    assert_eq!(world.try_place(&world.order()).unwrap_err().rule(), "rate");
    for (number, id) in ids.iter().enumerate() {
        let sent = world.command().unwrap();
        assert_eq!(sent.request, Request::Place(*id));
        world.accept(&sent, &format!("v{number}"));
    }
    let now = world.stamp();
    world.router.cancel_all(None, None, None, now);
    for _ in 0..4 {
        assert!(matches!(world.command().unwrap().request, Request::Cancel(_)));
    }
    assert!(world.command().is_none(), "the rest waits for the next window");
    world.pass(SECOND);
    assert!(matches!(world.command().unwrap().request, Request::Cancel(_)));
}

#[test]
fn a_checkpoint_makes_the_same_state() {
    let mut world = World::ready(Speaker::Paper);
    world.live("v1");
    world.fill("v1", "e1", "0.5");
    let done = world.live("v2");
    world.fill("v2", "e2", "2");
    world.live("v3");
    let now = world.stamp();
    world.router.strategy("maker", now);
    world.router.set_mode(Mode::Reducing, "test", now);
    let mut again = ferrofeed_core::orders::ledger::Ledger::new(world.config.keep);
    world.router.ledger().checkpoint(&mut |record| {
        let mut payload = Vec::new();
        record.write(&mut payload);
        assert_eq!(Record::read(record.kind(), &payload), Ok(record.clone()));
        for cut in 0..payload.len() {
            assert!(Record::read(record.kind(), &payload[..cut]).is_err(), "{record:?} cut at {cut}");
        }
        again.apply(&record, 0).unwrap();
    });
    assert_eq!(&again, world.router.ledger());
    assert_eq!(again.order(done).unwrap().state, OrderState::Filled);
}
