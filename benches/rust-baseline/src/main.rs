//! What a good Rust engineer writes in a day: tokio-tungstenite, typed structs by sonic-rs or `serde_json` (the job's mode says which),
//! a `BTreeMap` a side. It shows what Python costs ferrofeed, and what the general crates cost beside scanners made for the shapes.
//!
//! A contestant of `benches/whole_path.py`: takes a job in JSON as its argument, prints `ready`, then its result.
//! Prices become `f64` and then integers: fast, as exact as a double, and less than ferrofeed promises.

use cpu_time::ProcessTime;
use foldhash::{HashMap, HashMapExt};
use futures_util::StreamExt;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

#[derive(Deserialize)]
struct Job {
    url: String,
    ca: String,
    frames: u64,
    mode: Parser,
}

/// Who reads the JSON.
#[derive(Clone, Copy, Deserialize)]
enum Parser {
    #[serde(rename = "sonic-rs")]
    Sonic,
    #[serde(rename = "serde_json")]
    Serde,
}

impl Parser {
    fn read(self, text: &str) -> Result<Envelope<'_>, Box<dyn Error>> {
        Ok(match self {
            Self::Sonic => sonic_rs::from_str(text)?,
            Self::Serde => serde_json::from_str(text)?,
        })
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Push<'a>>,
    symbol: Option<&'a str>,
    price: Option<&'a str>,
    volume_24h: Option<&'a str>,
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct Push<'a> {
    s: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    ld: Option<f64>,
    v: Option<f64>,
    t: Option<i64>,
    a: Option<Vec<Level>>,
    b: Option<Vec<Level>>,
}

#[derive(Deserialize)]
struct Level {
    p: f64,
    v: f64,
}

/// Units of 1e-8, so that prices can be keys.
fn units(value: f64) -> i64 {
    (value * 1e8).round() as i64
}

#[derive(Default)]
struct Instrument {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    quote: (f64, f64, i64),
    trade: (f64, f64, i64),
}

struct State {
    parser: Parser,
    instruments: HashMap<String, Instrument>,
    frames: u64,
}

impl State {
    fn instrument(&mut self, symbol: &str) -> &mut Instrument {
        if !self.instruments.contains_key(symbol) {
            self.instruments.insert(symbol.to_owned(), Instrument::default());
        }
        self.instruments.get_mut(symbol).expect("just inserted")
    }

    fn message(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let envelope = self.parser.read(text)?;
        self.frames += 1;
        let Some(push) = envelope.data else {
            let price: f64 = envelope.price.ok_or("no price")?.parse()?;
            let volume: f64 = envelope.volume_24h.ok_or("no volume")?.parse()?;
            self.instrument(envelope.symbol.ok_or("no symbol")?).quote =
                (price, volume, envelope.timestamp.unwrap_or(0));
            return Ok(());
        };
        let instrument = self.instrument(push.s);
        let stamped = (push.ld.unwrap_or(0.0), push.v.unwrap_or(0.0), push.t.unwrap_or(0));
        match push.kind {
            "depth" => {
                for (side, levels) in [(&mut instrument.bids, push.b), (&mut instrument.asks, push.a)] {
                    side.clear();
                    side.extend(levels.unwrap_or_default().iter().map(|level| (units(level.p), units(level.v))));
                }
            }
            "quote" => instrument.quote = stamped,
            _ => instrument.trade = stamped,
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Report {
    cpu_ns: u128,
    wall_ns: u128,
    frames: u64,
    books: HashMap<String, [Vec<[String; 2]>; 2]>,
}

fn decimal(value: i64) -> String {
    format!("{}.{:08}", value / 100_000_000, value % 100_000_000)
}

fn tls(ca: &str) -> Result<Connector, Box<dyn Error>> {
    if ca.is_empty() {
        return Ok(Connector::Plain);
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    Ok(Connector::Rustls(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())))
}

#[allow(clippy::disallowed_methods, reason = "not the core: it has its own clock")]
async fn receive(job: Job) -> Result<(), Box<dyn Error>> {
    // its fast settings: a large read buffer
    let config = WebSocketConfig::default().read_buffer_size(1 << 17);
    let (mut socket, _) = connect_async_tls_with_config(&job.url, Some(config), true, Some(tls(&job.ca)?)).await?;
    let mut state = State { parser: job.mode, instruments: HashMap::new(), frames: 0 };
    println!("ready");
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    while state.frames < job.frames {
        match socket.next().await.ok_or("the sender closed early")?? {
            Message::Text(text) => state.message(&text)?,
            _ => continue,
        }
    }
    let (cpu_ns, wall_ns) = (cpu.elapsed().as_nanos(), wall.elapsed().as_nanos());
    let row = |(price, size): (&i64, &i64)| [decimal(*price), decimal(*size)];
    let books = state
        .instruments
        .iter()
        .filter(|(_, instrument)| !instrument.bids.is_empty())
        .map(|(symbol, instrument)| {
            let bids = instrument.bids.iter().rev().map(row).collect();
            (symbol.clone(), [bids, instrument.asks.iter().map(row).collect()])
        })
        .collect();
    println!("{}", serde_json::to_string(&Report { cpu_ns, wall_ns, frames: state.frames, books })?);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let job: Job = serde_json::from_str(&std::env::args().nth(1).ok_or("a job, in JSON")?)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(receive(job))
}
