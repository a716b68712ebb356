//! The memory itself: handed out bit by bit, never moved, never taken back, shared with other processes if asked for.
//!
//! A shared region is a `memfd` of sealed size. It is sparse: its limit costs nothing, memory is used where something was
//! handed out. The writer maps it in chunks as it goes (a process that locks its memory locks no more than it uses), a
//! reader maps all of it, read-only. A private region is the same on the heap, for who shares nothing.
#![allow(unsafe_code, reason = "maps memory and lends typed references into it")]

use super::cells::{ChannelTimes, ConnectionCell, ConsumerCell, DeskCell, Header, InstrumentCell};
use core::alloc::Layout;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Chunks are multiples of this: a multiple of every page size there is.
const GRAIN: usize = 64 * 1024;
/// A new chunk of a shared region is at least so large.
const CHUNK: usize = 4 * GRAIN;
/// What the types in a region may ask for at most: a cache line.
const MOST_ALIGN: usize = 64;

/// A type that may live in a region.
///
/// # Safety
/// The type is `repr(C)` or `repr(transparent)`, consists of 64-bit atomics only and has an alignment of at most 64: all
/// bit patterns are valid, all zeros is its empty value, another process may write it at any time, and it needs no drop.
pub unsafe trait Plain: Sync {}

// SAFETY: `repr(C)`, made of `AtomicU64` and `AtomicI64` only; alignment 64 or less (asserted where memory is handed out).
unsafe impl Plain for Header {}
// SAFETY: as above.
unsafe impl Plain for ConnectionCell {}
// SAFETY: as above.
unsafe impl Plain for DeskCell {}
// SAFETY: as above.
unsafe impl Plain for ConsumerCell {}
// SAFETY: as above.
unsafe impl Plain for InstrumentCell {}
// SAFETY: as above.
unsafe impl Plain for ChannelTimes {}

/// A region has no room left (or the system gave no memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// What was asked for, bytes.
    pub wanted: usize,
    /// The region's limit, bytes.
    pub limit: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, limit } = self;
        write!(f, "no room for {wanted} bytes more in the shared memory of the metrics, which may take {limit} bytes")
    }
}

impl std::error::Error for Full {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backing {
    Heap,
    File,
}

/// A piece of the region that is mapped in one.
struct Chunk {
    at: usize,
    len: usize,
    base: NonNull<u8>,
}

struct Space {
    /// Of a shared region, until it is closed.
    file: Option<OwnedFd>,
    chunks: Vec<Chunk>,
    /// Where the next piece may begin, as an offset in the region.
    next: usize,
}

/// Memory that is handed out in pieces; see the module's text.
pub struct Region {
    backing: Backing,
    limit: usize,
    space: Mutex<Space>,
}

// SAFETY: the chunks' pointers are to memory that the region owns until it is dropped, which holds only words that are
// accessed atomically; the list itself is behind a mutex.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// A region on the heap: nobody else sees it.
    #[must_use]
    pub fn private() -> Self {
        let space = Space { file: None, chunks: Vec::new(), next: 0 };
        Self { backing: Backing::Heap, limit: isize::MAX.unsigned_abs(), space: Mutex::new(space) }
    }

    /// A new region that can be shared, of at most `limit` bytes.
    ///
    /// # Errors
    /// What the system says when it gives no such memory.
    pub fn shared(limit: usize) -> std::io::Result<Self> {
        let limit = limit.next_multiple_of(GRAIN);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 don't know the flag, some of those after it insist on it.
        let file = rustix::fs::memfd_create("ferrofeed-metrics", flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| rustix::fs::memfd_create("ferrofeed-metrics", flags))?;
        rustix::fs::ftruncate(&file, u64::try_from(limit).unwrap_or(u64::MAX))?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self::over(file, limit, Vec::new(), 0))
    }

    /// Another process' region, read-only. Nothing can be handed out of it.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` for a descriptor whose size is not sealed: it might shrink under the mapping.
    pub fn open(file: BorrowedFd<'_>) -> std::io::Result<Self> {
        let refused = || std::io::Error::from(std::io::ErrorKind::InvalidInput);
        let seals = rustix::fs::fcntl_get_seals(file).map_err(|_| refused())?;
        if !seals.contains(SealFlags::SHRINK | SealFlags::SEAL) {
            return Err(refused());
        }
        let size = usize::try_from(rustix::fs::fstat(file)?.st_size).map_err(|_| refused())?;
        if size < GRAIN {
            return Err(refused());
        }
        let own = file.try_clone_to_owned()?;
        // SAFETY: a new mapping at an address of the system's choice; the file is as long and can't shrink (sealed).
        let base = unsafe {
            rustix::mm::mmap(core::ptr::null_mut(), size, ProtFlags::READ, MapFlags::SHARED, own.as_fd(), 0)
        }?;
        let base = NonNull::new(base.cast::<u8>()).ok_or_else(refused)?;
        Ok(Self::over(own, size, vec![Chunk { at: 0, len: size, base }], size))
    }

    fn over(file: OwnedFd, limit: usize, chunks: Vec<Chunk>, next: usize) -> Self {
        Self { backing: Backing::File, limit, space: Mutex::new(Space { file: Some(file), chunks, next }) }
    }

    /// Gives the descriptor back: what was handed out stays, no further chunk can be had and no reader can come.
    pub fn close(&self) {
        self.lock().file = None;
    }

    /// A descriptor of the memory through which it can only be read, for another process; `None` of a private or a closed region.
    ///
    /// # Errors
    /// What the system says.
    pub fn reader(&self) -> std::io::Result<Option<OwnedFd>> {
        use rustix::fs::{Mode, OFlags};
        use std::os::fd::AsRawFd as _;
        let space = self.lock();
        let Some(file) = &space.file else { return Ok(None) };
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(Some(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The most it may hold, bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    fn lock(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of it was handed out or skipped, bytes.
    #[must_use]
    pub fn used(&self) -> usize {
        self.lock().next
    }

    fn more(&self, space: &mut Space, size: usize) -> Option<()> {
        let at = space.chunks.last().map_or(0, |last| last.at.saturating_add(last.len));
        let least = if self.backing == Backing::Heap { GRAIN } else { CHUNK };
        let room = self.limit.checked_sub(at)?;
        let len = size.checked_next_multiple_of(GRAIN)?.max(least).min(room);
        if len < size {
            return None;
        }
        let base = match &self.backing {
            Backing::Heap => {
                let layout = Layout::from_size_align(len, MOST_ALIGN).ok()?;
                // SAFETY: the layout's size is not zero (`GRAIN` at least).
                NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?
            }
            Backing::File => {
                let file = space.file.as_ref()?;
                let both = ProtFlags::READ | ProtFlags::WRITE;
                let offset = u64::try_from(at).ok()?;
                // SAFETY: a new mapping at an address of the system's choice; the file's size covers it (`limit`) and is sealed.
                let base = unsafe {
                    rustix::mm::mmap(core::ptr::null_mut(), len, both, MapFlags::SHARED, file.as_fd(), offset)
                };
                NonNull::new(base.ok()?.cast::<u8>())?
            }
        };
        space.chunks.push(Chunk { at, len, base });
        space.next = at;
        Some(())
    }

    /// Room for `count` values of a type, all zeros, and where in the region it begins.
    ///
    /// # Errors
    /// [`Full`]: the limit is reached.
    pub(super) fn slice<T: Plain>(self: &Arc<Self>, count: usize) -> Result<(usize, Shared<[T]>), Full> {
        const { assert!(align_of::<T>() <= MOST_ALIGN && size_of::<T>().is_multiple_of(8)) };
        let size = size_of::<T>().saturating_mul(count);
        let full = Full { wanted: size, limit: self.limit };
        let mut space = self.lock();
        let mut piece = take(&mut space, size, align_of::<T>());
        if piece.is_none() {
            self.more(&mut space, size).ok_or(full)?;
            piece = take(&mut space, size, align_of::<T>());
        }
        let (at, base) = piece.ok_or(full)?;
        let to = NonNull::slice_from_raw_parts(base.cast::<T>(), count);
        Ok((at, Shared { to, region: Arc::clone(self) }))
    }

    /// Room for one value, as [`Region::slice`].
    pub(super) fn value<T: Plain>(self: &Arc<Self>) -> Result<(usize, Shared<T>), Full> {
        let (at, slice) = self.slice::<T>(1)?;
        Ok((at, Shared { to: slice.to.cast::<T>(), region: slice.region }))
    }

    /// The values at an offset, which may come from anyone: `None` if they are not wholly inside, or not aligned.
    /// Of a foreign region they must only be loaded: its memory is read-only.
    pub(super) fn look<T: Plain>(&self, at: usize, count: usize) -> Option<&[T]> {
        let size = size_of::<T>().checked_mul(count)?;
        let end = at.checked_add(size)?;
        let space = self.lock();
        let chunk = space.chunks.iter().find(|chunk| at >= chunk.at && end <= chunk.at.saturating_add(chunk.len))?;
        let inside = at.checked_sub(chunk.at)?;
        // SAFETY: `inside + size` is within the chunk, as was just found.
        let base = unsafe { chunk.base.add(inside) }.cast::<T>();
        if !base.is_aligned() {
            return None;
        }
        // SAFETY: in bounds and aligned; any bits are a valid `T`, which is made of atomics (`Plain`), so that others may write
        // it meanwhile. The mapping lives as long as the region: chunks are only ever added.
        Some(unsafe { core::slice::from_raw_parts(base.as_ptr(), count) })
    }
}

/// Takes a piece out of the last chunk, if it has the room.
fn take(space: &mut Space, size: usize, align: usize) -> Option<(usize, NonNull<u8>)> {
    let last = space.chunks.last()?;
    let at = space.next.checked_next_multiple_of(align)?;
    let end = at.checked_add(size)?;
    if at < last.at || end > last.at.checked_add(last.len)? {
        return None;
    }
    space.next = end;
    // SAFETY: `at` is inside the chunk, and so is everything up to `end`. Chunks begin at multiples of more than any alignment.
    Some((at, unsafe { last.base.add(at.checked_sub(last.at)?) }))
}

impl Drop for Region {
    fn drop(&mut self) {
        let space = self.space.get_mut().unwrap_or_else(PoisonError::into_inner);
        for chunk in space.chunks.drain(..) {
            match &self.backing {
                Backing::Heap => {
                    if let Ok(layout) = Layout::from_size_align(chunk.len, MOST_ALIGN) {
                        // SAFETY: allocated with the same layout; every `Shared` holds the region, so none is left.
                        unsafe { std::alloc::dealloc(chunk.base.as_ptr(), layout) };
                    }
                }
                Backing::File => {
                    // SAFETY: mapped with this length; no reference is left, as above.
                    let _ = unsafe { rustix::mm::munmap(chunk.base.as_ptr().cast(), chunk.len) };
                }
            }
        }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// A value in a region, which lives as long as anyone holds it. Costs a pointer to follow, as an `Arc` does.
pub struct Shared<T: ?Sized> {
    to: NonNull<T>,
    region: Arc<Region>,
}

// SAFETY: a shared reference to a `Sync` value and a counted owner of its memory.
unsafe impl<T: ?Sized + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}

impl<T: Plain> Shared<T> {
    /// A value on the heap, in a region of its own.
    #[must_use]
    pub fn private() -> Self {
        or_abort(Arc::new(Region::private()).value()).1
    }
}

/// Of a private region: it is only ever full when there is no memory left, and then the program ends, as with any allocation.
pub(super) fn or_abort<T>(got: Result<T, Full>) -> T {
    got.unwrap_or_else(|_| std::alloc::handle_alloc_error(Layout::new::<Header>()))
}

impl<T: ?Sized> Shared<T> {
    /// A part of the value, held on its own.
    #[must_use]
    pub fn part<U: ?Sized>(&self, pick: impl for<'a> FnOnce(&'a T) -> &'a U) -> Shared<U> {
        Shared { to: NonNull::from(pick(self)), region: Arc::clone(&self.region) }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: points into the region held beside it, whose memory neither moves nor goes before the region does, at a value
        // that was valid from the start (all zeros) and is only changed through shared references.
        unsafe { self.to.as_ref() }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { to: self.to, region: Arc::clone(&self.region) }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
