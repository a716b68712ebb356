//! Frames of every venue and channel: distinct, plausible, the same in every run.

use ferrofeed_core::venue::VenueKind;

/// Distinct messages of a load: more than a branch predictor learns by heart.
pub(crate) const MESSAGES: usize = 4_000;

const SYMBOLS: [(&str, &str); 10] = [
    ("BTC", "USDT"),
    ("ETH", "USDT"),
    ("SOL", "USDT"),
    ("XRP", "USDT"),
    ("ADA", "USDT"),
    ("DOGE", "USDT"),
    ("AVAX", "USDT"),
    ("LINK", "USDT"),
    ("DOT", "USDT"),
    ("LTC", "USDT"),
];

/// What one venue sends on one channel.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) venue: VenueKind,
    /// The symbols as the messages spell them.
    pub(crate) symbols: Vec<String>,
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Load {
    /// All messages as frames of a server, one behind the other.
    pub(crate) fn stream(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for message in &self.messages {
            out.push(0x81);
            if let Ok(short @ 0..=125) = u8::try_from(message.len()) {
                out.push(short);
            } else {
                out.push(126);
                out.extend(u16::try_from(message.len()).expect("a short message").to_be_bytes());
            }
            out.extend_from_slice(message);
        }
        out
    }

    /// Mean bytes of a message.
    pub(crate) fn bytes(&self) -> usize {
        self.messages.iter().map(Vec::len).sum::<usize>() / self.messages.len()
    }
}

/// xorshift64*: seeded, so that every run has the same work.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = i64::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).expect("31 bits");
        high % bound
    }
}

/// `units × 10^-digits` without trailing zeros.
fn fixed(units: i64, digits: usize) -> String {
    let unit = 10_i64.pow(u32::try_from(digits).expect("few"));
    let (whole, rest) = (units / unit, units % unit);
    let tail = format!("{rest:0digits$}");
    match tail.trim_end_matches('0') {
        "" => whole.to_string(),
        tail => format!("{whole}.{tail}"),
    }
}

struct Market {
    mid: i64,
    at: usize,
}

struct Maker {
    random: Random,
    markets: Vec<Market>,
    number: i64,
}

impl Maker {
    fn new() -> Self {
        let mut random = Random(7);
        let markets = (0..SYMBOLS.len()).map(|at| Market { mid: 2_000_000 + random.below(7_000_000), at }).collect();
        Self { random, markets, number: 0 }
    }

    /// The next message's market, its middle price moved by a few ticks of 0.01; and its time, ms.
    fn step(&mut self) -> (usize, i64, i64) {
        let count = i64::try_from(self.markets.len()).expect("few");
        let at = usize::try_from(self.random.below(count)).expect("small");
        let move_by = self.random.below(7) - 3;
        self.number += 1;
        let market = &mut self.markets[at];
        market.mid += move_by;
        (market.at, market.mid, 1_731_690_000_000 + self.number)
    }

    fn size(&mut self) -> String {
        fixed(1 + self.random.below(1 << 30) * 3, 8)
    }

    fn side(&mut self, mid: i64, sign: i64, depth: usize) -> Vec<(String, String)> {
        let mut tick = 0;
        (0..depth)
            .map(|_| {
                tick += 1 + self.random.below(4);
                (fixed(mid + sign * tick, 2), self.size())
            })
            .collect()
    }
}

fn itick_levels(levels: &[(String, String)]) -> String {
    let rows: Vec<String> = levels
        .iter()
        .enumerate()
        .map(|(at, (price, size))| format!(r#"{{"po":{},"p":{price},"v":{size},"o":{size}}}"#, at + 1))
        .collect();
    rows.join(",")
}

fn itick_depth(maker: &mut Maker, depth: usize) -> String {
    let (at, mid, _) = maker.step();
    let (bids, asks) = (maker.side(mid, -1, depth), maker.side(mid, 1, depth));
    let (base, quote) = SYMBOLS[at];
    format!(
        r#"{{"code":1,"data":{{"s":"{base}_{quote}","a":[{}],"b":[{}],"type":"depth"}}}}"#,
        itick_levels(&asks),
        itick_levels(&bids)
    )
}

fn itick_quote(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let (volume, turnover) = (maker.size(), fixed(maker.random.below(1 << 30) * 4_000, 6));
    let ((base, quote), last) = (SYMBOLS[at], fixed(mid, 2));
    format!(
        r#"{{"code":1,"data":{{"s":"{base}_{quote}","ld":{last},"t":{time},"v":{volume},"tu":{turnover},"ts":0,"type":"quote"}}}}"#
    )
}

fn itick_trade(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let ((base, quote), last, size) = (SYMBOLS[at], fixed(mid, 2), maker.size());
    format!(r#"{{"code":1,"data":{{"s":"{base}_{quote}","ld":{last},"v":{size},"t":{time},"type":"tick"}}}}"#)
}

fn itick_bar(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let ((base, quote), volume) = (SYMBOLS[at], maker.size());
    let [open, high, low, close] = [mid - 3, mid + 9, mid - 11, mid].map(|price| fixed(price, 2));
    format!(
        r#"{{"code":0,"msg":null,"data":{{"s":"{base}_{quote}","t":1,"k":{{"tu":157513,"c":{close},"t":{time},"v":{volume},"h":{high},"l":{low},"o":{open}}}}}}}"#
    )
}

fn ziario_ticker(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let ((base, quote), volume) = (SYMBOLS[at], maker.random.below(1 << 30));
    format!(
        r#"{{"type":"ticker","symbol":"{base}{quote}","price":"{}.{:02}","change_24h":"{}.{:02}","volume_24h":"{}.{:02}","timestamp":{}}}"#,
        mid / 100,
        mid % 100,
        maker.random.below(19) - 9,
        maker.random.below(100),
        volume / 100,
        volume % 100,
        time / 1000
    )
}

fn infoway_columns(levels: &[(String, String)]) -> String {
    let column = |pick: fn(&(String, String)) -> &String| {
        levels.iter().map(|level| format!("\"{}\"", pick(level))).collect::<Vec<_>>().join(",")
    };
    format!("[[{}],[{}]]", column(|level| &level.0), column(|level| &level.1))
}

fn infoway_depth(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let (bids, asks) = (maker.side(mid, -1, 5), maker.side(mid, 1, 5));
    let (base, quote) = SYMBOLS[at];
    format!(
        r#"{{"code":10005,"data":{{"s":"{base}{quote}","t":{time},"a":{},"b":{}}}}}"#,
        infoway_columns(&asks),
        infoway_columns(&bids)
    )
}

fn infoway_trade(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let ((base, quote), price, size) = (SYMBOLS[at], fixed(mid, 2), maker.size());
    let (turnover, aggressor) = (maker.size(), maker.random.below(3));
    format!(
        r#"{{"code":10002,"data":{{"s":"{base}{quote}","t":{time},"p":"{price}","v":"{size}","vw":"{turnover}","td":{aggressor}}}}}"#
    )
}

fn infoway_bar(maker: &mut Maker) -> String {
    let (at, mid, time) = maker.step();
    let ((base, quote), volume, turnover) = (SYMBOLS[at], maker.size(), maker.size());
    let [open, high, low, close] = [mid - 3, mid + 9, mid - 11, mid].map(|price| fixed(price, 2));
    format!(
        r#"{{"code":10008,"data":{{"s":"{base}{quote}","t":{},"h":"{high}","o":"{open}","l":"{low}","c":"{close}","v":"{volume}","vw":"{turnover}","pfr":"0.05%","pca":"58.20","ty":1}}}}"#,
        time / 1000
    )
}

/// What a liquid pair brings: books most of all, then trades, quotes now and then.
fn itick_mix(maker: &mut Maker) -> String {
    match maker.random.below(10) {
        0..=4 => itick_depth(maker, 5),
        5..=7 => itick_trade(maker),
        _ => itick_quote(maker),
    }
}

/// A load: its name, its venue, how the venue spells symbols, and what makes a message.
type Shape = (&'static str, VenueKind, &'static str, fn(&mut Maker) -> String);

const SHAPES: [Shape; 10] = [
    ("itick quote", VenueKind::Itick, "_", itick_quote),
    ("itick depth 5x5", VenueKind::Itick, "_", |maker| itick_depth(maker, 5)),
    ("itick depth 20x20", VenueKind::Itick, "_", |maker| itick_depth(maker, 20)),
    ("itick trade", VenueKind::Itick, "_", itick_trade),
    ("itick bar", VenueKind::Itick, "_", itick_bar),
    ("itick mix", VenueKind::Itick, "_", itick_mix),
    ("ziario ticker", VenueKind::Ziario, "", ziario_ticker),
    ("infoway depth 5x5", VenueKind::Infoway, "", infoway_depth),
    ("infoway trade", VenueKind::Infoway, "", infoway_trade),
    ("infoway bar", VenueKind::Infoway, "", infoway_bar),
];

fn make((name, venue, separator, message): Shape) -> Load {
    let mut maker = Maker::new();
    Load {
        name,
        venue,
        symbols: SYMBOLS.iter().map(|(base, quote)| format!("{base}{separator}{quote}")).collect(),
        messages: (0..MESSAGES).map(|_| message(&mut maker).into_bytes()).collect(),
    }
}

/// Every load.
pub(crate) fn all() -> Vec<Load> {
    SHAPES.into_iter().map(make).collect()
}

/// The load of this name.
pub(crate) fn one(name: &str) -> Option<Load> {
    SHAPES.into_iter().find(|shape| shape.0 == name).map(make)
}

/// The loads' names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.into_iter().map(|shape| shape.0)
}
