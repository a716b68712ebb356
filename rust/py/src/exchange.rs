//! The paper exchange for Python: time is an argument, numbers are decimal text both ways, nothing takes time or gets lost.

mod numbers;

use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{
    Balance, ClientIds, Event, Exchange, ExchangeReject, Leg, NewOrder, Order, Terms, average_price, money_text,
};
use ferrofeed_core::orders::{MONEY_SCALE, Offset, OrderType, Product, Rules, Side};
use numbers::{decimal, levels, number, refused, rule, text, word};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

pyo3::create_exception!(_core, PaperReject, PyException, "What the paper exchange refused; args are (rule, message).");

/// So many finished orders, and so many fills, are remembered.
const KEEP: usize = 1 << 17;

/// A matching engine with accounts: see docs/paper.md. Not for use from several threads at once.
#[pyclass(module = "ferrofeed._core")]
pub(crate) struct PaperExchange {
    exchange: Exchange,
    fees: (u32, u32),
    /// What happened, with its time.
    happened: Vec<(i64, Event)>,
    scratch: Vec<Event>,
    clients: ClientIds,
    levels: [Vec<Level>; 2],
}

impl PaperExchange {
    fn rules(&self, instrument: u32) -> PyResult<&Rules> {
        self.exchange.rules(instrument).ok_or_else(|| refused(ExchangeReject::UnknownInstrument))
    }

    fn known(&self, account: u32) -> PyResult<()> {
        if account < self.exchange.account_count() {
            return Ok(());
        }
        Err(refused(ExchangeReject::UnknownAccount))
    }

    /// Notes when what happened just now happened.
    fn note(&mut self, now_ns: i64) {
        self.exchange.take_events(&mut self.scratch);
        self.happened.extend(self.scratch.drain(..).map(|event| (now_ns, event)));
    }

    /// The currency of an instrument's fees.
    fn fee_currency(rules: &Rules) -> &str {
        match rules.product {
            Product::Spot => &rules.quote,
            Product::Contract => &rules.settle,
        }
    }

    fn order_dict<'py>(&self, py: Python<'py>, order: &Order) -> PyResult<Bound<'py, PyDict>> {
        let rules = self.rules(order.terms.instrument)?;
        let dict = PyDict::new(py);
        dict.set_item("number", order.number)?;
        dict.set_item("client", self.clients.get(order.number))?;
        dict.set_item("instrument", order.terms.instrument)?;
        dict.set_item("side", order.terms.side.name())?;
        dict.set_item("type", order.terms.order_type.name())?;
        dict.set_item("offset", order.terms.offset.name())?;
        dict.set_item("price", text(order.terms.price, rules.price_scale))?;
        dict.set_item("quantity", text(order.terms.quantity, rules.size_scale))?;
        dict.set_item("filled", text(order.filled, rules.size_scale))?;
        dict.set_item("average_price", money_text(average_price(order.cost, order.filled, rules)))?;
        dict.set_item("fee", money_text(order.fee))?;
        dict.set_item("fee_currency", Self::fee_currency(rules))?;
        dict.set_item("status", order.status.name())?;
        dict.set_item("created_ns", order.created)?;
        dict.set_item("updated_ns", order.updated)?;
        Ok(dict)
    }

    fn event_tuple<'py>(&self, py: Python<'py>, now_ns: i64, event: Event) -> PyResult<Bound<'py, PyTuple>> {
        match event {
            Event::Accepted { account, order } => ("accepted", account, order).into_pyobject(py),
            Event::Cancelled { account, order } => ("cancelled", account, order).into_pyobject(py),
            Event::Replaced { account, order } => ("replaced", account, order).into_pyobject(py),
            Event::Position { account, instrument } => ("position", account, instrument).into_pyobject(py),
            Event::Balance { account, currency } => {
                let name = usize::try_from(currency).ok().and_then(|at| self.exchange.currencies().get(at));
                ("balance", account, name.map_or("", |name| name)).into_pyobject(py)
            }
            Event::Fill { account, order, instrument, trade, price, quantity, liquidity, fee } => {
                let rules = self.rules(instrument)?;
                (
                    "fill",
                    account,
                    order,
                    trade,
                    text(price, rules.price_scale),
                    text(quantity, rules.size_scale),
                    liquidity.name(),
                    money_text(fee),
                    Self::fee_currency(rules),
                    now_ns,
                )
                    .into_pyobject(py)
            }
        }
    }
}

#[pymethods]
impl PaperExchange {
    #[new]
    #[pyo3(signature = (*, maker_ppm=200, taker_ppm=500))]
    fn new(maker_ppm: u32, taker_ppm: u32) -> PyResult<Self> {
        if maker_ppm.max(taker_ppm) > 1_000_000 {
            return Err(PyValueError::new_err("a fee of more than all of the money (1,000,000 ppm)"));
        }
        Ok(Self {
            exchange: Exchange::new(KEEP),
            fees: (maker_ppm, taker_ppm),
            happened: Vec::new(),
            scratch: Vec::new(),
            clients: ClientIds::default(),
            levels: [Vec::new(), Vec::new()],
        })
    }

    /// Adds an instrument; gives its number. Prices have as many digits as the tick, sizes as the lot, at most 18 together.
    /// `product` is `spot` or `contract`, whose `settle` is the quote currency if not given.
    #[pyo3(signature = (symbol, *, product="spot", base, quote, settle="", tick, lot, min_size="0", min_notional="0", leverage=10))]
    #[allow(clippy::too_many_arguments, reason = "keywords of Python")]
    fn add_instrument(
        &mut self,
        symbol: &str,
        product: &str,
        base: &str,
        quote: &str,
        settle: &str,
        tick: &str,
        lot: &str,
        min_size: &str,
        min_notional: &str,
        leverage: u32,
    ) -> PyResult<u32> {
        let product = word("product", product, Product::ALL, Product::name)?;
        let (price_scale, size_scale) = (decimal("tick", tick)?.scale, decimal("lot", lot)?.scale);
        let both = price_scale.saturating_add(size_scale);
        if both > MONEY_SCALE {
            return Err(PyValueError::new_err(format!("tick {tick} and lot {lot} have more than 18 digits together")));
        }
        let (tick_at, lot_at) = (rule("tick", tick, price_scale)?, rule("lot", lot, size_scale)?);
        if tick_at == 0 || lot_at == 0 || leverage == 0 {
            return Err(PyValueError::new_err("tick, lot and leverage must be above 0"));
        }
        let rules = Rules {
            symbol: symbol.into(),
            raw_symbol: symbol.into(),
            product,
            base: base.into(),
            quote: quote.into(),
            settle: if settle.is_empty() { quote.into() } else { settle.into() },
            price_scale,
            size_scale,
            tick: tick_at,
            lot: lot_at,
            min_size: rule("min_size", min_size, size_scale)?,
            max_size: 0,
            min_price: 0,
            min_notional: rule("min_notional", min_notional, both)?.into(),
        };
        let leverage = if product == Product::Spot { 1 } else { leverage };
        let (maker_ppm, taker_ppm) = self.fees;
        Ok(self.exchange.add_instrument(rules, Terms { maker_ppm, taker_ppm, leverage }))
    }

    /// Adds an account; gives its number.
    fn add_account(&mut self, name: &str) -> u32 {
        self.exchange.add_account(name)
    }

    /// Puts money into an account, or takes it out where it is below 0.
    fn deposit(&mut self, account: u32, currency: &str, amount: &str) -> PyResult<()> {
        let amount = decimal("amount", amount)?;
        let up = 10_i128.saturating_pow(u32::from(MONEY_SCALE.saturating_sub(amount.scale)));
        let money = i128::from(amount.coef).saturating_mul(up);
        self.exchange.deposit(account, currency, money).map_err(refused)?;
        self.note(0);
        Ok(())
    }

    /// Takes an order; gives its number. `PaperReject`: nothing was changed.
    #[pyo3(signature = (now_ns, account, instrument, side, order_type, offset, price, quantity, client=""))]
    #[allow(clippy::too_many_arguments, reason = "an order of Python")]
    fn submit(
        &mut self,
        now_ns: i64,
        account: u32,
        instrument: u32,
        side: &str,
        order_type: &str,
        offset: &str,
        price: &str,
        quantity: &str,
        client: &str,
    ) -> PyResult<u64> {
        let rules = self.rules(instrument)?;
        let price = if price.is_empty() { "0" } else { price };
        let new = NewOrder {
            instrument,
            side: word("side", side, Side::ALL, Side::name)?,
            order_type: word("order type", order_type, OrderType::ALL, OrderType::name)?,
            offset: word("offset", offset, Offset::ALL, Offset::name)?,
            price: number("price", price, rules.price_scale, ExchangeReject::Tick)?,
            quantity: number("quantity", quantity, rules.size_scale, ExchangeReject::Lot)?,
            client: 0,
        };
        let number = self.exchange.submit(now_ns, account, new).map_err(refused)?;
        self.clients.set(number, client);
        self.note(now_ns);
        Ok(number)
    }

    /// Cancels an order. `PaperReject`: it is over, or there is none.
    fn cancel(&mut self, now_ns: i64, account: u32, order: u64) -> PyResult<()> {
        self.exchange.cancel(now_ns, account, order).map_err(refused)?;
        self.note(now_ns);
        Ok(())
    }

    /// Gives a live order a new price and whole quantity. `PaperReject`: nothing was changed.
    fn replace(&mut self, now_ns: i64, account: u32, order: u64, price: &str, quantity: &str) -> PyResult<()> {
        let known = self.exchange.order(order).ok_or_else(|| refused(ExchangeReject::UnknownOrder))?;
        let rules = self.rules(known.terms.instrument)?;
        let price = number("price", price, rules.price_scale, ExchangeReject::Tick)?;
        let quantity = number("quantity", quantity, rules.size_scale, ExchangeReject::Lot)?;
        self.exchange.replace(now_ns, account, order, price, quantity).map_err(refused)?;
        self.note(now_ns);
        Ok(())
    }

    /// Shows a new picture of the live book, best levels first.
    #[allow(clippy::needless_pass_by_value, reason = "what is made of a list is owned")]
    fn market(
        &mut self,
        now_ns: i64,
        instrument: u32,
        bids: Vec<(String, String)>,
        asks: Vec<(String, String)>,
    ) -> PyResult<()> {
        let mut both = std::mem::take(&mut self.levels);
        let rules = self.rules(instrument)?;
        levels(&bids, rules, &mut both[0])?;
        levels(&asks, rules, &mut both[1])?;
        let done = self.exchange.market(now_ns, instrument, &both[0], &both[1]);
        self.levels = both;
        self.note(now_ns);
        done.map_err(refused)
    }

    /// What happened since the last call, in order.
    fn events<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let happened = std::mem::take(&mut self.happened);
        happened.into_iter().map(|(now_ns, event)| self.event_tuple(py, now_ns, event)).collect()
    }

    /// The orders of an account, live and (as far as they are remembered) finished ones, oldest first.
    #[pyo3(signature = (account, *, open_only=false))]
    fn orders<'py>(&self, py: Python<'py>, account: u32, open_only: bool) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.known(account)?;
        let finished = self.exchange.finished().filter(|order| !open_only && order.account == account);
        let mut all: Vec<&Order> = finished.chain(self.exchange.live_of(account)).collect();
        all.sort_unstable_by_key(|order| order.number);
        all.into_iter().map(|order| self.order_dict(py, order)).collect()
    }

    /// The fills of an account, as far as they are remembered, oldest first; of one instrument, or one order.
    #[pyo3(signature = (account, *, instrument=None, order=None))]
    fn fills<'py>(
        &self,
        py: Python<'py>,
        account: u32,
        instrument: Option<u32>,
        order: Option<u64>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.known(account)?;
        let all = self.exchange.fills().filter(|fill| {
            fill.account == account
                && instrument.is_none_or(|instrument| fill.instrument == instrument)
                && order.is_none_or(|order| fill.order == order)
        });
        all.map(|fill| {
            let rules = self.rules(fill.instrument)?;
            let dict = PyDict::new(py);
            dict.set_item("trade", fill.trade)?;
            dict.set_item("order", fill.order)?;
            dict.set_item("instrument", fill.instrument)?;
            dict.set_item("side", fill.side.name())?;
            dict.set_item("offset", fill.offset.name())?;
            dict.set_item("price", text(fill.price, rules.price_scale))?;
            dict.set_item("quantity", text(fill.quantity, rules.size_scale))?;
            dict.set_item("liquidity", fill.liquidity.name())?;
            dict.set_item("fee", money_text(fill.fee))?;
            dict.set_item("fee_currency", Self::fee_currency(rules))?;
            dict.set_item("time_ns", fill.time)?;
            Ok(dict)
        })
        .collect()
    }

    /// By currency: free, locked and total.
    fn balances<'py>(&self, py: Python<'py>, account: u32) -> PyResult<Bound<'py, PyDict>> {
        self.known(account)?;
        let dict = PyDict::new(py);
        for (name, Balance { free, locked }) in self.exchange.currencies().iter().zip(self.exchange.balances(account)) {
            let total = free.saturating_add(*locked);
            dict.set_item(&**name, (money_text(*free), money_text(*locked), money_text(total)))?;
        }
        Ok(dict)
    }

    /// Both sides of the position in a contract; of spot, nothing but zeros.
    fn position<'py>(&self, py: Python<'py>, account: u32, instrument: u32) -> PyResult<Bound<'py, PyDict>> {
        self.known(account)?;
        let rules = self.rules(instrument)?;
        let legs = self.exchange.position(account, instrument);
        let dict = PyDict::new(py);
        let sides: [(&str, Leg); 2] = [("long", legs.long), ("short", legs.short)];
        for (side, leg) in sides {
            let price = average_price(leg.cost, leg.quantity, rules);
            dict.set_item(format!("{side}_quantity"), text(leg.quantity, rules.size_scale))?;
            dict.set_item(format!("{side}_avail"), text(leg.available(), rules.size_scale))?;
            dict.set_item(format!("{side}_open_price"), money_text(price))?;
            dict.set_item(format!("{side}_margin"), money_text(leg.margin))?;
        }
        dict.set_item("leverage", self.exchange.terms(instrument).map_or(1, |terms| terms.leverage))?;
        dict.set_item("margin", money_text(legs.long.margin.saturating_add(legs.short.margin)))?;
        Ok(dict)
    }
}
