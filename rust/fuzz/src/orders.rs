//! A trading venue's decoder on any bytes: it never panics, agrees with a reading by `serde_json` on every report, refuses what that
//! refuses, leaves nothing behind when it does, and shows no token.
//!
//! Input: messages, one a line; each stands for itself, since the decoders have no state.

use crate::order_oracle::{self, Doubt};
use ferrofeed_core::orders::Report;
use ferrofeed_core::orders::venue::{coinceres, explain, quantapi};
use ferrofeed_core::venue::Disposition;

/// UTC+8, as the venue's own clock is.
const OFFSET: i32 = 8 * 3_600;

/// Which decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Venue {
    /// `CoinCeres`.
    CoinCeres,
    /// quantapi.
    Quantapi,
}

/// Runs one input.
///
/// # Panics
/// On a finding.
pub fn run(venue: Venue, data: &[u8]) {
    for message in data.split(|byte| *byte == b'\n') {
        let mut out = vec![Report::Pong(Some(42))];
        let verdict = match venue {
            Venue::CoinCeres => coinceres::decode(message, OFFSET, &mut out),
            Venue::Quantapi => quantapi::decode(message, &mut out),
        };
        assert_eq!(out.remove(0), Report::Pong(Some(42)), "earlier reports stay");
        match verdict {
            Ok(Disposition::Data) => assert!(!out.is_empty(), "data without a report"),
            Ok(Disposition::Control) => assert!(matches!(out[..], [Report::Pong(_)]), "{out:?}"),
            Ok(Disposition::Ignored(_)) => assert!(out.is_empty(), "{out:?}"),
            Err(error) => {
                assert!(out.is_empty(), "a refused message left {out:?}");
                assert!(error.at <= message.len(), "an error at {} of {}", error.at, message.len());
                assert!(explain(message, error).len() < 512);
            }
        }
        let expected = match venue {
            Venue::CoinCeres => order_oracle::coinceres(message, OFFSET),
            Venue::Quantapi => order_oracle::quantapi(message),
        };
        let shown = String::from_utf8_lossy(message);
        match expected {
            Ok(expected) => {
                assert!(verdict.is_ok(), "refuses what the other reading accepts ({verdict:?}): {shown}");
                assert_eq!(out, expected, "{shown}");
            }
            Err(Doubt::Refused) => assert!(verdict.is_err(), "accepts what the other reading refuses: {shown}"),
            Err(Doubt::Unsure) => {}
        }
    }
}
