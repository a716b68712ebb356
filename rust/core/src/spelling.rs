//! Spellings to instruments: one exact table for the short ones that nearly all symbols are, a map for the rest.

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt as _};
use std::hash::BuildHasher as _;

/// Longest spelling that is packed into one word.
const LONGEST: usize = 15;
/// Slots of the smallest table.
const FEWEST: usize = 16;

/// A spelling of 1 to 15 bytes packed into one word: its bytes from the lowest up, its length in the highest byte. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short(u128);

impl Short {
    /// Packs a spelling; `None` if it is empty or too long.
    #[inline]
    pub(crate) fn of(spelling: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..spelling.len())?.copy_from_slice(spelling);
        Self::packed(u128::from_le_bytes(bytes), spelling.len())
    }

    /// A spelling whose bytes stand in `text` from the lowest up, with nothing above them.
    #[inline]
    pub(crate) fn packed(text: u128, length: usize) -> Option<Self> {
        let length = u8::try_from(length).ok().filter(|length| (1..=LONGEST).contains(&usize::from(*length)))?;
        Some(Self(text | (u128::from(length) << 120)))
    }
}

/// The spellings of one venue.
#[derive(Debug)]
pub(crate) struct Spellings {
    /// Open addressing, at most half full, a power of two in number; zero is a free slot.
    slots: Vec<(u128, u32)>,
    used: usize,
    /// Whoever chooses the symbols must not know which of them collide.
    seeds: [u64; 2],
    long: HashMap<Box<[u8]>, u32>,
}

impl Default for Spellings {
    fn default() -> Self {
        let state = RandomState::default();
        Self { slots: Vec::new(), used: 0, seeds: [state.hash_one(1), state.hash_one(2)], long: HashMap::new() }
    }
}

impl Spellings {
    /// The instrument of a spelling.
    #[inline]
    pub(crate) fn find(&self, spelling: &[u8]) -> Option<u32> {
        match Short::of(spelling) {
            Some(short) => self.find_short(short),
            None => self.long.get(spelling).copied(),
        }
    }

    /// The instrument of a short spelling.
    #[inline]
    pub(crate) fn find_short(&self, short: Short) -> Option<u32> {
        let mut at = self.home(short);
        loop {
            let (key, index) = *self.slots.get(at)?;
            if key == short.0 {
                return Some(index);
            }
            if key == 0 {
                return None;
            }
            at = self.wrapped(at.wrapping_add(1));
        }
    }

    /// Adds a spelling, unless it is there already.
    pub(crate) fn add(&mut self, spelling: &[u8], index: u32) {
        let Some(short) = Short::of(spelling) else {
            self.long.entry(spelling.into()).or_insert(index);
            return;
        };
        if self.find_short(short).is_some() {
            return;
        }
        self.used = self.used.saturating_add(1);
        if self.used.saturating_mul(2) > self.slots.len() {
            let larger = vec![(0, 0); self.slots.len().saturating_mul(2).max(FEWEST)];
            for (key, index) in std::mem::replace(&mut self.slots, larger) {
                if key != 0 {
                    self.put(Short(key), index);
                }
            }
        }
        self.put(short, index);
    }

    /// Puts a spelling that is not there into the first free slot from its home on; half of the slots are free.
    fn put(&mut self, short: Short, index: u32) {
        let mut at = self.home(short);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.0 == 0 {
                *slot = (short.0, index);
                return;
            }
            at = self.wrapped(at.wrapping_add(1));
        }
    }

    #[inline]
    fn home(&self, short: Short) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
        const fn halves(word: u128) -> (u64, u64) {
            (word as u64, (word >> 64) as u64)
        }
        let (low, high) = halves(short.0);
        let [a, b] = self.seeds;
        let (low, high) = halves(u128::from(low ^ a).wrapping_mul(u128::from(high ^ b)));
        #[expect(clippy::cast_possible_truncation, reason = "a slot's number is taken from the lowest bits")]
        let hash = (low ^ high) as usize;
        self.wrapped(hash)
    }

    #[inline]
    fn wrapped(&self, at: usize) -> usize {
        at & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_and_no_other() {
        let mut spellings = Spellings::default();
        assert_eq!(spellings.find(b"A"), None);
        let name =
            |n: u32| format!("{}{n}", ["S", "LONGER_SYMBOL", "SYMBOL$", "A\0", "\0"][n as usize % 5]).into_bytes();
        for n in 0..5_000 {
            spellings.add(&name(n), n);
            spellings.add(&name(n), n + 1);
        }
        spellings.add(b"", 77);
        assert_eq!(spellings.find(b""), Some(77));
        for n in 0..5_000 {
            assert_eq!(spellings.find(&name(n)), Some(n));
            assert_eq!(spellings.find(&name(n + 5_000)), None);
        }
        for other in [&b"S"[..], b"S0\0", b"\0", b"LONGER_SYMBOL"] {
            assert_eq!(spellings.find(other), None);
        }
    }
}
