//! Where records are written before anything else happens.

use super::super::journal::Status;
use crate::clock::Nanos;

/// A journal, as the router sees it.
pub trait Sink: Send {
    /// Appends one entry; it is as durable as the sink's policy says when this returns.
    ///
    /// # Errors
    /// Why not, in words. The router sends no new order from then on.
    fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<(), String>;

    /// Whether a checkpoint is due.
    fn wants_checkpoint(&self) -> bool {
        false
    }

    /// What it shows of itself, if it lies on a disk.
    fn status(&mut self) -> Option<Status> {
        None
    }

    /// Starts anew with these entries, which make the whole state.
    ///
    /// # Errors
    /// Why not, in words.
    fn checkpoint(&mut self, _time: Nanos, _entries: &[(u8, Vec<u8>)]) -> Result<(), String> {
        Ok(())
    }
}

/// A journal in memory: for tests, and for a simulation whose orders need not outlive it.
#[derive(Debug, Default)]
pub struct Memory {
    /// What was written: time, kind, payload.
    pub entries: Vec<(Nanos, u8, Vec<u8>)>,
    /// Set: every append fails.
    pub broken: bool,
}

impl Sink for Memory {
    fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<(), String> {
        if self.broken {
            return Err("the journal is broken".into());
        }
        self.entries.push((time, kind, payload.to_vec()));
        Ok(())
    }
}

/// No journal at all: for simulations whose orders need not outlive the process, nor be looked at.
#[derive(Debug)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn append(&mut self, _time: Nanos, _kind: u8, _payload: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// The same, shared with whoever looks at it.
impl Sink for std::sync::Arc<std::sync::Mutex<Memory>> {
    fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<(), String> {
        self.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(time, kind, payload)
    }
}
