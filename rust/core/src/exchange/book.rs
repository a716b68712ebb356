//! One instrument: its rules and terms, the resting orders, and the live book in front of them.

use super::display::Display;
use super::ladder::Ladder;
use super::money::MAX_PPM;
use crate::orders::{Rules, Side};

/// What an instrument costs, and how much of a contract's worth must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Fee of the order that was there first, millionths of the money; at most a million.
    pub maker_ppm: u32,
    /// Fee of the order that took.
    pub taker_ppm: u32,
    /// Worth of a contract's position over its margin; 1 for spot.
    pub leverage: u32,
}

#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) rules: Rules,
    pub(super) terms: Terms,
    /// The larger of both fees.
    pub(super) worst_ppm: u32,
    pub(super) base: u32,
    /// The currency that is paid: quote of spot, settlement of contracts.
    pub(super) money: u32,
    bids: Ladder,
    asks: Ladder,
    shown_bids: Display,
    shown_asks: Display,
}

impl Instrument {
    pub(super) fn new(rules: Rules, terms: Terms, base: u32, money: u32) -> Self {
        let leverage = if rules.product == crate::orders::Product::Spot { 1 } else { terms.leverage.max(1) };
        let terms =
            Terms { maker_ppm: terms.maker_ppm.min(MAX_PPM), taker_ppm: terms.taker_ppm.min(MAX_PPM), leverage };
        Self {
            rules,
            terms,
            worst_ppm: terms.maker_ppm.max(terms.taker_ppm),
            base,
            money,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            shown_bids: Display::new(Side::Buy),
            shown_asks: Display::new(Side::Sell),
        }
    }

    pub(super) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub(super) const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    pub(super) const fn shown(&self, side: Side) -> &Display {
        match side {
            Side::Buy => &self.shown_bids,
            Side::Sell => &self.shown_asks,
        }
    }

    pub(super) const fn shown_mut(&mut self, side: Side) -> &mut Display {
        match side {
            Side::Buy => &mut self.shown_bids,
            Side::Sell => &mut self.shown_asks,
        }
    }

    /// The fee of an order that was there first, or took.
    pub(super) const fn ppm(&self, maker: bool) -> u32 {
        if maker { self.terms.maker_ppm } else { self.terms.taker_ppm }
    }
}

impl Side {
    /// Whether a price is better than another for an order of this side to trade with others: a purchase's higher, a sale's lower.
    #[inline]
    pub(super) const fn better(self, a: i64, b: i64) -> bool {
        match self {
            Self::Buy => a > b,
            Self::Sell => a < b,
        }
    }
}
