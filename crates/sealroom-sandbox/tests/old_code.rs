//! Code written for `cosmian_lib_sgx` 0.2.1: what stayed, and what differs on purpose (docs/code.md).
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should say so")]

mod common;

use common::Room;
use sealroom_sandbox::Exit;

#[test]
fn every_name_that_needs_no_key_is_there_and_does_the_same() {
    let ran = common::old_names().succeed();
    assert_eq!(ran.log, "as in 2022\n");
    assert_eq!((ran.result(0), ran.result(1)), (&b""[..], &b"for the second"[..]));
    assert_eq!(ran.results.len(), 2);
}

/// The table has two outcomes a case: here, and with the 2022 library, whose import hook was measured on CPython 3.8
/// and 3.11 with its decryption replaced.
#[test]
fn modules_are_found_as_the_table_says() {
    let ran = common::import_rules().succeed();
    assert_eq!(ran.log, format!("went through {}\n", common::import_cases().len()));
}

#[test]
fn each_difference_in_imports_has_a_reason() {
    let cases = common::import_cases();
    assert!(cases.len() > 50, "{}", cases.len());
    for case in cases {
        let differs = case["here"] != case["in_2022"];
        assert_eq!(differs, case["why"].is_string(), "{}", case["name"]);
    }
}

const RUN_PY: &str = "
from cosmian_lib_sgx import Enclave


def main() -> int:
    with Enclave() as enclave:
        import secret

        enclave.write(secret.SAYS)
        END
    return 0


if __name__ == '__main__':
    main()
";

#[test]
fn a_run_of_the_usual_form_ends_as_its_code_does() {
    let ends = [
        ("", Exit::Code(0)),
        ("return 7", Exit::Code(0)),
        ("exit(7)", Exit::Code(7)),
        ("quit()", Exit::Code(0)),
        ("raise SystemExit('words')", Exit::Code(1)),
        ("next(enclave.read(1))", Exit::Code(1)),
        ("import absent", Exit::Code(1)),
    ];
    for (end, exit) in ends {
        let room = Room::new(&RUN_PY.replace("END", end)).sealed("secret.py", "SAYS = b'done'");
        let ran = room.run();
        assert_eq!(ran.outcome.exit, exit, "{end}: {}", ran.log);
        assert_eq!(ran.text(), "done", "{end}");
    }
}
