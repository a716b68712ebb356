//! The writer's side: what a feed puts up for others to read.

use super::cells::{
    ChannelTimes, ConnectionCell, ConsumerCell, DeskCell, GATEWAY_WORDS, GC_WORDS, Header, InstrumentCell, LAYOUT,
    MAGIC, SIZES,
};
use super::memory::{Full, Region, Shared, or_abort};
use super::seqlock::Text;
use crate::clock::{monotonic_ns, realtime_ns};
use core::sync::atomic::Ordering::{Relaxed, Release};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Role of a consumer's cell that shows no consumer.
pub(super) const ABSENT: u64 = 0;
/// Role of one that polls.
const POLLS: u64 = 1;
/// Role of one that is called back.
const CALLED: u64 = 2;

/// What a feed puts up: counters, histograms, states; in memory that another process may look at.
#[derive(Debug)]
pub struct Board {
    region: Arc<Region>,
    header: Shared<Header>,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    last_connection: Option<Shared<ConnectionCell>>,
    last_desk: Option<Shared<DeskCell>>,
    consumers: Vec<(Shared<ConsumerCell>, Weak<()>)>,
}

/// The place of a consumer's numbers; free for another when the last of these is gone.
#[derive(Clone, Debug)]
pub struct ConsumerSlot {
    pub(crate) cell: Shared<ConsumerCell>,
    _alive: Arc<()>,
}

impl ConsumerSlot {
    /// A place of its own, which nobody else sees.
    #[must_use]
    pub fn private() -> Self {
        Self { cell: Shared::private(), _alive: Arc::default() }
    }

    /// Says that it is called back; its errors count from now on.
    pub fn set_called_back(&self) {
        self.cell.role.store(CALLED, Relaxed);
    }

    /// Counts a callback that failed. Any thread.
    pub fn count_error(&self) {
        self.cell.errors.add(1);
    }

    /// Takes the consumer out of sight.
    pub fn hide(&self) {
        self.cell.role.store(ABSENT, Release);
    }
}

impl Board {
    /// A board that only this process sees.
    #[must_use]
    pub fn private() -> Self {
        or_abort(Self::over(Region::private()))
    }

    /// A board that other processes can look at through [`Board::reader`], of at most `limit` bytes.
    ///
    /// # Errors
    /// What the system says when it gives no shared memory.
    pub fn shared(limit: usize) -> std::io::Result<Self> {
        Self::over(Region::shared(limit)?).map_err(std::io::Error::other)
    }

    fn over(region: Region) -> Result<Self, Full> {
        let region = Arc::new(region);
        let (_, header) = region.value::<Header>()?;
        for (slot, size) in header.sizes.iter().zip(SIZES) {
            slot.store(size, Relaxed);
        }
        header.layout.store(LAYOUT, Relaxed);
        header.version.write(env!("CARGO_PKG_VERSION"));
        header.pid.store(u64::from(std::process::id()), Relaxed);
        header.started_ns.store(realtime_ns(), Relaxed);
        let board = Self { region, header, lists: Mutex::default() };
        board.used();
        board.header.magic.store(MAGIC, Release);
        Ok(board)
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) {
        self.header.used.store(u64::try_from(self.region.used()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The memory, for a reader in this process.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// A read-only descriptor for a reader in another process; `None` if the board is private or closed.
    ///
    /// # Errors
    /// What the system says.
    pub fn reader(&self) -> std::io::Result<Option<OwnedFd>> {
        self.region.reader()
    }

    /// Closes the board to new readers, and to what needs more memory than it has; its descriptor is given back. What is on it
    /// stays, for those who look already.
    pub fn close(&self) {
        self.region.close();
    }

    /// Adds a connection; their order is that of the calls.
    ///
    /// # Errors
    /// [`Full`].
    pub fn add_connection(&self, label: &str) -> Result<Shared<ConnectionCell>, Full> {
        let mut lists = self.lock();
        let (at, cell) = self.region.value::<ConnectionCell>()?;
        cell.label.write(label);
        let before = lists.last_connection.as_ref().map_or(&self.header.connections, |last| &last.next);
        before.store(at as u64, Release);
        lists.last_connection = Some(cell.clone());
        self.used();
        Ok(cell)
    }

    /// Adds a desk; their order is that of the calls.
    ///
    /// # Errors
    /// [`Full`].
    pub fn add_desk(&self, name: &str) -> Result<Shared<DeskCell>, Full> {
        let mut lists = self.lock();
        let (at, cell) = self.region.value::<DeskCell>()?;
        cell.name.write(name);
        let before = lists.last_desk.as_ref().map_or(&self.header.desks, |last| &last.next);
        before.store(at as u64, Release);
        lists.last_desk = Some(cell.clone());
        self.used();
        Ok(cell)
    }

    /// Replaces what a connection's session counts by name.
    pub fn set_tallies(&self, cell: &ConnectionCell, text: &str) {
        cell.tallies.write(text);
    }

    /// Most bytes of [`Board::set_tallies`]; what is longer would be cut.
    pub const MOST_TALLIES: usize = Text::<1024>::MOST;

    /// Adds a consumer, in the place of one that is gone if there is such.
    ///
    /// # Errors
    /// [`Full`].
    pub fn add_consumer(&self, name: &str) -> Result<ConsumerSlot, Full> {
        let mut lists = self.lock();
        let alive = Arc::new(());
        let cell = if let Some((cell, user)) = lists.consumers.iter_mut().find(|(_, user)| user.strong_count() == 0) {
            *user = Arc::downgrade(&alive);
            cell.latency.clear();
            cell.account.write(&[0; 6]);
            cell.errors.clear();
            cell.clone()
        } else {
            let (at, cell) = self.region.value::<ConsumerCell>()?;
            cell.next.store(self.header.consumers.load(Relaxed), Relaxed);
            self.header.consumers.store(at as u64, Release);
            lists.consumers.push((cell.clone(), Arc::downgrade(&alive)));
            self.used();
            cell
        };
        cell.name.write(name);
        cell.role.store(POLLS, Release);
        Ok(ConsumerSlot { cell, _alive: alive })
    }

    /// Room for the times and cells of `count` instruments, those of the tables so far copied. The old tables are left as they are.
    pub(crate) fn grow(&self, tables: &Tables, count: usize) -> Result<Tables, Full> {
        let (times_at, times) = self.region.slice::<ChannelTimes>(count)?;
        let (cells_at, cells) = self.region.slice::<InstrumentCell>(count)?;
        for (new, old) in times.iter().zip(tables.times.iter()) {
            for (new, old) in new.0.iter().zip(&old.0) {
                new.store(old.load(Relaxed), Relaxed);
            }
        }
        for (new, old) in cells.iter().zip(tables.cells.iter()) {
            new.connection.store(old.connection.load(Relaxed), Relaxed);
            new.wanted.store(old.wanted.load(Relaxed), Relaxed);
            new.valid.store(old.valid.load(Relaxed), Relaxed);
        }
        self.header.instruments.write(&[times_at as u64, cells_at as u64, count as u64]);
        self.used();
        Ok(Tables { times, cells })
    }

    /// A sign of life of the loop; `clock_ns` is the system's monotonic clock, which other processes read too.
    pub fn beat(&self, clock_ns: u64) {
        self.header.beat.write(&[monotonic_ns().unsigned_abs(), clock_ns]);
    }

    /// The state the feed is in; what the numbers mean is up to its owner.
    pub fn set_state(&self, state: u64) {
        self.header.state.store(state, Relaxed);
    }

    /// How often reading stopped for a blocking consumer.
    pub fn set_pauses(&self, pauses: u64) {
        self.header.pauses.store(pauses, Relaxed);
    }

    /// How often the exporter had to be started again.
    pub fn set_restarts(&self, restarts: u64) {
        self.header.restarts.store(restarts, Relaxed);
    }

    /// What the garbage collector of the feed's interpreter did.
    pub fn set_gc(&self, words: &[u64; GC_WORDS]) {
        self.header.gc.write(words);
    }

    /// What the gateway counted; one thread at a time.
    pub fn set_gateway(&self, words: &[u64; GATEWAY_WORDS]) {
        self.header.gateway.write(words);
    }
}

/// Per instrument: the times of its channels, and its cell.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) times: Shared<[ChannelTimes]>,
    cells: Shared<[InstrumentCell]>,
}

impl Tables {
    /// Without any instrument.
    pub(crate) fn new() -> Self {
        let region = Arc::new(Region::private());
        let ((_, times), (_, cells)) = (or_abort(region.slice(0)), or_abort(region.slice(0)));
        Self { times, cells }
    }

    /// Says whether a channel of an instrument is wanted, and where it comes from.
    pub(crate) fn want(&self, index: usize, connection: u16, slot: u32, wanted: bool) {
        let Some(cell) = self.cells.get(index) else { return };
        cell.connection.store(u64::from(connection), Relaxed);
        let (bit, all) = (1_u64.wrapping_shl(slot), cell.wanted.load(Relaxed));
        cell.wanted.store(if wanted { all | bit } else { all & !bit }, Relaxed);
    }

    /// Says whether an instrument's book is valid.
    pub(crate) fn set_valid(&self, index: usize, valid: bool) {
        if let Some(cell) = self.cells.get(index) {
            cell.valid.store(u64::from(valid), Relaxed);
        }
    }
}
