//! A metadata service on this machine.

use super::super::fixture;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

#[derive(Default)]
struct State {
    asked: Vec<String>,
    answer: Option<(u16, String)>,
}

/// The service; its thread ends with the tests.
pub(super) struct Service {
    port: u16,
    state: Arc<Mutex<State>>,
}

pub(super) fn certificate(name: &str) -> Vec<u8> {
    fixture::file(&format!("snp/genoa-v3-azure-vtpm/{name}.der"))
}

fn pem(name: &str) -> String {
    let text = STANDARD.encode(certificate(name));
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let lines = lines.join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

pub(super) fn quote(bytes: &[u8]) -> String {
    serde_json::json!({ "quote": URL_SAFE_NO_PAD.encode(bytes) }).to_string()
}

/// The host makes a quote over what is in the report that it is given.
fn quote_of(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let report = URL_SAFE_NO_PAD.decode(body["report"].as_str().unwrap()).unwrap();
    assert_eq!(report.len(), 1024);
    let mut made = fixture::file("tdx/azure-v4-vtpm/quote.bin");
    fixture::put(&mut made, fixture::TDX, &report[128..192]);
    quote(&made)
}

impl Service {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared);
            }
        });
        Self { port, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Head and body of each request so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Says this from now on.
    pub(super) fn answer(&self, status: u16, body: &str) {
        self.state.lock().unwrap().answer = Some((status, body.to_owned()));
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut from = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let lower = head.to_lowercase();
    let len = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    from.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let mut state = state.lock().unwrap();
    let (status, answer) = state.answer.clone().unwrap_or_else(|| match head.starts_with("GET") {
        true => {
            let chain = pem("ask") + &pem("ark");
            let answer = serde_json::json!({ "vcekCert": pem("vek"), "tcbm": "5417000000000A", "certificateChain": chain });
            (200, answer.to_string())
        }
        false => (200, quote_of(&body)),
    });
    state.asked.push(head + &body);
    let len = answer.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n");
    let mut to = from.into_inner();
    // Who has heard enough may be gone.
    let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(answer.as_bytes()));
}
