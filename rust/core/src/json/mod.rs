//! A pull scanner for JSON text whose shape is mostly known: it validates strictly and allocates nothing.
//!
//! It accepts exactly what `serde_json::from_slice::<Value>` accepts (RFC 8259, numbers of any size, containers at most
//! 127 deep, strings that are UTF-8 without lone surrogates) provided that the caller walks every value or
//! [`Scanner::skip`]s it, and ends with [`Scanner::finish`].

pub(crate) mod lex;
mod scanner;
mod text;

pub use scanner::{MAX_DEPTH, Scanner};
pub use text::Text;

use std::fmt;

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
    /// Nested deeper than the limit (128, as in `serde_json`: the 128th container inside another is refused).
    Depth,
    /// Something after the value.
    Trailing,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            JsonErrorKind::Eof => "the text ends inside a value",
            JsonErrorKind::Syntax => "a character that can't stand here",
            JsonErrorKind::Type => "another kind of value than expected",
            JsonErrorKind::Number => "not a number",
            JsonErrorKind::String => "a bad escape, a raw control character or broken UTF-8 in a string",
            JsonErrorKind::Depth => "nested too deep",
            JsonErrorKind::Trailing => "something after the value",
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

impl std::error::Error for JsonError {}

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
