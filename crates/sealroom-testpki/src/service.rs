//! A manufacturer's service of a test's own making: answers over HTTP what it was given, and writes down what it was
//! asked.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// What is answered to one question.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A page: status, headers, body.
    Page(u16, Vec<(String, String)>, Vec<u8>),
    /// Nothing, for so long.
    Silence(Duration),
    /// A body that says nothing of its end, which never comes.
    Endless,
}

impl Answer {
    /// A good page.
    #[must_use]
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Page(200, vec![], body.into())
    }

    /// One with a chain of certificates in a header, as Intel puts it there.
    #[must_use]
    pub fn with_chain(header: &str, chain: &str, body: impl Into<Vec<u8>>) -> Self {
        let encode = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        let chain = chain.bytes().map(encode).collect();
        Self::Page(200, vec![(header.to_owned(), chain)], body.into())
    }
}

/// A service; its threads end with the test's process.
#[derive(Clone)]
pub struct Service {
    address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// One that answers everything with 404, until it is told better.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let service = Self { address, answers: Arc::default(), asked: Arc::default() };
        let same = service.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (service, stream) = (same.clone(), stream.unwrap());
                // Who asks may hang up in the middle.
                thread::spawn(move || drop(service.serve(stream)));
            }
        });
        service
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers `target`, path and query, like this from now on.
    pub fn answer(&self, target: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(target.to_owned(), answer);
    }

    /// Every question so far, path and query.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Answers as Intel would: `set` is the JSON of dcap-qvl's `QuoteCollateralV3`. Returns the questions there are.
    pub fn intel(&self, tee: &str, fmspc: &str, ca: &str, set: &serde_json::Value) -> [String; 4] {
        let text = |name: &str| set[name].as_str().unwrap();
        let (tcb, tcb_by) = (text("tcb_info"), text("tcb_info_signature"));
        let (qe, qe_by) = (text("qe_identity"), text("qe_identity_signature"));
        let targets = [
            format!("/{tee}/certification/v4/tcb?fmspc={fmspc}&update=standard"),
            format!("/{tee}/certification/v4/qe/identity?update=standard"),
            format!("/sgx/certification/v4/pckcrl?ca={ca}&encoding=der"),
            "/sgx/certification/v4/rootcacrl".to_owned(),
        ];
        let answers = [
            Answer::with_chain(
                "TCB-Info-Issuer-Chain",
                text("tcb_info_issuer_chain"),
                format!(r#"{{"tcbInfo":{tcb},"signature":"{tcb_by}"}}"#),
            ),
            Answer::with_chain(
                "SGX-Enclave-Identity-Issuer-Chain",
                text("qe_identity_issuer_chain"),
                format!(r#"{{"enclaveIdentity":{qe},"signature":"{qe_by}"}}"#),
            ),
            Answer::with_chain(
                "SGX-PCK-CRL-Issuer-Chain",
                text("pck_crl_issuer_chain"),
                bytes(text("pck_crl")),
            ),
            // As a PCCS answers: hexadecimal.
            Answer::body(text("root_ca_crl")),
        ];
        for (target, answer) in targets.iter().zip(answers) {
            self.answer(target, answer);
        }
        targets
    }

    /// Answers as AMD would. `vek`: question and answer. Returns the questions there are.
    pub fn amd(
        &self,
        sort: &str,
        product: &str,
        vek: Option<(&str, &[u8])>,
        [ask, ark]: [&[u8]; 2],
        crl: &[u8],
    ) -> Vec<String> {
        let mut targets = Vec::new();
        let mut answer = |target: String, body: Vec<u8>| {
            self.answer(&target, Answer::body(body));
            targets.push(target);
        };
        if let Some((target, vek)) = vek {
            answer(target.to_owned(), vek.to_vec());
        }
        let chain = pem(ask) + &pem(ark);
        answer(format!("/{sort}/v1/{product}/cert_chain"), chain.into_bytes());
        answer(format!("/vcek/v1/{product}/crl"), crl.to_vec());
        targets
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap_or(Ok(String::new()))?;
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(target.clone());
        let answer = self.answers.lock().unwrap().get(&target).cloned();
        match answer.unwrap_or(Answer::Page(404, vec![], b"no such thing".to_vec())) {
            Answer::Page(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                head += &format!("content-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes())?;
                stream.write_all(&body)
            }
            Answer::Silence(time) => {
                thread::sleep(time);
                Ok(())
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n")?;
                loop {
                    stream.write_all(&[b'x'; 64 << 10])?;
                }
            }
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().collect();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn pem(der: &[u8]) -> String {
    let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, der);
    pem.unwrap()
}
