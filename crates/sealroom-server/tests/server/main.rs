//! The server through its real interface: started in this process, spoken to over TCP.
//!
//! PostgreSQL and S3 are tested too when `SEALROOM_TEST_POSTGRES` (a URL of an empty database) and
//! `SEALROOM_TEST_S3` (`s3://BUCKET/PREFIX`) are set.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

mod access;
mod accounts;
mod client_2022;
mod collateral;
mod enclave;
mod events;
mod harness;
mod leases;
mod life;
mod party;
mod postgres;
mod restart;
mod states;
mod supervisor;
mod uploads;
