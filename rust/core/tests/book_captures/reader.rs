//! A small reader of the capture folder: files, lines, exact numbers, and the final state in `expected.json`'s words.

use ferrofeed_core::book::Book;
use ferrofeed_core::event::Level;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// Digits after the point that hold every number of the captures.
pub(crate) const SCALE: usize = 8;

/// The folder of captures: `FERROFEED_CAPTURES`, else `../shared/captures` beside the repository, if either is there.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    let folder = std::env::var_os("FERROFEED_CAPTURES").map_or_else(beside, PathBuf::from);
    folder.join("expected.json").is_file().then_some(folder)
}

/// The lines of a gzipped text file.
pub(crate) fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(MultiGzDecoder::new(file)).lines().map(|line| line.expect("a line of UTF-8 text"))
}

/// A plain decimal at [`SCALE`], exactly.
pub(crate) fn scaled(text: &str) -> i64 {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    assert!(fraction.len() <= SCALE, "{text} is finer than {SCALE} digits");
    format!("{integer}{fraction:0<SCALE$}").parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A value at [`SCALE`] as a plain decimal without trailing zeros.
pub(crate) fn plain(value: i64) -> String {
    let digits = format!("{value:0>width$}", width = SCALE + 1);
    let (integer, fraction) = digits.split_at(digits.len() - SCALE);
    format!("{integer}.{fraction}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The two texts of each level of a JSON list `[[price, size, …], …]`.
pub(crate) fn texts(list: &Value) -> impl Iterator<Item = (&str, &str)> {
    list.as_array().expect("a list of levels").iter().map(|level| {
        let text = |at: usize| level[at].as_str().expect("a number in quotes");
        (text(0), text(1))
    })
}

/// The levels of a JSON list `[[price, size, …], …]`.
pub(crate) fn levels(list: &Value) -> Vec<Level> {
    texts(list).map(|(price, size)| Level { price: scaled(price), size: scaled(size) }).collect()
}

/// What `expected.json` says of a final book: counts, best levels, and the CRC-32 of all levels.
pub(crate) fn final_state(book: &Book) -> Value {
    let side = |levels: &mut dyn Iterator<Item = Level>| {
        levels.map(|level| format!("{}:{}", plain(level.price), plain(level.size))).collect::<Vec<_>>().join(",")
    };
    let text = format!("{}|{}", side(&mut book.bids()), side(&mut book.asks()));
    let (bid, ask) = (book.best_bid().expect("a bid"), book.best_ask().expect("an ask"));
    json!({
        "bids": book.bids().len(),
        "asks": book.asks().len(),
        "best_bid": plain(bid.price),
        "best_bid_qty": plain(bid.size),
        "best_ask": plain(ask.price),
        "best_ask_qty": plain(ask.size),
        "crc32": format!("{:08x}", crc32fast::hash(text.as_bytes())),
    })
}
