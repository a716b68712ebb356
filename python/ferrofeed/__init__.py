"""ferrofeed: a high-throughput, Rust-accelerated market-data feed handler and order gateway."""
