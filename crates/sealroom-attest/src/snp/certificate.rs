//! X.509 as AMD writes it: RSASSA-PSS with SHA-384 over the bytes as they were sent.
//!
//! Not a general verifier: AMD's chain has three certificates, each with a fixed place.

use der::oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, asn1::BitStringRef};
use ring::signature::{RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use std::collections::BTreeSet;
use x509_cert::{
    AlgorithmIdentifier, TbsCertificate, Version,
    crl::TbsCertList,
    ext::{
        Extensions,
        pkix::{BasicConstraints, KeyUsage},
    },
    name::Name,
    time::Time,
};

/// Bytes of one certificate at most; AMD's have less than 2,000.
const MAX_CERTIFICATE: usize = 1 << 14;

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Why bytes are no certificate, or no list, of AMD's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("it has {found} bytes, more than the {MAX_CERTIFICATE} that it can have")]
    TooLarge { found: usize },
    #[error("it is not DER as it should be ({0})")]
    Der(der::Error),
    #[error("it is not of X.509 version {wanted}")]
    Version { wanted: u8 },
    #[error("it is signed with {found}, wanted RSASSA-PSS")]
    Algorithm { found: ObjectIdentifier },
    #[error("it names two algorithms for its signature")]
    AlgorithmsDiffer,
    #[error("it has extension {0} twice")]
    DuplicateExtension(ObjectIdentifier),
    #[error("it has the critical extension {0}, which nobody knows here")]
    CriticalExtension(ObjectIdentifier),
}

impl From<der::Error> for CertificateError {
    fn from(error: der::Error) -> Self {
        Self::Der(error)
    }
}

/// What AMD has signed, and the signature.
#[derive(Clone, Debug)]
struct Signed<'a> {
    bytes: &'a [u8],
    algorithm: AlgorithmIdentifier,
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        let mut reader = SliceReader::new(der)?;
        let (bytes, algorithm, signature) = reader.sequence(|reader| {
            let bytes = reader.tlv_bytes()?;
            let algorithm = AlgorithmIdentifier::decode(reader)?;
            der::Result::Ok((bytes, algorithm, BitStringRef::decode(reader)?))
        })?;
        reader.finish()?;
        let signature = signature
            .as_bytes()
            .ok_or_else(|| der::Error::from(der::Tag::BitString.value_error()))?;
        // AMD spells out a default in the parameters, which DER would leave out; the algorithm's name decides, for ring
        // accepts one set of parameters only.
        if algorithm.oid != RSASSA_PSS {
            return Err(CertificateError::Algorithm { found: algorithm.oid });
        }
        Ok(Self { bytes, algorithm, signature })
    }

    fn is_by(&self, issuer: &Certificate<'_>) -> bool {
        let key = issuer.tbs.subject_public_key_info();
        key.algorithm.oid == RSA_ENCRYPTION
            && key.subject_public_key.as_bytes().is_some_and(|key| {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, key)
                    .verify(self.bytes, self.signature)
                    .is_ok()
            })
    }
}

/// A certificate that was read. Nothing in it was verified.
#[derive(Clone, Debug)]
pub(super) struct Certificate<'a> {
    pub(super) der: &'a [u8],
    signed: Signed<'a>,
    tbs: TbsCertificate,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLarge { found: der.len() });
        }
        let signed = Signed::parse(der)?;
        let tbs = TbsCertificate::from_der(signed.bytes)?;
        if tbs.version() != Version::V3 {
            return Err(CertificateError::Version { wanted: 3 });
        }
        if *tbs.signature() != signed.algorithm {
            return Err(CertificateError::AlgorithmsDiffer);
        }
        let known = [BasicConstraints::OID, KeyUsage::OID];
        check_extensions(tbs.extensions(), &known)?;
        Ok(Self { der, signed, tbs })
    }

    /// Whether `issuer`'s key has signed it, and it says so.
    pub(super) fn is_by(&self, issuer: &Certificate<'_>) -> bool {
        self.tbs.issuer() == issuer.tbs.subject() && self.signed.is_by(issuer)
    }

    /// The common name of whom it is for.
    pub(super) fn common_name(&self) -> Option<String> {
        let name = self.tbs.subject().common_name().ok()??;
        Some(name.value().into_owned())
    }

    /// From when to when it counts, seconds since 1970.
    pub(super) fn validity(&self) -> (u64, u64) {
        let validity = self.tbs.validity();
        (seconds(validity.not_before), seconds(validity.not_after))
    }

    pub(super) fn serial(&self) -> &[u8] {
        self.tbs.serial_number().as_bytes()
    }

    /// Whether it may sign certificates.
    pub(super) fn is_ca(&self) -> bool {
        let constraints = self.tbs.get_extension::<BasicConstraints>();
        let usage = self.tbs.get_extension::<KeyUsage>();
        matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
            && matches!(usage, Ok(Some((_, usage))) if usage.key_cert_sign())
    }

    /// The content of an extension.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let mut extensions = self.tbs.extensions()?.iter();
        extensions.find(|one| one.extn_id == oid).map(|one| one.extn_value.as_bytes())
    }

    /// Its key as a point on P-384, uncompressed; `None` if it has another kind of key.
    pub(super) fn p384(&self) -> Option<&[u8]> {
        let key = self.tbs.subject_public_key_info();
        let curve = key.algorithm.parameters.as_ref()?.decode_as::<ObjectIdentifier>().ok()?;
        let known = key.algorithm.oid == EC_PUBLIC_KEY && curve == P384;
        key.subject_public_key.as_bytes().filter(|_| known)
    }
}

/// A list of revoked certificates that was read. Nothing in it was verified.
#[derive(Clone, Debug)]
pub(super) struct RevocationList<'a> {
    signed: Signed<'a>,
    tbs: TbsCertList,
}

impl<'a> RevocationList<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        let signed = Signed::parse(der)?;
        let tbs = TbsCertList::from_der(signed.bytes)?;
        if tbs.version != Version::V2 {
            return Err(CertificateError::Version { wanted: 2 });
        }
        if tbs.signature != signed.algorithm {
            return Err(CertificateError::AlgorithmsDiffer);
        }
        // Lists of changes only, or for some certificates only, say so in a critical extension.
        check_extensions(tbs.crl_extensions.as_ref(), &[])?;
        Ok(Self { signed, tbs })
    }

    pub(super) fn is_by(&self, issuer: &Certificate<'_>) -> bool {
        let name: &Name = &self.tbs.issuer;
        name == issuer.tbs.subject() && self.signed.is_by(issuer)
    }

    /// From when to when it counts, seconds since 1970; no end means that it can't be relied on at all.
    pub(super) fn validity(&self) -> (u64, Option<u64>) {
        (seconds(self.tbs.this_update), self.tbs.next_update.map(seconds))
    }

    pub(super) fn revokes(&self, certificate: &Certificate<'_>) -> bool {
        let mut revoked = self.tbs.revoked_certificates.iter().flatten();
        revoked.any(|one| one.serial_number.as_bytes() == certificate.serial())
    }
}

fn check_extensions(
    extensions: Option<&Extensions>,
    known: &[ObjectIdentifier],
) -> Result<(), CertificateError> {
    let mut seen = BTreeSet::new();
    for one in extensions.into_iter().flatten() {
        if !seen.insert(one.extn_id) {
            return Err(CertificateError::DuplicateExtension(one.extn_id));
        }
        if one.critical && !known.contains(&one.extn_id) {
            return Err(CertificateError::CriticalExtension(one.extn_id));
        }
    }
    Ok(())
}

fn seconds(time: Time) -> u64 {
    time.to_unix_duration().as_secs()
}
