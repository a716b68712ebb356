//! Ziario's spelling.

use super::{Cursor, Wanted};
use crate::event::{Kind, present};
use crate::venue::Context;

/// Reads a ticker.
#[inline]
pub(in super::super) fn read(message: &[u8], context: &mut Context<'_>) -> Option<()> {
    let mut cursor = Cursor::new(message);
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
