//! `ferrofeed._core`: the boundary between Python and `ferrofeed-core`, and nothing else.
//!
//! In go bytes, integers and options at construction; out come integers, batch views and snapshots made on demand. Python is
//! never called from the data path, but for rare notices to the session.

mod book;
mod consumer;
mod convert;
mod decode;
mod exchange;
mod feed;
mod inline;
mod metrics;
mod orders;
mod poll;
mod process;
mod reader;
mod sign;
mod stats;
mod sync;

use pyo3::prelude::*;

#[pymodule]
#[pyo3(name = "_core")]
mod core_module {

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the Python name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the Python name")]
    const release_build: bool = !cfg!(debug_assertions);

    #[pymodule_export]
    use super::{
        book::BookSnapshot,
        consumer::{Batch, Consumer, Records},
        decode::{Decoder, decimal},
        exchange::{PaperExchange, PaperReject},
        feed::FeedCore,
        feed::{monotonic_ns, realtime_ns},
        metrics::{MetricsBoard, MetricsView},
        orders::{GatewayCore, JournalError, OrderCore, OrderDeniedError, read_journal, replay_orders},
        poll::Poller,
        process::lock_memory,
        reader::Reader,
        sign::{coinceres_signature, hmac_sha256_hex, sha256_hex, ziario_signature},
    };
}
