//! What the fuzz targets check. Each `run` takes any bytes and panics on a finding; nothing else may panic.
//!
//! `run.sh` builds and runs the targets (`src/bin`) on stable Rust.

pub mod decode;
pub mod gateway;
pub mod json;
pub mod num;
pub mod orders;
pub mod wire;

#[path = "../../core/tests/order_oracle/mod.rs"]
mod order_oracle;

#[path = "../../core/tests/wire_oracle/mod.rs"]
mod wire_oracle;
