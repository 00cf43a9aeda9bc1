//! A server that lies: a proxy in front of a real one, that may change every question and answer.

use super::http::{Caller, Reply};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
    pub(crate) caller: Option<String>,
    lease: Option<String>,
}

/// The real server, for the proxy to ask.
pub(crate) struct Truth(Caller);

impl Truth {
    /// What the real server says to this very request.
    pub(crate) fn of(&self, ask: &Ask) -> Reply {
        let mut caller = self.0.clone();
        caller.token.clone_from(&ask.caller);
        caller.lease.clone_from(&ask.lease);
        caller.call(&ask.method, &ask.path, &ask.media_type, &ask.body)
    }

    /// What it says to the same caller about another path.
    pub(crate) fn at(&self, ask: &Ask, path: &str) -> Reply {
        self.of(&Ask { path: path.to_owned(), ..ask.clone() })
    }
}

/// Starts a liar in front of `server`, and returns its URL. It goes on until the test process ends;
/// without a question it does nothing.
pub(crate) fn start(
    server: &str,
    lie: impl Fn(&Ask, &Truth) -> Reply + Send + Sync + 'static,
) -> String {
    start_between(server, move |ask, truth| Some(lie(ask, truth)))
}

/// The same for a line that may break: without an answer the connection ends.
pub(crate) fn start_between(
    server: &str,
    answer: impl Fn(&Ask, &Truth) -> Option<Reply> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let truth = Arc::new((Truth(Caller::anonymous(server)), answer));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, truth) = (socket.unwrap(), Arc::clone(&truth));
            thread::spawn(move || {
                let ask = receive(&socket);
                if let Some(reply) = truth.1(&ask, &truth.0) {
                    send(&socket, &reply);
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
    let media_type = String::new();
    let mut ask = Ask { method, path, media_type, body: vec![], caller: None, lease: None };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "authorization" => ask.caller = value.strip_prefix("Bearer ").map(str::to_owned),
            "x-sealroom-lease" => ask.lease = Some(value.to_owned()),
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
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    let body = if *status == 204 { &[] } else { body.as_slice() };
    let head = if *status == 204 {
        "HTTP/1.1 204 Nothing\r\nconnection: close\r\n\r\n".to_owned()
    } else {
        head
    };
    // The other side may have heard enough.
    drop(socket.write_all(&[head.as_bytes(), body].concat()));
}
