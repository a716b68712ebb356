//! The life of an order: its states, what can happen to it, and the one table that says which follows which.

use super::types::words;

words! {
    /// Where an order stands. The last six are terminal: nothing leaves them.
    OrderState {
        /// Journaled and on its way; the venue has not answered.
        PendingNew = 1 "pending_new",
        /// Live at the venue, perhaps filled in part.
        Working = 2 "working",
        /// Live; a cancel is on its way.
        PendingCancel = 3 "pending_cancel",
        /// Live; a change of price or quantity is on its way.
        PendingReplace = 4 "pending_replace",
        /// We don't know: the connection was lost, an answer did not come, or the process was killed. The venue is asked.
        Unknown = 5 "unknown",
        /// Filled whole.
        Filled = 6 "filled",
        /// Cancelled, perhaps filled in part.
        Cancelled = 7 "cancelled",
        /// The venue refused it.
        Rejected = 8 "rejected",
        /// Its time to live was over, or the connection gone, before it was sent: it never left this process.
        Expired = 9 "expired",
        /// The venue was asked after all it was sent had time to arrive, and never had it.
        Absent = 10 "absent",
        /// No longer live at the venue, which keeps no history that would tell how much of it was filled.
        Closed = 11 "closed",
    }
}

impl OrderState {
    /// Whether nothing can happen to it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        self as u8 >= Self::Filled as u8
    }
}

words! {
    /// What can happen to an order, whoever caused it.
    Change {
        /// The venue took it, or lists it as live.
        Accepted = 1 "accepted",
        /// The venue refused it.
        Refused = 2 "refused",
        /// More of it is filled, not all.
        PartFilled = 3 "part_filled",
        /// The last of it is filled.
        Filled = 4 "filled",
        /// The venue cancelled the rest of it.
        Cancelled = 5 "cancelled",
        /// We ask the venue to cancel it.
        CancelAsked = 6 "cancel_asked",
        /// The cancel was refused, never answered, or too late to be sent.
        CancelFailed = 7 "cancel_failed",
        /// We ask the venue to change it.
        ReplaceAsked = 8 "replace_asked",
        /// It has a new price or quantity.
        Replaced = 9 "replaced",
        /// The change was refused, never answered, or too late to be sent.
        ReplaceFailed = 10 "replace_failed",
        /// The connection was lost, its answer did not come, or we were restarted.
        Lost = 11 "lost",
        /// It was not sent: too late, or no connection.
        Expired = 12 "expired",
        /// The venue never had it.
        Absent = 13 "absent",
        /// The venue no longer has it, and does not say what became of it.
        Closed = 14 "closed",
    }
}

/// Every transition there is. Whatever is not listed here is not done: it is counted and surfaced as an anomaly, or, where a
/// report only repeats what is known, counted as late.
#[rustfmt::skip]
pub const TRANSITIONS: &[(OrderState, Change, OrderState)] = {
    use Change as C;
    use OrderState as S;
    &[
        (S::PendingNew, C::Accepted, S::Working),
        (S::PendingNew, C::Refused, S::Rejected),
        (S::PendingNew, C::Filled, S::Filled),
        (S::PendingNew, C::Cancelled, S::Cancelled),
        (S::PendingNew, C::Lost, S::Unknown),
        (S::PendingNew, C::Expired, S::Expired),

        (S::Working, C::PartFilled, S::Working),
        (S::Working, C::Filled, S::Filled),
        (S::Working, C::Cancelled, S::Cancelled),
        (S::Working, C::Refused, S::Rejected),
        (S::Working, C::CancelAsked, S::PendingCancel),
        (S::Working, C::ReplaceAsked, S::PendingReplace),
        (S::Working, C::Replaced, S::Working),
        (S::Working, C::Lost, S::Unknown),

        (S::PendingCancel, C::PartFilled, S::PendingCancel),
        (S::PendingCancel, C::Filled, S::Filled),
        (S::PendingCancel, C::Cancelled, S::Cancelled),
        (S::PendingCancel, C::Refused, S::Rejected),
        (S::PendingCancel, C::CancelFailed, S::Working),
        (S::PendingCancel, C::Replaced, S::PendingCancel),
        (S::PendingCancel, C::Lost, S::Unknown),

        (S::PendingReplace, C::PartFilled, S::PendingReplace),
        (S::PendingReplace, C::Filled, S::Filled),
        (S::PendingReplace, C::Cancelled, S::Cancelled),
        (S::PendingReplace, C::Refused, S::Rejected),
        (S::PendingReplace, C::CancelAsked, S::PendingCancel),
        (S::PendingReplace, C::Replaced, S::Working),
        (S::PendingReplace, C::ReplaceFailed, S::Working),
        (S::PendingReplace, C::Lost, S::Unknown),

        (S::Unknown, C::Accepted, S::Working),
        (S::Unknown, C::Refused, S::Rejected),
        (S::Unknown, C::Replaced, S::Working),
        (S::Unknown, C::PartFilled, S::Unknown),
        (S::Unknown, C::Filled, S::Filled),
        (S::Unknown, C::Cancelled, S::Cancelled),
        (S::Unknown, C::Absent, S::Absent),
        (S::Unknown, C::Closed, S::Closed),
    ]
};

/// Where a change leads from a state; `None` if it can't happen there.
#[must_use]
pub fn next(state: OrderState, change: Change) -> Option<OrderState> {
    TRANSITIONS.iter().find(|(from, what, _)| *from == state && *what == change).map(|(_, _, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leads_from_a_state_to_one_other() {
        for (at, (from, change, _)) in TRANSITIONS.iter().enumerate() {
            let same = TRANSITIONS.iter().skip(at + 1).any(|(state, what, _)| state == from && what == change);
            assert!(!same, "{from:?} {change:?} is listed twice");
        }
    }

    #[test]
    fn nothing_leaves_a_terminal_state() {
        for (from, change, _) in TRANSITIONS {
            assert!(!from.is_terminal(), "{from:?} {change:?}");
        }
        assert_eq!(OrderState::ALL.iter().filter(|state| state.is_terminal()).count(), 6);
    }

    #[test]
    fn every_live_state_reaches_every_end_it_should() {
        for state in OrderState::ALL.iter().copied().filter(|state| !state.is_terminal()) {
            let mut seen = vec![state];
            let mut at = 0;
            while let Some(from) = seen.get(at).copied() {
                for (_, _, to) in TRANSITIONS.iter().filter(|(other, _, _)| *other == from) {
                    if !seen.contains(to) {
                        seen.push(*to);
                    }
                }
                at += 1;
            }
            for end in [OrderState::Filled, OrderState::Cancelled, OrderState::Rejected, OrderState::Unknown] {
                assert!(seen.contains(&end), "{state:?} never gets to {end:?}");
            }
            // what was once live can't turn out never to have been sent
            assert_eq!(seen.contains(&OrderState::Expired), state == OrderState::PendingNew);
        }
    }

    #[test]
    fn an_order_is_given_up_only_when_it_is_unknown() {
        for (from, change, _) in TRANSITIONS {
            if matches!(change, Change::Absent | Change::Closed) {
                assert_eq!(*from, OrderState::Unknown);
            }
        }
    }
}
