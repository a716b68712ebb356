//! A router with its journal in memory, and short words for what happens to it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]
#![allow(dead_code, reason = "every test binary uses a part of it")]

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::risk::{BudgetLimits, Limits, Risk};
use ferrofeed_core::orders::router::{
    Body, Config, Denial, Event, Memory, NewOrder, Outgoing, Request, Router, Speaker, replay,
};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::{
    ExecutionReport, Liquidity, Offset, OrderReport, OrderStatus, OrderType, Product, Refusal, RefusalKind, Report,
    RequestKey, Rules, Side, Unit,
};
use ferrofeed_core::sign::Secret;
use std::sync::{Arc, Mutex};

pub const MS: i64 = 1_000_000;
pub const SECOND: i64 = 1_000 * MS;
/// Where the realtime clock stands when the monotonic one is at 0.
pub const EPOCH: i64 = 1_700_000_000 * SECOND;

pub fn dec(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

pub fn rules(symbol: &str, product: Product) -> Rules {
    let (base, quote) = symbol.split_once('/').unwrap();
    Rules {
        symbol: symbol.into(),
        raw_symbol: symbol.into(),
        product,
        base: base.into(),
        quote: quote.into(),
        settle: quote.into(),
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

pub struct World {
    pub router: Router,
    pub journal: Arc<Mutex<Memory>>,
    pub now: i64,
    pub desk: u16,
    pub spot: u32,
    pub contract: u32,
    pub speaker: Speaker,
    pub config: Config,
}

pub fn config() -> Config {
    Config { laps: || 0, ..Config::default() }
}

pub fn quantapi() -> Speaker {
    Speaker::QuantApi {
        platform: "test".into(),
        symbols: vec!["ETH/USDT".into()],
        access_key: Secret::from("key"),
        secret_key: Secret::from("secret"),
    }
}

impl World {
    /// A router with one desk, connected and not yet asked for anything.
    pub fn new(speaker: Speaker) -> Self {
        Self::with(speaker, Risk::new(Limits::default()))
    }

    pub fn with(speaker: Speaker, risk: Risk) -> Self {
        Self::configured(speaker, risk, config())
    }

    /// One that keeps so many finished orders.
    pub fn keeping(speaker: Speaker, keep: usize) -> Self {
        let mut world = Self::configured(speaker, Risk::new(Limits::default()), Config { keep, ..config() });
        world.connect();
        world
    }

    fn configured(speaker: Speaker, risk: Risk, config: Config) -> Self {
        let journal = Arc::new(Mutex::new(Memory::default()));
        let now = Stamp { realtime: EPOCH, monotonic: SECOND };
        let ledger = Ledger::new(config.keep);
        let mut router = Router::new(config.clone(), ledger, risk, Box::new(Arc::clone(&journal)), now);
        let desk = router.add_desk("paper", 0, speaker.clone(), 0, now);
        let spot = router.add_instrument(desk, rules("ETH/USDT", Product::Spot), now).unwrap();
        let contract = router.add_instrument(desk, rules("BTC/USDT", Product::Contract), now).unwrap();
        Self { router, journal, now: SECOND, desk, spot, contract, speaker, config }
    }

    /// The same with the venue's answers given: nothing there.
    pub fn ready(speaker: Speaker) -> Self {
        let mut world = Self::new(speaker);
        world.connect();
        world
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { realtime: EPOCH + self.now, monotonic: self.now }
    }

    pub fn connect(&mut self) {
        let now = self.stamp();
        self.router.opened(0, now);
        self.answer_questions(&[]);
        for _ in 0..100 {
            self.pass(100 * MS);
            self.answer_questions(&[]);
        }
    }

    /// Answers every question that waits; `orders` are those the venue has.
    pub fn answer_questions(&mut self, orders: &[OrderReport]) {
        while let Some(sent) = self.sent() {
            assert!(sent.request.is_question(), "unexpected: {:?}", sent.request);
            self.answer(&sent, orders);
        }
    }

    pub fn answer(&mut self, sent: &Outgoing, orders: &[OrderReport]) {
        let request = RequestKey::Number(sent.number);
        let report = match &sent.request {
            Request::Orders(_) => Report::Orders { request, orders: orders.to_vec() },
            Request::Balances => Report::Balances { request, balances: vec![] },
            Request::Positions(_) => Report::Positions { request, positions: vec![] },
            Request::Rules(_) => Report::Rules { request, rules: vec![] },
            other => panic!("not a question: {other:?}"),
        };
        self.report(report);
    }

    pub fn sent(&mut self) -> Option<Outgoing> {
        let now = self.stamp();
        self.router.outgoing(0, now)
    }

    /// The next command, questions answered on the way.
    pub fn command(&mut self) -> Option<Outgoing> {
        while let Some(sent) = self.sent() {
            if !sent.request.is_question() {
                return Some(sent);
            }
            self.answer(&sent, &[]);
        }
        None
    }

    pub fn report(&mut self, report: Report) {
        let now = self.stamp();
        self.router.report(self.desk, report, now);
    }

    /// Lets time pass, and the router see it.
    pub fn pass(&mut self, ns: i64) {
        self.now += ns;
        let now = self.stamp();
        self.router.tick(now);
    }

    pub fn order(&self) -> NewOrder<'static> {
        NewOrder {
            instrument: self.spot,
            side: Side::Buy,
            order_type: OrderType::Limit,
            offset: Offset::Net,
            unit: Unit::Base,
            price: dec("100.5"),
            quantity: dec("2"),
            ttl: SECOND,
            strategy: 0,
            intent: "",
            top: None,
            cause: 0,
        }
    }

    pub fn place(&mut self) -> u64 {
        let order = self.order();
        self.try_place(&order).unwrap()
    }

    pub fn try_place(&mut self, order: &NewOrder<'_>) -> Result<u64, Denial> {
        let now = self.stamp();
        self.router.place(order, now)
    }

    /// Places an order, sends it, and has it accepted under this id.
    pub fn live(&mut self, venue_id: &str) -> u64 {
        let id = self.place();
        let sent = self.command().unwrap();
        assert_eq!(sent.request, Request::Place(id));
        self.accept(&sent, venue_id);
        id
    }

    pub fn accept(&mut self, sent: &Outgoing, venue_id: &str) {
        let request = RequestKey::Number(sent.number);
        self.report(Report::Accepted { request, client_id: "".into(), venue_id: venue_id.into() });
    }

    pub fn fill(&mut self, venue_id: &str, execution_id: &str, quantity: &str) {
        self.report(Report::Execution(execution(venue_id, execution_id, quantity)));
    }

    pub fn state(&self, id: u64) -> OrderState {
        self.router.ledger().order(id).unwrap().state
    }

    pub fn filled(&self, id: u64) -> i64 {
        self.router.ledger().order(id).unwrap().filled()
    }

    pub fn late(&self) -> u64 {
        self.router.stats(self.desk).unwrap().late.get()
    }

    pub fn anomalies(&self) -> u64 {
        self.router.ledger().counts().0
    }

    /// What the journal's entries make.
    pub fn replayed(&self) -> Ledger {
        let mut ledger = Ledger::new(self.config.keep);
        for (time, kind, payload) in &self.journal.lock().unwrap().entries {
            replay(&mut ledger, *time, *kind, payload).unwrap();
        }
        ledger
    }

    /// The process ends here, without a word, and another one starts on the same journal.
    pub fn restart(&mut self) {
        self.now += 10 * MS;
        let now = self.stamp();
        let ledger = self.replayed();
        assert_eq!(&ledger, self.router.ledger(), "the journal makes another state than the one there was");
        let journal = Box::new(Arc::clone(&self.journal));
        self.router = Router::new(self.config.clone(), ledger, Risk::new(Limits::default()), journal, now);
        let desk = self.router.add_desk("paper", 0, self.speaker.clone(), 0, now);
        assert_eq!(desk, self.desk);
        for (symbol, product) in [("ETH/USDT", Product::Spot), ("BTC/USDT", Product::Contract)] {
            self.router.add_instrument(desk, rules(symbol, product), now).unwrap();
        }
    }

    pub fn events(&mut self) -> Vec<Event> {
        self.router.take_events()
    }
}

impl Drop for World {
    /// Every test ends with this: the journal makes the state.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(&self.replayed(), self.router.ledger(), "the journal makes another state than the live one");
        }
    }
}

pub fn execution(venue_id: &str, execution_id: &str, quantity: &str) -> ExecutionReport {
    ExecutionReport {
        venue_id: venue_id.into(),
        execution_id: execution_id.into(),
        symbol: "ETH/USDT".into(),
        side: None,
        price: dec("100.25"),
        quantity: dec(quantity),
        liquidity: Liquidity::Taker,
        fee: Some((dec("0.01"), "USDT".into())),
        time: 0,
    }
}

pub fn row(venue_id: &str, client_id: &str, status: OrderStatus, filled: &str) -> OrderReport {
    OrderReport {
        venue_id: venue_id.into(),
        client_id: client_id.into(),
        symbol: "ETH/USDT".into(),
        side: Some(Side::Buy),
        offset: None,
        order_type: Some(OrderType::Limit),
        status,
        price: Some(dec("100.5")),
        quantity: Some(dec("2")),
        filled: Some(dec(filled)),
        average_price: None,
        fee: None,
        created: 0,
        updated: 0,
    }
}

pub fn refusal(kind: RefusalKind) -> Refusal {
    Refusal { kind, code: "".into(), message: "no".into() }
}

pub fn budget(requests: u32, reserve: u32) -> BudgetLimits {
    BudgetLimits { requests, window: SECOND, reserve }
}

pub fn text(outgoing: &Outgoing) -> String {
    match &outgoing.body {
        Body::Text(text) => String::from_utf8(text.clone()).unwrap(),
        Body::Paper => String::new(),
    }
}
