//! The straight-line readers against the general path: on any message the two give the same answer, the same events and levels,
//! and leave the instruments alike. `FERROFEED_FAST_PATH=SECONDS` runs longer than the usual bounded number of messages.
//!
//! Messages begin in a venue's own spelling, since that is where the readers work, and are then damaged in one or more places:
//! bytes, keys, numbers, spaces, ends. Both decoders see the same stream of messages, so that what one does to the
//! instruments' scales would show in the next.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: failing loudly is the point")]
#![allow(clippy::arithmetic_side_effects, reason = "a test: an overflow is a failure")]
#![allow(clippy::indexing_slicing, reason = "a test: out of bounds is a failure")]
#![allow(clippy::format_push_string, reason = "a test: plain code matters more than an allocation")]
#![allow(clippy::similar_names, reason = "seed and seen, side and size")]
#![allow(clippy::print_stderr, reason = "a test that says how much it did")]

#[path = "decode_noise/cases.rs"]
#[allow(dead_code, reason = "of the cases, only their messages are needed here")]
mod cases;
#[allow(dead_code, reason = "as above")]
mod decode_noise;
#[allow(dead_code, reason = "of it, only the time that the cases expect is needed here")]
mod decode_support;
#[path = "fast_path/spelling.rs"]
mod spelling;

use cases::{CHANNELS, case};
use decode_noise::{Dice, Noise};
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::{Batch, Event, Kind, Level};
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, DecodeError, Disposition, Reading, VenueKind};
use spelling::{SHAPES, SYMBOLS, message, spoil};
use std::time::Duration;

/// Messages of each venue in a usual run.
const MESSAGES: usize = 120_000;

/// One decoder with all it changes.
struct Side {
    decoder: AnyDecoder,
    instruments: Instruments,
    batch: Batch,
}

impl Side {
    fn new(decoder: AnyDecoder, dice: &mut Dice) -> Self {
        let mut instruments = Instruments::new();
        for (index, raw) in SYMBOLS.iter().enumerate() {
            let mut scale = || match dice.below(8) {
                0 => Scale::fixed(u8::try_from(dice.below(19)).unwrap()),
                1 => Scale::fixed(2),
                _ => Scale::default(),
            };
            let (price, size, turnover) = (scale(), scale(), scale());
            instruments.add(Instrument {
                venue: 2,
                symbol: (*raw).into(),
                raw_symbol: (*raw).into(),
                price,
                size,
                turnover,
                wanted: index != 3,
            });
        }
        instruments.alias(0, b"ETHUSDT");
        // Something stands in the batch already, as in the middle of a read.
        let levels = vec![Level { price: 1, size: 2 }; 3];
        Self { decoder, instruments, batch: Batch { events: vec![Event::new(Kind::Trade)], levels } }
    }

    fn decode(&mut self, message: &[u8], adopt: bool) -> Result<Disposition, DecodeError> {
        self.batch.events.truncate(1);
        self.batch.levels.truncate(3);
        let mut context = Context {
            instruments: &mut self.instruments,
            out: &mut self.batch,
            venue: 2,
            epoch: 9,
            stamp: Stamp { realtime: 1_760_000_000_000_000_000, monotonic: 5 },
            adopt,
        };
        self.decoder.decode(message, &mut context)
    }
}

/// Decoders of a venue that differ in nothing but their way.
struct Pair {
    /// With what this processor has, and word by word.
    fast: [Side; 2],
    general: Side,
}

impl Pair {
    fn new(venue: VenueKind, seed: u64) -> Self {
        Self {
            fast: [Reading::Fastest, Reading::Words]
                .map(|reading| Side::new(AnyDecoder::reading(venue, reading), &mut Dice(seed))),
            general: Side::new(AnyDecoder::reading(venue, Reading::General), &mut Dice(seed)),
        }
    }

    /// Decodes every way; whether the message was data.
    fn check(&mut self, message: &[u8], adopt: bool) -> bool {
        let general = self.general.decode(message, adopt);
        let text = String::from_utf8_lossy(message);
        let all = |side: &Side| side.instruments.iter().cloned().collect::<Vec<_>>();
        for side in &mut self.fast {
            assert_eq!(side.decode(message, adopt), general, "{text}");
            assert_eq!(side.batch.events, self.general.batch.events, "{text}");
            assert_eq!(side.batch.levels, self.general.batch.levels, "{text}");
            assert_eq!(all(side), all(&self.general), "{text}");
        }
        general == Ok(Disposition::Data)
    }
}

/// How long to go on, where the environment says it.
fn longer() -> Option<Duration> {
    let seconds = std::env::var("FERROFEED_FAST_PATH").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("FERROFEED_FAST_PATH: seconds")))
}

/// Runs `round` with new dice until the messages, or the time, are used up; says how many messages and how many were data.
fn rounds(venue: VenueKind, mut round: impl FnMut(&mut Dice, &mut Pair) -> [usize; 2]) -> [usize; 2] {
    let limit = longer();
    let started = Stamp::now().monotonic;
    let (mut seen, mut data) = (0, 0);
    let mut seed = if limit.is_some() { Stamp::now().realtime.unsigned_abs() } else { venue as u64 };
    loop {
        let mut dice = Dice(seed);
        let [n, d] = round(&mut dice, &mut Pair::new(venue, seed));
        (seen, data, seed) = (seen + n, data + d, seed.wrapping_add(0x1234_5678_9abc));
        let elapsed = Duration::from_nanos((Stamp::now().monotonic - started).unsigned_abs());
        let over = limit.map_or(seen >= MESSAGES, |limit| elapsed >= limit / 6);
        if over {
            eprintln!("{}: {seen} messages, {data} of them data", venue.name());
            return [seen, data];
        }
    }
}

#[test]
fn both_ways_agree_on_a_venues_own_spelling_and_on_whatever_is_done_to_it() {
    for venue in VenueKind::ALL {
        let shapes: Vec<_> = SHAPES.iter().filter(|(of, _)| *of == venue).collect();
        let [seen, data] = rounds(venue, |dice, pair| {
            let (mut seen, mut data) = (0, 0);
            for _ in 0..200 {
                let shape = **dice.pick(&shapes);
                let whole = message(dice, shape);
                data += usize::from(pair.check(&whole, false));
                let mut spoiled = whole.clone();
                for _ in 0..=dice.below(3) {
                    if dice.one_in(2) {
                        spoiled.clone_from(&whole);
                    }
                    spoil(dice, &mut spoiled);
                    data += usize::from(pair.check(&spoiled, dice.one_in(50)));
                    seen += 1;
                }
                seen += 1;
            }
            [seen, data]
        });
        // The damage must leave enough that is fine: else the readers were never asked.
        assert!(data * 8 > seen, "{}: only {data} of {seen} messages were data", venue.name());
    }
}

#[test]
fn both_ways_agree_on_messages_cut_anywhere_and_on_every_single_byte_changed() {
    let mut dice = Dice(11);
    for (venue, shape) in SHAPES {
        let mut pair = Pair::new(venue, 5);
        for _ in 0..3 {
            let whole = message(&mut dice, (venue, shape));
            pair.check(&whole, false);
            for end in 0..whole.len() {
                assert!(!pair.check(&whole[..end], false), "{}", String::from_utf8_lossy(&whole[..end]));
            }
            for at in 0..whole.len() {
                for byte in [b'0', b'9', b'.', b'-', b'e', b'"', b'\\', b',', b'}', b']', b' ', 0, 0x1f, 0x80, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] = byte;
                    pair.check(&changed, false);
                }
                changed_bits(&mut pair, &whole, at);
            }
        }
    }
}

/// Every single bit of a byte turned.
fn changed_bits(pair: &mut Pair, whole: &[u8], at: usize) {
    for bit in 0..8 {
        let mut changed = whole.to_vec();
        changed[at] ^= 1 << bit;
        pair.check(&changed, false);
    }
}

#[test]
fn both_ways_agree_on_every_length_of_a_number_at_every_scale() {
    let mut texts = Vec::new();
    for whole in 0..20_usize {
        for parts in 0..20_usize {
            for (first, last) in [("1", "1"), ("0", "1"), ("9", "0"), ("0", "0")] {
                let whole = format!("{}{}", &first[..whole.min(1)], "7".repeat(whole.saturating_sub(1)));
                let parts = format!("{}{}", "3".repeat(parts.saturating_sub(1)), &last[..parts.min(1)]);
                texts.push(if parts.is_empty() { whole } else { format!("{whole}.{parts}") });
            }
        }
    }
    let data = |digits: u8| {
        let mut pair = Pair::new(VenueKind::Itick, 1);
        for side in pair.fast.iter_mut().chain([&mut pair.general]) {
            let known = side.instruments.get_mut(0).unwrap();
            (known.price, known.size, known.turnover) =
                (Scale::fixed(digits), Scale::fixed(digits), Scale::fixed(digits));
        }
        let mut check = |text: String| usize::from(pair.check(text.as_bytes(), false));
        let of = |text: &String| {
            check(format!(
                r#"{{"code":1,"data":{{"s":"ETH_USDT","ld":{text},"v":{text},"t":1731690011321,"type":"tick"}}}}"#
            )) + check(format!(
                r#"{{"code":1,"data":{{"s":"ETH_USDT","a":[{{"po":1,"p":1,"v":{text}}}],"b":[],"type":"depth"}}}}"#
            )) + check(format!(
                r#"{{"code":1,"data":{{"s":"ETH_USDT","t":1,"k":{{"tu":{text},"c":1,"t":1731690011321,"v":1,"h":1,"l":1,"o":{text}}}}}}}"#
            ))
        };
        texts.iter().map(of).sum::<usize>()
    };
    assert!((0..=18).map(data).sum::<usize>() > 5_000);
}

#[test]
fn both_ways_agree_on_how_long_a_side_may_be() {
    let mut pairs = [Pair::new(VenueKind::Itick, 1), Pair::new(VenueKind::Infoway, 1)];
    for [asks, bids] in [[511, 512], [512, 513], [513, 512], [512, 512], [0, 512], [512, 0], [1, 1]] {
        let list = |count: usize, text: &str| vec![text; count].join(",");
        let row = r#"{"po":1,"p":1.5,"v":2,"o":2}"#;
        let rows = format!(
            r#"{{"code":1,"data":{{"s":"ETH_USDT","a":[{}],"b":[{}],"type":"depth"}}}}"#,
            list(asks, row),
            list(bids, row)
        );
        let columns = |count| format!("[[{}],[{}]]", list(count, "\"1.5\""), list(count, "\"2\""));
        let columns = format!(
            r#"{{"code":10005,"data":{{"s":"ETH_USDT","t":1731690011321,"a":{},"b":{}}}}}"#,
            columns(asks),
            columns(bids)
        );
        for (pair, text) in pairs.iter_mut().zip([rows, columns]) {
            assert_eq!(pair.check(text.as_bytes(), false), asks.max(bids) <= 512, "{asks} asks, {bids} bids");
        }
    }
}

#[test]
fn both_ways_agree_on_any_form_of_a_valid_message() {
    for venue in VenueKind::ALL {
        rounds(venue, |dice, pair| {
            let (mut seen, mut data) = (0, 0);
            for channel in CHANNELS.iter().filter(|(of, _)| *of == venue) {
                for _ in 0..40 {
                    let case = case(dice, *channel);
                    let (escapes, extras) = (dice.one_in(2), dice.one_in(2));
                    let mut message = Noise { dice, escapes, extras }.write(&case.node);
                    data += usize::from(pair.check(&message, false));
                    spoil(dice, &mut message);
                    data += usize::from(pair.check(&message, false));
                    seen += 2;
                }
            }
            [seen, data]
        });
    }
}

#[test]
fn both_ways_agree_on_every_golden_frame() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut frames = 0;
    for venue in VenueKind::ALL {
        for entry in std::fs::read_dir(golden.join(venue.name())).unwrap() {
            let frame = std::fs::read(entry.unwrap().path()).unwrap();
            Pair::new(venue, 1).check(&frame, false);
            Pair::new(venue, 1).check(&frame, true);
            frames += 1;
        }
    }
    assert!(frames > 60, "only {frames} frames: is the folder whole?");
}
