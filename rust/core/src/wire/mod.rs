//! The read side of RFC 6455: socket bytes to whole messages.
