//! Sealed modules and resources: imported and opened as if they lay in the code folder, which they never do.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::Room;

#[test]
fn packages_modules_and_relative_imports_work_from_memory() {
    assert_eq!(common::packages().succeed().log, "imported\n");
}

#[test]
fn resources_open_in_every_usual_way() {
    assert_eq!(common::resources().succeed().log, "opened\n");
}

#[test]
fn clear_files_lie_in_the_working_directory() {
    let code = r#"
import helper
assert open("requirements.txt").read() == "numpy\n" and open("conf/x.toml").read() == "x"
assert helper.__file__.endswith("/helper.py")
import os
assert not os.path.exists("__pycache__")
"#;
    let room = Room::new(code).clear("helper.py", "").clear("requirements.txt", "numpy\n");
    room.clear("conf/x.toml", "x").succeed();
}
