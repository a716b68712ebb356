//! Frame headers (RFC 6455 section 5.2).

use super::{ProtocolErrorKind, Role};

/// Largest payload of a control frame (section 5.5).
const MAX_CONTROL: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASK: u8 = 0x80;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A complete, lawful header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// Bytes of the header itself.
    pub(super) size: usize,
    /// Bytes of the payload.
    pub(super) payload: usize,
    /// The masking key; zeros (which mask nothing) on an unmasked frame.
    pub(super) key: [u8; 4],
}

/// What the bytes at hand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Header(Header),
    /// The beginning of a header of at least so many bytes, nothing wrong so far.
    Short(usize),
}

/// What the header is judged against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expect {
    pub(super) role: Role,
    /// Whether a fragmented message is under way.
    pub(super) continuing: bool,
    /// How large the payload of a data frame may be now.
    pub(super) room: usize,
}

/// Reads the header at the start of `bytes`. Every rule is checked at the byte that breaks it, in the order of the bytes,
/// so the verdict is the same however many bytes are there.
#[inline]
pub(super) fn parse(bytes: &[u8], expect: Expect) -> Result<Parsed, ProtocolErrorKind> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(Parsed::Short(2)) };
    let (opcode, fin) = first_byte(first, expect.continuing)?;
    let Some((&second, rest)) = rest.split_first() else { return Ok(Parsed::Short(2)) };
    let masked = second & MASK != 0;
    match expect.role {
        Role::Client if masked => return Err(ProtocolErrorKind::Masked),
        Role::Server if !masked => return Err(ProtocolErrorKind::Unmasked),
        _ => {}
    }
    let (size, payload, rest) = match usize::from(second & !MASK) {
        short @ 0..=MAX_CONTROL => (2, short, rest),
        _ if opcode.is_control() => return Err(ProtocolErrorKind::ControlTooLong),
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => match usize::from(u16::from_be_bytes(*bytes)) {
                0..=MAX_CONTROL => return Err(ProtocolErrorKind::NonMinimalLength),
                length => (4, length, rest),
            },
            None => return Ok(Parsed::Short(4)),
        },
        _ => match rest.split_first_chunk() {
            Some((bytes, rest)) => (10, long(u64::from_be_bytes(*bytes))?, rest),
            None => return Ok(Parsed::Short(10)),
        },
    };
    if payload > expect.room && !opcode.is_control() {
        return Err(ProtocolErrorKind::MessageTooBig);
    }
    if !masked {
        return Ok(Parsed::Header(Header { opcode, fin, size, payload, key: [0; 4] }));
    }
    let size = size.saturating_add(4);
    match rest.first_chunk() {
        Some(&key) => Ok(Parsed::Header(Header { opcode, fin, size, payload, key })),
        None => Ok(Parsed::Short(size)),
    }
}

fn first_byte(byte: u8, continuing: bool) -> Result<(Opcode, bool), ProtocolErrorKind> {
    if byte & RESERVED != 0 {
        return Err(ProtocolErrorKind::ReservedBits);
    }
    let opcode = Opcode::from_bits(byte & 0x0f).ok_or(ProtocolErrorKind::ReservedOpcode)?;
    let fin = byte & FIN != 0;
    match opcode {
        Opcode::Continuation if !continuing => Err(ProtocolErrorKind::UnexpectedContinuation),
        Opcode::Text | Opcode::Binary if continuing => Err(ProtocolErrorKind::ExpectedContinuation),
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => Err(ProtocolErrorKind::FragmentedControl),
        _ => Ok((opcode, fin)),
    }
}

/// A 64-bit length; one that no `usize` holds is larger than any limit.
fn long(length: u64) -> Result<usize, ProtocolErrorKind> {
    if length >> 63 != 0 {
        return Err(ProtocolErrorKind::LengthSign);
    }
    if u16::try_from(length).is_ok() {
        return Err(ProtocolErrorKind::NonMinimalLength);
    }
    usize::try_from(length).map_err(|_| ProtocolErrorKind::MessageTooBig)
}
