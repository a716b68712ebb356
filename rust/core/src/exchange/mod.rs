//! The paper exchange: a matching engine with accounts.
