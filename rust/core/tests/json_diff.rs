//! The scanner against `serde_json`: values, verdicts and kinds of error, on generated, mutated and documented texts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: failing loudly is the point"
)]

mod json_support;

use json_support::{compare, skip};
use proptest::prelude::*;
use proptest::sample::Index;

/// The frames printed in the venues' documents, byte for byte.
const DOCUMENTED: [&str; 6] = [
    include_str!("data/json/coinceres.txt"),
    include_str!("data/json/forms.txt"),
    include_str!("data/json/infoway.txt"),
    include_str!("data/json/itick.txt"),
    include_str!("data/json/quantapi.txt"),
    include_str!("data/json/ziario.txt"),
];

fn documented_frames() -> Vec<&'static str> {
    DOCUMENTED.iter().flat_map(|file| file.trim_end().split("\n---\n")).collect()
}

fn check(text: impl AsRef<[u8]>) {
    compare(text.as_ref()).unwrap();
}

#[test]
fn documented_frames_and_all_their_prefixes() {
    let frames = documented_frames();
    assert!(frames.len() > 40, "the corpus is there");
    for frame in frames {
        assert!(skip(frame.as_bytes()).is_ok(), "{frame}");
        for end in 0..=frame.len() {
            check(&frame.as_bytes()[..end]);
        }
    }
}

/// Each byte of a frame replaced by each character that means something in JSON, and removed, and doubled.
#[test]
fn documented_frames_with_one_byte_changed() {
    let meaningful = *b"{}[]:,\"\\/-+.eE019 \t\n\ntrufalsn\x00\x1f\x7f\x80\xbf\xc3\xe2\xf0\xff";
    for frame in documented_frames().into_iter().filter(|frame| frame.len() < 400) {
        for at in 0..frame.len() {
            let (before, after) = (&frame.as_bytes()[..at], &frame.as_bytes()[at + 1..]);
            check([before, after].concat());
            for byte in meaningful {
                check([before, &[byte], after].concat());
                check([before, &[byte], &frame.as_bytes()[at..]].concat());
            }
        }
    }
}

#[test]
fn numbers_in_every_form() {
    let texts = [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "01",
        "-01",
        "00",
        "-",
        "--1",
        "+1",
        "1.",
        "1.0",
        ".5",
        "-.5",
        "1.e5",
        "1e",
        "1e+",
        "1e-",
        "1e5",
        "1E5",
        "1e+5",
        "1e-5",
        "0e0",
        "0.0e-0",
        "1ee5",
        "1e5.",
        "1e5e",
        "1.2.3",
        "1_0",
        "0x1",
        "1a",
        "NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1e999999999999999999999",
        "-1e-999999999999999999999",
        "123456789012345678901234567890",
        "0.1234567890123456789012345678901234567890",
        "9223372036854775808",
        "-9223372036854775809",
        "1 2",
        "1,2",
        "1]",
        "1}",
        "-a",
        "-\"",
        "0.",
        "0.e",
        "0e",
        "1.5E+3",
        "1.50",
        "0.0",
        "-0.0",
    ];
    for text in texts {
        check(text);
        for (before, after) in [("[", "]"), ("[1,", ",2]"), ("{\"a\":", "}"), (" ", " "), ("[[", ""), ("", "x")] {
            check(format!("{before}{text}{after}"));
        }
    }
}

#[test]
fn strings_in_every_form() {
    // Every byte, alone and in places that fall into the scanner's words and into their tail.
    for length in 0..=20 {
        for place in 0..=length {
            for byte in 0..=u8::MAX {
                let mut text = vec![b'"'];
                text.extend(std::iter::repeat_n(b'a', place));
                text.push(byte);
                text.extend(std::iter::repeat_n(b'b', length - place));
                check(&text);
                text.push(b'"');
                check(&text);
            }
        }
    }
    let units = ["0041", "d800", "dbff", "dc00", "dfff", "D83D", "de00", "ffff", "0000", "12g4", "+123", "1", ""];
    for first in units {
        check(format!("\"\\u{first}\""));
        check(format!("\"\\u{first}"));
        for second in units {
            for between in ["\\u", "\\", "x", "\\n", "\\\\u", ""] {
                check(format!("\"\\u{first}{between}{second}\""));
                check(format!("{{\"\\u{first}{between}{second}\":1}}"));
                check(format!("\"\\u{first}{between}{second}"));
            }
        }
    }
    for second in 0..=u8::MAX {
        check([b'"', b'\\', second, b'"']);
        check([b'"', b'\\', second]);
    }
}

#[test]
fn every_text_of_up_to_four_meaningful_characters() {
    let alphabet = *b"{}[]:,\"\\-0.e1tn u\xc3";
    let mut texts = vec![Vec::new()];
    for _ in 0..4 {
        let longer = texts.iter().flat_map(|text: &Vec<u8>| {
            alphabet.map(|byte| {
                let mut text = text.clone();
                text.push(byte);
                text
            })
        });
        texts = longer.collect();
        texts.iter().for_each(check);
    }
    check("");
}

#[test]
fn nesting_up_to_the_limit_and_beyond() {
    for depth in [1, 2, 63, 64, 126, 127, 128, 129, 1000, 100_000] {
        check(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        check("[".repeat(depth));
        check(format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
        check(format!("{}1{}", "[{\"a\":".repeat(depth), "}]".repeat(depth)));
        // Siblings do not add up.
        check(format!("[{}1]", "[[]],{\"a\":[]},".repeat(depth)));
    }
    assert!(skip("[".repeat(127).as_bytes()).is_err());
    assert!(skip(format!("{}{}", "[".repeat(127), "]".repeat(127)).as_bytes()).is_ok());
    assert!(skip(format!("{}{}", "[".repeat(128), "]".repeat(128)).as_bytes()).is_err());
}

#[test]
fn structure_and_literals() {
    let texts = [
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        " { } ",
        "[ ]",
        "[1,]",
        "[,1]",
        "[,]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{1:2}",
        "{a:1}",
        "{'a':1}",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "[]]",
        "{}}",
        "[][]",
        "{}1",
        "true",
        "false",
        "null",
        "tru",
        "t",
        "n",
        "f",
        "nul",
        "truE",
        "True",
        "NULL",
        "truee",
        "true false",
        "nullx",
        "tx",
        "\"a\"\"b\"",
        "\u{feff}1",
        "1\u{a0}",
        "1\u{b}",
        "1\u{c}",
        "1 \r\n\t",
        "/**/1",
        "1//",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "\"",
        ":",
        ",",
    ];
    for text in texts {
        check(text);
        check(format!("[{text}]"));
        check(format!("{{\"k\":{text}}}"));
    }
}

fn space() -> impl Strategy<Value = String> + Clone {
    prop_oneof![6 => Just(String::new()), 1 => "[ \t\n\r]{1,3}"]
}

fn string_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-zA-Z0-9_/:.$ -]{0,12}",
        2 => "[^\\p{Cc}\"\\\\]{0,6}",
        1 => prop::sample::select(vec!["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(|char| {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat()
        }),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// A JSON text of any shape.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["true", "false", "null", "0", "-0", "{}", "[]"]).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,4})?",
        string_text(),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let spaced =
            (space(), inner, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}")).boxed();
        let member = (space(), string_text(), space(), spaced.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        prop_oneof![
            (prop::collection::vec(spaced, 1..6)).prop_map(|elements| format!("[{}]", elements.join(","))),
            (prop::collection::vec(member, 1..6)).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// One way a text gets damaged.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
    Repeat(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![prop::sample::select(b"{}[]:,\"\\-+.eE0129 \nu\0\x80\xff".to_vec()), any::<u8>()];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<Index>().prop_map(Damage::Remove),
        any::<Index>().prop_map(Damage::Truncate),
        any::<(Index, Index)>().prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn apply(text: &mut Vec<u8>, damage: &Damage) {
    let size = text.len() + 1;
    match damage {
        Damage::Flip(at, byte) => {
            let at = at.index(size);
            if let Some(place) = text.get_mut(at) {
                *place = *byte;
            }
        }
        Damage::Insert(at, byte) => text.insert(at.index(size), *byte),
        Damage::Remove(at) => drop(text.drain(at.index(size)..).next()),
        Damage::Truncate(at) => text.truncate(at.index(size)),
        Damage::Repeat(from, to) => {
            let (from, to) = (from.index(size), to.index(size));
            let copied = text[from.min(to)..from.max(to)].to_vec();
            text.splice(from..from, copied);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_texts(text in json_text()) {
        prop_assert!(skip(text.as_bytes()).is_ok());
        prop_assert_eq!(compare(text.as_bytes()), Ok(()));
    }

    #[test]
    fn damaged_texts(text in json_text(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut text = text.into_bytes();
        for damage in &damages {
            apply(&mut text, damage);
            prop_assert_eq!(compare(&text), Ok(()));
        }
    }

    #[test]
    fn damaged_frames(frame in prop::sample::select(documented_frames()), damages in prop::collection::vec(damage(), 1..6)) {
        let mut text = frame.as_bytes().to_vec();
        for damage in &damages {
            apply(&mut text, damage);
            prop_assert_eq!(compare(&text), Ok(()));
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(compare(&bytes), Ok(()));
    }

    #[test]
    fn any_bytes_of_meaning(bytes in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\-+.eE019 \nu\xc3\xa4".to_vec()), 0..24)) {
        prop_assert_eq!(compare(&bytes), Ok(()));
    }
}
