#![no_main]

use ferrofeed_core::venue::VenueKind;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrofeed_fuzz::decode::run(VenueKind::Infoway, data));
