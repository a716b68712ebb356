//! Itick: see `docs/venues/itick.md`.

use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition};

/// Decoder of Itick's messages.
#[derive(Debug, Default)]
pub struct Itick;

impl Decode for Itick {
    fn decode(&mut self, _message: &[u8], _context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0))
    }
}
