//! One order book and its validity rules.
