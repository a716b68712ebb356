//! Every request of both trading venues, byte for byte, and what can't be asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and its numbers are small"
)]

use ferrofeed_core::orders::venue::{Unsupported, What, coinceres, quantapi};
use ferrofeed_core::orders::{Offset, OrderType, Side, Unit};
use ferrofeed_core::sign::Secret;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The document's text without its white space; numbers keep their spelling.
fn compact(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// What an encoder appends, as text; the buffer's earlier contents must stay.
fn written<E>(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<String, E> {
    let mut out = b"kept ".to_vec();
    let result = encode(&mut out);
    let text = String::from_utf8(out).unwrap();
    let rest = text.strip_prefix("kept ").unwrap().to_owned();
    if result.is_err() {
        assert_eq!(rest, "", "an error appends nothing");
    }
    result.map(|()| rest)
}

fn ok(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Unsupported>) -> String {
    written(encode).unwrap()
}

fn what(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), Unsupported>) -> What {
    written(encode).unwrap_err().what
}

/// The order of `CoinCeres`' document.
const ADA: coinceres::Place<'_> = coinceres::Place {
    exchange: "TEST",
    contract: "ADA_BTC",
    order_type: OrderType::Limit,
    price: (11, 6),
    quantity: (10, 0),
    unit: Unit::Base,
    side: Side::Buy,
    offset: Offset::Open,
    leverage: 10,
    client_id: "12345",
    profit: Some((997, 8)),
    stop: None,
    deal_id: "",
    close_rule: "",
};

/// The order of quantapi's document.
const ETH: quantapi::Place<'_> = quantapi::Place {
    symbol: "ETH/USDT",
    side: Side::Sell,
    offset: Offset::Net,
    order_type: OrderType::Limit,
    price: (21_924, 2),
    quantity: (56, 1),
    unit: Unit::Base,
};

fn token() -> Secret {
    Secret::from("xxxxxxxxxxx")
}

#[test]
fn coinceres_place_is_the_documents() {
    let document = r#"{
      "exchange": "TEST",
      "contract": "ADA_BTC",
      "price_type": "limit",
      "entrust_price": "0.000011",
      "profit_value": "0.00000997",
      "entrust_vol": "10",
      "entrust_bs": "buy",
      "future_dir": "open",
      "lever": "10",
      "client_oid": "12345",
      "biz_type": 11
    }"#;
    assert_eq!(ok(|out| coinceres::place(out, &ADA)), compact(document));
}

#[test]
fn coinceres_place_in_every_form() {
    let spot = coinceres::Place { offset: Offset::Net, leverage: 0, profit: None, ..ADA };
    assert_eq!(
        ok(|out| coinceres::place(out, &spot)),
        r#"{"exchange":"TEST","contract":"ADA_BTC","price_type":"limit","entrust_price":"0.000011","entrust_vol":"10","entrust_bs":"buy","client_oid":"12345","biz_type":11}"#
    );
    // A market purchase says how much money, and has no price.
    let market = coinceres::Place { order_type: OrderType::Market, unit: Unit::Quote, quantity: (105, 1), ..spot };
    assert_eq!(
        ok(|out| coinceres::place(out, &market)),
        r#"{"exchange":"TEST","contract":"ADA_BTC","price_type":"market","entrust_vol":"10.5","entrust_bs":"buy","client_oid":"12345","biz_type":11}"#
    );
    let all = coinceres::Place {
        side: Side::Sell,
        offset: Offset::Close,
        profit: Some((1, 0)),
        stop: Some((2, 1)),
        deal_id: "d1",
        close_rule: "r1",
        ..ADA
    };
    assert_eq!(
        ok(|out| coinceres::place(out, &all)),
        r#"{"exchange":"TEST","contract":"ADA_BTC","price_type":"limit","entrust_price":"0.000011","profit_value":"1","stop_value":"0.2","entrust_vol":"10","entrust_bs":"sell","future_dir":"close","lever":"10","client_oid":"12345","deal_id":"d1","close_rule":"r1","biz_type":11}"#
    );
}

#[test]
fn coinceres_has_no_words_for_these_orders() {
    let spot = coinceres::Place { offset: Offset::Net, leverage: 0, profit: None, ..ADA };
    let (limit, market) = (OrderType::Limit, OrderType::Market);
    for (order, expected) in [
        (coinceres::Place { order_type: OrderType::Ioc, ..ADA }, What::OrderType(OrderType::Ioc)),
        (coinceres::Place { offset: Offset::Net, ..ADA }, What::Offset(Offset::Net)),
        (coinceres::Place { order_type: limit, unit: Unit::Quote, ..spot }, What::Unit(Unit::Quote)),
        (coinceres::Place { order_type: market, unit: Unit::Base, ..spot }, What::Unit(Unit::Base)),
        (coinceres::Place { order_type: market, side: Side::Sell, unit: Unit::Quote, ..spot }, What::Unit(Unit::Quote)),
        (coinceres::Place { price: (0, 0), ..ADA }, What::Price),
        (coinceres::Place { price: (-1, 0), ..ADA }, What::Price),
        (coinceres::Place { profit: Some((0, 0)), ..ADA }, What::Price),
        (coinceres::Place { stop: Some((-1, 0)), ..ADA }, What::Price),
        (coinceres::Place { quantity: (0, 3), ..ADA }, What::Quantity),
        (coinceres::Place { quantity: (-10, 0), ..ADA }, What::Quantity),
        (coinceres::Place { client_id: "", ..ADA }, What::Id),
        (coinceres::Place { client_id: &"1".repeat(129), ..ADA }, What::Id),
    ] {
        assert_eq!(what(|out| coinceres::place(out, &order)), expected, "{order:?}");
    }
}

#[test]
fn coinceres_cancels_one_to_fifteen() {
    assert_eq!(
        ok(|out| coinceres::cancel(out, &["126014167605456896"])),
        r#"{"system_oid":"126014167605456896","biz_type":12}"#
    );
    let fifteen: Vec<&str> = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15".split(' ').collect();
    assert_eq!(
        ok(|out| coinceres::cancel(out, &fifteen)),
        r#"{"system_oid":"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15","biz_type":12}"#
    );
    let sixteen = [&fifteen[..], &["16"]].concat();
    assert_eq!(what(|out| coinceres::cancel(out, &sixteen)), What::TooMany(15));
    assert_eq!(what(|out| coinceres::cancel(out, &[])), What::Nothing);
    assert_eq!(what(|out| coinceres::cancel(out, &["1", ""])), What::Id);
    assert_eq!(what(|out| coinceres::cancel(out, &["1,2"])), What::Id);
}

#[test]
fn coinceres_questions() {
    let text = |ask: &dyn Fn(&mut Vec<u8>)| {
        ok(|out| {
            ask(out);
            Ok(())
        })
    };
    assert_eq!(text(&|out| coinceres::contracts(out, "", "")), r#"{"biz_type":13}"#);
    assert_eq!(
        text(&|out| coinceres::contracts(out, "OKEX", "ETH_USDT")),
        r#"{"exchange":"OKEX","contract":"ETH_USDT","biz_type":13}"#
    );
    assert_eq!(text(&|out| coinceres::account(out, "")), r#"{"biz_type":14}"#);
    assert_eq!(text(&|out| coinceres::account(out, "OKEX")), r#"{"exchange":"OKEX","biz_type":14}"#);
    assert_eq!(text(&|out| coinceres::positions(out, "", "")), r#"{"biz_type":16}"#);
    assert_eq!(text(&|out| coinceres::positions(out, "OKEX", "")), r#"{"exchange":"OKEX","biz_type":16}"#);
    assert_eq!(ok(|out| coinceres::orders(out, &coinceres::Query::default())), r#"{"biz_type":15}"#);
    let query = coinceres::Query { system_oids: &["1", "2"], status: Some(3), exchange: "OKEX", contract: "ETH_USDT" };
    assert_eq!(
        ok(|out| coinceres::orders(out, &query)),
        r#"{"system_oid":"1,2","status":"3","exchange":"OKEX","contract":"ETH_USDT","biz_type":15}"#
    );
    assert_eq!(
        what(|out| coinceres::orders(out, &coinceres::Query { system_oids: &["1"; 16], ..query })),
        What::TooMany(15)
    );
    assert_eq!(
        ok(|out| coinceres::trades(out, "OKEX", "ETH_USDT", 50)),
        r#"{"exchange":"OKEX","contract":"ETH_USDT","count":"50","biz_type":17}"#
    );
    assert_eq!(what(|out| coinceres::trades(out, "", "", 51)), What::TooMany(50));
    assert_eq!(what(|out| coinceres::trades(out, "", "", 0)), What::Nothing);
}

#[test]
fn quantapi_requests_are_the_documents() {
    let login = quantapi::Login {
        platform: "huobi_future",
        symbols: &["BTC/USDT", "ETH/USDT"],
        access_key: &Secret::from("xxxxxxxxxxxxx"),
        secret_key: &Secret::from("xxxxxxxxxxxxx"),
    };
    let orders = ["2510832677225473", "2510832677225474"];
    let ping = |out: &mut Vec<u8>| {
        quantapi::ping(out, 1_530_604_762_311);
        Ok(())
    };
    // The documents' texts, their cid "xxxxx" made a number of ours.
    for (found, document) in [
        (ok(ping), r#"{ "op": "ping", "ts": 1530604762311 }"#),
        (
            ok(|out| quantapi::login(out, 7, &login)),
            r#"{ "op": "login", "cid": "7", "platform": "huobi_future", "symbols": ["BTC/USDT","ETH/USDT"],
                "access_key": "xxxxxxxxxxxxx", "secret_key": "xxxxxxxxxxxxx" }"#,
        ),
        (
            ok(|out| quantapi::place(out, 7, &token(), &ETH)),
            r#"{ "op": "place_order", "cid": "7", "token": "xxxxxxxxxxx", "symbol": "ETH/USDT", "action": "SELL",
                "price": 219.24, "quantity": 5.6, "order_type": "LIMIT" }"#,
        ),
        (
            ok(|out| quantapi::cancel(out, 7, &token(), "ETH/USDT", &orders)),
            r#"{ "op": "cancel_order", "cid": "7", "token": "xxxxxxxxxxx", "symbol": "ETH/USDT",
                "order_nos": ["2510832677225473","2510832677225474"] }"#,
        ),
        (
            ok(|out| quantapi::open_orders(out, 7, &token(), "ETH/USDT")),
            r#"{ "op": "open_orders", "cid": "7", "token": "xxxxxxxxxxx", "symbol": "ETH/USDT" }"#,
        ),
        (ok(|out| quantapi::asset(out, 7, &token())), r#"{ "op": "asset", "cid": "7", "token": "xxxxxxxxxxx" }"#),
        (
            ok(|out| quantapi::position(out, 7, &token(), "ETH/USDT")),
            r#"{ "op": "position", "cid": "7", "token": "xxxxxxxxxxx", "symbol": "ETH/USDT" }"#,
        ),
        (
            ok(|out| quantapi::symbol_info(out, 7, &token(), "ETH/USDT")),
            r#"{ "op": "symbol_info", "cid": "7", "token": "xxxxxxxxxxx", "symbol": "ETH/USDT" }"#,
        ),
        (ok(|out| quantapi::logout(out, 7, &token())), r#"{ "op": "logout", "cid": "7", "token": "xxxxxxxxxxx" }"#),
    ] {
        assert_eq!(found, compact(document));
    }
}

#[test]
fn quantapi_says_the_position_by_the_sign() {
    for (side, offset, quantity) in [
        (Side::Buy, Offset::Net, "5.6"),
        (Side::Sell, Offset::Net, "5.6"),
        (Side::Buy, Offset::Open, "5.6"),
        (Side::Sell, Offset::Open, "-5.6"),
        (Side::Sell, Offset::Close, "5.6"),
        (Side::Buy, Offset::Close, "-5.6"),
    ] {
        let found = ok(|out| quantapi::place(out, 7, &token(), &quantapi::Place { side, offset, ..ETH }));
        let action = if side == Side::Buy { "BUY" } else { "SELL" };
        let expected = format!(r#""action":"{action}","price":219.24,"quantity":{quantity},"order_type""#);
        assert!(found.contains(&expected), "{side:?} {offset:?}: {found}");
    }
}

#[test]
fn quantapi_market_orders_have_price_zero_and_all_types_a_word() {
    for (order_type, price, word) in
        [(OrderType::Limit, "219.24", "LIMIT"), (OrderType::Market, "0", "MARKET"), (OrderType::Ioc, "219.24", "IOC")]
    {
        let found = ok(|out| quantapi::place(out, u64::MAX, &token(), &quantapi::Place { order_type, ..ETH }));
        assert_eq!(
            found,
            format!(
                r#"{{"op":"place_order","cid":"18446744073709551615","token":"xxxxxxxxxxx","symbol":"ETH/USDT","action":"SELL","price":{price},"quantity":5.6,"order_type":"{word}"}}"#
            )
        );
    }
}

#[test]
fn quantapi_can_not_say_these() {
    let place = |order: quantapi::Place<'_>| what(|out| quantapi::place(out, 7, &token(), &order));
    assert_eq!(place(quantapi::Place { unit: Unit::Quote, ..ETH }), What::Unit(Unit::Quote));
    assert_eq!(place(quantapi::Place { quantity: (0, 0), ..ETH }), What::Quantity);
    assert_eq!(place(quantapi::Place { quantity: (-5, 0), ..ETH }), What::Quantity);
    assert_eq!(place(quantapi::Place { price: (0, 0), ..ETH }), What::Price);
    assert_eq!(place(quantapi::Place { order_type: OrderType::Ioc, price: (-1, 0), ..ETH }), What::Price);
    // An empty list would cancel everything: that has a name of its own.
    assert_eq!(what(|out| quantapi::cancel(out, 7, &token(), "ETH/USDT", &[])), What::Nothing);
    assert_eq!(what(|out| quantapi::cancel(out, 7, &token(), "ETH/USDT", &["1", ""])), What::Id);
    assert_eq!(
        ok(|out| quantapi::cancel_all(out, 7, &token(), "ETH/USDT")),
        r#"{"op":"cancel_order","cid":"7","token":"xxxxxxxxxxx","symbol":"ETH/USDT","order_nos":[]}"#
    );
    let broken = Secret::from(&b"\xff"[..]);
    assert_eq!(what(|out| quantapi::logout(out, 7, &broken)), What::Credential);
    assert_eq!(what(|out| quantapi::place(out, 7, &broken, &ETH)), What::Credential);
    assert_eq!(what(|out| quantapi::cancel_all(out, 7, &broken, "A")), What::Credential);
    let good = token();
    let login = |symbols, access_key, secret_key| {
        what(|out| quantapi::login(out, 7, &quantapi::Login { platform: "p", symbols, access_key, secret_key }))
    };
    assert_eq!(login(&["A"], &broken, &good), What::Credential);
    assert_eq!(login(&["A"], &good, &broken), What::Credential);
    assert_eq!(login(&[], &good, &good), What::Nothing);
}

#[test]
fn the_tables_say_what_the_encoders_do() {
    for (supports, venue) in [(coinceres::SUPPORTS, 0), (quantapi::SUPPORTS, 1)] {
        for order_type in OrderType::ALL.iter().copied() {
            for side in Side::ALL.iter().copied() {
                for unit in Unit::ALL.iter().copied() {
                    for (contract, offset) in [(false, Offset::Net), (true, Offset::Open), (true, Offset::Close)] {
                        let checked = supports.check(order_type, side, contract, offset, unit);
                        let leverage = u32::from(contract) * 10;
                        let encoded = written(|out| match venue {
                            0 => coinceres::place(
                                out,
                                &coinceres::Place { order_type, side, offset, unit, leverage, ..ADA },
                            ),
                            _ => quantapi::place(
                                out,
                                7,
                                &token(),
                                &quantapi::Place { order_type, side, offset, unit, ..ETH },
                            ),
                        });
                        assert_eq!(checked.is_ok(), encoded.is_ok(), "{order_type:?} {side:?} {unit:?} {offset:?}");
                        assert_eq!(checked.err(), encoded.err());
                    }
                }
            }
        }
        assert_eq!(
            supports.check(OrderType::Limit, Side::Buy, true, Offset::Net, Unit::Base),
            Err(Unsupported { what: What::Offset(Offset::Net) })
        );
        assert_eq!(
            supports.check(OrderType::Limit, Side::Buy, false, Offset::Open, Unit::Base),
            Err(Unsupported { what: What::Offset(Offset::Open) })
        );
    }
    assert_eq!(coinceres::SUPPORTS.unit(OrderType::Market, Side::Buy), Some(Unit::Quote));
    assert_eq!(coinceres::SUPPORTS.unit(OrderType::Ioc, Side::Buy), None);
}

/// Texts with everything that JSON escapes, and what it does not.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            any::<char>(),
            Just('"'),
            Just('\\'),
            Just('/'),
            Just('\u{0}'),
            Just('\u{1f}'),
            Just('\u{7f}'),
            proptest::char::range('a', 'z')
        ],
        1..20,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

/// A decimal as text, made without the encoder's code: digits, a point put in, zeros cut.
fn plain((coef, scale): (i64, u8)) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", coef.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let number = format!("{whole}.{fraction}");
    let number = number.trim_end_matches('0').trim_end_matches('.');
    if coef < 0 { format!("-{number}") } else { number.to_owned() }
}

fn scaled() -> impl Strategy<Value = (i64, u8)> {
    (prop_oneof![1..=i64::MAX, 1..100_000_i64], 0..=18_u8)
}

proptest! {
    #[test]
    fn any_coinceres_order_reads_back(
        exchange in text(), contract in text(), client in text(), deal in text(), price in scaled(), quantity in scaled(),
        leverage in 1..=u32::MAX, sell: bool, close: bool,
    ) {
        let side = if sell { Side::Sell } else { Side::Buy };
        let offset = if close { Offset::Close } else { Offset::Open };
        let order = coinceres::Place {
            exchange: &exchange, contract: &contract, client_id: &client, deal_id: &deal, price, quantity, leverage, side, offset,
            profit: Some(price), stop: Some(quantity), ..ADA
        };
        let found: Value = serde_json::from_str(&ok(|out| coinceres::place(out, &order))).unwrap();
        prop_assert_eq!(found, json!({
            "exchange": exchange, "contract": contract, "price_type": "limit", "entrust_price": plain(price),
            "profit_value": plain(price), "stop_value": plain(quantity), "entrust_vol": plain(quantity),
            "entrust_bs": side.name(), "future_dir": offset.name(), "lever": leverage.to_string(), "client_oid": client,
            "deal_id": deal, "biz_type": 11
        }));
    }

    #[test]
    fn any_quantapi_request_reads_back(
        cid: u64, token in text(), symbol in text(), ids in proptest::collection::vec(text(), 1..5), price in scaled(),
        quantity in scaled(), platform in text(), key in text(),
    ) {
        let secret = Secret::from(token.as_str());
        let order = quantapi::Place { symbol: &symbol, price, quantity, side: Side::Buy, offset: Offset::Close, ..ETH };
        let number = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        let (coef, scale) = quantity;
        prop_assert_eq!(read(ok(|out| quantapi::place(out, cid, &secret, &order))), json!({
            "op": "place_order", "cid": cid.to_string(), "token": token, "symbol": symbol, "action": "BUY",
            "price": number(plain(price)), "quantity": number(plain((-coef, scale))), "order_type": "LIMIT"
        }));
        let list: Vec<&str> = ids.iter().map(String::as_str).collect();
        prop_assert_eq!(read(ok(|out| quantapi::cancel(out, cid, &secret, &symbol, &list))), json!({
            "op": "cancel_order", "cid": cid.to_string(), "token": token, "symbol": symbol, "order_nos": ids
        }));
        let login = quantapi::Login {
            platform: &platform, symbols: &list, access_key: &secret, secret_key: &Secret::from(key.as_str()),
        };
        prop_assert_eq!(read(ok(|out| quantapi::login(out, cid, &login))), json!({
            "op": "login", "cid": cid.to_string(), "platform": platform, "symbols": ids, "access_key": token,
            "secret_key": key
        }));
    }
}
