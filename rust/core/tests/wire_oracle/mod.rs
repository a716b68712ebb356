//! A naive decoder of a complete byte string, independent of the one it judges, and what is needed to compare the two.
//! Shared by the wire tests and the fuzz target.
#![allow(dead_code, unreachable_pub, reason = "each of its users needs another part")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test oracle: plain is better, and a panic is its way to speak"
)]

use ferrofeed_core::wire::{Limits, Message, Role, WireReader};

/// An owned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// What becomes of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub items: Vec<Item>,
    /// Name, close code, offset of the frame.
    pub error: Option<(&'static str, u16, u64)>,
    pub frames: u64,
    pub discarded: u64,
}

/// Decodes a stream, or the beginning of one, as RFC 6455 reads: one rule after the other in the order of the bytes.
pub fn decode(stream: &[u8], server: bool, max_message: usize) -> Outcome {
    let mut out = Outcome::default();
    let mut open: Option<(bool, Vec<u8>)> = None;
    let mut at = 0;
    let error = loop {
        match one_frame(&stream[at..], server, max_message, &mut open, &mut out) {
            Ok(Some(size)) => at += size,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        if matches!(out.items.last(), Some(Item::Close(..))) {
            out.discarded = (stream.len() - at) as u64;
            break None;
        }
    };
    if let Some((name, code)) = error {
        out.error = Some((name, code, at as u64));
        out.discarded = (stream.len() - at) as u64;
    }
    out
}

type Wrong = (&'static str, u16);

fn one_frame(
    f: &[u8],
    server: bool,
    max_message: usize,
    open: &mut Option<(bool, Vec<u8>)>,
    out: &mut Outcome,
) -> Result<Option<usize>, Wrong> {
    if f.is_empty() {
        return Ok(None);
    }
    let (fin, opcode) = (f[0] / 128 == 1, f[0] % 16);
    if !(f[0] / 16).is_multiple_of(8) {
        return Err(("reserved_bits", 1002));
    }
    if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Err(("reserved_opcode", 1002));
    }
    if opcode >= 8 && !fin {
        return Err(("fragmented_control", 1002));
    }
    if opcode == 0 && open.is_none() {
        return Err(("unexpected_continuation", 1002));
    }
    if (opcode == 1 || opcode == 2) && open.is_some() {
        return Err(("expected_continuation", 1002));
    }
    if f.len() < 2 {
        return Ok(None);
    }
    let masked = f[1] / 128 == 1;
    if masked != server {
        return Err((if masked { "masked" } else { "unmasked" }, 1002));
    }
    let short = f[1] % 128;
    if opcode >= 8 && short > 125 {
        return Err(("control_too_long", 1002));
    }
    let extra = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if f.len() < 2 + extra {
        return Ok(None);
    }
    let long = f[2..2 + extra].iter().fold(0u128, |sum, byte| sum * 256 + u128::from(*byte));
    let length = if extra == 0 { u128::from(short) } else { long };
    if length >= 1 << 63 {
        return Err(("length_sign", 1002));
    }
    if (extra == 2 && length < 126) || (extra == 8 && length < 65_536) {
        return Err(("non_minimal_length", 1002));
    }
    let before = open.as_ref().map_or(0, |(_, text)| text.len());
    if opcode < 8 && before as u128 + length > max_message as u128 {
        return Err(("message_too_big", 1009));
    }
    let header = 2 + extra + if masked { 4 } else { 0 };
    if f.len() < header {
        return Ok(None);
    }
    let length = usize::try_from(length).unwrap();
    let mut payload: Vec<u8> = f[header..].iter().copied().take(length).collect();
    if masked {
        for (i, byte) in payload.iter_mut().enumerate() {
            *byte ^= f[header - 4 + i % 4];
        }
    }
    let whole = payload.len() == length;
    if opcode < 8 {
        let (text, mut message) = match open.clone() {
            Some(begun) => begun,
            None => (opcode == 1, Vec::new()),
        };
        message.extend_from_slice(&payload);
        if text && !is_utf8(&message, whole && fin) {
            return Err(("invalid_utf8", 1007));
        }
        if !whole {
            return Ok(None);
        }
        if fin {
            *open = None;
            out.items.push(if text { Item::Text(message) } else { Item::Binary(message) });
        } else {
            *open = Some((text, message));
        }
    } else {
        if !whole {
            return Ok(None);
        }
        out.items.push(match opcode {
            9 => Item::Ping(payload),
            10 => Item::Pong(payload),
            _ => close(&payload)?,
        });
    }
    out.frames += 1;
    Ok(Some(header + length))
}

fn close(payload: &[u8]) -> Result<Item, Wrong> {
    if payload.is_empty() {
        return Ok(Item::Close(None, String::new()));
    }
    if payload.len() == 1 {
        return Err(("close_length", 1002));
    }
    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
    let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    if !registered.contains(&code) && !(3000..5000).contains(&code) {
        return Err(("close_code", 1002));
    }
    if !is_utf8(&payload[2..], true) {
        return Err(("close_reason", 1007));
    }
    Ok(Item::Close(Some(code), String::from_utf8(payload[2..].to_vec()).unwrap()))
}

/// Whether bytes are UTF-8 (`end`), or can still become so: by the code points a sequence may stand for (RFC 3629), not by
/// a table of bytes.
pub fn is_utf8(mut bytes: &[u8], end: bool) -> bool {
    while let Some(&lead) = bytes.first() {
        let (size, lead_bits, lawful): (usize, u8, &[(u32, u32)]) = match lead {
            0x00..=0x7f => (1, 0x7f, &[(0, 0x7f)]),
            0xc0..=0xdf => (2, 0x1f, &[(0x80, 0x7ff)]),
            0xe0..=0xef => (3, 0x0f, &[(0x800, 0xd7ff), (0xe000, 0xffff)]),
            0xf0..=0xf7 => (4, 0x07, &[(0x1_0000, 0x10_ffff)]),
            _ => return false,
        };
        let (mut low, mut high) = (u32::from(lead & lead_bits), u32::from(lead & lead_bits));
        for i in 1..size {
            let (least, most) = match bytes.get(i) {
                Some(byte @ 0x80..=0xbf) => (u32::from(byte & 0x3f), u32::from(byte & 0x3f)),
                Some(_) => return false,
                None => (0, 0x3f),
            };
            (low, high) = (low * 64 + least, high * 64 + most);
        }
        if !lawful.iter().any(|(from, to)| low <= *to && high >= *from) {
            return false;
        }
        if bytes.len() < size {
            return !end;
        }
        bytes = &bytes[size..];
    }
    true
}

/// Takes every message there is; says what the reader stopped with.
pub fn drain(reader: &mut WireReader, items: &mut Vec<Item>) -> Option<(&'static str, u16, u64)> {
    loop {
        let before = items.len();
        let error = drain_one(reader, items);
        if error.is_some() || items.len() == before {
            return error;
        }
    }
}

/// [`drain`] by a caller that understands some of the texts before they are checked, those of an even length.
fn drain_understanding(reader: &mut WireReader, items: &mut Vec<Item>) -> Option<(&'static str, u16, u64)> {
    loop {
        if let Some(text) = reader.whole_text()
            && text.len().is_multiple_of(2)
            && is_utf8(text, true)
        {
            items.push(Item::Text(text.to_vec()));
            reader.pass();
            reader.pass(); // once is all there is to pass
            continue;
        }
        let before = items.len();
        let error = drain_one(reader, items);
        if error.is_some() || items.len() == before {
            return error;
        }
    }
}

/// Takes a message if there is one.
fn drain_one(reader: &mut WireReader, items: &mut Vec<Item>) -> Option<(&'static str, u16, u64)> {
    items.push(match reader.next() {
        Ok(None) => return None,
        Err(error) => return Some((error.kind.name(), error.close_code(), error.at)),
        Ok(Some(Message::Text(payload))) => Item::Text(payload.to_vec()),
        Ok(Some(Message::Binary(payload))) => Item::Binary(payload.to_vec()),
        Ok(Some(Message::Ping(payload))) => Item::Ping(payload.to_vec()),
        Ok(Some(Message::Pong(payload))) => Item::Pong(payload.to_vec()),
        Ok(Some(Message::Close { code, reason })) => Item::Close(code, reason.to_owned()),
    });
    None
}

type Drain = fn(&mut WireReader, &mut Vec<Item>) -> Option<(&'static str, u16, u64)>;

/// Feeds a stream to a reader in reads of these sizes (the last size goes on for ever) and demands **after every read**
/// what the oracle makes of the bytes so far: messages, error, counters, and the bound on memory. Both for a caller that takes
/// every message checked and for one that does not.
pub fn check(stream: &[u8], reads: &[usize], role: Role, limits: Limits) -> Outcome {
    check_one(stream, reads, role, limits, drain_understanding);
    check_one(stream, reads, role, limits, drain)
}

fn check_one(stream: &[u8], reads: &[usize], role: Role, limits: Limits, drain: Drain) -> Outcome {
    let mut reader = WireReader::new(role, limits);
    let mut items = Vec::new();
    let mut at = 0;
    let mut reads = reads.iter().copied().chain(std::iter::repeat(reads.last().copied().unwrap_or(usize::MAX)));
    let most_buffer = limits.buffer.max(limits.max_message.max(125) + 14);
    let most_assembled = limits.max_message;
    let mut outcome = Outcome::default();
    while at < stream.len() {
        let space = reader.space();
        assert!(!space.is_empty() && space.len() <= limits.read.max(1), "space of {} bytes", space.len());
        let n = reads.next().unwrap().clamp(1, space.len()).min(stream.len() - at);
        space[..n].copy_from_slice(&stream[at..at + n]);
        reader.filled(n);
        at += n;
        let error = drain(&mut reader, &mut items);
        assert_eq!(drain(&mut reader, &mut items), error, "the answer does not change without new bytes");
        outcome = decode(&stream[..at], role == Role::Server, limits.max_message);
        let ours = Outcome { items, error, frames: reader.frames(), discarded: reader.discarded() };
        assert_eq!(ours, outcome, "after {at} bytes of {stream:02x?}");
        items = ours.items;
        assert_eq!(reader.bytes(), at as u64);
        assert_eq!(reader.messages(), items.len() as u64);
        assert!(reader.capacity() <= most_buffer + most_assembled, "{} bytes held", reader.capacity());
    }
    outcome
}

/// A frame; the mask is added for a server's ears.
pub fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    let size = payload.len() as u64;
    if let Ok(short @ 0..=125) = u8::try_from(size) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(size) {
        out.push(masked | 0x7e);
        out.extend(medium.to_be_bytes());
    } else {
        out.push(masked | 0x7f);
        out.extend(size.to_be_bytes());
    }
    out.extend(key.into_iter().flatten());
    out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key.map_or(0, |key| key[i % 4])));
    out
}
