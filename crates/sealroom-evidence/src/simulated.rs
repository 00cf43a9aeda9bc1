//! Evidence without hardware.
//!
//! ```text
//! quote   "sealroom simulated quote v1\0" ‖ report data (64) ‖ SHA-256 of the enclave program (32)
//! ```

const MAGIC: &[u8; 28] = b"sealroom simulated quote v1\0";

/// A quote that anyone can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// What it is bound to.
    pub report_data: &'a [u8; 64],
    /// SHA-256 of the program, by its own word.
    pub program: &'a [u8; 32],
}

impl<'a> Quote<'a> {
    /// Reads one; `None` if it is none.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (report_data, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        Some(Self { report_data, program: rest.try_into().ok()? })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), self.report_data, self.program].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_quotes_are_read() {
        let quote = Quote { report_data: &[1; 64], program: &[2; 32] };
        let bytes = quote.to_bytes();
        assert_eq!(Quote::parse(&bytes), Some(quote));
        for cut in 0..bytes.len() {
            assert_eq!(Quote::parse(&bytes[..cut]), None);
        }
        assert_eq!(Quote::parse(&[bytes, vec![0]].concat()), None);
    }
}
