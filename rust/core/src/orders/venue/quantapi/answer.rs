//! What it says.

use crate::orders::Report;
use crate::venue::{DecodeError, DecodeErrorKind, Disposition};

/// Decodes one whole text message and appends what it says.
///
/// # Errors
/// [`DecodeError`]; nothing is appended.
pub fn decode(text: &[u8], out: &mut Vec<Report>) -> Result<Disposition, DecodeError> {
    let _ = out;
    Err(DecodeError::new(DecodeErrorKind::UnknownShape, text.len()))
}
