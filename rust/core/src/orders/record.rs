//! What the journal holds: every decision, in the order it was made. Applying the same records gives the same state.
//!
//! On disk a record is its kind (one byte, in the journal's frame) and its fields in order, little-endian, texts as a length of two
//! bytes and UTF-8. Fields are only ever added at the end of a new kind: kinds are not changed.

use super::rules::{Product, Rules};
use super::state::{Change, OrderState};
use super::types::{Liquidity, Offset, OrderType, Side, Unit, words};
use crate::clock::Nanos;

words! {
    /// What may be done: the state of the whole router.
    Mode {
        /// Everything.
        Active = 1 "active",
        /// Only what can only reduce a position.
        Reducing = 2 "reducing",
        /// Nothing but cancels.
        Halted = 3 "halted",
    }
}

/// A new order, as it was checked and will be sent. Prices and quantities at the instrument's scales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Our id.
    pub id: u64,
    /// Which desk.
    pub desk: u16,
    /// Which instrument.
    pub instrument: u32,
    /// Whose order, 0: nobody in particular.
    pub strategy: u32,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Offset.
    pub offset: Offset,
    /// What the quantity counts.
    pub unit: Unit,
    /// Price, 0 for a market order.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// The caller's key: at most one order of one key is ever live. Empty: none.
    pub intent: Box<str>,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Our id.
    pub id: u64,
    /// What.
    pub change: Change,
    /// The venue's id, where it told it only now; else empty.
    pub venue_id: Box<str>,
    /// All that is filled of it, as the venue's report says, at the size scale; -1: it does not say.
    pub filled: i64,
    /// Money paid or got for it so far, as far as the venue's average price tells, at price scale + size scale; -1: unknown.
    pub cost: i128,
    /// Of a replacement: the new price and quantity; else 0.
    pub terms: (i64, i64),
    /// Why, in words.
    pub reason: Box<str>,
}

/// One fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Our order.
    pub id: u64,
    /// The venue's id of the fill.
    pub execution_id: Box<str>,
    /// Price, at the price scale.
    pub price: i64,
    /// Quantity, at the size scale.
    pub quantity: i64,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Fee, at [`super::MONEY_SCALE`].
    pub fee: i128,
    /// Its currency, empty where the venue told no fee.
    pub fee_currency: Box<str>,
    /// When, says the venue; ns since the Unix epoch, 0: it does not say.
    pub time: Nanos,
}

/// An order whole, for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As it was placed, with its terms of now.
    pub placed: Placed,
    /// State.
    pub state: OrderState,
    /// The venue's id, empty if not known.
    pub venue_id: Box<str>,
    /// Filled by the venue's reports.
    pub reported: i64,
    /// Filled by fills.
    pub executed: i64,
    /// Money by the venue's average, -1: unknown.
    pub reported_cost: i128,
    /// Money by fills.
    pub cost: i128,
    /// Fees by currency.
    pub fees: Vec<(Box<str>, i128)>,
    /// The fills' ids.
    pub executions: Vec<Box<str>>,
    /// When it was placed, and when it last changed.
    pub times: (Nanos, Nanos),
    /// The last reason.
    pub reason: Box<str>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The router started: what was live is unknown from here on.
    Started,
    /// A desk has this number.
    Desk {
        /// Number.
        desk: u16,
        /// The venue's id in the configuration.
        name: Box<str>,
    },
    /// An instrument has this number and, from now on, these rules.
    Instrument {
        /// Number.
        instrument: u32,
        /// Whose.
        desk: u16,
        /// Rules.
        rules: Rules,
    },
    /// A strategy has this number.
    Strategy {
        /// Number.
        strategy: u32,
        /// Name.
        name: Box<str>,
    },
    /// A new order.
    Placed(Placed),
    /// An order that was not let through: nothing was sent.
    Denied {
        /// Which desk.
        desk: u16,
        /// Which rule.
        rule: Box<str>,
        /// What was asked, and which limit it broke.
        text: Box<str>,
    },
    /// Something happened to an order.
    Changed(Changed),
    /// An order was filled.
    Executed(Executed),
    /// A position is this from now on, whatever fills had made of it.
    Position {
        /// Which.
        slot: u32,
        /// Long (of spot: what we hold), at [`super::MONEY_SCALE`].
        long: i128,
        /// Short, without a sign.
        short: i128,
    },
    /// A balance, as the venue says.
    Balance {
        /// Whose.
        desk: u16,
        /// Account and currency, `spot:USDT`; just the currency where a venue has one account.
        currency: Box<str>,
        /// Free, locked and total, at [`super::MONEY_SCALE`].
        amounts: [i128; 3],
    },
    /// The mode changed.
    Mode {
        /// To what.
        mode: Mode,
        /// Who or what changed it.
        by: Box<str>,
    },
    /// The kill switch was thrown (with a reason), or cleared (by whom).
    Kill {
        /// Thrown or cleared.
        on: bool,
        /// Why, or by whom.
        by: Box<str>,
    },
    /// Something that the table of transitions does not know, or that should not be.
    Anomaly {
        /// The order, 0: none.
        id: u64,
        /// What.
        text: Box<str>,
    },
    /// A checkpoint starts: forget everything before it. The highest order id so far.
    Checkpoint {
        /// Highest id given.
        last_id: u64,
        /// How many anomalies there were.
        anomalies: u64,
        /// How many denials.
        denials: u64,
        /// How many starts.
        starts: u64,
    },
    /// An order of a checkpoint.
    Kept(Box<Kept>),
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The kind's number.
    pub kind: u8,
    /// Where in the payload.
    pub at: usize,
}

impl std::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a record of kind {} at byte {} of its payload", self.kind, self.at)
    }
}

impl std::error::Error for BadRecord {}

impl Record {
    /// The kind's number in the journal.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Started => 1,
            Self::Desk { .. } => 2,
            Self::Instrument { .. } => 3,
            Self::Strategy { .. } => 4,
            Self::Placed(_) => 5,
            Self::Denied { .. } => 6,
            Self::Changed(_) => 7,
            Self::Executed(_) => 8,
            Self::Position { .. } => 9,
            Self::Balance { .. } => 10,
            Self::Mode { .. } => 11,
            Self::Kill { .. } => 12,
            Self::Anomaly { .. } => 13,
            Self::Checkpoint { .. } => 14,
            Self::Kept(_) => 15,
        }
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut to = Writer(out);
        match self {
            Self::Started => {}
            Self::Desk { desk, name } => to.u16(*desk).text(name).done(),
            Self::Instrument { instrument, desk, rules } => {
                to.u32(*instrument).u16(*desk).rules(rules).done();
            }
            Self::Strategy { strategy, name } => to.u32(*strategy).text(name).done(),
            Self::Placed(placed) => to.placed(placed).done(),
            Self::Denied { desk, rule, text } => to.u16(*desk).text(rule).text(text).done(),
            Self::Changed(changed) => to
                .u64(changed.id)
                .u8(changed.change as u8)
                .text(&changed.venue_id)
                .i64(changed.filled)
                .i128(changed.cost)
                .i64(changed.terms.0)
                .i64(changed.terms.1)
                .text(&changed.reason)
                .done(),
            Self::Executed(fill) => to
                .u64(fill.id)
                .text(&fill.execution_id)
                .i64(fill.price)
                .i64(fill.quantity)
                .u8(fill.liquidity as u8)
                .i128(fill.fee)
                .text(&fill.fee_currency)
                .i64(fill.time)
                .done(),
            Self::Position { slot, long, short } => to.u32(*slot).i128(*long).i128(*short).done(),
            Self::Balance { desk, currency, amounts: [free, locked, total] } => {
                to.u16(*desk).text(currency).i128(*free).i128(*locked).i128(*total).done();
            }
            Self::Mode { mode, by } => to.u8(*mode as u8).text(by).done(),
            Self::Kill { on, by } => to.u8(u8::from(*on)).text(by).done(),
            Self::Anomaly { id, text } => to.u64(*id).text(text).done(),
            Self::Checkpoint { last_id, anomalies, denials, starts } => {
                to.u64(*last_id).u64(*anomalies).u64(*denials).u64(*starts).done();
            }
            Self::Kept(kept) => to.kept(kept).done(),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`BadRecord`]: an unknown kind, a value out of range, too few or too many bytes.
    pub fn read(kind: u8, payload: &[u8]) -> Result<Self, BadRecord> {
        let mut from = Reader { payload, at: 0 };
        let record = from.record(kind).filter(|_| from.at == payload.len());
        record.ok_or(BadRecord { kind, at: from.at })
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    /// Ends a chain of calls.
    #[allow(clippy::unused_self, reason = "the end of a chain")]
    fn done(&mut self) {}

    fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn i128(&mut self, value: i128) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// At most 65,535 bytes, cut at a character.
    fn text(&mut self, value: &str) -> &mut Self {
        let mut end = value.len().min(usize::from(u16::MAX));
        while !value.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let cut = value.get(..end).unwrap_or_default();
        self.u16(u16::try_from(cut.len()).unwrap_or(0));
        self.0.extend_from_slice(cut.as_bytes());
        self
    }

    fn rules(&mut self, rules: &Rules) -> &mut Self {
        self.text(&rules.symbol)
            .text(&rules.raw_symbol)
            .u8(rules.product as u8)
            .text(&rules.base)
            .text(&rules.quote)
            .text(&rules.settle)
            .u8(rules.price_scale)
            .u8(rules.size_scale)
            .i64(rules.tick)
            .i64(rules.lot)
            .i64(rules.min_size)
            .i64(rules.max_size)
            .i64(rules.min_price)
            .i128(rules.min_notional)
    }

    fn placed(&mut self, placed: &Placed) -> &mut Self {
        self.u64(placed.id)
            .u16(placed.desk)
            .u32(placed.instrument)
            .u32(placed.strategy)
            .u8(placed.side as u8)
            .u8(placed.order_type as u8)
            .u8(placed.offset as u8)
            .u8(placed.unit as u8)
            .i64(placed.price)
            .i64(placed.quantity)
            .text(&placed.intent)
    }

    fn kept(&mut self, kept: &Kept) -> &mut Self {
        self.placed(&kept.placed)
            .u8(kept.state as u8)
            .text(&kept.venue_id)
            .i64(kept.reported)
            .i64(kept.executed)
            .i128(kept.reported_cost)
            .i128(kept.cost);
        let count = u16::try_from(kept.fees.len()).unwrap_or(u16::MAX);
        self.u16(count);
        for (currency, fee) in kept.fees.iter().take(usize::from(count)) {
            self.text(currency).i128(*fee);
        }
        let count = u32::try_from(kept.executions.len()).unwrap_or(u32::MAX);
        self.u32(count);
        for id in &kept.executions {
            self.text(id);
        }
        self.i64(kept.times.0).i64(kept.times.1).text(&kept.reason)
    }
}

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let end = self.at.checked_add(N)?;
        let bytes = self.payload.get(self.at..end)?.try_into().ok()?;
        self.at = end;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes::<1>().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn i128(&mut self) -> Option<i128> {
        self.bytes().map(i128::from_le_bytes)
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = usize::from(self.u16()?);
        let end = self.at.checked_add(length)?;
        let text = std::str::from_utf8(self.payload.get(self.at..end)?).ok()?;
        self.at = end;
        Some(text.into())
    }

    fn rules(&mut self) -> Option<Rules> {
        Some(Rules {
            symbol: self.text()?,
            raw_symbol: self.text()?,
            product: Product::from_u8(self.u8()?)?,
            base: self.text()?,
            quote: self.text()?,
            settle: self.text()?,
            price_scale: self.u8()?,
            size_scale: self.u8()?,
            tick: self.i64()?,
            lot: self.i64()?,
            min_size: self.i64()?,
            max_size: self.i64()?,
            min_price: self.i64()?,
            min_notional: self.i128()?,
        })
    }

    fn placed(&mut self) -> Option<Placed> {
        Some(Placed {
            id: self.u64()?,
            desk: self.u16()?,
            instrument: self.u32()?,
            strategy: self.u32()?,
            side: Side::from_u8(self.u8()?)?,
            order_type: OrderType::from_u8(self.u8()?)?,
            offset: Offset::from_u8(self.u8()?)?,
            unit: Unit::from_u8(self.u8()?)?,
            price: self.i64()?,
            quantity: self.i64()?,
            intent: self.text()?,
        })
    }

    fn kept(&mut self) -> Option<Kept> {
        let placed = self.placed()?;
        let state = OrderState::from_u8(self.u8()?)?;
        let venue_id = self.text()?;
        let (reported, executed) = (self.i64()?, self.i64()?);
        let (reported_cost, cost) = (self.i128()?, self.i128()?);
        let fees = (0..self.u16()?).map(|_| Some((self.text()?, self.i128()?))).collect::<Option<_>>()?;
        let executions = (0..self.u32()?).map(|_| self.text()).collect::<Option<_>>()?;
        let times = (self.i64()?, self.i64()?);
        let reason = self.text()?;
        Some(Kept { placed, state, venue_id, reported, executed, reported_cost, cost, fees, executions, times, reason })
    }

    fn record(&mut self, kind: u8) -> Option<Record> {
        Some(match kind {
            1 => Record::Started,
            2 => Record::Desk { desk: self.u16()?, name: self.text()? },
            3 => Record::Instrument { instrument: self.u32()?, desk: self.u16()?, rules: self.rules()? },
            4 => Record::Strategy { strategy: self.u32()?, name: self.text()? },
            5 => Record::Placed(self.placed()?),
            6 => Record::Denied { desk: self.u16()?, rule: self.text()?, text: self.text()? },
            7 => Record::Changed(Changed {
                id: self.u64()?,
                change: Change::from_u8(self.u8()?)?,
                venue_id: self.text()?,
                filled: self.i64()?,
                cost: self.i128()?,
                terms: (self.i64()?, self.i64()?),
                reason: self.text()?,
            }),
            8 => Record::Executed(Executed {
                id: self.u64()?,
                execution_id: self.text()?,
                price: self.i64()?,
                quantity: self.i64()?,
                liquidity: Liquidity::from_u8(self.u8()?)?,
                fee: self.i128()?,
                fee_currency: self.text()?,
                time: self.i64()?,
            }),
            9 => Record::Position { slot: self.u32()?, long: self.i128()?, short: self.i128()? },
            10 => Record::Balance {
                desk: self.u16()?,
                currency: self.text()?,
                amounts: [self.i128()?, self.i128()?, self.i128()?],
            },
            11 => Record::Mode { mode: Mode::from_u8(self.u8()?)?, by: self.text()? },
            12 => Record::Kill {
                on: match self.u8()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
                by: self.text()?,
            },
            13 => Record::Anomaly { id: self.u64()?, text: self.text()? },
            14 => Record::Checkpoint {
                last_id: self.u64()?,
                anomalies: self.u64()?,
                denials: self.u64()?,
                starts: self.u64()?,
            },
            15 => Record::Kept(Box::new(self.kept()?)),
            _ => return None,
        })
    }
}
