//! Bybit v5: an in-band snapshot, then deltas whose number `u` grows by one.

use crate::reader::{final_state, levels, lines};
use ferrofeed_core::book::sequence::{Ids, Rule, Sequence, Step};
use ferrofeed_core::book::{Book, BookSide, Change};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

struct Rebuilt {
    book: Book,
    sequence: Sequence,
    snapshots: u64,
    deltas: u64,
    in_sequence: u64,
    absent: u64,
}

impl Default for Rebuilt {
    fn default() -> Self {
        let sequence = Sequence::new(Rule::Contiguous);
        Self { book: Book::new(None), sequence, snapshots: 0, deltas: 0, in_sequence: 0, absent: 0 }
    }
}

impl Rebuilt {
    fn take(&mut self, kind: &str, data: &Value) {
        let number = data["u"].as_u64().expect("a number");
        let (bids, asks) = (levels(&data["b"]), levels(&data["a"]));
        if kind == "snapshot" {
            self.snapshots += 1;
            self.sequence.start(number);
            self.book.replace(&bids, &asks);
        } else {
            self.deltas += 1;
            self.in_sequence += u64::from(self.sequence.step(Ids::single(number)) == Step::Apply);
            for (side, changes) in [(BookSide::Bid, bids), (BookSide::Ask, asks)] {
                for level in changes {
                    let change = self.book.apply(side, level.price, level.size);
                    self.absent += u64::from(change == Change::Absent);
                }
            }
        }
        assert!(self.book.check(), "never crossed");
        assert_eq!([BookSide::Bid, BookSide::Ask].map(|side| self.book.depth(side)), [200, 200], "after {number}");
    }
}

/// All books of the linear connection, by topic, in the words of `expected.json`.
pub(crate) fn rebuild(file: &Path) -> BTreeMap<String, Value> {
    let mut books: BTreeMap<String, Rebuilt> = BTreeMap::new();
    let mut linear = None;
    for line in lines(file) {
        let record: Value = serde_json::from_str(&line).expect("JSON");
        if record["t"] == "connect" && record["addr"].as_str().is_some_and(|addr| addr.ends_with("/linear")) {
            linear = Some(record["conn"].clone());
        }
        // The spot connection has the same topics.
        if record["t"] != "recv" || Some(&record["conn"]) != linear.as_ref() {
            continue;
        }
        let message: Value = serde_json::from_str(record["data"].as_str().expect("text")).expect("JSON");
        if let Some(topic) = message["topic"].as_str()
            && topic.starts_with("orderbook.200.")
        {
            let rebuilt = books.entry(topic.to_owned()).or_default();
            rebuilt.take(message["type"].as_str().expect("a type"), &message["data"]);
        }
    }
    let report = |rebuilt: &Rebuilt| {
        json!({
            "snapshot": rebuilt.snapshots,
            "delta": rebuilt.deltas,
            "u_ok": rebuilt.in_sequence,
            "del_absent": rebuilt.absent,
            "last_u": rebuilt.sequence.last(),
            "final": final_state(&rebuilt.book),
        })
    };
    books.iter().map(|(topic, rebuilt)| (topic.clone(), report(rebuilt))).collect()
}
