//! Busy polling: the feed's thread looks at its sockets without pause instead of sleeping until one is readable.
//!
//! A [`Poller`] has an epoll instance of its own with the plain TCP sockets, and with the event loop's own epoll instance
//! nested in it: a look costs one system call however many sockets there are, and whatever else the loop waits for (TLS
//! connections, handshakes, room to write, calls of other threads) ends the spinning at once. Bytes of a plain socket are
//! read straight into the connection's space and worked on without the GIL, which is taken only for notices and inline
//! callbacks. End of file and errors are left where they are, for the loop's own transport to find.
#![allow(unsafe_code, reason = "duplicates descriptors that Python gives by number")]

use crate::reader::{Outcome, Reader};
use crate::sync::lock;
use ferrofeed_core::clock::{Nanos, monotonic_ns};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{RecvFlags, recv};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Mutex;

/// How long the loop's timers (and calls made ready without [`Poller::attend`]) wait at most; its other work ends the
/// spinning by itself. A round of the loop takes some microseconds, in which no socket is looked at: shorter slices are seen
/// in the tail of the latencies.
const SLICE_NS: Nanos = 5_000_000;

/// After the loop had something to do, so many of its rounds come without spinning: a handshake, or a coroutine that was
/// woken, takes many rounds one after the other.
const ATTENTIVE_ROUNDS: u32 = 64;

/// Ready descriptors taken in one look.
const READY: usize = 16;

/// The event loop's mark among the ready; a socket's is its seat.
const LOOP: u64 = u64::MAX;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// One socket.
struct Seat {
    reader: Py<Reader>,
    /// A duplicate: were the transport to close its own first, this would never be another socket.
    socket: OwnedFd,
    /// It is in the epoll instance.
    watched: bool,
}

#[derive(Default)]
struct State {
    seats: Vec<Option<Seat>>,
    /// Rounds of the loop still to come without spinning.
    attentive: u32,
}

enum Found {
    /// The time is over, or nothing was there.
    Nothing,
    /// The loop has something to do.
    Loop,
    /// A read was worked on, and somebody must be told, with the GIL.
    Read(usize, Outcome),
}

/// Reads the plain TCP sockets of one event loop by spinning. For the loop's thread.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// Keeps the nested instance's number ours.
    _loop: OwnedFd,
    state: Mutex<State>,
}

/// A descriptor of our own for what `descriptor` is now.
fn duplicate(descriptor: i32) -> PyResult<OwnedFd> {
    if descriptor < 0 {
        return Err(PyValueError::new_err(format!("descriptor {descriptor}: expected an open one")));
    }
    // SAFETY: `descriptor` is not -1, and the borrow ends with the next call. Should nothing be open under this number, the
    // system says so (EBADF) and nothing else happens.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(fcntl_dupfd_cloexec(borrowed, 0).map_err(std::io::Error::from)?)
}

impl Poller {
    pub(crate) fn add(&self, reader: Py<Reader>, descriptor: i32) -> PyResult<usize> {
        let socket = duplicate(descriptor)?;
        let mut state = lock(&self.state);
        let index = state.seats.iter().position(Option::is_none).unwrap_or(state.seats.len());
        self.watch(&socket, index)?;
        let seat = Some(Seat { reader, socket, watched: true });
        match state.seats.get_mut(index) {
            Some(free) => *free = seat,
            None => state.seats.push(seat),
        }
        Ok(index)
    }

    fn watch(&self, socket: &OwnedFd, index: usize) -> PyResult<()> {
        let mark = EventData::new_u64(u64::try_from(index)?);
        Ok(epoll::add(&self.epoll, socket, mark, EventFlags::IN).map_err(std::io::Error::from)?)
    }

    /// Reads a socket, or leaves it alone.
    pub(crate) fn set_watched(&self, index: usize, watched: bool) -> PyResult<()> {
        let mut state = lock(&self.state);
        let Some(Some(seat)) = state.seats.get_mut(index) else {
            return Err(PyIndexError::new_err(format!("no socket {index}")));
        };
        if seat.watched != watched {
            if watched {
                self.watch(&seat.socket, index)?;
            } else {
                epoll::delete(&self.epoll, &seat.socket).map_err(std::io::Error::from)?;
            }
            seat.watched = watched;
        }
        Ok(())
    }

    /// Forgets a socket and closes our descriptor of it.
    pub(crate) fn remove(&self, index: usize) {
        let seat = lock(&self.state).seats.get_mut(index).and_then(Option::take);
        if let Some(seat) = seat
            && seat.watched
        {
            // The socket lives on in its transport, so closing our descriptor would not take it off.
            let _ = epoll::delete(&self.epoll, &seat.socket);
        }
    }

    /// Looks until `end`, working on what comes. Runs without the GIL, which nothing here waits for.
    fn look(&self, end: Nanos) -> Found {
        let mut state = lock(&self.state);
        let empty = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut ready = [empty; READY];
        loop {
            let count = match epoll::wait(&self.epoll, &mut ready[..], Some(&AT_ONCE)) {
                Ok(count) => count,
                Err(Errno::INTR) => 0,
                Err(_) => return Found::Loop,
            };
            let mut read = false;
            for event in ready.iter().take(count) {
                let (mark, flags) = (event.data.u64(), event.flags);
                if mark == LOOP {
                    continue;
                }
                let Ok(index) = usize::try_from(mark) else { continue };
                let Some(Some(seat)) = state.seats.get_mut(index) else { continue };
                match self.read(seat, flags) {
                    Ok(None) => read = true,
                    Ok(Some(outcome)) => return Found::Read(index, outcome),
                    Err(()) => return Found::Loop,
                }
            }
            // Bytes for us make the loop's own instance ready too: it is asked again once they are read.
            if count > 0 && !read {
                return Found::Loop;
            }
            if monotonic_ns() >= end {
                return Found::Nothing;
            }
        }
    }

    /// One read of a socket; `Err` if it is the transport's business.
    fn read(&self, seat: &mut Seat, flags: EventFlags) -> Result<Option<Outcome>, ()> {
        let reader = seat.reader.get();
        if !flags.contains(EventFlags::ERR)
            && let Some(read) = reader.read_with(|space| recv(&seat.socket, space, RecvFlags::DONTWAIT))
        {
            match read {
                Ok(outcome) => return Ok(outcome),
                Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
                Err(_) => {}
            }
        }
        let _ = epoll::delete(&self.epoll, &seat.socket);
        seat.watched = false;
        Err(())
    }
}

#[pymethods]
impl Poller {
    /// `loop_descriptor`: the event loop's epoll instance.
    #[new]
    fn new(loop_descriptor: i32) -> PyResult<Self> {
        let nested = duplicate(loop_descriptor)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(std::io::Error::from)?;
        epoll::add(&epoll, &nested, EventData::new_u64(LOOP), EventFlags::IN).map_err(std::io::Error::from)?;
        Ok(Self { epoll, _loop: nested, state: Mutex::default() })
    }

    /// Reads what comes on the sockets, until the loop has something to do, or for five milliseconds. Call it again from the
    /// loop's next round.
    fn spin(&self, py: Python<'_>) {
        let attentive = {
            let mut state = lock(&self.state);
            let attentive = state.attentive > 0;
            state.attentive = state.attentive.saturating_sub(1);
            attentive
        };
        let end = if attentive { 0 } else { monotonic_ns().saturating_add(SLICE_NS) };
        loop {
            match py.detach(|| self.look(end)) {
                Found::Nothing => return,
                Found::Loop => break,
                Found::Read(index, outcome) => {
                    let reader = match lock(&self.state).seats.get(index) {
                        Some(Some(seat)) => seat.reader.clone_ref(py),
                        _ => return,
                    };
                    let quiet = outcome.is_quiet();
                    reader.get().tell_or_abort(py, outcome);
                    if !quiet {
                        break;
                    }
                }
            }
        }
        self.attend();
    }

    /// Calls were made ready: the next rounds of the loop come without spinning.
    fn attend(&self) {
        lock(&self.state).attentive = ATTENTIVE_ROUNDS;
    }

    /// How many sockets are read by spinning now.
    #[getter]
    fn watched(&self) -> usize {
        lock(&self.state).seats.iter().flatten().filter(|seat| seat.watched).count()
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Ok(state) = self.state.try_lock() {
            for seat in state.seats.iter().flatten() {
                visit.call(&seat.reader)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let seats = std::mem::take(&mut lock(&self.state).seats);
        drop(seats);
    }
}
