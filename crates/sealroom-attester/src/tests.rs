//! The attesters on machines that are made up, with evidence that real ones gave.

mod azure;
mod fixture;
mod gramine;
mod kernel;
mod machine;
mod tsm;
