//! The gateway before a router whose venue is played by the test: who hears what, in which order, and what is nobody's business.
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

use ferrofeed_core::gateway::{Accounts, Client, ClientLimits, Permission, Tally, Wish};
use ferrofeed_core::orders::{OrderStatus, RefusalKind, Report, RequestKey};
use gateway_support::{Served, login, order, words};
use orders_support::{SECOND, dec, refusal, row};
use serde_json::{Value, json};

#[test]
fn an_order_is_answered_when_the_venue_has_it_and_before_anything_else_is_told_of_it() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let number = served.place(1, &token, "first");
    let heard = served.accept(number, "v1");
    assert_eq!(words(&heard), ["1 place_order", "1 notify order SUBMITTED"]);
    assert_eq!(heard[0].1["cid"], "first");
    let no = heard[0].1["order_no"].clone();
    assert_eq!(heard[1].1["data"]["order_no"], no);
    served.world.fill("v1", "x1", "0.5");
    let heard = served.heard();
    assert_eq!(words(&heard), ["1 notify fill", "1 notify order PARTIAL-FILLED"]);
    let fill = &heard[0].1["data"];
    assert_eq!((&fill["fill_no"], &fill["quantity"], &fill["liquidity"]), (&json!("x1"), &json!(0.5), &json!("TAKER")));
    assert_eq!(heard[1].1["data"]["remain"], json!(1.5));
    // a fill that is told before the acceptance: the answer is the first all the same
    let number = served.place(1, &token, "second");
    let order = served.world.router.ledger().live().map(|order| order.placed.id).max().unwrap();
    served.world.report(Report::Order(row("v2", &served.world.router.client_id(order), OrderStatus::Filled, "2")));
    let heard = served.heard();
    assert_eq!(words(&heard)[0], "1 place_order", "{heard:?}");
    assert_eq!(heard[0].1["cid"], "second");
    assert!(words(&heard).contains(&"1 notify order FILLED".into()), "{heard:?}");
    assert_eq!(words(&served.accept(number, "v2")), Vec::<String>::new(), "one answer, whatever comes late");
}

#[test]
fn a_refusal_is_an_answer_and_no_notification() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let number = served.place(1, &token, "c");
    let request = RequestKey::Number(number);
    served.world.report(Report::Refused { request, client_id: "".into(), refusal: refusal(RefusalKind::Insufficient) });
    let heard = served.heard();
    assert_eq!(words(&heard), ["1 place_order"]);
    assert_eq!((&heard[0].1["result"], &heard[0].1["order_no"]), (&json!(false), &json!("")));
    assert!(heard[0].1["error_message"].as_str().unwrap().contains("no"), "{heard:?}");
    // of our own: at once, and nothing is sent
    let heard = served.say(1, &order(&token, "d", 0.0001));
    assert_eq!((&heard[0].1["cid"], &heard[0].1["result"]), (&json!("d"), &json!(false)));
    assert!(served.world.command().is_none());
    let entries = served.world.journal.lock().unwrap().entries.len();
    for (field, value, why) in [
        ("action", json!("HOLD"), "action: expected BUY or SELL"),
        ("order_type", json!("STOP"), "order_type: expected LIMIT, MARKET or IOC"),
        ("quantity", json!(-2), "quantity: -2 has a sign, which is for contracts only"),
        ("symbol", json!("XRP/USDT"), "Unknown symbol XRP/USDT"),
    ] {
        let mut message = order(&token, "e", 2.0);
        message[field] = value;
        let heard = served.say(1, &message);
        assert_eq!(heard[0].1["error_message"], why);
    }
    assert_eq!(
        served.world.journal.lock().unwrap().entries.len(),
        entries + 3,
        "each got as far as the journal's line"
    );
}

#[test]
fn when_the_venue_is_lost_an_order_is_answered_with_its_number_and_told_as_not_known() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    served.place(1, &token, "c");
    let now = served.world.stamp();
    served.world.router.closed(0, now);
    let heard = served.heard();
    assert_eq!(words(&heard), ["1 place_order", "1 notify order NONE", "1 state", "1 state"]);
    assert_eq!(heard[0].1["result"], true);
    assert_eq!((&heard[2].1["code"], &heard[3].1["code"]), (&json!(4), &json!(5)));
    let heard = served.say(1, &order(&token, "d", 2.0));
    assert_eq!(heard[0].1["error_message"], "Platform not ready");
    served.world.connect();
    let heard = served.heard();
    let codes: Vec<&Value> =
        heard.iter().filter(|(_, one)| one["op"] == "state").map(|(_, one)| &one["code"]).collect();
    assert_eq!(codes, [2, 6].map(|code| json!(code)).iter().collect::<Vec<_>>());
    assert!(words(&heard).contains(&"1 notify order FAILED".into()), "the venue never had it: {heard:?}");
}

#[test]
fn nobody_sees_or_cancels_or_hears_of_the_orders_of_another() {
    let mut served = Served::shared();
    let (a, b) = (served.login(1, "a"), served.login(2, "b"));
    let no = served.rests(1, &a, "v1");
    let of = |op: &str, token: &str| json!({"op": op, "token": token, "symbol": "ETH/USDT"});
    assert_eq!(served.say(1, &of("open_orders", &a))[0].1["data"][0]["order_no"], no.as_str());
    assert_eq!(served.say(2, &of("open_orders", &b))[0].1["data"], json!([]));
    let mut cancel = of("cancel_order", &b);
    cancel["order_nos"] = json!([no]);
    let heard = served.say(2, &cancel);
    assert_eq!(heard[0].1["data"], json!([{"result": false, "error_message": "Unknown order", "order_no": no}]));
    cancel["order_nos"] = json!([]);
    assert_eq!(served.say(2, &cancel)[0].1["data"], json!([]));
    assert!(served.world.command().is_none(), "nothing was asked of the venue");
    served.world.fill("v1", "x", "1");
    assert!(served.heard().iter().all(|(socket, _)| *socket == 1));
    // a token of another connection is none
    let heard = served.say(2, &of("open_orders", &a));
    assert_eq!((&heard[0].1["result"], &heard[0].1["error_message"]), (&json!(false), &json!("Invalid token")));
    assert_eq!(served.gateway.tallies.get(Tally::ForeignToken), 1);
    assert_eq!(served.say(2, &of("asset", "x"))[0].1["data"], json!({}));
    assert_eq!(served.gateway.tallies.get(Tally::InvalidToken), 1);
}

#[test]
fn an_owner_finds_its_orders_again_after_a_new_login() {
    let mut served = Served::shared();
    let a = served.login(1, "a");
    let no = served.rests(1, &a, "v1");
    assert_eq!(served.say(1, &json!({"op": "logout", "cid": "out", "token": a}))[0].1["result"], true);
    assert_eq!(served.say(1, &json!({"op": "asset", "token": a}))[0].1["error_message"], "Invalid token");
    // nobody is there to hear of it
    served.world.fill("v1", "x", "0.5");
    assert_eq!(served.heard(), []);
    let a = served.login(2, "a");
    let heard = served.say(2, &json!({"op": "open_orders", "token": a, "symbol": "ETH/USDT"}));
    assert_eq!((&heard[0].1["data"][0]["order_no"], &heard[0].1["data"][0]["remain"]), (&json!(no), &json!(1.5)));
}

#[test]
fn a_cancel_is_answered_when_every_order_is_decided() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let (one, two) = (served.rests(1, &token, "v1"), served.rests(1, &token, "v2"));
    let cancel = json!({"op": "cancel_order", "cid": "c", "token": token, "symbol": "ETH/USDT", "order_nos": [one, "17", two, one]});
    assert_eq!(served.say(1, &cancel), []);
    let sent = served.world.command().unwrap();
    let request = RequestKey::Number(sent.number);
    served.world.report(Report::CancelAnswer { request, orders: vec![("v1".into(), None)] });
    served.world.report(Report::Order(row("v1", "", OrderStatus::Cancelled, "0")));
    let heard = served.heard();
    assert_eq!(words(&heard), ["1 notify order CANCELED"], "one is not decided yet: {heard:?}");
    let sent = served.world.command().unwrap();
    served.world.fill("v2", "x", "2");
    let request = RequestKey::Number(sent.number);
    served
        .world
        .report(Report::CancelAnswer { request, orders: vec![("v2".into(), Some(refusal(RefusalKind::Filled)))] });
    let heard = served.heard();
    let answer = &heard.iter().find(|(_, one)| one["op"] == "cancel_order").unwrap().1;
    let row = |result: bool, why: &str, no: &str| json!({"result": result, "error_message": why, "order_no": no});
    assert_eq!(
        answer["data"],
        json!([
            row(true, "", &one),
            row(false, "Unknown order", "17"),
            row(false, "Order filled", &two),
            row(true, "", &one)
        ])
    );
    assert_eq!(heard.iter().filter(|(_, one)| one["op"] == "cancel_order").count(), 1);
}

#[test]
fn what_the_venue_does_not_answer_is_answered_all_the_same() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let no = served.rests(1, &token, "v1");
    let cancel = json!({"op": "cancel_order", "cid": "c", "token": token, "symbol": "ETH/USDT", "order_nos": [no]});
    assert_eq!(served.say(1, &cancel), []);
    served.world.now += 9 * SECOND;
    let now = served.world.stamp();
    served.gateway.tick(&served.world.router, now);
    let heard = served.heard();
    assert_eq!(heard[0].1["data"][0]["result"], false);
    assert!(heard[0].1["data"][0]["error_message"].as_str().unwrap().starts_with("no answer of the venue yet"));
}

#[test]
fn a_login_is_refused_for_what_it_lacks() {
    let mut served = Served::shared();
    let a = served.login(1, "a");
    let refused = |served: &mut Served, socket: u32, message: &Value| {
        let heard = served.say(socket, message);
        assert_eq!((heard.len(), &heard[0].1["result"], &heard[0].1["token"]), (1, &json!(false), &json!("")));
        heard[0].1["error_message"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(&mut served, 2, &login("paper", "a")), "Do not log in repeat");
    assert_eq!(
        refused(&mut served, 2, &login("nowhere", "a")),
        "Unknown platform nowhere: expected one of paper, other"
    );
    let mut message = login("paper", "b");
    message["symbols"] = json!(["DOGE/USDT"]);
    assert_eq!(refused(&mut served, 2, &message), "Unknown symbol DOGE/USDT: paper has ETH/USDT, BTC/USDT");
    message["symbols"] = json!([]);
    let heard = served.say(2, &message);
    assert_eq!((&heard[0].1["result"], &heard[1].1["code"]), (&json!(true), &json!(1)));
    assert_eq!(heard[1].1["msg"], "parameter missing: symbols");
    // the same key elsewhere is another login; and when the first is gone, it may come again
    assert_eq!(served.say(1, &login("other", "a"))[0].1["result"], true);
    served.say(1, &json!({"op": "logout", "token": a}));
    served.login(1, "a");
    assert_eq!(served.say(1, &login("paper", "c"))[0].1["result"], true);
    assert_eq!(refused(&mut served, 1, &login("paper", "d")), "more than 3 logins on one connection");
    // who only tries is sent away
    for key in 0..20 {
        let message = login("nowhere", &key.to_string());
        served.say(2, &message);
    }
    let closing = served.gateway.take_closings();
    assert_eq!(closing.iter().map(|closing| (closing.socket, closing.code)).collect::<Vec<_>>(), [(2, 1008)]);
}

#[test]
fn a_list_of_clients_lets_in_nobody_else_and_holds_each_to_its_limits() {
    let client = |id: &str, permission: Permission| Client {
        id: id.into(),
        access_key: format!("key-{id}").as_str().into(),
        secret_key: "s".into(),
        permission,
        platforms: Some(vec!["paper".into()]),
        symbols: Some(vec!["ETH/USDT".into()]),
        cancel_on_disconnect: true,
        limits: ClientLimits { max_quantity: Some(dec("2")), max_open_orders: Some(1), ..ClientLimits::default() },
    };
    let clients = vec![client("maker", Permission::Trade), client("watch", Permission::Read)];
    let mut served = Served::new(Accounts::Shared(0), Some(clients));
    let why = |heard: &[(u32, Value)]| heard[0].1["error_message"].as_str().unwrap().to_owned();
    assert_eq!(why(&served.say(1, &login("paper", "a"))), "wrong access_key or secret_key");
    assert_eq!(why(&served.say(1, &login("other", "key-maker"))), "client maker may not go to platform other");
    let mut message = login("paper", "key-maker");
    message["symbols"] = json!(["BTC-USDT"]);
    assert_eq!(why(&served.say(1, &message)), "client maker may not trade BTC-USDT");
    let watch = served.login(2, "key-watch");
    assert_eq!(why(&served.say(2, &order(&watch, "c", 1.0))), "permission: this client has read, it takes trade");
    let token = served.login(1, "key-maker");
    assert_eq!(why(&served.say(1, &order(&token, "c", 2.5))), "max_quantity: 2.5 is above this client's 2");
    served.rests(1, &token, "v1");
    assert!(why(&served.say(1, &order(&token, "c", 1.0))).starts_with("max_open_orders"));
    assert!(why(&served.say(1, &json!({"op": "kill", "token": token, "reason": "x"}))).starts_with("permission"));
    assert_eq!(served.world.router.ledger().kill(), None);
    assert_eq!(served.gateway.tallies.get(Tally::Forbidden), 4);
    // its orders go with it
    let now = served.world.stamp();
    served.gateway.closed(1, &mut served.world.router, now);
    assert!(matches!(served.world.command().unwrap().request, ferrofeed_core::orders::router::Request::Cancel(_)));
}

#[test]
fn the_kill_switch_is_told_to_all_and_cleared_by_somebody() {
    let mut served = Served::shared();
    let (a, _) = (served.login(1, "a"), served.login(2, "b"));
    let heard = served.say(1, &json!({"op": "kill", "cid": "k", "token": a, "reason": "enough"}));
    assert_eq!(heard[0].1["result"], true);
    let told: Vec<(u32, &Value)> = heard[1..].iter().map(|(socket, one)| (*socket, &one["code"])).collect();
    assert!(told.contains(&(1, &json!(7))) && told.contains(&(2, &json!(7))), "{heard:?}");
    assert!(served.say(2, &order("x", "c", 1.0))[0].1["error_message"].as_str().unwrap().contains("Invalid token"));
    assert!(served.say(1, &order(&a, "c", 1.0))[0].1["error_message"].as_str().unwrap().contains("halted"));
    let clear = |who: &str| json!({"op": "clear_kill", "token": a, "who": who});
    assert_eq!(served.say(1, &clear(" "))[0].1["result"], false);
    let heard = served.say(1, &clear("Ann"));
    assert_eq!(heard[0].1["result"], true);
    assert_eq!(heard.iter().filter(|(_, one)| one["code"] == 6).count(), 2, "{heard:?}");
    assert_eq!(served.say(1, &clear("Ann"))[0].1["error_message"], "the kill switch is not on");
}

#[test]
fn an_account_of_ones_own_is_wished_for_once_and_waited_for() {
    let mut served = Served::new(Accounts::Own, None);
    let heard = served.say(1, &login("paper", "a"));
    assert_eq!(words(&heard), ["1 login"]);
    let token = heard[0].1["token"].as_str().unwrap().to_owned();
    let wishes = served.gateway.take_wishes();
    let [Wish { login: number, venue, owner, keys: None }] = &wishes[..] else { panic!("{wishes:?}") };
    assert_eq!((&**venue, owner.starts_with("key-")), ("paper", true));
    assert_eq!(served.say(1, &order(&token, "c", 1.0))[0].1["error_message"], "Platform not ready");
    served.gateway.grant(*number, 0, &mut served.world.router);
    assert_eq!(served.heard().last().unwrap().1["code"], 6);
    assert_eq!(served.say(2, &login("other", "b")).len(), 1);
    let wish = served.gateway.take_wishes().pop().unwrap();
    served.gateway.deny_account(wish.login, "there are too many");
    let heard = served.heard();
    assert_eq!((&heard[0].1["code"], &heard[0].1["msg"]), (&json!(3), &json!("connect failed: there are too many")));
    // the account is there the next time
    served.say(1, &json!({"op": "logout", "token": token}));
    served.login(1, "a");
    assert_eq!(served.gateway.take_wishes(), []);
}

#[test]
fn who_comes_when_a_connection_has_failed_hears_of_it_once() {
    let mut served = Served::shared();
    served.login(1, "a");
    let now = served.world.stamp();
    served.world.router.closed(0, now);
    served.heard();
    let mut failed = |socket: Option<u32>, again: bool| {
        if let Some(socket) = socket {
            served.say(socket, &login("paper", "b"));
        }
        served.gateway.connect_failed(0, "why", again, false);
        let told = |(socket, one): (u32, Value)| (socket, one["code"].as_u64(), one["msg"].as_str().map(str::to_owned));
        served.heard().into_iter().map(told).collect::<Vec<_>>()
    };
    let three = |socket: u32| (socket, Some(3), Some("connect failed: why".to_owned()));
    assert_eq!(failed(None, false), [three(1)]);
    assert_eq!(failed(None, true), []);
    assert_eq!(failed(Some(2), true), [three(2)], "who was there before has heard it");
    assert_eq!(failed(None, true), []);
    assert_eq!(failed(None, false).len(), 2, "the next attempt");
    served.world.connect();
    let codes: Vec<(u32, Value)> =
        served.heard().into_iter().map(|(socket, one)| (socket, one["code"].clone())).collect();
    assert_eq!(codes.len(), 4);
    for socket in [1, 2] {
        let codes: Vec<&Value> = codes.iter().filter(|(to, _)| *to == socket).map(|(_, code)| code).collect();
        assert_eq!(codes, [&json!(2), &json!(6)]);
    }
}

#[test]
fn who_says_too_much_or_nothing_is_stopped() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let ask = json!({"op": "asset", "cid": "q", "token": token});
    let answers: Vec<Value> = (0..80).flat_map(|_| served.say(1, &ask)).map(|(_, one)| one).collect();
    assert_eq!(answers.len(), 80, "every one is answered");
    let limited = answers.iter().filter(|one| one["result"] == false).count();
    assert!((30..=32).contains(&limited), "{limited}");
    assert!(answers.iter().all(|one| one["cid"] == "q"));
    served.world.now += 16 * SECOND;
    let now = served.world.stamp();
    served.gateway.tick(&served.world.router, now);
    let closing = served.gateway.take_closings();
    assert_eq!(closing.iter().map(|closing| (closing.code, closing.reason)).collect::<Vec<_>>(), [(1001, "idle"); 2]);
    assert_eq!(served.say(1, &ask), [], "nothing more is heard from there");
    assert_eq!(served.gateway.tallies.get(Tally::Idle), 2);
}

#[test]
fn answers_that_nobody_waits_for_any_more_are_counted() {
    let mut served = Served::shared();
    let token = served.login(1, "a");
    let number = served.place(1, &token, "c");
    let now = served.world.stamp();
    served.gateway.closed(1, &mut served.world.router, now);
    assert_eq!(served.gateway.tallies.get(Tally::Undeliverable), 1);
    assert_eq!(served.accept(number, "v1"), []);
    assert_eq!(served.gateway.size(), (1, 0));
    assert_eq!(served.world.router.ledger().live_count(), 1, "the order lives on");
}
