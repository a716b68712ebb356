//! Random streams, lawful and not, cut in every way, against a naive decoder of the whole.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: a panic is a failure"
)]

mod wire_oracle;

use ferrofeed_core::wire::{Limits, Role};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wire_oracle::{Item, check, frame};

/// One thing a well-behaved peer does: a message in fragments, with control frames between them.
#[derive(Clone, Debug)]
struct Act {
    text: bool,
    pieces: Vec<Vec<u8>>,
    between: Vec<(bool, Vec<u8>)>,
}

/// Text with characters of every length, cut at any byte.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(select(vec!["a", "{\"p\":1}", "é", "€", "𝄞", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10ffff}", "\0"]), 0..12)
        .prop_map(|parts| parts.concat().into_bytes())
}

fn act() -> impl Strategy<Value = Act> {
    let control = (any::<bool>(), vec(any::<u8>(), 0..=125));
    let payload = prop_oneof![
        4 => text().prop_map(|text| (true, text)),
        2 => vec(any::<u8>(), 0..200).prop_map(|bytes| (false, bytes)),
    ];
    (payload, vec(any::<prop::sample::Index>(), 0..4), vec(control, 0..3)).prop_map(
        |((text, payload), cuts, between)| {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(payload.len());
            let mut from = 0;
            let pieces = cuts
                .into_iter()
                .map(|to| {
                    let piece = payload[from..to].to_vec();
                    from = to;
                    piece
                })
                .collect();
            Act { text, pieces, between }
        },
    )
}

/// The bytes of the acts, and the messages they are, made without either decoder.
fn play(acts: &[Act], close: Option<u16>, key: Option<[u8; 4]>) -> (Vec<u8>, Vec<Item>) {
    let (mut stream, mut items) = (Vec::new(), Vec::new());
    for act in acts {
        let mut between = act.between.iter();
        for (i, piece) in act.pieces.iter().enumerate() {
            let opcode = if i > 0 { 0 } else { 2 - u8::from(act.text) };
            let fin = if i + 1 == act.pieces.len() { 0x80 } else { 0 };
            stream.extend(frame(fin | opcode, piece, key));
            if fin == 0
                && let Some((ping, payload)) = between.next()
            {
                stream.extend(frame(0x8a - u8::from(*ping), payload, key));
                items.push(if *ping { Item::Ping(payload.clone()) } else { Item::Pong(payload.clone()) });
            }
        }
        let whole = act.pieces.concat();
        items.push(if act.text { Item::Text(whole) } else { Item::Binary(whole) });
    }
    if let Some(code) = close {
        stream.extend(frame(0x88, &[&code.to_be_bytes(), "fertig ✓".as_bytes()].concat(), key));
        items.push(Item::Close(Some(code), "fertig ✓".to_owned()));
    }
    (stream, items)
}

fn role() -> impl Strategy<Value = (Role, Option<[u8; 4]>)> {
    prop_oneof![Just((Role::Client, None)), any::<[u8; 4]>().prop_map(|key| (Role::Server, Some(key)))]
}

fn limits(max_message: impl Strategy<Value = usize>) -> impl Strategy<Value = Limits> {
    (max_message, prop_oneof![0..40usize, 40..3000usize], prop_oneof![0..20usize, 20..3000usize])
        .prop_map(|(max_message, buffer, read)| Limits { max_message, buffer, read })
}

/// A stream that is nearly right: frames with any header, lengths in any encoding, nasty payloads.
fn crooked(masked: bool) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => select(vec![0x81u8, 0x01, 0x00, 0x80, 0x82, 0x02]),
        2 => select(vec![0x88u8, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    let nasty =
        select(vec![0x61u8, 0x62, 0x80, 0xbf, 0xc2, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0x9f, 0xf0, 0xf4, 0x8f]);
    let payload = prop_oneof![3 => text(), 1 => vec(nasty, 0..12), 1 => vec(any::<u8>(), 0..150)];
    let odd = prop::bool::weighted(0.05);
    let one = (first, payload, 0..20u8, odd, any::<[u8; 4]>()).prop_map(move |(first, payload, form, odd, key)| {
        let key = (masked != odd).then_some(key);
        let mut bytes = frame(first, &payload, key);
        if form < 2 && payload.len() < 126 {
            // The same length in a form that is too long.
            let size = u8::try_from(payload.len()).unwrap();
            let wide: &[u8] = if form == 0 { &[126, 0, size] } else { &[127, 0, 0, 0, 0, 0, 0, 0, size] };
            let mask = bytes[1] & 0x80;
            bytes.splice(1..2, wide.iter().copied());
            bytes[1] |= mask;
        }
        bytes
    });
    vec(one, 0..8).prop_map(|frames| frames.concat())
}

fn at_every_boundary(stream: &[u8], role: Role, limits: Limits) {
    for cut in 1..stream.len() {
        check(stream, &[cut, usize::MAX], role, limits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sent_is_what_comes_out(
        acts in vec(act(), 0..6), code in proptest::option::of(3000..5000u16), (role, key) in role(),
        limits in limits(600..2000usize), reads in vec(1..400usize, 1..20),
    ) {
        let (stream, items) = play(&acts, code, key);
        for reads in [&[1][..], &reads, &[]] {
            let outcome = check(&stream, reads, role, limits);
            if !stream.is_empty() {
                prop_assert_eq!(&outcome.items, &items);
                prop_assert_eq!(outcome.error, None);
            }
        }
    }

    #[test]
    fn a_cut_at_every_byte_changes_nothing(acts in vec(act(), 0..4), (role, key) in role(), limits in limits(0..900usize)) {
        let (stream, _) = play(&acts, Some(1000), key);
        at_every_boundary(&stream, role, Limits { buffer: 4096, read: 4096, ..limits });
        check(&stream, &[1], role, limits);
    }

    #[test]
    fn crooked_streams_end_in_the_same_error_however_they_are_cut(
        (stream, role) in prop_oneof![
            crooked(false).prop_map(|stream| (stream, Role::Client)),
            crooked(true).prop_map(|stream| (stream, Role::Server)),
        ],
        limits in limits(0..300usize), reads in vec(1..60usize, 1..20),
    ) {
        check(&stream, &[1], role, limits);
        check(&stream, &reads, role, limits);
        at_every_boundary(&stream, role, Limits { buffer: 4096, read: 4096, ..limits });
    }

    #[test]
    fn flipped_bits_end_in_the_same_error_however_they_are_cut(
        acts in vec(act(), 1..4), (role, key) in role(), limits in limits(100..900usize),
        flips in vec((any::<prop::sample::Index>(), 0..8u8), 1..4), reads in vec(1..60usize, 1..20),
    ) {
        let (mut stream, _) = play(&acts, Some(4999), key);
        for (at, bit) in flips {
            let at = at.index(stream.len());
            stream[at] ^= 1 << bit;
        }
        check(&stream, &[1], role, limits);
        check(&stream, &reads, role, limits);
        check(&stream, &[], role, limits);
    }

    #[test]
    fn any_bytes_at_all(
        stream in vec(any::<u8>(), 0..300), server in any::<bool>(), limits in limits(0..300usize),
        reads in vec(1..60usize, 1..20),
    ) {
        let role = if server { Role::Server } else { Role::Client };
        check(&stream, &[1], role, limits);
        check(&stream, &reads, role, limits);
    }
}
