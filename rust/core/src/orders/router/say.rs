//! A request in a venue's words, and a venue's words as reports.

use super::super::report::Report;
use super::super::rules::Product;
use super::super::types::Unit;
use super::super::venue::{Unsupported, coinceres, quantapi};
use super::desk::{Desk, Speaker};
use super::outbox::Body;
use super::request::Request;
use super::{Router, Stamp};
use crate::venue::{DecodeError, Disposition};

/// Room for most requests.
const ROOM: usize = 256;

/// What a message was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It said something about orders or accounts.
    Reports,
    /// It answered a heartbeat, with what we had sent, if it repeats that.
    Pong(Option<i64>),
}

impl Router {
    /// Takes one text message of a link.
    ///
    /// # Errors
    /// It can't be read; nothing of it was used.
    pub fn message(&mut self, link: u16, text: &[u8], now: Stamp) -> Result<Heard, DecodeError> {
        let first = self.desks_of(link).first().copied().unwrap_or(u16::MAX);
        let mut reports = Vec::new();
        let decoded = match self.desk(first).map(|desk| &desk.speaker) {
            Some(Speaker::CoinCeres { utc_offset_s, .. }) => coinceres::decode(text, *utc_offset_s, &mut reports),
            Some(Speaker::QuantApi { .. }) => quantapi::decode(text, &mut reports),
            _ => Ok(Disposition::Control),
        };
        if let Err(error) = decoded {
            self.count(first, |stats| &stats.unreadable);
            return Err(error);
        }
        if let [Report::Pong(echo)] = *reports {
            self.count(first, |stats| &stats.heartbeats);
            return Ok(Heard::Pong(echo));
        }
        let desk = self.addressee(link, &reports).unwrap_or(first);
        for report in reports {
            self.report(desk, report, now);
        }
        Ok(Heard::Reports)
    }

    /// The desk that a message is for: by its token, else by the request it answers.
    fn addressee(&self, link: u16, reports: &[Report]) -> Option<u16> {
        let desks = self.desks_of(link);
        if desks.len() < 2 {
            return None;
        }
        let find =
            |fits: &dyn Fn(&Desk) -> bool| desks.iter().copied().find(|number| self.desk(*number).is_some_and(fits));
        if let Some(Report::Token(token)) = reports.first() {
            return find(&|desk| desk.token.as_ref() == Some(token));
        }
        let number = reports.iter().find_map(Report::request)?;
        find(&|desk| desk.pending.iter().any(|pending| pending.number == number))
    }

    pub(super) fn say(&self, number: u16, key: u64, request: &Request) -> Result<Body, &'static str> {
        let desk = self.desk(number).ok_or("the venue is not configured")?;
        let mut out = Vec::with_capacity(ROOM);
        let said = match &desk.speaker {
            Speaker::Paper => return Ok(Body::Paper),
            Speaker::CoinCeres { exchange, leverage, .. } => self.coinceres(request, exchange, *leverage, &mut out),
            Speaker::QuantApi { .. } => self.quantapi(desk, key, request, &mut out),
        };
        match said {
            Some(Ok(())) => Ok(Body::Text(out)),
            Some(Err(_)) => Err("the venue has no words for it"),
            None => Err("what it is about is gone"),
        }
    }

    fn raw_symbol(&self, instrument: u32) -> Option<&str> {
        self.ledger.instrument(instrument).map(|known| &*known.rules.raw_symbol)
    }

    /// The venue's id of an order, empty if it is not known.
    #[must_use]
    pub fn venue_id(&self, id: u64) -> &str {
        let ghost = self.ghosts.get(&id).map(|id| &**id);
        ghost.or_else(|| self.ledger.order(id).map(|order| &*order.venue_id)).unwrap_or_default()
    }

    /// The venue's ids of orders, those that are known.
    fn venue_ids(&self, ids: &[u64]) -> Vec<&str> {
        ids.iter().map(|id| self.venue_id(*id)).filter(|id| !id.is_empty()).collect()
    }

    fn coinceres(
        &self,
        request: &Request,
        exchange: &str,
        leverage: u32,
        out: &mut Vec<u8>,
    ) -> Option<Result<(), Unsupported>> {
        Some(match request {
            Request::Place(id) => {
                let placed = &self.ledger.order(*id)?.placed;
                let rules = &self.ledger.instrument(placed.instrument)?.rules;
                let client_id = self.client_id(*id);
                let scale = if placed.unit == Unit::Quote { rules.price_scale } else { rules.size_scale };
                let order = coinceres::Place {
                    exchange,
                    contract: &rules.raw_symbol,
                    order_type: placed.order_type,
                    price: (placed.price, rules.price_scale),
                    quantity: (placed.quantity, scale),
                    unit: placed.unit,
                    side: placed.side,
                    offset: placed.offset,
                    leverage: if rules.product == Product::Contract { leverage } else { 0 },
                    client_id: &client_id,
                    profit: None,
                    stop: None,
                    deal_id: "",
                    close_rule: "",
                };
                coinceres::place(out, &order)
            }
            Request::Cancel(ids) => coinceres::cancel(out, &self.venue_ids(ids)),
            Request::Orders(instrument) => {
                let contract = self.raw_symbol(*instrument)?;
                coinceres::orders(out, &coinceres::Query { exchange, contract, ..coinceres::Query::default() })
            }
            Request::Order(id) => {
                let ids = self.venue_ids(&[*id]);
                coinceres::orders(out, &coinceres::Query { system_oids: &ids, ..coinceres::Query::default() })
            }
            Request::Balances => {
                coinceres::account(out, exchange);
                Ok(())
            }
            Request::Positions(instrument) => {
                coinceres::positions(out, exchange, self.raw_symbol(*instrument)?);
                Ok(())
            }
            Request::Rules(instrument) => {
                coinceres::contracts(out, exchange, self.raw_symbol(*instrument)?);
                Ok(())
            }
            Request::Login | Request::Logout | Request::Replace(..) => return None,
        })
    }

    fn quantapi(&self, desk: &Desk, key: u64, request: &Request, out: &mut Vec<u8>) -> Option<Result<(), Unsupported>> {
        let Speaker::QuantApi { platform, symbols, access_key, secret_key } = &desk.speaker else { return None };
        if *request == Request::Login {
            let symbols: Vec<&str> = symbols.iter().map(|symbol| &**symbol).collect();
            let login = quantapi::Login { platform, symbols: &symbols, access_key, secret_key };
            return Some(quantapi::login(out, key, &login));
        }
        let token = desk.token.as_ref()?;
        Some(match request {
            Request::Place(id) => {
                let placed = &self.ledger.order(*id)?.placed;
                let rules = &self.ledger.instrument(placed.instrument)?.rules;
                let order = quantapi::Place {
                    symbol: &rules.raw_symbol,
                    side: placed.side,
                    offset: placed.offset,
                    order_type: placed.order_type,
                    price: (placed.price, rules.price_scale),
                    quantity: (placed.quantity, rules.size_scale),
                    unit: placed.unit,
                };
                quantapi::place(out, key, token, &order)
            }
            Request::Cancel(ids) => {
                let instrument = self.ledger.order(*ids.first()?)?.placed.instrument;
                quantapi::cancel(out, key, token, self.raw_symbol(instrument)?, &self.venue_ids(ids))
            }
            Request::Orders(instrument) => quantapi::open_orders(out, key, token, self.raw_symbol(*instrument)?),
            Request::Balances => quantapi::asset(out, key, token),
            Request::Positions(instrument) => quantapi::position(out, key, token, self.raw_symbol(*instrument)?),
            Request::Rules(instrument) => quantapi::symbol_info(out, key, token, self.raw_symbol(*instrument)?),
            Request::Logout => quantapi::logout(out, key, token),
            Request::Login | Request::Replace(..) | Request::Order(_) => return None,
        })
    }
}

impl Report {
    /// The number of the request that a report answers.
    #[must_use]
    pub const fn request(&self) -> Option<u64> {
        let key = match self {
            Self::Accepted { request, .. }
            | Self::Refused { request, .. }
            | Self::CancelAnswer { request, .. }
            | Self::RequestRefused { request, .. }
            | Self::Orders { request, .. }
            | Self::Executions { request, .. }
            | Self::Balances { request, .. }
            | Self::Positions { request, .. }
            | Self::Rules { request, .. }
            | Self::LoggedIn { request, .. }
            | Self::LoggedOut { request } => *request,
            _ => super::super::report::RequestKey::None,
        };
        match key {
            super::super::report::RequestKey::Number(number) => Some(number),
            _ => None,
        }
    }
}
