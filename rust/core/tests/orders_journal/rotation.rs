//! Rotation, interrupted at every step: what is there makes either the state before or the checkpoint, and appends go on.

use super::support::{Folder, Owned, entries, goes_on, segment};
use std::collections::BTreeMap;
use std::fs;

fn name(number: u64) -> String {
    format!("{number:012}.journal")
}

fn checkpoint(from: u64, lengths: &[usize]) -> (Vec<Owned>, Vec<(u8, Vec<u8>)>) {
    let mut all = entries(from, lengths);
    for entry in &mut all {
        entry.time = 77;
    }
    let parts = all.iter().map(|entry| (entry.kind, entry.payload.clone())).collect();
    (all, parts)
}

#[test]
fn the_newest_segment_is_all_that_a_start_needs_and_the_oldest_go() {
    let folder = Folder::new();
    let (mut journal, ..) = folder.open().unwrap();
    let mut next = 1;
    for rotation in 1..=5 {
        assert_eq!(journal.append(0, 1, &[1; 100]).unwrap(), next);
        let (all, parts) = checkpoint(next + 1, &[5, 0, 9]);
        journal.rotate(77, &parts).unwrap();
        next += 4;
        let status = journal.status();
        assert_eq!((status.segment, status.entries, status.surplus), (rotation + 1, next - 1, 0));
        assert_eq!(folder.read(false).unwrap().1, all);
        let expected: Vec<String> = (rotation.saturating_sub(1).max(1)..=rotation + 1).map(name).collect();
        let found: Vec<String> = folder.files().into_keys().collect();
        assert_eq!(found, expected, "two are kept beside the one in use");
    }
    // the segments that are kept follow each other
    let (recovery, found) = folder.read(true).unwrap();
    assert_eq!((recovery.segments, found[0].number, found.len() as u64), (3, 14 - 1 - 3, recovery.last - 9));
    drop(journal);
    let (all, _) = checkpoint(next - 3, &[5, 0, 9]);
    goes_on(&folder, &all);
}

#[test]
fn a_rotation_is_wanted_when_the_segment_is_long() {
    let folder = Folder::new();
    let mut options = folder.options(ferrofeed_core::orders::journal::Fsync::Off);
    options.segment_bytes = 100;
    let (mut journal, _) = ferrofeed_core::orders::journal::Journal::open(options, &mut |_| Ok(())).unwrap();
    assert!(!journal.wants_rotation());
    journal.append(0, 1, &[0; 43]).unwrap();
    assert_eq!(journal.status().bytes, 100);
    assert!(!journal.wants_rotation(), "as long as may be");
    journal.append(0, 1, &[]).unwrap();
    assert!(journal.wants_rotation());
    journal.rotate(0, &[]).unwrap();
    assert!(!journal.wants_rotation());
}

#[test]
fn a_checkpoint_longer_than_a_segment_does_not_ask_for_the_next_one_at_once() {
    let folder = Folder::new();
    let mut options = folder.options(ferrofeed_core::orders::journal::Fsync::Off);
    options.segment_bytes = 100;
    let (mut journal, _) = ferrofeed_core::orders::journal::Journal::open(options, &mut |_| Ok(())).unwrap();
    journal.rotate(0, &[(1, vec![0; 1_000])]).unwrap();
    let begun = journal.status().bytes;
    assert!(begun > 1_000);
    while journal.status().bytes <= 2 * begun {
        assert!(!journal.wants_rotation(), "{} of {begun} bytes", journal.status().bytes);
        journal.append(0, 1, &[0; 7]).unwrap();
    }
    assert!(journal.wants_rotation());
}

#[test]
fn interrupted_at_every_step() {
    let before = entries(4, &[30, 0, 12]);
    let oldest = entries(1, &[8, 8, 8]);
    let (after, parts) = checkpoint(7, &[20, 3]);
    let old = BTreeMap::from([(name(1), segment(1, &oldest)), (name(2), segment(2, &before))]);
    let new = segment(3, &after);
    let folder = Folder::new();

    // 1: the draft is being written, or is whole and has no name yet
    for length in 0..=new.len() {
        let mut files = old.clone();
        files.insert("000000000003.draft".to_owned(), new[..length].to_vec());
        folder.fill(&files);
        assert_eq!(folder.read(true).unwrap().1, [oldest.clone(), before.clone()].concat());
        goes_on(&folder, &before);
        assert!(!folder.files().contains_key("000000000003.draft"), "it was never in force");
        // and the rotation goes through the second time
        let (mut journal, ..) = folder.open().unwrap();
        let (again, parts) = checkpoint(8, &[20, 3]);
        journal.rotate(77, &parts).unwrap();
        drop(journal);
        goes_on(&folder, &again);
    }
    // 2: it has its name; the old segment still has its room; nothing is removed yet; 3: the oldest is
    for room in [0, 4096] {
        for removed in [0, 1, 2] {
            let mut files = old.clone();
            files.insert(name(3), new.clone());
            let before = files.get_mut(&name(2)).unwrap();
            before.resize(before.len() + room, 0);
            for number in 1..=removed {
                files.remove(&name(number));
            }
            folder.fill(&files);
            goes_on(&folder, &after);
            let kept = [oldest.clone(), entries(4, &[30, 0, 12])]
                .concat()
                .split_off([0, 3, 6][usize::try_from(removed).unwrap()]);
            let found = folder.read(true).unwrap().1;
            assert_eq!(found[..found.len() - 1], [kept, after.clone()].concat());
        }
    }
    // what a real rotation leaves is the last of these states
    folder.fill(&old);
    let (mut journal, ..) = folder.open().unwrap();
    journal.rotate(77, &parts).unwrap();
    drop(journal);
    let mut files = old;
    files.insert(name(3), new);
    assert_eq!(folder.files(), files);
}

#[test]
fn a_rotation_that_fails_leaves_the_old_segment_in_force_and_latches() {
    let folder = Folder::new();
    let (mut journal, ..) = folder.open().unwrap();
    journal.append(0, 1, b"one").unwrap();
    // a folder stands where the draft should be
    fs::create_dir(folder.path().join("000000000002.draft")).unwrap();
    let error = journal.rotate(0, &[(1, b"state".to_vec())]).unwrap_err().to_string();
    assert!(error.starts_with("making ") && error.contains("000000000002.draft"), "{error}");
    assert!(journal.status().failed);
    assert!(journal.append(0, 1, b"two").is_err());
    drop(journal);
    fs::remove_dir(folder.path().join("000000000002.draft")).unwrap();
    let found = folder.read(false).unwrap().1;
    assert_eq!(found.len(), 1);
    goes_on(&folder, &found);
}

#[test]
fn a_rotation_that_can_not_take_its_name_leaves_no_draft() {
    let folder = Folder::new();
    let (mut journal, ..) = folder.open().unwrap();
    journal.append(0, 1, b"one").unwrap();
    fs::create_dir(folder.path().join(name(2))).unwrap();
    let error = journal.rotate(0, &[(1, b"state".to_vec())]).unwrap_err().to_string();
    assert!(error.starts_with("naming ") && error.contains(&name(2)), "{error}");
    assert!(journal.append(0, 1, b"two").is_err());
    fs::remove_dir(folder.path().join(name(2))).unwrap();
    assert_eq!(folder.files().into_keys().collect::<Vec<_>>(), [name(1)]);
}

#[test]
fn an_old_segment_that_can_not_be_removed_is_counted_and_stops_nothing() {
    let folder = Folder::new();
    let mut options = folder.options(ferrofeed_core::orders::journal::Fsync::Off);
    options.keep_segments = 0;
    let (mut journal, _) = ferrofeed_core::orders::journal::Journal::open(options, &mut |_| Ok(())).unwrap();
    journal.append(0, 1, b"one").unwrap();
    // nobody can remove it: it is a folder now
    fs::remove_file(folder.segment(1)).unwrap();
    fs::create_dir(folder.segment(1)).unwrap();
    journal.rotate(0, &[(1, b"state".to_vec())]).unwrap();
    assert_eq!(journal.status().surplus, 1);
    journal.append(0, 1, b"two").unwrap();
    // and one that somebody else removed is not missed
    fs::remove_dir(folder.segment(1)).unwrap();
    journal.rotate(0, &[(1, b"state".to_vec())]).unwrap();
    assert_eq!(journal.status().surplus, 0);
    assert_eq!(folder.files().into_keys().collect::<Vec<_>>(), [name(3)]);
}
