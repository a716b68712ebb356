//! Signatures, as hex text.

use ferrofeed_core::sign;
use pyo3::prelude::*;

fn text(hex: [u8; 64]) -> String {
    hex.iter().map(|byte| char::from(*byte)).collect()
}

/// Ziario's login signature.
#[pyfunction]
pub(crate) fn ziario_signature(api_key: &str, api_secret: &str, unix_seconds: i64) -> String {
    text(sign::ziario_signature(api_key.as_bytes(), &sign::HmacSha256Key::new(api_secret.as_bytes()), unix_seconds))
}

/// `CoinCeres`' signature of parameters: sorted `k=v` joined by `&`, then `&secret=…`, SHA-256.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn coinceres_signature(params: Vec<(String, String)>, secret: &str) -> String {
    let params: Vec<(&[u8], &[u8])> = params.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
    text(sign::coinceres_signature(&params, &sign::Secret::from(secret.as_bytes().to_vec())))
}

/// HMAC-SHA256, lower-case hex.
#[pyfunction]
pub(crate) fn hmac_sha256_hex(key: &[u8], message: &[u8]) -> String {
    text(sign::HmacSha256Key::new(key).sign_hex(&[message]))
}

/// SHA-256, lower-case hex.
#[pyfunction]
pub(crate) fn sha256_hex(message: &[u8]) -> String {
    text(sign::sha256_hex(&[message]))
}
