//! Limits hold, each end is told for its own reason, and nothing outlives a run.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Room, launcher, new_launcher, runtime};
use sealroom_sandbox::Exit;

fn exceeded(exit: &Exit, words: &str) {
    match exit {
        Exit::LimitExceeded(found) if found.words.contains(words) => {}
        other => panic!("{other:?} instead of a limit: {words}"),
    }
}

#[test]
fn a_log_is_capped_and_the_program_is_not_held_up() {
    let code = r#"
import sys
print("first")
for n in range(50):
    sys.stdout.write("x" * 1000000)
sys.stderr.write("last")
"#;
    let ran = Room::new(code).limits(|limits| limits.log_bytes = 1000).succeed();
    assert!(ran.log.starts_with("first\nxxxx"));
    assert_eq!((ran.outcome.log.len(), ran.outcome.log_truncated), (1000, true));
}

#[test]
fn stdout_and_stderr_are_one_log() {
    let code =
        "import sys\nfor n in range(3):\n print(n, flush=True)\n print('e', file=sys.stderr)\n";
    let ran = Room::new(code).succeed();
    assert_eq!(ran.log, "0\ne\n1\ne\n2\ne\n");
    assert!(!ran.outcome.log_truncated);
}

#[test]
fn a_program_that_sleeps_past_its_time_is_killed_with_its_children() {
    let code = r#"
import os, time
for n in range(4):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
print("asleep", flush=True)
time.sleep(1000)
"#;
    let start = Instant::now();
    let ran = Room::new(code).limits(|limits| limits.wall = Duration::from_millis(1500)).run();
    assert_eq!(ran.outcome.exit, Exit::TimedOut);
    assert_eq!(ran.log, "asleep\n");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_cancelled_run_ends_at_once() {
    let cancel = AtomicBool::new(false);
    let start = Instant::now();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            cancel.store(true, Ordering::Release);
        });
        let room =
            Room::new("import sealroom, time\nsealroom.Enclave().write(b'x')\ntime.sleep(1000)");
        room.run_with(launcher(), &runtime(), &cancel)
    });
    assert_eq!(ran.outcome.exit, Exit::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn children_of_a_finished_program_do_not_outlive_it() {
    let code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\n";
    let start = Instant::now();
    assert_eq!(Room::new(code).run().outcome.exit, Exit::Code(0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn too_many_or_too_large_results_end_the_run() {
    let start = "from sealroom import Enclave\ne = Enclave()\n";
    let room = |code: &str| {
        let room = Room::new(&format!("{start}{code}"));
        room.limits(|limits| (limits.result_bytes, limits.result_count) = (1000, 2))
    };
    exceeded(&room("e.write(b'x' * 1001)").run().outcome.exit, "more than 1000 bytes");
    exceeded(
        &room("e.write(b'x' * 600)\ne.write(b'x' * 600, name='b')").run().outcome.exit,
        "more than 1000 bytes",
    );
    exceeded(
        &room("for n in range(3): e.write(b'', name=str(n))").run().outcome.exit,
        "more than 2 names",
    );
    let ran = room("for n in range(100): e.write(b'x' * 1000)").succeed();
    assert_eq!(ran.result(0).len(), 1000);
}

#[test]
fn a_fork_bomb_is_bounded() {
    let code = r#"
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except BlockingIOError:
    print("bounded at", made)
assert 5 < made < 40, made
import threading
try:
    for n in range(1000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
except RuntimeError: print("threads too")
else: raise AssertionError
os._exit(0)
"#;
    let ran = Room::new(code).limits(|limits| limits.processes = 32).run();
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{}", ran.log);
}

#[test]
fn memory_is_bounded_however_it_is_taken() {
    let room = |code: &str| {
        let code = format!("import mmap, os\n{code}\nprint('had it all')\n");
        Room::new(&code).limits(|limits| limits.memory_bytes = 256 << 20)
    };
    let bombs = [
        "x = bytearray(1 << 30)",
        "x = [bytearray(1 << 20) for n in range(1000)]",
        "m = [mmap.mmap(-1, 1 << 28) for n in range(12)]\nfor x in m:\n for at in range(0, 1 << 28, 4096): x[at] = 1",
        "f = open('f', 'wb')\nfor n in range(1000): f.write(bytes(1 << 20))",
        "f = open('/dev/shm/f', 'wb')\nfor n in range(1000): f.write(bytes(1 << 20))",
        "fs = [os.memfd_create(str(n)) for n in range(20)]\nfor f in fs:\n for n in range(60): os.write(f, bytes(1 << 20))",
    ];
    for bomb in bombs {
        let ran = room(bomb).run();
        assert_ne!(ran.outcome.exit, Exit::Code(0), "{bomb}");
        assert!(!ran.log.contains("had it all"), "{bomb}");
        println!("{bomb:?}: {:?} at {} MiB", ran.outcome.exit, ran.outcome.peak_memory_bytes >> 20);
        assert!(ran.outcome.peak_memory_bytes <= 300 << 20, "{bomb}");
    }
}

#[test]
fn memory_of_all_processes_together_is_bounded_where_a_cgroup_can_be_had() {
    let report = launcher().probe(&runtime()).unwrap();
    if !report.jail.iter().any(|layer| layer == "memory-cgroup") {
        println!("skipped: this machine grants no memory cgroup");
        return;
    }
    let code = "import os, time\nfor n in range(8):\n    if os.fork() == 0:\n        \
                x = bytearray(100 << 20)\n        time.sleep(5)\n        os._exit(0)\n\
                y = bytearray(200 << 20)\ntime.sleep(5)\n";
    let ran = Room::new(code).limits(|limits| limits.memory_bytes = 256 << 20).run();
    println!("{:?} at {} MiB", ran.outcome.exit, ran.outcome.peak_memory_bytes >> 20);
    assert!(ran.outcome.peak_memory_bytes <= 257 << 20);
    // Whom the kernel picks is its own choice: a child, and the program ends well, or the program itself.
    if ran.outcome.exit != Exit::Code(0) {
        exceeded(&ran.outcome.exit, "more than 268435456 bytes of memory");
    }
}

#[test]
fn garbage_on_the_channel_ends_the_run() {
    let cases = [
        ("b'\\x00' * 100", "unknown operation 0"),
        ("b'\\x02\\xff\\xff\\xff\\xff'", "at most 16 are allowed"),
        ("b'\\x02' + struct.pack('<IIQI', 16, 9, 0, 1)", "there is no file 9"),
        ("b'\\x02' + struct.pack('<IIQI', 16, 0, 2**64 - 1, 2)", "were asked for, it has"),
        ("b'\\x02' + struct.pack('<IIQI', 16, 0, 0, 2**20 + 1)", "a read of 1048577 bytes"),
        ("b'\\x03' + struct.pack('<II', 7, 0) + b'a/b'", "an unusable result name"),
        ("b'\\x03' + struct.pack('<II', 5, 7) + b'a'", "a result for consumer 7, there are 1"),
        ("(b'\\x03' + struct.pack('<II', 5, 0) + b'a') * 2", "begun inside another"),
        ("b'\\x04' + struct.pack('<I', 1) + b'a'", "not begun"),
        ("b'\\x05' + struct.pack('<I', 0)", "not begun"),
    ];
    for (bytes, words) in cases {
        let code = format!(
            "import os, socket, stat, struct, time\n\
             number = [n for n in range(3, 50) if os.path.exists('/proc/self/fd/%d' % n)\n\
                       and stat.S_ISSOCK(os.fstat(n).st_mode)][0]\n\
             os.write(number, {bytes})\n\
             time.sleep(1000)\n"
        );
        exceeded(&Room::new(&code).input(0, "in", "x").run().outcome.exit, words);
    }
}

#[test]
fn a_program_that_closes_or_stops_listening_ends_as_itself() {
    let code = "import os\nos.closerange(3, 50)\nraise SystemExit(5)";
    assert_eq!(Room::new(code).run().outcome.exit, Exit::Code(5));
    let code = "import os, time\nos.closerange(0, 50)\ntime.sleep(1000)";
    let ran = Room::new(code).limits(|limits| limits.wall = Duration::from_secs(1)).run();
    assert_eq!(ran.outcome.exit, Exit::TimedOut);
}

#[test]
fn runs_at_the_same_time_do_not_meet() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn(move || {
                    let code = "from sealroom import Enclave\nimport time\n\
                                with Enclave() as e:\n    d = next(e.read()).read()\n    time.sleep(.3)\n    e.write(d)";
                    Room::new(code).input(0, "n", format!("{n}")).succeed().text()
                })
            })
            .collect();
        for (n, run) in runs.into_iter().enumerate() {
            assert_eq!(run.join().unwrap(), n.to_string());
        }
    });
}

/// Ids of all processes whose parents lead to `ancestor`.
fn descendants(ancestor: u32) -> Vec<u32> {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let below = |mut id: u32| loop {
        match parent(id) {
            Some(up) if up == ancestor => return true,
            Some(up) if up > 1 => id = up,
            _ => return false,
        }
    };
    all.filter(|id| below(*id)).collect()
}

#[test]
fn a_launcher_that_dies_takes_its_runs_along() {
    let before = descendants(std::process::id());
    let launcher = new_launcher();
    let us = descendants(std::process::id());
    let process = us.into_iter().find(|id| {
        let name = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        !before.contains(id) && name.starts_with(b"sealroom-launcher")
    });
    let process = process.expect("the launcher's process");
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            let inside = descendants(process);
            assert!(inside.len() >= 3, "jail, init and python: {inside:?}");
            let pid = rustix::process::Pid::from_raw(process as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            std::thread::sleep(Duration::from_millis(500));
            for id in inside {
                // Whoever inherits it may be slow to collect it: a dead process has no address space left.
                let status = std::fs::read_to_string(format!("/proc/{id}/status"));
                let gone = !status.unwrap_or_default().contains("VmSize:");
                assert!(gone, "process {id} is left");
            }
        });
        let room = Room::new("import time\ntime.sleep(1000)");
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            room.run_with(&launcher, &runtime(), &AtomicBool::new(false))
        }));
        *run.err().expect("no outcome").downcast::<String>().unwrap()
    });
    assert_eq!(error, "the jail ended without a report");
}

#[test]
fn a_run_costs_little_beside_its_interpreter() {
    Room::new("").succeed();
    let mut took: Vec<Duration> = (0..15)
        .map(|_| {
            let start = Instant::now();
            Room::new("").succeed();
            start.elapsed()
        })
        .collect();
    took.sort();
    println!("an empty run: {:?} at best, {:?} in the middle", took[0], took[7]);
    assert!(took[0] < Duration::from_millis(500));
}
