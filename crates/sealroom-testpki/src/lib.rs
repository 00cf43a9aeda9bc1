//! Manufacturers of a test's own making: roots, certificates and signatures over whatever a test wants to spoil.
//!
//! Real captures can't isolate a rule, for any change breaks the signature. For tests alone: no program links it.
//!
//! - [`x509`]: certificates and revocation lists
//! - [`amd`]: ARK, ASK or ASVK, VCEK or VLEK, attestation reports
//! - [`intel`]: root, PCK chain, quoting enclave, TCB info, quotes
//! - [`service`]: what answers over HTTP in a manufacturer's place
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests' own")]

pub mod amd;
pub mod intel;
pub mod service;
pub mod x509;
