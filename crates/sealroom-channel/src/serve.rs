//! The enclave's side: one question a connection, a bounded number of connections, a deadline for each.

use crate::{Answer, AnswerError, Binding, Nonce, PROTOCOL, timed::Timed, tls};
use rustls::{ServerConnection, Stream};
use sealroom_protocol::{Digest, Evidence, IdentityKeys};
use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How much strangers can ask of the enclave: whoever reaches the port may ask.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once; those beyond are closed unheard. Each is a thread.
    pub connections: usize,
    /// What a peer gets to shake hands and ask, and once more to take in the answer.
    pub patience: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 16, patience: Duration::from_secs(10) }
    }
}

/// What the enclave speaks for.
pub struct Subject {
    /// SHA-256 of the manifest's canonical text.
    pub manifest: Digest,
    /// The identity's keys.
    pub keys: IdentityKeys,
    /// Evidence that carries the report data that it is given; `None` when there is none to be had now.
    #[expect(clippy::type_complexity, reason = "it is written once")]
    pub evidence: Box<dyn Fn(&[u8; 64]) -> Option<Evidence> + Send + Sync>,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can't be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// TLS can't be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// No thread can be had.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A port that was taken, where nobody is answered yet.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
}

impl Endpoint {
    /// Takes a port; 0 takes a free one.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for `subject`, with a TLS key that is made here, on threads of its own: from now until `is_over`, or the
    /// end of the process.
    ///
    /// # Errors
    /// [`ServeError::Tls`], [`ServeError::Thread`].
    pub fn serve(
        self,
        subject: Subject,
        bounds: Bounds,
        is_over: impl Fn() -> bool + Send + 'static,
    ) -> Result<(), ServeError> {
        let serving = Arc::new(Serving { tls: tls::Server::fresh()?, subject, bounds });
        let answering = move || serving.accept(&self.listener, is_over);
        let thread = thread::Builder::new().name("channel".to_owned()).spawn(answering);
        thread.map(drop).map_err(ServeError::Thread)
    }
}

struct Serving {
    tls: tls::Server,
    subject: Subject,
    bounds: Bounds,
}

/// A connection's place among those that are served; free again when dropped, whatever happens.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>, of: usize) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        (place.0.fetch_add(1, Ordering::Relaxed) < of).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why somebody is not answered.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the connection fails: {0}")]
    Connection(#[from] io::Error),
    #[error("TLS fails: {0}")]
    Tls(#[from] rustls::Error),
    #[error("another protocol is spoken")]
    OtherProtocol,
    #[error("the question is not random")]
    Nonce,
    #[error("more is sent than a question, before the answer")]
    Early,
    #[error("there is no evidence now")]
    NoEvidence,
    #[error("the answer can't be sent: {0}")]
    Answer(#[from] AnswerError),
}

impl Serving {
    fn accept(self: Arc<Self>, listener: &TcpListener, is_over: impl Fn() -> bool) {
        let taken = Arc::new(AtomicUsize::new(0));
        loop {
            let socket = listener.accept();
            if is_over() {
                return;
            }
            let socket = match socket {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Too many open files, for instance: that passes, and must not spin.
                    tracing::warn!("cannot accept a connection: {error}");
                    thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            let Some(place) = Place::take(&taken, self.bounds.connections) else {
                tracing::debug!("a connection too many is closed");
                continue;
            };
            let serving = Arc::clone(&self);
            let conversation = move || {
                let _place = place;
                if let Err(refusal) = serving.converse(socket) {
                    tracing::debug!("somebody is not answered: {refusal}");
                }
            };
            if let Err(error) = thread::Builder::new().name("asked".to_owned()).spawn(conversation)
            {
                tracing::warn!("cannot answer on a thread: {error}");
            }
        }
    }

    /// Hears one question, answers it, and closes.
    fn converse(&self, socket: TcpStream) -> Result<(), Refusal> {
        let mut socket = Timed::new(socket, Instant::now() + self.bounds.patience);
        let mut session = ServerConnection::new(Arc::clone(&self.tls.config))?;
        session.complete_io(&mut socket)?;
        if session.alpn_protocol() != Some(PROTOCOL) {
            return Err(Refusal::OtherProtocol);
        }
        let mut nonce = Nonce::default();
        Stream::new(&mut session, &mut socket).read_exact(&mut nonce)?;
        // Whoever goes on talking to an enclave that it has not judged yet gets no answer.
        if session.process_new_packets()?.plaintext_bytes_to_read() > 0 {
            return Err(Refusal::Early);
        }
        if nonce == Nonce::default() {
            return Err(Refusal::Nonce);
        }
        let Subject { manifest, keys, evidence } = &self.subject;
        let binding = Binding::of(&session, &self.tls.key, &nonce)?;
        let evidence = evidence(&binding.report_data(manifest, keys)).ok_or(Refusal::NoEvidence)?;
        let answer = Answer { manifest: *manifest, keys: keys.clone(), evidence };
        // Evidence took the hardware's time, not the peer's.
        socket.set_deadline(Instant::now() + self.bounds.patience);
        Stream::new(&mut session, &mut socket).write_all(&answer.to_bytes()?)?;
        session.send_close_notify();
        session.complete_io(&mut socket)?;
        Ok(())
    }
}
