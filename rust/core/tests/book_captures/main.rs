//! Books rebuilt from real frames of four exchanges equal what an independent rebuild found, number for number.
//!
//! The captures lie outside the repository; where they are absent the tests say so and pass.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests"
)]

mod binance;
mod bybit;
mod okx;
mod reader;

use ferrofeed_core::book::sequence::Rule;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder of captures and what is expected of them.
fn captures() -> Option<(PathBuf, Map<String, Value>)> {
    let Some(folder) = reader::folder() else {
        eprintln!("SKIPPED: no captures (set FERROFEED_CAPTURES, or put them at ../shared/captures)");
        return None;
    };
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("expected.json");
    match serde_json::from_str(&text).expect("JSON") {
        Value::Object(expected) => Some((folder, expected)),
        other => panic!("expected.json is {other}"),
    }
}

/// The session of these files gives exactly the expected entry; what was rebuilt is handed back for more questions.
fn same_binance(
    name: &str,
    files: &[&str],
    rule: Rule,
    (folder, expected): &(PathBuf, Map<String, Value>),
) -> binance::Rebuilt {
    let mut rebuilt = binance::Rebuilt::new(rule);
    for file in files {
        rebuilt.read(&folder.join(file));
    }
    assert_eq!(rebuilt.report(files), expected[name], "{name}");
    rebuilt
}

/// All expected entries whose names begin with `prefix`, and no others, were rebuilt equal.
fn same_books(prefix: &str, rebuilt: &BTreeMap<String, Value>, expected: &Map<String, Value>) {
    let wanted: BTreeMap<String, Value> = expected
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())))
        .collect();
    assert!(!wanted.is_empty(), "nothing expected of {prefix}");
    assert_eq!(*rebuilt, wanted, "{prefix}");
}

#[test]
fn binance_spot_over_midnight() {
    let Some(captures) = captures() else { return };
    let files = ["binance_spot/btcusdt_20240808.gz", "binance_spot/btcusdt_20240809.gz"];
    let rebuilt = same_binance("binance_spot/btcusdt", &files, Rule::RangeOverlap, &captures);
    // The two tickers that differ show prices below the snapshot's lowest bid, where a book can't know every level.
    let lowest = rebuilt.lowest_bid.expect("a snapshot");
    for (bid, _) in rebuilt.compare_tickers().1 {
        assert!(bid.expect("a bid").price < lowest, "{bid:?} is inside the snapshot's range");
    }
}

#[test]
fn binance_usdm() {
    let Some(captures) = captures() else { return };
    let files = ["binance_usdm/btcusdt_20240808.gz"];
    same_binance("binance_usdm/btcusdt_20240808", &files, Rule::PreviousLink, &captures);
}

#[test]
fn okx_with_every_checksum() {
    let Some((folder, expected)) = captures() else { return };
    same_books("okx/OKX/", &okx::rebuild(&folder.join("okx/OKX.ws.1.0.gz")), &expected);
}

#[test]
fn bybit_linear() {
    let Some((folder, expected)) = captures() else { return };
    same_books("bybit_v5/linear/", &bybit::rebuild(&folder.join("bybit_v5/BYBIT.jsonl.gz")), &expected);
}

#[test]
fn nothing_expected_is_left_out() {
    let Some((_, expected)) = captures() else { return };
    let known = ["_notes", "binance_spot/btcusdt", "binance_usdm/btcusdt_20240808", "okx/OKX/", "bybit_v5/linear/"];
    for name in expected.keys() {
        assert!(known.iter().any(|known| name.starts_with(known)), "{name} is rebuilt by no test");
    }
}
