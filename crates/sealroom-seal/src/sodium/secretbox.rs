//! Whole files as secret boxes: XSalsa20-Poly1305, `nonce (24) ‖ tag (16) ‖ ciphertext`.
//!
//! libsodium takes a box as a whole. Here it goes through piece by piece, so that a file of any size
//! costs a few hundred kilobytes: the tag is compared when all of the box has been seen, and nothing of
//! the plaintext is given out before that. Source: NaCl, `crypto_secretbox_xsalsa20poly1305`.

use crate::{
    Digest, FileKey, Hasher,
    stream::{OpenError, SealWriter, SealedFile},
};
use poly1305::{
    Poly1305,
    universal_hash::{KeyInit as _, UniversalHash as _},
};
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
};
use zeroize::Zeroizing;

/// Bytes that a box is longer than what is in it.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
/// Bytes that are worked on at once: a whole number of Poly1305's blocks.
const PIECE: usize = 64 << 10;

/// Cipher and authenticator of one box.
struct Secretbox {
    cipher: XSalsa20,
    mac: Poly1305,
    /// The authenticator as it was at the start, to go over the ciphertext once more.
    fresh_mac: Poly1305,
}

impl Secretbox {
    fn new(key: &FileKey, nonce: &[u8; NONCE_LEN]) -> Self {
        let mut cipher = XSalsa20::new(key.expose().into(), nonce.into());
        // The first 32 bytes of the key stream are the authenticator's key.
        let mut one_time = Zeroizing::new([0; 32]);
        cipher.apply_keystream(one_time.as_mut_slice());
        let mac = Poly1305::new(one_time.as_slice().into());
        Self { cipher, fresh_mac: mac.clone(), mac }
    }

    /// Takes in a piece of ciphertext; only the last one may be shorter than [`PIECE`].
    fn authenticate(&mut self, ciphertext: &[u8]) {
        // Poly1305 pads a short block with zeros here, which is not what a box has: the last piece goes
        // through `tag`.
        debug_assert_eq!(ciphertext.len(), PIECE);
        self.mac.update_padded(ciphertext);
    }

    /// The tag, once all but the last piece of ciphertext was taken in.
    fn tag(self, last: &[u8]) -> [u8; TAG_LEN] {
        self.mac.compute_unpadded(last).into()
    }
}

/// Opens a box and seals what is in it again, into `scratch`, which has to be empty, under a key that
/// nobody else ever has: a [`SealedFile`] reads any range of it, and a hostile disk can't alter it.
///
/// # Errors
/// [`OpenError::Authentication`] if it is not a box of this key, [`OpenError::Length`] if it is too short
/// to be one, [`OpenError::Io`].
pub fn open(mut sealed: impl Read, key: &FileKey, scratch: File) -> Result<SealedFile, OpenError> {
    let mut head = [0; OVERHEAD];
    let found = read_up_to(&mut sealed, &mut head)?;
    if found < OVERHEAD {
        return Err(OpenError::Length { found: found as u64 });
    }
    let (nonce, tag) = head.split_first_chunk().expect("the head is longer than a nonce");
    let mut secretbox = Secretbox::new(key, nonce);
    let once = FileKey::random();
    let mut writer = SealWriter::new(scratch, &once, &[])?;
    let mut piece = Zeroizing::new(vec![0; PIECE]);
    let last = loop {
        let len = read_up_to(&mut sealed, &mut piece)?;
        if len < PIECE {
            break len;
        }
        secretbox.authenticate(&piece);
        secretbox.cipher.apply_keystream(&mut piece);
        writer.write_all(&piece)?;
    };
    let mut end = Zeroizing::new(piece[..last].to_vec());
    secretbox.cipher.apply_keystream(&mut end);
    writer.write_all(&end)?;
    let expected = secretbox.tag(&piece[..last]);
    aws_lc_rs::constant_time::verify_slices_are_equal(&expected, tag)
        .map_err(|_| OpenError::Authentication { index: 0 })?;
    SealedFile::new(writer.finish()?, &once, &[])
}

/// Fills `out` as far as there are bytes.
fn read_up_to(from: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match from.read(&mut out[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Makes a box of what is written to it. It is none before [`SecretboxWriter::finish`].
pub struct SecretboxWriter<W> {
    out: W,
    secretbox: Secretbox,
    nonce: [u8; NONCE_LEN],
    /// Plaintext that does not fill a piece yet.
    buffer: Zeroizing<Vec<u8>>,
    /// Set while `out` is written to: what failed half-way is not gone on with.
    broken: bool,
}

impl<W: Write + Seek> SecretboxWriter<W> {
    /// Starts a box at the beginning of `out`, which has to be empty.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, key: &FileKey) -> io::Result<Self> {
        Self::with_nonce(out, key, crate::random())
    }

    /// As [`Self::new`] with a nonce that never comes again with this key. For vectors.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn with_nonce(mut out: W, key: &FileKey, nonce: [u8; NONCE_LEN]) -> io::Result<Self> {
        out.write_all(&nonce)?;
        // The tag comes before what it is of.
        out.write_all(&[0; TAG_LEN])?;
        let secretbox = Secretbox::new(key, &nonce);
        let buffer = Zeroizing::new(Vec::with_capacity(PIECE));
        Ok(Self { out, secretbox, nonce, buffer, broken: false })
    }

    /// Writes what is left and the tag, and gives `out` back.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(self) -> io::Result<W> {
        self.finish_with_tag().map(|(out, ..)| out)
    }

    fn finish_with_tag(mut self) -> io::Result<(W, Poly1305, [u8; OVERHEAD])> {
        if self.broken {
            return Err(io::Error::other("the sealed file has failed before"));
        }
        // A full piece may be the last one too: for the tag it is the same.
        self.secretbox.cipher.apply_keystream(&mut self.buffer);
        self.out.write_all(&self.buffer)?;
        let fresh_mac = self.secretbox.fresh_mac.clone();
        let tag = self.secretbox.tag(&self.buffer);
        self.out.seek(SeekFrom::Start(NONCE_LEN as u64))?;
        self.out.write_all(&tag)?;
        self.out.flush()?;
        let mut head = [0; OVERHEAD];
        head[..NONCE_LEN].copy_from_slice(&self.nonce);
        head[NONCE_LEN..].copy_from_slice(&tag);
        Ok((self.out, fresh_mac, head))
    }

    fn seal_piece(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(io::Error::other("the sealed file has failed before"));
        }
        self.secretbox.cipher.apply_keystream(&mut self.buffer);
        self.secretbox.authenticate(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.broken = false;
        Ok(())
    }
}

impl<W: Read + Write + Seek> SecretboxWriter<W> {
    /// As [`Self::finish`], with the box's length and SHA-256.
    ///
    /// The tag stands in front and is known last, so `out` is read once more. What it gives back is
    /// authenticated on the way: a hostile disk can't have another box's digest taken for this one's.
    ///
    /// # Errors
    /// Those of `out`; [`io::ErrorKind::InvalidData`] if it gives back something else.
    pub fn finish_hashed(self) -> io::Result<(W, u64, Digest)> {
        let (mut out, mut mac, head) = self.finish_with_tag()?;
        out.seek(SeekFrom::Start(OVERHEAD as u64))?;
        let mut hasher = Hasher::default();
        hasher.update(&head);
        let mut size = OVERHEAD as u64;
        let mut piece = vec![0; PIECE];
        let last = loop {
            let len = read_up_to(&mut out, &mut piece)?;
            hasher.update(&piece[..len]);
            size += len as u64;
            if len < PIECE {
                break len;
            }
            mac.update_padded(&piece);
        };
        let found: [u8; TAG_LEN] = mac.compute_unpadded(&piece[..last]).into();
        if found != head[NONCE_LEN..] {
            let problem = "the disk gives back something else than was written";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok((out, size, hasher.finish()))
    }
}

impl<W: Write + Seek> Write for SecretboxWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == PIECE && !bytes.is_empty() {
            self.seal_piece()?;
        }
        let taken = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seal(plain: &[u8], key: &FileKey, step: usize) -> Vec<u8> {
        let mut writer = SecretboxWriter::new(io::Cursor::new(Vec::new()), key).unwrap();
        plain.chunks(step).for_each(|piece| writer.write_all(piece).unwrap());
        writer.finish().unwrap().into_inner()
    }

    fn opened(sealed: &[u8], key: &FileKey) -> Result<Vec<u8>, OpenError> {
        let file = open(sealed, key, tempfile::tempfile().unwrap())?;
        let mut plain = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_at(0, &mut plain)?;
        Ok(plain)
    }

    #[test]
    fn every_length_around_a_piece_comes_back() {
        let key = FileKey::random();
        for len in [0, 1, 15, 16, 17, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 17] {
            let plain: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let sealed = seal(&plain, &key, 1 + len / 3);
            assert_eq!(sealed.len(), len + OVERHEAD);
            assert_eq!(opened(&sealed, &key).unwrap(), plain, "{len} bytes");
        }
    }

    #[test]
    fn what_is_shorter_than_an_empty_box_is_none() {
        for len in 0..OVERHEAD {
            let refused = opened(&vec![0; len], &FileKey::random());
            assert!(matches!(refused, Err(OpenError::Length { found }) if found == len as u64));
        }
    }

    #[test]
    fn another_key_opens_nothing() {
        let sealed = seal(b"secret", &FileKey::random(), 6);
        let refused = opened(&sealed, &FileKey::random());
        assert!(matches!(refused, Err(OpenError::Authentication { .. })));
    }

    #[test]
    fn a_failed_write_spoils_the_box() {
        struct Full(u64);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.len() as u64;
                if self.0 > 100 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Seek for Full {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        let mut writer = SecretboxWriter::new(Full(0), &FileKey::random()).unwrap();
        assert!(writer.write_all(&vec![0; 3 * PIECE]).is_err());
        assert!(writer.finish().is_err());
    }

    #[test]
    fn the_digest_is_of_what_was_written_whatever_the_disk_says() {
        let key = FileKey::random();
        for len in [0, 100, PIECE, 3 * PIECE + 5] {
            let mut writer = SecretboxWriter::new(io::Cursor::new(Vec::new()), &key).unwrap();
            writer.write_all(&vec![1; len]).unwrap();
            let (out, size, digest) = writer.finish_hashed().unwrap();
            let sealed = out.into_inner();
            assert_eq!((size, digest), (sealed.len() as u64, Digest::of(&sealed)), "{len} bytes");
        }

        /// A disk that has an older, genuine box in store, and shows it when it is read.
        struct Liar(io::Cursor<Vec<u8>>, Vec<u8>);
        impl Write for Liar {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl Seek for Liar {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }
        impl Read for Liar {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                *self.0.get_mut() = self.1.clone();
                self.0.read(out)
            }
        }
        let older = seal(b"older", &key, 5);
        let liar = Liar(io::Cursor::new(Vec::new()), older);
        let mut writer = SecretboxWriter::new(liar, &key).unwrap();
        writer.write_all(b"newer").unwrap();
        let refused = writer.finish_hashed().map(|(_, size, digest)| (size, digest));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_flipped_bit_is_refused(
            plain in prop::collection::vec(any::<u8>(), 0..300),
            at: prop::sample::Index,
            bit in 0..8u8,
        ) {
            let key = FileKey::from_bytes(&[7; 32]);
            let mut sealed = seal(&plain, &key, 64);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            let refused = matches!(opened(&sealed, &key), Err(OpenError::Authentication { .. }));
            prop_assert!(refused);
        }
    }
}
