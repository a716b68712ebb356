//! Locking.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever a panicking holder did: the state is counters and books, which say themselves whether they are valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
