//! From a `requirements.txt` to a [`Lock`](sealroom_protocol::package::Lock) and the package files that it names.
//!
//! uv resolves, pip fetches; nothing of a package is ever run here. Both are programs of the machine, found by
//! [`Tools::locate`]. All calls block. No part of the trusted base: the enclave takes nothing but files that a lock
//! names, by size and SHA-256, and a lock that participants have approved.
#![forbid(unsafe_code)]

mod compiled;
mod environment;
mod error;
mod explain;
mod locked;
mod marker;
mod pip;
mod process;
mod redact;
mod requirements;
mod resolve;
mod sources;
mod target;
mod tools;
mod uv;
mod work;

pub use error::{Explanation, ResolveError};
pub use locked::{compile_runtime_lock, fetch_again, fetch_locked};
pub use marker::MarkerError;
pub use process::Limits;
pub use requirements::{
    LineFault, MAX_REQUIREMENT_LINES, MAX_REQUIREMENTS, Requirements, RequirementsError,
};
pub use resolve::{Fetched, resolve};
pub use target::Target;
pub use tools::{ToolError, Tools, UV_VARIABLE};
