//! A TPM 2.0, as far as evidence needs one: six commands (TCG, TPM 2.0 Library, parts 2 and 3).
//!
//! Written here and not taken from libtss2: that is C, and would be the largest part of the trusted base. Whether a TPM
//! tells the truth is for whoever verifies the evidence; here its answers have only to be read without harm.

mod code;
mod device;
#[cfg(test)]
pub(crate) mod provision;
mod wire;

pub(crate) use code::ResponseCode;
pub use code::TpmError;
pub(crate) use device::Tpm;

use sealroom_protocol::Digest;
use wire::{Reader, Writer};

/// Platform configuration registers of a bank (PC Client Platform TPM Profile, "PCR Allocation").
pub(crate) const PCRS: usize = 24;
/// The SHA-256 bank: one digest for each register, in order.
pub(crate) type Bank = [[u8; 32]; PCRS];

const SHA256: u16 = 0x000b;
const NULL: u16 = 0x0010;
/// The hierarchy that indices like these are read and made with; it has no password on Azure.
const OWNER: u32 = 0x4000_0001;
/// What a chunk of an index has at most. Every TPM takes this much (`TPM_PT_NV_BUFFER_MAX`).
const CHUNK: usize = 512;

const NV_DEFINE_SPACE: u32 = 0x0000_012a;
const NV_WRITE: u32 = 0x0000_0137;
const NV_READ: u32 = 0x0000_014e;
const QUOTE: u32 = 0x0000_0158;
const NV_READ_PUBLIC: u32 = 0x0000_0169;
const PCR_READ: u32 = 0x0000_017e;

/// TPMA_NV: TPMA_NV_OWNERWRITE, TPMA_NV_OWNERREAD.
const OWNER_WRITE: u32 = 1 << 1;
const OWNER_READ: u32 = 1 << 17;

/// A statement that a key of the TPM has signed.
pub(crate) struct Quoted {
    /// TPMS_ATTEST, as it was signed.
    pub(crate) message: Vec<u8>,
    /// TPMT_SIGNATURE.
    pub(crate) signature: Vec<u8>,
}

/// What an index is.
struct NvPublic {
    attributes: u32,
    bytes: usize,
}

impl Tpm {
    /// The content of an index of at most `limit` bytes.
    pub(crate) fn nv_read(&mut self, index: u32, limit: usize) -> Result<Vec<u8>, TpmError> {
        let NvPublic { attributes, bytes } = self.nv_public(index)?;
        if bytes > limit {
            return Err(TpmError::TooLong { index, bytes, limit });
        }
        let reader = if attributes & OWNER_READ != 0 { OWNER } else { index };
        let mut content = Vec::with_capacity(bytes);
        while content.len() < bytes {
            let wanted = (bytes - content.len()).min(CHUNK);
            let asked = Writer::default().half(wanted).half(content.len());
            let answer = self.call("TPM2_NV_Read", NV_READ, &[reader, index], true, asked)?;
            let mut answer = Reader(&answer);
            let chunk = answer.sized()?;
            answer.end()?;
            if chunk.len() != wanted {
                return Err(TpmError::Malformed);
            }
            content.extend_from_slice(chunk);
        }
        Ok(content)
    }

    fn nv_public(&mut self, index: u32) -> Result<NvPublic, TpmError> {
        let asked = Writer::default();
        let answer = self.call("TPM2_NV_ReadPublic", NV_READ_PUBLIC, &[index], false, asked)?;
        let mut answer = Reader(&answer);
        let mut public = Reader(answer.sized()?);
        let _name = answer.sized()?;
        answer.end()?;
        let (found, _name_alg, attributes) = (public.word()?, public.half()?, public.word()?);
        let _policy = public.sized()?;
        let bytes = usize::from(public.half()?);
        public.end()?;
        match found == index {
            true => Ok(NvPublic { attributes, bytes }),
            false => Err(TpmError::Malformed),
        }
    }

    /// Writes 64 bytes into an index that is made first if it is missing.
    pub(crate) fn nv_put(&mut self, index: u32, content: &[u8; 64]) -> Result<(), TpmError> {
        match self.nv_public(index) {
            Err(error) if error.is(ResponseCode::HANDLE) => {
                self.nv_define(index, content.len(), OWNER_WRITE | OWNER_READ)?;
            }
            public => _ = public?,
        }
        let asked = Writer::default().sized(content).half(0);
        let answer = self.call("TPM2_NV_Write", NV_WRITE, &[OWNER, index], true, asked)?;
        Reader(&answer).end()
    }

    fn nv_define(&mut self, index: u32, bytes: usize, attributes: u32) -> Result<(), TpmError> {
        let public = Writer::default()
            .word(index)
            .half(SHA256.into())
            .word(attributes)
            .sized(&[])
            .half(bytes);
        let asked = Writer::default().sized(&[]).sized(&public.0);
        let answer = self.call("TPM2_NV_DefineSpace", NV_DEFINE_SPACE, &[OWNER], true, asked)?;
        Reader(&answer).end()
    }

    /// The SHA-256 bank. A TPM gives a few registers at a time, so it may change in between.
    pub(crate) fn pcrs(&mut self) -> Result<Bank, TpmError> {
        let mut bank = [[0; 32]; PCRS];
        let mut missing = [0xff; 3];
        while missing != [0; 3] {
            let asked = selection(missing);
            let answer = self.call("TPM2_PCR_Read", PCR_READ, &[], false, asked)?;
            let mut answer = Reader(&answer);
            let _changes = answer.word()?;
            let given = given(&mut answer)?;
            let mut count = answer.word()?;
            for (number, register) in bank.iter_mut().enumerate() {
                let (byte, bit) = (number / 8, 1 << (number % 8));
                if given[byte] & bit == 0 {
                    continue;
                }
                // What was not asked for would be written over what was.
                if missing[byte] & bit == 0 || count == 0 {
                    return Err(TpmError::Malformed);
                }
                *register = answer.sized()?.try_into().map_err(|_| TpmError::Malformed)?;
                missing[byte] &= !bit;
                count -= 1;
            }
            answer.end()?;
            if count != 0 {
                return Err(TpmError::Malformed);
            }
            // Every round brings at least one, or there would be no end.
            if given == [0; 3] {
                return Err(TpmError::NoBank);
            }
        }
        Ok(bank)
    }

    /// The whole SHA-256 bank and `nonce`, signed by `key`.
    pub(crate) fn quote(&mut self, key: u32, nonce: &Digest) -> Result<Quoted, TpmError> {
        // No scheme of ours: the key has one, as every key that signs only what the TPM made.
        let asked = Writer::default().sized(nonce.as_bytes()).half(NULL.into());
        let asked = asked.raw(&selection([0xff; 3]).0);
        let answer = self.call("TPM2_Quote", QUOTE, &[key], true, asked)?;
        let mut answer = Reader(&answer);
        Ok(Quoted { message: answer.sized()?.to_vec(), signature: answer.0.to_vec() })
    }
}

/// TPML_PCR_SELECTION of registers of the SHA-256 bank.
fn selection(registers: [u8; 3]) -> Writer {
    Writer::default().word(1).half(SHA256.into()).raw(&[3]).raw(&registers)
}

/// The same, read: no bank is as good as an empty one.
fn given(answer: &mut Reader<'_>) -> Result<[u8; 3], TpmError> {
    match answer.word()? {
        0 => Ok([0; 3]),
        1 => match (answer.half()?, answer.take(1)?) {
            (SHA256, [3]) => answer.take(3)?.try_into().map_err(|_| TpmError::Malformed),
            _ => Err(TpmError::Malformed),
        },
        _ => Err(TpmError::Malformed),
    }
}
