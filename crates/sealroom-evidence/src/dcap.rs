//! Intel's quotes: SGX (version 3) and TDX (versions 4 and 5).
//!
//! ```text
//! quote   header (48) ‖ [version 5: body type (2) ‖ body size (4)] ‖ body ‖ length (4) ‖ auth data ‖ zeros
//! body    SGX report (384) | TD report 1.0 (584) | TD report 1.5 (648)
//! auth    signature (64) ‖ key (64) ‖ QE part                                  version 3
//!         signature (64) ‖ key (64) ‖ 6 (2) ‖ length (4) ‖ QE part             versions 4 and 5
//! QE part QE report (384) ‖ signature (64) ‖ length (2) ‖ QE auth data ‖ type (2) ‖ length (4) ‖ certification data
//! ```
//!
//! All numbers are little endian. Signed are header and body alone, by the key; lengths have to fit exactly, so that
//! no byte before the padding is outside of all of them. Read from Intel's `sgx_quote_3.h`, `sgx_quote_4.h`,
//! `sgx_quote_5.h` (Intel TDX DCAP Quoting Library API, Intel SGX ECDSA QuoteLibReference, appendices A).
//!
//! - [`SgxReport`], [`TdReport`]: what the processor says
//! - [`Auth`]: who signed for it
//!
//! Not read: SGX reports in version 4 or 5, TD report 1.5ex, quotes that are signed with anything but ECDSA P-256, and
//! the CWT quotes of later TDX modules. Each is refused by name.

mod reader;
mod report;

pub use report::{SGX_BYTES, SgxReport, Td15, TdReport};

use reader::Reader;
use report::{TD_BYTES_10, TD_BYTES_15};

/// Bytes that a quote can have at most. Real ones have about 5,000; clouds fill up to 8,000 with zeros.
pub const MAX_BYTES: usize = 16 << 10;
/// The vendor of Intel's quoting enclaves: 939a7233-f79c-4ca9-940a-0db3957f0607.
pub const INTEL: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];
/// ECDSA over P-256 with SHA-256, the only sort of attestation key that is read.
pub const ECDSA_P256: u16 = 2;
/// Certification data that is a chain of certificates in PEM: leaf, intermediate, root.
pub const PCK_CHAIN: u16 = 5;

const QE_REPORT_CERTIFICATION: u16 = 6;
const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;

/// What the quote is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tee {
    /// An enclave.
    Sgx,
    /// A trust domain.
    Tdx,
}

impl Tee {
    /// As evidence names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
        }
    }
}

/// A quote, cut into its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// What it starts with.
    pub header: Header<'a>,
    /// What the processor says.
    pub body: Body<'a>,
    /// Who signed for it.
    pub auth: Auth<'a>,
    /// Header and body as they were signed.
    pub signed: &'a [u8],
    /// All bytes up to the declared end, without padding. Two quotes are the same if these are.
    pub core: &'a [u8],
    /// How many zeros follow.
    pub padding: usize,
}

/// What a quote starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// 3, 4 or 5.
    pub version: u16,
    /// Always [`ECDSA_P256`].
    pub key_type: u16,
    /// What it is about.
    pub tee: Tee,
    /// The quoting enclave's version (version 3; zero later).
    pub qe_svn: u16,
    /// The certification enclave's version (version 3; zero later).
    pub pce_svn: u16,
    /// Always [`INTEL`].
    pub qe_vendor_id: &'a [u8; 16],
    /// Free for the quoting enclave; its first 16 bytes name the platform to Intel's services.
    pub user_data: &'a [u8; 20],
}

/// What the processor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Of an enclave.
    Sgx(SgxReport<'a>),
    /// Of a trust domain.
    Tdx(TdReport<'a>),
}

/// Who signed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Over [`Quote::signed`]: r ‖ s, big endian.
    pub signature: &'a [u8; 64],
    /// The key that made it: x ‖ y, big endian.
    pub key: &'a [u8; 64],
    /// The quoting enclave's own report as bytes: it vouches for the key.
    pub qe_report: &'a [u8; SGX_BYTES],
    /// Over the report, by the platform's certified key (PCK).
    pub qe_signature: &'a [u8; 64],
    /// Hashed with the key into the report.
    pub qe_auth_data: &'a [u8],
    /// What the certification data is: 1 to 5; only [`PCK_CHAIN`] says it all.
    pub certification_type: u16,
    /// Where the platform's certificates are.
    pub certification: &'a [u8],
}

/// Why bytes are not a quote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// Nothing at all.
    #[error("the quote is empty")]
    Empty,
    /// More than any quote has.
    #[error("the quote has {found} bytes, more than the {MAX_BYTES} that one can have")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Cut off.
    #[error("the quote ends within its {part}: {wanted} bytes are wanted, {found} are there")]
    Truncated {
        /// Which part.
        part: &'static str,
        /// Its bytes.
        wanted: usize,
        /// Those that are left.
        found: usize,
    },
    /// Neither 3, 4 nor 5.
    #[error("quote version {0}, known are 3, 4 and 5")]
    Version(u16),
    /// Not ECDSA P-256.
    #[error("attestation key type {0}, known is {ECDSA_P256} (ECDSA P-256)")]
    KeyType(u16),
    /// Neither SGX nor TDX.
    #[error("TEE type {0:#x}, known are 0x0 (SGX) and 0x81 (TDX)")]
    TeeType(u32),
    /// Not Intel's quoting enclave.
    #[error("the quoting enclave's vendor is not Intel")]
    Vendor([u8; 16]),
    /// SGX in a container of TDX, which nobody uses.
    #[error("an SGX report in a quote of version {version}, known is 3")]
    SgxVersion {
        /// The quote's version.
        version: u16,
    },
    /// TDX in a container that is of SGX.
    #[error("a TDX report in a quote of version 3, known are 4 and 5")]
    TdxVersion,
    /// Version 5 says what its body is; this is none of those that are read.
    #[error("body type {0}, known are 2 (TD report 1.0) and 3 (TD report 1.5)")]
    BodyType(u16),
    /// It has another size than a body of its type.
    #[error("a body of type {body_type} with {found} bytes, wanted are {wanted}")]
    BodySize {
        /// Its type.
        body_type: u16,
        /// The size that it declares.
        found: u32,
        /// The size that it should have.
        wanted: usize,
    },
    /// The header says one TEE, the body another.
    #[error("the header says TDX, the body is of type {0}, an SGX report")]
    Contradiction(u16),
    /// Bytes that mean nothing yet are set.
    #[error("reserved bytes of the report are set")]
    Reserved,
    /// Version 4 or 5 whose auth data is not what it has to be.
    #[error("auth data of type {0}, known is 6 (QE report and certification data)")]
    AuthType(u16),
    /// What names the platform's certificates is of no known type.
    #[error("certification data of type {0}, known are 1 to 5")]
    CertificationType(u16),
    /// Lengths do not agree: bytes are left within a part.
    #[error("{found} bytes follow within the {part} that nothing declares")]
    Surplus {
        /// Which part.
        part: &'static str,
        /// How many.
        found: usize,
    },
    /// Something follows that is not zero.
    #[error("the byte at {at}, after the declared end, is not zero")]
    Padding {
        /// Where, from the start.
        at: usize,
    },
}

impl<'a> Quote<'a> {
    /// Reads a quote. Nothing of what it says is believed.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, QuoteError> {
        match bytes.len() {
            0 => return Err(QuoteError::Empty),
            found if found > MAX_BYTES => return Err(QuoteError::TooLong { found }),
            _ => {}
        }
        let mut reader = Reader::new(bytes);
        let header = Header::read(&mut reader)?;
        let body = Body::read(&header, &mut reader)?;
        let signed = &bytes[..reader.at()];
        let auth = Auth::read(&header, reader.counted_u32("auth data")?)?;
        let (core, rest) = bytes.split_at(reader.at());
        if let Some(at) = rest.iter().position(|&byte| byte != 0) {
            return Err(QuoteError::Padding { at: core.len() + at });
        }
        Ok(Self { header, body, auth, signed, core, padding: rest.len() })
    }

    /// The 64 bytes that whoever asked for the quote wanted in it.
    #[must_use]
    pub const fn report_data(&self) -> &'a [u8; 64] {
        match &self.body {
            Body::Sgx(report) => report.report_data,
            Body::Tdx(report) => report.report_data,
        }
    }
}

impl<'a> Header<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, QuoteError> {
        let mut header = Reader::of("header", reader.array::<48>("header")?);
        let (version, key_type, tee) = (header.u16()?, header.u16()?, header.u32()?);
        let (qe_svn, pce_svn) = (header.u16()?, header.u16()?);
        let (qe_vendor_id, user_data) = (header.take()?, header.take()?);
        if !(3..=5).contains(&version) {
            return Err(QuoteError::Version(version));
        }
        let tee = match tee {
            TEE_SGX => Tee::Sgx,
            TEE_TDX => Tee::Tdx,
            other => return Err(QuoteError::TeeType(other)),
        };
        if key_type != ECDSA_P256 {
            return Err(QuoteError::KeyType(key_type));
        }
        if qe_vendor_id != &INTEL {
            return Err(QuoteError::Vendor(*qe_vendor_id));
        }
        Ok(Self { version, key_type, tee, qe_svn, pce_svn, qe_vendor_id, user_data })
    }
}

impl<'a> Body<'a> {
    fn read(header: &Header<'_>, reader: &mut Reader<'a>) -> Result<Self, QuoteError> {
        match (header.version, header.tee) {
            (3, Tee::Sgx) => {
                let report = reader.array("SGX report")?;
                let report = SgxReport::parse(report)?;
                if report.reserved { Err(QuoteError::Reserved) } else { Ok(Self::Sgx(report)) }
            }
            (3, Tee::Tdx) => Err(QuoteError::TdxVersion),
            (version, Tee::Sgx) => Err(QuoteError::SgxVersion { version }),
            (4, Tee::Tdx) => TdReport::parse_10(reader.array("TD report")?).map(Self::Tdx),
            (_, Tee::Tdx) => {
                let (body_type, found) = (reader.u16()?, reader.u32()?);
                let wanted = match body_type {
                    1 => return Err(QuoteError::Contradiction(body_type)),
                    2 => TD_BYTES_10,
                    3 => TD_BYTES_15,
                    other => return Err(QuoteError::BodyType(other)),
                };
                if usize::try_from(found) != Ok(wanted) {
                    return Err(QuoteError::BodySize { body_type, found, wanted });
                }
                match body_type {
                    2 => TdReport::parse_10(reader.array("TD report")?).map(Self::Tdx),
                    _ => TdReport::parse_15(reader.array("TD report")?).map(Self::Tdx),
                }
            }
        }
    }
}

impl<'a> Auth<'a> {
    fn read(header: &Header<'_>, mut auth: Reader<'a>) -> Result<Self, QuoteError> {
        let (signature, key) = (auth.take()?, auth.take()?);
        let mut qe = if header.version == 3 {
            auth
        } else {
            let found = auth.u16()?;
            if found != QE_REPORT_CERTIFICATION {
                return Err(QuoteError::AuthType(found));
            }
            let inner = auth.counted_u32("QE report and certification data")?;
            auth.end()?;
            inner
        };
        let (qe_report, qe_signature) = (qe.take()?, qe.take()?);
        let length = qe.u16()?;
        let qe_auth_data = qe.bytes(length.into())?;
        let certification_type = qe.u16()?;
        if !(1..=PCK_CHAIN).contains(&certification_type) {
            return Err(QuoteError::CertificationType(certification_type));
        }
        let certification = qe.counted_u32("certification data")?.rest();
        qe.end()?;
        Ok(Self {
            signature,
            key,
            qe_report,
            qe_signature,
            qe_auth_data,
            certification_type,
            certification,
        })
    }
}

#[cfg(test)]
mod tests;
