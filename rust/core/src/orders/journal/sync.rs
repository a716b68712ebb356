//! Putting what was written onto the disk: never, now and then by a thread, or before anything else goes on.

use crate::clock::Nanos;
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// When what was written is put onto the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Whenever the system does: what the process wrote survives its death, not a loss of power.
    Off,
    /// By a thread that begins so many ns after the first entry that waits: a loss of power takes what was written in that time and
    /// while the disk was at work.
    Batched {
        /// Between two.
        every: Nanos,
    },
    /// Before an append returns: nothing is ever lost.
    Always,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    /// Number of the last entry written.
    written: u64,
    /// When the oldest entry was written that waits for the next sync, and the oldest of those the disk is at work on; 0: none.
    waiting: Nanos,
    working: Nanos,
    /// Number of the last entry that is on the disk for certain.
    synced: u64,
    stop: bool,
    failed: Option<String>,
}

/// What it shows: number of the last entry that is on the disk for certain, when the oldest that is not was written (0: there is
/// none), and what failed.
pub(super) struct Seen {
    pub(super) synced: u64,
    pub(super) oldest: Nanos,
    pub(super) failed: Option<String>,
}

/// The thread of [`Fsync::Batched`]. It holds one file and one number, no queue.
#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Syncer {
    pub(super) fn start(every: Nanos) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let every = Duration::from_nanos(every.max(1).unsigned_abs());
        let thread =
            std::thread::Builder::new().name("ferrofeed-journal".into()).spawn(move || run(&of_thread, every))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Tells it what was written, and gives what failed before.
    pub(super) fn wrote(&self, file: &Arc<File>, number: u64, time: Nanos) -> Result<(), String> {
        let mut state = lock(&self.shared);
        if let Some(why) = &state.failed {
            return Err(why.clone());
        }
        let idle = state.file.is_none();
        if state.file.as_ref().is_none_or(|known| !Arc::ptr_eq(known, file)) {
            state.file = Some(Arc::clone(file));
            state.waiting = time;
        }
        state.written = number;
        drop(state);
        if idle {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    pub(super) fn seen(&self) -> Seen {
        let state = lock(&self.shared);
        let oldest = if state.working == 0 { state.waiting } else { state.working };
        Seen { synced: state.synced, oldest, failed: state.failed.clone() }
    }

    /// Everything up to this entry is on the disk, by another sync.
    pub(super) fn note(&self, number: u64) {
        let mut state = lock(&self.shared);
        state.synced = state.synced.max(number);
        if number >= state.written {
            // nothing waits any more, whatever the disk is still at work on
            (state.file, state.waiting, state.working) = (None, 0, 0);
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        lock(&self.shared).stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, every: Duration) {
    loop {
        let mut state = lock(shared);
        while state.file.is_none() && !state.stop {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.stop {
            // what comes within the time goes with it
            let waited = shared.wake.wait_timeout_while(state, every, |state| !state.stop);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (file, number, stop) = (state.file.take(), state.written, state.stop);
        state.working = std::mem::take(&mut state.waiting);
        drop(state);
        if let Some(file) = file {
            match file.sync_data() {
                Ok(()) => {
                    let mut state = lock(shared);
                    state.synced = state.synced.max(number);
                    state.working = 0;
                }
                Err(error) => {
                    lock(shared).failed = Some(format!("fdatasync: {error}"));
                    return;
                }
            }
        }
        if stop {
            return;
        }
    }
}
