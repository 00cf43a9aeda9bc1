//! What dcap-qvl's words come to. It refuses with text; a rule is what programs and auditors go by.
//!
//! Its errors are chains, the general first. The tables hold how texts begin; the first error of the chain that begins
//! so decides, so that what an attacker can write into a later one (a name in JSON that does not parse) is not looked
//! at. Whatever is not in a table is refused as well.

use crate::Rule;

/// Why a verifier does not vouch for a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The rule that is broken.
    pub(super) rule: Rule,
    /// What was found.
    pub(super) text: String,
}

impl Refusal {
    /// From an error and its causes, outermost first.
    pub(super) fn of(chain: &[String]) -> Self {
        let known = |table: &[(&str, Rule)]| {
            chain.iter().find_map(|text| {
                table.iter().find(|(start, _)| text.starts_with(start)).map(|(_, rule)| *rule)
            })
        };
        let rule = known(WORDS).or_else(|| known(GENERAL)).unwrap_or(Rule::Internal);
        Self { rule, text: chain.join(": ") }
    }

    /// Whether it is about what runs, which is decided when all else was found good.
    pub(super) const fn is_of_guest(&self) -> bool {
        matches!(
            self.rule,
            Rule::GuestAttributes | Rule::NotDebug | Rule::NotMigratable | Rule::ServiceTd
        )
    }
}

/// Texts that say what is wrong (dcap-qvl 0.7.1 `src/verify.rs`, `src/utils.rs`, `src/intel.rs`, and the names of
/// webpki's errors).
const WORDS: &[(&str, Rule)] = &[
    // Certificates and lists.
    ("CertExpired", Rule::NotExpired),
    ("CertNotValidYet", Rule::NotYetValid),
    ("CertRevoked", Rule::NotRevoked),
    ("CrlExpired", Rule::NotExpired),
    ("Failed to parse PCK CRL", Rule::RevocationList),
    ("Failed to parse root CA CRL", Rule::RevocationList),
    ("InvalidCrl", Rule::RevocationList),
    ("IssuerNotCrlSigner", Rule::RevocationList),
    ("UnknownRevocationStatus", Rule::RevocationList),
    ("UnsupportedCrl", Rule::RevocationList),
    ("UnsupportedDeltaCrl", Rule::RevocationList),
    ("UnsupportedIndirectCrl", Rule::RevocationList),
    ("Certificate chain is too short", Rule::CertificateChain),
    ("CpuSvn length mismatch", Rule::CertificateChain),
    ("Failed to create RevocationOptionsBuilder", Rule::RevocationList),
    ("Failed to decode certificate", Rule::CertificateChain),
    ("Failed to decode DER object", Rule::CertificateChain),
    ("Failed to extract PCK certificates", Rule::CertificateChain),
    ("Failed to find", Rule::CertificateChain),
    ("Failed to get", Rule::CertificateChain),
    ("Failed to load sequence", Rule::CertificateChain),
    ("Failed to parse PCK certificate", Rule::CertificateChain),
    ("Failed to parse QE Identity leaf certificate", Rule::CertificateChain),
    ("Failed to parse TCB Info leaf certificate", Rule::CertificateChain),
    ("Failed to parse certificate for time window", Rule::CertificateChain),
    ("Failed to parse certs", Rule::CertificateChain),
    ("Failed to read", Rule::CertificateChain),
    ("Fmspc length mismatch", Rule::CertificateChain),
    ("Intel extension", Rule::CertificateChain),
    ("OID is missing", Rule::CertificateChain),
    ("PceSvn length mismatch", Rule::CertificateChain),
    ("Too many intermediate certificates", Rule::CertificateChain),
    ("Unexpected BOOLEAN length", Rule::CertificateChain),
    ("Unexpected ENUMERATED length", Rule::CertificateChain),
    ("Unsupported DCAP PCK cert format", Rule::CertificateChain),
    // The quote.
    ("Failed to decode quote", Rule::EvidenceFormat),
    ("Unknown QE vendor ID", Rule::EvidenceVersion),
    ("Unsupported DCAP attestation key type", Rule::EvidenceVersion),
    ("Unsupported DCAP quote version", Rule::EvidenceVersion),
    ("Unsupported TEE type", Rule::EvidenceVersion),
    ("SGX TEE quote must have version 3", Rule::EvidenceVersion),
    ("TDX TEE quote must have version 4 or 5", Rule::EvidenceVersion),
    ("ISV enclave report signature is invalid", Rule::EvidenceSignature),
    ("Failed to decode QE report", Rule::QeReport),
    ("Invalid QE auth data length", Rule::QeReport),
    ("QE report hash mismatch", Rule::QeReport),
    ("Signature is invalid for qe_report in quote", Rule::QeReport),
    // What Intel signs.
    ("Failed to decode QeIdentity", Rule::EndorsementsFormat),
    ("Failed to decode TCB FMSPC", Rule::EndorsementsFormat),
    ("Failed to decode TcbInfo", Rule::EndorsementsFormat),
    ("Failed to decode tdxModule", Rule::EndorsementsFormat),
    ("Failed to parse QE Identity issue date", Rule::EndorsementsFormat),
    ("Failed to parse QE Identity next update", Rule::EndorsementsFormat),
    ("Failed to parse TCB Info issue date", Rule::EndorsementsFormat),
    ("Failed to parse TCB Info next update", Rule::EndorsementsFormat),
    ("Failed to parse platform TCB date", Rule::EndorsementsFormat),
    ("Invalid TCB level tcbDate", Rule::EndorsementsFormat),
    ("Invalid TDX module tcbDate", Rule::EndorsementsFormat),
    ("SGX component count mismatch", Rule::EndorsementsFormat),
    ("TDX component count mismatch", Rule::EndorsementsFormat),
    ("tdxModule", Rule::EndorsementsFormat),
    ("Unrecognized TCB status", Rule::EndorsementsFormat),
    ("Unsupported QE Identity id/version", Rule::EndorsementsFormat),
    ("QE Identity issue date is in the future", Rule::NotYetValid),
    ("TCBInfo issue date is in the future", Rule::NotYetValid),
    ("QE Identity expired", Rule::NotExpired),
    ("TCBInfo expired", Rule::NotExpired),
    ("QE Identity signer must be issued directly", Rule::CollateralSignature),
    ("Signature is invalid for qe_identity", Rule::CollateralSignature),
    ("Signature is invalid for tcb_info", Rule::CollateralSignature),
    ("TCB Info signer must be issued directly", Rule::CollateralSignature),
    ("Fmspc mismatch", Rule::CollateralPlatform),
    ("SGX quote with non-SGX TCB info", Rule::TeeType),
    ("TDX quote with non-TDX TCB info", Rule::TeeType),
    // Levels and identities.
    ("No TCB levels found in QE Identity", Rule::QeIdentity),
    ("QE ATTRIBUTES mismatch", Rule::QeIdentity),
    ("QE ISVPRODID mismatch", Rule::QeIdentity),
    ("QE ISVSVN", Rule::QeIdentity),
    ("QE MISCSELECT mismatch", Rule::QeIdentity),
    ("QE MRSIGNER mismatch", Rule::QeIdentity),
    ("QE report validation failed", Rule::QeIdentity),
    ("No matching TCB level found", Rule::TcbStatus),
    ("TCB status is invalid: Revoked", Rule::TcbStatus),
    ("TDX module ISVSVN", Rule::TcbStatus),
    ("No TDX module identity", Rule::TdxModule),
    ("TDX TCB Info is missing tdxModule", Rule::TdxModule),
    ("TDX module MRSIGNER mismatch", Rule::TdxModule),
    ("TDX module SEAMATTRIBUTES", Rule::TdxModule),
    // What runs.
    ("Debug mode is enabled", Rule::NotDebug),
    ("TD profiling is enabled", Rule::NotDebug),
    ("Reserved bits in TD attributes are set", Rule::GuestAttributes),
    ("SEPT_VE_DISABLE is not enabled", Rule::GuestAttributes),
    ("TD migration is enabled", Rule::NotMigratable),
    ("Invalid MR service TD", Rule::ServiceTd),
    ("SERVTD_EXT is enabled", Rule::ServiceTd),
];

/// Texts that say where something is wrong; asked when no other is known.
const GENERAL: &[(&str, Rule)] = &[
    ("Failed to verify certificate chain", Rule::CertificateChain),
    ("TDX module", Rule::TdxModule),
    ("Failed to evaluate the current TDX TCB", Rule::TcbStatus),
    // Signatures that are no two numbers of 32 bytes.
    ("Invalid key length", Rule::EvidenceSignature),
    ("Failed to create", Rule::EvidenceSignature),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as dcap-qvl writes them, outermost first.
    const SAMPLES: &[(&[&str], Rule)] = &[
        (
            &[
                "Failed to verify certificate chain",
                "CertExpired { time: UnixTime(2), not_after: UnixTime(1) }",
            ],
            Rule::NotExpired,
        ),
        (
            &[
                "Failed to verify certificate chain",
                "CertNotValidYet { time: UnixTime(1), not_before: UnixTime(2) }",
            ],
            Rule::NotYetValid,
        ),
        (&["CertRevoked"], Rule::NotRevoked),
        (&["Failed to verify certificate chain", "CertRevoked"], Rule::NotRevoked),
        (
            &[
                "Failed to verify certificate chain",
                "CrlExpired { time: UnixTime(2), next_update: UnixTime(1) }",
            ],
            Rule::NotExpired,
        ),
        (&["Failed to parse PCK CRL", "BadDer"], Rule::RevocationList),
        (&["Failed to parse PCK CRL for claims", "CRL number"], Rule::RevocationList),
        (&["Failed to parse root CA CRL", "InvalidCrlSignatureForPublicKey"], Rule::RevocationList),
        (
            &["Failed to verify certificate chain", "InvalidCrlSignatureForPublicKey"],
            Rule::RevocationList,
        ),
        (&["Failed to verify certificate chain", "IssuerNotCrlSigner"], Rule::RevocationList),
        (&["Failed to verify certificate chain", "UnknownRevocationStatus"], Rule::RevocationList),
        (
            &["Failed to verify certificate chain", "UnsupportedCrlSignatureAlgorithmContext(..)"],
            Rule::RevocationList,
        ),
        (&["Failed to parse PCK CRL", "UnsupportedDeltaCrl"], Rule::RevocationList),
        (&["Failed to verify certificate chain", "UnsupportedDeltaCrl"], Rule::RevocationList),
        (&["Failed to verify certificate chain", "UnsupportedIndirectCrl"], Rule::RevocationList),
        (&["Certificate chain is too short for TCB Info"], Rule::CertificateChain),
        (&["Certificate chain is too short in quote"], Rule::CertificateChain),
        (&["CpuSvn length mismatch"], Rule::CertificateChain),
        (&["Failed to create RevocationOptionsBuilder - CRLs required"], Rule::RevocationList),
        (&["Failed to decode certificate", "trailing data"], Rule::CertificateChain),
        (&["Failed to decode DER object", "x"], Rule::CertificateChain),
        (
            &["Failed to extract PCK certificates from collateral", "Failed to parse certs"],
            Rule::CertificateChain,
        ),
        (&["Failed to find PceSvn", "Failed to get subobject"], Rule::CertificateChain),
        (&["Failed to get subobject", "OID is missing"], Rule::CertificateChain),
        (&["Failed to load sequence", "x"], Rule::CertificateChain),
        (&["Failed to parse PCK certificate", "BadDer"], Rule::CertificateChain),
        (&["Failed to parse QE Identity leaf certificate", "BadDer"], Rule::CertificateChain),
        (&["Failed to parse TCB Info leaf certificate", "BadDer"], Rule::CertificateChain),
        (&["Failed to parse certificate for time window", "x"], Rule::CertificateChain),
        (&["Failed to parse certs", "malformedframing"], Rule::CertificateChain),
        (&["Failed to read entry inside Intel extension", "x"], Rule::CertificateChain),
        (&["Fmspc length mismatch"], Rule::CertificateChain),
        (&["Intel extension not found"], Rule::CertificateChain),
        (
            &["Intel extension path [ObjectIdentifier(1.2.840.113741.1.13.1.1)] is missing"],
            Rule::CertificateChain,
        ),
        (&["OID is missing"], Rule::CertificateChain),
        (&["PceSvn length mismatch"], Rule::CertificateChain),
        (&["Too many intermediate certificates: 5"], Rule::CertificateChain),
        (&["Unexpected BOOLEAN length: 2"], Rule::CertificateChain),
        (&["Unexpected ENUMERATED length"], Rule::CertificateChain),
        (
            &[
                "Unsupported DCAP PCK cert format: 3. Use get_collateral() to fetch PCK certificate.",
            ],
            Rule::CertificateChain,
        ),
        (&["Failed to verify certificate chain", "UnknownIssuer"], Rule::CertificateChain),
        (
            &["Failed to verify certificate chain", "InvalidSignatureForPublicKey"],
            Rule::CertificateChain,
        ),
        (&["Failed to verify certificate chain", "CaUsedAsEndEntity"], Rule::CertificateChain),
        (&["Failed to decode quote", "Invalid TEE type"], Rule::EvidenceFormat),
        (&["Unknown QE vendor ID"], Rule::EvidenceVersion),
        (&["Unsupported DCAP attestation key type"], Rule::EvidenceVersion),
        (&["Unsupported DCAP quote version"], Rule::EvidenceVersion),
        (&["Unsupported TEE type: 7"], Rule::EvidenceVersion),
        (&["SGX TEE quote must have version 3"], Rule::EvidenceVersion),
        (&["TDX TEE quote must have version 4 or 5"], Rule::EvidenceVersion),
        (&["ISV enclave report signature is invalid"], Rule::EvidenceSignature),
        (&["Failed to decode QE report", "x"], Rule::QeReport),
        (&["Invalid QE auth data length"], Rule::QeReport),
        (&["QE report hash mismatch"], Rule::QeReport),
        (&["Signature is invalid for qe_report in quote"], Rule::QeReport),
        (&["Failed to decode QeIdentity", "missing field `id`"], Rule::EndorsementsFormat),
        (&["Failed to decode TCB FMSPC"], Rule::EndorsementsFormat),
        (&["Failed to decode TcbInfo", "missing field `id`"], Rule::EndorsementsFormat),
        (
            &[
                "TDX module identity check",
                "Failed to decode tdxModule.mrsigner as hex: Odd number of digits",
            ],
            Rule::EndorsementsFormat,
        ),
        (&["Failed to parse QE Identity issue date", "x"], Rule::EndorsementsFormat),
        (&["Failed to parse QE Identity next update", "x"], Rule::EndorsementsFormat),
        (&["Failed to parse TCB Info issue date", "x"], Rule::EndorsementsFormat),
        (&["Failed to parse TCB Info next update", "x"], Rule::EndorsementsFormat),
        (&["Failed to parse platform TCB date", "x"], Rule::EndorsementsFormat),
        (&["Invalid TCB level tcbDate", "x"], Rule::EndorsementsFormat),
        (&["Invalid TDX module tcbDate", "x"], Rule::EndorsementsFormat),
        (&["SGX component count mismatch: expected 16, got 15"], Rule::EndorsementsFormat),
        (&["TDX component count mismatch: expected 16, got 0"], Rule::EndorsementsFormat),
        (
            &["TDX module identity check", "tdxModule.mrsigner has invalid length 47, expected 48"],
            Rule::EndorsementsFormat,
        ),
        (&["Unrecognized TCB status TDRelaunchAdvised in TCB Info"], Rule::EndorsementsFormat),
        (
            &[
                "TDX module TCB level check",
                "Unrecognized TCB status ConfigurationNeeded in TDX module identity",
            ],
            Rule::EndorsementsFormat,
        ),
        (
            &[
                "Unsupported QE Identity id/version for the quote TEE type: QE version 3 (expected QE version [2])",
            ],
            Rule::EndorsementsFormat,
        ),
        (&["QE Identity issue date is in the future"], Rule::NotYetValid),
        (&["TCBInfo issue date is in the future"], Rule::NotYetValid),
        (&["QE Identity expired"], Rule::NotExpired),
        (&["TCBInfo expired"], Rule::NotExpired),
        (&["QE Identity signer must be issued directly by the root CA"], Rule::CollateralSignature),
        (&["Signature is invalid for qe_identity in quote_collateral"], Rule::CollateralSignature),
        (&["Signature is invalid for tcb_info in quote_collateral"], Rule::CollateralSignature),
        (&["TCB Info signer must be issued directly by the root CA"], Rule::CollateralSignature),
        (&["Fmspc mismatch"], Rule::CollateralPlatform),
        (&["SGX quote with non-SGX TCB info in the collateral"], Rule::TeeType),
        (&["TDX quote with non-TDX TCB info in the collateral"], Rule::TeeType),
        (&["No TCB levels found in QE Identity"], Rule::QeIdentity),
        (
            &["QE ATTRIBUTES mismatch at byte 0: expected 11 (masked), got 15 (masked)"],
            Rule::QeIdentity,
        ),
        (&["QE ISVPRODID mismatch: expected 1, got 2"], Rule::QeIdentity),
        (&["QE ISVSVN 1 is below minimum required 2 from QE Identity"], Rule::QeIdentity),
        (
            &["QE MISCSELECT mismatch: expected 00000000 (masked), got 00000001 (masked)"],
            Rule::QeIdentity,
        ),
        (&["QE MRSIGNER mismatch: expected AA, got BB"], Rule::QeIdentity),
        (&["QE report validation failed", "Debug mode is enabled"], Rule::QeIdentity),
        (&["No matching TCB level found"], Rule::TcbStatus),
        (
            &[
                "Failed to evaluate the current TDX TCB (TEE_TCB_SVN2)",
                "No matching TCB level found",
            ],
            Rule::TcbStatus,
        ),
        (
            &["Failed to evaluate the current TDX TCB (TEE_TCB_SVN2)", "something new"],
            Rule::TcbStatus,
        ),
        (&["TCB status is invalid: Revoked"], Rule::TcbStatus),
        (
            &[
                "TDX module TCB level check",
                "TDX module ISVSVN 1 is below minimum required from TDX module TCB levels",
            ],
            Rule::TcbStatus,
        ),
        (
            &[
                "TDX module TCB level check",
                "No TDX module identity with id TDX_02 found in TCB Info",
            ],
            Rule::TdxModule,
        ),
        (
            &["TDX module identity check", "TDX TCB Info is missing tdxModule field"],
            Rule::TdxModule,
        ),
        (
            &["TDX module identity check", "TDX module MRSIGNER mismatch: expected AA, got BB"],
            Rule::TdxModule,
        ),
        (
            &[
                "TDX module identity check",
                "TDX module SEAMATTRIBUTES has bits set outside mask at byte 0",
            ],
            Rule::TdxModule,
        ),
        (&["TDX module identity check", "something new"], Rule::TdxModule),
        (&["Debug mode is enabled"], Rule::NotDebug),
        (&["TD profiling is enabled"], Rule::NotDebug),
        (&["Reserved bits in TD attributes are set"], Rule::GuestAttributes),
        (&["SEPT_VE_DISABLE is not enabled"], Rule::GuestAttributes),
        (&["TD migration is enabled"], Rule::NotMigratable),
        (&["Invalid MR service TD"], Rule::ServiceTd),
        (&["SERVTD_EXT is enabled"], Rule::ServiceTd),
        (&["Invalid key length"], Rule::EvidenceSignature),
        (&["Failed to create r INTEGER", "x"], Rule::EvidenceSignature),
    ];

    fn refusal(chain: &[&str]) -> Refusal {
        Refusal::of(&chain.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_text_comes_to_its_rule() {
        for (chain, rule) in SAMPLES {
            assert_eq!(refusal(chain).rule, *rule, "{chain:?}");
        }
    }

    #[test]
    fn every_entry_of_the_tables_is_used() {
        for (start, _) in WORDS.iter().chain(GENERAL) {
            let used = |(chain, _): &(&[&str], Rule)| chain.iter().any(|t| t.starts_with(start));
            assert!(SAMPLES.iter().any(used), "{start}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_too() {
        let refusal = refusal(&["something that no version says", "for a reason"]);
        assert_eq!(refusal.rule, Rule::Internal);
        assert_eq!(refusal.text, "something that no version says: for a reason");
    }

    #[test]
    fn what_stands_in_collateral_does_not_choose_the_rule() {
        let chain = ["Failed to decode TcbInfo", "CertExpired` is no state"];
        assert_eq!(refusal(&chain).rule, Rule::EndorsementsFormat);
    }
}
