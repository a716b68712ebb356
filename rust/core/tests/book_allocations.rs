//! A book at its size allocates nothing: counted by the allocator itself, on the thread that runs the book.
#![allow(unsafe_code, reason = "a counting allocator")]
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, reason = "helpers of tests")]

use ferrofeed_core::book::{Book, BookSide};
use ferrofeed_core::event::Level;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread at its end has no counter any more, and nobody who would read it.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `at`, `layout` and `size` are passed on.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises about `at` and `layout` are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One round of everything a feed does with a book; shifted by `at`, so that no two rounds are equal.
fn round(book: &mut Book, at: i64, out: &mut (Vec<Level>, Vec<Level>)) {
    let side = |sign: i64, count: i64| (1..=count).map(move |tick| Level { price: at + sign * tick, size: 1 + at });
    let mut levels = [[Level::default(); 50]; 2];
    for (array, sign) in levels.iter_mut().zip([-1, 1]) {
        array.iter_mut().zip(side(sign, 50)).for_each(|(slot, level)| *slot = level);
    }
    let [bids, mut asks] = levels;
    book.replace(&bids, &asks);
    asks.reverse();
    book.replace(&bids, &asks);
    for tick in 0..400 {
        book.apply(BookSide::Bid, at - (tick * 7) % 90, tick % 3);
        book.apply(BookSide::Ask, at + 1 + (tick * 11) % 90, tick % 4);
        book.check();
    }
    std::hint::black_box((book.price_for_size(BookSide::Ask, 40), book.imbalance(5)));
    book.copy_levels(20, &mut out.0, &mut out.1);
    book.rescale(1, 1).and_then(|()| book.rescale(-1, -1)).expect("small numbers");
}

#[test]
fn a_warm_book_allocates_nothing() {
    for limit in [None, Some(60)] {
        let mut book = Book::new(limit);
        let mut out = (Vec::new(), Vec::new());
        let allocations = || ALLOCATIONS.with(Cell::get);
        let fresh = allocations();
        for at in 1000..1020 {
            round(&mut book, at, &mut out);
        }
        let warm = allocations();
        assert!(warm > fresh, "the counter works");
        for at in 1020..3000 {
            round(&mut book, at, &mut out);
        }
        assert_eq!(allocations(), warm, "with a limit of {limit:?}");
    }
}
