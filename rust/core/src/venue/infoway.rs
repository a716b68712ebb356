//! Infoway: see `docs/venues/infoway.md`.

use super::common::{MILLIS, NameBuffer, SECONDS, Span, Word, broken, integer, name, value};
use super::fast::{Infoway as Straight, Reader, Reading};
use super::levels::{MAX_LEVELS, Side};
use super::numbers::{Candle, Numbers};
use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition, IgnoreReason};
use crate::event::{Interval, Kind, Level, Side as Aggressor, Trade};
use crate::json::{JsonError, Peek, Scanner};

/// The longest interval Infoway numbers.
const LAST_INTERVAL: Interval = Interval::Y1;
/// Most bars in one list.
const MAX_BARS: usize = MAX_LEVELS;

/// Decoder of Infoway's messages: trades, depth and bars, bare or wrapped in `data`. Plain text lines and every `code` that
/// is no push belong to the session.
#[derive(Debug, Default)]
pub struct Infoway {
    asks: Side,
    bids: Side,
    bars: Bars,
    ask_levels: Vec<Level>,
    bid_levels: Vec<Level>,
    straight: Reader,
}

/// The bars of a `respList`, reused from message to message.
#[derive(Debug, Default)]
struct Bars {
    list: Vec<Candle>,
    present: bool,
    fault: Option<DecodeError>,
}

/// Where the fields of a push stand.
#[derive(Default)]
struct Push<'a> {
    any: bool,
    symbol: Word<'a>,
    price: Span,
    side: Span,
    /// The fields of a flat bar; a trade's volume, turnover (`vw`) and time are the same keys.
    candle: Candle,
}

/// Where the fields of a message stand.
#[derive(Default)]
struct Envelope<'a> {
    code: Span,
    /// A `data` that is neither object nor `null`, at this offset.
    odd_data: Option<usize>,
    push: Push<'a>,
}

/// What a push is.
#[derive(Clone, Copy)]
enum Shape {
    Trade,
    Depth,
    Bar,
}

impl Bars {
    fn clear(&mut self) {
        self.list.clear();
        self.present = false;
        self.fault = None;
    }

    fn fail(&mut self, kind: DecodeErrorKind, at: usize) {
        self.fault.get_or_insert(DecodeError::new(kind, at));
    }

    fn read<'a>(&mut self, scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<(), JsonError> {
        self.clear();
        let kind = scanner.peek()?;
        self.present = kind != Peek::Null;
        if kind != Peek::Array {
            if self.present {
                self.fail(DecodeErrorKind::WrongType, scanner.at());
            }
            return scanner.skip().map(drop);
        }
        scanner.enter_array()?;
        while scanner.next_element()? {
            let at = scanner.at();
            if scanner.peek()? != Peek::Object {
                self.fail(DecodeErrorKind::WrongType, at);
                scanner.skip()?;
                continue;
            }
            let mut candle = Candle::default();
            scanner.enter_object()?;
            while let Some(key) = scanner.next_key()? {
                if !candle.read(name(key, &mut NameBuffer::default()), scanner, message)? {
                    scanner.skip()?;
                }
            }
            if self.list.len() >= MAX_BARS {
                self.fail(DecodeErrorKind::TooLong, at);
            } else {
                self.list.push(candle);
            }
        }
        Ok(())
    }
}

impl Candle {
    /// Reads the value of a bar's key; `false`, and nothing read, if it is none.
    fn read<'a>(&mut self, key: &[u8], scanner: &mut Scanner<'a>, message: &'a [u8]) -> Result<bool, JsonError> {
        let place = match key {
            b"t" => &mut self.time,
            b"o" => &mut self.open,
            b"h" => &mut self.high,
            b"l" => &mut self.low,
            b"c" => &mut self.close,
            b"v" => &mut self.volume,
            b"vw" => &mut self.turnover,
            b"ty" => &mut self.interval,
            _ => return Ok(false),
        };
        *place = value(scanner, message)?;
        Ok(true)
    }
}

impl Infoway {
    /// See [`super::AnyDecoder::reading`].
    pub(super) fn reading(reading: Reading) -> Self {
        Self { straight: Reader::new(reading), ..Self::default() }
    }

    /// Decodes whatever form the message has.
    #[inline(never)]
    fn any(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        if message.trim_ascii_start().first() != Some(&b'{') {
            return Ok(Disposition::Control);
        }
        let envelope = match self.read(message) {
            Ok(envelope) => envelope,
            Err(error) => return Err(broken(error, message, "s", context)),
        };
        let push = &envelope.push;
        let blame = |error: DecodeError, context: &Context<'_>| push.symbol.blame(error, context);
        let shape = if envelope.code.is_absent() {
            self.shape(push)
        } else {
            match integer(message, envelope.code).map_err(|error| blame(error, context))? {
                10002 => Some(Shape::Trade),
                10005 => Some(Shape::Depth),
                10008 => Some(Shape::Bar),
                _ => return Ok(Disposition::Control),
            }
        };
        match (shape, envelope.odd_data) {
            (_, Some(at)) if !push.any => Err(DecodeError::new(DecodeErrorKind::WrongType, at)),
            (Some(_), None) if !push.any => Ok(Disposition::Ignored(IgnoreReason::Empty)),
            (Some(shape), _) => self.push(shape, push, message, context),
            (None, _) => Err(blame(DecodeError::new(DecodeErrorKind::UnknownShape, 0), context)),
        }
    }

    fn clear(&mut self) {
        self.asks.clear();
        self.bids.clear();
        self.bars.clear();
    }

    /// Walks the whole message, which is an object. A `data` object holds the push; what stands beside it is no part of it.
    fn read<'a>(&mut self, message: &'a [u8]) -> Result<Envelope<'a>, JsonError> {
        let mut scanner = Scanner::new(message);
        let mut envelope = Envelope::default();
        let mut wrapped = false;
        self.clear();
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match name(key, &mut NameBuffer::default()) {
                b"code" => envelope.code = value(&mut scanner, message)?,
                b"data" => {
                    let kind = scanner.peek()?;
                    if kind == Peek::Object || wrapped {
                        envelope.push = Push::default();
                        self.clear();
                    }
                    wrapped = kind == Peek::Object;
                    envelope.odd_data = (!wrapped && kind != Peek::Null).then(|| scanner.at());
                    if wrapped {
                        scanner.enter_object()?;
                        while let Some(key) = scanner.next_key()? {
                            self.read_field(
                                name(key, &mut NameBuffer::default()),
                                &mut scanner,
                                message,
                                &mut envelope.push,
                            )?;
                        }
                    } else {
                        scanner.skip()?;
                    }
                }
                _ if wrapped => drop(scanner.skip()?),
                key => self.read_field(key, &mut scanner, message, &mut envelope.push)?,
            }
        }
        scanner.finish()?;
        Ok(envelope)
    }

    fn read_field<'a>(
        &mut self,
        key: &[u8],
        scanner: &mut Scanner<'a>,
        message: &'a [u8],
        push: &mut Push<'a>,
    ) -> Result<(), JsonError> {
        match key {
            b"s" => push.symbol = Word::read(scanner, message)?,
            b"p" => push.price = value(scanner, message)?,
            b"td" => push.side = value(scanner, message)?,
            b"a" => self.asks.read_columns(scanner, message)?,
            b"b" => self.bids.read_columns(scanner, message)?,
            b"respList" => self.bars.read(scanner, message)?,
            _ => {
                if !push.candle.read(key, scanner, message)? {
                    return scanner.skip().map(drop);
                }
            }
        }
        push.any = true;
        Ok(())
    }

    /// What a push without a code is, by the fields that only one shape has.
    fn shape(&self, push: &Push<'_>) -> Option<Shape> {
        let bar = &push.candle;
        if self.bars.present {
            Some(Shape::Bar)
        } else if self.asks.is_present() || self.bids.is_present() {
            Some(Shape::Depth)
        } else if !push.price.is_absent() {
            Some(Shape::Trade)
        } else {
            let prices = [bar.open, bar.high, bar.low, bar.close];
            prices.into_iter().any(|price| !price.is_absent()).then_some(Shape::Bar)
        }
    }

    fn push(
        &mut self,
        shape: Shape,
        push: &Push<'_>,
        message: &[u8],
        context: &mut Context<'_>,
    ) -> Result<Disposition, DecodeError> {
        let Some(instrument) = push.symbol.instrument(context)? else {
            return Ok(Disposition::Ignored(IgnoreReason::UnwantedInstrument));
        };
        let mut numbers = Numbers::new(message, context, instrument);
        match shape {
            Shape::Trade => push.trade(&mut numbers)?,
            Shape::Bar if self.bars.present => return self.list(push, &mut numbers),
            Shape::Bar => {
                let interval = interval(&push.candle, &numbers)?;
                numbers.push_bar(&push.candle, interval, SECONDS)?;
            }
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
        let event = numbers.event(Kind::Book, numbers.time(push.candle.time, MILLIS)?);
        numbers.push_book(event, &self.bid_levels, &self.ask_levels);
        Ok(())
    }

    fn list(&self, push: &Push<'_>, numbers: &mut Numbers<'_, '_, '_>) -> Result<Disposition, DecodeError> {
        if let Some(fault) = self.bars.fault {
            return Err(numbers.error(fault.kind, fault.at));
        }
        if self.bars.list.is_empty() {
            return Ok(Disposition::Ignored(IgnoreReason::Empty));
        }
        let common = interval(&push.candle, numbers)?;
        for candle in &self.bars.list {
            let own = interval(candle, numbers)?;
            numbers.push_bar(candle, own.or(common), SECONDS)?;
        }
        Ok(Disposition::Data)
    }
}

/// The interval a bar says it has; `None` (0 in the event) in the seed's form, which does not say it.
fn interval(candle: &Candle, numbers: &Numbers<'_, '_, '_>) -> Result<Option<Interval>, DecodeError> {
    if candle.interval.is_absent() { Ok(None) } else { numbers.interval(candle.interval, LAST_INTERVAL).map(Some) }
}

impl Push<'_> {
    fn trade(&self, numbers: &mut Numbers<'_, '_, '_>) -> Result<(), DecodeError> {
        let side = match numbers.optional_integer(self.side)? {
            Some(1) => Aggressor::Buy,
            Some(2) => Aggressor::Sell,
            _ => Aggressor::Unknown,
        };
        let trade = numbers.settled(|numbers| {
            Ok(Trade {
                price: numbers.price(self.price)?,
                size: numbers.size(self.candle.volume)?,
                turnover: numbers.optional_turnover(self.candle.turnover)?,
                side,
                trade_id: [0; 48],
            })
        })?;
        let mut event = numbers.event(Kind::Trade, numbers.time(self.candle.time, MILLIS)?);
        event.set_trade(&trade);
        numbers.push(event);
        Ok(())
    }
}

impl Decode for Infoway {
    fn plain(&mut self, message: &[u8], context: &mut Context<'_>) -> bool {
        self.straight.read::<Straight>(message, context, &mut self.ask_levels)
    }

    fn general(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        self.any(message, context)
    }
}
