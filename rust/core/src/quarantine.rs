//! quarantine.
