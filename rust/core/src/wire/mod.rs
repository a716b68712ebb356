//! The read side of RFC 6455: socket bytes to whole messages.
//!
//! Sans-I/O: the caller owns the socket. It reads into [`WireReader::space`], says how much with
//! [`WireReader::filled`], and takes messages from [`WireReader::next`] until that gives `None`.
//! No extension is ever negotiated, so every reserved bit is an error.
//!
//! A message is lent: it is a slice of the read buffer (or, if it came in fragments, of the buffer they are put together in)
//! and lives until the reader is used again. Nothing is copied that came in one frame, nothing is allocated in a steady
//! state, every payload byte is checked once.
//!
//! Errors are found as early as the bytes allow: a header's at its first wrong byte, a message that is too big when its
//! length is announced, broken UTF-8 with the byte that breaks it, be the frame complete or not. Which error a stream ends
//! in does not depend on how it was cut into reads.
//!
//! ```
//! use ferrofeed_core::wire::{Limits, Message, Role, WireReader};
//!
//! let mut reader = WireReader::new(Role::Client, Limits::default());
//! let read = b"\x81\x05hello\x89\x00";
//! reader.space()[..read.len()].copy_from_slice(read); // a socket's recv_into
//! reader.filled(read.len());
//! assert_eq!(reader.next(), Ok(Some(Message::Text(b"hello"))));
//! assert_eq!(reader.next(), Ok(Some(Message::Ping(b""))));
//! assert_eq!(reader.next(), Ok(None));
//! ```

mod buffer;
mod close;
mod error;
mod frame;
mod mask;
mod reader;
#[cfg(test)]
mod tests;
mod utf8;

pub use error::{ProtocolError, ProtocolErrorKind};
pub use reader::WireReader;

/// Which end of the connection the reader is on: it decides the masking rule (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We are the client: a masked frame is an error.
    Client,
    /// We are the server: an unmasked frame is an error, payloads are unmasked in place.
    Server,
}

/// How much memory a connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload of a message in bytes, fragments summed up; a larger one is refused as soon as its length is
    /// announced. Control frames (at most 125 bytes) pass whatever this says.
    pub max_message: usize,
    /// Size of the read buffer in bytes, at the start and whenever nothing larger is needed.
    pub buffer: usize,
    /// Most bytes one [`WireReader::space`] offers.
    pub read: usize,
}

impl Default for Limits {
    /// Messages up to 1 MiB, a buffer of 64 KiB, reads of up to 64 KiB.
    fn default() -> Self {
        Self { max_message: 1 << 20, buffer: 64 << 10, read: 64 << 10 }
    }
}

/// A whole message, lent by the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text: always valid UTF-8.
    Text(&'a [u8]),
    /// Binary.
    Binary(&'a [u8]),
    /// A ping, at most 125 bytes: the caller owes a pong with the same bytes.
    Ping(&'a [u8]),
    /// A pong, at most 125 bytes.
    Pong(&'a [u8]),
    /// The peer closes; nothing comes after it.
    Close {
        /// The status code, one that may stand on the wire; `None` if the frame was empty.
        code: Option<u16>,
        /// Why, in the peer's words; at most 123 bytes.
        reason: &'a str,
    },
}
