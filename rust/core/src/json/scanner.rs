//! The cursor over one JSON text.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions only move past bytes that were read, so they stay within the text's length; depth and level are \
              checked against MAX_DEPTH before they grow"
)]

use super::lex::{self, fail};
use super::{JsonError, JsonErrorKind, Peek, Text};

/// How many containers may stand inside one another, `serde_json`'s limit.
pub const MAX_DEPTH: u8 = 127;

/// The scanner: a cursor over one JSON text. Methods skip white space in front of what they read.
///
/// Walking an object: `enter_object()`, then `while let Some(key) = next_key()? { value… }` (the closing brace is eaten by
/// the call that returns `None`). Arrays likewise: `enter_array()`, `while next_element()? { value… }`.
///
/// Every value must be read or skipped before the next key or element is asked for. After an error the cursor's place is
/// unspecified: drop the scanner. Reading out of step with the text gives errors, never a panic.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Containers entered and not left.
    depth: u8,
    /// A container was entered and nothing of it has been read: no comma is due.
    first: bool,
}

#[expect(clippy::missing_errors_doc, reason = "all: JsonError as its kinds say")]
impl<'a> Scanner<'a> {
    /// A scanner at the start of the text.
    #[inline]
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, first: false }
    }

    /// Byte offset of the cursor.
    #[inline]
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What the next value is, not consumed.
    #[inline]
    pub fn peek(&mut self) -> Result<Peek, JsonError> {
        match self.token() {
            Some(b'{') => Ok(Peek::Object),
            Some(b'[') => Ok(Peek::Array),
            Some(b'"') => Ok(Peek::String),
            Some(b'-' | b'0'..=b'9') => Ok(Peek::Number),
            Some(b't') => Ok(Peek::True),
            Some(b'f') => Ok(Peek::False),
            Some(b'n') => Ok(Peek::Null),
            Some(_) => fail(JsonErrorKind::Syntax, self.at),
            None => fail(JsonErrorKind::Eof, self.at),
        }
    }

    /// Consumes `{`.
    #[inline]
    pub fn enter_object(&mut self) -> Result<(), JsonError> {
        self.enter(b'{')
    }

    /// The next key (its colon eaten), or `None` at the closing brace (eaten).
    #[inline]
    pub fn next_key(&mut self) -> Result<Option<Text<'a>>, JsonError> {
        let mut token = self.token();
        if token == Some(b'}') {
            self.leave();
            return Ok(None);
        }
        if !self.first {
            if token != Some(b',') {
                return self.out_of_place(token);
            }
            self.at += 1;
            token = self.token();
        }
        self.first = false;
        if token != Some(b'"') {
            return self.out_of_place(token);
        }
        let key = self.string_here()?;
        match self.token() {
            Some(b':') => self.at += 1,
            token => return self.out_of_place(token),
        }
        Ok(Some(key))
    }

    /// Consumes `[`.
    #[inline]
    pub fn enter_array(&mut self) -> Result<(), JsonError> {
        self.enter(b'[')
    }

    /// Whether another element stands before the closing bracket (eaten when not).
    #[inline]
    pub fn next_element(&mut self) -> Result<bool, JsonError> {
        let token = self.token();
        if token == Some(b']') {
            self.leave();
            return Ok(false);
        }
        if !self.first {
            if token != Some(b',') {
                return self.out_of_place(token);
            }
            self.at += 1;
            // A bracket after the comma must not pass for the end of an array.
            if self.token() == Some(b']') {
                return fail(JsonErrorKind::Syntax, self.at);
            }
        }
        self.first = false;
        Ok(true)
    }

    /// Consumes a string.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, JsonError> {
        match self.token() {
            Some(b'"') => self.string_here(),
            token => self.other_type(token),
        }
    }

    /// Consumes a number and gives its text, checked against JSON's grammar.
    #[inline]
    pub fn number(&mut self) -> Result<&'a [u8], JsonError> {
        match self.token() {
            Some(b'-' | b'0'..=b'9') => self.number_here(),
            token => self.other_type(token),
        }
    }

    /// Consumes a number, or a string and gives its raw text: venues send numbers either way.
    #[inline]
    pub fn number_or_string(&mut self) -> Result<&'a [u8], JsonError> {
        match self.token() {
            Some(b'"') => Ok(self.string_here()?.raw),
            Some(b'-' | b'0'..=b'9') => self.number_here(),
            token => self.other_type(token),
        }
    }

    /// Consumes `true` or `false`.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        let (value, word): (bool, &[u8]) = match self.token() {
            Some(b't') => (true, b"true"),
            Some(b'f') => (false, b"false"),
            token => return self.other_type(token),
        };
        self.at = lex::literal(self.text, self.at, word)?;
        Ok(value)
    }

    /// Consumes `null` if it stands next; says whether it did.
    #[inline]
    pub fn null(&mut self) -> Result<bool, JsonError> {
        if self.token() != Some(b'n') {
            return Ok(false);
        }
        self.at = lex::literal(self.text, self.at, b"null")?;
        Ok(true)
    }

    /// Consumes any value, fully validated, and gives its text.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a [u8], JsonError> {
        self.token();
        let start = self.at;
        match self.text.get(start) {
            Some(b'{' | b'[') => self.skip_container(),
            _ => self.skip_scalar(),
        }?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Only white space may follow.
    #[inline]
    pub fn finish(&mut self) -> Result<(), JsonError> {
        match self.token() {
            Some(_) => fail(JsonErrorKind::Trailing, self.at),
            None if self.depth > 0 => fail(JsonErrorKind::Eof, self.at),
            None => Ok(()),
        }
    }

    /// Skips white space; the byte behind it, not consumed.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn enter(&mut self, bracket: u8) -> Result<(), JsonError> {
        let token = self.token();
        if token != Some(bracket) {
            return self.other_type(token);
        }
        if self.depth >= MAX_DEPTH {
            return fail(JsonErrorKind::Depth, self.at);
        }
        self.at += 1;
        self.depth += 1;
        self.first = true;
        Ok(())
    }

    /// Consumes a closing bracket.
    #[inline]
    fn leave(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
        self.first = false;
    }

    /// The string whose opening quote is the next byte.
    #[inline]
    fn string_here(&mut self) -> Result<Text<'a>, JsonError> {
        let start = self.at + 1;
        let end = lex::string(self.text, start)?;
        self.at = end.at + 1;
        Ok(Text { raw: self.text.get(start..end.at).unwrap_or_default(), escaped: end.escaped })
    }

    #[inline]
    fn number_here(&mut self) -> Result<&'a [u8], JsonError> {
        let start = self.at;
        self.at = lex::number(self.text, start)?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    #[inline]
    fn skip_scalar(&mut self) -> Result<(), JsonError> {
        match self.peek()? {
            Peek::String => self.string_here().map(drop),
            Peek::Number => self.number_here().map(drop),
            Peek::True | Peek::False => self.boolean().map(drop),
            Peek::Null => self.null().map(drop),
            Peek::Object | Peek::Array => fail(JsonErrorKind::Type, self.at),
        }
    }

    /// No recursion: one bit a level says which kind of container it is, and [`MAX_DEPTH`] bits fit the word.
    fn skip_container(&mut self) -> Result<(), JsonError> {
        let outside = self.depth;
        let mut objects = 0_u128;
        loop {
            match self.token() {
                Some(b'{') => {
                    self.enter_object()?;
                    objects = (objects << 1) | 1;
                }
                Some(b'[') => {
                    self.enter_array()?;
                    objects <<= 1;
                }
                _ => self.skip_scalar()?,
            }
            loop {
                let more = if objects & 1 == 1 { self.next_key()?.is_some() } else { self.next_element()? };
                if more {
                    break;
                }
                if self.depth == outside {
                    return Ok(());
                }
                objects >>= 1;
            }
        }
    }

    /// A value stands here, but of another kind; or none at all.
    #[cold]
    fn other_type<T>(&self, token: Option<u8>) -> Result<T, JsonError> {
        match token {
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => fail(JsonErrorKind::Type, self.at),
            _ => self.out_of_place(token),
        }
    }

    #[cold]
    fn out_of_place<T>(&self, token: Option<u8>) -> Result<T, JsonError> {
        fail(if token.is_some() { JsonErrorKind::Syntax } else { JsonErrorKind::Eof }, self.at)
    }
}
