//! Appending JSON: members of one flat object, without spaces.

use super::{Unsupported, What};
use crate::num::fmt_scaled;
use crate::sign::Secret;

/// A decimal: the coefficient and the digits after the point.
pub(crate) type Scaled = (i64, u8);

/// One object being written; a member's name goes in as it is, so it is always a literal of ours.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// `"name":`, and what is appended to the buffer after that is its value.
    pub(crate) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        self.name(name)
    }

    /// `"name":`, the name any text, and what is appended to the buffer after that is its value.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        string(self.out, name.as_bytes());
        self.out.push(b':');
        self.out
    }

    /// `"name":true`.
    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.name(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// `"name":17`.
    pub(crate) fn whole(&mut self, name: &str, value: u64) {
        whole(self.name(name), value);
    }

    /// `"name":value`, the value as JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &[u8]) {
        self.name(name).extend_from_slice(json);
    }

    /// `"name":"value"`, the value as it stands between quotes already.
    pub(crate) fn spelled(&mut self, name: &str, value: &[u8]) {
        let out = self.name(name);
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
    }

    /// `"name":"value"`.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        string(self.name(name), value.as_bytes());
    }

    /// `"name":"value"`, left out if it is empty.
    pub(crate) fn optional_text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// `"name":1.5`.
    pub(crate) fn number(&mut self, name: &str, (coef, scale): Scaled) {
        fmt_scaled(coef, scale, self.name(name));
    }

    /// `"name":"1.5"`.
    pub(crate) fn number_text(&mut self, name: &str, (coef, scale): Scaled) {
        let out = self.name(name);
        out.push(b'"');
        fmt_scaled(coef, scale, out);
        out.push(b'"');
    }

    /// `"name":"17"`.
    pub(crate) fn whole_text(&mut self, name: &str, value: u64) {
        let out = self.name(name);
        out.push(b'"');
        whole(out, value);
        out.push(b'"');
    }

    /// `"name":["a","b"]`.
    pub(crate) fn texts(&mut self, name: &str, values: &[&str]) {
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
    pub(crate) fn joined(&mut self, name: &str, values: &[&str]) {
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
pub(crate) fn credential(secret: &Secret) -> Result<&str, Unsupported> {
    std::str::from_utf8(secret.expose()).map_err(|_| Unsupported { what: What::Credential })
}

/// A string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
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
pub(crate) fn whole(out: &mut Vec<u8>, value: u64) {
    if let Ok(value) = i64::try_from(value) {
        return fmt_scaled(value, 0, out);
    }
    // From 2^63 on: the last digit apart, so that the rest fits.
    fmt_scaled(i64::try_from(value / 10).unwrap_or(i64::MAX), 0, out);
    out.push(b'0' | u8::try_from(value % 10).unwrap_or(0));
}
