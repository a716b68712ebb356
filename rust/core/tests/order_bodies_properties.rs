//! Messages in every form a venue could send them, and broken ones: the decoders and a reading by `serde_json` give the same reports,
//! refuse the same messages, and a refused one leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod order_oracle;

use ferrofeed_core::orders::Report;
use ferrofeed_core::orders::venue::{coinceres, quantapi};
use order_oracle::Doubt;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

const OFFSET: i32 = 8 * 3_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Venue {
    CoinCeres,
    Quantapi,
}

/// Decodes behind an earlier report, which must stay whatever happens.
fn decoded(venue: Venue, text: &[u8]) -> Option<Vec<Report>> {
    let mut out = vec![Report::Pong(Some(42))];
    let good = match venue {
        Venue::CoinCeres => coinceres::decode(text, OFFSET, &mut out).map_err(|error| error.at),
        Venue::Quantapi => quantapi::decode(text, &mut out).map_err(|error| error.at),
    };
    assert_eq!(out.remove(0), Report::Pong(Some(42)));
    match good {
        Ok(_) => Some(out),
        Err(at) => {
            assert!(at <= text.len());
            assert_eq!(out, [], "a refused message left something");
            None
        }
    }
}

/// Compares with the other reading; gives what both say.
fn agreed(venue: Venue, text: &[u8]) -> Option<Vec<Report>> {
    let found = decoded(venue, text);
    let expected = match venue {
        Venue::CoinCeres => order_oracle::coinceres(text, OFFSET),
        Venue::Quantapi => order_oracle::quantapi(text),
    };
    match expected {
        Ok(expected) => assert_eq!(found, Some(expected), "{}", String::from_utf8_lossy(text)),
        Err(Doubt::Refused) => assert_eq!(found, None, "{}", String::from_utf8_lossy(text)),
        Err(Doubt::Unsure) => {}
    }
    found
}

/// The currencies of an account are members of an object, so their order is that of the text.
fn sorted(reports: Option<Vec<Report>>) -> Option<Vec<Report>> {
    let mut reports = reports?;
    for report in &mut reports {
        if let Report::Balances { balances, .. } = report {
            balances.sort_by(|a, b| a.currency.cmp(&b.currency));
        }
    }
    Some(reports)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z]{3,4}[_/][A-Z]{4}", "[0-9]{1,18}", "\\PC{1,12}", Just("a\"b\\c\n\u{1f600}".to_owned())]
}

/// A decimal's text of few or many digits.
fn number() -> impl Strategy<Value = String> {
    prop_oneof!["0", "[1-9][0-9]{0,7}", "(0|[1-9][0-9]{0,5})\\.[0-9]{1,8}", "[1-9][0-9]{0,3}e-?[0-9]"]
}

/// The same, so that the difference of any two has at most 18 digits.
fn amount() -> impl Strategy<Value = String> {
    prop_oneof!["0", "[1-9][0-9]{0,7}", "(0|[1-9][0-9]{0,5})\\.[0-9]{1,8}", "[1-9][0-9]{0,3}e-?[0-4]"]
}

/// A number as a number or as text.
fn spelled() -> impl Strategy<Value = Value> {
    spelling(number())
}

fn spelling(number: impl Strategy<Value = String>) -> impl Strategy<Value = Value> {
    (number, any::<bool>()).prop_map(
        |(text, quoted)| {
            if quoted { Value::String(text) } else { serde_json::from_str(&text).unwrap() }
        },
    )
}

/// One above zero.
fn above_zero() -> impl Strategy<Value = Value> {
    prop_oneof![(1..1_000_000_u64).prop_map(Value::from), "[1-9][0-9]{0,4}\\.[0-9]{1,6}".prop_map(Value::String)]
}

fn time() -> impl Strategy<Value = String> {
    (1971..2262, 1..=12, 1..=28, 0..24, 0..60, 0..60)
        .prop_map(|(y, m, d, h, i, s)| format!("{y:04}-{m:02}-{d:02} {h:02}:{i:02}:{s:02}"))
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(words).prop_map(Value::from)
}

fn coinceres_row(kind: u8) -> BoxedStrategy<Value> {
    let (w, n) = (word, spelled);
    match kind {
        13 => (w(), w(), 1..=6, n(), n(), n(), n())
            .prop_map(|(contract, exchange, kind, tick, step, price, size)| {
                json!({"contract": contract, "exchange": exchange, "kind": kind, "tick_size": tick, "volume_increment": step,
                    "min_price": price, "min_volume": size})
            })
            .boxed(),
        14 => (1..=4, spelling(amount()), w(), w(), spelling(amount()), n())
            .prop_map(|(kind, balance, currency, exchange, frozen, value)| {
                json!({"account_type": kind, "balance": balance, "currency": currency, "exchange": exchange,
                    "frozen": frozen, "market_value": value})
            })
            .boxed(),
        15 => (
            (w(), w(), w(), one_of(&["buy", "sell"]), n(), n(), n(), n()),
            (n(), select(&[1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15][..]), time()),
        )
            .prop_map(|((id, client, contract, side, price, size, average, dealt), (fee, status, time))| {
                json!({"system_oid": id, "client_oid": client, "contract": contract, "entrust_bs": side,
                    "entrust_price": price, "entrust_amount": size, "average_dealt_price": average, "dealt_amount": dealt,
                    "commission": fee, "lever": "10", "profit_value": "null", "stop_value": null, "status": status,
                    "entrust_time": time})
            })
            .boxed(),
        16 => (w(), w(), one_of(&["buy", "sell", "long", "short", "BUY", "SELL"]), n(), n(), n())
            .prop_map(|(exchange, contract, side, size, price, margin)| {
                json!({"exchange": exchange, "contract": contract, "dealId": "1", "position_dir": side, "vol": size,
                    "lever": "10", "margin": margin, "open_price": price})
            })
            .boxed(),
        _ => (w(), w(), w(), one_of(&["buy", "sell"]), above_zero(), above_zero(), time(), n(), w())
            .prop_map(|(id, order, contract, side, size, price, time, fee, currency)| {
                json!({"system_tid": id, "system_oid": order, "contract": contract, "entrust_bs": side,
                    "dealt_amount": size, "dealt_price": price, "dealt_time": time, "commission": fee,
                    "commission_currency": currency})
            })
            .boxed(),
    }
}

fn coinceres_push() -> impl Strategy<Value = Value> {
    let statuses = &[
        "NO_REPORT",
        "SUBMITTING",
        "SUBMITTED",
        "PART_FILLED",
        "FILLED",
        "FAILURE",
        "CANCEL",
        "CANCELING",
        "PENDING",
        "PART_CANCELED",
        "CANCELED",
    ];
    let directions = &["BUY", "SELL", "OPEN_BUY", "OPEN_SELL", "CLOSE_SELL", "CLOSE_BUY"];
    let types = one_of(&["limit", "MARKET", "other"]);
    (word(), word(), one_of(statuses), one_of(directions), types, time(), spelled(), spelled(), spelled(), spelled())
        .prop_map(|(id, contract, status, direction, kind, time, price, size, filled, average)| {
            json!({"messageType": "1", "product": "p", "exchange": "OKEX", "contract": contract, "entrustId": id,
                "avgDealPrice": average, "entrustTime": time, "entrustStatus": status, "entrustDir": direction,
                "entrustType": kind, "lever": "10", "entrustPrice": price, "entrustVol": size, "dealVol": "1",
                "totalDealVol": filled})
        })
}

fn coinceres_message() -> impl Strategy<Value = Value> {
    let good = |kind: u8, data: Value| json!({"biz_type": kind, "code": "200", "message": "SUCESS", "data": data});
    let ids = || proptest::collection::vec(word().prop_map(|id| json!({ "system_oid": id })), 0..4);
    prop_oneof![
        (word(), word()).prop_map(move |(client, id)| good(11, json!({"client_oid": client, "system_oid": id}))),
        (ids(), ids()).prop_map(move |(ok, bad)| good(12, json!({"SUCCESS": ok, "ERROR": bad}))),
        (11..=17_u8, 201..999_u32, word()).prop_map(|(kind, code, message)| {
            json!({"biz_type": kind, "code": code.to_string(), "message": message, "data": "null"})
        }),
        (13..=17_u8).prop_flat_map(move |kind| {
            proptest::collection::vec(coinceres_row(kind), 0..4).prop_map(move |rows| good(kind, Value::Array(rows)))
        }),
        coinceres_push(),
    ]
}

fn quantapi_order() -> impl Strategy<Value = Value> {
    let statuses = &["NONE", "SUBMITTED", "PARTIAL-FILLED", "FILLED", "CANCELED", "FAILED"];
    let types = one_of(&["LIMIT", "MARKET", "IOC"]);
    let (action, status) = (one_of(&["BUY", "SELL"]), one_of(statuses));
    (
        word(),
        word(),
        action,
        status,
        types,
        spelled(),
        0..5_000_i64,
        0..=100_i64,
        any::<bool>(),
        0..9_000_000_000_000_i64,
    )
        .prop_map(|(symbol, id, action, status, kind, price, size, left, short, time)| {
            let sign = if short { -1 } else { 1 };
            // Often all or nothing of it is left.
            let left = if left < 30 {
                0
            } else if left < 60 {
                size
            } else {
                size * left / 100
            };
            json!({"symbol": symbol, "order_no": id, "action": action, "price": price, "quantity": sign * size,
                "remain": sign * left, "status": status, "order_type": kind, "ctime": time, "utime": time + 1})
        })
}

fn quantapi_data(op: &'static str) -> BoxedStrategy<Value> {
    let n = spelled;
    match op {
        "asset" => proptest::collection::btree_map(word(), (n(), n(), n()), 0..4)
            .prop_map(|rows| {
                let row = |(currency, (free, locked, total))| {
                    (currency, json!({"free": free, "locked": locked, "total": total}))
                };
                Value::Object(rows.into_iter().map(row).collect())
            })
            .boxed(),
        "position" => (word(), n(), n(), n(), n(), n(), n(), 0..9_000_000_000_000_i64)
            .prop_map(|(symbol, a, b, c, d, e, f, time)| {
                json!({"symbol": symbol, "margin_mode": "isolated", "long_quantity": a, "long_avail_qty": b,
                    "long_open_price": c, "long_unrealised_pnl": -1.5, "short_quantity": d, "short_avail_qty": e,
                    "short_open_price": f, "utime": time})
            })
            .boxed(),
        "symbol_info" => (n(), n(), n(), n(), word(), word())
            .prop_map(|(a, b, c, d, base, quote)| {
                json!({"price_tick": a, "size_tick": b, "size_limit": c, "value_tick": 1, "value_limit": d,
                    "base_currency": base, "quote_currency": quote, "settlement_currency": quote})
            })
            .boxed(),
        "fill" => {
            (word(), word(), word(), above_zero(), above_zero(), one_of(&["BUY", "SELL"]), one_of(&["TAKER", "MAKER"]))
                .prop_map(|(symbol, id, fill, price, size, side, liquidity)| {
                    json!({"symbol": symbol, "order_no": id, "fill_no": fill, "price": price, "quantity": size,
                    "side": side, "liquidity": liquidity, "ctime": 1_530_604_762_311_i64})
                })
                .boxed()
        }
        "open_orders" => proptest::collection::vec(quantapi_order(), 0..4).prop_map(Value::Array).boxed(),
        "cancel_order" => proptest::collection::vec((word(), any::<bool>(), word()), 0..4)
            .prop_map(|rows| {
                let row = |(id, good, why)| json!({"result": good, "error_message": why, "order_no": id});
                Value::Array(rows.into_iter().map(row).collect())
            })
            .boxed(),
        "order" => quantapi_order().boxed(),
        _ => Just(Value::Null).boxed(),
    }
}

fn quantapi_message() -> impl Strategy<Value = Value> {
    let ops = &["login", "place_order", "cancel_order", "open_orders", "asset", "position", "symbol_info", "logout"];
    let answer = select(&ops[..]).prop_flat_map(|op| {
        (any::<u64>(), quantapi_data(op), word()).prop_map(move |(cid, data, id)| {
            let mut answer = json!({"op": op, "cid": cid.to_string(), "result": true, "error_message": ""});
            match op {
                "login" => answer["token"] = id.into(),
                "place_order" => answer["order_no"] = id.into(),
                "logout" => {}
                _ => answer["data"] = data,
            }
            answer
        })
    });
    let why = prop_oneof![Just("Invalid token".to_owned()), Just("Do not log in repeat".to_owned()), word()];
    let refused = (select(&ops[..]), any::<u64>(), why)
        .prop_map(|(op, cid, why)| json!({"op": op, "cid": cid.to_string(), "result": false, "error_message": why}));
    let notice = select(&["order", "fill", "position", "asset"][..]).prop_flat_map(|topic| {
        (quantapi_data(topic), word())
            .prop_map(move |(data, token)| json!({"op": "notify", "topic": topic, "token": token, "data": data}))
    });
    let state = (1..=7, word()).prop_map(|(code, msg)| json!({"op": "state", "token": "t", "code": code, "msg": msg}));
    let other = prop_oneof![
        any::<i64>().prop_map(|ts| json!({"op": "pong", "ts": ts})),
        word().prop_map(|why| json!({"op": "error", "error_message": why})),
    ];
    prop_oneof![5 => answer, 2 => refused, 4 => notice, 1 => state, 1 => other]
}

fn message() -> impl Strategy<Value = (Venue, Value)> {
    prop_oneof![
        coinceres_message().prop_map(|message| (Venue::CoinCeres, message)),
        quantapi_message().prop_map(|message| (Venue::Quantapi, message)),
    ]
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn space(&mut self, out: &mut String) {
        out.push_str(["", "", " ", "\n\t", "\r\n  "][self.below(5)]);
    }

    /// A string, perhaps with every character of it escaped.
    fn text(&mut self, string: &str, out: &mut String) {
        if self.below(8) > 0 {
            out.push_str(&Value::from(string).to_string());
            return;
        }
        let units: Vec<String> = string.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        out.extend(["\"", &units.concat(), "\""]);
    }

    /// A value with its keys shuffled, unknown ones among them, white space and escapes.
    fn write(&mut self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::Object(members) => {
                let mut members: Vec<(String, Value)> = members.clone().into_iter().collect();
                // The currencies of an account are no keys: an unknown one would be a currency.
                if self.below(3) == 0 && !members.is_empty() && members.iter().all(|(_, row)| row.get("free").is_none())
                {
                    members.push(("unknown".to_owned(), json!({"op": [1, {"data": null}], "status": "x"})));
                }
                for at in (1..members.len()).rev() {
                    members.swap(at, self.below(at + 1));
                }
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.space(out);
                    self.text(key, out);
                    self.space(out);
                    out.push(':');
                    self.write(value, out);
                    self.space(out);
                }
                out.push('}');
            }
            Value::Array(rows) => {
                out.push('[');
                for (at, row) in rows.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.write(row, out);
                    self.space(out);
                }
                out.push(']');
            }
            Value::String(string) => self.text(string, out),
            other => out.push_str(&other.to_string()),
        }
    }
}

fn written(value: &Value, seed: u64) -> Vec<u8> {
    let mut out = String::new();
    Dice(seed | 1).write(value, &mut out);
    out.into_bytes()
}

/// How many values there are inside.
fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(|value| 1 + count(value)).sum(),
        Value::Array(rows) => rows.iter().map(|row| 1 + count(row)).sum(),
        _ => 0,
    }
}

/// Replaces the value of this number.
fn spoil(value: &mut Value, at: &mut usize, with: &Value) {
    let children: Vec<&mut Value> = match value {
        Value::Object(members) => members.values_mut().collect(),
        Value::Array(rows) => rows.iter_mut().collect(),
        _ => return,
    };
    for child in children {
        if *at == 0 {
            *child = with.clone();
            *at = usize::MAX;
            return;
        }
        *at -= 1;
        spoil(child, at, with);
        if *at == usize::MAX {
            return;
        }
    }
}

/// Values that do not belong where they are put.
fn nasty() -> impl Strategy<Value = Value> {
    let numbers: &'static [&str] =
        &["-1", "-0", "0", "1.5", "1e400", "-0.000000000000000001", "9223372036854775808", "1e-30"];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        select(numbers).prop_map(|text| serde_json::from_str(text).unwrap()),
        select(&["", "null", "NaN", "-1", "0x1", "200", "2023-02-29 00:00:00", "SUBMITTED", "BUY", " 1"][..])
            .prop_map(Value::from),
        (120..140_usize).prop_map(|length| Value::from("x".repeat(length))),
        (80..140_usize).prop_map(|length| Value::from("é".repeat(length))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1, 2]])),
        Just(json!({"system_oid": "1", "order_no": "1", "result": true, "status": "3"})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every good message is read, whatever the order of its keys, its white space, its escapes and what else is in it.
    #[test]
    fn every_form_of_a_good_message_reads_the_same((venue, value) in message(), seed: u64) {
        let plain = agreed(venue, value.to_string().as_bytes());
        prop_assert!(plain.is_some(), "{}", value);
        prop_assert_eq!(sorted(agreed(venue, &written(&value, seed))), sorted(plain));
    }

    #[test]
    fn a_value_that_does_not_belong_is_judged_alike((venue, mut value) in message(), at: Index, with in nasty(), seed: u64) {
        let mut at = at.index(count(&value));
        spoil(&mut value, &mut at, &with);
        prop_assert_eq!(at, usize::MAX, "nothing was replaced");
        let plain = agreed(venue, value.to_string().as_bytes());
        prop_assert_eq!(sorted(agreed(venue, &written(&value, seed))), sorted(plain));
    }

    #[test]
    fn flipped_bits_are_judged_alike((venue, value) in message(), flips in proptest::collection::vec((any::<Index>(), 0..8_u8), 1..4)) {
        let mut text = value.to_string().into_bytes();
        for (at, bit) in flips {
            let at = at.index(text.len());
            text[at] ^= 1_u8 << bit;
        }
        agreed(venue, &text);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        agreed(Venue::CoinCeres, &text);
        agreed(Venue::Quantapi, &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// All that is cut off is refused: nothing is read of half a message.
    #[test]
    fn a_message_cut_anywhere_says_nothing((venue, value) in message(), seed: u64) {
        let text = written(&value, seed);
        let text = text.trim_ascii();
        for end in 0..text.len() {
            prop_assert_eq!(agreed(venue, &text[..end]), None, "cut at {}", end);
        }
        prop_assert!(agreed(venue, text).is_some());
    }
}
