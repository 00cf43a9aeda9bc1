//! Signatures and certificates: rules 7 to 11.

use crate::{
    each_breaks_its_rule_alone,
    made_up_intel::{another_root, roots, sgx, td10, td15},
};
use sealroom_attest::Roots;
use sealroom_testpki::x509::{Extension, pem};
use std::sync::Arc;

/// Rules 10, 11.
#[test]
fn chains_lead_to_the_pinned_root() {
    each_breaks_its_rule_alone(&[
        ("10: somebody's own", sgx, |c| c.pinned = Some(|| roots(another_root())), "pinned-root"),
        (
            "10: made up, where Intel's is pinned",
            sgx,
            |c| c.pinned = Some(Roots::pinned),
            "pinned-root",
        ),
        (
            "10: the platform's ends elsewhere",
            td10,
            |c| {
                c.edit_chain(|chain| {
                    let last = chain.rfind("-----BEGIN").unwrap();
                    chain.replace_range(last.., &pem("CERTIFICATE", &another_root()));
                });
            },
            "pinned-root",
        ),
        (
            "10: the collateral's ends elsewhere",
            td10,
            |c| {
                c.edit_collateral(|json| {
                    let at = json.find("\"tcb_info_issuer_chain\"").unwrap();
                    let end = at + json[at..].find("\",\"").unwrap();
                    let last = at + json[at..end].rfind("-----BEGIN").unwrap();
                    let own = pem("CERTIFICATE", &another_root()).replace('\n', "\\n");
                    json.replace_range(last..end, &own);
                });
            },
            "pinned-root",
        ),
        (
            "the platform's by a stranger",
            sgx,
            |c| {
                c.intel.signed_by.pck = Arc::clone(&c.intel.keys.stranger);
            },
            "certificate-chain",
        ),
        (
            "the CA's by a stranger",
            sgx,
            |c| {
                c.intel.signed_by.ca = Arc::clone(&c.intel.keys.stranger);
            },
            "certificate-chain",
        ),
        (
            "a leaf that certifies",
            sgx,
            |c| {
                c.intel.ca.extensions[1] = Extension::basic_constraints(false, None);
            },
            "certificate-chain",
        ),
        (
            "not a platform's",
            sgx,
            |c| {
                c.edit_chain(|pem| {
                    let first = pem.find("-----END").unwrap();
                    *pem = pem[pem[first..].find("-----BEGIN").unwrap() + first..].to_owned();
                });
            },
            "certificate-chain",
        ),
        (
            "another spelling",
            sgx,
            |c| c.edit_chain(|pem| *pem = pem.replace('\n', "\r\n")),
            "certificate-chain",
        ),
        (
            "text between",
            sgx,
            |c| c.edit_chain(|pem| pem.insert_str(0, "note\n")),
            "certificate-chain",
        ),
        (
            "two zeros after it",
            sgx,
            |c| c.edit_chain(|pem| pem.push_str("\0\0")),
            "certificate-chain",
        ),
        (
            "one in the quote, another beside",
            sgx,
            |c| {
                c.intel.chain_with_collateral = true;
                c.edit_chain(|_| {});
            },
            "certificate-chain",
        ),
        (
            "a signer without its root",
            sgx,
            |c| {
                c.edit_collateral(|json| {
                    let at = json.find("\"tcb_info_issuer_chain\"").unwrap();
                    let end = at + json[at..].find("\",\"").unwrap();
                    let last = at + json[at..end].rfind("-----BEGIN").unwrap();
                    json.replace_range(last..end, "");
                });
            },
            "certificate-chain",
        ),
        (
            "11: TCB info by a stranger",
            sgx,
            |c| {
                c.intel.signed_by.tcb_info = Arc::clone(&c.intel.keys.stranger);
            },
            "collateral-signature",
        ),
        (
            "11: QE identity by a stranger",
            td10,
            |c| {
                c.intel.signed_by.qe_identity = Arc::clone(&c.intel.keys.stranger);
            },
            "collateral-signature",
        ),
        (
            "11: the signer by a stranger",
            td10,
            |c| {
                c.intel.signed_by.tcb_signer = Arc::clone(&c.intel.keys.stranger);
            },
            "certificate-chain",
        ),
        (
            "11: the signer is the PCK CA",
            td10,
            |c| {
                c.intel.tcb_signer = c.intel.ca.clone();
                c.intel.signed_by.tcb_info = Arc::clone(&c.intel.keys.ca);
                c.intel.signed_by.qe_identity = Arc::clone(&c.intel.keys.ca);
            },
            "certificate-chain",
        ),
        (
            "11: the signer is the platform",
            td10,
            |c| {
                c.intel.tcb_signer = c.intel.pck.clone();
                c.intel.signed_by.tcb_signer = Arc::clone(&c.intel.keys.ca);
                c.intel.signed_by.tcb_info = Arc::clone(&c.intel.keys.pck);
                c.intel.signed_by.qe_identity = Arc::clone(&c.intel.keys.pck);
            },
            "certificate-chain",
        ),
        (
            "11: the signer is under the PCK CA",
            td10,
            |c| {
                c.intel.tcb_signer.issuer = c.intel.ca.subject.clone();
                c.intel.signed_by.tcb_signer = Arc::clone(&c.intel.keys.ca);
            },
            "certificate-chain",
        ),
    ]);
}

/// Rules 8, 9 (7, flipped bits, is in `dcap_captured.rs`).
#[test]
fn what_is_not_signed_is_refused() {
    const SGX_AUTH: usize = 48 + 384 + 4;
    each_breaks_its_rule_alone(&[
        (
            "8: r is zero",
            sgx,
            |c| {
                c.edit_quote(|q| q[SGX_AUTH..SGX_AUTH + 32].fill(0));
            },
            "evidence-signature",
        ),
        (
            "8: s is zero",
            sgx,
            |c| {
                c.edit_quote(|q| q[SGX_AUTH + 32..SGX_AUTH + 64].fill(0));
            },
            "evidence-signature",
        ),
        (
            "8: r is out of range",
            sgx,
            |c| {
                c.edit_quote(|q| q[SGX_AUTH..SGX_AUTH + 32].fill(0xff));
            },
            "evidence-signature",
        ),
        (
            "8: the signature of another quote",
            sgx,
            |c| {
                let other = c.intel.sign().quote;
                c.intel.quote.sgx().isv_svn += 1;
                c.splice = Some((SGX_AUTH..SGX_AUTH + 64, other));
            },
            "evidence-signature",
        ),
        (
            "8: another quote's, with its key",
            sgx,
            |c| {
                let mut other = c.intel.clone();
                other.keys.attestation = Arc::clone(&other.keys.stranger);
                other.signed_by.quote = Arc::clone(&other.keys.stranger);
                c.intel.quote.sgx().isv_svn += 1;
                c.splice = Some((SGX_AUTH..SGX_AUTH + 610, other.sign().quote));
            },
            "evidence-signature",
        ),
        (
            "8: header and body of another",
            td15,
            |c| {
                c.edit_quote(|q| q[100] ^= 1);
            },
            "evidence-signature",
        ),
        (
            "7: by another key",
            td10,
            |c| {
                c.intel.signed_by.quote = Arc::clone(&c.intel.keys.stranger);
            },
            "evidence-signature",
        ),
        (
            "7: QE report by another key",
            td10,
            |c| {
                c.intel.signed_by.qe_report = Arc::clone(&c.intel.keys.stranger);
            },
            "qe-report",
        ),
        (
            "9: QE report names another key",
            td10,
            |c| {
                c.intel.quote.qe_report_data = Some([9; 64]);
            },
            "qe-report",
        ),
        (
            "9: auth data are too short",
            td10,
            |c| {
                c.intel.quote.qe_auth_data.truncate(31);
            },
            "qe-report",
        ),
        (
            "9: auth data are others",
            sgx,
            |c| {
                c.edit_quote(|q| q[SGX_AUTH + 128 + 384 + 64 + 2] ^= 1);
            },
            "qe-report",
        ),
    ]);
}
