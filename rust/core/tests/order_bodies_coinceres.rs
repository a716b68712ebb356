//! Every answer and push of `CoinCeres`, and their variants. The seed prints the answer to 11; the others are made from the document's
//! lists of fields.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and its numbers are small"
)]

use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::venue::coinceres::decode;
use ferrofeed_core::orders::venue::{MOST_ITEMS, explain};
use ferrofeed_core::orders::{
    BalanceReport, ExecutionReport, Liquidity, Offset, OrderReport, OrderStatus, OrderType, PositionMore,
    PositionReport, Product, Refusal, RefusalKind, Report, RequestKey, RulesReport, Side, SideMore,
};
use ferrofeed_core::venue::{DecodeErrorKind as Kind, Disposition, IgnoreReason};

const UTC8: i32 = 8 * 3_600;
const SECOND: i64 = 1_000_000_000;

fn d(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

/// The reports of a good message, which come behind what was there.
fn reports(text: &str) -> Vec<Report> {
    let mut out = vec![Report::Pong(Some(1))];
    let verdict = decode(text.as_bytes(), UTC8, &mut out);
    assert_eq!(verdict, Ok(Disposition::Data), "{text}");
    assert_eq!(out.remove(0), Report::Pong(Some(1)));
    out
}

fn report(text: &str) -> Report {
    let mut all = reports(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

/// The error of a bad message and the rest of the text where it lies; nothing may be appended.
fn error(text: &str) -> (Kind, &str) {
    let mut out = vec![Report::Pong(Some(1))];
    let error = decode(text.as_bytes(), UTC8, &mut out).expect_err(text);
    assert_eq!(out, [Report::Pong(Some(1))], "{text}");
    (error.kind, &text[error.at..])
}

fn refusal(code: &str, message: &str) -> Refusal {
    Refusal { kind: RefusalKind::Other, code: code.into(), message: message.into() }
}

#[test]
fn the_documents_answer_to_an_order() {
    // Its keys have no quotes in the document, which is no JSON: they are put in, and nothing else.
    let text = r#"{
      "biz_type": 11,
      "code": "200",
      "data":
        {
          "client_oid": "12345",
          "system_oid": "126014167605456896"
        },
      "message": "SUCESS"
    }"#;
    let accepted = Report::Accepted {
        request: RequestKey::Kind(11),
        client_id: "12345".into(),
        venue_id: "126014167605456896".into(),
    };
    assert_eq!(report(text), accepted);
    for variant in [
        r#"{"data":{"system_oid":126014167605456896,"client_oid":12345},"code":200,"biz_type":"11"}"#,
        r#"{"code":"200","message":null,"biz_type":11,"data":{"x":[{}],"client_oid":"12345","system_oid":"126014167605456896"}}"#,
        r#"{"biz_type":12,"code":"500","data":null,"data":{"client_oid":"1234\u0035","system_oid":"126014167605456896"},"code":"200","biz_type":11}"#,
    ] {
        assert_eq!(report(variant), accepted, "{variant}");
    }
    for without in ["", r#""client_oid":null,"#, r#""client_oid":"null","#, r#""client_oid":"","#] {
        let text = format!(r#"{{"biz_type":11,"code":"200","data":{{{without}"system_oid":"1"}}}}"#);
        let accepted = Report::Accepted { request: RequestKey::Kind(11), client_id: "".into(), venue_id: "1".into() };
        assert_eq!(report(&text), accepted);
    }
}

#[test]
fn an_order_that_was_refused() {
    let refused = |client_id: &str, code: &str, message: &str| Report::Refused {
        request: RequestKey::Kind(11),
        client_id: client_id.into(),
        refusal: refusal(code, message),
    };
    assert_eq!(
        report(r#"{"biz_type":11,"code":"50012","message":"no money","data":{"client_oid":"7"}}"#),
        refused("7", "50012", "no money")
    );
    for data in ["", r#","data":null"#, r#","data":"null""#, r#","data":"""#, r#","data":[]"#, r#","data":{}"#] {
        assert_eq!(report(&format!(r#"{{"biz_type":11,"code":-1{data}}}"#)), refused("", "-1", ""), "{data}");
    }
}

#[test]
fn a_long_refusal_is_cut_where_a_character_ends() {
    for (text, kept) in [("é".repeat(200), 256), (format!("a{}", "é".repeat(200)), 255), ("x".repeat(256), 256)] {
        let answer = format!(r#"{{"biz_type":14,"code":"1","message":"{text}"}}"#);
        let Report::RequestRefused { refusal, .. } = report(&answer) else { panic!("no refusal") };
        assert_eq!(&*refusal.message, &text[..kept]);
    }
    let escaped = format!(r#"{{"biz_type":14,"code":"1","message":"{}"}}"#, r"\u20ac".repeat(100));
    let Report::RequestRefused { refusal, .. } = report(&escaped) else { panic!("no refusal") };
    assert_eq!(&*refusal.message, "€".repeat(85));
}

#[test]
fn a_cancel_is_answered_order_by_order() {
    let answer = |orders: &[(&str, Option<Refusal>)]| Report::CancelAnswer {
        request: RequestKey::Kind(12),
        orders: orders.iter().map(|(id, refusal)| ((*id).into(), refusal.clone())).collect(),
    };
    let none = refusal("", "");
    assert_eq!(
        report(
            r#"{"biz_type":12,"code":"200","message":"SUCESS","data":{"SUCCESS":[{"system_oid":"1"},{"system_oid":2}],"ERROR":[{"system_oid":"3"}]}}"#
        ),
        answer(&[("1", None), ("2", None), ("3", Some(none.clone()))])
    );
    assert_eq!(
        report(r#"{"biz_type":12,"code":"200","data":{"ERROR":[{"system_oid":"3"}],"SUCCESS":null}}"#),
        answer(&[("3", Some(none))])
    );
    assert_eq!(report(r#"{"biz_type":12,"code":"200","data":{"SUCCESS":[]}}"#), answer(&[]));
    assert_eq!(
        report(
            r#"{"biz_type":12,"code":"7","message":"m","data":{"SUCCESS":[{"system_oid":"1"}],"ERROR":[{"system_oid":"3"}]}}"#
        ),
        answer(&[("1", None), ("3", Some(refusal("7", "m")))])
    );
    for data in ["", r#","data":null"#, r#","data":{}"#, r#","data":[]"#] {
        assert_eq!(
            report(&format!(r#"{{"biz_type":12,"code":"7","message":"m"{data}}}"#)),
            Report::RequestRefused { request: RequestKey::Kind(12), refusal: refusal("7", "m") }
        );
    }
    // Not knowing which orders were meant is not knowing.
    assert_eq!(error(r#"{"biz_type":12,"code":"200"}"#).0, Kind::MissingField);
    assert_eq!(error(r#"{"biz_type":12,"code":"200","data":{}}"#).0, Kind::MissingField);
    assert_eq!(error(r#"{"biz_type":12,"code":"200","data":[{"system_oid":"1"}]}"#).0, Kind::WrongType);
    assert_eq!(error(r#"{"biz_type":12,"code":"200","data":{"SUCCESS":["1"]}}"#), (Kind::WrongType, r#"1"]}}"#));
    assert_eq!(error(r#"{"biz_type":12,"code":"200","data":{"SUCCESS":[{}]}}"#), (Kind::MissingField, "{}]}}"));
}

#[test]
fn contracts() {
    let row = |symbol: &str, product| RulesReport {
        symbol: symbol.into(),
        product,
        price_tick: Some(d("0.01")),
        size_tick: Some(d("0.0001")),
        min_size: Some(d("0.001")),
        min_price: Some(d("1")),
        min_notional: None,
        base: None,
        quote: None,
        settle: None,
    };
    let kinds = [
        (1, Some(Product::Contract)),
        (2, None),
        (3, Some(Product::Contract)),
        (4, Some(Product::Spot)),
        (5, None),
        (6, None),
    ];
    let rows: Vec<String> = kinds
        .iter()
        .map(|(kind, _)| {
            format!(
                r#"{{"contract":"C{kind}","exchange":"OKEX","kind":{kind},"tick_size":"0.0100","volume_increment":1e-4,"min_price":"1","min_volume":"0.001"}}"#
            )
        })
        .collect();
    assert_eq!(
        report(&format!(r#"{{"biz_type":13,"code":"200","message":"SUCESS","data":[{}]}}"#, rows.join(","))),
        Report::Rules {
            request: RequestKey::Kind(13),
            rules: kinds.iter().map(|(kind, product)| row(&format!("C{kind}"), *product)).collect()
        }
    );
    let Report::Rules { rules, .. } = report(
        r#"{"biz_type":13,"code":"200","data":[{"contract":"A","tick_size":0,"volume_increment":"null","min_price":0}]}"#,
    ) else {
        panic!("no rules")
    };
    let nothing = RulesReport { price_tick: None, size_tick: None, min_size: None, ..row("A", None) };
    assert_eq!(rules, [RulesReport { min_price: Some(d("0")), ..nothing }]);
}

#[test]
fn balances_by_account_and_free_never_too_large() {
    let row = |account: &str, currency: &str, free, locked, total| BalanceReport {
        account: account.into(),
        currency: currency.into(),
        free: d(free),
        locked: d(locked),
        total: d(total),
    };
    assert_eq!(
        report(
            r#"{"biz_type":14,"code":"200","message":"SUCESS","data":[
            {"account_type":1,"balance":"10","currency":"BTC","exchange":"x","frozen":"0.5","market_value":"1"},
            {"account_type":"2","balance":10,"currency":"BTC","frozen":null},
            {"account_type":3,"balance":"10","currency":"BTC","exchange":"OKEX","frozen":"10"},
            {"account_type":3,"balance":"10","currency":"BTC","exchange":"","frozen":"10.5"},
            {"account_type":4,"balance":"-1.5","currency":"USDT","exchange":"BITMEX","frozen":"1"}]}"#
        ),
        Report::Balances {
            request: RequestKey::Kind(14),
            balances: vec![
                row("collect", "BTC", "9.5", "0.5", "10"),
                row("settle", "BTC", "10", "0", "10"),
                row("spot:OKEX", "BTC", "0", "10", "10"),
                row("spot", "BTC", "0", "10.5", "10"),
                row("contract:BITMEX", "USDT", "0", "1", "-1.5"),
            ]
        }
    );
    assert_eq!(
        error(r#"{"biz_type":14,"code":"200","data":[{"account_type":5,"balance":1,"currency":"A"}]}"#),
        (Kind::UnknownShape, r#"5,"balance":1,"currency":"A"}]}"#)
    );
    assert_eq!(
        error(r#"{"biz_type":14,"code":"200","data":[{"account_type":1,"balance":1,"currency":"A","frozen":-1}]}"#),
        (Kind::OutOfRange, "-1}]}")
    );
}

fn order(status: OrderStatus) -> OrderReport {
    OrderReport {
        venue_id: "126014167605456896".into(),
        client_id: "12345".into(),
        symbol: "ADA_BTC".into(),
        side: Some(Side::Buy),
        offset: None,
        order_type: None,
        status,
        price: Some(d("0.000011")),
        quantity: Some(d("10")),
        filled: Some(d("4")),
        average_price: Some(d("0.0000105")),
        fee: Some(d("-0.01")),
        // 2018-07-03 15:59:22 at UTC+8
        created: 1_530_604_762 * SECOND,
        updated: 0,
    }
}

#[test]
fn orders_with_every_status() {
    let table = [
        (1, OrderStatus::Pending),
        (2, OrderStatus::Pending),
        (3, OrderStatus::Working),
        (4, OrderStatus::Working),
        (5, OrderStatus::Filled),
        (6, OrderStatus::Rejected),
        (11, OrderStatus::Cancelled),
        (12, OrderStatus::Cancelling),
        (13, OrderStatus::Cancelling),
        (14, OrderStatus::Cancelled),
        (15, OrderStatus::Cancelled),
    ];
    let row = |status: &str| {
        format!(
            r#"{{"system_oid":"126014167605456896","client_oid":"12345","contract":"ADA_BTC","entrust_bs":"buy","entrust_price":"0.000011","entrust_amount":"10","average_dealt_price":"0.0000105","dealt_amount":"4","commission":"-0.01","lever":"10","profit_value":"0.1","stop_value":null,"status":{status},"entrust_time":"2018-07-03 15:59:22"}}"#
        )
    };
    let rows: Vec<String> = table.iter().map(|(status, _)| row(&format!("\"{status}\""))).collect();
    assert_eq!(
        report(&format!(r#"{{"biz_type":15,"code":"200","message":"SUCESS","data":[{}]}}"#, rows.join(","))),
        Report::Orders {
            request: RequestKey::Kind(15),
            orders: table.iter().map(|(_, status)| order(*status)).collect()
        }
    );
    for status in ["0", "7", "8", "9", "10", "16", "-1", "\"99\""] {
        let text = format!(r#"{{"biz_type":15,"code":"200","data":[{},{}]}}"#, row("3"), row(status));
        let (kind, rest) = error(&text);
        assert_eq!(kind, Kind::UnknownShape);
        assert!(rest.starts_with(status.trim_matches('"')), "{rest}");
        let found = decode(text.as_bytes(), 0, &mut Vec::new()).unwrap_err();
        assert!(explain(text.as_bytes(), found).ends_with(&format!(": {}", status.trim_matches('"'))));
    }
    // The bare minimum.
    assert_eq!(
        report(r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":5,"dealt_amount":"null"}]}"#),
        Report::Orders {
            request: RequestKey::Kind(15),
            orders: vec![OrderReport {
                venue_id: "1".into(),
                client_id: "".into(),
                symbol: "".into(),
                side: None,
                price: None,
                quantity: None,
                filled: None,
                average_price: None,
                fee: None,
                created: 0,
                ..order(OrderStatus::Filled)
            }]
        }
    );
    // No list is not an empty list: orders would be declared gone.
    for data in ["", r#","data":null"#, r#","data":"null""#] {
        assert_eq!(error(&format!(r#"{{"biz_type":15,"code":"200"{data}}}"#)).0, Kind::MissingField);
    }
    assert_eq!(
        report(r#"{"biz_type":15,"code":"200","data":[]}"#),
        Report::Orders { request: RequestKey::Kind(15), orders: vec![] }
    );
}

#[test]
fn positions_and_trades() {
    let told = SideMore { hold_price: d("100.5"), ..SideMore::default() };
    let held = |symbol: &str, long: Option<_>, short: Option<_>| PositionReport {
        symbol: symbol.into(),
        long,
        short,
        more: PositionMore { margin_mode: "".into(), long: long.map(|_| told), short: short.map(|_| told) },
        updated: 0,
    };
    let mut first = held("A", Some((d("3"), d("3"), d("100.5"))), None);
    first.more.long =
        Some(SideMore { liquidation_price: d("1"), unrealised: d("-1"), leverage: d("10"), margin: d("1"), ..told });
    let three = Some((d("3"), d("3"), d("100.5")));
    assert_eq!(
        report(
            r#"{"biz_type":16,"code":"200","message":"SUCESS","data":[
            {"exchange":"OKEX","contract":"A","dealId":"1","position_dir":"buy","vol":"3","lever":"10","margin":"1","open_price":"100.5","position_value":"1","force_price":"1","close_profit":"0","position_profit":"-1"},
            {"contract":"A","position_dir":"sell","vol":"-3","open_price":100.5},
            {"contract":"B","position_dir":"LONG","vol":3,"open_price":"100.50"},
            {"contract":"C","position_dir":"short","vol":"3","open_price":"100.5"}]}"#
        ),
        Report::Positions {
            request: RequestKey::Kind(16),
            positions: vec![first, held("A", None, three), held("B", three, None), held("C", None, three)]
        }
    );
    assert_eq!(
        error(r#"{"biz_type":16,"code":"200","data":[{"contract":"A","position_dir":"1","vol":1,"open_price":1}]}"#).0,
        Kind::UnknownShape
    );
    let fill = |id: &str, fee: Option<(&str, &str)>| ExecutionReport {
        venue_id: "126014167605456896".into(),
        execution_id: id.into(),
        symbol: "ADA_BTC".into(),
        side: Some(Side::Sell),
        price: d("0.000011"),
        quantity: d("4"),
        liquidity: Liquidity::Unknown,
        fee: fee.map(|(fee, currency)| (d(fee), currency.into())),
        time: 1_530_604_762 * SECOND,
    };
    let row = |id: &str, fee: &str| {
        format!(
            r#"{{"system_tid":{id},"system_oid":"126014167605456896","contract":"ADA_BTC","entrust_bs":"sell","dealt_amount":"4","dealt_price":"0.000011","dealt_time":"2018-07-03 15:59:22"{fee}}}"#
        )
    };
    let rows = [
        row("\"1\"", r#","commission":"0.1","commission_currency":"BTC""#),
        row("2", r#","commission":"0.1""#),
        row("3", r#","commission":null,"commission_currency":"BTC""#),
        row("\"4\"", ""),
    ];
    assert_eq!(
        report(&format!(r#"{{"biz_type":17,"code":"200","message":"SUCESS","data":[{}]}}"#, rows.join(","))),
        Report::Executions {
            request: RequestKey::Kind(17),
            executions: vec![fill("1", Some(("0.1", "BTC"))), fill("2", None), fill("3", None), fill("4", None)]
        }
    );
    for (amount, price) in [("0", "1"), ("1", "0"), ("-1", "1"), ("1", "-1")] {
        let text = format!(
            r#"{{"biz_type":17,"code":"200","data":[{{"system_tid":"1","system_oid":"1","dealt_amount":{amount},"dealt_price":{price}}}]}}"#
        );
        assert_eq!(error(&text).0, Kind::OutOfRange);
    }
}

#[test]
fn questions_that_were_refused() {
    for kind in 13..=17 {
        assert_eq!(
            report(&format!(r#"{{"biz_type":{kind},"code":"401","message":"no","data":[]}}"#)),
            Report::RequestRefused { request: RequestKey::Kind(kind), refusal: refusal("401", "no") }
        );
    }
    assert_eq!(report(r#"{"code":"401","message":"no"}"#), Report::Misunderstood { message: "no".into() });
}

#[test]
fn pushes_of_orders() {
    let push = |direction: &str, status: &str| {
        format!(
            r#""messageType":"1","product":"p","exchange":"OKEX","contract":"ADA_BTC","entrustId":"126014167605456896","avgDealPrice":"0.0000105","entrustTime":"2018-07-03 15:59:22","entrustStatus":"{status}","entrustDir":"{direction}","entrustType":"LIMIT","lever":"10","entrustPrice":"0.000011","entrustVol":"10","dealVol":"1","totalDealVol":"4""#
        )
    };
    let expected = |side, offset, status| {
        Report::Order(OrderReport {
            client_id: "".into(),
            side: Some(side),
            offset: Some(offset),
            order_type: Some(OrderType::Limit),
            fee: None,
            ..order(status)
        })
    };
    for (direction, side, offset) in [
        ("BUY", Side::Buy, Offset::Net),
        ("SELL", Side::Sell, Offset::Net),
        ("OPEN_BUY", Side::Buy, Offset::Open),
        ("OPEN_SELL", Side::Sell, Offset::Open),
        ("CLOSE_BUY", Side::Buy, Offset::Close),
        ("CLOSE_SELL", Side::Sell, Offset::Close),
    ] {
        let text = push(direction, "PART_FILLED");
        assert_eq!(report(&format!("{{{text}}}")), expected(side, offset, OrderStatus::Working));
        assert_eq!(
            report(&format!(r#"{{"messageType":1,"data":{{{text}}}}}"#)),
            expected(side, offset, OrderStatus::Working)
        );
    }
    for (word, status) in [
        ("NO_REPORT", OrderStatus::Pending),
        ("SUBMITTING", OrderStatus::Pending),
        ("SUBMITTED", OrderStatus::Working),
        ("PART_FILLED", OrderStatus::Working),
        ("FILLED", OrderStatus::Filled),
        ("FAILURE", OrderStatus::Rejected),
        ("CANCEL", OrderStatus::Cancelled),
        ("CANCELING", OrderStatus::Cancelling),
        ("PENDING", OrderStatus::Cancelling),
        ("PART_CANCELED", OrderStatus::Cancelled),
        ("CANCELED", OrderStatus::Cancelled),
    ] {
        assert_eq!(report(&format!("{{{}}}", push("BUY", word))), expected(Side::Buy, Offset::Net, status), "{word}");
    }
    let text = format!("{{{}}}", push("BUY", "WAITING"));
    let found = decode(text.as_bytes(), UTC8, &mut Vec::new()).unwrap_err();
    assert_eq!(found.kind, Kind::UnknownShape);
    assert!(explain(text.as_bytes(), found).ends_with(": WAITING"));
    assert_eq!(error(&format!("{{{}}}", push("UP", "FILLED"))).0, Kind::UnknownShape);
    // An unknown type is no reason to lose the change, a missing status is.
    let odd = push("BUY", "FILLED").replace("\"LIMIT\"", "\"STOP\"");
    let Report::Order(found) = report(&format!("{{{odd}}}")) else { panic!("no order") };
    assert_eq!(found.order_type, None);
    assert_eq!(error(r#"{"messageType":"1","entrustId":"1"}"#).0, Kind::MissingField);
}

#[test]
fn margin_changes_are_ignored_and_other_pushes_are_not() {
    let mut out = Vec::new();
    let text = r#"{"messageType":"2","entrustId":"1","forcedPrice":"1","totalMargin":"2","profit":"null","stop":"3","dealId":"4","type":"1"}"#;
    assert_eq!(decode(text.as_bytes(), 0, &mut out), Ok(Disposition::Ignored(IgnoreReason::Empty)));
    assert_eq!(out, []);
    assert_eq!(error(r#"{"messageType":"3","entrustId":"1"}"#), (Kind::UnknownShape, r#"3","entrustId":"1"}"#));
}

#[test]
fn any_short_text_is_a_heartbeats_answer() {
    for text in ["pong", "ping", " ok\n", "1", "\"pong\"", "null", "心跳", &"x".repeat(256)] {
        let mut out = Vec::new();
        assert_eq!(decode(text.as_bytes(), 0, &mut out), Ok(Disposition::Control), "{text}");
        assert_eq!(out, [Report::Pong(None)]);
    }
    assert_eq!(error(&"x".repeat(257)).0, Kind::TooLong);
    for broken in ["", " ", "{", "x{\"biz_type\":11}", "\u{feff}{\"biz_type\":11}", "{\"biz_type\":11}{"] {
        assert_eq!(error(broken).0, Kind::Json, "{broken}");
    }
    let mut out = Vec::new();
    assert_eq!(decode(b"\xff", 0, &mut out).unwrap_err().kind, Kind::Utf8);
    assert_eq!(out, []);
}

#[test]
fn local_times_have_the_configured_offset() {
    let text = |time: &str| {
        format!(
            r#"{{"biz_type":17,"code":"200","data":[{{"system_tid":"1","system_oid":"1","dealt_amount":1,"dealt_price":1,"dealt_time":"{time}"}}]}}"#
        )
    };
    let time = |time: &str, offset| {
        let mut out = Vec::new();
        decode(text(time).as_bytes(), offset, &mut out).map(|_| match out.remove(0) {
            Report::Executions { executions, .. } => executions[0].time,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(time("2024-02-29 08:00:00", UTC8), Ok(1_709_164_800 * SECOND));
    assert_eq!(time("2024-02-29 08:00:00", 0), Ok((1_709_164_800 + 28_800) * SECOND));
    assert_eq!(time("2024-02-29 08:00:00", -5 * 3_600), Ok((1_709_164_800 + 28_800 + 18_000) * SECOND));
    for (bad, kind) in [
        ("2023-02-29 08:00:00", Kind::OutOfRange),
        ("2024-02-30 08:00:00", Kind::OutOfRange),
        ("1970-01-01 00:00:00", Kind::OutOfRange),
        ("2024-02-29T08:00:00", Kind::BadNumber),
        ("1709164800", Kind::BadNumber),
    ] {
        assert_eq!(time(bad, UTC8).unwrap_err().kind, kind, "{bad}");
    }
}

#[test]
fn what_is_not_the_documents_is_an_error() {
    for (text, kind) in [
        ("{}", Kind::UnknownShape),
        ("[]", Kind::WrongType),
        (r#"{"biz_type":10,"code":"200"}"#, Kind::UnknownShape),
        (r#"{"biz_type":18,"code":"200"}"#, Kind::UnknownShape),
        (r#"{"biz_type":267,"code":"200"}"#, Kind::UnknownShape),
        (r#"{"biz_type":11.5,"code":"200"}"#, Kind::BadNumber),
        (r#"{"biz_type":"order","code":"200"}"#, Kind::BadNumber),
        (r#"{"biz_type":{},"code":"200"}"#, Kind::WrongType),
        (r#"{"biz_type":11}"#, Kind::MissingField),
        (r#"{"biz_type":11,"code":""}"#, Kind::MissingField),
        (r#"{"biz_type":11,"code":true}"#, Kind::WrongType),
        (r#"{"code":"200","message":"SUCESS"}"#, Kind::UnknownShape),
        (r#"{"biz_type":11,"code":"200"}"#, Kind::MissingField),
        (r#"{"biz_type":11,"code":"200","data":"x"}"#, Kind::WrongType),
        (r#"{"biz_type":11,"code":"200","data":{"client_oid":"1"}}"#, Kind::MissingField),
        (r#"{"biz_type":11,"code":"200","data":{"system_oid":""}}"#, Kind::MissingField),
        (r#"{"biz_type":11,"code":"200","data":{"system_oid":1.5}}"#, Kind::BadNumber),
        (r#"{"biz_type":11,"code":"200","data":{"system_oid":-1}}"#, Kind::BadNumber),
        (r#"{"biz_type":11,"code":"200","data":{"system_oid":["1"]}}"#, Kind::WrongType),
        (
            r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_price":"-1"}]}"#,
            Kind::OutOfRange,
        ),
        (
            r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_price":"NaN"}]}"#,
            Kind::BadNumber,
        ),
        (r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_price":""}]}"#, Kind::BadNumber),
        (
            r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_price":1e30}]}"#,
            Kind::OutOfScale,
        ),
        (
            r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_bs":"hold"}]}"#,
            Kind::UnknownShape,
        ),
        (r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1","status":3,"entrust_time":5}]}"#, Kind::WrongType),
        (r#"{"biz_type":15,"code":"200","data":[{"status":3}]}"#, Kind::MissingField),
        (r#"{"biz_type":15,"code":"200","data":[{"system_oid":"1"}]}"#, Kind::MissingField),
        (r#"{"biz_type":15,"code":"200","data":[[]]}"#, Kind::WrongType),
        (r#"{"biz_type":15,"code":"200","data":{}}"#, Kind::WrongType),
    ] {
        assert_eq!(error(text).0, kind, "{text}");
    }
}

#[test]
fn lists_and_words_are_bounded() {
    let rows = |count: usize| {
        format!(
            r#"{{"biz_type":15,"code":"200","data":[{}]}}"#,
            vec![r#"{"system_oid":"1","status":3}"#; count].join(",")
        )
    };
    let Report::Orders { orders, .. } = report(&rows(MOST_ITEMS)) else { panic!("no orders") };
    assert_eq!(orders.len(), MOST_ITEMS);
    assert_eq!(error(&rows(MOST_ITEMS + 1)).0, Kind::TooLong);
    let id = |length| format!(r#"{{"biz_type":11,"code":"200","data":{{"system_oid":"{}"}}}}"#, "x".repeat(length));
    report(&id(128));
    assert_eq!(error(&id(129)).0, Kind::TooLong);
}
