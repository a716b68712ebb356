//! The only place that reads a clock.
//!
//! Intervals use [`monotonic_ns`]; stamps that leave the process use [`realtime_ns`].
#![allow(clippy::disallowed_methods, reason = "this is the clock module")]

mod laps;

pub use laps::{Lap, Laps};

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds: since the Unix epoch for a stamp, or a difference for an interval.
pub type Nanos = i64;

/// Nanoseconds since the Unix epoch, from the system's realtime clock. May jump when the clock is set.
#[must_use]
pub fn realtime_ns() -> Nanos {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::saturating_neg),
    }
}

/// Nanoseconds since the first call in this process, from the monotonic clock. Never goes back.
#[must_use]
pub fn monotonic_ns() -> Nanos {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

/// The two stamps of one socket read, taken before anything is parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Realtime, ns since the Unix epoch: becomes `ts_recv` of every event of the read.
    pub realtime: Nanos,
    /// Monotonic, ns: what latencies are measured from.
    pub monotonic: Nanos,
}

impl Stamp {
    /// Reads both clocks now.
    #[must_use]
    pub fn now() -> Self {
        Self { realtime: realtime_ns(), monotonic: monotonic_ns() }
    }
}
