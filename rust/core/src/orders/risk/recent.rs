//! The last orders of an instrument, to recognise a repetition.

use super::super::types::{Offset, Side};
use super::Checked;
use crate::clock::Nanos;
use foldhash::HashMap;
use std::collections::VecDeque;

/// Most orders remembered. An order that comes again after so many others, within the window, is let through.
const MOST: usize = 4_096;

/// What makes two orders the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) side: Side,
    pub(super) offset: Offset,
    pub(super) terms: Checked,
}

/// When each was last let through; and all of them in that order, to forget them by.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    times: HashMap<Key, Nanos>,
    order: VecDeque<(Nanos, Key)>,
}

impl Recent {
    /// How long ago the same order was let through, if that is within the window.
    pub(super) fn age(&self, key: &Key, window: Nanos, now: Nanos) -> Option<Nanos> {
        self.times.get(key).map(|time| now.saturating_sub(*time)).filter(|age| *age < window)
    }

    pub(super) fn add(&mut self, key: Key, window: Nanos, now: Nanos) {
        while let Some((time, oldest)) = self.order.front().copied()
            && (self.order.len() >= MOST || now.saturating_sub(time) >= window)
        {
            self.order.pop_front();
            // it may have come again since
            if self.times.get(&oldest) == Some(&time) {
                self.times.remove(&oldest);
            }
        }
        self.times.insert(key, now);
        self.order.push_back((now, key));
    }
}
