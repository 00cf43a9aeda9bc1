//! The kernel's configfs-tsm: AMD SEV-SNP and Intel TDX (Linux, Documentation/ABI/testing/configfs-tsm-report).
//!
//! Each request is a folder of its own with a name that nobody guesses: in a shared one, another process could swap
//! the report data between our write and our read. What comes back is compared with what was asked all the same.

use crate::{
    AttestError, Attester,
    files::{Files, MAX_WORD, System, number, word},
    parsed,
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use uuid::Uuid;

/// Where the kernel has it.
pub(crate) const FOLDER: &str = "sys/kernel/config/tsm/report";

/// A report of SNP has 1184 bytes, a quote of TDX about 5000, padded to 8000 by some hosts.
const MAX_REPORT: usize = 16 << 10;
/// Three certificates have about 6600 bytes. The host writes it: the kernel's limit was 32 KiB, and is 16 MiB now.
const MAX_CERTIFICATES: usize = 64 << 10;
/// The least privileged level that there is (GHCB specification, "VMPL").
const MAX_LEVEL: u32 = 3;

/// Who stands behind the kernel's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Snp,
    Tdx,
}

impl Provider {
    fn named(name: &str) -> Result<Self, AttestError> {
        match name {
            "sev_guest" => Ok(Self::Snp),
            "tdx_guest" => Ok(Self::Tdx),
            other => Err(AttestError::UnknownProvider(sealroom_protocol::text::visible(other))),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Snp => "sev_guest",
            Self::Tdx => "tdx_guest",
        }
    }
}

/// How often something is tried that may go better the next time, and the pause between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) tries: u32,
    pub(crate) pause: Duration,
}

impl Patience {
    /// A host that still works on a TDX request which timed out is busy for up to 30 s.
    const USUAL: Self = Self { tries: 20, pause: Duration::from_secs(2) };
}

/// How often a request that somebody else wrote into is made anew.
const REQUESTS: u32 = 3;

/// Asks the kernel.
pub struct Tsm {
    folder: PathBuf,
    provider: Provider,
    level: u32,
    files: Arc<dyn Files>,
    patience: Patience,
}

impl fmt::Debug for Tsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tsm")
            .field("folder", &self.folder)
            .field("provider", &self.provider)
            .finish()
    }
}

/// One request: its folder is gone with it, whatever came of it.
struct Asked<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
}

impl<'a> Asked<'a> {
    fn new(files: &'a dyn Files, folder: &Path) -> Result<Self, AttestError> {
        let path = folder.join(format!("sealroom-{}", Uuid::new_v4().simple()));
        match files.make(&path) {
            Ok(()) => Ok(Self { files, folder: path }),
            Err(error) if is(&error, rustix::io::Errno::NXIO) => {
                Err(AttestError::NoProvider(folder.to_owned()))
            }
            Err(error) => Err(AttestError::file("make a request in", folder)(error)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), AttestError> {
        let path = self.path(name);
        self.files.write(&path, bytes).map_err(|error| said(&path, "write", bytes.len(), error))
    }

    fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, AttestError> {
        let path = self.path(name);
        self.files.read(&path, limit).map_err(|error| said(&path, "read", limit, error))
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, AttestError> {
        let path = self.path(name);
        number(self.files, &path).map_err(|error| said(&path, "read", MAX_WORD, error))
    }

    fn provider(&self) -> Result<Provider, AttestError> {
        let path = self.path("provider");
        let name = word(self.files, &path).map_err(|error| said(&path, "read", MAX_WORD, error))?;
        Provider::named(&name)
    }

    /// Reads what the driver makes at this moment, which may take a while.
    fn read_patiently(
        &self,
        name: &str,
        limit: usize,
        patience: Patience,
    ) -> Result<Vec<u8>, AttestError> {
        let path = self.path(name);
        let mut tries = 1;
        loop {
            match self.files.read(&path, limit) {
                Ok(bytes) => return Ok(bytes),
                Err(source) if !is_passing(&source) => {
                    return Err(said(&path, "read", limit, source));
                }
                Err(source) if tries >= patience.tries => {
                    return Err(AttestError::Busy { path, tries, source });
                }
                Err(_) => thread::sleep(patience.pause),
            }
            tries += 1;
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        // What can't be removed stays, and harms nobody: the next request has another name.
        let _ = self.files.remove(&self.folder);
    }
}

fn is(error: &io::Error, errno: rustix::io::Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// The host still works on an earlier request, a signal came, or the host took too long.
fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::BUSY, Errno::INTR, Errno::TIMEDOUT].iter().any(|errno| is(error, *errno))
}

/// What the kernel means by an error.
fn said(path: &Path, action: &'static str, limit: usize, error: io::Error) -> AttestError {
    use rustix::io::Errno;
    match &error {
        error if error.kind() == io::ErrorKind::FileTooLarge => {
            AttestError::TooLong { path: path.to_owned(), limit }
        }
        error if is(error, Errno::INVAL) => AttestError::Refused(path.to_owned()),
        error if is(error, Errno::NXIO) => AttestError::NoProvider(path.to_owned()),
        _ => AttestError::file(action, path)(error),
    }
}

impl Tsm {
    /// Asks in `folder` (`/sys/kernel/config/tsm/report`) for reports of the most privileged level that there is.
    ///
    /// # Errors
    /// [`AttestError::NoProvider`] if no driver stands behind it, [`AttestError::UnknownProvider`] if an unknown one
    /// does, [`AttestError::File`] if the kernel lets us make no request: that takes root.
    pub fn at(folder: &Path) -> Result<Self, AttestError> {
        Self::with(Arc::new(System), folder)
    }

    pub(crate) fn with(files: Arc<dyn Files>, folder: &Path) -> Result<Self, AttestError> {
        let provider = Asked::new(files.as_ref(), folder)?.provider()?;
        Ok(Self { folder: folder.to_owned(), provider, level: 0, files, patience: Patience::USUAL })
    }

    #[cfg(test)]
    pub(crate) fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// One request; `None` if somebody else wrote into it.
    fn ask(&self, report_data: &[u8; 64]) -> Result<Option<Evidence>, AttestError> {
        let asked = Asked::new(self.files.as_ref(), &self.folder)?;
        let provider = asked.provider()?;
        if provider != self.provider {
            let (found, wanted) = (provider.name().to_owned(), self.provider.name().to_owned());
            return Err(AttestError::OtherKind { found, wanted });
        }
        let before: u64 = asked.number("generation")?;
        let mut writes = 0;
        let level = match provider {
            Provider::Snp => {
                let level = self.allowed_level(&asked)?;
                asked.write("privlevel", format!("{level}\n").as_bytes())?;
                writes += 1;
                Some(level)
            }
            Provider::Tdx => None,
        };
        // The kernel takes it when the file is closed, and tells nobody whether it did: the read below shows.
        asked.write("inblob", report_data)?;
        writes += 1;
        let report = asked.read_patiently("outblob", MAX_REPORT, self.patience)?;
        let certificates = match provider {
            Provider::Snp => asked.read("auxblob", MAX_CERTIFICATES)?,
            Provider::Tdx => Vec::new(),
        };
        if asked.number::<u64>("generation")? != before.wrapping_add(writes) {
            return Ok(None);
        }
        let quote = match level {
            None => parsed::tdx(&report, report_data)?,
            Some(wanted) => match parsed::snp(&report, report_data)?.vmpl {
                found if found == wanted => report,
                found => return Err(AttestError::OtherLevel { found, wanted }),
            },
        };
        let has_any = certificates.iter().any(|byte| *byte != 0);
        let endorsements = if has_any { vec![Base64(certificates)] } else { Vec::new() };
        Ok(Some(Evidence { kind: self.kind(), quote: Base64(quote), endorsements }))
    }

    /// The level to ask for: ours, or the lowest that the kernel may ask for. Below a paravisor it runs on a lower one
    /// itself; the report says so, and a policy decides.
    fn allowed_level(&self, asked: &Asked<'_>) -> Result<u32, AttestError> {
        let floor: u32 = asked.number("privlevel_floor")?;
        match floor.max(self.level) {
            level if level <= MAX_LEVEL => Ok(level),
            _ => Err(AttestError::Floor(floor)),
        }
    }
}

impl Attester for Tsm {
    fn kind(&self) -> EvidenceKind {
        match self.provider {
            Provider::Snp => EvidenceKind::Snp,
            Provider::Tdx => EvidenceKind::Tdx,
        }
    }

    fn description(&self) -> String {
        let hardware = match self.provider {
            Provider::Snp => "AMD SEV-SNP",
            Provider::Tdx => "Intel TDX",
        };
        format!("{hardware} through configfs-tsm at `{}`", self.folder.display())
    }

    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError> {
        for _ in 0..REQUESTS {
            if let Some(evidence) = self.ask(report_data)? {
                return Ok(evidence);
            }
        }
        Err(AttestError::Disturbed { path: self.folder.clone(), tries: REQUESTS })
    }
}
