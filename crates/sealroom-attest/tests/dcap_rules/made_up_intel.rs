//! Evidence by a made-up Intel, and a policy that accepts it.

use sealroom_attest::{
    Judgement, Measure, Policy, Request, Roots,
    policy::{DcapPolicy, SgxReference, TcbStatus, TdxReference},
    verify,
};
use sealroom_evidence::snp::Product;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use sealroom_testpki::intel::{Intel, NOW, Sort};
use std::{collections::BTreeSet, ops::Range};

/// Evidence and by what it is judged, all for a test to spoil.
pub(crate) struct Case {
    pub(crate) intel: Intel,
    pub(crate) policy: Policy,
    pub(crate) now: u64,
    pub(crate) report_data: [u8; 64],
    /// Whose roots are pinned, if not its own.
    pub(crate) pinned: Option<fn() -> Roots>,
    /// What becomes of the collateral.
    pub(crate) endorsements: fn(String) -> Vec<Base64>,
    /// There, the bytes of another quote.
    pub(crate) splice: Option<(Range<usize>, Vec<u8>)>,
    quote_edits: Vec<fn(&mut Vec<u8>)>,
    chain_edits: Vec<fn(&mut String)>,
    collateral_edits: Vec<fn(&mut String)>,
    lists: Vec<(&'static str, &'static str)>,
    sort: Sort,
}

pub(crate) fn sgx() -> Case {
    Case::new(Sort::Sgx)
}

pub(crate) fn td10() -> Case {
    Case::new(Sort::Td10)
}

pub(crate) fn td10_in_v5() -> Case {
    Case::new(Sort::Td10InV5)
}

pub(crate) fn td15() -> Case {
    Case::new(Sort::Td15)
}

/// A root with the same name and another key, DER.
pub(crate) fn another_root() -> Vec<u8> {
    Intel::new(Sort::Sgx).sign().root
}

/// Those of a root, DER.
pub(crate) fn roots(intel: Vec<u8>) -> Roots {
    Roots::danger_for_tests(intel, Product::ALL.map(|product| (product, [0; 32])))
}

impl Case {
    pub(crate) fn new(sort: Sort) -> Self {
        let mut policy = Policy { name: "made-up".to_owned(), ..Policy::default() };
        let tcb = DcapPolicy {
            statuses: BTreeSet::from([TcbStatus::UpToDate]),
            min_evaluation_data_number: 17,
            ..DcapPolicy::default()
        };
        policy.accept = BTreeSet::from([EvidenceKind::Sgx, EvidenceKind::Tdx]);
        policy.sgx.tcb = tcb.clone();
        policy.sgx.references = vec![SgxReference::Enclave { mrenclave: [0xe1; 32] }];
        policy.tdx.tcb = tcb;
        policy.tdx.xfam_allowed = 0x61ae7;
        let reference = TdxReference {
            mrtd: Some([0x7d; 48]),
            rtmr: [Some([0xd0; 48]), Some([0xd1; 48]), None, None],
            ..TdxReference::default()
        };
        policy.tdx.references = vec![reference];
        Self {
            intel: Intel::new(sort),
            policy,
            now: NOW,
            report_data: [0xda; 64],
            pinned: None,
            endorsements: |json| vec![Base64(json.into_bytes())],
            splice: None,
            quote_edits: Vec::new(),
            chain_edits: Vec::new(),
            collateral_edits: Vec::new(),
            lists: Vec::new(),
            sort,
        }
    }

    pub(crate) fn kind(&self) -> EvidenceKind {
        if self.sort == Sort::Sgx { EvidenceKind::Sgx } else { EvidenceKind::Tdx }
    }

    /// Changes the quote after it was signed.
    pub(crate) fn edit_quote(&mut self, edit: fn(&mut Vec<u8>)) {
        self.quote_edits.push(edit);
    }

    /// Changes the collateral after it was signed.
    pub(crate) fn edit_collateral(&mut self, edit: fn(&mut String)) {
        self.collateral_edits.push(edit);
    }

    /// Puts other bytes for a revocation list.
    pub(crate) fn edit_list(&mut self, name: &'static str, hex: &'static str) {
        self.lists.push((name, hex));
    }

    /// Changes the chain in the quote, which then is another than the one with the collateral.
    pub(crate) fn edit_chain(&mut self, edit: fn(&mut String)) {
        self.chain_edits.push(edit);
    }

    pub(crate) fn judge(&self) -> Judgement {
        let root = self.intel.root.sign(&self.intel.signed_by.root);
        let mut intel = self.intel.clone();
        if !self.chain_edits.is_empty() {
            let mut chain = intel.chain(&root);
            for edit in &self.chain_edits {
                edit(&mut chain);
            }
            intel.quote.certification = Some(chain.into_bytes());
        }
        let signed = intel.sign_under(root);
        let (mut quote, mut collateral) = (signed.quote, signed.collateral);
        for edit in &self.quote_edits {
            edit(&mut quote);
        }
        if let Some((range, other)) = &self.splice {
            quote[range.clone()].copy_from_slice(&other[range.clone()]);
        }
        for (name, hex) in &self.lists {
            let start = collateral.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
            let end = start + collateral[start..].find('"').unwrap();
            collateral.replace_range(start..end, hex);
        }
        for edit in &self.collateral_edits {
            edit(&mut collateral);
        }
        let evidence = Evidence {
            kind: self.kind(),
            quote: Base64(quote),
            endorsements: (self.endorsements)(collateral),
        };
        let roots = self.pinned.map_or_else(|| roots(signed.root), |pinned| pinned());
        verify(&Request {
            evidence: &evidence,
            endorsements: &[],
            report_data: Some(&self.report_data),
            measure: Measure::Policy(&self.policy),
            now: self.now,
            roots: &roots,
        })
    }
}
