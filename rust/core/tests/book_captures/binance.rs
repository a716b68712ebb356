//! Binance: diffs buffered while a REST snapshot is on its way, aligned, then linked by their numbers.

use crate::reader::{final_state, levels, lines};
use ferrofeed_core::book::sequence::{Alignment, Ids, Rule, Sequence, Step};
use ferrofeed_core::book::{Book, BookSide, Change};
use ferrofeed_core::event::Level;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

type Top = (Option<Level>, Option<Level>);

/// A book rebuilt from one session's files, and what was counted on the way.
pub(crate) struct Rebuilt {
    book: Book,
    sequence: Sequence,
    buffered: Vec<Value>,
    messages: BTreeMap<String, u64>,
    snapshot: Option<(u64, bool)>,
    dropped: u64,
    applied: u64,
    gaps: u64,
    absent: u64,
    crossed: u64,
    /// Number before and after each diff that was applied, and the top it left.
    tops: Vec<(u64, u64, Top)>,
    tickers: BTreeMap<u64, Top>,
    /// The lowest bid of the snapshot.
    pub(crate) lowest_bid: Option<i64>,
}

impl Rebuilt {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            book: Book::new(None),
            sequence: Sequence::new(rule),
            buffered: Vec::new(),
            messages: BTreeMap::new(),
            snapshot: None,
            dropped: 0,
            applied: 0,
            gaps: 0,
            absent: 0,
            crossed: 0,
            tops: Vec::new(),
            tickers: BTreeMap::new(),
            lowest_bid: None,
        }
    }

    pub(crate) fn read(&mut self, file: &Path) {
        for line in lines(file) {
            let (_, text) = line.split_once(' ').expect("a time, then the frame");
            let message: Value = serde_json::from_str(text).expect("JSON");
            let stream = message["stream"].as_str().and_then(|stream| stream.split_once('@'));
            let Some((_, channel)) = stream else {
                *self.messages.entry("snapshot".to_owned()).or_default() += 1;
                self.take_snapshot(&message);
                continue;
            };
            *self.messages.entry(channel.to_owned()).or_default() += 1;
            let data = &message["data"];
            match (channel, self.snapshot) {
                ("bookTicker", _) => {
                    let best = |price, size| levels(&json!([[data[price], data[size]]])).pop();
                    self.tickers.insert(number(data, "u"), (best("b", "B"), best("a", "A")));
                }
                ("trade", _) => {}
                (_, None) => self.buffered.push(data.clone()),
                (_, Some(_)) => self.take_diff(data),
            }
        }
    }

    fn take_snapshot(&mut self, message: &Value) {
        let (bids, asks) = (levels(&message["bids"]), levels(&message["asks"]));
        let outcome = self.book.replace(&bids, &asks);
        assert!(outcome.resynced() && outcome.changed && outcome.top_changed, "{outcome:?}");
        self.lowest_bid = bids.last().map(|level| level.price);
        let id = number(message, "lastUpdateId");
        let buffered = std::mem::take(&mut self.buffered);
        let all: Vec<Ids> = buffered.iter().map(ids).collect();
        let alignment = self.sequence.clone().align(id, &all);
        self.snapshot = Some((id, matches!(alignment, Alignment::Aligned(from) if from < all.len())));
        self.sequence.start(id);
        for diff in &buffered {
            self.take_diff(diff);
        }
        if let Alignment::Aligned(from) = alignment {
            assert_eq!(from as u64, self.dropped, "alignment and single steps agree");
        }
    }

    fn take_diff(&mut self, diff: &Value) {
        let before = self.sequence.last().expect("a whole book");
        match self.sequence.step(ids(diff)) {
            Step::Apply => {}
            Step::Drop => {
                self.dropped += 1;
                return;
            }
            Step::Gap => {
                self.gaps += 1;
                return;
            }
        }
        self.applied += 1;
        for (side, key) in [(BookSide::Bid, "b"), (BookSide::Ask, "a")] {
            for level in levels(&diff[key]) {
                let change = self.book.apply(side, level.price, level.size);
                self.absent += u64::from(change == Change::Absent);
            }
        }
        self.crossed += u64::from(!self.book.check());
        self.tops.push((before, number(diff, "u"), (self.book.best_bid(), self.book.best_ask())));
    }

    /// The ticker to compare a diff with is the last one of the changes that the diff brought, if there is one; it may
    /// have arrived before the diff or after it. Gives the number of comparisons and the tickers that differ.
    pub(crate) fn compare_tickers(&self) -> (u64, Vec<Top>) {
        let mut checks = 0;
        let mut differing = Vec::new();
        for &(before, last, top) in &self.tops {
            if let Some((_, &ticker)) = self.tickers.range(before + 1..=last).next_back() {
                checks += 1;
                if ticker != top {
                    differing.push(ticker);
                }
            }
        }
        (checks, differing)
    }

    /// Everything counted, in the words of `expected.json`.
    pub(crate) fn report(&self, files: &[&str]) -> Value {
        let (id, aligned) = self.snapshot.expect("a snapshot");
        let (checks, differing) = self.compare_tickers();
        assert!(self.book.is_valid());
        json!({
            "files": files,
            "messages": self.messages.iter().map(|(k, &n)| (k.clone(), n.into())).collect::<Map<_, _>>(),
            "snapshot_lastUpdateId": id,
            "diffs_dropped": self.dropped,
            "first_diff_aligns": aligned,
            "diffs_applied": self.applied,
            "gaps": self.gaps,
            "deletes_of_absent_levels": self.absent,
            "crossed": self.crossed,
            "bbo_checks": checks,
            "bbo_mismatches": differing.len(),
            "last_update_id": self.sequence.last(),
            "final": final_state(&self.book),
        })
    }
}

fn number(message: &Value, key: &str) -> u64 {
    message[key].as_u64().unwrap_or_else(|| panic!("{key} of {message}"))
}

fn ids(diff: &Value) -> Ids {
    let (first, last) = (number(diff, "U"), number(diff, "u"));
    diff["pu"].as_u64().map_or(Ids::range(first, last), |previous| Ids::linked_range(previous, first, last))
}
