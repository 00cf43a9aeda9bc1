//! The right person at the wrong moment.

use crate::{
    cast::{Cast, JOIN, run_py, upload_code},
    harness::Server,
    peer::{self, Peer, Side},
};
use serde_json::{Value, json};

/// Asserts that the client raises at each of these, and that nothing changes by it.
#[track_caller]
fn all_raise(cast: &Cast<'_>, calls: &[(&Peer, &str, Value)], with: &str) {
    let before = cast.raw();
    for (peer, method, arguments) in calls {
        let said = peer.raises(method, arguments.clone());
        assert!(said.contains(with), "{method}: {said}");
        assert_eq!(cast.raw(), before, "{method} has changed something");
    }
}

#[test]
fn what_comes_too_early_is_refused_and_changes_nothing() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let upload = json!({"data_name": "a.csv", "data": peer::bytes(b"data")});
    let data = &cast.data[0];
    let calls = [(data, "upload_data", upload), (data, "done", json!({}))];
    all_raise(&cast, &calls, "(409)");
    cast.register();
    all_raise(&cast, &[(data, "done", json!({}))], "(409)");
    // There is nothing to download yet.
    let folder = server.folder(&[]);
    let said = data.raises("download_code", json!({"directory_path": peer::path(&folder)}));
    assert!(said.contains("Unexpected response (4"), "{said}");
    let status = data.ok("get_status", json!({}));
    assert!(matches!(status["status"].as_str(), Some("NotStarted" | "Started")), "{status}");
}

#[test]
fn what_is_closed_stays_closed() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    cast.provision(&key);
    assert_eq!(cast.result_of(0), b"data of 0");
    let newcomer = Peer::new(&server, &cast.room.data[0], Side::Data, &cast.id, &cast.words);
    let upload = json!({"data_name": "late.csv", "data": peer::bytes(b"late")});
    let release = json!({"enclave_public_key": key});
    let folder = server.folder(&[("code/run.py", run_py(&["pass"]).as_bytes())]);
    let code = json!({"directory_path": peer::path(&folder.join("code"))});
    let calls = [
        (&newcomer, "register", json!({})),
        (&cast.data[0], "upload_data", upload),
        (&cast.code, "upload_code", code),
        (&cast.code, "reset", json!({})),
        (&cast.consumers[0], "key_provisioning", release),
    ];
    for (command, status) in [("archive", "Archived"), ("remove", "Removed")] {
        cast.owner.ok(&[command, &cast.id]);
        assert_eq!(cast.code.ok("get_status", json!({}))["status"], status);
        all_raise(&cast, &calls, "(409)");
        for waiting in ["wait_for_enclave_identity", "wait_result"] {
            let said = cast.consumers[0].raises(waiting, json!({}));
            assert!(
                said.contains(&format!("Computation is ComputationStatusType.{status}")),
                "{said}"
            );
        }
        assert_eq!(cast.code.ok("get_computation", json!({}))["uuid"], cast.id);
    }
    // What was deleted is gone.
    let said = cast.consumers[0].raises("fetch_result", json!({}));
    assert!(said.contains("Unexpected response (4"), "{said}");
}

#[test]
fn two_computations_of_the_same_people_do_not_mix() {
    let server = Server::start();
    let first = Cast::new(&server, 1, 1);
    let second = Cast::new(&server, 1, 1);
    let keys = [&first, &second].map(|cast| cast.prepare(&run_py(&[JOIN])));
    assert_ne!(keys[0], keys[1]);
    // A key that is sealed to the other's enclave, and one that was signed for the other computation.
    let said = first.data[0].raises("key_provisioning", json!({"enclave_public_key": keys[1]}));
    assert!(said.contains("(422)"), "{said}");
    let stray = Peer::new(&server, &second.room.data[0], Side::Data, &second.id, &second.words);
    let said = stray.raises("key_provisioning", json!({"enclave_public_key": keys[1]}));
    assert!(said.contains("(422)"), "{said}");
    for (cast, key) in [&first, &second].iter().zip(&keys) {
        cast.provision(key);
        assert_eq!(cast.result_of(0), b"data of 0");
    }
    let said = upload_code_again(&second);
    assert!(said.contains("(409)"), "{said}");
}

fn upload_code_again(cast: &Cast<'_>) -> String {
    let folder = cast.server.folder(&[("code/run.py", run_py(&[JOIN]).as_bytes())]);
    cast.code.raises("upload_code", json!({"directory_path": peer::path(&folder.join("code"))}))
}

#[test]
fn code_of_which_the_client_thinks_little_never_leaves_it() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    cast.register();
    let before = cast.raw();
    let folder =
        server.folder(&[("code/run.py", b"print('no entry point')\n"), ("empty/x.py", b"")]);
    for (name, says) in [("code", "Your run.py is malformed"), ("empty", "FileNotFoundError")] {
        let with = json!({"directory_path": peer::path(&folder.join(name))});
        let said = cast.code.raises("upload_code", with);
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(cast.raw(), before);
    upload_code(&cast.code, &server, &[("run.py", &run_py(&[JOIN]))]);
}
