//! How long it takes to judge one piece of evidence, on one core, beside what it can't do without.
//!
//! `cargo bench -p sealroom-attest`. Every real capture that is genuine is judged some hundred times; the table has the
//! median and the slowest. Beside Intel's quotes: dcap-qvl alone, without any rule of ours. Beside AMD's reports: the
//! signatures alone (three over RSA-4096, one over P-384).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use dcap_qvl::{QuoteCollateralV3, QuotePolicy, verify::QuoteVerifier};
use sealroom_attest::{Measure, Request, Roots, policy::TcbStatus};
use sealroom_evidence::snp::Report;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

const ROUNDS: usize = 200;

/// The median and the slowest of many rounds.
fn measure(mut work: impl FnMut()) -> (Duration, Duration) {
    for _ in 0..10 {
        work();
    }
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    (times[ROUNDS / 2], times[ROUNDS - 1])
}

fn main() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/attestation");
    println!("{:32} {:>10} {:>10} {:>10} {:>6}", "evidence", "median", "slowest", "bare", "ratio");
    let mut folders: Vec<_> = ["sgx", "tdx", "snp"]
        .iter()
        .flat_map(|kind| fs::read_dir(vectors.join(kind)).unwrap().map(|e| e.unwrap().path()))
        .collect();
    folders.sort();
    let mut slowest = Duration::ZERO;
    for folder in folders {
        let read = |name: &str| fs::read(folder.join(name)).ok();
        let expected: serde_json::Value =
            serde_json::from_slice(&read("expected.json").unwrap()).unwrap();
        if expected["verdict"] != "accept" {
            continue;
        }
        let now = expected["now"].as_u64().unwrap();
        let (kind, quote, endorsements) = match (read("quote.bin"), read("report.bin")) {
            (Some(quote), _) => {
                let kind = match expected["kind"].as_str().unwrap() {
                    "sgx" => EvidenceKind::Sgx,
                    _ => EvidenceKind::Tdx,
                };
                (kind, quote, vec![read("collateral.json").unwrap()])
            }
            (None, report) => {
                let chain = ["vek.der", "ask.der", "ark.der"].map(|name| read(name).unwrap());
                (EvidenceKind::Snp, report.unwrap(), chain.to_vec())
            }
        };
        let bare = match kind {
            EvidenceKind::Snp => measure(|| bare_signatures(&quote, &endorsements)).0,
            _ => {
                let text = &endorsements[0];
                let verifier = QuoteVerifier::new_prod();
                measure(|| {
                    let collateral: QuoteCollateralV3 = serde_json::from_slice(text).unwrap();
                    let policy = QuotePolicy::claims_only(now);
                    drop(black_box(verifier.verify_with_policy(&quote, collateral, now, &policy)));
                })
                .0
            }
        };
        let endorsements = endorsements.into_iter().map(Base64).collect();
        let evidence = Evidence { kind, quote: Base64(quote), endorsements };
        let statuses = TcbStatus::ACCEPTABLE.into();
        let request = Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: None,
            measure: Measure::Genuine(&statuses),
            now,
            roots: &Roots::pinned(),
        };
        assert!(sealroom_attest::verify(&request).verdict.is_trusted());
        let (median, worst) = measure(|| drop(black_box(sealroom_attest::verify(&request))));
        slowest = slowest.max(worst);
        let name = folder.strip_prefix(&vectors).unwrap().display().to_string();
        let ratio = median.as_secs_f64() / bare.as_secs_f64();
        println!("{name:32} {median:>10.2?} {worst:>10.2?} {bare:>10.2?} {ratio:>6.2}");
    }
    println!("the slowest of all: {slowest:.2?}");
}

/// The chain's three signatures and the report's.
fn bare_signatures(report: &[u8], chain: &[Vec<u8>]) {
    use der::{Decode as _, Encode as _};
    let parsed: Vec<x509_cert::Certificate> =
        chain.iter().map(|der| x509_cert::Certificate::from_der(der).unwrap()).collect();
    let (signed, signature) = (&report[..Report::SIGNED], Report::parse(report).unwrap().signature);
    let vek = parsed[0].tbs_certificate().subject_public_key_info();
    let key = ring::signature::UnparsedPublicKey::new(
        &ring::signature::ECDSA_P384_SHA384_FIXED,
        vek.subject_public_key.raw_bytes(),
    );
    key.verify(signed, &[signature.r, signature.s].concat()).unwrap();
    for (at, certificate) in parsed.iter().enumerate() {
        let signer = &parsed[(at + 1).min(2)];
        let key = signer.tbs_certificate().subject_public_key_info();
        let key = ring::signature::UnparsedPublicKey::new(
            &ring::signature::RSA_PSS_2048_8192_SHA384,
            key.subject_public_key.raw_bytes(),
        );
        let tbs = certificate.tbs_certificate().to_der().unwrap();
        let _ = black_box(key.verify(&tbs, certificate.signature().raw_bytes()));
    }
}
