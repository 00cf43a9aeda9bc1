//! Attributes of what runs: whether its host can look into it, move it, or serve it something.

use crate::{Request, Rule, judging::Findings};
use sealroom_evidence::dcap::{Body, SgxReport, TdReport};

/// Looks at all of them. Says whether none failed.
pub(super) fn check(request: &Request<'_>, body: &Body<'_>, found: &mut Findings) -> bool {
    match body {
        Body::Sgx(report) => enclave(report, found),
        Body::Tdx(report) => domain(request, body, report, found),
    }
}

/// The service domain that is bound, if the policy names it.
pub(super) fn accepted_service_td<'a>(
    request: &Request<'_>,
    body: &Body<'a>,
) -> Option<&'a [u8; 48]> {
    let Body::Tdx(TdReport { td15: Some(td15), .. }) = body else { return None };
    request.policy()?.tdx.service_tds.contains(td15.mr_service_td).then_some(td15.mr_service_td)
}

/// ATTRIBUTES without meaning yet: all but INIT, DEBUG, MODE64BIT, PROVISION_KEY, EINITTOKEN_KEY, CET, KSS and
/// AEXNOTIFY (Intel SDM, volume 3D, table "Layout of ATTRIBUTES Structure").
const SGX_RESERVED: u64 = !0b100_1111_0111;
/// MISCSELECT without meaning yet: all but EXINFO and CPINFO.
const MISC_RESERVED: u32 = !0b11;

fn enclave(report: &SgxReport<'_>, found: &mut Findings) -> bool {
    let flags = report.flags();
    let debug = found.check(
        Rule::NotDebug,
        flags & SgxReport::DEBUG == 0,
        "debugging is off",
        "the enclave runs in debug mode (ATTRIBUTES.DEBUG)",
    );
    let key_separation = report.config_svn != 0
        || [&report.isv_ext_prod_id[..], report.config_id, report.isv_family_id]
            .into_iter()
            .flatten()
            .any(|&byte| byte != 0);
    let faults = [
        (flags & SgxReport::INIT == 0, "ATTRIBUTES.INIT is off: it was never initialised"),
        (flags & SgxReport::MODE64 == 0, "ATTRIBUTES.MODE64BIT is off"),
        (flags & SgxReport::PROVISION_KEY != 0, "ATTRIBUTES.PROVISION_KEY is on"),
        (flags & SgxReport::EINITTOKEN_KEY != 0, "ATTRIBUTES.EINITTOKEN_KEY is on"),
        (flags & SGX_RESERVED != 0, "reserved bits of ATTRIBUTES are set"),
        (report.misc_select & MISC_RESERVED != 0, "reserved bits of MISCSELECT are set"),
        // It would be configured by something that no reference value is compared with.
        (key_separation, "CONFIGID, CONFIGSVN, ISVEXTPRODID or ISVFAMILYID is set"),
    ];
    attributes(&faults, &hex::encode(report.attributes), found) & debug
}

/// TDATTRIBUTES.DEBUG and the profiling bits: the host sees what the guest does.
const TD_WATCHED: u64 = 0b0111_0001;
/// TDATTRIBUTES that have to be zero (Intel TDX Module ABI 348551-008US, table 3.23).
const TD_RESERVED: u64 = 0b1110 | 0x1ff << 7 | 0xf << 23 | ((1 << 62) - 1) & !((1 << 32) - 1);

fn domain(
    request: &Request<'_>,
    body: &Body<'_>,
    report: &TdReport<'_>,
    found: &mut Findings,
) -> bool {
    let (value, text) = (report.attributes(), hex::encode(report.td_attributes));
    let debug = found.check(
        Rule::NotDebug,
        value & TD_WATCHED == 0,
        "debugging and profiling are off",
        format!("the guest runs in debug or profiling mode (TDATTRIBUTES {text})"),
    );
    let migration = found.check(
        Rule::NotMigratable,
        value & TdReport::MIGRATABLE == 0,
        "it cannot be moved to another platform",
        format!("it can be moved to another platform (TDATTRIBUTES {text})"),
    );
    let service = service_td(request, body, report, found);
    let xfam = u64::from_le_bytes(*report.xfam);
    let unwanted = match request.policy() {
        Some(policy) => xfam & !policy.tdx.xfam_allowed,
        None => 0,
    };
    let unwanted_text = format!("XFAM has {unwanted:#x}, which the policy does not allow");
    let faults = [
        (value & TdReport::SEPT_VE_DISABLE == 0, "SEPT_VE_DISABLE is off"),
        (value & TD_RESERVED != 0, "reserved bits of TDATTRIBUTES are set"),
        (unwanted != 0, &unwanted_text),
    ];
    if request.policy().is_none() {
        let text = format!("whether extended features (XFAM) {xfam:#x} are wanted is not known");
        found.open(Rule::GuestAttributes, text);
    }
    attributes(&faults, &text, found) & debug & migration & service
}

fn service_td(
    request: &Request<'_>,
    body: &Body<'_>,
    report: &TdReport<'_>,
    found: &mut Findings,
) -> bool {
    if report.attributes() & TdReport::SERVTD_EXT != 0 {
        // The report then has the first domain that was bound, and not those that came later.
        let text = "SERVTD_EXT is on: domains can be bound that the report does not tell";
        found.failed(Rule::ServiceTd, text);
        return false;
    }
    let bound = report.td15.map(|td15| td15.mr_service_td).filter(|bound| bound != &&[0; 48]);
    let Some(bound) = bound else {
        found.passed(Rule::ServiceTd, "no service domain is bound to it");
        return true;
    };
    let bound = hex::encode(bound);
    let passed = format!("the service domain {bound} is one that the policy names");
    let failed = format!("the service domain {bound} is bound, which no policy names");
    found.check(Rule::ServiceTd, accepted_service_td(request, body).is_some(), passed, failed)
}

fn attributes(faults: &[(bool, &str)], value: &str, found: &mut Findings) -> bool {
    let faults: Vec<&str> = faults.iter().filter(|(bad, _)| *bad).map(|(_, text)| *text).collect();
    let failed = format!("{} (attributes {value})", faults.join("; "));
    let passed = format!("attributes {value} are those of a protected guest");
    found.check(Rule::GuestAttributes, faults.is_empty(), passed, failed)
}
