//! The processors that have the instructions.
#![allow(unsafe_code, reason = "calls functions compiled for processors that were found to be there")]
#![allow(clippy::inline_always, reason = "what is not inlined is compiled for any processor")]

use super::super::Straight;
use super::super::numbers::{Numbers, Plain, Rows};
use super::rows::rows;
use super::vectors::{number, same};
use crate::event::Level;
use crate::venue::Context;

/// A processor that has the instructions: there is none of these without [`Wide::here`] having looked.
#[derive(Clone, Copy, Debug)]
pub(in super::super::super) struct Wide(());

impl Wide {
    /// Whether this processor has them.
    pub(in super::super) fn here() -> Option<Self> {
        let there = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        there.then_some(Self(()))
    }

    /// Reads a message with all of the reader compiled for this processor.
    #[inline]
    pub(in super::super) fn read<S: Straight>(
        self,
        message: &[u8],
        context: &mut Context<'_>,
        asks: &mut Vec<Level>,
    ) -> Option<()> {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn compiled<S: Straight>(
            message: &[u8],
            wide: Wide,
            context: &mut Context<'_>,
            asks: &mut Vec<Level>,
        ) -> Option<()> {
            S::read(message, wide, context, asks)
        }
        // SAFETY: `self` exists, so `here` found every one of these features.
        unsafe { compiled::<S>(message, self, context, asks) }
    }
}

impl Numbers for Wide {
    #[inline(always)]
    fn number(self, text: &[u8]) -> Option<(Plain, &[u8])> {
        // SAFETY: as in `read`.
        unsafe { number(text) }
    }

    #[inline(always)]
    fn same(self, a: &[u8], b: &[u8], length: usize) -> bool {
        // SAFETY: as in `read`.
        unsafe { same(a, b, length) }
    }

    #[inline(always)]
    fn rows<'a>(self, text: &'a [u8], scales: (u8, u8), levels: &mut Vec<Level>) -> Rows<'a> {
        // SAFETY: as in `read`.
        unsafe { rows(text, scales, levels) }
    }
}
