//! A router that is ready, and a venue that answers at once.

use ferrofeed_core::clock::{Nanos, Stamp, monotonic_ns};
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::risk::{Limits, Risk, Top};
use ferrofeed_core::orders::router::{Config, DeskState, NewOrder, Outgoing, Request, Router, Sink, Speaker};
use ferrofeed_core::orders::{
    ExecutionReport, Gateway, Liquidity, Offset, OrderType, Product, Report, RequestKey, Rules, Side, Unit,
};
use ferrofeed_core::sign::Secret;

/// The longest an order may wait to be sent here, ns.
const TTL: Nanos = 60_000_000_000;

/// A pair with price steps of 0.01 and size steps of 0.001.
pub(crate) fn rules() -> Rules {
    Rules {
        symbol: "ETH/USDT".into(),
        raw_symbol: "ETH_USDT".into(),
        product: Product::Spot,
        base: "ETH".into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        price_scale: 2,
        size_scale: 3,
        tick: 1,
        lot: 1,
        min_size: 1,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    }
}

pub(crate) fn coinceres() -> Speaker {
    Speaker::CoinCeres { exchange: "OKEX".into(), leverage: 0, utc_offset_s: 28_800 }
}

pub(crate) fn quantapi() -> Speaker {
    Speaker::QuantApi {
        platform: "okex".into(),
        symbols: vec!["ETH_USDT".into()],
        access_key: Secret::from("key"),
        secret_key: Secret::from("secret"),
    }
}

/// Every limit there is, none of which an order here breaks.
pub(crate) fn every_limit() -> Limits {
    let number = |coef| Some(Decimal { coef, scale: 0 });
    Limits {
        max_quantity: number(10),
        max_notional: number(10_000),
        collar: Some(2_000),
        max_position: number(1_000_000),
        max_open_orders: Some(1_000),
        max_open_orders_venue: Some(1_000),
        duplicate_window: 10_000_000,
        ..Limits::default()
    }
}

/// One order on its way.
pub(crate) struct Sent {
    pub(crate) outgoing: Outgoing,
    /// At scale 3.
    pub(crate) quantity: i64,
}

pub(crate) struct Gate {
    pub(crate) router: Router,
    desk: u16,
    instrument: u32,
    orders: i64,
}

impl Gate {
    /// A desk that takes orders.
    pub(crate) fn new(speaker: Speaker, sink: Box<dyn Sink>, limits: Limits) -> Self {
        let mut now = Stamp::now();
        let config = Config::default();
        let ledger = Ledger::new(config.keep);
        let mut router = Router::new(config, ledger, Risk::new(limits), sink, now);
        let desk = router.add_desk("venue", 0, speaker, 0, now);
        let instrument = router.add_instrument(desk, rules(), now).expect("scales that fit");
        router.opened(0, now);
        for _ in 0..200 {
            while let Some(sent) = router.outgoing(0, now) {
                for report in answers(&sent) {
                    router.report(desk, report, now);
                }
            }
            if router.desk_state(desk) == Some(DeskState::Ready) {
                break;
            }
            now.monotonic += 100_000_000;
            router.tick(now);
        }
        assert_eq!(router.desk_state(desk), Some(DeskState::Ready), "the desk takes no orders");
        router.take_events();
        Self { router, desk, instrument, orders: 0 }
    }

    /// One order asked for, and its request taken: what is measured.
    pub(crate) fn send(&mut self) -> Sent {
        let number = self.orders;
        self.orders += 1;
        // a purchase and the sale of as much; terms that do not come again soon
        let quantity = 1 + (number / 2) % 89;
        let order = NewOrder {
            instrument: self.instrument,
            side: if number % 2 == 0 { Side::Buy } else { Side::Sell },
            order_type: OrderType::Limit,
            offset: Offset::Net,
            unit: Unit::Base,
            price: Decimal { coef: 10_000 + number % 997, scale: 2 },
            quantity: Decimal { coef: quantity, scale: 3 },
            ttl: TTL,
            strategy: 0,
            intent: "",
            top: Some(Top { bid: 10_490, ask: 10_510, price_scale: 2, valid: true, age: 0 }),
            cause: 0,
        };
        self.router.place(&order, Stamp::now()).expect("an order that is allowed");
        let outgoing = self.router.outgoing(0, Stamp::now()).expect("a request");
        Sent { outgoing, quantity }
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.router.report(self.desk, report, Stamp::now());
    }

    /// Our id, of what places an order.
    pub(crate) fn order(sent: &Sent) -> u64 {
        match sent.outgoing.request {
            Request::Place(id) => id,
            _ => panic!("a question before an order"),
        }
    }

    pub(crate) fn accepted(&self, sent: &Sent) -> Report {
        let id = Self::order(sent);
        Report::Accepted {
            request: RequestKey::Number(sent.outgoing.number),
            client_id: self.router.client_id(id).into(),
            venue_id: venue_id(id).into(),
        }
    }

    /// Nothing that a venue said was strange.
    pub(crate) fn check(&self) {
        assert_eq!(self.router.ledger().counts().0, 0, "anomalies");
        assert_eq!(self.router.broken(), None, "the journal failed");
        assert_eq!(self.router.ledger().live_count(), 0, "orders that are not over");
    }
}

/// The venue's id of an order: as long as theirs are.
pub(crate) fn venue_id(id: u64) -> String {
    format!("1{id:017}")
}

/// The fill of so much of an order.
pub(crate) fn execution(sent: &Sent, part: u8, quantity: i64) -> Report {
    let id = Gate::order(sent);
    Report::Execution(ExecutionReport {
        venue_id: venue_id(id).into(),
        execution_id: format!("{id}-{part}").into(),
        symbol: "ETH_USDT".into(),
        side: None,
        price: Decimal { coef: 10_000, scale: 2 },
        quantity: Decimal { coef: quantity, scale: 3 },
        liquidity: Liquidity::Maker,
        fee: Some((Decimal { coef: 2, scale: 3 }, "USDT".into())),
        time: 0,
    })
}

fn answers(sent: &Outgoing) -> Vec<Report> {
    let request = RequestKey::Number(sent.number);
    match sent.request {
        Request::Login => vec![
            Report::LoggedIn { request, token: "f3b1c62a9d".into() },
            Report::Gateway { state: Gateway::Ready, message: "".into() },
        ],
        Request::Orders(_) => vec![Report::Orders { request, orders: Vec::new() }],
        Request::Balances => vec![Report::Balances { request, balances: Vec::new() }],
        Request::Positions(_) => vec![Report::Positions { request, positions: Vec::new() }],
        Request::Rules(_) => vec![Report::Rules { request, rules: Vec::new() }],
        _ => panic!("not a question"),
    }
}

/// ns that `work` took.
pub(crate) fn timed(work: impl FnOnce()) -> i64 {
    let start = monotonic_ns();
    work();
    monotonic_ns() - start
}

/// A journal's folder, removed in the end.
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferrofeed-bench-{name}-{}", std::process::id()));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
