//! What a request of a trading venue costs to write, and an answer or a notification to read; `serde_json` beside it, to a generic value
//! only, which is less than what is read here.

#![allow(missing_docs, reason = "criterion's macros make the main function")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark of messages that are known to be good"
)]

use criterion::{BenchmarkId, Criterion};
use ferrofeed_core::orders::venue::{coinceres, quantapi};
use ferrofeed_core::orders::{Offset, OrderType, Report, Side, Unit};
use ferrofeed_core::sign::Secret;
use std::hint::black_box;

const UTC8: i32 = 8 * 3_600;

const COINCERES: [(&str, &str); 4] = [
    (
        "accepted",
        r#"{"biz_type":11,"code":"200","data":{"client_oid":"12345","system_oid":"126014167605456896"},"message":"SUCESS"}"#,
    ),
    (
        "push",
        r#"{"messageType":"1","product":"p","exchange":"OKEX","contract":"ADA_BTC","entrustId":"126014167605456896","avgDealPrice":"0.0000105","entrustTime":"2018-07-03 15:59:22","entrustStatus":"PART_FILLED","entrustDir":"OPEN_BUY","entrustType":"LIMIT","lever":"10","entrustPrice":"0.000011","entrustVol":"10","dealVol":"1","totalDealVol":"4"}"#,
    ),
    (
        "cancelled",
        r#"{"biz_type":12,"code":"200","message":"SUCESS","data":{"SUCCESS":[{"system_oid":"126014167605456896"}],"ERROR":[]}}"#,
    ),
    (
        "order",
        r#"{"biz_type":15,"code":"200","message":"SUCESS","data":[{"system_oid":"126014167605456896","client_oid":"12345","contract":"ADA_BTC","entrust_bs":"buy","entrust_price":"0.000011","entrust_amount":"10","average_dealt_price":"0.0000105","dealt_amount":"4","commission":"0.01","lever":"10","profit_value":"0.1","stop_value":null,"status":4,"entrust_time":"2018-07-03 15:59:22"}]}"#,
    ),
];

const QUANTAPI: [(&str, &str); 4] = [
    (
        "accepted",
        r#"{"op":"place_order","cid":"18231547","result":true,"error_message":"","order_no":"2510832677225473"}"#,
    ),
    (
        "order",
        r#"{"op":"notify","topic":"order","token":"f3b1c62a9d","data":{"symbol":"ETH/USDT","order_no":"2510832677225474","action":"SELL","price":2189.6,"quantity":24.6,"remain":4.6,"status":"PARTIAL-FILLED","order_type":"LIMIT","ctime":1530604762222,"utime":1530604762311}}"#,
    ),
    (
        "fill",
        r#"{"op":"notify","topic":"fill","token":"f3b1c62a9d","data":{"symbol":"ETH/USDT","order_no":"2510832677225474","fill_no":"9302836","price":2189.6,"quantity":24.6,"side":"SELL","liquidity":"TAKER","ctime":1530604762311}}"#,
    ),
    (
        "asset",
        r#"{"op":"notify","topic":"asset","token":"f3b1c62a9d","data":{"BTC":{"free":1.1,"locked":2.2,"total":3.3},"ETH":{"free":1.1,"locked":2.2,"total":3.3},"EOS":{"free":1.1,"locked":2.2,"total":3.3}}}"#,
    ),
];

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order_bodies/encode");
    let mut out = Vec::with_capacity(1_024);
    let order = coinceres::Place {
        exchange: "OKEX",
        contract: "ETH_USDT",
        order_type: OrderType::Limit,
        price: (218_960, 2),
        quantity: (246, 1),
        unit: Unit::Base,
        side: Side::Buy,
        offset: Offset::Open,
        leverage: 10,
        client_id: "1823154712345678",
        profit: None,
        stop: None,
        deal_id: "",
        close_rule: "",
    };
    group.bench_function("coinceres/place", |bencher| {
        bencher.iter(|| {
            out.clear();
            coinceres::place(&mut out, black_box(&order)).unwrap();
            black_box(out.len())
        });
    });
    group.bench_function("coinceres/cancel", |bencher| {
        bencher.iter(|| {
            out.clear();
            coinceres::cancel(&mut out, black_box(&["126014167605456896"])).unwrap();
            black_box(out.len())
        });
    });
    let token = Secret::from("f3b1c62a9d");
    let order = quantapi::Place {
        symbol: "ETH/USDT",
        side: Side::Sell,
        offset: Offset::Open,
        order_type: OrderType::Limit,
        price: (218_960, 2),
        quantity: (246, 1),
        unit: Unit::Base,
    };
    group.bench_function("quantapi/place", |bencher| {
        bencher.iter(|| {
            out.clear();
            quantapi::place(&mut out, black_box(18_231_547), &token, black_box(&order)).unwrap();
            black_box(out.len())
        });
    });
    group.bench_function("quantapi/cancel", |bencher| {
        bencher.iter(|| {
            out.clear();
            quantapi::cancel(&mut out, 18_231_547, &token, "ETH/USDT", black_box(&["2510832677225473"])).unwrap();
            black_box(out.len())
        });
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order_bodies/decode");
    let mut out: Vec<Report> = Vec::with_capacity(16);
    for (name, text) in COINCERES {
        group.bench_function(BenchmarkId::new("coinceres", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                coinceres::decode(black_box(text.as_bytes()), UTC8, &mut out).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("coinceres_serde_value", name), |bencher| {
            bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(text.as_bytes())).unwrap());
        });
    }
    for (name, text) in QUANTAPI {
        group.bench_function(BenchmarkId::new("quantapi", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                quantapi::decode(black_box(text.as_bytes()), &mut out).unwrap()
            });
        });
        group.bench_function(BenchmarkId::new("quantapi_serde_value", name), |bencher| {
            bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(text.as_bytes())).unwrap());
        });
    }
    group.finish();
}

criterion::criterion_group!(benches, encode, decode);
criterion::criterion_main!(benches);
