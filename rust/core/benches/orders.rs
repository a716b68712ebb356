//! What an order costs inside the router, per order, with the clocks read as in production:
//!
//! * `place`: risk checks, the journal, the state, and the request taken from the outbox, encoded,
//! * `accepted`, `filled`: the venue's report to the record and the new state, the report already decoded,
//! * `accepted text`: the same from the message's bytes.
//!
//! For every venue without a journal, and for one with a journal in a folder of the system's temporary one. 64 orders are on their way
//! at once; each is filled whole before the next 64.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

#[path = "orders/gate.rs"]
mod gate;

use criterion::{BenchmarkId, Criterion};
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::orders::journal::{Fsync, Journal, Options};
use ferrofeed_core::orders::risk::Limits;
use ferrofeed_core::orders::router::{Nowhere, Sink, Speaker};
use gate::{Folder, Gate, Sent, coinceres, every_limit, execution, quantapi, timed, venue_id};
use std::hint::black_box;
use std::time::Duration;

/// Orders on their way at once.
const AT_ONCE: u64 = 64;
/// A second or two is enough, and keeps the journal's file below a gigabyte.
const WARM: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
enum Part {
    Place,
    Accepted,
    AcceptedText,
    Filled,
}

impl Part {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Place, "place"), (Self::Accepted, "accepted"), (Self::Filled, "filled")];
}

/// So many orders, from nothing to filled; gives the ns of one part.
fn round(gate: &mut Gate, orders: u64, part: Part) -> i64 {
    let mut sent: Vec<Sent> = Vec::with_capacity(usize::try_from(orders).unwrap_or(0));
    let place = timed(|| {
        for _ in 0..orders {
            sent.push(black_box(gate.send()));
        }
    });
    let accepted = if matches!(part, Part::AcceptedText) {
        let texts: Vec<String> = sent.iter().map(|sent| accepted_text(gate, sent)).collect();
        timed(|| {
            for text in &texts {
                gate.router.message(0, text.as_bytes(), Stamp::now()).expect("a message that can be read");
            }
        })
    } else {
        let reports: Vec<_> = sent.iter().map(|sent| gate.accepted(sent)).collect();
        timed(|| reports.into_iter().for_each(|report| gate.report(report)))
    };
    let reports: Vec<_> = sent.iter().map(|sent| execution(sent, 0, sent.quantity)).collect();
    let filled = timed(|| reports.into_iter().for_each(|report| gate.report(report)));
    gate.router.take_events();
    match part {
        Part::Place => place,
        Part::Accepted | Part::AcceptedText => accepted,
        Part::Filled => filled,
    }
}

fn accepted_text(gate: &Gate, sent: &Sent) -> String {
    let id = Gate::order(sent);
    let client_id = gate.router.client_id(id);
    format!(
        r#"{{"biz_type":11,"code":"200","data":{{"client_oid":"{client_id}","system_oid":"{}"}},"message":"SUCESS"}}"#,
        venue_id(id)
    )
}

fn measure(criterion: &mut Criterion, name: &str, what: &str, gate: &mut Gate, part: Part) {
    let mut group = criterion.benchmark_group(format!("orders/{what}"));
    group.warm_up_time(WARM).measurement_time(MEASURED);
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|orders| {
            let (mut left, mut spent) = (orders, 0);
            while left > 0 {
                let now = left.min(AT_ONCE);
                spent += round(gate, now, part);
                left -= now;
            }
            Duration::from_nanos(spent as u64)
        });
    });
    group.finish();
    gate.check();
}

fn gate_with(speaker: Speaker, fsync: Option<Fsync>, limits: Limits) -> (Gate, Option<Folder>) {
    let folder = fsync.map(|_| Folder::new("orders"));
    let sink: Box<dyn Sink> = match (&folder, fsync) {
        (Some(folder), Some(fsync)) => {
            let options = Options { folder: folder.0.clone(), fsync, segment_bytes: u64::MAX, keep_segments: 1 };
            Box::new(Journal::open(options, &mut |_| Ok(())).expect("a new journal").0)
        }
        _ => Box::new(Nowhere),
    };
    (Gate::new(speaker, sink, limits), folder)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let speakers = [("paper", Speaker::Paper), ("coinceres", coinceres()), ("quantapi", quantapi())];
    for (name, speaker) in speakers {
        for (part, what) in Part::ALL {
            let (mut gate, _) = gate_with(speaker.clone(), None, Limits::default());
            measure(&mut criterion, name, what, &mut gate, part);
        }
    }
    let (mut gate, _) = gate_with(coinceres(), None, every_limit());
    measure(&mut criterion, "coinceres, every limit", "place", &mut gate, Part::Place);
    let (mut gate, _) = gate_with(coinceres(), None, Limits::default());
    measure(&mut criterion, "coinceres", "accepted text", &mut gate, Part::AcceptedText);
    let policies = [("fsync off", Fsync::Off), ("fsync batched", Fsync::Batched { every: 10_000_000 })];
    for (policy, fsync) in policies {
        for (part, what) in Part::ALL {
            // the journal before its folder
            let (mut gate, folder) = gate_with(coinceres(), Some(fsync), Limits::default());
            measure(&mut criterion, &format!("coinceres, {policy}"), what, &mut gate, part);
            drop(gate);
            drop(folder);
        }
    }
    criterion.final_summary();
}
