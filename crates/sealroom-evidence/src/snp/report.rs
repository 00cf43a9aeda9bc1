//! The attestation report (56860, `ATTESTATION_REPORT`), versions 2, 3 and 5.

use super::bits::{GuestPolicy, PlatformInfo};

/// What a guest got from AMD's firmware: by whom it was started, as what, on what.
///
/// Numbers are little endian in the bytes. Nothing here was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of the format.
    pub version: Version,
    /// `GUEST_SVN`: counted by whoever signed the identity block.
    pub guest_svn: u32,
    /// What the guest asked of the host when it was started.
    pub policy: GuestPolicy,
    /// `FAMILY_ID`, chosen at start.
    pub family_id: [u8; 16],
    /// `IMAGE_ID`, chosen at start.
    pub image_id: [u8; 16],
    /// The privilege level that asked, 0 to 3; `0xffff_ffff` when the host asked.
    pub vmpl: u32,
    /// 1 is ECDSA on P-384 with SHA-384.
    pub signature_algo: u32,
    /// The firmware that runs. Read it with [`Tcb::decode`](super::Tcb::decode).
    pub current_tcb: [u8; 8],
    /// How the platform is set up.
    pub platform_info: PlatformInfo,
    /// Whether the digest of an author's key is in `author_key_digest`.
    pub author_key_en: bool,
    /// Whether the host keeps the chip's key and id out of reports.
    pub mask_chip_key: bool,
    /// What has signed.
    pub signing_key: SigningKey,
    /// What the guest has put in.
    pub report_data: [u8; 64],
    /// The launch digest (SHA-384).
    pub measurement: [u8; 48],
    /// What the host has put in at start.
    pub host_data: [u8; 32],
    /// SHA-384 of the key that signed the identity block.
    pub id_key_digest: [u8; 48],
    /// SHA-384 of the key that signed that key.
    pub author_key_digest: [u8; 48],
    /// This guest's.
    pub report_id: [u8; 32],
    /// Its migration agent's.
    pub report_id_ma: [u8; 32],
    /// The firmware that the signing key was made for.
    pub reported_tcb: [u8; 8],
    /// Family, model and stepping of the processor, extensions added. `None` in version 2.
    pub cpuid: Option<[u8; 3]>,
    /// The chip; Turin's has 8 bytes and zeros, a VLEK's report has zeros only.
    pub chip_id: [u8; 64],
    /// The oldest firmware that can be loaded from now on.
    pub committed_tcb: [u8; 8],
    /// Major, minor, build of the firmware that runs.
    pub current_version: [u8; 3],
    /// Major, minor, build of the committed firmware.
    pub committed_version: [u8; 3],
    /// The firmware that ran when the guest was started.
    pub launch_tcb: [u8; 8],
    /// Mitigations that were on at the guest's start. `None` before version 5.
    pub launch_mit_vector: Option<u64>,
    /// Mitigations that are on. `None` before version 5.
    pub current_mit_vector: Option<u64>,
    /// Over the first [`Report::SIGNED`] bytes.
    pub signature: Signature,
}

/// Of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Version {
    /// Does not say what processor it is of.
    V2 = 2,
    /// Says it.
    V3 = 3,
    /// Also says which mitigations are on.
    V5 = 5,
}

/// What has signed a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// The chip's own key.
    Vcek,
    /// A key that AMD has given to a cloud provider.
    Vlek,
    /// Nothing.
    None,
}

/// An ECDSA signature, big endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// r.
    pub r: [u8; 48],
    /// s.
    pub s: [u8; 48],
}

/// Why bytes are no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Too short or too long.
    #[error("an SNP report has {} bytes, this one has {found}", Report::LEN)]
    Length {
        /// Bytes that there are.
        found: usize,
    },
    /// Another version.
    #[error("SNP report version {found}, wanted 2, 3 or 5")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A byte without a meaning has a value.
    #[error("reserved byte {at:#x} of the SNP report is {found:#04x}, not zero")]
    Reserved {
        /// Where.
        at: usize,
        /// The byte.
        found: u8,
    },
    /// A bit without a meaning in the key information.
    #[error("reserved bits of the key information are set: {found:#x}")]
    KeyInfo {
        /// All its bits.
        found: u32,
    },
    /// A bit without a meaning in the guest policy, or bit 17, which is always one, is zero.
    #[error("reserved bits of the guest policy are not as they must be: {found:#x}")]
    Policy {
        /// All its bits.
        found: u64,
    },
    /// Signed by something unknown.
    #[error("signing key {found} is unknown")]
    SigningKey {
        /// Its number.
        found: u8,
    },
    /// Bytes around the signature's numbers have a value.
    #[error("byte {at:#x} beside the signature is {found:#04x}, not zero")]
    SignaturePadding {
        /// Where.
        at: usize,
        /// The byte.
        found: u8,
    },
}

/// Walks over a report of the right length.
struct Reader<'a> {
    bytes: &'a [u8; Report::LEN],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        // The fields below add up to the length of the array, whatever it holds.
        out.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        out
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    /// The first byte that is not zero in the next `count`.
    fn not_zero(&mut self, count: usize) -> Option<(usize, u8)> {
        let start = self.at;
        self.at += count;
        let rest = &self.bytes[start..self.at];
        rest.iter().position(|&byte| byte != 0).map(|nth| (start + nth, rest[nth]))
    }

    fn reserved(&mut self, count: usize) -> Result<(), ReportError> {
        match self.not_zero(count) {
            Some((at, found)) => Err(ReportError::Reserved { at, found }),
            None => Ok(()),
        }
    }

    /// Three numbers, least important first.
    fn version(&mut self) -> [u8; 3] {
        let [build, minor, major] = self.take();
        [major, minor, build]
    }

    /// 72 bytes, little endian, of which P-384 needs 48.
    fn scalar(&mut self) -> Result<[u8; 48], ReportError> {
        let mut number: [u8; 48] = self.take();
        number.reverse();
        self.padding(24)?;
        Ok(number)
    }

    fn padding(&mut self, count: usize) -> Result<(), ReportError> {
        match self.not_zero(count) {
            Some((at, found)) => Err(ReportError::SignaturePadding { at, found }),
            None => Ok(()),
        }
    }
}

impl Report {
    /// Its bytes.
    pub const LEN: usize = 1184;
    /// The first of them, which are signed.
    pub const SIGNED: usize = 0x2a0;

    /// Reads one.
    ///
    /// # Errors
    /// [`ReportError`] names the first thing that is not as it must be. Whatever is read back has one form only: no two
    /// different byte strings give the same report.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| ReportError::Length { found })?;
        let mut read = Reader { bytes, at: 0 };
        let version = match read.u32() {
            2 => Version::V2,
            3 => Version::V3,
            5 => Version::V5,
            found => return Err(ReportError::Version { found }),
        };
        let guest_svn = read.u32();
        let raw = read.u64();
        let policy = GuestPolicy::parse(raw).ok_or(ReportError::Policy { found: raw })?;
        let (family_id, image_id) = (read.take(), read.take());
        let (vmpl, signature_algo, current_tcb) = (read.u32(), read.u32(), read.take());
        let platform_info = PlatformInfo(read.u64());
        let key_info = read.u32();
        let signing_key = signing_key(key_info)?;
        read.reserved(4)?;
        let (report_data, measurement, host_data) = (read.take(), read.take(), read.take());
        let (id_key_digest, author_key_digest) = (read.take(), read.take());
        let (report_id, report_id_ma, reported_tcb) = (read.take(), read.take(), read.take());
        let cpuid = if version >= Version::V3 {
            Some(read.take())
        } else {
            read.reserved(3)?;
            None
        };
        read.reserved(21)?;
        let (chip_id, committed_tcb) = (read.take(), read.take());
        let current_version = read.version();
        read.reserved(1)?;
        let committed_version = read.version();
        read.reserved(1)?;
        let launch_tcb = read.take();
        let (launch_mit_vector, current_mit_vector) = if version >= Version::V5 {
            (Some(read.u64()), Some(read.u64()))
        } else {
            read.reserved(16)?;
            (None, None)
        };
        read.reserved(152)?;
        let signature = Signature { r: read.scalar()?, s: read.scalar()? };
        read.padding(368)?;
        Ok(Self {
            version,
            guest_svn,
            policy,
            family_id,
            image_id,
            vmpl,
            signature_algo,
            current_tcb,
            platform_info,
            author_key_en: key_info & 1 == 1,
            mask_chip_key: key_info >> 1 & 1 == 1,
            signing_key,
            report_data,
            measurement,
            host_data,
            id_key_digest,
            author_key_digest,
            report_id,
            report_id_ma,
            reported_tcb,
            cpuid,
            chip_id,
            committed_tcb,
            current_version,
            committed_version,
            launch_tcb,
            launch_mit_vector,
            current_mit_vector,
            signature,
        })
    }
}

const fn signing_key(found: u32) -> Result<SigningKey, ReportError> {
    if found >> 5 != 0 {
        return Err(ReportError::KeyInfo { found });
    }
    match found >> 2 {
        0 => Ok(SigningKey::Vcek),
        1 => Ok(SigningKey::Vlek),
        7 => Ok(SigningKey::None),
        other => Err(ReportError::SigningKey { found: other as u8 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::PathBuf};

    fn captures() -> Vec<(PathBuf, Vec<u8>)> {
        let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/snp");
        let found: Vec<_> = fs::read_dir(all)
            .unwrap()
            .map(|entry| entry.unwrap().path().join("report.bin"))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        assert!(!found.is_empty());
        found
    }

    #[test]
    fn fields_are_where_the_specification_has_them() {
        let (_, mut bytes) = captures().pop().unwrap();
        bytes[..4].copy_from_slice(&5_u32.to_le_bytes());
        let at = |at: usize, bytes: &mut [u8], value: &[u8]| {
            bytes[at..at + value.len()].copy_from_slice(value);
        };
        at(0x04, &mut bytes, &[1, 2, 3, 4]);
        at(0x08, &mut bytes, &(0x3ff_0000_u64 | 0x1f02).to_le_bytes());
        at(0x10, &mut bytes, &[0x10; 16]);
        at(0x20, &mut bytes, &[0x20; 16]);
        at(0x30, &mut bytes, &[3, 0, 0, 0, 2, 0, 0, 0]);
        at(0x38, &mut bytes, &[0x38; 8]);
        at(0x40, &mut bytes, &[0x2a, 1, 0, 0, 0, 0, 0, 0]);
        at(0x48, &mut bytes, &[0b00110, 0, 0, 0]);
        for (start, end) in [
            (0x50, 0x90),
            (0x90, 0xc0),
            (0xc0, 0xe0),
            (0xe0, 0x110),
            (0x110, 0x140),
            (0x140, 0x160),
            (0x160, 0x180),
            (0x180, 0x188),
            (0x1a0, 0x1e0),
            (0x1e0, 0x1e8),
            (0x1f0, 0x1f8),
        ] {
            bytes[start..end].fill((start / 8) as u8);
        }
        at(0x188, &mut bytes, &[0x1a, 2, 1]);
        at(0x1e8, &mut bytes, &[3, 2, 1, 0, 6, 5, 4, 0]);
        at(0x1f8, &mut bytes, &[1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes[0x2a0..0x2a0 + 48].fill(7);
        bytes[0x2a0] = 1;
        bytes[0x2e8..0x2e8 + 48].fill(8);
        bytes[0x2e8] = 2;
        let report = Report::parse(&bytes).unwrap();
        let (mut r, mut s) = ([7; 48], [8; 48]);
        (r[47], s[47]) = (1, 2);
        assert_eq!(
            report,
            Report {
                version: Version::V5,
                guest_svn: 0x0403_0201,
                policy: GuestPolicy::parse(0x3ff_1f02).unwrap(),
                family_id: [0x10; 16],
                image_id: [0x20; 16],
                vmpl: 3,
                signature_algo: 2,
                current_tcb: [0x38; 8],
                platform_info: PlatformInfo(0x12a),
                author_key_en: false,
                mask_chip_key: true,
                signing_key: SigningKey::Vlek,
                report_data: [0x0a; 64],
                measurement: [0x12; 48],
                host_data: [0x18; 32],
                id_key_digest: [0x1c; 48],
                author_key_digest: [0x22; 48],
                report_id: [0x28; 32],
                report_id_ma: [0x2c; 32],
                reported_tcb: [0x30; 8],
                cpuid: Some([0x1a, 2, 1]),
                chip_id: [0x34; 64],
                committed_tcb: [0x3c; 8],
                current_version: [1, 2, 3],
                committed_version: [4, 5, 6],
                launch_tcb: [0x3e; 8],
                launch_mit_vector: Some(0x0100_0000_0000_0001),
                current_mit_vector: Some(2),
                signature: Signature { r, s },
            }
        );
        assert_eq!(report.policy.abi(), [0x1f, 0x02]);
        let info = report.platform_info;
        assert!(info.tsme() && info.rapl_disabled() && info.alias_check_complete());
        assert!(!info.smt() && !info.ecc() && !info.ciphertext_hiding());
    }

    #[test]
    fn captures_are_read_whole_and_only_whole() {
        for (path, bytes) in captures() {
            assert!(Report::parse(&bytes).is_ok(), "{}", path.display());
            for cut in 0..bytes.len() {
                let wanted = ReportError::Length { found: cut };
                assert_eq!(Report::parse(&bytes[..cut]), Err(wanted));
            }
            let longer = [bytes, vec![0]].concat();
            assert_eq!(Report::parse(&longer), Err(ReportError::Length { found: 1185 }));
        }
    }

    /// Whoever flips a bit gets another report or none: what is not read is not there to be changed.
    #[test]
    fn every_byte_counts() {
        for (path, mut bytes) in captures() {
            let report = Report::parse(&bytes);
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert_ne!(Report::parse(&bytes), report, "{} {at} {bit}", path.display());
                    bytes[at] ^= 1 << bit;
                }
            }
        }
    }

    #[test]
    fn each_reserved_place_has_its_own_error() {
        let v2 = |bytes: &[u8]| bytes[0] == 2;
        let (_, good) = captures().into_iter().find(|(_, bytes)| v2(bytes)).unwrap();
        let spoiled = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] = 0x40;
            Report::parse(&bytes)
        };
        for at in (0x4c..0x50).chain(0x188..0x1a0).chain([0x1eb, 0x1ef]).chain(0x1f8..0x2a0) {
            assert_eq!(spoiled(at), Err(ReportError::Reserved { at, found: 0x40 }), "{at:#x}");
        }
        for at in (0x2d0..0x2e8).chain(0x318..0x4a0) {
            let wanted = ReportError::SignaturePadding { at, found: 0x40 };
            assert_eq!(spoiled(at), Err(wanted), "{at:#x}");
        }
        for at in 0x49..0x4c {
            assert!(matches!(spoiled(at), Err(ReportError::KeyInfo { .. })), "{at:#x}");
        }
        for at in [0xa, 0xb, 0xc, 0xd, 0xe, 0xf] {
            assert!(matches!(spoiled(at), Err(ReportError::Policy { .. })), "{at:#x}");
        }
        assert_eq!(spoiled(0), Err(ReportError::Version { found: 0x40 }));
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Report::parse(&bytes)
        };
        for version in [0, 1, 4, 6] {
            let wanted = ReportError::Version { found: u32::from(version) };
            assert_eq!(with(0, version), Err(wanted));
        }
        for unknown in 2..7 {
            let wanted = ReportError::SigningKey { found: unknown };
            assert_eq!(with(0x48, unknown << 2), Err(wanted));
        }
        let bit_26 = with(0xb, 0x04);
        assert!(matches!(bit_26, Err(ReportError::Policy { .. })), "{bit_26:?}");
        assert!(with(0xb, 0x03).is_ok());
        let none = with(0x48, 7 << 2).map(|report| report.signing_key);
        assert_eq!(none, Ok(SigningKey::None));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, at in 0..Report::LEN, value: u8) {
            let _ = Report::parse(&bytes);
            let (_, mut capture) = captures().pop().unwrap();
            capture[at] = value;
            let _ = Report::parse(&capture);
        }
    }
}
