//! The words of an order.

/// Declares an enum of one byte with its names: the one place where they are spelled.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $value),+ }

        impl $name {
            /// All of them, in the order of their values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name, as in the API, the journal's print-out and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The one of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// The one of this value.
            #[must_use]
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value { $($value => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Which way.
    Side {
        /// Buy.
        Buy = 1 "buy",
        /// Sell.
        Sell = 2 "sell",
    }
}

impl Side {
    /// +1 for a purchase, −1 for a sale.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

words! {
    /// How it trades.
    OrderType {
        /// At its price or better; what is not traded at once rests.
        Limit = 1 "limit",
        /// At whatever price; what can't be traded at once is cancelled. Has no price.
        Market = 2 "market",
        /// At its price or better; what can't be traded at once is cancelled.
        Ioc = 3 "ioc",
    }
}

words! {
    /// Which of the two positions of a contract an order changes.
    ///
    /// Buy and open: open long · sell and close: close long · sell and open: open short · buy and close: close short.
    Offset {
        /// Spot, or a venue with one net position.
        Net = 0 "net",
        /// Opens a position.
        Open = 1 "open",
        /// Closes one.
        Close = 2 "close",
    }
}

words! {
    /// What an order's quantity counts.
    Unit {
        /// The base currency, or contracts.
        Base = 0 "base",
        /// Money: market purchases of some venues say how much to spend.
        Quote = 1 "quote",
    }
}

words! {
    /// Who was there first.
    Liquidity {
        /// The venue did not say.
        Unknown = 0 "unknown",
        /// The order rested.
        Maker = 1 "maker",
        /// The order took.
        Taker = 2 "taker",
    }
}
