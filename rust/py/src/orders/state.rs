//! The router with its paper exchanges, the gateway that hears of it first, and where all of it is shown.

use super::paper::Paper;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::gateway::Gateway;
use ferrofeed_core::orders::router::{Event, Router};
use ferrofeed_core::region::{Board, DeskCell, GATEWAY_WORDS, Shared};
use ferrofeed_core::sign::Secret;
use std::collections::BTreeMap;

/// What the lock of an [`super::OrderCore`] guards.
pub(super) struct State {
    pub(super) router: Router,
    /// Hears of every event before anybody else does.
    pub(super) gateway: Option<Gateway>,
    pub(super) papers: Vec<Paper>,
    /// The feed's instrument whose book the collar of each of the router's looks at.
    pub(super) references: BTreeMap<u32, u32>,
    pub(super) cells: Vec<(u16, Shared<DeskCell>)>,
    /// Desks that are shown with another one, and which.
    pub(super) shown_with: Vec<(u16, u16)>,
}

/// Desks whose questions the paper exchanges answer at once before others get their turn.
pub(super) const SLICE: usize = 8;

impl State {
    /// Lets a desk measure and count on the feed's board.
    pub(super) fn show(&mut self, desk: u16, cell: Option<Shared<DeskCell>>) {
        if let Some(cell) = cell {
            self.router.measure_in(desk, cell.part(|cell| &cell.stats));
            self.cells.push((desk, cell));
        }
    }

    /// Puts up where desks and router stand; the words are those of `ferrofeed.orders.board`.
    pub(super) fn publish(&mut self, board: Option<&Board>, now: Stamp) {
        let journal = self.router.journal().unwrap_or_default();
        let age = if journal.unsynced_since == 0 { 0 } else { now.realtime.saturating_sub(journal.unsynced_since) };
        if let (Some(gateway), Some(board)) = (&self.gateway, board) {
            let (sockets, logins) = gateway.size();
            let mut words = [0; GATEWAY_WORDS];
            let head = [1, sockets, logins].map(|size| u64::try_from(size).unwrap_or(u64::MAX));
            for (word, value) in words.iter_mut().zip(head.into_iter().chain(gateway.tallies.all().map(|(_, n)| n))) {
                *word = value;
            }
            board.set_gateway(&words);
        }
        let ledger = self.router.ledger();
        let (anomalies, denials, _) = ledger.counts();
        for (desk, cell) in &self.cells {
            // other logins at a venue are shown with its own
            let all = || {
                let others = self.shown_with.iter().filter(|(_, of)| of == desk).map(|(desk, _)| *desk);
                std::iter::once(*desk).chain(others)
            };
            let sum = |of: &dyn Fn(u16) -> u32| all().map(|desk| u64::from(of(desk))).fold(0, u64::saturating_add);
            let (live, unknown) = (sum(&|desk| ledger.live_of(desk)), sum(&|desk| ledger.unknown_of(desk)));
            let state = self.router.desk_state(*desk).map_or(0, |state| state as u64);
            cell.state.write(&[
                state,
                live,
                unknown,
                ledger.mode() as u64,
                u64::from(ledger.kill().is_some()),
                u64::from(self.router.broken().is_some()),
                anomalies,
                denials,
                journal.entries,
                journal.bytes,
                journal.unsynced,
                u64::try_from(age).unwrap_or(0),
            ]);
        }
    }

    /// Adds a login of somebody's own at the venue of a desk: books are looked at as for that one.
    pub(super) fn add_login(
        &mut self,
        of: u16,
        name: &str,
        link: u16,
        keys: Option<(Secret, Secret)>,
        now: Stamp,
    ) -> Result<(u16, Vec<(u32, u32)>), String> {
        let (desk, own) = self.router.add_login(of, name, link, keys, now)?;
        if !self.shown_with.contains(&(desk, of)) {
            self.shown_with.push((desk, of));
        }
        for (instrument, added) in &own {
            if let Some(reference) = self.references.get(instrument).copied() {
                self.references.insert(*added, reference);
            }
        }
        Ok((desk, own))
    }

    /// Moves requests to the paper exchanges and reports back, until nothing moves.
    pub(super) fn pump(&mut self, now: Stamp) {
        self.pump_some(now, usize::MAX);
    }

    /// The same for so many desks that have something to ask; whether others may have, too.
    pub(super) fn pump_some(&mut self, now: Stamp, most: usize) -> bool {
        let mut asked = 0_usize;
        loop {
            let mut moved = false;
            for _ in 0..self.router.touched_count() {
                if asked >= most {
                    break;
                }
                let Some(desk) = self.router.take_touched() else { break };
                if !self.router.has_waiting(desk) {
                    continue;
                }
                let found = self.papers.iter_mut().find_map(|paper| {
                    let at = paper.by_desk.get(&desk).copied()?;
                    Some((paper, at))
                });
                let Some((paper, at)) = found else { continue };
                if paper.ask_all(at, &mut self.router, now) {
                    (asked, moved) = (asked.saturating_add(1), true);
                }
                // what may not be sent yet is looked at again
                self.router.touch(desk);
            }
            moved |= self.papers.iter_mut().fold(false, |heard, paper| paper.hear(&mut self.router, now) | heard);
            if asked >= most {
                return self.router.touched_count() > 0;
            }
            if !moved {
                return false;
            }
        }
    }

    /// Moves what one desk asks, if it is at a paper exchange.
    pub(super) fn pump_desk(&mut self, desk: u16, now: Stamp) {
        for paper in &mut self.papers {
            if let Some(at) = paper.by_desk.get(&desk).copied() {
                paper.pump_one(at, &mut self.router, now);
            }
        }
    }

    /// Takes what happened, and lets the gateway hear of it.
    pub(super) fn take_events(&mut self, now: Stamp) -> Vec<Event> {
        let events = self.router.take_events();
        match &mut self.gateway {
            Some(gateway) => gateway.hear(&events, &mut self.router, now),
            None => drop(self.router.take_told()),
        }
        events
    }
}
