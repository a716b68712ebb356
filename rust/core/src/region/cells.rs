//! What lies in a region: fixed layouts of 64-bit atomics, linked by offsets.
//!
//! A change of any of these layouts must change [`LAYOUT`].

use super::seqlock::{Text, Words};
use crate::counters::{Counters, Stages};
use crate::latency::{Counter, Histogram};
use crate::orders::router::DeskStats;
use crate::pipeline::CHANNELS;
use core::mem::size_of;
use core::sync::atomic::{AtomicI64, AtomicU64};

/// The first word of a region: `ferrofee`.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"ferrofee");
/// Number of the layout.
pub(super) const LAYOUT: u64 = 3;
const SIZE_COUNT: usize = 7;
/// The sizes that a reader checks against its own: another build may count other things.
pub(super) const SIZES: [u64; SIZE_COUNT] = [
    size_of::<Header>() as u64,
    size_of::<ConnectionCell>() as u64,
    size_of::<Counters>() as u64,
    size_of::<Histogram>() as u64,
    size_of::<ConsumerCell>() as u64,
    size_of::<ChannelTimes>() as u64,
    size_of::<DeskCell>() as u64,
];

/// Words of a session's state; what they mean is up to who publishes it.
pub const SESSION_WORDS: usize = 12;
/// Words about a desk and its router; what they mean is up to who publishes them.
pub const DESK_WORDS: usize = 12;
/// Words about the interpreter's garbage collector: collections, collected and uncollectable objects of three generations.
pub const GC_WORDS: usize = 9;
/// Words about the gateway: 1 if there is one, connections, logins, and what it counts.
pub const GATEWAY_WORDS: usize = 32;

/// At the start of every region.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Header {
    /// Written last, when all that follows is there.
    pub(super) magic: AtomicU64,
    pub(super) layout: AtomicU64,
    pub(super) sizes: [AtomicU64; SIZE_COUNT],
    pub(super) version: Text<8>,
    pub(super) pid: AtomicU64,
    pub(super) started_ns: AtomicI64,
    pub(super) used: AtomicU64,
    pub(super) state: AtomicU64,
    pub(super) pauses: AtomicU64,
    pub(super) restarts: AtomicU64,
    /// The loop's last sign of life: the core's monotonic clock and the system's, ns.
    pub(super) beat: Words<2>,
    pub(super) gc: Words<GC_WORDS>,
    pub(super) gateway: Words<GATEWAY_WORDS>,
    /// Offset of the first cell, 0: none.
    pub(super) connections: AtomicU64,
    pub(super) consumers: AtomicU64,
    pub(super) desks: AtomicU64,
    /// Offsets of the instruments' channel times and of their cells, and how many there are.
    pub(super) instruments: Words<3>,
}

/// One connection.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ConnectionCell {
    /// What was counted of its messages.
    pub counters: Counters,
    /// How long they took.
    pub stages: Stages,
    /// Where its session stands.
    pub session: Words<SESSION_WORDS>,
    pub(super) label: Text<64>,
    /// What the session counts by name, as its owner writes it.
    pub(super) tallies: Text<1024>,
    pub(super) next: AtomicU64,
}

/// One login at a trading venue.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct DeskCell {
    /// What was measured and counted of its orders.
    pub stats: DeskStats,
    /// Where it and its router stand.
    pub state: Words<DESK_WORDS>,
    pub(super) name: Text<64>,
    pub(super) next: AtomicU64,
}

/// One consumer. Used again for another one when its queue is gone.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ConsumerCell {
    /// Booked → delivered.
    pub(crate) latency: Histogram,
    /// `received delivered conflated dropped pending filtered`.
    pub(crate) account: Words<6>,
    pub(super) errors: Counter,
    /// [`super::board::ABSENT`], or what it is.
    pub(super) role: AtomicU64,
    pub(super) name: Text<64>,
    pub(super) next: AtomicU64,
}

/// What is known of an instrument beside its times.
#[derive(Debug)]
#[repr(C)]
pub struct InstrumentCell {
    /// The connection it comes from.
    pub(super) connection: AtomicU64,
    /// A bit for each channel that is wanted.
    pub(super) wanted: AtomicU64,
    /// 1: its book is valid.
    pub(super) valid: AtomicU64,
}

/// Monotonic time of the last data of each channel, ns; 0: never.
#[derive(Debug)]
#[repr(C)]
pub struct ChannelTimes(pub(crate) [AtomicI64; CHANNELS]);
