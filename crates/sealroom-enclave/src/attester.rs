//! Attesters: where evidence for the identity comes from.

use sealroom_protocol::{Digest, Evidence, EvidenceKind};
use std::{fs::File, io};

/// Something that vouches for this program.
pub(crate) trait Attester {
    fn kind(&self) -> EvidenceKind;

    /// Evidence that carries `report_data`.
    fn evidence(&self, report_data: &[u8; 64]) -> io::Result<Evidence>;
}

/// Why there is no attester.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttesterError {
    #[error("there is no attester `{0}`; this version has `simulated`")]
    Unknown(String),
    #[error("cannot read this program to hash it")]
    Program(#[from] io::Error),
}

/// The attester `name`; `auto` takes the best that the machine offers.
pub(crate) fn choose(name: &str) -> Result<Box<dyn Attester>, AttesterError> {
    match name {
        "auto" | "simulated" => Ok(Box::new(Simulated { program: program_digest()? })),
        other => Err(AttesterError::Unknown(other.to_owned())),
    }
}

/// No hardware: proves nothing.
struct Simulated {
    program: Digest,
}

impl Attester for Simulated {
    fn kind(&self) -> EvidenceKind {
        EvidenceKind::Simulated
    }

    fn evidence(&self, report_data: &[u8; 64]) -> io::Result<Evidence> {
        Ok(sealroom_attest::simulated::evidence(report_data, &self.program))
    }
}

fn program_digest() -> io::Result<Digest> {
    let mut program = sealroom_seal::Hashed::new(File::open("/proc/self/exe")?);
    io::copy(&mut program, &mut io::sink())?;
    let (_, _, digest) = program.finish();
    Ok(digest)
}
