//! Damage: anywhere but at the very end it is an error that says where, and nothing is changed.

use super::support::{Folder, HEADER, Owned, entries, goes_on, header, segment};
use ferrofeed_core::orders::journal::{JournalError, MOST_PAYLOAD};
use proptest::prelude::*;
use std::collections::BTreeMap;

const FIRST: &str = "000000000001.journal";
const SECOND: &str = "000000000002.journal";

fn only(bytes: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([(FIRST.to_owned(), bytes)])
}

/// Opening and reading fail in the same words, and every file is as it was.
#[track_caller]
fn refused(folder: &Folder, files: &BTreeMap<String, Vec<u8>>) -> JournalError {
    folder.fill(files);
    let read = folder.read(false).expect_err("damaged").to_string();
    let error = folder.open().map(|(_, recovery, _)| recovery).expect_err("damaged");
    assert_eq!(error.to_string(), read);
    assert_eq!(&folder.files(), files);
    error
}

/// Where each entry begins, and the end of the last.
fn places(all: &[Owned]) -> Vec<usize> {
    all.iter().fold(vec![HEADER], |mut places, entry| {
        places.push(places[places.len() - 1] + entry.bytes().len());
        places
    })
}

#[test]
fn every_bit_flipped() {
    let all = entries(1, &[0, 30, 5, 47, 20]);
    let whole = segment(1, &all);
    let places = places(&all);
    let tail = places[all.len() - 1];
    let folder = Folder::new();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let at = bit / 8;
        if at < HEADER {
            let error = refused(&folder, &only(bytes));
            assert!(matches!(&error, JournalError::Header { path, .. } if path.ends_with(FIRST)), "byte {at}: {error}");
        } else if at < tail {
            let hit = places.iter().rposition(|place| *place <= at).unwrap();
            let error = refused(&folder, &only(bytes));
            match &error {
                JournalError::Damaged { path, offset, entry, .. } => {
                    assert!(path.ends_with(FIRST));
                    assert_eq!((*offset, *entry), (places[hit] as u64, all[hit].number), "byte {at}");
                }
                error => panic!("byte {at}: {error}"),
            }
            let text = error.to_string();
            assert!(
                text.contains(&format!("{FIRST}: damaged at byte {}, where entry {} ", places[hit], hit + 1)),
                "{text}"
            );
        } else {
            // the last entry: it can't be told from an interrupted write, and is kept beside the segment
            folder.fill(&only(bytes.clone()));
            let recovery = goes_on(&folder, &all[..all.len() - 1]);
            assert_eq!(recovery.torn, (whole.len() - tail) as u64);
            assert_eq!(folder.files()["000000000001.torn0"], bytes[tail..]);
        }
    }
}

#[test]
fn a_bit_in_the_room_behind_the_last_entry_is_cut_off_and_kept() {
    let all = entries(1, &[3, 4]);
    for at in [0, 1, 3, 4, 5, 8, 100, 511] {
        let folder = Folder::new();
        let mut bytes = segment(1, &all);
        let end = bytes.len();
        bytes.resize(end + 512, 0);
        bytes[end + at] ^= 0x10;
        folder.fill(&only(bytes.clone()));
        assert_eq!(goes_on(&folder, &all).torn, at as u64 + 1);
        assert_eq!(folder.files()["000000000001.torn0"], bytes[end..=end + at]);
    }
}

#[test]
fn a_hole_of_zeros_with_entries_behind_it_is_damage() {
    // pages may reach the disk in any order: what is behind a hole was never promised, but it is not thrown away
    let all = entries(1, &[30, 30, 30]);
    let places = places(&all);
    let folder = Folder::new();
    for from in places[1]..places[2] {
        let mut bytes = segment(1, &all);
        bytes[from..places[2]].fill(0);
        if bytes == segment(1, &all) {
            continue;
        }
        let error = refused(&folder, &only(bytes));
        assert!(matches!(error, JournalError::Damaged { entry: 2, .. }), "{error}");
    }
}

#[test]
fn a_whole_entry_with_the_wrong_number_is_never_taken_for_an_interrupted_write() {
    let folder = Folder::new();
    for wrong in [1, 2, 4, u64::MAX, 0] {
        let mut all = entries(1, &[30, 30, 30]);
        all[2].number = wrong;
        let error = refused(&folder, &only(segment(1, &all)));
        assert!(error.to_string().contains("where entry 3 should be: found an entry with another number"), "{error}");
    }
}

#[test]
fn headers() {
    let folder = Folder::new();
    let all = entries(1, &[30, 30]);
    let whole = segment(1, &all);
    for length in 0..HEADER {
        let error = refused(&folder, &only(whole[..length].to_vec())).to_string();
        assert!(
            error.ends_with(&format!(
                "{FIRST}: found {length} bytes, a header has 32, expected the start of a journal segment"
            )),
            "{error}"
        );
    }
    let error = refused(&folder, &only(b"something else entirely, 32 bytes".to_vec())).to_string();
    assert!(error.contains("found other bytes"), "{error}");
    // of another version, whole in its own way
    let mut other = whole.clone();
    other[8] = 2;
    let fields: Vec<u8> = [&other[..12], &other[16..32]].concat();
    other[12..16].copy_from_slice(&super::support::crc(&fields).to_le_bytes());
    let error = refused(&folder, &only(other)).to_string();
    assert!(error.contains("found version 2, this program knows version 1"), "{error}");
    // a file under another's name
    let error = refused(&folder, &BTreeMap::from([(SECOND.to_owned(), whole)])).to_string();
    assert!(error.contains(&format!("{SECOND}: found the header of segment 1")), "{error}");
}

#[test]
fn an_older_segment_has_no_tail_to_repair() {
    let folder = Folder::new();
    let (old, new) = (entries(1, &[30, 30]), entries(3, &[30, 30]));
    let files = |old: Vec<u8>| BTreeMap::from([(FIRST.to_owned(), old), (SECOND.to_owned(), segment(2, &new))]);
    let whole = segment(1, &old);
    let places = places(&old);
    // the newest is all that a start needs
    for cut in places[1]..whole.len() {
        folder.fill(&files(whole[..cut].to_vec()));
        assert_eq!(folder.read(false).unwrap().1, new);
        let error = folder.read(true).expect_err("cut");
        match &error {
            // a cut between two entries shows in the next segment only; zeros can't be told from room
            JournalError::Gap { path, found: 3, expected: 2 } => {
                assert!(path.ends_with(SECOND) && (cut == places[1]), "cut at {cut}: {error}");
            }
            JournalError::Damaged { path, offset, entry: 2, .. } => {
                assert!(path.ends_with(FIRST) && *offset == places[1] as u64, "{error}");
            }
            error => panic!("{error}"),
        }
    }
    let mut flipped = whole.clone();
    flipped[places[1] + 20] ^= 1;
    folder.fill(&files(flipped));
    assert!(matches!(folder.read(true), Err(JournalError::Damaged { entry: 2, .. })));
    // room that a crash left behind an older segment is no damage
    let mut roomy = whole;
    roomy.resize(roomy.len() + 4096, 0);
    folder.fill(&files(roomy));
    assert_eq!(folder.read(true).unwrap().1, [old, new].concat());
}

#[test]
fn a_missing_segment_is_named() {
    let folder = Folder::new();
    let third = entries(5, &[1]);
    folder.fill(&BTreeMap::from([
        (FIRST.to_owned(), segment(1, &entries(1, &[1, 1]))),
        ("000000000003.journal".to_owned(), segment(3, &third)),
    ]));
    assert_eq!(folder.read(false).unwrap().1, third);
    let error = folder.read(true).unwrap_err().to_string();
    assert!(error.contains("000000000003.journal: starts with entry 5, expected entry 3"), "{error}");
}

#[test]
fn an_entry_that_the_caller_can_not_apply_is_named() {
    let folder = Folder::new();
    folder.fill(&only(segment(1, &entries(1, &[1, 1]))));
    let mut each = |entry: ferrofeed_core::orders::journal::Entry<'_>| {
        if entry.number == 2 { Err("it does not fit".to_owned()) } else { Ok(()) }
    };
    let options = folder.options(ferrofeed_core::orders::journal::Fsync::Off);
    let error = ferrofeed_core::orders::journal::Journal::open(options, &mut each).map(drop).unwrap_err().to_string();
    assert!(error.ends_with("000000000001.journal: entry 2: it does not fit"), "{error}");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = Folder::new();
    let (mut journal, ..) = folder.open().unwrap();
    let most = vec![7; MOST_PAYLOAD];
    let more = vec![7; MOST_PAYLOAD + 1];
    journal.append(0, 1, b"one").unwrap();
    assert!(matches!(journal.append(0, 1, &more), Err(JournalError::TooLong(MOST_PAYLOAD))));
    assert!(matches!(journal.append_all(0, [(1, &b"fine"[..]), (1, &more)]), Err(JournalError::TooLong(_))));
    assert!(matches!(journal.rotate(0, &[(1, more)]), Err(JournalError::TooLong(_))));
    assert_eq!(journal.append(0, 2, &most).expect("nothing was written, nothing is wrong"), 2);
    journal.rotate(0, &[(3, most)]).unwrap();
    assert_eq!(journal.append_all(0, []).unwrap(), 3, "nothing to append is fine");
    drop(journal);
    let lengths: Vec<usize> = folder.read(true).unwrap().1.iter().map(|entry| entry.payload.len()).collect();
    assert_eq!(lengths, [3, MOST_PAYLOAD, MOST_PAYLOAD]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever lies in a file, reading ends with entries that were written or an error, never with others.
    #[test]
    fn noise_never_becomes_an_entry(
        lengths in prop::collection::vec(0_usize..80, 1..8),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let all = entries(1, &lengths);
        let mut bytes = segment(1, &all);
        for (index, byte) in noise {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let folder = Folder::new();
        folder.fill(&only(bytes));
        if let Ok((_, found)) = folder.read(true) {
            prop_assert_eq!(&found[..], &all[..found.len()]);
        }
    }
}

#[test]
fn the_second_writing_of_the_format_is_the_first() {
    // CRC-32 of the check value, and a header byte by byte
    assert_eq!(super::support::crc(b"123456789"), 0xcbf4_3926);
    assert_eq!(header(2, 3).len(), HEADER);
    assert_eq!(&header(2, 3)[..12], b"ffjournl\x01\0\0\0");
    assert_eq!(&header(2, 3)[16..], b"\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0");
}
