//! Evidence of GPUs beside that of a processor (NVIDIA confidential computing, SPDM measurement reports).
//!
//! This version carries it and does not verify it: no signature, no chain, no reference manifest (RIM), no revocation
//! (OCSP) is looked at. So evidence with a GPU in it is refused, whatever else holds. What can be decided without
//! cryptography is decided all the same: how many there are, and for whom they were made.
//!
//! A GPU's report does not name the processor that it serves. It is made inside of the guest, over a nonce that
//! follows from what the processor's evidence carries:
//!
//! ```text
//! nonce = SHA-256("sealroom/gpu/v1" ‖ report data (64) ‖ number of the GPU (u32, big endian))
//! ```

use crate::{Judgement, Request, Rule, judging::Findings};
use ring::digest::{Context, SHA256};
use sealroom_protocol::{Base64, Evidence};
use serde::{Deserialize, Serialize};

/// GPUs that a machine can have; real ones have eight.
pub const MAX_GPUS: usize = 16;
/// Bytes that a report or a certificate can have. Real reports have about 4 KiB.
pub const MAX_BYTES: usize = 64 << 10;
/// Certificates that a chain can have; real ones have five.
pub const MAX_CERTIFICATES: usize = 8;

/// Evidence of a processor and its GPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// The processor's.
    pub cpu: Evidence,
    /// The GPUs', in the order of their numbers.
    pub gpus: Vec<GpuEvidence>,
}

/// What a GPU says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuEvidence {
    /// The SPDM measurement report, as NVML returns it.
    pub report: Base64,
    /// DER, from the device's up to the manufacturer's.
    pub certificates: Vec<Base64>,
    /// What the report was asked for with: 32 bytes.
    pub nonce: Base64,
}

/// The nonce for GPU `number`, counted from 0, beside evidence that carries `report_data`.
#[must_use]
pub fn nonce(report_data: &[u8; 64], number: u32) -> [u8; 32] {
    let mut all = Context::new(&SHA256);
    all.update(b"sealroom/gpu/v1");
    all.update(report_data);
    all.update(&number.to_be_bytes());
    let mut nonce = [0; 32];
    nonce.copy_from_slice(all.finish().as_ref());
    nonce
}

/// Judges the evidence of a processor, which is the request's, together with that of its GPUs, of which there have to
/// be `expected`. Trusted can only be what has none and should have none.
#[must_use]
pub fn verify(request: &Request<'_>, gpus: &[GpuEvidence], expected: usize) -> Judgement {
    let mut found = Findings::default();
    crate::judge(request, &mut found);
    judge(request, gpus, expected, &mut found);
    found.into()
}

fn judge(request: &Request<'_>, gpus: &[GpuEvidence], expected: usize, found: &mut Findings) {
    let count = gpus.len();
    if count != expected {
        let text = format!("there is evidence of {count} GPUs, {expected} are expected");
        found.failed(Rule::Gpu, text);
    }
    if gpus.is_empty() {
        return;
    }
    let text = format!("evidence of {count} GPUs, which this version cannot verify");
    found.failed(Rule::Gpu, text);
    if count > MAX_GPUS || gpus.iter().any(|gpu| !gpu.is_bounded()) {
        let text = "the GPUs' evidence is larger than any can be";
        return found.failed(Rule::EvidenceSize, text);
    }
    let Some(report_data) = request.report_data else {
        let text = "whether the GPUs' reports are of this session is not known here";
        return found.open(Rule::Composition, text);
    };
    let made_for_it = |(number, gpu): (u32, &GpuEvidence)| {
        gpu.nonce.0.as_slice() == nonce(report_data, number).as_slice()
    };
    let good = (0..).zip(gpus).all(made_for_it);
    let passed = "the GPUs' reports claim to be of this session";
    let failed = "a GPU's report is of another session, or of another place";
    found.check(Rule::Composition, good, passed, failed);
}

impl GpuEvidence {
    fn is_bounded(&self) -> bool {
        let Self { report, certificates, nonce } = self;
        let mut parts = certificates.iter().chain([report, nonce]);
        certificates.len() <= MAX_CERTIFICATES && parts.all(|part| part.0.len() <= MAX_BYTES)
    }
}
