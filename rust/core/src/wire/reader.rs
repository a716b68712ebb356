//! The state machine: frames to messages.

use super::buffer::ReadBuffer;
use super::frame::{self, Expect, Header, Opcode, Parsed};
use super::utf8::Utf8;
use super::{Limits, Message, ProtocolError, ProtocolErrorKind, Role, close, mask};

/// What kind of fragmented message is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assembling {
    Nothing,
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// A close frame was handed out.
    Closed,
    Failed(ProtocolError),
}

/// The reading end of one connection; see the module's text for how to drive it.
///
/// Take messages until [`Self::next`] gives `None` before asking for [`Self::space`] again: then the buffer never grows
/// beyond the largest message and its header. A caller that does not will lose nothing, but pays with a buffer as large as
/// what it leaves behind.
#[derive(Debug)]
pub struct WireReader {
    role: Role,
    max_message: usize,
    buffer: ReadBuffer,
    /// Bytes the frame at the front has in all, as far as is known.
    need: usize,
    /// Payload bytes of the frame at the front that are unmasked and checked already.
    done: usize,
    assembled: Vec<u8>,
    assembling: Assembling,
    /// Of the text under way; between texts it stands as at the start, since a text ends complete or in an error.
    utf8: Utf8,
    state: State,
    /// Most bytes `assembled` keeps when nothing is in it.
    resting: usize,
    bytes: u64,
    frames: u64,
    messages: u64,
    discarded: u64,
    /// Bytes of the frame that [`Self::whole_text`] lent last.
    lent: usize,
}

/// A message whose place is known; the slices are taken when nothing else needs the reader any more.
enum Found {
    /// The payload is at the front of the buffer.
    Front(Header),
    /// It is in `assembled`, and the last frame of it was taken off the buffer.
    Assembled { text: bool },
}

impl WireReader {
    /// A reader of a connection whose handshake is done. Limits of zero count as one byte.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            // Keeps every sum of a length and a header far from overflow; no allocation could be that large anyway.
            max_message: limits.max_message.min(usize::MAX >> 2),
            buffer: ReadBuffer::new(limits.buffer, limits.read),
            need: 0,
            done: 0,
            assembled: Vec::new(),
            assembling: Assembling::Nothing,
            utf8: Utf8::default(),
            state: State::Open,
            resting: limits.buffer,
            bytes: 0,
            frames: 0,
            messages: 0,
            discarded: 0,
            lent: 0,
        }
    }

    /// Where the socket may read into: never empty, at most [`Limits::read`] bytes. What it holds is unspecified.
    pub fn space(&mut self) -> &mut [u8] {
        self.lent = 0;
        if self.state != State::Open {
            self.discard();
        }
        self.settle();
        self.buffer.space(self.need)
    }

    /// `n` bytes were written to the start of what [`Self::space`] offered last (more than that was long count as that).
    pub fn filled(&mut self, n: usize) {
        let n = self.buffer.filled(n);
        self.bytes = self.bytes.saturating_add(n as u64);
        if self.state != State::Open {
            self.discard();
        }
    }

    /// The next message, or `None` if more bytes are needed or the peer's close was handed out.
    ///
    /// # Errors
    /// [`ProtocolError`] when the peer broke the protocol. It stays: every later call gives the same error, and every later
    /// byte is counted and thrown away.
    #[expect(clippy::should_implement_trait, reason = "it lends, which `Iterator` can't")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, ProtocolError> {
        self.lent = 0;
        match self.state {
            State::Open => {}
            State::Closed => return Ok(None),
            State::Failed(error) => return Err(error),
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(Found::Front(header))) => Ok(self.take(header)),
            Ok(Some(Found::Assembled { text })) => {
                self.messages = self.messages.saturating_add(1);
                let payload = self.assembled.as_slice();
                Ok(Some(if text { Message::Text(payload) } else { Message::Binary(payload) }))
            }
            Err(kind) => Err(self.fail(kind)),
        }
    }

    /// The payload of the text message at the front, if it is there in one frame, with its bytes **unchecked**: they may be no
    /// UTF-8. It stays at the front: a caller that understands it, and so knows it to be good text, calls [`Self::pass`]; any other
    /// takes it from [`Self::next`], which checks it. So a message that is read anyway is not gone over twice.
    #[inline]
    pub fn whole_text(&mut self) -> Option<&[u8]> {
        let untouched = self.assembling == Assembling::Nothing && self.done == 0 && self.role == Role::Client;
        if self.state != State::Open || !untouched {
            return None;
        }
        let expect = Expect { role: Role::Client, continuing: false, room: self.max_message };
        let Ok(Parsed::Header(header)) = frame::parse(self.buffer.pending(), expect) else { return None };
        if header.opcode != Opcode::Text || !header.fin {
            return None;
        }
        let size = header.size.saturating_add(header.payload);
        self.lent = size;
        self.buffer.pending().get(header.size..size)
    }

    /// Takes the message that [`Self::whole_text`] gave last off the front, once.
    #[inline]
    pub fn pass(&mut self) {
        let size = std::mem::take(&mut self.lent);
        if size > 0 && self.state == State::Open {
            self.frames = self.frames.saturating_add(1);
            self.messages = self.messages.saturating_add(1);
            self.buffer.consume(size);
        }
    }

    /// Whether a message has begun and not ended: a fragmented one, or a frame of which only a part came.
    #[must_use]
    pub fn in_message(&self) -> bool {
        self.state == State::Open && (self.assembling != Assembling::Nothing || self.buffer.len() > 0)
    }

    /// Frames seen: complete and accepted ones, each fragment and each control frame by itself.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Messages handed out, control frames included.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Bytes received, discarded ones included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes thrown away: those of the frame at fault and everything behind it, and everything behind a close frame.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        let behind = if self.state == State::Open { 0 } else { self.buffer.len() };
        self.discarded.saturating_add(behind as u64)
    }

    /// Bytes of memory held in both buffers. Back at [`Limits::buffer`] for each at most, some reads after more was needed.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity().saturating_add(self.assembled.capacity())
    }

    /// Goes through frames until a message is whole.
    #[inline]
    fn advance(&mut self) -> Result<Option<Found>, ProtocolErrorKind> {
        loop {
            let expect = Expect {
                role: self.role,
                continuing: self.assembling != Assembling::Nothing,
                room: match self.assembling {
                    Assembling::Nothing => self.max_message,
                    _ => self.max_message.saturating_sub(self.assembled.len()),
                },
            };
            let header = match frame::parse(self.buffer.pending(), expect)? {
                Parsed::Header(header) => header,
                Parsed::Short(need) => {
                    self.need = need;
                    return Ok(None);
                }
            };
            let size = header.size.saturating_add(header.payload);
            if self.buffer.len() < size {
                self.need = size;
                return self.partial(header).map(|()| None);
            }
            self.complete(header)?;
            if header.opcode.is_control() || (header.fin && header.opcode != Opcode::Continuation) {
                return Ok(Some(Found::Front(header)));
            }
            if let Some(found) = self.assemble(header) {
                return Ok(Some(found));
            }
        }
    }

    /// Looks at what has arrived of a data frame, so that broken text is found before the frame is whole.
    #[cold]
    fn partial(&mut self, header: Header) -> Result<(), ProtocolErrorKind> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let there = self.buffer.len().saturating_sub(header.size);
        self.look(header, there)
    }

    /// Unmasks and checks the payload of a data frame up to `until`, from where that was left.
    fn look(&mut self, header: Header, until: usize) -> Result<(), ProtocolErrorKind> {
        let text = self.is_text(header);
        let from = header.size.saturating_add(self.done);
        let to = header.size.saturating_add(until);
        let piece = self.buffer.pending_mut().get_mut(from..to).unwrap_or_default();
        if self.role == Role::Server {
            mask::unmask(piece, header.key, self.done);
        }
        self.done = until;
        if text && !self.utf8.push(piece) {
            return Err(ProtocolErrorKind::InvalidUtf8);
        }
        Ok(())
    }

    /// Unmasks and checks what is left of a frame that is all there.
    #[inline]
    fn complete(&mut self, header: Header) -> Result<(), ProtocolErrorKind> {
        if header.opcode.is_control() {
            let size = header.size.saturating_add(header.payload);
            let payload = self.buffer.pending_mut().get_mut(header.size..size).unwrap_or_default();
            if self.role == Role::Server {
                mask::unmask(payload, header.key, 0);
            }
            return if header.opcode == Opcode::Close { close::parse(payload).map(|_| ()) } else { Ok(()) };
        }
        if self.role == Role::Client && header.fin && header.opcode == Opcode::Text && self.done == 0 {
            // The way nearly every message goes.
            let size = header.size.saturating_add(header.payload);
            let payload = self.buffer.pending().get(header.size..size).unwrap_or_default();
            return match core::str::from_utf8(payload) {
                Ok(_) => Ok(()),
                Err(_) => Err(ProtocolErrorKind::InvalidUtf8),
            };
        }
        self.look(header, header.payload)?;
        self.done = 0;
        if header.fin && self.is_text(header) && !self.utf8.is_complete() {
            return Err(ProtocolErrorKind::InvalidUtf8);
        }
        Ok(())
    }

    fn is_text(&self, header: Header) -> bool {
        match header.opcode {
            Opcode::Text => true,
            Opcode::Continuation => self.assembling == Assembling::Text,
            _ => false,
        }
    }

    /// Takes a fragment off the buffer; gives the message if it was the last one.
    fn assemble(&mut self, header: Header) -> Option<Found> {
        match header.opcode {
            Opcode::Text => self.assembling = Assembling::Text,
            Opcode::Binary => self.assembling = Assembling::Binary,
            _ => {}
        }
        if header.opcode != Opcode::Continuation {
            self.assembled.clear();
        }
        self.frames = self.frames.saturating_add(1);
        let frame = self.buffer.consume(header.size.saturating_add(header.payload));
        let payload = frame.get(header.size..).unwrap_or_default();
        let total = self.assembled.len().saturating_add(payload.len());
        if total > self.assembled.capacity() {
            // By doubling, but never beyond what a message may have.
            let size = self.assembled.capacity().saturating_mul(2).min(self.max_message).max(total);
            self.assembled.reserve_exact(size.saturating_sub(self.assembled.len()));
        }
        self.assembled.extend_from_slice(payload);
        if !header.fin {
            return None;
        }
        let text = self.assembling == Assembling::Text;
        self.assembling = Assembling::Nothing;
        Some(Found::Assembled { text })
    }

    /// Hands out the message at the front of the buffer.
    #[inline]
    fn take(&mut self, header: Header) -> Option<Message<'_>> {
        if header.opcode == Opcode::Close {
            self.state = State::Closed;
        }
        self.frames = self.frames.saturating_add(1);
        self.messages = self.messages.saturating_add(1);
        let frame = self.buffer.consume(header.size.saturating_add(header.payload));
        let payload = frame.get(header.size..).unwrap_or_default();
        Some(match header.opcode {
            Opcode::Text => Message::Text(payload),
            Opcode::Ping => Message::Ping(payload),
            Opcode::Pong => Message::Pong(payload),
            Opcode::Close => return close::parse(payload).ok(), // `complete` saw that it is well
            _ => Message::Binary(payload),
        })
    }

    #[cold]
    fn fail(&mut self, kind: ProtocolErrorKind) -> ProtocolError {
        let error = ProtocolError { kind, at: self.bytes.saturating_sub(self.buffer.len() as u64) };
        self.state = State::Failed(error);
        self.discard();
        error
    }

    fn discard(&mut self) {
        self.need = 0;
        self.assembling = Assembling::Nothing;
        self.discarded = self.discarded.saturating_add(self.buffer.clear() as u64);
    }

    /// Lets go of a message that was handed out, and of memory that the last one did not need.
    fn settle(&mut self) {
        let busy = self.assembling != Assembling::Nothing || self.need > self.resting;
        if busy || self.assembled.capacity() <= self.resting {
            return;
        }
        if self.assembled.len() > self.resting {
            self.assembled.clear();
        } else {
            self.assembled = Vec::new();
        }
    }
}
