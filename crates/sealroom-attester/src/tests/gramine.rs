//! Gramine's files, with a pipe in the place of what is made when it is read.

use super::fixture::{self, MINE, OTHER};
use crate::{AttestError, Attester as _, Gramine};
use rustix::fs::{CWD, FileType, Mode};
use sealroom_protocol::EvidenceKind;
use std::{fs, io::Write as _, path::Path, thread};
use tempfile::TempDir;

/// `/dev/attestation` of an enclave.
fn folder(attestation_type: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("attestation_type"), attestation_type).unwrap();
    fs::write(folder.path().join("user_report_data"), [0; 64]).unwrap();
    folder
}

/// Answers as many readers of `quote` one after the other, each over what was written when it came.
fn answer(folder: &Path, readers: usize, make: fn(&[u8]) -> Vec<u8>) {
    let quote = folder.join("quote");
    let asked = folder.join("user_report_data");
    rustix::fs::mknodat(CWD, &quote, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    thread::spawn(move || {
        for _ in 0..readers {
            let mut out = fs::OpenOptions::new().write(true).open(&quote).unwrap();
            let asked = fs::read(&asked).unwrap();
            // A pipe has no end that belongs to one reader: whoever comes next gets one of its own.
            fs::remove_file(&quote).unwrap();
            rustix::fs::mknodat(CWD, &quote, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            out.write_all(&make(&asked)).unwrap();
        }
    });
}

fn quote(data: &[u8]) -> Vec<u8> {
    let mut quote = fixture::sgx_quote();
    fixture::put(&mut quote, fixture::SGX, data);
    quote
}

#[test]
fn an_enclave_gives_its_quote() {
    let folder = folder("dcap\n");
    answer(folder.path(), 1, quote);
    let gramine = Gramine::at(folder.path()).unwrap();
    let evidence = gramine.evidence(&MINE).unwrap();
    assert_eq!((evidence.kind, gramine.kind()), (EvidenceKind::Sgx, EvidenceKind::Sgx));
    assert_eq!(evidence.quote.0, quote(&MINE));
    assert_eq!(evidence.endorsements, []);
}

#[test]
fn threads_of_an_enclave_take_turns() {
    let folder = folder("dcap");
    answer(folder.path(), 16, quote);
    let gramine = Gramine::at(folder.path()).unwrap();
    thread::scope(|scope| {
        for data in [MINE, OTHER] {
            let gramine = &gramine;
            scope.spawn(move || {
                for _ in 0..8 {
                    assert_eq!(gramine.evidence(&data).unwrap().quote.0, quote(&data));
                }
            });
        }
    });
}

#[test]
fn an_enclave_without_attestation_is_refused() {
    for other in ["none", "epid", ""] {
        let error = Gramine::at(folder(other).path()).unwrap_err();
        assert!(matches!(&error, AttestError::AttestationType(found) if found == other), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Gramine::at(empty.path()), Err(AttestError::File { .. })));
}

#[test]
fn what_comes_back_is_read_and_compared() {
    type Make = fn(&[u8]) -> Vec<u8>;
    type Is = fn(&AttestError) -> bool;
    let cases: [(&str, Make, Is); 5] = [
        ("stale", |_| quote(&OTHER), |e| matches!(e, AttestError::OtherReportData)),
        ("of TDX", |_| fixture::tdx_quote(), |e| matches!(e, AttestError::OtherKind { .. })),
        ("cut", |data| quote(data)[..4000].to_vec(), |e| matches!(e, AttestError::Unreadable(_))),
        ("empty", |_| Vec::new(), |e| matches!(e, AttestError::Unreadable(_))),
        ("endless", |_| vec![0; 20 << 10], |e| matches!(e, AttestError::TooLong { .. })),
    ];
    for (name, make, is) in cases {
        let folder = folder("dcap");
        answer(folder.path(), 1, make);
        let error = Gramine::at(folder.path()).unwrap().evidence(&MINE).unwrap_err();
        assert!(is(&error), "{name}: {error}");
    }
}
