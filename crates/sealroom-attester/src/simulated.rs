//! No hardware: proves nothing.

use crate::{AttestError, Attester};
use sealroom_evidence::simulated::Quote;
use sealroom_protocol::{Base64, Digest, Evidence, EvidenceKind};
use std::{fs::File, io, path::PathBuf};

const PROGRAM: &str = "/proc/self/exe";

/// Says what it is told to, and which program it is.
#[derive(Debug)]
pub struct Simulated {
    program: Digest,
}

impl Simulated {
    /// Hashes this program.
    ///
    /// # Errors
    /// [`AttestError::File`] if it can't be read.
    pub fn new() -> Result<Self, AttestError> {
        let hash = || -> io::Result<Digest> {
            let mut program = sealroom_seal::Hashed::new(File::open(PROGRAM)?);
            io::copy(&mut program, &mut io::sink())?;
            let (_, _, digest) = program.finish();
            Ok(digest)
        };
        let program = hash().map_err(|source| AttestError::File {
            action: "hash",
            path: PathBuf::from(PROGRAM),
            source,
        })?;
        Ok(Self { program })
    }
}

impl Attester for Simulated {
    fn kind(&self) -> EvidenceKind {
        EvidenceKind::Simulated
    }

    fn description(&self) -> String {
        format!("no hardware: simulated by the program {}", self.program)
    }

    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError> {
        let quote = Quote { report_data, program: self.program.as_bytes() };
        let quote = Base64(quote.to_bytes());
        Ok(Evidence { kind: EvidenceKind::Simulated, quote, endorsements: vec![] })
    }
}
