//! Straight-line readers of the pushes in each venue's own spelling: keys in its order, no white space, plain numbers that fit
//! the instrument's scales as they are.
//!
//! A reader gives `None` for anything else, be it wrong or only unusual, with nothing appended and nothing changed. The general
//! path then reads the message from its start, and alone judges and reports: a reader here may be left out without changing
//! any answer (`tests/fast_path.rs` compares the two on millions of messages). UTF-8 is no concern: nothing but ASCII gets through.

mod cursor;
mod infoway;
mod itick;
mod numbers;
mod wide;
mod words;
mod ziario;

use super::Context;
use crate::event::{Event, Kind, Level};
use bytemuck::Zeroable as _;
use cursor::Cursor;
pub(super) use infoway::Infoway;
pub(super) use itick::Itick;
use numbers::Numbers;
use wide::Wide;
use words::Words;
pub(super) use ziario::Ziario;

/// How messages are read. Every way gives the same answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// The fastest way this processor has.
    #[default]
    Fastest,
    /// Straight-line readers, word by word: what processors without AVX2 do.
    Words,
    /// The general path alone, however plain a message is.
    General,
}

/// A straight-line reader of one venue.
pub(super) trait Straight {
    /// Reads a message with this way of reading numbers. `asks` is room for a side.
    fn read<N: Numbers>(message: &[u8], numbers: N, context: &mut Context<'_>, asks: &mut Vec<Level>) -> Option<()>;
}

/// The straight-line reader of a venue, for this processor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    Wide(Wide),
    Words,
    None,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(Reading::Fastest)
    }
}

impl Reader {
    /// What this processor can do of that.
    pub(super) fn new(reading: Reading) -> Self {
        match (reading, Wide::here()) {
            (Reading::Fastest, Some(wide)) => Self::Wide(wide),
            (Reading::Fastest | Reading::Words, _) => Self::Words,
            (Reading::General, _) => Self::None,
        }
    }

    /// Reads a message in the venue's own spelling; `false` if it is anything else.
    #[inline]
    pub(super) fn read<S: Straight>(self, message: &[u8], context: &mut Context<'_>, asks: &mut Vec<Level>) -> bool {
        match self {
            Self::Wide(wide) => wide.read::<S>(message, context, asks).is_some(),
            Self::Words => S::read(message, Words, context, asks).is_some(),
            Self::None => false,
        }
    }
}

/// A wanted instrument and its scales.
#[derive(Clone, Copy)]
struct Wanted {
    instrument: u32,
    price: u8,
    size: u8,
    turnover: u8,
}

impl Wanted {
    /// Consumes a symbol and its closing quote.
    #[allow(clippy::inline_always, reason = "what is not inlined is compiled for any processor")]
    #[inline(always)]
    fn read(cursor: &mut Cursor<'_, impl Numbers>, context: &Context<'_>) -> Option<Self> {
        let instrument = cursor.instrument(context.instruments, context.venue)?;
        let known = context.instruments.get(instrument).filter(|known| known.wanted)?;
        let (price, size, turnover) = (known.price.digits(), known.size.digits(), known.turnover.digits());
        Some(Self { instrument, price, size, turnover })
    }

    /// An event about the instrument, with no payload yet.
    #[inline]
    fn event(self, kind: Kind, ts_event: i64, context: &Context<'_>) -> Event {
        Event {
            kind: kind as u8,
            price_scale: self.price,
            size_scale: self.size,
            turnover_scale: self.turnover,
            venue: context.venue,
            instrument: self.instrument,
            ts_event,
            ts_recv: context.stamp.realtime,
            epoch: context.epoch,
            ..Event::zeroed()
        }
    }
}
