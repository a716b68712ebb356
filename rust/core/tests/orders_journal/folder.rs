//! The folder: who may read it, who has it, what it shows of itself.

use super::support::Folder;
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::orders::journal::{Fsync, Journal, JournalError};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn for_its_owner_only() {
    let outer = Folder::new();
    let folder = outer.path().join("a/b");
    let mut options = outer.options(Fsync::Always);
    options.folder.clone_from(&folder);
    let (mut journal, _) = Journal::open(options, &mut |_| Ok(())).unwrap();
    journal.append(0, 1, b"one").unwrap();
    journal.rotate(0, &[(1, b"state".to_vec())]).unwrap();
    drop(journal);
    // an interrupted write, for the file that keeps it
    let newest = folder.join("000000000002.journal");
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 1]).unwrap();
    let mut options = outer.options(Fsync::Off);
    options.folder.clone_from(&folder);
    drop(Journal::open(options, &mut |_| Ok(())).unwrap());

    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for path in [outer.path(), &outer.path().join("a"), &folder] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for path in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_second_writer_is_told_who_has_it() {
    let folder = Folder::new();
    let (journal, ..) = folder.open().unwrap();
    let error = folder.open().map(|(_, recovery, _)| recovery).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }));
    let expected =
        format!("{}: another process (pid {}) writes this journal", folder.path().display(), std::process::id());
    assert_eq!(error.to_string(), expected);
    assert_eq!(folder.read(true).unwrap().1, [], "reading needs no lock");
    drop(journal);
    // what an earlier holder with more digits left is overwritten whole
    fs::write(folder.path().join("lock"), "99999999999999\n").unwrap();
    let (_journal, ..) = folder.open().expect("nobody has it now");
    assert_eq!(fs::read_to_string(folder.path().join("lock")).unwrap(), format!("{}\n", std::process::id()));
}

#[test]
fn what_waits_for_the_disk_is_shown_and_then_gone() {
    let folder = Folder::new();
    let (mut journal, _) = Journal::open(folder.options(Fsync::Batched { every: 2_000_000 }), &mut |_| Ok(())).unwrap();
    for round in 0..3 {
        for number in 1..=5 {
            journal.append(round * 100 + number, 1, b"x").unwrap();
        }
        let end = monotonic_ns() + 20_000_000_000;
        loop {
            let status = journal.status();
            if status.unsynced == 0 {
                assert_eq!(status.unsynced_since, 0);
                break;
            }
            assert!(status.unsynced <= 5, "{status:?}");
            assert!((round * 100 + 1..=round * 100 + 5).contains(&status.unsynced_since), "{status:?}");
            assert!(monotonic_ns() < end, "never synced: {status:?}");
            std::thread::yield_now();
        }
    }
    // a rotation puts everything onto the disk
    journal.append(400, 1, b"x").unwrap();
    journal.rotate(401, &[(1, b"state".to_vec())]).unwrap();
    assert_eq!((journal.status().unsynced, journal.status().unsynced_since), (0, 0));
    journal.append(402, 1, b"x").unwrap();
    let status = journal.status();
    assert!(matches!((status.unsynced, status.unsynced_since), (0, 0) | (1, 402)), "{status:?}");
}

#[test]
fn every_policy_shows_what_it_promises() {
    for fsync in [Fsync::Off, Fsync::Always] {
        let folder = Folder::new();
        let (mut journal, _) = Journal::open(folder.options(fsync), &mut |_| Ok(())).unwrap();
        journal.append(1, 1, b"xyz").unwrap();
        let status = journal.status();
        assert_eq!((status.entries, status.bytes, status.segment, status.unsynced), (1, 32 + 25 + 3, 1, 0));
        assert!(!status.failed);
    }
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let others =
        ["KILL", "notes.journal", "0000000000001.journal", "12.draft", "00000000000x.draft", "000000000001.torn0"];
    for name in others {
        fs::write(folder.path().join(name), b"mine").unwrap();
    }
    let (mut journal, _, found) = folder.open().unwrap();
    assert_eq!(found, []);
    journal.append(0, 1, b"one").unwrap();
    journal.rotate(0, &[]).unwrap();
    drop(journal);
    let files = folder.files();
    for name in others {
        assert_eq!(files[name], b"mine");
    }
}
