//! Messages in the spelling that the venues' documents show and their servers send, and what may happen to such a text.

use crate::decode_noise::Dice;
use ferrofeed_core::venue::VenueKind;
use std::fmt::Write as _;

/// The instruments that are known; the fourth is not wanted any more, and `ETHUSDT` is another spelling of the first.
pub(crate) const SYMBOLS: [&str; 6] =
    ["ETH_USDT", "BTCUSDT", "002594.SZ", "AAPL.US", "ABCDEFGH", "A_LONG_SYMBOL_OF_21CH"];

/// What may stand where a symbol does.
const SPELLINGS: [&str; 10] = [
    "ETH_USDT",
    "ETHUSDT",
    "BTCUSDT",
    "002594.SZ",
    "AAPL.US",
    "ABCDEFGH",
    "A_LONG_SYMBOL_OF_21CH",
    "NOT_KNOWN",
    "",
    "ETH\\u005fUSDT",
];

/// Every shape the straight-line readers know, and a name for it.
pub(crate) const SHAPES: [(VenueKind, &str); 15] = [
    (VenueKind::Ziario, "ticker"),
    (VenueKind::Itick, "quote"),
    (VenueKind::Itick, "quote_with_day"),
    (VenueKind::Itick, "tick"),
    (VenueKind::Itick, "depth"),
    (VenueKind::Itick, "depth"),
    (VenueKind::Itick, "depth_time_first"),
    (VenueKind::Itick, "depth_time_last"),
    (VenueKind::Itick, "bar"),
    (VenueKind::Infoway, "trade"),
    (VenueKind::Infoway, "bare_trade"),
    (VenueKind::Infoway, "depth"),
    (VenueKind::Infoway, "bare_depth"),
    (VenueKind::Infoway, "bar"),
    (VenueKind::Infoway, "bar_interval_last"),
];

fn digits(dice: &mut Dice, count: usize) -> String {
    (0..count).map(|_| char::from(b'0' + u8::try_from(dice.below(10)).unwrap())).collect()
}

/// A number: mostly a plain one, sometimes long, rarely strange.
fn number(dice: &mut Dice) -> String {
    if dice.one_in(300) {
        let strange = [
            "0",
            "0.0",
            "00",
            "01.5",
            "1.",
            ".5",
            "-1",
            "-0",
            "1e3",
            "1E-2",
            "1.5e0",
            "null",
            "true",
            "\"1\"",
            "",
            "+1",
            "9223372036854775807",
            "9223372036854775808",
            "92233720368.54775807",
            "92233720368.54775808",
            "0.000000001",
            "1.000000000000000000",
            "123456789012345678901234567890",
            "1..2",
            "1.2.3",
            "12345678",
            "1234567.",
            "0.00000000",
            "NaN",
            "1\\u0030",
        ];
        return (*dice.pick(&strange)).to_owned();
    }
    let (most_whole, most_parts) = if dice.one_in(30) { (19, 19) } else { (7, 6) };
    let count = dice.below(most_whole) + 1;
    let whole = digits(dice, count);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let count = dice.below(most_parts);
    let parts = digits(dice, count);
    if parts.is_empty() { whole.to_owned() } else { format!("{whole}.{parts}") }
}

/// A number that is above zero where it is plain.
fn price(dice: &mut Dice) -> String {
    let number = number(dice);
    if number.bytes().all(|byte| byte == b'0' || byte == b'.') && !dice.one_in(20) {
        "17.25".to_owned()
    } else {
        number
    }
}

fn signed(dice: &mut Dice) -> String {
    let sign = if dice.one_in(2) { "-" } else { "" };
    format!("{sign}{}", number(dice))
}

/// A time with so many digits, or now and then another number of them.
fn time(dice: &mut Dice, count: usize) -> String {
    let first = if dice.one_in(40) { dice.below(10) } else { 1 };
    let count = if dice.one_in(60) { dice.below(20) } else { count - 1 };
    format!("{first}{}", digits(dice, count))
}

fn symbol(dice: &mut Dice) -> &'static str {
    let spellings = if dice.one_in(8) { &SPELLINGS[..] } else { &SPELLINGS[..6] };
    dice.pick::<&str>(spellings)
}

/// How many levels or bars a list has.
fn count(dice: &mut Dice) -> usize {
    match dice.below(60) {
        0 => 0,
        1 => 510 + dice.below(5),
        2 => 12 + dice.below(100),
        _ => 1 + dice.below(6),
    }
}

/// A whole message of a shape.
pub(crate) fn message(dice: &mut Dice, shape: (VenueKind, &str)) -> Vec<u8> {
    let text = match shape {
        (VenueKind::Ziario, _) => format!(
            r#"{{"type":"ticker","symbol":"{}","price":"{}","change_24h":"{}","volume_24h":"{}","timestamp":{}}}"#,
            symbol(dice),
            price(dice),
            signed(dice),
            number(dice),
            time(dice, 10)
        ),
        (VenueKind::Itick, kind) => itick(dice, kind),
        (VenueKind::Infoway, kind) => infoway(dice, kind),
    };
    text.into_bytes()
}

fn itick(dice: &mut Dice, kind: &str) -> String {
    let symbol = symbol(dice);
    let body = match kind {
        "quote" | "quote_with_day" => {
            let day = if kind == "quote" {
                String::new()
            } else {
                format!(r#""o":{},"h":{},"l":{},"#, price(dice), price(dice), price(dice))
            };
            let (last, stamp, status) = (price(dice), time(dice, 13), dice.below(10));
            let (volume, turnover) = (number(dice), number(dice));
            format!(r#""ld":{last},{day}"t":{stamp},"v":{volume},"tu":{turnover},"ts":{status},"type":"quote""#)
        }
        "tick" => format!(r#""ld":{},"v":{},"t":{},"type":"tick""#, price(dice), number(dice), time(dice, 13)),
        "bar" => {
            let number = if dice.one_in(9) { dice.below(120) } else { 1 + dice.below(10) };
            let bar = bar(dice, number);
            let head = if dice.one_in(2) { r#""code":0,"msg":null"# } else { r#""code":1"# };
            return format!(r#"{{{head},"data":{{"s":"{symbol}",{bar}}}}}"#);
        }
        _ => {
            let stamp = format!(r#""t":{}"#, time(dice, 13));
            let (asks, bids) = (rows(dice), rows(dice));
            match kind {
                "depth" => format!(r#""a":[{asks}],"b":[{bids}],"type":"depth""#),
                "depth_time_first" => format!(r#"{stamp},"a":[{asks}],"b":[{bids}],"type":"depth""#),
                _ => format!(r#""a":[{asks}],"b":[{bids}],{stamp},"type":"depth""#),
            }
        }
    };
    format!(r#"{{"code":1,"data":{{"s":"{symbol}",{body}}}}}"#)
}

fn bar(dice: &mut Dice, number: usize) -> String {
    let (turnover, close, stamp, volume) = (self::number(dice), price(dice), time(dice, 13), self::number(dice));
    let (high, low, open) = (price(dice), price(dice), price(dice));
    format!(
        r#""t":{number},"k":{{"tu":{turnover},"c":{close},"t":{stamp},"v":{volume},"h":{high},"l":{low},"o":{open}}}"#
    )
}

fn rows(dice: &mut Dice) -> String {
    let mut text = String::new();
    let without_orders = dice.one_in(6);
    for at in 1..=count(dice) {
        let (price, size) = (price(dice), number(dice));
        let orders = match dice.below(6) {
            _ if without_orders => String::new(),
            0 => format!(r#","o":{}"#, number(dice)),
            _ => format!(r#","o":{size}"#),
        };
        let comma = if at == 1 { "" } else { "," };
        let at = if dice.one_in(200) { number(dice) } else { at.to_string() };
        write!(text, r#"{comma}{{"po":{at},"p":{price},"v":{size}{orders}}}"#).unwrap();
    }
    text
}

fn infoway(dice: &mut Dice, kind: &str) -> String {
    let (symbol, bare) = (symbol(dice), kind.starts_with("bare_"));
    let (code, body) = match kind.trim_start_matches("bare_") {
        "trade" => {
            let (stamp, taker) = (time(dice, 13), dice.below(10));
            let (price, size, turnover) = (price(dice), number(dice), number(dice));
            (10002, format!(r#""t":{stamp},"p":"{price}","v":"{size}","vw":"{turnover}","td":{taker}"#))
        }
        "depth" => {
            let stamp = time(dice, 13);
            let (asks, bids) = (columns(dice), columns(dice));
            (10005, format!(r#""t":{stamp},"a":{asks},"b":{bids}"#))
        }
        kind => {
            let number = if dice.one_in(9) { dice.below(130) } else { 1 + dice.below(12) };
            let quote = if dice.one_in(2) { "\"" } else { "" };
            let stamp = time(dice, 10);
            let (high, open, low, close) = (price(dice), price(dice), price(dice), price(dice));
            let (volume, turnover) = (self::number(dice), self::number(dice));
            let (percent, change) = (signed(dice), signed(dice));
            let (first, last) = match kind {
                "bar" => (format!(r#""ty":{number},"#), String::new()),
                _ => (String::new(), format!(r#","ty":{number}"#)),
            };
            (
                10008,
                format!(
                    r#"{first}"t":{quote}{stamp}{quote},"h":"{high}","o":"{open}","l":"{low}","c":"{close}","v":"{volume}","vw":"{turnover}","pfr":"{percent}%","pca":"{change}"{last}"#
                ),
            )
        }
    };
    if bare {
        return format!(r#"{{"s":"{symbol}",{body}}}"#);
    }
    // The number now and then says something else than the fields do.
    let code = if dice.one_in(40) { *dice.pick(&[10001, 10002, 10005, 10008, 401]) } else { code };
    format!(r#"{{"code":{code},"data":{{"s":"{symbol}",{body}}}}}"#)
}

fn columns(dice: &mut Dice) -> String {
    let levels = count(dice);
    let sizes = if dice.one_in(40) { count(dice) } else { levels };
    let list = |dice: &mut Dice, count: usize, number: fn(&mut Dice) -> String| {
        let all: Vec<_> = (0..count).map(|_| format!("\"{}\"", number(dice))).collect();
        all.join(",")
    };
    format!("[[{}],[{}]]", list(dice, levels, price), list(dice, sizes, number))
}

/// Texts that make trouble, or mean the same in another form.
const TROUBLE: [&str; 24] = [
    " ",
    "\n",
    ", ",
    ": ",
    "0",
    "9",
    ".",
    "-",
    "e5",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "\\u0030",
    "\"s\":\"BTCUSDT\",",
    "\"p\":1,",
    "\"type\":\"quote\",",
    "{},",
    "[[\"1\"],[\"2\"]]",
    "\u{e9}",
];

/// Does something to a message: a byte, a cut, a text put in or taken out, two members exchanged, a number changed.
pub(crate) fn spoil(dice: &mut Dice, message: &mut Vec<u8>) {
    if message.is_empty() {
        message.push(b'{');
    }
    let at = dice.below(message.len());
    match dice.below(9) {
        0 => message[at] = u8::try_from(dice.below(256)).unwrap(),
        1 => message.truncate(at + 1),
        2 => drop(message.drain(at..(at + 1 + dice.below(12)).min(message.len()))),
        3 | 4 => drop(message.splice(at..at, dice.pick(&TROUBLE).bytes())),
        5 => exchange(dice, message),
        6 => {
            let end = (at + dice.below(30)).min(message.len());
            let part = message[at..end].to_vec();
            drop(message.splice(at..at, part));
        }
        7 => message.push(*dice.pick(b" \n}],0\0x")),
        _ => {
            let Some(start) = message.iter().skip(at).position(u8::is_ascii_digit).map(|ahead| at + ahead) else {
                return;
            };
            let end = message[start..].iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.'));
            let end = end.map_or(message.len(), |length| start + length);
            drop(message.splice(start..end, number(dice).into_bytes()));
        }
    }
}

/// Exchanges two neighbouring members of an object, which changes no meaning where they are plain.
fn exchange(dice: &mut Dice, message: &mut [u8]) {
    let commas: Vec<_> = message.windows(2).enumerate().filter(|(_, pair)| *pair == b",\"").map(|(at, _)| at).collect();
    if commas.len() < 3 {
        return;
    }
    let first = dice.below(commas.len() - 2);
    let (a, b, c) = (commas[first], commas[first + 1], commas[first + 2]);
    message[a..c].rotate_left(b - a);
}
