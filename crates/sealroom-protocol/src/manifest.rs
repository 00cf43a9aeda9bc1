//! The manifest: the canonical document that says exactly what a computation is (design, section 5).
//!
//! Made by the enclave from what the server hands it, and enforced by the enclave; its SHA-256 is in
//! the evidence. A participant reads the text that it is given, checks the content, and hashes those
//! bytes itself.

use crate::{
    CodeFile, ComputationId, Digest, Email, EvidenceKind, JailPart, LogDetail, LogPolicy,
    PackageFile, PackageName, PackageVersion, ParticipantId, Policy, PublicKey, Role, RuntimeName,
    Suite, Timestamp,
    contract::{ContractError, Terms},
    package::{Requester, Variables},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version that this crate writes and reads.
pub const VERSION: &str = "sealroom/manifest/v1";
/// Largest manifest that is read, in bytes: thousands of files and packages fit.
pub const MAX_LEN: usize = 16 << 20;

/// Exactly what a computation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: String,
    /// Which computation.
    pub computation: ComputationPart,
    /// Who takes part: code provider, data providers, result consumers, each in their order.
    pub participants: Vec<ParticipantPart>,
    /// Every file of the code, sorted by path.
    pub code: Vec<CodeFile>,
    /// What the code runs with.
    pub environment: EnvironmentPart,
    /// The limits.
    pub policy: Policy,
    /// What enforces all this.
    pub runtime: RuntimePart,
}

/// Which computation this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputationPart {
    /// Its identifier.
    pub uuid: ComputationId,
    /// The owner's name for it.
    pub name: String,
    /// Who created it.
    pub owner: Email,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it protects nothing, for trying things out.
    pub dev_mode: bool,
}

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticipantPart {
    /// What it does.
    pub role: Role,
    /// Who it is said to be: the server's word. The safety words say more.
    pub email: Email,
    /// The formats that it uses.
    pub suite: Suite,
    /// The key that signs its release.
    pub public_key: PublicKey,
}

/// What the code runs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentPart {
    /// The name of the runtime profile.
    pub profile: RuntimeName,
    /// Version of CPython.
    pub python: String,
    /// The kind of machine that wheels are for, such as `linux_x86_64`.
    pub platform: String,
    /// Variables that the profile sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: Variables,
    /// SHA-256 of the canonical JSON of `packages`: two environments with the same have the same packages, from the
    /// same files, asked for by the same.
    pub lock_sha256: Digest,
    /// The lock: every package there is beside the standard library, sorted by name.
    pub packages: Vec<PackagePart>,
}

/// One package, and the one file that it was installed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagePart {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// Its licence, by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// The wheel.
    pub file: PackageFile,
    /// Bytes of the wheel.
    pub size: u64,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// The source distribution that the wheel was built from, in the jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_from: Option<SourcePart>,
    /// Whether it comes with the profile; else with the code.
    pub of_profile: bool,
    /// Who asked for it, by the word of whoever resolved.
    pub via: BTreeSet<Requester>,
}

/// A source distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePart {
    /// Its file.
    pub file: PackageFile,
    /// SHA-256 of its file.
    pub sha256: Digest,
}

impl EnvironmentPart {
    /// What [`lock_sha256`](Self::lock_sha256) has to be.
    #[must_use]
    pub fn digest_of(packages: &[PackagePart]) -> Digest {
        Digest::of(&crate::canonical(&packages))
    }

    /// Whether the packages are sorted, each once, and are those of the digest.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.packages.windows(2).all(|pair| pair[0].name < pair[1].name)
            && self.lock_sha256 == Self::digest_of(&self.packages)
    }

    /// A package by its name.
    #[must_use]
    pub fn package(&self, name: &PackageName) -> Option<&PackagePart> {
        self.packages.iter().find(|package| package.name == *name)
    }
}

/// What enforces the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimePart {
    /// Version of the enclave program.
    pub enclave: String,
    /// Which evidence it gives.
    pub attester: EvidenceKind,
    /// What holds the code, on its machine.
    pub jail: JailPart,
}

/// A manifest together with the bytes that were hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalManifest {
    manifest: Manifest,
    text: String,
    digest: Digest,
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Over [`MAX_LEN`].
    #[error("the manifest has {found} bytes, at most {MAX_LEN} are read")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Not JSON, or not the fields of a manifest.
    #[error("the manifest cannot be read")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("the manifest has version `{0}`, this program reads `{VERSION}`")]
    Version(String),
    /// Text that would show something else than it says.
    #[error("the manifest has control or formatting characters in it")]
    Deceptive,
    /// Not the one spelling that RFC 8785 gives.
    #[error("the manifest is not in canonical form (RFC 8785)")]
    NotCanonical,
}

impl Manifest {
    /// The participant `id`, counted within its role.
    #[must_use]
    pub fn participant(&self, id: ParticipantId) -> Option<&ParticipantPart> {
        self.participants.iter().filter(|p| p.role == id.role).nth(id.index.into())
    }

    /// Every participant with its identifier.
    pub fn participants(&self) -> impl Iterator<Item = (ParticipantId, &ParticipantPart)> {
        Role::ALL.into_iter().flat_map(move |role| {
            let of_role = self.participants.iter().filter(move |p| p.role == role);
            of_role.zip(0..).map(move |(part, index)| (ParticipantId { role, index }, part))
        })
    }

    /// The output contract in a form that can be enforced.
    ///
    /// # Errors
    /// [`ContractError`] if it contradicts itself or the rest of the manifest.
    pub fn terms(&self) -> Result<Terms, ContractError> {
        let consumers = self.participants.iter().filter(|p| p.role == Role::ResultConsumer).count();
        self.policy.terms(Some(u16::try_from(consumers).unwrap_or(u16::MAX)))
    }

    /// Who may read what the code printed, and how much of it. In development mode everybody all of it.
    #[must_use]
    pub fn logs(&self) -> (LogPolicy, LogDetail) {
        match self.computation.dev_mode {
            true => (LogPolicy::Participants, LogDetail::Full),
            false => (self.policy.logs, self.policy.log_detail),
        }
    }

    /// The participants who get a log.
    pub fn log_readers(&self) -> impl Iterator<Item = (ParticipantId, &ParticipantPart)> {
        let (logs, _) = self.logs();
        self.participants().filter(move |(id, _)| match logs {
            LogPolicy::None => false,
            LogPolicy::CodeProvider => id.role == Role::CodeProvider,
            LogPolicy::Participants => true,
        })
    }

    /// Writes the canonical form and hashes it.
    #[must_use]
    pub fn canonical(self) -> CanonicalManifest {
        let bytes = crate::canonical(&self);
        let digest = Digest::of(&bytes);
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        CanonicalManifest { manifest: self, text, digest }
    }
}

impl CanonicalManifest {
    /// Reads a manifest; only its canonical form is one.
    ///
    /// # Errors
    /// Every [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_LEN {
            return Err(ManifestError::TooLong { found: text.len() });
        }
        let value: serde_json::Value = serde_json::from_str(text)?;
        if is_deceptive(&value) {
            return Err(ManifestError::Deceptive);
        }
        let manifest: Manifest = serde_json::from_value(value)?;
        if manifest.version != VERSION {
            return Err(ManifestError::Version(manifest.version.chars().take(80).collect()));
        }
        let canonical = manifest.canonical();
        if canonical.text != text {
            return Err(ManifestError::NotCanonical);
        }
        Ok(canonical)
    }

    /// The content.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The canonical text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the canonical text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn is_deceptive(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.chars().any(crate::text::is_deceptive),
        serde_json::Value::Array(values) => values.iter().any(is_deceptive),
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| {
            name.chars().any(crate::text::is_deceptive) || is_deceptive(value)
        }),
        _ => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Manifest {
        Manifest {
            version: VERSION.to_owned(),
            computation: ComputationPart {
                uuid: "0f0e0d0c-0b0a-0908-0706-050403020100".parse().unwrap(),
                name: "two hospitals \u{20ac}".to_owned(),
                owner: "owner@example.org".parse().unwrap(),
                created_at: Timestamp::UNIX_EPOCH,
                dev_mode: false,
            },
            participants: [Role::CodeProvider, Role::DataProvider, Role::DataProvider]
                .into_iter()
                .zip(1..)
                .map(|(role, n)| ParticipantPart {
                    role,
                    email: format!("p{n}@example.org").parse().unwrap(),
                    suite: Suite::Hybrid,
                    public_key: PublicKey::from_bytes([n; 32]),
                })
                .collect(),
            code: vec![],
            environment: EnvironmentPart {
                profile: RuntimeName::default(),
                python: "3.11.7".to_owned(),
                platform: "linux_x86_64".to_owned(),
                variables: Variables::new(),
                lock_sha256: EnvironmentPart::digest_of(&[]),
                packages: vec![],
            },
            policy: Policy::default(),
            runtime: RuntimePart {
                enclave: "0.1.0".to_owned(),
                attester: EvidenceKind::Simulated,
                jail: JailPart::of(vec!["seccomp".to_owned()]),
            },
        }
    }

    #[test]
    fn only_the_canonical_form_is_a_manifest() {
        let canonical = sample().canonical();
        assert_eq!(CanonicalManifest::parse(canonical.text()).unwrap(), canonical);
        assert_eq!(canonical.digest(), Digest::of(canonical.text().as_bytes()));
        let spaced = format!(" {}", canonical.text());
        assert!(matches!(CanonicalManifest::parse(&spaced), Err(ManifestError::NotCanonical)));
        let extra = canonical.text().replacen('{', "{\"a\":1,", 1);
        assert!(matches!(CanonicalManifest::parse(&extra), Err(ManifestError::Json(_))));
        let other = canonical.text().replace("manifest/v1", "manifest/v2");
        assert!(matches!(CanonicalManifest::parse(&other), Err(ManifestError::Version(_))));
    }

    #[test]
    fn a_manifest_says_what_it_shows() {
        let mut manifest = sample();
        manifest.computation.name = "x\u{1b}[1A\u{1b}[2K".to_owned();
        let refused = CanonicalManifest::parse(manifest.canonical().text());
        assert!(matches!(refused, Err(ManifestError::Deceptive)));
    }

    #[test]
    fn logs_go_to_those_who_were_named_and_in_development_to_all() {
        let mut manifest = sample();
        let readers = |manifest: &Manifest| manifest.log_readers().count();
        for (logs, count) in
            [(LogPolicy::None, 0), (LogPolicy::CodeProvider, 1), (LogPolicy::Participants, 3)]
        {
            manifest.policy.logs = logs;
            assert_eq!(readers(&manifest), count);
        }
        manifest.policy.logs = LogPolicy::None;
        manifest.policy.log_detail = LogDetail::Scrubbed;
        manifest.computation.dev_mode = true;
        assert_eq!((readers(&manifest), manifest.logs().1), (3, LogDetail::Full));
    }

    #[test]
    fn participants_are_counted_within_their_role() {
        let manifest = sample();
        let second = ParticipantId { role: Role::DataProvider, index: 1 };
        assert_eq!(manifest.participant(second).unwrap().email.as_str(), "p3@example.org");
        assert_eq!(manifest.participant(ParticipantId { index: 2, ..second }), None);
        assert_eq!(manifest.participants().nth(2).unwrap().0, second);
    }
}
