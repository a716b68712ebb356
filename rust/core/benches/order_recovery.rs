//! How long a start takes: a journal as a router writes it, opened and replayed into the state it stands for.
//!
//! `cargo bench -p ferrofeed-core --bench order_recovery [-- --entries N --rounds N --json]`: the journal is written once (orders that
//! are filled at once, filled in two parts, cancelled, refused), then opened so many times. `read` is reading and checking the entries
//! alone, `recovered` is all that a start does. The file is in the page cache; a disk's own time is not in it.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "orders/gate.rs"]
#[allow(dead_code, reason = "every bench uses a part of it")]
mod gate;

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::journal::{Fsync, Journal, Options, read_all};
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::risk::Limits;
use ferrofeed_core::orders::router::{Config, Request, replay};
use ferrofeed_core::orders::{OrderReport, OrderStatus, Refusal, RefusalKind, Report, RequestKey};
use gate::{Folder, Gate, Sent, coinceres, execution, timed};
use serde_json::json;
use std::path::Path;

/// Live orders while the journal is written.
const AT_ONCE: u64 = 64;

fn options(folder: &Path) -> Options {
    Options { folder: folder.to_path_buf(), fsync: Fsync::Off, segment_bytes: u64::MAX, keep_segments: 1 }
}

/// Writes at least so many entries; gives the state they stand for.
fn write(folder: &Path, entries: u64) -> Ledger {
    let (journal, _) = Journal::open(options(folder), &mut |_| Ok(())).expect("a new journal");
    let mut gate = Gate::new(coinceres(), Box::new(journal), Limits::default());
    while gate.router.journal().map_or(0, |status| status.entries) < entries {
        let sent: Vec<_> = (0..AT_ONCE).map(|_| gate.send()).collect();
        for (number, sent) in sent.iter().enumerate() {
            if number % 8 == 7 {
                let refusal = Refusal { kind: RefusalKind::Other, code: "1012".into(), message: "no funds".into() };
                let client_id = gate.router.client_id(Gate::order(sent)).into();
                gate.report(Report::Refused { request: RequestKey::Number(sent.outgoing.number), client_id, refusal });
            } else {
                let accepted = gate.accepted(sent);
                gate.report(accepted);
            }
        }
        for (number, sent) in sent.iter().enumerate() {
            match number % 8 {
                7 => {}
                // purchase and sale of the same quantity share a fate, so that the position stays where it is
                2 | 3 if sent.quantity > 1 => {
                    gate.report(execution(sent, 0, 1));
                    gate.report(execution(sent, 1, sent.quantity - 1));
                }
                4..=6 => {
                    gate.router.cancel(Gate::order(sent), 1_000_000_000, Stamp::now()).expect("a live order");
                    let asked = gate.router.outgoing(0, Stamp::now()).expect("a cancel");
                    assert!(matches!(asked.request, Request::Cancel(_)), "not a cancel");
                    gate.report(Report::CancelAnswer {
                        request: RequestKey::Number(asked.number),
                        orders: vec![(gate::venue_id(Gate::order(sent)).into(), None)],
                    });
                    gate.report(cancelled(sent));
                }
                _ => gate.report(execution(sent, 0, sent.quantity)),
            }
        }
        gate.router.take_events();
    }
    gate.check();
    gate.router.ledger().clone()
}

/// An order that is gone, with nothing filled.
fn cancelled(sent: &Sent) -> Report {
    Report::Order(OrderReport {
        venue_id: gate::venue_id(Gate::order(sent)).into(),
        client_id: "".into(),
        symbol: "ETH_USDT".into(),
        side: None,
        offset: None,
        order_type: None,
        status: OrderStatus::Cancelled,
        price: None,
        quantity: None,
        filled: Some(Decimal { coef: 0, scale: 0 }),
        average_price: None,
        fee: None,
        created: 0,
        updated: 0,
    })
}

/// One start: ns, entries, the state.
fn recover(folder: &Path) -> (i64, u64, Ledger) {
    let mut ledger = Ledger::new(Config::default().keep);
    let mut entries = 0;
    let spent = timed(|| {
        let mut each = |entry: ferrofeed_core::orders::journal::Entry<'_>| {
            replay(&mut ledger, entry.time, entry.kind, entry.payload).map_err(|error| error.to_string())
        };
        let (_, recovery) = Journal::open(options(folder), &mut each).expect("the journal that was written");
        entries = recovery.entries;
    });
    (spent, entries, ledger)
}

fn number(arguments: &[String], name: &str, default: u64) -> u64 {
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)).map_or(default, |text| text.parse().expect("a number"))
}

fn median(samples: &[i64]) -> i64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = number(&arguments, "--rounds", 5).max(1);
    let folder = Folder::new("recovery");
    let live = write(&folder.0, number(&arguments, "--entries", 1_000_000));
    let bytes: u64 = std::fs::read_dir(&folder.0)
        .expect("the journal's folder")
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|metadata| metadata.len())
        .sum();
    let (mut recovered, mut read, mut entries) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let (spent, found, ledger) = recover(&folder.0);
        assert!(ledger == live, "the journal makes another state than the one there was");
        recovered.push(spent);
        entries = found;
        read.push(timed(|| {
            read_all(&folder.0, false, &mut |_| Ok(())).expect("the journal that was written");
        }));
    }
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{}", json!({"entries": entries, "bytes": bytes, "recovered_ns": recovered, "read_ns": read}));
        return;
    }
    println!("{entries} entries, {bytes} bytes, {rounds} rounds");
    for (what, samples) in [("read", &read), ("recovered", &recovered)] {
        let (best, middle) = (samples.iter().min().copied().unwrap_or(0), median(samples));
        let per_second = entries as f64 / (middle as f64 / 1e9);
        println!(
            "{what:>9}: best {:.3} s, median {:.3} s, {per_second:.0} entries/s",
            best as f64 / 1e9,
            middle as f64 / 1e9
        );
    }
}
