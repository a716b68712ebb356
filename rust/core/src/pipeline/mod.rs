//! One call per socket read: bytes → messages → events → books → consumers.
//!
//! A [`Feed`] holds what all connections share: instruments, books, consumers' queues, the sequence of events. A
//! [`Connection`] holds what one socket needs. The owner of the socket reads into [`Connection::space`] and calls
//! [`Connection::received`]; what it must answer or hand to the session comes back as [`Notice`]s, rare by nature.

mod connection;
mod feed;
mod live;

pub use connection::{Connection, Verdict};
pub use feed::{CHANNELS, Feed, channel_slot};

use crate::venue::DecodeErrorKind;
use crate::wire::ProtocolError;
#[cfg(test)]
pub(crate) use live::Live;

/// Something of a read that concerns the owner of the socket. Bytes are copies: notices are rare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A message for the session (login, acknowledgement, heartbeat answer, note, refusal).
    Control(Vec<u8>),
    /// A message of a raw connection; `true`: binary.
    Message(Vec<u8>, bool),
    /// A WebSocket ping: answer with a pong of the same payload.
    Ping(Vec<u8>),
    /// A WebSocket pong.
    Pong(Vec<u8>),
    /// The peer's close frame: answer with a close frame and end the connection.
    Close(Option<u16>, String),
    /// The peer broke RFC 6455: send this close code and end the connection.
    ProtocolError(ProtocolError),
    /// The first message of its kind that went to the quarantine on this connection (for one log line a kind).
    Quarantined(DecodeErrorKind, usize),
}
