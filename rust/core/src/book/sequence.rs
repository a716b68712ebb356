//! Rules for venues that number their book messages: apply a diff, drop it, or see that something is missing.
//!
//! Pure and tiny: an adapter reads the numbers of a message into [`Ids`], asks [`Sequence::step`], and does what it says.
//! Buffering diffs while a REST snapshot is on its way is the adapter's; which of them to apply then is [`Sequence::align`].

/// How a venue's numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Each message has the number after the last one's: `u = last + 1`. Bybit v5 (`data.u`).
    Contiguous,
    /// Each message names its predecessor: `previous = last`. OKX (`prevSeqId`/`seqId`, where equal numbers are a
    /// keep-alive and a smaller `seqId` is the venue's reset), Binance USD-M (`pu`/`u`; after a REST snapshot the first
    /// diff is the one with `U ≤ lastUpdateId ≤ u`).
    PreviousLink,
    /// Each message covers a range that must touch what is known: `first ≤ last + 1 ≤ u`. Binance spot (`U`/`u`).
    RangeOverlap,
}

/// The numbers of one diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Number of the first change in it.
    pub first: u64,
    /// Number of the last change in it: what the book is at afterwards.
    pub last: u64,
    /// Number its predecessor ended with; only [`Rule::PreviousLink`] reads it.
    pub previous: u64,
}

impl Ids {
    /// A message with one number.
    #[must_use]
    pub const fn single(number: u64) -> Self {
        Self::range(number, number)
    }

    /// A message that covers the changes from `first` to `last`.
    #[must_use]
    pub const fn range(first: u64, last: u64) -> Self {
        Self { first, last, previous: first.saturating_sub(1) }
    }

    /// A message with its own number and its predecessor's.
    #[must_use]
    pub const fn linked(previous: u64, last: u64) -> Self {
        Self { first: previous.saturating_add(1), last, previous }
    }

    /// A message that covers a range and names its predecessor.
    #[must_use]
    pub const fn linked_range(previous: u64, first: u64, last: u64) -> Self {
        Self { first, last, previous }
    }
}

/// What to do with a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Apply it.
    Apply,
    /// It is older than the book: drop it, nothing is wrong.
    Drop,
    /// Something is missing before it (or no snapshot came yet): the book is stale, get a snapshot.
    Gap,
}

/// What buffered diffs and a snapshot make together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// Apply the snapshot, then the buffered diffs from this index on; all of them follow each other. The index is the
    /// number of diffs if the snapshot is newer than all of them.
    Aligned(usize),
    /// The first diff that is not older than the snapshot does not touch it: the snapshot is too old, get another one.
    SnapshotTooOld,
    /// The snapshot fits, but a diff is missing before the one with this index: drop everything before it, get another
    /// snapshot.
    Broken(usize),
}

/// Where one book stands in its venue's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    rule: Rule,
    last: Option<u64>,
    /// No diff was applied since the snapshot.
    at_snapshot: bool,
}

impl Sequence {
    /// Without a snapshot: every step is a gap.
    #[must_use]
    pub const fn new(rule: Rule) -> Self {
        Self { rule, last: None, at_snapshot: false }
    }

    /// The number the book is at; `None` before a snapshot and after a gap.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// A snapshot with this number was applied. Venues that restart their numbers say so with a snapshot too.
    pub const fn start(&mut self, number: u64) {
        self.last = Some(number);
        self.at_snapshot = true;
    }

    /// The book is lost (disconnect, bad checksum): only a snapshot helps.
    pub const fn stop(&mut self) {
        self.last = None;
    }

    /// Judges the next diff. [`Step::Gap`] is final until [`Sequence::start`].
    pub const fn step(&mut self, ids: Ids) -> Step {
        let Some(last) = self.last else { return Step::Gap };
        let step = self.judge(last, ids);
        match step {
            Step::Apply => {
                self.last = Some(ids.last);
                self.at_snapshot = false;
            }
            Step::Drop => {}
            Step::Gap => self.stop(),
        }
        step
    }

    /// Starts at a snapshot and steps through the diffs buffered since before it was asked for, oldest first. Anything but
    /// [`Alignment::Aligned`] leaves the sequence without a snapshot.
    pub fn align(&mut self, snapshot: u64, buffered: &[Ids]) -> Alignment {
        self.start(snapshot);
        let mut from = None;
        for (index, &ids) in buffered.iter().enumerate() {
            match (self.step(ids), from) {
                (Step::Apply, None) => from = Some(index),
                (Step::Apply, Some(_)) | (Step::Drop, _) => {}
                (Step::Gap, None) => return Alignment::SnapshotTooOld,
                (Step::Gap, Some(_)) => return Alignment::Broken(index),
            }
        }
        Alignment::Aligned(from.unwrap_or(buffered.len()))
    }

    const fn judge(&self, last: u64, ids: Ids) -> Step {
        let next = last.saturating_add(1);
        match self.rule {
            Rule::Contiguous if ids.last == next => Step::Apply,
            Rule::RangeOverlap if ids.first <= next && next <= ids.last => Step::Apply,
            // Before "old" is judged: a venue that resets its numbers links to the last one with a smaller one.
            Rule::PreviousLink if ids.previous == last => Step::Apply,
            Rule::PreviousLink if self.at_snapshot && ids.first <= last && last <= ids.last => Step::Apply,
            _ if ids.last <= last => Step::Drop,
            _ => Step::Gap,
        }
    }
}
