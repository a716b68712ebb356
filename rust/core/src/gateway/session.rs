//! Connections and the logins on them.

use super::client::{ClientLimits, Permission, Rate};
use crate::clock::Nanos;
use crate::orders::router::Router;
use crate::sign::equal_in_constant_time;
use std::collections::BTreeSet;
use std::fmt;

/// A login's token, as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 32]);

impl Token {
    /// A token nobody can guess, from 16 random bytes.
    pub(super) fn new(random: [u8; 16]) -> Self {
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(random) {
            for (digit, value) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *digit = value.wrapping_add(if value > 9 { b'a' - 10 } else { b'0' });
            }
        }
        Self(text)
    }

    /// What may be one; `None`: it can't.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        text.try_into().map(Self).ok()
    }

    pub(super) const fn text(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is(&self, text: &[u8]) -> bool {
        equal_in_constant_time(&self.0, text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Socket {
    /// Its logins, oldest first.
    pub(super) logins: Vec<u64>,
    /// When it said something last, monotonic.
    pub(super) heard: Nanos,
    pub(super) rate: Rate,
    pub(super) refused_logins: u32,
    /// Frames to be sent.
    pub(super) out: Vec<u8>,
    /// It is being closed: nothing is heard or said any more.
    pub(super) closing: bool,
}

/// A login.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) socket: u32,
    pub(super) token: Token,
    pub(super) platform: usize,
    pub(super) owner: usize,
    /// As the client spelled them.
    pub(super) symbols: Vec<Box<str>>,
    /// The router's number of each, once the account is there.
    pub(super) instruments: Vec<u32>,
    pub(super) desk: Option<u16>,
    /// It is logged in at the venue with its own keys.
    pub(super) own_keys: bool,
    /// It was ready once: its keys are good.
    pub(super) was_ready: bool,
    /// The last state told; 0: none.
    pub(super) told: u8,
    pub(super) market_data: bool,
}

impl Login {
    /// What it calls an instrument; `None`: not one of its own.
    pub(super) fn symbol(&self, instrument: u32) -> Option<&str> {
        let at = self.instruments.iter().position(|known| *known == instrument)?;
        self.symbols.get(at).map(|symbol| &**symbol)
    }

    pub(super) fn instrument(&self, symbol: &str) -> Option<u32> {
        let at = self.symbols.iter().position(|known| **known == *symbol)?;
        self.instruments.get(at).copied()
    }

    /// Whether its platform takes orders, or would but for a switch of ours.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.told, READY | ERROR) && self.desk.is_some()
    }
}

/// Somebody whose orders are told apart: a client of the list, or a key.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) name: Box<str>,
    pub(super) permission: Permission,
    pub(super) limits: ClientLimits,
    pub(super) cancel_on_disconnect: bool,
    /// The router's number for its orders, once it has any.
    pub(super) strategy: Option<u32>,
    pub(super) rate: Rate,
    /// How often its denials are noted.
    pub(super) notes: Rate,
    /// Those that were not, since the last that was.
    pub(super) unnoted: u64,
    pub(super) logins: Vec<u64>,
    /// Its live orders: nobody else's are looked at for it.
    pub(super) live: BTreeSet<u64>,
}

impl Owner {
    /// Its live orders at a desk.
    pub(super) fn live_at(&self, desk: u16, router: &Router) -> Vec<u64> {
        let at = |id: &&u64| router.ledger().order(**id).is_some_and(|order| order.placed.desk == desk);
        self.live.iter().filter(at).copied().collect()
    }
}

/// The codes of `state`.
pub(super) const MISSING: u8 = 1;
/// See [`MISSING`].
pub(super) const CONNECTED: u8 = 2;
/// See [`MISSING`].
pub(super) const FAILED: u8 = 3;
/// See [`MISSING`].
pub(super) const DISCONNECTED: u8 = 4;
/// See [`MISSING`].
pub(super) const RECONNECTING: u8 = 5;
/// See [`MISSING`].
pub(super) const READY: u8 = 6;
/// See [`MISSING`].
pub(super) const ERROR: u8 = 7;

/// Appends a text message's frame: a server's frames are not masked.
pub(super) fn frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => out.push(u8::try_from(length).unwrap_or(0)),
        Ok(length) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            out.push(127);
            out.extend_from_slice(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_text_and_is_not_printed() {
        let token = Token::new([0x00, 0xff, 0xa9, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(token.text(), b"00ffa9100102030405060708090a0b0c");
        assert!(token.is(b"00ffa9100102030405060708090a0b0c"));
        assert!(!token.is(b"00ffa9100102030405060708090a0b0d") && !token.is(b"") && !token.is(b"00"));
        assert_eq!(format!("{token:?}"), "Token(***)");
    }

    #[test]
    fn frames_have_the_length_they_say() {
        for (length, head) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 255, 255]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            frame(&mut out, &vec![b'x'; length]);
            assert_eq!(out.get(..head.len()), Some(head));
            assert_eq!(out.len(), head.len() + length);
        }
    }
}
