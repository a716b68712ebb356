//! What can happen in a schedule.

use proptest::prelude::*;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A strategy places an order: instrument, sale, offset closes, type, price in ticks around the middle, lots, intent (0: none).
    Place { contract: bool, sell: bool, close: bool, kind: u8, price: i8, lots: u8, intent: u8, ttl_ms: u16 },
    /// It cancels the n-th of its orders.
    Cancel { which: u8, ttl_ms: u16 },
    /// It cancels everything.
    CancelAll,
    /// It changes the n-th of its orders.
    Replace { which: u8, price: i8, lots: u8 },
    /// Somebody else trades.
    Other { contract: bool, sell: bool, price: i8, lots: u8 },
    /// Time passes, in ms.
    Pass(u16),
    /// The next requests (bits, 1: this one) are lost on the way.
    LoseRequests(u8),
    /// The next requests arrive so much later, in ms; within the settle time.
    DelayRequests(u16),
    /// The next reports (bits) are lost.
    LoseReports(u8),
    /// The next reports (bits) come twice.
    RepeatReports(u8),
    /// The next reports (bits) come so much later than those after them, in ms.
    DelayReports(u8, u16),
    /// The connection is cut.
    Cut,
    /// It is there again.
    Connect,
    /// The router's process is killed and started again.
    Crash,
    /// The venue starts again: connections are cut, orders stay.
    VenueRestart,
    /// The venue starts again and has cancelled everything without telling.
    VenueAmnesia,
    /// The kill switch.
    Kill,
    /// A human clears it.
    Clear,
    /// The mode.
    Mode(u8),
    /// The router's loop stands still so long, in ms: nothing is sent, nothing read.
    Stall(u16),
}

pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

fn step() -> impl Strategy<Value = Step> {
    let place = (any::<bool>(), any::<bool>(), any::<bool>(), 0..8_u8, -5..6_i8, 1..20_u8, 0..4_u8, 1..500_u16)
        .prop_map(|(contract, sell, close, kind, price, lots, intent, ttl_ms)| Step::Place {
            contract,
            sell,
            close,
            kind,
            price,
            lots,
            intent,
            ttl_ms,
        });
    let other = (any::<bool>(), any::<bool>(), -6..7_i8, 1..30_u8)
        .prop_map(|(contract, sell, price, lots)| Step::Other { contract, sell, price, lots });
    prop_oneof![
        12 => place,
        5 => (any::<u8>(), 1..500_u16).prop_map(|(which, ttl_ms)| Step::Cancel { which, ttl_ms }),
        1 => Just(Step::CancelAll),
        2 => (any::<u8>(), -5..6_i8, 1..20_u8).prop_map(|(which, price, lots)| Step::Replace { which, price, lots }),
        8 => other,
        10 => (1..2_000_u16).prop_map(Step::Pass),
        2 => any::<u8>().prop_map(Step::LoseRequests),
        2 => (1..1_900_u16).prop_map(Step::DelayRequests),
        2 => any::<u8>().prop_map(Step::LoseReports),
        2 => any::<u8>().prop_map(Step::RepeatReports),
        2 => (any::<u8>(), 1..1_500_u16).prop_map(|(which, ms)| Step::DelayReports(which, ms)),
        3 => Just(Step::Cut),
        4 => Just(Step::Connect),
        2 => Just(Step::Crash),
        1 => Just(Step::VenueRestart),
        1 => Just(Step::VenueAmnesia),
        1 => Just(Step::Kill),
        1 => Just(Step::Clear),
        1 => (0..3_u8).prop_map(Step::Mode),
        2 => (1..1_000_u16).prop_map(Step::Stall),
    ]
}
