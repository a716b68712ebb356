//! The paper exchange of a schedule: our account, somebody else's, and the truth about both.

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::exchange::{Ask, ConnectionId, Latency, Model, NewOrder, PaperVenue, Terms, amount};
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::router::Request;
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::{Offset, OrderStatus, OrderType, Product, Report, Rules, Side};

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
        size_scale: 1,
        tick: 1,
        lot: 1,
        min_size: 1,
        max_size: 0,
        min_price: 0,
        min_notional: 0,
    }
}

pub struct Venue {
    paper: PaperVenue,
    ours: u32,
    theirs: u32,
    connection: ConnectionId,
    /// Requests from a connection that is gone: what they answer goes nowhere.
    old: ConnectionId,
    /// What the venue knew before it forgot everything.
    forgotten: Vec<String>,
}

fn stamp(now: i64) -> Stamp {
    Stamp { realtime: 1_700_000_000_000_000_000 + now, monotonic: now }
}

impl Venue {
    pub fn new(seed: u64) -> Self {
        let ms = 1_000_000;
        let model = Model {
            there: Latency { least: 0, most: 3 * ms },
            back: Latency { least: 0, most: 3 * ms },
            reject_ppm: 50_000,
            seed,
            cancel_on_disconnect: false,
        };
        let mut paper = PaperVenue::new(model, 1_000_000);
        let terms = Terms { maker_ppm: 200, taker_ppm: 500, leverage: 1 };
        paper.exchange.add_instrument(rules("ETH/USDT", Product::Spot), terms);
        paper.exchange.add_instrument(rules("BTC/USDT", Product::Contract), Terms { leverage: 10, ..terms });
        let (ours, theirs) = (paper.exchange.add_account("ours"), paper.exchange.add_account("theirs"));
        let many = |count: i64| amount(&rules("ETH/USDT", Product::Spot), count).unwrap();
        for (account, money) in [(ours, 200_000), (theirs, 10_000_000_000)] {
            paper.exchange.deposit(account, "USDT", many(money)).unwrap();
            paper.exchange.deposit(account, "ETH", many(money / 1_000)).unwrap();
        }
        let connection = paper.add_connection(ours);
        let old = paper.add_connection(ours);
        Self { paper, ours, theirs, connection, old, forgotten: Vec::new() }
    }

    pub fn connect(&mut self, _now: i64) {
        self.paper.connect(self.connection);
    }

    pub fn disconnect(&mut self, now: i64) {
        self.paper.disconnect(self.connection, stamp(now));
    }

    pub fn next_deadline(&self) -> Option<i64> {
        self.paper.next_deadline()
    }

    pub fn request(&mut self, now: i64, number: u64, request: &Request, ledger: &Ledger, connected: bool) {
        let connection = if connected { self.connection } else { self.old };
        let venue_id = |id: &u64| ledger.order(*id).unwrap().venue_id.clone();
        let ask = match request {
            Request::Place(id) => {
                let placed = &ledger.order(*id).unwrap().placed;
                let new = NewOrder {
                    instrument: placed.instrument,
                    side: placed.side,
                    order_type: placed.order_type,
                    offset: placed.offset,
                    price: placed.price,
                    quantity: placed.quantity,
                    client: 0,
                };
                Ask::Place(format!("ff{id}").into(), new)
            }
            Request::Cancel(ids) => Ask::Cancel(ids.iter().map(venue_id).collect()),
            Request::Replace(id, price, quantity) => Ask::Replace(venue_id(id), *price, *quantity),
            Request::Orders(instrument) => Ask::Orders(*instrument),
            Request::Balances => Ask::Balances,
            Request::Positions(instrument) => Ask::Positions(*instrument),
            Request::Rules(instrument) => Ask::Rules(*instrument),
            Request::Login | Request::Logout | Request::Order(_) => return,
        };
        self.paper.request(stamp(now), connection, number, ask);
    }

    pub fn poll(&mut self, now: i64) -> Vec<Report> {
        let mut out = Vec::new();
        self.paper.poll(stamp(now), &mut out);
        out.into_iter().filter(|(connection, _)| *connection == self.connection).map(|(_, report)| report).collect()
    }

    /// Somebody else places an order.
    pub fn other(&mut self, now: i64, instrument: usize, is_sale: bool, price: i64, quantity: i64) {
        let new = NewOrder {
            instrument: u32::try_from(instrument).unwrap(),
            side: if is_sale { Side::Sell } else { Side::Buy },
            order_type: OrderType::Limit,
            offset: if instrument == 0 { Offset::Net } else { Offset::Open },
            price,
            quantity,
            client: 0,
        };
        let _ = self.paper.exchange.submit(stamp(now).realtime, self.theirs, new);
    }

    pub fn forget(&mut self, now: i64) {
        let all = self.paper.exchange.finished().copied().chain(self.paper.exchange.live());
        let ours = all.filter(|order| order.account == self.ours);
        let known: Vec<String> = ours.map(|order| self.paper.client_id(&order).to_owned()).collect();
        self.forgotten.extend(known);
        self.paper.exchange.forget(now);
    }

    /// Client ids of our live orders.
    pub fn live(&self) -> Vec<String> {
        let live = self.paper.exchange.live();
        live.iter()
            .filter(|order| order.account == self.ours)
            .map(|order| self.paper.client_id(order).to_owned())
            .collect()
    }

    /// What became of our order of this id: its state and what is filled of it; `None`: there is none.
    pub fn truth(&self, client_id: &str) -> Option<(OrderState, i64)> {
        let live = self.paper.exchange.live();
        let mut all = self.paper.exchange.finished().chain(&live).filter(|order| order.account == self.ours);
        let order = all.find(|order| self.paper.client_id(order) == client_id)?;
        let state = match order.status {
            OrderStatus::Filled => OrderState::Filled,
            OrderStatus::Cancelled => OrderState::Cancelled,
            _ => OrderState::Working,
        };
        Some((state, order.filled))
    }

    /// Under which id of ours the venue has its order of this number.
    pub fn client_of(&self, number: &str) -> Option<String> {
        let live = self.paper.exchange.live();
        let mut all = self.paper.exchange.finished().chain(&live).filter(|order| order.account == self.ours);
        let order = all.find(|order| order.number.to_string() == number)?;
        Some(self.paper.client_id(order).to_owned())
    }

    pub fn has_forgotten(&self, client_id: &str) -> bool {
        self.forgotten.iter().any(|known| known == client_id)
    }

    /// Long and short, at money scale; of spot what we hold.
    pub fn position(&self, instrument: usize) -> (i128, i128) {
        if instrument == 0 {
            let at = self.paper.exchange.currencies().iter().position(|name| **name == *"ETH").unwrap();
            return (self.paper.exchange.balances(self.ours)[at].total(), 0);
        }
        let legs = self.paper.exchange.position(self.ours, 1);
        let money = |size| amount(&rules("BTC/USDT", Product::Contract), size).unwrap();
        (money(legs.long.quantity), money(legs.short.quantity))
    }

    /// Free, locked and total by currency.
    pub fn balances(&self) -> Vec<(String, [i128; 3])> {
        let names = self.paper.exchange.currencies().iter();
        names
            .zip(self.paper.exchange.balances(self.ours))
            .map(|(name, balance)| (name.to_string(), [balance.free, balance.locked, balance.total()]))
            .collect()
    }
}
