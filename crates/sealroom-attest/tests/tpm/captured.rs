//! Captured evidence of Azure's machines. Everything above the hardware's own signature can be spoiled one by one, for
//! each link of the chain has a signature or a digest of its own.

use crate::{assert_refused, codes, with_outcome};
use proptest::prelude::*;
use sealroom_attest::{
    Judgement, Measure, Outcome, Policy, Request, Roots, Rule,
    policy::{
        AzurePolicy, DcapPolicy, PcrReference, SnpPolicy, SnpReference, TcbStatus, TdxPolicy,
        TdxReference,
    },
    verify,
};
use sealroom_evidence::{
    snp::{Product, Tcb},
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

#[derive(Clone)]
struct Captured {
    kind: EvidenceKind,
    bundle: Bundle,
    endorsements: Vec<Base64>,
    expected: Value,
    policy: Policy,
    report_data: Option<[u8; 64]>,
}

fn read(set: &str, file: &str) -> Vec<u8> {
    let vectors = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation"));
    fs::read(vectors.join(set).join(file)).unwrap()
}

fn json(set: &str, file: &str) -> Value {
    serde_json::from_slice(&read(set, file)).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

impl Captured {
    fn of(set: &str, kind: EvidenceKind, endorsements: &[&str], td_quote: Option<&str>) -> Self {
        let pcrs: BTreeMap<u8, [u8; 32]> = json(set, "tpm_pcrs.json")["sha256"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(pcr, value)| (pcr.parse().unwrap(), bytes(value)))
            .collect();
        let expected = json(set, "expected.json");
        let reference = PcrReference([0, 4, 7].into_iter().map(|pcr| (pcr, pcrs[&pcr])).collect());
        let azure = AzurePolicy {
            require_secure_boot: true,
            allow_console: true,
            references: vec![reference],
            ..AzurePolicy::default()
        };
        Self {
            kind,
            bundle: Bundle {
                hcl: Some(Base64(read(set, "hcl_report.bin"))),
                key: None,
                message: Base64(read(set, "tpm_quote.msg")),
                signature: Base64(read(set, "tpm_quote.sig")),
                pcrs: Pcrs::new(pcrs).unwrap(),
                td_quote: td_quote.map(|file| Base64(read(set, file))),
            },
            endorsements: endorsements.iter().map(|file| Base64(read(set, file))).collect(),
            policy: Policy {
                name: "test".to_owned(),
                accept: BTreeSet::from([kind]),
                azure,
                tdx: TdxPolicy::default(),
                snp: SnpPolicy::default(),
                ..Policy::default()
            },
            expected,
            report_data: None,
        }
    }

    fn snp() -> Self {
        let endorsements = ["vek.der", "ask.der", "ark.der"];
        let mut captured =
            Self::of("snp/genoa-v3-azure-vtpm", EvidenceKind::AzureSnp, &endorsements, None);
        let fields = &captured.expected["fields"];
        captured.policy.snp = SnpPolicy {
            products: BTreeMap::from([(Product::Genoa, Tcb::default())]),
            allow_smt: true,
            references: vec![SnpReference {
                measurement: bytes(&fields["measurement"]),
                host_data: None,
                id_key_digest: None,
                author_key_digest: None,
            }],
            ..SnpPolicy::default()
        };
        captured
    }

    fn tdx() -> Self {
        let (set, quote) = ("tdx/azure-v4-vtpm", Some("quote.bin"));
        let mut captured = Self::of(set, EvidenceKind::AzureTdx, &["collateral.json"], quote);
        let fields = &captured.expected["fields"];
        captured.policy.tdx = TdxPolicy {
            tcb: DcapPolicy {
                statuses: BTreeSet::from([TcbStatus::UpToDate]),
                allow_smt: true,
                allow_dynamic_platform: true,
                ..DcapPolicy::default()
            },
            xfam_allowed: u64::MAX,
            references: vec![TdxReference {
                mrtd: Some(bytes(&fields["mrtd"])),
                ..TdxReference::default()
            }],
            ..TdxPolicy::default()
        };
        captured
    }

    fn judge_by(&self, measure: Measure<'_>) -> Judgement {
        let evidence = Evidence {
            kind: self.kind,
            quote: Base64(self.bundle.to_bytes()),
            endorsements: self.endorsements.clone(),
        };
        verify(&Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: self.report_data.as_ref(),
            measure,
            now: self.expected["now"].as_u64().unwrap(),
            roots: &Roots::pinned(),
        })
    }

    fn judge(&self) -> Judgement {
        self.judge_by(Measure::Policy(&self.policy))
    }

    fn hcl(&mut self) -> &mut Vec<u8> {
        &mut self.bundle.hcl.as_mut().unwrap().0
    }

    fn pcr(&mut self, pcr: u8, value: Option<[u8; 32]>) {
        let mut values = self.bundle.pcrs.values().clone();
        match value {
            Some(value) => values.insert(pcr, value),
            None => values.remove(&pcr),
        };
        self.bundle.pcrs = Pcrs::new(values).unwrap();
    }
}

const BOTH: [fn() -> Captured; 2] = [Captured::snp, Captured::tdx];

#[test]
fn real_evidence_is_genuine_and_says_what_it_should() {
    for captured in BOTH.map(|make| make()) {
        let statuses = BTreeSet::from([TcbStatus::UpToDate]);
        let judgement = captured.judge_by(Measure::Genuine(&statuses));
        assert!(judgement.verdict.is_trusted(), "{:#?}", judgement.verdict);
        for (name, value) in captured.expected["fields"].as_object().unwrap() {
            assert_eq!(judgement.fields.get(name), Some(value), "{name}");
        }
        assert_eq!(judgement.fields["tpm_nonce"], captured.expected["tpm_nonce"]);
        assert_eq!(judgement.fields["vm_configuration"]["secure-boot"], true);
        assert_eq!(judgement.fields["vm_configuration"]["console-enabled"], true);
        assert_eq!(judgement.fields["pcrs"].as_object().unwrap().len(), 24);
        assert!(!judgement.platforms.is_empty() && judgement.expires.is_some());
        let open = with_outcome(&judgement, Outcome::Open);
        let wanted = codes([Rule::ReportData, Rule::VmConfiguration, Rule::Measurement]);
        assert!(open.is_superset(&wanted), "{open:?}");
        let passed = with_outcome(&judgement, Outcome::Passed);
        let wanted = codes([
            Rule::EvidenceFormat,
            Rule::EvidenceSignature,
            Rule::RuntimeData,
            Rule::HardwareRooted,
            Rule::AttestationKey,
            Rule::TpmQuote,
            Rule::PcrDigest,
        ]);
        assert!(passed.is_superset(&wanted), "{passed:?}");
        let together = passed.contains(Rule::Composition.code());
        assert_eq!(together, captured.kind == EvidenceKind::AzureTdx);
    }
}

#[test]
fn a_policy_can_take_it_but_for_what_it_was_made_for() {
    for mut captured in BOTH.map(|make| make()) {
        let judgement = captured.judge();
        assert!(judgement.verdict.is_trusted(), "{:#?}", judgement.verdict);
        assert_eq!(with_outcome(&judgement, Outcome::Open), codes([Rule::ReportData]));
        captured.report_data = Some([1; 64]);
        assert_refused("another session", &captured.judge(), Rule::ReportData);
    }
}

#[test]
fn each_fault_is_refused_for_its_own_reason() {
    type Row = (&'static str, fn(&mut Captured), Rule);
    let rows: &[Row] = &[
        ("runtime data of another machine", |it| it.hcl()[0x500] ^= 1, Rule::RuntimeData),
        ("a digest of another sort", |it| it.hcl()[0x4cc] = 2, Rule::RuntimeData),
        ("a bit of the TPM's statement", |it| it.bundle.message.0[90] ^= 1, Rule::TpmQuote),
        ("a bit of the TPM's signature", |it| it.bundle.signature.0[90] ^= 1, Rule::TpmQuote),
        ("another value", |it| it.pcr(4, Some([1; 32])), Rule::PcrDigest),
        ("a register left out", |it| it.pcr(23, None), Rule::PcrDigest),
        (
            "values in another order",
            |it| {
                let (first, second) = (it.bundle.pcrs.values()[&0], it.bundle.pcrs.values()[&1]);
                it.pcr(0, Some(second));
                it.pcr(1, Some(first));
            },
            Rule::PcrDigest,
        ),
        ("no hardware report", |it| it.bundle.hcl = None, Rule::HardwareRooted),
        (
            "a key of its own",
            |it| it.bundle.key = Some(it.bundle.message.clone()),
            Rule::EvidenceFormat,
        ),
        ("a report cut off", |it| it.hcl().truncate(0x500), Rule::EvidenceFormat),
        ("a report that is too long", |it| it.hcl().resize(20_000, 0), Rule::EvidenceSize),
        (
            "another sort of hardware",
            |it| {
                it.kind = match it.kind {
                    EvidenceKind::AzureSnp => EvidenceKind::AzureTdx,
                    _ => EvidenceKind::AzureSnp,
                };
                it.policy.accept.insert(it.kind);
            },
            Rule::TeeType,
        ),
        ("a policy for something else", |it| it.policy.accept.clear(), Rule::EvidenceKind),
        ("a console", |it| it.policy.azure.allow_console = false, Rule::VmConfiguration),
        ("no reference", |it| it.policy.azure.references.clear(), Rule::ReferenceValues),
        (
            "other references",
            |it| {
                it.policy.azure.references[0].0.insert(4, [0; 32]);
            },
            Rule::Measurement,
        ),
    ];
    for make in BOTH {
        for (name, spoil, rule) in rows {
            let mut captured = make();
            spoil(&mut captured);
            assert_refused(name, &captured.judge(), *rule);
        }
    }
}

#[test]
fn the_tpm_is_that_of_the_same_machine() {
    let [snp, tdx] = BOTH.map(|make| make());
    let mut mixed = snp.clone();
    let Bundle { message, signature, pcrs, .. } = tdx.bundle.clone();
    mixed.bundle = Bundle { message, signature, pcrs, ..mixed.bundle };
    assert_refused("another machine's TPM", &mixed.judge(), Rule::TpmQuote);
}

#[test]
fn the_hardware_half_is_judged_as_ever() {
    type Row = (&'static str, fn() -> Captured, fn(&mut Captured), Rule);
    let rows: &[Row] = &[
        (
            "a bit of the SNP report",
            Captured::snp,
            |it| it.hcl()[0x20 + 0x90] ^= 1,
            Rule::EvidenceSignature,
        ),
        (
            "SNP guests of other names",
            Captured::snp,
            |it| it.policy.snp.references[0].measurement[0] ^= 1,
            Rule::Measurement,
        ),
        (
            "no SNP guest of a name",
            Captured::snp,
            |it| it.policy.snp.references.clear(),
            Rule::ReferenceValues,
        ),
        (
            "TDX guests of other names",
            Captured::tdx,
            |it| it.policy.tdx.references[0].mrtd = Some([0; 48]),
            Rule::Measurement,
        ),
        (
            "a TDX quote beside SNP",
            Captured::snp,
            |it| it.bundle.td_quote = it.bundle.hcl.clone(),
            Rule::EvidenceFormat,
        ),
        ("a TDREPORT alone", Captured::tdx, |it| it.bundle.td_quote = None, Rule::HardwareRooted),
        (
            "a denied platform",
            Captured::snp,
            |it| {
                let chip = it.expected["fields"]["chip_id"].as_str().unwrap().to_owned();
                it.policy.platforms.deny.insert(chip);
            },
            Rule::PlatformDenied,
        ),
    ];
    for (name, make, spoil, rule) in rows {
        let mut captured = make();
        assert!(captured.judge().verdict.is_trusted());
        spoil(&mut captured);
        assert_refused(name, &captured.judge(), *rule);
    }
}

/// Each place of the TDREPORT that the quote has a copy of.
#[test]
fn a_tdreport_of_another_boot_is_refused() {
    for at in [
        128, 191, 264, 279, 280, 327, 328, 375, 376,
        383, // report data, SVN, MRSEAM, its signer, its attributes
        512, 519, 520, 527, 528, 575, 576, 623, 624, 671, 672,
        719, // attributes, XFAM, MRTD, configuration, owner
        720, 767, 768, 815, 816, 863, 864, 911, // RTMR0..3
    ] {
        let mut captured = Captured::tdx();
        captured.hcl()[0x20 + at] ^= 1;
        assert_refused(&format!("byte {at}"), &captured.judge(), Rule::Composition);
    }
    assert!(Captured::tdx().judge().verdict.is_trusted());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics(at: prop::sample::Index, byte: u8, tdx: bool) {
        let mut captured = BOTH[usize::from(tdx)]();
        let before = captured.hcl().clone();
        *at.get_mut(captured.hcl()) = byte;
        let same = *captured.hcl() == before;
        // Of TDREPORT, what the quote has no copy of means nothing here.
        let judgement = captured.judge();
        prop_assert!(judgement.verdict.is_trusted() == same || tdx);
    }
}
