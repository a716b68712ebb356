//! Every rule of RFC 6455 for a reader, by hand: what comes out, which error, at which frame, after which byte.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: a panic is a failure"
)]

mod wire_oracle;

use ferrofeed_core::wire::ProtocolErrorKind as Kind;
use ferrofeed_core::wire::{Limits, Message, ProtocolError, Role, WireReader};
use wire_oracle::{Item, check, drain, frame};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: Limits = Limits { max_message: 70_000, buffer: 256, read: 128 };

fn item_text(text: &str) -> Item {
    Item::Text(text.as_bytes().to_vec())
}

/// Decodes in one go and byte by byte, both judged by the oracle as well.
fn read(role: Role, stream: &[u8]) -> wire_oracle::Outcome {
    let whole = check(stream, &[], role, Limits { buffer: 1 << 20, read: 1 << 20, ..LIMITS });
    if stream.len() <= 1000 {
        assert_eq!(check(stream, &[1], role, LIMITS), whole);
    }
    whole
}

fn accepted(role: Role, stream: &[u8], items: &[Item]) {
    let outcome = read(role, stream);
    assert_eq!((outcome.items.as_slice(), outcome.error), (items, None), "{stream:02x?}");
}

/// The last byte of `stream` is the one that breaks the rule: without it all is well, with it comes the error.
fn refused_at_last_byte(role: Role, stream: &[u8], kind: Kind, at: u64) {
    let before = read(role, &stream[..stream.len() - 1]);
    assert_eq!(before.error, None, "{kind:?} came too early: {stream:02x?}");
    let outcome = read(role, stream);
    assert_eq!(outcome.error, Some((kind.name(), kind.close_code(), at)), "{stream:02x?}");
    assert_eq!(outcome.discarded, stream.len() as u64 - at);
}

#[test]
fn the_examples_of_the_rfc() {
    // Section 5.7, in its order.
    accepted(Role::Client, &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], &[item_text("Hello")]);
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    accepted(Role::Server, &masked, &[item_text("Hello")]);
    accepted(Role::Client, &[0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f], &[item_text("Hello")]);
    accepted(Role::Client, &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f], &[Item::Ping(b"Hello".to_vec())]);
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    accepted(Role::Server, &pong, &[Item::Pong(b"Hello".to_vec())]);
    let mut long = vec![0x82, 0x7e, 0x01, 0x00];
    long.extend([9; 256]);
    accepted(Role::Client, &long, &[Item::Binary(vec![9; 256])]);
    let mut longer = vec![0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
    longer.extend(vec![9; 65_536]);
    accepted(Role::Client, &longer, &[Item::Binary(vec![9; 65_536])]);
}

#[test]
fn empty_messages_and_every_form_of_length() {
    for size in [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 65_537, 70_000] {
        let payload = vec![b'x'; size];
        accepted(Role::Client, &frame(0x82, &payload, None), &[Item::Binary(payload.clone())]);
        accepted(Role::Server, &frame(0x81, &payload, Some(KEY)), &[Item::Text(payload)]);
    }
}

#[test]
fn control_frames_between_fragments() {
    let stream: Vec<u8> = [
        frame(0x01, b"one ", None),
        frame(0x89, b"now", None),
        frame(0x00, b"", None),
        frame(0x8a, b"", None),
        frame(0x00, b"two ", None),
        frame(0x80, b"three", None),
        frame(0x02, b"", None),
        frame(0x80, b"", None),
        frame(0x88, b"\x03\xe8bye", None),
    ]
    .concat();
    let items = [
        Item::Ping(b"now".to_vec()),
        Item::Pong(vec![]),
        item_text("one two three"),
        Item::Binary(vec![]),
        Item::Close(Some(1000), "bye".to_owned()),
    ];
    accepted(Role::Client, &stream, &items);
    assert_eq!(read(Role::Client, &stream).frames, 9);
}

#[test]
fn a_wrong_first_byte_is_refused_at_once() {
    for first in 0..=0xffu8 {
        let kind = if first & 0x70 != 0 {
            Kind::ReservedBits
        } else {
            match first & 0x0f {
                3..=7 | 11..=15 => Kind::ReservedOpcode,
                8..=10 if first & 0x80 == 0 => Kind::FragmentedControl,
                0 => Kind::UnexpectedContinuation,
                _ => continue,
            }
        };
        refused_at_last_byte(Role::Client, &[first], kind, 0);
        refused_at_last_byte(Role::Server, &[0x82, 0x80, 1, 2, 3, 4, first], kind, 6);
    }
    for first in [0x01, 0x02, 0x81, 0x82] {
        refused_at_last_byte(Role::Client, &[0x01, 0x01, b'a', first], Kind::ExpectedContinuation, 3);
        refused_at_last_byte(Role::Client, &[0x02, 0x00, 0x89, 0x00, first], Kind::ExpectedContinuation, 4);
    }
    // A finished message leaves nothing to continue.
    refused_at_last_byte(Role::Client, &[0x01, 0x00, 0x80, 0x00, 0x80], Kind::UnexpectedContinuation, 4);
}

#[test]
fn a_wrong_length_is_refused_with_the_byte_that_says_it() {
    for opcode in [0x88, 0x89, 0x8a] {
        for second in [126, 127] {
            refused_at_last_byte(Role::Client, &[opcode, second], Kind::ControlTooLong, 0);
            refused_at_last_byte(Role::Server, &[opcode, second | 0x80], Kind::ControlTooLong, 0);
        }
        let whole = frame(opcode, &[], None);
        accepted(Role::Client, &whole[..1], &[]);
    }
    refused_at_last_byte(Role::Client, &[0x82, 126, 0, 0], Kind::NonMinimalLength, 0);
    refused_at_last_byte(Role::Client, &[0x82, 126, 0, 125], Kind::NonMinimalLength, 0);
    refused_at_last_byte(Role::Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Kind::NonMinimalLength, 0);
    refused_at_last_byte(Role::Client, &[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1], Kind::NonMinimalLength, 0);
    refused_at_last_byte(Role::Client, &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], Kind::LengthSign, 0);
    refused_at_last_byte(Role::Server, &[0x82, 0xff, 0xff, 255, 255, 255, 255, 255, 255, 255], Kind::LengthSign, 0);
    refused_at_last_byte(Role::Client, &[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255], Kind::MessageTooBig, 0);
}

#[test]
fn the_longest_control_frames_pass_whatever_the_message_limit() {
    let tiny = Limits { max_message: 0, buffer: 0, read: 0 };
    let stream = [frame(0x89, &[0; 125], None), frame(0x81, b"", None), frame(0x8a, &[0xff; 125], None)].concat();
    let items = [Item::Ping(vec![0; 125]), item_text(""), Item::Pong(vec![0xff; 125])];
    let outcome = check(&stream, &[1], Role::Client, tiny);
    assert_eq!((outcome.items.as_slice(), outcome.error), (items.as_slice(), None));
    let outcome = check(&[0x81, 1], &[1], Role::Client, tiny);
    assert_eq!(outcome.error, Some(("message_too_big", 1009, 0)));
}

#[test]
fn the_masking_rule_of_each_role() {
    for first in [0x81, 0x82, 0x88, 0x89, 0x8a, 0x01] {
        refused_at_last_byte(Role::Client, &[first, 0x80], Kind::Masked, 0);
        refused_at_last_byte(Role::Server, &[first, 0x00], Kind::Unmasked, 0);
    }
}

#[test]
fn a_message_too_big_is_refused_when_it_is_announced() {
    // One more than the limit, in one frame: no byte of the payload is waited for.
    refused_at_last_byte(Role::Client, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71], Kind::MessageTooBig, 0);
    refused_at_last_byte(Role::Server, &[0x82, 255, 0, 0, 0, 0, 0, 1, 0x11, 0x71], Kind::MessageTooBig, 0);
    // The sum over fragments, pings in between not counted.
    let begun =
        [frame(0x02, &vec![1; 69_990], None), frame(0x89, &[1; 100], None), frame(0x00, &[1; 5], None)].concat();
    let at = begun.len() as u64;
    let over = [begun.as_slice(), &[0x80, 6]].concat();
    let outcome = read(Role::Client, &over);
    assert_eq!(outcome.error, Some(("message_too_big", 1009, at)));
    let just = [begun.as_slice(), &frame(0x80, &[1; 5], None)].concat();
    accepted(Role::Client, &just, &[Item::Ping(vec![1; 100]), Item::Binary(vec![1; 70_000])]);
}

#[test]
fn broken_text_is_refused_with_the_byte_that_breaks_it() {
    // Beginnings that can't become UTF-8 with their last byte (tables 3-6 and 3-7 of Unicode 15, RFC 3629 section 4).
    let broken: [&[u8]; 15] = [
        b"\x80",
        b"\xbf",
        b"\xc0",
        b"\xc1",
        b"\xf5",
        b"\xff",
        b"a\xc2a",
        b"\xe0\x9f",
        b"\xed\xa0",
        b"\xe2\x82a",
        b"\xf0\x8f",
        b"\xf4\x90",
        b"\xf0\x9f\x98a",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0",
        b"\xc2\xc2",
    ];
    for text in broken {
        // In one frame that is not all there.
        let mut stream = vec![0x81, 100];
        stream.extend(text);
        refused_at_last_byte(Role::Client, &stream, Kind::InvalidUtf8, 0);
        // Masked.
        let masked = frame(0x81, &[text, &[b' '; 50]].concat(), Some(KEY));
        refused_at_last_byte(Role::Server, &masked[..6 + text.len()], Kind::InvalidUtf8, 0);
        // Cut between fragments before the last byte; the error is in the second.
        let (head, tail) = text.split_at(text.len() - 1);
        let mut stream = frame(0x01, head, None);
        let at = stream.len() as u64;
        stream.extend([0x80, 100]);
        stream.extend(tail);
        refused_at_last_byte(Role::Client, &stream, Kind::InvalidUtf8, at);
        // Whole frame at once.
        let whole = frame(0x81, &[text, b"   "].concat(), None);
        assert_eq!(read(Role::Client, &whole).error, Some(("invalid_utf8", 1007, 0)));
        // The same bytes are fine as binary.
        accepted(Role::Client, &frame(0x82, text, None), &[Item::Binary(text.to_vec())]);
    }
}

#[test]
fn text_must_not_end_inside_a_character() {
    for text in ["é", "€", "𝄞"] {
        let text = text.as_bytes();
        for cut in 1..text.len() {
            refused_at_last_byte(Role::Client, &frame(0x81, &text[..cut], None), Kind::InvalidUtf8, 0);
            let masked = frame(0x81, &text[..cut], Some(KEY));
            refused_at_last_byte(Role::Server, &masked, Kind::InvalidUtf8, 0);
            let mut stream = frame(0x01, &text[..cut], None);
            let at = stream.len() as u64;
            let whole = [stream.as_slice(), &frame(0x80, &text[cut..], None)].concat();
            accepted(Role::Client, &whole, &[Item::Text(text.to_vec())]);
            stream.extend([0x80, 0x00]);
            refused_at_last_byte(Role::Client, &stream, Kind::InvalidUtf8, at);
        }
    }
}

#[test]
fn every_close_code() {
    for code in 0..=u16::MAX {
        let lawful = matches!(code, 1000 | 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1010 | 1011 | 1012 | 1013 | 1014)
            || (code / 1000 == 3 || code / 1000 == 4);
        let mut reader = WireReader::new(Role::Client, LIMITS);
        let stream = frame(0x88, &code.to_be_bytes(), None);
        reader.space()[..4].copy_from_slice(&stream);
        reader.filled(4);
        let expected = if lawful {
            Ok(Some(Message::Close { code: Some(code), reason: "" }))
        } else {
            Err(ProtocolError { kind: Kind::CloseCode, at: 0 })
        };
        assert_eq!(reader.next(), expected);
    }
}

#[test]
fn close_payloads() {
    accepted(Role::Client, &[0x88, 0], &[Item::Close(None, String::new())]);
    refused_at_last_byte(Role::Client, &[0x88, 1, 3], Kind::CloseLength, 0);
    refused_at_last_byte(Role::Server, &frame(0x88, &[3], Some(KEY)), Kind::CloseLength, 0);
    let reason = "ü".repeat(61);
    let payload = [&1008u16.to_be_bytes(), reason.as_bytes()].concat();
    accepted(Role::Client, &frame(0x88, &payload, None), &[Item::Close(Some(1008), reason.clone())]);
    accepted(Role::Server, &frame(0x88, &payload, Some(KEY)), &[Item::Close(Some(1008), reason)]);
    refused_at_last_byte(Role::Client, &frame(0x88, b"\x03\xe8\xc3", None), Kind::CloseReason, 0);
    refused_at_last_byte(Role::Client, &frame(0x88, b"\x03\xe8ok\xff", None), Kind::CloseReason, 0);
}

#[test]
fn nothing_comes_after_a_close() {
    let close = frame(0x88, b"\x03\xe8", None);
    let stream = [&close, &frame(0x81, b"late", None)[..], b"\xff\xff"].concat();
    for size in 1..=stream.len() {
        let outcome = check(&stream, &[size], Role::Client, LIMITS);
        assert_eq!(outcome.items, [Item::Close(Some(1000), String::new())]);
        assert_eq!((outcome.error, outcome.discarded, outcome.frames), (None, 8, 1));
    }
}

#[test]
fn an_error_stays_and_messages_before_it_are_delivered() {
    let stream = [frame(0x81, b"good", None), vec![0xf1, 0x00], frame(0x81, b"never", None)].concat();
    let mut reader = WireReader::new(Role::Client, LIMITS);
    reader.space()[..stream.len()].copy_from_slice(&stream);
    reader.filled(stream.len());
    let mut items = Vec::new();
    let error = Some(("reserved_bits", 1002, 6));
    assert_eq!(drain(&mut reader, &mut items), error);
    assert_eq!(items, [item_text("good")]);
    assert_eq!((reader.frames(), reader.messages(), reader.discarded()), (1, 1, 9));
    for round in 1..=1000u64 {
        let space = reader.space();
        assert!(!space.is_empty());
        space[0] = 0x81;
        reader.filled(1);
        assert_eq!(drain(&mut reader, &mut items), error);
        assert_eq!((reader.bytes(), reader.discarded()), (15 + round, 9 + round));
    }
    assert_eq!(items.len(), 1);
    assert_eq!(reader.capacity(), LIMITS.buffer);
}

#[test]
fn offsets_count_from_the_start_of_the_stream() {
    let mut reader = WireReader::new(Role::Client, LIMITS);
    let mut items = Vec::new();
    let good = frame(0x82, &[5; 100], None);
    for _ in 0..1000 {
        reader.space()[..good.len()].copy_from_slice(&good);
        reader.filled(good.len());
        assert_eq!(drain(&mut reader, &mut items), None);
    }
    reader.space()[0] = 0x83;
    reader.filled(1);
    assert_eq!(drain(&mut reader, &mut items), Some(("reserved_opcode", 1002, 102_000)));
    assert_eq!((items.len(), reader.messages(), reader.bytes()), (1000, 1000, 102_001));
}
