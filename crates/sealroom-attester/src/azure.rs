//! Azure's confidential virtual machines: SEV-SNP or TDX below a paravisor, which keeps a virtual TPM for its guest.
//!
//! The hardware's report is the paravisor's, made at boot; it carries a hash of the key with which the TPM signs. What
//! is asked of us goes to the TPM as a nonce, so the chain is: hardware, paravisor, key, nonce and registers. The guest
//! can't have a report of the hardware of its own.

use crate::{
    AttestError, Attester,
    imds::Imds,
    parsed,
    tpm::{Bank, Quoted, ResponseCode, Tpm, TpmError},
};
use sealroom_evidence::{
    hcl::{self, Hardware, HashType, Report},
    tpm::{ALG_SHA256, Quote, Scheme, Signature},
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::{Base64, Digest, Evidence, EvidenceKind};
use std::{
    fmt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The kernel's resource manager: unlike `/dev/tpm0` it can be open more than once.
pub(crate) const TPM: &str = "dev/tpmrm0";

/// Where the paravisor keeps its report.
const REPORT: u32 = 0x0140_0001;
/// What is written here it makes a new report over.
const USER_DATA: u32 = 0x0140_0002;
/// The key that the report vouches for.
const KEY: u32 = 0x8100_0003;
/// How often the registers are read and signed until both are of the same moment.
const TRIES: u32 = 3;

/// Asks the paravisor's virtual TPM.
pub struct AzureVtpm {
    tpm: PathBuf,
    hardware: Hardware,
    imds: Imds,
    refresh: Option<Duration>,
}

impl fmt::Debug for AzureVtpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tpm, hardware, imds: _, refresh } = self;
        let mut out = f.debug_struct("AzureVtpm");
        out.field("tpm", tpm)
            .field("hardware", hardware)
            .field("refresh", refresh)
            .finish_non_exhaustive()
    }
}

/// What the paravisor keeps, and the report data that the hardware's report in it carries.
struct Kept {
    bytes: Vec<u8>,
    bound: [u8; 64],
}

/// The registers, and what the TPM says of them.
struct Signed {
    bank: Bank,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl AzureVtpm {
    /// Asks the TPM at `tpm` (`/dev/tpmrm0`; a socket is connected to), and the metadata service at the URL `imds`
    /// (`http://169.254.169.254`).
    ///
    /// # Errors
    /// [`AttestError::Tpm`] if the TPM can't be asked or is not Azure's; [`AttestError::Unreadable`] if the paravisor's
    /// report is none.
    pub fn at(tpm: &Path, imds: &str) -> Result<Self, AttestError> {
        let what = "service at such a URL";
        let imds = Imds::at(imds).map_err(|source| AttestError::Metadata { what, source })?;
        let kept = open(tpm)?.nv_read(REPORT, hcl::MAX_LEN).map_err(fault(tpm))?;
        let hardware = read(&kept)?.hardware();
        Ok(Self { tpm: tpm.to_owned(), hardware, imds, refresh: None })
    }

    /// The same, with a new report of the paravisor's for each request, for which it is given `wait` (3 s are enough).
    /// For machines that live through updates of their firmware; the nonce is fresh without it.
    #[must_use]
    pub fn refreshed(self, wait: Duration) -> Self {
        Self { refresh: Some(wait), ..self }
    }

    /// The paravisor's report; `None` if it was exchanged while it was read.
    fn report(&self, tpm: &mut Tpm) -> Result<Option<Kept>, AttestError> {
        let bytes = tpm.nv_read(REPORT, hcl::MAX_LEN).map_err(fault(&self.tpm))?;
        let report = read(&bytes)?;
        if report.hardware() != self.hardware {
            let (found, wanted) = (kind(report.hardware()).to_string(), self.kind().to_string());
            return Err(AttestError::OtherKind { found, wanted });
        }
        let bound = bound(&report)?;
        let carries = match self.hardware {
            Hardware::Snp => parsed::snp(report.hardware_report(), &bound).is_ok(),
            // REPORTMACSTRUCT.REPORTDATA; the quote that is made of it is read below.
            Hardware::Tdx => report.hardware_report().get(128..192) == Some(&bound),
        };
        Ok(carries.then_some(Kept { bytes, bound }))
    }

    /// The registers signed with `nonce`; `None` if they changed between reading and signing.
    fn signed(&self, tpm: &mut Tpm, nonce: &Digest) -> Result<Option<Signed>, AttestError> {
        let bank = tpm.pcrs().map_err(fault(&self.tpm))?;
        let Quoted { message, signature } = tpm.quote(KEY, nonce).map_err(fault(&self.tpm))?;
        let quote = Quote::parse(&message).map_err(parsed::unreadable)?;
        if quote.extra_data != nonce.as_bytes() {
            return Err(AttestError::OtherReportData);
        }
        let signature = Signature::parse(&signature).map_err(parsed::unreadable)?;
        if (signature.scheme, signature.hash) != (Scheme::Rsassa, ALG_SHA256) {
            return Err(parsed::unreadable("it is not signed with RSASSA and SHA-256"));
        }
        let is_of_bank = quote.pcr_digest == Digest::of(bank.as_flattened()).as_bytes();
        Ok(is_of_bank.then_some(Signed { bank, message, signature: signature.raw }))
    }

    /// Tries something until nobody comes between.
    fn undisturbed<T>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<T>, AttestError>,
    ) -> Result<T, AttestError> {
        for _ in 0..TRIES {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
        }
        Err(AttestError::Disturbed { path: self.tpm.clone(), tries: TRIES })
    }
}

impl Attester for AzureVtpm {
    fn kind(&self) -> EvidenceKind {
        kind(self.hardware)
    }

    fn description(&self) -> String {
        let hardware = match self.hardware {
            Hardware::Snp => "AMD SEV-SNP",
            Hardware::Tdx => "Intel TDX",
        };
        format!("{hardware} below Azure's paravisor, through the TPM at `{}`", self.tpm.display())
    }

    fn evidence(&self, report_data: &[u8; 64]) -> Result<Evidence, AttestError> {
        let mut tpm = open(&self.tpm)?;
        if let Some(wait) = self.refresh {
            tpm.nv_put(USER_DATA, report_data).map_err(fault(&self.tpm))?;
            thread::sleep(wait);
        }
        let Kept { bytes, bound } = self.undisturbed(|| self.report(&mut tpm))?;
        // A TPM takes no nonce of 64 bytes.
        let nonce = Digest::of(report_data);
        let Signed { bank, message, signature } =
            self.undisturbed(|| self.signed(&mut tpm, &nonce))?;
        let (td_quote, endorsements) = match self.hardware {
            Hardware::Snp => (None, self.imds.certificates()?),
            Hardware::Tdx => {
                let quote = self.imds.td_quote(read(&bytes)?.hardware_report())?;
                (Some(Base64(parsed::tdx(&quote, &bound)?)), Vec::new())
            }
        };
        let pcrs = Pcrs::new((0..).zip(bank).collect())
            .ok_or_else(|| parsed::unreadable("too many registers"))?;
        let bundle = Bundle {
            hcl: Some(Base64(bytes)),
            key: None,
            message: Base64(message),
            signature: Base64(signature),
            pcrs,
            td_quote,
        };
        Ok(Evidence { kind: self.kind(), quote: Base64(bundle.to_bytes()), endorsements })
    }
}

const fn kind(hardware: Hardware) -> EvidenceKind {
    match hardware {
        Hardware::Snp => EvidenceKind::AzureSnp,
        Hardware::Tdx => EvidenceKind::AzureTdx,
    }
}

/// Whether it is a TPM without a paravisor's report: any machine may have one.
pub(crate) fn is_another_tpm(error: &AttestError) -> bool {
    matches!(error, AttestError::Tpm { source, .. } if source.is(ResponseCode::HANDLE))
}

fn open(path: &Path) -> Result<Tpm, AttestError> {
    Tpm::open(path).map_err(fault(path))
}

fn fault(path: &Path) -> impl Fn(TpmError) -> AttestError {
    move |source| AttestError::Tpm { path: path.to_owned(), source }
}

fn read(kept: &[u8]) -> Result<Report<'_>, AttestError> {
    Report::parse(kept).map_err(parsed::unreadable)
}

/// The report data with which a paravisor ties its JSON to the hardware's report.
fn bound(report: &Report<'_>) -> Result<[u8; 64], AttestError> {
    match report.hash_type() {
        HashType::Sha256 => {
            let mut bound = [0; 64];
            bound[..32].copy_from_slice(Digest::of(report.runtime_json()).as_bytes());
            Ok(bound)
        }
        _ => Err(parsed::unreadable("the paravisor hashes with something else than SHA-256")),
    }
}
