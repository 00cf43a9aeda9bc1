//! What runs: rules 27 to 29, 31.

use crate::{
    each_breaks_its_rule_alone, each_is_fine,
    made_up_intel::{Case, sgx, td10, td15},
};
use sealroom_attest::policy::{SgxReference, TdxReference};
use std::collections::BTreeSet;

fn flag(case: &mut Case, bit: u32) {
    case.intel.quote.td().td_attributes |= 1 << bit;
}

fn served() -> Case {
    let mut case = td15();
    case.policy.tdx.service_tds = BTreeSet::from([[0x5d; 48]]);
    case.intel.quote.td().mr_service_td = [0x5d; 48];
    case
}

/// Rules 27 to 29.
#[test]
fn what_runs_is_shut_to_its_host() {
    each_breaks_its_rule_alone(&[
        ("27: SGX debug", sgx, |c| c.intel.quote.sgx().attributes[0] |= 2, "not-debug"),
        ("27: TDX debug", td10, |c| flag(c, 0), "not-debug"),
        ("27: TDX debug, 1.5", td15, |c| flag(c, 0), "not-debug"),
        ("27: profiling, 4", td15, |c| flag(c, 4), "not-debug"),
        ("27: profiling, 5", td10, |c| flag(c, 5), "not-debug"),
        ("27: profiling, 6", td10, |c| flag(c, 6), "not-debug"),
        ("28: migratable", td10, |c| flag(c, 29), "not-migratable"),
        (
            "28: a service domain",
            td15,
            |c| {
                c.intel.quote.td().mr_service_td[47] = 1;
            },
            "service-td",
        ),
        (
            "28: another than the one named",
            served,
            |c| {
                c.intel.quote.td().mr_service_td[47] = 1;
            },
            "service-td",
        ),
        ("28: domains that are not told", td15, |c| flag(c, 17), "service-td"),
        ("28: domains that are not told, 1.0", td10, |c| flag(c, 17), "service-td"),
        ("28: domains beside the one named", served, |c| flag(c, 17), "service-td"),
        (
            "29: no SEPT_VE_DISABLE",
            td15,
            |c| {
                c.intel.quote.td().td_attributes = 0;
            },
            "guest-attributes",
        ),
        ("29: reserved, 1", td10, |c| flag(c, 1), "guest-attributes"),
        ("29: reserved, 7", td10, |c| flag(c, 7), "guest-attributes"),
        ("29: reserved, 15", td15, |c| flag(c, 15), "guest-attributes"),
        ("29: reserved, 23", td15, |c| flag(c, 23), "guest-attributes"),
        ("29: reserved, 26", td15, |c| flag(c, 26), "guest-attributes"),
        ("29: reserved, 32", td15, |c| flag(c, 32), "guest-attributes"),
        ("29: reserved, 61", td15, |c| flag(c, 61), "guest-attributes"),
        ("29: XFAM", td15, |c| c.intel.quote.td().xfam |= 1 << 8, "guest-attributes"),
        ("29: XFAM is not named", td10, |c| c.policy.tdx.xfam_allowed = 0, "guest-attributes"),
        ("29: not INIT", sgx, |c| c.intel.quote.sgx().attributes[0] &= !1, "guest-attributes"),
        ("29: not 64 bits", sgx, |c| c.intel.quote.sgx().attributes[0] &= !4, "guest-attributes"),
        (
            "29: PROVISION_KEY",
            sgx,
            |c| {
                c.intel.quote.sgx().attributes[0] |= 0x10;
            },
            "guest-attributes",
        ),
        (
            "29: EINITTOKEN_KEY",
            sgx,
            |c| {
                c.intel.quote.sgx().attributes[0] |= 0x20;
            },
            "guest-attributes",
        ),
        (
            "29: reserved, SGX 3",
            sgx,
            |c| {
                c.intel.quote.sgx().attributes[0] |= 8;
            },
            "guest-attributes",
        ),
        (
            "29: reserved, SGX 8",
            sgx,
            |c| {
                c.intel.quote.sgx().attributes[1] |= 1;
            },
            "guest-attributes",
        ),
        (
            "29: reserved, SGX 63",
            sgx,
            |c| {
                c.intel.quote.sgx().attributes[7] |= 0x80;
            },
            "guest-attributes",
        ),
        ("29: MISCSELECT", sgx, |c| c.intel.quote.sgx().misc_select = 4, "guest-attributes"),
        ("29: CONFIGID", sgx, |c| c.intel.quote.sgx().config_id[63] = 1, "guest-attributes"),
        ("29: CONFIGSVN", sgx, |c| c.intel.quote.sgx().config_svn = 1, "guest-attributes"),
        (
            "29: ISVEXTPRODID",
            sgx,
            |c| {
                c.intel.quote.sgx().isv_ext_prod_id[0] = 1;
            },
            "guest-attributes",
        ),
        (
            "29: ISVFAMILYID",
            sgx,
            |c| {
                c.intel.quote.sgx().isv_family_id[0] = 1;
            },
            "guest-attributes",
        ),
    ]);
    each_is_fine(&[
        ("KSS without a value", sgx, |c| c.intel.quote.sgx().attributes[0] |= 0x80),
        ("AEXNOTIFY, CET", sgx, |c| {
            c.intel.quote.sgx().attributes[0] |= 0x40;
            c.intel.quote.sgx().attributes[1] |= 4;
        }),
        ("EXINFO", sgx, |c| c.intel.quote.sgx().misc_select = 1),
        ("PKS, LASS, performance counters", td15, |c| {
            flag(c, 30);
            flag(c, 27);
            flag(c, 63);
        }),
    ]);
}

/// Rule 27 and others: two faults are both told, each once.
#[test]
fn all_that_is_wrong_with_the_guest_is_told() {
    let mut case = td15();
    flag(&mut case, 0);
    flag(&mut case, 29);
    flag(&mut case, 1);
    case.intel.quote.td().mr_service_td = [1; 48];
    let verdict = case.judge().verdict;
    let failed: BTreeSet<&str> = verdict.failures().map(|check| check.code).collect();
    let wanted = ["not-debug", "not-migratable", "service-td", "guest-attributes"];
    assert_eq!(failed, BTreeSet::from(wanted));
    assert_eq!(verdict.failures().count(), 4);
}

fn references(case: &mut Case) -> &mut TdxReference {
    &mut case.policy.tdx.references[0]
}

fn by_signer() -> Case {
    let mut case = sgx();
    let (mrsigner, isv_prod_id) = ([0x51; 32], 7);
    let signer = SgxReference::Signer { mrsigner, isv_prod_id, min_isv_svn: 3 };
    case.policy.sgx.references = vec![signer];
    case
}

fn everything_named() -> Case {
    let mut case = td10();
    *references(&mut case) = TdxReference {
        mrtd: Some([0x7d; 48]),
        rtmr: [0xd0, 0xd1, 0xd2, 0xd3].map(|byte| Some([byte; 48])),
        mr_config_id: Some([0xc0; 48]),
        mr_owner: Some([0xc1; 48]),
        mr_owner_config: Some([0xc2; 48]),
        mr_seam: Some([0x5e; 48]),
    };
    case
}

/// Rule 31.
#[test]
fn what_runs_is_what_the_policy_names() {
    each_breaks_its_rule_alone(&[
        ("MRENCLAVE", sgx, |c| c.intel.quote.sgx().mr_enclave[31] ^= 1, "measurement"),
        ("MRSIGNER", by_signer, |c| c.intel.quote.sgx().mr_signer[0] ^= 1, "measurement"),
        ("ISVPRODID", by_signer, |c| c.intel.quote.sgx().isv_prod_id = 8, "measurement"),
        ("ISVSVN", by_signer, |c| c.intel.quote.sgx().isv_svn = 2, "measurement"),
        ("no reference, SGX", sgx, |c| c.policy.sgx.references.clear(), "reference-values"),
        ("no reference, TDX", td15, |c| c.policy.tdx.references.clear(), "reference-values"),
        (
            "a reference that names nothing",
            td15,
            |c| {
                *references(c) = TdxReference::default();
            },
            "measurement",
        ),
        (
            "a reference that names a module alone",
            td15,
            |c| {
                *references(c) = TdxReference { mr_seam: Some([0x5e; 48]), ..Default::default() };
            },
            "measurement",
        ),
        ("MRTD", everything_named, |c| c.intel.quote.td().mr_td[0] ^= 1, "measurement"),
        ("RTMR0", everything_named, |c| c.intel.quote.td().rtmr[0][47] ^= 1, "measurement"),
        ("RTMR1", everything_named, |c| c.intel.quote.td().rtmr[1][0] ^= 1, "measurement"),
        ("RTMR2", everything_named, |c| c.intel.quote.td().rtmr[2][0] ^= 1, "measurement"),
        ("RTMR3", everything_named, |c| c.intel.quote.td().rtmr[3][0] ^= 1, "measurement"),
        (
            "MRCONFIGID",
            everything_named,
            |c| {
                c.intel.quote.td().mr_config_id[0] ^= 1;
            },
            "measurement",
        ),
        ("MROWNER", everything_named, |c| c.intel.quote.td().mr_owner[0] ^= 1, "measurement"),
        (
            "MROWNERCONFIG",
            everything_named,
            |c| {
                c.intel.quote.td().mr_owner_config[0] ^= 1;
            },
            "measurement",
        ),
        ("MRSEAM", everything_named, |c| c.intel.quote.td().mr_seam[0] ^= 1, "measurement"),
    ]);
    each_is_fine(&[
        ("a later version", by_signer, |c| c.intel.quote.sgx().isv_svn = 4),
        ("the second of two", sgx, |c| {
            c.policy.sgx.references.insert(0, SgxReference::Enclave { mrenclave: [0; 32] });
        }),
        ("a register that is not named", td15, |c| c.intel.quote.td().rtmr[3][0] ^= 1),
    ]);
}
