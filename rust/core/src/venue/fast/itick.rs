//! iTick's spelling.
#![allow(clippy::inline_always, reason = "what is not inlined is compiled for any processor")]

use super::super::levels::MAX_LEVELS;
use super::{Cursor, Numbers, Straight, Wanted};
use crate::event::{BookView, Interval, Kind, Level, present};
use crate::venue::Context;

/// See the module's text.
pub(in super::super) struct Itick;

impl Straight for Itick {
    /// Reads a quote, a tick, a depth or a bar. `asks` is room for a side.
    #[inline(always)]
    fn read<N: Numbers>(message: &[u8], numbers: N, context: &mut Context<'_>, asks: &mut Vec<Level>) -> Option<()> {
        let mut cursor = Cursor::new(message, numbers);
        if !cursor.found(br#"{"code":1,"data":{"s":""#) {
            cursor.eat(br#"{"code":0,"msg":null,"data":{"s":""#)?;
        }
        let wanted = Wanted::read(&mut cursor, context)?;
        if cursor.found(br#","ld":"#) {
            return traded(cursor, wanted, context);
        }
        let mut time = None;
        if cursor.found(br#","t":"#) {
            match cursor.millis() {
                Some(millis) => time = Some(millis),
                None => return bar(cursor, wanted, context),
            }
        }
        let mark = context.out.levels.len();
        let read = depth(cursor, wanted, time, context, asks);
        if read.is_none() {
            context.out.levels.truncate(mark);
        }
        read
    }
}

/// A quote or a tick, from its price on.
#[inline(always)]
fn traded(mut cursor: Cursor<'_, impl Numbers>, wanted: Wanted, context: &mut Context<'_>) -> Option<()> {
    let last = cursor.price(wanted.price)?;
    if cursor.found(br#","v":"#) {
        let size = cursor.scaled(wanted.size)?;
        cursor.eat(br#","t":"#)?;
        let time = cursor.millis()?;
        cursor.eat(br#","type":"tick"}}"#)?;
        cursor.end()?;
        let mut event = wanted.event(Kind::Trade, time, context);
        event.v = [last, size, 0, 0, 0, 0, 0, 0, 0];
        context.out.events.push(event);
        return Some(());
    }
    let mut bits = present::VOLUME | present::TURNOVER | present::STATUS;
    let (mut open, mut high, mut low) = (0, 0, 0);
    if cursor.found(br#","o":"#) {
        open = cursor.price(wanted.price)?;
        cursor.eat(br#","h":"#)?;
        high = cursor.price(wanted.price)?;
        cursor.eat(br#","l":"#)?;
        low = cursor.price(wanted.price)?;
        bits |= present::OPEN | present::HIGH | present::LOW;
    }
    cursor.eat(br#","t":"#)?;
    let time = cursor.millis()?;
    cursor.eat(br#","v":"#)?;
    let volume = cursor.scaled(wanted.size)?;
    cursor.eat(br#","tu":"#)?;
    let turnover = cursor.scaled(wanted.turnover)?;
    cursor.eat(br#","ts":"#)?;
    let status = cursor.digit()?;
    cursor.eat(br#","type":"quote"}}"#)?;
    cursor.end()?;
    let mut event = wanted.event(Kind::Quote, time, context);
    event.present = bits;
    event.v = [last, volume, turnover, 0, open, high, low, i64::from(status), 0];
    context.out.events.push(event);
    Some(())
}

/// A depth, behind its symbol or its time. Levels already appended are taken back by the caller.
#[inline(always)]
fn depth(
    mut cursor: Cursor<'_, impl Numbers>,
    wanted: Wanted,
    mut time: Option<i64>,
    context: &mut Context<'_>,
    asks: &mut Vec<Level>,
) -> Option<()> {
    let at = context.out.levels.len();
    asks.clear();
    cursor.eat(br#","a":["#)?;
    side(&mut cursor, wanted, asks)?;
    cursor.eat(br#","b":["#)?;
    side(&mut cursor, wanted, &mut context.out.levels)?;
    let bids = context.out.levels.len().checked_sub(at)?;
    if (bids == 0 && asks.is_empty()) || bids > MAX_LEVELS || asks.len() > MAX_LEVELS {
        return None;
    }
    if time.is_none() && cursor.found(br#","t":"#) {
        time = Some(cursor.millis()?);
    }
    cursor.eat(br#","type":"depth"}}"#)?;
    cursor.end()?;
    context.out.levels.extend_from_slice(asks);
    let mut event = wanted.event(Kind::Book, time.unwrap_or(0), context);
    event.set_book(&BookView { at, bids, asks: asks.len(), ..BookView::default() });
    context.out.events.push(event);
    Some(())
}

/// The levels of a side and the bracket behind them.
#[inline(always)]
fn side(start: &mut Cursor<'_, impl Numbers>, wanted: Wanted, levels: &mut Vec<Level>) -> Option<()> {
    if start.found(b"]") {
        return Some(());
    }
    // A copy, so that it can live in registers.
    let mut cursor = *start;
    loop {
        if cursor.rows((wanted.price, wanted.size), levels) {
            *start = cursor;
            return Some(());
        }
        levels.push(row(&mut cursor, wanted)?);
        if !cursor.found(b"},") {
            cursor.eat(b"}]")?;
            *start = cursor;
            return Some(());
        }
    }
}

/// A level, up to its closing brace, piece by piece.
#[inline(never)]
fn row(cursor: &mut Cursor<'_, impl Numbers>, wanted: Wanted) -> Option<Level> {
    cursor.row()?;
    let price = cursor.price(wanted.price)?;
    cursor.eat(br#","v":"#)?;
    let volume = *cursor;
    let size = cursor.scaled(wanted.size)?;
    let length = cursor.behind(volume);
    if cursor.found(br#","o":"#) {
        cursor.skip_number(volume, length)?;
    }
    Some(Level { price, size })
}

/// A bar, behind `"t":`.
#[inline(always)]
fn bar(mut cursor: Cursor<'_, impl Numbers>, wanted: Wanted, context: &mut Context<'_>) -> Option<()> {
    let interval = Interval::from_u8(cursor.interval()?).filter(|interval| *interval as u8 <= Interval::Mo1 as u8)?;
    cursor.eat(br#","k":{"tu":"#)?;
    let turnover = cursor.scaled(wanted.turnover)?;
    cursor.eat(br#","c":"#)?;
    let close = cursor.price(wanted.price)?;
    cursor.eat(br#","t":"#)?;
    let opened = cursor.millis()?;
    cursor.eat(br#","v":"#)?;
    let volume = cursor.scaled(wanted.size)?;
    cursor.eat(br#","h":"#)?;
    let high = cursor.price(wanted.price)?;
    cursor.eat(br#","l":"#)?;
    let low = cursor.price(wanted.price)?;
    cursor.eat(br#","o":"#)?;
    let open = cursor.price(wanted.price)?;
    cursor.eat(b"}}}")?;
    cursor.end()?;
    let mut event = wanted.event(Kind::Bar, 0, context);
    event.interval = interval as u8;
    event.present = present::VOLUME | present::TURNOVER;
    event.v = [open, high, low, close, volume, turnover, opened, 0, 0];
    context.out.events.push(event);
    Some(())
}
