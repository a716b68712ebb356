//! Reading messages: first where the values of an object stand, then what those mean that its shape needs.
//!
//! The first walk validates the whole text, so that what is read of it later is JSON. An error keeps the part of the message it is
//! about and becomes an offset only in the end.

use super::{LONGEST_TEXT, LONGEST_TOKEN, LONGEST_WORD, MOST_ITEMS, time};
use crate::clock::Nanos;
use crate::json::{JsonError, Peek, Scanner, Text};
use crate::num::{Decimal, NumError};
use crate::orders::{Refusal, RefusalKind, RequestKey};
use crate::sign::Secret;
use crate::venue::{DecodeError, DecodeErrorKind};
use std::borrow::Cow;

const NANOS_IN_MILLI: i64 = 1_000_000;

/// What is wrong, and with which part of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) kind: DecodeErrorKind,
    pub(crate) part: &'a [u8],
}

impl<'a> Fault<'a> {
    fn json(error: JsonError, part: &'a [u8]) -> Self {
        Self { kind: DecodeError::from(error).kind, part: part.get(error.at..).unwrap_or(part) }
    }

    /// The error of this message.
    pub(crate) fn locate(self, message: &[u8]) -> DecodeError {
        let at = self.part.as_ptr().addr().wrapping_sub(message.as_ptr().addr());
        DecodeError::new(self.kind, at.min(message.len()))
    }
}

pub(crate) type Read<'a, T> = Result<T, Fault<'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Absent,
    Text { escaped: bool },
    Number,
    Bool(bool),
    Object,
    Array,
}

/// A value whose type is judged late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    kind: Kind,
    /// A string's inside; all of any other value; of one that is not there, the object it is missing from.
    part: &'a [u8],
}

impl<'a> Value<'a> {
    /// A whole message, taken for an object.
    pub(crate) const fn message(text: &'a [u8]) -> Self {
        Self { kind: Kind::Object, part: text }
    }

    fn read(scanner: &mut Scanner<'a>) -> Result<Self, JsonError> {
        let (kind, part) = match scanner.peek()? {
            Peek::String => {
                let text = scanner.string()?;
                (Kind::Text { escaped: text.escaped }, text.raw)
            }
            Peek::Number => (Kind::Number, scanner.number()?),
            Peek::Null => (Kind::Absent, scanner.skip()?),
            Peek::True => (Kind::Bool(true), scanner.skip()?),
            Peek::False => (Kind::Bool(false), scanner.skip()?),
            Peek::Object => (Kind::Object, scanner.skip()?),
            Peek::Array => (Kind::Array, scanner.skip()?),
        };
        Ok(Self { kind, part })
    }

    pub(crate) fn fault(self, kind: DecodeErrorKind) -> Fault<'a> {
        Fault { kind, part: self.part }
    }

    /// The error of a value that is not there, or is of a type it can't have.
    fn unfit(self) -> Fault<'a> {
        self.fault(if self.is_absent() { DecodeErrorKind::MissingField } else { DecodeErrorKind::WrongType })
    }

    /// Whether the key was missing, or its value `null`.
    pub(crate) fn is_absent(self) -> bool {
        self.kind == Kind::Absent
    }

    pub(crate) fn is_object(self) -> bool {
        self.kind == Kind::Object
    }

    pub(crate) fn is_list(self) -> bool {
        self.kind == Kind::Array
    }

    /// The same value, or none where it is the text `null`.
    pub(crate) fn or_null_text(self) -> Self {
        let null = matches!(self.kind, Kind::Text { .. }) && &*self.plain() == b"null";
        if null { Self { kind: Kind::Absent, ..self } } else { self }
    }

    /// A value that has to be there, and not be empty.
    pub(crate) fn need<T>(self, read: impl FnOnce(Self) -> Read<'a, Option<T>>) -> Read<'a, T> {
        read(self)?.ok_or_else(|| self.fault(DecodeErrorKind::MissingField))
    }

    /// The values of these keys of an object.
    pub(crate) fn object<const N: usize>(self, names: [&str; N]) -> Read<'a, [Self; N]> {
        if self.kind != Kind::Object {
            return Err(self.unfit());
        }
        let part = self.part;
        let walk = || {
            let mut values = [Self { kind: Kind::Absent, part }; N];
            let mut scanner = Scanner::new(part);
            scanner.enter_object()?;
            // Keys mostly come in the document's order.
            let mut expected = 0;
            while let Some(key) = scanner.next_key()? {
                let found = if names.get(expected).is_some_and(|name| key.is(name)) {
                    Some(expected)
                } else {
                    names.iter().position(|name| key.is(name))
                };
                match found.and_then(|at| Some((at, values.get_mut(at)?))) {
                    Some((at, value)) => {
                        *value = Self::read(&mut scanner)?;
                        expected = at.saturating_add(1);
                    }
                    None => drop(scanner.skip()?),
                }
            }
            scanner.finish()?;
            Ok(values)
        };
        walk().map_err(|error| Fault::json(error, part))
    }

    /// The elements of a list, at most [`MOST_ITEMS`].
    pub(crate) fn items<T>(self, mut each: impl FnMut(Self) -> Read<'a, T>) -> Read<'a, Vec<T>> {
        if self.kind != Kind::Array {
            return Err(self.unfit());
        }
        let json = |error| Fault::json(error, self.part);
        let mut all = Vec::new();
        let mut scanner = Scanner::new(self.part);
        scanner.enter_array().map_err(json)?;
        while scanner.next_element().map_err(json)? {
            let value = Self::read(&mut scanner).map_err(json)?;
            if all.len() >= MOST_ITEMS {
                return Err(value.fault(DecodeErrorKind::TooLong));
            }
            all.push(each(value)?);
        }
        Ok(all)
    }

    /// The members of an object whose keys are names of things, at most [`MOST_ITEMS`]. Of equal keys all are given.
    pub(crate) fn members<T>(self, mut each: impl FnMut(Self, Self) -> Read<'a, T>) -> Read<'a, Vec<T>> {
        if self.kind != Kind::Object {
            return Err(self.unfit());
        }
        let json = |error| Fault::json(error, self.part);
        let mut all = Vec::new();
        let mut scanner = Scanner::new(self.part);
        scanner.enter_object().map_err(json)?;
        while let Some(key) = scanner.next_key().map_err(json)? {
            let key = Self { kind: Kind::Text { escaped: key.escaped }, part: key.raw };
            if all.len() >= MOST_ITEMS {
                return Err(key.fault(DecodeErrorKind::TooLong));
            }
            let value = Self::read(&mut scanner).map_err(json)?;
            all.push(each(key, value)?);
        }
        Ok(all)
    }

    pub(crate) fn boolean(self) -> Read<'a, bool> {
        match self.kind {
            Kind::Bool(value) => Ok(value),
            _ => Err(self.unfit()),
        }
    }

    /// What it is, for people.
    pub(crate) const fn kind_name(self) -> &'static str {
        match self.kind {
            Kind::Absent => "nothing",
            Kind::Text { .. } => "a text",
            Kind::Number => "a number",
            Kind::Bool(_) => "true or false",
            Kind::Object => "an object",
            Kind::Array => "a list",
        }
    }

    /// A string as it was spelled, between its quotes.
    pub(crate) fn as_spelled(self) -> Option<&'a [u8]> {
        matches!(self.kind, Kind::Text { .. }).then_some(self.part)
    }

    /// A number as it was spelled.
    pub(crate) fn as_number(self) -> Option<&'a [u8]> {
        (self.kind == Kind::Number).then_some(self.part)
    }

    /// The characters of a string or a number.
    pub(crate) fn plain(self) -> Cow<'a, [u8]> {
        if self.kind != (Kind::Text { escaped: true }) {
            return Cow::Borrowed(self.part);
        }
        // Never longer than its escapes: the buffer does not grow and leave copies behind.
        let mut plain = Vec::with_capacity(self.part.len());
        Text { raw: self.part, escaped: true }.unescape(&mut plain);
        Cow::Owned(plain)
    }

    fn bounded(self, most: usize) -> Read<'a, Cow<'a, [u8]>> {
        let plain = self.plain();
        if plain.len() > most { Err(self.fault(DecodeErrorKind::TooLong)) } else { Ok(plain) }
    }

    /// A word (a currency, a symbol); `None` if it is not there or empty.
    pub(crate) fn word(self) -> Read<'a, Option<Box<str>>> {
        match self.kind {
            Kind::Absent => Ok(None),
            Kind::Text { .. } => {
                let plain = self.bounded(LONGEST_WORD)?;
                Ok((!plain.is_empty()).then(|| boxed(&plain)))
            }
            _ => Err(self.unfit()),
        }
    }

    /// An id: a word, or a whole number with all its digits.
    pub(crate) fn id(self) -> Read<'a, Option<Box<str>>> {
        if self.kind != Kind::Number {
            return self.word();
        }
        if !self.part.iter().all(u8::is_ascii_digit) {
            return Err(self.fault(DecodeErrorKind::BadNumber));
        }
        Ok(Some(boxed(&self.bounded(LONGEST_WORD)?)))
    }

    /// A venue's text or number for people to read, cut to [`LONGEST_TEXT`]; empty if it is not there.
    pub(crate) fn prose(self) -> Read<'a, Box<str>> {
        match self.kind {
            Kind::Absent => Ok(Box::default()),
            Kind::Text { .. } | Kind::Number => {
                let plain = self.plain();
                let text = std::str::from_utf8(&plain).unwrap_or_default();
                let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
                Ok(text.get(..end.unwrap_or(0)).unwrap_or_default().into())
            }
            _ => Err(self.unfit()),
        }
    }

    /// A login's token; `None` if it is not there or empty.
    pub(crate) fn token(self) -> Read<'a, Option<Secret>> {
        match self.kind {
            Kind::Absent => Ok(None),
            Kind::Text { .. } => {
                let plain = self.bounded(LONGEST_TOKEN)?;
                Ok((!plain.is_empty()).then(|| Secret::from(plain.into_owned())))
            }
            _ => Err(self.unfit()),
        }
    }

    /// What a word of the venue's means.
    pub(crate) fn choice<T: Copy>(self, words: &[(&str, T)]) -> Read<'a, Option<T>> {
        match self.kind {
            Kind::Absent => Ok(None),
            Kind::Text { escaped } => {
                let text = Text { raw: self.part, escaped };
                let found = words.iter().find(|(word, _)| text.is(word)).map(|(_, meaning)| *meaning);
                found.map(Some).ok_or_else(|| self.fault(DecodeErrorKind::UnknownShape))
            }
            _ => Err(self.unfit()),
        }
    }

    /// [`Self::choice`] without regard to upper and lower case.
    pub(crate) fn choice_any_case<T: Copy>(self, words: &[(&str, T)]) -> Read<'a, Option<T>> {
        match self.kind {
            Kind::Text { .. } => {
                let plain = self.plain();
                let found = words.iter().find(|(word, _)| plain.eq_ignore_ascii_case(word.as_bytes()));
                found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| self.fault(DecodeErrorKind::UnknownShape))
            }
            _ => self.choice(words),
        }
    }

    /// A number, quoted or not.
    pub(crate) fn decimal(self) -> Read<'a, Option<Decimal>> {
        match self.kind {
            Kind::Absent => Ok(None),
            Kind::Number | Kind::Text { .. } => match Decimal::parse(&self.plain()) {
                Ok(value) => Ok(Some(value)),
                Err(NumError::Syntax) => Err(self.fault(DecodeErrorKind::BadNumber)),
                Err(NumError::TooLarge | NumError::TooFine) => Err(self.fault(DecodeErrorKind::OutOfScale)),
            },
            _ => Err(self.unfit()),
        }
    }

    /// A number that nothing depends on: 0 if it is not there, or none.
    pub(crate) fn informal(self) -> Decimal {
        self.decimal().ok().flatten().unwrap_or_default()
    }

    /// A number that is not below zero.
    pub(crate) fn unsigned(self) -> Read<'a, Option<Decimal>> {
        match self.decimal()? {
            Some(value) if value.coef < 0 => Err(self.fault(DecodeErrorKind::OutOfRange)),
            value => Ok(value),
        }
    }

    /// A number above zero.
    pub(crate) fn positive(self) -> Read<'a, Option<Decimal>> {
        match self.decimal()? {
            Some(value) if value.coef <= 0 => Err(self.fault(DecodeErrorKind::OutOfRange)),
            value => Ok(value),
        }
    }

    /// A number without its sign.
    pub(crate) fn magnitude(self) -> Read<'a, Option<Decimal>> {
        let Some(value) = self.decimal()? else { return Ok(None) };
        let coef = value.coef.checked_abs().ok_or_else(|| self.fault(DecodeErrorKind::OutOfScale))?;
        Ok(Some(Decimal { coef, ..value }))
    }

    /// A whole number.
    pub(crate) fn integer(self) -> Read<'a, Option<i64>> {
        let Some(value) = self.decimal()? else { return Ok(None) };
        value.at_scale(0).map(Some).ok_or_else(|| self.fault(DecodeErrorKind::BadNumber))
    }

    /// A Unix time in milliseconds, as nanoseconds; 0 if it is not there.
    pub(crate) fn millis(self) -> Read<'a, Nanos> {
        let Some(value) = self.integer()? else { return Ok(0) };
        let nanos = if value < 0 { None } else { value.checked_mul(NANOS_IN_MILLI) };
        nanos.ok_or_else(|| self.fault(DecodeErrorKind::OutOfRange))
    }

    /// A local time, as nanoseconds since the Unix epoch; 0 if it is not there.
    pub(crate) fn local_time(self, utc_offset_s: i32) -> Read<'a, Nanos> {
        match self.kind {
            Kind::Absent => Ok(0),
            Kind::Text { .. } => time::parse(&self.plain(), utc_offset_s).map_err(|kind| self.fault(kind)),
            _ => Err(self.unfit()),
        }
    }

    /// Which request a `cid` names: one of ours is the text of a number as we write it.
    pub(crate) fn request(self) -> RequestKey {
        let digits = match self.kind {
            Kind::Text { .. } | Kind::Number => self.plain(),
            _ => return RequestKey::None,
        };
        let canonical = *digits == *b"0" || (digits.first() != Some(&b'0') && digits.iter().all(u8::is_ascii_digit));
        let number = std::str::from_utf8(&digits).ok().filter(|_| canonical).and_then(|text| text.parse().ok());
        number.map_or(RequestKey::None, RequestKey::Number)
    }
}

/// A refusal whose words say nothing we know.
pub(crate) fn refusal(code: Box<str>, message: Box<str>) -> Refusal {
    Refusal { kind: RefusalKind::Other, code, message }
}

fn boxed(plain: &[u8]) -> Box<str> {
    // The scanner has seen to it that strings are UTF-8.
    String::from_utf8_lossy(plain).into()
}

/// `a − b`, trailing zeros removed; `None` if no `i64` holds it.
pub(crate) fn difference(a: Decimal, b: Decimal) -> Option<Decimal> {
    let mut scale = a.scale.max(b.scale);
    let mut coef = a.at_scale(scale)?.checked_sub(b.at_scale(scale)?)?;
    while scale > 0 && coef.checked_rem(10) == Some(0) {
        coef = coef.checked_div(10)?;
        scale = scale.saturating_sub(1);
    }
    Some(Decimal { coef, scale })
}
