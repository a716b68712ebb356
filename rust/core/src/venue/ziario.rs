//! Ziario: see `docs/venues/ziario.md`.

use super::common::{NameBuffer, SECONDS, Span, Word, broken, name, value};
use super::fast::{Reader, Reading, Ziario as Straight};
use super::numbers::Numbers;
use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition, IgnoreReason};
use crate::event::{Kind, Quote};
use crate::json::{JsonError, Peek, Scanner};

/// Decoder of Ziario's messages: a `ticker` gives a quote, every other `type` belongs to the session.
#[derive(Debug, Default)]
pub struct Ziario {
    straight: Reader,
}

impl Ziario {
    /// See [`super::AnyDecoder::reading`].
    pub(super) fn reading(reading: Reading) -> Self {
        Self { straight: Reader::new(reading) }
    }
}

/// Where the fields of a message stand.
#[derive(Default)]
struct Fields<'a> {
    kind: Word<'a>,
    symbol: Word<'a>,
    price: Span,
    change: Span,
    volume: Span,
    time: Span,
}

impl<'a> Fields<'a> {
    /// Walks the whole message; `None` if it is no object.
    fn read(message: &'a [u8]) -> Result<Option<Self>, JsonError> {
        let mut scanner = Scanner::new(message);
        if scanner.peek()? != Peek::Object {
            scanner.skip()?;
            scanner.finish()?;
            return Ok(None);
        }
        let mut fields = Self::default();
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match name(key, &mut NameBuffer::default()) {
                b"type" => fields.kind = Word::read(&mut scanner, message)?,
                b"symbol" => fields.symbol = Word::read(&mut scanner, message)?,
                b"price" => fields.price = value(&mut scanner, message)?,
                b"change_24h" => fields.change = value(&mut scanner, message)?,
                b"volume_24h" => fields.volume = value(&mut scanner, message)?,
                b"timestamp" => fields.time = value(&mut scanner, message)?,
                _ => drop(scanner.skip()?),
            }
        }
        scanner.finish()?;
        Ok(Some(fields))
    }

    /// The ticker's quote.
    fn quote(&self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        let Some(instrument) = self.symbol.instrument(context)? else {
            return Ok(Disposition::Ignored(IgnoreReason::UnwantedInstrument));
        };
        let mut numbers = Numbers::new(message, context, instrument);
        let change = numbers.optional_decimal(self.change)?;
        let quote = numbers.settled(|numbers| {
            Ok(Quote {
                last: numbers.price(self.price)?,
                volume: numbers.optional_size(self.volume)?,
                change: change.map(|change| change.coef),
                ..Quote::default()
            })
        })?;
        let mut event = numbers.event(Kind::Quote, numbers.time(self.time, SECONDS)?);
        event.change_scale = change.map_or(0, |change| change.scale);
        event.set_quote(&quote);
        numbers.push(event);
        Ok(Disposition::Data)
    }
}

/// Decodes whatever form the message has.
#[inline(never)]
fn general(message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
    let fields = match Fields::read(message) {
        Ok(Some(fields)) => fields,
        Ok(None) => return Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0)),
        Err(error) => return Err(broken(error, message, "symbol", context)),
    };
    let unknown = match fields.kind {
        Word::Text(kind) if name(kind, &mut NameBuffer::default()) == b"ticker" => {
            return fields.quote(message, context);
        }
        Word::Text(_) => return Ok(Disposition::Control),
        Word::Absent => DecodeError::new(DecodeErrorKind::UnknownShape, 0),
        Word::Other(at) => DecodeError::new(DecodeErrorKind::WrongType, at),
    };
    Err(fields.symbol.blame(unknown, context))
}

impl Decode for Ziario {
    fn plain(&mut self, message: &[u8], context: &mut Context<'_>) -> bool {
        self.straight.read::<Straight>(message, context, &mut Vec::new())
    }

    fn general(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        general(message, context)
    }
}
