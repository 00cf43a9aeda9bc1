//! What evidence over a channel is made for.

use crate::Nonce;
use rustls::ConnectionCommon;
use sealroom_protocol::{Digest, IdentityKeys};
use sealroom_seal::{digest::sha512, framed};
use std::fmt;

/// The label of the exporter (RFC 8446, section 7.5).
const EXPORTER: &[u8] = b"EXPORTER-sealroom-attested-channel";

/// Names one question on one TLS session, from one side: 64 bytes.
///
/// SHA-512(framed("sealroom/channel/v1" ‖ "enclave" ‖ SHA-256 of the enclave's SubjectPublicKeyInfo ‖ "" ‖ nonce ‖
/// exporter)), where exporter is the session's TLS-Exporter(label, nonce, 32). The second field is the role of whoever
/// answers, so that no answer passes for one in the other direction; the fourth is where the asker's key would be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; 64]);

impl Binding {
    /// That of an established session.
    pub(crate) fn of<Data>(
        session: &ConnectionCommon<Data>,
        enclave_key: &Digest,
        nonce: &Nonce,
    ) -> Result<Self, rustls::Error> {
        let exporter = session.export_keying_material([0; 32], EXPORTER, Some(nonce))?;
        Ok(Self::from_parts(enclave_key, nonce, &exporter))
    }

    fn from_parts(enclave_key: &Digest, nonce: &Nonce, exporter: &[u8; 32]) -> Self {
        Self(sha512(&framed(&[
            b"sealroom/channel/v1",
            b"enclave",
            enclave_key.as_bytes(),
            b"",
            nonce,
            exporter,
        ])))
    }

    /// What evidence for an identity has to carry over this channel: its report data, with the binding in the
    /// challenge's place. A challenge by way of the server has 32 bytes, so neither passes for the other.
    #[must_use]
    pub fn report_data(&self, manifest: &Digest, keys: &IdentityKeys) -> [u8; 64] {
        keys.report_data(manifest, &self.0)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let of = |key: u8, nonce: u8, exporter: u8| {
            Binding::from_parts(&Digest::from_bytes([key; 32]), &[nonce; 32], &[exporter; 32])
        };
        let one = of(1, 2, 3);
        assert_eq!(one, of(1, 2, 3));
        for other in [of(0, 2, 3), of(1, 0, 3), of(1, 2, 0), of(2, 1, 3), of(1, 3, 2)] {
            assert_ne!(one, other);
        }
    }

    /// Computed apart, with Python: see `docs/formats.md` for the layout.
    #[test]
    fn the_bytes_are_those_of_the_document() {
        let one = Binding::from_parts(&Digest::from_bytes([1; 32]), &[2; 32], &[3; 32]);
        let start: String = one.as_bytes()[..16].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(start, "2d481ffce70f2bc0fce826ac562d9591");
    }
}
