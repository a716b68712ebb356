//! Several words, or a text, that a reader sees together as they were written, never half old and half new.
//!
//! One writer; it never waits. A reader that comes in the middle of a write looks again, and gives up when that goes on
//! too long: then the writer died in it.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU64, fence};

/// How often a reader looks again.
const TRIES: usize = 10_000;

/// Opens and closes a write: odd while one goes on.
#[derive(Debug)]
#[repr(transparent)]
struct Version(AtomicU64);

impl Version {
    #[inline]
    fn write(&self, write: impl FnOnce()) {
        let before = self.0.load(Relaxed);
        self.0.store(before.wrapping_add(1), Relaxed);
        fence(Release);
        write();
        self.0.store(before.wrapping_add(2), Release);
    }

    fn read<T>(&self, read: impl Fn() -> T) -> Option<T> {
        for _ in 0..TRIES {
            let before = self.0.load(Acquire);
            if before.is_multiple_of(2) {
                let value = read();
                fence(Acquire);
                if self.0.load(Relaxed) == before {
                    return Some(value);
                }
            }
            core::hint::spin_loop();
        }
        None
    }
}

/// `N` words that belong together.
#[derive(Debug)]
#[repr(C)]
pub struct Words<const N: usize> {
    version: Version,
    words: [AtomicU64; N],
}

impl<const N: usize> Words<N> {
    /// Replaces them. One thread at a time.
    #[inline]
    pub fn write(&self, words: &[u64; N]) {
        self.version.write(|| {
            for (slot, word) in self.words.iter().zip(words) {
                slot.store(*word, Relaxed);
            }
        });
    }

    /// All of them, as of one write; zeros if there was none. `None`: the writer ended in the middle of a write.
    #[must_use]
    pub fn read(&self) -> Option<[u64; N]> {
        self.version.read(|| core::array::from_fn(|at| self.words.get(at).map_or(0, |word| word.load(Relaxed))))
    }
}

#[cfg(test)]
pub(super) trait Empty {
    const EMPTY: Self;
}

#[cfg(test)]
impl<const N: usize> Empty for Words<N> {
    const EMPTY: Self = Self { version: Version(AtomicU64::new(0)), words: [const { AtomicU64::new(0) }; N] };
}

#[cfg(test)]
impl<const N: usize> Empty for Text<N> {
    const EMPTY: Self =
        Self { version: Version(AtomicU64::new(0)), len: AtomicU64::new(0), words: [const { AtomicU64::new(0) }; N] };
}

/// A text of at most `8 * N` bytes.
#[derive(Debug)]
#[repr(C)]
pub struct Text<const N: usize> {
    version: Version,
    len: AtomicU64,
    words: [AtomicU64; N],
}

impl<const N: usize> Text<N> {
    /// Most bytes it holds.
    pub const MOST: usize = N * 8;

    /// Replaces the text; what is beyond [`Text::MOST`] is cut off, at a character's end. One thread at a time.
    pub fn write(&self, text: &str) {
        let mut end = text.len().min(Self::MOST);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let text = text.get(..end).unwrap_or_default();
        self.version.write(|| {
            self.len.store(u64::try_from(text.len()).unwrap_or(0), Relaxed);
            for (slot, part) in self.words.iter().zip(text.as_bytes().chunks(8)) {
                let mut word = [0_u8; 8];
                for (to, from) in word.iter_mut().zip(part) {
                    *to = *from;
                }
                slot.store(u64::from_le_bytes(word), Relaxed);
            }
        });
    }

    /// The text as of one write. `None`: the writer ended in the middle of one, or it is no text.
    #[must_use]
    pub fn read(&self) -> Option<String> {
        let bytes = self.version.read(|| {
            let len = usize::try_from(self.len.load(Relaxed)).unwrap_or(usize::MAX).min(Self::MOST);
            let words = self.words.iter().take(len.div_ceil(8));
            let mut bytes: Vec<u8> = words.flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
            bytes.truncate(len);
            bytes
        })?;
        String::from_utf8(bytes).ok()
    }
}
