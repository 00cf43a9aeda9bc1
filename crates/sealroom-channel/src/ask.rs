//! The participant's side: one question, one answer, and the channel's binding to judge it by.

use crate::{
    Answer, AnswerError, Binding, Nonce, PROTOCOL,
    timed::{Timed, left},
    tls,
};
use rustls::{ClientConfig, ClientConnection, Stream, pki_types::ServerName};
use sealroom_protocol::Digest;
use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Where an enclave listens: `HOST:PORT`, or `[IPv6 address]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// Not an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an enclave's address is HOST:PORT")]
pub struct ParseAddressError;

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(ParseAddressError)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let odd = |c: char| !c.is_ascii_graphic() || "/@?#[]".contains(c);
        let host = bare.unwrap_or(host);
        if host.is_empty() || host.contains(odd) || (host.contains(':') != bare.is_some()) {
            return Err(ParseAddressError);
        }
        // `+1` parses as a number, and is no port.
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port != 0);
        Ok(Self { host: host.to_owned(), port: port.ok_or(ParseAddressError)? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What was heard. Nothing of it counts before the evidence was judged over the binding's report data.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What the other end said.
    pub answer: Answer,
    /// Over which channel.
    pub binding: Binding,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody is reached there.
    #[error("nobody is reached at {address}")]
    Connect {
        /// Where.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// Whoever is there does not speak TLS 1.3 with raw public keys.
    #[error("who answers there is no enclave: TLS fails")]
    Handshake(#[source] io::Error),
    /// It speaks TLS, but not this.
    #[error("who answers there is no enclave: it speaks another protocol")]
    OtherProtocol,
    /// It talks before it is asked.
    #[error("who answers there talks before it is asked")]
    Unasked,
    /// The connection fails before the question is out.
    #[error("the question can't be sent")]
    Send(#[source] io::Error),
    /// It hears the question, and hangs up.
    #[error("it closes the connection without an answer: it may have too many, or no evidence now")]
    Refused,
    /// It answers something that is no answer.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// It goes on after the answer.
    #[error("it goes on talking after its answer")]
    Trailing,
    /// TLS can't be set up here.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Asks whoever listens at `address` for evidence that is made for this very connection; gives up after `patience`.
///
/// # Errors
/// Every [`AskError`].
pub fn ask(address: &Address, patience: Duration) -> Result<Heard, AskError> {
    let until = Instant::now() + patience;
    let socket = connect(address, until)
        .map_err(|source| AskError::Connect { address: address.clone(), source })?;
    Channel::open(socket, until, tls::client()?)?.question(sealroom_seal::random())
}

/// The first of the host's addresses that answers.
fn connect(address: &Address, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An established session, with a question to ask.
pub(crate) struct Channel {
    session: ClientConnection,
    socket: Timed,
    key: Digest,
}

impl Channel {
    pub(crate) fn open(
        socket: TcpStream,
        until: Instant,
        config: ClientConfig,
    ) -> Result<Self, AskError> {
        let mut socket = Timed::new(socket, until);
        // The name goes nowhere: it is neither sent nor compared.
        let name = ServerName::try_from("enclave.invalid").expect("a well-formed name");
        let mut session = ClientConnection::new(Arc::new(config), name)?;
        session.complete_io(&mut socket).map_err(AskError::Handshake)?;
        if session.alpn_protocol() != Some(PROTOCOL) {
            return Err(AskError::OtherProtocol);
        }
        // With raw public keys this is one SubjectPublicKeyInfo.
        let key = match session.peer_certificates() {
            Some([key]) => Digest::of(key),
            _ => return Err(AskError::OtherProtocol),
        };
        if session.process_new_packets()?.plaintext_bytes_to_read() > 0 {
            return Err(AskError::Unasked);
        }
        Ok(Self { session, socket, key })
    }

    /// Asks once: the nonce is used up.
    pub(crate) fn question(mut self, nonce: Nonce) -> Result<Heard, AskError> {
        let binding = Binding::of(&self.session, &self.key, &nonce)?;
        let mut stream = Stream::new(&mut self.session, &mut self.socket);
        stream.write_all(&nonce).and_then(|()| stream.flush()).map_err(AskError::Send)?;
        let answer = Answer::read(&mut stream).map_err(|error| match error {
            AnswerError::Read(error) if is_closed(&error) => AskError::Refused,
            error => error.into(),
        })?;
        match stream.read(&mut [0]) {
            Ok(1..) => Err(AskError::Trailing),
            _ => Ok(Heard { answer, binding }),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in ["127.0.0.1:1", "[::1]:65535", "enclave.example.org:7443", "localhost:80"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            ":",
            ":1",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:1",
            "[host]:1",
            "https://host:1",
            "a b:1",
            "[::1]",
            "user@host:1",
            "[[::1]]:1",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(ParseAddressError), "{bad}");
        }
    }
}
