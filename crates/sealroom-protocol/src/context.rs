//! What ties a sealed file to its place: the associated data of its key derivation.

use crate::{ComputationId, PublicKey};
use sealroom_seal::framed;

/// What a sealed file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A module or resource of the code provider.
    Code,
    /// An input of a data provider.
    Data,
    /// A result for a consumer.
    Result,
    /// What a run printed.
    Log,
}

impl FileKind {
    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Data => "data",
            Self::Result => "result",
            Self::Log => "log",
        }
    }
}

/// The place of a sealed file. A file sealed for one place does not open in another.
#[derive(Clone, Copy, Debug)]
pub struct FileContext<'a> {
    /// The computation that it belongs to.
    pub computation: ComputationId,
    /// The signature key of the participant whose file key seals it.
    pub participant: &'a PublicKey,
    /// What it is.
    pub kind: FileKind,
    /// Its path or name; results and logs have their run in front: `runs/1/result.bin`.
    pub path: &'a str,
}

impl FileContext<'_> {
    /// "sealroom/file/v1", uuid, participant's key, kind and path, each behind its length.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        framed(&[
            b"sealroom/file/v1",
            self.computation.as_bytes(),
            self.participant.as_bytes(),
            self.kind.name().as_bytes(),
            self.path.as_bytes(),
        ])
    }
}

/// The path under which result `name` of run number `run` is sealed.
#[must_use]
pub fn result_path(run: u32, name: &crate::FileName) -> String {
    format!("runs/{run}/{name}")
}

/// The path under which the log of run number `run` is sealed.
#[must_use]
pub fn log_path(run: u32) -> String {
    format!("runs/{run}/log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_place_counts() {
        let (a, b) = (PublicKey::from_bytes([1; 32]), PublicKey::from_bytes([2; 32]));
        let here = FileContext {
            computation: ComputationId::random(),
            participant: &a,
            kind: FileKind::Data,
            path: "x.csv",
        };
        let others = [
            FileContext { computation: ComputationId::random(), ..here },
            FileContext { participant: &b, ..here },
            FileContext { kind: FileKind::Result, ..here },
            FileContext { path: "y.csv", ..here },
        ];
        for other in others {
            assert_ne!(here.associated_data(), other.associated_data(), "{other:?}");
        }
    }
}
