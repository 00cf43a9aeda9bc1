//! Fuzz targets: what the 2022 client sends. `cargo test` tries some random inputs of each;
//! `cargo bolero test -p sealroom-protocol NAME` goes on for as long as it is let, guided by coverage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use bolero::check;
use sealroom_protocol::{
    Release, Suite,
    api::{Provisioning, Registration, Repository},
    archive::{self, ArchiveWriter, Clear},
};

#[test]
fn fuzz_bodies() {
    check!().for_each(|bytes: &[u8]| {
        drop(serde_json::from_slice::<Registration>(bytes));
        drop(serde_json::from_slice::<Repository>(bytes));
        drop(serde_json::from_slice::<Provisioning>(bytes));
        if let Ok(release) = serde_json::from_slice::<Release>(bytes) {
            let again = serde_json::to_vec(&release).unwrap();
            assert_eq!(serde_json::from_slice::<Release>(&again).unwrap(), release);
        }
    });
}

#[test]
fn fuzz_archive() {
    check!().for_each(|bytes: &[u8]| drop(archive::read(bytes, Clear::Any, |_| Ok(()))));
}

/// An archive of the client's with some bytes exchanged: gets further than noise does.
#[test]
fn fuzz_spoiled_archive() {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (path, sealed) in [("run.py", false), ("a/b.py", true), ("a/helper.py", false)] {
        writer.add(&path.parse().unwrap(), sealed, 4, b"pass".as_slice()).unwrap();
    }
    let good = writer.finish().unwrap();
    check!().with_type::<[(u16, u8); 4]>().for_each(|spoil| {
        let mut tar = good.clone();
        for (at, byte) in spoil {
            let at = usize::from(*at) % tar.len();
            tar[at] = *byte;
        }
        if let Ok(files) = archive::read(tar.as_slice(), Clear::from(Suite::Sodium), |_| Ok(())) {
            assert!(files.iter().any(|file| file.path.as_str() == "run.py" && !file.sealed));
        }
    });
}
