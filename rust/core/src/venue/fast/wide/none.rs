//! In the place of the vectors on processors that have none.

use super::super::Straight;
use super::super::numbers::{Numbers, Plain};
use crate::event::Level;
use crate::venue::Context;

/// There is none on this processor.
#[derive(Clone, Copy, Debug)]
pub(in super::super::super) enum Wide {}

impl Wide {
    pub(in super::super) fn here() -> Option<Self> {
        None
    }

    pub(in super::super) fn read<S: Straight>(
        self,
        _message: &[u8],
        _context: &mut Context<'_>,
        _asks: &mut Vec<Level>,
    ) -> Option<()> {
        match self {}
    }
}

impl Numbers for Wide {
    fn number(self, _text: &[u8]) -> Option<(Plain, &[u8])> {
        match self {}
    }

    fn same(self, _a: &[u8], _b: &[u8], _length: usize) -> bool {
        match self {}
    }
}
