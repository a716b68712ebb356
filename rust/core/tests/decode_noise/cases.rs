//! Random valid messages of every venue and channel, with the JSON lines they must give, built from the plain texts of the
//! numbers alone.

use crate::decode_noise::{Dice, Node};
use crate::decode_support::RECEIVED;
use ferrofeed_core::venue::VenueKind;
use std::fmt::Write as _;

/// The only instrument of a case, as the venue spells it and canonically.
pub(crate) const RAW: &str = "ETH_USDT";
const CANONICAL: &str = "ETH/USDT";

/// A message and what must come of it.
pub(crate) struct Case {
    pub(crate) node: Node,
    pub(crate) lines: Vec<String>,
    /// Keys leading from the message to the object with the numbers.
    pub(crate) path: &'static [&'static str],
    /// Its keys that are prices, sizes or turnovers.
    pub(crate) numbers: &'static [&'static str],
    /// Its keys that are times or other integers.
    pub(crate) integers: &'static [&'static str],
    /// Its keys that can't be missing.
    pub(crate) required: &'static [&'static str],
}

/// Every venue and channel.
pub(crate) const CHANNELS: [(VenueKind, &str); 9] = [
    (VenueKind::Ziario, "ticker"),
    (VenueKind::Itick, "quote"),
    (VenueKind::Itick, "tick"),
    (VenueKind::Itick, "depth"),
    (VenueKind::Itick, "bar"),
    (VenueKind::Infoway, "trade"),
    (VenueKind::Infoway, "depth"),
    (VenueKind::Infoway, "bar"),
    (VenueKind::Infoway, "list"),
];

/// A random message of a channel.
pub(crate) fn case(dice: &mut Dice, (venue, channel): (VenueKind, &str)) -> Case {
    match (venue, channel) {
        (VenueKind::Ziario, _) => ziario_ticker(dice),
        (VenueKind::Itick, "quote") => itick_quote(dice),
        (VenueKind::Itick, "tick") => itick_tick(dice),
        (VenueKind::Itick, "depth") => itick_depth(dice),
        (VenueKind::Itick, _) => itick_bar(dice),
        (VenueKind::Infoway, "trade") => infoway_trade(dice),
        (VenueKind::Infoway, "depth") => infoway_depth(dice),
        (VenueKind::Infoway, "bar") => infoway_bar(dice),
        (VenueKind::Infoway, _) => infoway_list(dice),
    }
}

/// Collects a message's members and the line expected of them side by side.
struct Sheet<'d> {
    dice: &'d mut Dice,
    members: Vec<(&'static str, Node)>,
    line: String,
}

impl<'d> Sheet<'d> {
    fn new(dice: &'d mut Dice) -> Self {
        Self { dice, members: Vec::new(), line: String::new() }
    }

    fn says(&mut self, name: &str, json: &str) {
        write!(self.line, r#","{name}":{json}"#).unwrap();
    }

    fn number(&mut self, key: &'static str, plain: &str) {
        self.members.push((key, Node::Number(plain.to_owned())));
    }

    /// A decimal under this key, expected under this name.
    fn decimal(&mut self, key: &'static str, name: &str, integer: usize, fraction: usize) {
        let plain = self.dice.decimal(integer, fraction);
        self.number(key, &plain);
        self.says(name, &format!("\"{plain}\""));
    }

    fn price(&mut self, key: &'static str, name: &str) {
        self.decimal(key, name, 6, 12);
    }

    /// Leaves a key out, or sends it as `null`, now and then.
    fn maybe(&mut self, key: &'static str, write: impl FnOnce(&mut Self)) {
        match self.dice.below(5) {
            0 => {}
            1 => self.members.push((key, Node::Raw("null".to_owned()))),
            _ => write(self),
        }
    }

    fn turnover(&mut self, key: &'static str) {
        self.maybe(key, |sheet| sheet.decimal(key, "turnover", 12, 6));
    }

    fn volume(&mut self, key: &'static str) {
        self.maybe(key, |sheet| sheet.decimal(key, "volume", 9, 9));
    }

    /// A time under this key; what it is in ns.
    fn time(&mut self, key: &'static str, zeros: usize) -> String {
        let plain = (946_684_800 + self.dice.next() % 2_000_000_000).to_string();
        let plain = if zeros == 6 { format!("{plain}{:03}", self.dice.below(1000)) } else { plain };
        self.number(key, &plain);
        format!("{plain}{}", "0".repeat(zeros))
    }

    /// A time that may be missing.
    fn stamp(&mut self, key: &'static str, zeros: usize) -> String {
        let mut stamp = "0".to_owned();
        self.maybe(key, |sheet| stamp = sheet.time(key, zeros));
        stamp
    }

    fn word(&mut self, key: &'static str, text: &str) {
        self.members.push((key, Node::Text(text.to_owned())));
    }

    /// Takes the line out.
    fn finish(&mut self, venue: VenueKind, kind: &str, stamp: &str) -> String {
        let fields = std::mem::take(&mut self.line);
        format!(
            r#"{{"type":"{kind}","venue":"{}","symbol":"{CANONICAL}","raw_symbol":"{RAW}","ts_event":{stamp},"ts_recv":{RECEIVED},"seq":#{fields}}}"#,
            venue.name()
        )
    }
}

fn ziario_ticker(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("type", "ticker");
    sheet.word("symbol", RAW);
    sheet.price("price", "last");
    sheet.volume("volume_24h");
    sheet.maybe("change_24h", |sheet| {
        let plain = sheet.dice.decimal(3, 15);
        let plain = match sheet.dice.below(3) {
            0 => format!("-{plain}"),
            1 => "0".to_owned(),
            _ => plain,
        };
        sheet.number("change_24h", &plain);
        sheet.says("change", &format!("\"{plain}\""));
    });
    let stamp = sheet.stamp("timestamp", 9);
    let line = sheet.finish(VenueKind::Ziario, "quote", &stamp);
    Case {
        node: Node::Object(sheet.members),
        lines: vec![line],
        path: &[],
        numbers: &["price", "volume_24h"],
        integers: &["timestamp"],
        required: &["symbol", "price"],
    }
}

/// Puts an iTick payload into its envelope.
fn itick(members: Vec<(&'static str, Node)>, dice: &mut Dice, line: String) -> Case {
    let code = if dice.one_in(2) { "1" } else { "0" };
    let mut envelope = vec![("code", Node::Number(code.to_owned())), ("data", Node::Object(members))];
    if dice.one_in(2) {
        envelope.push(("msg", Node::Raw("null".to_owned())));
    }
    Case {
        node: Node::Object(envelope),
        lines: vec![line],
        path: &["data"],
        numbers: &[],
        integers: &["t"],
        required: &["s"],
    }
}

fn itick_quote(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("s", RAW);
    sheet.word("type", "quote");
    sheet.price("ld", "last");
    sheet.volume("v");
    sheet.turnover("tu");
    sheet.maybe("o", |sheet| sheet.price("o", "open"));
    sheet.maybe("h", |sheet| sheet.price("h", "high"));
    sheet.maybe("l", |sheet| sheet.price("l", "low"));
    sheet.maybe("ts", |sheet| {
        let status = sheet.dice.below(4).to_string();
        sheet.number("ts", &status);
        sheet.says("status", &status);
    });
    let stamp = sheet.stamp("t", 6);
    let line = sheet.finish(VenueKind::Itick, "quote", &stamp);
    let Sheet { dice, members, .. } = sheet;
    Case {
        numbers: &["ld", "v", "tu", "o", "h", "l"],
        integers: &["t", "ts"],
        required: &["s", "ld"],
        ..itick(members, dice, line)
    }
}

fn itick_tick(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("s", RAW);
    sheet.word("type", "tick");
    sheet.price("ld", "price");
    sheet.decimal("v", "size", 9, 9);
    sheet.says("side", "\"unknown\"");
    sheet.turnover("tu");
    let stamp = sheet.stamp("t", 6);
    let line = sheet.finish(VenueKind::Itick, "trade", &stamp);
    let Sheet { dice, members, .. } = sheet;
    Case { numbers: &["ld", "v", "tu"], required: &["s", "ld", "v"], ..itick(members, dice, line) }
}

/// A side's levels: prices and sizes in plain text.
type Levels = Vec<(String, String)>;

/// Random levels of two sides, at least one in all, and the fields they give.
fn levels(sheet: &mut Sheet<'_>) -> (Levels, Levels) {
    let side = |dice: &mut Dice| -> Levels {
        let count = if dice.one_in(20) { 512 } else { dice.below(8) };
        (0..count)
            .map(|_| (dice.decimal(6, 12), if dice.one_in(9) { "0".to_owned() } else { dice.decimal(9, 9) }))
            .collect()
    };
    let bids = side(sheet.dice);
    let mut asks = side(sheet.dice);
    if bids.is_empty() && asks.is_empty() {
        asks.push(("1".to_owned(), "2".to_owned()));
    }
    let list = |levels: &Levels| {
        let levels: Vec<_> = levels.iter().map(|(price, size)| format!(r#"["{price}","{size}"]"#)).collect();
        format!("[{}]", levels.join(","))
    };
    sheet.says("bids", &list(&bids));
    sheet.says("asks", &list(&asks));
    sheet.says("depth", &bids.len().max(asks.len()).to_string());
    sheet.says("valid", "false");
    sheet.says("action", "\"snapshot\"");
    (bids, asks)
}

fn itick_depth(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("s", RAW);
    sheet.word("type", "depth");
    let (bids, asks) = levels(&mut sheet);
    let rows = |levels: Levels| {
        let row = |(number, (price, size)): (usize, (String, String))| {
            Node::Object(vec![
                ("po", Node::Number((number + 1).to_string())),
                ("p", Node::Number(price)),
                ("v", Node::Number(size)),
                ("o", Node::Raw("true".to_owned())),
            ])
        };
        Node::Array(levels.into_iter().enumerate().map(row).collect())
    };
    sheet.members.push(("a", rows(asks)));
    sheet.members.push(("b", rows(bids)));
    let stamp = sheet.stamp("t", 6);
    let line = sheet.finish(VenueKind::Itick, "book", &stamp);
    let Sheet { dice, members, .. } = sheet;
    Case { required: &["s", "a", "b"], ..itick(members, dice, line) }
}

const INTERVALS: [&str; 12] = ["1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M", "1Q", "1Y"];

/// The four prices, the volume and the turnover of a bar, and its time.
fn candle(sheet: &mut Sheet<'_>, interval: &str, turnover: &'static str, zeros: usize) {
    sheet.says("interval", &format!("\"{interval}\""));
    sheet.price("o", "open");
    sheet.price("h", "high");
    sheet.price("l", "low");
    sheet.price("c", "close");
    sheet.volume("v");
    sheet.turnover(turnover);
    let opened = sheet.time("t", zeros);
    sheet.says("ts_open", &opened);
}

fn itick_bar(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    let number = sheet.dice.below(10) + 1;
    candle(&mut sheet, INTERVALS[number - 1], "tu", 6);
    let line = sheet.finish(VenueKind::Itick, "bar", "0");
    let Sheet { dice, members, .. } = sheet;
    let mut push = vec![("s", Node::Text(RAW.to_owned())), ("k", Node::Object(members))];
    match dice.below(3) {
        0 => {
            push.push(("type", Node::Text(format!("kline@{number}"))));
            push.push(("t", Node::Number("1731660060000".to_owned())));
        }
        1 => {
            push.push(("type", Node::Text("kline".to_owned())));
            push.push(("t", Node::Number(number.to_string())));
        }
        _ => push.push(("t", Node::Number(number.to_string()))),
    }
    Case {
        path: &["data", "k"],
        numbers: &["o", "h", "l", "c", "v", "tu"],
        required: &["o", "h", "l", "c", "t"],
        ..itick(push, dice, line)
    }
}

/// An Infoway payload, bare or wrapped.
fn infoway(members: Vec<(&'static str, Node)>, code: &str, dice: &mut Dice, lines: Vec<String>) -> Case {
    let bare = dice.one_in(2);
    let node = if bare {
        Node::Object(members)
    } else {
        let mut envelope = vec![("code", Node::Number(code.to_owned())), ("data", Node::Object(members))];
        // What stands beside `data` is no part of the push, be it called like its fields.
        for key in ["trace", "s", "t", "a", "p", "respList"] {
            if dice.one_in(5) {
                envelope.push((key, Node::Raw((*dice.pick(&["1", "\"x\"", "{}", "[[1],[2]]"])).to_owned())));
            }
        }
        Node::Object(envelope)
    };
    let path = if bare { &[][..] } else { &["data"][..] };
    Case { node, lines, path, numbers: &[], integers: &["t"], required: &["s"] }
}

fn infoway_trade(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("s", RAW);
    sheet.price("p", "price");
    sheet.decimal("v", "size", 9, 9);
    let side = sheet.dice.below(4);
    if side < 3 {
        sheet.number("td", &side.to_string());
    }
    sheet.says("side", ["\"unknown\"", "\"buy\"", "\"sell\"", "\"unknown\""][side]);
    sheet.turnover("vw");
    let stamp = sheet.stamp("t", 6);
    let line = sheet.finish(VenueKind::Infoway, "trade", &stamp);
    let Sheet { dice, members, .. } = sheet;
    Case {
        numbers: &["p", "v", "vw"],
        integers: &["t", "td"],
        required: &["s"],
        ..infoway(members, "10002", dice, vec![line])
    }
}

fn infoway_depth(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    sheet.word("s", RAW);
    let (bids, asks) = levels(&mut sheet);
    let columns = |levels: Levels| {
        let (prices, sizes): (Vec<_>, Vec<_>) =
            levels.into_iter().map(|(price, size)| (Node::Number(price), Node::Number(size))).unzip();
        Node::Array(vec![Node::Array(prices), Node::Array(sizes)])
    };
    sheet.members.push(("a", columns(asks)));
    sheet.members.push(("b", columns(bids)));
    let stamp = sheet.stamp("t", 6);
    let line = sheet.finish(VenueKind::Infoway, "book", &stamp);
    let Sheet { dice, members, .. } = sheet;
    Case { required: &["s", "a", "b"], ..infoway(members, "10005", dice, vec![line]) }
}

fn infoway_bar(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    let number = sheet.dice.below(12) + 1;
    sheet.word("s", RAW);
    sheet.word("pfr", "0.05%");
    sheet.number("pca", "-1.5");
    sheet.number("ty", &number.to_string());
    candle(&mut sheet, INTERVALS[number - 1], "vw", 9);
    let line = sheet.finish(VenueKind::Infoway, "bar", "0");
    let Sheet { dice, members, .. } = sheet;
    Case {
        numbers: &["o", "h", "l", "c", "v", "vw"],
        integers: &["t", "ty"],
        required: &["s", "o", "h", "l", "c", "t"],
        ..infoway(members, "10008", dice, vec![line])
    }
}

fn infoway_list(dice: &mut Dice) -> Case {
    let mut sheet = Sheet::new(dice);
    let common = sheet.dice.below(13);
    let mut bars = Vec::new();
    let mut lines = Vec::new();
    for _ in 0..=sheet.dice.below(4) {
        let own = sheet.dice.below(13);
        let number = if own > 0 { own } else { common };
        candle(&mut sheet, if number > 0 { INTERVALS[number - 1] } else { "" }, "vw", 9);
        sheet.word("pc", "0.00%");
        if own > 0 {
            sheet.number("ty", &own.to_string());
        }
        bars.push(Node::Object(std::mem::take(&mut sheet.members)));
        lines.push(sheet.finish(VenueKind::Infoway, "bar", "0"));
    }
    sheet.word("s", RAW);
    if common > 0 {
        sheet.number("ty", &common.to_string());
    }
    sheet.members.push(("respList", Node::Array(bars)));
    let Sheet { dice, members, .. } = sheet;
    Case { integers: &["ty"], ..infoway(members, "10008", dice, lines) }
}
