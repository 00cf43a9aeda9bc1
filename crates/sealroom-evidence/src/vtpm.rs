//! A TPM's quote and what it covers, as one piece of JSON: the evidence of the kinds `tpm`, `azure-tdx`, `azure-snp`.
//!
//! ```text
//! { "hcl":       base64, what Azure's paravisor keeps            azure-tdx, azure-snp
//!   "key":       base64, SubjectPublicKeyInfo                    tpm
//!   "message":   base64, TPMS_ATTEST
//!   "signature": base64, RSASSA-PKCS1-v1_5 or r ‖ s, SHA-256
//!   "pcrs":      { "0": 64 lower case digits, … "23" }           the SHA-256 bank
//!   "td_quote":  base64, a TDX quote                             azure-tdx
//! }
//! ```

use crate::tpm::PCRS;
use sealroom_protocol::Base64;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// The largest bundle that is read: a TDX quote of 16 KiB and all else fit twice.
pub const MAX_LEN: usize = 64 << 10;

/// A quote and what belongs to it. Which parts a kind of evidence has is for its verifier to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What Azure's paravisor keeps in the TPM ([`crate::hcl`]).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub hcl: Option<Base64>,
    /// The key that has signed, where nothing else names it: SubjectPublicKeyInfo, DER.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub key: Option<Base64>,
    /// What was signed: TPMS_ATTEST ([`crate::tpm::Quote`]).
    pub message: Base64,
    /// The signature, without TPM structures around it ([`crate::tpm::Signature::raw`]).
    pub signature: Base64,
    /// The registers that the quote covers.
    pub pcrs: Pcrs,
    /// The TDX quote over the paravisor's report.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub td_quote: Option<Base64>,
}

/// Values of a TPM's SHA-256 registers, by number, 0..=23.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pcrs(BTreeMap<u8, [u8; 32]>);

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Longer than any.
    #[error("the bundle has {0} bytes, at most {MAX_LEN} are read")]
    TooLong(usize),
    /// It is no object. (Of a list, serde would take the members for fields.)
    #[error("the bundle is no JSON object")]
    NoObject,
    /// It is not JSON of this shape.
    #[error("the bundle is not readable")]
    Json(#[source] serde_json::Error),
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// Every [`BundleError`]; unknown and repeated names are [`BundleError::Json`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_LEN {
            return Err(BundleError::TooLong(bytes.len()));
        }
        if bytes.first() != Some(&b'{') {
            return Err(BundleError::NoObject);
        }
        serde_json::from_slice(bytes).map_err(BundleError::Json)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text, and numbers as keys: always JSON")
    }
}

impl Pcrs {
    /// Registers by number; `None` if there is no such register in a TPM.
    #[must_use]
    pub fn new(values: BTreeMap<u8, [u8; 32]>) -> Option<Self> {
        values.keys().all(|pcr| *pcr < PCRS).then_some(Self(values))
    }

    /// By number, in order.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<u8, [u8; 32]> {
        &self.0
    }
}

impl Serialize for Pcrs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(pcr, value)| (pcr, hex::encode(value))))
    }
}

impl<'de> Deserialize<'de> for Pcrs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Registers;
        impl<'de> Visitor<'de> for Registers {
            type Value = Pcrs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of registers, from \"0\" to \"23\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pcrs, A::Error> {
                let mut found = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    let pcr = register(&name)
                        .ok_or_else(|| de::Error::custom("a name is no register of a TPM"))?;
                    let value = digits(&value).ok_or_else(|| {
                        de::Error::custom("a register is not 64 lower case digits")
                    })?;
                    if found.insert(pcr, value).is_some() {
                        return Err(de::Error::custom("a register is there twice"));
                    }
                }
                Ok(Pcrs(found))
            }
        }
        deserializer.deserialize_map(Registers)
    }
}

/// `0` to `23`, written in that way alone.
fn register(name: &str) -> Option<u8> {
    let pcr: u8 = name.parse().ok().filter(|pcr| *pcr < PCRS)?;
    (pcr.to_string() == name).then_some(pcr)
}

fn digits(text: &str) -> Option<[u8; 32]> {
    let mut value = [0; 32];
    hex::decode_to_slice(text, &mut value).ok()?;
    (!text.bytes().any(|byte| byte.is_ascii_uppercase())).then_some(value)
}

/// Something that may be left out, but is not `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Base64>, D::Error> {
    Base64::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Bundle {
        Bundle {
            hcl: Some(Base64(vec![1; 3])),
            key: None,
            message: Base64(vec![2; 3]),
            signature: Base64(vec![3; 3]),
            pcrs: Pcrs::new([(0, [0xab; 32]), (23, [0; 32])].into()).unwrap(),
            td_quote: None,
        }
    }

    #[test]
    fn a_bundle_is_written_and_read() {
        let bytes = sample().to_bytes();
        let text = format!(
            r#"{{"hcl":"AQEB","message":"AgIC","signature":"AwMD","pcrs":{{"0":"{}","23":"{}"}}}}"#,
            "ab".repeat(32),
            "00".repeat(32)
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
        assert_eq!(Bundle::parse(text.as_bytes()).unwrap(), sample());
        assert_eq!(Pcrs::new([(24, [0; 32])].into()), None);
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let good = String::from_utf8(sample().to_bytes()).unwrap();
        let zeros = "00".repeat(32);
        for (name, from, to) in [
            ("a register that no TPM has", r#""23""#, r#""24""#),
            ("a register in another spelling", r#""0":"#, r#""00":"#),
            ("a register with a sign", r#""0":"#, r#""+0":"#),
            ("a register that is there twice", r#""23""#, r#""0""#),
            ("upper case digits", "abab", "ABab"),
            ("a short register", zeros.as_str(), "00"),
            ("a field that is there twice", r#""hcl""#, r#""hcl":"AQEB","hcl""#),
            ("null for nothing", r#""AQEB""#, "null"),
            ("an unknown field", r#""hcl""#, r#""hcp""#),
            ("a field less", r#""message":"AgIC","#, ""),
            ("no base64", "AgIC", "AgI!"),
            ("bits left over in base64", "AgIC", "AgJ="),
            ("something behind it", "}}", "}}{}"),
            ("something before it", r#"{"hcl""#, r#" {"hcl""#),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{name}");
            assert!(Bundle::parse(bad.as_bytes()).is_err(), "{name}");
        }
        let listed = format!(r#"["AQEB","AQEB","AgIC","AwMD",{{"0":"{zeros}"}},"AQEB"]"#);
        assert!(matches!(Bundle::parse(listed.as_bytes()), Err(BundleError::NoObject)));
        let long = format!("{good}{}", " ".repeat(MAX_LEN));
        assert!(matches!(Bundle::parse(long.as_bytes()), Err(BundleError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
            _ = Bundle::parse(&bytes);
            let mut spoiled = sample().to_bytes();
            *at.get_mut(&mut spoiled) = byte;
            // Whatever is still read is written as something that reads the same.
            if let Ok(bundle) = Bundle::parse(&spoiled) {
                prop_assert_eq!(Bundle::parse(&bundle.to_bytes()).unwrap(), bundle);
            }
        }

        #[test]
        fn every_bundle_comes_back(values: BTreeMap<u8, [u8; 32]>, key: Option<Vec<u8>>, message: Vec<u8>) {
            let values = values.into_iter().filter(|(pcr, _)| *pcr < PCRS).collect();
            let bundle = Bundle {
                key: key.map(Base64),
                message: Base64(message),
                pcrs: Pcrs::new(values).unwrap(),
                ..sample()
            };
            prop_assert_eq!(Bundle::parse(&bundle.to_bytes()).unwrap(), bundle);
        }
    }
}
