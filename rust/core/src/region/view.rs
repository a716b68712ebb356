//! The reader's side: looks at a board, its own or another process', and believes nothing it reads there about places and lengths.

use super::board::ABSENT;
use super::cells::{
    ChannelTimes, ConnectionCell, ConsumerCell, DeskCell, GATEWAY_WORDS, GC_WORDS, Header, InstrumentCell, LAYOUT,
    MAGIC, SIZES,
};
use super::memory::Region;
use crate::clock::Nanos;
use crate::pipeline::CHANNELS;
use core::fmt;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Slot of the depth channel: who wants it wants a book.
const DEPTH: u32 = 1;

/// Why a region can't be read.
#[derive(Debug)]
pub enum OpenError {
    /// The system refused, or it is no memory of sealed size.
    Io(io::Error),
    /// It holds something else.
    Foreign,
    /// It was written by another version: which.
    Version(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the shared memory of the metrics can't be mapped: {error}"),
            Self::Foreign => f.write_str("that is not the shared memory of a feed's metrics"),
            Self::Version(theirs) => write!(
                f,
                "the feed's metrics were laid out by another version ({theirs}; this is {}): restart the service",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

impl std::error::Error for OpenError {}

/// What is to be known of the feed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// The writer's process.
    pub pid: u64,
    /// When its board was made, ns since the Unix epoch.
    pub started_ns: Nanos,
    /// See [`super::Board::set_state`].
    pub state: u64,
    /// The loop's last sign of life: the core's clock of that process, and the system's monotonic clock, ns; 0: none yet.
    pub beat: [u64; 2],
    /// Times that reading stopped for a blocking consumer.
    pub pauses: u64,
    /// Times that the exporter was started again.
    pub restarts: u64,
    /// Bytes handed out.
    pub used: u64,
    /// Bytes there may be at most.
    pub limit: u64,
    /// See [`super::Board::set_gc`].
    pub gc: [u64; GC_WORDS],
    /// See [`super::Board::set_gateway`]; all 0: there is none.
    pub gateway: [u64; GATEWAY_WORDS],
}

/// The instruments of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// By channel slot: the oldest last data among the wanted instruments that ever had any, ns; 0: none had.
    pub oldest: [Nanos; CHANNELS],
    /// Wanted books that are valid, and that are not.
    pub books: [u64; 2],
}

/// A board, seen.
#[derive(Debug)]
pub struct View {
    region: Arc<Region>,
}

impl View {
    /// A board of this process.
    #[must_use]
    pub fn of(board: &super::Board) -> Self {
        Self { region: Arc::clone(board.region()) }
    }

    /// A board of another process, by the descriptor it gave.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(file: BorrowedFd<'_>) -> Result<Self, OpenError> {
        let view = Self { region: Arc::new(Region::open(file).map_err(OpenError::Io)?) };
        let header = view.header().ok_or(OpenError::Foreign)?;
        if header.magic.load(Acquire) != MAGIC {
            return Err(OpenError::Foreign);
        }
        let sizes = header.sizes.iter().map(|size| size.load(Relaxed));
        let theirs = header.version.read().unwrap_or_default();
        if header.layout.load(Relaxed) != LAYOUT || !sizes.eq(SIZES) || theirs != env!("CARGO_PKG_VERSION") {
            return Err(OpenError::Version(theirs));
        }
        Ok(view)
    }

    fn header(&self) -> Option<&Header> {
        self.region.look::<Header>(0, 1)?.first()
    }

    /// The feed as a whole; `None` if its writer ended in the middle of a write.
    #[must_use]
    pub fn feed(&self) -> Option<FeedState> {
        let header = self.header()?;
        Some(FeedState {
            pid: header.pid.load(Relaxed),
            started_ns: header.started_ns.load(Relaxed),
            state: header.state.load(Relaxed),
            beat: header.beat.read()?,
            pauses: header.pauses.load(Relaxed),
            restarts: header.restarts.load(Relaxed),
            used: header.used.load(Relaxed),
            limit: u64::try_from(self.region.limit()).unwrap_or(u64::MAX),
            gc: header.gc.read()?,
            gateway: header.gateway.read()?,
        })
    }

    /// Every connection, in the order of their indices.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionCell> {
        self.chain(self.header().map(|header| &header.connections), |cell: &ConnectionCell| &cell.next)
    }

    /// Every consumer, in no particular order.
    pub fn consumers(&self) -> impl Iterator<Item = &ConsumerCell> {
        self.chain(self.header().map(|header| &header.consumers), |cell: &ConsumerCell| &cell.next)
            .filter(|cell| cell.role.load(Acquire) != ABSENT)
    }

    /// Every desk, in the order they were added.
    pub fn desks(&self) -> impl Iterator<Item = &DeskCell> {
        self.chain(self.header().map(|header| &header.desks), |cell: &DeskCell| &cell.next)
    }

    /// Follows offsets from cell to cell; a damaged chain ends, it can't run in circles for ever.
    fn chain<'a, T: super::memory::Plain + 'a>(
        &'a self,
        first: Option<&'a AtomicU64>,
        next: impl Fn(&'a T) -> &'a AtomicU64,
    ) -> impl Iterator<Item = &'a T> {
        let most = self.region.limit().min(isize::MAX.unsigned_abs()).checked_div(size_of::<T>()).unwrap_or(0);
        let follow = move |link: &AtomicU64| {
            let at = usize::try_from(link.load(Acquire)).ok().filter(|at| *at != 0)?;
            self.region.look::<T>(at, 1)?.first()
        };
        let start = first.and_then(&follow);
        core::iter::successors(start, move |cell| follow(next(cell))).take(most)
    }

    /// How fresh the wanted channels of the first `connections` connections are.
    #[must_use]
    pub fn freshness(&self, connections: usize) -> Vec<Freshness> {
        let mut found = vec![Freshness::default(); connections];
        let Some((times, cells)) = self.instruments() else { return found };
        for (times, cell) in times.iter().zip(cells) {
            let wanted = cell.wanted.load(Relaxed);
            let connection = usize::try_from(cell.connection.load(Relaxed)).unwrap_or(usize::MAX);
            let Some(mine) = found.get_mut(connection).filter(|_| wanted != 0) else { continue };
            for (slot, (oldest, last)) in (0..).zip(mine.oldest.iter_mut().zip(&times.0)) {
                let last = last.load(Relaxed);
                if wanted & 1_u64.wrapping_shl(slot) != 0 && last > 0 && (*oldest == 0 || last < *oldest) {
                    *oldest = last;
                }
            }
            if wanted & 1_u64.wrapping_shl(DEPTH) != 0 {
                let [valid, stale] = &mut mine.books;
                let count = if cell.valid.load(Relaxed) == 1 { valid } else { stale };
                *count = count.saturating_add(1);
            }
        }
        found
    }

    fn instruments(&self) -> Option<(&[ChannelTimes], &[InstrumentCell])> {
        let [times, cells, count] = self.header()?.instruments.read()?.map(usize::try_from);
        let (times, cells, count) = (times.ok()?, cells.ok()?, count.ok()?);
        Some((self.region.look(times, count)?, self.region.look(cells, count)?))
    }
}

impl ConnectionCell {
    /// The name of its venue.
    #[must_use]
    pub fn label(&self) -> String {
        self.label.read().unwrap_or_default()
    }

    /// What its session counts by name; `None` if its writer ended in the middle of a write.
    #[must_use]
    pub fn tallies(&self) -> Option<String> {
        self.tallies.read()
    }
}

impl DeskCell {
    /// Its venue's id.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.read().unwrap_or_default()
    }
}

impl ConsumerCell {
    /// The consumer's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.read().unwrap_or_default()
    }

    /// `received delivered conflated dropped pending filtered`, as of one moment.
    #[must_use]
    pub fn account(&self) -> [u64; 6] {
        self.account.read().unwrap_or_default()
    }

    /// How many of its callbacks failed; `None` of one that is not called back.
    #[must_use]
    pub fn errors(&self) -> Option<u64> {
        (self.role.load(Relaxed) == 2).then(|| self.errors.get())
    }

    /// Booked → delivered.
    #[must_use]
    pub fn latency(&self) -> &crate::latency::Histogram {
        &self.latency
    }
}
