//! What happens to files and the folder besides appending: the lock, new segments, repairs.

use super::error::JournalError;
use super::reader::{Segment, name, segments};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes the folder if it is not there, for its owner only, so that a loss of power does not take it again.
pub(super) fn make(folder: &Path) -> Result<(), JournalError> {
    let new: Vec<&Path> = folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(JournalError::io("making", folder))?;
    for one in new {
        // the name of a new folder lies in the one above
        let above = one.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync(above)?;
    }
    Ok(())
}

/// Locks the folder for as long as the file is open. The file says who has it.
pub(super) fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(JournalError::io("opening", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = (&mut file).take(64).read_to_string(&mut holder);
            // the holder may have locked it and not yet said who it is
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("another process (pid {pid})"),
            };
            return Err(JournalError::Locked { folder: folder.to_owned(), holder });
        }
        Err(error) => return Err(JournalError::io("locking", &path)(error.into())),
    }
    let pid = format!("{}\n", std::process::id());
    // no moment without a number: the shorter one is cut after it is written
    file.write_all_at(pid.as_bytes(), 0)
        .and_then(|()| file.set_len(u64::try_from(pid.len()).unwrap_or(0)))
        .map_err(JournalError::io("writing", &path))?;
    Ok(file)
}

/// Gives the lock back at once: closing the file is not enough while another thread has just forked, to start a program, and the
/// child has not closed its copy yet.
pub(super) fn unlock(file: &File) {
    let _ = flock(file, FlockOperation::Unlock);
}

/// Writes a segment whole and puts it on the disk before it gets its name: a segment of that name is never half there.
pub(super) fn new_segment(folder: &Path, number: u64, bytes: &[u8]) -> Result<(File, PathBuf), JournalError> {
    let path = folder.join(name(number));
    let draft = path.with_extension("draft");
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(JournalError::io("making", &draft))?;
    let written = file
        .write_all_at(bytes, 0)
        .map_err(JournalError::io("writing", &draft))
        .and_then(|()| file.sync_all().map_err(JournalError::io("syncing", &draft)))
        .and_then(|()| fs::rename(&draft, &path).map_err(JournalError::io("naming", &path)));
    if let Err(error) = written {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    sync(folder)?;
    Ok((file, path))
}

/// Removes what a rotation left that was interrupted: a draft was never in force.
pub(super) fn remove_drafts(folder: &Path) -> Result<(), JournalError> {
    for entry in fs::read_dir(folder).map_err(JournalError::io("reading the folder", folder))? {
        let path = entry.map_err(JournalError::io("reading the folder", folder))?.path();
        let ours = path.extension().is_some_and(|extension| extension == "draft")
            && path
                .file_stem()
                .is_some_and(|stem| stem.len() == 12 && stem.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if ours {
            fs::remove_file(&path).map_err(JournalError::io("removing", &path))?;
        }
    }
    Ok(())
}

/// Removes the oldest segments; gives how many of them could not be.
pub(super) fn forget_old(folder: &Path, keep: usize) -> Result<u64, JournalError> {
    let all = segments(folder)?;
    let surplus = all.len().saturating_sub(keep.saturating_add(1));
    let left = all
        .iter()
        .take(surplus)
        .filter(|(_, path)| fs::remove_file(path).is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound));
    Ok(u64::try_from(left.count()).unwrap_or(u64::MAX))
}

pub(super) fn sync(folder: &Path) -> Result<(), JournalError> {
    let file = File::open(folder).map_err(JournalError::io("opening", folder))?;
    file.sync_all().map_err(JournalError::io("syncing", folder))
}

/// Keeps the bytes of an interrupted write beside the segment, on the disk before they are cut off.
pub(super) fn set_aside(folder: &Path, segment: &Segment) -> Result<(), JournalError> {
    let mut torn = Vec::new();
    File::open(&segment.path)
        .and_then(|mut file| file.seek(SeekFrom::Start(segment.end)).and_then(|_| file.read_to_end(&mut torn)))
        .map_err(JournalError::io("reading", &segment.path))?;
    let used = torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    for attempt in 0_u32..1_000 {
        let path = segment.path.with_extension(format!("torn{attempt}"));
        match OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(torn.get(..used).unwrap_or_default()).map_err(JournalError::io("writing", &path))?;
                file.sync_all().map_err(JournalError::io("syncing", &path))?;
                return sync(folder);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(JournalError::io("making", &path)(error)),
        }
    }
    Err(JournalError::Failed("a thousand repairs are kept beside the segment already".into()))
}
