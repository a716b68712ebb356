//! The journal: what was decided, on disk before the wire. Entries of opaque payloads, checked one by one.
//!
//! One folder holds segments, `000000000001.journal` and so on ([`format`](self) of the files: `docs/journal.md`), and a lock file. An
//! append is one `write(2)`: when it returns, the death of this process loses nothing; what a loss of power takes is [`Fsync`]'s
//! matter. Every segment starts with a checkpoint, so the newest one is all that a start needs; older ones are kept for people.
//!
//! Only a write that was interrupted, at the very end of the newest segment, is repaired: it is cut off and kept beside it. Damage
//! anywhere else is an error that says where, and nothing is changed.

mod error;
#[cfg(test)]
mod failure_tests;
mod folder;
mod format;
mod reader;
mod sync;

pub use error::JournalError;
pub use format::{Entry, MOST_PAYLOAD};
pub use reader::{Recovery, read_all};
pub use sync::Fsync;

use crate::clock::Nanos;
use format::{FIXED, FRAME, HEADER, header};
use reader::{Segment, read_newest};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sync::Syncer;

/// Room asked for at once, bytes: a sync need not write a new length then.
const ROOM: u64 = 4 << 20;

/// A buffer that grew beyond this for one append is given back, bytes.
const MOST_BUFFER: usize = 1 << 20;

/// Where and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; it is made if it is not there, for its owner only.
    pub folder: PathBuf,
    /// When what was written is put onto the disk.
    pub fsync: Fsync,
    /// A segment longer than this, and than twice its checkpoint, asks for the next one.
    pub segment_bytes: u64,
    /// Segments kept, the one in use not counted.
    pub keep_segments: usize,
}

/// What a journal shows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of the last entry.
    pub entries: u64,
    /// Bytes of the segment in use.
    pub bytes: u64,
    /// Its number.
    pub segment: u64,
    /// Entries that are not on the disk for certain; always 0 with [`Fsync::Off`], which promises nothing.
    pub unsynced: u64,
    /// When the oldest of them was written, ns since the Unix epoch; 0: there are none.
    pub unsynced_since: Nanos,
    /// A write or a sync failed: nothing is written any more.
    pub failed: bool,
    /// Old segments that could not be removed, at the last rotation.
    pub surplus: u64,
}

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    options: Options,
    file: Arc<File>,
    path: PathBuf,
    segment: u64,
    /// How long the segment was with nothing but its checkpoint; 0: it was begun before this start.
    begun: u64,
    at: u64,
    room: u64,
    last: u64,
    surplus: u64,
    buffer: Vec<u8>,
    failed: Option<String>,
    syncer: Option<Syncer>,
    lock: File,
}

impl Journal {
    /// Opens the journal of a folder for writing: locks it, reads what there is from the newest checkpoint on, repairs an
    /// interrupted write at the end.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(
        options: Options,
        each: &mut dyn FnMut(Entry<'_>) -> Result<(), String>,
    ) -> Result<(Self, Recovery), JournalError> {
        let folder = &options.folder;
        folder::make(folder)?;
        let lock = folder::lock(folder)?;
        folder::remove_drafts(folder)?;
        let (recovery, segment) = read_newest(folder, each)?;
        let segment = if let Some(segment) = segment {
            segment
        } else {
            let (_, path) = folder::new_segment(folder, 1, &header(1, 1))?;
            Segment { path, number: 1, end: HEADER as u64, length: HEADER as u64 }
        };
        if recovery.torn > 0 {
            folder::set_aside(folder, &segment)?;
        }
        let file =
            OpenOptions::new().write(true).open(&segment.path).map_err(JournalError::io("opening", &segment.path))?;
        if segment.length > segment.end {
            // room of an earlier run, or what was set aside
            file.set_len(segment.end).map_err(JournalError::io("cutting", &segment.path))?;
        }
        let syncer = match options.fsync {
            Fsync::Batched { every } => {
                Some(Syncer::start(every).map_err(JournalError::io("starting the thread for", &segment.path))?)
            }
            Fsync::Off | Fsync::Always => None,
        };
        if options.fsync != Fsync::Off {
            file.sync_all().map_err(JournalError::io("syncing", &segment.path))?;
        }
        if let Some(syncer) = &syncer {
            syncer.note(recovery.last);
        }
        let journal = Self {
            file: Arc::new(file),
            path: segment.path,
            segment: segment.number,
            begun: 0,
            at: segment.end,
            room: segment.end,
            last: recovery.last,
            surplus: 0,
            buffer: Vec::with_capacity(4096),
            failed: None,
            syncer,
            options,
            lock,
        };
        Ok((journal, recovery))
    }

    /// Appends one entry; gives its number.
    ///
    /// # Errors
    /// [`JournalError`]; after any but [`JournalError::TooLong`] every later append fails.
    pub fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<u64, JournalError> {
        self.append_all(time, [(kind, payload)])
    }

    /// Appends entries, a command and its consequences say, with one write and (where the policy is that) one sync; gives the
    /// number of the last one. Of an interrupted write the entries in front are kept.
    ///
    /// # Errors
    /// [`JournalError`]: nothing is appended. After any but [`JournalError::TooLong`] every later append fails.
    pub fn append_all<'a>(
        &mut self,
        time: Nanos,
        entries: impl IntoIterator<Item = (u8, &'a [u8])>,
    ) -> Result<u64, JournalError> {
        self.still_good()?;
        self.buffer.clear();
        let mut last = self.last;
        for (kind, payload) in entries {
            if payload.len() > MOST_PAYLOAD {
                return Err(JournalError::TooLong(MOST_PAYLOAD));
            }
            last = last.saturating_add(1);
            format::write(last, time, kind, payload, &mut self.buffer);
        }
        if last == self.last {
            return Ok(last);
        }
        let written = self.put(last, time);
        if let Err(error) = &written {
            self.failed = Some(error.to_string());
            // half an entry must not stand before later ones: there are none, and it goes if the system lets it
            let _ = self.file.set_len(self.at);
        }
        if self.buffer.capacity() > MOST_BUFFER {
            self.buffer = Vec::with_capacity(4096);
        }
        written.map(|()| last)
    }

    fn still_good(&self) -> Result<(), JournalError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(JournalError::Failed(why.clone())))
    }

    fn put(&mut self, number: u64, time: Nanos) -> Result<(), JournalError> {
        let length = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        let end = self.at.saturating_add(length);
        if end > self.room {
            self.room = end.saturating_add(ROOM);
            // only a help: where the file system can't, the file grows as it is written
            let _ = fallocate(&self.file, FallocateFlags::empty(), self.at, self.room.saturating_sub(self.at));
        }
        self.file.write_all_at(&self.buffer, self.at).map_err(JournalError::io("writing", &self.path))?;
        match (self.options.fsync, &self.syncer) {
            (Fsync::Always, _) => self.file.sync_data().map_err(JournalError::io("syncing", &self.path))?,
            (_, Some(syncer)) => syncer.wrote(&self.file, number, time).map_err(JournalError::Failed)?,
            (_, None) => {}
        }
        self.at = end;
        self.last = number;
        Ok(())
    }

    /// Whether the segment is long enough for the next one to start: not before it is twice as long as its checkpoint, or one
    /// longer than a segment should be would have the next one start at once, for ever.
    #[must_use]
    pub const fn wants_rotation(&self) -> bool {
        self.at > self.options.segment_bytes && self.at > self.begun.saturating_mul(2)
    }

    /// Starts the next segment with these entries, which must make the whole state; then the oldest segments go. Until the new one
    /// is written and on the disk, whole, under its name, the old one counts.
    ///
    /// # Errors
    /// [`JournalError`]; after any but [`JournalError::TooLong`] every later append fails.
    pub fn rotate(&mut self, time: Nanos, checkpoint: &[(u8, Vec<u8>)]) -> Result<(), JournalError> {
        self.still_good()?;
        if checkpoint.iter().any(|(_, payload)| payload.len() > MOST_PAYLOAD) {
            return Err(JournalError::TooLong(MOST_PAYLOAD));
        }
        let rotated = self.start_segment(time, checkpoint);
        if let Err(error) = &rotated {
            self.failed = Some(error.to_string());
        }
        rotated
    }

    fn start_segment(&mut self, time: Nanos, checkpoint: &[(u8, Vec<u8>)]) -> Result<(), JournalError> {
        if let Some(why) = self.syncer.as_ref().and_then(|syncer| syncer.seen().failed) {
            return Err(JournalError::Failed(why));
        }
        let number = self.segment.saturating_add(1);
        let mut bytes = header(number, self.last.saturating_add(1)).to_vec();
        let mut last = self.last;
        for (kind, payload) in checkpoint {
            last = last.saturating_add(1);
            format::write(last, time, *kind, payload, &mut bytes);
        }
        // the old segment's end and the new one's start are both needed for what follows to be read
        self.file.sync_data().map_err(JournalError::io("syncing", &self.path))?;
        let (file, path) = folder::new_segment(&self.options.folder, number, &bytes)?;
        // the old one's room is not needed any more
        let _ = self.file.set_len(self.at);
        self.file = Arc::new(file);
        self.path = path;
        self.segment = number;
        self.at = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.room = self.at;
        self.begun = self.at;
        self.last = last;
        if let Some(syncer) = &self.syncer {
            syncer.note(last);
        }
        // an old file that stays is a matter for people, no reason to stop trading
        self.surplus = folder::forget_old(&self.options.folder, self.options.keep_segments).unwrap_or(u64::MAX);
        Ok(())
    }

    /// What it shows of itself.
    #[must_use]
    pub fn status(&mut self) -> Status {
        let seen = self.syncer.as_ref().map(Syncer::seen);
        let (synced, oldest, sync_failed) =
            seen.map_or((self.last, 0, false), |seen| (seen.synced, seen.oldest, seen.failed.is_some()));
        let unsynced = self.last.saturating_sub(synced);
        let unsynced_since = if unsynced == 0 { 0 } else { oldest };
        Status {
            entries: self.last,
            bytes: self.at,
            segment: self.segment,
            unsynced,
            unsynced_since,
            failed: sync_failed || self.failed.is_some(),
            surplus: self.surplus,
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.syncer = None;
        if self.failed.is_none() {
            let _ = self.file.set_len(self.at);
            if self.options.fsync != Fsync::Off {
                let _ = self.file.sync_all();
            }
        }
        folder::unlock(&self.lock);
    }
}

/// Bytes of the shortest entry, for whoever wants to know how many fit.
pub const LEAST_ENTRY: usize = FRAME + FIXED;
