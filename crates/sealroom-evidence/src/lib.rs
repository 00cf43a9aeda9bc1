//! The formats of evidence: bytes in, values out, nothing believed.
//!
//! Both ends need them: an attester to see that it got what it asked for, a verifier to judge it. Nothing here looks at
//! a signature. No parser panics, and none allocates more than it was given.
//!
//! - [`snp`]: AMD's attestation report, and the table of certificates that comes with it
//! - [`simulated`]: what is shown where there is no hardware
#![forbid(unsafe_code)]

pub mod simulated;
pub mod snp;
