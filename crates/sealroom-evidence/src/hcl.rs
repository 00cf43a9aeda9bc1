//! What Azure's paravisor (the host compatibility layer) keeps in the virtual TPM, at NV index 0x01400001
//! (Microsoft, "Guest attestation for confidential VMs", report structure). Little endian.
//!
//! ```text
//! 0x000  header          "HCLA", version 2, size of all, request type 2, status 0, 12 zeros
//! 0x020  hardware report SNP: attestation report (1184); TDX: TDREPORT (1024), zeros
//! 0x4c0  runtime data    size with this header, version 1, sort of report, sort of hash, size of the JSON
//! 0x4d4  JSON
//! ```
//!
//! Zeros may follow: the index is larger than what is in it. Nothing here is signed; what counts is that the hardware
//! report carries the hash of the JSON.

const HEADER: &[u8; 4] = b"HCLA";
const HARDWARE: usize = 0x20;
const HARDWARE_LEN: usize = 1184;
const TDREPORT_LEN: usize = 1024;
const RUNTIME: usize = HARDWARE + HARDWARE_LEN;
const RUNTIME_HEADER: usize = 20;
const JSON: usize = RUNTIME + RUNTIME_HEADER;
/// The largest report that is read: real ones have 2600 bytes.
pub const MAX_LEN: usize = 16 << 10;

/// The hardware that a paravisor runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardware {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

/// The hash of the JSON that the hardware report carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashType {
    /// SHA-256, the one that is in use.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A paravisor's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    hardware: Hardware,
    hash_type: HashType,
    hardware_report: &'a [u8],
    runtime_json: &'a [u8],
}

/// Why bytes are no such report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Longer than any.
    #[error("the paravisor's report has {0} bytes, at most {MAX_LEN} are read")]
    TooLong(usize),
    /// They end too early.
    #[error("the paravisor's report has {found} bytes, it needs {wanted}")]
    Truncated {
        /// Bytes that are there.
        found: usize,
        /// Bytes that it promises.
        wanted: usize,
    },
    /// It does not start like one.
    #[error("the paravisor's report does not start with `HCLA`")]
    Magic,
    /// A field has a value that it can't have, or one that this version does not know.
    #[error("`{field}` of the paravisor's report is {found}, {wanted} was expected")]
    Value {
        /// Which.
        field: &'static str,
        /// What it is.
        found: u32,
        /// What it should be.
        wanted: u32,
    },
    /// Bytes that mean nothing are not zero.
    #[error("the paravisor's report has bytes in {0} that mean nothing")]
    NotZero(&'static str),
}

impl<'a> Report<'a> {
    /// Reads a report.
    ///
    /// # Errors
    /// Every [`FormatError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_LEN {
            return Err(FormatError::TooLong(bytes.len()));
        }
        let short = |wanted| FormatError::Truncated { found: bytes.len(), wanted };
        let (head, after) = bytes.split_at_checked(JSON).ok_or(short(JSON))?;
        if !head.starts_with(HEADER) {
            return Err(FormatError::Magic);
        }
        expect("version", number(head, 4), 2)?;
        expect("request type", number(head, 12), 2)?;
        expect("status", number(head, 16), 0)?;
        zero("its header", &head[20..HARDWARE])?;
        expect("version of the runtime data", number(head, RUNTIME + 4), 1)?;
        let json_len = number(head, RUNTIME + 16);
        let (runtime_json, rest) =
            after.split_at_checked(json_len as usize).ok_or(short(JSON + json_len as usize))?;
        expect("size", number(head, 8), JSON as u32 + json_len)?;
        expect(
            "size of the runtime data",
            number(head, RUNTIME),
            RUNTIME_HEADER as u32 + json_len,
        )?;
        zero("what follows it", rest)?;
        let area = &head[HARDWARE..RUNTIME];
        let (hardware, hardware_report) = match number(head, RUNTIME + 8) {
            2 => (Hardware::Snp, area),
            4 => {
                zero("what follows TDREPORT", &area[TDREPORT_LEN..])?;
                (Hardware::Tdx, &area[..TDREPORT_LEN])
            }
            found => return Err(FormatError::Value { field: "report type", found, wanted: 2 }),
        };
        let hash_type = match number(head, RUNTIME + 12) {
            1 => HashType::Sha256,
            2 => HashType::Sha384,
            3 => HashType::Sha512,
            found => return Err(FormatError::Value { field: "hash type", found, wanted: 1 }),
        };
        Ok(Self { hardware, hash_type, hardware_report, runtime_json })
    }

    /// Where it runs, by its own word.
    #[must_use]
    pub const fn hardware(&self) -> Hardware {
        self.hardware
    }

    /// How the JSON is hashed.
    #[must_use]
    pub const fn hash_type(&self) -> HashType {
        self.hash_type
    }

    /// What the hardware says: on SNP an attestation report (1184 bytes), on TDX a TDREPORT (1024 bytes), which no
    /// signature is under.
    #[must_use]
    pub const fn hardware_report(&self) -> &'a [u8] {
        self.hardware_report
    }

    /// What the paravisor says: keys, and how the virtual machine is set up.
    #[must_use]
    pub const fn runtime_json(&self) -> &'a [u8] {
        self.runtime_json
    }
}

/// Four bytes at `at`; callers stay within what they hold.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |number| u32::from_le_bytes(*number))
}

fn expect(field: &'static str, found: u32, wanted: u32) -> Result<(), FormatError> {
    if found == wanted { Ok(()) } else { Err(FormatError::Value { field, found, wanted }) }
}

fn zero(place: &'static str, bytes: &[u8]) -> Result<(), FormatError> {
    if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(FormatError::NotZero(place)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SNP: &[u8] =
        include_bytes!("../../../vectors/attestation/snp/genoa-v3-azure-vtpm/hcl_report.bin");
    const SNP_REPORT: &[u8] =
        include_bytes!("../../../vectors/attestation/snp/genoa-v3-azure-vtpm/report.bin");
    const TDX: &[u8] =
        include_bytes!("../../../vectors/attestation/tdx/azure-v4-vtpm/hcl_report.bin");
    const USED: usize = 0x984;

    #[test]
    fn real_reports_are_read() {
        let snp = Report::parse(SNP).unwrap();
        assert_eq!((snp.hardware(), snp.hash_type()), (Hardware::Snp, HashType::Sha256));
        assert_eq!(snp.hardware_report(), SNP_REPORT);
        assert!(snp.runtime_json().starts_with(b"{\"keys\":["));
        assert!(snp.runtime_json().ends_with(b"}"));
        let tdx = Report::parse(TDX).unwrap();
        assert_eq!((tdx.hardware(), tdx.hash_type()), (Hardware::Tdx, HashType::Sha256));
        assert_eq!(tdx.hardware_report().len(), 1024);
        assert_eq!(tdx.runtime_json().len(), 1196);
        assert_eq!(Report::parse(&SNP[..USED]), Ok(snp), "without the zeros at its end");
    }

    #[test]
    fn each_fault_has_its_own_reason() {
        let value = |field, found, wanted| FormatError::Value { field, found, wanted };
        for (at, byte, refused) in [
            (0, b'h', FormatError::Magic),
            (4, 1, value("version", 1, 2)),
            (8, 0x85, value("size", 0x985, 0x984)),
            (12, 3, value("request type", 3, 2)),
            (16, 1, value("status", 1, 0)),
            (20, 1, FormatError::NotZero("its header")),
            (31, 1, FormatError::NotZero("its header")),
            (0x4c0, 0xc5, value("size of the runtime data", 0x4c5, 0x4c4)),
            (0x4c4, 2, value("version of the runtime data", 2, 1)),
            (0x4c8, 3, value("report type", 3, 2)),
            (0x4cc, 0, value("hash type", 0, 1)),
            (0x4cc, 4, value("hash type", 4, 1)),
            (USED, 1, FormatError::NotZero("what follows it")),
            (0x4d3, 0xff, FormatError::Truncated { found: 2600, wanted: 0x4d4 + 0xff00_04b0 }),
        ] {
            let mut bytes = SNP.to_vec();
            bytes[at] = byte;
            assert_eq!(Report::parse(&bytes), Err(refused), "{at:#x}");
        }
        let mut bytes = TDX.to_vec();
        bytes[0x20 + 1024] = 1;
        assert_eq!(Report::parse(&bytes), Err(FormatError::NotZero("what follows TDREPORT")));
        let long = vec![0; MAX_LEN + 1];
        assert_eq!(Report::parse(&long), Err(FormatError::TooLong(MAX_LEN + 1)));
        for cut in 0..USED {
            assert!(matches!(Report::parse(&SNP[..cut]), Err(FormatError::Truncated { .. })));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, at in 0x4c0..0x4d4usize, byte: u8, len in 0..=SNP.len()) {
            _ = Report::parse(&bytes);
            let mut spoiled = SNP.to_vec();
            spoiled[at] = byte;
            spoiled.truncate(len);
            _ = Report::parse(&spoiled);
        }
    }
}
