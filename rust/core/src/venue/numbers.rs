//! The numbers of one message about one instrument: remembered places in, scaled integers out, with the rules of range.

use super::common::{Span, integer, parsed};
use super::levels::Side;
use super::{Context, DecodeError, DecodeErrorKind, Field};
use crate::event::{Bar, Event, Interval, Kind, Level};
use crate::num::Decimal;

/// More often than this the scales of one instrument can't move within one message: a scale moves at most 36 times in its
/// lifetime, and what is left after three tries is our bug.
const TRIES: usize = 3 * 36;

/// Where the numbers of a bar stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candle {
    pub(super) open: Span,
    pub(super) high: Span,
    pub(super) low: Span,
    pub(super) close: Span,
    pub(super) volume: Span,
    pub(super) turnover: Span,
    /// Its time, in the venue's unit.
    pub(super) time: Span,
    /// Its interval's number, where the bar itself has it.
    pub(super) interval: Span,
}

/// Reads the numbers of one message about one instrument. Every error names the instrument.
#[derive(Debug)]
pub(super) struct Numbers<'a, 'c, 'i> {
    message: &'a [u8],
    context: &'c mut Context<'i>,
    instrument: u32,
}

impl<'a, 'c, 'i> Numbers<'a, 'c, 'i> {
    pub(super) fn new(message: &'a [u8], context: &'c mut Context<'i>, instrument: u32) -> Self {
        Self { message, context, instrument }
    }

    /// An error about the instrument.
    pub(super) fn error(&self, kind: DecodeErrorKind, at: usize) -> DecodeError {
        DecodeError::new(kind, at).about(self.instrument)
    }

    /// Builds from the numbers until no scale moved on the way, so that all of them are at the same scale in the end.
    ///
    /// # Errors
    /// Those of `build`.
    pub(super) fn settled<T>(
        &mut self,
        mut build: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        for _ in 0..TRIES {
            let before = self.scales();
            let result = build(self)?;
            if self.scales() == before {
                return Ok(result);
            }
        }
        Err(self.error(DecodeErrorKind::Internal, 0))
    }

    fn scales(&self) -> Option<[u8; 3]> {
        let known = self.context.instruments.get(self.instrument)?;
        Some([known.price.digits(), known.size.digits(), known.turnover.digits()])
    }

    fn scaled(&mut self, field: Field, span: Span) -> Result<i64, DecodeError> {
        let instrument = self.instrument;
        let context = &mut *self.context;
        parsed(self.message, span, |text| context.number(instrument, field, text, 0).map_err(|error| error.kind))
            .map_err(|error| error.about(instrument))
    }

    fn at_least(&mut self, field: Field, span: Span, least: i64) -> Result<i64, DecodeError> {
        let scaled = self.scaled(field, span)?;
        if scaled < least { Err(self.error(DecodeErrorKind::OutOfRange, span.at())) } else { Ok(scaled) }
    }

    /// A price: above zero.
    ///
    /// # Errors
    /// `MissingField`, `WrongType`, `BadNumber`, `OutOfScale`, `OutOfRange`; so do all the methods below.
    pub(super) fn price(&mut self, span: Span) -> Result<i64, DecodeError> {
        self.at_least(Field::Price, span, 1)
    }

    /// A size or a volume: not below zero.
    pub(super) fn size(&mut self, span: Span) -> Result<i64, DecodeError> {
        self.at_least(Field::Size, span, 0)
    }

    /// A price that may be missing.
    pub(super) fn optional_price(&mut self, span: Span) -> Result<Option<i64>, DecodeError> {
        if span.is_absent() { Ok(None) } else { self.price(span).map(Some) }
    }

    /// A size or a volume that may be missing.
    pub(super) fn optional_size(&mut self, span: Span) -> Result<Option<i64>, DecodeError> {
        if span.is_absent() { Ok(None) } else { self.size(span).map(Some) }
    }

    /// A turnover that may be missing: not below zero.
    pub(super) fn optional_turnover(&mut self, span: Span) -> Result<Option<i64>, DecodeError> {
        if span.is_absent() { Ok(None) } else { self.at_least(Field::Turnover, span, 0).map(Some) }
    }

    /// An integer that may be missing.
    pub(super) fn optional_integer(&mut self, span: Span) -> Result<Option<i64>, DecodeError> {
        if span.is_absent() { Ok(None) } else { self.integer(span).map(Some) }
    }

    /// An integer.
    pub(super) fn integer(&self, span: Span) -> Result<i64, DecodeError> {
        integer(self.message, span).map_err(|error| error.about(self.instrument))
    }

    /// A decimal as it is, of either sign, that may be missing.
    pub(super) fn optional_decimal(&self, span: Span) -> Result<Option<Decimal>, DecodeError> {
        if span.is_absent() {
            return Ok(None);
        }
        parsed(self.message, span, |text| {
            Decimal::parse(text).map_err(|why| match why {
                crate::num::NumError::Syntax => DecodeErrorKind::BadNumber,
                crate::num::NumError::TooLarge | crate::num::NumError::TooFine => DecodeErrorKind::OutOfScale,
            })
        })
        .map(Some)
        .map_err(|error| error.about(self.instrument))
    }

    /// A Unix time in `unit` nanoseconds, as nanoseconds; 0 if it is missing. What is no integer, below zero or beyond the
    /// year 2262 (the end of an `i64` of nanoseconds) is a `BadNumber`.
    pub(super) fn time(&self, span: Span, unit: i64) -> Result<i64, DecodeError> {
        if span.is_absent() {
            return Ok(0);
        }
        let time = self.integer(span)?;
        let nanos = if time < 0 { None } else { time.checked_mul(unit) };
        nanos.ok_or_else(|| self.error(DecodeErrorKind::BadNumber, span.at()))
    }

    /// An interval's number: both venues with bars count `1m` 1 to `1M` 10, and one goes on to `1Q` 11 and `1Y` 12.
    pub(super) fn interval(&self, span: Span, last: Interval) -> Result<Interval, DecodeError> {
        let number = self.integer(span)?;
        u8::try_from(number)
            .ok()
            .and_then(Interval::from_u8)
            .filter(|interval| *interval as u8 <= last as u8)
            .ok_or_else(|| self.error(DecodeErrorKind::UnknownShape, span.at()))
    }

    /// Puts a book side's levels at their scales, in the order sent.
    ///
    /// # Errors
    /// What was wrong with the list itself, then `UnequalColumns`, then those of its numbers.
    pub(super) fn levels(&mut self, side: &Side, out: &mut Vec<Level>) -> Result<(), DecodeError> {
        out.clear();
        let (prices, sizes) = side.columns().map_err(|error| error.about(self.instrument))?;
        for (price, size) in prices.iter().zip(sizes) {
            let level = Level { price: self.price(*price)?, size: self.size(*size)? };
            out.push(level);
        }
        Ok(())
    }

    /// Appends a bar. Its time of event is 0: a bar's own time is the time it opened, not the time it was sent.
    ///
    /// # Errors
    /// Those of its numbers; `MissingField` without one of open, high, low, close and time.
    pub(super) fn push_bar(
        &mut self,
        candle: &Candle,
        interval: Option<Interval>,
        unit: i64,
    ) -> Result<(), DecodeError> {
        if candle.time.is_absent() {
            return Err(self.error(DecodeErrorKind::MissingField, 0));
        }
        let bar = self.settled(|numbers| {
            Ok(Bar {
                open: numbers.price(candle.open)?,
                high: numbers.price(candle.high)?,
                low: numbers.price(candle.low)?,
                close: numbers.price(candle.close)?,
                volume: numbers.optional_size(candle.volume)?,
                turnover: numbers.optional_turnover(candle.turnover)?,
                ts_open: numbers.time(candle.time, unit)?,
            })
        })?;
        let mut event = self.event(Kind::Bar, 0);
        event.interval = interval.map_or(0, |interval| interval as u8);
        event.set_bar(&bar);
        self.push(event);
        Ok(())
    }

    /// A new event about the instrument, at its scales as they are now: after all numbers have settled.
    pub(super) fn event(&self, kind: Kind, ts_event: i64) -> Event {
        self.context.event(kind, self.instrument, ts_event)
    }

    /// Appends an event.
    pub(super) fn push(&mut self, event: Event) {
        self.context.out.events.push(event);
    }

    /// Appends a book snapshot.
    pub(super) fn push_book(&mut self, event: Event, bids: &[Level], asks: &[Level]) {
        self.context.out.push_book(event, bids, asks);
    }
}
