//! A real software TPM (swtpm) and real tools (tpm2-tools), unprivileged, on a socket in a folder of the test's own.
//!
//! Needs `scripts/setup-test-tools`; fails without it.

use crate::{
    EXPECTED, assert_refused, assert_trusted, codes, sha256,
    software::{evidence, judge, policy},
    with_outcome,
};
use sealroom_attest::{Measure, Outcome, Policy, Rule};
use sealroom_evidence::{
    tpm::{ALG_SHA256, Public, Quote, Scheme, Signature},
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::{Base64, Evidence};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A TPM, for as long as it lives.
struct Tpm {
    folder: TempDir,
    process: Child,
}

impl Tpm {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let at = folder.path().display();
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--flags", "startup-clear", "--tpmstate"]);
        command.arg(format!("dir={at}")).arg("--server").arg(format!("type=unixio,path={at}/tpm"));
        command.arg("--ctrl").arg(format!("type=unixio,path={at}/tpm.ctrl"));
        let process =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| {
                panic!("`swtpm` does not start ({error}): run scripts/setup-test-tools first")
            });
        let tpm = Self { folder, process };
        let patience = Instant::now() + Duration::from_secs(20);
        while !tpm.path("tpm.ctrl").exists() || !tpm.path("tpm").exists() {
            assert!(Instant::now() < patience, "swtpm is not ready");
            thread::sleep(Duration::from_millis(20));
        }
        tpm
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs a tool in the folder, and forgets what it has loaded.
    fn run(&self, command: &str) {
        for command in [command, "tpm2_flushcontext --transient-object"] {
            let mut words = command.split_whitespace();
            let output = Command::new(words.next().unwrap())
                .args(words)
                .current_dir(self.folder.path())
                .env("TPM2TOOLS_TCTI", format!("swtpm:path={}", self.path("tpm").display()))
                .output()
                .unwrap_or_else(|error| {
                    panic!("`{command}`: {error}; run scripts/setup-test-tools first")
                });
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}: {said}");
        }
    }

    /// Makes an attestation key, `NAME.pub` and `NAME.ctx`; `algorithm` is `ecc` or `rsa`.
    fn create_key(&self, name: &str, algorithm: &str) {
        let scheme = if algorithm == "rsa" { "rsassa" } else { "ecdsa" };
        self.run("tpm2_createek -G ecc -c ek.ctx");
        self.run(&format!(
            "tpm2_createak -C ek.ctx -G {algorithm} -g sha256 -s {scheme} -c {name}.ctx -u {name}.pub"
        ));
    }

    fn public(&self, key: &str) -> Public {
        Public::parse(&self.read(&format!("{key}.pub"))).unwrap()
    }

    /// A quote over registers 0, 7 and 16, of the banks that `selection` names.
    fn quote(&self, key: &str, selection: &str, nonce: &[u8]) -> Bundle {
        let nonce = hex::encode(nonce);
        self.run(&format!(
            "tpm2_quote -c {key}.ctx -l {selection} -q {nonce} -m message -s signature"
        ));
        self.run("tpm2_pcrread sha256:0,7,16 -o pcrs");
        let signature = Signature::parse(&self.read("signature")).unwrap();
        assert_eq!(signature.hash, ALG_SHA256);
        let pcrs = self.read("pcrs");
        let values = [0, 7, 16].into_iter().zip(pcrs.as_chunks::<32>().0.iter().copied());
        Bundle {
            hcl: None,
            key: Some(Base64(self.public(key).key.to_spki())),
            message: Base64(self.read("message")),
            signature: Base64(signature.raw),
            pcrs: Pcrs::new(values.collect()).unwrap(),
            td_quote: None,
        }
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

const BANK: &str = "sha256:0,7,16";

/// The TPM with something in register 16, and a policy for just that.
fn measured(algorithm: &str) -> (Tpm, Policy) {
    let tpm = Tpm::start();
    tpm.create_key("ak", algorithm);
    let measured = sha256(b"the enclave");
    tpm.run(&format!("tpm2_pcrextend 16:sha256={}", hex::encode(measured)));
    let register = sha256(&[[0; 32], measured].concat());
    let pcrs = BTreeMap::from([(0, [0; 32]), (7, [0; 32]), (16, register)]);
    let policy = policy(&tpm.public("ak").key.to_spki(), &pcrs);
    (tpm, policy)
}

fn judged(bundle: &Bundle, policy: &Policy) -> sealroom_attest::Judgement {
    judge(&evidence(bundle.to_bytes()), Some(&EXPECTED), Measure::Policy(policy))
}

#[test]
fn a_software_tpm_is_taken_for_what_it_is() {
    for (algorithm, scheme) in [("ecc", Scheme::Ecdsa), ("rsa", Scheme::Rsassa)] {
        let (tpm, policy) = measured(algorithm);
        let bundle = tpm.quote("ak", BANK, &sha256(&EXPECTED));
        assert_eq!(Signature::parse(&tpm.read("signature")).unwrap().scheme, scheme);
        assert!(tpm.public("ak").is_attestation_key());

        let judgement = judged(&bundle, &policy);
        assert_trusted(&judgement);
        assert_eq!(with_outcome(&judgement, Outcome::Warned), codes([Rule::HardwareRooted]));
        let register = hex::encode(policy.tpm.references[0].0[&16]);
        assert_eq!(judgement.fields["pcrs"]["16"], register);

        let statuses = BTreeSet::new();
        let evidence: Evidence = evidence(bundle.to_bytes());
        let genuine = judge(&evidence, Some(&EXPECTED), Measure::Genuine(&statuses));
        assert_refused("genuineness", &genuine, Rule::HardwareRooted);
    }
}

#[test]
fn our_reading_of_keys_and_quotes_is_the_tools() {
    for algorithm in ["ecc", "rsa"] {
        let tpm = Tpm::start();
        tpm.create_key("ak", algorithm);
        tpm.run("tpm2_readpublic -c ak.ctx -f der -o ak.der");
        assert_eq!(tpm.public("ak").key.to_spki(), tpm.read("ak.der"));
        let bundle = tpm.quote("ak", "sha1:1,2+sha256:0,7,16", &[1, 2, 3]);
        let quote = Quote::parse(&bundle.message.0).unwrap();
        assert_eq!(quote.extra_data, [1, 2, 3]);
        let banks: Vec<_> =
            quote.selections.iter().map(|bank| (bank.hash, bank.pcrs.len())).collect();
        assert_eq!(banks, [(0x04, 2), (ALG_SHA256, 3)]);
    }
}

#[test]
fn a_key_that_signs_other_things_too_is_no_attestation_key() {
    let tpm = Tpm::start();
    tpm.run("tpm2_createprimary -C o -G ecc -c primary.ctx");
    tpm.run(
        "tpm2_create -C primary.ctx -G ecc:ecdsa-sha256:null -u free.pub -r free.priv \
         -a fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign",
    );
    assert!(!tpm.public("free").is_attestation_key());
}

#[test]
fn each_fault_is_refused_for_its_own_reason() {
    let (tpm, policy) = measured("ecc");
    let nonce = sha256(&EXPECTED);
    tpm.create_key("other", "ecc");
    let good = tpm.quote("ak", BANK, &nonce);
    assert_trusted(&judged(&good, &policy));

    let bundle = tpm.quote("ak", BANK, &sha256(&[1; 64]));
    assert_refused("another nonce", &judged(&bundle, &policy), Rule::ReportData);

    let bundle = tpm.quote("other", BANK, &nonce);
    assert_refused("another key", &judged(&bundle, &policy), Rule::AttestationKey);
    let bundle = Bundle { key: good.key.clone(), ..bundle };
    assert_refused("another key that hides", &judged(&bundle, &policy), Rule::TpmQuote);

    for selection in ["sha256:0,7", "sha256:0,7,17", "sha1:0,7,16", "sha1:0+sha256:0,7,16"] {
        let bundle = tpm.quote("ak", selection, &nonce);
        assert_refused(selection, &judged(&bundle, &policy), Rule::PcrDigest);
    }

    tpm.run("tpm2_certify -C ak.ctx -c ak.ctx -g sha256 -o message -s signature");
    let bundle = Bundle {
        message: Base64(tpm.read("message")),
        signature: Base64(Signature::parse(&tpm.read("signature")).unwrap().raw),
        ..good.clone()
    };
    assert_refused("another statement of the same key", &judged(&bundle, &policy), Rule::TpmQuote);

    tpm.run(&format!("tpm2_pcrextend 16:sha256={}", hex::encode([1; 32])));
    let bundle = tpm.quote("ak", BANK, &nonce);
    assert_refused("another program", &judged(&bundle, &policy), Rule::Measurement);
    let bundle = Bundle { pcrs: good.pcrs, ..bundle };
    assert_refused("old registers", &judged(&bundle, &policy), Rule::PcrDigest);
}
