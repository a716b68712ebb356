//! Close frames (RFC 6455 sections 5.5.1 and 7.4).

use super::{Message, ProtocolErrorKind};

/// Reads a close frame's payload.
pub(super) fn parse(payload: &[u8]) -> Result<Message<'_>, ProtocolErrorKind> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(Message::Close { code: None, reason: "" })
        } else {
            Err(ProtocolErrorKind::CloseLength)
        };
    };
    let code = u16::from_be_bytes(*code);
    if !is_allowed(code) {
        return Err(ProtocolErrorKind::CloseCode);
    }
    let reason = core::str::from_utf8(reason).map_err(|_| ProtocolErrorKind::CloseReason)?;
    Ok(Message::Close { code: Some(code), reason })
}

/// Whether a code may stand on the wire: those of RFC 6455 section 7.4.1 and of IANA's registry (1012 to 1014) except the
/// ones reserved for use inside an endpoint (1004, 1005, 1006, 1015), and the ranges for libraries and applications.
fn is_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
