//! TLS 1.3 between keys, not names: raw public keys (RFC 7250), no resumption, no early data.

use crate::PROTOCOL;
use aws_lc_rs::signature::Ed25519KeyPair;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
    },
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::CertifiedKey,
    version::TLS13,
};
use sealroom_protocol::Digest;
use std::sync::Arc;

/// The enclave's side: a key that was made just now, known by the hash of its SubjectPublicKeyInfo.
pub(crate) struct Server {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) key: Digest,
}

/// The algorithms: key agreement that also withstands a quantum computer first.
fn algorithms() -> Arc<CryptoProvider> {
    let kx_groups = vec![provider::kx_group::X25519MLKEM768, provider::kx_group::X25519];
    Arc::new(CryptoProvider { kx_groups, ..provider::default_provider() })
}

impl Server {
    /// Makes a key of its own.
    pub(crate) fn fresh() -> Result<Self, Error> {
        let made = || Ed25519KeyPair::generate()?.to_pkcs8v1();
        let secret = made().map_err(|_| Error::General("no key can be made".into()))?;
        let secret = PrivatePkcs8KeyDer::from(secret.as_ref());
        let secret = provider::sign::any_eddsa_type(&secret)?;
        let public =
            secret.public_key().ok_or(Error::General("the key has no public part".into()))?;
        let public = CertificateDer::from(public.to_vec());
        let key = Digest::of(&public);
        let certified = Arc::new(CertifiedKey::new(vec![public], secret));
        let mut config = ServerConfig::builder_with_provider(algorithms())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Evidence is for one session: there is nothing to go on with later. The rest of this is rustls' default, and
        // said all the same, because the binding rests on it.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        Ok(Self { config: Arc::new(config), key })
    }
}

/// The participant's side.
pub(crate) fn client() -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(algorithms())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(WhoeverHasTheKey))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Which enclave it is gets known by its evidence, and is no network's business.
    config.enable_sni = false;
    Ok(config)
}

/// For tests that build another client.
#[cfg(test)]
pub(crate) fn verifier() -> Arc<dyn ServerCertVerifier> {
    Arc::new(WhoeverHasTheKey)
}

/// Takes any key whose secret the other side has. Whose it is, the evidence says afterwards: it is bound to the key.
#[derive(Debug)]
struct WhoeverHasTheKey;

impl ServerCertVerifier for WhoeverHasTheKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if others.is_empty() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::BadEncoding.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 is asked for".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        let known = provider::default_provider().signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
