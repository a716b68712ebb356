//! iTick: see `docs/venues/itick.md`.

use super::common::{MILLIS, NameBuffer, Span, Word, broken, name, place, value};
use super::fast::{Itick as Straight, Reader, Reading};
use super::levels::Side;
use super::numbers::{Candle, Numbers};
use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition, IgnoreReason};
use crate::event::{Interval, Kind, Level, Quote, Side as Aggressor, Trade};
use crate::json::{JsonError, Peek, Scanner};

/// The longest interval iTick numbers.
const LAST_INTERVAL: Interval = Interval::Mo1;

/// Decoder of iTick's messages: quotes, depth, ticks and bars; everything with a `resAc` belongs to the session.
#[derive(Debug, Default)]
pub struct Itick {
    asks: Side,
    bids: Side,
    ask_levels: Vec<Level>,
    bid_levels: Vec<Level>,
    straight: Reader,
}

/// A value that must be an object, its type judged late.
#[derive(Clone, Copy, Default)]
enum Object {
    #[default]
    Absent,
    There,
    /// Something else, at this offset.
    Other(usize),
}

/// Where the fields outside `data` stand.
#[derive(Default)]
struct Envelope<'a> {
    code: Span,
    text: Span,
    answer_to: Span,
    data: Object,
    push: Push<'a>,
}

/// Where the fields of `data` stand.
#[derive(Default)]
struct Push<'a> {
    any: bool,
    symbol: Word<'a>,
    kind: Word<'a>,
    last: Span,
    time: Span,
    volume: Span,
    turnover: Span,
    status: Span,
    open: Span,
    high: Span,
    low: Span,
    params: Span,
    bar: Object,
    candle: Candle,
}

/// What a push is.
enum Shape {
    Quote,
    Depth,
    Tick,
    /// A bar, with the interval's number where `type` says it.
    Bar(Option<i64>),
}

impl Itick {
    /// See [`super::AnyDecoder::reading`].
    pub(super) fn reading(reading: Reading) -> Self {
        Self { straight: Reader::new(reading), ..Self::default() }
    }

    /// Decodes whatever form the message has.
    #[inline(never)]
    fn any(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        let envelope = match self.read(message) {
            Ok(Some(envelope)) => envelope,
            Ok(None) => return Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0)),
            Err(error) => return Err(broken(error, message, "s", context)),
        };
        let push = &envelope.push;
        if !envelope.answer_to.is_absent() {
            return Ok(Disposition::Control);
        }
        match envelope.data {
            Object::There if !push.any => Ok(Disposition::Ignored(IgnoreReason::Empty)),
            // An answer without its `resAc`. It may echo the token, so it goes to the session, which keeps secrets.
            Object::There if matches!(push.symbol, Word::Absent) && !push.params.is_absent() => {
                Ok(Disposition::Control)
            }
            Object::There => self.push(push, message, context),
            Object::Absent if !envelope.code.is_absent() || !envelope.text.is_absent() => Ok(Disposition::Control),
            Object::Absent => Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0)),
            Object::Other(at) => Err(DecodeError::new(DecodeErrorKind::WrongType, at)),
        }
    }

    /// Walks the whole message; `None` if it is no object.
    fn read<'a>(&mut self, message: &'a [u8]) -> Result<Option<Envelope<'a>>, JsonError> {
        let mut scanner = Scanner::new(message);
        if scanner.peek()? != Peek::Object {
            scanner.skip()?;
            scanner.finish()?;
            return Ok(None);
        }
        let mut envelope = Envelope::default();
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match name(key, &mut NameBuffer::default()) {
                b"code" => envelope.code = value(&mut scanner, message)?,
                b"msg" => envelope.text = value(&mut scanner, message)?,
                b"resAc" => envelope.answer_to = value(&mut scanner, message)?,
                b"data" => {
                    envelope.push = Push::default();
                    envelope.data = object(&mut scanner)?;
                    if let Object::There = envelope.data {
                        self.read_push(&mut scanner, message, &mut envelope.push)?;
                    }
                }
                _ => drop(scanner.skip()?),
            }
        }
        scanner.finish()?;
        Ok(Some(envelope))
    }

    fn read_push<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        message: &'a [u8],
        push: &mut Push<'a>,
    ) -> Result<(), JsonError> {
        self.asks.clear();
        self.bids.clear();
        while let Some(key) = scanner.next_key()? {
            push.any = true;
            match name(key, &mut NameBuffer::default()) {
                b"s" => push.symbol = Word::read(scanner, message)?,
                b"type" => push.kind = Word::read(scanner, message)?,
                b"a" => self.asks.read_rows(scanner, message)?,
                b"b" => self.bids.read_rows(scanner, message)?,
                b"ld" => push.last = value(scanner, message)?,
                b"t" => push.time = value(scanner, message)?,
                b"v" => push.volume = value(scanner, message)?,
                b"tu" => push.turnover = value(scanner, message)?,
                b"ts" => push.status = value(scanner, message)?,
                b"o" => push.open = value(scanner, message)?,
                b"h" => push.high = value(scanner, message)?,
                b"l" => push.low = value(scanner, message)?,
                b"params" => push.params = value(scanner, message)?,
                b"k" => {
                    push.candle = Candle::default();
                    push.bar = object(scanner)?;
                    if let Object::There = push.bar {
                        read_candle(scanner, message, &mut push.candle)?;
                    }
                }
                _ => drop(scanner.skip()?),
            }
        }
        Ok(())
    }

    fn push(&mut self, push: &Push<'_>, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        let shape = push.shape(message).map_err(|error| push.symbol.blame(error, context))?;
        let Some(instrument) = push.symbol.instrument(context)? else {
            return Ok(Disposition::Ignored(IgnoreReason::UnwantedInstrument));
        };
        let mut numbers = Numbers::new(message, context, instrument);
        match shape {
            Shape::Quote => push.quote(&mut numbers)?,
            Shape::Tick => push.tick(&mut numbers)?,
            Shape::Bar(number) => push.bar(number, &mut numbers)?,
            Shape::Depth => {
                if self.asks.is_empty() && self.bids.is_empty() {
                    return Ok(Disposition::Ignored(IgnoreReason::Empty));
                }
                self.depth(push, &mut numbers)?;
            }
        }
        Ok(Disposition::Data)
    }

    fn depth(&mut self, push: &Push<'_>, numbers: &mut Numbers<'_, '_, '_>) -> Result<(), DecodeError> {
        numbers.settled(|numbers| {
            numbers.levels(&self.bids, &mut self.bid_levels)?;
            numbers.levels(&self.asks, &mut self.ask_levels)
        })?;
        let event = numbers.event(Kind::Book, numbers.time(push.time, MILLIS)?);
        numbers.push_book(event, &self.bid_levels, &self.ask_levels);
        Ok(())
    }
}

/// Enters an object if one stands next; anything else is consumed.
fn object(scanner: &mut Scanner<'_>) -> Result<Object, JsonError> {
    Ok(match scanner.peek()? {
        Peek::Object => {
            scanner.enter_object()?;
            Object::There
        }
        Peek::Null => {
            scanner.skip()?;
            Object::Absent
        }
        _ => {
            let at = scanner.at();
            scanner.skip()?;
            Object::Other(at)
        }
    })
}

fn read_candle<'a>(scanner: &mut Scanner<'a>, message: &'a [u8], candle: &mut Candle) -> Result<(), JsonError> {
    while let Some(key) = scanner.next_key()? {
        match name(key, &mut NameBuffer::default()) {
            b"o" => candle.open = value(scanner, message)?,
            b"h" => candle.high = value(scanner, message)?,
            b"l" => candle.low = value(scanner, message)?,
            b"c" => candle.close = value(scanner, message)?,
            b"v" => candle.volume = value(scanner, message)?,
            b"tu" => candle.turnover = value(scanner, message)?,
            b"t" => candle.time = value(scanner, message)?,
            _ => drop(scanner.skip()?),
        }
    }
    Ok(())
}

impl Push<'_> {
    /// What the push is: its `type` says it, and a bar is known by its `k` where it has no `type`.
    fn shape(&self, message: &[u8]) -> Result<Shape, DecodeError> {
        let unknown = |at| Err(DecodeError::new(DecodeErrorKind::UnknownShape, at));
        let kind = match self.kind {
            Word::Text(kind) => kind,
            Word::Other(at) => return Err(DecodeError::new(DecodeErrorKind::WrongType, at)),
            Word::Absent => {
                return match self.bar {
                    Object::There => Ok(Shape::Bar(None)),
                    Object::Other(at) => Err(DecodeError::new(DecodeErrorKind::WrongType, at)),
                    Object::Absent => unknown(0),
                };
            }
        };
        let mut buffer = NameBuffer::default();
        match name(kind, &mut buffer) {
            b"quote" => Ok(Shape::Quote),
            b"depth" => Ok(Shape::Depth),
            b"tick" => Ok(Shape::Tick),
            b"kline" => Ok(Shape::Bar(None)),
            other => match other.strip_prefix(b"kline@") {
                Some([one @ b'1'..=b'9']) => Ok(Shape::Bar(Some(i64::from(one.saturating_sub(b'0'))))),
                Some(b"10") => Ok(Shape::Bar(Some(10))),
                _ => unknown(place(message, kind)),
            },
        }
    }

    fn quote(&self, numbers: &mut Numbers<'_, '_, '_>) -> Result<(), DecodeError> {
        let quote = numbers.settled(|numbers| {
            Ok(Quote {
                last: numbers.price(self.last)?,
                volume: numbers.optional_size(self.volume)?,
                turnover: numbers.optional_turnover(self.turnover)?,
                change: None,
                open: numbers.optional_price(self.open)?,
                high: numbers.optional_price(self.high)?,
                low: numbers.optional_price(self.low)?,
                status: numbers.optional_integer(self.status)?,
            })
        })?;
        let mut event = numbers.event(Kind::Quote, numbers.time(self.time, MILLIS)?);
        event.set_quote(&quote);
        numbers.push(event);
        Ok(())
    }

    fn tick(&self, numbers: &mut Numbers<'_, '_, '_>) -> Result<(), DecodeError> {
        let trade = numbers.settled(|numbers| {
            Ok(Trade {
                price: numbers.price(self.last)?,
                size: numbers.size(self.volume)?,
                turnover: numbers.optional_turnover(self.turnover)?,
                side: Aggressor::Unknown,
                trade_id: [0; 48],
            })
        })?;
        let mut event = numbers.event(Kind::Trade, numbers.time(self.time, MILLIS)?);
        event.set_trade(&trade);
        numbers.push(event);
        Ok(())
    }

    fn bar(&self, number: Option<i64>, numbers: &mut Numbers<'_, '_, '_>) -> Result<(), DecodeError> {
        match self.bar {
            Object::There => {}
            Object::Absent => return Err(numbers.error(DecodeErrorKind::MissingField, 0)),
            Object::Other(at) => return Err(numbers.error(DecodeErrorKind::WrongType, at)),
        }
        let interval = match number.and_then(|number| u8::try_from(number).ok()).and_then(Interval::from_u8) {
            Some(interval) => interval,
            None => numbers.interval(self.time, LAST_INTERVAL)?,
        };
        numbers.push_bar(&self.candle, Some(interval), MILLIS)
    }
}

impl Decode for Itick {
    fn plain(&mut self, message: &[u8], context: &mut Context<'_>) -> bool {
        self.straight.read::<Straight>(message, context, &mut self.ask_levels)
    }

    fn general(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        self.any(message, context)
    }
}
