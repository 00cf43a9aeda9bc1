//! Logs by agreement: who reads what of what the code says.

use crate::harness::{Person, Server, room::Room};

/// Prints what nobody should see, and fails.
const LOUD: &str = "\
def inner(rows):
    raise KeyError('patient 42')

def main():
    print('patient 42')
    inner([1, 2, 3])

main()
";

fn log(room: &Room<'_>, person: &Person) -> String {
    person.ok(&["results", "log", &room.id]).stdout
}

#[test]
fn everybody_reads_the_log_if_everybody_agreed() {
    let server = Server::start();
    let room = Room::new(&server, 2, 1, &["--logs", "participants"]);
    room.prepare(LOUD);
    // Not what the others' profiles allow by themselves.
    for person in [&room.coder, &room.data[0]] {
        let refused = person.run(&["verify", &room.id, "--allow-simulated"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        refused.prints("logs go to all participants").prints("everybody reads all");
    }
    room.everybody_allows(r#"{"logs": "participants"}"#);
    room.approve_all();
    assert!(room.wait_for_failure(1).contains("exit code 1"));
    let first = log(&room, &room.coder);
    assert!(first.starts_with("patient 42\n") && first.contains("KeyError"), "{first}");
    for person in room.participants() {
        assert_eq!(log(&room, person), first, "{}", person.email);
    }
    room.owner.refused(&["results", "log", &room.id]);
}

#[test]
fn a_scrubbed_log_says_where_and_nothing_of_what() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--logs", "code-provider", "--scrub-logs"]);
    room.prepare(LOUD);
    let refused = room.data[0].run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    room.everybody_allows(r#"{"logs": "code_provider", "log_detail": "scrubbed"}"#);
    room.approve_all();
    room.wait_for_failure(1);
    let log = log(&room, &room.coder);
    assert_eq!(
        log,
        "  run.py, line 8, in <module>\n  run.py, line 6, in main\n  run.py, line 2, in inner\nKeyError\n"
    );
    room.data[0].refused(&["results", "log", &room.id]);
}

#[test]
fn a_log_that_was_agreed_scrubbed_is_narrower_than_a_whole_one() {
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--logs", "code-provider"]);
    room.prepare(LOUD);
    room.everybody_allows(r#"{"logs": "code_provider", "log_detail": "scrubbed"}"#);
    let refused = room.data[0].run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    refused.prints("you allow scrubbed ones");
    let owner = &room.owner;
    let email = &*owner.email;
    let args = ["new", "--name", "n", "--code", email, "--data", email, "--result", email];
    owner.run(&[&args[..], &["--scrub-logs"]].concat()).refused(2).says("grants it to nobody");
}

#[test]
fn in_development_mode_all_is_shown_and_every_command_says_what_that_means() {
    const WARNING: &str = "DEVELOPMENT MODE: this computation protects nothing";
    let server = Server::start();
    let room = Room::new(&server, 1, 1, &["--dev-mode"]);
    room.prepare(LOUD);
    let refused = room.data[0].run(&["verify", &room.id, "--allow-simulated"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    refused.says(WARNING).prints("everybody reads all that the code prints");
    for person in room.participants() {
        let accept = ["--allow-simulated", "--allow-dev-mode"];
        person.ok(&[&["verify", &room.id][..], &accept].concat()).says(WARNING);
        let words = ["--words", &room.words];
        person.ok(&[&["approve", &room.id][..], &words, &accept].concat()).says(WARNING);
    }
    room.wait_for_failure(1);
    for person in room.participants() {
        let log = person.ok(&["results", "log", &room.id]).says(WARNING).stdout;
        assert!(log.contains("patient 42"), "{log}");
    }
    room.owner.ok(&["status", &room.id]).says(WARNING).prints(WARNING);
    room.owner.ok(&["list"]).prints(WARNING);
    room.owner.ok(&["audit", &room.id]).says(WARNING);
    room.owner.ok(&["run", &room.id]).says(WARNING);
    room.coder.run(&["revoke", &room.id]).says(WARNING);
    room.data[0].ok(&["data", "reset", &room.id]).says(WARNING);
    room.coder.ok(&["code", "reset", &room.id]).says(WARNING);
    room.owner.ok(&["archive", &room.id]).says(WARNING);
}
