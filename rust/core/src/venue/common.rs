//! What the decoders share: reading values whose type is judged late, and putting numbers at their scales.
//!
//! A decoder first walks the whole message and only remembers **where** the values it knows stand ([`Span`]); nothing is
//! judged on the way but JSON itself. Only when the shape and the symbol are known are numbers read, so the order of the
//! keys does not matter, a strange value in a field that the shape does not use does no harm, and an error can name its
//! instrument. `null` counts as if the key were not there; of duplicate keys the last one wins.

use super::{Context, DecodeError, DecodeErrorKind};
use crate::json::{JsonError, Peek, Scanner, Text};
use crate::num::Decimal;
use memchr::memmem;

/// Nanoseconds in a second, for [`super::numbers::Numbers::time`].
pub(super) const SECONDS: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond, for [`super::numbers::Numbers::time`].
pub(super) const MILLIS: i64 = 1_000_000;

/// Longest symbol that is looked up when it has escapes; no instrument's spelling is longer.
const LONGEST_SYMBOL: usize = 256;
/// Longest key and `type` that is compared when it has escapes; all known ones are shorter.
const LONGEST_NAME: usize = 32;
/// Longest number that is read when it has escapes.
const LONGEST_NUMBER: usize = 64;

/// Where a value's text stands in the message: a number, a string's inside, or, for a value of another type, all of it.
/// The default is "not there": a value never starts a message, so offset 0 is free to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn of(message: &[u8], part: &[u8]) -> Self {
        // A message of 4 GiB is beyond every limit of the wire; saturated spans read as empty texts.
        let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { at: word(offset(message, part)), len: word(part.len()) }
    }

    /// Whether the key was missing, or its value `null`.
    pub(super) fn is_absent(self) -> bool {
        self.at == 0
    }

    /// Offset into the message.
    pub(super) fn at(self) -> usize {
        self.at as usize
    }

    fn text(self, message: &[u8]) -> &[u8] {
        let at = self.at as usize;
        message.get(at..at.saturating_add(self.len as usize)).unwrap_or_default()
    }
}

/// Offset of a part of the message in it.
fn offset(message: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(message.as_ptr().addr())
}

/// Where a string's inside stands in the message.
pub(super) fn place(message: &[u8], text: Text<'_>) -> usize {
    offset(message, text.raw)
}

/// Reads any value and remembers where it stands.
pub(super) fn value<'a>(scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<Span, JsonError> {
    let text = match scanner.peek()? {
        Peek::Number | Peek::String => scanner.number_or_string()?,
        Peek::Null => {
            scanner.skip()?;
            return Ok(Span::default());
        }
        _ => scanner.skip()?,
    };
    Ok(Span::of(message, text))
}

/// Parses the text at a span; what does not parse gets a second look, off the hot path.
///
/// # Errors
/// As `parse` says, and `WrongType` if the value is neither a number nor a string. `MissingField` if it is not there.
#[inline]
pub(super) fn parsed<T>(
    message: &[u8],
    span: Span,
    mut parse: impl FnMut(&[u8]) -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeError> {
    match parse(span.text(message)) {
        Ok(parsed) => Ok(parsed),
        Err(kind) => second_look(message, span, kind, parse),
    }
}

#[cold]
fn second_look<T>(
    message: &[u8],
    span: Span,
    first: DecodeErrorKind,
    mut parse: impl FnMut(&[u8]) -> Result<T, DecodeErrorKind>,
) -> Result<T, DecodeError> {
    if span.is_absent() {
        return Err(DecodeError::new(DecodeErrorKind::MissingField, 0));
    }
    let text = span.text(message);
    let quoted = span.at().checked_sub(1).and_then(|before| message.get(before)) == Some(&b'"');
    let kind = if first != DecodeErrorKind::BadNumber {
        first
    } else if quoted {
        let mut buffer = [0; LONGEST_NUMBER];
        let quoted = Text { raw: text, escaped: true };
        match quoted.plain(&mut buffer).map(&mut parse) {
            Some(Ok(parsed)) => return Ok(parsed),
            Some(Err(kind)) => kind,
            None => first,
        }
    } else if text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-') {
        first
    } else {
        DecodeErrorKind::WrongType
    };
    Err(DecodeError::new(kind, span.at()))
}

/// Parses an integer (`1`, `"1"`, `1.0`, `1e3`).
///
/// # Errors
/// `BadNumber`, `WrongType`, `MissingField`.
pub(super) fn integer(message: &[u8], span: Span) -> Result<i64, DecodeError> {
    parsed(message, span, |text| {
        Decimal::parse(text).ok().and_then(|value| value.at_scale(0)).ok_or(DecodeErrorKind::BadNumber)
    })
}

/// A value that must be a string, its type judged late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Word<'a> {
    /// Missing or `null`.
    #[default]
    Absent,
    /// A string.
    Text(Text<'a>),
    /// Something else, at this offset.
    Other(usize),
}

impl<'a> Word<'a> {
    /// Reads any value.
    pub(super) fn read(scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<Self, JsonError> {
        Ok(match scanner.peek()? {
            Peek::String => Self::Text(scanner.string()?),
            Peek::Null => {
                scanner.skip()?;
                Self::Absent
            }
            _ => Self::Other(offset(message, scanner.skip()?)),
        })
    }

    /// The wanted instrument of this symbol; `None` if nobody asked for it.
    ///
    /// # Errors
    /// `MissingField` (also for an empty symbol) or `WrongType`.
    pub(super) fn instrument(self, context: &mut Context<'_>) -> Result<Option<u32>, DecodeError> {
        match self {
            Self::Absent => Err(DecodeError::new(DecodeErrorKind::MissingField, 0)),
            Self::Other(at) => Err(DecodeError::new(DecodeErrorKind::WrongType, at)),
            Self::Text(text) => match text.plain(&mut [0; LONGEST_SYMBOL]) {
                Some([]) => Err(DecodeError::new(DecodeErrorKind::MissingField, 0)),
                Some(spelling) => Ok(context.instrument(spelling)),
                None => Ok(None),
            },
        }
    }

    /// The same error about this symbol's instrument, if it is a wanted one. Never adds an instrument.
    #[cold]
    pub(super) fn blame(self, error: DecodeError, context: &Context<'_>) -> DecodeError {
        let known = match self {
            Self::Text(text) => text.plain(&mut [0; LONGEST_SYMBOL]).and_then(|spelling| wanted(context, spelling)),
            _ => None,
        };
        known.map_or(error, |instrument| error.about(instrument))
    }
}

/// A wanted instrument that is known already.
fn wanted(context: &Context<'_>, spelling: &[u8]) -> Option<u32> {
    let index = context.instruments.find(context.venue, spelling)?;
    context.instruments.get(index)?.wanted.then_some(index)
}

/// The error of a text that is no JSON. Which instrument it was about is looked for letter by letter: the first
/// `"key":"symbol"` of a wanted instrument anywhere in the text.
#[cold]
pub(super) fn broken(error: JsonError, message: &[u8], key: &str, context: &Context<'_>) -> DecodeError {
    let error = DecodeError::from(error);
    let known = memmem::find_iter(message, key).find_map(|at| {
        let rest = message.get(at..)?.get(key.len()..)?;
        let before = at.checked_sub(1).and_then(|before| message.get(before));
        let rest = rest.strip_prefix(b"\"").filter(|_| before == Some(&b'"'))?;
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
        let mut end = 0_usize;
        loop {
            match rest.get(end)? {
                b'"' => break,
                b'\\' => end = end.saturating_add(2),
                _ => end = end.saturating_add(1),
            }
        }
        let raw = rest.get(..end)?;
        let text = Text { raw, escaped: raw.contains(&b'\\') };
        wanted(context, text.plain(&mut [0; LONGEST_SYMBOL])?)
    });
    known.map_or(error, |instrument| error.about(instrument))
}

/// Room for [`name`].
pub(super) type NameBuffer = [u8; LONGEST_NAME];

/// A key's or a word's characters, to be matched; empty (no known one is) if it is too long to be one we know.
#[inline]
pub(super) fn name<'b>(text: Text<'b>, buffer: &'b mut NameBuffer) -> &'b [u8] {
    text.plain(buffer).unwrap_or_default()
}
