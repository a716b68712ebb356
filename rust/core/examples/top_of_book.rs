//! The core without Python: a plain socket, the pipeline, and the best bid and ask of every book as it changes.
//!
//! Start a simulator, then this against the port it prints:
//!
//! ```sh
//! ferrofeed sim itick --port 9001 --rate 100
//! cargo run --release --example top_of_book -- 127.0.0.1:9001 BTCUSDT ETHUSDT
//! ```
use ferrofeed_core::clock::{Stamp, monotonic_ns};
use ferrofeed_core::event::{Batch, Kind};
use ferrofeed_core::instrument::{Instrument, Scale};
use ferrofeed_core::num::fmt_scaled;
use ferrofeed_core::pipeline::{Connection, Feed, Notice};
use ferrofeed_core::quarantine::Quarantine;
use ferrofeed_core::queue::{Config, Filter, Policy, Queue, Taken};
use ferrofeed_core::venue::VenueKind;
use ferrofeed_core::wire::Limits;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// Sends one masked text frame of at most 125 bytes; a client must mask, any key will do.
fn send(socket: &mut TcpStream, opcode: u8, payload: &[u8]) -> Result<(), Box<dyn Error>> {
    let length = u8::try_from(payload.len()).ok().filter(|n| *n <= 125).ok_or("a message of more than 125 bytes")?;
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    Ok(socket.write_all(&frame)?)
}

/// Upgrades the connection; gives what came behind the header already.
fn upgrade(socket: &mut TcpStream, host: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    write!(
        socket,
        "GET /cws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: ZmVycm9mZWVkLXNhbXBsZQ==\r\nSec-WebSocket-Version: 13\r\ntoken: sim-key\r\n\r\n"
    )?;
    let mut head = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let n = socket.read(&mut chunk)?;
        head.extend_from_slice(chunk.get(..n).filter(|bytes| !bytes.is_empty()).ok_or("closed in the handshake")?);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = head.split_off(end.saturating_add(4));
            return if head.starts_with(b"HTTP/1.1 101") {
                Ok(rest)
            } else {
                Err(String::from_utf8_lossy(&head).into())
            };
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().ok_or("usage: top_of_book HOST:PORT SYMBOL...")?;
    let symbols: Vec<String> = arguments.collect();

    let mut feed = Feed::new();
    for symbol in &symbols {
        let index = feed.instruments.add(Instrument {
            venue: 0,
            symbol: ferrofeed_core::venue::canonical(symbol).into(),
            raw_symbol: symbol.as_str().into(),
            price: Scale::default(),
            size: Scale::default(),
            turnover: Scale::default(),
            wanted: true,
        });
        // what iTick calls it in its pushes
        feed.instruments.alias(index, ferrofeed_core::venue::canonical(symbol).replace('/', "_").as_bytes());
    }
    let filter = Filter::default().kinds(&[Kind::Book]).top_of_book_changes(true);
    let queue = Arc::new(Queue::new(Config { capacity_events: 1024, policy: Policy::Conflate, filter }));
    feed.add_queue(Arc::clone(&queue));
    let quarantine = Arc::new(Mutex::new(Quarantine::new(8, 64, 512)));
    let mut connection = Connection::new(0, Some(VenueKind::Itick), Limits::default(), quarantine);

    let mut socket = TcpStream::connect(&host)?;
    let mut early = upgrade(&mut socket, &host)?;
    let _ = connection.connected(&mut feed);
    send(
        &mut socket,
        1,
        format!(r#"{{"ac":"subscribe","params":"{}","types":"depth"}}"#, symbols.join(",")).as_bytes(),
    )?;

    let (mut notices, mut batch) = (Vec::new(), Batch::default());
    loop {
        let space = connection.space();
        let n = if early.is_empty() { socket.read(space)? } else { early.as_slice().read(space)? };
        early.drain(..n.min(early.len()));
        if n == 0 {
            return Ok(());
        }
        let _ = connection.received(n, Stamp::now(), &mut feed, &mut notices);
        for notice in notices.drain(..) {
            match notice {
                Notice::Ping(payload) => send(&mut socket, 10, &payload)?,
                Notice::Close(..) | Notice::ProtocolError(_) => return Ok(()),
                Notice::Control(text) if !text.windows(4).any(|four| four == b"auth") => {
                    writeln!(std::io::stdout(), "{}", String::from_utf8_lossy(&text))?;
                }
                _ => {}
            }
        }
        if let Taken::Events(_) = queue.take(&mut batch, monotonic_ns()) {
            for event in &batch.events {
                let (book, mut line) = (event.book(), Vec::new());
                fmt_scaled(book.best_bid.price, event.price_scale, &mut line);
                line.extend_from_slice(b" | ");
                fmt_scaled(book.best_ask.price, event.price_scale, &mut line);
                let symbol = feed.instruments.get(event.instrument).map_or("", |known| &known.symbol);
                writeln!(std::io::stdout(), "{symbol} {}", String::from_utf8_lossy(&line))?;
            }
        }
    }
}
