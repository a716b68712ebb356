//! A usual order, and words to change it.

use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::{Open, Position};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{Checked, Intent, Limits, Reject, Risk, Seen, Top};
use ferrofeed_core::orders::venue::Supports;
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side, Unit};

pub(crate) fn dec(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is at [`ferrofeed_core::orders::MONEY_SCALE`].
pub(crate) fn money(text: &str) -> i128 {
    let value = dec(text);
    i128::from(value.coef) * 10_i128.pow(u32::from(18 - value.scale))
}

pub(crate) fn spot() -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETHUSDT".into(),
        product: Product::Spot,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale: 2,
        size_scale: 3,
        tick: 5,
        lot: 2,
        min_size: 10,
        max_size: 100_000,
        min_price: 1_000,
        min_notional: 1_000_000,
    }
}

pub(crate) fn contract() -> Rules {
    Rules { product: Product::Contract, ..spot() }
}

/// Everything: types, offsets for either product, and both units for market orders.
pub(crate) const ANYTHING: Supports = Supports {
    order_types: OrderType::ALL,
    spot_offsets: &[Offset::Net],
    contract_offsets: &[Offset::Open, Offset::Close],
    units: &[
        (OrderType::Limit, Side::Buy, Unit::Base),
        (OrderType::Limit, Side::Sell, Unit::Base),
        (OrderType::Ioc, Side::Buy, Unit::Base),
        (OrderType::Ioc, Side::Sell, Unit::Base),
        (OrderType::Market, Side::Buy, Unit::Quote),
        (OrderType::Market, Side::Sell, Unit::Base),
    ],
    client_ids: true,
    replace: true,
    most_cancels: 0,
};

/// One order and all that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) intent: Intent,
    pub(crate) rules: Rules,
    pub(crate) limits: Limits,
    pub(crate) seen: Seen,
}

impl Case {
    /// A purchase of 1 at 100, of spot; the book is 99.90 to 100.10.
    pub(crate) fn new() -> Self {
        let top = Top { bid: 9_990, ask: 10_010, price_scale: 2, valid: true, age: 1_000 };
        Self {
            intent: Intent {
                desk: 0,
                instrument: 0,
                side: Side::Buy,
                order_type: OrderType::Limit,
                offset: Offset::Net,
                unit: Unit::Base,
                price: dec("100"),
                quantity: dec("1"),
            },
            rules: spot(),
            limits: Limits::default(),
            seen: Seen::new(Mode::Active, Some(top), Position::default(), Open::default(), 0),
        }
    }

    pub(crate) fn contract(side: Side, offset: Offset) -> Self {
        let mut case = Self::new().sided(side);
        case.rules = contract();
        case.intent.offset = offset;
        case
    }

    pub(crate) fn sided(mut self, side: Side) -> Self {
        self.intent.side = side;
        self
    }

    pub(crate) fn price(mut self, text: &str) -> Self {
        self.intent.price = dec(text);
        self
    }

    pub(crate) fn quantity(mut self, text: &str) -> Self {
        self.intent.quantity = dec(text);
        self
    }

    pub(crate) fn typed(mut self, order_type: OrderType) -> Self {
        self.intent.order_type = order_type;
        if order_type == OrderType::Market {
            self.intent.price = dec("0");
        }
        self
    }

    /// A market purchase of so much money.
    pub(crate) fn spending(self, money: &str) -> Self {
        let mut case = self.typed(OrderType::Market).quantity(money);
        case.intent.unit = Unit::Quote;
        case
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn seen(mut self, change: impl FnOnce(&mut Seen)) -> Self {
        change(&mut self.seen);
        self
    }

    pub(crate) fn top(mut self, change: impl FnOnce(&mut Top)) -> Self {
        if let Some(top) = &mut self.seen.top {
            change(top);
        }
        self
    }

    /// What fresh checks say.
    pub(crate) fn check(&self) -> Result<Checked, Reject> {
        let mut risk = Risk::new(self.limits);
        if self.intent.unit == Unit::Quote {
            risk.set_supports(0, ANYTHING);
        }
        risk.check(&self.intent, &self.rules, &self.seen, 0)
    }

    #[track_caller]
    pub(crate) fn passes(&self) {
        if let Err(reject) = self.check() {
            panic!("refused: {reject}\n{self:?}");
        }
    }

    /// It is refused in exactly these words: they end with the rule.
    #[track_caller]
    pub(crate) fn refused(&self, text: &str) {
        match self.check() {
            Ok(checked) => panic!("let through as {checked:?}, expected: {text}\n{self:?}"),
            Err(reject) => assert_eq!(reject.to_string(), text),
        }
    }
}
