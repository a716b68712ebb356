//! What the gateway does where something is at its edge: orders that are forgotten soon, other spellings, the end of the feed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test: what fails here must fail loudly"
)]

mod gateway_support;
mod orders_support;

use ferrofeed_core::gateway::{Accounts, Client, ClientLimits, Permission, Watch, Watcher};
use ferrofeed_core::orders::record::Record;
use ferrofeed_core::orders::router::{Request, Speaker};
use ferrofeed_core::orders::{Gateway as Said, OrderStatus, Report, RequestKey};
use gateway_support::{Served, login, order, words};
use orders_support::{MS, SECOND, World, dec, quantapi, row};
use serde_json::{Value, json};

#[test]
fn the_end_of_an_order_is_told_however_few_finished_ones_are_kept() {
    for keep in [0, 1] {
        let mut served = Served::before(World::keeping(Speaker::Paper, keep), Accounts::Shared(0), None);
        let token = served.login(1, "a");
        // the venue answers all of them before anybody hears of it
        let placed: Vec<(u64, String)> = (0..3)
            .map(|at| {
                let number = served.place(1, &token, &format!("c{at}"));
                let order = served.world.router.ledger().live().map(|order| order.placed.id).max().unwrap();
                (number, order.to_string())
            })
            .collect();
        for (at, (number, _)) in placed.iter().enumerate() {
            let request = RequestKey::Number(*number);
            let venue_id = format!("v{at}").into();
            served.world.report(Report::Accepted { request, client_id: "".into(), venue_id });
            served.world.fill(&format!("v{at}"), &format!("x{at}"), "2");
        }
        let heard = served.heard();
        for (at, (_, order)) in placed.iter().enumerate() {
            let about = |one: &Value| [&one["order_no"], &one["data"]["order_no"]].contains(&&json!(order));
            let told = words(&heard.iter().filter(|(_, one)| about(one)).cloned().collect::<Vec<_>>());
            let expected = ["1 place_order", "1 notify order SUBMITTED", "1 notify fill", "1 notify order FILLED"]
                .map(String::from);
            assert_eq!(told, expected, "order {at} of a router that keeps {keep}");
        }
        let list = served.say(1, &json!({"op": "open_orders", "token": token, "symbol": "ETH/USDT"}));
        assert_eq!(list[0].1["data"], json!([]));
        // nothing is left to be answered late
        served.world.now += 20 * SECOND;
        let now = served.world.stamp();
        served.gateway.tick(&served.world.router, now);
        let late = served.heard();
        assert!(late.iter().all(|(_, one)| one["op"] != "place_order"), "{late:?}");
        // what is heard may be forgotten
        served.heard();
        assert_eq!(served.world.router.ledger().orders().count(), keep);
    }
}

#[test]
fn other_terms_of_an_order_are_told() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let no = served.rests(1, &token, "v1");
    let id: u64 = no.parse().unwrap();
    let now = served.world.stamp();
    served.world.router.replace(id, dec("99.5"), dec("3"), None, SECOND, now).unwrap();
    assert_eq!(served.heard(), [], "it is only on its way");
    served.world.command().expect("a change on its way");
    let mut changed = row("v1", "", OrderStatus::Working, "0");
    (changed.price, changed.quantity) = (Some(dec("99.5")), Some(dec("3")));
    served.world.report(Report::Order(changed.clone()));
    let heard = served.heard();
    assert_eq!(words(&heard), ["1 notify order SUBMITTED"], "{heard:?}");
    let data = &heard[0].1["data"];
    assert_eq!((&data["price"], &data["quantity"], &data["remain"]), (&json!(99.5), &json!(3), &json!(3)));
    served.world.report(Report::Order(changed));
    assert_eq!(served.heard(), [], "once");
}

#[test]
fn who_watches_a_market_and_who_no_more_is_told_once() {
    let mut served = Served::shared();
    let mut watching = login("paper", "a");
    watching["market_data"] = json!(true);
    let token = served.say(1, &watching)[0].1["token"].as_str().unwrap().to_owned();
    served.say(2, &login("paper", "b"));
    let [Watch { login: first, watcher: Some(Watcher { socket: 1, venue, .. }) }] = &served.gateway.take_watches()[..]
    else {
        panic!("one began to watch")
    };
    assert_eq!(**venue, *"paper");
    assert_eq!(served.gateway.take_watches(), []);
    served.say(1, &json!({"op": "logout", "cid": "c", "token": token}));
    let second = served.say(1, &watching);
    assert_eq!(second[0].1["result"], true);
    let watches = served.gateway.take_watches();
    let [Watch { login: ended, watcher: None }, Watch { login: began, watcher: Some(_) }] = &watches[..] else {
        panic!("{watches:?}")
    };
    assert_eq!(ended, first);
    assert_ne!(began, first, "no number is given twice");
}

#[test]
fn a_symbol_may_be_spelled_as_the_venue_spells_it() {
    let mut served = Served::shared();
    let mut message = login("paper", "a");
    message["symbols"] = json!(["ETH-USDT"]);
    message["market_data"] = json!(true);
    let heard = served.say(1, &message);
    let token = heard[0].1["token"].as_str().unwrap().to_owned();
    let watches = served.gateway.take_watches();
    let [Watch { watcher: Some(Watcher { symbols, .. }), .. }] = &watches[..] else { panic!("{watches:?}") };
    assert_eq!(symbols[..], ["ETH/USDT".into()], "market data knows canonical symbols only");
    for op in ["position", "symbol_info"] {
        let heard = served.say(1, &json!({"op": op, "cid": "c", "token": token, "symbol": "ETH-USDT"}));
        assert_eq!((heard.len(), &heard[0].1["result"]), (1, &json!(true)), "{op}: {heard:?}");
    }
    let mut message = order(&token, "c", 2.0);
    message["symbol"] = json!("ETH-USDT");
    assert_eq!(served.say(1, &message), []);
    let number = served.world.command().unwrap().number;
    let heard = served.accept(number, "v1");
    assert_eq!(heard[1].1["data"]["symbol"], "ETH-USDT", "a client hears it as it spelled it");
}

#[test]
fn a_list_of_nobody_lets_nobody_in() {
    let mut served = Served::new(Accounts::Shared(0), Some(Vec::new()));
    let heard = served.say(1, &login("paper", "a"));
    assert_eq!(heard[0].1["error_message"], "wrong access_key or secret_key");
}

/// The states that were told.
fn codes(heard: &[(u32, Value)]) -> Vec<u64> {
    heard.iter().filter_map(|(_, one)| one["code"].as_u64()).collect()
}

/// The venue is a gateway itself: it is there, and the platform behind it comes and goes.
fn behind_another() -> Served {
    let mut world = World::new(quantapi());
    let now = world.stamp();
    world.router.opened(0, now);
    let sent = world.sent().unwrap();
    world.report(Report::LoggedIn { request: RequestKey::Number(sent.number), token: "token".into() });
    said(&mut world, Said::Ready);
    Served::before(world, Accounts::Shared(0), None)
}

fn said(world: &mut World, state: Said) {
    world.report(Report::Gateway { state, message: "".into() });
    if state == Said::Ready {
        for _ in 0..100 {
            world.answer_questions(&[]);
            world.pass(100 * MS);
        }
    }
}

#[test]
fn what_a_gateway_behind_us_says_of_its_platform_is_no_connection() {
    let mut served = behind_another();
    let token = served.login(1, "a");
    said(&mut served.world, Said::Disconnected);
    assert_eq!(codes(&served.heard()), [4, 5]);
    let heard: [(Said, &[u64]); 3] =
        [(Said::Reconnecting, &[]), (Said::ConnectFailed, &[3]), (Said::Reconnecting, &[])];
    for (state, told) in heard {
        said(&mut served.world, state);
        assert_eq!(codes(&served.heard()), told, "{state:?} is no connection");
    }
    // who comes now is told the same
    let heard = served.say(2, &login("other", "b"));
    assert_eq!(codes(&heard), [5]);
    assert_eq!(served.say(1, &order(&token, "c", 1.0))[0].1["error_message"], "Platform not ready");
    said(&mut served.world, Said::Ready);
    let heard = served.heard();
    let of = |socket: u32| codes(&heard.iter().filter(|(to, _)| *to == socket).cloned().collect::<Vec<_>>());
    assert_eq!((of(1), of(2)), (vec![2, 6], vec![2, 6]));
}

#[test]
fn whatever_a_platform_refuses_with_is_told_to_all_who_wait_for_it() {
    for state in [Said::ConnectFailed, Said::ParameterMissing, Said::GeneralError] {
        let mut served = behind_another();
        served.login(1, "a");
        said(&mut served.world, state);
        assert_eq!(codes(&served.heard()), [4, 5, 3], "{state:?}, after it was ready");
        let heard = served.say(2, &login("other", "b"));
        assert_eq!(codes(&heard), [3], "{state:?}: who comes later");
        said(&mut served.world, state);
        assert_eq!(codes(&served.heard()), [3, 3], "{state:?}: again, to both");
        said(&mut served.world, Said::Disconnected);
        assert_eq!(served.heard(), [], "{state:?}: no connection is no news");
        assert_eq!(codes(&served.say(2, &login("paper", "c"))), [5], "{state:?}: it is refused no more");
    }
}

/// The denials that the journal has.
fn denials(served: &Served) -> Vec<String> {
    let journal = served.world.journal.lock().unwrap();
    let text = |record: Record| if let Record::Denied { text, .. } = record { Some(text.into()) } else { None };
    journal.entries.iter().filter_map(|(_, kind, payload)| text(Record::read(*kind, payload).unwrap())).collect()
}

#[test]
fn denials_without_end_do_not_fill_the_journal() {
    let client = Client {
        id: "reader".into(),
        access_key: "k".into(),
        secret_key: "s".into(),
        permission: Permission::Read,
        platforms: None,
        symbols: None,
        cancel_on_disconnect: false,
        limits: ClientLimits::default(),
    };
    let mut served = Served::new(Accounts::Shared(0), Some(vec![client]));
    let mut message = login("paper", "");
    message["access_key"] = json!("k");
    message["secret_key"] = json!("s");
    let token = served.say(1, &message)[0].1["token"].as_str().unwrap().to_owned();
    for _ in 0..40 {
        let heard = served.say(1, &order(&token, "c", 1.0));
        assert_eq!(heard[0].1["error_message"], "permission: this client has read, it takes trade");
    }
    assert_eq!(denials(&served), vec!["reader: permission: this client has read, it takes trade"; 10]);
    served.world.pass(1000 * MS);
    served.say(1, &order(&token, "c", 1.0));
    let last = denials(&served).pop().unwrap();
    assert_eq!(
        last,
        "reader: permission: this client has read, it takes trade (and 30 more before that were not noted)"
    );
}

#[test]
fn a_connection_that_fails_elsewhere_takes_no_ready_platform_away() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    served.gateway.connect_failed(0, "refused", false, false);
    assert_eq!(served.heard(), []);
    served.place(1, &token, "c");
}

#[test]
fn a_process_that_was_killed_takes_the_orders_with_it_that_go_with_their_login() {
    for cancel in [true, false] {
        let client = Client {
            id: "maker".into(),
            access_key: "k".into(),
            secret_key: "s".into(),
            permission: Permission::Trade,
            platforms: None,
            symbols: None,
            cancel_on_disconnect: cancel,
            limits: ClientLimits::default(),
        };
        let mut served = Served::new(Accounts::Shared(0), Some(vec![client.clone()]));
        let token = served.login(1, "k");
        served.rests(1, &token, "v1");
        let mine: u64 = served.world.router.ledger().live().map(|order| order.placed.id).next().unwrap();
        let other = served.world.live("v2");
        // nobody says goodbye
        let Served { mut world, .. } = served;
        world.restart();
        let mut served = Served::before(world, Accounts::Shared(0), Some(vec![client]));
        let now = served.world.stamp();
        served.gateway.start(&mut served.world.router, now);
        served.world.router.opened(0, now);
        let rows = [row("v1", "", OrderStatus::Working, "0"), row("v2", "", OrderStatus::Working, "0")];
        let mut cancelled = Vec::new();
        for _ in 0..100 {
            while let Some(sent) = served.world.sent() {
                match &sent.request {
                    Request::Cancel(ids) => cancelled.extend(ids.clone()),
                    _ => served.world.answer(&sent, &rows),
                }
            }
            served.world.pass(100 * MS);
        }
        cancelled.dedup();
        assert_eq!(cancelled, if cancel { vec![mine] } else { vec![] });
        assert_eq!(served.world.router.ledger().order(other).unwrap().state.name(), "working");
    }
}
