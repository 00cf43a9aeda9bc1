//! Laws of the file format. That it is Tink's is shown against Tink in `tests/tink.rs`.

use super::*;
use proptest::prelude::*;
use std::{
    fs::File,
    io::{Read as _, Write as _},
};

const AAD: &[u8] = b"computation, participant, kind, path";

fn key() -> FileKey {
    FileKey::from_bytes(&[7; 32])
}

/// Lengths around every border that the layout has.
fn lengths() -> impl Strategy<Value = usize> {
    let border = prop_oneof![Just(0usize), Just(65480), Just(65480 + 65520), Just(17 * 65520)];
    prop_oneof![0..300usize, (border, 0..5usize).prop_map(|(b, d)| (b + d).saturating_sub(2))]
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn sealed_by_writer(plain: &[u8]) -> Vec<u8> {
    let mut writer = SealWriter::new(Vec::new(), &key(), AAD).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn open_stream(sealed: &[u8], key: &FileKey, aad: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    OpenReader::new(sealed, key, aad).read_to_end(&mut plain)?;
    Ok(plain)
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn open_whole(sealed: &[u8], threads: usize) -> Result<Vec<u8>, OpenError> {
    let plain = tempfile::tempfile().unwrap();
    let len = open_file(&file_of(sealed), &plain, &key(), AAD, threads)?;
    let mut out = Vec::new();
    let read = (&plain).read_to_end(&mut out)? as u64;
    assert_eq!(read, len);
    Ok(out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_way_of_sealing_opens_in_every_way(len in lengths(), threads in 1..4usize) {
        let plain = bytes(len);
        let by_writer = sealed_by_writer(&plain);
        let mut by_reader = Vec::new();
        SealReader::new(plain.as_slice(), &key(), AAD).read_to_end(&mut by_reader).unwrap();
        let out = tempfile::tempfile().unwrap();
        let whole = seal_file(&file_of(&plain), &out, &key(), AAD, threads).unwrap();
        let mut by_file = Vec::new();
        (&out).read_to_end(&mut by_file).unwrap();
        prop_assert_eq!(whole as usize, by_file.len());
        for sealed in [by_writer, by_reader, by_file] {
            prop_assert_eq!(sealed.len() as u64, sealed_len(len as u64).unwrap());
            prop_assert_eq!(&open_stream(&sealed, &key(), AAD).unwrap(), &plain);
            prop_assert_eq!(&open_whole(&sealed, threads).unwrap(), &plain);
        }
    }

    #[test]
    fn any_range_opens_alone(len in lengths(), a: prop::sample::Index, b: prop::sample::Index) {
        let plain = bytes(len);
        let sealed = SealedFile::new(file_of(&sealed_by_writer(&plain)), &key(), AAD).unwrap();
        let (a, b) = (a.index(len + 1), b.index(len + 1));
        let range = a.min(b)..a.max(b);
        let mut out = vec![0; range.len()];
        sealed.read_at(range.start as u64, &mut out).unwrap();
        prop_assert_eq!(out.as_slice(), &plain[range]);
        let beyond = sealed.read_at(len as u64, &mut [0]);
        let refused = matches!(beyond, Err(OpenError::Range { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn any_flipped_bit_is_refused(len in lengths(), at: prop::sample::Index, bit in 0..8u8) {
        let mut sealed = sealed_by_writer(&bytes(len));
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(open_stream(&sealed, &key(), AAD).is_err());
        prop_assert!(open_whole(&sealed, 2).is_err());
    }

    #[test]
    fn any_cut_and_any_extension_is_refused(len in lengths(), at: prop::sample::Index) {
        let sealed = sealed_by_writer(&bytes(len));
        let cut = &sealed[..at.index(sealed.len())];
        prop_assert!(open_stream(cut, &key(), AAD).is_err());
        prop_assert!(SealedFile::new(file_of(cut), &key(), AAD).is_err());
        let longer = [sealed.as_slice(), cut].concat();
        prop_assert!(cut.is_empty() || open_stream(&longer, &key(), AAD).is_err());
        prop_assert!(cut.is_empty() || open_whole(&longer, 1).is_err());
    }
}

#[test]
fn a_cut_at_a_segment_border_is_refused() {
    let sealed = sealed_by_writer(&bytes(200_000));
    for border in [SEGMENT_LEN, 2 * SEGMENT_LEN, 3 * SEGMENT_LEN] {
        assert!(open_stream(&sealed[..border], &key(), AAD).is_err());
        assert!(SealedFile::new(file_of(&sealed[..border]), &key(), AAD).is_err());
    }
}

#[test]
fn two_segments_of_one_file_cannot_change_places() {
    let mut sealed = sealed_by_writer(&bytes(4 * SEGMENT_LEN));
    let (a, b) = sealed[SEGMENT_LEN..].split_at_mut(SEGMENT_LEN);
    a.swap_with_slice(&mut b[..SEGMENT_LEN]);
    assert!(open_stream(&sealed, &key(), AAD).is_err());
    assert!(open_whole(&sealed, 2).is_err());
}

#[test]
fn another_key_or_another_place_is_refused() {
    let sealed = sealed_by_writer(b"data");
    assert!(open_stream(&sealed, &FileKey::from_bytes(&[8; 32]), AAD).is_err());
    assert!(open_stream(&sealed, &key(), b"another path").is_err());
    assert_eq!(open_stream(&sealed, &key(), AAD).unwrap(), b"data");
}

#[test]
fn the_same_plaintext_is_never_sealed_alike() {
    assert_ne!(sealed_by_writer(b"data")[..], sealed_by_writer(b"data")[..]);
}

#[test]
fn a_file_that_is_not_sealed_says_so() {
    let text = b"name,age\n".repeat(20);
    let error = SealedFile::new(file_of(&text), &key(), AAD).err().unwrap();
    assert_eq!(error.to_string(), "not a sealed file: it starts with byte 0x6e, not with 0x28");
}

/// Gives some bytes, then an error, then the rest.
struct Interrupted<'a>(Vec<io::Result<&'a [u8]>>);

impl io::Read for Interrupted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.pop() {
            None => Ok(0),
            Some(Err(error)) => Err(error),
            Some(Ok(bytes)) => {
                out[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
        }
    }
}

#[test]
fn after_an_error_nothing_more_comes_out() {
    let broken =
        |bytes| Interrupted(vec![Ok(bytes), Err(io::ErrorKind::TimedOut.into()), Ok(bytes)]);
    let mut out = [0; 100];
    let mut sealing = SealReader::new(broken(b"secret plaintext"), &key(), AAD);
    let sealed = sealed_by_writer(b"secret plaintext");
    let mut opening = OpenReader::new(broken(&sealed), &key(), AAD);
    let mut bad_header = sealed.clone();
    bad_header[0] = 0;
    let mut refused = OpenReader::new(bad_header.as_slice(), &key(), AAD);
    for attempt in 0..3 {
        assert!(sealing.read(&mut out).is_err(), "unsealed bytes, attempt {attempt}");
        assert!(opening.read(&mut out).is_err(), "unauthenticated bytes, attempt {attempt}");
        assert!(refused.read(&mut out).is_err(), "bytes of no sealed file, attempt {attempt}");
    }
}

#[test]
fn a_segment_that_could_not_be_written_is_not_sealed_twice() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = SealWriter::new(Full(1), &key(), AAD).unwrap();
    let error = writer.write_all(&bytes(SEGMENT_LEN)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let again = writer.write_all(b"more").unwrap_err();
    assert_eq!(again.to_string(), "the sealed file has failed before");
    assert!(writer.finish().is_err());
}
