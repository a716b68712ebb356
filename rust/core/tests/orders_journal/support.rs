//! Folders, entries, and the format of the files written once more, from `docs/journal.md`.

use ferrofeed_core::clock::Nanos;
use ferrofeed_core::orders::journal::{Entry, Fsync, Journal, JournalError, Options, Recovery, read_all};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const HEADER: usize = 32;

/// A folder of its own, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number:012}.journal"))
    }

    /// The folder with these files and no others.
    pub(crate) fn fill(&self, files: &BTreeMap<String, Vec<u8>>) {
        let _ = fs::remove_dir_all(&self.0);
        fs::create_dir_all(&self.0).unwrap();
        for (name, bytes) in files {
            fs::write(self.0.join(name), bytes).unwrap();
        }
    }

    /// All files but the lock.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(&self.0).unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        });
        files.filter(|(name, _)| name != "lock").collect()
    }

    pub(crate) fn options(&self, fsync: Fsync) -> Options {
        Options { folder: self.0.clone(), fsync, segment_bytes: 1 << 20, keep_segments: 2 }
    }

    /// Opens it and gives what was recovered.
    pub(crate) fn open(&self) -> Result<(Journal, Recovery, Vec<Owned>), JournalError> {
        let mut found = Vec::new();
        let (journal, recovery) = Journal::open(self.options(Fsync::Off), &mut |entry| {
            found.push(entry.into());
            Ok(())
        })?;
        Ok((journal, recovery, found))
    }

    pub(crate) fn read(&self, from_oldest: bool) -> Result<(Recovery, Vec<Owned>), JournalError> {
        let mut found = Vec::new();
        let recovery = read_all(&self.0, from_oldest, &mut |entry| {
            found.push(entry.into());
            Ok(())
        })?;
        Ok((recovery, found))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) number: u64,
    pub(crate) time: Nanos,
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl From<Entry<'_>> for Owned {
    fn from(entry: Entry<'_>) -> Self {
        Self { number: entry.number, time: entry.time, kind: entry.kind, payload: entry.payload.to_vec() }
    }
}

impl Owned {
    /// As on the disk.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = self.number.to_le_bytes().to_vec();
        body.extend(self.time.to_le_bytes());
        body.push(self.kind);
        body.extend(&self.payload);
        let mut out = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        out.extend(crc(&body).to_le_bytes());
        out.extend(body);
        out
    }
}

/// CRC-32 (IEEE 802.3) bit by bit.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

pub(crate) fn header(segment: u64, first: u64) -> Vec<u8> {
    let mut fields = b"ffjournl".to_vec();
    fields.extend(1_u32.to_le_bytes());
    fields.extend(segment.to_le_bytes());
    fields.extend(first.to_le_bytes());
    let sum = crc(&fields).to_le_bytes();
    fields.splice(12..12, sum);
    fields
}

/// A segment of these entries.
pub(crate) fn segment(number: u64, entries: &[Owned]) -> Vec<u8> {
    let mut out = header(number, entries.first().map_or(1, |entry| entry.number));
    out.extend(entries.iter().flat_map(Owned::bytes));
    out
}

/// Entries from a number on, with payloads of these lengths.
pub(crate) fn entries(first: u64, lengths: &[usize]) -> Vec<Owned> {
    (first..)
        .zip(lengths)
        .map(|(number, length)| Owned {
            number,
            time: i64::try_from(number).unwrap() * 1_000 - 2_000,
            kind: u8::try_from(number % 256).unwrap(),
            payload: (0..*length).map(|at| u8::try_from((at * 7 + 1) % 256).unwrap()).collect(),
        })
        .collect()
}

/// The entries come back, and the next append follows the last of them.
#[track_caller]
pub(crate) fn goes_on(folder: &Folder, expected: &[Owned]) -> Recovery {
    let (mut journal, recovery, found) = folder.open().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found, expected);
    let last = expected.last().map_or(0, |entry| entry.number);
    let next = Owned { number: last + 1, time: 5, kind: 200, payload: b"and on".to_vec() };
    assert_eq!(journal.append(5, 200, b"and on").unwrap(), next.number);
    drop(journal);
    let (again, found) = folder.read(false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.torn, 0);
    assert_eq!((found.split_last(), again.last), (Some((&next, expected)), next.number));
    recovery
}
