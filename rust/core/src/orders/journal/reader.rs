//! Reading: all segments that matter, in order, to the last whole entry.

use super::error::JournalError;
use super::format::{Entry, Found, HEADER, has_entry_behind, read, read_header};
use std::fs;
use std::path::{Path, PathBuf};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries read.
    pub entries: u64,
    /// Number of the last entry, 0: none.
    pub last: u64,
    /// Segments read.
    pub segments: u64,
    /// Bytes of an interrupted write at the end.
    pub torn: u64,
}

/// A segment and where it ends.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    /// Where the last whole entry ends.
    pub(super) end: u64,
    /// The file's length.
    pub(super) length: u64,
}

/// A segment's file name.
pub(super) fn name(number: u64) -> String {
    format!("{number:012}.journal")
}

/// The folder's segments by number.
pub(super) fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(JournalError::io("reading the folder", folder))? {
        let path = entry.map_err(JournalError::io("reading the folder", folder))?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".journal"))
            .filter(|digits| digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads a journal without writing to it, beside a process that does or not: from the newest checkpoint on, or from the oldest
/// segment there is. An entry that is just being written is not there yet.
///
/// # Errors
/// [`JournalError`]: damage that is no interrupted write; `each` refused an entry.
pub fn read_all(
    folder: &Path,
    from_oldest: bool,
    each: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
) -> Result<Recovery, JournalError> {
    let all = segments(folder)?;
    let chosen = if from_oldest { &*all } else { all.last().map(std::slice::from_ref).unwrap_or_default() };
    Ok(read_segments(chosen, each)?.0)
}

/// Reads segments in order. Every segment starts with a checkpoint, so the newest makes the state by itself.
pub(super) fn read_segments(
    all: &[(u64, PathBuf)],
    each: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
) -> Result<(Recovery, Option<Segment>), JournalError> {
    let mut recovery = Recovery::default();
    let mut last = None;
    let count = all.len();
    for (at, (number, path)) in all.iter().enumerate() {
        let is_last = at.saturating_add(1) == count;
        let bytes = fs::read(path).map_err(JournalError::io("reading", path))?;
        let (segment, first) =
            read_header(&bytes).map_err(|found| JournalError::Header { path: path.clone(), found })?;
        if segment != *number {
            return Err(JournalError::Header { path: path.clone(), found: "another segment's number" });
        }
        if recovery.last != 0 && first != recovery.last.saturating_add(1) {
            return Err(JournalError::Header {
                path: path.clone(),
                found: "entries that do not follow the last segment's",
            });
        }
        recovery.last = recovery.last.max(first.saturating_sub(1));
        let mut place = HEADER;
        loop {
            let rest = bytes.get(place..).unwrap_or_default();
            let expected = recovery.last.saturating_add(1);
            match read(rest, expected) {
                Found::Entry(entry, length) => {
                    each(entry).map_err(|why| JournalError::Refused { path: path.clone(), entry: expected, why })?;
                    place = place.saturating_add(length);
                    recovery.last = expected;
                    recovery.entries = recovery.entries.saturating_add(1);
                }
                Found::End => break,
                Found::Bad(_) if is_last && !has_entry_behind(rest, expected) => {
                    let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
                    recovery.torn = u64::try_from(used).unwrap_or(u64::MAX);
                    break;
                }
                Found::Bad(found) => {
                    let offset = u64::try_from(place).unwrap_or(u64::MAX);
                    return Err(JournalError::Damaged { path: path.clone(), offset, entry: expected, found });
                }
            }
        }
        recovery.segments = recovery.segments.saturating_add(1);
        let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        last = Some(Segment { path: path.clone(), number: *number, end: size(place), length: size(bytes.len()) });
    }
    Ok((recovery, last))
}
