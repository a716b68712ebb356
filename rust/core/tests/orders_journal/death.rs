//! The process killed in the middle of appends, the disk full: child processes, which are this very test run again.

use super::support::{Folder, goes_on};
use ferrofeed_core::orders::journal::{Fsync, Journal, Options};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "FERROFEED_TEST_JOURNAL";
const POLICY: &str = "FERROFEED_TEST_FSYNC";

fn payload(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 53 % 400).unwrap();
    number.to_le_bytes().into_iter().chain(std::iter::repeat_n(0xa5, length)).collect()
}

fn policy(name: &str) -> Fsync {
    match name {
        "off" => Fsync::Off,
        "batched" => Fsync::Batched { every: 500_000 },
        _ => Fsync::Always,
    }
}

/// What the child says past the test harness, which keeps the usual output.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The body of the child: appends for ever, in ones and threes, rotates, and acknowledges each append when it is done. Without its
/// folder in the environment, a test of nothing.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let fsync = policy(&std::env::var(POLICY).unwrap());
    let options = Options { folder, fsync, segment_bytes: 30_000, keep_segments: 10_000 };
    let (mut journal, recovery) = Journal::open(options, &mut |_| Ok(())).unwrap();
    let mut last = recovery.last;
    loop {
        let count = if last.is_multiple_of(2) { 1 } else { 3 };
        let payloads: Vec<Vec<u8>> = (1..=count).map(|more| payload(last + more)).collect();
        let appended = journal.append_all(1, payloads.iter().map(|payload| (7, payload.as_slice())));
        match appended {
            Ok(number) => last = number,
            Err(error) => {
                assert!(journal.status().failed);
                let again = journal.append(1, 7, b"x").unwrap_err().to_string();
                let rotated = journal.rotate(1, &[]).unwrap_err().to_string();
                say(&format!("failed {error} | {again} | {rotated}"));
                return;
            }
        }
        say(&format!("ack {last}"));
        if journal.wants_rotation() {
            journal.rotate(1, &[(7, payload(last + 1)), (7, payload(last + 2))]).unwrap();
            last += 2;
            say(&format!("ack {last}"));
        }
    }
}

fn spawn(mut command: Command, folder: &Folder, fsync: &str) -> Child {
    command.env(FOLDER, folder.path()).env(POLICY, fsync).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::inherit()).spawn().unwrap()
}

fn itself() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["death::child", "--exact", "--nocapture", "--test-threads=1"]);
    command
}

fn acknowledged(line: &str) -> Option<u64> {
    // the harness writes the test's name in front of the first one
    line.split_once("ack ").and_then(|(_, number)| number.trim().parse().ok())
}

#[test]
fn after_kill_9_every_acknowledged_entry_is_there() {
    let mut seed = 99_u64;
    for fsync in ["off", "batched", "always"] {
        let folder = Folder::new();
        let mut acks = 0;
        for _ in 0..6 {
            let mut child = spawn(itself(), &folder, fsync);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let enough = seed >> 55;
            for line in lines
                .by_ref()
                .map(Result::unwrap)
                .filter(|line| acknowledged(line).is_some())
                .take(usize::try_from(enough).unwrap() + 1)
            {
                acks = acknowledged(&line).unwrap();
            }
            let locked = folder.open().map(|(_, recovery, _)| recovery).unwrap_err().to_string();
            assert!(locked.contains(&format!("another process (pid {}) writes this journal", child.id())), "{locked}");
            child.kill().unwrap();
            child.wait().unwrap();
            // what it had said by then
            acks = lines.map_while(Result::ok).filter_map(|line| acknowledged(&line)).last().unwrap_or(acks);

            let (_, newest) = folder.read(false).unwrap();
            let (recovery, found) = folder.read(true).unwrap();
            assert!(recovery.last >= acks, "{fsync}: {} of {acks}", recovery.last);
            for (expected, entry) in (1..).zip(&found) {
                let gone_on = entry.kind == 200;
                assert!(
                    entry.number == expected && (gone_on || entry.payload == payload(expected)),
                    "{fsync}: {entry:?}"
                );
            }
            assert_eq!(found.len() as u64, recovery.last, "{fsync}");
            goes_on(&folder, &newest);
        }
        assert!(acks > 0);
    }
}

/// A limit on the length of files in the middle of an entry: half of it can be written, and must go.
#[test]
fn a_full_disk_latches_and_leaves_no_half_entry() {
    for (fsync, blocks) in [("off", 8), ("batched", 9), ("always", 10)] {
        let folder = Folder::new();
        let itself = std::env::current_exe().unwrap();
        let mut shell = Command::new("sh");
        // the signal is ignored so that the write fails instead
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(itself);
        shell.args(["death::child", "--exact", "--nocapture", "--test-threads=1"]);
        let child = spawn(shell, &folder, fsync);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = String::from_utf8(output.stdout).unwrap();
        let last = output.lines().filter_map(acknowledged).next_back().unwrap();
        let failed = output.lines().find_map(|line| line.strip_prefix("failed ")).unwrap();
        let parts: Vec<&str> = failed.split(" | ").collect();
        assert!(parts[0].starts_with("writing ") && parts[0].contains("000000000001.journal: "), "{failed}");
        assert_eq!(parts[1], format!("it failed before: {}", parts[0]));
        assert_eq!(parts[2], parts[1]);

        let length = fs::metadata(folder.segment(1)).unwrap().len();
        let (recovery, found) = folder.read(false).unwrap();
        assert_eq!((recovery.last, recovery.torn), (last, 0), "{fsync}");
        assert_eq!(length, found.iter().map(|entry| entry.bytes().len() as u64).sum::<u64>() + 32, "{fsync}");
        goes_on(&folder, &found);
    }
}
