//! What clients ask: one text message, read. Errors are words for the client's developer.

use crate::num::Decimal;
use crate::orders::venue::read::Value;
use crate::orders::{OrderType, Side};
use crate::sign::Secret;
use std::borrow::Cow;

/// Bytes of a `cid`, as it was spelled.
const LONGEST_CID: usize = 256;
/// Bytes of any other text.
const LONGEST_TEXT: usize = 256;

/// A message that was read.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is to be done.
    pub op: Op,
    /// The client's own id, as it was spelled between its quotes; empty: none.
    pub cid: &'a [u8],
    /// The login it is for.
    pub token: Cow<'a, [u8]>,
    /// What belongs to it.
    pub body: Body<'a>,
}

/// The operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A heartbeat.
    Ping,
    /// To a platform.
    Login,
    /// A new order.
    Place,
    /// Orders to be cancelled.
    Cancel,
    /// What is not over.
    OpenOrders,
    /// What is on the account.
    Asset,
    /// What is held of a contract.
    Position,
    /// An instrument's rules.
    SymbolInfo,
    /// The end of a login.
    Logout,
    /// Extension: where everything stands.
    Status,
    /// Extension: throws the kill switch.
    Kill,
    /// Extension: clears it.
    ClearKill,
}

const OPS: &[(&str, Op)] = &[
    ("ping", Op::Ping),
    ("place_order", Op::Place),
    ("cancel_order", Op::Cancel),
    ("open_orders", Op::OpenOrders),
    ("asset", Op::Asset),
    ("position", Op::Position),
    ("symbol_info", Op::SymbolInfo),
    ("login", Op::Login),
    ("logout", Op::Logout),
    ("status", Op::Status),
    ("kill", Op::Kill),
    ("clear_kill", Op::ClearKill),
];

impl Op {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        OPS.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// The empty fields of a refusal: what a successful answer would hold.
    pub(super) const fn nothing(self) -> &'static str {
        match self {
            Self::Login => ",\"token\":\"\"",
            Self::Place => ",\"order_no\":\"\"",
            Self::Cancel | Self::OpenOrders => ",\"data\":[]",
            Self::Asset | Self::Position | Self::SymbolInfo | Self::Status => ",\"data\":{}",
            Self::Ping | Self::Logout | Self::Kill | Self::ClearKill => "",
        }
    }
}

/// What belongs to an operation.
#[derive(Debug)]
pub enum Body<'a> {
    /// Nothing more.
    Nothing,
    /// Of a ping: the client's number, as it was spelled.
    Time(&'a [u8]),
    /// Of a login.
    Login {
        /// Where to.
        platform: Cow<'a, str>,
        /// What is to be traded there.
        symbols: Vec<Cow<'a, str>>,
        /// Key.
        access_key: Secret,
        /// What belongs to it.
        secret_key: Secret,
        /// Extension: market data of the symbols is wanted.
        market_data: bool,
    },
    /// Of a new order. A side or a type that is none is `None`.
    Place {
        /// What.
        symbol: Cow<'a, str>,
        /// Which way.
        side: Option<Side>,
        /// How.
        order_type: Option<OrderType>,
        /// Price, 0 of a market order.
        price: Decimal,
        /// Quantity with its sign.
        quantity: Decimal,
    },
    /// Of a cancel; no numbers: all of the symbol.
    Cancel {
        /// Of which symbol.
        symbol: Cow<'a, str>,
        /// Which.
        order_nos: Vec<Cow<'a, str>>,
    },
    /// A symbol.
    Symbol(Cow<'a, str>),
    /// Why, or who.
    Text(Cow<'a, str>),
}

/// Why a message is none of the protocol's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Whether it is an object whose `op` is none.
    pub unknown_op: bool,
    /// In words.
    pub why: String,
}

impl Misread {
    fn new(why: impl Into<String>) -> Self {
        Self { unknown_op: false, why: why.into() }
    }
}

type Read<T> = Result<T, Misread>;

/// Reads a message.
///
/// # Errors
/// [`Misread`]: it is not JSON, no object, its `op` is unknown, or a field is missing, of another type or too long.
pub fn read(text: &[u8]) -> Read<Request<'_>> {
    let message = Value::message(text);
    let names = [
        "op",
        "cid",
        "token",
        "symbol",
        "action",
        "price",
        "quantity",
        "order_type",
        "order_nos",
        "platform",
        "symbols",
        "access_key",
        "secret_key",
        "market_data",
        "ts",
        "reason",
        "who",
    ];
    let Ok(values) = message.object(names) else {
        return Err(Misread::new("not a JSON object"));
    };
    let [op, cid, token, symbol, action, price, quantity, order_type, order_nos, platform, symbols, rest @ ..] = values;
    let [access_key, secret_key, market_data, ts, reason, who] = rest;
    let Ok(Some(op)) = op.choice(OPS) else {
        let why = if op.is_absent() { "op: missing" } else { "op: unknown" };
        return Err(Misread { unknown_op: true, why: why.into() });
    };
    let of = Fields(op);
    let cid = if cid.is_absent() { &[][..] } else { of.spelled("cid", cid, LONGEST_CID)? };
    let token = match op {
        Op::Ping | Op::Login => Cow::Borrowed(&[][..]),
        _ => of.bytes("token", token)?,
    };
    let body = match op {
        Op::Ping => Body::Time(ts.as_number().ok_or_else(|| of.expected("ts", "a number", ts))?),
        Op::Login => Body::Login {
            platform: of.text("platform", platform)?,
            symbols: of.texts("symbols", symbols)?,
            access_key: Secret::from(of.bytes("access_key", access_key)?.into_owned()),
            secret_key: Secret::from(of.bytes("secret_key", secret_key)?.into_owned()),
            market_data: !market_data.is_absent()
                && market_data.boolean().map_err(|_| of.expected("market_data", "true or false", market_data))?,
        },
        Op::Place => Body::Place {
            symbol: of.text("symbol", symbol)?,
            side: of.choice("action", action, &[("BUY", Side::Buy), ("SELL", Side::Sell)])?,
            price: of.number("price", price)?,
            quantity: of.number("quantity", quantity)?,
            order_type: of.choice(
                "order_type",
                order_type,
                &[("LIMIT", OrderType::Limit), ("MARKET", OrderType::Market), ("IOC", OrderType::Ioc)],
            )?,
        },
        Op::Cancel => Body::Cancel { symbol: of.text("symbol", symbol)?, order_nos: of.texts("order_nos", order_nos)? },
        Op::OpenOrders | Op::Position | Op::SymbolInfo => Body::Symbol(of.text("symbol", symbol)?),
        Op::Kill => Body::Text(of.text("reason", reason)?),
        Op::ClearKill => Body::Text(of.text("who", who)?),
        Op::Asset | Op::Logout | Op::Status => Body::Nothing,
    };
    Ok(Request { op, cid, token, body })
}

/// Reads fields and names them where they are not as they should be.
struct Fields(Op);

impl Fields {
    fn expected(&self, name: &str, what: &str, value: Value<'_>) -> Misread {
        let found = value.kind_name();
        Misread::new(format!("{}: {name}: expected {what}, found {found}", self.0.name()))
    }

    fn spelled<'a>(&self, name: &str, value: Value<'a>, most: usize) -> Read<&'a [u8]> {
        let raw = value.as_spelled().ok_or_else(|| self.expected(name, "a text", value))?;
        if raw.len() > most {
            return Err(Misread::new(format!("{}: {name}: longer than {most} bytes", self.0.name())));
        }
        Ok(raw)
    }

    fn bytes<'a>(&self, name: &str, value: Value<'a>) -> Read<Cow<'a, [u8]>> {
        self.spelled(name, value, LONGEST_TEXT)?;
        Ok(value.plain())
    }

    fn text<'a>(&self, name: &str, value: Value<'a>) -> Read<Cow<'a, str>> {
        let utf8 = || Misread::new(format!("{}: {name}: not UTF-8", self.0.name()));
        match self.bytes(name, value)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| utf8()),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| utf8()),
        }
    }

    fn texts<'a>(&self, name: &str, value: Value<'a>) -> Read<Vec<Cow<'a, str>>> {
        if !value.is_list() {
            return Err(self.expected(name, "a list of texts", value));
        }
        let mut wrong = None;
        let all = value.items(|item| match self.text(name, item) {
            Ok(text) => Ok(Some(text)),
            Err(misread) => {
                wrong.get_or_insert(misread);
                Ok(None)
            }
        });
        match (all, wrong) {
            (_, Some(misread)) => Err(misread),
            (Ok(all), None) => Ok(all.into_iter().flatten().collect()),
            (Err(_), None) => Err(Misread::new(format!("{}: {name}: too many", self.0.name()))),
        }
    }

    fn number(&self, name: &str, value: Value<'_>) -> Read<Decimal> {
        let raw = value.as_number().ok_or_else(|| self.expected(name, "a number", value))?;
        Decimal::parse(raw).map_err(|_| {
            Misread::new(format!(
                "{}: {name}: a number with at most 18 digits behind the point, and not so large",
                self.0.name()
            ))
        })
    }

    /// A word of the protocol; `None`: another text.
    fn choice<T: Copy>(&self, name: &str, value: Value<'_>, words: &[(&str, T)]) -> Read<Option<T>> {
        self.spelled(name, value, LONGEST_TEXT)?;
        Ok(value.choice(words).ok().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        read(text.as_bytes()).expect_err(text).why
    }

    #[test]
    fn an_order_is_read() {
        let text = r#"{"op":"place_order","cid":"a\"b","token":"t","symbol":"ETH\/USDT","action":"SELL","price":219.24,"quantity":-5.60,"order_type":"IOC"}"#;
        let request = read(text.as_bytes()).expect("a good order");
        assert_eq!((request.op, request.cid, &*request.token), (Op::Place, &br#"a\"b"#[..], &b"t"[..]));
        let Body::Place { symbol, side, order_type, price, quantity } = request.body else { panic!("no order") };
        assert_eq!(symbol, "ETH/USDT");
        assert_eq!((side, order_type), (Some(Side::Sell), Some(OrderType::Ioc)));
        assert_eq!((price.to_string(), quantity.to_string()), ("219.24".into(), "-5.6".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in ["", "null", "[1]", "{", "{\"op\":\"ping\",\"ts\":1}x", "\u{1}"] {
            assert_eq!(why(text), "not a JSON object", "{text}");
        }
        assert_eq!(why("{}"), "op: missing");
        assert_eq!(why(r#"{"op":"sell"}"#), "op: unknown");
        assert_eq!(why(r#"{"op":5}"#), "op: unknown");
        assert!(read(br#"{"op":"sell"}"#).expect_err("unknown").unknown_op);
        assert_eq!(why(r#"{"op":"ping"}"#), "ping: ts: expected a number, found nothing");
        assert_eq!(why(r#"{"op":"asset","token":5}"#), "asset: token: expected a text, found a number");
        assert_eq!(why(r#"{"op":"asset","cid":7,"token":"x"}"#), "asset: cid: expected a text, found a number");
        let order = |field: &str| {
            let good = [
                ("symbol", "\"A/B\""),
                ("action", "\"BUY\""),
                ("price", "1"),
                ("quantity", "1"),
                ("order_type", "\"LIMIT\""),
            ];
            let fields = good.map(|(name, value)| match field.split_once('=') {
                Some((other, value)) if other == name => format!(",\"{name}\":{value}"),
                _ if field == name => String::new(),
                _ => format!(",\"{name}\":{value}"),
            });
            format!("{{\"op\":\"place_order\",\"token\":\"t\"{}}}", fields.concat())
        };
        assert_eq!(why(&order("symbol")), "place_order: symbol: expected a text, found nothing");
        assert_eq!(why(&order("price=\"1\"")), "place_order: price: expected a number, found a text");
        assert_eq!(why(&order("quantity=null")), "place_order: quantity: expected a number, found nothing");
        assert!(why(&order("price=1e40")).starts_with("place_order: price: a number with"));
        assert!(matches!(
            read(order("action=\"HOLD\"").as_bytes()).expect("read").body,
            Body::Place { side: None, .. }
        ));
        assert_eq!(
            why(r#"{"op":"cancel_order","token":"t","symbol":"A/B","order_nos":[1]}"#),
            "cancel_order: order_nos: expected a text, found a number"
        );
        let long = "x".repeat(257);
        assert_eq!(
            why(&format!(r#"{{"op":"asset","cid":"{long}","token":"t"}}"#)),
            "asset: cid: longer than 256 bytes"
        );
    }

    #[test]
    fn a_login_keeps_its_secrets() {
        let text =
            br#"{"op":"login","platform":"p","symbols":[],"access_key":"AAA","secret_key":"SSS","market_data":true}"#;
        let request = read(text).expect("a login");
        let printed = format!("{request:?}");
        assert!(!printed.contains("AAA") && !printed.contains("SSS"), "{printed}");
        assert!(matches!(request.body, Body::Login { market_data: true, .. }));
    }
}
