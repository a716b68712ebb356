//! Request signatures: HMAC-SHA256 and SHA-256 in lower hex, and the secrets they need.
//!
//! HMAC is RFC 2104 over SHA-256 (FIPS 180-4), by the `hmac` and `sha2` crates, which use the CPU's SHA extensions
//! where they are found at run time. [`HmacSha256Key`] absorbs the two padded key blocks once; a signature starts from
//! a copy of that state, so that a short message costs two compressions instead of four and allocates nothing.
//!
//! Whatever holds key material here (also the copies made for one message) is overwritten with zeros when dropped.

use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use zeroize::Zeroizing;

/// A signature or digest: 64 lower-case hexadecimal digits, ASCII.
pub type Hex64 = [u8; 64];

/// Bytes that are never shown: an API key, a secret, a token.
///
/// Overwritten with zeros when dropped, printed as `Secret(***)`, not [`fmt::Display`], and compared in a time that does
/// not depend on the contents (the length is not hidden). [`Secret::expose`] is the only way to the bytes.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes. Keep them out of logs, metrics, errors and captures.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the buffer over as it is: no copy of the secret is left behind.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for Secret {
    /// Takes the buffer over as it is: no copy of the secret is left behind.
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        equal_in_constant_time(self.expose(), other.expose())
    }
}

impl Eq for Secret {}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
#[must_use]
pub fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // The barrier in every step keeps the compiler from leaving the loop at the first difference.
    let difference = a.iter().zip(b).fold(0_u8, |seen, (x, y)| black_box(seen | (x ^ y)));
    black_box(difference) == 0
}

/// An HMAC-SHA256 key whose two padded blocks are already absorbed.
#[derive(Clone)]
pub struct HmacSha256Key(Hmac<Sha256>);

impl HmacSha256Key {
    /// The key of these bytes. Any length is allowed; more than 64 bytes are hashed first (RFC 2104, section 2).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        const BLOCK: usize = 64;
        let mut block = Zeroizing::new([0_u8; BLOCK]);
        if key.len() > BLOCK {
            let mut digest = Zeroizing::new([0_u8; 32]);
            Sha256::new_with_prefix(key).finalize_into((&mut *digest).into());
            for (to, from) in block.iter_mut().zip(digest.iter()) {
                *to = *from;
            }
        } else {
            for (to, from) in block.iter_mut().zip(key) {
                *to = *from;
            }
        }
        // From a whole block the crate's constructor can't fail.
        Self(Hmac::new((&*block).into()))
    }

    /// The signature of the parts one after the other, in lower hex. Allocates nothing.
    #[must_use]
    pub fn sign_hex(&self, parts: &[&[u8]]) -> Hex64 {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes().into())
    }
}

impl From<&Secret> for HmacSha256Key {
    fn from(secret: &Secret) -> Self {
        Self::new(secret.expose())
    }
}

impl fmt::Debug for HmacSha256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256Key(***)")
    }
}

/// SHA-256 of the parts one after the other, in lower hex. Allocates nothing.
#[must_use]
pub fn sha256_hex(parts: &[&[u8]]) -> Hex64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex(&hash.finalize().into())
}

/// The signature of Ziario's login: HMAC-SHA256 of `api_key=K&timestamp=T`, where `T` is Unix **seconds**.
///
/// The venue's document prints `&timestamp` as `×tamp` (an HTML entity gone wrong); the string signed here is the one
/// meant, with the ampersand and the whole word.
#[must_use]
pub fn ziario_signature(api_key: &[u8], secret: &HmacSha256Key, unix_seconds: i64) -> Hex64 {
    secret.sign_hex(&[b"api_key=", api_key, b"&timestamp=", &Decimal::of(unix_seconds)])
}

/// The signature of `CoinCeres`: plain SHA-256 of the parameters sorted by name, `k=v` joined by `&`, then `&secret=S`.
///
/// Sorts what it is given (stably, by the bytes of the name), so the caller's order is of no account. With no parameters the
/// text is `secret=S`. Values go in as they are, not percent-encoded.
#[must_use]
pub fn coinceres_signature(parameters: &[(&[u8], &[u8])], secret: &Secret) -> Hex64 {
    let mut sorted = parameters.to_vec();
    sorted.sort_by_key(|(name, _)| *name);
    let mut hash = Sha256::new();
    for (name, value) in sorted {
        hash.update(name);
        hash.update(b"=");
        hash.update(value);
        hash.update(b"&");
    }
    hash.update(b"secret=");
    hash.update(secret.expose());
    hex(&hash.finalize().into())
}

/// The decimal digits of an integer, on the stack.
struct Decimal {
    digits: [u8; 20],
    at: usize,
}

impl Decimal {
    fn of(value: i64) -> Self {
        let (mut digits, mut at) = ([b'0'; 20], 20_usize);
        let mut rest = value.unsigned_abs();
        for place in digits.iter_mut().rev() {
            *place = digit(rest % 10, b"0123456789");
            at = at.saturating_sub(1);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        // The longest i64 has 19 digits: a place is left for the sign.
        if value < 0 {
            at = at.saturating_sub(1);
            if let Some(place) = digits.get_mut(at) {
                *place = b'-';
            }
        }
        Self { digits, at }
    }
}

impl core::ops::Deref for Decimal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.digits.get(self.at..).unwrap_or(&[])
    }
}

fn digit(value: u64, alphabet: &[u8]) -> u8 {
    usize::try_from(value).ok().and_then(|at| alphabet.get(at)).copied().unwrap_or(b'0')
}

fn hex(bytes: &[u8; 32]) -> Hex64 {
    /// Arithmetic instead of a table: no bound to check, and the loop vectorises.
    const fn nibble(value: u8) -> u8 {
        let letter = if value > 9 { b'a' - b'0' - 10 } else { 0 };
        value.wrapping_add(b'0').wrapping_add(letter)
    }
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = nibble(byte >> 4);
            *low = nibble(byte & 15);
        }
    }
    out
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
