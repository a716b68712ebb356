//! The frame reader against a decoder that sees the whole stream, over arbitrary reads.
//!
//! Input: a byte of flags, two bytes of message limit, buffer size, longest read, number of reads, their sizes, and the
//! stream. With flag 2 the stream is a list of frames to encode (first byte, payload length, payload), so that masks and
//! lengths are right and the fuzzer gets past them.

use crate::wire_oracle::{check, frame};
use ferrofeed_core::wire::{Limits, Role};

const SERVER: u8 = 1;
const FRAMES: u8 = 2;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Runs one input.
///
/// # Panics
/// On a difference between the two, or a broken bound on memory.
pub fn run(data: &[u8]) {
    let Some((&[flags, high, low, buffer, read, count], rest)) = data.split_first_chunk() else { return };
    let (reads, rest) = rest.split_at(usize::from(count % 32).min(rest.len()));
    let role = if flags & SERVER == 0 { Role::Client } else { Role::Server };
    let stream = if flags & FRAMES == 0 { rest.to_vec() } else { encode(rest, role) };
    // The oracle starts over after every read: a long stream in tiny reads would only be slow.
    let read = usize::from(read).max(stream.len() / 64);
    let limits =
        Limits { max_message: usize::from(u16::from_be_bytes([high, low])), buffer: usize::from(buffer) * 8, read };
    let mut reads: Vec<usize> = reads.iter().map(|size| usize::from(*size)).collect();
    reads.push(usize::MAX);
    check(&stream, &reads, role, limits);
}

fn encode(mut list: &[u8], role: Role) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((&[first, size], rest)) = list.split_first_chunk() {
        let (payload, rest) = rest.split_at(usize::from(size).min(rest.len()));
        stream.extend(frame(first, payload, (role == Role::Server).then_some(KEY)));
        list = rest;
    }
    stream
}
