//! The order book against `BTreeMap<i64, i64>` a side, the plain way to write one.
//!
//! `cargo bench -p ferrofeed-core --bench book`: criterion's own figures, then a table of ns an operation and the ratio,
//! each the median of alternating runs. `-- --json` prints the samples as JSON and runs nothing else; `-- --work snapshots|deltas LEVELS`
//! prints the work itself, for peers in other languages (`benches/levels.py`). Real Binance deltas are used where the captures are (see `FERROFEED_CAPTURES`).
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::similar_names,
    reason = "a benchmark"
)]

#[path = "../tests/book_captures/reader.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod reader;

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrofeed_core::book::{Book, BookSide};
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::event::Level;
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Duration;

type Snapshot = (Vec<Level>, Vec<Level>);
type Delta = (BookSide, i64, i64);

/// What both books do here.
trait Target {
    fn replace(&mut self, bids: &[Level], asks: &[Level]);
    fn apply(&mut self, delta: Delta);
    /// The sum of both best prices, so that nothing is optimised away.
    fn top(&self) -> i64;
}

impl Target for Book {
    fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        black_box(Self::replace(self, bids, asks));
    }
    fn apply(&mut self, (side, price, size): Delta) {
        black_box(Self::apply(self, side, price, size));
    }
    fn top(&self) -> i64 {
        let price = |level: Option<Level>| level.map_or(0, |level| level.price);
        price(self.best_bid()) + price(self.best_ask())
    }
}

/// The baseline: two trees.
#[derive(Default)]
struct Tree {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Target for Tree {
    fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        for (map, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            map.clear();
            map.extend(levels.iter().map(|level| (level.price, level.size)));
        }
    }
    fn apply(&mut self, (side, price, size): Delta) {
        let map = match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        };
        if size == 0 {
            black_box(map.remove(&price));
        } else {
            black_box(map.insert(price, size));
        }
    }
    fn top(&self) -> i64 {
        let price = |level: Option<(&i64, &i64)>| level.map_or(0, |(price, _)| *price);
        price(self.bids.last_key_value()) + price(self.asks.first_key_value())
    }
}

/// Work for a book; `operations` counts what one run is divided by.
enum Work {
    Snapshots(Vec<Snapshot>),
    Deltas(Snapshot, Vec<Delta>),
}

impl Work {
    fn operations(&self) -> usize {
        match self {
            Self::Snapshots(all) => all.len(),
            Self::Deltas(_, all) => all.len(),
        }
    }

    /// One run on a fresh book, ns; putting up the first snapshot of a run of deltas is not counted.
    fn run(&self, target: &mut impl Target) -> i64 {
        let start = match self {
            Self::Snapshots(all) => {
                let start = monotonic_ns();
                for (bids, asks) in all {
                    target.replace(bids, asks);
                    black_box(target.top());
                }
                start
            }
            Self::Deltas((bids, asks), all) => {
                target.replace(bids, asks);
                let start = monotonic_ns();
                for &delta in all {
                    target.apply(delta);
                }
                black_box(target.top());
                start
            }
        };
        monotonic_ns() - start
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

/// Snapshots of a market that moves a tick now and then and trades at the top.
fn snapshots(depth: i64) -> Work {
    let mut random = Random(7);
    let mut mid = 6_000_000;
    let mut one = || {
        mid += random.below(3) - 1;
        let mut side = |sign: i64| {
            (1..=depth).map(|tick| Level { price: mid + sign * tick, size: 1 + random.below(1 << 30) }).collect()
        };
        (side(-1), side(1))
    };
    // as many levels altogether, so that deep ones fit into memory
    let count = (100_000 / depth).clamp(20, 2_000);
    Work::Snapshots((0..count).map(|_| one()).collect())
}

/// Deltas near the top of a book of about `depth` levels a side: half within the best 5 ticks, 7 of 8 within the best 20.
fn deltas(depth: i64) -> Work {
    const MID: i64 = 6_000_000;
    let mut random = Random(11);
    let side = |sign: i64| (1..=depth).map(|tick| Level { price: MID + sign * tick, size: 1 }).collect::<Vec<_>>();
    let start = (side(-1), side(1));
    let mut present = [start.0.clone(), start.1.clone()]
        .map(|levels| levels.into_iter().map(|level| level.price).collect::<BTreeSet<_>>());
    let mut one = || {
        let reach = [5, 5, 5, 5, 20, 20, 20, 100][usize::try_from(random.below(8)).expect("small")];
        let tick = 1 + random.below(depth.min(reach));
        let (side, price) =
            if random.below(2) == 0 { (BookSide::Bid, MID - tick) } else { (BookSide::Ask, MID + tick) };
        let set = &mut present[side as usize];
        if set.contains(&price) && random.below(10) < 3 {
            set.remove(&price);
            return (side, price, 0);
        }
        set.insert(price);
        (side, price, 1 + random.below(1 << 30))
    };
    Work::Deltas(start, (0..100_000).map(|_| one()).collect())
}

/// Depths of a book whose growth is measured.
const LEVELS: [i64; 4] = [5, 50, 1_000, 10_000];

/// Runs of both books in turn, ns a run; both must end with the same top.
fn turns(name: &str, work: &Work) -> (Vec<i64>, Vec<i64>) {
    let (mut book, mut tree) = (Book::new(None), Tree::default());
    let found = (0..21).map(|_| (work.run(&mut book), work.run(&mut tree))).unzip();
    assert_eq!(book.top(), tree.top(), "{name}: both did the same");
    found
}

/// What `--work` names.
fn work(kind: &str, levels: i64) -> Work {
    match kind {
        "snapshots" => snapshots(levels),
        "deltas" => deltas(levels),
        other => panic!("no work {other}; there are snapshots and deltas"),
    }
}

/// `--work KIND LEVELS`: one JSON object; levels are `[price, size]`, a delta is `[0 for a bid or 1, price, size]`.
fn print_work(arguments: &[String]) {
    let [kind, levels] = arguments else { panic!("--work snapshots|deltas LEVELS") };
    let rows = |levels: &[Level]| levels.iter().map(|level| vec![level.price, level.size]).collect::<Vec<_>>();
    let both = |(bids, asks): &Snapshot| vec![rows(bids), rows(asks)];
    let made = match work(kind, levels.parse().expect("LEVELS, a number")) {
        Work::Snapshots(all) => serde_json::json!({"snapshots": all.iter().map(both).collect::<Vec<_>>()}),
        Work::Deltas(start, all) => {
            let deltas: Vec<_> = all.iter().map(|(side, price, size)| vec![*side as i64, *price, *size]).collect();
            serde_json::json!({"start": both(&start), "deltas": deltas})
        }
    };
    println!("{made}");
}

/// `--json`: for each kind and depth ns an operation of every run, ours and the tree's, and where the top ended.
fn json() {
    let mut found = Vec::new();
    for kind in ["snapshots", "deltas"] {
        for levels in LEVELS {
            let work = work(kind, levels);
            let (ours, theirs) = turns(kind, &work);
            let each = |runs: Vec<i64>| -> Vec<f64> {
                runs.into_iter().map(|ns| ns as f64 / work.operations() as f64).collect()
            };
            let mut book = Book::new(None);
            work.run(&mut book);
            found.push(serde_json::json!({
                "kind": kind, "levels": levels, "operations": work.operations(), "top": book.top(),
                "ferrofeed": each(ours), "BTreeMap": each(theirs),
            }));
        }
    }
    println!("{}", serde_json::Value::from(found));
}

/// The real deltas of a Binance session.
fn captured(files: &[&str]) -> Option<Work> {
    let folder = reader::folder()?;
    let (mut start, mut all) = (None, Vec::new());
    for line in files.iter().flat_map(|file| reader::lines(&folder.join(file))) {
        let (_, text) = line.split_once(' ').expect("a time, then the frame");
        if text.starts_with("{\"stream\"") && !text.contains("@depth") {
            continue;
        }
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if message["stream"].is_null() {
            start = Some((reader::levels(&message["bids"]), reader::levels(&message["asks"])));
        } else if start.is_some() {
            for (side, key) in [(BookSide::Bid, "b"), (BookSide::Ask, "a")] {
                let levels = reader::levels(&message["data"][key]);
                all.extend(levels.into_iter().map(|level| (side, level.price, level.size)));
            }
        }
    }
    Some(Work::Deltas(start?, all))
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--work") {
        return print_work(&arguments[at + 1..]);
    }
    if arguments.iter().any(|argument| argument == "--json") {
        return json();
    }
    let mut works: Vec<_> =
        [5, 20, 50, 1_000, 10_000].map(|depth| (format!("replace {depth}x{depth}"), snapshots(depth))).into();
    works.extend(LEVELS.map(|depth| (format!("apply, {depth} levels"), deltas(depth))));
    let real = [
        ("apply, Binance spot", vec!["binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz"]),
        ("apply, Binance USD-M", vec!["binance_usdm/btcusdt_20240808.gz"]),
    ];
    for (name, files) in real {
        match captured(&files) {
            Some(work) => works.push((name.to_owned(), work)),
            None => println!("{name}: no captures, left out"),
        }
    }

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (name, work) in &works {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(work.operations() as u64));
        let time = |runs: u64, run: &mut dyn FnMut() -> i64| {
            Duration::from_nanos((0..runs).map(|_| u64::try_from(run()).unwrap_or(0)).sum())
        };
        group.bench_function(BenchmarkId::from_parameter("book"), |bencher| {
            let mut book = Book::new(None);
            bencher.iter_custom(|runs| time(runs, &mut || work.run(&mut book)));
        });
        group.bench_function(BenchmarkId::from_parameter("btreemap"), |bencher| {
            let mut tree = Tree::default();
            bencher.iter_custom(|runs| time(runs, &mut || work.run(&mut tree)));
        });
        group.finish();
    }
    criterion.final_summary();

    println!("\n{:<24}{:>12}{:>12}{:>12}{:>8}", "median of 21, ns/op", "operations", "book", "btreemap", "ratio");
    for (name, work) in &works {
        let (ours, theirs) = turns(name, work);
        let each = |runs: Vec<i64>| median(runs) as f64 / work.operations() as f64;
        let (ours, theirs) = (each(ours), each(theirs));
        println!("{name:<24}{:>12}{ours:>12.1}{theirs:>12.1}{:>8.2}", work.operations(), ours / theirs);
    }
}
