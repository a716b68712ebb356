//! A pull scanner for JSON text whose shape is mostly known: it validates strictly and allocates nothing.

/// Why and where scanning stopped. `Copy`; text is rendered late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Byte offset into the frame.
    pub at: usize,
}

/// What is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// The text ended inside a value.
    Eof,
    /// A character that can't stand here.
    Syntax,
    /// Not the kind of value that was asked for (an object where a string was expected …).
    Type,
    /// A number outside JSON's grammar.
    Number,
    /// A bad escape, a raw control character, or broken UTF-8 in a string.
    String,
    /// Nested deeper than the limit (128, as in `serde_json`).
    Depth,
    /// Something after the value.
    Trailing,
}

/// The kind of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "JSON's own names")]
pub enum Peek {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

/// A string's text between its quotes, as it stands in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The raw bytes: valid UTF-8, escapes still in place.
    pub raw: &'a [u8],
    /// Whether `raw` has a backslash; if not, `raw` is the value.
    pub escaped: bool,
}

/// The scanner: a cursor over one JSON text. Methods skip white space in front of what they read.
///
/// Walking an object: `enter_object()`, then `while let Some(key) = next_key()? { value… }` (the closing brace is eaten by
/// the call that returns `None`). Arrays likewise: `enter_array()`, `while next_element()? { value… }`.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

#[expect(clippy::missing_errors_doc, reason = "all: JsonError as its kinds say")]
#[expect(unused_variables, clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "interface first")]
impl<'a> Scanner<'a> {
    /// A scanner at the start of the text.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
    /// Byte offset of the cursor.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }
    /// What the next value is, not consumed.
    pub fn peek(&mut self) -> Result<Peek, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes `{`.
    pub fn enter_object(&mut self) -> Result<(), JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// The next key (its colon eaten), or `None` at the closing brace (eaten).
    pub fn next_key(&mut self) -> Result<Option<Text<'a>>, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes `[`.
    pub fn enter_array(&mut self) -> Result<(), JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Whether another element stands before the closing bracket (eaten when not).
    pub fn next_element(&mut self) -> Result<bool, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes a string.
    pub fn string(&mut self) -> Result<Text<'a>, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes a number and gives its text, checked against JSON's grammar.
    pub fn number(&mut self) -> Result<&'a [u8], JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes a number, or a string and gives its raw text: venues send numbers either way.
    pub fn number_or_string(&mut self) -> Result<&'a [u8], JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes `null` if it stands next; says whether it did.
    pub fn null(&mut self) -> Result<bool, JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Consumes any value, fully validated, and gives its text.
    pub fn skip(&mut self) -> Result<&'a [u8], JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
    /// Only white space may follow.
    pub fn finish(&mut self) -> Result<(), JsonError> {
        Err(JsonError { kind: JsonErrorKind::Eof, at: self.at })
    }
}
