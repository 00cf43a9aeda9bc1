//! The formats of evidence: bytes in, values out, nothing believed.
//!
//! Both ends need them: an attester to see that it got what it asked for, a verifier to judge it. Nothing here looks at
//! a signature. No parser panics, and none allocates more than it was given.
//!
//! - [`ccel`]: the log of what a trust domain loaded
//! - [`dcap`]: Intel's quotes, SGX and TDX
//! - [`snp`]: AMD's attestation report, and the table of certificates that comes with it
//! - [`tpm`]: what a TPM signs, and its keys; [`vtpm`]: a quote and what it covers, as one piece
//! - [`hcl`]: what Azure's paravisor adds to a hardware report
//! - [`simulated`]: what is shown where there is no hardware
#![forbid(unsafe_code)]

pub mod ccel;
pub mod dcap;
pub mod hcl;
pub mod simulated;
pub mod snp;
pub mod tpm;
pub mod vtpm;
