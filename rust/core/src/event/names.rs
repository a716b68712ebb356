//! The names and values of an event's small fields.

/// What an event is. The value of [`super::Event::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// One execution on the venue.
    Trade = 1,
    /// The venue's ticker: last price and day statistics.
    Quote = 2,
    /// A new state of an order book, or a change of it.
    Book = 3,
    /// A price bar (candle, kline).
    Bar = 4,
    /// What happened to a connection, a subscription or an instrument.
    Status = 5,
}

impl Kind {
    /// All kinds, in the order of their values.
    pub const ALL: [Self; 5] = [Self::Trade, Self::Quote, Self::Book, Self::Bar, Self::Status];

    /// The kind of this value of [`super::Event::kind`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == value)
    }

    /// The name used in JSON lines, metrics and the Python API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Quote => "quote",
            Self::Book => "book",
            Self::Bar => "bar",
            Self::Status => "status",
        }
    }
}

/// The aggressor's side of a trade. The value of [`super::Event::side`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// The venue does not say.
    #[default]
    Unknown = 0,
    /// The buyer took liquidity.
    Buy = 1,
    /// The seller took liquidity.
    Sell = 2,
}

impl Side {
    /// The name used in JSON lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// How the levels of a book event are to be read. The value of [`super::Event::action`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// The levels are the whole book to its depth.
    #[default]
    Snapshot = 0,
    /// The levels are changes; size 0 removes the level.
    Update = 1,
}

/// The interval of a bar. The value of [`super::Event::interval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it: minutes, hours, day, week, month, quarter, year")]
pub enum Interval {
    M1 = 1,
    M5 = 2,
    M15 = 3,
    M30 = 4,
    H1 = 5,
    H2 = 6,
    H4 = 7,
    D1 = 8,
    W1 = 9,
    Mo1 = 10,
    Q1 = 11,
    Y1 = 12,
}

impl Interval {
    /// All intervals, shortest first.
    pub const ALL: [Self; 12] = [
        Self::M1,
        Self::M5,
        Self::M15,
        Self::M30,
        Self::H1,
        Self::H2,
        Self::H4,
        Self::D1,
        Self::W1,
        Self::Mo1,
        Self::Q1,
        Self::Y1,
    ];

    /// The interval of this value of [`super::Event::interval`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| *interval as u8 == value)
    }

    /// The name used in channels (`bar:1m`) and JSON lines: `1m 5m 15m 30m 1h 2h 4h 1d 1w 1M 1Q 1Y`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H4 => "4h",
            Self::D1 => "1d",
            Self::W1 => "1w",
            Self::Mo1 => "1M",
            Self::Q1 => "1Q",
            Self::Y1 => "1Y",
        }
    }
}

/// The state a status event announces. The value of [`super::Event::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// The connection is up (handshake done); not yet subscribed. `instrument` is [`super::NO_INSTRUMENT`].
    Connected = 1,
    /// The connection is gone; every book of it is stale from here on. `instrument` is [`super::NO_INSTRUMENT`].
    Disconnected = 2,
    /// Data of this instrument may be missing from here on; its book is stale until [`State::Resync`].
    Gap = 3,
    /// The instrument's book is whole and valid again, in this epoch.
    Resync = 4,
    /// No data came on a channel for longer than its limit.
    Stale = 5,
    /// The venue acknowledged the subscription.
    Subscribed = 6,
    /// The subscription ended at our wish.
    Unsubscribed = 7,
    /// The venue refused the login or the subscription.
    Refused = 8,
    /// The instrument's scales changed: this event carries the new ones.
    Scale = 9,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Connected,
        Self::Disconnected,
        Self::Gap,
        Self::Resync,
        Self::Stale,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Refused,
        Self::Scale,
    ];

    /// The state of this value of [`super::Event::state`].
    #[must_use]
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == value)
    }

    /// The name used in JSON lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Gap => "gap",
            Self::Resync => "resync",
            Self::Stale => "stale",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Refused => "refused",
            Self::Scale => "scale",
        }
    }
}

/// Why a status event was sent. The value of [`super::Event::reason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u16)]
pub enum StatusReason {
    /// Nothing more is known.
    #[default]
    None = 0,
    /// The peer closed the connection.
    PeerClosed = 1,
    /// We closed it: shutdown or a changed configuration.
    LocalClosed = 2,
    /// The peer broke RFC 6455.
    ProtocolError = 3,
    /// No answer to probes.
    HeartbeatTimeout = 4,
    /// No data although the connection lives.
    DataTimeout = 5,
    /// The venue refused our credentials.
    LoginRefused = 6,
    /// The venue refused the request.
    RequestRefused = 7,
    /// Best bid at or above best ask.
    Crossed = 8,
    /// Sequence numbers do not follow each other.
    SequenceGap = 9,
    /// A checksum of the venue does not match ours.
    Checksum = 10,
    /// A frame of this instrument could not be decoded.
    DecodeError = 11,
    /// First full state after a gap or a (re)connection.
    Snapshot = 12,
    /// A value did not fit the scale.
    ValueOutOfScale = 13,
    /// Another connection with the same key took our place.
    Kicked = 14,
    /// The network failed.
    NetworkError = 15,
    /// The venue never acknowledged.
    AckTimeout = 16,
}

impl StatusReason {
    /// All reasons.
    pub const ALL: [Self; 17] = [
        Self::None,
        Self::PeerClosed,
        Self::LocalClosed,
        Self::ProtocolError,
        Self::HeartbeatTimeout,
        Self::DataTimeout,
        Self::LoginRefused,
        Self::RequestRefused,
        Self::Crossed,
        Self::SequenceGap,
        Self::Checksum,
        Self::DecodeError,
        Self::Snapshot,
        Self::ValueOutOfScale,
        Self::Kicked,
        Self::NetworkError,
        Self::AckTimeout,
    ];

    /// The reason of this value of [`super::Event::reason`].
    #[must_use]
    pub fn from_u16(value: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u16 == value)
    }

    /// The name used in JSON lines and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PeerClosed => "peer_closed",
            Self::LocalClosed => "local_closed",
            Self::ProtocolError => "protocol_error",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::DataTimeout => "data_timeout",
            Self::LoginRefused => "login_refused",
            Self::RequestRefused => "request_refused",
            Self::Crossed => "crossed",
            Self::SequenceGap => "sequence_gap",
            Self::Checksum => "checksum",
            Self::DecodeError => "decode_error",
            Self::Snapshot => "snapshot",
            Self::ValueOutOfScale => "value_out_of_scale",
            Self::Kicked => "kicked",
            Self::NetworkError => "network_error",
            Self::AckTimeout => "ack_timeout",
        }
    }
}
