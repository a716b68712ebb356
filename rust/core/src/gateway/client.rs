//! Who may do what: the operator's list of clients, and the limits of each.

use crate::clock::Nanos;
use crate::num::Decimal;
use crate::orders::OrderType;
use crate::orders::risk::Reject;
use crate::orders::types::words;
use crate::sign::{Hex64, Secret, equal_in_constant_time, sha256_hex};

words! {
    /// What a client may do. Each includes those before it.
    Permission {
        /// Look.
        Read = 1 "read",
        /// Place and cancel orders.
        Trade = 2 "trade",
        /// Throw and clear the kill switch.
        Operator = 3 "operator",
    }
}

/// Limits of one client, besides those of the venue. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// Largest quantity of one order.
    pub max_quantity: Option<Decimal>,
    /// Largest price × quantity of one order.
    pub max_notional: Option<Decimal>,
    /// Live orders at a platform.
    pub max_open_orders: Option<u32>,
    /// New orders a second.
    pub orders_per_s: Option<u32>,
}

/// A client as the operator lists it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name: its orders carry it.
    pub id: Box<str>,
    /// What it logs in with.
    pub access_key: Secret,
    /// And what belongs to that.
    pub secret_key: Secret,
    /// What it may do.
    pub permission: Permission,
    /// Where it may go; `None`: everywhere.
    pub platforms: Option<Vec<Box<str>>>,
    /// What it may trade and look at, canonical; `None`: everything.
    pub symbols: Option<Vec<Box<str>>>,
    /// Whether its orders are cancelled when a login of it ends.
    pub cancel_on_disconnect: bool,
    /// Its limits.
    pub limits: ClientLimits,
}

/// A client and the digests of its keys, which are all of one length: so no length shows.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) client: Client,
    access: Hex64,
    secret: Hex64,
}

impl From<Client> for Listed {
    fn from(client: Client) -> Self {
        let (access, secret) = (digest(&client.access_key), digest(&client.secret_key));
        Self { client, access, secret }
    }
}

fn digest(secret: &Secret) -> Hex64 {
    sha256_hex(&[secret.expose()])
}

/// The client of this pair of keys. Takes as long whether there is one or not.
pub(super) fn find<'a>(clients: &'a [Listed], access_key: &Secret, secret_key: &Secret) -> Option<&'a Client> {
    let (access, secret) = (digest(access_key), digest(secret_key));
    clients.iter().fold(None, |found, listed| {
        let same = equal_in_constant_time(&listed.access, &access) & equal_in_constant_time(&listed.secret, &secret);
        if same { Some(&listed.client) } else { found }
    })
}

/// Whether two secrets are the same, whatever their lengths.
pub(super) fn same(one: &Secret, other: &Secret) -> bool {
    equal_in_constant_time(&digest(one), &digest(other))
}

/// The name of one who is on no list: it does not give the key away.
pub(super) fn name_of(access_key: &Secret) -> Box<str> {
    short(&sha256_hex(&[b"ferrofeed gateway client", access_key.expose()]))
}

/// The name of one whose pair of keys the venue judges: who has another secret is somebody else.
pub(super) fn name_of_pair(access_key: &Secret, secret_key: &Secret) -> Box<str> {
    let (access, secret) = (digest(access_key), digest(secret_key));
    short(&sha256_hex(&[b"ferrofeed gateway venue login", &access, &secret]))
}

fn short(digest: &Hex64) -> Box<str> {
    let short = digest.get(..16).and_then(|short| std::str::from_utf8(short).ok()).unwrap_or_default();
    format!("key-{short}").into()
}

/// So many things a second, in bursts of at most a second's worth: when the next would be due if they were spread evenly.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    due: Nanos,
}

impl Rate {
    /// Takes one; false if that were too many.
    pub(super) fn take(&mut self, per_second: u32, now: Nanos) -> bool {
        const SECOND: Nanos = 1_000_000_000;
        let Some(step) = SECOND.checked_div(per_second.into()) else { return false };
        let due = self.due.max(now);
        if due.saturating_sub(now) > SECOND.saturating_sub(step) {
            return false;
        }
        self.due = due.saturating_add(step);
        true
    }
}

impl ClientLimits {
    /// Looks at one order. `reference`: what a market order is valued by.
    ///
    /// # Errors
    /// The rule that forbids it, and the limit.
    pub(super) fn check(
        &self,
        order_type: OrderType,
        price: Decimal,
        quantity: Decimal,
        reference: impl FnOnce() -> Result<(i64, u8), Reject>,
    ) -> Result<(), String> {
        let amount = magnitude(quantity);
        if let Some(most) = self.max_quantity
            && !at_most(amount, (1, 0), most)
        {
            return Err(format!("max_quantity: {quantity} is above this client's {most}"));
        }
        let Some(most) = self.max_notional else { return Ok(()) };
        let price = if order_type == OrderType::Market {
            let (coef, scale) = reference().map_err(|reject| {
                format!("max_notional: this client's {most} can't be held to by a market order: {reject}")
            })?;
            Decimal { coef, scale }
        } else {
            price
        };
        if at_most(amount, magnitude(price), most) {
            Ok(())
        } else {
            Err(format!("max_notional: {price} x {quantity} is above this client's {most}"))
        }
    }
}

fn magnitude(value: Decimal) -> (i128, u8) {
    (i128::from(value.coef).saturating_abs(), value.scale)
}

/// Whether a × b ≤ most; what is too large to be compared is above.
fn at_most((a, a_scale): (i128, u8), (b, b_scale): (i128, u8), most: Decimal) -> bool {
    let scale = a_scale.saturating_add(b_scale);
    let up = |by: u8| 10_i128.checked_pow(by.into());
    let product = a.checked_mul(b).and_then(|product| product.checked_mul(up(most.scale.saturating_sub(scale))?));
    let most = up(scale.saturating_sub(most.scale)).and_then(|up| i128::from(most.coef).checked_mul(up));
    match (product, most) {
        (Some(product), Some(most)) => product <= most,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Side;
    use crate::orders::risk::{Risk, Top};

    fn d(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect("a number")
    }

    fn client(id: &str, access: &str, secret: &str) -> Client {
        Client {
            id: id.into(),
            access_key: access.into(),
            secret_key: secret.into(),
            permission: Permission::Trade,
            platforms: None,
            symbols: None,
            cancel_on_disconnect: false,
            limits: ClientLimits::default(),
        }
    }

    #[test]
    fn a_client_is_found_by_both_keys_only() {
        let clients = [client("a", "ka", "sa"), client("b", "kb", "sb")].map(Listed::from);
        let named = |access: &str, secret: &str| {
            find(&clients, &access.into(), &secret.into()).map(|client| client.id.to_string())
        };
        assert_eq!(named("kb", "sb").as_deref(), Some("b"));
        for (access, secret) in [("ka", "sb"), ("kb", "sa"), ("", ""), ("ka", ""), ("k", "sa")] {
            assert_eq!(named(access, secret), None, "{access} {secret}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let limits =
            ClientLimits { max_quantity: Some(d("1.5")), max_notional: Some(d("300.00")), ..ClientLimits::default() };
        let check = |price: &str, quantity: &str| {
            limits.check(OrderType::Limit, d(price), d(quantity), || unreachable!()).err().unwrap_or_default()
        };
        assert_eq!(check("200", "1.5"), "");
        assert_eq!(check("200", "-1.5"), "", "the sign is no quantity");
        assert!(check("1", "1.50000001").starts_with("max_quantity: 1.50000001 is above this client's 1.5"));
        assert!(check("200.00000001", "1.5").starts_with("max_notional"));
        assert!(check("9223372036.854775807", "1.5").starts_with("max_notional"));
        let risk = Risk::default();
        let market = |top: Option<Top>| {
            let reference = || risk.reference(0, Side::Buy, top);
            limits.check(OrderType::Market, d("0"), d("1.5"), reference).err().unwrap_or_default()
        };
        let top = Top { bid: 19_900, ask: 20_000, price_scale: 2, valid: true, age: 0 };
        assert_eq!(market(Some(top)), "");
        assert!(market(Some(Top { ask: 20_001, ..top })).starts_with("max_notional: 200.01 x 1.5 is above"));
        let old = Top { age: risk.limits(0).collar_max_age + 1, ..top };
        for (untrusted, why) in [
            (None, "there is no book"),
            (Some(Top { valid: false, ..top }), "the book is stale"),
            (Some(old), "the book is too old"),
            (Some(Top { ask: 0, ..top }), "the book's other side is empty"),
        ] {
            let text = market(untrusted);
            assert!(text.starts_with("max_notional: this client's 300 can't be held to by a market order"), "{text}");
            assert!(text.contains(why), "{text}: {why}");
        }
    }

    #[test]
    fn a_rate_allows_a_second_s_worth_at_once_and_no_more() {
        let mut rate = Rate::default();
        let second = 1_000_000_000;
        assert_eq!((0..20).filter(|_| rate.take(10, second)).count(), 10);
        assert_eq!((0..20).filter(|_| rate.take(10, second + second / 2)).count(), 5);
        assert_eq!((0..40).filter(|_| rate.take(10, 10 * second)).count(), 10);
        assert!(!rate.take(0, 0), "none a second is none");
    }
}
