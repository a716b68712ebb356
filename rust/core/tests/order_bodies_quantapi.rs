//! Every answer and notification of quantapi's document, as it prints them, and their variants.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and its numbers are small"
)]

use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::venue::quantapi::decode;
use ferrofeed_core::orders::venue::{LONGEST_TOKEN, MOST_ITEMS, explain};
use ferrofeed_core::orders::{
    BalanceReport, ExecutionReport, Gateway, Liquidity, Offset, OrderReport, OrderStatus, OrderType, PositionMore,
    PositionReport, Refusal, RefusalKind, Report, RequestKey, RulesReport, Side, SideMore,
};
use ferrofeed_core::sign::Secret;
use ferrofeed_core::venue::{DecodeErrorKind as Kind, Disposition};

const MILLI: i64 = 1_000_000;

fn d(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

fn reports(text: &str) -> Vec<Report> {
    let mut out = vec![Report::Pong(Some(1))];
    let verdict = decode(text.as_bytes(), &mut out);
    assert_eq!(verdict, Ok(Disposition::Data), "{text}");
    assert_eq!(out.remove(0), Report::Pong(Some(1)));
    out
}

fn report(text: &str) -> Report {
    let mut all = reports(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// The report of a message that belongs to the login of the document's token.
fn told(text: &str) -> Report {
    let mut all = reports(text);
    assert_eq!(all.len(), 2, "{text}");
    assert_eq!(all.remove(0), Report::Token(token()));
    all.remove(0)
}

fn error(text: &str) -> (Kind, &str) {
    let mut out = vec![Report::Pong(Some(1))];
    let error = decode(text.as_bytes(), &mut out).expect_err(text);
    assert_eq!(out, [Report::Pong(Some(1))], "{text}");
    (error.kind, &text[error.at..])
}

fn token() -> Secret {
    Secret::from("xxxxxxxxxxx")
}

fn refusal(kind: RefusalKind, message: &str) -> Refusal {
    Refusal { kind, code: "".into(), message: message.into() }
}

const OURS: RequestKey = RequestKey::Number(7);

#[test]
fn the_documents_login_order_and_cancel() {
    // The document's cid "xxxxx" is none of ours.
    assert_eq!(
        report(r#"{ "op": "login", "cid": "xxxxx", "result": true, "error_message": "", "token": "xxxxxxxxxxx" }"#),
        Report::LoggedIn { request: RequestKey::None, token: token() }
    );
    assert_eq!(
        report(
            r#"{ "op": "place_order", "cid": "xxxxx", "result": true, "error_message": "", "order_no": "xxxxxxxxxx" }"#
        ),
        Report::Accepted { request: RequestKey::None, client_id: "".into(), venue_id: "xxxxxxxxxx".into() }
    );
    assert_eq!(
        report(
            r#"{
            "op": "cancel_order", "cid": "xxxxx", "result": true, "error_message": "",
            "data":
            [
            { "result": true, "error_message": "", "order_no": "2510832677225473" },
            { "result": true, "error_message": "", "order_no": "2510832677225474" }
            ]
            }"#
        ),
        Report::CancelAnswer {
            request: RequestKey::None,
            orders: vec![("2510832677225473".into(), None), ("2510832677225474".into(), None)]
        }
    );
    assert_eq!(
        report(r#"{ "op": "logout", "cid": "xxxxx", "result": true, "error_message": "" }"#),
        Report::LoggedOut { request: RequestKey::None }
    );
}

fn sell(symbol: &str, filled: Option<&str>) -> OrderReport {
    OrderReport {
        venue_id: "2510832677225474".into(),
        client_id: "".into(),
        symbol: symbol.into(),
        side: Some(Side::Sell),
        offset: None,
        order_type: Some(OrderType::Limit),
        status: OrderStatus::Working,
        price: Some(d("2189.6")),
        quantity: Some(d("24.6")),
        filled: filled.map(d),
        average_price: None,
        fee: None,
        created: 1_530_604_762_222 * MILLI,
        updated: 1_530_604_762_311 * MILLI,
    }
}

#[test]
fn the_documents_open_orders() {
    let text = r#"{
        "op": "open_orders", "cid": "xxxxx", "result": true, "error_message": "",
        "data":
        [
        { "order_no": "2510832677225473", "action": "BUY", "price": 2289.6, "quantity": 23, "remain": 11,
          "status": "PARTIAL-FILLED", "order_type": "LIMIT", "ctime": 1530604762277, "utime": 1530604762278 },
        { "order_no": "2510832677225474", "action": "SELL", "price": 2189.6, "quantity": 24.6, "remain": 0,
          "status": "SUBMITTED", "order_type": "LIMIT", "ctime": 1530604762222, "utime": 1530604762311 }
        ]
    }"#;
    let buy = OrderReport {
        venue_id: "2510832677225473".into(),
        side: Some(Side::Buy),
        price: Some(d("2289.6")),
        quantity: Some(d("23")),
        filled: Some(d("12")),
        created: 1_530_604_762_277 * MILLI,
        updated: 1_530_604_762_278 * MILLI,
        ..sell("", None)
    };
    // The second one is said to be working with nothing left: what was filled is not known.
    assert_eq!(report(text), Report::Orders { request: RequestKey::None, orders: vec![buy, sell("", None)] });
}

fn assets() -> Vec<BalanceReport> {
    let row = |currency: &str| BalanceReport {
        account: "".into(),
        currency: currency.into(),
        free: d("1.1"),
        locked: d("2.2"),
        total: d("3.3"),
    };
    vec![row("BTC"), row("ETH"), row("EOS")]
}

const ASSETS: &str = r#"{
    "BTC": { "free": 1.1, "locked": 2.2, "total": 3.3 },
    "ETH": { "free": 1.1, "locked": 2.2, "total": 3.3 },
    "EOS": { "free": 1.1, "locked": 2.2, "total": 3.3 }
}"#;

const POSITION: &str = r#" "margin_mode": "crossed", "long_quantity": 0, "long_avail_qty": 0, "long_open_price": 0,
    "long_hold_price": 0, "long_liquid_price": 0, "long_unrealised_pnl": 0, "long_leverage": 0, "long_margin": 0,
    "short_quantity": 0, "short_avail_qty": 0, "short_open_price": 0, "short_hold_price": 0, "short_liquid_price": 0,
    "short_unrealised_pnl": 0, "short_leverage": 0, "short_margin": 0, "utime": 1530604762311 "#;

fn flat(symbol: &str) -> PositionReport {
    let nothing = Some((d("0"), d("0"), d("0")));
    let more = PositionMore {
        margin_mode: "crossed".into(),
        long: Some(SideMore::default()),
        short: Some(SideMore::default()),
    };
    PositionReport { symbol: symbol.into(), long: nothing, short: nothing, more, updated: 1_530_604_762_311 * MILLI }
}

#[test]
fn the_documents_account_and_rules() {
    assert_eq!(
        report(&format!(
            r#"{{ "op": "asset", "cid": "xxxxx", "result": true, "error_message": "", "data": {ASSETS} }}"#
        )),
        Report::Balances { request: RequestKey::None, balances: assets() }
    );
    assert_eq!(
        report(&format!(
            r#"{{ "op": "position", "cid": "xxxxx", "result": true, "error_message": "", "data": {{ {POSITION} }} }}"#
        )),
        Report::Positions { request: RequestKey::None, positions: vec![flat("")] }
    );
    assert_eq!(
        report(
            r#"{ "op": "symbol_info", "cid": "xxxxx", "result": true, "error_message": "",
            "data": { "price_tick": 0.01, "size_tick": 1, "size_limit": 10, "value_tick": 1, "value_limit": 10,
            "base_currency": "ETH", "quote_currency": "USDT", "settlement_currency": "USDT" } }"#
        ),
        Report::Rules {
            request: RequestKey::None,
            rules: vec![RulesReport {
                symbol: "".into(),
                product: None,
                price_tick: Some(d("0.01")),
                size_tick: Some(d("1")),
                min_size: Some(d("10")),
                min_price: None,
                min_notional: Some(d("10")),
                base: Some("ETH".into()),
                quote: Some("USDT".into()),
                settle: Some("USDT".into()),
            }]
        }
    );
}

#[test]
fn the_documents_notifications() {
    assert_eq!(
        told(
            r#"{ "op": "notify", "topic": "order", "token": "xxxxxxxxxxx", "data": { "symbol": "ETH/USDT",
            "order_no": "2510832677225474", "action": "SELL", "price": 2189.6, "quantity": 24.6, "remain": 0,
            "status": "SUBMITTED", "order_type": "LIMIT", "ctime": 1530604762222, "utime": 1530604762311 } }"#
        ),
        Report::Order(sell("ETH/USDT", None))
    );
    assert_eq!(
        told(
            r#"{ "op": "notify", "topic": "fill", "token": "xxxxxxxxxxx", "data": { "symbol": "ETH/USDT",
            "order_no": "2510832677225474", "fill_no": "9302836", "price": 2189.6, "quantity": 24.6, "side": "SELL",
            "liquidity": "TAKER", "ctime": 1530604762311 } }"#
        ),
        Report::Execution(ExecutionReport {
            venue_id: "2510832677225474".into(),
            execution_id: "9302836".into(),
            symbol: "ETH/USDT".into(),
            side: Some(Side::Sell),
            price: d("2189.6"),
            quantity: d("24.6"),
            liquidity: Liquidity::Taker,
            fee: None,
            time: 1_530_604_762_311 * MILLI,
        })
    );
    assert_eq!(
        told(&format!(
            r#"{{ "op": "notify", "topic": "position", "token": "xxxxxxxxxxx", "data": {{ "symbol": "ETH/USDT", {POSITION} }} }}"#
        )),
        Report::Positions { request: RequestKey::None, positions: vec![flat("ETH/USDT")] }
    );
    assert_eq!(
        told(&format!(r#"{{ "op": "notify", "topic": "asset", "token": "xxxxxxxxxxx", "data": {ASSETS} }}"#)),
        Report::Balances { request: RequestKey::None, balances: assets() }
    );
}

#[test]
fn every_state_of_the_platform() {
    for (code, state) in [
        ("1", Gateway::ParameterMissing),
        ("2", Gateway::Connected),
        ("3", Gateway::ConnectFailed),
        ("4", Gateway::Disconnected),
        ("5", Gateway::Reconnecting),
        ("\"6\"", Gateway::Ready),
        ("7", Gateway::GeneralError),
    ] {
        let text = format!(r#"{{ "op": "state", "token": "xxxxxxxxxxx", "code": {code}, "msg": "xxxxxx" }}"#);
        assert_eq!(told(&text), Report::Gateway { state, message: "xxxxxx".into() });
    }
    assert_eq!(
        told(r#"{"op":"state","code":6,"token":"xxxxxxxxxxx"}"#),
        Report::Gateway { state: Gateway::Ready, message: "".into() }
    );
    assert_eq!(error(r#"{"op":"state","code":8,"token":"x"}"#), (Kind::UnknownShape, r#"8,"token":"x"}"#));
    assert_eq!(error(r#"{"op":"state","code":-1,"token":"x"}"#).0, Kind::UnknownShape);
    assert_eq!(error(r#"{"op":"state","token":"x"}"#).0, Kind::MissingField);
    assert_eq!(error(r#"{"op":"state","code":6}"#).0, Kind::MissingField);
    assert_eq!(error(r#"{"op":"state","code":6,"token":""}"#).0, Kind::MissingField);
}

#[test]
fn refusals_of_every_operation() {
    let text = |op: &str, why: &str| format!(r#"{{"op":"{op}","cid":"7","result":false,"error_message":"{why}"}}"#);
    for (why, kind) in [
        ("Invalid token", RefusalKind::NotLoggedIn),
        ("Do not log in repeat", RefusalKind::LoginRepeated),
        ("invalid token", RefusalKind::Other),
        ("", RefusalKind::Other),
    ] {
        for op in ["login", "cancel_order", "open_orders", "asset", "position", "symbol_info", "logout"] {
            assert_eq!(
                report(&text(op, why)),
                Report::RequestRefused { request: OURS, refusal: refusal(kind, why) },
                "{op}"
            );
        }
        assert_eq!(
            report(&text("place_order", why)),
            Report::Refused { request: OURS, client_id: "".into(), refusal: refusal(kind, why) }
        );
    }
    // As existing servers spell a refused login and an order without a number.
    assert_eq!(
        report(r#"{"op":"login","cid":"7","result":false,"error_message":"Do not log in repeat","token":""}"#),
        Report::RequestRefused { request: OURS, refusal: refusal(RefusalKind::LoginRepeated, "Do not log in repeat") }
    );
    assert_eq!(
        report(r#"{"op":"place_order","cid":"7","result":false,"error_message":null,"order_no":""}"#),
        Report::Refused { request: OURS, client_id: "".into(), refusal: refusal(RefusalKind::Other, "") }
    );
    assert_eq!(
        report(
            r#"{"op":"cancel_order","cid":"7","result":false,"error_message":"some","data":[{"result":false,"error_message":"filled","order_no":"1"},{"result":true,"order_no":2}]}"#
        ),
        Report::CancelAnswer {
            request: OURS,
            orders: vec![("1".into(), Some(refusal(RefusalKind::Other, "filled"))), ("2".into(), None)]
        }
    );
    assert_eq!(report(r#"{"op":"error","error_message":"what?"}"#), Report::Misunderstood { message: "what?".into() });
    assert_eq!(
        told(r#"{"op":"error","error_message":"what?","token":"xxxxxxxxxxx"}"#),
        Report::Misunderstood { message: "what?".into() }
    );
    // An answer that names its login although the document does not say so.
    assert_eq!(
        told(r#"{"op":"logout","cid":"7","result":true,"token":"xxxxxxxxxxx"}"#),
        Report::LoggedOut { request: OURS }
    );
}

#[test]
fn the_cid_names_the_request_only_if_it_is_one_of_ours() {
    for (cid, request) in [
        (r#""7""#, OURS),
        ("7", OURS),
        (r#""18446744073709551615""#, RequestKey::Number(u64::MAX)),
        (r#""0""#, RequestKey::Number(0)),
        (r#""\u0037""#, OURS),
        (r#""""#, RequestKey::None),
        ("null", RequestKey::None),
        (r#""07""#, RequestKey::None),
        (r#""+7""#, RequestKey::None),
        (r#""-7""#, RequestKey::None),
        (r#"" 7""#, RequestKey::None),
        ("7.0", RequestKey::None),
        ("7e0", RequestKey::None),
        (r#""18446744073709551616""#, RequestKey::None),
        ("{}", RequestKey::None),
    ] {
        assert_eq!(
            report(&format!(r#"{{"op":"logout","cid":{cid},"result":true}}"#)),
            Report::LoggedOut { request },
            "{cid}"
        );
    }
    assert_eq!(report(r#"{"result":true,"op":"logout"}"#), Report::LoggedOut { request: RequestKey::None });
}

#[test]
fn the_sign_says_which_position_and_the_remainder_must_fit_the_status() {
    let order = |action: &str, quantity: &str, remain: &str, status: &str| {
        let text = format!(
            r#"{{"op":"notify","topic":"order","token":"xxxxxxxxxxx","data":{{"order_no":"1","action":"{action}","quantity":{quantity},"remain":{remain},"status":"{status}"}}}}"#
        );
        match told(&text) {
            Report::Order(order) => order,
            other => panic!("{other:?}"),
        }
    };
    for (action, quantity, offset) in [
        ("BUY", "2", None),
        ("SELL", "2", None),
        ("BUY", "-2", Some(Offset::Close)),
        ("SELL", "-2", Some(Offset::Open)),
        ("BUY", "0", None),
    ] {
        assert_eq!(order(action, quantity, "0", "NONE").offset, offset, "{action} {quantity}");
    }
    for (status, quantity, remain, expected, filled) in [
        ("NONE", "2", "2", OrderStatus::Pending, Some("0")),
        ("NONE", "2", "0", OrderStatus::Pending, None),
        ("SUBMITTED", "2", "2.0", OrderStatus::Working, Some("0")),
        ("SUBMITTED", "-2", "-2", OrderStatus::Working, Some("0")),
        ("SUBMITTED", "2", "1.5", OrderStatus::Working, None),
        ("PARTIAL-FILLED", "2", "1.5", OrderStatus::Working, Some("0.5")),
        ("PARTIAL-FILLED", "-2", "1.5", OrderStatus::Working, Some("0.5")),
        ("PARTIAL-FILLED", "2", "0", OrderStatus::Working, None),
        ("PARTIAL-FILLED", "2", "2", OrderStatus::Working, None),
        ("FILLED", "2", "0", OrderStatus::Filled, Some("2")),
        ("FILLED", "2", "1", OrderStatus::Filled, None),
        ("CANCELED", "2", "2", OrderStatus::Cancelled, Some("0")),
        ("CANCELED", "2", "0.25", OrderStatus::Cancelled, Some("1.75")),
        ("CANCELED", "2", "0", OrderStatus::Cancelled, None),
        ("FAILED", "2", "2", OrderStatus::Rejected, Some("0")),
        ("FAILED", "2", "0", OrderStatus::Rejected, None),
        ("SUBMITTED", "2", "null", OrderStatus::Working, None),
    ] {
        let found = order("BUY", quantity, remain, status);
        assert_eq!(found.status, expected);
        assert_eq!(found.filled, filled.map(d), "{status} {quantity} {remain}");
        assert_eq!(found.quantity, Some(d("2")));
    }
    let text = |remain: &str, status: &str| {
        format!(
            r#"{{"op":"notify","topic":"order","token":"t","data":{{"order_no":"1","quantity":2,"remain":{remain},"status":"{status}"}}}}"#
        )
    };
    assert_eq!(error(&text("3", "SUBMITTED")), (Kind::OutOfRange, r#"3,"status":"SUBMITTED"}}"#));
    assert_eq!(error(&text("0.0000000000000000019", "FILLED")).0, Kind::OutOfScale);
    let fine = text("0.000000000000000001", "CANCELED").replace("\"quantity\":2", "\"quantity\":20");
    assert_eq!(error(&fine), (Kind::OutOfScale, r#"0.000000000000000001,"status":"CANCELED"}}"#));
    let unknown = text("1", "EXPIRED");
    let found = decode(unknown.as_bytes(), &mut Vec::new()).unwrap_err();
    assert_eq!(found.kind, Kind::UnknownShape);
    assert_eq!(explain(unknown.as_bytes(), found), format!("unknown_shape at byte {}: EXPIRED", found.at));
}

#[test]
fn positions_of_one_side_and_of_either_sign() {
    let text = |data: &str| format!(r#"{{"op":"position","cid":"7","result":true,"data":{{{data}}}}}"#);
    let held = |text: &str| match report(text) {
        Report::Positions { request: OURS, positions } => (positions[0].long, positions[0].short),
        other => panic!("{other:?}"),
    };
    let long = r#""long_quantity":"3","long_avail_qty":2,"long_open_price":1.5"#;
    let short = r#""short_quantity":-3,"short_avail_qty":-2,"short_open_price":"1.5""#;
    let three = Some((d("3"), d("2"), d("1.5")));
    assert_eq!(held(&text(&format!("{long},{short}"))), (three, three));
    assert_eq!(held(&text(long)), (three, None));
    assert_eq!(held(&text(short)), (None, three));
    assert_eq!(error(&text("")).0, Kind::MissingField);
    assert_eq!(error(&text(r#""long_quantity":3"#)).0, Kind::MissingField);
    assert_eq!(error(&text(r#""long_quantity":-3,"long_avail_qty":0,"long_open_price":0"#)).0, Kind::OutOfRange);
}

#[test]
fn heartbeats() {
    for (text, echo) in [
        (r#"{ "op": "pong", "ts": 1530604762311 }"#, Some(1_530_604_762_311)),
        (r#"{"op":"pong"}"#, None),
        (r#"{"ts":"-1","op":"pong","token":"t"}"#, Some(-1)),
    ] {
        let mut out = Vec::new();
        assert_eq!(decode(text.as_bytes(), &mut out), Ok(Disposition::Control));
        assert_eq!(out, [Report::Pong(echo)]);
    }
    assert_eq!(error(r#"{"op":"pong","ts":1.5}"#).0, Kind::BadNumber);
}

#[test]
fn no_token_is_ever_shown() {
    let all = [
        reports(r#"{"op":"login","cid":"7","result":true,"token":"s3cr\u0065t"}"#),
        reports(r#"{"op":"state","token":"s3cret","code":6}"#),
    ];
    assert_eq!(all[0], [Report::LoggedIn { request: OURS, token: Secret::from("s3cret") }]);
    assert_eq!(all[1][0], Report::Token(Secret::from("s3cret")));
    assert!(!format!("{all:?}").contains("s3cr"));
    for text in [
        r#"{"op":"login","cid":"7","result":true,"token":{"x":"s3cret"}}"#,
        r#"{"op":"logout","cid":"7","token":"s3cret","result":"s3cret"}"#,
        r#"{"token":"s3cret","op":"what"}"#,
        r#"{"token":"s3cret","#,
        r#"["s3cret"]"#,
    ] {
        let found = decode(text.as_bytes(), &mut Vec::new()).unwrap_err();
        let shown = format!("{found:?} {}", explain(text.as_bytes(), found));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn what_is_not_the_documents_is_an_error() {
    for (text, kind) in [
        ("", Kind::Json),
        ("pong", Kind::Json),
        ("[]", Kind::WrongType),
        ("{}", Kind::MissingField),
        (r#"{"op":7}"#, Kind::WrongType),
        (r#"{"op":"ping","ts":1}"#, Kind::UnknownShape),
        (r#"{"op":"LOGIN","result":true,"token":"t"}"#, Kind::UnknownShape),
        (r#"{"op":"login","result":true}"#, Kind::MissingField),
        (r#"{"op":"login","result":true,"token":""}"#, Kind::MissingField),
        (r#"{"op":"login","result":"true","token":"t"}"#, Kind::WrongType),
        (r#"{"op":"login","token":"t"}"#, Kind::MissingField),
        (r#"{"op":"place_order","result":true}"#, Kind::MissingField),
        (r#"{"op":"place_order","result":true,"order_no":""}"#, Kind::MissingField),
        (r#"{"op":"cancel_order","result":true}"#, Kind::MissingField),
        (r#"{"op":"cancel_order","data":[]}"#, Kind::MissingField),
        (r#"{"op":"cancel_order","result":true,"data":[{"order_no":"1"}]}"#, Kind::MissingField),
        // A list that is missing is not an empty one.
        (r#"{"op":"open_orders","result":true}"#, Kind::MissingField),
        (r#"{"op":"open_orders","result":true,"data":null}"#, Kind::MissingField),
        (r#"{"op":"open_orders","result":true,"data":{}}"#, Kind::WrongType),
        (r#"{"op":"asset","result":true,"data":[]}"#, Kind::WrongType),
        (r#"{"op":"asset","result":true,"data":{"BTC":{"free":1,"locked":2}}}"#, Kind::MissingField),
        (r#"{"op":"asset","result":true,"data":{"":{"free":1,"locked":2,"total":3}}}"#, Kind::MissingField),
        (r#"{"op":"symbol_info","result":true,"data":{"price_tick":-1}}"#, Kind::OutOfRange),
        (r#"{"op":"symbol_info","result":true,"data":null}"#, Kind::MissingField),
        (r#"{"op":"notify","topic":"trade","token":"t","data":{}}"#, Kind::UnknownShape),
        (r#"{"op":"notify","token":"t","data":{}}"#, Kind::MissingField),
        (r#"{"op":"notify","topic":"asset","data":{}}"#, Kind::MissingField),
        (r#"{"op":"notify","topic":"order","token":"t"}"#, Kind::MissingField),
        (r#"{"op":"notify","topic":"order","token":"t","data":{"order_no":"1"}}"#, Kind::MissingField),
        (r#"{"op":"notify","topic":"order","token":"t","data":{"status":"NONE"}}"#, Kind::MissingField),
        (
            r#"{"op":"notify","topic":"order","token":"t","data":{"order_no":"1","status":"NONE","action":"buy"}}"#,
            Kind::UnknownShape,
        ),
        (
            r#"{"op":"notify","topic":"order","token":"t","data":{"order_no":"1","status":"NONE","price":-1}}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"op":"notify","topic":"order","token":"t","data":{"order_no":"1","status":"NONE","ctime":-1}}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"op":"notify","topic":"order","token":"t","data":{"order_no":"1","status":"NONE","ctime":9223372036855}}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"op":"notify","topic":"fill","token":"t","data":{"symbol":"A","order_no":"1","price":1,"quantity":1}}"#,
            Kind::MissingField,
        ),
        (
            r#"{"op":"notify","topic":"fill","token":"t","data":{"symbol":"A","order_no":"1","fill_no":"1","price":1,"quantity":0}}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"op":"notify","topic":"fill","token":"t","data":{"symbol":"A","order_no":"1","fill_no":"1","price":0,"quantity":1}}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"op":"notify","topic":"fill","token":"t","data":{"symbol":"A","order_no":"1","fill_no":"1","price":1,"quantity":1,"liquidity":"X"}}"#,
            Kind::UnknownShape,
        ),
    ] {
        assert_eq!(error(text).0, kind, "{text}");
    }
}

#[test]
fn lists_and_words_are_bounded() {
    let rows = |count: usize| {
        let row = r#"{"result":true,"order_no":"1"}"#;
        format!(r#"{{"op":"cancel_order","cid":"7","result":true,"data":[{}]}}"#, vec![row; count].join(","))
    };
    let Report::CancelAnswer { orders, .. } = report(&rows(MOST_ITEMS)) else { panic!("no answer") };
    assert_eq!(orders.len(), MOST_ITEMS);
    assert_eq!(error(&rows(MOST_ITEMS + 1)).0, Kind::TooLong);
    let currencies = |count: usize| {
        let rows: Vec<String> = (0..count).map(|n| format!(r#""C{n}":{{"free":1,"locked":2,"total":3}}"#)).collect();
        format!(r#"{{"op":"asset","cid":"7","result":true,"data":{{{}}}}}"#, rows.join(","))
    };
    report(&currencies(MOST_ITEMS));
    assert_eq!(error(&currencies(MOST_ITEMS + 1)).0, Kind::TooLong);
    let login = |length| format!(r#"{{"op":"login","cid":"7","result":true,"token":"{}"}}"#, "t".repeat(length));
    report(&login(LONGEST_TOKEN));
    assert_eq!(error(&login(LONGEST_TOKEN + 1)).0, Kind::TooLong);
}
