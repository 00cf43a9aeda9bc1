//! What vouches for a quote: Intel's collateral, in the JSON of dcap-qvl's `QuoteCollateralV3`.
//!
//! ```text
//! pck_crl_issuer_chain, tcb_info_issuer_chain, qe_identity_issuer_chain, [pck_certificate_chain]   PEM
//! root_ca_crl, pck_crl, tcb_info_signature, qe_identity_signature                                  hexadecimal
//! tcb_info, qe_identity                                              JSON as text, the very bytes that are signed
//! ```
//!
//! Two programs have to read the same in it: a name twice, an unknown name, another spelling of bytes are refused.

use dcap_qvl::QuoteCollateralV3;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeSet, fmt};

/// Entries that a list or an object can have at most. Intel's longest has about 30.
const MAX_ENTRIES: usize = 256;
/// Bytes that a raw ECDSA P-256 signature has.
const SIGNATURE: usize = 64;

/// Collateral, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Collateral {
    /// As the verifier takes it.
    pub(super) raw: QuoteCollateralV3,
    /// What TCB info says that it is for.
    pub(super) tcb: TcbInfo,
    /// What QE identity says that it is for.
    pub(super) qe: QeIdentity,
}

/// What TCB info says that it is for (PCS API, TCB info version 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TcbInfo {
    /// `SGX` or `TDX`.
    pub(super) id: String,
    /// Family, model, stepping, platform type and custom SKU.
    pub(super) fmspc: [u8; 6],
    /// Which certification enclave.
    pub(super) pce_id: [u8; 2],
}

/// What QE identity says that it is for (PCS API, QE identity version 2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct QeIdentity {
    /// `QE` or `TD_QE`.
    pub(super) id: String,
}

/// Why collateral can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollateralError {
    /// Not JSON, not of this form, or something twice.
    #[error("the collateral cannot be read: {0}")]
    Outer(serde_json::Error),
    /// The same of a signed part.
    #[error("{part} cannot be read: {source}")]
    Signed { part: &'static str, source: serde_json::Error },
    /// Not what its version is known for.
    #[error("TCB info of version {0}, known is 3")]
    Version(u8),
    /// Bytes in another spelling than the one that there is, or not as many as there have to be.
    #[error("`{0}` is not lower case hexadecimal of the right length")]
    Hex(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
    pck_crl: String,
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
    qe_identity_issuer_chain: String,
    qe_identity: String,
    qe_identity_signature: String,
    pck_certificate_chain: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    id: String,
    version: u8,
    fmspc: String,
    pce_id: String,
}

impl Collateral {
    /// Reads it; nothing is believed. Who calls has bounded the bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CollateralError> {
        // It holds texts alone, each known by name: no name is there twice, nothing is deep.
        let outer: Outer = serde_json::from_slice(bytes).map_err(CollateralError::Outer)?;
        let info: Info = signed("TCB info", &outer.tcb_info)?;
        if info.version != 3 {
            return Err(CollateralError::Version(info.version));
        }
        let tcb = TcbInfo {
            id: info.id,
            // Intel writes these in either case.
            fmspc: array("fmspc", &info.fmspc.to_ascii_lowercase())?,
            pce_id: array("pceId", &info.pce_id.to_ascii_lowercase())?,
        };
        let qe = signed("QE identity", &outer.qe_identity)?;
        let tcb_signature: [u8; SIGNATURE] =
            array("tcb_info_signature", &outer.tcb_info_signature)?;
        let qe_signature: [u8; SIGNATURE] =
            array("qe_identity_signature", &outer.qe_identity_signature)?;
        let raw = QuoteCollateralV3 {
            pck_crl_issuer_chain: outer.pck_crl_issuer_chain,
            root_ca_crl: canonical("root_ca_crl", &outer.root_ca_crl)?,
            pck_crl: canonical("pck_crl", &outer.pck_crl)?,
            tcb_info_issuer_chain: outer.tcb_info_issuer_chain,
            tcb_info: outer.tcb_info,
            tcb_info_signature: tcb_signature.to_vec(),
            qe_identity_issuer_chain: outer.qe_identity_issuer_chain,
            qe_identity: outer.qe_identity,
            qe_identity_signature: qe_signature.to_vec(),
            pck_certificate_chain: outer.pck_certificate_chain,
        };
        Ok(Self { raw, tcb, qe })
    }
}

fn signed<T: for<'de> Deserialize<'de>>(
    part: &'static str,
    text: &str,
) -> Result<T, CollateralError> {
    let refuse = |source| CollateralError::Signed { part, source };
    serde_json::from_str::<Strict>(text).map_err(refuse)?;
    serde_json::from_str(text).map_err(refuse)
}

/// Bytes, if the text is their only spelling.
fn canonical(name: &'static str, text: &str) -> Result<Vec<u8>, CollateralError> {
    let bytes = hex::decode(text).map_err(|_| CollateralError::Hex(name))?;
    if hex::encode(&bytes) == text { Ok(bytes) } else { Err(CollateralError::Hex(name)) }
}

fn array<const N: usize>(name: &'static str, text: &str) -> Result<[u8; N], CollateralError> {
    canonical(name, text)?.try_into().map_err(|_| CollateralError::Hex(name))
}

/// Any JSON that says nothing twice and has no list or object of more than [`MAX_ENTRIES`]. Its depth is the parser's to
/// bound.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON that says nothing twice")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        for _ in 0..MAX_ENTRIES {
            if seq.next_element::<Strict>()?.is_none() {
                return Ok(Strict);
            }
        }
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Strict),
            Some(_) => Err(A::Error::custom(format_args!("a list of more than {MAX_ENTRIES}"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.len() == MAX_ENTRIES {
                return Err(A::Error::custom(format_args!("an object of more than {MAX_ENTRIES}")));
            }
            map.next_value::<Strict>()?;
            if !names.insert(name) {
                return Err(A::Error::custom("a name that is there twice"));
            }
        }
        Ok(Strict)
    }
}
