//! The whole read side in one piece: bytes of a socket in, events, books, notices and counters out.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test: a panic is its way to fail")]

use ferrofeed_core::book::Validity;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::{Batch, Event, Kind, State, StatusReason, flag};
use ferrofeed_core::instrument::{Instrument, Scale};
use ferrofeed_core::pipeline::{Connection, Feed, Notice, Verdict, channel_slot};
use ferrofeed_core::quarantine::Quarantine;
use ferrofeed_core::queue::{Config, Filter, Policy, Queue, Taken};
use ferrofeed_core::sign::Secret;
use ferrofeed_core::venue::{DecodeErrorKind, VenueKind};
use ferrofeed_core::wire::Limits;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

struct Rig {
    feed: Feed,
    connection: Connection,
    queue: Arc<Queue>,
    quarantine: Arc<Mutex<Quarantine>>,
    notices: Vec<Notice>,
}

fn rig(symbols: &[&str]) -> Rig {
    let quarantine = Arc::new(Mutex::new(Quarantine::new(4, 16, 512)));
    let mut feed = Feed::new();
    for symbol in symbols {
        feed.instruments.add(Instrument {
            venue: 0,
            symbol: (*symbol).into(),
            raw_symbol: (*symbol).into(),
            price: Scale::default(),
            size: Scale::default(),
            turnover: Scale::default(),
            wanted: true,
        });
    }
    let queue =
        Arc::new(Queue::new(Config { capacity_events: 1 << 16, policy: Policy::Block, filter: Filter::default() }));
    feed.add_queue(Arc::clone(&queue));
    let mut connection = Connection::new(0, Some(VenueKind::Itick), Limits::default(), Arc::clone(&quarantine));
    connection.set_secrets(vec![Secret::from("s3cr3t-token")]);
    let _ = connection.connected(&mut feed);
    Rig { feed, connection, queue, quarantine, notices: Vec::new() }
}

/// An unmasked frame as a server sends it.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match payload.len() {
        n @ 0..=125 => out.push(u8::try_from(n).unwrap()),
        n => {
            out.push(126);
            out.extend(u16::try_from(n).unwrap().to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

impl Rig {
    fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = self.connection.space();
            let n = rest.read(space).unwrap();
            let stamp = Stamp { realtime: 1_700_000_000_000_000_000, monotonic: 1 };
            let _ = self.connection.received(n, stamp, &mut self.feed, &mut self.notices);
        }
    }

    fn text(&mut self, payload: &str) {
        self.read(&frame(1, payload.as_bytes()));
    }

    fn take(&self) -> Batch {
        let mut batch = Batch::default();
        let _: Taken = self.queue.take(&mut batch, 0);
        batch
    }

    fn states(&self) -> Vec<(State, StatusReason)> {
        self.take().events.iter().filter_map(Event::status).collect()
    }

    fn assert_accounted(&self) {
        let counters = self.connection.counters();
        assert_eq!(counters.messages.get(), counters.accounted());
    }
}

fn depth(bid: &str, ask: &str) -> String {
    format!(
        r#"{{"code":1,"data":{{"s":"ETH_USDT","a":[{{"po":1,"p":{ask},"v":2,"o":1}}],"b":[{{"po":1,"p":{bid},"v":1,"o":1}}],"type":"depth"}}}}"#
    )
}

#[test]
fn a_first_book_is_announced_as_resynchronised_and_numbered_without_a_hole() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.text(&depth("3034", "3034.01"));
    let batch = rig.take();
    let kinds: Vec<_> = batch.events.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Some(Kind::Status), Some(Kind::Book), Some(Kind::Status)]);
    assert_eq!(batch.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    let book = batch.events[1];
    assert_eq!(book.flags & flag::VALID, flag::VALID);
    let (bids, asks) = batch.levels_of(&book);
    assert_eq!((bids[0].price, asks[0].price), (303_400_000_000, 303_401_000_000));
    assert_eq!(book.book().best_ask, asks[0]);
    assert_eq!(batch.events[2].status(), Some((State::Resync, StatusReason::Snapshot)));
    assert!(rig.feed.book(0).is_some_and(ferrofeed_core::book::Book::is_valid));
    rig.assert_accounted();
}

#[test]
fn who_comes_later_begins_with_a_picture_of_the_valid_books() {
    let mut rig = rig(&["ETH_USDT", "BBB"]);
    assert!(rig.feed.pictures(&[0, 1, 7]).events.is_empty());
    rig.text(&depth("10.5", "10.6"));
    let told = rig.take();
    let event = told.events.iter().find(|event| event.kind == Kind::Book as u8).unwrap();
    let pictures = rig.feed.pictures(&[1, 0, u32::MAX]);
    let [picture] = &pictures.events[..] else { panic!("{pictures:?}") };
    assert_eq!(pictures.levels_of(picture), told.levels_of(event));
    assert_eq!((picture.instrument, picture.seq, picture.flags), (event.instrument, rig.feed.seq(), event.flags));
    let head = |event: &Event| (event.venue, event.ts_event, event.ts_recv, event.epoch, event.action);
    assert_eq!(head(picture), head(event));
    assert_eq!((picture.price_scale, picture.size_scale), (event.price_scale, event.size_scale));
    let (view, told) = (picture.book(), event.book());
    assert_eq!((view.best_bid, view.best_ask), (told.best_bid, told.best_ask));
    let _ = rig.connection.disconnected(&mut rig.feed, StatusReason::PeerClosed);
    assert!(rig.feed.pictures(&[0]).events.is_empty(), "a stale book is none");
}

#[test]
fn a_crossed_book_is_stale_until_a_sound_snapshot_and_says_so_once() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.text(&depth("10", "11"));
    rig.take();
    rig.text(&depth("12", "11"));
    let batch = rig.take();
    assert_eq!(batch.events[0].flags & flag::VALID, 0);
    assert_eq!(batch.events[1].status(), Some((State::Gap, StatusReason::Crossed)));
    rig.text(&depth("12", "11"));
    assert_eq!(rig.states(), []);
    rig.text(&depth("10", "11"));
    assert_eq!(rig.states(), [(State::Resync, StatusReason::Snapshot)]);
}

#[test]
fn a_broken_message_costs_only_itself_and_its_own_book() {
    let mut rig = rig(&["ETH_USDT", "BTC_USDT"]);
    rig.text(&depth("10", "11"));
    rig.text(&depth("10", "11").replace("ETH", "BTC"));
    rig.take();
    rig.text(&depth("10", "oops").replace("oops", "\"NaN\""));
    assert_eq!(rig.states(), [(State::Gap, StatusReason::DecodeError)]);
    assert_eq!(
        rig.feed.book(0).map(ferrofeed_core::book::Book::validity),
        Some(Validity::Stale(StatusReason::DecodeError))
    );
    assert_eq!(rig.feed.book(1).map(ferrofeed_core::book::Book::validity), Some(Validity::Valid));
    assert!(rig.notices.iter().any(|notice| matches!(notice, Notice::Quarantined(..))));
    rig.assert_accounted();
}

#[test]
fn the_quarantine_never_holds_a_secret() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.text(r#"{"code":1,"data":{"s":"ETH_USDT","ld":"s3cr3t-token","t":1,"v":1,"tu":1,"type":"quote"}}"#);
    let kept = rig.quarantine.lock().unwrap();
    let text = kept.entries()[0].printable().to_string();
    assert!(text.contains("***") && !text.contains("s3cr3t"), "{text}");
}

#[test]
fn a_disconnect_makes_every_book_of_the_venue_stale_and_opens_a_new_epoch_on_return() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.text(&depth("10", "11"));
    rig.take();
    let _ = rig.connection.disconnected(&mut rig.feed, StatusReason::PeerClosed);
    assert_eq!(rig.states(), [(State::Disconnected, StatusReason::PeerClosed)]);
    assert_eq!(
        rig.feed.book(0).map(ferrofeed_core::book::Book::validity),
        Some(Validity::Stale(StatusReason::PeerClosed))
    );
    let _ = rig.connection.connected(&mut rig.feed);
    rig.text(&depth("10", "11"));
    let batch = rig.take();
    assert_eq!(batch.events.iter().map(|event| event.epoch).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(batch.events[2].status(), Some((State::Resync, StatusReason::Snapshot)));
}

#[test]
fn a_value_finer_than_the_scale_announces_the_instrument_again_and_keeps_its_book() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.text(&depth("10", "11"));
    rig.take();
    rig.text(&depth("10.0000000001", "11"));
    let batch = rig.take();
    assert_eq!(batch.events[0].status(), Some((State::Scale, StatusReason::ValueOutOfScale)));
    assert_eq!((batch.events[0].price_scale, batch.events[1].price_scale), (10, 10));
    assert_eq!(batch.levels_of(&batch.events[1]).0[0].price, 100_000_000_001);
    assert_eq!(rig.feed.book_scales(0), Some((10, 8)));
}

#[test]
fn control_frames_and_session_messages_come_as_notices() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.read(&frame(9, b"are you there"));
    rig.text(r#"{"code":1,"resAc":"auth","msg":"authenticated"}"#);
    rig.read(&frame(8, &[0x03, 0xE8, b'b', b'y', b'e']));
    assert_eq!(
        rig.notices,
        [
            Notice::Ping(b"are you there".to_vec()),
            Notice::Control(br#"{"code":1,"resAc":"auth","msg":"authenticated"}"#.to_vec()),
            Notice::Close(Some(1000), "bye".into()),
        ]
    );
    assert_eq!(rig.connection.counters().control.get(), 3);
    rig.assert_accounted();
}

#[test]
fn a_protocol_error_is_one_message_of_the_account_and_everything_behind_it_is_counted() {
    let mut rig = rig(&["ETH_USDT"]);
    let mut bytes = frame(3, b"reserved opcode");
    bytes.extend(frame(1, b"{}"));
    rig.read(&bytes);
    rig.text("{}");
    assert!(matches!(rig.notices[..], [Notice::ProtocolError(_)]));
    let counters = rig.connection.counters();
    assert_eq!(counters.messages.get(), 1);
    assert!(counters.discarded_bytes.get() > 0);
    rig.assert_accounted();
}

#[test]
fn a_message_cut_off_by_a_disconnect_is_counted_as_unfinished() {
    let mut rig = rig(&["ETH_USDT"]);
    rig.read(&[0x01, 1, b'{']);
    let _ = rig.connection.disconnected(&mut rig.feed, StatusReason::NetworkError);
    assert_eq!(rig.connection.counters().unfinished.get(), 1);
    let _ = rig.connection.connected(&mut rig.feed);
    rig.text(&depth("10", "11"));
    let _ = rig.connection.disconnected(&mut rig.feed, StatusReason::NetworkError);
    assert_eq!(rig.connection.counters().unfinished.get(), 1);
}

#[test]
fn how_a_stream_is_cut_into_reads_changes_nothing() {
    let mut stream = Vec::new();
    for n in 0..20 {
        stream.extend(frame(1, depth(&format!("{}.5", 100 + n), &format!("{}", 102 + n)).as_bytes()));
        stream.extend(frame(9, b"x"));
        stream.extend(frame(1, br#"{"code":1,"data":{"s":"NOBODY","ld":1,"t":1,"v":1,"tu":1,"ts":0,"type":"quote"}}"#));
        stream.extend(frame(1, br#"{"broken":"#));
    }
    let run = |chunk: usize| {
        let mut rig = rig(&["ETH_USDT"]);
        for bytes in stream.chunks(chunk) {
            rig.read(bytes);
        }
        rig.assert_accounted();
        let mut batch = rig.take();
        for event in &mut batch.events {
            (event.ts_booked, event.ts_recv) = (0, 0);
        }
        (batch.events, batch.levels, rig.notices.len(), rig.connection.counters().messages.get())
    };
    let whole = run(stream.len());
    for chunk in [1, 2, 3, 7, 64, 333, 4096] {
        assert_eq!(run(chunk), whole, "in reads of {chunk}");
    }
}

#[test]
fn channels_have_slots_of_their_own() {
    let slots: Vec<_> = [(Kind::Quote, 0), (Kind::Book, 0), (Kind::Trade, 0), (Kind::Bar, 1), (Kind::Bar, 12)]
        .into_iter()
        .map(|(kind, interval)| channel_slot(kind as u8, interval))
        .collect();
    assert_eq!(slots, [Some(0), Some(1), Some(2), Some(3), Some(14)]);
    assert_eq!(channel_slot(Kind::Status as u8, 0), None);
}

#[test]
fn what_a_text_message_of_a_judged_connection_was_is_counted_when_it_is_known() {
    let mut rig = rig(&[]);
    let mut connection = Connection::new(1, None, Limits::default(), Arc::clone(&rig.quarantine));
    connection.set_judged();
    connection.set_secrets(vec![Secret::from("s3cr3t-token")]);
    let _ = connection.connected(&mut rig.feed);
    let bytes: Vec<u8> =
        [frame(1, b"first"), frame(9, b"ping"), frame(2, b"binary"), frame(1, b"s3cr3t-token?")].concat();
    connection.space()[..bytes.len()].copy_from_slice(&bytes);
    let _ = connection.received(bytes.len(), Stamp::now(), &mut rig.feed, &mut rig.notices);
    let counters = connection.counters().clone();
    assert_eq!((counters.messages.get(), counters.control.get(), counters.accounted()), (2, 1, 2));
    let texts = rig.notices.iter().filter(|notice| matches!(notice, Notice::Message(_, false)));
    assert_eq!(texts.count(), 2);
    connection.judge(Verdict::Data, b"first", Stamp::now());
    connection.judge(Verdict::Rejected(DecodeErrorKind::Json, 3), b"s3cr3t-token?", Stamp::now());
    connection.judge(Verdict::Control, b"", Stamp::now());
    assert_eq!((counters.messages.get(), counters.accounted()), (5, 5));
    assert_eq!((counters.data.get(), counters.control.get()), (1, 2));
    let kept = rig.quarantine.lock().unwrap();
    let reasons: Vec<&str> = kept.entries().iter().map(|entry| entry.reason).collect();
    assert_eq!(reasons, ["binary", "json"]);
    assert!(!kept.entries().iter().any(|entry| entry.printable().to_string().contains("s3cr3t")));
}
