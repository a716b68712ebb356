//! The memory between the socket and the frames.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "head <= tail <= bytes.len() <= isize::MAX holds after every call; the tests drive it with sizes from 1 byte up"
)]

/// Left-over bytes that are always worth moving to the front: the next read then gets the whole buffer, in warm cache lines.
const CHEAP_MOVE: usize = 1024;

/// Reads without need of the extra memory before it is given back. One would let a stream of messages just above the
/// resting size allocate for each of them.
const CALM_READS: u8 = 2;

/// A flat buffer: bytes not yet consumed stand at `head..tail`.
///
/// Bytes move only between reads, never per message: to the front when the room behind them gets small. While a caller
/// consumes all whole frames before it reads on, what is moved is the beginning of one frame, so no byte moves more than
/// twice (once here, once when the buffer grows, by doubling).
#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// Initialised throughout: its length is the room there is.
    bytes: Vec<u8>,
    head: usize,
    tail: usize,
    /// How much of `bytes[tail..]` was offered last.
    offered: usize,
    resting: usize,
    read: usize,
    calm: u8,
}

impl ReadBuffer {
    pub(super) fn new(resting: usize, read: usize) -> Self {
        let resting = resting.max(1);
        Self { bytes: vec![0; resting], head: 0, tail: 0, offered: 0, resting, read: read.max(1), calm: 0 }
    }

    /// What was received and not consumed.
    #[inline]
    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.head..self.tail).unwrap_or_default()
    }

    /// The same, to change it in place.
    pub(super) fn pending_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.head..self.tail).unwrap_or_default()
    }

    /// How many bytes are pending.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail - self.head
    }

    /// Takes `count` bytes off the front and gives them, header and all; they stay where they are until the next `space`.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) -> &[u8] {
        let from = self.head;
        self.head = (from + count).min(self.tail);
        self.bytes.get(from..self.head).unwrap_or_default()
    }

    /// Drops what is pending; says how much it was.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.len();
        (self.head, self.tail) = (0, 0);
        count
    }

    /// Where the socket may read into. `need`: bytes the frame at the front has in all, as far as is known.
    pub(super) fn space(&mut self, need: usize) -> &mut [u8] {
        let pending = self.len();
        if pending == 0 {
            (self.head, self.tail) = (0, 0);
        }
        self.settle(need.max(pending));
        let room = self.bytes.len() - self.tail;
        // Moving is paid for by what was consumed in front, or done once per frame that would not fit otherwise.
        let worth = pending <= CHEAP_MOVE || (room < self.bytes.len() / 2 && (pending <= self.head || need > pending));
        if self.head != 0 && worth {
            self.bytes.copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, pending);
        }
        if self.tail == self.bytes.len() {
            let frame = if need > pending { self.head + need } else { usize::MAX };
            self.grow(frame);
        }
        let end = self.bytes.len().min(self.tail.saturating_add(self.read));
        self.offered = end - self.tail;
        self.bytes.get_mut(self.tail..end).unwrap_or_default()
    }

    /// `count` bytes were written to the last `space`; more than that was long count as that.
    pub(super) fn filled(&mut self, count: usize) -> usize {
        let count = count.min(self.offered);
        self.offered -= count;
        self.tail += count;
        count
    }

    /// Bytes of memory held.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Doubles the buffer, but to no more than `most` (which is more than it has).
    #[cold]
    fn grow(&mut self, most: usize) {
        let size = self.bytes.len().saturating_mul(2).min(most);
        self.bytes.reserve_exact(size.saturating_sub(self.bytes.len()));
        self.bytes.resize(size, 0);
    }

    /// Gives memory back that was not needed for some reads. `used`: what is needed now.
    fn settle(&mut self, used: usize) {
        if self.bytes.len() <= self.resting {
            return;
        }
        if used > self.resting {
            self.calm = 0;
            return;
        }
        self.calm += 1;
        if self.calm >= CALM_READS {
            self.calm = 0;
            self.bytes.copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, self.len());
            self.bytes.truncate(self.resting);
            self.bytes.shrink_to_fit();
        }
    }
}
