//! Unmasking (RFC 6455 section 5.3).

/// Unmasks a piece of a payload in place; `at` is the piece's offset in the payload.
pub(super) fn unmask(piece: &mut [u8], key: [u8; 4], at: usize) {
    let mut key = key;
    key.rotate_left(at % 4);
    let wide = u64::from(u32::from_ne_bytes(key));
    let wide = wide << 32 | wide;
    let mut words = piece.chunks_exact_mut(8);
    for chunk in words.by_ref() {
        if let Ok(word) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
        }
    }
    // 8 is a multiple of 4: the key starts over here.
    for (byte, key) in words.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}
