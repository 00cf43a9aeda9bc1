//! A piece of evidence of a made-up AMD, and by what it is judged.

use sealroom_attest::policy::{SnpPolicy, SnpReference};
use sealroom_attest::{Judgement, Measure, Outcome, Policy, Request, Roots, Rule, verify};
use sealroom_evidence::snp::Product;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use sealroom_testpki::amd::{Fake, NOW, Signed, ToSign, tcb};
use sealroom_testpki::x509::RevocationList;
use std::collections::{BTreeMap, BTreeSet};

/// Evidence, and by what it is judged.
pub(crate) struct Case {
    pub(crate) fake: Fake,
    /// What is done to the parts after they are signed.
    pub(crate) edit: fn(&mut Signed),
    /// How they are handed over.
    pub(crate) hand_over: HandOver,
    pub(crate) policy: Policy,
    pub(crate) expected: [u8; 64],
    pub(crate) now: u64,
    /// The product that the root counts for; `None` trusts another root.
    pub(crate) root_of: Option<Product>,
}

impl Case {
    pub(crate) fn new(fake: Fake, product: Product) -> Self {
        let reference = SnpReference {
            measurement: fake.report.measurement,
            host_data: Some(fake.report.host_data),
            id_key_digest: Some(fake.report.id_key_digest),
            author_key_digest: Some(fake.report.author_key_digest),
        };
        let snp = SnpPolicy {
            products: BTreeMap::from([(product, tcb(product))]),
            allow_vlek: true,
            require_alias_check: true,
            require_ciphertext_hiding: true,
            require_rapl_disabled: true,
            require_ecc: true,
            require_tsme: true,
            require_crl: true,
            min_guest_svn: fake.report.guest_svn,
            references: vec![reference],
            ..SnpPolicy::default()
        };
        let accept = BTreeSet::from([EvidenceKind::Snp]);
        Self {
            expected: fake.report.report_data,
            fake: fake.with_list(),
            edit: |_| {},
            hand_over: Signed::list,
            policy: Policy { name: "test".to_owned(), accept, snp, ..Policy::default() },
            now: NOW,
            root_of: Some(product),
        }
    }

    pub(crate) fn genoa() -> Self {
        Self::new(Fake::vcek(Product::Genoa), Product::Genoa)
    }

    pub(crate) fn judge(&self) -> Judgement {
        self.judge_by(Measure::Policy(&self.policy))
    }

    pub(crate) fn judge_by(&self, measure: Measure<'_>) -> Judgement {
        let mut signed = self.fake.sign();
        let pins = Product::ALL.map(|product| {
            (product, if self.root_of == Some(product) { signed.pin() } else { [0; 32] })
        });
        (self.edit)(&mut signed);
        let evidence = Evidence {
            kind: EvidenceKind::Snp,
            endorsements: (self.hand_over)(&signed).into_iter().map(Base64).collect(),
            quote: Base64(signed.report),
        };
        verify(&Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: Some(&self.expected),
            measure,
            now: self.now,
            roots: &Roots::danger_for_tests(Vec::new(), pins),
        })
    }
}

pub(crate) fn failures(judgement: &Judgement) -> BTreeSet<&'static str> {
    judgement.verdict.failures().map(|check| check.code).collect()
}

/// How parts are handed over.
pub(crate) type HandOver = fn(&Signed) -> Vec<Vec<u8>>;

/// A fault, and the rule that refuses it.
pub(crate) type Row = (&'static str, fn(&mut Case), Rule);

pub(crate) fn each_is_refused(make: fn() -> Case, rows: &[Row]) {
    let judgement = make().judge();
    assert!(judgement.verdict.is_trusted(), "the untouched case: {:#?}", judgement.verdict);
    for (name, spoil, rule) in rows {
        let mut case = make();
        spoil(&mut case);
        let judgement = case.judge();
        assert_eq!(failures(&judgement), BTreeSet::from([rule.code()]), "{name}: {judgement:#?}");
        // A rule that was broken is not told to hold as well, but for those that are told of each part on its own.
        let mut checks = judgement.verdict.checks.iter();
        let both = checks.any(|it| it.code == rule.code() && it.outcome == Outcome::Passed);
        let parts = [Rule::EvidenceFormat, Rule::NotRevoked].contains(rule);
        assert!(parts || !both, "{name}: {judgement:#?}");
    }
}

pub(crate) fn genoa_rows(rows: &[Row]) {
    each_is_refused(Case::genoa, rows);
}

pub(crate) fn byte(case: &mut Case, at: usize, value: u8) {
    case.fake.report.before.push((at, value));
}

pub(crate) fn list(case: &mut Case) -> &mut ToSign<RevocationList> {
    case.fake.crl.as_mut().expect("every case begins with a list")
}
