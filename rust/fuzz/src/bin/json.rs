#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrofeed_fuzz::json::run(data));
