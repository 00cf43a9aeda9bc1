//! What a run sees of the machine, and what it leaves: nothing. Attempts to break out are in `tests/escape`.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::{Room, launcher, runtime};

#[test]
fn the_program_sees_nobody_and_nothing() {
    let code = include_str!("programs/surroundings.py");
    let ran = Room::new(code).succeed();
    println!("{}", ran.log);
}

#[test]
fn nothing_is_left_after_a_run_and_the_next_sees_nothing_of_it() {
    let leave = "open('left', 'w').write('x' * 1000)\nopen('/dev/shm/left', 'w').write('x')\n\
                 import os\nos.makedirs('a/b')\n";
    let count = || {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
        let places = ["/tmp", "/dev/shm", "/sys/fs/cgroup/memory"];
        let ours = places.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
        let ours =
            ours.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("sealroom-"));
        (mounts, ours.map(|entry| entry.path()).collect::<Vec<_>>())
    };
    let report = launcher().probe(&runtime()).unwrap();
    let leave = match report.jail.iter().any(|layer| layer == "private-root") {
        true => leave.to_owned(),
        false => leave.replace("open('/dev/shm/left', 'w').write('x')\n", ""),
    };
    let ran = Room::new(&leave).run();
    assert_eq!(ran.log, "");
    let look = "import os\nassert not os.path.exists('left') and not os.path.exists('/dev/shm/left')\n\
                assert sorted(os.listdir('.')) == ['run.py'], os.listdir('.')\n";
    Room::new(look).succeed();
    let (mounts, _) = count();
    Room::new("").succeed();
    assert_eq!(count().0, mounts);
}
