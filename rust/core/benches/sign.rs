//! What a signature costs: a login message signed with the key state kept, with the key absorbed every time (the crate's
//! plain way), and plain SHA-256 of the same length. Compare with `hmac.new(...).hexdigest()` of Python on the same machine.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use ferrofeed_core::sign::{HmacSha256Key, Secret, coinceres_signature, sha256_hex, ziario_signature};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::hint::black_box;

const SECRET: &[u8] = b"your_api_secret";
const MESSAGE: &[u8] = b"api_key=your_api_key&timestamp=1701234567";

fn signatures(c: &mut Criterion) {
    let key = HmacSha256Key::new(SECRET);
    c.bench_function("hmac_hex/key_state_kept", |b| b.iter(|| key.sign_hex(&[black_box(MESSAGE)])));
    c.bench_function("hmac_hex/key_absorbed_each_time", |b| {
        b.iter(|| HmacSha256Key::new(black_box(SECRET)).sign_hex(&[black_box(MESSAGE)]));
    });
    c.bench_function("hmac/crate_without_hex", |b| {
        b.iter(|| {
            Hmac::<Sha256>::new_from_slice(black_box(SECRET)).map(|mac| mac.chain_update(black_box(MESSAGE)).finalize())
        });
    });
    c.bench_function("sha256_hex", |b| b.iter(|| sha256_hex(&[black_box(MESSAGE)])));
    c.bench_function("ziario_signature", |b| {
        b.iter(|| ziario_signature(black_box(b"your_api_key"), &key, black_box(1_701_234_567)));
    });
    let secret = Secret::from(SECRET);
    c.bench_function("coinceres_signature", |b| {
        b.iter(|| coinceres_signature(black_box(&[(b"api_key", b"your_api_key")]), &secret));
    });
}

criterion_group!(benches, signatures);
criterion_main!(benches);
