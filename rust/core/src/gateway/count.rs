//! What happened at the gateway, counted by name.

use crate::orders::types::words;

words! {
    /// What is counted. Most are reasons for which something was refused.
    Tally {
        /// Connections taken.
        Connections = 0 "connections",
        /// Messages taken.
        Messages = 1 "messages",
        /// Messages sent.
        Sent = 2 "sent",
        /// Logins taken.
        Logins = 3 "logins",
        /// Messages that are no JSON object, or lack something.
        Malformed = 4 "malformed",
        /// Messages with an operation there is not.
        UnknownOp = 5 "unknown_op",
        /// Messages or frames above the size limit.
        Oversized = 6 "oversized",
        /// Messages above the rate limit.
        RateLimited = 7 "rate_limited",
        /// Clients cut off because they did not read.
        SlowClient = 8 "slow_client",
        /// Clients cut off because they said nothing.
        Idle = 9 "idle",
        /// Upgrades from a page of another origin.
        BadOrigin = 10 "bad_origin",
        /// Requests for another host.
        BadHost = 11 "bad_host",
        /// Requests for a path there is not.
        BadPath = 12 "bad_path",
        /// Logins with wrong keys, or where the client may not go.
        LoginRefused = 13 "login_refused",
        /// Logins that are there already.
        LoginRepeated = 14 "login_repeated",
        /// Tokens that are none.
        InvalidToken = 15 "invalid_token",
        /// Tokens of another connection.
        ForeignToken = 16 "foreign_token",
        /// Connections above the limit.
        ConnectionLimit = 17 "connection_limit",
        /// Logins above the limit.
        LoginLimit = 18 "login_limit",
        /// Connections that never became a WebSocket.
        HandshakeFailed = 19 "handshake_failed",
        /// Clients that broke the WebSocket protocol.
        ProtocolError = 20 "protocol_error",
        /// Commands that a client's own limits or permissions forbid.
        Forbidden = 21 "forbidden",
        /// Answers whose client was gone.
        Undeliverable = 22 "undeliverable",
        /// Market data that a client was too slow for.
        Conflated = 23 "conflated",
    }
}

/// Counters of all of them.
#[derive(Clone, Debug, Default)]
pub struct Tallies([u64; 24]);

impl Tallies {
    /// Counts one.
    pub fn count(&mut self, what: Tally) {
        self.add(what, 1);
    }

    /// Counts some.
    pub fn add(&mut self, what: Tally, n: u64) {
        if let Some(counter) = self.0.get_mut(usize::from(what as u8)) {
            *counter = counter.saturating_add(n);
        }
    }

    /// All by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Tally::ALL.iter().map(|what| (what.name(), self.0.get(usize::from(*what as u8)).copied().unwrap_or(0)))
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, what: Tally) -> u64 {
        self.0.get(usize::from(what as u8)).copied().unwrap_or(0)
    }
}
