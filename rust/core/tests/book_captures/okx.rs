//! OKX: in-band snapshots and updates, each with a CRC-32 over the best 25 levels of both sides.

use crate::reader::{final_state, levels, lines, texts};
use ferrofeed_core::book::{Book, BookSide};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// One instrument's book and the texts of its levels: the checksum is made of the digits as sent.
#[derive(Default)]
struct Rebuilt {
    book: Book,
    texts: [BTreeMap<i64, String>; 2],
    snapshots: u64,
    updates: u64,
    checksums: u64,
}

impl Rebuilt {
    fn take(&mut self, action: &str, data: &Value) {
        let sides = [(BookSide::Bid, &data["bids"]), (BookSide::Ask, &data["asks"])];
        if action == "snapshot" {
            self.snapshots += 1;
            self.texts = Default::default();
            self.book.replace(&levels(sides[0].1), &levels(sides[1].1));
        } else {
            self.updates += 1;
            for (side, list) in sides {
                for level in levels(list) {
                    self.book.apply(side, level.price, level.size);
                }
            }
        }
        for (side, list) in sides {
            for (level, (price, size)) in levels(list).into_iter().zip(texts(list)) {
                self.texts[side as usize].insert(level.price, format!("{price}:{size}"));
            }
        }
        assert!(self.book.check(), "never crossed");
        let checksum = i32::try_from(data["checksum"].as_i64().expect("a checksum")).expect("32 bits");
        assert_eq!(self.checksum(), checksum, "frame {} of {data}", self.snapshots + self.updates);
        self.checksums += 1;
    }

    /// `bid price:bid size:ask price:ask size:` … of the best 25 levels; a side that ends earlier is left out from there.
    fn checksum(&self) -> i32 {
        let text = |side: BookSide, price: i64| self.texts[side as usize][&price].as_str();
        let mut bids = self.book.bids().take(25);
        let mut asks = self.book.asks().take(25);
        let mut parts = Vec::new();
        for _ in 0..25 {
            parts.extend(bids.next().map(|level| text(BookSide::Bid, level.price)));
            parts.extend(asks.next().map(|level| text(BookSide::Ask, level.price)));
        }
        i32::from_ne_bytes(crc32fast::hash(parts.join(":").as_bytes()).to_ne_bytes())
    }
}

/// All books of a file, by instrument, in the words of `expected.json`.
pub(crate) fn rebuild(file: &Path) -> BTreeMap<String, Value> {
    let mut books: BTreeMap<String, Rebuilt> = BTreeMap::new();
    for line in lines(file) {
        let Some((stamp, text)) = line.split_once(": ") else { continue };
        if stamp.parse::<f64>().is_err() {
            continue; // A frame of the client, or the opening of the connection.
        }
        let message: Value = serde_json::from_str(text).expect("JSON");
        if message["arg"]["channel"] != "books" || message["data"].is_null() {
            continue;
        }
        let instrument = message["arg"]["instId"].as_str().expect("an instrument");
        let rebuilt = books.entry(instrument.to_owned()).or_default();
        for data in message["data"].as_array().expect("a list") {
            rebuilt.take(message["action"].as_str().expect("an action"), data);
        }
    }
    let report = |rebuilt: &Rebuilt| {
        json!({
            "crc_ok": rebuilt.checksums,
            "snapshot": rebuilt.snapshots,
            "update": rebuilt.updates,
            "final": final_state(&rebuilt.book),
        })
    };
    books.iter().map(|(instrument, rebuilt)| (instrument.clone(), report(rebuilt))).collect()
}
