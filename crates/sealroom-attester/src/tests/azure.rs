//! Azure's virtual TPM: a software TPM that was set up like one, behind a line on which anything may happen.

mod imds;
mod line;

use super::fixture::{self, MINE, OTHER};
use crate::{
    AttestError, Attester as _, AzureVtpm, ChooseError,
    azure::{self, is_another_tpm},
    files::System,
    machine::Machine,
    tpm::{Tpm, TpmError, provision::answer_of},
};
use imds::Service;
use line::{Line, NV_READ, NV_READ_PUBLIC, PCR_READ, QUOTE, SoftwareTpm};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use sealroom_evidence::{
    hcl,
    tpm::Quote,
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::{Digest, EvidenceKind};
use std::{fs, path::Path, sync::Arc, time::Duration};

const REPORT: u32 = 0x0140_0001;
const USER_DATA: u32 = 0x0140_0002;
const KEY: u32 = 0x8100_0003;

/// Where a paravisor's report has the hardware's, and within that the report data.
const HARDWARE: usize = 0x20;
const SNP: usize = HARDWARE + fixture::SNP;
const TDX: usize = HARDWARE + 128;
const RUNTIME: usize = 0x4c0;
const JSON: usize = 0x4d4;

fn real(kind: EvidenceKind) -> Vec<u8> {
    fixture::file(match kind {
        EvidenceKind::AzureTdx => "tdx/azure-v4-vtpm/hcl_report.bin",
        _ => "snp/genoa-v3-azure-vtpm/hcl_report.bin",
    })
}

/// A real report with another JSON: what a software TPM can keep has 2048 bytes at most.
fn report(kind: EvidenceKind, json: &str) -> Vec<u8> {
    let mut report = real(kind)[..JSON].to_vec();
    let number = |len: usize| u32::try_from(len).unwrap().to_le_bytes();
    fixture::put(&mut report, 8, &number(JSON + json.len()));
    fixture::put(&mut report, RUNTIME, &number(JSON - RUNTIME + json.len()));
    fixture::put(&mut report, RUNTIME + 16, &number(json.len()));
    let at = if kind == EvidenceKind::AzureTdx { TDX } else { SNP };
    fixture::put(&mut report, at, Digest::of(json.as_bytes()).as_bytes());
    report.extend_from_slice(json.as_bytes());
    report
}

const RUNTIME_JSON: &str = r#"{"keys":[],"vm-configuration":{"secure-boot":true}}"#;

/// A machine that was booted: its TPM, its metadata service, and the modulus of its key.
struct Booted {
    tpm: Line,
    imds: Service,
    modulus: Vec<u8>,
}

impl Booted {
    fn new(kind: EvidenceKind) -> Self {
        Self::with(&report(kind, RUNTIME_JSON))
    }

    fn with(report: &[u8]) -> Self {
        let software = SoftwareTpm::new();
        let mut tpm = software.connect();
        let modulus = tpm.make_key(KEY).unwrap();
        tpm.store(REPORT, report, false).unwrap();
        tpm.extend(7, &[7; 32]).unwrap();
        Self { tpm: Line::to(software, tpm), imds: Service::new(), modulus }
    }

    fn attester(&self) -> AzureVtpm {
        AzureVtpm::at(self.tpm.path(), &self.imds.url()).unwrap()
    }

    fn refused(&self) -> AttestError {
        self.attester().evidence(&MINE).unwrap_err()
    }

    /// Looks at a bundle as a verifier would, and says which registers it has.
    fn check(&self, bundle: &Bundle, data: &[u8; 64]) -> Pcrs {
        let quote = Quote::parse(&bundle.message.0).unwrap();
        assert_eq!(quote.extra_data, Digest::of(data).as_bytes());
        let values: Vec<u8> = bundle.pcrs.values().values().flatten().copied().collect();
        assert_eq!(
            (values.len(), quote.pcr_digest),
            (24 * 32, &Digest::of(&values).as_bytes()[..])
        );
        assert_eq!(quote.selections.len(), 1);
        assert_eq!(quote.selections[0].pcrs, (0..24).collect());
        let key = RsaPublicKeyComponents { n: self.modulus.as_slice(), e: &[1, 0, 1] };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, &bundle.message.0, &bundle.signature.0).unwrap();
        bundle.pcrs.clone()
    }
}

#[test]
fn snp_gives_a_quote_the_paravisors_report_and_certificates() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester();
    let evidence = attester.evidence(&MINE).unwrap();
    assert_eq!((evidence.kind, attester.kind()), (EvidenceKind::AzureSnp, EvidenceKind::AzureSnp));
    let bundle = Bundle::parse(&evidence.quote.0).unwrap();
    let pcrs = booted.check(&bundle, &MINE);
    assert_eq!(pcrs.values()[&17], [0xff; 32]);
    assert_eq!(pcrs.values()[&7], *Digest::of(&[[0; 32], [7; 32]].concat()).as_bytes());
    assert_eq!(bundle.hcl.unwrap().0, report(EvidenceKind::AzureSnp, RUNTIME_JSON));
    assert_eq!((bundle.key, bundle.td_quote), (None, None));
    let endorsements: Vec<_> = evidence.endorsements.iter().map(|der| &der.0).collect();
    assert_eq!(endorsements, ["vek", "ask", "ark"].map(imds::certificate).each_ref());
    let asked = booted.imds.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("GET /metadata/THIM/amd/certification HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("\r\nmetadata: true\r\n"), "{asked:?}");
}

#[test]
fn tdx_gives_a_quote_the_paravisors_report_and_the_hosts_quote_of_it() {
    let booted = Booted::new(EvidenceKind::AzureTdx);
    let attester = booted.attester();
    let evidence = attester.evidence(&MINE).unwrap();
    assert_eq!((evidence.kind, attester.kind()), (EvidenceKind::AzureTdx, EvidenceKind::AzureTdx));
    assert_eq!(evidence.endorsements, []);
    let bundle = Bundle::parse(&evidence.quote.0).unwrap();
    booted.check(&bundle, &MINE);
    // The service made it of the TDREPORT that it was sent: see there.
    let quote = bundle.td_quote.unwrap().0;
    assert_eq!(&quote[fixture::TDX..][..32], Digest::of(RUNTIME_JSON.as_bytes()).as_bytes());
    assert!(booted.imds.asked()[0].starts_with("POST /acc/tdquote HTTP/1.1\r\n"));
}

#[test]
fn requests_one_after_the_other_have_nonces_of_their_own() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester();
    for data in [MINE, OTHER] {
        let evidence = attester.evidence(&data).unwrap();
        booted.check(&Bundle::parse(&evidence.quote.0).unwrap(), &data);
    }
}

#[test]
fn registers_that_change_meanwhile_are_read_again() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester();
    let mut left = 2;
    booted.tpm.on(QUOTE, move |_, tpm| {
        if left > 0 {
            left -= 1;
            tpm.extend(16, &[1; 32]).unwrap();
        }
        None
    });
    let evidence = attester.evidence(&MINE).unwrap();
    booted.check(&Bundle::parse(&evidence.quote.0).unwrap(), &MINE);
    booted.tpm.on(QUOTE, |_, tpm| {
        tpm.extend(16, &[1; 32]).unwrap();
        None
    });
    let error = attester.evidence(&MINE).unwrap_err();
    assert!(matches!(error, AttestError::Disturbed { tries: 3, .. }), "{error}");
}

#[test]
fn a_quote_for_somebody_else_is_not_passed_on() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let nonce = Digest::of(&MINE).as_bytes().to_owned();
    booted.tpm.on(QUOTE, move |command, tpm| {
        let mut command = command.to_vec();
        let at = command.windows(32).position(|bytes| bytes == nonce).unwrap();
        command[at] ^= 1;
        Some(tpm.pass(&command))
    });
    let error = booted.refused();
    assert!(matches!(error, AttestError::OtherReportData), "{error}");
}

#[test]
fn a_report_that_does_not_carry_its_json_is_not_passed_on() {
    for (kind, at) in [(EvidenceKind::AzureSnp, SNP), (EvidenceKind::AzureTdx, TDX)] {
        // The hash, and what has to be zero behind it.
        for at in [at, at + 63] {
            let mut report = report(kind, RUNTIME_JSON);
            report[at] ^= 1;
            let error = Booted::with(&report).refused();
            assert!(matches!(error, AttestError::Disturbed { .. }), "{kind} {at}: {error}");
        }
    }
    let mut report = report(EvidenceKind::AzureSnp, RUNTIME_JSON);
    report[RUNTIME + 12] = 2;
    let error = Booted::with(&report).refused();
    assert!(matches!(error, AttestError::Unreadable(_)), "another hash: {error}");
}

#[test]
fn a_real_report_comes_in_many_chunks() {
    for kind in [EvidenceKind::AzureSnp, EvidenceKind::AzureTdx] {
        let line = Line::alone();
        line.keep(REPORT, real(kind));
        let attester = AzureVtpm::at(line.path(), "http://127.0.0.1:9").unwrap();
        assert_eq!(attester.kind(), kind);
        let mut tpm = Tpm::open(line.path()).unwrap();
        assert_eq!(tpm.nv_read(REPORT, hcl::MAX_LEN).unwrap(), real(kind));
        let error = tpm.nv_read(REPORT, 2599).unwrap_err();
        assert!(matches!(error, TpmError::TooLong { bytes: 2600, limit: 2599, .. }), "{error}");
    }
}

#[test]
fn a_new_report_is_asked_for_through_an_index_that_may_be_missing() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester().refreshed(Duration::ZERO);
    for data in [MINE, OTHER] {
        attester.evidence(&data).unwrap();
        let mut tpm = Tpm::open(booted.tpm.path()).unwrap();
        assert_eq!(tpm.nv_read(USER_DATA, 64).unwrap(), data);
    }
    let mut tpm = Tpm::open(booted.tpm.path()).unwrap();
    let error = tpm.nv_put(KEY, &MINE).unwrap_err();
    assert!(matches!(error, TpmError::Refused { command: "TPM2_NV_ReadPublic", .. }), "{error}");
}

#[test]
fn what_a_tpm_refuses_is_named() {
    let software = SoftwareTpm::new();
    let tpm = software.connect();
    let line = Line::to(software, tpm);
    let error = AzureVtpm::at(line.path(), "http://127.0.0.1:9").unwrap_err();
    assert!(is_another_tpm(&error), "{error}");
    let AttestError::Tpm { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "TPM2_NV_ReadPublic was refused with TPM_RC_HANDLE (0x18b)");

    let mut tpm = Tpm::open(line.path()).unwrap();
    tpm.store(REPORT, &report(EvidenceKind::AzureSnp, RUNTIME_JSON), true).unwrap();
    drop(tpm);
    let error =
        AzureVtpm::at(line.path(), "http://127.0.0.1:9").unwrap().evidence(&MINE).unwrap_err();
    let AttestError::Tpm { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.to_string(), "TPM2_Quote was refused with TPM_RC_HANDLE (0x18b)", "no key");

    let missing = AzureVtpm::at(Path::new("/nowhere/tpm"), "http://127.0.0.1:9").unwrap_err();
    assert!(!is_another_tpm(&missing));
    assert!(matches!(missing, AttestError::Tpm { source: TpmError::Device { .. }, .. }));
}

#[test]
fn a_tpm_that_has_no_time_is_asked_again() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    for later in [0x908, 0x90a, 0x920, 0x922] {
        let mut left = 2;
        booted.tpm.on(QUOTE, move |_, _| {
            left -= 1;
            (left >= 0).then(|| answer_of(0x8001, later, &[]))
        });
        booted.attester().evidence(&MINE).unwrap();
    }
    booted.tpm.on(QUOTE, |_, _| Some(answer_of(0x8001, 0x922, &[])));
    let AttestError::Tpm { source, .. } = booted.refused() else { panic!() };
    assert_eq!(source.to_string(), "TPM2_Quote was put off 40 times, with TPM_RC_RETRY (0x922)");
}

#[test]
fn answers_that_are_none_are_refused() {
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    let spoils: [(&str, Spoil); 8] = [
        ("nothing", |_| Vec::new()),
        ("half a header", |answer| answer[..7].to_vec()),
        ("cut", |answer| answer[..answer.len() - 1].to_vec()),
        ("more than it says", |answer| [answer, vec![0]].concat()),
        ("a size without end", |mut answer| {
            fixture::put(&mut answer, 2, &[0xff; 4]);
            answer
        }),
        ("another tag", |mut answer| {
            answer[1] ^= 3;
            answer
        }),
        ("nothing in it", |answer| answer_of(u16::from_be_bytes([answer[0], answer[1]]), 0, &[])),
        ("lengths beyond the end", |mut answer| {
            let len = answer.len();
            fixture::put(&mut answer, 10, &vec![0xff; len - 10]);
            answer
        }),
    ];
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester();
    for (name, spoil) in spoils {
        for code in [NV_READ_PUBLIC, NV_READ, PCR_READ, QUOTE] {
            booted.tpm.on(code, move |command, tpm| Some(spoil(tpm.pass(command))));
            let error = attester.evidence(&MINE).unwrap_err();
            let is_malformed =
                matches!(error, AttestError::Tpm { source: TpmError::Malformed, .. });
            assert!(is_malformed, "{name}, {code:#x}: {error:?}");
            booted.tpm.on(code, |_, _| None);
        }
    }
    attester.evidence(&MINE).unwrap();
}

#[test]
fn registers_have_to_be_all_there_and_those_that_were_asked_for() {
    let booted = Booted::new(EvidenceKind::AzureSnp);
    let attester = booted.attester();
    // Update counter, then banks, then digests.
    let none = [&[0; 4][..], &[0; 4], &[0; 4]].concat();
    let empty = [&[0; 4][..], &[0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0], &[0; 4]].concat();
    for body in [none, empty] {
        booted.tpm.on(PCR_READ, move |_, _| Some(answer_of(0x8001, 0, &body)));
        let error = attester.evidence(&MINE).unwrap_err();
        assert!(matches!(error, AttestError::Tpm { source: TpmError::NoBank, .. }), "{error:?}");
    }
    let some = |registers: u8, hash: u8, count: u8, digests: usize| {
        let banks = [0, 0, 0, 1, 0, hash, 3, registers, 0, 0];
        let digest = [&[0, 32][..], &[7; 32]].concat();
        [&[0; 4][..], &banks, &[0, 0, 0, count], &digest.repeat(digests)].concat()
    };
    for (name, body) in [
        ("the same register again and again", some(1, 0x0b, 1, 1)),
        ("another bank", some(1, 0x04, 1, 1)),
        ("fewer digests than registers", some(3, 0x0b, 1, 2)),
        ("more digests than registers", some(1, 0x0b, 2, 1)),
    ] {
        booted.tpm.on(PCR_READ, move |_, _| Some(answer_of(0x8001, 0, &body)));
        let error = attester.evidence(&MINE).unwrap_err();
        let is_malformed = matches!(error, AttestError::Tpm { source: TpmError::Malformed, .. });
        assert!(is_malformed, "{name}: {error:?}");
    }
}

#[test]
fn an_index_that_was_not_asked_for_is_not_read() {
    let line = Line::alone();
    line.keep(REPORT, real(EvidenceKind::AzureSnp));
    let mut tpm = Tpm::open(line.path()).unwrap();
    line.spoil(|mut answer| {
        // Header, size of the public area, its index.
        answer[10 + 2 + 3] ^= 1;
        answer
    });
    assert!(matches!(tpm.nv_read(REPORT, hcl::MAX_LEN), Err(TpmError::Malformed)));
    let mut nth = 0;
    line.spoil(move |answer| {
        nth += 1;
        match nth {
            1 => answer,
            // All but the last byte: header and two sizes before it, the password's answer behind it.
            _ => line::chunk(&answer[10 + 4 + 2..answer.len() - 5 - 1]),
        }
    });
    assert!(matches!(tpm.nv_read(REPORT, hcl::MAX_LEN), Err(TpmError::Malformed)), "short chunks");
}

#[test]
fn what_the_metadata_service_says_is_read_and_compared() {
    let snp = Booted::new(EvidenceKind::AzureSnp);
    snp.imds.answer(404, "{}");
    let error = snp.refused();
    assert!(matches!(error, AttestError::Metadata { .. }), "{error}");
    let chain = |text: &str| format!(r#"{{"vcekCert": "", "certificateChain": "{text}"}}"#);
    for answer in [
        "[]".to_owned(),
        "{}".to_owned(),
        chain(""),
        chain("-----BEGIN CERTIFICATE-----"),
        format!("{{\"quote\": \"{}\"}}", "A".repeat(70_000)),
    ] {
        snp.imds.answer(200, &answer);
        let error = snp.refused();
        assert!(matches!(error, AttestError::Unreadable(_)), "{error}");
    }
    let tdx = Booted::new(EvidenceKind::AzureTdx);
    for (quote, is) in [
        (fixture::tdx_quote(), (|e| matches!(e, AttestError::OtherReportData)) as fn(&_) -> bool),
        (fixture::sgx_quote(), |e| matches!(e, AttestError::OtherKind { .. })),
        (vec![0; 100], |e| matches!(e, AttestError::Unreadable(_))),
    ] {
        tdx.imds.answer(200, &imds::quote(&quote));
        let error = tdx.refused();
        assert!(is(&error), "{error}");
    }
    tdx.imds.answer(200, r#"{"quote": "!"}"#);
    assert!(matches!(tdx.refused(), AttestError::Unreadable(_)));
}

#[test]
fn a_machine_of_azure_is_known_by_what_its_tpm_keeps() {
    let root = tempfile::tempdir().unwrap();
    let tpm = root.path().join(azure::TPM);
    fs::create_dir_all(tpm.parent().unwrap()).unwrap();
    let auto = || Machine::at(root.path(), Arc::new(System), "http://127.0.0.1:9").choose("auto");

    let line = Line::alone();
    std::os::unix::fs::symlink(line.path(), &tpm).unwrap();
    let chosen = auto().unwrap();
    assert_eq!(chosen.attester.kind(), EvidenceKind::Simulated, "any TPM");
    assert_eq!(chosen.why, "no hardware was found that vouches for programs");

    line.keep(REPORT, real(EvidenceKind::AzureTdx));
    let chosen = auto().unwrap();
    assert_eq!(chosen.attester.kind(), EvidenceKind::AzureTdx);
    assert!(chosen.attester.description().starts_with("Intel TDX below Azure's paravisor"));

    // On its chassis a report that can't be read is a failure, elsewhere somebody else's index.
    line.keep(REPORT, b"something else".to_vec());
    assert_eq!(auto().unwrap().attester.kind(), EvidenceKind::Simulated);
    let chassis = root.path().join("sys/class/dmi/id/chassis_asset_tag");
    fs::create_dir_all(chassis.parent().unwrap()).unwrap();
    fs::write(chassis, "7783-7084-3265-9085-8269-3286-77\n").unwrap();
    assert!(matches!(auto(), Err(ChooseError::Failed { .. })));
}
