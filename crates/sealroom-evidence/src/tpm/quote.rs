//! TPMS_ATTEST (section 10.12.12), as TPM2_Quote fills it in.

use super::{FormatError, Reader, expect};
use std::collections::BTreeSet;

/// TPM_GENERATED_VALUE: a restricted key signs no outside data that starts like this.
const GENERATED: u32 = 0xff54_4347;
/// TPM_ST_ATTEST_QUOTE.
const ATTEST_QUOTE: u16 = 0x8018;
/// TPMU_NAME and TPMT_HA: an algorithm, and the longest hash there is.
const MAX_HA: u16 = 66;
/// TPML_PCR_SELECTION: a bank for each hash; real TPMs have at most five.
const MAX_BANKS: u32 = 16;
/// TPMS_PCR_SELECT: 24 registers take 3 bytes; the specification lets implementations have 32.
const MAX_SELECT: u8 = 4;

/// What a TPM says of its registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The name of the key that signs: algorithm and hash over its place in the hierarchy.
    pub qualified_signer: &'a [u8],
    /// What the caller gave: its nonce. At most 66 bytes.
    pub extra_data: &'a [u8],
    /// When.
    pub clock: ClockInfo,
    /// The vendor's.
    pub firmware_version: u64,
    /// Which registers, in the order in which the digest goes over them.
    pub selections: Vec<PcrSelection>,
    /// The hash over their values, with the hash of the signature's scheme.
    pub pcr_digest: &'a [u8],
}

/// TPMS_CLOCK_INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that the TPM has been powered.
    pub clock: u64,
    /// Times that it was reset.
    pub reset_count: u32,
    /// Times that it was restarted or resumed since.
    pub restart_count: u32,
    /// Whether `clock` was never that high before.
    pub safe: bool,
}

/// TPMS_PCR_SELECTION.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrSelection {
    /// The bank: TPM_ALG_ID of its hash.
    pub hash: u16,
    /// The registers.
    pub pcrs: BTreeSet<u8>,
}

impl<'a> Quote<'a> {
    /// Reads a quote.
    ///
    /// # Errors
    /// Every [`FormatError`]; another magic or another type of statement is one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut from = Reader(bytes);
        expect("magic", from.u32("magic")?, GENERATED.into(), "TPM_GENERATED_VALUE (0xff544347)")?;
        let kind = from.u16("type")?;
        expect("type", kind, ATTEST_QUOTE.into(), "TPM_ST_ATTEST_QUOTE (0x8018)")?;
        let quote = Self {
            qualified_signer: from.sized(MAX_HA, "qualifiedSigner")?,
            extra_data: from.sized(MAX_HA, "extraData")?,
            clock: ClockInfo {
                clock: from.u64("clock")?,
                reset_count: from.u32("resetCount")?,
                restart_count: from.u32("restartCount")?,
                safe: yes_no(from.u8("safe")?)?,
            },
            firmware_version: from.u64("firmwareVersion")?,
            selections: selections(&mut from)?,
            pcr_digest: from.sized(MAX_HA - 2, "pcrDigest")?,
        };
        from.end()?;
        Ok(quote)
    }
}

fn yes_no(found: u8) -> Result<bool, FormatError> {
    match found {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(FormatError::Value { field: "safe", found: found.into(), wanted: "0 or 1" }),
    }
}

fn selections(from: &mut Reader<'_>) -> Result<Vec<PcrSelection>, FormatError> {
    let count = from.u32("pcrSelect")?;
    if count > MAX_BANKS {
        let (found, wanted) = (count.into(), "16 banks at most");
        return Err(FormatError::Value { field: "pcrSelect", found, wanted });
    }
    (0..count)
        .map(|_| {
            let hash = from.u16("hash")?;
            let len = from.u8("sizeofSelect")?;
            if len > MAX_SELECT {
                let (found, wanted) = (len.into(), "4 bytes at most");
                return Err(FormatError::Value { field: "sizeofSelect", found, wanted });
            }
            let bits = from.take(len.into(), "pcrSelect")?;
            let pcrs = (0..len * 8).filter(|pcr| bits[usize::from(pcr / 8)] >> (pcr % 8) & 1 == 1);
            Ok(PcrSelection { hash, pcrs: pcrs.collect() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REAL: [&[u8]; 2] = [
        include_bytes!("../../../../vectors/attestation/tdx/azure-v4-vtpm/tpm_quote.msg"),
        include_bytes!("../../../../vectors/attestation/snp/genoa-v3-azure-vtpm/tpm_quote.msg"),
    ];

    #[test]
    fn a_real_quote_is_read_to_its_end() {
        let quote = Quote::parse(REAL[0]).unwrap();
        assert_eq!(quote.extra_data, [0; 32]);
        assert_eq!(quote.qualified_signer.len(), 34);
        let clock = ClockInfo { clock: 0x2a_fbe6, reset_count: 1, restart_count: 0, safe: true };
        assert_eq!(quote.clock, clock);
        assert_eq!(quote.firmware_version, 0x2020_0312_0012_0003);
        let all = PcrSelection { hash: crate::tpm::ALG_SHA256, pcrs: (0..24).collect() };
        assert_eq!(quote.selections, [all]);
        assert_eq!(quote.pcr_digest[..2], [0x26, 0x2a]);
        assert_eq!(Quote::parse(REAL[1]).unwrap().extra_data.len(), 48);
    }

    #[test]
    fn no_byte_may_be_missing_or_added() {
        for real in REAL {
            for cut in 0..real.len() {
                assert!(matches!(Quote::parse(&real[..cut]), Err(FormatError::Truncated(_))));
            }
            let longer = [real, &[0]].concat();
            assert_eq!(Quote::parse(&longer), Err(FormatError::Trailing(1)));
        }
    }

    #[test]
    fn statements_of_another_sort_and_odd_values_are_refused() {
        let selected = REAL[0].len() - 34 - 10;
        for (at, byte, field) in [
            (0, 0, "magic"),
            (5, 0x17, "type"),
            (6, 1, "qualifiedSigner"),
            (42, 1, "extraData"),
            (92, 2, "safe"),
            (selected, 1, "pcrSelect"),
            (selected + 6, 5, "sizeofSelect"),
            (REAL[0].len() - 34, 1, "pcrDigest"),
        ] {
            let mut bytes = REAL[0].to_vec();
            bytes[at] = byte;
            let refused = Quote::parse(&bytes);
            assert!(
                matches!(refused, Err(FormatError::Value { field: found, .. }) if found == field),
                "{field}: {refused:?}"
            );
        }
    }

    #[test]
    fn registers_are_bits_from_the_lowest_on() {
        let mut bytes = REAL[0].to_vec();
        let at = bytes.len() - 34 - 3;
        bytes[at..at + 3].copy_from_slice(&[0b0000_0001, 0b1000_0000, 0b0000_0010]);
        let quote = Quote::parse(&bytes).unwrap();
        assert_eq!(quote.selections[0].pcrs, BTreeSet::from([0, 15, 17]));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
            _ = Quote::parse(&bytes);
            let mut spoiled = REAL[0].to_vec();
            *at.get_mut(&mut spoiled) = byte;
            _ = Quote::parse(&spoiled);
            let header = [&REAL[0][..6], &bytes].concat();
            _ = Quote::parse(&header);
        }
    }
}
