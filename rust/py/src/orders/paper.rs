//! The paper exchange as a venue of the router, in the same process: no socket, its delays kept by the clock.

use ferrofeed_core::book::Book;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{Ask, ConnectionId, NewOrder, PaperVenue};
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::router::{Outgoing, Request, Router};
use ferrofeed_core::orders::{Report, Side};
use std::collections::BTreeMap;

/// One account at it, with its connection: the first has number 0, and so on.
pub(super) struct PaperAccount {
    pub(super) desk: u16,
    pub(super) link: u16,
    /// The exchange's instrument of each of the router's.
    pub(super) instruments: BTreeMap<u32, u32>,
}

/// One paper venue.
pub(super) struct Paper {
    pub(super) venue: PaperVenue,
    /// The first is the venue's own.
    pub(super) accounts: Vec<PaperAccount>,
    /// Which account each desk is.
    pub(super) by_desk: BTreeMap<u16, usize>,
    /// The feed's instrument whose book each of the exchange's trades against.
    pub(super) markets: Vec<(u32, u32)>,
    pub(super) came: Vec<(ConnectionId, Report)>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

impl Paper {
    /// A venue whose own account has this name, on this link.
    pub(super) fn new(venue: PaperVenue, name: &str, desk: u16, link: u16, ledger: &Ledger) -> Self {
        let mut paper = Self {
            venue,
            accounts: Vec::new(),
            by_desk: BTreeMap::new(),
            markets: Vec::new(),
            came: Vec::new(),
            bids: Vec::new(),
            asks: Vec::new(),
        };
        paper.add_account(name, desk, link, ledger);
        paper
    }

    /// Adds an account; gives its number. The venue knows nothing of an earlier run: it gives no order a number which the ledger knows
    /// of the account's.
    fn add_account(&mut self, name: &str, desk: u16, link: u16, ledger: &Ledger) -> usize {
        if let Some(newest) = ledger.venue_ids(desk).filter_map(|id| id.parse().ok()).max() {
            self.venue.exchange.number_after(newest);
        }
        let account = self.venue.exchange.add_account(name);
        self.venue.add_connection(account);
        self.accounts.push(PaperAccount { desk, link, instruments: BTreeMap::new() });
        let at = self.accounts.len().saturating_sub(1);
        self.by_desk.insert(desk, at);
        at
    }

    /// Adds an account with the instruments of the first; `own`: its number of each.
    pub(super) fn add_account_like_the_first(
        &mut self,
        name: &str,
        desk: u16,
        link: u16,
        own: &[(u32, u32)],
        ledger: &Ledger,
    ) {
        let at = self.add_account(name, desk, link, ledger);
        let listed = self.accounts.first().map(|first| first.instruments.clone()).unwrap_or_default();
        if let Some(account) = self.accounts.get_mut(at) {
            let of = |(first, own): &(u32, u32)| Some((*own, *listed.get(first)?));
            account.instruments = own.iter().filter_map(of).collect();
        }
    }

    /// The connection of an account on a link.
    pub(super) fn connection(&self, link: u16) -> Option<ConnectionId> {
        let at = self.accounts.iter().position(|account| account.link == link)?;
        ConnectionId::try_from(at).ok()
    }

    /// Moves what one account asks there, and reports back; what others ask waits for the next pump of all.
    pub(super) fn pump_one(&mut self, at: usize, router: &mut Router, now: Stamp) {
        loop {
            let asked = self.ask_all(at, router, now);
            if !(self.hear(router, now) | asked) {
                return;
            }
        }
    }

    pub(super) fn hear(&mut self, router: &mut Router, now: Stamp) -> bool {
        self.venue.poll(now, &mut self.came);
        let mut came = std::mem::take(&mut self.came);
        let moved = !came.is_empty();
        for (connection, report) in came.drain(..) {
            if let Some(account) = self.accounts.get(usize::from(connection)) {
                router.report(account.desk, report, now);
            }
        }
        self.came = came;
        moved
    }

    pub(super) fn ask_all(&mut self, at: usize, router: &mut Router, now: Stamp) -> bool {
        let Some(link) = self.accounts.get(at).map(|account| account.link) else { return false };
        let mut asked = false;
        while let Some(outgoing) = router.outgoing(link, now) {
            asked = true;
            self.ask(at, router, &router.client_id(order_of(&outgoing.request)), &outgoing, now);
        }
        asked
    }

    fn ask(&mut self, at: usize, router: &Router, client_id: &str, outgoing: &Outgoing, now: Stamp) {
        let Some(account) = self.accounts.get(at) else { return };
        let (ledger, id) = (router.ledger(), |id: &u64| router.venue_id(*id).into());
        let instrument = |known: &u32| account.instruments.get(known).copied().unwrap_or(u32::MAX);
        let ask = match &outgoing.request {
            Request::Place(number) => {
                let Some(placed) = ledger.order(*number).map(|order| &order.placed) else { return };
                let new = NewOrder {
                    instrument: instrument(&placed.instrument),
                    side: placed.side,
                    order_type: placed.order_type,
                    offset: placed.offset,
                    price: placed.price,
                    quantity: placed.quantity,
                    client: 0,
                };
                Ask::Place(client_id.into(), new)
            }
            Request::Cancel(ids) => Ask::Cancel(ids.iter().map(id).collect()),
            Request::Replace(order, price, quantity) => Ask::Replace(id(order), *price, *quantity),
            Request::Orders(of) => Ask::Orders(instrument(of)),
            Request::Balances => Ask::Balances,
            Request::Positions(of) => Ask::Positions(instrument(of)),
            Request::Rules(of) => Ask::Rules(instrument(of)),
            Request::Login | Request::Logout | Request::Order(_) => return,
        };
        self.venue.request(now, ConnectionId::try_from(at).unwrap_or(ConnectionId::MAX), outgoing.number, ask);
    }

    /// Shows the exchange the book of a market, at its own scales: prices and sizes with more digits than it has are taken for
    /// the worse ones.
    pub(super) fn show(&mut self, to: u32, book: Option<(&Book, u8, u8)>, now: Stamp) {
        let Some(rules) = self.venue.exchange.rules(to) else { return };
        let (price_scale, size_scale) = (rules.price_scale, rules.size_scale);
        self.bids.clear();
        self.asks.clear();
        if let Some((book, from_price, from_size)) = book.filter(|(book, ..)| book.is_valid()) {
            book.copy_levels(DEPTH, &mut self.bids, &mut self.asks);
            for (side, levels) in [(Side::Buy, &mut self.bids), (Side::Sell, &mut self.asks)] {
                for level in levels.iter_mut() {
                    level.price = rescaled(level.price, from_price, price_scale, side == Side::Sell);
                    level.size = rescaled(level.size, from_size, size_scale, false);
                }
                // what is worth less than a tick is worth nothing
                levels.retain(|level| level.price > 0);
                // prices that became one are one level
                levels.dedup_by(|next, kept| {
                    let same = next.price == kept.price;
                    if same {
                        kept.size = kept.size.saturating_add(next.size);
                    }
                    same
                });
            }
        }
        if self.venue.exchange.market(now.realtime, to, &self.bids, &self.asks).is_err() {
            // nothing can be traded against a picture that is none; the one before it is over, too
            let _ = self.venue.exchange.market(now.realtime, to, &[], &[]);
        }
    }
}

/// Levels of a side that paper orders may trade against.
const DEPTH: usize = 20;

const fn order_of(request: &Request) -> u64 {
    match request {
        Request::Place(id) => *id,
        _ => 0,
    }
}

fn rescaled(value: i64, from: u8, to: u8, up: bool) -> i64 {
    if to >= from {
        let factor = 10_i64.checked_pow(to.saturating_sub(from).into());
        return factor.and_then(|factor| value.checked_mul(factor)).unwrap_or(i64::MAX);
    }
    let Some(divisor) = 10_i64.checked_pow(from.saturating_sub(to).into()) else { return 0 };
    let whole = value.div_euclid(divisor);
    whole.saturating_add(i64::from(up && value.rem_euclid(divisor) != 0))
}
