//! A string as it stands in a JSON text, and what it means.

use super::lex::decode_hex4;

/// A string's text between its quotes, as it stands in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The raw bytes: valid UTF-8, escapes still in place.
    pub raw: &'a [u8],
    /// Whether `raw` has a backslash; if not, `raw` is the value.
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// Whether the string's value is `key`, however it is spelled: `"\u0073"` is `s`.
    #[inline]
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        if self.escaped { self.unescapes_to(key.as_bytes()) } else { self.raw == key.as_bytes() }
    }

    #[cold]
    fn unescapes_to(&self, mut value: &[u8]) -> bool {
        for piece in Pieces(self.raw) {
            let mut buffer = [0; 4];
            match value.strip_prefix(piece.bytes(&mut buffer)) {
                Some(rest) => value = rest,
                None => return false,
            }
        }
        value.is_empty()
    }

    /// The value where the frame holds it as it is; `None` if escapes must be resolved first ([`Self::unescape`]).
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        if self.escaped { None } else { std::str::from_utf8(self.raw).ok() }
    }

    /// Appends the value in UTF-8, escapes resolved. A text that did not come from a scanner and has a broken escape
    /// keeps that escape as it stands.
    pub fn unescape(&self, out: &mut Vec<u8>) {
        if !self.escaped {
            out.extend_from_slice(self.raw);
            return;
        }
        for piece in Pieces(self.raw) {
            let mut buffer = [0; 4];
            out.extend_from_slice(piece.bytes(&mut buffer));
        }
    }

    /// The value, escapes resolved, without an allocation: the frame's own bytes where it has no escape, else written
    /// into `buffer`. `None` if the buffer is too small for it.
    #[inline]
    #[must_use]
    pub fn plain<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        if self.escaped { self.unescape_into(buffer) } else { Some(self.raw) }
    }

    #[cold]
    fn unescape_into<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut length = 0_usize;
        for piece in Pieces(self.raw) {
            let mut char = [0; 4];
            let bytes = piece.bytes(&mut char);
            let end = length.checked_add(bytes.len())?;
            buffer.get_mut(length..end)?.copy_from_slice(bytes);
            length = end;
        }
        buffer.get(..length)
    }
}

/// A run without escapes, or one escaped character.
enum Piece<'a> {
    Plain(&'a [u8]),
    Char(char),
}

impl<'a> Piece<'a> {
    fn bytes<'b>(self, buffer: &'b mut [u8; 4]) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Char(char) => char.encode_utf8(buffer).as_bytes(),
        }
    }
}

/// What is left of an escaped text.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some((char, rest)) = escaped_char(self.0) {
            self.0 = rest;
            return Some(Piece::Char(char));
        }
        // A backslash in front is a broken escape: it goes out as it is, with what follows.
        let after_first = self.0.get(1..)?;
        let length = memchr::memchr(b'\\', after_first).map_or(self.0.len(), |plain| plain.saturating_add(1));
        let (plain, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Piece::Plain(plain))
    }
}

/// The character that the escape in front stands for, and the rest.
fn escaped_char(text: &[u8]) -> Option<(char, &[u8])> {
    let (char, rest) = match text {
        [b'\\', b'b', rest @ ..] => ('\u{8}', rest),
        [b'\\', b'f', rest @ ..] => ('\u{c}', rest),
        [b'\\', b'n', rest @ ..] => ('\n', rest),
        [b'\\', b'r', rest @ ..] => ('\r', rest),
        [b'\\', b't', rest @ ..] => ('\t', rest),
        [b'\\', char @ (b'"' | b'\\' | b'/'), rest @ ..] => (char::from(*char), rest),
        _ => return unicode_escape(text),
    };
    Some((char, rest))
}

fn unicode_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = code_unit(text)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((char, rest));
    }
    let (second, rest) = code_unit(rest)?;
    let char = char::decode_utf16([first, second]).next()?.ok()?;
    Some((char, rest))
}

fn code_unit(text: &[u8]) -> Option<(u16, &[u8])> {
    match text {
        [b'\\', b'u', a, b, c, d, rest @ ..] => Some((decode_hex4([*a, *b, *c, *d])?, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_resolves_escapes_if_there_is_room() {
        let escaped = Text { raw: br"ETH\u005fUSDT\/\ud83d\ude00", escaped: true };
        let value = "ETH_USDT/\u{1f600}".as_bytes();
        assert_eq!(escaped.plain(&mut [0; 13]), Some(value));
        assert_eq!(escaped.plain(&mut [0; 12]), None);
        assert_eq!(Text { raw: b"no room needed", escaped: false }.plain(&mut []), Some(&b"no room needed"[..]));
    }
}
