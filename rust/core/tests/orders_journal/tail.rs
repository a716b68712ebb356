//! A write that was interrupted, at every byte: exactly the entries in front of it are there, and appends go on.

use super::support::{Folder, HEADER, Owned, entries, goes_on, segment};
use ferrofeed_core::orders::journal::Fsync;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One cut of a segment, room behind it or not: what is recovered, cut off and kept.
fn cut(folder: &Folder, all: &[Owned], at: usize, room: usize) -> Result<(), TestCaseError> {
    let whole = segment(1, all);
    let mut bytes = whole[..at].to_vec();
    bytes.resize(at + room, 0);
    folder.fill(&BTreeMap::from([("000000000001.journal".to_owned(), bytes)]));
    let mut end = HEADER;
    let kept: Vec<Owned> = all
        .iter()
        .take_while(|entry| {
            let next = end + entry.bytes().len();
            let whole = next <= at;
            end = if whole { next } else { end };
            whole
        })
        .cloned()
        .collect();
    let torn = &whole[end..at];
    // zeros at the end of what was written can't be told from room
    let torn = &torn[..torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)];
    let recovery = goes_on(folder, &kept);
    prop_assert_eq!(recovery.torn, torn.len() as u64);
    prop_assert_eq!((recovery.entries, recovery.last), (kept.len() as u64, kept.len() as u64));
    let aside = folder.files().remove("000000000001.torn0");
    prop_assert_eq!(aside, (!torn.is_empty()).then(|| torn.to_vec()));
    Ok(())
}

#[test]
fn cut_at_every_byte() {
    // 239: an entry whose length begins with a zero byte
    let all = entries(1, &[0, 40, 239, 1, 100]);
    let folder = Folder::new();
    for at in HEADER..=segment(1, &all).len() {
        for room in [0, 512] {
            cut(&folder, &all, at, room).unwrap_or_else(|error| panic!("cut at {at}, room {room}: {error}"));
        }
    }
}

#[test]
fn a_segment_of_zeros_behind_its_header_is_an_empty_one() {
    let folder = Folder::new();
    for room in [0, 1, 7, 8, 9, 4096] {
        cut(&folder, &[], HEADER, room).unwrap();
    }
}

#[test]
fn one_repair_does_not_overwrite_what_another_kept() {
    let folder = Folder::new();
    let all = entries(1, &[10, 10]);
    for repair in 0..3 {
        let bytes = segment(1, &all);
        let length = bytes.len() - 1 - repair;
        std::fs::create_dir_all(folder.path()).unwrap();
        std::fs::write(folder.segment(1), &bytes[..length]).unwrap();
        assert!(folder.open().unwrap().1.torn > 0);
    }
    let kept: Vec<usize> =
        folder.files().iter().filter(|(name, _)| name.contains(".torn")).map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(kept, [34, 33, 32]);
}

#[test]
fn what_was_read_only_is_not_repaired() {
    let folder = Folder::new();
    let all = entries(1, &[10, 10]);
    let bytes = segment(1, &all);
    folder.fill(&BTreeMap::from([("000000000001.journal".to_owned(), bytes[..bytes.len() - 3].to_vec())]));
    let before = folder.files();
    let (recovery, found) = folder.read(true).unwrap();
    assert_eq!((found.as_slice(), recovery.torn), (&all[..1], 32));
    assert_eq!(folder.files(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_entries_cut_anywhere(
        lengths in prop::collection::vec(0_usize..700, 0..12),
        share in 0_usize..10_001,
        room in prop_oneof![Just(0_usize), 0_usize..5_000],
    ) {
        let all = entries(1, &lengths);
        let length = segment(1, &all).len();
        cut(&Folder::new(), &all, HEADER + (length - HEADER) * share / 10_000, room)?;
    }

    #[test]
    fn what_is_appended_comes_back_as_the_format_says(
        batches in prop::collection::vec(prop::collection::vec((any::<i64>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 1..5), 0..10),
        fsync in prop_oneof![Just(Fsync::Off), Just(Fsync::Batched { every: 100_000 }), Just(Fsync::Always)],
        reopen in any::<u16>(),
    ) {
        let folder = Folder::new();
        let mut expected: Vec<Owned> = Vec::new();
        let mut journal = None;
        for (at, batch) in batches.iter().enumerate() {
            if at == 0 || reopen & (1 << at) != 0 {
                drop(journal.take());
                let mut found: Vec<Owned> = Vec::new();
                let (opened, recovery) = ferrofeed_core::orders::journal::Journal::open(folder.options(fsync), &mut |entry| {
                    found.push(entry.into());
                    Ok(())
                }).unwrap();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!((recovery.last, recovery.torn), (expected.len() as u64, 0));
                journal = Some(opened);
            }
            let journal = journal.as_mut().unwrap();
            let time = batch[0].0;
            let last = journal.append_all(time, batch.iter().map(|(_, kind, payload)| (*kind, payload.as_slice()))).unwrap();
            for (_, kind, payload) in batch {
                expected.push(Owned { number: expected.len() as u64 + 1, time, kind: *kind, payload: payload.clone() });
            }
            prop_assert_eq!(last, expected.len() as u64);
            prop_assert_eq!(journal.status().entries, last);
            prop_assert_eq!(&folder.read(false).unwrap().1, &expected, "readable as soon as it is appended");
        }
        drop(journal);
        if !batches.is_empty() {
            prop_assert_eq!(&folder.files()["000000000001.journal"], &segment(1, &expected), "room is given back at the end");
        }
    }
}
