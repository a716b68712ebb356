//! Infoway's spelling: pushes wrapped in `data`, or bare. All numbers are quoted.
#![allow(clippy::inline_always, reason = "what is not inlined is compiled for any processor")]

use super::super::levels::MAX_LEVELS;
use super::{Cursor, Numbers, Straight, Wanted};
use crate::event::{BookView, Interval, Kind, Level, Side, present};
use crate::venue::Context;

/// What the wrapping says a push is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapped {
    /// It is bare: its fields say it.
    Bare,
    Trade,
    Depth,
}

/// See the module's text.
pub(in super::super) struct Infoway;

impl Straight for Infoway {
    /// Reads a trade, a depth or a bar. `asks` is room for a side.
    #[inline(always)]
    fn read<N: Numbers>(message: &[u8], numbers: N, context: &mut Context<'_>, asks: &mut Vec<Level>) -> Option<()> {
        let mut cursor = Cursor::new(message, numbers);
        let wrapped = if cursor.found(br#"{"code":10002,"data":{"s":""#) {
            Wrapped::Trade
        } else if cursor.found(br#"{"code":10005,"data":{"s":""#) {
            Wrapped::Depth
        } else if cursor.found(br#"{"s":""#) {
            Wrapped::Bare
        } else {
            return bar(cursor, context);
        };
        let wanted = Wanted::read(&mut cursor, context)?;
        cursor.eat(br#","t":"#)?;
        let time = cursor.millis()?;
        if wrapped != Wrapped::Depth && cursor.found(br#","p":""#) {
            return trade(cursor, wanted, time, wrapped, context);
        }
        if wrapped == Wrapped::Trade {
            return None;
        }
        let mark = context.out.levels.len();
        let read = depth(cursor, wanted, time, wrapped, context, asks);
        if read.is_none() {
            context.out.levels.truncate(mark);
        }
        read
    }
}

/// The end of a message behind the brace that closes the push.
#[inline(always)]
fn closed(mut cursor: Cursor<'_, impl Numbers>, wrapped: Wrapped) -> Option<()> {
    if wrapped != Wrapped::Bare {
        cursor.eat(b"}")?;
    }
    cursor.end()
}

/// A trade, from its price on.
#[inline(always)]
fn trade(
    mut cursor: Cursor<'_, impl Numbers>,
    wanted: Wanted,
    time: i64,
    wrapped: Wrapped,
    context: &mut Context<'_>,
) -> Option<()> {
    let price = cursor.price(wanted.price)?;
    cursor.eat(br#"","v":""#)?;
    let size = cursor.scaled(wanted.size)?;
    cursor.eat(br#"","vw":""#)?;
    let turnover = cursor.scaled(wanted.turnover)?;
    cursor.eat(br#"","td":"#)?;
    let aggressor = match cursor.digit()? {
        1 => Side::Buy,
        2 => Side::Sell,
        _ => Side::Unknown,
    };
    cursor.eat(b"}")?;
    closed(cursor, wrapped)?;
    let mut event = wanted.event(Kind::Trade, time, context);
    event.side = aggressor as u8;
    event.present = present::TURNOVER;
    event.v = [price, size, turnover, 0, 0, 0, 0, 0, 0];
    context.out.events.push(event);
    Some(())
}

/// A depth, behind its time. Levels already appended are taken back by the caller.
#[inline(always)]
fn depth(
    mut cursor: Cursor<'_, impl Numbers>,
    wanted: Wanted,
    time: i64,
    wrapped: Wrapped,
    context: &mut Context<'_>,
    asks: &mut Vec<Level>,
) -> Option<()> {
    let at = context.out.levels.len();
    asks.clear();
    cursor.eat(br#","a":[["#)?;
    columns(&mut cursor, wanted, asks, 0)?;
    cursor.eat(br#","b":[["#)?;
    columns(&mut cursor, wanted, &mut context.out.levels, at)?;
    let bids = context.out.levels.len().checked_sub(at)?;
    if bids > MAX_LEVELS || asks.len() > MAX_LEVELS {
        return None;
    }
    cursor.eat(b"}")?;
    closed(cursor, wrapped)?;
    context.out.levels.extend_from_slice(asks);
    let mut event = wanted.event(Kind::Book, time, context);
    event.set_book(&BookView { at, bids, asks: asks.len(), ..BookView::default() });
    context.out.events.push(event);
    Some(())
}

/// The prices and the sizes of a side, at least one of each, and the brackets behind them. Its levels stand from `mark` on.
#[inline(always)]
fn columns(start: &mut Cursor<'_, impl Numbers>, wanted: Wanted, levels: &mut Vec<Level>, mark: usize) -> Option<()> {
    // A copy, so that it can live in registers.
    let mut cursor = *start;
    cursor.eat(b"\"")?;
    loop {
        let price = cursor.price(wanted.price)?;
        levels.push(Level { price, size: 0 });
        if !cursor.found(br#"",""#) {
            break;
        }
    }
    cursor.eat(br#""],[""#)?;
    let mut rest = levels.get_mut(mark..)?;
    loop {
        let (level, later) = rest.split_first_mut()?;
        level.size = cursor.scaled(wanted.size)?;
        rest = later;
        if !cursor.found(br#"",""#) {
            break;
        }
    }
    cursor.eat(br#""]]"#)?;
    *start = cursor;
    rest.is_empty().then_some(())
}

/// A wrapped bar, its interval in front of its time or behind everything else.
#[inline(always)]
fn bar(mut cursor: Cursor<'_, impl Numbers>, context: &mut Context<'_>) -> Option<()> {
    cursor.eat(br#"{"code":10008,"data":{"s":""#)?;
    let wanted = Wanted::read(&mut cursor, context)?;
    let mut number = None;
    if cursor.found(br#","ty":"#) {
        number = Some(cursor.interval()?);
    }
    cursor.eat(br#","t":"#)?;
    let quoted = cursor.found(b"\"");
    let opened = cursor.seconds()?;
    if quoted {
        cursor.eat(b"\"")?;
    }
    cursor.eat(br#","h":""#)?;
    let high = cursor.price(wanted.price)?;
    cursor.eat(br#"","o":""#)?;
    let open = cursor.price(wanted.price)?;
    cursor.eat(br#"","l":""#)?;
    let low = cursor.price(wanted.price)?;
    cursor.eat(br#"","c":""#)?;
    let close = cursor.price(wanted.price)?;
    cursor.eat(br#"","v":""#)?;
    let volume = cursor.scaled(wanted.size)?;
    cursor.eat(br#"","vw":""#)?;
    let turnover = cursor.scaled(wanted.turnover)?;
    cursor.eat(br#"","pfr":""#)?;
    cursor.signed()?;
    cursor.eat(br#"%","pca":""#)?;
    cursor.signed()?;
    cursor.eat(b"\"")?;
    if number.is_none() && cursor.found(br#","ty":"#) {
        number = Some(cursor.interval()?);
    }
    cursor.eat(b"}}")?;
    cursor.end()?;
    let mut event = wanted.event(Kind::Bar, 0, context);
    event.interval = Interval::from_u8(number?)? as u8;
    event.present = present::VOLUME | present::TURNOVER;
    event.v = [open, high, low, close, volume, turnover, opened, 0, 0];
    context.out.events.push(event);
    Some(())
}
