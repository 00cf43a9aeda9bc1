//! What Intel publishes: rules 16 to 21.

use crate::{
    each_breaks_its_rule_alone, each_is_fine,
    made_up_intel::{sgx, td10, td15},
};
use sealroom_testpki::{
    intel::{DAY, NOW},
    x509::{Name, RevocationList},
};
use std::sync::Arc;

/// Rule 16.
#[test]
fn everything_counts_from_its_first_day_to_its_last() {
    const LATER: u64 = NOW + 3600;
    const BEFORE: u64 = NOW - 3600;
    each_breaks_its_rule_alone(&[
        ("TCB info, from", sgx, |c| c.intel.tcb_info.issue_date = LATER, "not-yet-valid"),
        ("TCB info, until", sgx, |c| c.intel.tcb_info.next_update = BEFORE, "not-expired"),
        ("QE identity, from", td10, |c| c.intel.qe_identity.issue_date = LATER, "not-yet-valid"),
        ("QE identity, until", td10, |c| c.intel.qe_identity.next_update = BEFORE, "not-expired"),
        ("root CRL, from", td10, |c| c.intel.root_crl.this_update = LATER, "not-yet-valid"),
        ("root CRL, until", td10, |c| c.intel.root_crl.next_update = Some(BEFORE), "not-expired"),
        ("PCK CRL, from", sgx, |c| c.intel.pck_crl.this_update = LATER, "not-yet-valid"),
        ("PCK CRL, until", sgx, |c| c.intel.pck_crl.next_update = Some(BEFORE), "not-expired"),
        ("platform, from", sgx, |c| c.intel.pck.not_before = LATER, "not-yet-valid"),
        ("platform, until", sgx, |c| c.intel.pck.not_after = BEFORE, "not-expired"),
        ("CA, from", td15, |c| c.intel.ca.not_before = LATER, "not-yet-valid"),
        ("CA, until", td15, |c| c.intel.ca.not_after = BEFORE, "not-expired"),
        ("signer, from", sgx, |c| c.intel.tcb_signer.not_before = LATER, "not-yet-valid"),
        ("signer, until", sgx, |c| c.intel.tcb_signer.not_after = BEFORE, "not-expired"),
        ("root, from", sgx, |c| c.intel.root.not_before = LATER, "not-yet-valid"),
        ("root, until", sgx, |c| c.intel.root.not_after = BEFORE, "not-expired"),
    ]);
    each_is_fine(&[
        ("issued this second", sgx, |c| c.intel.tcb_info.issue_date = NOW),
        ("until the next second", sgx, |c| c.intel.tcb_info.next_update = NOW + 1),
    ]);
}

/// Rules 17, 18.
#[test]
fn lists_of_revoked_certificates_are_there_and_count() {
    each_breaks_its_rule_alone(&[
        ("17: no PCK CRL", sgx, |c| c.edit_list("pck_crl", ""), "revocation-list"),
        ("17: no root CRL", sgx, |c| c.edit_list("root_ca_crl", ""), "revocation-list"),
        ("17: not a list", sgx, |c| c.edit_list("pck_crl", "30030201ab"), "revocation-list"),
        (
            "17: PCK CRL by a stranger",
            td10,
            |c| {
                c.intel.signed_by.pck_crl = Arc::clone(&c.intel.keys.stranger);
            },
            "revocation-list",
        ),
        (
            "17: root CRL by a stranger",
            td10,
            |c| {
                c.intel.signed_by.root_crl = Arc::clone(&c.intel.keys.stranger);
            },
            "revocation-list",
        ),
        (
            "17: PCK CRL by the root",
            td10,
            |c| {
                c.intel.signed_by.pck_crl = Arc::clone(&c.intel.keys.root);
            },
            "revocation-list",
        ),
        (
            "17: of the other PCK CA",
            td10,
            |c| {
                let name = Name::intel("Intel SGX PCK Processor CA");
                c.intel.pck_crl = RevocationList::new(name, NOW - DAY, NOW + DAY);
            },
            "revocation-list",
        ),
        (
            "18: the platform",
            sgx,
            |c| {
                c.intel.pck_crl.revoked = vec![c.intel.pck.serial.clone()];
            },
            "not-revoked",
        ),
        (
            "18: the CA",
            sgx,
            |c| {
                c.intel.root_crl.revoked = vec![c.intel.ca.serial.clone()];
            },
            "not-revoked",
        ),
        (
            "18: the TCB signer",
            td10,
            |c| {
                c.intel.root_crl.revoked = vec![c.intel.tcb_signer.serial.clone()];
            },
            "not-revoked",
        ),
        (
            "18: the root",
            td10,
            |c| {
                c.intel.root_crl.revoked = vec![c.intel.root.serial.clone()];
            },
            "not-revoked",
        ),
    ]);
    each_is_fine(&[("somebody else is revoked", sgx, |c| {
        c.intel.root_crl.revoked = vec![vec![77]];
        c.intel.pck_crl.revoked = vec![vec![77], c.intel.ca.serial.clone()];
    })]);
}

/// Rule 19.
#[test]
fn collateral_is_for_this_platform_and_its_module() {
    each_breaks_its_rule_alone(&[
        ("FMSPC", sgx, |c| c.intel.tcb_info.fmspc[1] = 0, "collateral-platform"),
        ("PCEID", sgx, |c| c.intel.tcb_info.pce_id[1] = 1, "collateral-platform"),
        (
            "FMSPC of the certificate",
            td10,
            |c| {
                c.intel.extension.fmspc[0] = 9;
            },
            "collateral-platform",
        ),
        (
            "PCEID of the certificate",
            td10,
            |c| {
                c.intel.extension.pce_id[0] = 9;
            },
            "collateral-platform",
        ),
        ("no module", td10, |c| c.intel.tcb_info.module = None, "tdx-module"),
        (
            "no such version of a module",
            td10,
            |c| {
                c.intel.tcb_info.identities[0].id = "TDX_02".into();
            },
            "tdx-module",
        ),
        ("no module at all", td15, |c| c.intel.tcb_info.identities.clear(), "tdx-module"),
        ("another signer", td10, |c| c.intel.quote.td().mr_signer_seam[0] = 1, "tdx-module"),
        (
            "another signer is wanted",
            td10,
            |c| {
                c.intel.tcb_info.identities[0].module.mr_signer[0] = 1;
            },
            "tdx-module",
        ),
        ("attributes", td15, |c| c.intel.quote.td().seam_attributes[0] = 1, "tdx-module"),
        (
            "attributes that are not looked at",
            td10,
            |c| {
                c.intel.tcb_info.identities[0].module.mask = [0; 8];
                c.intel.quote.td().seam_attributes[7] = 1;
            },
            "tdx-module",
        ),
        (
            "a module older than any",
            td10,
            |c| {
                c.intel.tcb_info.identities[0].levels.truncate(1);
                c.intel.quote.td().tee_tcb_svn[0] = 4;
            },
            "tcb-status",
        ),
    ]);
}

/// Rule 20.
#[test]
fn the_quoting_enclave_is_the_manufacturers() {
    each_breaks_its_rule_alone(&[
        ("signer", sgx, |c| c.intel.quote.qe_report.mr_signer[0] ^= 1, "qe-identity"),
        ("product", td10, |c| c.intel.quote.qe_report.isv_prod_id = 9, "qe-identity"),
        ("MISCSELECT", sgx, |c| c.intel.quote.qe_report.misc_select = 1, "qe-identity"),
        ("attributes", sgx, |c| c.intel.quote.qe_report.attributes[0] = 0x31, "qe-identity"),
        ("debug", td10, |c| c.intel.quote.qe_report.attributes[0] = 0x13, "qe-identity"),
        ("version", td15, |c| c.intel.quote.qe_report.isv_svn = 3, "qe-identity"),
        ("no level", td15, |c| c.intel.qe_identity.levels.clear(), "qe-identity"),
        (
            "a level that is revoked",
            sgx,
            |c| {
                c.intel.qe_identity.levels[0].1.status = "Revoked".into();
            },
            "tcb-status",
        ),
        ("a level out of date", sgx, |c| c.intel.quote.qe_report.isv_svn = 7, "tcb-status"),
    ]);
    each_is_fine(&[("attributes that are not looked at", sgx, |c| {
        c.intel.quote.qe_report.attributes[0] = 0x15;
    })]);
}

/// Rule 21.
#[test]
fn an_old_state_is_refused() {
    each_breaks_its_rule_alone(&[
        ("TCB info", sgx, |c| c.intel.tcb_info.number = 16, "evaluation-data-number"),
        ("QE identity", td10, |c| c.intel.qe_identity.number = 16, "evaluation-data-number"),
        (
            "the policy asks for more",
            td15,
            |c| {
                c.policy.tdx.tcb.min_evaluation_data_number = 18;
            },
            "evaluation-data-number",
        ),
    ]);
}
