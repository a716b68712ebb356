//! What can be wrong with a journal, in words that say where.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a journal can't be opened, read or written.
#[derive(Debug)]
pub enum JournalError {
    /// The system refused something.
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another process writes it.
    Locked {
        /// The folder.
        folder: PathBuf,
        /// What the lock file says of who it is.
        holder: String,
    },
    /// A file is no segment of ours, or of another version.
    Header {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// Entries are missing between two segments.
    Gap {
        /// The later segment.
        path: PathBuf,
        /// The number of its first entry.
        found: u64,
        /// The number it should have.
        expected: u64,
    },
    /// An entry is damaged, and not at the end, where an interrupted write would leave it.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The number that the entry should have.
        entry: u64,
        /// What was found.
        found: &'static str,
    },
    /// The entries can't be applied: in words.
    Refused {
        /// The file.
        path: PathBuf,
        /// The entry's number.
        entry: u64,
        /// Why.
        why: String,
    },
    /// It failed before; nothing is written any more.
    Failed(String),
    /// An entry is too long.
    TooLong(usize),
}

impl JournalError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { doing, path, error }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, error } => write!(f, "{doing} {}: {error}", path.display()),
            Self::Locked { folder, holder } => {
                write!(f, "{}: {holder} writes this journal", folder.display())
            }
            Self::Header { path, found } => {
                write!(f, "{}: found {found}, expected the start of a journal segment", path.display())
            }
            Self::Gap { path, found, expected } => write!(
                f,
                "{}: starts with entry {found}, expected entry {expected}: the segment before it was cut or is not there",
                path.display()
            ),
            Self::Damaged { path, offset, entry, found } => write!(
                f,
                "{}: damaged at byte {offset}, where entry {entry} should be: found {found}; nothing was changed, \
                 put the file right or start with another folder",
                path.display()
            ),
            Self::Refused { path, entry, why } => write!(f, "{}: entry {entry}: {why}", path.display()),
            Self::Failed(why) => write!(f, "it failed before: {why}"),
            Self::TooLong(most) => write!(f, "an entry of more than {most} bytes"),
        }
    }
}

impl std::error::Error for JournalError {}
