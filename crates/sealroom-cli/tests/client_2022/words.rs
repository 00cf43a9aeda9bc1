//! One participant who misheard the safety words.

use crate::{
    cast::{Cast, JOIN, assert_unknown_to, identity_after, provision, run_py},
    harness::{Server, http::Caller, room::Room},
};
use serde_json::{Value, json};

// No word of these is one that the server says for another reason.
const RIGHT: &str = "velvet-walnut-zebra";
const WRONG: &str = "umbrella-tuna-wagon";

/// Everything that the server answers to anybody about the computation, and its log.
fn all_that_is_said(cast: &Cast<'_>) -> String {
    let everybody = std::iter::once(&cast.owner).chain(cast.participants());
    let rests = ["", "/status", "/results", "/runs/1", "/runs/1/log", "/audit"];
    let mut said = cast.server.log();
    for person in everybody {
        let caller = Caller::of(&cast.server.url, person);
        said += &caller.get("/computations").text();
        for rest in rests {
            said += &caller.get(&cast.path(rest)).text();
        }
        said += &person.ok(&["status", &cast.id]).stdout;
        said += &person.ok(&["audit", &cast.id]).stdout;
    }
    said
}

#[test]
fn wrong_words_fail_the_run_without_naming_anybody_and_new_code_goes_on() {
    let server = Server::start();
    let room = Room { words: RIGHT.to_owned(), ..Room::new(&server, 2, 1, &[]) };
    let cast = Cast::at(&server.url, room);
    cast.data[1].take_words(WRONG);
    let key = cast.prepare(&run_py(&[JOIN]));
    cast.provision(&key);
    assert_eq!(cast.end(), "Failure");

    // There is no result, and the client says so.
    let consumer = &cast.consumers[0];
    assert!(consumer.raises("wait_result", json!({})).contains("Enclave run failed"));
    assert!(consumer.raises("fetch_result", json!({})).contains("Unexpected response (409)"));
    let of_consumer = Caller::of(&server.url, &cast.room.consumers[0]);
    of_consumer.get(&cast.path("/results")).refused(409, "wrong-state");

    // Why is said, who is not.
    let run = cast.raw()["runs"][0].clone();
    let reason = "the safety words of the participants differ";
    assert_eq!((&run["status"]["reason"], &run["results"]), (&json!(reason), &json!([])), "{run}");
    assert!(run["output"].as_str().is_some_and(|output| output.contains(reason)), "{run}");
    let state = consumer.ok("get_status", json!({}));
    assert!(state["enclave_state"].to_string().contains(reason), "{state}");
    let said = all_that_is_said(&cast);
    for words in [RIGHT, WRONG] {
        for word in words.split('-') {
            assert!(!said.contains(word), "`{word}` was said");
        }
        let run_together = words.replace('-', "");
        let [words, run_together] = [words, &run_together].map(|w| w.as_bytes().to_vec());
        assert_unknown_to(&server, &[("the words", words), ("the words", run_together)]);
    }
    let emails = cast.participants().map(|person| &person.email);
    let fault = [run["output"].to_string(), run["status"].to_string()].concat();
    emails.for_each(|email| assert!(!fault.contains(email), "{fault}"));

    // The code provider begins anew, the other one listens better, everybody releases again.
    cast.data[1].take_words(RIGHT);
    cast.code.ok("reset", json!({}));
    cast.upload_code(&[("run.py", &run_py(&[JOIN]))]);
    let key = identity_after(&cast.code, &key);
    let again: Value = cast.raw();
    assert_eq!(again["code_provider"]["symmetric_key_uploaded_at"], Value::Null, "{again}");
    cast.peers().for_each(|peer| provision(peer, &key));
    assert_eq!(cast.result_of(0), b"data of 0|data of 1");
}
