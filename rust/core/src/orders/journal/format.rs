//! What lies in the files.
//!
//! A segment is a header of 32 bytes and entries one after the other; behind the last one there is nothing, or zeros (room that was
//! asked for in advance). All numbers are little-endian.
//!
//! ```text
//! header   magic "ffjournl" · version u32 · CRC-32 of the other 28 bytes u32 · segment number u64 · number of its first entry u64
//! entry    length u32 of all that follows the checksum · CRC-32 of it u32 · number u64 · time i64 · kind u8 · payload
//! ```

use crate::clock::Nanos;

pub(super) const MAGIC: [u8; 8] = *b"ffjournl";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 32;
/// Length and checksum.
pub(super) const FRAME: usize = 8;
/// Number, time, kind.
pub(super) const FIXED: usize = 17;
/// Most bytes of a payload.
pub const MOST_PAYLOAD: usize = 16 << 20;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// 1, 2, 3 … over all segments.
    pub number: u64,
    /// When it was written, ns since the Unix epoch.
    pub time: Nanos,
    /// What kind of payload it is; the journal does not look at it.
    pub kind: u8,
    /// The payload.
    pub payload: &'a [u8],
}

/// A segment's header.
pub(super) fn header(segment: u64, first: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    let sum = header_sum(VERSION, segment, first);
    let parts: [&[u8]; 5] =
        [&MAGIC, &VERSION.to_le_bytes(), &sum.to_le_bytes(), &segment.to_le_bytes(), &first.to_le_bytes()];
    for (to, from) in out.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    out
}

fn header_sum(version: u32, segment: u64, first: u64) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&MAGIC);
    sum.update(&version.to_le_bytes());
    sum.update(&segment.to_le_bytes());
    sum.update(&first.to_le_bytes());
    sum.finalize()
}

/// Reads a header: segment number and number of the first entry. A wrong first number would make every entry behind it look
/// like an interrupted write: that is why a header has a checksum of its own.
pub(super) fn read_header(bytes: &[u8]) -> Result<(u64, u64), String> {
    let fields = (word32(bytes, 8), word32(bytes, 12), word64(bytes, 16), word64(bytes, 24));
    let (Some(version), Some(sum), Some(segment), Some(first)) = fields else {
        return Err(format!("{} bytes, a header has {HEADER}", bytes.len()));
    };
    if !bytes.starts_with(&MAGIC) {
        return Err("other bytes".into());
    }
    if sum != header_sum(version, segment, first) {
        return Err("a wrong checksum of the header".into());
    }
    if version != VERSION {
        return Err(format!("version {version}, this program knows version {VERSION}"));
    }
    Ok((segment, first))
}

/// Appends an entry.
pub(super) fn write(number: u64, time: Nanos, kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&time.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
    let body = start.saturating_add(FRAME);
    let sum = crc32fast::hash(out.get(body..).unwrap_or_default());
    let length = u32::try_from(out.len().saturating_sub(body)).unwrap_or(u32::MAX);
    let frame = length.to_le_bytes().into_iter().chain(sum.to_le_bytes());
    for (to, from) in out.iter_mut().skip(start).zip(frame) {
        *to = from;
    }
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An entry, and how many bytes it takes.
    Entry(Entry<'a>, usize),
    /// Nothing any more: the end, or zeros up to it.
    End,
    /// No entry: perhaps an interrupted write.
    Bad(&'static str),
    /// A whole entry that has no business here; no interrupted write leaves such a thing.
    Wrong(&'static str),
}

/// Reads the entry at the start of `bytes`, which go on to the end of the file; `number` is the one it must have.
pub(super) fn read(bytes: &[u8], number: u64) -> Found<'_> {
    let Some(length) = word32(bytes, 0) else {
        return if bytes.iter().all(|byte| *byte == 0) { Found::End } else { Found::Bad("a cut entry") };
    };
    if length == 0 {
        // room asked for in advance is all zeros; the whole of it is looked at, or a hole would hide entries behind it
        return if bytes.iter().all(|byte| *byte == 0) { Found::End } else { Found::Bad("an entry of no length") };
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !(FIXED..=FIXED.saturating_add(MOST_PAYLOAD)).contains(&length) {
        return Found::Bad("an impossible length");
    }
    let end = FRAME.saturating_add(length);
    let Some(body) = bytes.get(FRAME..end) else { return Found::Bad("a cut entry") };
    if word32(bytes, 4) != Some(crc32fast::hash(body)) {
        return Found::Bad("a wrong checksum");
    }
    let (Some(found), Some(time)) = (word64(body, 0), word64(body, 8)) else { return Found::Bad("a cut entry") };
    if found != number {
        return Found::Wrong("an entry with another number");
    }
    let (kind, payload) = (body.get(16).copied().unwrap_or(0), body.get(FIXED..).unwrap_or_default());
    Found::Entry(Entry { number, time: time.cast_signed(), kind, payload }, end)
}

/// Whether a whole entry stands anywhere behind a damaged place: then the damage is no interrupted write.
pub(super) fn has_entry_behind(bytes: &[u8], number: u64) -> bool {
    // numbers only grow by one, and an interrupted write leaves nothing behind it
    (1..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let (Some(length), Some(found)) = (word32(rest, 0), word64(rest, FRAME)) else { return false };
        let plausible =
            usize::try_from(length).is_ok_and(|length| (FIXED..=FIXED.saturating_add(MOST_PAYLOAD)).contains(&length));
        plausible
            && found > number
            && found.saturating_sub(number) < 1 << 32
            && matches!(read(rest, found), Found::Entry(..))
    })
}

fn word32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn word64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}
