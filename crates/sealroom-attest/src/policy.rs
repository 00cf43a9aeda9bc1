//! What a relying party accepts: typed values, and the file that people write them in.
//!
//! The file is TOML (docs/attestation-policy.md): [`Policy::parse`] reads it and names the line of whatever is wrong with
//! it, [`Shipped`] are those that come with the program, [`Policy::explain`] says in words what a policy comes to.

mod amd;
mod document;
mod error;
mod explain;
mod file;
mod intel;
mod shipped;
#[cfg(test)]
mod tests;
mod tpm;
mod value;

pub use error::PolicyError;
pub use explain::{Effect, Explanation, Section, Statement};
pub use shipped::Shipped;

use sealroom_evidence::snp::{Product, Tcb};
use sealroom_protocol::EvidenceKind;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// Bytes that a policy file can have: a thousand platforms fit, and nobody waits for it to be read.
pub const MAX_FILE: usize = 256 << 10;

/// A whole policy. What it does not name is refused: the default accepts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its name, for people.
    pub name: String,
    /// The kinds of evidence that it accepts. `tpm` and `simulated` prove nothing about hardware.
    pub accept: BTreeSet<EvidenceKind>,
    /// For SGX.
    pub sgx: SgxPolicy,
    /// For TDX, Azure's too.
    pub tdx: TdxPolicy,
    /// For SEV-SNP, Azure's too.
    pub snp: SnpPolicy,
    /// For what Azure's paravisor adds.
    pub azure: AzurePolicy,
    /// For TPMs that no hardware of a TEE vouches for.
    pub tpm: TpmPolicy,
    /// Single platforms.
    pub platforms: Platforms,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names the first line that is wrong, and what to do about it: syntax, an unknown key, a value out of
    /// range, rules that contradict each other, a kind that is accepted without saying what may run.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        file::parse(text)
    }
}

/// What Intel says of a platform's state (SGX and TDX).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DcapPolicy {
    /// The states that are accepted.
    pub statuses: BTreeSet<TcbStatus>,
    /// Days for which a platform may be `OutOfDate` after the date of the state that it has; 0: not at all. Counts only
    /// where `OutOfDate` or `OutOfDateConfigurationNeeded` is accepted.
    pub grace_days: u32,
    /// The least `tcbEvaluationDataNumber` of TCB info and QE identity.
    pub min_evaluation_data_number: u32,
    /// Advisories that must not be open, whatever the state. Upper case.
    pub deny_advisories: BTreeSet<String>,
    /// Whether hyper-threading may be on.
    pub allow_smt: bool,
    /// Whether processors may be added to the platform (multi-package servers).
    pub allow_dynamic_platform: bool,
    /// Whether the platform's keys may be kept by Intel's registration service.
    pub allow_cached_keys: bool,
}

/// For SGX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SgxPolicy {
    /// The platform's state.
    pub tcb: DcapPolicy,
    /// What may run: one of these. Empty accepts nothing.
    pub references: Vec<SgxReference>,
}

/// Enclaves that may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SgxReference {
    /// Exactly this one.
    Enclave {
        /// MRENCLAVE.
        mrenclave: [u8; 32],
    },
    /// Every one that somebody has signed as this product, from this version on.
    Signer {
        /// MRSIGNER.
        mrsigner: [u8; 32],
        /// ISVPRODID.
        isv_prod_id: u16,
        /// The least ISVSVN.
        min_isv_svn: u16,
    },
}

/// For TDX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TdxPolicy {
    /// The platform's state.
    pub tcb: DcapPolicy,
    /// Whether a guest may go on under an older module than the platform has loaded (relaunch advised).
    pub allow_relaunch_advised: bool,
    /// Service domains that may be bound to the guest (MRSERVICETD). All zero, none, always may.
    pub service_tds: BTreeSet<[u8; 48]>,
    /// Extended features that the guest may have (XFAM bits).
    pub xfam_allowed: u64,
    /// What may run: one of these. Empty accepts nothing.
    pub references: Vec<TdxReference>,
}

/// A trust domain that may run. What is `None` is not compared; the file format asks for MRTD and a register at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TdxReference {
    /// MRTD: the firmware.
    pub mrtd: Option<[u8; 48]>,
    /// RTMR0..3: configuration, loader and kernel, file system, application.
    pub rtmr: [Option<[u8; 48]>; 4],
    /// MRCONFIGID.
    pub mr_config_id: Option<[u8; 48]>,
    /// MROWNER.
    pub mr_owner: Option<[u8; 48]>,
    /// MROWNERCONFIG.
    pub mr_owner_config: Option<[u8; 48]>,
    /// MRSEAM: the TDX module.
    pub mr_seam: Option<[u8; 48]>,
}

/// For SEV-SNP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnpPolicy {
    /// The products that are accepted, and the least firmware of each.
    pub products: BTreeMap<Product, Tcb>,
    /// The highest privilege level that may ask: 0 is the most privileged.
    pub max_vmpl: u32,
    /// Whether reports may be signed by a cloud provider's key (VLEK), which does not name the chip.
    pub allow_vlek: bool,
    /// Whether hyper-threading may be on.
    pub allow_smt: bool,
    /// Whether aliased memory must have been looked for at boot (ALIAS_CHECK_COMPLETE, against BadRAM).
    pub require_alias_check: bool,
    /// Whether ciphertext hiding must be on.
    pub require_ciphertext_hiding: bool,
    /// Whether reading the processor's power draw must be off.
    pub require_rapl_disabled: bool,
    /// Whether memory must correct errors (ECC).
    pub require_ecc: bool,
    /// Whether all memory must be encrypted, the host's too (TSME).
    pub require_tsme: bool,
    /// Whether the guest may use CXL memory, which is outside of the processor (guest policy CXL_ALLOW).
    pub allow_cxl: bool,
    /// Whether the guest must be kept on one socket (guest policy SINGLE_SOCKET).
    pub require_single_socket: bool,
    /// Whether AMD's list of revoked certificates must be there. One that is there is always looked at.
    pub require_crl: bool,
    /// The least GUEST_SVN.
    pub min_guest_svn: u32,
    /// What may run: one of these. Empty accepts nothing.
    pub references: Vec<SnpReference>,
}

/// A guest that may run. What is `None` is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpReference {
    /// The launch digest.
    pub measurement: [u8; 48],
    /// HOST_DATA.
    pub host_data: Option<[u8; 32]>,
    /// The digest of the identity key.
    pub id_key_digest: Option<[u8; 48]>,
    /// The digest of the author's key.
    pub author_key_digest: Option<[u8; 48]>,
}

/// For what Azure's paravisor adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AzurePolicy {
    /// Whether secure boot has to be on.
    pub require_secure_boot: bool,
    /// Whether a console of the host's may be on.
    pub allow_console: bool,
    /// Whether the paravisor may pass on devices that the host gives it (filtered VPCI devices).
    pub allow_vpci_devices: bool,
    /// What may run: SHA-256 PCRs that have to have a value; one of these. Empty accepts nothing.
    pub references: Vec<PcrReference>,
}

/// For TPMs that no hardware of a TEE vouches for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TpmPolicy {
    /// SHA-256 of the attestation keys (SubjectPublicKeyInfo, DER) that are accepted. Empty accepts nothing.
    pub attestation_keys: BTreeSet<[u8; 32]>,
    /// As for Azure.
    pub references: Vec<PcrReference>,
}

/// SHA-256 registers of a TPM, by number (0..=23), never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrReference(pub BTreeMap<u8, [u8; 32]>);

/// Single platforms: PPID or PIID (Intel), chip id (AMD), in lower case hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platforms {
    /// If there is a list: nobody else.
    pub allow: Option<BTreeSet<String>>,
    /// Never these.
    pub deny: BTreeSet<String>,
    /// Whether a policy without `allow` is refused when it is read. Judging needs not look at it.
    pub require_allow: bool,
}

/// The state of a platform, in Intel's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcbStatus {
    /// All is as new as it should be.
    UpToDate,
    /// As new, but software has to help against something.
    SwHardeningNeeded,
    /// As new, but the configuration leaves something open.
    ConfigurationNeeded,
    /// Both.
    ConfigurationAndSwHardeningNeeded,
    /// Something is older than it should be.
    OutOfDate,
    /// And the configuration leaves something open.
    OutOfDateConfigurationNeeded,
    /// Nothing that it says counts any more. No policy can accept it.
    Revoked,
}

impl TcbStatus {
    /// Those that a policy can name.
    pub const ACCEPTABLE: [Self; 6] = [
        Self::UpToDate,
        Self::SwHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSwHardeningNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
    ];

    /// In Intel's spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SwHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::Revoked => "Revoked",
        }
    }
}

impl fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A state that nobody has heard of, or that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no state that can be accepted; there are UpToDate, SWHardeningNeeded, ConfigurationNeeded, \
         ConfigurationAndSWHardeningNeeded, OutOfDate and OutOfDateConfigurationNeeded"
)]
pub struct UnknownStatus(String);

impl FromStr for TcbStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let found = Self::ACCEPTABLE.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
