//! Dossiers: a run's receipt in one file with all that it takes to check it, years later and without a network.
//!
//! ```text
//! {"version":"sealroom/dossier/v1","receipt":DSSE,"identity":{"manifest":TEXT,"keys":…,"evidence":…},
//!  "endorsements":["BASE64",…],"releases":[…]}
//! ```
//! Nothing in it is believed for being in it: the receipt is signed by the identity, the identity is bound to the manifest by
//! the evidence, the evidence is vouched for by the manufacturer, and the releases are signed by the participants.

use crate::{Base64, Envelope, Evidence, IdentityKeys, Release, manifest};
use serde::{Deserialize, Serialize};

/// The version that this crate writes and reads.
pub const VERSION: &str = "sealroom/dossier/v1";
/// Largest file that is read, in bytes: the largest manifest, receipt and inventories that anybody has use for, with room for
/// base64 and escapes.
pub const MAX_LEN: usize = 64 << 20;
/// Participants whose releases are read.
const MAX_RELEASES: usize = 1 << 10;

/// A run's receipt and what it takes to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// [`VERSION`].
    pub version: String,
    /// What the enclave says of the run.
    pub receipt: Envelope,
    /// Which enclave.
    pub identity: IdentityPart,
    /// What vouched for its evidence, in the order of the kind's format; empty if it came with the evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endorsements: Vec<Base64>,
    /// The key releases that the run was made with, in the order of the manifest's participants. The keys in them are sealed
    /// to the identity.
    pub releases: Vec<Release>,
}

/// The identity that a run was under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityPart {
    /// The canonical manifest.
    pub manifest: String,
    /// Its keys.
    pub keys: IdentityKeys,
    /// What it showed for itself.
    pub evidence: Evidence,
}

/// Why bytes are no dossier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DossierError {
    /// Over [`MAX_LEN`].
    #[error("it has more than the {MAX_LEN} bytes that are read")]
    TooLong,
    /// Not JSON, or not the fields of a dossier.
    #[error("it is no dossier of a run")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("it has version `{0}`, this program reads `{VERSION}`")]
    Version(String),
    /// A part that is larger than it can be.
    #[error("its {0} is larger than it can be")]
    Part(&'static str),
}

impl Dossier {
    /// Reads a file.
    ///
    /// # Errors
    /// Every [`DossierError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DossierError> {
        if bytes.len() > MAX_LEN {
            return Err(DossierError::TooLong);
        }
        let dossier: Self = serde_json::from_slice(bytes)?;
        if dossier.version != VERSION {
            let shown = dossier.version.chars().take(80).collect::<String>();
            return Err(DossierError::Version(crate::text::visible(&shown)));
        }
        let sizes = [
            ("manifest", dossier.identity.manifest.len() > manifest::MAX_LEN),
            ("list of releases", dossier.releases.len() > MAX_RELEASES),
        ];
        match sizes.into_iter().find(|(_, too_large)| *too_large) {
            Some((part, _)) => Err(DossierError::Part(part)),
            None => Ok(dossier),
        }
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::canonical(self)
    }

    /// What vouches for the evidence: what was kept with it, or what came with it.
    #[must_use]
    pub fn endorsements(&self) -> &[Base64] {
        let came = &self.identity.evidence.endorsements;
        if self.endorsements.is_empty() { came } else { &self.endorsements }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EvidenceKind, PublicKey};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sample() -> Dossier {
        let keys =
            IdentityKeys { signing: PublicKey::from_bytes([1; 32]), sealing: Base64(vec![2]) };
        let evidence = Evidence {
            kind: EvidenceKind::Simulated,
            quote: Base64(vec![3]),
            endorsements: vec![Base64(vec![4])],
        };
        let receipt = json!({"payloadType": "t", "payload": "", "signatures": []});
        Dossier {
            version: VERSION.to_owned(),
            receipt: serde_json::from_value(receipt).unwrap(),
            identity: IdentityPart { manifest: "{}".to_owned(), keys, evidence },
            endorsements: vec![],
            releases: vec![],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut dossier = sample();
        assert_eq!(Dossier::parse(&dossier.to_bytes()).unwrap(), dossier);
        assert_eq!(dossier.endorsements(), [Base64(vec![4])], "those that came with the evidence");
        dossier.endorsements.push(Base64(vec![5]));
        assert_eq!(dossier.endorsements(), [Base64(vec![5])]);
        assert_eq!(Dossier::parse(&dossier.to_bytes()).unwrap(), dossier);
    }

    #[test]
    fn each_fault_is_refused_for_its_own_reason() {
        type Fault = (&'static str, fn(&mut Value), &'static str);
        let faults: [Fault; 9] = [
            ("another version", |v| v["version"] = "sealroom/dossier/v9".into(), "has version"),
            ("a field of its own", |v| v["note"] = 1.into(), "no dossier"),
            ("one in the identity", |v| v["identity"]["note"] = 1.into(), "no dossier"),
            ("one in the evidence", |v| v["identity"]["evidence"]["x"] = 1.into(), "no dossier"),
            ("one in the keys", |v| v["identity"]["keys"]["x"] = 1.into(), "no dossier"),
            ("no receipt", |v| drop(v.as_object_mut().unwrap().remove("receipt")), "no dossier"),
            ("a release that is none", |v| v["releases"] = json!([{}]), "no dossier"),
            ("no list", |v| v["releases"] = json!({}), "no dossier"),
            (
                "a manifest without end",
                |v| v["identity"]["manifest"] = " ".repeat(manifest::MAX_LEN + 1).into(),
                "its manifest is larger",
            ),
        ];
        let good = serde_json::to_value(sample()).unwrap();
        for (name, spoil, reason) in faults {
            let mut value = good.clone();
            spoil(&mut value);
            let refusal = Dossier::parse(value.to_string().as_bytes()).unwrap_err().to_string();
            assert!(refusal.contains(reason), "{name}: {refusal}");
        }
        let text = good.to_string();
        let twice = text.replacen('{', "{\"version\":\"sealroom/dossier/v1\",", 1);
        assert!(Dossier::parse(twice.as_bytes()).is_err(), "a field that is there twice");
        let long = vec![b' '; MAX_LEN + 1];
        assert!(matches!(Dossier::parse(&long), Err(DossierError::TooLong)));
    }

    proptest! {
        #[test]
        fn a_file_that_is_cut_anywhere_is_none(at in any::<prop::sample::Index>()) {
            let bytes = sample().to_bytes();
            prop_assert!(Dossier::parse(&bytes[..at.index(bytes.len())]).is_err());
        }
    }
}
