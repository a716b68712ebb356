//! What a message costs, layer upon layer, for every venue and channel, in reads of 64 KiB as a socket gives them:
//!
//! * `wire`: frames found and checked, nothing read of them,
//! * `decode`: messages to events, without wire, books, histograms,
//! * `book`: the same, and each book event put into its book,
//! * `pipeline`: a read through [`Connection::received`]: frames, events, books, counters, histograms, no consumer,
//! * `conflate`: the same with a conflating consumer that takes nothing.
//!
//! `cargo bench -p ferrofeed-core --bench pipeline`: criterion's own figures, then a table of ns a message, each the median of
//! runs that take turns. Criterion's unit is one message (`elements`).
//!
//! `... --bench pipeline -- --json [LOAD...]` prints the table's samples as JSON and runs nothing else (`benches/stages.py` reads it).
//!
//! `... --bench pipeline -- --count LAYER LOAD PASSES` does so many passes over a load (`--list-loads`) and nothing else, for
//! `valgrind --tool=callgrind`: two runs of different length, subtracted, give the instructions of a message, on the noisiest machine
//! (`benches/instructions.py` does that).
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "pipeline/load.rs"]
mod load;

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrofeed_core::book::Book;
use ferrofeed_core::clock::{Stamp, monotonic_ns};
use ferrofeed_core::event::{Batch, Kind};
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::pipeline::{Connection, Feed};
use ferrofeed_core::quarantine::Quarantine;
use ferrofeed_core::queue::{Config, Filter, Policy, Queue};
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, Disposition};
use ferrofeed_core::wire::{Limits, Message, Role, WireReader};
use load::Load;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs of the table at the end.
const ROUNDS: usize = 21;
/// Messages that are decoded before the batch is emptied, as after a read.
const READ_MESSAGES: usize = 128;

/// One layer, ready to do passes over one load.
trait Layer {
    /// One pass over the load's messages.
    fn pass(&mut self);
}

struct Wire<'a> {
    stream: &'a [u8],
    reader: WireReader,
    expected: usize,
}

impl Layer for Wire<'_> {
    #[inline(never)]
    fn pass(&mut self) {
        let (mut rest, mut seen) = (self.stream, 0);
        while !rest.is_empty() {
            let n = fill(self.reader.space(), &mut rest);
            self.reader.filled(n);
            while let Ok(Some(message)) = self.reader.next() {
                if let Message::Text(text) = black_box(message) {
                    black_box(text);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, self.expected, "every frame is found");
    }
}

/// Copies as much as fits, in a socket's stead.
fn fill(space: &mut [u8], rest: &mut &[u8]) -> usize {
    let (now, later) = rest.split_at(space.len().min(rest.len()));
    space[..now.len()].copy_from_slice(now);
    *rest = later;
    now.len()
}

struct Decoding<'a> {
    load: &'a Load,
    decoder: AnyDecoder,
    instruments: Instruments,
    batch: Batch,
    /// By instrument; none: events are made and no more.
    books: Vec<Book>,
}

impl Decoding<'_> {
    fn book(&mut self) {
        for event in self.batch.events.iter().filter(|event| event.kind == Kind::Book as u8) {
            let (bids, asks) = self.batch.levels_of(event);
            let book = &mut self.books[usize::try_from(event.instrument).expect("a small number")];
            black_box(book.replace(bids, asks));
            black_box(book.check());
        }
    }
}

impl Layer for Decoding<'_> {
    #[inline(never)]
    fn pass(&mut self) {
        for messages in self.load.messages.chunks(READ_MESSAGES) {
            let stamp = Stamp { realtime: 1, monotonic: 1 };
            for message in messages {
                let mut context = Context {
                    instruments: &mut self.instruments,
                    out: &mut self.batch,
                    venue: 0,
                    epoch: 0,
                    stamp,
                    adopt: false,
                };
                let disposition = self.decoder.decode(black_box(message), &mut context);
                assert_eq!(disposition, Ok(Disposition::Data), "every message is data");
            }
            if !self.books.is_empty() {
                self.book();
            }
            black_box(&self.batch);
            self.batch.clear();
        }
    }
}

struct Whole<'a> {
    stream: &'a [u8],
    expected: u64,
    connection: Connection,
    feed: Feed,
}

impl Layer for Whole<'_> {
    #[inline(never)]
    fn pass(&mut self) {
        let before = self.connection.counters().data.get();
        let (mut rest, mut notices) = (self.stream, Vec::new());
        while !rest.is_empty() {
            let n = fill(self.connection.space(), &mut rest);
            let _ = black_box(self.connection.received(n, Stamp::now(), &mut self.feed, &mut notices));
        }
        assert!(notices.is_empty(), "nothing but data: {notices:?}");
        assert_eq!(self.connection.counters().data.get() - before, self.expected, "every message is data");
    }
}

fn instruments(load: &Load, into: &mut Instruments) {
    for raw in &load.symbols {
        into.add(Instrument {
            venue: 0,
            symbol: raw.as_str().into(),
            raw_symbol: raw.as_str().into(),
            price: Scale::default(),
            size: Scale::default(),
            turnover: Scale::default(),
            wanted: true,
        });
    }
}

const LAYERS: [&str; 5] = ["wire", "decode", "book", "pipeline", "conflate"];

fn layer<'a>(name: &str, load: &'a Load, stream: &'a [u8]) -> Box<dyn Layer + 'a> {
    let expected = load.messages.len();
    match name {
        "wire" => Box::new(Wire { stream, reader: WireReader::new(Role::Client, Limits::default()), expected }),
        "decode" | "book" => {
            let mut known = Instruments::new();
            instruments(load, &mut known);
            let books = if name == "book" { load.symbols.len() } else { 0 };
            Box::new(Decoding {
                load,
                decoder: AnyDecoder::new(load.venue),
                instruments: known,
                batch: Batch::default(),
                books: (0..books).map(|_| Book::new(None)).collect(),
            })
        }
        "pipeline" | "conflate" => {
            let mut feed = Feed::new();
            instruments(load, &mut feed.instruments);
            if name == "conflate" {
                let policy = Policy::Conflate;
                let config = Config { capacity_events: 65_536, policy, filter: Filter::default() };
                feed.add_queue(Arc::new(Queue::new(config)));
            }
            let quarantine = Arc::new(Mutex::new(Quarantine::new(8, 64, 512)));
            let mut connection = Connection::new(0, Some(load.venue), Limits::default(), quarantine);
            let _ = connection.connected(&mut feed);
            Box::new(Whole { stream, expected: expected as u64, connection, feed })
        }
        other => panic!("no layer {other}; there are {LAYERS:?}"),
    }
}

/// `--count LAYER LOAD PASSES`: just the passes.
fn count(arguments: &[String]) {
    let [name, wanted, passes] = arguments else { panic!("--count LAYER LOAD PASSES") };
    let load = load::one(wanted).expect("a load of --list-loads");
    let stream = load.stream();
    let mut layer = layer(name, &load, &stream);
    for _ in 0..passes.parse::<usize>().expect("PASSES, a number") {
        layer.pass();
    }
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// For each layer of a load the times of whole passes, ns; the layers take turns.
fn times(load: &Load) -> Vec<(&'static str, Vec<i64>)> {
    let stream = load.stream();
    let mut layers: Vec<_> = LAYERS.iter().map(|name| (*name, layer(name, load, &stream), Vec::new())).collect();
    for _ in 0..ROUNDS {
        for (_, layer, times) in &mut layers {
            let start = monotonic_ns();
            layer.pass();
            times.push(monotonic_ns() - start);
        }
    }
    layers.into_iter().map(|(name, _, times)| (name, times)).collect()
}

fn table(loads: &[Load]) {
    print!("\n{:<20}{:>8}", format!("ns/message, of {ROUNDS}"), "bytes");
    for name in LAYERS {
        print!("{name:>10}");
    }
    println!();
    for load in loads {
        print!("{:<20}{:>8}", load.name, load.bytes());
        for (_, times) in times(load) {
            print!("{:>10.1}", median(times) as f64 / load.messages.len() as f64);
        }
        println!();
    }
}

/// One object a load: its name, bytes, and ns a message of every pass, by layer.
fn json(loads: &[Load]) {
    let found: Vec<_> = loads
        .iter()
        .map(|load| {
            let layers: serde_json::Map<_, _> = times(load)
                .into_iter()
                .map(|(name, times)| {
                    let each: Vec<_> = times.into_iter().map(|ns| ns as f64 / load.messages.len() as f64).collect();
                    (name.to_owned(), each.into())
                })
                .collect();
            serde_json::json!({"load": load.name, "bytes": load.bytes(), "layers": layers})
        })
        .collect();
    println!("{}", serde_json::Value::from(found));
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--count") {
        return count(&arguments[at + 1..]);
    }
    if arguments.iter().any(|argument| argument == "--list-loads") {
        for name in load::names() {
            println!("{name}");
        }
        return;
    }
    if let Some(at) = arguments.iter().position(|argument| argument == "--json") {
        let wanted = &arguments[at + 1..];
        let names = load::names().filter(|name| wanted.is_empty() || wanted.iter().any(|one| one == name));
        let loads: Vec<_> = names.map(|name| load::one(name).expect("a known name")).collect();
        return json(&loads);
    }
    let loads = load::all();
    if arguments.iter().any(|argument| argument == "--table") {
        return table(&loads);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    for load in &loads {
        let stream = load.stream();
        let mut group = criterion.benchmark_group(load.name);
        group.throughput(Throughput::Elements(load.messages.len() as u64));
        for name in LAYERS {
            let mut layer = layer(name, load, &stream);
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(|| layer.pass()));
        }
        group.finish();
    }
    criterion.final_summary();
    table(&loads);
}
