use super::*;
use proptest::prelude::*;

fn redacted(message: &str, secrets: &[&str]) -> String {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::from(*text)).collect();
    String::from_utf8(redact(message.as_bytes(), &secrets, 1_000).0).unwrap()
}

#[test]
fn keeps_the_first_of_every_reason_and_counts_the_rest() {
    let mut store = Quarantine::new(2, 5, 100);
    let messages = [(0, "json"), (0, "json"), (0, "json"), (1, "json"), (0, "utf8"), (1, "utf8"), (1, "binary")];
    for (at, (venue, reason)) in messages.into_iter().enumerate() {
        let kept = store.put(venue, reason, at, 7, format!("message {at}").as_bytes(), &[]);
        assert_eq!(kept, ![2, 6].contains(&at), "message {at}");
    }
    let shown: Vec<_> =
        store.entries().iter().map(|entry| format!("{} {} {}", entry.venue, entry.reason, entry.printable())).collect();
    assert_eq!(
        shown,
        ["0 json message 0", "0 json message 1", "1 json message 3", "0 utf8 message 4", "1 utf8 message 5"]
    );
    let tallies: Vec<_> = store.tallies().iter().map(|t| (t.venue, t.reason, t.seen, t.kept)).collect();
    assert_eq!(
        tallies,
        [(0, "json", 3, 2), (1, "json", 1, 1), (0, "utf8", 1, 1), (1, "utf8", 1, 1), (1, "binary", 1, 0)]
    );
    assert_eq!((store.seen(), store.not_kept()), (7, 2));
}

#[test]
fn an_entry_says_where_when_and_how_long() {
    let mut store = Quarantine::new(1, 1, 4);
    assert!(store.put(3, "json", 9, 1_701_234_567, b"0123456789", &[]));
    let entry = Entry {
        venue: 3,
        reason: "json",
        detail_at: 9,
        ts_recv: 1_701_234_567,
        length: 10,
        message: (*b"0123").into(),
        truncated: true,
    };
    assert_eq!(store.entries(), [entry]);
}

#[test]
fn cleared_keeps_again_and_still_counts() {
    let mut store = Quarantine::new(1, 1, 10);
    assert!(store.put(0, "json", 0, 0, b"a", &[]) && !store.put(0, "json", 0, 0, b"b", &[]));
    store.clear();
    assert!(store.entries().is_empty());
    assert!(store.put(0, "json", 0, 0, b"c", &[]));
    assert_eq!((store.seen(), store.tallies()[0].seen), (3, 3));
}

#[test]
fn a_flood_of_reasons_is_bounded() {
    let mut store = Quarantine::new(1, 10, 10);
    for venue in 0..2_000 {
        let _ = store.put(venue, "json", 0, 0, b"a", &[]);
    }
    assert_eq!((store.entries().len(), store.tallies().len(), store.seen()), (10, MAX_TALLIES, 2_000));
    assert_eq!(store.tallies.capacity(), MAX_TALLIES);
}

#[test]
fn full_means_no_more_memory() {
    let mut store = Quarantine::new(3, 2, 10);
    for _ in 0..1_000 {
        let _ = store.put(0, "json", 0, 0, b"aaaaaaaaaaaaaaaaaa", &[Secret::from("zzzz")]);
    }
    assert_eq!((store.entries().len(), store.entries.capacity() < 16), (2, true));
}

#[test]
fn secrets_are_taken_out_in_every_spelling() {
    let key = ["k/\"é😀\\"];
    for spelling in [
        "k/\"é😀\\",
        r#"k/\"é😀\\"#,
        r#"k\/\"é😀\\"#,
        r"\u006b\u002F\u0022\u00e9\ud83d\ude00\u005c",
        r#"\u006B/\"\u00E9\uD83D\uDE00\\"#,
    ] {
        assert_eq!(
            redacted(&format!(r#"{{"token":"{spelling}","x":1}}"#), &key),
            r#"{"token":"***","x":1}"#,
            "{spelling}"
        );
    }
    assert_eq!(redacted("a\\nb", &["a\nb"]), "***");
    assert_eq!(redacted("a\\nb", &["a\\nb"]), "***");
}

#[test]
fn overlapping_secrets_leave_nothing_behind() {
    assert_eq!(redacted("xabcdx", &["abc", "bcd"]), "x***x");
    assert_eq!(redacted("xabcdx", &["abc", "abcd", "b"]), "x***x");
    assert_eq!(redacted("keykeykey", &["key"]), "***");
    assert_eq!(redacted("aXbXa", &["a"]), "***X".to_owned() + "bX***");
    assert_eq!(redacted("ab ab", &["ab"]), "*** ***");
}

#[test]
fn a_secret_cut_off_by_the_end_is_taken_out() {
    assert_eq!(redacted("token=abcd", &["abcdefgh"]), "token=***");
    assert_eq!(redacted(r"token=abc\u0064", &["abcdefgh"]), "token=***");
    assert_eq!(redacted(r"token=abcd\u00", &["abcdefgh"]), "token=***");
    assert_eq!(redacted(r"token=abcd\ud83d\ude", &["abcd😀fgh"]), "token=***");
    assert_eq!(redacted(r"token=abcd\A", &["abcd\\efgh"]), r"token=abcd\A", "no escape at all");
    assert_eq!(redacted("token=abc", &["abcdefgh"]), "token=abc", "too little to be one");
}

#[test]
fn other_text_is_left_as_it_is() {
    assert_eq!(redacted("abc", &["", "abd", "bcd"]), "abc");
    assert_eq!(redacted(r"\ud800 \u12 \x \", &["abcd"]), r"\ud800 \u12 \x \");
    assert_eq!(redacted("", &["abcd"]), "");
}

#[test]
fn the_cut_comes_after_the_redaction() {
    let secrets = [Secret::from("abcdefgh")];
    assert_eq!(redact(b"1234abcdefgh5678", &secrets, 8), (b"1234***5".to_vec(), true));
    assert_eq!(redact(b"1234abcdefgh5678", &secrets, 6), (b"1234**".to_vec(), true));
    assert_eq!(redact(b"1234abcdefgh", &secrets, 7), (b"1234***".to_vec(), false));
    assert_eq!(redact(b"1234abcdefgh", &secrets, 0), (Vec::new(), true));
}

#[test]
fn printable_shows_everything_on_one_line() {
    let bytes = "é\n\r\t\0\u{1b}[31m\u{7f}\u{85}\u{202e}\u{2028}\u{feff}ok\\".as_bytes();
    let expected = r"é\n\r\t\u{0}\u{1b}[31m\u{7f}\u{85}\u{202e}\u{2028}\u{feff}ok\";
    assert_eq!(Printable(bytes).to_string(), expected);
    assert_eq!(Printable(b"a\xff\xe4\xbdz").to_string(), "a\u{fffd}\u{fffd}z");
}

fn escaped(char: char, how: u8) -> String {
    let mut units = [0; 2];
    let join = |escapes: Vec<String>| escapes.concat();
    match (how, char) {
        (1, '"' | '\\' | '/') => format!("\\{char}"),
        (2, _) => join(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()),
        (3, _) => join(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect()),
        (_, '"' | '\\' | '\0'..='\u{1f}') => format!("\\u{:04x}", u32::from(char)),
        _ => char.to_string(),
    }
}

proptest! {
    /// Whatever the surroundings and the spelling, nothing of the secret is left.
    #[test]
    fn no_secret_is_left(
        secret in "[a-z/\"\\\\é😀]{4,12}",
        how in prop::collection::vec(0_u8..4, 12),
        before in "[A-Z0-9 ]{0,20}",
        after in "[A-Z0-9 ]{0,20}",
        max in 0_usize..60,
    ) {
        let spelled: String = secret.chars().zip(how).map(|(char, how)| escaped(char, how)).collect();
        let secrets = [Secret::from(secret.as_str())];
        for spelling in [&spelled, &secret] {
            let message = format!("{before}{spelling}{after}");
            let expected = format!("{before}***{after}");
            let (out, truncated) = redact(message.as_bytes(), &secrets, max);
            prop_assert_eq!(&out, &expected.as_bytes()[..max.min(expected.len())]);
            prop_assert_eq!(truncated, max < expected.len());
        }
    }

    #[test]
    fn without_secrets_any_bytes_are_kept_as_they_are(message in prop::collection::vec(any::<u8>(), 0..200), max in 0_usize..250) {
        let (out, truncated) = redact(&message, &[Secret::from("no such text in it")], max);
        prop_assert_eq!(&out, &message[..max.min(message.len())]);
        prop_assert_eq!(truncated, max < message.len());
        let shown = Printable(&message).to_string();
        prop_assert!(!shown.chars().any(|char| char.is_control() || is_invisible(char)));
    }
}
