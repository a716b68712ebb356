//! Words of others, made fit to be kept and shown: one line, bounded, without credentials.
//!
//! A venue may repeat what it was sent, and what it says goes into the journal, into events and logs.

use super::venue::LONGEST_TEXT;
use crate::quarantine::{REDACTED, redact};
use crate::sign::Secret;
use std::borrow::Cow;

/// Secrets of fewer bytes are none, and would take words apart.
const LEAST_SECRET: usize = 4;
/// Digits of a signature in hex. One that never ages is a credential.
const SIGNATURE: usize = 64;
/// So many digits at the very end of a text that was cut count as a signature, cut off.
const CUT_SIGNATURE: usize = 16;

/// The text without line breaks, control characters and marks that reorder what is shown: each is a space instead.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_unfit) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|char| if is_unfit(char) { ' ' } else { char }).collect())
}

fn is_unfit(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text in one line, secrets and signatures as `***`, at most [`LONGEST_TEXT`] bytes of it.
pub(crate) fn fit(text: &str, secrets: &[Secret]) -> Box<str> {
    let secrets: Vec<Secret> = secrets.iter().filter(|secret| secret.len() >= LEAST_SECRET).cloned().collect();
    let (clean, _) = redact(text.as_bytes(), &secrets, usize::MAX);
    let clean = unsigned(&clean, text.len() >= LONGEST_TEXT.saturating_sub(4));
    let clean = String::from_utf8_lossy(&clean);
    let line = one_line(&clean);
    let end = (0..=LONGEST_TEXT.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    line.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

/// The text without signatures; `is_cut`: one at its end may not be whole.
fn unsigned(text: &[u8], is_cut: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let digits = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        let (run, after) = rest.split_at_checked(digits.max(1)).unwrap_or((rest, &[]));
        let is_signature = digits >= SIGNATURE || (is_cut && after.is_empty() && digits >= CUT_SIGNATURE);
        match digits {
            0 => out.push(*first),
            _ if is_signature => out.extend_from_slice(REDACTED),
            _ => out.extend_from_slice(run),
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fit_stays() {
        for text in ["", "no money", "zu wenig Geld: 1 €", "余额不足", &"x".repeat(LONGEST_TEXT)] {
            assert_eq!(&*fit(text, &["hunter2".into()]), text);
            assert!(matches!(one_line(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn what_is_not_printed_is_a_space() {
        assert_eq!(one_line("a\nb\r\t\u{1b}[2J\u{85}\u{2028}\u{202e}\u{feff}z"), "a b   [2J    z");
    }

    #[test]
    fn secrets_go_whole_or_cut() {
        let secrets = ["hunter2-key".into(), "hunter2".into(), "abc".into(), "".into()];
        assert_eq!(&*fit("hunter2-key, hunter2, abc", &secrets), "***, ***, abc");
        let cut = format!("{}hunt", "x".repeat(LONGEST_TEXT - 4));
        assert!(!fit(&cut, &secrets).contains("hunt"));
    }

    #[test]
    fn signatures_go_whole_or_cut() {
        let signature = "2bb24f69ca812c766a7bd73e3c2a331b55373a122bba8ede47ced0b4a07139c0";
        assert_eq!(&*fit(&format!("sign={signature}&x"), &[]), "sign=***&x");
        assert_eq!(&*fit("order 8f3a99 of 2bb24f69ca812c766a7bd73e", &[]), "order 8f3a99 of 2bb24f69ca812c766a7bd73e");
        let start = "x".repeat(LONGEST_TEXT - 40);
        assert_eq!(&*fit(&format!("{start}{}", &signature[..40]), &[]), format!("{start}***"));
    }

    #[test]
    fn it_is_bounded_at_a_character() {
        assert_eq!(fit(&"€".repeat(LONGEST_TEXT), &[]).len(), LONGEST_TEXT / 3 * 3);
    }
}
