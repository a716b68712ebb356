//! Risk: every rule just inside, at and just outside its limit; all of them against a plain second reading of what they say; budgets
//! by brute force.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::similar_names,
    reason = "helpers of tests; side and size are the terms of the trade"
)]

#[path = "orders_risk/budget.rs"]
mod budget;
#[path = "orders_risk/extremes.rs"]
mod extremes;
#[path = "orders_risk/oracle.rs"]
mod oracle;
#[path = "orders_risk/reducing.rs"]
mod reducing;
#[path = "orders_risk/rules.rs"]
mod rules;
#[path = "orders_risk/support.rs"]
mod support;
#[path = "orders_risk/window.rs"]
mod window;
