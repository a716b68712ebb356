//! A disk that fails under the journal: the null device, which takes writes and refuses to be synced, and a pipe, which can't even
//! be written at a place.

use super::*;
use crate::clock::monotonic_ns;
use std::os::fd::OwnedFd;

fn deadline() -> Nanos {
    monotonic_ns().saturating_add(20_000_000_000)
}

fn open_at(name: &str, fsync: Fsync) -> Journal {
    let folder = std::env::temp_dir().join(format!("ferrofeed-journal-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let options = Options { folder, fsync, segment_bytes: 1 << 20, keep_segments: 1 };
    let (mut journal, _) = Journal::open(options, &mut |_| Ok(())).unwrap();
    journal.append(1, 1, b"good").unwrap();
    let end = deadline();
    while journal.status().unsynced > 0 {
        assert!(monotonic_ns() < end, "never synced");
        std::thread::yield_now();
    }
    journal
}

fn break_with(journal: &mut Journal, file: File) {
    journal.file = Arc::new(file);
}

fn null() -> File {
    OpenOptions::new().write(true).open("/dev/null").unwrap()
}

/// It takes nothing any more, says so, and what was good is still there.
fn is_latched(mut journal: Journal, why: &str) {
    assert!(journal.status().failed);
    for _ in 0..2 {
        let error = journal.append(3, 3, b"later").unwrap_err().to_string();
        assert!(error.starts_with("it failed before: ") && error.contains(why), "{error}");
        let error = journal.rotate(3, &[(1, b"state".to_vec())]).unwrap_err().to_string();
        assert!(error.starts_with("it failed before: ") && error.contains(why), "{error}");
    }
    let folder = journal.folder().to_owned();
    drop(journal);
    let mut found = Vec::new();
    read_all(&folder, false, &mut |entry| {
        found.push((entry.number, entry.payload.to_vec()));
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [(1, b"good".to_vec())]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_failed_write_is_latched() {
    for (name, fsync) in [("write-off", Fsync::Off), ("write-always", Fsync::Always)] {
        let mut journal = open_at(name, fsync);
        let (_reader, writer) = std::io::pipe().unwrap();
        break_with(&mut journal, File::from(OwnedFd::from(writer)));
        let error = journal.append(2, 2, b"bad").unwrap_err().to_string();
        assert!(error.starts_with("writing ") && error.contains("000000000001.journal"), "{error}");
        assert_eq!(journal.status().entries, 1);
        is_latched(journal, "writing ");
    }
}

#[test]
fn a_failed_sync_before_the_append_returns_is_latched() {
    let mut journal = open_at("sync-always", Fsync::Always);
    break_with(&mut journal, null());
    let error = journal.append(2, 2, b"bad").unwrap_err().to_string();
    assert!(error.starts_with("syncing "), "{error}");
    is_latched(journal, "syncing ");
}

#[test]
fn a_failed_sync_of_the_thread_is_latched() {
    let mut journal = open_at("sync-batched", Fsync::Batched { every: 1_000_000 });
    break_with(&mut journal, null());
    journal.append(2, 2, b"written, not synced").expect("the failure is not known yet");
    let end = deadline();
    while !journal.status().failed {
        assert!(monotonic_ns() < end, "the thread's failure never showed");
        std::thread::yield_now();
    }
    assert_eq!((journal.status().unsynced, journal.status().unsynced_since), (1, 2));
    let error = journal.append(3, 3, b"later").unwrap_err().to_string();
    assert!(error.contains("fdatasync"), "{error}");
    is_latched(journal, "fdatasync");
}

#[test]
fn a_rotation_does_not_pass_over_a_failed_sync() {
    let mut journal = open_at("sync-rotate", Fsync::Batched { every: 1_000_000 });
    break_with(&mut journal, null());
    journal.append(2, 2, b"written, not synced").unwrap();
    let end = deadline();
    while !journal.status().failed {
        assert!(monotonic_ns() < end, "the thread's failure never showed");
        std::thread::yield_now();
    }
    let error = journal.rotate(3, &[(1, b"state".to_vec())]).unwrap_err().to_string();
    assert!(error.contains("fdatasync"), "{error}");
    is_latched(journal, "fdatasync");
}
