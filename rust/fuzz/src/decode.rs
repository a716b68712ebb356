//! A venue's decoder on any bytes: it never panics, what it says it did is what it did, every event is sane, and its
//! straight-line readers, with vectors and word by word, give the same answers, events and scales as the general path alone.
//!
//! Input: messages, one a line. They go to one decoder after the other, so that what a message does to the instruments'
//! scales meets the next one. Twice: with instruments that are wanted, dropped, or of a scale set by hand, and adopting
//! whatever comes.

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::{Batch, Event, Interval, Kind, Level, State, StatusReason, flag, present};
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::num::MAX_SCALE;
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, DecodeError, Disposition, Reading, VenueKind};

const VENUE: u16 = 3;
const EPOCH: u32 = 7;
const STAMP: Stamp = Stamp { realtime: 1_731_690_011_321_000_000, monotonic: 5_000_000_000 };

/// Runs one input.
///
/// # Panics
/// On a finding.
pub fn run(kind: VenueKind, data: &[u8]) {
    for adopt in [false, true] {
        let mut decoder = AnyDecoder::new(kind);
        let mut instruments = if adopt { Instruments::new() } else { known() };
        let mut others = [Reading::General, Reading::Words].map(|reading| Other::new(kind, reading, adopt));
        let mut batch = Batch::default();
        for message in data.split(|byte| *byte == b'\n') {
            let (events, levels) = (batch.events.len(), batch.levels.len());
            let mut context = Context {
                instruments: &mut instruments,
                out: &mut batch,
                venue: VENUE,
                epoch: EPOCH,
                stamp: STAMP,
                adopt,
            };
            let verdict = decoder.decode(message, &mut context);
            for other in &mut others {
                other.agrees(message, verdict, &batch, &instruments);
            }
            let mut data_events = 0;
            let new = batch.events.get(events..).expect("events are only added");
            assert!(batch.levels.len() >= levels, "levels are only added");
            for event in new {
                sane(event, &instruments, &batch.levels);
                data_events += usize::from(event.kind != Kind::Status as u8);
            }
            match verdict {
                Ok(Disposition::Data) => assert!(data_events > 0, "data without an event"),
                Ok(Disposition::Control | Disposition::Ignored(_)) => {
                    assert_eq!(data_events, 0, "{verdict:?} with events");
                }
                Err(DecodeError { at, instrument, .. }) => {
                    assert!(at <= message.len(), "an error at {at} of {}", message.len());
                    assert!(instrument.is_none_or(|index| instruments.get(index).is_some()), "an unknown instrument");
                    batch.events.truncate(events);
                    batch.levels.truncate(levels);
                    for other in &mut others {
                        other.batch.events.truncate(events);
                        other.batch.levels.truncate(levels);
                    }
                }
            }
        }
    }
}

/// Another way to read the same venue, on the same messages.
struct Other {
    decoder: AnyDecoder,
    instruments: Instruments,
    batch: Batch,
    adopt: bool,
}

impl Other {
    fn new(kind: VenueKind, reading: Reading, adopt: bool) -> Self {
        let instruments = if adopt { Instruments::new() } else { known() };
        Self { decoder: AnyDecoder::reading(kind, reading), instruments, batch: Batch::default(), adopt }
    }

    /// Decodes the message too and compares everything.
    fn agrees(
        &mut self,
        message: &[u8],
        verdict: Result<Disposition, DecodeError>,
        batch: &Batch,
        instruments: &Instruments,
    ) {
        let mut context = Context {
            instruments: &mut self.instruments,
            out: &mut self.batch,
            venue: VENUE,
            epoch: EPOCH,
            stamp: STAMP,
            adopt: self.adopt,
        };
        assert_eq!(verdict, self.decoder.decode(message, &mut context), "the verdicts differ");
        assert_eq!(batch.events, self.batch.events, "the events differ");
        assert_eq!(batch.levels, self.batch.levels, "the levels differ");
        assert!(instruments.iter().eq(self.instruments.iter()), "the instruments differ");
    }
}

/// The instruments of the venues' documents; every other one of a scale set by hand, the last one not wanted any more.
fn known() -> Instruments {
    let mut instruments = Instruments::new();
    let symbols = ["BTCUSDT", "ETHUSDT", "ETH_USDT", "AMZN.US", "002594.SZ", "AAPL.US"];
    for (i, symbol) in symbols.into_iter().enumerate() {
        let scale = || if i % 2 == 0 { Scale::default() } else { Scale::fixed(2) };
        instruments.add(Instrument {
            venue: VENUE,
            symbol: symbol.into(),
            raw_symbol: symbol.into(),
            price: scale(),
            size: scale(),
            turnover: scale(),
            wanted: i + 1 != symbols.len(),
        });
    }
    instruments
}

fn sane(event: &Event, instruments: &Instruments, levels: &[Level]) {
    let kind = event.kind().expect("a kind");
    assert_eq!((event.venue, event.epoch, event.ts_recv), (VENUE, EPOCH, STAMP.realtime), "{event:?}");
    assert_eq!((event.seq, event.ts_booked), (0, 0), "these are the pipeline's: {event:?}");
    assert!(event.ts_event >= 0, "{event:?}");
    assert!(instruments.get(event.instrument).is_some_and(|known| known.wanted), "{event:?}");
    let scales = [event.price_scale, event.size_scale, event.turnover_scale, event.change_scale];
    assert!(scales.iter().all(|scale| *scale <= MAX_SCALE), "{event:?}");
    assert!(event.flags & !(flag::VALID | flag::LOSSY) == 0, "{event:?}");
    let fields = match kind {
        Kind::Trade => present::TURNOVER,
        Kind::Bar => present::TURNOVER | present::VOLUME,
        Kind::Quote => (present::STATUS << 1) - 1,
        Kind::Book | Kind::Status => 0,
    };
    assert_eq!(event.present & !fields, 0, "fields of another kind: {event:?}");
    assert!(kind == Kind::Trade || event.side == 0, "{event:?}");
    assert!(kind == Kind::Bar || event.interval == 0, "{event:?}");
    assert!(kind == Kind::Book || event.action == 0, "{event:?}");
    assert!(kind == Kind::Status || (event.state == 0 && event.reason == 0), "{event:?}");
    match kind {
        Kind::Trade => trade(event),
        Kind::Quote => quote(event),
        Kind::Book => book(event, levels),
        Kind::Bar => bar(event),
        Kind::Status => {
            let announcement = Some((State::Scale, StatusReason::ValueOutOfScale));
            assert_eq!(event.status(), announcement, "a decoder announces scales and nothing else");
            assert_eq!(event.v, [0; 9]);
        }
    }
}

/// Whether a price is above zero, and a size or turnover not below it, where they are known.
fn lawful(prices: &[Option<i64>], sizes: &[Option<i64>]) -> bool {
    prices.iter().flatten().all(|price| *price > 0) && sizes.iter().flatten().all(|size| *size >= 0)
}

fn trade(event: &Event) {
    let trade = event.trade();
    assert!(event.side <= 2, "{trade:?}");
    assert!(lawful(&[Some(trade.price)], &[Some(trade.size), trade.turnover]), "{trade:?}");
    let end = trade.trade_id.iter().position(|byte| *byte == 0).unwrap_or(trade.trade_id.len());
    let (id, pad) = trade.trade_id.split_at(end);
    assert!(id.is_ascii() && pad.iter().all(|byte| *byte == 0), "{trade:?}");
}

fn quote(event: &Event) {
    let quote = event.quote();
    let prices = [Some(quote.last), quote.open, quote.high, quote.low];
    assert!(lawful(&prices, &[quote.volume, quote.turnover]), "{quote:?}");
    let mut again = *event;
    again.set_quote(&quote);
    assert_eq!(again, *event, "a field that is not there is zero");
}

fn bar(event: &Event) {
    let bar = event.bar();
    let prices = [Some(bar.open), Some(bar.high), Some(bar.low), Some(bar.close)];
    assert!(lawful(&prices, &[bar.volume, bar.turnover, Some(bar.ts_open)]), "{bar:?}");
    assert!(event.interval == 0 || Interval::from_u8(event.interval).is_some(), "{event:?}");
    let mut again = *event;
    again.set_bar(&bar);
    assert_eq!(again, *event, "a field that is not there is zero");
}

fn book(event: &Event, levels: &[Level]) {
    let book = event.book();
    assert!(event.action <= 1, "{event:?}");
    let own = levels.get(book.at..).and_then(|rest| rest.get(..book.bids + book.asks)).expect("its levels are there");
    assert!(own.iter().all(|level| level.price > 0 && level.size >= 0), "{own:?}");
    let (bids, asks) = (book.best_bid, book.best_ask);
    assert_eq!((bids, asks), (Level::default(), Level::default()), "best levels are the pipeline's");
}
