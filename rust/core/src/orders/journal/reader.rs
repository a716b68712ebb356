//! Reading: all segments that matter, in order, to the last whole entry.

use super::error::JournalError;
use super::format::{Entry, Found, HEADER, has_entry_behind, read, read_header};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
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

/// The segments to be read, all open: a writer may remove the oldest at any time, and an open one stays readable.
fn open(folder: &Path, from_oldest: bool) -> Result<Vec<(u64, PathBuf, File)>, JournalError> {
    let mut gone = None;
    for attempt in 0..64 {
        let all = segments(folder)?;
        let chosen = if from_oldest { &*all } else { all.last().map(std::slice::from_ref).unwrap_or_default() };
        // of files that are made while a folder is listed, a later one may be in the list and an earlier one not
        let has_hole = chosen.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a.saturating_add(1) != *b));
        if has_hole && attempt < 3 {
            continue;
        }
        let opened = chosen.iter().map(|(number, path)| match File::open(path) {
            Ok(file) => Ok((*number, path.clone(), file)),
            Err(error) => Err((path, error)),
        });
        match opened.collect::<Result<Vec<_>, _>>() {
            Ok(opened) => return Ok(opened),
            // removed since it was listed: there are newer ones
            Err((path, error)) if error.kind() == ErrorKind::NotFound => gone = Some((path.clone(), error)),
            Err((path, error)) => return Err(JournalError::io("opening", path)(error)),
        }
    }
    Err(gone.map_or_else(
        || JournalError::Failed("its segments could not be opened".into()),
        |(path, error)| JournalError::io("opening", &path)(error),
    ))
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
    Ok(read_segments(open(folder, from_oldest)?, true, each)?.0)
}

/// Reads the newest segment, which makes the state by itself since every segment starts with a checkpoint.
pub(super) fn read_newest(
    folder: &Path,
    each: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
) -> Result<(Recovery, Option<Segment>), JournalError> {
    read_segments(open(folder, false)?, false, each)
}

/// Reads segments in order. `beside` a writer, the end of the last one may change while it is read.
fn read_segments(
    all: Vec<(u64, PathBuf, File)>,
    beside: bool,
    each: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
) -> Result<(Recovery, Option<Segment>), JournalError> {
    let mut recovery = Recovery::default();
    let mut last = None;
    let count = all.len();
    for (at, (number, path, mut file)) in all.into_iter().enumerate() {
        let is_last = at.saturating_add(1) == count;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(JournalError::io("reading", &path))?;
        let (segment, first) =
            read_header(&bytes).map_err(|found| JournalError::Header { path: path.clone(), found })?;
        if segment != number {
            return Err(JournalError::Header { path, found: format!("the header of segment {segment}") });
        }
        let expected = recovery.last.saturating_add(1);
        if recovery.segments != 0 && first != expected {
            return Err(JournalError::Gap { path, found: first, expected });
        }
        recovery.last = first.saturating_sub(1);
        let mut place = HEADER;
        let mut read_again = None;
        loop {
            let rest = bytes.get(place..).unwrap_or_default();
            let expected = recovery.last.saturating_add(1);
            let found = match read(rest, expected) {
                Found::Entry(entry, length) => {
                    each(entry).map_err(|why| JournalError::Refused { path: path.clone(), entry: expected, why })?;
                    place = place.saturating_add(length);
                    recovery.last = expected;
                    recovery.entries = recovery.entries.saturating_add(1);
                    continue;
                }
                Found::End => break,
                Found::Bad(_) if is_last && !has_entry_behind(rest, expected) => {
                    let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
                    recovery.torn = size(used);
                    break;
                }
                Found::Bad(found) | Found::Wrong(found) => found,
            };
            // beside a writer: an entry is written after the one in front of it, but the file may have been read the other way
            // round at a place that was written to meanwhile; once more, and it is there
            if beside && is_last && read_again != Some(place) {
                read_again = Some(place);
                bytes.truncate(place);
                let again = file.seek(SeekFrom::Start(size(place))).and_then(|_| file.read_to_end(&mut bytes));
                again.map_err(JournalError::io("reading", &path))?;
                continue;
            }
            return Err(JournalError::Damaged { path, offset: size(place), entry: expected, found });
        }
        recovery.segments = recovery.segments.saturating_add(1);
        last = Some(Segment { path, number, end: size(place), length: size(bytes.len()) });
    }
    Ok((recovery, last))
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
