//! An event as one JSON object: the JSON lines of `--output jsonl` and of `ferrofeed decode`. Not for the hot path.
//!
//! Keys come in a fixed order: `type venue symbol raw_symbol ts_event ts_recv seq`, then the kind's own. Prices, sizes,
//! volumes, turnovers and changes are strings of plain decimals without trailing zeros; times are integers, ns since the
//! Unix epoch. What the venue did not send is left out.

use crate::event::{Action, Batch, Event, Interval, Kind, Level, State, flag};
use crate::instrument::Instruments;
use crate::num::fmt_scaled;
use std::io::Write as _;

/// Name of what a newer producer wrote and this reader does not know.
const UNKNOWN: &str = "unknown";

/// Appends an event as one JSON object, with no line end.
///
/// `batch` holds a book event's levels; `venue_label` is the `id` of the event's venue in the configuration. An event about
/// a whole connection has the symbol `""`. Beside the common keys:
/// - `trade`: `price size side`, `trade_id` and `turnover` if known;
/// - `quote`: `last`, and if known `volume turnover change open high low status` (`change` in percent; `status` an integer);
/// - `book`: `bids asks` (lists of `[price, size]`, best first), `depth` (the levels of the longer side), `valid`, `action`;
/// - `bar`: `interval` (`""` if the venue did not say it), `open high low close`, `volume` and `turnover` if known, `ts_open`;
/// - `status`: `state reason epoch`; state `scale` also `price_scale size_scale turnover_scale`.
pub fn write_event(event: &Event, batch: &Batch, instruments: &Instruments, venue_label: &str, out: &mut Vec<u8>) {
    let kind = event.kind();
    let known = instruments.get(event.instrument);
    out.push(b'{');
    text(out, "type", kind.map_or(UNKNOWN, Kind::name));
    text(out, "venue", venue_label);
    text(out, "symbol", known.map_or("", |instrument| &instrument.symbol));
    text(out, "raw_symbol", known.map_or("", |instrument| &instrument.raw_symbol));
    integer(out, "ts_event", event.ts_event);
    integer(out, "ts_recv", event.ts_recv);
    integer(out, "seq", event.seq);
    match kind {
        Some(Kind::Trade) => trade(event, out),
        Some(Kind::Quote) => quote(event, out),
        Some(Kind::Book) => book(event, batch, out),
        Some(Kind::Bar) => bar(event, out),
        Some(Kind::Status) => status(event, out),
        None => {}
    }
    out.push(b'}');
}

fn trade(event: &Event, out: &mut Vec<u8>) {
    let trade = event.trade();
    decimal(out, "price", trade.price, event.price_scale);
    decimal(out, "size", trade.size, event.size_scale);
    text(out, "side", trade.side.name());
    let id = trade.trade_id.split(|byte| *byte == 0).next().unwrap_or_default();
    if !id.is_empty() {
        text(out, "trade_id", &String::from_utf8_lossy(id));
    }
    optional(out, "turnover", trade.turnover, event.turnover_scale);
}

fn quote(event: &Event, out: &mut Vec<u8>) {
    let quote = event.quote();
    decimal(out, "last", quote.last, event.price_scale);
    optional(out, "volume", quote.volume, event.size_scale);
    optional(out, "turnover", quote.turnover, event.turnover_scale);
    optional(out, "change", quote.change, event.change_scale);
    optional(out, "open", quote.open, event.price_scale);
    optional(out, "high", quote.high, event.price_scale);
    optional(out, "low", quote.low, event.price_scale);
    if let Some(status) = quote.status {
        integer(out, "status", status);
    }
}

fn book(event: &Event, batch: &Batch, out: &mut Vec<u8>) {
    let (bids, asks) = batch.levels_of(event);
    levels(out, "bids", bids, event);
    levels(out, "asks", asks, event);
    integer(out, "depth", bids.len().max(asks.len()));
    key(out, "valid");
    out.extend_from_slice(if event.flags & flag::VALID != 0 { b"true" } else { b"false" });
    let action = if event.action == Action::Update as u8 { "update" } else { "snapshot" };
    text(out, "action", action);
}

fn bar(event: &Event, out: &mut Vec<u8>) {
    let bar = event.bar();
    text(out, "interval", Interval::from_u8(event.interval).map_or("", Interval::name));
    decimal(out, "open", bar.open, event.price_scale);
    decimal(out, "high", bar.high, event.price_scale);
    decimal(out, "low", bar.low, event.price_scale);
    decimal(out, "close", bar.close, event.price_scale);
    optional(out, "volume", bar.volume, event.size_scale);
    optional(out, "turnover", bar.turnover, event.turnover_scale);
    integer(out, "ts_open", bar.ts_open);
}

fn status(event: &Event, out: &mut Vec<u8>) {
    let (state, reason) = event.status().map_or((UNKNOWN, UNKNOWN), |(state, reason)| (state.name(), reason.name()));
    text(out, "state", state);
    text(out, "reason", reason);
    integer(out, "epoch", event.epoch);
    if event.state == State::Scale as u8 {
        integer(out, "price_scale", event.price_scale);
        integer(out, "size_scale", event.size_scale);
        integer(out, "turnover_scale", event.turnover_scale);
    }
}

/// Writes a key, with the comma before it unless it is the first.
fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    string(out, name);
    out.push(b':');
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    string(out, value);
}

fn integer(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    key(out, name);
    put(out, format_args!("{value}"));
}

fn decimal(out: &mut Vec<u8>, name: &str, value: i64, scale: u8) {
    key(out, name);
    quoted_decimal(out, value, scale);
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<i64>, scale: u8) {
    if let Some(value) = value {
        decimal(out, name, value, scale);
    }
}

fn quoted_decimal(out: &mut Vec<u8>, value: i64, scale: u8) {
    out.push(b'"');
    fmt_scaled(value, scale, out);
    out.push(b'"');
}

fn levels(out: &mut Vec<u8>, name: &str, levels: &[Level], event: &Event) {
    key(out, name);
    out.push(b'[');
    for (index, level) in levels.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        quoted_decimal(out, level.price, event.price_scale);
        out.push(b',');
        quoted_decimal(out, level.size, event.size_scale);
        out.push(b']');
    }
    out.push(b']');
}

/// Writes a JSON string: quotes, backslashes and control characters escaped, everything else as it is.
fn string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    for byte in value.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => put(out, format_args!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing into memory can't fail, and there is nobody to tell if it did.
    drop(out.write_fmt(arguments));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Bar, BookView, Quote, Side, StatusReason, Trade};
    use crate::instrument::{Instrument, Scale};

    fn instruments() -> Instruments {
        let mut all = Instruments::new();
        all.add(Instrument {
            venue: 0,
            symbol: "ETH/USDT".into(),
            raw_symbol: "ETH_USDT".into(),
            price: Scale::default(),
            size: Scale::default(),
            turnover: Scale::default(),
            wanted: true,
        });
        all
    }

    fn event(kind: Kind) -> Event {
        Event {
            instrument: 0,
            seq: 7,
            ts_event: 1,
            ts_recv: 2,
            price_scale: 2,
            size_scale: 3,
            turnover_scale: 1,
            ..Event::new(kind)
        }
    }

    fn rendered(event: &Event, batch: &Batch) -> String {
        let mut out = Vec::new();
        write_event(event, batch, &instruments(), "v", &mut out);
        String::from_utf8(out).unwrap()
    }

    fn common(kind: &str) -> String {
        format!(
            r#"{{"type":"{kind}","venue":"v","symbol":"ETH/USDT","raw_symbol":"ETH_USDT","ts_event":1,"ts_recv":2,"seq":7,"#
        )
    }

    #[test]
    fn a_trade_shows_its_id_and_turnover_only_if_it_has_them() {
        let mut trade = event(Kind::Trade);
        let mut payload = Trade { price: 12_345, size: 1_500, turnover: None, side: Side::Sell, trade_id: [0; 48] };
        trade.set_trade(&payload);
        let short = format!(r#"{}"price":"123.45","size":"1.5","side":"sell"}}"#, common("trade"));
        assert_eq!(rendered(&trade, &Batch::default()), short);
        payload.turnover = Some(-20);
        payload.trade_id = [b'9'; 48];
        trade.set_trade(&payload);
        let id = "9".repeat(48);
        let long = format!(
            r#"{}"price":"123.45","size":"1.5","side":"sell","trade_id":"{id}","turnover":"-2"}}"#,
            common("trade")
        );
        assert_eq!(rendered(&trade, &Batch::default()), long);
    }

    #[test]
    fn a_quote_shows_what_is_present_even_if_it_is_zero() {
        let mut quote = event(Kind::Quote);
        quote.change_scale = 2;
        quote.set_quote(&Quote { last: 1, change: Some(-5), status: Some(0), volume: Some(0), ..Quote::default() });
        let expected = format!(r#"{}"last":"0.01","volume":"0","change":"-0.05","status":0}}"#, common("quote"));
        assert_eq!(rendered(&quote, &Batch::default()), expected);
    }

    #[test]
    fn a_book_shows_its_own_levels_of_the_batch() {
        let mut batch = Batch::default();
        let level = |price, size| Level { price, size };
        batch.push_book(event(Kind::Book), &[level(9, 9)], &[]);
        let mut book = event(Kind::Book);
        book.flags = flag::VALID;
        book.action = Action::Update as u8;
        book.set_book(&BookView::default());
        batch.push_book(book, &[level(100, 1), level(99, 0)], &[level(i64::MAX, 1)]);
        let expected = format!(
            r#"{}"bids":[["1","0.001"],["0.99","0"]],"asks":[["92233720368547758.07","0.001"]],"depth":2,"valid":true,"action":"update"}}"#,
            common("book")
        );
        assert_eq!(rendered(&batch.events[1].clone(), &batch), expected);
        let first = format!(
            r#"{}"bids":[["0.09","0.009"]],"asks":[],"depth":1,"valid":false,"action":"snapshot"}}"#,
            common("book")
        );
        assert_eq!(rendered(&batch.events[0].clone(), &batch), first);
    }

    #[test]
    fn a_bar_of_unknown_interval_shows_an_empty_one() {
        let mut bar = event(Kind::Bar);
        bar.set_bar(&Bar { open: 1, high: 2, low: 3, close: 400, volume: None, turnover: Some(5), ts_open: -1 });
        let tail = r#""open":"0.01","high":"0.02","low":"0.03","close":"4","turnover":"0.5","ts_open":-1}"#;
        assert_eq!(rendered(&bar, &Batch::default()), format!(r#"{}"interval":"",{tail}"#, common("bar")));
        bar.interval = Interval::Mo1 as u8;
        assert_eq!(rendered(&bar, &Batch::default()), format!(r#"{}"interval":"1M",{tail}"#, common("bar")));
    }

    #[test]
    fn a_status_shows_scales_only_when_they_are_the_news() {
        let mut status = event(Kind::Status);
        status.epoch = 3;
        (status.state, status.reason) = (State::Gap as u8, StatusReason::DecodeError as u16);
        let gap = format!(r#"{}"state":"gap","reason":"decode_error","epoch":3}}"#, common("status"));
        assert_eq!(rendered(&status, &Batch::default()), gap);
        (status.state, status.reason) = (State::Scale as u8, StatusReason::ValueOutOfScale as u16);
        let scale = format!(
            r#"{}"state":"scale","reason":"value_out_of_scale","epoch":3,"price_scale":2,"size_scale":3,"turnover_scale":1}}"#,
            common("status")
        );
        assert_eq!(rendered(&status, &Batch::default()), scale);
    }

    #[test]
    fn a_connection_has_no_symbol_and_an_unknown_kind_no_payload() {
        let mut status = Event::new(Kind::Status);
        (status.state, status.reason) = (State::Disconnected as u8, StatusReason::PeerClosed as u16);
        let head = r#""venue":"v","symbol":"","raw_symbol":"","ts_event":0,"ts_recv":0,"seq":0"#;
        let expected = format!(r#"{{"type":"status",{head},"state":"disconnected","reason":"peer_closed","epoch":0}}"#);
        assert_eq!(rendered(&status, &Batch::default()), expected);
        status.kind = 99;
        assert_eq!(rendered(&status, &Batch::default()), format!(r#"{{"type":"unknown",{head}}}"#));
    }

    #[test]
    fn strings_read_back_as_they_were() {
        let label: String = (0..0x80_u8).map(char::from).chain("€😀\u{2028}".chars()).collect();
        let mut out = Vec::new();
        write_event(&event(Kind::Status), &Batch::default(), &instruments(), &label, &mut out);
        assert!(!out.contains(&b'\n'), "one line");
        let parsed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(parsed["venue"], label);
    }
}
