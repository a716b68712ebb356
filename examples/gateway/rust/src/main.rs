//! A strategy loop for the quant trading API in Rust: `cargo run -- --symbol=ETH/USDT`.
//!
//! The rule: buy a little at the market. From then on a purchase rests 2 ticks below the price of the last fill and a
//! sale 2 ticks above it; when one is filled, both are placed anew. Only what was bought is sold, at most 5 lots are held.
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{env, error::Error, io::ErrorKind, net::TcpStream, thread};

use rust_decimal::{Decimal, dec, serde::arbitrary_precision::deserialize as decimal}; // no price is ever a binary float
use serde_json::{Value, json};
use tungstenite::{Error::Io, WebSocket, client};

static STOP: AtomicBool = AtomicBool::new(false);

fn option(name: &str, default: &str) -> String {
    env::args().find_map(|a| Some(a.strip_prefix(&format!("--{name}="))?.to_owned())).unwrap_or(default.to_owned())
}

struct Login {
    socket: WebSocket<TcpStream>,
    symbol: String,
    token: Value, // the login's name
    rules: Value, // null while it is not ready
}

/// One connection, from login to logout. `last` is the price of the last fill, `held` what was bought less what was sold.
fn connection(last: &mut Decimal, held: &mut Decimal) -> Result<(), Box<dyn Error>> {
    let url = option("url", "ws://127.0.0.1:9878/ws/v1");
    let stream = TcpStream::connect(url.split('/').nth(2).ok_or("no host:port in the URL")?)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let (socket, symbol) = (client(&url, stream)?.0, option("symbol", "ETH/USDT"));
    let mut to = Login { socket, symbol, token: json!(""), rules: Value::Null };
    let (platform, key, secret) = (option("platform", "paper"), option("key", "me"), option("secret", "s"));
    let login = json!({"platform": platform, "symbols": [to.symbol], "access_key": key, "secret_key": secret});
    to.send("login", "", login)?;
    let (mut heard, mut pinged, mut stopped) = (Instant::now(), Instant::now(), false);
    while heard.elapsed().as_secs() < 15 {
        if pinged.elapsed().as_secs() >= 5 {
            pinged = Instant::now(); // after 15 s without a message the server ends the connection
            to.send("ping", "", json!({"ts": UNIX_EPOCH.elapsed()?.as_millis() as u64}))?;
            to.send("open_orders", "", json!({"symbol": to.symbol}))?;
        }
        if STOP.load(Relaxed) && !stopped {
            stopped = true; // no orders named: all of ours
            to.send("cancel_order", "last", json!({"symbol": to.symbol, "order_nos": []}))?;
        }
        let mut message: Value = match to.socket.read() {
            Err(Io(error)) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => continue,
            read => serde_json::from_str(read?.to_text()?)?,
        };
        heard = Instant::now();
        let token = message["token"].take(); // and not into the log
        println!("{message}");
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        let (cid, done, data) = (text("cid"), message["result"] == true, &message["data"]);
        let num = |name: &str| decimal(&data[name]);
        match (text("op"), text("topic")) {
            ("login", _) => to.token = Some(token).filter(|_| done).ok_or("login refused")?,
            ("state", _) if message["code"] == 6 => to.send("symbol_info", "", json!({"symbol": to.symbol}))?, // ready
            ("state", _) => to.rules = Value::Null, // trouble; everything is asked again when it is over
            ("symbol_info", _) if done => {
                to.rules = data.clone();
                to.send("asset", "", json!({}))?;
            }
            ("asset", _) if done => to.send("open_orders", "first", json!({"symbol": to.symbol}))?,
            ("open_orders", _) if done && (cid == "first" || *data == json!([])) => to.quote(*last, *held)?,
            ("cancel_order", _) if cid == "last" => to.send("logout", "", json!({}))?,
            ("logout", _) => return Ok(()),
            ("notify", "fill") if data["side"] == "BUY" => (*last, *held) = (num("price")?, *held + num("quantity")?),
            ("notify", "fill") => (*last, *held) = (num("price")?, *held - num("quantity")?),
            ("notify", "order") if data["status"] == "FILLED" => to.quote(*last, *held)?,
            _ => {}
        }
    }
    Err("the server says nothing".into())
}

impl Login {
    /// Sends a request. The `cid` is ours to choose; the answer repeats it, as answers come in any order.
    fn send(&mut self, op: &str, cid: &str, mut request: Value) -> Result<(), Box<dyn Error>> {
        (request["op"], request["cid"], request["token"]) = (json!(op), json!(cid), self.token.clone());
        Ok(self.socket.send(request.to_string().into())?)
    }

    /// The rule, see the top.
    fn quote(&mut self, last: Decimal, held: Decimal) -> Result<(), Box<dyn Error>> {
        if STOP.load(Relaxed) || self.rules.is_null() {
            return Ok(());
        }
        self.send("cancel_order", "", json!({"symbol": self.symbol, "order_nos": []}))?;
        let (tick, least) = (decimal(&self.rules["price_tick"])?, decimal(&self.rules["size_limit"])?);
        let (size, middle) = (least.max(option("quantity", "0.01").parse()?), (last / tick).floor());
        let orders = [
            (last.is_zero(), "BUY", "MARKET", last),
            (!last.is_zero() && held < dec!(5) * size, "BUY", "LIMIT", (middle - dec!(2)) * tick),
            (!last.is_zero() && held >= size, "SELL", "LIMIT", (middle + dec!(2)) * tick),
        ];
        for (_, action, kind, price) in orders.into_iter().filter(|order| order.0) {
            let new =
                json!({"symbol": self.symbol, "action": action, "price": price, "quantity": size, "order_type": kind});
            self.send("place_order", "", new)?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    ctrlc::set_handler(|| STOP.store(true, Relaxed))?;
    let seconds = Duration::from_secs_f64(option("seconds", "1e9").parse()?);
    thread::spawn(move || (thread::sleep(seconds), STOP.store(true, Relaxed)));
    let (mut last, mut held) = (Decimal::ZERO, Decimal::ZERO);
    while !STOP.load(Relaxed) {
        if let Err(error) = connection(&mut last, &mut held) {
            println!("lost ({error}), again in 1 s");
            thread::sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}
