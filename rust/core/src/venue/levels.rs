//! One side of a depth message: where its prices and sizes stand, whichever way round the venue lists them.

use super::common::{NameBuffer, Span, name, value};
use super::{DecodeError, DecodeErrorKind};
use crate::json::{JsonError, Peek, Scanner};

/// Most levels of one side. A full book of these venues has 5 to 10; the limit is there for hostile frames.
pub(super) const MAX_LEVELS: usize = 512;

/// One side of a depth message, reused from message to message so that a steady state allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Side {
    prices: Vec<Span>,
    sizes: Vec<Span>,
    present: bool,
    fault: Option<DecodeError>,
}

impl Side {
    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.prices.clear();
        self.sizes.clear();
        self.present = false;
        self.fault = None;
    }

    /// Whether the message has this side, be it an empty list.
    pub(super) fn is_present(&self) -> bool {
        self.present
    }

    /// Whether the side is there, in order, and has no level.
    pub(super) fn is_empty(&self) -> bool {
        self.prices.is_empty() && self.sizes.is_empty() && self.present && self.fault.is_none()
    }

    /// The columns of prices and sizes, of equal length.
    ///
    /// # Errors
    /// `MissingField` if the side or a number of it is missing; `WrongType`, `TooLong`, `UnequalColumns`.
    pub(super) fn columns(&self) -> Result<(&[Span], &[Span]), DecodeError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.present {
            return Err(DecodeError::new(DecodeErrorKind::MissingField, 0));
        }
        if self.prices.len() != self.sizes.len() {
            let ends = [self.prices.last(), self.sizes.last()];
            let at = ends.into_iter().flatten().map(|span| span.at()).max().unwrap_or(0);
            return Err(DecodeError::new(DecodeErrorKind::UnequalColumns, at));
        }
        Ok((&self.prices, &self.sizes))
    }

    /// Notes what is wrong, the first fault only: the walk goes on, since the text may still turn out to be no JSON.
    fn fail(&mut self, kind: DecodeErrorKind, at: usize) {
        self.fault.get_or_insert(DecodeError::new(kind, at));
    }

    /// Enters the list; `false` if the value was something else (and is consumed).
    fn enter(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, JsonError> {
        self.clear();
        let kind = scanner.peek()?;
        if kind == Peek::Array {
            self.present = true;
            scanner.enter_array()?;
            return Ok(true);
        }
        if kind != Peek::Null {
            self.present = true;
            self.fail(DecodeErrorKind::WrongType, scanner.at());
        }
        scanner.skip()?;
        Ok(false)
    }

    /// Reads a list of objects with a price `p` and a size `v`.
    pub(super) fn read_rows<'a>(&mut self, scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<(), JsonError> {
        if !self.enter(scanner)? {
            return Ok(());
        }
        while scanner.next_element()? {
            if scanner.peek()? != Peek::Object {
                self.fail(DecodeErrorKind::WrongType, scanner.at());
                scanner.skip()?;
                continue;
            }
            let (mut price, mut size) = (Span::default(), Span::default());
            scanner.enter_object()?;
            while let Some(key) = scanner.next_key()? {
                match name(key, &mut NameBuffer::default()) {
                    b"p" => price = value(scanner, message)?,
                    b"v" => size = value(scanner, message)?,
                    _ => drop(scanner.skip()?),
                }
            }
            if price.is_absent() || size.is_absent() {
                self.fail(DecodeErrorKind::MissingField, scanner.at());
            } else if self.prices.len() >= MAX_LEVELS {
                self.fail(DecodeErrorKind::TooLong, price.at());
            } else {
                self.prices.push(price);
                self.sizes.push(size);
            }
        }
        Ok(())
    }

    /// Reads a list of two lists: the prices, then the sizes.
    pub(super) fn read_columns<'a>(&mut self, scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<(), JsonError> {
        if !self.enter(scanner)? {
            return Ok(());
        }
        let mut column = 0_u8;
        while scanner.next_element()? {
            if scanner.peek()? != Peek::Array || column >= 2 {
                self.fail(DecodeErrorKind::WrongType, scanner.at());
                scanner.skip()?;
                continue;
            }
            scanner.enter_array()?;
            while scanner.next_element()? {
                let span = value(scanner, message)?;
                let spans = if column == 0 { &mut self.prices } else { &mut self.sizes };
                if span.is_absent() {
                    self.fail(DecodeErrorKind::MissingField, scanner.at());
                } else if spans.len() >= MAX_LEVELS {
                    self.fail(DecodeErrorKind::TooLong, span.at());
                } else {
                    spans.push(span);
                }
            }
            column = column.saturating_add(1);
        }
        Ok(())
    }
}
