//! A bad line: a proxy that now and then is too busy, or breaks off before it has passed an answer on.

use crate::harness::http::{Caller, Reply};
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered as the server answers it.
    Passed,
    /// The server does not hear of it; the answer is 502 or 503.
    Turned(u16),
    /// The server does what it asks for; its answer is lost.
    Lost,
}

/// A request as it came in.
struct Ask {
    method: String,
    path: String,
    media_type: String,
    token: Option<String>,
    body: Vec<u8>,
}

/// Starts a proxy in front of `server`, and returns its URL. It goes on until the test process ends.
/// `fate` is asked with the method, the path, and how often this account has sent this before.
pub(crate) fn start(
    server: &str,
    fate: impl Fn(&str, &str, usize) -> Fate + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::new((Caller::anonymous(server), fate, Mutex::new(HashMap::new())));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, shared) = (socket.unwrap(), Arc::clone(&shared));
            thread::spawn(move || {
                let (server, fate, seen) = &*shared;
                let ask = receive(&socket);
                let key = (ask.method.clone(), ask.path.clone(), ask.token.clone());
                let before = {
                    let mut seen = seen.lock().unwrap();
                    let count: &mut usize = seen.entry(key).or_default();
                    *count += 1;
                    *count - 1
                };
                let pass = || {
                    let mut caller = server.clone();
                    caller.token.clone_from(&ask.token);
                    caller.call(&ask.method, &ask.path, &ask.media_type, &ask.body)
                };
                match fate(&ask.method, &ask.path, before) {
                    Fate::Passed => send(&socket, &pass()),
                    Fate::Lost => drop(pass()),
                    Fate::Turned(status) => {
                        let media_type = "text/html".to_owned();
                        send(&socket, &Reply { status, media_type, body: b"busy".to_vec() });
                    }
                }
            });
        }
    });
    url
}

fn receive(socket: &TcpStream) -> Ask {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let mut ask = Ask { method, path, media_type: String::new(), token: None, body: vec![] };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "authorization" => ask.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => length = value.parse().unwrap(),
            "content-type" => value.clone_into(&mut ask.media_type),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut ask.body).unwrap();
    ask
}

fn send(mut socket: &TcpStream, reply: &Reply) {
    let Reply { status, media_type, body } = reply;
    let mut head = format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\n");
    if *status != 204 {
        head += &format!("content-type: {media_type}\r\ncontent-length: {}\r\n", body.len());
    }
    let answer = [head.as_bytes(), b"\r\n", body].concat();
    // The other side may have heard enough.
    drop(socket.write_all(&answer));
}
