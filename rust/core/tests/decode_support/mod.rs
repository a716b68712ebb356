//! Runs one decoder by itself: fixed stamps, its own instruments, events rendered as JSON lines.

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::{Batch, Kind};
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::render::write_event;
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, DecodeError, Disposition, VenueKind, canonical};

/// `ts_recv` of every event.
pub(crate) const RECEIVED: i64 = 1_760_000_000_000_000_000;

/// A decoder and what it needs.
pub(crate) struct Bench {
    pub(crate) venue: VenueKind,
    decoder: AnyDecoder,
    pub(crate) instruments: Instruments,
    pub(crate) batch: Batch,
    pub(crate) adopt: bool,
}

impl Bench {
    /// A fresh decoder with these wanted instruments, and no others.
    pub(crate) fn new(venue: VenueKind, symbols: &[&str]) -> Self {
        let mut instruments = Instruments::new();
        for raw in symbols {
            instruments.add(Instrument {
                venue: 0,
                symbol: canonical(raw).into(),
                raw_symbol: (*raw).into(),
                price: Scale::default(),
                size: Scale::default(),
                turnover: Scale::default(),
                wanted: true,
            });
        }
        Self { venue, decoder: AnyDecoder::new(venue), instruments, batch: Batch::default(), adopt: false }
    }

    /// Decodes one message into an emptied batch. As the pipeline does: after an error only scale announcements stay.
    pub(crate) fn decode(&mut self, message: &[u8]) -> Result<Disposition, DecodeError> {
        self.batch.clear();
        let mut context = Context {
            instruments: &mut self.instruments,
            out: &mut self.batch,
            venue: 0,
            epoch: 1,
            stamp: Stamp { realtime: RECEIVED, monotonic: 0 },
            adopt: self.adopt,
        };
        let result = self.decoder.decode(message, &mut context);
        if result.is_err() {
            self.batch.events.retain(|event| event.kind == Kind::Status as u8);
        }
        for (event, seq) in self.batch.events.iter_mut().zip(1..) {
            event.seq = seq;
        }
        result
    }

    /// The batch's events as JSON lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let render = |event| {
            let mut out = Vec::new();
            write_event(event, &self.batch, &self.instruments, self.venue.name(), &mut out);
            String::from_utf8(out).unwrap()
        };
        self.batch.events.iter().map(render).collect()
    }
}
