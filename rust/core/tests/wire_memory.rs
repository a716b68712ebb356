//! Memory: bounded while large things are under way, given back after them, none asked for in a steady state.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: a panic is a failure"
)]
#![allow(unsafe_code, reason = "a counting allocator is the only way to see that nothing is allocated")]

mod wire_oracle;

use ferrofeed_core::wire::{Limits, Message, Role, WireReader};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use wire_oracle::frame;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is being torn down has no counter any more, and nobody asks for it.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + 1));
}

// SAFETY: every call goes on to the system allocator as it is; counting touches a thread-local integer and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

const LIMITS: Limits = Limits { max_message: 1 << 20, buffer: 64 << 10, read: 64 << 10 };

/// Feeds a stream in reads of at most `read` bytes; gives the number of messages, their bytes, and the most memory held.
fn feed(reader: &mut WireReader, mut stream: &[u8], read: usize) -> (u64, usize, usize) {
    let (mut messages, mut bytes, mut most) = (0, 0, 0);
    while !stream.is_empty() {
        let space = reader.space();
        let n = space.len().min(read).min(stream.len());
        space[..n].copy_from_slice(&stream[..n]);
        reader.filled(n);
        stream = &stream[n..];
        while let Some(message) = reader.next().unwrap() {
            messages += 1;
            bytes += match message {
                Message::Text(payload) | Message::Binary(payload) => payload.len(),
                _ => 0,
            };
        }
        most = most.max(reader.capacity());
    }
    (messages, bytes, most)
}

#[test]
fn a_steady_state_allocates_nothing() {
    let text = [frame(0x81, &[b'x'; 130], None), frame(0x89, b"", None), frame(0x81, &[b'y'; 640], None)].concat();
    let parts =
        [frame(0x01, &[b'a'; 3000], None), frame(0x80, &[b'b'; 700], None), frame(0x82, &vec![0; 50_000], None)];
    let stream = [text.repeat(300), parts.concat()].concat();
    for read in [1, 100, 1448, 16_384, 65_536] {
        let mut reader = WireReader::new(Role::Client, LIMITS);
        feed(&mut reader, &stream, read);
        let before = allocations();
        for _ in 0..if read == 1 { 1 } else { 20 } {
            assert_eq!(feed(&mut reader, &stream, read).0, 902);
        }
        assert_eq!(allocations() - before, 0, "reads of {read}");
    }
}

#[test]
fn large_messages_in_a_row_do_not_allocate_each() {
    let whole = frame(0x82, &vec![7; 300_000], None).repeat(20);
    let parts = [frame(0x02, &vec![7; 200_000], None), frame(0x80, &vec![7; 200_000], None)].concat().repeat(20);
    for stream in [whole, parts] {
        let mut reader = WireReader::new(Role::Client, LIMITS);
        feed(&mut reader, &stream, 65_536);
        let before = allocations();
        assert_eq!(feed(&mut reader, &stream, 65_536).0, 20);
        assert!(allocations() - before <= 1, "{} allocations", allocations() - before);
    }
}

#[test]
fn buffers_grow_to_the_largest_message_and_no_further_and_shrink_again() {
    let largest = frame(0x82, &vec![1; 1 << 20], None);
    let small = frame(0x81, b"{}", None);
    let parts = [frame(0x02, &vec![2; 1 << 19], None), frame(0x80, &vec![3; 1 << 19], None)].concat();
    for read in [1000, 65_536] {
        let mut reader = WireReader::new(Role::Client, LIMITS);
        assert_eq!(reader.capacity(), LIMITS.buffer);
        let (messages, bytes, most) = feed(&mut reader, &largest, read);
        assert_eq!((messages, bytes, most), (1, 1 << 20, largest.len()));
        for _ in 0..4 {
            feed(&mut reader, &small, read);
        }
        assert_eq!(reader.capacity(), LIMITS.buffer);
        let (messages, bytes, most) = feed(&mut reader, &parts, read);
        assert_eq!((messages, bytes), (1, 1 << 20));
        assert!(most <= (1 << 20) + (1 << 19) + 14, "{most}");
        for _ in 0..4 {
            feed(&mut reader, &small, read);
        }
        assert_eq!(reader.capacity(), LIMITS.buffer);
    }
}

#[test]
fn a_backlog_is_kept_whole_and_its_memory_given_back() {
    let one = frame(0x82, &[9; 1000], None);
    let mut reader = WireReader::new(Role::Client, LIMITS);
    let stream = one.repeat(1000);
    let mut rest = stream.as_slice();
    let mut taken = 0;
    // A caller that takes one message a read falls behind.
    while !rest.is_empty() {
        let space = reader.space();
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        reader.filled(n);
        rest = &rest[n..];
        assert_eq!(reader.next().unwrap(), Some(Message::Binary(&[9; 1000])));
        taken += 1;
    }
    assert!(reader.capacity() > 500_000 && reader.capacity() <= 2 << 20, "{}", reader.capacity());
    while let Some(message) = reader.next().unwrap() {
        assert_eq!(message, Message::Binary(&[9; 1000]));
        taken += 1;
    }
    assert_eq!(taken, 1000);
    for _ in 0..2 {
        reader.space();
    }
    assert_eq!(reader.capacity(), LIMITS.buffer);
}

#[test]
fn the_bytes_of_a_lone_announcement_cost_nothing() {
    // A header that promises 1 MiB, and then silence.
    let mut reader = WireReader::new(Role::Client, LIMITS);
    feed(&mut reader, &frame(0x82, &vec![0; 1 << 20], None)[..100], 65_536);
    reader.space();
    assert_eq!(reader.capacity(), LIMITS.buffer);
}

#[test]
fn an_unfragmented_message_is_a_slice_of_the_read_buffer() {
    let mut reader = WireReader::new(Role::Client, LIMITS);
    let stream = frame(0x81, b"where it was read", None);
    let space = reader.space();
    space[..stream.len()].copy_from_slice(&stream);
    let place = space[2..].as_ptr();
    reader.filled(stream.len());
    let Ok(Some(Message::Text(payload))) = reader.next() else { panic!("no text") };
    assert_eq!(payload.as_ptr(), place);
}

#[test]
fn reads_stay_large_whatever_is_left_over() {
    let stream = frame(0x82, &[1; 640], None).repeat(5000);
    let mut reader = WireReader::new(Role::Client, LIMITS);
    let mut reads = 0;
    let mut rest = stream.as_slice();
    while !rest.is_empty() {
        let space = reader.space();
        assert!(space.len() >= LIMITS.read - 644, "{}", space.len());
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        reader.filled(n);
        reads += 1;
        while reader.next().unwrap().is_some() {}
    }
    assert_eq!(reads, stream.len().div_ceil(LIMITS.read - 644));
}
