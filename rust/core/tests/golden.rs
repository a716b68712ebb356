//! Golden frames: the bytes of a message in `golden/VENUE/NAME.json` (or `.txt`) against `NAME.expect`, which holds what
//! became of it (first line) and every event of it in full as a JSON line. `FERROFEED_BLESS=1` writes the expectations anew;
//! read the difference before it is committed. What the names mean: `golden/INDEX.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: failing loudly is the point")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod decode_support;

use decode_support::Bench;
use ferrofeed_core::venue::{DecodeError, Disposition, VenueKind};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Instruments that are known before the frame comes, so that an error can name them; others are adopted.
const KNOWN: [&str; 5] = ["BTCUSDT", "ETH_USDT", "002594.SZ", "AMZN.US", "AAPL.US"];

/// What the beginning of a golden's name may be.
const ORIGINS: [&str; 4] = ["seed_", "stripped_", "current_", "built_"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The frames of a venue by name, in order.
fn frames(venue: VenueKind) -> Vec<(String, PathBuf)> {
    let folder = std::fs::read_dir(golden().join(venue.name())).unwrap().map(|entry| entry.unwrap().path());
    let mut frames: Vec<_> = folder
        .filter(|path| path.extension().is_some_and(|extension| extension == "json" || extension == "txt"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    frames.sort();
    frames
}

/// What became of a message, in words.
fn outcome(result: Result<Disposition, DecodeError>, bench: &Bench) -> String {
    match result {
        Ok(Disposition::Data) => "data".to_owned(),
        Ok(Disposition::Control) => "control".to_owned(),
        Ok(Disposition::Ignored(reason)) => format!("ignored {}", reason.name()),
        Err(error) => {
            let about =
                error.instrument.map_or("nothing known", |index| &bench.instruments.get(index).unwrap().raw_symbol);
            format!("error {} at {} about {about}", error.kind.name(), error.at)
        }
    }
}

#[test]
fn every_golden_frame_gives_exactly_what_is_expected() {
    let bless = std::env::var_os("FERROFEED_BLESS").is_some_and(|value| value == "1");
    let mut wrong = String::new();
    let mut seen = 0;
    for venue in VenueKind::ALL {
        for (name, path) in frames(venue) {
            let mut bench = Bench::new(venue, &KNOWN);
            bench.adopt = true;
            let result = bench.decode(&std::fs::read(&path).unwrap());
            let mut actual = outcome(result, &bench);
            for line in bench.lines() {
                write!(actual, "\n{line}").unwrap();
            }
            actual.push('\n');
            let expect = path.with_extension("expect");
            if bless {
                std::fs::write(&expect, &actual).unwrap();
            }
            let expected = std::fs::read_to_string(&expect).unwrap_or_else(|_| "no expectation\n".to_owned());
            if expected != actual {
                write!(wrong, "\n{}/{name}\nexpected {expected}     got {actual}", venue.name()).unwrap();
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen > 60, "only {seen} frames: is the folder whole?");
}

#[test]
fn every_golden_says_where_it_comes_from_and_none_is_left_over() {
    for venue in VenueKind::ALL {
        let names: Vec<_> = frames(venue).into_iter().map(|(name, _)| name).collect();
        for name in &names {
            assert!(ORIGINS.iter().any(|origin| name.starts_with(origin)), "{}/{name}", venue.name());
        }
        for entry in std::fs::read_dir(golden().join(venue.name())).unwrap() {
            let stem = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(names.contains(&stem), "{}/{stem} has no frame", venue.name());
        }
    }
}

#[test]
fn a_decoder_that_saw_every_other_frame_decodes_each_as_a_fresh_one() {
    for venue in VenueKind::ALL {
        let mut used = Bench::new(venue, &KNOWN);
        let frames: Vec<_> = frames(venue).into_iter().map(|(_, path)| std::fs::read(path).unwrap()).collect();
        for before in &frames {
            for frame in &frames {
                used.instruments = Bench::new(venue, &KNOWN).instruments;
                let _ = used.decode(before);
                used.instruments = Bench::new(venue, &KNOWN).instruments;
                let mut fresh = Bench::new(venue, &KNOWN);
                assert_eq!(used.decode(frame), fresh.decode(frame), "{}", String::from_utf8_lossy(frame));
                assert_eq!(used.lines(), fresh.lines(), "{}", String::from_utf8_lossy(frame));
            }
        }
    }
}

#[test]
fn seed_frames_are_the_seed_documents_own_bytes() {
    let folder = std::env::var_os("FERROFEED_SEEDS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: no seed documents at {}", folder.display());
        return;
    }
    for venue in VenueKind::ALL {
        let document = std::fs::read_to_string(folder.join(format!("{}.txt", venue.name()))).unwrap();
        let without_comments: Vec<_> =
            document.lines().map(|line| line.split("//").next().unwrap().trim_end()).collect();
        let without_comments = without_comments.join("\n");
        for (name, path) in frames(venue) {
            let frame = std::fs::read_to_string(path).unwrap();
            let found = match name.split('_').next() {
                Some("seed") => document.contains(&frame),
                Some("stripped") => without_comments.contains(&frame),
                _ => true,
            };
            assert!(found, "{}/{name} is not in the seed document as it stands", venue.name());
        }
    }
}
