//! One file a trading venue: request bytes, and messages to reports. No I/O, no clock, no state.
