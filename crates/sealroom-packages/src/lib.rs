//! Packages in the trusted base: what a run may import beside the standard library.
//!
//! - [`platform`]: which wheels fit
//! - [`wheel`]: one wheel, looked through before it is unpacked
//! - [`layer`]: folders of installed packages, kept by content and shared
//! - [`workshop`]: compiling and building, in a jail
//! - [`runtimes`]: interpreters with the packages that come with them
//! - [`environment`]: a runtime with what a computation's code adds, and what the manifest says of it
//! - [`sbom`]: the same as a bill of materials
//!
//! Not for resolving or fetching: nothing here knows an index or a network. Files come by name, size and SHA-256, from
//! whoever has them.
#![forbid(unsafe_code)]

pub mod environment;
pub mod layer;
pub mod platform;
pub mod runtimes;
pub mod sbom;
pub mod wheel;
pub mod workshop;

mod compiled;
mod hold;
mod metadata;

pub use environment::{Environment, EnvironmentError};
pub use layer::{Fetch, Layer, LayerError, Store};
pub use platform::Platform;
pub use runtimes::{Installed, Ready, RuntimeError, Runtimes};
pub use wheel::{Reserved, WheelError};
pub use workshop::Workshop;
