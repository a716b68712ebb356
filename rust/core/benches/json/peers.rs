//! The same frames through well-kept crates, each used in the fastest exact way it offers.

use ferrofeed_core::num::Decimal;
use serde::Deserialize;

use crate::{Depth, Quote, Side, Ticker};

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "D: Deserialize<'de>"))]
struct Envelope<D> {
    data: D,
}

/// `N` is the crate's borrowed text of a number.
#[derive(Deserialize)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct QuoteData<'a, N> {
    s: &'a str,
    ld: N,
    t: i64,
    v: N,
    tu: N,
    ts: i64,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct ItickDepth<'a, N> {
    s: &'a str,
    a: [ItickLevel<N>; 5],
    b: [ItickLevel<N>; 5],
}

#[derive(Deserialize)]
struct ItickLevel<N> {
    p: N,
    v: N,
}

#[derive(Deserialize)]
struct InfowayDepth<'a> {
    s: &'a str,
    t: i64,
    #[serde(borrow)]
    a: [[&'a str; 5]; 2],
    #[serde(borrow)]
    b: [[&'a str; 5]; 2],
}

#[derive(Deserialize)]
struct ZiarioTicker<'a> {
    symbol: &'a str,
    price: &'a str,
    change_24h: &'a str,
    volume_24h: &'a str,
    timestamp: i64,
}

impl<'a, N> QuoteData<'a, N> {
    fn exact(&self, number: impl Fn(&N) -> Decimal) -> Quote<'a> {
        Quote {
            symbol: self.s.as_bytes(),
            last: number(&self.ld),
            time: self.t,
            volume: number(&self.v),
            turnover: number(&self.tu),
            status: self.ts,
        }
    }
}

impl<'a, N> ItickDepth<'a, N> {
    fn exact(&self, number: impl Fn(&N) -> Decimal) -> Depth<'a> {
        let side = |levels: &[ItickLevel<N>; 5]| levels.each_ref().map(|level| (number(&level.p), number(&level.v)));
        Depth { symbol: self.s.as_bytes(), time: 0, asks: side(&self.a), bids: side(&self.b) }
    }
}

impl<'a> InfowayDepth<'a> {
    fn exact(&self) -> Depth<'a> {
        let side = |[prices, sizes]: &[[&str; 5]; 2]| -> Side {
            std::array::from_fn(|i| (decimal(prices[i]), decimal(sizes[i])))
        };
        Depth { symbol: self.s.as_bytes(), time: self.t, asks: side(&self.a), bids: side(&self.b) }
    }
}

impl<'a> ZiarioTicker<'a> {
    fn exact(&self) -> Ticker<'a> {
        Ticker {
            symbol: self.symbol.as_bytes(),
            price: decimal(self.price),
            change: decimal(self.change_24h),
            volume: decimal(self.volume_24h),
            time: self.timestamp,
        }
    }
}

pub(crate) mod serde_json {
    use serde_json::from_slice;
    use serde_json::value::RawValue;

    use super::{Depth, Envelope, InfowayDepth, ItickDepth, Quote, QuoteData, Ticker, ZiarioTicker, decimal};

    pub(crate) fn itick_quote(frame: &[u8]) -> Quote<'_> {
        let frame: Envelope<QuoteData<'_, &RawValue>> = from_slice(frame).unwrap();
        frame.data.exact(|number| decimal(number.get()))
    }

    pub(crate) fn itick_depth(frame: &[u8]) -> Depth<'_> {
        let frame: Envelope<ItickDepth<'_, &RawValue>> = from_slice(frame).unwrap();
        frame.data.exact(|number| decimal(number.get()))
    }

    pub(crate) fn infoway_depth(frame: &[u8]) -> Depth<'_> {
        let frame: Envelope<InfowayDepth<'_>> = from_slice(frame).unwrap();
        frame.data.exact()
    }

    pub(crate) fn ziario_ticker(frame: &[u8]) -> Ticker<'_> {
        from_slice::<ZiarioTicker<'_>>(frame).unwrap().exact()
    }
}

pub(crate) mod sonic_rs {
    use sonic_rs::{LazyValue, from_slice};

    use super::{
        Depth, Envelope, InfowayDepth, ItickDepth, ItickLevel, Quote, QuoteData, Ticker, ZiarioTicker, decimal,
    };

    pub(crate) fn itick_quote(frame: &[u8]) -> Quote<'_> {
        let frame: Envelope<QuoteData<'_, LazyValue<'_>>> = from_slice(frame).unwrap();
        frame.data.exact(|number| decimal(number.as_raw_str()))
    }

    pub(crate) fn itick_depth(frame: &[u8]) -> Depth<'_> {
        let frame: Envelope<ItickDepth<'_, LazyValue<'_>>> = from_slice(frame).unwrap();
        frame.data.exact(|number| decimal(number.as_raw_str()))
    }

    /// Not exact: what the crate is made for.
    pub(crate) fn itick_quote_f64(frame: &[u8]) -> [f64; 3] {
        let frame: Envelope<QuoteData<'_, f64>> = from_slice(frame).unwrap();
        [frame.data.ld, frame.data.v, frame.data.tu]
    }

    /// Not exact: what the crate is made for.
    pub(crate) fn itick_depth_f64(frame: &[u8]) -> [[(f64, f64); 5]; 2] {
        let frame: Envelope<ItickDepth<'_, f64>> = from_slice(frame).unwrap();
        [frame.data.a, frame.data.b].map(|side| side.map(|ItickLevel { p, v }| (p, v)))
    }

    pub(crate) fn infoway_depth(frame: &[u8]) -> Depth<'_> {
        let frame: Envelope<InfowayDepth<'_>> = from_slice(frame).unwrap();
        frame.data.exact()
    }

    pub(crate) fn ziario_ticker(frame: &[u8]) -> Ticker<'_> {
        from_slice::<ZiarioTicker<'_>>(frame).unwrap().exact()
    }
}

pub(crate) mod jiter {
    use jiter::{Jiter, JiterResult};

    use super::{Decimal, Depth, Quote, Side, Ticker};

    fn number(jiter: &mut Jiter<'_>) -> JiterResult<Decimal> {
        Ok(Decimal::parse(jiter.next_number_bytes()?).unwrap())
    }

    fn quoted(jiter: &mut Jiter<'_>) -> JiterResult<Decimal> {
        Ok(Decimal::parse(jiter.next_bytes()?).unwrap())
    }

    fn integer(jiter: &mut Jiter<'_>) -> JiterResult<i64> {
        Ok(number(jiter)?.at_scale(0).unwrap())
    }

    /// A string's bytes, borrowed from the frame: jiter lends its own only until the next call.
    fn borrowed<'a>(frame: &'a [u8], jiter: &mut Jiter<'_>) -> JiterResult<&'a [u8]> {
        let length = jiter.next_bytes()?.len();
        let end = jiter.current_index() - 1;
        Ok(&frame[end - length..end])
    }

    /// Keys are told apart by number, since a borrowed one would lock the parser.
    fn key_of(key: Option<&[u8]>, known: &[&[u8]]) -> Option<usize> {
        key.map(|key| known.iter().position(|known| *known == key).unwrap_or(known.len()))
    }

    fn fields(
        jiter: &mut Jiter<'_>,
        known: &[&[u8]],
        mut field: impl FnMut(usize, &mut Jiter<'_>) -> JiterResult<()>,
    ) -> JiterResult<()> {
        let mut key = key_of(jiter.next_object_bytes()?, known);
        while let Some(index) = key {
            if index < known.len() {
                field(index, jiter)?;
            } else {
                jiter.next_skip()?;
            }
            key = key_of(jiter.next_key_bytes()?, known);
        }
        Ok(())
    }

    pub(crate) fn itick_quote(frame: &[u8]) -> Quote<'_> {
        let mut quote = Quote::default();
        let mut jiter = Jiter::new(frame);
        fields(&mut jiter, &[b"data"], |_, jiter| {
            fields(jiter, &[b"s", b"ld", b"t", b"v", b"tu", b"ts"], |index, jiter| {
                match index {
                    0 => quote.symbol = borrowed(frame, jiter)?,
                    1 => quote.last = number(jiter)?,
                    2 => quote.time = integer(jiter)?,
                    3 => quote.volume = number(jiter)?,
                    4 => quote.turnover = number(jiter)?,
                    _ => quote.status = integer(jiter)?,
                }
                Ok(())
            })
        })
        .unwrap();
        jiter.finish().unwrap();
        quote
    }

    fn itick_side(jiter: &mut Jiter<'_>, side: &mut Side) -> JiterResult<()> {
        let mut levels = side.iter_mut();
        let mut more = jiter.next_array()?;
        while more.is_some() {
            let level = levels.next().unwrap();
            fields(jiter, &[b"p", b"v"], |index, jiter| {
                let number = number(jiter)?;
                if index == 0 {
                    level.0 = number;
                } else {
                    level.1 = number;
                }
                Ok(())
            })?;
            more = jiter.array_step()?;
        }
        Ok(())
    }

    fn infoway_side(jiter: &mut Jiter<'_>, side: &mut Side) -> JiterResult<()> {
        jiter.next_array()?;
        column(jiter, side.iter_mut().map(|level| &mut level.0))?;
        jiter.array_step()?;
        column(jiter, side.iter_mut().map(|level| &mut level.1))?;
        assert!(jiter.array_step()?.is_none());
        Ok(())
    }

    fn column<'s>(jiter: &mut Jiter<'_>, mut out: impl Iterator<Item = &'s mut Decimal>) -> JiterResult<()> {
        let mut more = jiter.next_array()?;
        while more.is_some() {
            *out.next().unwrap() = quoted(jiter)?;
            more = jiter.array_step()?;
        }
        Ok(())
    }

    fn depth(frame: &[u8], side: fn(&mut Jiter<'_>, &mut Side) -> JiterResult<()>) -> Depth<'_> {
        let mut depth = Depth::default();
        let mut jiter = Jiter::new(frame);
        fields(&mut jiter, &[b"data"], |_, jiter| {
            fields(jiter, &[b"s", b"t", b"a", b"b"], |index, jiter| {
                match index {
                    0 => depth.symbol = borrowed(frame, jiter)?,
                    1 => depth.time = integer(jiter)?,
                    2 => side(jiter, &mut depth.asks)?,
                    _ => side(jiter, &mut depth.bids)?,
                }
                Ok(())
            })
        })
        .unwrap();
        jiter.finish().unwrap();
        depth
    }

    pub(crate) fn itick_depth(frame: &[u8]) -> Depth<'_> {
        depth(frame, itick_side)
    }

    pub(crate) fn infoway_depth(frame: &[u8]) -> Depth<'_> {
        depth(frame, infoway_side)
    }

    pub(crate) fn ziario_ticker(frame: &[u8]) -> Ticker<'_> {
        let mut ticker = Ticker::default();
        let mut jiter = Jiter::new(frame);
        fields(&mut jiter, &[b"symbol", b"price", b"change_24h", b"volume_24h", b"timestamp"], |index, jiter| {
            match index {
                0 => ticker.symbol = borrowed(frame, jiter)?,
                1 => ticker.price = quoted(jiter)?,
                2 => ticker.change = quoted(jiter)?,
                3 => ticker.volume = quoted(jiter)?,
                _ => ticker.time = integer(jiter)?,
            }
            Ok(())
        })
        .unwrap();
        jiter.finish().unwrap();
        ticker
    }
}
