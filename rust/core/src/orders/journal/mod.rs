//! The journal: what was decided, on disk before the wire. Entries of opaque payloads, checked one by one.
//!
//! One folder holds segments, `000000000001.journal` and so on ([`format`](self) of the files: `docs/journal.md`), and a lock file. An
//! append is one `write(2)`: when it returns, the death of this process loses nothing; what a loss of power takes is [`Fsync`]'s
//! matter. Every segment starts with a checkpoint, so the newest one is all that a start needs; older ones are kept for people.
//!
//! Only a write that was interrupted, at the very end of the newest segment, is repaired: it is cut off and kept beside it. Damage
//! anywhere else is an error that says where, and nothing is changed.

mod error;
mod format;
mod reader;
mod sync;

pub use error::JournalError;
pub use format::{Entry, MOST_PAYLOAD};
pub use reader::{Recovery, read_all};
pub use sync::Fsync;

use crate::clock::Nanos;
use format::{FIXED, FRAME, HEADER, header};
use reader::{Segment, name, read_segments, segments};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use sync::Syncer;

/// Room asked for at once, bytes: a sync need not write a new length then.
const ROOM: u64 = 4 << 20;

/// Where and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; it is made if it is not there, for its owner only.
    pub folder: PathBuf,
    /// When what was written is put onto the disk.
    pub fsync: Fsync,
    /// A segment longer than this asks for the next one.
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
    /// Entries that are not on the disk for certain.
    pub unsynced: u64,
    /// When the oldest of them was written, ns since the Unix epoch; 0: there are none.
    pub unsynced_since: Nanos,
}

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    options: Options,
    file: Arc<File>,
    path: PathBuf,
    segment: u64,
    at: u64,
    room: u64,
    last: u64,
    buffer: Vec<u8>,
    failed: Option<String>,
    syncer: Option<Syncer>,
    /// Numbers and times of entries whose sync is awaited, thinned out.
    waiting: VecDeque<(u64, Nanos)>,
    _lock: File,
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
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(JournalError::io("making", folder))?;
        let lock = take_lock(folder)?;
        let all = whole(segments(folder)?)?;
        let newest = all.last().map(std::slice::from_ref).unwrap_or_default();
        let (recovery, segment) = read_segments(newest, each)?;
        let segment = match segment {
            Some(segment) => segment,
            None => create(folder, 1, 1)?,
        };
        if recovery.torn > 0 {
            set_aside(&segment)?;
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
            at: segment.end,
            room: segment.end,
            last: recovery.last,
            buffer: Vec::with_capacity(4096),
            failed: None,
            syncer,
            waiting: VecDeque::new(),
            options,
            _lock: lock,
        };
        Ok((journal, recovery))
    }

    /// Appends one entry; gives its number.
    ///
    /// # Errors
    /// [`JournalError`]; from then on every append fails.
    pub fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<u64, JournalError> {
        if let Some(why) = &self.failed {
            return Err(JournalError::Failed(why.clone()));
        }
        if payload.len() > MOST_PAYLOAD {
            return Err(JournalError::TooLong(MOST_PAYLOAD));
        }
        let number = self.last.saturating_add(1);
        self.buffer.clear();
        format::write(number, time, kind, payload, &mut self.buffer);
        let written = self.put(number, time);
        if let Err(error) = &written {
            self.failed = Some(error.to_string());
            // half an entry must not stand before later ones: there are none, and it goes if the system lets it
            let _ = self.file.set_len(self.at);
        }
        written.map(|()| number)
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
        match self.options.fsync {
            Fsync::Off => {}
            Fsync::Always => self.file.sync_data().map_err(JournalError::io("syncing", &self.path))?,
            Fsync::Batched { .. } => {
                if let Some(syncer) = &self.syncer {
                    syncer.wrote(&self.file, number).map_err(JournalError::Failed)?;
                }
                if self.waiting.len() < 1024 {
                    self.waiting.push_back((number, time));
                }
            }
        }
        self.at = end;
        self.last = number;
        Ok(())
    }

    /// Whether the segment is long enough for the next one to start.
    #[must_use]
    pub const fn wants_rotation(&self) -> bool {
        self.at > self.options.segment_bytes
    }

    /// Starts the next segment with these entries, which must make the whole state; then the oldest segments go. Until the new one
    /// is written and on the disk, whole, under its name, the old one counts.
    ///
    /// # Errors
    /// [`JournalError`]; from then on every append fails.
    pub fn rotate(&mut self, time: Nanos, checkpoint: &[(u8, Vec<u8>)]) -> Result<(), JournalError> {
        if let Some(why) = &self.failed {
            return Err(JournalError::Failed(why.clone()));
        }
        let rotated = self.start_segment(time, checkpoint);
        if let Err(error) = &rotated {
            self.failed = Some(error.to_string());
        }
        rotated
    }

    fn start_segment(&mut self, time: Nanos, checkpoint: &[(u8, Vec<u8>)]) -> Result<(), JournalError> {
        let number = self.segment.saturating_add(1);
        let first = self.last.saturating_add(1);
        let path = self.options.folder.join(name(number));
        let draft = path.with_extension("draft");
        let mut bytes = header(number, first).to_vec();
        let mut last = self.last;
        for (kind, payload) in checkpoint {
            last = last.saturating_add(1);
            format::write(last, time, *kind, payload, &mut bytes);
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(JournalError::io("making", &draft))?;
        file.write_all_at(&bytes, 0).map_err(JournalError::io("writing", &draft))?;
        // the old segment's end and the new one's start are both needed for what follows to be read
        self.file.sync_data().map_err(JournalError::io("syncing", &self.path))?;
        file.sync_all().map_err(JournalError::io("syncing", &draft))?;
        fs::rename(&draft, &path).map_err(JournalError::io("naming", &path))?;
        sync_folder(&self.options.folder)?;
        // the old one's room is not needed any more
        let _ = self.file.set_len(self.at);
        self.file = Arc::new(file);
        self.path = path;
        self.segment = number;
        self.at = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.room = self.at;
        self.last = last;
        if let Some(syncer) = &self.syncer {
            syncer.note(last);
        }
        self.waiting.clear();
        self.forget_old()
    }

    fn forget_old(&self) -> Result<(), JournalError> {
        let all = segments(&self.options.folder)?;
        let surplus = all.len().saturating_sub(self.options.keep_segments.saturating_add(1));
        for (_, path) in all.iter().take(surplus) {
            fs::remove_file(path).map_err(JournalError::io("removing", path))?;
        }
        Ok(())
    }

    /// What it shows of itself.
    #[must_use]
    pub fn status(&mut self) -> Status {
        let synced = match (&self.options.fsync, &self.syncer) {
            (Fsync::Batched { .. }, Some(syncer)) => syncer.synced(),
            (Fsync::Always, _) => self.last,
            _ => 0,
        };
        while self.waiting.front().is_some_and(|(number, _)| *number <= synced) {
            self.waiting.pop_front();
        }
        let unsynced = if self.options.fsync == Fsync::Off { 0 } else { self.last.saturating_sub(synced) };
        Status {
            entries: self.last,
            bytes: self.at,
            segment: self.segment,
            unsynced,
            unsynced_since: self.waiting.front().map_or(0, |(_, time)| *time),
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
    }
}

/// Bytes of the shortest entry, for whoever wants to know how many fit.
pub const LEAST_ENTRY: usize = FRAME + FIXED;

fn take_lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(JournalError::io("opening", &path))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        let _ = (&mut file).take(64).read_to_string(&mut holder);
        let holder = format!("pid {}", holder.trim());
        return Err(JournalError::Locked { folder: folder.to_owned(), holder });
    }
    file.set_len(0).map_err(JournalError::io("writing", &path))?;
    writeln!(file, "{}", std::process::id()).map_err(JournalError::io("writing", &path))?;
    Ok(file)
}

/// The segments without one that was being made when the power went: its name is there, its header is not.
fn whole(mut all: Vec<(u64, PathBuf)>) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    if let Some((1, path)) = all.last()
        && fs::metadata(path).map_err(JournalError::io("looking at", path))?.len() < HEADER as u64
    {
        fs::remove_file(path).map_err(JournalError::io("removing", path))?;
        all.pop();
    }
    Ok(all)
}

/// The first segment of all.
fn create(folder: &Path, number: u64, first: u64) -> Result<Segment, JournalError> {
    let path = folder.join(name(number));
    let file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(JournalError::io("making", &path))?;
    file.write_all_at(&header(number, first), 0).map_err(JournalError::io("writing", &path))?;
    file.sync_all().map_err(JournalError::io("syncing", &path))?;
    sync_folder(folder)?;
    Ok(Segment { path, number, end: HEADER as u64, length: HEADER as u64 })
}

fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    let file = File::open(folder).map_err(JournalError::io("opening", folder))?;
    file.sync_all().map_err(JournalError::io("syncing", folder))
}

/// Keeps the bytes of an interrupted write beside the segment.
fn set_aside(segment: &Segment) -> Result<(), JournalError> {
    let bytes = fs::read(&segment.path).map_err(JournalError::io("reading", &segment.path))?;
    let torn = usize::try_from(segment.end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    let used = torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    for attempt in 0_u32..1_000 {
        let path = segment.path.with_extension(format!("torn{attempt}"));
        match OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(torn.get(..used).unwrap_or_default()).map_err(JournalError::io("writing", &path))?;
                return file.sync_all().map_err(JournalError::io("syncing", &path));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(JournalError::io("making", &path)(error)),
        }
    }
    Err(JournalError::Failed("a thousand repairs are kept beside the segment already".into()))
}
