//! The TDREPORT in the paravisor's report (Intel TDX Module ABI, `TDREPORT_STRUCT`) against the quote made from it.
//!
//! Nobody has signed it here, so nothing is learnt from it. It only has to agree, or parts of two machines, or of two
//! boots, were put together.

use crate::{Rule, judging::Findings};
use sealroom_evidence::dcap::{Body, Quote};

/// REPORTMACSTRUCT.REPORTDATA.
const REPORT_DATA: usize = 128;
/// TEE_TCB_INFO, behind its VALID bits.
const TCB_INFO: usize = 256 + 8;
/// TDINFO_STRUCT.
const TD_INFO: usize = 512;

/// Compares each field that the quote has taken from the TDREPORT.
pub(super) fn check(report: &[u8], quote: &[u8], found: &mut Findings) {
    // What can't be read was refused already.
    let Ok(Quote { body: Body::Tdx(body), .. }) = Quote::parse(quote) else { return };
    let mut fields: Vec<(&str, usize, &[u8])> = vec![
        ("REPORTDATA", REPORT_DATA, body.report_data),
        ("TEE_TCB_SVN", TCB_INFO, body.tee_tcb_svn),
        ("MRSEAM", TCB_INFO + 16, body.mr_seam),
        ("MRSIGNERSEAM", TCB_INFO + 64, body.mr_signer_seam),
        ("SEAMATTRIBUTES", TCB_INFO + 112, body.seam_attributes),
        ("ATTRIBUTES", TD_INFO, body.td_attributes),
        ("XFAM", TD_INFO + 8, body.xfam),
        ("MRTD", TD_INFO + 16, body.mr_td),
        ("MRCONFIGID", TD_INFO + 64, body.mr_config_id),
        ("MROWNER", TD_INFO + 112, body.mr_owner),
        ("MROWNERCONFIG", TD_INFO + 160, body.mr_owner_config),
    ];
    for (register, value) in body.rtmr.iter().enumerate() {
        fields.push(("RTMR", TD_INFO + 208 + 48 * register, *value));
    }
    if let Some(later) = &body.td15 {
        fields.push(("TEE_TCB_SVN2", TCB_INFO + 120, later.tee_tcb_svn2));
        fields.push(("SERVTD_HASH", TD_INFO + 400, later.mr_service_td));
    }
    let differing: Vec<&str> = fields
        .into_iter()
        .filter(|(_, at, value)| report.get(*at..at + value.len()) != Some(value))
        .map(|(name, ..)| name)
        .collect();
    let passed = "the paravisor's TDREPORT is the one that the quote was made from";
    let failed = format!("the paravisor's TDREPORT is not the quote's: {}", differing.join(", "));
    found.check(Rule::Composition, differing.is_empty(), passed, failed);
}
