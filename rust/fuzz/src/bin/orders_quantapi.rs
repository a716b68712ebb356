#![no_main]

use ferrofeed_fuzz::orders::{Venue, run};

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(Venue::Quantapi, data));
