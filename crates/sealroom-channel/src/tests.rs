//! Both sides over real sockets, and everything that can stand between them or at one end.

use crate::{
    Address, Answer, AnswerError, AskError, Bounds, Endpoint, Heard, Nonce, PROTOCOL, Subject,
    ask::Channel, timed::Timed, tls,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConnection, Stream,
    client::{ClientSessionMemoryCache, Resumption},
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use sealroom_protocol::{Base64, Digest, Evidence, EvidenceKind, IdentityKeys, PublicKey};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const MANIFEST: &[u8] = b"a manifest";
/// Nothing is measured against it.
const PATIENCE: Duration = Duration::from_secs(60);

fn keys() -> IdentityKeys {
    IdentityKeys { signing: PublicKey::from_bytes([1; 32]), sealing: Base64(vec![2; 1216]) }
}

/// Evidence that is its report data: whoever has it can't turn it into other evidence, as with hardware.
fn evidence(report_data: &[u8; 64]) -> Evidence {
    let quote = Base64(report_data.to_vec());
    Evidence { kind: EvidenceKind::Simulated, quote, endorsements: vec![] }
}

pub(crate) fn an_answer() -> Answer {
    Answer { manifest: Digest::of(MANIFEST), keys: keys(), evidence: evidence(&[7; 64]) }
}

fn subject() -> Subject {
    let evidence = Box::new(|report_data: &[u8; 64]| Some(evidence(report_data)));
    Subject { manifest: Digest::of(MANIFEST), keys: keys(), evidence }
}

fn serve(subject: Subject, bounds: Bounds) -> SocketAddr {
    let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = endpoint.address();
    endpoint.serve(subject, bounds, || false).unwrap();
    address
}

fn patient() -> Bounds {
    Bounds { patience: PATIENCE, ..Bounds::default() }
}

fn enclave() -> SocketAddr {
    serve(subject(), patient())
}

fn ask(address: SocketAddr) -> Result<Heard, AskError> {
    crate::ask(&address.to_string().parse().unwrap(), PATIENCE)
}

fn dial(address: SocketAddr) -> Timed {
    Timed::new(TcpStream::connect(address).unwrap(), Instant::now() + PATIENCE)
}

fn channel(address: SocketAddr) -> Channel {
    let socket = TcpStream::connect(address).unwrap();
    Channel::open(socket, Instant::now() + PATIENCE, tls::client().unwrap()).unwrap()
}

/// A client's end with which anything can be done.
fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<(ClientConnection, Timed)> {
    let mut socket = dial(address);
    let name = ServerName::try_from("enclave.invalid").unwrap();
    let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
    session.complete_io(&mut socket)?;
    Ok((session, socket))
}

/// Whether evidence is for the channel over which it came.
fn is_bound(heard: &Heard) -> bool {
    let wanted = heard.binding.report_data(&Digest::of(MANIFEST), &keys());
    heard.answer.evidence.quote.0 == wanted
}

/// Somebody who is no enclave: shakes hands with a key of its own, and does what it likes.
fn impostor(act: impl Fn(&mut Stream<'_, ServerConnection, Timed>) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = tls::Server::fresh().unwrap().config;
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = Timed::new(socket.unwrap(), Instant::now() + PATIENCE);
            let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
            if session.complete_io(&mut socket).is_ok() {
                act(&mut Stream::new(&mut session, &mut socket));
                session.send_close_notify();
                drop(session.complete_io(&mut socket));
            }
        }
    });
    address
}

fn hear(stream: &mut impl Read) -> Nonce {
    let mut nonce = Nonce::default();
    stream.read_exact(&mut nonce).unwrap();
    nonce
}

#[test]
fn an_enclave_answers_for_this_channel_and_for_each_question_anew() {
    let address = enclave();
    let (first, second) = (ask(address).unwrap(), ask(address).unwrap());
    assert_eq!((first.answer.manifest, &first.answer.keys), (Digest::of(MANIFEST), &keys()));
    assert!(is_bound(&first) && is_bound(&second));
    assert_ne!(first.binding, second.binding);
}

#[test]
fn the_same_nonce_over_another_channel_is_another_question() {
    let address = enclave();
    let [first, second] = [(), ()].map(|()| channel(address).question([9; 32]).unwrap());
    assert_ne!(first.answer.evidence, second.answer.evidence);
    assert!(is_bound(&first) && is_bound(&second));
}

#[test]
fn two_enclaves_have_two_keys() {
    let fresh = || tls::Server::fresh().unwrap().key;
    assert_ne!(fresh(), fresh());
}

#[test]
fn whoever_sits_in_between_and_relays_is_found_out() {
    let enclave = enclave();
    let between = impostor(move |victim| {
        // The victim's own question, asked by the one in between, and the enclave's own answer.
        let heard = channel(enclave).question(hear(victim)).unwrap();
        assert!(is_bound(&heard), "the answer is genuine, for whoever asked");
        victim.write_all(&heard.answer.to_bytes().unwrap()).unwrap();
    });
    let heard = ask(between).unwrap();
    assert_eq!((heard.answer.manifest, &heard.answer.keys), (Digest::of(MANIFEST), &keys()));
    assert!(!is_bound(&heard));
}

#[test]
fn passing_bytes_on_without_looking_into_them_changes_nothing() {
    let enclave = enclave();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let between = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (victim, _) = listener.accept().unwrap();
        let enclave = TcpStream::connect(enclave).unwrap();
        let (mut from, mut to) = (victim.try_clone().unwrap(), enclave.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        drop(io::copy(&mut &enclave, &mut &victim));
    });
    assert!(is_bound(&ask(between).unwrap()));
}

#[test]
fn an_answer_of_before_answers_nothing_now() {
    let old = ask(enclave()).unwrap().answer;
    let replaying = impostor(move |asker| {
        hear(asker);
        asker.write_all(&old.to_bytes().unwrap()).unwrap();
    });
    assert!(!is_bound(&ask(replaying).unwrap()));
}

#[test]
fn a_question_that_is_sent_back_is_no_answer() {
    let mirror = impostor(|asker| {
        let nonce = hear(asker);
        asker.write_all(&nonce).unwrap();
    });
    assert!(matches!(ask(mirror), Err(AskError::Answer(_))));
}

#[test]
fn who_answers_otherwise_is_refused() {
    type Act = fn(&mut Stream<'_, ServerConnection, Timed>);
    type Says = fn(&AskError) -> bool;
    let rows: [(&str, Act, Says); 7] = [
        ("silence", |_| {}, |e| matches!(e, AskError::Refused)),
        (
            "half a length",
            |asker| asker.write_all(&[0, 0]).unwrap(),
            |e| matches!(e, AskError::Refused),
        ),
        (
            "garbage",
            |asker| asker.write_all(b"\0\0\0\x04nope").unwrap(),
            |e| matches!(e, AskError::Answer(AnswerError::Json(_))),
        ),
        (
            "too long",
            |asker| asker.write_all(&[0xff; 64]).unwrap(),
            |e| matches!(e, AskError::Answer(AnswerError::TooLong { .. })),
        ),
        (
            "cut",
            |asker| {
                let whole = an_answer().to_bytes().unwrap();
                asker.write_all(&whole[..whole.len() - 1]).unwrap();
            },
            |e| matches!(e, AskError::Answer(AnswerError::Cut { .. })),
        ),
        (
            "two answers",
            |asker| asker.write_all(&an_answer().to_bytes().unwrap().repeat(2)).unwrap(),
            |e| matches!(e, AskError::Trailing),
        ),
        (
            "one byte more",
            |asker| {
                asker.write_all(&an_answer().to_bytes().unwrap()).unwrap();
                asker.write_all(b"!").unwrap();
            },
            |e| matches!(e, AskError::Trailing),
        ),
    ];
    for (name, act, says) in rows {
        let refused = ask(impostor(move |asker| {
            hear(asker);
            act(asker);
        }));
        assert!(refused.as_ref().is_err_and(says), "{name}: {refused:?}");
    }
}

#[test]
fn who_talks_before_it_is_asked_is_refused() {
    // The asker waits for that: a byte may come before its question, or cross it.
    let (told, is_told) = mpsc::channel();
    let eager = impostor(move |asker| {
        asker.write_all(b"!").unwrap();
        told.send(()).unwrap();
        hear(asker);
    });
    let socket = TcpStream::connect(eager).unwrap();
    let mut config = tls::client().unwrap();
    config.resumption = Resumption::disabled();
    let opened = Channel::open(socket, Instant::now() + PATIENCE, config);
    is_told.recv().unwrap();
    let refused = opened.and_then(|channel| channel.question([1; 32]));
    assert!(matches!(refused, Err(AskError::Unasked | AskError::Answer(_) | AskError::Refused)));
}

#[test]
fn nobody_there_and_no_tls_there_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(ask(address), Err(AskError::Connect { .. })));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        drop(socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    assert!(matches!(ask(address), Err(AskError::Handshake(_))));
}

#[test]
fn an_asker_does_not_wait_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = silent.local_addr().unwrap().to_string().parse().unwrap();
    let refused = crate::ask(&address, Duration::from_millis(200));
    assert!(
        matches!(refused, Err(AskError::Handshake(ref e)) if e.kind() == io::ErrorKind::TimedOut),
        "{refused:?}"
    );
}

/// What the asker's side would be, but for one thing.
fn spoilt(spoil: impl FnOnce(&mut ClientConfig)) -> Arc<ClientConfig> {
    let mut config = tls::client().unwrap();
    spoil(&mut config);
    Arc::new(config)
}

#[test]
fn older_tls_is_refused() {
    let address = enclave();
    let with = |version| {
        let config = ClientConfig::builder_with_provider(Arc::clone(
            tls::client().unwrap().crypto_provider(),
        ))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(tls::verifier())
        .with_no_client_auth();
        let mut config = config;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        open(address, &Arc::new(config)).map(drop)
    };
    let refused = with(&TLS12).unwrap_err();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
    with(&TLS13).unwrap();
}

#[test]
fn another_protocol_is_refused() {
    let address = enclave();
    let other = spoilt(|config| config.alpn_protocols = vec![b"http/1.1".to_vec()]);
    let refused = open(address, &other).and_then(|(mut session, mut socket)| {
        let mut stream = Stream::new(&mut session, &mut socket);
        stream.write_all(&[1; 32])?;
        stream.read(&mut [0; 4])
    });
    // An alert, unless the system resets the connection before it is read.
    assert!(refused.is_err());
    let none = spoilt(|config| config.alpn_protocols.clear());
    assert_unanswered(open(address, &none).unwrap(), &[1; 32]);
}

#[track_caller]
fn assert_unanswered((mut session, mut socket): (ClientConnection, Timed), question: &[u8]) {
    let mut stream = Stream::new(&mut session, &mut socket);
    let sent = stream.write_all(question).and_then(|()| stream.flush());
    let heard = sent.and_then(|()| stream.read(&mut [0; 4]));
    assert!(!matches!(heard, Ok(1..)), "{heard:?}");
}

#[test]
fn whoever_goes_on_before_the_answer_gets_none() {
    let address = enclave();
    let config = spoilt(|_| {});
    assert_unanswered(open(address, &config).unwrap(), &[1; 33]);
    assert_unanswered(open(address, &config).unwrap(), &[1; 64]);
    // A question that anybody could have made up before.
    assert_unanswered(open(address, &config).unwrap(), &[0; 32]);
    ask(address).unwrap();
}

#[test]
fn a_session_is_never_gone_on_with_and_takes_no_early_data() {
    let address = enclave();
    let store = Arc::new(ClientSessionMemoryCache::new(8));
    let eager = spoilt(|config| {
        config.resumption = Resumption::store(store);
        config.enable_early_data = true;
    });
    for _ in 0..3 {
        let (mut session, mut socket) = open(address, &eager).unwrap();
        assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        assert!(!session.is_early_data_accepted() && session.early_data().is_none());
        let mut stream = Stream::new(&mut session, &mut socket);
        stream.write_all(&[1; 32]).unwrap();
        // To the end, so that a ticket would have come.
        stream.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(session.tls13_tickets_received(), 0);
    }
}

#[test]
fn a_slow_peer_is_let_go_and_others_are_served_meanwhile() {
    let patience = Duration::from_secs(2);
    let address = serve(subject(), Bounds { patience, ..Bounds::default() });
    let start = Instant::now();
    let silent = TcpStream::connect(address).unwrap();
    let dripping = TcpStream::connect(address).unwrap();
    let (config, mute) = (spoilt(|_| {}), dial(address));
    let (_session, mut shaken) = open(address, &config).unwrap();
    ask(address).unwrap();
    // The beginning of a record, byte after byte: each comes well within the time, all do not.
    let mut bytes = [0x16, 3, 1, 2, 0].into_iter().chain(std::iter::repeat(1));
    let mut drip = &dripping;
    while start.elapsed() < PATIENCE && drip.write_all(&[bytes.next().unwrap()]).is_ok() {
        thread::sleep(Duration::from_millis(100));
    }
    for mut socket in [Timed::new(silent, start + PATIENCE), mute] {
        assert!(!matches!(socket.read(&mut [0; 64]), Ok(1..)));
    }
    io::copy(&mut shaken, &mut io::sink()).ok();
    assert!(start.elapsed() < PATIENCE, "they are let go");
}

#[test]
fn connections_beyond_the_bound_are_closed_and_their_places_come_back() {
    let bounds = Bounds { connections: 3, patience: PATIENCE };
    let address = serve(subject(), bounds);
    let config = spoilt(|_| {});
    let held: Vec<_> = (0..3).map(|_| open(address, &config).unwrap()).collect();
    for _ in 0..20 {
        assert!(open(address, &config).is_err());
    }
    drop(held);
    let start = Instant::now();
    while ask(address).is_err() {
        assert!(start.elapsed() < PATIENCE, "places come back");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn garbage_takes_no_place_for_long() {
    let address = serve(subject(), Bounds { connections: 2, ..patient() });
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], &[0x16, 3, 1, 0xff, 0xff], b""] {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(garbage).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        drop(io::copy(&mut socket, &mut io::sink()));
    }
    let start = Instant::now();
    while ask(address).is_err() {
        assert!(start.elapsed() < PATIENCE, "places come back");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_evidence_there_is_no_answer() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let evidence = Box::new(move |report_data: &[u8; 64]| {
        seen.lock().unwrap().push(*report_data);
        None
    });
    let address = serve(Subject { evidence, ..subject() }, patient());
    assert!(matches!(ask(address), Err(AskError::Refused)));
    assert!(matches!(ask(address), Err(AskError::Refused)));
    let asked = asked.lock().unwrap();
    assert!(asked.len() == 2 && asked[0] != asked[1]);
}

#[test]
fn an_identity_that_is_over_is_not_spoken_for() {
    let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = endpoint.address();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    endpoint.serve(subject(), patient(), move || is_over.load(Ordering::Relaxed)).unwrap();
    ask(address).unwrap();
    over.store(true, Ordering::Relaxed);
    assert!(ask(address).is_err());
}

#[test]
fn an_endpoint_says_which_port_it_can_not_have() {
    let taken = Endpoint::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refused = Endpoint::bind(taken.address()).unwrap_err().to_string();
    assert_eq!(refused, format!("cannot listen at {}", taken.address()));
}
