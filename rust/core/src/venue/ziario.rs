//! Ziario: see `docs/venues/ziario.md`.

use super::{Context, Decode, DecodeError, DecodeErrorKind, Disposition};

/// Decoder of Ziario's messages.
#[derive(Debug, Default)]
pub struct Ziario;

impl Decode for Ziario {
    fn decode(&mut self, _message: &[u8], _context: &mut Context<'_>) -> Result<Disposition, DecodeError> {
        Err(DecodeError::new(DecodeErrorKind::UnknownShape, 0))
    }
}
