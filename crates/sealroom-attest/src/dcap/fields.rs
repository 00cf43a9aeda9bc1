//! What people are shown, by the names in `docs/attestation.md`.

use super::verifier::Claims;
use crate::judging::Findings;
use sealroom_evidence::dcap::{Body, Quote};

/// What the quote says.
pub(super) fn of_body(quote: &Quote<'_>, found: &mut Findings) {
    found.field("tee", quote.header.tee.name());
    found.field("quote_version", quote.header.version);
    found.field("report_data", hex::encode(quote.report_data()));
    match &quote.body {
        Body::Sgx(report) => {
            found.field("mrenclave", hex::encode(report.mr_enclave));
            found.field("mrsigner", hex::encode(report.mr_signer));
            found.field("isv_prod_id", report.isv_prod_id);
            found.field("isv_svn", report.isv_svn);
            found.field("attributes", hex::encode(report.attributes));
            found.field("miscselect", report.misc_select);
            found.field("cpusvn", hex::encode(report.cpu_svn));
        }
        Body::Tdx(report) => {
            let [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmr;
            let registers: [(&str, &[u8]); 12] = [
                ("mrtd", report.mr_td),
                ("rtmr0", rtmr0),
                ("rtmr1", rtmr1),
                ("rtmr2", rtmr2),
                ("rtmr3", rtmr3),
                ("mrconfigid", report.mr_config_id),
                ("mrowner", report.mr_owner),
                ("mrownerconfig", report.mr_owner_config),
                ("mrseam", report.mr_seam),
                ("td_attributes", report.td_attributes),
                ("xfam", report.xfam),
                ("tee_tcb_svn", report.tee_tcb_svn),
            ];
            for (name, value) in registers {
                found.field(name, hex::encode(value));
            }
            if let Some(td15) = &report.td15 {
                found.field("tee_tcb_svn2", hex::encode(td15.tee_tcb_svn2));
                found.field("mr_service_td", hex::encode(td15.mr_service_td));
            }
        }
    }
}

/// What is known of the platform.
pub(super) fn of_claims(claims: &Claims, found: &mut Findings) {
    found.field("tcb_status", claims.status.clone());
    found.field("platform_status", claims.platform.status.name());
    found.field("qe_status", claims.qe.status.name());
    found.field("advisories", claims.advisories.clone());
    found.field("eval_data_number", claims.evaluation_data_number);
    found.field("tcb_date", claims.platform.date_text.clone());
    found.field("fmspc", hex::encode(claims.fmspc));
    found.field("ppid", hex::encode(&claims.ppid));
    found.platform(hex::encode(&claims.ppid));
    if let Some(piid) = claims.piid {
        // What enclaves report is as old as PPIDs; only domains have the newer name among their values.
        if found.fields.contains_key("mrtd") {
            found.field("piid", hex::encode(piid));
        }
        found.platform(hex::encode(piid));
    }
    found.field("smt", flag(claims.smt));
    found.field("dynamic", flag(claims.dynamic));
    found.field("cached_keys", flag(claims.cached_keys));
}

/// Certificates by the processor CA do not say.
const fn flag(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "True",
        Some(false) => "False",
        None => "Undefined",
    }
}
