//! Which events a consumer wants.

use crate::event::{Event, Kind, NO_INSTRUMENT};

/// Instruments from this index on are not known to any queue: their events count as filtered out. A bound against a stray
/// index; a feed's table of instruments is dense and far smaller.
pub const MAX_INSTRUMENTS: u32 = 1 << 20;

/// Which events a consumer wants: by kind, by instrument, and books only when their top changed.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Bit `1 << kind`.
    kinds: u8,
    /// One bit an instrument; `None`: all.
    instruments: Option<Box<[u64]>>,
    top_only: bool,
}

impl Default for Filter {
    /// Everything.
    fn default() -> Self {
        Self { kinds: u8::MAX, instruments: None, top_only: false }.kinds(&Kind::ALL)
    }
}

impl Filter {
    /// Only these kinds. Leaving out [`Kind::Status`] leaves the consumer blind to outages but for the flags of the events.
    #[must_use]
    pub fn kinds(mut self, kinds: &[Kind]) -> Self {
        self.kinds = kinds.iter().fold(0, |mask, kind| mask | (1 << *kind as u8));
        self
    }

    /// Only these instruments, and the events of whole connections ([`NO_INSTRUMENT`]).
    #[must_use]
    pub fn instruments(mut self, instruments: &[u32]) -> Self {
        let known = || instruments.iter().copied().filter(|index| *index < MAX_INSTRUMENTS);
        let words = known().max().map_or(0, |last| (last as usize / 64).saturating_add(1));
        let mut bits = vec![0_u64; words];
        for index in known() {
            if let Some(word) = bits.get_mut(index as usize / 64) {
                *word |= 1 << (index % 64);
            }
        }
        self.instruments = Some(bits.into());
        self
    }

    /// Books only when the best bid or ask (price or size), the validity or the connection's epoch changed.
    ///
    /// Every book event then stands for itself through its best levels: changes ([`crate::event::Action::Update`]) come without
    /// their levels, since a filtered sequence of changes could not be applied, and any book event may replace an earlier one.
    #[must_use]
    pub fn top_of_book_changes(mut self, only: bool) -> Self {
        self.top_only = only;
        self
    }

    /// Whether only changes of the top of a book are wanted.
    #[must_use]
    pub fn is_top_only(&self) -> bool {
        self.top_only
    }

    /// Whether status events are wanted.
    #[must_use]
    pub fn wants_status(&self) -> bool {
        self.kinds & (1 << Kind::Status as u8) != 0
    }

    /// Whether the event is wanted by its kind and instrument.
    #[inline]
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        self.kinds.checked_shr(u32::from(event.kind)).is_some_and(|bits| bits & 1 == 1)
            && (event.instrument < MAX_INSTRUMENTS || event.instrument == NO_INSTRUMENT)
            && self.instruments.as_ref().is_none_or(|bits| {
                let word = bits.get(event.instrument as usize / 64).copied().unwrap_or(0);
                event.instrument == NO_INSTRUMENT || (word >> (event.instrument % 64)) & 1 == 1
            })
    }
}
