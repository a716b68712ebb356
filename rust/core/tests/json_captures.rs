//! The scanner on every frame in the captures of real venues: the rebuilt value is `serde_json`'s own, digit for digit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: failing loudly is the point")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod json_support;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ferrofeed_core::num::{Decimal, NumError};
use flate2::read::MultiGzDecoder;
use json_support::{compare, rebuild};
use serde_json::Value;

/// The folder of captures: named by `FERROFEED_CAPTURES`, or beside the repository.
fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("FERROFEED_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Hands every JSON text in a capture to `visit`: `<time> <frame>`, `<anything>: <frame>` or JSON lines.
fn each_frame(path: &Path, mut visit: impl FnMut(&str)) {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    for line in text.lines() {
        let Some(start) = line.find(['{', '[']) else { continue };
        let frame = line.get(start..).unwrap();
        // A REST response may carry its headers behind the body.
        visit(frame.split_once(" header: ").map_or(frame, |(body, _)| body));
        // A JSON line may carry the frame as a string.
        if line.starts_with('{')
            && let Ok(Value::Object(record)) = rebuild(line.as_bytes())
            && let Some(Value::String(data)) = record.get("data")
        {
            visit(data);
        }
    }
}

/// Prices and sizes in the frame: every number or string that parses must come back as the same number.
fn check_decimals(value: &Value, checked: &mut u64) {
    let text = match value {
        Value::Array(values) => return values.iter().for_each(|value| check_decimals(value, checked)),
        Value::Object(map) => return map.values().for_each(|value| check_decimals(value, checked)),
        Value::String(text) => text.as_str(),
        Value::Number(number) => number.as_str(),
        Value::Bool(_) | Value::Null => return,
    };
    match Decimal::parse(text.as_bytes()) {
        Ok(decimal) => {
            // Other spellings of a number than its plain one have their own tests.
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let plain = !text.contains(['e', 'E']) && (!unsigned.starts_with('0') || unsigned.starts_with("0."));
            if plain && decimal != Decimal::default() {
                let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
                assert_eq!(decimal.to_string(), trimmed);
                *checked = checked.saturating_add(1);
            }
        }
        Err(NumError::Syntax) => assert!(matches!(value, Value::String(_)), "{text} is a number"),
        Err(NumError::TooLarge | NumError::TooFine) => {}
    }
}

#[test]
fn every_captured_frame() {
    let Some(folder) = captures() else {
        eprintln!("skipped: no captures here (set FERROFEED_CAPTURES to their folder)");
        return;
    };
    let (mut frames, mut refused, mut bytes, mut numbers) = (0_u64, 0_u64, 0_usize, 0_u64);
    for venue in std::fs::read_dir(folder).unwrap() {
        let venue = venue.unwrap().path();
        if !venue.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(venue).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "gz") {
                continue;
            }
            each_frame(&file, |frame| {
                compare(frame.as_bytes()).unwrap_or_else(|difference| panic!("{}: {difference}", file.display()));
                match rebuild(frame.as_bytes()) {
                    Ok(value) => check_decimals(&value, &mut numbers),
                    Err(_) => refused = refused.saturating_add(1),
                }
                frames = frames.saturating_add(1);
                bytes = bytes.saturating_add(frame.len());
            });
        }
    }
    assert_eq!(refused, 0, "captured frames are JSON");
    assert!(frames > 100_000 && numbers > 1_000_000, "{frames} frames, {bytes} bytes, {numbers} numbers");
    eprintln!("{frames} frames, {bytes} bytes, {numbers} numbers");
}
