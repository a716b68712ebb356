//! Callbacks on the feed's own thread: what a read brought is theirs before the next read.

use crate::consumer::Batch;
use crate::sync::lock;
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::event::Batch as CoreBatch;
use ferrofeed_core::queue::Queue;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A consumer's queue and who takes from it.
struct Inline {
    queue: Arc<Queue>,
    call: Py<PyAny>,
}

/// The consumers of a feed that are called on its thread, in the order they were added.
#[derive(Default)]
pub(crate) struct Inlines {
    /// Written anew by every change, so that a delivery needs no lock while it calls.
    list: Mutex<Arc<[Arc<Inline>]>>,
    delivering: AtomicBool,
}

/// Ends a delivery, however it ends.
struct Delivering<'a>(&'a AtomicBool);

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Inlines {
    /// Calls `call(batch)` from now on when something is in the queue.
    pub(crate) fn add(&self, queue: Arc<Queue>, call: Py<PyAny>) {
        let mut list = lock(&self.list);
        *list = list.iter().cloned().chain([Arc::new(Inline { queue, call })]).collect();
    }

    /// Forgets a queue; says whether it was here.
    pub(crate) fn remove(&self, queue: &Arc<Queue>) -> bool {
        let mut list = lock(&self.list);
        let rest: Arc<[_]> = list.iter().filter(|one| !Arc::ptr_eq(&one.queue, queue)).cloned().collect();
        let before = std::mem::replace(&mut *list, rest);
        let removed = before.len() != list.len();
        drop(list);
        drop(before); // with it maybe the callback, whose end may run Python: not under the lock
        removed
    }

    /// Whether a delivery has anything to do. Takes no GIL.
    pub(crate) fn pending(&self) -> bool {
        lock(&self.list).iter().any(|one| one.queue.pending() > 0)
    }

    /// Gives every consumer what waits for it, once round; what its callbacks cause themselves waits for the next time. Does
    /// nothing within a callback. Call it with no lock of the feed held.
    pub(crate) fn deliver(&self, py: Python<'_>) {
        let list = Arc::clone(&*lock(&self.list));
        if list.is_empty() || self.delivering.swap(true, Ordering::Acquire) {
            return;
        }
        let _delivering = Delivering(&self.delivering);
        for one in &*list {
            if one.queue.pending() == 0 {
                continue;
            }
            let mut batch = CoreBatch::default();
            let _ = one.queue.take(&mut batch, monotonic_ns());
            if batch.events.is_empty() {
                continue;
            }
            let call = one.call.bind(py);
            // What the user's code raises never gets here; whatever does must not end the connection that is being read.
            if let Err(error) = call.call1((Batch { batch: Arc::new(batch) },)) {
                error.write_unraisable(py, Some(call));
            }
        }
    }

    pub(crate) fn traverse(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Ok(list) = self.list.try_lock() {
            for one in list.iter() {
                visit.call(&one.call)?;
            }
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        let before = std::mem::take(&mut *lock(&self.list));
        drop(before);
    }
}
