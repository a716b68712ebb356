//! What an operation of the paper exchange costs, money, positions and events included.
//!
//! `cargo bench -p ferrofeed-core --bench exchange`: criterion's own figures, then a table: operations a second (median of 11 runs) and
//! the percentiles of single operations. Those are taken with a clock around each operation, whose own cost is shown and not taken off.
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::{Event, Exchange, NewOrder, OrderNo, Terms};
use ferrofeed_core::orders::{Offset, OrderType, Product, Rules, Side};
use std::hint::black_box;
use std::time::Duration;

const MID: i64 = 300_000;
const ACCOUNTS: u32 = 8;

/// xorshift64*: seeded, so that every run has the same work.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        i64::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).expect("31 bits") % bound
    }

    fn account(&mut self) -> u32 {
        u32::try_from(self.below(ACCOUNTS.into())).expect("few")
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 { Side::Buy } else { Side::Sell }
    }
}

struct Bench {
    exchange: Exchange,
    product: Product,
    random: Random,
    live: Vec<(u32, OrderNo)>,
    events: Vec<Event>,
}

impl Bench {
    /// An exchange with this many resting orders a side, ten to a price.
    fn new(product: Product, resting: i64) -> Self {
        let mut exchange = Exchange::new(100_000);
        let rules = Rules {
            symbol: "ETH/USDT".into(),
            raw_symbol: "ETHUSDT".into(),
            product,
            base: "ETH".into(),
            quote: "USDT".into(),
            settle: "USDT".into(),
            price_scale: 2,
            size_scale: 4,
            tick: 1,
            lot: 1,
            min_size: 1,
            max_size: 0,
            min_price: 0,
            min_notional: 0,
        };
        exchange.add_instrument(rules, Terms { maker_ppm: 200, taker_ppm: 500, leverage: 10 });
        for _ in 0..ACCOUNTS {
            let account = exchange.add_account("trader");
            for currency in ["ETH", "USDT"] {
                exchange.deposit(account, currency, 1 << 120).expect("an account");
            }
        }
        let mut bench = Self { exchange, product, random: Random(7), live: Vec::new(), events: Vec::new() };
        for at in 0..resting {
            for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
                let account = bench.random.account();
                bench.submit(account, side, OrderType::Limit, MID + sign * (1 + at / 10), 1_000);
            }
        }
        bench.take_events();
        bench
    }

    fn submit(&mut self, account: u32, side: Side, order_type: OrderType, price: i64, quantity: i64) -> OrderNo {
        let offset = if self.product == Product::Spot { Offset::Net } else { Offset::Open };
        let new = NewOrder { instrument: 0, side, order_type, offset, price, quantity, client: 1 };
        self.exchange.submit(1, account, new).expect("a good order")
    }

    fn take_events(&mut self) {
        self.exchange.take_events(&mut self.events);
        black_box(&self.events);
        self.events.clear();
    }

    /// A limit order that rests near the top.
    fn add(&mut self) {
        let (account, side) = (self.random.account(), self.random.side());
        let price = MID - side.sign() * (1 + self.random.below(30));
        let order = self.submit(account, side, OrderType::Limit, price, 1_000);
        self.live.push((account, order));
    }

    /// A cancel of a random one of those.
    fn cancel(&mut self) {
        let count = i64::try_from(self.live.len()).expect("few");
        if count > 0 {
            let at = usize::try_from(self.random.below(count)).expect("few");
            let (account, order) = self.live.swap_remove(at);
            // it may be filled
            black_box(self.exchange.cancel(1, account, order).is_ok());
        }
    }

    /// A purchase that fills one resting order of another account whole, and the order that it fills: two operations.
    fn meet(&mut self) {
        let maker = self.random.account();
        self.submit(maker, Side::Sell, OrderType::Limit, MID, 1_000);
        self.submit((maker + 1) % ACCOUNTS, Side::Buy, OrderType::Limit, MID, 1_000);
    }

    /// Ten resting orders, and one that fills them all: eleven operations.
    fn sweep(&mut self) {
        for at in 0..10 {
            self.submit(1, Side::Sell, OrderType::Limit, MID - at, 1_000);
        }
        self.submit(2, Side::Buy, OrderType::Ioc, MID, 10_000);
    }

    /// A new picture of 20 by 20 levels, and an order that takes the best two: two operations.
    fn live_book(&mut self) {
        let size = 5_000 + self.random.below(1_000);
        let levels = |sign: i64| -> [Level; 20] {
            std::array::from_fn(|at| Level {
                price: MID + sign * (1 + i64::try_from(at).expect("few")),
                size: if at < 2 { size } else { 7_000 },
            })
        };
        let (bids, asks) = (levels(-1), levels(1));
        self.exchange.market(1, 0, &bids, &asks).expect("a book");
        self.submit(3, Side::Buy, OrderType::Ioc, MID + 2, 2 * size);
    }

    /// What a market is like: of 20 orders nine come, nine go and two take.
    fn mixed(&mut self) {
        match self.random.below(20) {
            0..9 => self.add(),
            9..18 => self.cancel(),
            _ => {
                let (account, side) = (self.random.account(), self.random.side());
                self.submit(account, side, OrderType::Ioc, MID + side.sign() * 30, 1_500);
            }
        }
    }
}

struct Work {
    name: &'static str,
    product: Product,
    resting: i64,
    /// Operations in one call.
    operations: u32,
    call: fn(&mut Bench),
}

const WORKS: &[Work] = &[
    Work { name: "add, cancel", product: Product::Spot, resting: 0, operations: 2, call: add_cancel },
    Work {
        name: "add, cancel, 20,000 resting",
        product: Product::Spot,
        resting: 10_000,
        operations: 2,
        call: add_cancel,
    },
    Work { name: "one fills one", product: Product::Spot, resting: 0, operations: 2, call: Bench::meet },
    Work { name: "one fills one, contract", product: Product::Contract, resting: 0, operations: 2, call: Bench::meet },
    Work { name: "one fills ten", product: Product::Spot, resting: 0, operations: 11, call: Bench::sweep },
    Work {
        name: "live book 20x20, take two",
        product: Product::Spot,
        resting: 0,
        operations: 2,
        call: Bench::live_book,
    },
    Work { name: "mixed", product: Product::Spot, resting: 1_000, operations: 1, call: Bench::mixed },
    Work { name: "mixed, contract", product: Product::Contract, resting: 1_000, operations: 1, call: Bench::mixed },
    Work {
        name: "mixed, 200,000 resting",
        product: Product::Spot,
        resting: 100_000,
        operations: 1,
        call: Bench::mixed,
    },
];

fn add_cancel(bench: &mut Bench) {
    bench.add();
    bench.cancel();
}

/// Calls, ns; events are taken every 64 calls.
fn run(bench: &mut Bench, work: &Work, calls: u64) -> i64 {
    let start = monotonic_ns();
    for call in 0..calls {
        (work.call)(bench);
        if call % 64 == 63 {
            bench.take_events();
        }
    }
    bench.take_events();
    monotonic_ns() - start
}

fn percentile(sorted: &[i64], of_a_thousand: usize) -> i64 {
    sorted[(sorted.len() * of_a_thousand / 1_000).min(sorted.len() - 1)]
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for work in WORKS {
        let mut group = criterion.benchmark_group("exchange");
        group.throughput(Throughput::Elements(work.operations.into()));
        group.bench_function(BenchmarkId::from_parameter(work.name), |bencher| {
            let mut bench = Bench::new(work.product, work.resting);
            bencher.iter_custom(|calls| Duration::from_nanos(u64::try_from(run(&mut bench, work, calls)).unwrap_or(0)));
        });
        group.finish();
    }
    criterion.final_summary();

    let clock = {
        let mut all: Vec<i64> = (0..100_000).map(|_| -monotonic_ns() + monotonic_ns()).collect();
        all.sort_unstable();
        percentile(&all, 500)
    };
    println!("\nns an operation; the clock itself takes {clock} ns of each call below");
    println!("{:<30}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}", "", "ops/s", "mean", "p50", "p99", "p99.9", "max");
    for work in WORKS {
        let mut bench = Bench::new(work.product, work.resting);
        let operations = f64::from(work.operations);
        let calls = 100_000 / u64::from(work.operations);
        run(&mut bench, work, 100_000);
        let mut runs: Vec<i64> = (0..11).map(|_| run(&mut bench, work, calls)).collect();
        runs.sort_unstable();
        let mean = runs[5] as f64 / calls as f64 / operations;
        let mut each = Vec::with_capacity(300_000);
        for call in 0..300_000 {
            let start = monotonic_ns();
            (work.call)(&mut bench);
            each.push(monotonic_ns() - start);
            if call % 64 == 63 {
                bench.take_events();
            }
        }
        each.sort_unstable();
        let [p50, p99, p999] = [500, 990, 999].map(|of| percentile(&each, of));
        let max = each.last().expect("some");
        println!("{:<30}{:>12.0}{mean:>10.1}{p50:>10}{p99:>10}{p999:>10}{max:>10}", work.name, 1e9 / mean);
    }
    println!("(percentiles are of whole calls: {})", {
        let calls: Vec<String> = WORKS.iter().map(|work| format!("{} {}", work.name, work.operations)).collect();
        calls.join(", ")
    });
}
