//! What can't be seen through the reader: the pieces by themselves, exhaustively where that is possible.

use super::buffer::ReadBuffer;
use super::mask::unmask;
use super::utf8::Utf8;
use super::{Limits, ProtocolError, ProtocolErrorKind, Role, WireReader};

/// Every byte at which a rule of UTF-8 begins or ends.
const EDGES: [u8; 25] = [
    0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
    0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
];

fn in_pieces(pieces: &[&[u8]]) -> bool {
    let mut text = Utf8::default();
    pieces.iter().all(|piece| text.push(piece)) && text.is_complete()
}

#[test]
fn utf8_in_pieces_is_utf8_in_one() {
    for a in EDGES {
        for b in EDGES {
            for c in EDGES {
                for d in EDGES {
                    let text = [a, b, c, d];
                    let whole = core::str::from_utf8(&text).is_ok();
                    assert_eq!(in_pieces(&[&text]), whole, "{text:02x?}");
                    assert_eq!(in_pieces(&[&text[..1], &text[1..]]), whole, "{text:02x?} after 1");
                    assert_eq!(in_pieces(&[&text[..2], b"", &text[2..]]), whole, "{text:02x?} after 2");
                    assert_eq!(in_pieces(&[&text[..3], &text[3..]]), whole, "{text:02x?} after 3");
                    assert_eq!(in_pieces(&[&[a], &[b], &[c], &[d]]), whole, "{text:02x?} by bytes");
                }
            }
        }
    }
}

#[test]
fn every_character_survives_every_cut() {
    for c in '\0'..=char::MAX {
        let mut room = [0; 4];
        let text = c.encode_utf8(&mut room).as_bytes();
        for cut in 1..text.len() {
            let mut state = Utf8::default();
            assert!(state.push(&text[..cut]) && !state.is_complete(), "{text:02x?} cut after {cut}");
            assert!(state.push(&text[cut..]) && state.is_complete(), "{text:02x?} cut after {cut}");
        }
    }
}

#[test]
fn unmasking_goes_on_where_it_stopped() {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let plain: Vec<u8> = (0..=99).collect();
    let masked: Vec<u8> = plain.iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    for first in 0..=plain.len() {
        for second in first..=plain.len() {
            let mut piece = masked.clone();
            unmask(&mut piece[..first], key, 0);
            unmask(&mut piece[first..second], key, first);
            unmask(&mut piece[second..], key, second);
            assert_eq!(piece, plain, "cut at {first} and {second}");
        }
    }
}

fn fill(buffer: &mut ReadBuffer, need: usize, bytes: &[u8]) {
    let space = buffer.space(need);
    space[..bytes.len()].copy_from_slice(bytes);
    assert_eq!(buffer.filled(bytes.len()), bytes.len());
}

#[test]
fn a_drained_buffer_starts_over_at_its_front() {
    let mut buffer = ReadBuffer::new(64, 64);
    let front = buffer.space(2).as_ptr();
    for _ in 0..100 {
        fill(&mut buffer, 2, &[7; 40]);
        assert_eq!(buffer.consume(40), [7; 40]);
        let space = buffer.space(2);
        assert_eq!((space.as_ptr(), space.len()), (front, 64));
    }
}

#[test]
fn small_leftovers_go_to_the_front_so_that_reads_stay_large() {
    let mut buffer = ReadBuffer::new(8192, 8192);
    fill(&mut buffer, 2, &[1; 3000]);
    buffer.consume(2900);
    assert_eq!(buffer.space(650).len(), 8192 - 100);
    assert_eq!(buffer.pending(), [1; 100]);
}

#[test]
fn large_leftovers_are_moved_only_when_the_frame_would_not_fit() {
    let mut buffer = ReadBuffer::new(8192, 8192);
    fill(&mut buffer, 2, &[1; 4000]);
    buffer.consume(1000);
    // 3,000 of 6,000 bytes are there and 4,192 can follow without a move.
    let start = buffer.pending().as_ptr();
    assert_eq!(buffer.space(6000).len(), 4192);
    assert_eq!(buffer.pending().as_ptr(), start);
    fill(&mut buffer, 6000, &[2; 1000]);
    // 3,192 would do for the rest, but less than half of the buffer is free: it moves, once.
    assert_eq!(buffer.space(6000).len(), 4192);
    assert_eq!(buffer.len(), 4000);
    let start = buffer.pending().as_ptr();
    fill(&mut buffer, 6000, &[3; 2000]);
    assert_eq!(buffer.pending().as_ptr(), start);
    assert_eq!(buffer.capacity(), 8192);
}

#[test]
fn a_caller_that_leaves_messages_behind_loses_none() {
    let mut buffer = ReadBuffer::new(16, 16);
    for round in 0..=255 {
        fill(&mut buffer, 2, &[round]);
    }
    assert_eq!(buffer.len(), 256);
    for round in 0..=255 {
        assert_eq!(buffer.consume(1), [round]);
    }
    for _ in 0..3 {
        buffer.space(2);
    }
    assert_eq!(buffer.capacity(), 16);
}

#[test]
fn more_than_was_offered_is_not_believed() {
    let mut reader = WireReader::new(Role::Client, Limits { max_message: 64, buffer: 32, read: 8 });
    reader.filled(5);
    assert_eq!(reader.bytes(), 0);
    reader.space().copy_from_slice(&[0x81, 6, b'a', b'b', b'c', b'd', b'e', b'f']);
    reader.filled(1000);
    reader.filled(1);
    assert_eq!(reader.bytes(), 8);
    assert!(matches!(reader.next(), Ok(Some(_))));
}

#[test]
fn kinds_have_distinct_names_and_values_in_order() {
    for (at, kind) in ProtocolErrorKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, at);
        assert!(ProtocolErrorKind::ALL[..at].iter().all(|other| other.name() != kind.name()));
    }
    let error = ProtocolError { kind: ProtocolErrorKind::Masked, at: 7 };
    assert_eq!(error.to_string(), "websocket protocol error: masked in the frame at byte 7");
}
