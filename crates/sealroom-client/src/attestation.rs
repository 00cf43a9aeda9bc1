//! Which attestation policy counts: the profile's own file, one that is named, or one that comes with the program.

use crate::ClientError;
use sealroom_attest::{
    Policy,
    policy::{MAX_FILE, PolicyError, Shipped},
};
use std::{fs::File, io::Read as _, path::Path};

/// The text of the policy that the profile uses, if it has one of its own.
pub(crate) const FILE: &str = "attestation.toml";

/// A policy as somebody wrote it.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// What was written.
    pub text: String,
    /// What it comes to.
    pub policy: Policy,
}

impl PolicyFile {
    /// Reads a file; no more of it than a policy can have.
    ///
    /// # Errors
    /// [`ClientError::Io`], and [`ClientError::Policy`] with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, ClientError> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes))
            .map_err(|source| ClientError::Io { path: path.to_owned(), source })?;
        Self::parse(bytes).map_err(|source| ClientError::Policy { path: path.to_owned(), source })
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, PolicyError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            PolicyError { line: Some(line), message: "this is not text (UTF-8)".to_owned() }
        })?;
        let policy = Policy::parse(&text)?;
        Ok(Self { text, policy })
    }

    /// The one that comes with the program.
    #[must_use]
    pub fn shipped(shipped: Shipped) -> Self {
        Self { text: shipped.text().to_owned(), policy: shipped.policy() }
    }
}
