//! What can be read, of which kind, for whom: rules 1 to 4, 6, 34, 35.

use crate::{
    each_breaks_its_rule_alone, each_is_fine,
    made_up_intel::{Case, sgx, td10, td10_in_v5, td15},
};
use sealroom_protocol::Base64;
use sealroom_testpki::intel::Sort;

#[test]
fn what_is_in_order_is_accepted() {
    each_is_fine(&[
        ("SGX", sgx, |_| {}),
        ("TDX, version 4", td10, |_| {}),
        ("TDX, version 5, report 1.0", td10_in_v5, |_| {}),
        ("TDX, version 5, report 1.5", td15, |_| {}),
        ("the chain is with the collateral too", td10, |c| c.intel.chain_with_collateral = true),
        ("the chain is with the collateral alone", td10, |c| {
            c.intel.chain_with_collateral = true;
            c.intel.quote.certification_type = 3;
            c.intel.quote.certification = Some(vec![0x33; 404]);
        }),
        ("a zero after the chain", td10, |c| c.edit_chain(|pem| pem.push('\0'))),
        ("zeros after the quote", sgx, |c| c.intel.quote.padding = 3000),
        ("a processor's certificate says less", sgx, |c| {
            c.intel.extension.piid = None;
            c.intel.extension.configuration = None;
        }),
    ]);
}

/// Rules 1 to 4.
#[test]
fn what_cannot_be_read_is_refused() {
    each_breaks_its_rule_alone(&[
        ("1: empty", sgx, |c| c.edit_quote(Vec::clear), "evidence-size"),
        ("1: too long", sgx, |c| c.intel.quote.padding = 16 << 10, "evidence-size"),
        ("1: cut", td10, |c| c.edit_quote(|q| q.truncate(3000)), "evidence-format"),
        (
            "1: surplus in a part",
            td10,
            |c| {
                c.edit_quote(|q| {
                    q[632] += 1;
                    q.push(0);
                });
            },
            "evidence-format",
        ),
        ("2: padding", td15, |c| c.edit_quote(|q| q.push(1)), "evidence-padding"),
        ("3: version", sgx, |c| c.intel.quote.version = 2, "evidence-version"),
        ("3: key type", td10, |c| c.intel.quote.key_type = 3, "evidence-version"),
        ("3: TEE", td10, |c| c.intel.quote.tee_type = 0x82, "evidence-version"),
        ("3: vendor", sgx, |c| c.intel.quote.vendor[0] = 0, "evidence-version"),
        (
            "3: body type",
            td15,
            |c| {
                c.intel.quote.body_header = Some((4, 648));
            },
            "evidence-version",
        ),
        (
            "3: body size",
            td15,
            |c| {
                c.intel.quote.body_header = Some((3, 647));
            },
            "evidence-format",
        ),
        (
            "3: certification type",
            td15,
            |c| {
                c.intel.quote.certification_type = 6;
            },
            "evidence-version",
        ),
        ("4: header says TDX", sgx, |c| c.intel.quote.tee_type = 0x81, "tee-type"),
        ("4: header says SGX", td10, |c| c.intel.quote.tee_type = 0, "tee-type"),
        (
            "4: body says SGX",
            td15,
            |c| {
                c.intel.quote.body_header = Some((1, 384));
            },
            "tee-type",
        ),
        ("4: TCB info of the other", td10, |c| c.intel.tcb_info.id = "SGX".into(), "tee-type"),
        (
            "4: QE identity of the other",
            sgx,
            |c| {
                c.intel.qe_identity.id = "TD_QE".into();
            },
            "tee-type",
        ),
    ]);
}

/// Rule 6.
#[test]
fn collateral_is_read_one_way_or_not_at_all() {
    each_breaks_its_rule_alone(&[
        ("no collateral", sgx, |c| c.endorsements = |_| Vec::new(), "endorsements-present"),
        (
            "two of them",
            sgx,
            |c| {
                c.endorsements = |json| vec![Base64(json.clone().into()), Base64(json.into())];
            },
            "endorsements-present",
        ),
        (
            "no chain anywhere",
            td10,
            |c| {
                c.intel.quote.certification_type = 3;
            },
            "endorsements-present",
        ),
        ("not JSON", sgx, |c| c.edit_collateral(|j| j.truncate(99)), "endorsements-format"),
        (
            "a name twice",
            sgx,
            |c| {
                c.edit_collateral(|j| j.insert_str(1, "\"pck_crl\":\"00\","));
            },
            "endorsements-format",
        ),
        (
            "an unknown name",
            sgx,
            |c| {
                c.edit_collateral(|j| j.insert_str(1, "\"note\":\"\","));
            },
            "endorsements-format",
        ),
        (
            "a wrong type",
            sgx,
            |c| {
                c.edit_list("pck_crl", "7");
                c.edit_collateral(|j| *j = j.replace("\"pck_crl\":\"7\"", "\"pck_crl\":7"));
            },
            "endorsements-format",
        ),
        ("upper case", sgx, |c| c.edit_list("pck_crl", "30030201AB"), "endorsements-format"),
        ("not digits", sgx, |c| c.edit_list("root_ca_crl", "30x3"), "endorsements-format"),
        ("half a byte", sgx, |c| c.edit_list("root_ca_crl", "300"), "endorsements-format"),
        (
            "a signature of another length",
            sgx,
            |c| {
                c.edit_collateral(|j| {
                    *j = j.replace("\"tcb_info_signature\":\"", "\"tcb_info_signature\":\"00");
                });
            },
            "endorsements-format",
        ),
        (
            "a name twice, that nobody asks for",
            td10,
            |c| {
                c.intel
                    .replace
                    .push(("\"tcbType\":0".into(), "\"tcbType\":0,\"x\":1,\"x\":1".into()));
            },
            "endorsements-format",
        ),
        (
            "an object too long",
            td10,
            |c| {
                let names: Vec<String> = (0..249).map(|nth| format!("\"x{nth}\":1,")).collect();
                c.intel.replace.push(("\"tcbType\"".into(), names.concat() + "\"tcbType\""));
            },
            "endorsements-format",
        ),
        (
            "a name twice in TCB info",
            td10,
            |c| {
                c.intel
                    .replace
                    .push(("\"tcbType\":0".into(), "\"tcbType\":0,\"tcbType\":0".into()));
            },
            "endorsements-format",
        ),
        (
            "a name twice in QE identity, deep",
            sgx,
            |c| {
                c.intel.replace.push(("\"isvsvn\":8".into(), "\"isvsvn\":8,\"isvsvn\":0".into()));
            },
            "endorsements-format",
        ),
        (
            "a list too long",
            sgx,
            |c| {
                let level = c.intel.tcb_info.levels[0].clone();
                c.intel.tcb_info.levels = vec![level; 257];
            },
            "endorsements-format",
        ),
        (
            "FMSPC too short",
            sgx,
            |c| {
                c.intel.replace.push(("\"fmspc\":\"00".into(), "\"fmspc\":\"".into()));
            },
            "endorsements-format",
        ),
        (
            "TCB info of another version",
            sgx,
            |c| {
                c.intel.tcb_info.version = 2;
            },
            "endorsements-format",
        ),
        (
            "QE identity of another version",
            sgx,
            |c| {
                c.intel.qe_identity.version = 3;
            },
            "endorsements-format",
        ),
        (
            "a state that nobody knows",
            sgx,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "Fine".into();
            },
            "endorsements-format",
        ),
        (
            "a state of two levels",
            sgx,
            |c| {
                c.intel.tcb_info.levels[0].level.status = "TDRelaunchAdvised".into();
            },
            "endorsements-format",
        ),
        (
            "15 components",
            sgx,
            |c| {
                c.intel.replace.push(("[{\"svn\":5},".into(), "[".into()));
            },
            "endorsements-format",
        ),
    ]);
    each_is_fine(&[
        ("a list as long as may be", sgx, |c| {
            let level = c.intel.tcb_info.levels[0].clone();
            c.intel.tcb_info.levels = vec![level; 256];
        }),
        ("an object as long as may be", td10, |c| {
            // Beside 11 of its own.
            let names: Vec<String> = (0..245).map(|nth| format!("\"x{nth}\":1,")).collect();
            c.intel.replace.push(("\"tcbType\"".into(), names.concat() + "\"tcbType\""));
        }),
    ]);
}

#[test]
fn a_kind_that_the_policy_does_not_name_is_refused() {
    each_breaks_its_rule_alone(&[
        (
            "SGX",
            sgx,
            |c| {
                c.policy.accept.remove(&c.kind());
            },
            "evidence-kind",
        ),
        (
            "TDX",
            td15,
            |c| {
                c.policy.accept.remove(&c.kind());
            },
            "evidence-kind",
        ),
    ]);
}

#[test]
fn every_sort_has_a_case() {
    for sort in Sort::ALL {
        assert!(Case::new(sort).judge().verdict.is_trusted(), "{sort:?}");
    }
}

/// Rules 34, 35.
#[test]
fn evidence_is_for_what_is_expected() {
    each_breaks_its_rule_alone(&[
        (
            "34: zeros are expected",
            sgx,
            |c| {
                c.report_data = [0; 64];
                *c.intel.quote.report_data() = [0; 64];
            },
            "expected-report-data",
        ),
        ("35: the last byte differs", td10, |c| c.report_data[63] ^= 1, "report-data"),
        ("35: the first byte differs", sgx, |c| c.report_data[0] ^= 1, "report-data"),
        (
            "35: a prefix alone",
            td15,
            |c| {
                c.intel.quote.report_data()[32..].fill(0);
            },
            "report-data",
        ),
    ]);
}
