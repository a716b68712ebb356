//! The paper exchange as a venue of the router, in the same process: no socket, its delays kept by the clock.

use ferrofeed_core::book::Book;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{Ask, ConnectionId, NewOrder, PaperVenue};
use ferrofeed_core::orders::router::{Outgoing, Request, Router};
use ferrofeed_core::orders::{Report, Side};
use std::collections::BTreeMap;

/// One paper venue.
pub(super) struct Paper {
    pub(super) desk: u16,
    pub(super) link: u16,
    pub(super) venue: PaperVenue,
    pub(super) connection: ConnectionId,
    /// The exchange's instrument of each of the router's.
    pub(super) instruments: BTreeMap<u32, u32>,
    /// The feed's instrument whose book each of the exchange's trades against.
    pub(super) markets: Vec<(u32, u32)>,
    pub(super) came: Vec<(ConnectionId, Report)>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

impl Paper {
    /// Moves requests there and reports back, until nothing moves.
    pub(super) fn pump(&mut self, router: &mut Router, now: Stamp) {
        loop {
            let mut moved = false;
            while let Some(outgoing) = router.outgoing(self.link, now) {
                moved = true;
                self.ask(router, &router.client_id(order_of(&outgoing.request)), &outgoing, now);
            }
            self.venue.poll(now, &mut self.came);
            let came = std::mem::take(&mut self.came);
            for (_, report) in came {
                moved = true;
                router.report(self.desk, report, now);
            }
            if !moved {
                return;
            }
        }
    }

    fn ask(&mut self, router: &Router, client_id: &str, outgoing: &Outgoing, now: Stamp) {
        let (ledger, id) = (router.ledger(), |id: &u64| router.venue_id(*id).into());
        let instrument = |known: &u32| self.instruments.get(known).copied().unwrap_or(u32::MAX);
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
        self.venue.request(now, self.connection, outgoing.number, ask);
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
        let _ = self.venue.exchange.market(now.realtime, to, &self.bids, &self.asks);
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
