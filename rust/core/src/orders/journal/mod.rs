//! The journal: what was decided, on disk before the wire.
