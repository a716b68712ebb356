//! What a peer can do wrong.

/// Why a stream is not RFC 6455 (or more than we accept). `Copy`; text is rendered late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// What is wrong.
    pub kind: ProtocolErrorKind,
    /// Offset in the stream, in bytes since the handshake, of the first byte of the frame at fault.
    pub at: u64,
}

/// What is wrong with a frame. Sections are those of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProtocolErrorKind {
    /// RSV1, RSV2 or RSV3 is set and no extension was negotiated (5.2).
    ReservedBits = 0,
    /// Opcode 3 to 7 or 11 to 15 (5.2).
    ReservedOpcode = 1,
    /// A close, ping or pong without FIN (5.5).
    FragmentedControl = 2,
    /// A close, ping or pong with more than 125 bytes of payload (5.5).
    ControlTooLong = 3,
    /// A continuation frame with no message to continue (5.4).
    UnexpectedContinuation = 4,
    /// A new text or binary frame inside a fragmented message (5.4).
    ExpectedContinuation = 5,
    /// A masked frame from a server (5.1).
    Masked = 6,
    /// An unmasked frame from a client (5.1).
    Unmasked = 7,
    /// A length that is not in its shortest form (5.2).
    NonMinimalLength = 8,
    /// A 64-bit length with its most significant bit set (5.2).
    LengthSign = 9,
    /// A message larger than [`super::Limits::max_message`] (7.4.1, code 1009).
    MessageTooBig = 10,
    /// A text message that is not UTF-8 (8.1).
    InvalidUtf8 = 11,
    /// A close frame with one byte of payload (5.5.1).
    CloseLength = 12,
    /// A close code that must not stand on the wire (7.4).
    CloseCode = 13,
    /// A close reason that is not UTF-8 (5.5.1, 8.1).
    CloseReason = 14,
}

impl ProtocolErrorKind {
    /// All kinds, in the order of their values.
    pub const ALL: [Self; 15] = [
        Self::ReservedBits,
        Self::ReservedOpcode,
        Self::FragmentedControl,
        Self::ControlTooLong,
        Self::UnexpectedContinuation,
        Self::ExpectedContinuation,
        Self::Masked,
        Self::Unmasked,
        Self::NonMinimalLength,
        Self::LengthSign,
        Self::MessageTooBig,
        Self::InvalidUtf8,
        Self::CloseLength,
        Self::CloseCode,
        Self::CloseReason,
    ];

    /// The name used in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved_bits",
            Self::ReservedOpcode => "reserved_opcode",
            Self::FragmentedControl => "fragmented_control",
            Self::ControlTooLong => "control_too_long",
            Self::UnexpectedContinuation => "unexpected_continuation",
            Self::ExpectedContinuation => "expected_continuation",
            Self::Masked => "masked",
            Self::Unmasked => "unmasked",
            Self::NonMinimalLength => "non_minimal_length",
            Self::LengthSign => "length_sign",
            Self::MessageTooBig => "message_too_big",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::CloseLength => "close_length",
            Self::CloseCode => "close_code",
            Self::CloseReason => "close_reason",
        }
    }

    /// The status code to close the connection with (RFC 6455 section 7.4.1).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::MessageTooBig => 1009,
            Self::InvalidUtf8 | Self::CloseReason => 1007,
            _ => 1002,
        }
    }
}

impl ProtocolError {
    /// The status code to close the connection with: 1002, 1007 or 1009.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        self.kind.close_code()
    }
}

impl core::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "websocket protocol error: {} in the frame at byte {}", self.kind.name(), self.at)
    }
}

impl core::error::Error for ProtocolError {}
