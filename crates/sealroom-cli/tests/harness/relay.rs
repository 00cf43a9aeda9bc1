//! Somebody between a participant and an enclave, who ends attested TLS on both sides and passes everything on.

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs::{default_provider, sign::any_eddsa_type},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::AlwaysResolvesServerRawPublicKeys,
    sign::CertifiedKey,
    version::TLS13,
};
use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

const PROTOCOL: &[u8] = b"sealroom-channel/1";

/// Starts one in front of the enclave at `enclave`, and returns where; it goes on until the test process ends.
pub(crate) fn start(enclave: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (enclave, inside, outside) = (enclave.to_owned(), as_enclave(), as_participant());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&inside)).unwrap();
            let mut victim = StreamOwned::new(session, socket.unwrap());
            let session = ClientConnection::new(
                Arc::clone(&outside),
                ServerName::try_from("enclave.invalid").unwrap(),
            );
            let socket = TcpStream::connect(&enclave).unwrap();
            let mut enclave = StreamOwned::new(session.unwrap(), socket);
            let mut nonce = [0; 32];
            victim.read_exact(&mut nonce).unwrap();
            enclave.write_all(&nonce).unwrap();
            let mut answer = Vec::new();
            enclave.read_to_end(&mut answer).unwrap();
            victim.write_all(&answer).unwrap();
            victim.conn.send_close_notify();
            drop(victim.flush());
            drop(io::copy(&mut victim.sock, &mut io::sink()));
        }
    });
    address
}

fn as_enclave() -> Arc<ServerConfig> {
    let secret = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(secret.as_ref())).unwrap();
    let public = CertificateDer::from(key.public_key().unwrap().to_vec());
    let key = Arc::new(CertifiedKey::new(vec![public], key));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let mut config = config
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

fn as_participant() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let mut config = config
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Arc::new(config)
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
