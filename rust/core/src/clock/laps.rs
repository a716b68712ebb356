//! Many readings of the monotonic clock in a row, at the price of the processor's own counter.
//!
//! A system clock's reading costs as much as a small message's decoding. Where the kernel itself keeps time by the processor's
//! counter (`tsc`: constant, and the same on all cores), [`Laps`] reads the clock once, and then only the counter, at the rate
//! that it has measured between its earlier readings of both. Anywhere else, and until it has measured, every reading is the clock's.
//!
//! The counter is read without waiting for earlier instructions to end: a reading may be early by some nanoseconds.
#![allow(unsafe_code, reason = "reads the processor's counter")]

use super::{Nanos, monotonic_ns};
use std::sync::OnceLock;

/// Shortest time from which a rate is taken: 100 ns of doubt in both readings are 0.002 % of it.
const FIRST_SPAN: Nanos = 10_000_000;
/// Time between later measurements.
const SPAN: Nanos = 1_000_000_000;
/// A rate is in nanoseconds per tick, times two to this power.
const SHIFT: u32 = 32;
/// Most ticks between which the clock was read for the two readings to be of one moment: some microseconds. More is an interruption.
const ONE_MOMENT: u64 = 10_000;
/// Two rates in a row that differ by more than one part of this many: the counter is not to be trusted for a while.
const STEADY: u64 = 1_000;

/// What is known of the counter's rate. For one thread.
#[derive(Debug)]
pub struct Laps {
    trusted: bool,
    /// Both readings when the rate was measured last.
    since: Option<(Nanos, u64)>,
    next: Nanos,
    measured: u64,
    /// The rate in use; 0: none.
    rate: u64,
}

impl Default for Laps {
    fn default() -> Self {
        let since = together();
        let next = since.map_or(0, |(now, _)| now.saturating_add(FIRST_SPAN));
        Self { trusted: trusted(), since, next, measured: 0, rate: 0 }
    }
}

impl Laps {
    /// Reads the clock, and the counter with it: what is asked of the result soon afterwards is measured from here.
    #[inline]
    pub fn start(&mut self) -> Lap {
        let Some((now, ticks)) = together() else { return Lap { now: 0, ticks: 0, rate: 0 } };
        if now >= self.next && self.trusted {
            self.measure(now, ticks);
        }
        Lap { now, ticks, rate: self.rate }
    }

    #[cold]
    fn measure(&mut self, now: Nanos, ticks: u64) {
        let Some((since, ticks_since)) = self.since.replace((now, ticks)) else {
            self.next = now.saturating_add(FIRST_SPAN);
            return;
        };
        let nanos = u128::from(now.saturating_sub(since).unsigned_abs());
        let passed = u128::from(ticks.wrapping_sub(ticks_since));
        let rate = nanos.wrapping_shl(SHIFT).checked_div(passed).and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0);
        // A machine that slept or moved has no use for what was measured across that.
        let steady = self.measured == 0 || rate.abs_diff(self.measured) <= self.measured.div_euclid(STEADY);
        (self.measured, self.rate) = (rate, if steady { rate } else { 0 });
        self.next = now.saturating_add(SPAN);
    }
}

/// A moment from which short times are measured.
#[derive(Clone, Copy, Debug)]
pub struct Lap {
    now: Nanos,
    ticks: u64,
    rate: u64,
}

impl Lap {
    /// The monotonic clock's time, ns, as [`monotonic_ns`] gives it.
    #[inline]
    #[must_use]
    pub fn now(self) -> Nanos {
        if self.rate == 0 {
            return monotonic_ns();
        }
        let passed = u128::from(ticks().saturating_sub(self.ticks)).wrapping_mul(u128::from(self.rate)) >> SHIFT;
        self.now.saturating_add(i64::try_from(passed).unwrap_or(0))
    }
}

/// Both readings of one moment; `None` if there were interruptions between them, again and again.
#[inline]
fn together() -> Option<(Nanos, u64)> {
    for _ in 0..3 {
        let before = ticks();
        let now = monotonic_ns();
        let after = ticks();
        if after.wrapping_sub(before) < ONE_MOMENT {
            return Some((now, after));
        }
    }
    None
}

/// Whether the kernel keeps time by the counter, having found it good.
fn trusted() -> bool {
    static TRUSTED: OnceLock<bool> = OnceLock::new();
    *TRUSTED.get_or_init(|| {
        let source = std::fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        cfg!(target_arch = "x86_64") && source.is_ok_and(|name| name.trim_ascii() == b"tsc")
    })
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    // SAFETY: every processor of this architecture has the instruction, and Linux lets programs use it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_the_clock_before_and_after_the_rate_is_known() {
        let mut laps = Laps::default();
        let end = monotonic_ns() + 3 * FIRST_SPAN;
        let mut calibrated = 0;
        while monotonic_ns() < end {
            let lap = laps.start();
            calibrated += u32::from(lap.rate != 0);
            let mut last = lap.now;
            for _ in 0..1_000 {
                let (before, now, after) = (monotonic_ns(), lap.now(), monotonic_ns());
                // The counter may be read a little early, and its rate is a measured one.
                let doubt = 1_000 + (after - lap.now) / 1_000;
                assert!(now >= before - doubt && now <= after + doubt, "{now} between {before} and {after}");
                assert!(now >= last - doubt, "{now} after {last}");
                last = now;
            }
        }
        assert_eq!(calibrated > 0, trusted(), "a rate is measured wherever the counter may be used");
    }

    #[test]
    fn a_counter_that_changes_its_pace_is_left_alone() {
        let mut laps = Laps { trusted: true, since: Some((0, 0)), next: 0, measured: 0, rate: 0 };
        laps.measure(SPAN, 2_000_000_000);
        assert_eq!(laps.rate, 1 << (SHIFT - 1), "half a nanosecond a tick");
        laps.measure(2 * SPAN, 4_000_000_100);
        assert_ne!(laps.rate, 0);
        laps.measure(3 * SPAN, 4_500_000_000);
        assert_eq!(laps.rate, 0, "four times as slow: a stop, or another machine");
        laps.measure(4 * SPAN, 6_500_000_000);
        assert_eq!(laps.rate, 0, "different again");
        laps.measure(5 * SPAN, 8_500_000_000);
        assert_eq!(laps.rate, 1 << (SHIFT - 1), "twice the same");
        laps.measure(6 * SPAN, 8_500_000_000);
        assert_eq!(laps.rate, 0, "it stands still");
    }
}
