#![no_main]

use ferrofeed_fuzz::gateway::run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
