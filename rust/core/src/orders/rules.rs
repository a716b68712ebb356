//! What a venue demands of an order in one instrument.

use super::types::words;

words! {
    /// What trading an instrument changes.
    Product {
        /// Balances of two currencies.
        Spot = 1 "spot",
        /// A long and a short position, settled in one currency.
        Contract = 2 "contract",
    }
}

/// The rules of one instrument. Prices are integers at `price_scale`, sizes at `size_scale`, notionals (price × size) at the
/// sum of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Canonical symbol: `ETH/USDT`.
    pub symbol: Box<str>,
    /// As the venue spells it in requests.
    pub raw_symbol: Box<str>,
    /// Spot or contract.
    pub product: Product,
    /// The currency (or thing) bought and sold.
    pub base: Box<str>,
    /// The currency of the price.
    pub quote: Box<str>,
    /// The currency that profits, margins and fees of a contract are paid in; of spot the quote currency.
    pub settle: Box<str>,
    /// Digits of prices after the decimal point; with `size_scale` at most 18.
    pub price_scale: u8,
    /// Digits of sizes after the decimal point.
    pub size_scale: u8,
    /// Prices are multiples of it; above 0.
    pub tick: i64,
    /// Sizes are multiples of it; above 0.
    pub lot: i64,
    /// Smallest size of an order, 0: none.
    pub min_size: i64,
    /// Largest size of an order, 0: none.
    pub max_size: i64,
    /// Lowest price, 0: none.
    pub min_price: i64,
    /// Smallest price × size, 0: none.
    pub min_notional: i128,
}
