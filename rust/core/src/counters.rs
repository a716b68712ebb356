//! What happened to every message of a connection, counted; and how long each stage took.
//!
//! The identity that always holds, per connection, between two reads:
//! `messages = data + control + ignored(by reason) + quarantined(by reason)`.
//! A message is a whole WebSocket message (fragments count once) or a WebSocket control frame; a frame that breaks
//! RFC 6455 counts as one message too, quarantined under its protocol error.

use crate::event::Kind;
use crate::latency::{Counter, Histogram};
use crate::venue::{DecodeErrorKind, IgnoreReason};
use crate::wire::ProtocolErrorKind;

/// Counters of one connection, over all its reconnections. Written by the feed thread, read by anyone, in other processes too: words of 64 bits only, all
/// zeros is empty.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Counters {
    /// Socket reads.
    pub reads: Counter,
    /// Bytes read after the handshake.
    pub bytes: Counter,
    /// WebSocket frames, each fragment counted.
    pub frames: Counter,
    /// Messages, see the module's text.
    pub messages: Counter,
    /// Messages that gave events.
    pub data: Counter,
    /// Messages for the session, and WebSocket control frames.
    pub control: Counter,
    /// Messages ignored, by [`IgnoreReason`].
    pub ignored: [Counter; IgnoreReason::ALL.len()],
    /// Messages quarantined, by [`DecodeErrorKind`].
    pub quarantined: [Counter; DecodeErrorKind::ALL.len()],
    /// Messages quarantined, by [`ProtocolErrorKind`].
    pub protocol_errors: [Counter; ProtocolErrorKind::ALL.len()],
    /// Events, by [`Kind`] (index is the kind's value less one).
    pub events: [Counter; Kind::ALL.len()],
    /// Bytes thrown away after a protocol error or a close frame.
    pub discarded_bytes: Counter,
    /// Fragmented messages that a disconnect left unfinished.
    pub unfinished: Counter,
}

impl Counters {
    /// Messages that ended in one of the four ways: equal to `messages` whenever no read is being worked on.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        let sum = |counters: &[Counter]| counters.iter().map(Counter::get).fold(0, u64::wrapping_add);
        [self.data.get(), self.control.get(), sum(&self.ignored), sum(&self.quarantined), sum(&self.protocol_errors)]
            .into_iter()
            .fold(0, u64::wrapping_add)
    }
}

/// A stage of a message's way, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// The venue's time to the socket read: clocks of two machines, so only as good as their agreement.
    VenueToReceive = 0,
    /// Socket read to decoded; waiting behind earlier messages of the same read included.
    ReceiveToDecoded = 1,
    /// Decoded to books updated.
    DecodedToBooked = 2,
}

impl Stage {
    /// All stages measured per connection; the last one, booked → delivered, is measured per consumer.
    pub const ALL: [Self; 3] = [Self::VenueToReceive, Self::ReceiveToDecoded, Self::DecodedToBooked];

    /// The name used as a metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VenueToReceive => "venue_to_receive",
            Self::ReceiveToDecoded => "receive_to_decoded",
            Self::DecodedToBooked => "decoded_to_booked",
        }
    }
}

/// The latency histograms of one connection, indexed by [`Stage`].
#[derive(Debug, Default)]
#[repr(C)]
pub struct Stages {
    /// Venue's time → socket read.
    pub venue_to_receive: Histogram,
    /// Socket read → decoded.
    pub receive_to_decoded: Histogram,
    /// Decoded → booked.
    pub decoded_to_booked: Histogram,
}

impl Stages {
    /// The histogram of a stage.
    #[must_use]
    pub fn get(&self, stage: Stage) -> &Histogram {
        match stage {
            Stage::VenueToReceive => &self.venue_to_receive,
            Stage::ReceiveToDecoded => &self.receive_to_decoded,
            Stage::DecodedToBooked => &self.decoded_to_booked,
        }
    }
}
