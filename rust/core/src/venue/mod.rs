//! One decoder a venue: message bytes to events. No I/O, no clock.

mod common;
mod fast;
pub mod infoway;
pub mod itick;
mod levels;
mod numbers;
pub mod ziario;

pub use fast::Reading;

use crate::clock::Stamp;
use crate::event::{Batch, Event, Kind, State, StatusReason};
use crate::instrument::{Fit, Instrument, Instruments, Scale};
use crate::json::{JsonError, JsonErrorKind};
use crate::num::{Decimal, NumError};

/// What a message was. Every message is exactly one of these, or a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It gave one or more events.
    Data,
    /// It belongs to the session (login, acknowledgement, heartbeat, note, refusal): hand its bytes to the session.
    Control,
    /// It is known and of no use to us.
    Ignored(IgnoreReason),
}

/// Why a message was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IgnoreReason {
    /// A well-formed push of an instrument that nobody asked for (or that was dropped since).
    UnwantedInstrument = 0,
    /// A push without any content (no levels, an empty list).
    Empty = 1,
}

impl IgnoreReason {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::UnwantedInstrument, Self::Empty];

    /// The name used in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnwantedInstrument => "unwanted_instrument",
            Self::Empty => "empty",
        }
    }
}

/// Why a message could not be decoded; it goes to the quarantine under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Byte offset into the message.
    pub at: usize,
    /// The instrument the message was about, if that much was understood: its book can't be trusted any more.
    pub instrument: Option<u32>,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DecodeErrorKind {
    /// Not JSON (where JSON is expected).
    Json = 0,
    /// A field has another type than every known form of it.
    WrongType = 1,
    /// A field that the message can't do without is missing.
    MissingField = 2,
    /// JSON, but none of the venue's shapes.
    UnknownShape = 3,
    /// A number that is none (`NaN`, `1.2.3`, `""`).
    BadNumber = 4,
    /// A number that no scale, or not the one set by hand, can hold exactly.
    OutOfScale = 5,
    /// Columns of unequal length.
    UnequalColumns = 6,
    /// More levels, bars or nesting than the decoder's limits.
    TooLong = 7,
    /// A price or size below zero where none can be, or a price of zero.
    OutOfRange = 8,
    /// A binary message on a venue that speaks text.
    Binary = 9,
    /// A text message that is not UTF-8.
    Utf8 = 10,
    /// The decoder itself failed (a bug of ours): contained, counted, reported.
    Internal = 11,
}

impl DecodeErrorKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Json,
        Self::WrongType,
        Self::MissingField,
        Self::UnknownShape,
        Self::BadNumber,
        Self::OutOfScale,
        Self::UnequalColumns,
        Self::TooLong,
        Self::OutOfRange,
        Self::Binary,
        Self::Utf8,
        Self::Internal,
    ];

    /// The name used in metrics and in the quarantine.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::UnknownShape => "unknown_shape",
            Self::BadNumber => "bad_number",
            Self::OutOfScale => "out_of_scale",
            Self::UnequalColumns => "unequal_columns",
            Self::TooLong => "too_long",
            Self::OutOfRange => "out_of_range",
            Self::Binary => "binary",
            Self::Utf8 => "utf8",
            Self::Internal => "internal",
        }
    }
}

impl DecodeError {
    /// An error at a place, with no instrument known.
    #[must_use]
    pub fn new(kind: DecodeErrorKind, at: usize) -> Self {
        Self { kind, at, instrument: None }
    }

    /// The same error about an instrument.
    #[must_use]
    pub fn about(self, instrument: u32) -> Self {
        Self { instrument: Some(instrument), ..self }
    }
}

impl From<JsonError> for DecodeError {
    fn from(error: JsonError) -> Self {
        let kind = match error.kind {
            JsonErrorKind::Type => DecodeErrorKind::WrongType,
            JsonErrorKind::Depth => DecodeErrorKind::TooLong,
            _ => DecodeErrorKind::Json,
        };
        Self::new(kind, error.at)
    }
}

/// What a decoder may touch: the feed's instruments, and the batch it appends to.
#[derive(Debug)]
pub struct Context<'a> {
    /// The feed's instruments.
    pub instruments: &'a mut Instruments,
    /// Where events go. On an error the caller takes back what the message appended, scale announcements aside.
    pub out: &'a mut Batch,
    /// The venue connection's index.
    pub venue: u16,
    /// The connection's epoch.
    pub epoch: u32,
    /// Stamps of the socket read.
    pub stamp: Stamp,
    /// Add unknown instruments instead of ignoring their messages (`ferrofeed decode`).
    pub adopt: bool,
}

/// Which of an instrument's scales a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Prices.
    Price,
    /// Sizes and volumes.
    Size,
    /// Turnovers.
    Turnover,
}

impl Context<'_> {
    /// The wanted instrument a venue means by these bytes; `None` if nobody asked for it.
    pub fn instrument(&mut self, spelling: &[u8]) -> Option<u32> {
        if let Some(index) = self.instruments.find(self.venue, spelling) {
            return self.instruments.get(index).is_some_and(|instrument| instrument.wanted).then_some(index);
        }
        if !self.adopt {
            return None;
        }
        let raw = String::from_utf8_lossy(spelling);
        Some(self.instruments.add(Instrument {
            venue: self.venue,
            symbol: canonical(&raw).into(),
            raw_symbol: raw.as_ref().into(),
            price: Scale::default(),
            size: Scale::default(),
            turnover: Scale::default(),
            wanted: true,
        }))
    }

    /// Puts a number's text at one of the instrument's scales, announcing the instrument again if a scale had to move.
    ///
    /// # Errors
    /// `BadNumber` or `OutOfScale`, at offset `at`, about the instrument.
    pub fn number(&mut self, instrument: u32, field: Field, text: &[u8], at: usize) -> Result<i64, DecodeError> {
        let error = |kind| DecodeError::new(kind, at).about(instrument);
        let value = Decimal::parse(text).map_err(|why| {
            error(match why {
                NumError::Syntax => DecodeErrorKind::BadNumber,
                NumError::TooLarge | NumError::TooFine => DecodeErrorKind::OutOfScale,
            })
        })?;
        let Some(known) = self.instruments.get_mut(instrument) else { return Err(error(DecodeErrorKind::Internal)) };
        let scale = match field {
            Field::Price => &mut known.price,
            Field::Size => &mut known.size,
            Field::Turnover => &mut known.turnover,
        };
        match scale.fit(value) {
            Fit::Fits(scaled) => Ok(scaled),
            Fit::Moved(scaled) => {
                let mut announce = self.event(Kind::Status, instrument, 0);
                announce.state = State::Scale as u8;
                announce.reason = StatusReason::ValueOutOfScale as u16;
                self.out.events.push(announce);
                Ok(scaled)
            }
            Fit::No => Err(error(DecodeErrorKind::OutOfScale)),
        }
    }

    /// A new event of this connection about an instrument, stamped and at the instrument's scales as they are **now**: make
    /// it after every number of the message was put at its scale. `seq`, `ts_booked` and best levels are the pipeline's.
    #[must_use]
    pub fn event(&self, kind: Kind, instrument: u32, ts_event: i64) -> Event {
        let mut event = Event::new(kind);
        event.venue = self.venue;
        event.epoch = self.epoch;
        event.instrument = instrument;
        event.ts_event = ts_event;
        event.ts_recv = self.stamp.realtime;
        if let Some(known) = self.instruments.get(instrument) {
            event.price_scale = known.price.digits();
            event.size_scale = known.size.digits();
            event.turnover_scale = known.turnover.digits();
        }
        event
    }
}

/// A venue's decoder: pure, no I/O, no clock.
pub trait Decode {
    /// Reads a message in the venue's own spelling, which always is data; `false`, with nothing appended and nothing changed, for
    /// any other. The bytes may be anything: what this accepts is ASCII.
    fn plain(&mut self, message: &[u8], context: &mut Context<'_>) -> bool;

    /// Decodes one whole text message in any of its forms.
    ///
    /// # Errors
    /// [`DecodeError`]: the message goes to the quarantine, nothing it appended counts.
    fn general(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError>;

    /// Decodes one whole text message, in the faster of the two ways that can.
    ///
    /// # Errors
    /// [`DecodeError`]: the message goes to the quarantine, nothing it appended counts.
    #[inline]
    fn decode(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        if self.plain(message, context) {
            return Ok(Disposition::Data);
        }
        self.general(message, context)
    }
}

/// The venues this build decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueKind {
    /// Ziario tickers.
    Ziario,
    /// iTick quotes, depth, trades, bars.
    Itick,
    /// Infoway trades, depth, bars.
    Infoway,
}

impl VenueKind {
    /// All venues.
    pub const ALL: [Self; 3] = [Self::Ziario, Self::Itick, Self::Infoway];

    /// The name used in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ziario => "ziario",
            Self::Itick => "itick",
            Self::Infoway => "infoway",
        }
    }

    /// The venue of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Any venue's decoder; one predictable branch a message.
#[derive(Debug)]
pub enum AnyDecoder {
    /// Ziario.
    Ziario(ziario::Ziario),
    /// iTick.
    Itick(itick::Itick),
    /// Infoway.
    Infoway(infoway::Infoway),
}

impl AnyDecoder {
    /// A fresh decoder of this venue.
    #[must_use]
    pub fn new(kind: VenueKind) -> Self {
        match kind {
            VenueKind::Ziario => Self::Ziario(ziario::Ziario::default()),
            VenueKind::Itick => Self::Itick(itick::Itick::default()),
            VenueKind::Infoway => Self::Infoway(infoway::Infoway::default()),
        }
    }

    /// A decoder that reads in this way; for comparisons, since all ways give the same answers.
    #[must_use]
    pub fn reading(kind: VenueKind, reading: Reading) -> Self {
        match kind {
            VenueKind::Ziario => Self::Ziario(ziario::Ziario::reading(reading)),
            VenueKind::Itick => Self::Itick(itick::Itick::reading(reading)),
            VenueKind::Infoway => Self::Infoway(infoway::Infoway::reading(reading)),
        }
    }
}

impl Decode for AnyDecoder {
    #[inline]
    fn plain(&mut self, message: &[u8], context: &mut Context<'_>) -> bool {
        match self {
            Self::Ziario(decoder) => decoder.plain(message, context),
            Self::Itick(decoder) => decoder.plain(message, context),
            Self::Infoway(decoder) => decoder.plain(message, context),
        }
    }

    fn general(&mut self, message: &[u8], context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        match self {
            Self::Ziario(decoder) => decoder.general(message, context),
            Self::Itick(decoder) => decoder.general(message, context),
            Self::Infoway(decoder) => decoder.general(message, context),
        }
    }
}

/// Quote currencies by which an unseparated spelling is split, longest first.
const QUOTES: [&str; 11] = ["FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "BTC", "ETH", "BNB", "JPY"];

/// The canonical `BASE/QUOTE` of a crypto spelling (`ETH_USDT`, `ETHUSDT`, `ETH-USDT`); anything else (`AAPL.US`) as it is.
#[must_use]
pub fn canonical(raw: &str) -> String {
    if raw.contains(['.', '/', '$']) {
        return raw.to_owned();
    }
    if let Some((base, quote)) = raw.split_once(['_', '-']) {
        return format!("{base}/{quote}");
    }
    for quote in QUOTES {
        if let Some(base) = raw.strip_suffix(quote)
            && base.len() >= 2
        {
            return format!("{base}/{quote}");
        }
    }
    raw.to_owned()
}
