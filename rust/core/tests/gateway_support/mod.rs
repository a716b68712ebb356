//! A gateway before a router whose venue is played by the test, and short words for what its clients say and hear.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "a test: what fails here must fail loudly"
)]
#![allow(dead_code, reason = "every test binary uses a part of it")]

use super::orders_support::World;
use ferrofeed_core::gateway::{Accounts, Client, Gateway, Keys, Options, Platform, read};
use ferrofeed_core::orders::router::Speaker;
use ferrofeed_core::orders::{Report, RequestKey};
use serde_json::{Value, json};

fn count_up(random: &mut [u8; 16]) -> bool {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    random.fill(NEXT.fetch_add(1, Ordering::Relaxed));
    true
}

pub fn platform(name: &str, accounts: Accounts, keys: Keys) -> Platform {
    Platform {
        name: name.into(),
        venue: "paper".into(),
        kind: "paper".into(),
        symbols: [("ETH/USDT", "ETH-USDT"), ("BTC/USDT", "BTC-USDT")]
            .map(|(symbol, raw)| (symbol.into(), raw.into()))
            .to_vec(),
        accounts,
        keys,
        market_data: false,
    }
}

pub struct Served {
    pub world: World,
    pub gateway: Gateway,
}

impl Served {
    pub fn new(accounts: Accounts, clients: Option<Vec<Client>>) -> Self {
        Self::before(World::ready(Speaker::Paper), accounts, clients)
    }

    pub fn before(world: World, accounts: Accounts, clients: Option<Vec<Client>>) -> Self {
        let platforms = vec![platform("paper", accounts, Keys::Any), platform("other", accounts, Keys::Any)];
        let options = Options { most_logins: 3, messages_per_s: 50, cancel_on_disconnect: false, ..Options::default() };
        let mut served = Self { world, gateway: Gateway::new(options, platforms, clients, count_up) };
        served.world.events();
        for socket in [1, 2] {
            served.gateway.opened(socket, served.world.stamp());
        }
        served
    }

    pub fn shared() -> Self {
        Self::new(Accounts::Shared(0), None)
    }

    /// Says something and gives what every connection hears then.
    pub fn say(&mut self, socket: u32, message: &Value) -> Vec<(u32, Value)> {
        let text = message.to_string();
        let now = self.world.stamp();
        self.gateway.take(socket, read(text.as_bytes()), None, now.monotonic, &mut self.world.router, now);
        self.heard()
    }

    pub fn heard(&mut self) -> Vec<(u32, Value)> {
        let events = self.world.events();
        let now = self.world.stamp();
        self.gateway.hear(&events, &mut self.world.router, now);
        let mut all = Vec::new();
        for (socket, mut bytes) in self.gateway.take_out() {
            while !bytes.is_empty() {
                assert_eq!(bytes[0], 0x81);
                let (head, length) = match bytes[1] {
                    126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
                    short => (2, usize::from(short)),
                };
                all.push((socket, serde_json::from_slice(&bytes[head..head + length]).unwrap()));
                bytes.drain(..head + length);
            }
        }
        all
    }

    pub fn login(&mut self, socket: u32, key: &str) -> String {
        let heard = self.say(socket, &login("paper", key));
        let [(_, answer), .., (_, ready)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((&answer["result"], &ready["op"], &ready["code"]), (&json!(true), &json!("state"), &json!(6)));
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Places an order and gives the number of its request at the venue; nothing is answered yet.
    pub fn place(&mut self, socket: u32, token: &str, cid: &str) -> u64 {
        assert_eq!(self.say(socket, &order(token, cid, 2.0)), []);
        self.world.command().expect("an order on its way").number
    }

    pub fn accept(&mut self, number: u64, venue_id: &str) -> Vec<(u32, Value)> {
        let request = RequestKey::Number(number);
        self.world.report(Report::Accepted { request, client_id: "".into(), venue_id: venue_id.into() });
        self.heard()
    }

    /// Places an order that rests; gives its number here.
    pub fn rests(&mut self, socket: u32, token: &str, venue_id: &str) -> String {
        let number = self.place(socket, token, "c");
        let heard = self.accept(number, venue_id);
        heard[0].1["order_no"].as_str().unwrap().to_owned()
    }
}

pub fn login(platform: &str, key: &str) -> Value {
    json!({"op": "login", "cid": "in", "platform": platform, "symbols": ["ETH/USDT"], "access_key": key, "secret_key": "s"})
}

pub fn order(token: &str, cid: &str, quantity: f64) -> Value {
    json!({"op": "place_order", "cid": cid, "token": token, "symbol": "ETH/USDT", "action": "BUY", "price": 100.5,
        "quantity": quantity, "order_type": "LIMIT"})
}

pub fn words(heard: &[(u32, Value)]) -> Vec<String> {
    let word = |(socket, message): &(u32, Value)| {
        let of = |name: &str| message[name].as_str().unwrap_or("");
        let status = message["data"]["status"].as_str().unwrap_or("");
        format!(
            "{socket} {} {}{}",
            of("op"),
            of("topic"),
            if status.is_empty() { String::new() } else { format!(" {status}") }
        )
    };
    heard.iter().map(|one| word(one).trim().to_owned()).collect()
}
