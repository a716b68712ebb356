//! Ziario's spelling.
#![allow(clippy::inline_always, reason = "what is not inlined is compiled for any processor")]

use super::{Cursor, Numbers, Straight, Wanted};
use crate::event::{Kind, Level, present};
use crate::venue::Context;

/// See the module's text.
pub(in super::super) struct Ziario;

impl Straight for Ziario {
    /// Reads a ticker.
    #[inline(always)]
    fn read<N: Numbers>(message: &[u8], numbers: N, context: &mut Context<'_>, _asks: &mut Vec<Level>) -> Option<()> {
        let mut cursor = Cursor::new(message, numbers);
        cursor.eat(br#"{"type":"ticker","symbol":""#)?;
        let wanted = Wanted::read(&mut cursor, context)?;
        cursor.eat(br#","price":""#)?;
        let last = cursor.price(wanted.price)?;
        cursor.eat(br#"","change_24h":""#)?;
        let change = cursor.signed()?;
        cursor.eat(br#"","volume_24h":""#)?;
        let volume = cursor.scaled(wanted.size)?;
        cursor.eat(br#"","timestamp":"#)?;
        let time = cursor.seconds()?;
        cursor.eat(b"}")?;
        cursor.end()?;
        let mut event = wanted.event(Kind::Quote, time, context);
        event.change_scale = change.scale;
        event.present = present::VOLUME | present::CHANGE;
        event.v = [last, volume, 0, change.coef, 0, 0, 0, 0, 0];
        context.out.events.push(event);
        Some(())
    }
}
