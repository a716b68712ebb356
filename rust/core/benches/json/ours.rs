//! The scanner, used as a decoder uses it: keys in any order, unknown ones skipped, everything validated.

use ferrofeed_core::json::{JsonError, Scanner};
use ferrofeed_core::num::Decimal;

use crate::{Depth, Quote, Side, Ticker};

fn decimal(scanner: &mut Scanner<'_>) -> Result<Decimal, JsonError> {
    Ok(Decimal::parse(scanner.number_or_string()?).unwrap())
}

fn integer(scanner: &mut Scanner<'_>) -> Result<i64, JsonError> {
    Ok(decimal(scanner)?.at_scale(0).unwrap())
}

/// Walks the frame's envelope and hands the object under `data` to `inner`.
fn data<'a>(
    frame: &'a [u8],
    mut inner: impl FnMut(&mut Scanner<'a>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(frame);
    scanner.enter_object()?;
    while let Some(key) = scanner.next_key()? {
        if key.is("data") {
            inner(&mut scanner)?;
        } else {
            scanner.skip()?;
        }
    }
    scanner.finish()
}

pub(crate) fn itick_quote(frame: &[u8]) -> Quote<'_> {
    let mut quote = Quote::default();
    data(frame, |scanner| {
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match key.raw {
                b"s" => quote.symbol = scanner.string()?.raw,
                b"ld" => quote.last = decimal(scanner)?,
                b"t" => quote.time = integer(scanner)?,
                b"v" => quote.volume = decimal(scanner)?,
                b"tu" => quote.turnover = decimal(scanner)?,
                b"ts" => quote.status = integer(scanner)?,
                _ => drop(scanner.skip()?),
            }
        }
        Ok(())
    })
    .unwrap();
    quote
}

fn itick_side(scanner: &mut Scanner<'_>, side: &mut Side) -> Result<(), JsonError> {
    let mut levels = side.iter_mut();
    scanner.enter_array()?;
    while scanner.next_element()? {
        let level = levels.next().unwrap();
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match key.raw {
                b"p" => level.0 = decimal(scanner)?,
                b"v" => level.1 = decimal(scanner)?,
                _ => drop(scanner.skip()?),
            }
        }
    }
    Ok(())
}

fn infoway_side(scanner: &mut Scanner<'_>, side: &mut Side) -> Result<(), JsonError> {
    scanner.enter_array()?;
    assert!(scanner.next_element()?);
    column(scanner, side.iter_mut().map(|level| &mut level.0))?;
    assert!(scanner.next_element()?);
    column(scanner, side.iter_mut().map(|level| &mut level.1))?;
    assert!(!scanner.next_element()?);
    Ok(())
}

fn column<'s>(scanner: &mut Scanner<'_>, mut out: impl Iterator<Item = &'s mut Decimal>) -> Result<(), JsonError> {
    scanner.enter_array()?;
    while scanner.next_element()? {
        *out.next().unwrap() = decimal(scanner)?;
    }
    Ok(())
}

fn depth(frame: &[u8], side: fn(&mut Scanner<'_>, &mut Side) -> Result<(), JsonError>) -> Depth<'_> {
    let mut depth = Depth::default();
    data(frame, |scanner| {
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match key.raw {
                b"s" => depth.symbol = scanner.string()?.raw,
                b"t" => depth.time = integer(scanner)?,
                b"a" => side(scanner, &mut depth.asks)?,
                b"b" => side(scanner, &mut depth.bids)?,
                _ => drop(scanner.skip()?),
            }
        }
        Ok(())
    })
    .unwrap();
    depth
}

pub(crate) fn itick_depth(frame: &[u8]) -> Depth<'_> {
    depth(frame, itick_side)
}

pub(crate) fn infoway_depth(frame: &[u8]) -> Depth<'_> {
    depth(frame, infoway_side)
}

pub(crate) fn ziario_ticker(frame: &[u8]) -> Ticker<'_> {
    fn walk(frame: &[u8]) -> Result<Ticker<'_>, JsonError> {
        let mut ticker = Ticker::default();
        let mut scanner = Scanner::new(frame);
        scanner.enter_object()?;
        while let Some(key) = scanner.next_key()? {
            match key.raw {
                b"symbol" => ticker.symbol = scanner.string()?.raw,
                b"price" => ticker.price = decimal(&mut scanner)?,
                b"change_24h" => ticker.change = decimal(&mut scanner)?,
                b"volume_24h" => ticker.volume = decimal(&mut scanner)?,
                b"timestamp" => ticker.time = integer(&mut scanner)?,
                _ => drop(scanner.skip()?),
            }
        }
        scanner.finish()?;
        Ok(ticker)
    }
    walk(frame).unwrap()
}
