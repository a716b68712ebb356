//! One frame's text to exact numbers: our scanner against `serde_json`, `sonic-rs` and `jiter` doing the same work.
//!
//! Every contestant gives the same structs (checked before anything is timed), with prices and sizes as exact decimals
//! from the number's own text, by our `Decimal::parse` for all. None allocates: levels go into arrays, strings and number
//! texts are borrowed. `sonic_rs_f64` alone does less: its numbers go through floats.

#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(missing_docs, reason = "criterion's macros make the main function")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a benchmark of frames that are known to be good"
)]

#[path = "json/ours.rs"]
mod ours;
#[path = "json/peers.rs"]
mod peers;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::json::Scanner;
use ferrofeed_core::num::{Decimal, fmt_scaled};

/// Price and size, best first.
type Side = [(Decimal, Decimal); 5];

/// What an iTick quote says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Quote<'a> {
    symbol: &'a [u8],
    last: Decimal,
    time: i64,
    volume: Decimal,
    turnover: Decimal,
    status: i64,
}

/// What an iTick or Infoway depth frame says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Depth<'a> {
    symbol: &'a [u8],
    time: i64,
    asks: Side,
    bids: Side,
}

/// What a Ziario ticker says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ticker<'a> {
    symbol: &'a [u8],
    price: Decimal,
    change: Decimal,
    volume: Decimal,
    time: i64,
}

const QUOTE: &[u8] = br#"{"code":1,"data":{"s":"ETH_USDT","ld":3034.01,"t":1731690011321,"v":0.6186,"tu":1876.832564,"ts":0,"type":"quote"}}"#;
const ITICK_DEPTH: &[u8] = br#"{"code":1,"data":{"s":"ETH_USDT","a":[{"po":1,"p":3034.01,"v":10.6023,"o":10.6023},{"po":2,"p":3034.03,"v":0.0017,"o":0.0017},{"po":3,"p":3034.18,"v":0.0017,"o":0.0017},{"po":4,"p":3034.26,"v":0.0018,"o":0.0018},{"po":5,"p":3034.27,"v":0.21,"o":0.21}],"b":[{"po":1,"p":3034,"v":20.9758,"o":20.9758},{"po":2,"p":3033.99,"v":1.8408,"o":1.8408},{"po":3,"p":3033.98,"v":0.003,"o":0.003},{"po":4,"p":3033.97,"v":0.0065,"o":0.0065},{"po":5,"p":3033.94,"v":0.003,"o":0.003}],"type":"depth"}}"#;
const INFOWAY_DEPTH: &[u8] = br#"{"code":10005,"data":{"s":"BTCUSDT","t":1751958003335,"a":[["61837.64","61839.85","61839.86","61845.11","61848.49"],["1.54698","0.32329","0.05041","0.02","12.5"]],"b":[["61837.63","61830.17","61829","61828.5","61828.01"],["0.00137","2","1.25869","0.04627","0.15015"]]}}"#;
const TICKER: &[u8] = br#"{"type":"ticker","symbol":"BTCUSDT","price":"45000.50","change_24h":"2.5","volume_24h":"1234567.89","timestamp":1701234567}"#;

/// Times every contestant on one frame, after all of them have given the same answer.
macro_rules! race {
    ($criterion:expr, $name:literal, $frame:expr, $function:ident, also: [$($extra:path),*]) => {{
        let expected = ours::$function($frame);
        assert_eq!(expected, peers::serde_json::$function($frame), "serde_json");
        assert_eq!(expected, peers::sonic_rs::$function($frame), "sonic-rs");
        assert_eq!(expected, peers::jiter::$function($frame), "jiter");
        let contestants: &[(&str, &dyn Fn())] = &[
            ("ours", &|| { black_box(ours::$function(black_box($frame))); }),
            ("serde_json", &|| { black_box(peers::serde_json::$function(black_box($frame))); }),
            ("sonic_rs", &|| { black_box(peers::sonic_rs::$function(black_box($frame))); }),
            ("jiter", &|| { black_box(peers::jiter::$function(black_box($frame))); }),
            $(("sonic_rs_f64", &|| { black_box($extra(black_box($frame))); }),)*
        ];
        alternate($name, contestants);
        let mut group = $criterion.benchmark_group($name);
        group.throughput(Throughput::Bytes($frame.len() as u64));
        for (name, run) in contestants {
            group.bench_function(BenchmarkId::from_parameter(name), |b| b.iter(run));
        }
        group.finish();
    }};
}

/// The best of many short rounds, the contestants taking turns: what another program does to the machine in the meantime
/// hits all of them, and the best rounds are those it left alone. Ratios hold on a busy machine where means do not.
fn alternate(frame: &str, contestants: &[(&str, &dyn Fn())]) {
    const ROUNDS: usize = 2_000;
    const CALLS: i64 = 100;
    let mut best = vec![i64::MAX; contestants.len()];
    for _ in 0..ROUNDS {
        for ((_, run), best) in contestants.iter().zip(&mut best) {
            let start = monotonic_ns();
            for _ in 0..CALLS {
                run();
            }
            *best = (*best).min(monotonic_ns() - start);
        }
    }
    for ((name, _), nanos) in contestants.iter().zip(&best) {
        let (per_call, ratio) = (nanos / CALLS, 100 * nanos / best[0]);
        println!(
            "best of {ROUNDS}: {frame:<14} {name:<12} {per_call:>5} ns  {}.{:02} x ours",
            ratio / 100,
            ratio % 100
        );
    }
}

fn frames(criterion: &mut Criterion) {
    race!(criterion, "itick_quote", QUOTE, itick_quote, also: [peers::sonic_rs::itick_quote_f64]);
    race!(criterion, "itick_depth", ITICK_DEPTH, itick_depth, also: [peers::sonic_rs::itick_depth_f64]);
    race!(criterion, "infoway_depth", INFOWAY_DEPTH, infoway_depth, also: []);
    race!(criterion, "ziario_ticker", TICKER, ziario_ticker, also: []);
}

/// The pieces by themselves.
fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pieces");
    let texts = ["45000.50", "0.0017", "3034", "1876.832564", "20.9758", "61837.63000000", "0.00000000", "3033.98"];
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("decimal_parse", |b| {
        b.iter(|| texts.map(|text| Decimal::parse(black_box(text.as_bytes())).unwrap()));
    });
    group.bench_function("f64_parse", |b| b.iter(|| texts.map(|text| black_box(text).parse::<f64>().unwrap())));
    let scaled = texts.map(|text| Decimal::parse(text.as_bytes()).unwrap().at_scale(8).unwrap());
    let mut out = Vec::with_capacity(1024);
    group.bench_function("fmt_scaled", |b| {
        b.iter(|| {
            out.clear();
            for value in scaled {
                fmt_scaled(black_box(value), 8, &mut out);
            }
            out.len()
        });
    });
    group.throughput(Throughput::Bytes(ITICK_DEPTH.len() as u64));
    group.bench_function("skip_itick_depth", |b| {
        b.iter(|| Scanner::new(black_box(ITICK_DEPTH)).skip().unwrap().len());
    });
    group.finish();
}

criterion_group!(benches, frames, pieces);
criterion_main!(benches);
