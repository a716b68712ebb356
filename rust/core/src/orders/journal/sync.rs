//! Putting what was written onto the disk: never, now and then by a thread, or before anything else goes on.

use crate::clock::Nanos;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// When what was written is put onto the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Whenever the system does: what the process wrote survives its death, not a loss of power.
    Off,
    /// By a thread, at most so many ns after it was written: a loss of power takes that much.
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
    synced: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    /// Number of the last entry written.
    written: u64,
    stop: bool,
    failed: Option<String>,
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
    pub(super) fn wrote(&self, file: &Arc<File>, number: u64) -> Result<(), String> {
        let mut state = lock(&self.shared);
        if let Some(why) = &state.failed {
            return Err(why.clone());
        }
        let idle = state.file.is_none();
        if state.file.as_ref().is_none_or(|known| !Arc::ptr_eq(known, file)) {
            state.file = Some(Arc::clone(file));
        }
        state.written = number;
        drop(state);
        if idle {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Number of the last entry that is on the disk for certain.
    pub(super) fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::Acquire)
    }

    pub(super) fn note(&self, number: u64) {
        self.shared.synced.fetch_max(number, Ordering::AcqRel);
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
        drop(state);
        if let Some(file) = file {
            match file.sync_data() {
                Ok(()) => {
                    shared.synced.fetch_max(number, Ordering::AcqRel);
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
