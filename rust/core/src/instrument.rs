//! What is traded where: symbols, their spellings on the wire, and the scales of their numbers.

use crate::num::{Decimal, MAX_SCALE};
use crate::spelling::{Short, Spellings};

/// Default scale of prices, sizes and turnovers.
pub const DEFAULT_SCALE: u8 = 8;

/// Digits an `i64` holds whatever they are.
const SAFE_DIGITS: u8 = 18;

/// One kind of number of one instrument: its scale, and what it has had to hold so far.
///
/// A scale set by hand never moves. Any other grows or shrinks as values come that do not fit, and remembers the most
/// integer and fraction digits it has seen, so that it never moves back and forth: at most 36 moves in a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    digits: u8,
    fixed: bool,
    most_integer: u8,
    most_fraction: u8,
}

/// What became of a value put at a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It fits: the integer.
    Fits(i64),
    /// It fits after the scale moved (announce the instrument again): the integer at the new scale.
    Moved(i64),
    /// It fits no scale, or not the one set by hand.
    No,
}

impl Default for Scale {
    fn default() -> Self {
        Self { digits: DEFAULT_SCALE, fixed: false, most_integer: 0, most_fraction: 0 }
    }
}

impl Scale {
    /// A scale set by hand: it never moves. More than [`MAX_SCALE`] digits count as [`MAX_SCALE`].
    #[must_use]
    pub fn fixed(digits: u8) -> Self {
        Self { digits: digits.min(MAX_SCALE), fixed: true, ..Self::default() }
    }

    /// Digits after the decimal point.
    #[must_use]
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// Puts a value at this scale, moving the scale if it must and may.
    pub fn fit(&mut self, value: Decimal) -> Fit {
        if let Some(scaled) = value.at_scale(self.digits) {
            return Fit::Fits(scaled);
        }
        if self.fixed {
            return Fit::No;
        }
        let all =
            u8::try_from(value.coef.unsigned_abs().checked_ilog10().map_or(0, |n| n.saturating_add(1))).unwrap_or(19);
        let integer = self.most_integer.max(all.saturating_sub(value.scale));
        let fraction = self.most_fraction.max(value.scale);
        let moved = if value.scale > self.digits {
            fraction
        } else {
            SAFE_DIGITS.saturating_sub(integer).min(self.digits).max(fraction)
        };
        match value.at_scale(moved) {
            Some(scaled) if moved <= MAX_SCALE && moved != self.digits && self.holds(integer, moved) => {
                (self.digits, self.most_integer, self.most_fraction) = (moved, integer, fraction);
                Fit::Moved(scaled)
            }
            _ => Fit::No,
        }
    }

    /// Whether what was seen before still fits at a new scale.
    fn holds(self, integer: u8, digits: u8) -> bool {
        digits >= self.most_fraction && (self.most_integer == 0 || integer.saturating_add(digits) <= SAFE_DIGITS)
    }
}

/// One instrument of one venue connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Index of the venue connection.
    pub venue: u16,
    /// Canonical symbol: `BASE/QUOTE`, or as the venue spells it.
    pub symbol: Box<str>,
    /// The venue's own spelling, as we send it.
    pub raw_symbol: Box<str>,
    /// Scale of prices.
    pub price: Scale,
    /// Scale of sizes and volumes.
    pub size: Scale,
    /// Scale of turnovers.
    pub turnover: Scale,
    /// Whether frames of it are wanted now; frames of an unwanted one are ignored and counted.
    pub wanted: bool,
}

/// All instruments of a feed, by index and by every spelling a venue may use.
#[derive(Debug, Default)]
pub struct Instruments {
    all: Vec<Instrument>,
    by_venue: Vec<Spellings>,
}

impl Instruments {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an instrument and gives its index; the index of the present one if the venue already has `raw_symbol`.
    pub fn add(&mut self, instrument: Instrument) -> u32 {
        let venue = usize::from(instrument.venue);
        if let Some(present) = self.find(instrument.venue, instrument.raw_symbol.as_bytes()) {
            return present;
        }
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        while self.by_venue.len() <= venue {
            self.by_venue.push(Spellings::default());
        }
        if let Some(spellings) = self.by_venue.get_mut(venue) {
            spellings.add(instrument.raw_symbol.as_bytes(), index);
        }
        self.all.push(instrument);
        index
    }

    /// Adds another spelling of an instrument.
    pub fn alias(&mut self, index: u32, spelling: &[u8]) {
        let Some(venue) = self.get(index).map(|instrument| usize::from(instrument.venue)) else { return };
        if let Some(spellings) = self.by_venue.get_mut(venue) {
            spellings.add(spelling, index);
        }
    }

    /// The instrument a venue means by these bytes.
    #[must_use]
    pub fn find(&self, venue: u16, spelling: &[u8]) -> Option<u32> {
        self.by_venue.get(usize::from(venue))?.find(spelling)
    }

    /// [`Self::find`] for a short spelling, packed into a word.
    #[inline]
    pub(crate) fn find_short(&self, venue: u16, spelling: Short) -> Option<u32> {
        self.by_venue.get(usize::from(venue))?.find_short(spelling)
    }

    /// The instrument of this index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Instrument> {
        self.all.get(usize::try_from(index).ok()?)
    }

    /// The instrument of this index, to change it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Instrument> {
        self.all.get_mut(usize::try_from(index).ok()?)
    }

    /// How many there are; indices run from 0 to one less.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All, in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &Instrument> {
        self.all.iter()
    }
}
