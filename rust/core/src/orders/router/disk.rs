//! A journal on disk as a router's sink.

use super::super::journal::{Journal, Status};
use super::sink::Sink;
use crate::clock::Nanos;

impl Sink for Journal {
    fn append(&mut self, time: Nanos, kind: u8, payload: &[u8]) -> Result<(), String> {
        Self::append(self, time, kind, payload).map(drop).map_err(|error| error.to_string())
    }

    fn wants_checkpoint(&self) -> bool {
        self.wants_rotation()
    }

    fn status(&mut self) -> Option<Status> {
        Some(Self::status(self))
    }

    fn checkpoint(&mut self, time: Nanos, entries: &[(u8, Vec<u8>)]) -> Result<(), String> {
        self.rotate(time, entries).map_err(|error| error.to_string())
    }
}
