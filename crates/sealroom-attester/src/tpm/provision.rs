//! What a paravisor does to a TPM before its guest starts: for tests only.

use super::{
    NULL, OWNER, SHA256, Tpm, TpmError,
    device::command,
    wire::{Reader, Writer},
};
use std::path::Path;

const RSA: u32 = 0x0001;
const RSASSA: u32 = 0x0014;
const EVICT_CONTROL: u32 = 0x0000_0120;
const CREATE_PRIMARY: u32 = 0x0000_0131;
const NV_WRITE: u32 = super::NV_WRITE;
const PCR_EXTEND: u32 = 0x0000_0182;
/// TPMA_OBJECT: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
const ATTESTATION_KEY: u32 = 0x0005_0072;

/// TPMA_NV_AUTHREAD: with the index's own password, which is empty.
const AUTH_READ: u32 = 1 << 18;

fn half(number: u32) -> usize {
    number as usize
}

impl Tpm {
    /// Makes an attestation key of RSA, and has it stay at `handle`; returns its modulus.
    pub(crate) fn make_key(&mut self, handle: u32) -> Result<Vec<u8>, TpmError> {
        let public = Writer::default()
            .half(half(RSA))
            .half(SHA256.into())
            .word(ATTESTATION_KEY)
            .sized(&[])
            .half(NULL.into())
            .half(half(RSASSA))
            .half(SHA256.into())
            .half(2048)
            .word(0)
            .sized(&[]);
        let nothing = Writer::default().sized(&[]).sized(&[]);
        let asked = Writer::default().sized(&nothing.0).sized(&public.0).sized(&[]).word(0);
        let (code, (_, answer)) =
            self.exchange(&command(CREATE_PRIMARY, &[OWNER], true, &asked))?;
        assert_eq!(code, super::ResponseCode(0));
        let mut answer = Reader(&answer);
        let (key, _size) = (answer.word()?, answer.word()?);
        let mut public = Reader(answer.sized()?);
        // All that is before the modulus is as long as it was in the command.
        public.take(2 + 2 + 4 + 2 + 2 + 4 + 2 + 4)?;
        let modulus = public.sized()?.to_vec();
        let asked = Writer::default().word(handle);
        self.call("TPM2_EvictControl", EVICT_CONTROL, &[OWNER, key], true, asked)?;
        Ok(modulus)
    }

    /// Makes an index with that content, which everybody or the owner alone may read.
    pub(crate) fn store(
        &mut self,
        index: u32,
        content: &[u8],
        is_open: bool,
    ) -> Result<(), TpmError> {
        let reader = if is_open { AUTH_READ } else { super::OWNER_READ };
        self.nv_define(index, content.len(), super::OWNER_WRITE | reader)?;
        for (nth, chunk) in content.chunks(super::CHUNK).enumerate() {
            let asked = Writer::default().sized(chunk).half(nth * super::CHUNK);
            self.call("TPM2_NV_Write", NV_WRITE, &[OWNER, index], true, asked)?;
        }
        Ok(())
    }

    /// Measures something into a register.
    pub(crate) fn extend(&mut self, register: u32, digest: &[u8; 32]) -> Result<(), TpmError> {
        let asked = Writer::default().word(1).half(SHA256.into()).raw(digest);
        self.call("TPM2_PCR_Extend", PCR_EXTEND, &[register], true, asked).map(drop)
    }

    /// Passes a whole command on; returns the whole answer.
    pub(crate) fn pass(&mut self, command: &[u8]) -> Vec<u8> {
        let (code, (tag, answer)) = self.exchange(command).unwrap();
        answer_of(tag, code.0, &answer)
    }

    /// The TPM at a socket that is about to be there.
    pub(crate) fn await_at(path: &Path) -> Self {
        let wait = || std::thread::sleep(std::time::Duration::from_millis(20));
        (0..500).find_map(|_| Self::open(path).map_err(|_| wait()).ok()).expect("no TPM came up")
    }
}

/// An answer's bytes.
pub(crate) fn answer_of(tag: u16, code: u32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(10 + body.len()).unwrap();
    Writer::default().half(tag.into()).word(size).word(code).raw(body).0
}
