//! Rules of the venues that neither a golden frame nor a random message shows: limits, numbers of codes and intervals, scales set
//! by hand, adoption of instruments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test: failing loudly is the point")]

mod decode_support;

use decode_support::Bench;
use ferrofeed_core::instrument::Scale;
use ferrofeed_core::venue::{DecodeErrorKind, Disposition, IgnoreReason, VenueKind};

/// Kind, and whether the instrument was named.
fn error(venue: VenueKind, message: &str) -> (DecodeErrorKind, bool) {
    let error = Bench::new(venue, &["X"]).decode(message.as_bytes()).expect_err(message);
    (error.kind, error.instrument == Some(0))
}

fn disposition(venue: VenueKind, message: &str) -> Disposition {
    Bench::new(venue, &["X"]).decode(message.as_bytes()).expect(message)
}

#[test]
fn every_code_of_infoway_that_is_no_push_is_control() {
    let pushes = [10002, 10005, 10008];
    let known = [200, 401, 404, 429, 499, 524].into_iter().chain(500..=521).chain(10000..=11010);
    for code in known.filter(|code| !pushes.contains(code)) {
        for message in [
            format!(r#"{{"code":{code},"msg":"m"}}"#),
            format!(r#"{{"data":{{"s":"X","p":{{}},"a":7}},"code":"{code}"}}"#),
        ] {
            assert_eq!(disposition(VenueKind::Infoway, &message), Disposition::Control, "{message}");
        }
    }
    for code in pushes {
        let empty = Disposition::Ignored(IgnoreReason::Empty);
        assert_eq!(disposition(VenueKind::Infoway, &format!(r#"{{"code":{code},"data":{{}}}}"#)), empty);
        assert_eq!(disposition(VenueKind::Infoway, &format!(r#"{{"code":{code},"data":null}}"#)), empty);
        let list = format!(r#"{{"code":{code},"data":["s"]}}"#);
        assert_eq!(error(VenueKind::Infoway, &list), (DecodeErrorKind::WrongType, false));
    }
}

#[test]
fn an_answer_of_itick_is_control_whatever_else_it_holds() {
    for message in [
        r#"{"resAc":"auth","data":{"s":"X","type":"quote","ld":1}}"#,
        r#"{"data":{"s":{},"a":1,"k":[]},"code":1,"resAc":"x"}"#,
        r#"{"data":"text","resAc":"pong"}"#,
        r#"{"code":0}"#,
        r#"{"msg":"closing"}"#,
    ] {
        assert_eq!(disposition(VenueKind::Itick, message), Disposition::Control, "{message}");
    }
    assert_eq!(error(VenueKind::Itick, r#"{"code":1,"data":"text"}"#), (DecodeErrorKind::WrongType, false));
    assert_eq!(error(VenueKind::Itick, r#"{"resAc":null}"#), (DecodeErrorKind::UnknownShape, false));
}

#[test]
fn more_than_512_levels_or_bars_are_too_long() {
    let list = |count: usize, element: &str| vec![element; count].join(",");
    let rows =
        |count| format!(r#"{{"data":{{"s":"X","type":"depth","a":[{}],"b":[]}}}}"#, list(count, r#"{"p":1,"v":1}"#));
    let columns = |count| format!(r#"{{"s":"X","a":[[{}],[{}]],"b":[[],[]]}}"#, list(count, "1"), list(count, "1"));
    let bars = |count| format!(r#"{{"s":"X","respList":[{}]}}"#, list(count, r#"{"o":1,"h":1,"l":1,"c":1,"t":1}"#));
    for (venue, message) in [
        (VenueKind::Itick, &rows as &dyn Fn(usize) -> String),
        (VenueKind::Infoway, &columns),
        (VenueKind::Infoway, &bars),
    ] {
        assert_eq!(disposition(venue, &message(512)), Disposition::Data);
        assert_eq!(error(venue, &message(513)), (DecodeErrorKind::TooLong, true));
    }
}

#[test]
fn lists_of_another_make_are_errors_about_the_instrument() {
    use DecodeErrorKind::{MissingField, UnequalColumns, WrongType};
    let itick =
        |asks: &str| error(VenueKind::Itick, &format!(r#"{{"data":{{"type":"depth","a":{asks},"b":[],"s":"X"}}}}"#));
    let infoway = |asks: &str| error(VenueKind::Infoway, &format!(r#"{{"a":{asks},"b":[[1],[1]],"s":"X"}}"#));
    for (asks, kind) in
        [("7", WrongType), ("[[1,2]]", WrongType), (r#"[{"p":1}]"#, MissingField), ("null", MissingField)]
    {
        assert_eq!(itick(asks), (kind, true), "{asks}");
    }
    for (asks, kind) in [
        ("7", WrongType),
        ("[1,2]", WrongType),
        ("[[1],[1],[1]]", WrongType),
        ("[[1],[null]]", MissingField),
        ("null", MissingField),
        ("[[1]]", UnequalColumns),
        ("[[1,2],[1]]", UnequalColumns),
    ] {
        assert_eq!(infoway(asks), (kind, true), "{asks}");
    }
    assert_eq!(error(VenueKind::Infoway, r#"{"s":"X","respList":{}}"#), (WrongType, true));
    assert_eq!(error(VenueKind::Infoway, r#"{"s":"X","respList":[[]]}"#), (WrongType, true));
}

#[test]
fn intervals_end_where_the_venue_ends() {
    let bar = r#""o":1,"h":1,"l":1,"c":1"#;
    let itick = |t: &str| format!(r#"{{"code":0,"data":{{"s":"X","t":{t},"k":{{{bar},"t":0}}}}}}"#);
    let infoway = |ty: &str| format!(r#"{{"code":10008,"data":{{"s":"X","ty":{ty},{bar},"t":0}}}}"#);
    for (venue, message, last) in
        [(VenueKind::Itick, &itick as &dyn Fn(&str) -> String, 10), (VenueKind::Infoway, &infoway, 12)]
    {
        for number in 1..=last {
            let mut bench = Bench::new(venue, &["X"]);
            assert_eq!(bench.decode(message(&number.to_string()).as_bytes()), Ok(Disposition::Data));
            assert_eq!(i32::from(bench.batch.events[0].interval), number);
        }
        for number in ["0", "-1", "256", &(last + 1).to_string()] {
            assert_eq!(error(venue, &message(number)), (DecodeErrorKind::UnknownShape, true), "{number}");
        }
        assert_eq!(error(venue, &message("1.5")), (DecodeErrorKind::BadNumber, true));
    }
    let named = |kind: &str| error(VenueKind::Itick, &format!(r#"{{"data":{{"s":"X","type":"{kind}","k":{{}}}}}}"#));
    for kind in ["kline@0", "kline@11", "kline@", "kline@1m", "klines"] {
        assert_eq!(named(kind), (DecodeErrorKind::UnknownShape, true), "{kind}");
    }
}

#[test]
fn times_end_with_the_nanoseconds_of_an_i64() {
    let ticker = |time: &str| format!(r#"{{"type":"ticker","symbol":"X","price":1,"timestamp":{time}}}"#);
    for (time, nanos) in [("9223372036", 9_223_372_036_000_000_000), ("0", 0), ("\"17e8\"", 1_700_000_000_000_000_000)]
    {
        let mut bench = Bench::new(VenueKind::Ziario, &["X"]);
        assert_eq!(bench.decode(ticker(time).as_bytes()), Ok(Disposition::Data));
        assert_eq!(bench.batch.events[0].ts_event, nanos);
    }
    for time in ["9223372037", "-1", "1.5", "1e400", "99999999999999999999"] {
        assert_eq!(error(VenueKind::Ziario, &ticker(time)), (DecodeErrorKind::BadNumber, true), "{time}");
    }
}

#[test]
fn a_scale_set_by_hand_never_moves() {
    let mut bench = Bench::new(VenueKind::Ziario, &["X"]);
    bench.instruments.get_mut(0).unwrap().price = Scale::fixed(2);
    assert_eq!(bench.decode(br#"{"type":"ticker","symbol":"X","price":"1.23000"}"#), Ok(Disposition::Data));
    let error = bench.decode(br#"{"type":"ticker","symbol":"X","price":"1.234"}"#).unwrap_err();
    assert_eq!((error.kind, error.instrument), (DecodeErrorKind::OutOfScale, Some(0)));
    assert!(bench.batch.events.is_empty(), "and announces nothing");
}

#[test]
fn the_last_level_may_move_the_scale_of_the_first() {
    let mut bench = Bench::new(VenueKind::Infoway, &["X"]);
    let message = br#"{"s":"X","a":[[3, 3.0000000001],[1, 1]],"b":[[2],[1]]}"#;
    assert_eq!(bench.decode(message), Ok(Disposition::Data));
    let book = *bench.batch.events.last().unwrap();
    let (bids, asks) = bench.batch.levels_of(&book);
    assert_eq!(book.price_scale, 10);
    assert_eq!((bids[0].price, asks[0].price, asks[1].price), (20_000_000_000, 30_000_000_000, 30_000_000_001));
}

#[test]
fn a_symbol_is_found_by_any_spelling_and_any_escape() {
    let mut bench = Bench::new(VenueKind::Itick, &["ETHUSDT"]);
    bench.instruments.alias(0, b"ETH_USDT");
    bench.instruments.alias(0, b"ETH/USDT");
    for symbol in ["ETHUSDT", "ETH_USDT", r"ETH\/USDT", r"\u0045TH\u005fUSDT"] {
        let message = format!(r#"{{"code":1,"data":{{"type":"quote","ld":1,"s":"{symbol}"}}}}"#);
        assert_eq!(bench.decode(message.as_bytes()), Ok(Disposition::Data), "{symbol}");
        let known = r#""symbol":"ETHUSDT","raw_symbol":"ETHUSDT""#.replacen("ETHUSDT", "ETH/USDT", 1);
        assert!(bench.lines()[0].contains(&known), "{symbol}");
    }
}

#[test]
fn only_a_message_of_known_shape_adopts_its_instrument() {
    let mut bench = Bench::new(VenueKind::Itick, &[]);
    bench.adopt = true;
    for bad in [r#"{"data":{"s":"A_B","type":"?"}}"#, r#"{"data":{"s":"A_B""#, r#"{"data":{"s":"","type":"tick"}}"#] {
        assert!(bench.decode(bad.as_bytes()).is_err());
        assert!(bench.instruments.is_empty(), "{bad}");
    }
    assert_eq!(bench.decode(br#"{"data":{"s":"A_B","type":"quote","ld":1}}"#), Ok(Disposition::Data));
    assert_eq!(&*bench.instruments.get(0).unwrap().symbol, "A/B");
}

#[test]
fn what_is_no_object_is_text_on_infoway_and_an_error_elsewhere() {
    for text in ["", "  ", "hello", "[1]", "12", "\u{e9}"] {
        assert_eq!(disposition(VenueKind::Infoway, text), Disposition::Control, "{text}");
    }
    for venue in [VenueKind::Ziario, VenueKind::Itick] {
        assert_eq!(error(venue, ""), (DecodeErrorKind::Json, false));
        assert_eq!(error(venue, "hello"), (DecodeErrorKind::Json, false));
        assert_eq!(error(venue, "[1]"), (DecodeErrorKind::UnknownShape, false));
        assert_eq!(error(venue, "{} {}"), (DecodeErrorKind::Json, false));
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(error(venue, &deep), (DecodeErrorKind::TooLong, false));
    }
}
