//! Runs on a made-up Intel's platform: what held then, and what became known of it.

use super::*;
use crate::receipts::affected::{Entry, Now};
use sealroom_testpki::intel::{Body, DAY, Intel, NOW, Sort};

/// A run on a trust domain, all in order, and whom the platform is by.
struct MadeUp {
    scene: Scene,
    intel: Intel,
    root: Vec<u8>,
    roots: Roots,
}

impl MadeUp {
    fn new() -> Self {
        let (mut scene, mut intel) = (Scene::new(), Intel::new(Sort::Td10));
        let Body::Td10(body) = &mut intel.quote.body else { panic!("it is a trust domain") };
        body.report_data = scene.keys().report_data(&scene.canonical().digest(), &[]);
        let root = intel.root.sign(&intel.signed_by.root);
        let signed = intel.sign_under(root.clone());
        scene.evidence = Evidence {
            kind: EvidenceKind::Tdx,
            quote: Base64(signed.quote),
            endorsements: vec![Base64(signed.collateral.into_bytes())],
        };
        scene.receipt.basis = Basis::of(&scene.manifest, &scene.evidence);
        let began = time(i64::try_from(NOW).unwrap());
        (scene.receipt.published_at, scene.receipt.started_at) = (began, began);
        scene.receipt.ended_at = began;
        let amd = sealroom_evidence::snp::Product::ALL.map(|product| (product, [0; 32]));
        let roots = Roots::danger_for_tests(root.clone(), amd);
        Self { scene, intel, root, roots }
    }

    /// What is published three days later.
    fn newer(&self, change: impl FnOnce(&mut Intel)) -> Newer {
        let mut intel = self.intel.clone();
        for date in [&mut intel.tcb_info.issue_date, &mut intel.qe_identity.issue_date] {
            *date = NOW + 2 * DAY;
        }
        change(&mut intel);
        let collateral = intel.sign_under(self.root.clone()).collateral;
        Newer { kind: EvidenceKind::Tdx, endorsements: vec![Base64(collateral.into_bytes())] }
    }

    fn broken(&self) -> Newer {
        self.newer(|intel| {
            let level = &mut intel.tcb_info.levels[0].level;
            level.status = "OutOfDate".to_owned();
            level.advisories = vec!["INTEL-SA-09999".to_owned()];
        })
    }

    fn accepted<'a>(&'a self, statuses: &'a BTreeSet<TcbStatus>) -> Acceptance<'a> {
        Acceptance { policy: None, statuses, allow_simulated: false, roots: &self.roots }
    }

    fn look(&self, sought: &Sought, newer: &[Newer]) -> Entry {
        let statuses = BTreeSet::from([TcbStatus::UpToDate]);
        let accepted = self.accepted(&statuses);
        match look(&self.scene.dossier(), sought, newer, &accepted, NOW + 3 * DAY) {
            Looked::Run(entry) => *entry,
            Looked::Unverified(reasons) => panic!("{reasons:?}"),
        }
    }
}

#[test]
fn a_run_that_was_trusted_then_is_refused_as_it_is_known_now() {
    let run = MadeUp::new();
    let statuses = BTreeSet::from([TcbStatus::UpToDate]);
    let (accepted, dossier) = (run.accepted(&statuses), run.scene.dossier());
    let then = verify(&dossier, &accepted);
    assert_eq!(codes(&then), [""; 0], "{:?}", then.verdict);
    let canonical = run.scene.canonical();
    let failures = |newer: &Newer| -> Vec<&str> {
        let (endorsements, now) = (&newer.endorsements, NOW + 3 * DAY);
        let judged = judge(&dossier, &canonical, &accepted, endorsements, now);
        judged.verdict.failures().map(|check| check.code).collect()
    };
    assert_eq!(failures(&run.newer(|_| ())), [""; 0], "nothing has become known");
    assert_eq!(failures(&run.broken()), ["tcb-status"]);
    // The newer collateral does not count for then: nobody could know.
    let mut kept = dossier.clone();
    kept.endorsements = run.broken().endorsements;
    assert!(codes(&verify(&kept, &accepted)).contains(&"not-yet-valid"));
}

#[test]
fn genuine_evidence_of_another_identity_is_refused_for_the_binding_alone() {
    let (mut run, other) = (MadeUp::new(), MadeUp::new());
    let Body::Td10(body) = &mut run.intel.quote.body else { panic!("it is a trust domain") };
    body.report_data = other.scene.keys().report_data(&other.scene.canonical().digest(), &[]);
    let signed = run.intel.sign_under(run.root.clone());
    run.scene.evidence.quote = Base64(signed.quote);
    run.scene.receipt.basis = Basis::of(&run.scene.manifest, &run.scene.evidence);
    let statuses = BTreeSet::from([TcbStatus::UpToDate]);
    assert_eq!(codes(&verify(&run.scene.dossier(), &run.accepted(&statuses))), ["report-data"]);
}

#[test]
fn a_broken_platform_touches_its_runs_and_their_providers() {
    let run = MadeUp::new();
    let set = |text: &str| BTreeSet::from([text.to_owned()]);
    let advisory = Sought { advisories: set("INTEL-SA-09999"), ..Sought::default() };
    assert_eq!(run.look(&advisory, &[]).because, [""; 0], "nobody knows of it");
    let entry = run.look(&advisory, &[run.broken()]);
    assert_eq!(entry.because.len(), 2, "{:?}", entry.because);
    assert!(entry.because[0].contains("known now") && entry.because[1].contains("refused now"));
    let known = |status: &str, advisories: Vec<String>| Known {
        status: Some(status.to_owned()),
        advisories,
    };
    assert_eq!(entry.then, known("UpToDate", vec![]));
    let Some(Now { known: now, .. }) = entry.now else { panic!("it was judged") };
    assert_eq!(now, known("OutOfDate", vec!["INTEL-SA-09999".to_owned()]));
    assert_eq!(entry.providers.len(), 3, "code and data, not results");
    for (sought, touched) in [
        (Sought { platforms: set(&"a1".repeat(16)), ..Sought::default() }, 1),
        (Sought { platforms: set(&"b2".repeat(16)), ..Sought::default() }, 1),
        (Sought { platforms: set(&"c3".repeat(16)), ..Sought::default() }, 0),
    ] {
        assert_eq!(run.look(&sought, &[]).because.len(), touched, "{sought:?}");
    }
    let fmspc = run.look(&Sought::default(), &[]).fmspc.unwrap();
    let family = Sought { fmspcs: set(&fmspc), ..Sought::default() };
    assert_eq!(run.look(&family, &[]).because.len(), 1);
}

#[test]
fn collateral_of_another_platform_says_nothing_and_the_newest_of_this_one_counts() {
    let run = MadeUp::new();
    let elsewhere = run.newer(|intel| intel.tcb_info.fmspc = [9; 6]);
    let nothing = Sought::default();
    let entry = run.look(&nothing, std::slice::from_ref(&elsewhere));
    assert_eq!((entry.now, entry.because.len()), (None, 0), "not judged, and not refused");
    let mended = run.newer(|intel| intel.tcb_info.issue_date = NOW + 3 * DAY - 60);
    let all = [run.broken(), elsewhere, mended];
    assert_eq!(run.look(&nothing, &all).because, [""; 0]);
    assert_eq!(run.look(&nothing, &all[..2]).because.len(), 1);
}
