//! The journal: cut at every byte, bits flipped, rotation interrupted at every step, read while it is written, its writer killed, its
//! disk full.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests"
)]

#[path = "orders_journal/beside.rs"]
mod beside;
#[path = "orders_journal/damage.rs"]
mod damage;
#[path = "orders_journal/death.rs"]
mod death;
#[path = "orders_journal/folder.rs"]
mod folder;
#[path = "orders_journal/rotation.rs"]
mod rotation;
#[path = "orders_journal/support.rs"]
mod support;
#[path = "orders_journal/tail.rs"]
mod tail;
