//! Receipts: the enclave's signed statement of what one run read, executed and wrote.
//!
//! An in-toto statement (v1) in a DSSE envelope (v1), signed by the identity's Ed25519 key. Its
//! subjects are the sealed results; the predicate says what they were made from.

use crate::{Base64, ComputationId, Digest, FileName, InventoryEntry, PublicKey, Timestamp};
use sealroom_seal::sign::{Signature, SigningKey};
use serde::{Deserialize, Serialize};

/// DSSE payload type of in-toto statements.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "urn:sealroom:receipt:v1";
/// Largest payload that is read, in bytes.
const MAX_PAYLOAD: usize = 16 << 20;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RunStatus {
    /// The code ended with exit code 0; there may be results.
    Succeeded,
    /// It did not; there are no results.
    Failed {
        /// Why, without anything the code or the data said.
        reason: String,
        /// The code's exit code, if it came so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
}

/// One sealed result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SealedResult {
    /// Which result consumer can open it, from 0.
    pub consumer: u16,
    /// Its number, [`INDEX`] or [`SINGLE`]: the names that the code gave are for the consumer alone.
    pub name: FileName,
    /// Bytes of the sealed file.
    pub size: u64,
    /// SHA-256 of the sealed file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: Digest,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The computation.
    pub computation: ComputationId,
    /// The manifest in force.
    pub manifest: Digest,
    /// Which run of this manifest, from 1.
    pub run: u32,
    /// When it started, by the enclave's clock, which is the host's.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub status: RunStatus,
    /// What it read: provider and file, in the order in which the code saw them.
    pub inputs: Vec<Input>,
    /// What it wrote.
    pub results: Vec<SealedResult>,
    /// The sealed log, if the policy grants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<SealedLog>,
}

/// A sealed log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedLog {
    /// Bytes of the sealed file.
    pub size: u64,
    /// SHA-256 of the sealed file.
    pub sha256: Digest,
}

/// The name of each consumer's sealed index: which result has which name.
pub const INDEX: &str = "index";

/// The name that a consumer of the 2022 suite gets its one result under: its client asks for no other.
pub const SINGLE: &str = "result.bin";

/// What a consumer's index says, as JSON inside the sealed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultIndex {
    /// The name that the code gave each result, by the number that it is published under.
    pub names: std::collections::BTreeMap<FileName, FileName>,
}

/// One input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Which data provider, from 0.
    pub provider: u16,
    /// The file, as the provider listed it.
    pub file: InventoryEntry,
}

/// A signed receipt: DSSE JSON.
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
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Receipt,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct SubjectDigest {
    sha256: Digest,
}

/// Why a receipt is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not signed by the enclave identity.
    #[error("the receipt is not signed by the enclave's identity")]
    Signature,
    /// Signed, but nothing that this program reads.
    #[error("the receipt cannot be read")]
    Json(#[from] serde_json::Error),
    /// Signed, but not a receipt of this version.
    #[error("the receipt is of another type or contradicts itself")]
    Type,
}

/// Pre-authentication encoding (DSSE v1): "DSSEv1" SP len(type) SP type SP len(body) SP body.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

fn subjects(receipt: &Receipt) -> Vec<Subject> {
    let name =
        |r: &SealedResult| format!("consumers/{}/runs/{}/{}", r.consumer, receipt.run, r.name);
    let subject =
        |r: &SealedResult| Subject { name: name(r), digest: SubjectDigest { sha256: r.sha256 } };
    receipt.results.iter().map(subject).collect()
}

impl Receipt {
    /// Signs the receipt.
    #[must_use]
    pub fn sign(self, identity: &SigningKey) -> Envelope {
        let payload = crate::canonical(&Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: subjects(&self),
            predicate_type: PREDICATE_TYPE.to_owned(),
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

impl Envelope {
    /// Reads the receipt if `identity` has signed it.
    ///
    /// # Errors
    /// Every [`ReceiptError`].
    pub fn verify(&self, identity: &PublicKey) -> Result<Receipt, ReceiptError> {
        let message = pae(&self.payload_type, &self.payload.0);
        let signed = self.signatures.iter().take(8).any(|s| {
            let signature = s.sig.0.as_slice().try_into().map(Signature::from_bytes);
            signature.is_ok_and(|signature| identity.verify(&message, &signature).is_ok())
        });
        if !signed || self.payload_type != PAYLOAD_TYPE || self.payload.0.len() > MAX_PAYLOAD {
            return Err(ReceiptError::Signature);
        }
        let statement: Statement = serde_json::from_slice(&self.payload.0)?;
        let typed = statement.kind == STATEMENT_TYPE && statement.predicate_type == PREDICATE_TYPE;
        if !typed || statement.subject != subjects(&statement.predicate) {
            return Err(ReceiptError::Type);
        }
        Ok(statement.predicate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            computation: ComputationId::random(),
            manifest: Digest::of(b"m"),
            run: 1,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: Timestamp::UNIX_EPOCH,
            status: RunStatus::Succeeded,
            inputs: vec![],
            results: vec![SealedResult {
                consumer: 0,
                name: "0".parse().unwrap(),
                size: 56,
                sha256: Digest::of(b"sealed"),
            }],
            log: None,
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
        let receipt = receipt();
        let envelope = receipt.clone().sign(&key);
        let json = serde_json::to_string(&envelope).unwrap();
        assert!(json.contains("\"payloadType\":\"application/vnd.in-toto+json\""));
        let envelope: Envelope = serde_json::from_str(&json).unwrap();
        assert_eq!(envelope.verify(&key.public()).unwrap(), receipt);
        let stranger = SigningKey::random().public();
        assert!(matches!(envelope.verify(&stranger), Err(ReceiptError::Signature)));
        let mut altered = envelope.clone();
        altered.payload.0[10] ^= 1;
        assert!(matches!(altered.verify(&key.public()), Err(ReceiptError::Signature)));
        let unsigned = Envelope { signatures: vec![], ..envelope };
        assert!(matches!(unsigned.verify(&key.public()), Err(ReceiptError::Signature)));
    }
}
