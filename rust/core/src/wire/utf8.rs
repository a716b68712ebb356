//! UTF-8 that arrives in pieces (RFC 6455 section 8.1).

/// Longest sequence in bytes.
const MAX: usize = 4;

/// Checks a text piece by piece; a sequence may be cut anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of the sequence that the pieces so far end in.
    open: [u8; MAX],
    len: usize,
}

impl Utf8 {
    /// Takes the next piece; says whether the text can still become valid. After a `false` the state means nothing.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> bool {
        while self.len != 0 {
            let Some((&byte, rest)) = piece.split_first() else { return true };
            let Some(slot) = self.open.get_mut(self.len) else { return false };
            *slot = byte;
            self.len = self.len.saturating_add(1);
            piece = rest;
            match self.open.get(..self.len).map(core::str::from_utf8) {
                Some(Ok(_)) => self.len = 0,
                Some(Err(error)) if error.error_len().is_none() => {}
                _ => return false,
            }
        }
        let Err(error) = core::str::from_utf8(piece) else { return true };
        let cut = piece.get(error.valid_up_to()..).unwrap_or_default();
        match self.open.get_mut(..cut.len()) {
            // `error_len` is `None` only for a cut sequence, which is shorter than `MAX`.
            Some(open) if error.error_len().is_none() => {
                open.copy_from_slice(cut);
                self.len = cut.len();
                true
            }
            _ => false,
        }
    }

    /// Whether the text may end here.
    pub(super) fn is_complete(self) -> bool {
        self.len == 0
    }
}
