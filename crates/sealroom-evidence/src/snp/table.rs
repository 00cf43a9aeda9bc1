//! The table of certificates that a host hands to its guests (GHCB specification, 56421, "SNP Extended Guest Request").
//!
//! ```text
//! entry    GUID (16, in the order in which it is written) ‖ offset (u32) ‖ length (u32), little endian
//! table    entries ‖ one entry of zeros ‖ certificates, PEM or DER
//! ```
//!
//! The host chooses every byte of it.

use std::ops::Range;

/// Where the certificates are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertTable<'a> {
    /// AMD's root.
    pub ark: Option<&'a [u8]>,
    /// The intermediate: ASK, or ASVK, for which there is no GUID of its own.
    pub ask: Option<&'a [u8]>,
    /// The chip's.
    pub vcek: Option<&'a [u8]>,
    /// The cloud provider's.
    pub vlek: Option<&'a [u8]>,
    /// A list of revoked certificates.
    pub crl: Option<&'a [u8]>,
}

/// Why bytes are no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It ends before an entry of zeros.
    #[error("the certificate table has no end within its {found} bytes")]
    Endless {
        /// Bytes that there are.
        found: usize,
    },
    /// More entries than anyone needs.
    #[error("the certificate table has more than {} entries", CertTable::MAX_ENTRIES)]
    TooMany,
    /// Not in the bytes, or in the table itself.
    #[error("entry {nth} of the certificate table is outside: {length} bytes from {offset}")]
    Outside {
        /// The entry, from 0.
        nth: usize,
        /// Where it should begin.
        offset: u32,
        /// Its bytes.
        length: u32,
    },
    /// Two entries share bytes.
    #[error("entry {nth} of the certificate table overlaps another one")]
    Overlap {
        /// The later entry, from 0.
        nth: usize,
    },
    /// Two entries of the same name.
    #[error("entry {nth} of the certificate table has the GUID of an earlier one")]
    Duplicate {
        /// The later entry, from 0.
        nth: usize,
    },
}

const ENTRY: usize = 24;

const ARK: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;
const ASK: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
const VCEK: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
const VLEK: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
const CRL: u128 = 0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea;

struct Entry {
    guid: u128,
    offset: u32,
    length: u32,
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (guid, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (guid, offset) = (u128::from_be_bytes(*guid), u32::from_le_bytes(*offset));
        Some((Self { guid, offset, length: u32::from_le_bytes(*length) }, rest))
    }

    const fn is_end(&self) -> bool {
        self.guid == 0 && self.offset == 0 && self.length == 0
    }

    fn range(&self) -> Range<u64> {
        u64::from(self.offset)..u64::from(self.offset) + u64::from(self.length)
    }
}

impl<'a> CertTable<'a> {
    /// Entries that it can have at most: five have a name, and hosts may add some of their own.
    pub const MAX_ENTRIES: usize = 32;

    /// Reads one. No bytes at all are a table without entries: hosts need not have any. Entries with an unknown GUID are
    /// not looked into.
    ///
    /// # Errors
    /// [`TableError`] names the first entry that is not as it must be.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let entries = entries(bytes)?;
        let table = (entries.len() + 1) * ENTRY;
        let mut out = Self::default();
        for (nth, entry) in entries.iter().enumerate() {
            let Entry { guid, offset, length } = *entry;
            let inside = usize::try_from(offset).ok().filter(|&start| start >= table);
            let content = inside
                .and_then(|start| bytes.get(start..)?.get(..usize::try_from(length).ok()?))
                .ok_or(TableError::Outside { nth, offset, length })?;
            for earlier in &entries[..nth] {
                if earlier.guid == guid {
                    return Err(TableError::Duplicate { nth });
                }
                let (one, other) = (earlier.range(), entry.range());
                if one.start < other.end && other.start < one.end {
                    return Err(TableError::Overlap { nth });
                }
            }
            match guid {
                ARK => out.ark = Some(content),
                ASK => out.ask = Some(content),
                VCEK => out.vcek = Some(content),
                VLEK => out.vlek = Some(content),
                CRL => out.crl = Some(content),
                _ => {}
            }
        }
        Ok(out)
    }
}

fn entries(bytes: &[u8]) -> Result<Vec<Entry>, TableError> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    loop {
        let found = bytes.len();
        let (entry, more) = Entry::read(rest).ok_or(TableError::Endless { found })?;
        if entry.is_end() {
            return Ok(out);
        }
        if out.len() == CertTable::MAX_ENTRIES {
            return Err(TableError::TooMany);
        }
        out.push(entry);
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(u128, u32, u32)], content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (guid, offset, length) in entries {
            out.extend(guid.to_be_bytes());
            out.extend(offset.to_le_bytes());
            out.extend(length.to_le_bytes());
        }
        out.extend([0; ENTRY]);
        out.extend(content);
        out
    }

    #[test]
    fn a_captured_table_has_three_certificates() {
        let path = "../../vectors/attestation/snp/genoa-v3-certtable/auxblob.bin";
        let bytes = std::fs::read(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let table = CertTable::parse(&bytes).unwrap();
        for pem in [table.ark, table.ask, table.vcek] {
            let pem = pem.unwrap().trim_ascii();
            assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----\n"));
            assert!(pem.ends_with(b"\n-----END CERTIFICATE-----"));
        }
        assert_eq!((table.vlek, table.crl), (None, None));
    }

    #[test]
    fn each_guid_has_its_place() {
        let all = [(ARK, 144, 1), (ASK, 145, 1), (VCEK, 146, 1), (VLEK, 147, 1), (CRL, 148, 1)];
        let bytes = table(&all, b"12345");
        let wanted = CertTable {
            ark: Some(b"1"),
            ask: Some(b"2"),
            vcek: Some(b"3"),
            vlek: Some(b"4"),
            crl: Some(b"5"),
        };
        assert_eq!(CertTable::parse(&bytes), Ok(wanted));
        assert_eq!(CertTable::parse(&table(&[(7, 48, 1)], b"x")), Ok(CertTable::default()));
        assert_eq!(CertTable::parse(&[]), Ok(CertTable::default()));
    }

    #[test]
    fn each_fault_is_refused_for_its_own_reason() {
        let outside = |offset, length| TableError::Outside { nth: 0, offset, length };
        for (entry, wanted) in [
            ((ARK, 48, 4), outside(48, 4)),
            ((ARK, 47, 1), outside(47, 1)),
            ((ARK, u32::MAX, 1), outside(u32::MAX, 1)),
            ((ARK, 48, u32::MAX), outside(48, u32::MAX)),
            ((0, 0, 1), outside(0, 1)),
        ] {
            assert_eq!(CertTable::parse(&table(&[entry], b"abc")), Err(wanted), "{entry:?}");
        }
        let overlap = table(&[(ARK, 72, 2), (ASK, 73, 1)], b"ab");
        assert_eq!(CertTable::parse(&overlap), Err(TableError::Overlap { nth: 1 }));
        let twice = table(&[(ARK, 72, 1), (ARK, 73, 1)], b"ab");
        assert_eq!(CertTable::parse(&twice), Err(TableError::Duplicate { nth: 1 }));
        let many: Vec<_> = (1..=33).map(|guid| (guid, 34 * 24, 0)).collect();
        assert_eq!(CertTable::parse(&table(&many, b"")), Err(TableError::TooMany));
        assert_eq!(
            CertTable::parse(&table(&many[..32], b"                        ")),
            Ok(CertTable::default())
        );
        let whole = table(&[(ARK, 48, 1)], b"");
        for cut in 1..whole.len() {
            let wanted = TableError::Endless { found: cut };
            assert_eq!(CertTable::parse(&whole[..cut]), Err(wanted), "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, offset: u32, length: u32) {
            let _ = CertTable::parse(&bytes);
            let _ = CertTable::parse(&table(&[(ARK, offset, length)], &bytes));
        }
    }
}
