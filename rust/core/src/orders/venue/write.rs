//! Appending JSON: members of one flat object, without spaces.

use super::{Unsupported, What};
use crate::num::fmt_scaled;
use crate::sign::Secret;

/// A decimal: the coefficient and the digits after the point.
pub(super) type Scaled = (i64, u8);

/// One object being written; a member's name goes in as it is, so it is always a literal of ours.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// `"name":"value"`.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        string(self.name(name), value.as_bytes());
    }

    /// `"name":"value"`, left out if it is empty.
    pub(super) fn optional_text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// `"name":1.5`.
    pub(super) fn number(&mut self, name: &str, (coef, scale): Scaled) {
        fmt_scaled(coef, scale, self.name(name));
    }

    /// `"name":"1.5"`.
    pub(super) fn number_text(&mut self, name: &str, (coef, scale): Scaled) {
        let out = self.name(name);
        out.push(b'"');
        fmt_scaled(coef, scale, out);
        out.push(b'"');
    }

    /// `"name":"17"`.
    pub(super) fn whole_text(&mut self, name: &str, value: u64) {
        let out = self.name(name);
        out.push(b'"');
        whole(out, value);
        out.push(b'"');
    }

    /// `"name":["a","b"]`.
    pub(super) fn texts(&mut self, name: &str, values: &[&str]) {
        let out = self.name(name);
        out.push(b'[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            string(out, value.as_bytes());
        }
        out.push(b']');
    }

    /// `"name":"a,b"`.
    pub(super) fn joined(&mut self, name: &str, values: &[&str]) {
        let out = self.name(name);
        out.push(b'"');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            escaped(out, value.as_bytes());
        }
        out.push(b'"');
    }
}

/// A credential's text, to be written like any other.
///
/// # Errors
/// [`What::Credential`]: JSON is UTF-8, and one that is not would spoil the whole message.
pub(super) fn credential(secret: &Secret) -> Result<&str, Unsupported> {
    std::str::from_utf8(secret.expose()).map_err(|_| Unsupported { what: What::Credential })
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Runs that need no escape are copied whole: nearly every text is one.
fn escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
        out.extend_from_slice(plain);
        let Some((byte, rest)) = rest.split_first() else { return };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' | (byte >> 4), hex(byte & 15)]),
        }
        text = rest;
    }
    out.extend_from_slice(text);
}

fn hex(nibble: u8) -> u8 {
    nibble.wrapping_add(if nibble > 9 { b'a' - 10 } else { b'0' })
}

/// An unsigned integer in decimal.
fn whole(out: &mut Vec<u8>, value: u64) {
    if let Ok(value) = i64::try_from(value) {
        return fmt_scaled(value, 0, out);
    }
    // From 2^63 on: the last digit apart, so that the rest fits.
    fmt_scaled(i64::try_from(value / 10).unwrap_or(i64::MAX), 0, out);
    out.push(b'0' | u8::try_from(value % 10).unwrap_or(0));
}
