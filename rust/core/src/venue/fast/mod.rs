//! Straight-line readers of the pushes in each venue's own spelling: keys in its order, no white space, plain numbers that fit
//! the instrument's scales as they are.
//!
//! A reader gives `None` for anything else, be it wrong or only unusual, with nothing appended and nothing changed. The general
//! path then reads the message from its start, and alone judges and reports: a reader here may be left out without changing
//! any answer (`tests/fast_path.rs` compares the two on millions of messages). UTF-8 is no concern: nothing but ASCII gets through.

mod cursor;
pub(super) mod infoway;
pub(super) mod itick;
pub(super) mod ziario;

use super::Context;
use crate::event::{Event, Kind};
use bytemuck::Zeroable as _;
use cursor::Cursor;

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
    #[inline]
    fn read(cursor: &mut Cursor<'_>, context: &Context<'_>) -> Option<Self> {
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
