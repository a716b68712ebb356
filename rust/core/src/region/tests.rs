//! A board and its readers: the same numbers, and nothing believed.

use super::cells::Header;
use super::memory::{Region, Shared};
use super::seqlock::Empty;
use super::{Board, OpenError, Text, View, Words};
use crate::latency::Histogram;
use crate::pipeline::Feed;
use rustix::fs::{MemfdFlags, SealFlags};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const LIMIT: usize = 1 << 20;

fn other_side(board: &Board) -> View {
    View::open(board.reader().unwrap().unwrap().as_fd()).unwrap()
}

#[test]
fn a_reader_through_the_descriptor_sees_what_the_writer_does() {
    let board = Board::shared(LIMIT).unwrap();
    let view = other_side(&board);
    assert_eq!(view.connections().count(), 0);
    let cells = ["itick-1", "infoway", "itick-1"].map(|label| board.add_connection(label).unwrap());
    cells[1].counters.messages.add(3);
    cells[2].stages.receive_to_decoded.record(1_500);
    cells[2].session.write(&[7; super::SESSION_WORDS]);
    board.set_tallies(&cells[0], "{\"a\": 1}");
    let seen: Vec<_> = view.connections().collect();
    assert_eq!(seen.iter().map(|cell| cell.label()).collect::<Vec<_>>(), ["itick-1", "infoway", "itick-1"]);
    assert_eq!(seen.iter().map(|cell| cell.counters.messages.get()).collect::<Vec<_>>(), [0, 3, 0]);
    assert_eq!(seen[2].stages.receive_to_decoded.sum_ns(), 1_500);
    assert_eq!(seen[2].session.read(), Some([7; super::SESSION_WORDS]));
    assert_eq!(seen[0].tallies().as_deref(), Some("{\"a\": 1}"));
    cells[1].counters.messages.add(1);
    assert_eq!(seen[1].counters.messages.get(), 4, "no new look is needed");
}

#[test]
fn the_feed_as_a_whole_is_seen() {
    let board = Board::shared(LIMIT).unwrap();
    board.set_state(1);
    board.set_pauses(2);
    board.set_restarts(3);
    board.beat(1234);
    board.set_gc(&[5; super::GC_WORDS]);
    board.set_gateway(&[6; super::GATEWAY_WORDS]);
    let feed = other_side(&board).feed().unwrap();
    assert_eq!((feed.state, feed.pauses, feed.restarts, feed.beat[1], feed.gc), (1, 2, 3, 1234, [5; 9]));
    assert_eq!(feed.gateway, [6; super::GATEWAY_WORDS]);
    assert_eq!(feed.pid, u64::from(std::process::id()));
    assert!(feed.started_ns > 0 && feed.used >= size_of::<Header>() as u64);
    assert_eq!(feed.limit, LIMIT as u64);
}

#[test]
fn a_consumers_place_is_used_again_when_it_is_gone() {
    let board = Board::shared(LIMIT).unwrap();
    let view = other_side(&board);
    let names = || view.consumers().map(super::ConsumerCell::name).collect::<Vec<_>>();
    let first = board.add_consumer("first").unwrap();
    let second = board.add_consumer("second").unwrap();
    first.set_called_back();
    first.count_error();
    first.cell.latency.record(5);
    first.cell.account.write(&[1, 2, 3, 4, 5, 6]);
    assert_eq!(names(), ["second", "first"]);
    assert_eq!(view.consumers().map(super::ConsumerCell::errors).collect::<Vec<_>>(), [None, Some(1)]);
    first.hide();
    assert_eq!(names(), ["second"], "out of sight at once");
    let before = board.region().used();
    let third = board.add_consumer("third").unwrap();
    assert!(board.region().used() > before, "somebody still holds the first");
    drop((first, third));
    let fourth = board.add_consumer("fourth").unwrap();
    let cell = view.consumers().find(|cell| cell.name() == "fourth").unwrap();
    assert_eq!((cell.account(), cell.errors(), cell.latency().count()), ([0; 6], None, 0));
    drop((second, fourth));
}

#[test]
fn churning_consumers_take_no_more_memory() {
    let board = Board::shared(LIMIT).unwrap();
    drop(board.add_consumer("one").unwrap());
    let used = board.region().used();
    for _ in 0..10_000 {
        let slot = board.add_consumer("again").unwrap();
        slot.hide();
    }
    assert_eq!(board.region().used(), used);
}

#[test]
fn a_full_region_says_so_and_what_was_there_goes_on() {
    let board = Board::shared(LIMIT).unwrap();
    let mut cells = Vec::new();
    let full = loop {
        match board.add_connection("venue") {
            Ok(cell) => cells.push(cell),
            Err(full) => break full,
        }
    };
    assert_eq!(full.limit, LIMIT);
    assert!(full.to_string().contains("no room for"), "{full}");
    assert!(cells.len() > 20, "{}", cells.len());
    for (at, cell) in (0..).zip(&cells) {
        cell.counters.data.add(at);
    }
    let view = other_side(&board);
    assert!(view.connections().map(|cell| cell.counters.data.get()).eq((0..).take(cells.len())));
}

#[test]
fn instruments_are_followed_as_their_tables_grow() {
    let board = Arc::new(Board::shared(1 << 24).unwrap());
    let view = other_side(&board);
    let mut live = crate::pipeline::Live::on(Arc::clone(&board));
    for index in 0..5_000 {
        live.reserve(index + 1).unwrap();
        live.want(index, u16::try_from(index % 2).unwrap(), 1, true);
        live.touch(index, 1, 1_000_000 - i64::try_from(index).unwrap());
        live.set_valid(index, index % 4 != 0);
    }
    live.touch(3, 0, 5); // not wanted
    let seen = view.freshness(2);
    assert_eq!((seen[0].oldest[1], seen[1].oldest[1]), (1_000_000 - 4_998, 1_000_000 - 4_999));
    assert_eq!((seen[0].books, seen[1].books), ([1_250, 1_250], [2_500, 0]));
    assert_eq!(seen[1].oldest[0], 0);
    live.want(4_998, 0, 1, false);
    assert_eq!(view.freshness(2)[0].oldest[1], 1_000_000 - 4_996);
    assert_eq!((0..5_000).map(|index| live.last(index, 1)).filter(|last| *last > 0).count(), 5_000);
}

#[test]
fn a_board_without_room_costs_the_feed_nothing_but_the_view() {
    let board = Arc::new(Board::shared(1 << 17).unwrap());
    let mut live = crate::pipeline::Live::on(Arc::clone(&board));
    assert!(live.reserve(100_000).is_err());
    live.touch(100_000, 2, 77);
    assert_eq!(live.last(100_000, 2), 77);
}

#[test]
fn foreign_descriptors_are_refused() {
    let file = |size: u64, seals: SealFlags| -> OwnedFd {
        let file = rustix::fs::memfd_create("test", MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&file, size).unwrap();
        rustix::fs::fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let sealed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    for (size, seals) in [(1 << 20, SealFlags::empty()), (1 << 20, SealFlags::GROW), (0, sealed), (100, sealed)] {
        assert!(matches!(View::open(file(size, seals).as_fd()), Err(OpenError::Io(_))), "{size} {seals:?}");
    }
    assert!(matches!(View::open(file(1 << 20, sealed).as_fd()), Err(OpenError::Foreign)));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(View::open(null.as_fd()), Err(OpenError::Io(_))));
}

#[test]
fn another_version_is_named() {
    let board = Board::shared(LIMIT).unwrap();
    let header = board.region().look::<Header>(0, 1).unwrap();
    header[0].version.write("0.0.9");
    let Err(error) = View::open(board.reader().unwrap().unwrap().as_fd()) else { panic!("it was opened") };
    assert!(error.to_string().contains("another version (0.0.9; this is"), "{error}");
}

#[test]
fn no_offset_or_count_leads_out_of_the_memory_or_round_in_circles() {
    let board = Board::shared(LIMIT).unwrap();
    let cell = board.add_connection("one").unwrap();
    let view = other_side(&board);
    let header = board.region().look::<Header>(0, 1).unwrap().first().unwrap();
    let own = header.connections.load(Relaxed);
    cell.next.store(own, Relaxed);
    assert!(view.connections().count() <= LIMIT / size_of::<super::ConnectionCell>());
    cell.next.store(0, Relaxed);
    for at in [1, 7, u64::MAX, u64::MAX - 63, LIMIT as u64 - 64, LIMIT as u64, 1 << 63] {
        header.connections.store(at, Relaxed);
        header.consumers.store(at, Relaxed);
        assert_eq!((view.connections().count(), view.consumers().count()), (0, 0), "{at}");
        for words in [[at, 64, 1], [64, at, 1], [64, 64, at]] {
            header.instruments.write(&words);
            assert_eq!(view.freshness(1).len(), 1, "{words:?}");
        }
    }
}

#[test]
fn a_private_board_has_no_descriptor() {
    let board = Board::private();
    assert!(board.reader().unwrap().is_none());
    assert_eq!(View::of(&board).feed().unwrap().pid, u64::from(std::process::id()));
}

#[test]
fn a_closed_board_stays_for_who_looks_already() {
    let board = Board::shared(LIMIT).unwrap();
    let cell = board.add_connection("one").unwrap();
    let view = other_side(&board);
    board.close();
    assert!(board.reader().unwrap().is_none());
    cell.counters.data.add(1);
    assert_eq!(view.connections().next().unwrap().counters.data.get(), 1);
    while board.add_connection("more").is_ok() {}
    assert!(board.region().used() <= 4 * 64 * 1024, "only what was mapped");
}

#[test]
fn the_descriptor_for_readers_can_only_read() {
    let board = Board::shared(LIMIT).unwrap();
    let reader = board.reader().unwrap().unwrap();
    assert_eq!(rustix::io::write(&reader, b"x"), Err(rustix::io::Errno::BADF));
}

#[test]
fn parts_keep_their_memory() {
    let part = {
        let cell = Shared::<super::ConnectionCell>::private();
        cell.counters.frames.add(9);
        cell.part(|cell| &cell.counters)
    };
    assert_eq!(part.frames.get(), 9);
    let region = Arc::new(Region::private());
    let (at, slice) = region.slice::<super::ChannelTimes>(100_000).unwrap();
    assert_eq!((slice.len(), at % align_of::<super::ChannelTimes>()), (100_000, 0));
    assert_eq!(size_of::<Histogram>() % 64, 0);
}

#[test]
fn words_written_together_are_read_together() {
    let words: Words<4> = Empty::EMPTY;
    let text: Text<16> = Empty::EMPTY;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0_u64;
            while !over.load(Relaxed) {
                n += 1;
                words.write(&[n; 4]);
                text.write(&"x".repeat(usize::try_from(n % 128).unwrap()));
                std::thread::yield_now();
            }
        });
        let mut last = 0;
        for _ in 0..2_000 {
            let [a, b, c, d] = words.read().unwrap();
            assert!(a == b && b == c && c == d && a >= last, "{a} {b} {c} {d}");
            last = a;
            assert!(text.read().unwrap().bytes().all(|byte| byte == b'x'));
        }
        over.store(true, Relaxed);
    });
}

#[test]
fn a_text_is_cut_at_a_characters_end() {
    let text: Text<1> = Empty::EMPTY;
    for (given, kept) in [("", ""), ("12345678", "12345678"), ("123456789", "12345678"), ("1234567é", "1234567")] {
        text.write(given);
        assert_eq!(text.read().as_deref(), Some(kept));
    }
}

#[test]
fn a_feed_without_a_board_works_as_ever() {
    let mut feed = Feed::new();
    assert!(feed.reserve().is_ok());
    assert_eq!(feed.last_data(12, 1), 0);
}
