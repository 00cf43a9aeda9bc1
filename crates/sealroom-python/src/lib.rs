//! The native half of the Python package `sealroom`: module `_sealroom`, one library for every Python from 3.8 on.
//!
//! It speaks the channel of `sealroom-sandbox` (its module `channel` has the frames) and reads files ahead. What a user
//! sees, files that are `io.BytesIO` and a context manager, is Python and lives in `python/sealroom`.
#![forbid(unsafe_code)]

mod link;
mod reader;

/// The channel to the enclave.
#[pyo3::pymodule]
mod _sealroom {
    #[pymodule_export]
    use crate::link::Channel;
    #[pymodule_export]
    use crate::reader::Reader;
}
