//! Infoway: see `docs/venues/infoway.md`.

use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition};

/// Decoder of Infoway's messages.
#[derive(Debug, Default)]
pub struct Infoway;

impl Decode for Infoway {
    fn decode(&mut self, _message: &[u8], _context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0))
    }
}
