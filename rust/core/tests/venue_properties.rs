//! Every decoder against messages made up at random: the events of valid ones are known beforehand, exactly; damaged ones
//! never panic, never give a price of zero or less, and name their instrument as long as it can be read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: failing loudly is the point")]
#![allow(clippy::arithmetic_side_effects, reason = "a test: an overflow is a failure")]
#![allow(clippy::indexing_slicing, reason = "a test: out of bounds is a failure")]
#![allow(clippy::format_push_string, reason = "a test: plain code matters more than an allocation")]

#[path = "decode_noise/cases.rs"]
mod cases;
mod decode_noise;
mod decode_support;

use cases::{CHANNELS, Case, RAW, case};
use decode_noise::{Dice, Node, Noise};
use decode_support::Bench;
use ferrofeed_core::event::Kind;
use ferrofeed_core::venue::{DecodeErrorKind, Disposition, IgnoreReason};
use proptest::prelude::*;

/// The object of a case that holds its numbers.
fn payload(case: &mut Case) -> &mut Vec<(&'static str, Node)> {
    let mut node = &mut case.node;
    for step in case.path {
        node = &mut node.members().iter_mut().find(|(key, _)| key == step).unwrap().1;
    }
    node.members()
}

/// The lines without scale announcements, their numbers taken out (an announcement shifts them).
fn data_lines(bench: &Bench) -> Vec<String> {
    let lines = bench
        .lines()
        .into_iter()
        .zip(1..)
        .map(|(line, seq)| line.replacen(&format!(r#""seq":{seq},"#), r#""seq":#,"#, 1));
    lines.filter(|line| !line.starts_with(r#"{"type":"status""#)).collect()
}

/// What holds after any message.
fn check_batch(bench: &Bench, result: &Result<Disposition, ferrofeed_core::venue::DecodeError>, message: &[u8]) {
    let text = String::from_utf8_lossy(message);
    let data = bench.batch.events.iter().filter(|event| event.kind != Kind::Status as u8);
    assert_eq!(data.clone().count() > 0, matches!(result, Ok(Disposition::Data)), "{result:?} {text}");
    for event in data {
        match event.kind().unwrap() {
            Kind::Trade => assert!(event.trade().price > 0 && event.trade().size >= 0, "{text}"),
            Kind::Quote => assert!(event.quote().last > 0 && event.quote().volume.unwrap_or(0) >= 0, "{text}"),
            Kind::Bar => {
                let bar = event.bar();
                assert!(bar.open > 0 && bar.high > 0 && bar.low > 0 && bar.close > 0, "{text}");
            }
            Kind::Book => {
                let (bids, asks) = bench.batch.levels_of(event);
                assert!(bids.iter().chain(asks).all(|level| level.price > 0 && level.size >= 0), "{text}");
                assert!(!bids.is_empty() || !asks.is_empty(), "{text}");
            }
            Kind::Status => unreachable!(),
        }
    }
}

/// Texts that make trouble where they are put.
const TROUBLE: [&[u8]; 16] = [
    b"NaN",
    b"-",
    b"0",
    b"1e999",
    b"1e-400",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"\xff",
    b"\"a\":[[1],[]],",
    b"-1",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_message_gives_exactly_its_events(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for channel in CHANNELS {
            let case = case(&mut dice, channel);
            let message = Noise { dice: &mut dice, escapes: true, extras: true }.write(&case.node);
            let text = String::from_utf8_lossy(&message).into_owned();
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&message).is_ok(), "the test writes JSON: {text}");
            let mut bench = Bench::new(channel.0, &[RAW]);
            let result = bench.decode(&message);
            prop_assert_eq!(result, Ok(Disposition::Data), "{:?} {}", channel, text);
            prop_assert_eq!(data_lines(&bench), case.lines, "{:?} {}", channel, text);
        }
    }

    #[test]
    fn a_message_of_an_instrument_nobody_asked_for_is_ignored(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for channel in CHANNELS {
            let case = case(&mut dice, channel);
            let message = Noise { dice: &mut dice, escapes: true, extras: true }.write(&case.node);
            let mut bench = Bench::new(channel.0, &["ANOTHER"]);
            let ignored = Ok(Disposition::Ignored(IgnoreReason::UnwantedInstrument));
            prop_assert_eq!(bench.decode(&message), ignored, "{:?} {}", channel, String::from_utf8_lossy(&message));
            prop_assert!(bench.batch.events.is_empty());
            let mut dropped = Bench::new(channel.0, &[RAW]);
            dropped.instruments.get_mut(0).unwrap().wanted = false;
            prop_assert_eq!(dropped.decode(&message), ignored);
        }
    }

    #[test]
    fn a_bad_number_is_an_error_about_the_instrument(seed in any::<u64>()) {
        use DecodeErrorKind::{BadNumber, OutOfRange, OutOfScale, WrongType};
        let mut dice = Dice(seed);
        let forty = format!("\"{}\"", "9".repeat(40));
        let bad: [(&str, DecodeErrorKind, DecodeErrorKind); 13] = [
            ("\"NaN\"", BadNumber, BadNumber), ("\"Infinity\"", BadNumber, BadNumber), ("\"1.2.3\"", BadNumber, BadNumber),
            ("\"\"", BadNumber, BadNumber), ("\"true\"", BadNumber, BadNumber), ("\" 1\"", BadNumber, BadNumber),
            ("1e400", OutOfScale, BadNumber), ("\"1e-30\"", OutOfScale, BadNumber), (&forty, OutOfScale, BadNumber),
            ("-1", OutOfRange, BadNumber), ("true", WrongType, WrongType), ("[1]", WrongType, WrongType),
            ("{\"x\":1}", WrongType, WrongType),
        ];
        for channel in CHANNELS {
            let mut case = case(&mut dice, channel);
            let (value, of_number, of_integer) = *dice.pick(&bad);
            let numbers = case.numbers.iter().map(|key| (*key, of_number));
            // -1 is a trading status and a direction like any other.
            let free = |key: &str| value == "-1" && matches!(key, "ts" | "td");
            let integers = case.integers.iter().filter(|key| !free(key)).map(|key| (*key, of_integer));
            let integers = integers.map(|(key, kind)| {
                // An interval of -1 is an interval nobody knows.
                (key, if value == "-1" && key == "ty" { DecodeErrorKind::UnknownShape } else { kind })
            });
            let fields: Vec<_> = numbers.chain(integers).collect();
            let (field, kind) = *dice.pick(&fields);
            let members = payload(&mut case);
            members.retain(|(key, _)| *key != field);
            members.push((field, Node::Raw(value.to_owned())));
            let message = Noise { dice: &mut dice, escapes: true, extras: true }.write(&case.node);
            let mut bench = Bench::new(channel.0, &[RAW]);
            let error = bench.decode(&message);
            let text = String::from_utf8_lossy(&message);
            prop_assert_eq!(error.map_err(|error| (error.kind, error.instrument)), Err((kind, Some(0))), "{:?} {} {}", channel, field, text);
            let at = error.unwrap_err().at;
            let place = String::from_utf8_lossy(&message[at..]);
            prop_assert!(place.starts_with(value.trim_start_matches('"')), "{field}: the error points at {place}");
            check_batch(&bench, &error, &message);
        }
    }

    #[test]
    fn a_missing_field_is_an_error_about_the_instrument(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for channel in CHANNELS {
            let mut case = case(&mut dice, channel);
            let field = *dice.pick(case.required);
            payload(&mut case).retain(|(key, _)| *key != field);
            let message = Noise { dice: &mut dice, escapes: true, extras: true }.write(&case.node);
            let mut bench = Bench::new(channel.0, &[RAW]);
            let error = bench.decode(&message).map_err(|error| (error.kind, error.instrument));
            let about = if matches!(field, "s" | "symbol") { None } else { Some(0) };
            prop_assert_eq!(error, Err((DecodeErrorKind::MissingField, about)), "{:?} {} {}", channel, field, String::from_utf8_lossy(&message));
        }
    }

    #[test]
    fn a_cut_message_is_an_error_about_its_symbol_if_that_was_whole(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for channel in CHANNELS {
            let case = case(&mut dice, channel);
            let message = Noise { dice: &mut dice, escapes: false, extras: true }.write(&case.node);
            let whole = message.trim_ascii_end();
            let symbol = format!("\"{RAW}\"");
            let end = whole.windows(symbol.len()).position(|part| part == symbol.as_bytes()).unwrap() + symbol.len();
            let cut = &whole[..end + dice.below(whole.len() - end)];
            let mut bench = Bench::new(channel.0, &[RAW]);
            let error = bench.decode(cut).map_err(|error| (error.kind, error.instrument));
            prop_assert_eq!(error, Err((DecodeErrorKind::Json, Some(0))), "{:?} {}", channel, String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn a_damaged_message_does_no_harm(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        for channel in CHANNELS {
            let case = case(&mut dice, channel);
            let extras = dice.one_in(2);
            let mut message = Noise { dice: &mut dice, escapes: true, extras }.write(&case.node);
            let mut bench = Bench::new(channel.0, &[RAW]);
            for _ in 0..20 {
                let at = dice.below(message.len());
                let end = (at + dice.below(4)).min(message.len());
                match dice.below(5) {
                    0 => message.truncate(at + 1),
                    1 => message[at] = u8::try_from(dice.below(256)).unwrap(),
                    2 => drop(message.drain(at..end)),
                    _ => drop(message.splice(at..end, dice.pick(&TROUBLE).iter().copied())),
                }
                if message.is_empty() {
                    message.push(b'{');
                }
                let result = bench.decode(&message);
                check_batch(&bench, &result, &message);
            }
            // Nothing of it stays behind in the decoder.
            let message = Noise { dice: &mut dice, escapes: true, extras: true }.write(&case.node);
            bench.instruments = Bench::new(channel.0, &[RAW]).instruments;
            prop_assert_eq!(bench.decode(&message), Ok(Disposition::Data));
            prop_assert_eq!(data_lines(&bench), case.lines);
        }
    }
}
