//! What is checked: a closed list, each with a stable code, so that programs and auditors can name it.
//!
//! The numbers in brackets are those of `docs/attestation.md`, which says what each one means at length.

use crate::Group;
use serde::{Serialize, Serializer};
use std::fmt;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $group:ident, $hint:literal;)+) => {
        /// One thing that is checked. The same name serves for the check that passed and the one that failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its stable name.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// What it is about.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$name => Group::$group),+ }
            }

            /// What to do when it fails.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint),+ }
            }

            /// What it asks, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

rules! {
    // Format and parsing.
    /// The kind of evidence is one that can be judged, and that the policy accepts.
    EvidenceKind = "evidence-kind", Hardware,
        "use a version or a policy that knows this kind of evidence; do not approve without a verdict";
    /// It has the size that evidence of its kind can have.
    EvidenceSize = "evidence-size", Hardware, "have the evidence fetched again; do not approve if it stays so";
    /// It can be read to its end, and its parts do not contradict each other.
    EvidenceFormat = "evidence-format", Hardware, "have the evidence fetched again; do not approve if it stays so";
    /// Nothing but zeros follows the length that it declares.
    EvidencePadding = "evidence-padding", Hardware, "have the evidence fetched again; do not approve if it stays so";
    /// Version, key type, body type and vendor are known.
    EvidenceVersion = "evidence-version", Hardware, "use a version of this program that knows it";
    /// Header, body and endorsements are of the same technology.
    TeeType = "tee-type", Hardware, "do not approve; parts of different evidence were put together";
    /// What vouches for the evidence is there.
    EndorsementsPresent = "endorsements-present", Hardware,
        "fetch it with `sealroom collateral fetch`, or give it with --collateral";
    /// What vouches for the evidence can be read.
    EndorsementsFormat = "endorsements-format", Hardware, "have it fetched again from the manufacturer";
    // Signatures and chains.
    /// The evidence is signed by the key that the manufacturer vouches for.
    EvidenceSignature = "evidence-signature", Hardware, "do not approve; the evidence was altered or made up";
    /// The quoting enclave has reported the key that signs.
    QeReport = "qe-report", Hardware, "do not approve; the evidence was altered or made up";
    /// The platform's certificates lead to the manufacturer.
    CertificateChain = "certificate-chain", Hardware, "do not approve; the evidence was altered or made up";
    /// They end in the root that this program knows.
    PinnedRoot = "pinned-root", Hardware, "do not approve; somebody else's root vouches for it";
    /// The manufacturer has signed the state of its platforms.
    CollateralSignature = "collateral-signature", Hardware, "have it fetched again from the manufacturer";
    /// The certificates belong to the product that reports.
    Product = "product", Hardware, "do not approve; parts of different evidence were put together";
    /// The certificate is that of this chip.
    ChipId = "chip-id", Hardware, "do not approve; the certificate is that of another chip";
    /// The certificate is for the firmware that reports.
    CertifiedTcb = "certified-tcb", Hardware, "have the certificate for this firmware fetched; do not approve without";
    /// The report names the sort of key that has signed it.
    SigningKey = "signing-key", Hardware, "do not approve; the report contradicts its certificate";
    // Collateral and time.
    /// Nothing is from the future.
    NotYetValid = "not-yet-valid", UpToDate, "look at this machine's clock; then have the collateral fetched again";
    /// Nothing has run out.
    NotExpired = "not-expired", UpToDate, "fetch newer collateral with `sealroom collateral fetch`";
    /// The lists of revoked certificates are there, signed by whom they should be.
    RevocationList = "revocation-list", UpToDate, "fetch the lists with `sealroom collateral fetch`";
    /// No certificate was revoked.
    NotRevoked = "not-revoked", UpToDate, "do not approve; the manufacturer has taken its word back";
    /// The collateral is that of this platform.
    CollateralPlatform = "collateral-platform", Hardware, "fetch that of this platform with `sealroom collateral fetch`";
    /// The TDX module is one that the manufacturer has signed.
    TdxModule = "tdx-module", Hardware, "do not approve; have the operator install a released module";
    /// The quoting enclave is the manufacturer's.
    QeIdentity = "qe-identity", Hardware, "do not approve; somebody else's quoting enclave speaks";
    /// The manufacturer's state is not older than the policy asks for.
    EvaluationDataNumber = "evaluation-data-number", UpToDate, "fetch newer collateral with `sealroom collateral fetch`";
    /// The manufacturer's state is not older than one that was seen before.
    NotRolledBack = "not-rolled-back", UpToDate, "fetch newer collateral yourself; somebody shows you an old state";
    // State of the platform.
    /// The platform's firmware and microcode are in a state that the policy accepts.
    TcbStatus = "tcb-status", UpToDate,
        "have the operator update the platform; if you accept this state, name it in the policy, with the reason";
    /// The guest runs under what the platform has loaded now.
    Relaunch = "relaunch", UpToDate, "have the operator start the machine again";
    /// No advisory that the policy names is open.
    Advisory = "advisory", UpToDate, "have the operator update the platform";
    /// Every version of the firmware is at least the policy's.
    MinimumTcb = "minimum-tcb", UpToDate, "have the operator update the platform";
    /// The firmware can't be taken back behind what it has committed to.
    CommittedTcb = "committed-tcb", Hardware, "do not approve; the report contradicts itself";
    /// How the platform is set up is what the policy accepts.
    PlatformConfiguration = "platform-configuration", UpToDate,
        "have the operator change it, or name it in the policy, with the reason";
    // State of the guest.
    /// Nobody can look into it: debugging is off.
    NotDebug = "not-debug", Enclave, "do not approve; its host can read everything";
    /// Nobody can move it elsewhere.
    NotMigratable = "not-migratable", Enclave, "do not approve; have the operator start it without migration";
    /// No other domain serves it, but those that the policy names.
    ServiceTd = "service-td", Enclave, "do not approve; have the operator start it without a service domain";
    /// Its attributes are those of a guest that is protected.
    GuestAttributes = "guest-attributes", Enclave, "do not approve; have the operator start it with the attributes named";
    /// It asked for the report itself, from a level that the policy accepts.
    Vmpl = "vmpl", Enclave, "do not approve; somebody below or outside the enclave asked for the report";
    /// What runs in it is what the policy names.
    Measurement = "measurement", Enclave,
        "compare with the values of the release that you expect; do not approve until they agree";
    /// The policy names what should run in it.
    ReferenceValues = "reference-values", Enclave,
        "put the values of the release that you expect into your policy (`sealroom policy explain`)";
    /// The log of what was loaded gives the registers that the hardware vouches for.
    EventLog = "event-log", Enclave, "do not approve; the log was altered";
    /// The platform is not one that the policy refuses.
    PlatformDenied = "platform-denied", Hardware, "do not approve; this platform's secrets are known to others";
    /// The platform is one that the policy names.
    PlatformAllowed = "platform-allowed", Hardware, "ask the operator for a platform of the list";
    /// The product is one that the policy accepts.
    ProductAccepted = "product-accepted", Hardware,
        "ask for another product; `sealroom policy explain` says why some are off";
    // Binding and freshness.
    /// What the evidence has to carry is known, and is not empty.
    ExpectedReportData = "expected-report-data", Computation, "this is a fault of the caller; do not approve";
    /// It carries this computation's manifest, the identity's keys and the challenge, all 64 bytes of it.
    ReportData = "report-data", Computation, "do not approve; the server shows evidence that was made for something else";
    /// It answers a challenge that was made up just now.
    Challenge = "challenge", Fresh, "try again; do not approve if the enclave stays silent";
    /// The other end of the connection is the enclave.
    Channel = "channel", Fresh, "do not approve; somebody sits in between";
    // Paravisor and TPM.
    /// The hardware vouches for the paravisor's runtime data.
    RuntimeData = "runtime-data", Hardware, "do not approve; the evidence was altered or put together";
    /// The key that signs for the virtual TPM is in that runtime data.
    AttestationKey = "attestation-key", Hardware, "do not approve; the evidence was altered or put together";
    /// The TPM's statement is one, and signed by that key.
    TpmQuote = "tpm-quote", Hardware, "do not approve; the evidence was altered or made up";
    /// The registers shown are those that the TPM's statement covers.
    PcrDigest = "pcr-digest", Enclave, "do not approve; the evidence was altered or put together";
    /// The virtual machine is set up as the policy asks.
    VmConfiguration = "vm-configuration", Enclave, "have the operator start it as the policy asks";
    /// Hardware vouches for it, not software alone.
    HardwareRooted = "hardware-rooted", Hardware,
        "for trying things out with data that is not secret, name the kind in the policy";
    /// No hardware at all: everybody can make such evidence.
    Simulated = "simulated", Hardware,
        "for trying things out with data that is not secret, add --allow-simulated";
    /// A GPU's evidence is verified and bound to the processor's.
    Gpu = "gpu", Hardware, "do not approve; this version does not verify GPUs";
    /// All parts are of one machine and one moment.
    Composition = "composition", Hardware, "do not approve; parts of different evidence were put together";
    /// The verifier did its work.
    Internal = "internal", Hardware, "report it as a fault of this program; do not approve";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_readable() {
        let codes: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{rule}");
            assert!(rule.meaning().ends_with('.') && !rule.hint().is_empty(), "{rule}");
        }
    }
}
