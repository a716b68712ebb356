//! The quarantine: the first few rejected messages of every kind, for a human to look at later.
//!
//! Bounded in every direction: so many messages for each (venue, reason), so many in all, so many bytes of each. What is
//! not kept is counted. Once nothing more will be kept, [`Quarantine::put`] allocates nothing.
//!
//! Secrets are taken out **before** a message is cut to size, so that no half of one is left at the cut. An occurrence is
//! found in the clear and in any JSON spelling (`\/`, `\u0041`, surrogate pairs), and also when the message itself ends
//! within it.

use crate::clock::Nanos;
use crate::sign::Secret;
use core::fmt::{self, Write as _};

/// What stands where a secret stood.
pub const REDACTED: &[u8] = b"***";

/// Kinds of rejection counted apart; later ones are counted in the total only.
const MAX_TALLIES: usize = 1_024;

/// This much of a secret at the very end of a message counts as the secret, cut off.
const MIN_CUT_SECRET: usize = 4;

/// A message kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index of the venue connection.
    pub venue: u16,
    /// Why it was rejected, as in the metrics.
    pub reason: &'static str,
    /// Byte offset of the trouble in the message **as received** (redaction moves what follows it).
    pub detail_at: usize,
    /// Realtime stamp of the socket read, ns since the Unix epoch.
    pub ts_recv: Nanos,
    /// Length of the message as received, bytes.
    pub length: usize,
    /// The message: secrets replaced by `***`, then cut to the store's limit.
    pub message: Box<[u8]>,
    /// Whether something was cut off at the end.
    pub truncated: bool,
}

impl Entry {
    /// The message, fit for a terminal or a log.
    #[must_use]
    pub fn printable(&self) -> Printable<'_> {
        Printable(&self.message)
    }
}

/// How often a reason occurred on a venue connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Index of the venue connection.
    pub venue: u16,
    /// The reason.
    pub reason: &'static str,
    /// Messages rejected.
    pub seen: u64,
    /// Messages kept of them; the others were only counted.
    pub kept: u64,
}

/// Bounded store of rejected messages.
#[derive(Debug)]
pub struct Quarantine {
    max_per_reason: usize,
    max_total: usize,
    max_bytes: usize,
    entries: Vec<Entry>,
    tallies: Vec<Tally>,
    seen: u64,
}

impl Quarantine {
    /// Keeps at most so many messages of each (venue, reason), so many in all, and so many bytes of each.
    #[must_use]
    pub fn new(max_per_reason: usize, max_total: usize, max_bytes_per_message: usize) -> Self {
        Self {
            max_per_reason,
            max_total,
            max_bytes: max_bytes_per_message,
            entries: Vec::new(),
            tallies: Vec::with_capacity(MAX_TALLIES),
            seen: 0,
        }
    }

    /// Counts a rejected message, and keeps it if there is room. `detail_at` is the byte offset of the trouble; every
    /// occurrence of one of the secrets is replaced. Returns whether it was kept.
    pub fn put(
        &mut self,
        venue: u16,
        reason: &'static str,
        detail_at: usize,
        ts_recv: Nanos,
        message: &[u8],
        secrets: &[Secret],
    ) -> bool {
        self.seen = self.seen.saturating_add(1);
        let (max_per_reason, has_room) = (self.max_per_reason, self.entries.len() < self.max_total);
        let Some(tally) = self.tally(venue, reason) else { return false };
        tally.seen = tally.seen.saturating_add(1);
        if !has_room || usize::try_from(tally.kept).map_or(true, |kept| kept >= max_per_reason) {
            return false;
        }
        tally.kept = tally.kept.saturating_add(1);
        let (redacted, truncated) = redact(message, secrets, self.max_bytes);
        let length = message.len();
        self.entries.push(Entry { venue, reason, detail_at, ts_recv, length, message: redacted.into(), truncated });
        true
    }

    /// The messages kept, in the order they came.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Counts by (venue, reason), in the order of their first message.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// All messages rejected.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Messages that were counted and not kept.
    #[must_use]
    pub fn not_kept(&self) -> u64 {
        self.seen.saturating_sub(self.entries.len() as u64)
    }

    /// Forgets the messages (the counts stay), so that the next ones are kept again.
    pub fn clear(&mut self) {
        self.entries.clear();
        for tally in &mut self.tallies {
            tally.kept = 0;
        }
    }

    fn tally(&mut self, venue: u16, reason: &'static str) -> Option<&mut Tally> {
        let known = self.tallies.iter().position(|tally| tally.venue == venue && tally.reason == reason);
        let at = known.unwrap_or(self.tallies.len());
        if known.is_none() && at < MAX_TALLIES {
            self.tallies.push(Tally { venue, reason, seen: 0, kept: 0 });
        }
        self.tallies.get_mut(at)
    }
}

/// Replaces the secrets in a message and cuts the result to `max` bytes. The flag says whether something was cut off.
pub(crate) fn redact(message: &[u8], secrets: &[Secret], max: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(message.len().min(max));
    let mut at = 0;
    while let Some(&byte) = message.get(at) {
        // Overlapping occurrences are one: what is left of the second must not show behind the first.
        let (mut probe, mut end) = (at, secret_end(message, at, secrets));
        while probe < end {
            probe = probe.saturating_add(1);
            end = end.max(secret_end(message, probe, secrets));
        }
        let (piece, next) =
            if end > at { (REDACTED, end) } else { (core::slice::from_ref(&byte), at.saturating_add(1)) };
        let room = max.saturating_sub(out.len());
        out.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if piece.len() > room {
            return (out, true);
        }
        at = next;
    }
    (out, false)
}

/// Where the longest occurrence of a secret that begins here ends; `at` itself if none does.
fn secret_end(message: &[u8], at: usize, secrets: &[Secret]) -> usize {
    let rest = message.get(at..).unwrap_or(&[]);
    let longest = secrets.iter().filter(|secret| !secret.is_empty()).map(|secret| {
        let secret = secret.expose();
        in_the_clear(rest, secret).max(in_json(rest, secret))
    });
    at.saturating_add(longest.max().unwrap_or(0))
}

/// Length of the secret if `text` begins with it, or ends within it.
fn in_the_clear(text: &[u8], secret: &[u8]) -> usize {
    let common = text.iter().zip(secret).take_while(|(a, b)| a == b).count();
    let cut_off = common == text.len() && common >= MIN_CUT_SECRET;
    if common == secret.len() || cut_off { common } else { 0 }
}

/// Number of bytes of `text` that spell the secret inside a JSON string.
fn in_json(text: &[u8], secret: &[u8]) -> usize {
    let (mut at, mut left) = (0_usize, secret);
    while !left.is_empty() {
        let rest = text.get(at..).unwrap_or(&[]);
        let matched = secret.len().saturating_sub(left.len());
        if rest.is_empty() {
            return if matched >= MIN_CUT_SECRET { at } else { 0 };
        }
        let Some((unit, length)) = json_unit(rest) else {
            return if is_cut_escape(rest) && matched >= MIN_CUT_SECRET { text.len() } else { 0 };
        };
        let mut utf8 = [0; 4];
        let bytes = match unit {
            Unit::Byte(byte) => {
                utf8[0] = byte;
                utf8.get(..1).unwrap_or(&[])
            }
            Unit::Char(char) => char.encode_utf8(&mut utf8).as_bytes(),
        };
        let Some(after) = left.strip_prefix(bytes) else { return 0 };
        left = after;
        at = at.saturating_add(length);
    }
    at
}

enum Unit {
    Byte(u8),
    Char(char),
}

/// The first byte or escape of the inside of a JSON string, and its length (RFC 8259, section 7).
fn json_unit(text: &[u8]) -> Option<(Unit, usize)> {
    let plain = |byte, length| Some((Unit::Byte(byte), length));
    match *text {
        [b'\\', escape, ..] => match escape {
            b'"' | b'\\' | b'/' => plain(escape, 2),
            b'b' => plain(8, 2),
            b'f' => plain(12, 2),
            b'n' => plain(b'\n', 2),
            b'r' => plain(b'\r', 2),
            b't' => plain(b'\t', 2),
            b'u' => unicode_escape(text),
            _ => None,
        },
        [b'\\'] | [] => None,
        [byte, ..] => plain(byte, 1),
    }
}

fn unicode_escape(text: &[u8]) -> Option<(Unit, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix(b"\\u")?.get(..4)?;
        u16::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    let pair = [first, unit(6).unwrap_or(0)];
    match char::decode_utf16(pair).next()? {
        Ok(char) => Some((Unit::Char(char), if char.len_utf16() == 2 { 12 } else { 6 })),
        Err(_) => None,
    }
}

/// Whether this is an escape that the end of the message cuts in two.
fn is_cut_escape(text: &[u8]) -> bool {
    let last = if text.len() > 6 { text.get(6..).unwrap_or(&[]) } else { text };
    match last.split_first_chunk::<2>() {
        Some((b"\\u", digits)) => digits.len() <= 4 && digits.iter().all(u8::is_ascii_hexdigit),
        Some(_) => false,
        None => last == b"\\",
    }
}

/// Bytes as one line of text that a terminal can show: what is not UTF-8 becomes U+FFFD, what is not printable (control
/// characters, line separators, marks that turn the writing direction) its Rust escape.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                if char.is_control() || is_invisible(char) {
                    write!(f, "{}", char.escape_default())?;
                } else {
                    f.write_char(char)?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Characters that show nothing and can make a line lie about what it holds.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
#[path = "quarantine_tests.rs"]
mod tests;
