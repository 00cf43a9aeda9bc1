//! Requests that no client of 2022 sends, by people who have its tokens: refused, and nothing changes.

use crate::{
    cast::{Cast, JOIN, identity, identity_after, provision, run_py},
    harness::{
        Person, Server,
        http::{Caller, Reply},
    },
    peer::{Peer, Side, given_bytes, hex},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

const BOUNDARY: &str = "0123456789abcdef";

/// The media type of what [`multipart`] makes.
pub(crate) fn multipart_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// A body of these parts: field name, file name, content.
pub(crate) fn multipart(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, file, content) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\n\
             Content-Type: application/octet-stream\r\nExpires: 0\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Asserts that a refusal reads well: problem details of this status.
#[track_caller]
pub(crate) fn assert_refused(what: &str, reply: &Reply, statuses: &[u16]) {
    let text = reply.text();
    assert!(statuses.contains(&reply.status), "{what}: {} {text}", reply.status);
    assert_eq!(reply.media_type, "application/problem+json", "{what}: {text}");
    let problem: Value = serde_json::from_slice(&reply.body).unwrap();
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(' '), "{what} is not explained: {text}");
}

/// A computation of which nothing may change.
struct Watched<'a> {
    cast: &'a Cast<'a>,
    before: Value,
}

impl<'a> Watched<'a> {
    fn new(cast: &'a Cast<'a>) -> Self {
        Self { cast, before: cast.raw() }
    }

    fn caller(&self, person: &Person) -> Caller {
        Caller::of(&self.cast.server.url, person)
    }

    #[track_caller]
    fn refuses(&self, what: &str, reply: &Reply, status: u16) {
        assert_refused(what, reply, &[status]);
        assert_eq!(self.cast.raw(), self.before, "{what} has changed something");
    }

    /// The same for what only the enclave can refuse: that it was tried is in the log.
    #[track_caller]
    fn refuses_after_trying(&self, what: &str, reply: &Reply, status: u16) {
        assert_refused(what, reply, &[status]);
        let [mut now, mut before] = [self.cast.raw(), self.before.clone()];
        assert!(now["head"].take() != before["head"].take(), "{what} is not in the log");
        assert_eq!(now, before, "{what} has changed something");
    }

    #[track_caller]
    fn refuses_json(&self, what: &str, by: &Person, call: &str, body: &Value, status: u16) {
        let reply = self.caller(by).json("POST", &self.cast.path(call), body);
        self.refuses(what, &reply, status);
    }

    #[track_caller]
    fn refuses_body(&self, what: &str, by: &Person, call: &str, body: &[u8], status: u16) {
        let reply = self.caller(by).call("POST", &self.cast.path(call), &multipart_type(), body);
        self.refuses(what, &reply, status);
    }
}

#[test]
fn registrations_that_are_none() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let watched = Watched::new(&cast);
    let data = &cast.room.data[0];
    let key = hex(&given_bytes(&cast.data[0].attribute("public_key")));
    let rows: &[(&str, Value)] = &[
        ("no hexadecimal digits", json!({"public_key": "xy".repeat(32), "side": "DataProvider"})),
        ("63 digits", json!({"public_key": key[1..], "side": "DataProvider"})),
        ("65 digits", json!({"public_key": format!("{key}0"), "side": "DataProvider"})),
        ("62 digits", json!({"public_key": key[2..], "side": "DataProvider"})),
        ("no digits", json!({"public_key": "", "side": "DataProvider"})),
        (
            "64 characters, more bytes",
            json!({"public_key": "é".repeat(64), "side": "DataProvider"}),
        ),
        ("a list", json!({"public_key": [1, 2, 3], "side": "DataProvider"})),
        ("no key", json!({"side": "DataProvider"})),
        ("no side", json!({"public_key": key})),
        ("the other call's name for the side", json!({"public_key": key, "role": "DataProvider"})),
        ("a side that is none", json!({"public_key": key, "side": "Spectator"})),
        ("a side that is a number", json!({"public_key": key, "side": 1})),
        ("a list in place of an object", json!([key, "DataProvider"])),
        ("a side in lower case", json!({"public_key": key, "side": "dataprovider"})),
        (
            "a suite that is none",
            json!({"public_key": key, "side": "DataProvider", "suite": "rot13"}),
        ),
        ("a list", json!([])),
        ("text", json!("DataProvider")),
    ];
    for (what, body) in rows {
        watched.refuses_json(what, data, "/register", body, 422);
    }
    let owner = json!({"public_key": key, "side": "ComputationOwner"});
    watched.refuses_json("the owner has no key", &cast.owner, "/register", &owner, 422);
    for side in [Side::Code, Side::Result] {
        let body = json!({"public_key": key, "side": side.name()});
        watched.refuses_json("a role of somebody else", data, "/register", &body, 403);
    }
    let path = cast.path("/register");
    let caller = watched.caller(data);
    let good = json!({"public_key": key, "side": "DataProvider"}).to_string();
    let half = &good.as_bytes()[..good.len() / 2];
    watched.refuses("half", &caller.call("POST", &path, "application/json", half), 400);
    watched.refuses("nothing", &caller.call("POST", &path, "application/json", b""), 400);
    watched.refuses("a form", &caller.call("POST", &path, &multipart_type(), good.as_bytes()), 415);

    // The good one is good, and its key is the account's from then on.
    assert_eq!(caller.call("POST", &path, "application/json", good.as_bytes()).status / 100, 2);
    let watched = Watched::new(&cast);
    let other = json!({"public_key": "ab".repeat(32), "side": "DataProvider"});
    watched.refuses_json("a second key", data, "/register", &other, 409);
}

#[test]
fn sealed_keys_that_are_none() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let key = cast.prepare(&run_py(&[JOIN]));
    let watched = Watched::new(&cast);
    let data = &cast.room.data[0];
    let seal = |peer: &Peer| {
        given_bytes(&peer.plain("seal_symkey", &json!({"ed25519_recipient_pk": key})))
    };
    let sealed = seal(&cast.data[0]);
    assert_eq!(sealed.len(), 176);
    let body = |list: Value| json!({"role": "DataProvider", "sealed_symmetric_key": list});
    let with = |at: usize, value: Value| {
        let mut list = json!(sealed);
        list[at] = value;
        body(list)
    };
    // An impostor has the account, and not the key that was registered.
    let impostor = Peer::new(&server, data, Side::Data, &cast.id, &cast.words);
    let rows: &[(&str, Value)] = &[
        ("175 numbers", body(json!(sealed[1..]))),
        ("177 numbers", body(json!([&sealed[..], &[0]].concat()))),
        ("no number", body(json!([]))),
        ("a number over 255", with(7, json!(256))),
        ("a negative number", with(7, json!(-1))),
        ("a fraction", with(7, json!(1.5))),
        ("a string in the list", with(7, json!("1"))),
        ("null in the list", with(7, Value::Null)),
        ("digits", body(json!(hex(&sealed)))),
        ("no list", json!({"role": "DataProvider"})),
        ("no role", json!({"sealed_symmetric_key": sealed})),
        ("the other call's name", json!({"side": "DataProvider", "sealed_symmetric_key": sealed})),
        ("a role that is none", json!({"role": "Spectator", "sealed_symmetric_key": sealed})),
        ("another signature", with(0, json!(sealed[0] ^ 1))),
        ("another box than was signed", with(100, json!(sealed[100] ^ 1))),
        ("a signature by another key", body(json!(seal(&impostor)))),
        ("signed by another participant", body(json!(seal(&cast.code)))),
    ];
    for (what, body) in rows {
        watched.refuses_json(what, data, "/key/provisioning", body, 422);
    }
    for side in [Side::Code, Side::Result] {
        let body = json!({"role": side.name(), "sealed_symmetric_key": sealed});
        watched.refuses_json("a role of somebody else", data, "/key/provisioning", &body, 403);
    }
    let half = body(json!(sealed)).to_string();
    let half = &half.as_bytes()[..half.len() / 2];
    let path = cast.path("/key/provisioning");
    let reply = watched.caller(data).call("POST", &path, "application/json", half);
    watched.refuses("half", &reply, 400);

    // The good one is good.
    let reply = watched.caller(data).json("POST", &path, &body(json!(sealed)));
    assert_eq!(reply.status / 100, 2, "{}", reply.text());
    provision(&cast.code, &key);
    provision(&cast.consumers[0], &key);
    assert_eq!(cast.result_of(0), b"data of 0");
}

#[test]
fn keys_before_there_is_anything_to_seal_to_and_for_an_enclave_that_is_gone() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let (data, call) = (&cast.room.data[0], "/key/provisioning");
    let body = |sealed: &[u8]| json!({"role": "DataProvider", "sealed_symmetric_key": sealed});
    let early = Watched::new(&cast);
    early.refuses_json("before registering", data, call, &body(&[7; 176]), 409);
    cast.register();
    let early = Watched::new(&cast);
    early.refuses_json("before an identity stands", data, call, &body(&[7; 176]), 409);

    cast.upload_code(&[("run.py", &run_py(&[JOIN]))]);
    let key = identity(&cast.code);
    let sealing = json!({"ed25519_recipient_pk": key});
    let sealed = given_bytes(&cast.data[0].plain("seal_symkey", &sealing));
    cast.code.ok("reset", json!({}));
    let between = Watched::new(&cast);
    between.refuses_json("between two identities", data, call, &body(&sealed), 409);
    cast.upload_code(&[("run.py", &run_py(&[JOIN]))]);
    identity_after(&cast.code, &key);
    let late = Watched::new(&cast);
    let send = || late.caller(data).json("POST", &cast.path(call), &body(&sealed));
    late.refuses_after_trying("for the identity before", &send(), 422);
    // Not even as the last one that is missing does it start anything.
    let key = identity(&cast.code);
    provision(&cast.code, &key);
    provision(&cast.consumers[0], &key);
    cast.upload_data(0, "a.csv", b"data");
    cast.data[0].ok("done", json!({}));
    let last = Watched::new(&cast);
    last.refuses_after_trying("the last one", &send(), 422);
    provision(&cast.data[0], &key);
    assert_eq!(cast.result_of(0), b"data");
    assert_eq!(cast.count("run_started"), 1);
}

#[test]
fn a_good_key_outlives_a_bad_one_that_comes_after_it() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let old = cast.prepare(&run_py(&[JOIN]));
    cast.code.ok("reset", json!({}));
    cast.upload_code(&[("run.py", &run_py(&[JOIN]))]);
    let key = identity_after(&cast.code, &old);
    provision(&cast.data[0], &key);
    let good = Watched::new(&cast);
    let sealing = json!({"ed25519_recipient_pk": old});
    let sealed = given_bytes(&cast.data[0].plain("seal_symkey", &sealing));
    let body = json!({"role": "DataProvider", "sealed_symmetric_key": sealed});
    let caller = good.caller(&cast.room.data[0]);
    let reply = caller.json("POST", &cast.path("/key/provisioning"), &body);
    good.refuses_after_trying("a bad key after a good one", &reply, 422);
    provision(&cast.code, &key);
    provision(&cast.consumers[0], &key);
    assert_eq!(cast.result_of(0), b"data of 0");
}

#[test]
fn data_that_is_no_upload() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let (data, call) = (&cast.room.data[0], "/data");
    let good = multipart(&[("file", "a.csv.enc", &[7; 100])]);
    let early = Watched::new(&cast);
    early.refuses_body("before registering", data, call, &good, 409);
    cast.register();
    let watched = Watched::new(&cast);
    watched.refuses_body("no file", data, call, &multipart(&[]), 400);
    watched.refuses_body("another field", data, call, &multipart(&[("x", "a", b"1")]), 400);
    let two: &[(&str, &str, &[u8])] = &[("file", "a", &[7; 50]), ("file", "b", &[8; 50])];
    watched.refuses_body("two files", data, call, &multipart(two), 400);
    let names = ["a/b.csv.enc", "../../../../etc/passwd", "/etc/passwd.enc", "..", "///", ""];
    for name in names {
        let body = multipart(&[("file", name, &[7; 100])]);
        watched.refuses_body(&format!("the name `{name}`"), data, call, &body, 422);
    }
    let long = "x".repeat(5000);
    let body = multipart(&[("file", &long, &[7; 100])]);
    watched.refuses_body("a name without end", data, call, &body, 422);
    watched.refuses_body("cut in the middle", data, call, &good[..good.len() / 2], 400);
    watched.refuses_body("cut before its last line", data, call, &good[..good.len() - 6], 400);
    watched.refuses_body("nothing", data, call, b"", 400);
    watched.refuses_body("no multipart", data, call, b"just some text", 400);
    for other in [&cast.room.coder, &cast.room.consumers[0], &cast.owner] {
        watched.refuses_body("by somebody else", other, call, &good, 403);
    }
    let caller = watched.caller(data);
    let path = cast.path(call);
    watched.refuses("bare", &caller.call("POST", &path, "text/plain", b"1"), 400);
    let bare = caller.call("POST", &path, "multipart/form-data", &good);
    watched.refuses("without a boundary", &bare, 400);
    watched.refuses("done", &caller.call("POST", &cast.path("/data/done"), "", b""), 409);
    let of_code = watched.caller(&cast.room.coder);
    watched.refuses("done", &of_code.call("POST", &cast.path("/data/done"), "", b""), 403);

    // The line breaks in the middle: whatever is answered, nothing is stored.
    break_off(&watched, data, &good);
    assert_eq!(cast.raw(), watched.before, "half an upload has changed something");

    // The good one is good; after `done` there is no more.
    let send = || caller.call("POST", &path, &multipart_type(), &good);
    assert_eq!(send().status / 100, 2);
    let once = cast.raw()["data_providers"][0]["files"].clone();
    assert_eq!(send().status / 100, 2, "a repetition");
    assert_eq!(
        (once.as_array().unwrap().len(), &cast.raw()["data_providers"][0]["files"]),
        (1, &once)
    );
    cast.data[0].ok("done", json!({}));
    let watched = Watched::new(&cast);
    let more = multipart(&[("file", "b.csv.enc", &[9; 100])]);
    watched.refuses_body("after done", data, call, &more, 409);
}

/// Sends a request's head and half of its body, and hangs up. Waits until the server has done so too.
fn break_off(watched: &Watched<'_>, person: &Person, body: &[u8]) {
    let address = watched.cast.server.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        watched.cast.path("/data"),
        watched.caller(person).token.unwrap(),
        multipart_type(),
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&body[..body.len() / 2]).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // It may hang up harder than we did.
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn code_that_is_no_upload() {
    let server = Server::start();
    let cast = Cast::new(&server, 1, 1);
    let (coder, call) = (&cast.room.coder, "/code");
    let run = run_py(&[JOIN]);
    let good = multipart(&[("file", "code.tar", &tar(&[("run.py", run.as_bytes())]))]);
    let early = Watched::new(&cast);
    early.refuses_body("before registering", coder, call, &good, 409);
    cast.register();
    let watched = Watched::new(&cast);
    watched.refuses_body("no file", coder, call, &multipart(&[]), 400);
    watched.refuses_body("another field", coder, call, &multipart(&[("x", "a", b"1")]), 400);
    let archive = |files: &[(&str, &[u8])]| multipart(&[("file", "code.tar", &tar(files))]);
    let whole = tar(&[("run.py", run.as_bytes())]);
    let two: &[(&str, &str, &[u8])] = &[("file", "a.tar", &whole), ("file", "b.tar", &whole)];
    watched.refuses_body("two files", coder, call, &multipart(two), 400);
    let rows: &[(&str, Vec<u8>)] = &[
        ("no archive", multipart(&[("file", "code.tar", b"nothing like an archive")])),
        ("an empty archive", archive(&[])),
        ("no run.py", archive(&[("other.py.enc", &[7; 60])])),
        ("run.py not at the top", archive(&[("folder/run.py", run.as_bytes())])),
        ("run.py sealed", archive(&[("run.py.enc", &[7; 60])])),
        ("a cut archive", multipart(&[("file", "code.tar", &whole[..700])])),
        ("a path that leaves", archive(&[("run.py", b"1"), ("../x.py", b"1")])),
        ("an absolute path", archive(&[("run.py", b"1"), ("/etc/x.py", b"1")])),
        ("one path twice", archive(&[("run.py", b"1"), ("run.py", b"2")])),
    ];
    for (what, body) in rows {
        watched.refuses_body(what, coder, call, body, 422);
    }
    watched.refuses_body("cut in the middle", coder, call, &good[..good.len() / 2], 400);
    for other in [&cast.room.data[0], &cast.room.consumers[0], &cast.owner] {
        watched.refuses_body("by somebody else", other, call, &good, 403);
    }
    // The same again is a retry; anything else is not.
    let tar = fs::read(cast.upload_code(&[("run.py", &run)])).unwrap();
    identity(&cast.code);
    let watched = Watched::new(&cast);
    let again = multipart(&[("file", "code.tar", &tar)]);
    let reply = watched.caller(coder).call("POST", &cast.path(call), &multipart_type(), &again);
    assert_eq!(reply.status / 100, 2, "{}", reply.text());
    assert_eq!(cast.raw(), watched.before, "a repetition has changed something");
    let other = archive(&[("run.py", b"1 + 1\n")]);
    watched.refuses_body("other code", coder, call, &other, 409);
    for other in [&cast.room.data[0], &cast.room.consumers[0], &cast.owner] {
        let reply = watched.caller(other).delete(&cast.path(call));
        watched.refuses("a reset by somebody else", &reply, 403);
    }
}

/// An archive whose paths are written as they are given.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn computations_that_cannot_be() {
    let server = Server::start();
    let ada = server.stranger("ada@example.org");
    let caller = Caller::of(&server.url, &ada);
    let good = json!({
        "name": "n", "code_provider_email": "a@example.org", "data_providers_emails": ["b@example.org"],
        "result_consumers_emails": ["c@example.org"], "dev_mode": false,
    });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let rows = [
        ("no name", with("name", Value::Null)),
        ("a name without end", with("name", "x".repeat(100_000).into())),
        ("no address", with("code_provider_email", "nobody".into())),
        ("no data provider", with("data_providers_emails", json!([]))),
        ("no result consumer", with("result_consumers_emails", json!([]))),
        ("one twice", with("data_providers_emails", json!(["b@example.org", "b@example.org"]))),
        ("one twice", with("result_consumers_emails", json!(["c@example.org", "C@example.org"]))),
        ("text for a list", with("data_providers_emails", "b@example.org".into())),
    ];
    for (what, body) in rows {
        assert_refused(what, &caller.json("POST", "/computations", &body), &[422]);
    }
    assert_eq!(caller.get("/computations").value(), json!([]));
    assert_eq!(caller.json("POST", "/computations", &good).status / 100, 2);
}
