//! One message to one event, by shape: the straight-line readers against the general path.
//!
//! The lines that begin with `best of` are the best of many rounds, the contestants taking turns; criterion's own figures
//! follow. Instructions: `FERROFEED_DECODE=SHAPE:fast|general` (say `itick_depth:fast`) decodes that shape alone, 100,000
//! messages, and nothing else, for `valgrind --tool=callgrind --toggle-collect='*decode_all*'`.
//!
//! The numbers of `varied` streams differ in length from one to the next, as a venue's do; those of `steady` ones do not, and
//! the branch predictor learns them.

#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(missing_docs, reason = "criterion's macros make the main function")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a benchmark of frames that are known to be good"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrofeed_core::clock::{Stamp, monotonic_ns};
use ferrofeed_core::event::Batch;
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, Disposition, Reading, VenueKind};

/// Messages in a stream: more than a branch predictor learns by heart.
const MESSAGES: usize = 1_000;
const ROUNDS: usize = 400;

struct Shape {
    name: &'static str,
    venue: VenueKind,
    messages: Vec<Vec<u8>>,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// A price around 3,034 with two decimals, trailing zeros gone if `varied`.
    fn price(&mut self, varied: bool) -> String {
        let cents = self.below(100);
        if varied { trimmed(format!("3034.{cents:02}")) } else { format!("3034.{:02}", cents / 10 * 10 + 1) }
    }

    /// A size with four decimals, of one to three digits before the point if `varied`.
    fn size(&mut self, varied: bool) -> String {
        let parts = self.below(10_000);
        if !varied {
            return format!("{}.{:03}1", 10 + self.below(90), parts / 10);
        }
        let most = [1, 10, 100, 1_000][usize::try_from(self.below(4)).unwrap()];
        trimmed(format!("{}.{parts:04}", self.below(most)))
    }
}

fn trimmed(number: String) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number }
}

fn itick_quote(dice: &mut Dice, varied: bool) -> String {
    let (price, size, time) = (dice.price(varied), dice.size(varied), 1_731_690_011_321 + dice.below(1_000_000));
    let turnover = dice.below(1_000_000) + 1_000_000;
    format!(
        r#"{{"code":1,"data":{{"s":"ETH_USDT","ld":{price},"t":{time},"v":{size},"tu":1{turnover}.832564,"ts":0,"type":"quote"}}}}"#
    )
}

fn itick_depth(dice: &mut Dice, varied: bool) -> String {
    let mut text = r#"{"code":1,"data":{"s":"ETH_USDT","#.to_owned();
    for side in ["a", "b"] {
        write!(text, "\"{side}\":[").unwrap();
        for number in 1..=5 {
            let (price, size) = (dice.price(varied), dice.size(varied));
            write!(text, r#"{{"po":{number},"p":{price},"v":{size},"o":{size}}}"#).unwrap();
            text.push_str(if number == 5 { "]," } else { "," });
        }
    }
    text.push_str(r#""type":"depth"}}"#);
    text
}

fn infoway_trade(dice: &mut Dice, varied: bool) -> String {
    let (price, size, time) = (dice.price(varied), dice.size(varied), 1_752_883_185_720 + dice.below(1_000_000));
    let (turnover, taker) = (dice.below(100_000), dice.below(3));
    format!(
        r#"{{"code":10002,"data":{{"s":"ETHUSDT","t":{time},"p":"{price}","v":"{size}","vw":"{turnover}.58996","td":{taker}}}}}"#
    )
}

fn infoway_depth(dice: &mut Dice, varied: bool) -> String {
    let time = 1_752_883_185_720 + dice.below(1_000_000);
    let mut text = format!(r#"{{"code":10005,"data":{{"s":"ETHUSDT","t":{time}"#);
    for side in ["a", "b"] {
        let prices: Vec<_> = (0..5).map(|_| dice.price(varied)).collect();
        let sizes: Vec<_> = (0..5).map(|_| dice.size(varied)).collect();
        write!(text, r#","{side}":[["{}"],["{}"]]"#, prices.join("\",\""), sizes.join("\",\"")).unwrap();
    }
    text.push_str("}}");
    text
}

fn ziario_ticker(dice: &mut Dice, varied: bool) -> String {
    let (price, volume, time) = (dice.price(varied), dice.size(varied), 1_701_234_567 + dice.below(1_000_000));
    let change = dice.below(300);
    format!(
        r#"{{"type":"ticker","symbol":"ETHUSDT","price":"{price}","change_24h":"{}.{:02}","volume_24h":"12345{volume}","timestamp":{time}}}"#,
        change / 100,
        change % 100
    )
}

type Make = fn(&mut Dice, bool) -> String;

fn shapes() -> Vec<Shape> {
    let makes: [(&str, &str, VenueKind, Make); 5] = [
        ("itick_quote", "itick_quote_steady", VenueKind::Itick, itick_quote),
        ("itick_depth", "itick_depth_steady", VenueKind::Itick, itick_depth),
        ("infoway_trade", "infoway_trade_steady", VenueKind::Infoway, infoway_trade),
        ("infoway_depth", "infoway_depth_steady", VenueKind::Infoway, infoway_depth),
        ("ziario_ticker", "ziario_ticker_steady", VenueKind::Ziario, ziario_ticker),
    ];
    let shape = |(name, steady, venue, make): (_, _, _, Make)| {
        [(name, true), (steady, false)].map(|(name, varied)| {
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            let messages = (0..MESSAGES).map(|_| make(&mut dice, varied).into_bytes()).collect();
            Shape { name, venue, messages }
        })
    };
    makes.into_iter().flat_map(shape).collect()
}

struct Contestant {
    decoder: AnyDecoder,
    instruments: Instruments,
    batch: Batch,
}

impl Contestant {
    fn new(shape: &Shape, way: &str) -> Self {
        let mut instruments = Instruments::new();
        let scale = Scale::default();
        let add = |raw: &str| Instrument {
            venue: 0,
            symbol: raw.into(),
            raw_symbol: raw.into(),
            price: scale,
            size: scale,
            turnover: scale,
            wanted: true,
        };
        for raw in ["BTC_USDT", "ETH_USDT", "ETHUSDT"] {
            instruments.add(add(raw));
        }
        let decoder = if way == "fast" {
            AnyDecoder::new(shape.venue)
        } else {
            AnyDecoder::reading(shape.venue, Reading::General)
        };
        Self { decoder, instruments, batch: Batch::default() }
    }

    /// Decodes a stream as the reads of a socket would hand it over, a hundred messages at a time.
    #[inline(never)]
    fn decode_all(&mut self, messages: &[Vec<u8>]) {
        for read in messages.chunks(100) {
            self.batch.clear();
            for message in read {
                let mut context = Context {
                    instruments: &mut self.instruments,
                    out: &mut self.batch,
                    venue: 0,
                    epoch: 1,
                    stamp: Stamp { realtime: 1, monotonic: 1 },
                    adopt: false,
                };
                assert_eq!(self.decoder.decode(black_box(message), &mut context), Ok(Disposition::Data));
            }
            black_box(&self.batch);
        }
    }
}

/// Nanoseconds a message of the best round, for each way, the ways taking turns.
fn best(shape: &Shape, ways: &[&str; 2]) -> [f64; 2] {
    let mut contestants = ways.map(|way| Contestant::new(shape, way));
    let mut best = [i64::MAX; 2];
    for _ in 0..ROUNDS {
        for (contestant, best) in contestants.iter_mut().zip(&mut best) {
            let start = monotonic_ns();
            contestant.decode_all(&shape.messages);
            *best = (*best).min(monotonic_ns() - start);
        }
    }
    #[allow(clippy::cast_precision_loss, clippy::float_arithmetic, reason = "a figure for people")]
    best.map(|ns| ns as f64 / MESSAGES as f64)
}

fn main() {
    let shapes = shapes();
    if let Ok(only) = std::env::var("FERROFEED_DECODE") {
        let (name, way) = only.split_once(':').unwrap();
        let shape = shapes.iter().find(|shape| shape.name == name).unwrap();
        let mut contestant = Contestant::new(shape, way);
        for _ in 0..100 {
            contestant.decode_all(&shape.messages);
        }
        return;
    }
    for shape in &shapes {
        let bytes = shape.messages.iter().map(Vec::len).sum::<usize>() / MESSAGES;
        let [fast, general] = best(shape, &["fast", "general"]);
        println!("best of {ROUNDS}: {:22} {bytes:4} B  fast {fast:7.1} ns  general {general:7.1} ns", shape.name);
    }
    if !std::env::args().any(|argument| argument == "--bench") || std::env::args().any(|a| a == "--short") {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decode");
    for shape in &shapes {
        for way in ["fast", "general"] {
            let mut contestant = Contestant::new(shape, way);
            group.throughput(Throughput::Elements(MESSAGES as u64));
            group.bench_function(BenchmarkId::new(shape.name, way), |bencher| {
                bencher.iter(|| contestant.decode_all(&shape.messages));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
