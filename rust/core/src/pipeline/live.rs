//! What is known of every instrument at any moment: when each channel last brought data, whether its book is valid.

use super::CHANNELS;
use crate::clock::Nanos;
use crate::region::{Board, Full, Tables};
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

/// Least room for instruments.
const LEAST: usize = 64;

/// The instruments' times and states, on a board that others may read. Written by the feed's thread.
#[derive(Debug)]
pub(crate) struct Live {
    board: Arc<Board>,
    tables: Tables,
}

impl Live {
    pub(crate) fn on(board: Arc<Board>) -> Self {
        Self { board, tables: Tables::new() }
    }

    /// Makes room for so many instruments.
    pub(crate) fn reserve(&mut self, instruments: usize) -> Result<(), Full> {
        let room = self.tables.times.len();
        if instruments > room {
            let count = instruments.max(room.saturating_mul(2)).max(LEAST);
            self.tables = self.board.grow(&self.tables, count)?;
        }
        Ok(())
    }

    /// Notes that a channel had data.
    #[inline]
    pub(crate) fn touch(&mut self, index: usize, slot: usize, now: Nanos) {
        if index >= self.tables.times.len() {
            self.make_room(index);
        }
        if let Some(last) = self.tables.times.get(index).and_then(|times| times.0.get(slot)) {
            last.store(now, Relaxed);
        }
    }

    /// For an instrument that nobody reserved room for: one that a decoder adopted.
    #[cold]
    fn make_room(&mut self, index: usize) {
        // A board without room shows no more; the feed itself must know, so it goes on with memory of its own.
        if self.reserve(index.saturating_add(1)).is_err() {
            self.board = Arc::new(Board::private());
            let _ = self.reserve(index.saturating_add(1));
        }
    }

    pub(crate) fn last(&self, index: usize, slot: usize) -> Nanos {
        self.tables.times.get(index).and_then(|times| times.0.get(slot)).map_or(0, |last| last.load(Relaxed))
    }

    pub(crate) fn want(&self, index: usize, connection: u16, slot: usize, wanted: bool) {
        if let Some(slot) = u32::try_from(slot).ok().filter(|_| slot < CHANNELS) {
            self.tables.want(index, connection, slot, wanted);
        }
    }

    pub(crate) fn set_valid(&self, index: usize, valid: bool) {
        self.tables.set_valid(index, valid);
    }
}
