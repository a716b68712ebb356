//! What an append of 100 bytes costs under each policy, by percentile, and how long a million entries take: read alone, and read
//! and applied to the state of the orders.
//!
//! The lines of percentiles come first; the folder is `$FERROFEED_BENCH_FOLDER`, else the target's own: it matters which disk that
//! is on.
#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "criterion's macros write undocumented functions; a benchmark"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrofeed_core::clock::{Nanos, monotonic_ns};
use ferrofeed_core::orders::journal::{Fsync, Journal, Options, read_all};
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::record::{Changed, Executed, Placed, Record};
use ferrofeed_core::orders::state::Change;
use ferrofeed_core::orders::{Liquidity, Offset, OrderType, Product, Rules, Side, Unit};
use std::hint::black_box;
use std::path::PathBuf;

const ENTRIES: u64 = 1_000_000;

fn folder(name: &str) -> PathBuf {
    let base =
        std::env::var_os("FERROFEED_BENCH_FOLDER").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    let folder = base.join(format!("bench-journal-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn open(folder: PathBuf, fsync: Fsync) -> Journal {
    let options = Options { folder, fsync, segment_bytes: u64::MAX, keep_segments: 1 };
    Journal::open(options, &mut |_| Ok(())).unwrap().0
}

/// Appends one every `pause` ns (0: one after the other), and says how long each took.
fn percentiles(name: &str, fsync: Fsync, count: usize, pause: Nanos) {
    let folder = folder(name);
    let mut journal = open(folder.clone(), fsync);
    let mut took: Vec<Nanos> = Vec::with_capacity(count);
    let mut next = monotonic_ns();
    for _ in 0..count {
        next += pause;
        let mut before = monotonic_ns();
        while before < next {
            std::hint::spin_loop();
            before = monotonic_ns();
        }
        journal.append(1, 1, black_box(&[7; 100])).unwrap();
        took.push(monotonic_ns() - before);
    }
    took.sort_unstable();
    let at = |per_mille: usize| took[(took.len() - 1) * per_mille / 1_000];
    println!(
        "append {name}: p50 {} ns, p99 {} ns, p99.9 {} ns, worst {} ns, of {count}",
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
    drop(journal);
    let _ = std::fs::remove_dir_all(folder);
}

fn rules() -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETHUSDT".into(),
        product: Product::Spot,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale: 2,
        size_scale: 5,
        tick: 1,
        lot: 1,
        min_size: 0,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    }
}

/// The life of an order in four entries: placed, taken, filled by one fill.
fn life(id: u64) -> [Record; 4] {
    let side = if id.is_multiple_of(2) { Side::Buy } else { Side::Sell };
    let (price, quantity) = (200_000, 150_000);
    let changed = |change, filled| {
        Record::Changed(Changed {
            id,
            change,
            venue_id: format!("7{id}").into(),
            filled,
            cost: -1,
            terms: (0, 0),
            reason: "".into(),
        })
    };
    let placed = Placed {
        id,
        desk: 0,
        instrument: 0,
        strategy: 0,
        side,
        order_type: OrderType::Limit,
        offset: Offset::Net,
        unit: Unit::Base,
        price,
        quantity,
        intent: "".into(),
    };
    let fill = Executed {
        id,
        execution_id: format!("e{id}").into(),
        price,
        quantity,
        liquidity: Liquidity::Maker,
        fee: 60_000_000_000_000,
        fee_currency: "USDT".into(),
        time: 1,
    };
    [Record::Placed(placed), changed(Change::Accepted, 0), Record::Executed(fill), changed(Change::Filled, quantity)]
}

/// A journal of [`ENTRIES`] entries of the lives of orders.
fn million() -> PathBuf {
    let folder = folder("million");
    let mut journal = open(folder.clone(), Fsync::Off);
    let mut payload = Vec::new();
    let mut write = |journal: &mut Journal, record: &Record| {
        payload.clear();
        record.write(&mut payload);
        journal.append(1, record.kind(), &payload).unwrap()
    };
    write(&mut journal, &Record::Desk { desk: 0, name: "paper".into() });
    let mut last = write(&mut journal, &Record::Instrument { instrument: 0, desk: 0, rules: rules() });
    for id in 1.. {
        for record in life(id) {
            if last == ENTRIES {
                println!("{ENTRIES} entries: {} bytes", journal.status().bytes);
                return folder;
            }
            last = write(&mut journal, &record);
        }
    }
    folder
}

fn appends(c: &mut Criterion) {
    percentiles("off", Fsync::Off, 500_000, 0);
    percentiles("off_every_50_us", Fsync::Off, 40_000, 50_000);
    percentiles("batched_10_ms", Fsync::Batched { every: 10_000_000 }, 500_000, 0);
    percentiles("batched_10_ms_every_50_us", Fsync::Batched { every: 10_000_000 }, 40_000, 50_000);
    percentiles("always", Fsync::Always, 2_000, 0);

    let folder = folder("append");
    let mut journal = open(folder.clone(), Fsync::Off);
    let mut group = c.benchmark_group("journal");
    // the same file over and over, or the disk would be full
    let entries = [(1, &[7_u8; 100][..]); 4];
    for (name, count) in [("append", 1), ("append_all_of_4", 4)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                if journal.status().bytes > 64 << 20 {
                    journal.rotate(1, &[]).unwrap();
                }
                journal.append_all(1, black_box(&entries[..count]).iter().copied()).unwrap()
            });
        });
    }
    drop(journal);
    let _ = std::fs::remove_dir_all(folder);

    let folder = million();
    group.throughput(Throughput::Elements(ENTRIES)).sample_size(10);
    group.bench_function("read_a_million", |b| {
        b.iter(|| {
            let mut bytes = 0;
            read_all(&folder, false, &mut |entry| {
                bytes += entry.payload.len();
                Ok(())
            })
            .unwrap();
            bytes
        });
    });
    group.bench_function("read_and_apply_a_million", |b| {
        b.iter(|| {
            let mut ledger = Ledger::new(10_000);
            let recovery = read_all(&folder, false, &mut |entry| {
                let record = Record::read(entry.kind, entry.payload).map_err(|error| error.to_string())?;
                ledger.apply(&record, entry.time).map_err(|error| error.to_string())
            });
            assert_eq!(recovery.unwrap().entries, ENTRIES);
            ledger
        });
    });
    group.finish();
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group!(benches, appends);
criterion_main!(benches);
