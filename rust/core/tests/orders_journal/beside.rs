//! Reading while somebody writes and rotates: whole entries in order, never an error.

use super::support::Folder;
use ferrofeed_core::orders::journal::{Fsync, Journal, read_all};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A payload that tells its number, long enough to lie across pages.
fn payload(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 900).unwrap();
    number.to_le_bytes().into_iter().chain(std::iter::repeat_n(u8::try_from(number % 251).unwrap(), length)).collect()
}

#[test]
fn readers_beside_a_writer_that_rotates() {
    let folder = Folder::new();
    let mut options = folder.options(Fsync::Off);
    (options.segment_bytes, options.keep_segments) = (40_000, 1);
    let (mut journal, _) = Journal::open(options, &mut |_| Ok(())).unwrap();
    let (stop, written, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for from_oldest in [false, true] {
            let (folder, stop, written, reads) = (&folder, &stop, &written, &reads);
            scope.spawn(move || {
                let mut before = 0;
                while !stop.load(Ordering::Acquire) {
                    let least = written.load(Ordering::Acquire);
                    let mut expected = None;
                    let read = read_all(folder.path(), from_oldest, &mut |entry| {
                        assert_eq!(entry.number, expected.unwrap_or(entry.number), "no hole");
                        assert_eq!(entry.payload, payload(entry.number));
                        expected = Some(entry.number + 1);
                        Ok(())
                    });
                    // a failed assertion of a reader must end the writer too
                    let recovery = read.unwrap_or_else(|error| {
                        stop.store(true, Ordering::Release);
                        panic!("{error}")
                    });
                    assert!(recovery.last >= least && recovery.last >= before, "what was appended is there");
                    before = recovery.last;
                    reads.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let mut number = 0;
        while number < 20_000 || (reads.load(Ordering::Acquire) < 200 && number < 2_000_000) {
            if stop.load(Ordering::Acquire) {
                break;
            }
            number = journal.append(0, 1, &payload(number + 1)).unwrap();
            written.store(number, Ordering::Release);
            if journal.wants_rotation() {
                let checkpoint: Vec<(u8, Vec<u8>)> = (1..=3).map(|more| (2, payload(number + more))).collect();
                journal.rotate(0, &checkpoint).unwrap();
                number += 3;
            }
        }
        stop.store(true, Ordering::Release);
    });
    assert!(reads.load(Ordering::Acquire) >= 2);
}
