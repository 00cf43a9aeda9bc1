//! The state of the platform, and which one it is: rules 23 to 25, 33.

use crate::{
    Row, each_breaks_its_rule_alone, each_is_fine,
    made_up_intel::{Case, sgx, td10, td15},
};
use sealroom_attest::policy::TcbStatus;
use sealroom_testpki::intel::{DAY, Level, ModuleIdentity};
use std::collections::BTreeSet;

/// Rule 23.
#[test]
fn the_platforms_state_is_one_that_the_policy_names() {
    let all: &[Row] = &[
        ("out of date", sgx, |c| c.intel.extension.cpu_svn = [4; 16], "tcb-status"),
        ("PCE out of date", sgx, |c| c.intel.extension.pce_svn = 12, "tcb-status"),
        (
            "hardening",
            sgx,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "SWHardeningNeeded".into();
            },
            "tcb-status",
        ),
        (
            "configuration",
            td10,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "ConfigurationNeeded".into();
            },
            "tcb-status",
        ),
        (
            "both",
            td10,
            |c| {
                c.intel.tcb_info.levels[0].level.status =
                    "ConfigurationAndSWHardeningNeeded".into();
            },
            "tcb-status",
        ),
        (
            "out of date, and configuration",
            td10,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "OutOfDateConfigurationNeeded".into();
            },
            "tcb-status",
        ),
        ("no level", sgx, |c| c.intel.extension.cpu_svn = [2; 16], "tcb-status"),
        ("no level, PCE", td10, |c| c.intel.extension.pce_svn = 4, "tcb-status"),
        (
            "revoked",
            sgx,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "Revoked".into();
            },
            "tcb-status",
        ),
        (
            "a module out of date",
            td10,
            |c| {
                c.intel.quote.td().tee_tcb_svn[0] = 4;
            },
            "tcb-status",
        ),
        (
            "revoked, whatever the policy",
            sgx,
            |c| {
                c.policy.sgx.tcb.statuses.insert(TcbStatus::Revoked);
                c.intel.tcb_info.levels[0].level.status = "Revoked".into();
            },
            "tcb-status",
        ),
        ("no state is accepted", sgx, |c| c.policy.sgx.tcb.statuses.clear(), "tcb-status"),
    ];
    each_breaks_its_rule_alone(all);
    each_is_fine(&[("hardening is accepted", sgx, |c| {
        c.policy.sgx.tcb.statuses.insert(TcbStatus::SwHardeningNeeded);
        c.intel.tcb_info.levels[0].level.status = "SWHardeningNeeded".into();
    })]);
}

fn late(days: u32) -> Case {
    let mut case = sgx();
    case.policy.sgx.tcb.statuses.insert(TcbStatus::OutOfDate);
    case.policy.sgx.tcb.grace_days = days;
    case.intel.extension.cpu_svn = [4; 16];
    case
}

fn late_qe() -> Case {
    let mut case = td15();
    case.policy.tdx.tcb.statuses.insert(TcbStatus::OutOfDate);
    case.policy.tdx.tcb.grace_days = 100;
    case.intel.quote.qe_report.isv_svn = 7;
    case
}

fn late_module() -> Case {
    let mut case = td15();
    case.policy.tdx.tcb.statuses.insert(TcbStatus::OutOfDate);
    case.policy.tdx.tcb.grace_days = 100;
    case.intel.quote.td().tee_tcb_svn2[0] = 4;
    case
}

/// Rule 23: being out of date is accepted for a time.
#[test]
fn grace_ends() {
    // Levels are of 100 days ago.
    each_breaks_its_rule_alone(&[
        ("a second too long", || late(100), |c| c.now += 1, "tcb-status"),
        ("a day too long", || late(100), |c| c.policy.sgx.tcb.grace_days = 99, "tcb-status"),
        ("no grace", || late(100), |c| c.policy.sgx.tcb.grace_days = 0, "tcb-status"),
        (
            "not named",
            || late(100),
            |c| {
                c.policy.sgx.tcb.statuses.remove(&TcbStatus::OutOfDate);
            },
            "tcb-status",
        ),
        (
            "the quoting enclave's",
            late_qe,
            |c| {
                c.intel.qe_identity.levels[1].1.date -= 1;
            },
            "tcb-status",
        ),
        (
            "the module's",
            late_module,
            |c| {
                c.intel.tcb_info.identities[0].levels[1].1.date -= 1;
            },
            "tcb-status",
        ),
    ]);
    each_is_fine(&[(
        "the date of a level that is up to date",
        || late(100),
        |c| {
            c.intel.qe_identity.levels[0].1.date -= 900 * DAY;
        },
    )]);
}

/// Rule 24.
#[test]
fn what_the_guest_runs_on_now_counts() {
    fn started_late() -> Case {
        let mut case = td15();
        case.policy.tdx.allow_relaunch_advised = true;
        case.intel.quote.td().tee_tcb_svn[0] = 4;
        case
    }
    each_breaks_its_rule_alone(&[
        ("now out of date", td15, |c| c.intel.quote.td().tee_tcb_svn2[0] = 4, "tcb-status"),
        ("now without level", td15, |c| c.intel.quote.td().tee_tcb_svn2[2] = 1, "tcb-status"),
        ("relaunch", started_late, |c| c.policy.tdx.allow_relaunch_advised = false, "relaunch"),
        (
            "relaunch does not excuse now",
            started_late,
            |c| {
                c.intel.quote.td().tee_tcb_svn2[0] = 4;
            },
            "tcb-status",
        ),
        (
            "relaunch does not excuse configuration",
            started_late,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "ConfigurationNeeded".into();
            },
            "tcb-status",
        ),
        (
            "relaunch does not excuse what it was started with",
            started_late,
            |c| {
                c.intel.tcb_info.levels[1].level.status = "OutOfDateConfigurationNeeded".into();
                c.intel.quote.td().tee_tcb_svn[2] = 4;
            },
            "tcb-status",
        ),
        (
            "now revoked",
            td15,
            |c| {
                c.intel.tcb_info.identities[0].levels[1].1.status = "Revoked".into();
                c.intel.quote.td().tee_tcb_svn2[0] = 4;
            },
            "tcb-status",
        ),
    ]);
}

/// Rule 25, and how the platform is set up.
#[test]
fn what_the_policy_denies_is_refused() {
    fn open(case: &mut Case, advisory: &str) {
        case.intel.tcb_info.levels[0].level.advisories = vec![advisory.to_owned()];
    }
    fn denying() -> Case {
        let mut case = td15();
        case.policy.tdx.tcb.deny_advisories = BTreeSet::from(["INTEL-SA-00615".to_owned()]);
        open(&mut case, "INTEL-SA-00614");
        case
    }
    each_breaks_its_rule_alone(&[
        ("an advisory", denying, |c| open(c, "INTEL-SA-00615"), "advisory"),
        ("in another case", denying, |c| open(c, "intel-sa-00615"), "advisory"),
        (
            "of the quoting enclave",
            denying,
            |c| {
                c.intel.qe_identity.levels[0].1.advisories = vec!["Intel-SA-00615".into()];
            },
            "advisory",
        ),
        (
            "of the module",
            denying,
            |c| {
                c.intel.tcb_info.identities[0].levels[0].1.advisories =
                    vec!["INTEL-SA-00615".into()];
            },
            "advisory",
        ),
        (
            "of what it runs on now",
            denying,
            |c| {
                let identity = ModuleIdentity {
                    id: "TDX_03".into(),
                    levels: vec![(
                        0,
                        Level {
                            advisories: vec!["INTEL-SA-00615".into()],
                            ..Level::new("UpToDate")
                        },
                    )],
                    ..c.intel.tcb_info.identities[0].clone()
                };
                c.intel.tcb_info.identities.push(identity);
                c.intel.quote.td().tee_tcb_svn2[1] = 3;
            },
            "advisory",
        ),
        (
            "SMT",
            sgx,
            |c| {
                c.intel.extension.configuration = Some([false, false, true]);
            },
            "platform-configuration",
        ),
        (
            "cached keys",
            sgx,
            |c| {
                c.intel.extension.configuration = Some([false, true, false]);
            },
            "platform-configuration",
        ),
        (
            "a dynamic platform",
            td10,
            |c| {
                c.intel.extension.configuration = Some([true, false, false]);
            },
            "platform-configuration",
        ),
    ]);
    each_is_fine(&[
        ("SMT is accepted", sgx, |c| {
            c.policy.sgx.tcb.allow_smt = true;
            c.intel.extension.configuration = Some([false, false, true]);
        }),
        ("cached keys are accepted", sgx, |c| {
            c.policy.sgx.tcb.allow_cached_keys = true;
            c.intel.extension.configuration = Some([false, true, false]);
        }),
        ("a dynamic platform is accepted", td10, |c| {
            c.policy.tdx.tcb.allow_dynamic_platform = true;
            c.intel.extension.configuration = Some([true, false, false]);
        }),
    ]);
}

/// Rule 33.
#[test]
fn platforms_are_those_of_the_lists() {
    fn listed() -> Case {
        let mut case = td10();
        case.policy.platforms.allow = Some(BTreeSet::from(["a1".repeat(16)]));
        case.policy.platforms.deny = BTreeSet::from(["c3".repeat(16)]);
        case
    }
    each_breaks_its_rule_alone(&[
        (
            "denied by PPID",
            sgx,
            |c| {
                c.policy.platforms.deny.insert("a1".repeat(16));
            },
            "platform-denied",
        ),
        (
            "denied by PIID",
            td15,
            |c| {
                c.policy.platforms.deny.insert("b2".repeat(16));
            },
            "platform-denied",
        ),
        ("not on the list", listed, |c| c.intel.extension.ppid = [1; 16], "platform-allowed"),
        (
            "a list of nobody",
            sgx,
            |c| {
                c.policy.platforms.allow = Some(BTreeSet::new());
            },
            "platform-allowed",
        ),
    ]);
    each_is_fine(&[("allowed by PIID", td15, |c| {
        c.policy.platforms.allow = Some(BTreeSet::from(["b2".repeat(16)]));
    })]);
}
