//! Desks that come and go while the router runs: logins of others at a venue that is configured.

use super::desk::{DeskState, Speaker};
use super::request::{Request, Waiting};
use super::{Nanos, Router, Stamp};
use crate::sign::Secret;

/// Between a venue's name and that of whoever has a login of its own there.
pub const OWNER_MARK: char = '#';

/// Desks of one journal, of all runs together; those of venues in the configuration have room above that.
const MOST_DESKS: usize = 65_000;

impl Router {
    /// Adds a login of its own at the venue of desk `of`: it speaks alike (with `keys` in place of that desk's, where a message carries
    /// them), has the same instruments, limits and a budget as large, and is measured and counted with it. `name` is the venue's,
    /// [`OWNER_MARK`], and the owner's; it is given the number it had before, or one whose owner never had an order that is still kept.
    ///
    /// Gives the desk's number, and for each instrument of `of` the one of the new desk.
    ///
    /// # Errors
    /// There is no such desk, the journal knows too many already, or it has an instrument with other scales: in words. Nothing is added then.
    pub fn add_login(
        &mut self,
        of: u16,
        name: &str,
        link: u16,
        keys: Option<(Secret, Secret)>,
        now: Stamp,
    ) -> Result<(u16, Vec<(u32, u32)>), String> {
        let model = self.desk(of).ok_or_else(|| format!("there is no desk {of}"))?;
        let (mut speaker, instruments) = (model.speaker.clone(), model.instruments.clone());
        // the exchange in this process tells everything by itself, and may have thousands of accounts
        let poll = if matches!(speaker, Speaker::Paper) { 0 } else { model.poll };
        if let (Speaker::QuantApi { access_key, secret_key, .. }, Some(keys)) = (&mut speaker, keys) {
            (*access_key, *secret_key) = keys;
        }
        let is_new = !self.ledger.desks().iter().any(|known| **known == *name);
        if is_new {
            if let Some(spare) = self.spare(name) {
                self.commit(&super::Record::Desk { desk: spare, name: name.into() }, now);
            } else if self.ledger.desks().len() >= MOST_DESKS {
                return Err(format!("the journal knows {MOST_DESKS} accounts and logins: start with a new one"));
            }
        }
        let desk = self.add_desk(name, link, speaker, poll, now);
        self.risk.set_like(desk, of);
        if let Some(stats) = self.stats.get(usize::from(of)).cloned() {
            self.measure_in(desk, stats);
        }
        let mut own = Vec::new();
        for instrument in instruments {
            let Some(rules) = self.ledger.instrument(instrument).map(|known| known.rules.clone()) else { continue };
            match self.add_instrument(desk, rules, now) {
                Ok(added) => {
                    let limits = self.risk.limits(instrument);
                    self.risk.set_limits(added, limits);
                    own.push((instrument, added));
                }
                Err(why) => {
                    self.take_out(desk);
                    return Err(why);
                }
            }
        }
        Ok((desk, own))
    }

    /// A desk at the same venue that nobody has now and whose orders, if there were any, are forgotten.
    fn spare(&self, name: &str) -> Option<u16> {
        let venue = |name: &str| name.split_once(OWNER_MARK).map(|(venue, _)| venue.to_owned());
        let wanted = venue(name)?;
        let free = |desk: u16| self.desk(desk).is_none() && self.ledger.is_unused(desk);
        (0..)
            .zip(self.ledger.desks())
            .find(|(desk, known)| venue(known).as_deref() == Some(&*wanted) && free(*desk))
            .map(|(desk, _)| desk)
    }

    /// Has a desk never connect: there are no keys of ours at its venue, it is what logins of others are made like.
    pub fn set_keyless(&mut self, desk: u16) {
        if let Some(desk) = self.desk_mut(desk) {
            desk.state = DeskState::Keyless;
        }
    }

    /// Says goodbye for a desk, where its venue knows logins.
    pub fn log_out(&mut self, number: u16, now: Stamp) {
        if let Some(desk) = self.desk_mut(number)
            && desk.speaker.has_login()
            && desk.is_logged_in()
        {
            let request = Request::Logout;
            desk.commands.push_back(Waiting { request, deadline: Nanos::MAX, since: now.monotonic, cause: 0 });
        }
    }

    /// Takes a desk out, as if its venue were no longer configured; false, and nothing is done, while it has live orders.
    pub fn remove_desk(&mut self, number: u16, now: Stamp) -> bool {
        if self.ledger.live_of(number) > 0 {
            return false;
        }
        self.desk_lost(number, DeskState::Down, "the login is over", now);
        self.take_out(number);
        true
    }

    fn take_out(&mut self, number: u16) {
        if let Some(slot) = self.desks.get_mut(usize::from(number)) {
            *slot = None;
        }
        for desks in &mut self.links {
            desks.retain(|desk| *desk != number);
        }
    }
}
