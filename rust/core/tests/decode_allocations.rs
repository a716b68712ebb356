//! Decoding allocates nothing once the batch and the decoder have seen a message of the size.

#![allow(unsafe_code, reason = "a counting allocator can't be written without it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: failing loudly is the point")]

use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Batch;
use ferrofeed_core::instrument::{Instrument, Instruments, Scale};
use ferrofeed_core::venue::{AnyDecoder, Context, Decode as _, VenueKind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    COUNT.with(|count| count.set(count.get().wrapping_add(1)));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local integer that needs neither
// memory nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's own promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above; `memory` came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn every_golden_frame_is_decoded_without_an_allocation_the_second_time() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut frames = 0;
    for venue in VenueKind::ALL {
        let mut instruments = Instruments::new();
        for raw in ["BTCUSDT", "BTC_USDT", "ETH_USDT", "PEPE_USDT", "EURUSD", "002594.SZ", "AMZN.US", "AAPL.US"] {
            instruments.add(Instrument {
                venue: 0,
                symbol: raw.into(),
                raw_symbol: raw.into(),
                price: Scale::default(),
                size: Scale::default(),
                turnover: Scale::default(),
                wanted: true,
            });
        }
        let (mut decoder, mut batch) = (AnyDecoder::new(venue), Batch::default());
        for entry in std::fs::read_dir(golden.join(venue.name())).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "expect") {
                continue;
            }
            let message = std::fs::read(&path).unwrap();
            let mut again = || {
                batch.clear();
                let stamp = Stamp::default();
                let mut context =
                    Context { instruments: &mut instruments, out: &mut batch, venue: 0, epoch: 1, stamp, adopt: false };
                let before = COUNT.with(Cell::get);
                let first = decoder.decode(&message, &mut context);
                (first, COUNT.with(Cell::get).wrapping_sub(before))
            };
            let (first, _) = again();
            let (second, allocations) = again();
            assert_eq!(first, second, "{}", path.display());
            assert_eq!(allocations, 0, "{}", path.display());
            frames += 1;
        }
    }
    assert!(frames > 60, "only {frames} frames: is the folder whole?");
}
