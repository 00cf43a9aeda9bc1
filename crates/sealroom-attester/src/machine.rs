//! Which attester a machine has.

use crate::{
    AttestError, Attester, AzureVtpm, Gramine, Simulated, Tsm, azure,
    files::{Files, System, word},
    gramine, imds, tsm,
};
use sealroom_protocol::EvidenceKind;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Every name that [`choose`] knows.
pub const NAMES: [&str; 7] = ["auto", "tsm", "snp", "tdx", "gramine", "azure", "simulated"];

/// The guest drivers' devices: there is hardware, whether or not a way to its evidence is open.
const GUESTS: [&str; 2] = ["dev/sev-guest", "dev/tdx_guest"];
/// What Azure writes on the chassis of its virtual machines.
const CHASSIS: &str = "sys/class/dmi/id/chassis_asset_tag";
const AZURE: &str = "7783-7084-3265-9085-8269-3286-77";

/// An attester, and how it was come by.
pub struct Chosen {
    /// What vouches for this program.
    pub attester: Box<dyn Attester>,
    /// Why it was taken, for a log: a clause without capital and full stop.
    pub why: String,
}

/// The attester `name`, one of [`NAMES`]; `auto` takes what the machine offers: Gramine, the kernel's configfs-tsm,
/// Azure's virtual TPM, and on a machine without such hardware `simulated`.
///
/// # Errors
/// Every [`ChooseError`]. A machine whose hardware is there but doesn't serve is never taken for one without.
pub fn choose(name: &str) -> Result<Chosen, ChooseError> {
    Machine::here().choose(name)
}

/// Why there is no attester.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// There is none of that name.
    #[error("there is no attester `{0}`; there are {names}", names = NAMES.join(", "))]
    Unknown(String),
    /// It can't work here.
    #[error("the attester `{0}` can't be used here")]
    Unusable(String, #[source] AttestError),
    /// The machine's hardware is of another kind.
    #[error("this machine's evidence is of kind `{found}`, not `{wanted}`")]
    OtherHardware {
        /// What it gives.
        found: EvidenceKind,
        /// What was asked for.
        wanted: EvidenceKind,
    },
    /// The machine has hardware, and it doesn't serve.
    #[error(
        "this machine has {hardware}, which can't be used; nothing else is taken in its stead unless `simulated` is asked for by name"
    )]
    Failed {
        /// What was found.
        hardware: String,
        /// Why it doesn't serve.
        source: AttestError,
    },
    /// The machine has hardware, and there is no way to it.
    #[error(
        "this machine has `{device}`, but no `{folder}`: the kernel has to be 6.7 or newer, and configfs mounted; nothing else is taken in its stead unless `simulated` is asked for by name"
    )]
    NoWay {
        /// The guest driver's device.
        device: PathBuf,
        /// What is missing.
        folder: PathBuf,
    },
}

/// A machine, as its files show it.
pub(crate) struct Machine {
    root: PathBuf,
    files: Arc<dyn Files>,
    imds: String,
}

impl Machine {
    /// This one.
    fn here() -> Self {
        Self::at(Path::new("/"), Arc::new(System), imds::ADDRESS)
    }

    pub(crate) fn at(root: &Path, files: Arc<dyn Files>, imds: &str) -> Self {
        Self { root: root.to_owned(), files, imds: imds.to_owned() }
    }

    pub(crate) fn choose(&self, name: &str) -> Result<Chosen, ChooseError> {
        let named = |attester: Result<Box<dyn Attester>, AttestError>| match attester {
            Ok(attester) => Ok(Chosen { attester, why: format!("`{name}` was asked for") }),
            Err(error) => Err(ChooseError::Unusable(name.to_owned(), error)),
        };
        match name {
            "auto" => self.auto(),
            "tsm" => named(self.tsm()),
            "snp" => of_kind(EvidenceKind::Snp, named(self.tsm())?),
            "tdx" => of_kind(EvidenceKind::Tdx, named(self.tsm())?),
            "gramine" => named(self.gramine()),
            "azure" => named(self.azure()),
            "simulated" => named(simulated()),
            other => Err(ChooseError::Unknown(other.to_owned())),
        }
    }

    /// What the machine offers. Hardware that fails is an error: evidence of nothing must not stand in for it unnoticed.
    fn auto(&self) -> Result<Chosen, ChooseError> {
        let failed = |hardware: &str, source| {
            Err(ChooseError::Failed { hardware: hardware.to_owned(), source })
        };
        let found = |what: &str| format!("this machine has {what}");
        let mut closed = Vec::new();
        if self.has(gramine::FOLDER) {
            let what = "Gramine's attestation";
            return match self.gramine() {
                Ok(attester) => Ok(Chosen { attester, why: found(what) }),
                Err(error) => failed(what, error),
            };
        }
        let guest = GUESTS.into_iter().find(|device| self.has(device));
        if self.has(tsm::FOLDER) {
            let what = "configfs-tsm";
            match self.tsm() {
                Ok(attester) => return Ok(Chosen { attester, why: found(what) }),
                // The folder alone says little: some kernels have it on any machine.
                Err(AttestError::NoProvider(_)) if guest.is_none() => {}
                Err(error) if error.is_denied() && guest.is_none() => closed.push(what),
                Err(error) => return failed(what, error),
            }
        }
        if self.has(azure::TPM) {
            let what = "a TPM";
            match self.azure() {
                Ok(attester) => return Ok(Chosen { attester, why: found("Azure's virtual TPM") }),
                Err(error) if azure::is_another_tpm(&error) => {}
                // Any machine may have a TPM that is nobody's business.
                Err(error) if self.is_of_azure() => return failed("Azure's virtual TPM", error),
                Err(_) => closed.push(what),
            }
        }
        if let Some(guest) = guest {
            let (device, folder) = (self.root.join(guest), self.root.join(tsm::FOLDER));
            return Err(ChooseError::NoWay { device, folder });
        }
        let mut why = "no hardware was found that vouches for programs".to_owned();
        if !closed.is_empty() {
            why += &format!("; {} could not be looked into", closed.join(" and "));
        }
        let attester = simulated().map_err(|e| ChooseError::Unusable("simulated".to_owned(), e))?;
        Ok(Chosen { attester, why })
    }

    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    fn is_of_azure(&self) -> bool {
        word(&System, &self.root.join(CHASSIS)).is_ok_and(|tag| tag == AZURE)
    }

    fn tsm(&self) -> Result<Box<dyn Attester>, AttestError> {
        Ok(Box::new(Tsm::with(self.files.clone(), &self.root.join(tsm::FOLDER))?))
    }

    fn gramine(&self) -> Result<Box<dyn Attester>, AttestError> {
        Ok(Box::new(Gramine::at(&self.root.join(gramine::FOLDER))?))
    }

    fn azure(&self) -> Result<Box<dyn Attester>, AttestError> {
        Ok(Box::new(AzureVtpm::at(&self.root.join(azure::TPM), &self.imds)?))
    }
}

fn simulated() -> Result<Box<dyn Attester>, AttestError> {
    Ok(Box::new(Simulated::new()?))
}

fn of_kind(wanted: EvidenceKind, chosen: Chosen) -> Result<Chosen, ChooseError> {
    match chosen.attester.kind() {
        found if found == wanted => Ok(chosen),
        found => Err(ChooseError::OtherHardware { found, wanted }),
    }
}
