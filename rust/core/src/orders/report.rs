//! What a venue says about orders and accounts, in no venue's words. Decoders make it, the router reads it.
//!
//! Numbers are exact decimals as sent: only the router knows an instrument's scales. Times are ns since the Unix epoch, 0
//! where the venue gives none.

use super::rules::Product;
use super::types::{Liquidity, Offset, OrderType, Side, words};
use crate::clock::Nanos;
use crate::num::Decimal;

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKey {
    /// The number we gave the request and the venue sent back.
    Number(u64),
    /// The one outstanding request of this kind (`CoinCeres`' `biz_type`): the venue sends nothing back that tells more.
    Kind(u8),
    /// The answer names no request of ours (an empty or foreign `cid`).
    None,
}

words! {
    /// Why a venue refused, as far as it says so in words we know.
    RefusalKind {
        /// Anything else; the message says more.
        Other = 0 "other",
        /// Not enough money or position.
        Insufficient = 1 "insufficient",
        /// It knows no such order: it never came, or it is over.
        UnknownOrder = 2 "unknown_order",
        /// Too many requests: the same may be asked later.
        Throttled = 3 "throttled",
        /// Against the rules of the instrument.
        Rules = 4 "rules",
        /// The login is not, or no longer, good.
        NotLoggedIn = 5 "not_logged_in",
        /// The same login is there already.
        LoginRepeated = 6 "login_repeated",
        /// The order is filled: there is nothing to cancel.
        Filled = 7 "filled",
    }
}

/// A refusal in the venue's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What of it we understand.
    pub kind: RefusalKind,
    /// The venue's code, empty where it has none.
    pub code: Box<str>,
    /// The venue's text, at most 256 bytes of it.
    pub message: Box<str>,
}

words! {
    /// An order's status, as venues report it.
    OrderStatus {
        /// Taken by the venue and not yet working.
        Pending = 1 "pending",
        /// Working, wholly or in part.
        Working = 2 "working",
        /// Wholly filled.
        Filled = 3 "filled",
        /// Cancelled, perhaps after having been filled in part.
        Cancelled = 4 "cancelled",
        /// Refused or failed: nothing of it was ever live.
        Rejected = 5 "rejected",
        /// A cancel is under way.
        Cancelling = 6 "cancelling",
    }
}

/// One order as the venue sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReport {
    /// The venue's id.
    pub venue_id: Box<str>,
    /// The client's id as text, empty where the venue has none.
    pub client_id: Box<str>,
    /// The venue's spelling; empty where the report does not say.
    pub symbol: Box<str>,
    /// The side, where the report says so.
    pub side: Option<Side>,
    /// The offset, where the report says so.
    pub offset: Option<Offset>,
    /// The type, where the report says so.
    pub order_type: Option<OrderType>,
    /// Status.
    pub status: OrderStatus,
    /// The order's price, 0 for market orders.
    pub price: Option<Decimal>,
    /// The whole quantity, without a sign.
    pub quantity: Option<Decimal>,
    /// What of it was filled so far (all fills together). Where the venue gives a remainder, quantity − remainder.
    pub filled: Option<Decimal>,
    /// Average price of the fills, where the venue gives one.
    pub average_price: Option<Decimal>,
    /// Fees paid so far, where the venue gives them.
    pub fee: Option<Decimal>,
    /// When it was made.
    pub created: Nanos,
    /// When it changed last.
    pub updated: Nanos,
}

/// One fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionReport {
    /// The order's id at the venue.
    pub venue_id: Box<str>,
    /// The fill's own id: a second report with the same is a repetition.
    pub execution_id: Box<str>,
    /// The venue's spelling of the instrument.
    pub symbol: Box<str>,
    /// The side of our order, where the report says so.
    pub side: Option<Side>,
    /// Price.
    pub price: Decimal,
    /// Quantity of this fill, without a sign.
    pub quantity: Decimal,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Fee and its currency, where the report says so.
    pub fee: Option<(Decimal, Box<str>)>,
    /// When.
    pub time: Nanos,
}

/// One currency of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceReport {
    /// Which account it is where a venue has several (`spot`, `contract`), else empty.
    pub account: Box<str>,
    /// Currency.
    pub currency: Box<str>,
    /// Free to use.
    pub free: Decimal,
    /// Held for orders or margin.
    pub locked: Decimal,
    /// The venue's sum of both.
    pub total: Decimal,
}

/// The long and the short position of one contract. Where a venue reports one side only, the other is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionReport {
    /// The venue's spelling of the instrument.
    pub symbol: Box<str>,
    /// Long: quantity, what of it may be closed now, average opening price.
    pub long: Option<(Decimal, Decimal, Decimal)>,
    /// Short: the same, quantities without a sign.
    pub short: Option<(Decimal, Decimal, Decimal)>,
    /// What else it says, for people and programs that look at it; nothing is decided by it.
    pub more: PositionMore,
    /// When it changed last.
    pub updated: Nanos,
}

/// What a venue says of a position besides what orders change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PositionMore {
    /// `crossed` or `isolated`; empty: it does not say.
    pub margin_mode: Box<str>,
    /// Long.
    pub long: Option<SideMore>,
    /// Short.
    pub short: Option<SideMore>,
}

/// What a venue says of one side of a position. In the settlement currency, or as prices; 0: nothing said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideMore {
    /// Average price it is held at.
    pub hold_price: Decimal,
    /// Where it would be liquidated.
    pub liquidation_price: Decimal,
    /// Profit or loss not yet realised.
    pub unrealised: Decimal,
    /// Leverage.
    pub leverage: Decimal,
    /// Its margin.
    pub margin: Decimal,
}

/// What a venue says about an instrument's rules; what it does not say is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesReport {
    /// The venue's spelling; empty where the answer does not repeat it.
    pub symbol: Box<str>,
    /// Product.
    pub product: Option<Product>,
    /// Prices are multiples of it.
    pub price_tick: Option<Decimal>,
    /// Sizes are multiples of it.
    pub size_tick: Option<Decimal>,
    /// Smallest size.
    pub min_size: Option<Decimal>,
    /// Lowest price.
    pub min_price: Option<Decimal>,
    /// Smallest price × size.
    pub min_notional: Option<Decimal>,
    /// Base currency.
    pub base: Option<Box<str>>,
    /// Quote currency.
    pub quote: Option<Box<str>>,
    /// Settlement currency.
    pub settle: Option<Box<str>>,
}

words! {
    /// The state of a platform behind an upstream gateway: quantapi's codes.
    Gateway {
        /// A parameter was missing at start-up.
        ParameterMissing = 1 "parameter_missing",
        /// Connected to the venue.
        Connected = 2 "connected",
        /// Could not connect to the venue.
        ConnectFailed = 3 "connect_failed",
        /// The venue is gone.
        Disconnected = 4 "disconnected",
        /// Being connected again.
        Reconnecting = 5 "reconnecting",
        /// Usable.
        Ready = 6 "ready",
        /// Anything else that went wrong.
        GeneralError = 7 "general_error",
    }
}

/// One thing a venue said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It took a new order.
    Accepted {
        /// Which request it answers.
        request: RequestKey,
        /// The client's id as text, empty where the venue sends none.
        client_id: Box<str>,
        /// Its id from now on.
        venue_id: Box<str>,
    },
    /// It refused a new order.
    Refused {
        /// Which request it answers.
        request: RequestKey,
        /// The client's id as text, empty where the venue sends none.
        client_id: Box<str>,
        /// Why.
        refusal: Refusal,
    },
    /// It answered a cancel, order by order; a taken cancel is not yet a cancelled order.
    CancelAnswer {
        /// Which request it answers.
        request: RequestKey,
        /// The venue's id of each order and, where it refused, why.
        orders: Vec<(Box<str>, Option<Refusal>)>,
    },
    /// It refused a request as a whole: a cancel, a query.
    RequestRefused {
        /// Which request it answers.
        request: RequestKey,
        /// Why.
        refusal: Refusal,
    },
    /// An order changed.
    Order(OrderReport),
    /// An order was filled.
    Execution(ExecutionReport),
    /// The answer to a question about orders, all of it.
    Orders {
        /// Which request it answers.
        request: RequestKey,
        /// The orders.
        orders: Vec<OrderReport>,
    },
    /// The answer to a question about fills.
    Executions {
        /// Which request it answers.
        request: RequestKey,
        /// The fills.
        executions: Vec<ExecutionReport>,
    },
    /// Balances: the answer to a question, or (request `None`) a notification.
    Balances {
        /// Which request it answers.
        request: RequestKey,
        /// Every currency there is.
        balances: Vec<BalanceReport>,
    },
    /// Positions: the answer to a question, or (request `None`) a notification.
    Positions {
        /// Which request it answers.
        request: RequestKey,
        /// Those it spoke of. quantapi's answer has no symbol: it is empty then, and the request tells.
        positions: Vec<PositionReport>,
    },
    /// Instrument rules.
    Rules {
        /// Which request it answers.
        request: RequestKey,
        /// One for each instrument.
        rules: Vec<RulesReport>,
    },
    /// It took a login: usable once [`Report::Gateway`] says so.
    LoggedIn {
        /// Which request it answers.
        request: RequestKey,
        /// The token of everything that belongs to this login. A credential: never to be printed.
        token: crate::sign::Secret,
    },
    /// It took a logout.
    LoggedOut {
        /// Which request it answers.
        request: RequestKey,
    },
    /// What follows, up to the message's end, belongs to the login of this token.
    Token(crate::sign::Secret),
    /// The platform behind the login changed its state.
    Gateway {
        /// To what.
        state: Gateway,
        /// The server's words.
        message: Box<str>,
    },
    /// It could not read a request of ours; which one it does not say.
    Misunderstood {
        /// Its words.
        message: Box<str>,
    },
    /// A heartbeat's answer; what it echoes, if anything.
    Pong(Option<i64>),
}
