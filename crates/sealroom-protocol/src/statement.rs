//! What an enclave signs: in-toto statements (v1) in DSSE envelopes (v1), under its identity's Ed25519 key.
//!
//! A statement has subjects, named by their SHA-256, and a predicate that says something of them. Its type
//! keeps one sort of statement from passing for another.

use crate::{Base64, Digest, PublicKey};
use sealroom_seal::sign::{Signature, SigningKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// DSSE payload type of in-toto statements.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Largest payload that is read, in bytes.
const MAX_PAYLOAD: usize = 16 << 20;

/// What a statement can say.
pub trait Predicate: Serialize + DeserializeOwned {
    /// Its type, a URI.
    const TYPE: &'static str;

    /// What it speaks of. Computed, so that it can't contradict the predicate.
    fn subjects(&self) -> Vec<Subject>;

    /// Signs the statement with the key of an identity.
    #[must_use]
    fn sign(self, identity: &SigningKey) -> Envelope {
        let payload = crate::canonical(&Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.subjects(),
            predicate_type: Self::TYPE.to_owned(),
            predicate: self,
        });
        let signature = identity.sign(&pae(PAYLOAD_TYPE, &payload));
        Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: Base64(payload),
            signatures: vec![EnvelopeSignature {
                keyid: identity.public().to_string(),
                sig: Base64(signature.as_bytes().to_vec()),
            }],
        }
    }
}

/// Something that a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SubjectDigest {
    sha256: Digest,
}

impl Subject {
    /// A subject by its name and digest.
    #[must_use]
    pub fn new(name: String, sha256: Digest) -> Self {
        Self { name, digest: SubjectDigest { sha256 } }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A signed statement: DSSE JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    payload: Base64,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct EnvelopeSignature {
    keyid: String,
    sig: Base64,
}

#[derive(Serialize, Deserialize)]
struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: P,
}

/// Only what tells of which sort a statement is.
#[derive(Deserialize)]
struct Sort {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

/// Why a statement is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not signed by the enclave identity.
    #[error("the statement is not signed by the enclave's identity")]
    Signature,
    /// Signed, but nothing that this program reads.
    #[error("the statement cannot be read")]
    Json(#[from] serde_json::Error),
    /// Signed, but of another sort, or its subjects are not those of its predicate.
    #[error("the statement is of another type or contradicts itself")]
    Type,
}

/// Pre-authentication encoding (DSSE v1): "DSSEv1" SP len(type) SP type SP len(body) SP body.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Reads the statement if `identity` has signed it and it is one of `P`.
    ///
    /// # Errors
    /// Every [`StatementError`].
    pub fn verify<P: Predicate>(&self, identity: &PublicKey) -> Result<P, StatementError> {
        let message = pae(&self.payload_type, &self.payload.0);
        let signed = self.signatures.iter().take(8).any(|s| {
            let signature = s.sig.0.as_slice().try_into().map(Signature::from_bytes);
            signature.is_ok_and(|signature| identity.verify(&message, &signature).is_ok())
        });
        if !signed || self.payload_type != PAYLOAD_TYPE || self.payload.0.len() > MAX_PAYLOAD {
            return Err(StatementError::Signature);
        }
        let sort: Sort = serde_json::from_slice(&self.payload.0)?;
        if sort.kind != STATEMENT_TYPE || sort.predicate_type != P::TYPE {
            return Err(StatementError::Type);
        }
        let statement: Statement<P> = serde_json::from_slice(&self.payload.0)?;
        if statement.subject != statement.predicate.subjects() {
            return Err(StatementError::Type);
        }
        Ok(statement.predicate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Said {
        of: Digest,
    }

    impl Predicate for Said {
        const TYPE: &'static str = "urn:example:said";
        fn subjects(&self) -> Vec<Subject> {
            vec![Subject::new("it".to_owned(), self.of)]
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Other {
        of: Digest,
    }

    impl Predicate for Other {
        const TYPE: &'static str = "urn:example:other";
        fn subjects(&self) -> Vec<Subject> {
            vec![Subject::new("it".to_owned(), self.of)]
        }
    }

    /// The test vector of the DSSE protocol page.
    #[test]
    fn the_encoding_is_dsse() {
        let encoded = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn only_what_the_identity_signed_is_read() {
        let key = SigningKey::random();
        let said = Said { of: Digest::of(b"it") };
        let envelope = said.clone().sign(&key);
        let json = serde_json::to_string(&envelope).unwrap();
        assert!(json.contains("\"payloadType\":\"application/vnd.in-toto+json\""));
        let envelope: Envelope = serde_json::from_str(&json).unwrap();
        assert_eq!(envelope.verify::<Said>(&key.public()).unwrap(), said);
        let stranger = SigningKey::random().public();
        assert!(matches!(envelope.verify::<Said>(&stranger), Err(StatementError::Signature)));
        let mut altered = envelope.clone();
        altered.payload.0[10] ^= 1;
        assert!(matches!(altered.verify::<Said>(&key.public()), Err(StatementError::Signature)));
        let unsigned = Envelope { signatures: vec![], ..envelope };
        assert!(matches!(unsigned.verify::<Said>(&key.public()), Err(StatementError::Signature)));
    }

    #[test]
    fn a_statement_does_not_pass_for_one_of_another_sort() {
        let key = SigningKey::random();
        let envelope = Said { of: Digest::of(b"it") }.sign(&key);
        assert!(matches!(envelope.verify::<Other>(&key.public()), Err(StatementError::Type)));
    }
}
