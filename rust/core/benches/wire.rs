//! What a frame costs: text frames of 130 bytes (a quote) and 640 bytes (a book of 5 by 5) in reads of 64 KiB.
//!
//! Criterion's unit is one frame (`elements`): time for a pass over the chunk divided by its frames. `copy` is the floor:
//! the same bytes put into the same buffer, as every run does in a socket's stead, and nothing else.

#![allow(clippy::arithmetic_side_effects, reason = "sums over one chunk of 64 KiB")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ferrofeed_core::wire::{Limits, Message, Role, WireReader};
use std::hint::black_box;

/// A text of this length in the manner of a venue's JSON; with `wide`, some of it outside ASCII.
fn text(size: usize, wide: bool) -> Vec<u8> {
    let unit = if wide { "{\"名\":\"比特币\",\"p\":3034.01}," } else { "{\"po\":1,\"p\":3034.01,\"v\":10.6023}," };
    let mut out = unit.repeat(size / unit.len()).into_bytes();
    out.resize(size, b' ');
    out
}

fn frames(payload: &[u8], key: Option<[u8; 4]>) -> (Vec<u8>, u64) {
    let mut one = vec![0x81];
    let masked = if key.is_some() { 0x80 } else { 0 };
    if let Ok(short @ 0..=125) = u8::try_from(payload.len()) {
        one.push(masked | short);
    } else if let Ok(medium) = u16::try_from(payload.len()) {
        one.push(masked | 0x7e);
        one.extend(medium.to_be_bytes());
    }
    one.extend(key.iter().flatten());
    one.extend(
        payload.iter().zip((0..4).cycle()).map(|(byte, i)| byte ^ key.map_or(0, |key| key.get(i).map_or(0, |k| *k))),
    );
    let count = (64 << 10) / one.len();
    (one.repeat(count), count as u64)
}

/// One pass: the stream enters in reads as large as the buffer allows, every message is looked at.
fn pass(reader: &mut WireReader, mut stream: &[u8]) -> usize {
    let mut bytes = 0;
    while !stream.is_empty() {
        let space = reader.space();
        let (now, rest) = stream.split_at(space.len().min(stream.len()));
        if let Some(place) = space.get_mut(..now.len()) {
            place.copy_from_slice(now);
        }
        stream = rest;
        reader.filled(now.len());
        while let Ok(Some(message)) = reader.next() {
            if let Message::Text(payload) = black_box(message) {
                bytes += payload.len();
            }
        }
    }
    bytes
}

fn wire(c: &mut Criterion) {
    for (name, payload) in [("130", text(130, false)), ("640", text(640, false)), ("640 wide", text(640, true))] {
        let mut group = c.benchmark_group(format!("wire/{name}"));
        let (stream, count) = frames(&payload, None);
        group.throughput(Throughput::Elements(count));
        let mut place = vec![0; stream.len()];
        group.bench_function("copy", |b| b.iter(|| black_box(&mut place).copy_from_slice(black_box(&stream))));
        let mut reader = WireReader::new(Role::Client, Limits::default());
        group.bench_function("client", |b| b.iter(|| pass(&mut reader, black_box(&stream))));
        assert!(reader.discarded() == 0, "the stream is not what it should be");
        let (masked, _) = frames(&payload, Some([0x37, 0xfa, 0x21, 0x3d]));
        let mut reader = WireReader::new(Role::Server, Limits::default());
        group.bench_function("server", |b| b.iter(|| pass(&mut reader, black_box(&masked))));
        assert!(reader.discarded() == 0, "the stream is not what it should be");
        group.finish();
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);
