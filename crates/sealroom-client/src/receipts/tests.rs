//! Files with one thing wrong, signed again wherever the one who lies could sign.

mod made_up;

use super::{
    Acceptance, Checked,
    affected::{Known, Looked, Newer, Sought, look},
    check_asked, check_results, judge, verify,
};
use sealroom_attest::{Outcome, Roots, policy::TcbStatus};
use sealroom_evidence::simulated::Quote;
use sealroom_protocol::{
    Base64, CodeFile, ComputationId, Digest, Dossier, Evidence, EvidenceKind, IdentityKeys,
    InventoryEntry, JailPart, KeyRelease, Manifest, ParticipantId, Policy, Receipt, Release, Role,
    Suite, Timestamp,
    dossier::{self, IdentityPart},
    manifest::{
        self, CanonicalManifest, ComputationPart, EnvironmentPart, ParticipantPart, RuntimePart,
    },
    package::Variables,
    receipt::{Basis, RunStatus, SealedLog, SealedResult, in_order},
    release::{Recipient, SodiumRelease},
    statement::Predicate as _,
};
use sealroom_seal::{
    FileKey, PreSharedKey,
    release::{ReleasedKeys, SealingKey, generate},
    sign::SigningKey,
    sodium::SealedKey,
};
use std::{collections::BTreeSet, fs, path::PathBuf};

const ROLES: [Role; 4] =
    [Role::CodeProvider, Role::DataProvider, Role::DataProvider, Role::ResultConsumer];

/// Everybody's keys, and what they would sign.
struct Scene {
    signing: SigningKey,
    sealing: SealingKey,
    people: Vec<SigningKey>,
    manifest: Manifest,
    receipt: Receipt,
    evidence: Evidence,
    releases: Vec<Release>,
    /// Who signs the receipt, if it is not the identity.
    signer: Option<SigningKey>,
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry((name, uploaded_at): (&str, u64)) -> InventoryEntry {
    let (size, sha256) = (1, Digest::of(name.as_bytes()));
    InventoryEntry { name: name.parse().unwrap(), size, sha256, uploaded_at }
}

fn inventory(at: usize) -> Vec<InventoryEntry> {
    match at {
        1 => [("a", 1), ("b", 3)].map(entry).to_vec(),
        2 => [("c", 2), ("d", 4)].map(entry).to_vec(),
        _ => vec![],
    }
}

impl Scene {
    fn new() -> Self {
        let people: Vec<SigningKey> = (0..4).map(|_| SigningKey::random()).collect();
        let part = |(n, (role, key)): (usize, (Role, &SigningKey))| ParticipantPart {
            role,
            email: format!("p{n}@example.org").parse().unwrap(),
            suite: Suite::Hybrid,
            public_key: key.public(),
        };
        let run_py = CodeFile {
            path: "run.py".parse().unwrap(),
            size: 4,
            sha256: Digest::of(b"pass"),
            sealed: false,
        };
        let manifest = Manifest {
            version: manifest::VERSION.to_owned(),
            computation: ComputationPart {
                uuid: ComputationId::random(),
                name: "a room".to_owned(),
                owner: "owner@example.org".parse().unwrap(),
                created_at: time(0),
                dev_mode: false,
            },
            participants: ROLES.into_iter().zip(&people).enumerate().map(part).collect(),
            code: vec![run_py],
            environment: EnvironmentPart {
                profile: "minimal".parse().unwrap(),
                python: "3.11.7".to_owned(),
                platform: "linux_x86_64".to_owned(),
                variables: Variables::new(),
                lock_sha256: EnvironmentPart::digest_of(&[]),
                packages: vec![],
            },
            policy: Policy { max_runs: 2, ..Policy::default() },
            runtime: RuntimePart {
                enclave: "0".to_owned(),
                attester: EvidenceKind::Simulated,
                jail: JailPart::of(vec![]),
            },
        };
        let result = SealedResult {
            consumer: 0,
            name: "index".parse().unwrap(),
            size: 6,
            sha256: Digest::of(b"sealed"),
        };
        let nothing = Digest::of(b"");
        let receipt = Receipt {
            computation: manifest.computation.uuid,
            manifest: nothing,
            basis: Basis { code: nothing, lock: nothing, policy: nothing, evidence: nothing },
            run: 3,
            run_of_identity: 1,
            releases: vec![],
            published_at: time(100),
            started_at: time(200),
            ended_at: time(300),
            status: RunStatus::Succeeded,
            sbom: None,
            inputs: in_order([(0, inventory(1).as_slice()), (1, inventory(2).as_slice())]),
            results: vec![result],
            logs: vec![],
        };
        let evidence = Evidence {
            kind: EvidenceKind::Simulated,
            quote: Base64::default(),
            endorsements: vec![],
        };
        let (signing, sealing) = (SigningKey::random(), generate().1);
        let (releases, signer) = (vec![], None);
        let mut scene =
            Self { signing, sealing, people, manifest, receipt, evidence, releases, signer };
        scene.settle();
        scene
    }

    fn keys(&self) -> IdentityKeys {
        IdentityKeys { signing: self.signing.public(), sealing: Base64(self.sealing.to_bytes()) }
    }

    fn canonical(&self) -> CanonicalManifest {
        self.manifest.clone().canonical()
    }

    /// Everything that follows from the manifest and the keys is made anew, as honest parties would.
    fn settle(&mut self) {
        let digest = self.canonical().digest();
        let report_data = self.keys().report_data(&digest, &[]);
        self.evidence.quote =
            Base64(Quote { report_data: &report_data, program: &[7; 32] }.to_bytes());
        self.releases = (0..4).map(|at| self.release(at, digest, inventory(at))).collect();
        self.receipt.manifest = digest;
        self.receipt.computation = self.manifest.computation.uuid;
        self.receipt.basis = Basis::of(&self.manifest, &self.evidence);
        self.receipt.releases = self.releases.iter().map(Release::digest).collect();
    }

    fn release(&self, at: usize, manifest: Digest, inventory: Vec<InventoryEntry>) -> Release {
        let to = Recipient {
            computation: self.manifest.computation.uuid,
            manifest,
            identity: &self.signing.public(),
            sealing: &self.sealing,
        };
        let keys = ReleasedKeys {
            pre_shared_key: PreSharedKey::from_bytes(&[1; 32]),
            file_key: FileKey::random(),
        };
        let sealed = KeyRelease::seal(&to, ROLES[at], &self.people[at], &keys, inventory);
        Release::Hybrid(sealed.unwrap())
    }

    /// Puts another release in the place of one; the receipt names it.
    fn replace(&mut self, at: usize, release: Release) {
        self.receipt.releases[at] = release.digest();
        self.releases[at] = release;
    }

    fn dossier(&self) -> Dossier {
        Dossier {
            version: dossier::VERSION.to_owned(),
            receipt: self.receipt.clone().sign(self.signer.as_ref().unwrap_or(&self.signing)),
            identity: IdentityPart {
                manifest: self.canonical().text().to_owned(),
                keys: self.keys(),
                evidence: self.evidence.clone(),
            },
            endorsements: vec![],
            releases: self.releases.clone(),
        }
    }
}

fn checked(dossier: &Dossier, allow_simulated: bool) -> Checked {
    let statuses = BTreeSet::from([TcbStatus::UpToDate]);
    verify(
        dossier,
        &Acceptance { policy: None, statuses: &statuses, allow_simulated, roots: &Roots::pinned() },
    )
}

fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.verdict.failures().map(|check| check.code).collect()
}

#[test]
fn a_run_as_it_should_be_is_trusted() {
    let scene = Scene::new();
    let found = checked(&scene.dossier(), true);
    assert_eq!(codes(&found), [""; 0], "{:?}", found.verdict);
    assert_eq!(found.receipt, Some(scene.receipt.clone()));
    let read = Dossier::parse(&scene.dossier().to_bytes()).unwrap();
    assert!(checked(&read, true).verdict.is_trusted(), "written and read");
    assert_eq!(codes(&checked(&read, false)), ["simulated"], "nothing vouches for it");
}

#[test]
fn a_failed_run_is_one_whether_keys_were_opened_or_not() {
    let failed = RunStatus::Failed { reason: "it did".to_owned(), exit_code: None };
    let mut scene = Scene::new();
    scene.receipt.status = failed;
    scene.receipt.results.clear();
    scene.receipt.inputs.truncate(2);
    assert_eq!(codes(&checked(&scene.dossier(), true)), [""; 0], "it ended while reading");
    scene.receipt.inputs.clear();
    scene.receipt.releases.clear();
    scene.releases.clear();
    assert_eq!(codes(&checked(&scene.dossier(), true)), [""; 0], "keys were refused");
    scene.receipt.inputs = in_order([(0, inventory(1).as_slice())]);
    assert!(codes(&checked(&scene.dossier(), true)).contains(&"release-none"));
}

/// What somebody who has the identity's key, or anybody who has the file, could change.
#[test]
fn each_fault_is_refused_for_its_own_reason() {
    type Fault = (&'static str, fn(&mut Scene), &'static [&'static str]);
    let faults: &[Fault] = &[
        (
            "somebody else's signature",
            |s| s.signer = Some(SigningKey::random()),
            &["receipt-signature"],
        ),
        (
            "the receipt of another manifest",
            |s| s.receipt.manifest = Digest::of(b"other"),
            &["receipt-manifest"],
        ),
        (
            "the receipt of another computation",
            |s| s.receipt.computation = ComputationId::random(),
            &["receipt-manifest"],
        ),
        ("other code", |s| s.receipt.basis.code = Digest::of(b""), &["receipt-code"]),
        ("other packages", |s| s.receipt.basis.lock = Digest::of(b""), &["receipt-lock"]),
        ("another policy", |s| s.receipt.basis.policy = Digest::of(b""), &["receipt-policy"]),
        ("other evidence", |s| s.receipt.basis.evidence = Digest::of(b""), &["receipt-evidence"]),
        (
            "evidence of another identity",
            |s| {
                let other = Scene::new();
                s.evidence = other.evidence;
                s.receipt.basis.evidence = s.evidence.digest();
            },
            &["report-data"],
        ),
        (
            "a list of packages that is not the lock's",
            |s| {
                s.manifest.environment.lock_sha256 = Digest::of(b"other");
                s.settle();
            },
            &["packages"],
        ),
        ("a start before the identity", |s| s.receipt.published_at = time(201), &["times"]),
        ("an end before the start", |s| s.receipt.ended_at = time(199), &["times"]),
        ("one run too many", |s| s.receipt.run_of_identity = 3, &["run-number"]),
        ("no run at all", |s| s.receipt.run_of_identity = 0, &["run-number"]),
        (
            "more runs here than everywhere",
            |s| (s.receipt.run, s.receipt.run_of_identity) = (1, 2),
            &["run-number"],
        ),
        (
            "a run after the end",
            |s| {
                s.manifest.policy.expires_at = Some(time(200));
                s.settle();
            },
            &["expired"],
        ),
        ("a dropped release", |s| drop(s.releases.remove(3)), &["release-missing"]),
        (
            "a release that neither has",
            |s| {
                s.releases.pop();
                s.receipt.releases.pop();
            },
            &["release-missing"],
        ),
        (
            "no release at all",
            |s| {
                s.releases.clear();
                s.receipt.releases.clear();
            },
            &["release-none", "inputs-differ"],
        ),
        ("exchanged releases", |s| s.releases.swap(0, 3), &["release-order", "release-order"]),
        ("a surplus release", |s| s.releases.push(s.releases[0].clone()), &["release-surplus"]),
        (
            "another release of the same participant",
            |s| s.releases[3] = s.release(3, s.canonical().digest(), vec![]),
            &["release-other"],
        ),
        (
            "a release for another manifest",
            |s| s.replace(3, s.release(3, Digest::of(b"other"), vec![])),
            &["release-refused"],
        ),
        (
            "a release to another identity",
            |s| {
                let mine = std::mem::replace(&mut s.signing, SigningKey::random());
                let release = s.release(3, s.canonical().digest(), vec![]);
                s.signing = mine;
                s.replace(3, release);
            },
            &["release-refused"],
        ),
        (
            "a release by somebody else",
            |s| {
                s.people[3] = SigningKey::random();
                s.replace(3, s.release(3, s.canonical().digest(), vec![]));
            },
            &["release-refused"],
        ),
        (
            "an inventory that was changed after it was signed",
            |s| {
                let Release::Hybrid(release) = &mut s.releases[1] else { panic!("it is hybrid") };
                release.inventory.pop();
                s.receipt.inputs.retain(|input| input.file.name.as_str() != "b");
                s.receipt.releases[1] = s.releases[1].digest();
            },
            &["release-refused"],
        ),
        ("reordered inputs", |s| s.receipt.inputs.swap(0, 1), &["inputs-differ"]),
        ("an input that was left out", |s| drop(s.receipt.inputs.remove(1)), &["inputs-differ"]),
        ("the last one left out", |s| drop(s.receipt.inputs.pop()), &["inputs-differ"]),
        (
            "an input twice",
            |s| s.receipt.inputs.push(s.receipt.inputs[3].clone()),
            &["inputs-differ"],
        ),
        (
            "an input of another content",
            |s| s.receipt.inputs[0].file.sha256 = Digest::of(b"other"),
            &["inputs-differ"],
        ),
        ("an input of another provider", |s| s.receipt.inputs[0].provider = 1, &["inputs-differ"]),
        ("a result for nobody", |s| s.receipt.results[0].consumer = 1, &["outputs"]),
        (
            "results of a failed run",
            |s| {
                let reason = "it did".to_owned();
                s.receipt.status = RunStatus::Failed { reason, exit_code: None };
            },
            &["outputs"],
        ),
        (
            "a log that nobody was granted",
            |s| {
                let reader = ParticipantId { role: Role::CodeProvider, index: 0 };
                s.receipt.logs = vec![SealedLog { reader, size: 1, sha256: Digest::of(b"log") }];
            },
            &["outputs"],
        ),
    ];
    for (name, spoil, wanted) in faults {
        let mut scene = Scene::new();
        spoil(&mut scene);
        let found = checked(&scene.dossier(), true);
        assert_eq!(codes(&found), *wanted, "{name}: {:?}", found.verdict);
    }
}

#[test]
fn a_manifest_that_was_changed_afterwards_is_refused_by_receipt_evidence_and_releases() {
    let mut scene = Scene::new();
    scene.manifest.policy.max_runs = 9;
    let found = codes(&checked(&scene.dossier(), true));
    for code in ["receipt-manifest", "receipt-policy", "release-refused", "report-data"] {
        assert!(found.contains(&code), "{code}: {found:?}");
    }
    let mut dossier = scene.dossier();
    dossier.identity.manifest.push(' ');
    assert_eq!(codes(&checked(&dossier, true)), ["manifest-unreadable"]);
}

#[test]
fn an_order_that_only_a_provider_of_the_2022_suite_vouches_for_is_warned_of() {
    let mut scene = Scene::new();
    scene.manifest.participants[1].suite = Suite::Sodium;
    scene.settle();
    let found = checked(&scene.dossier(), true);
    assert_eq!(codes(&found), ["release-refused"], "its release is of the other suite");
    let sodium = |signer: &SigningKey| {
        let boxed = [7; 112];
        let signed = [scene.manifest.computation.uuid.as_bytes().as_slice(), &boxed].concat();
        let sealed = [signer.sign(&signed).as_bytes().as_slice(), &boxed].concat();
        let sealed_key = SealedKey::try_from(sealed.as_slice()).unwrap();
        Release::Sodium(SodiumRelease { role: Role::DataProvider, sealed_key })
    };
    let (mine, stranger) = (sodium(&scene.people[1]), sodium(&SigningKey::random()));
    scene.replace(1, stranger);
    assert_eq!(codes(&checked(&scene.dossier(), true)), ["release-refused"]);
    scene.replace(1, mine);
    let found = checked(&scene.dossier(), true);
    assert_eq!(codes(&found), [""; 0], "{:?}", found.verdict);
    let warned = |check: &&sealroom_attest::Check| check.outcome == Outcome::Warned;
    let warned: Vec<_> = found.verdict.checks.iter().filter(warned).map(|c| c.code).collect();
    for code in ["inputs-unsigned", "suite-unbound"] {
        assert!(warned.contains(&code), "{code}: {warned:?}");
    }
    scene.receipt.inputs.swap(0, 1);
    assert_eq!(
        codes(&checked(&scene.dossier(), true)),
        ["inputs-differ"],
        "but the order is known"
    );
}

#[test]
fn development_mode_is_said() {
    let mut scene = Scene::new();
    scene.manifest.computation.dev_mode = true;
    scene.settle();
    let found = checked(&scene.dossier(), true);
    let said = |check: &sealroom_attest::Check| check.code == "dev-mode";
    assert!(found.verdict.is_trusted() && found.verdict.checks.iter().any(said));
}

#[test]
fn a_file_of_another_run_than_the_one_asked_about_is_refused() {
    let receipt = Scene::new().receipt;
    let (id, other) = (receipt.computation, ComputationId::random());
    let asked = |id, run| check_asked(&receipt, id, run).outcome == Outcome::Passed;
    assert!(asked(id, Some(3)) && asked(id, None));
    assert!(!asked(id, Some(2)) && !asked(other, Some(3)) && !asked(other, None));
}

#[test]
fn sealed_results_are_compared_with_the_receipt() {
    let receipt = Scene::new().receipt;
    let folder = tempfile::tempdir().unwrap();
    let codes = || -> Vec<(&str, Outcome)> {
        let checks = check_results(&receipt, folder.path()).unwrap();
        checks.iter().map(|check| (check.code, check.outcome)).collect()
    };
    assert_eq!(codes(), [("results-missing", Outcome::Failed)]);
    let of_run = folder.path().join("consumers/0/runs/3");
    fs::create_dir_all(&of_run).unwrap();
    fs::write(of_run.join("index"), b"sealed").unwrap();
    assert_eq!(codes(), [("result", Outcome::Passed)]);
    fs::write(of_run.join("index"), b"sealeD").unwrap();
    assert_eq!(codes(), [("result", Outcome::Failed)]);
    fs::write(of_run.join("other"), b"").unwrap();
    assert_eq!(codes(), [("result", Outcome::Failed), ("result-other", Outcome::Failed)]);
}

fn vector(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation")).join(name)
}

/// Genuine evidence, which names somebody else's keys: everything but that is as it should be.
fn with_hardware(kind: EvidenceKind, quote: &str, endorsements: &[&str]) -> (Scene, u64) {
    let read = |name: &str| Base64(fs::read(vector(quote).with_file_name(name)).unwrap());
    let expected = fs::read(vector(quote).with_file_name("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    let now = expected["now"].as_u64().unwrap();
    let mut scene = Scene::new();
    scene.evidence = Evidence {
        kind,
        quote: Base64(fs::read(vector(quote)).unwrap()),
        endorsements: endorsements.iter().map(|name| read(name)).collect(),
    };
    scene.receipt.basis = Basis::of(&scene.manifest, &scene.evidence);
    let began = time(i64::try_from(now).unwrap());
    (scene.receipt.published_at, scene.receipt.started_at) = (began, began);
    scene.receipt.ended_at = began;
    (scene, now)
}

const TDX: &str = "tdx/emr-v4-2026-near/quote.bin";

#[test]
fn genuine_evidence_of_other_keys_is_refused_for_that_alone() {
    let cases: [(EvidenceKind, &str, &[&str]); 2] = [
        (EvidenceKind::Tdx, TDX, &["collateral.json"]),
        (EvidenceKind::Sgx, "sgx/icelake-v3-swhardening/quote.bin", &["collateral.json"]),
    ];
    for (kind, quote, endorsements) in cases {
        let (scene, _) = with_hardware(kind, quote, endorsements);
        let statuses = TcbStatus::ACCEPTABLE.into_iter().collect();
        let accepted = Acceptance {
            policy: None,
            statuses: &statuses,
            allow_simulated: true,
            roots: &Roots::pinned(),
        };
        let found = verify(&scene.dossier(), &accepted);
        assert_eq!(codes(&found), ["report-data"], "{kind}: {:?}", found.verdict);
    }
}

#[test]
fn what_held_then_is_judged_anew_for_another_time() {
    let (scene, now) = with_hardware(EvidenceKind::Tdx, TDX, &["collateral.json"]);
    let dossier = scene.dossier();
    let statuses = BTreeSet::from([TcbStatus::UpToDate]);
    let accepted = Acceptance {
        policy: None,
        statuses: &statuses,
        allow_simulated: false,
        roots: &Roots::pinned(),
    };
    let failures = |endorsements: &[Base64], now| -> Vec<&str> {
        let judged = judge(&dossier, &scene.canonical(), &accepted, endorsements, now);
        judged.verdict.failures().map(|check| check.code).collect()
    };
    let kept = dossier.endorsements();
    assert_eq!(failures(kept, now), ["report-data"]);
    let years = 3 * 365 * 86_400;
    assert!(failures(kept, now + years).contains(&"not-expired"), "the same collateral, later");
    assert!(failures(kept, now - years).contains(&"not-yet-valid"), "from the future");
    let other = Base64(fs::read(vector("tdx/gcp-v4-outofdate/collateral.json")).unwrap());
    assert!(!failures(&[other], now).is_empty(), "another platform's");
}

/// The rest of the file has to check out before anybody's platform is looked at.
#[test]
fn a_run_that_does_not_check_out_is_not_listed_but_named() {
    let (scene, now) = with_hardware(EvidenceKind::Tdx, TDX, &["collateral.json"]);
    let statuses = BTreeSet::from([TcbStatus::UpToDate]);
    let accepted = Acceptance {
        policy: None,
        statuses: &statuses,
        allow_simulated: false,
        roots: &Roots::pinned(),
    };
    let looked = look(&scene.dossier(), &Sought::default(), &[], &accepted, now);
    assert!(matches!(looked, Looked::Unverified(reasons) if reasons.len() == 1));
    let newer = Newer { kind: EvidenceKind::Tdx, endorsements: vec![] };
    let Looked::Run(entry) =
        look(&Scene::new().dossier(), &Sought::default(), &[newer], &accepted, now)
    else {
        panic!("it checks out")
    };
    let nothing = Known { status: None, advisories: vec![] };
    assert_eq!((&entry.then, &entry.now, entry.because.len()), (&nothing, &None, 0));
    let providers: Vec<String> = entry.providers.iter().map(|p| p.email.to_string()).collect();
    assert_eq!(providers, ["p0@example.org", "p1@example.org", "p2@example.org"]);
}
