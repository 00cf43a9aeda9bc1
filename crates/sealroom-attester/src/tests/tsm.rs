//! configfs-tsm.

use super::{
    fixture::{self, MINE, OTHER},
    kernel::{Kernel, Machine},
};
use crate::{
    AttestError, Attester as _, Tsm,
    files::{Files, System},
    tsm::Patience,
};
use rustix::{
    fs::{CWD, FileType, Mode},
    io::Errno,
};
use sealroom_evidence::dcap::Quote;
use sealroom_protocol::{Evidence, EvidenceKind};
use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

const HASTY: Patience = Patience { tries: 4, pause: Duration::ZERO };

fn tsm(kernel: &Arc<Kernel>) -> Tsm {
    Tsm::with(kernel.clone(), &kernel.folder).unwrap().patience(HASTY)
}

/// Asks once on a machine that is as it should be but for `change`, which comes after the attester was chosen.
fn asked(
    provider: &'static str,
    change: impl FnOnce(&mut Machine),
) -> (Result<Evidence, AttestError>, Arc<Kernel>) {
    let kernel = Kernel::new(Some(provider)).shared();
    let tsm = tsm(&kernel);
    change(&mut kernel.look());
    let evidence = tsm.evidence(&MINE);
    assert_eq!(kernel.look().left(), 0, "no request stays behind");
    (evidence, kernel)
}

fn refused(provider: &'static str, change: impl FnOnce(&mut Machine)) -> AttestError {
    asked(provider, change).0.unwrap_err()
}

#[test]
fn snp_gives_its_report_and_the_hosts_certificates() {
    let (evidence, kernel) = asked("sev_guest", |_| {});
    let evidence = evidence.unwrap();
    assert_eq!(evidence.kind, EvidenceKind::Snp);
    let mut report = fixture::snp_report();
    fixture::put(&mut report, fixture::SNP, &MINE);
    assert_eq!(evidence.quote.0, report);
    assert_eq!(evidence.endorsements.len(), 1);
    assert_eq!(evidence.endorsements[0].0, fixture::certificates());
    let written = [("privlevel".to_owned(), b"0\n".to_vec()), ("inblob".to_owned(), MINE.to_vec())];
    assert_eq!(kernel.look().written, written, "in one write each");
}

#[test]
fn a_host_may_have_no_certificates() {
    for none in [vec![], vec![0; 4096]] {
        let (evidence, _) = asked("sev_guest", |machine| machine.auxblob = none);
        assert_eq!(evidence.unwrap().endorsements, []);
    }
}

#[test]
fn tdx_gives_its_quote_without_the_hosts_padding() {
    let (evidence, kernel) = asked("tdx_guest", |_| {});
    let evidence = evidence.unwrap();
    assert_eq!((evidence.kind, evidence.endorsements.len()), (EvidenceKind::Tdx, 0));
    let mut padded = fixture::tdx_quote();
    fixture::put(&mut padded, fixture::TDX, &MINE);
    let quote = Quote::parse(&padded).unwrap();
    assert!(quote.padding > 0);
    assert_eq!(evidence.quote.0, quote.core);
    assert_eq!(kernel.look().written, [("inblob".to_owned(), MINE.to_vec())]);
}

#[test]
fn a_request_that_somebody_else_wrote_into_is_made_anew() {
    let (evidence, kernel) = asked("tdx_guest", |machine| machine.meddlers = 2);
    assert_eq!(&evidence.unwrap().quote.0[fixture::TDX..][..64], MINE);
    assert_eq!(kernel.look().made, 1 + 3, "one when the attester was chosen");
    for provider in ["sev_guest", "tdx_guest"] {
        let error = refused(provider, |machine| machine.meddlers = 99);
        assert!(matches!(error, AttestError::Disturbed { tries: 3, .. }), "{error}");
    }
}

#[test]
fn a_kernel_that_does_not_count_our_writes_is_not_believed() {
    let error = refused("tdx_guest", |machine| machine.is_stale = true);
    assert!(matches!(error, AttestError::Disturbed { .. }), "{error}");
}

#[test]
fn a_driver_that_is_busy_for_a_while_is_waited_for() {
    for passing in [Errno::BUSY, Errno::INTR, Errno::TIMEDOUT] {
        let (evidence, _) = asked("tdx_guest", |machine| machine.refusals = [passing; 3].into());
        assert!(evidence.is_ok(), "{passing}");
        let error = refused("tdx_guest", |machine| machine.always = Some(passing));
        let AttestError::Busy { path, tries: 4, source } = error else { panic!("{error}") };
        assert!(path.ends_with("outblob"));
        assert_eq!(source.raw_os_error(), Some(passing.raw_os_error()));
    }
}

#[test]
fn what_does_not_pass_is_not_waited_for() {
    type Is = fn(&AttestError) -> bool;
    let cases: [(Errno, Is); 3] = [
        (Errno::INVAL, |error| matches!(error, AttestError::Refused(_))),
        (Errno::NXIO, |error| matches!(error, AttestError::NoProvider(_))),
        (Errno::IO, |error| matches!(error, AttestError::File { action: "read", .. })),
    ];
    for (errno, is) in cases {
        // The second try would find a driver that works.
        let error = refused("sev_guest", |machine| machine.refusals = [errno].into());
        assert!(is(&error), "{errno}: {error}");
    }
}

#[test]
fn report_data_that_got_lost_on_its_way_is_noticed() {
    let error = refused("sev_guest", |machine| machine.is_lossy = true);
    assert!(matches!(error, AttestError::Refused(_)), "{error}");
}

#[test]
fn what_comes_back_is_read_and_compared() {
    let cut = |provider| refused(provider, |machine| machine.spoil = |out| _ = out.pop());
    assert!(matches!(cut("sev_guest"), AttestError::Unreadable(_)));
    let error = refused("tdx_guest", |machine| machine.spoil = |out| out.truncate(4000));
    assert!(matches!(error, AttestError::Unreadable(_)), "{error}");
    let error = refused("tdx_guest", |machine| machine.spoil = Vec::clear);
    assert!(matches!(error, AttestError::Unreadable(_)), "{error}");
    let error = refused("tdx_guest", |machine| machine.spoil = |out| *out = fixture::sgx_quote());
    assert!(matches!(error, AttestError::OtherKind { .. }), "{error}");
    type Spoil = fn(&mut Vec<u8>);
    let others: [(&str, Spoil); 3] = [
        ("sev_guest", |out| fixture::put(out, fixture::SNP, &OTHER)),
        ("sev_guest", |out| out[fixture::SNP + 63] ^= 1),
        ("tdx_guest", |out| out[fixture::TDX + 63] ^= 1),
    ];
    for (provider, spoil) in others {
        let error = refused(provider, |machine| machine.spoil = spoil);
        assert!(matches!(error, AttestError::OtherReportData), "{provider}: {error}");
    }
    let error = refused("sev_guest", |machine| machine.spoil = |out| out[0x30] = 1);
    assert!(matches!(error, AttestError::OtherLevel { found: 1, wanted: 0 }), "{error}");
}

#[test]
fn what_is_too_long_is_not_read() {
    let error = refused("sev_guest", |machine| machine.auxblob = vec![1; (64 << 10) + 1]);
    let AttestError::TooLong { path, limit: 0x10000 } = error else { panic!("{error}") };
    assert!(path.ends_with("auxblob"));
    let error = refused("tdx_guest", |machine| machine.spoil = |out| out.resize(20 << 10, 0));
    assert!(matches!(error, AttestError::TooLong { .. }), "{error}");
    let error = refused("sev_guest", |machine| machine.refusals = [Errno::FBIG].into());
    assert!(matches!(error, AttestError::TooLong { .. }), "the kernel's own limit: {error}");
}

#[test]
fn the_most_privileged_level_that_is_allowed_is_asked_for() {
    let (evidence, _) = asked("sev_guest", |machine| machine.floor = 2);
    assert_eq!(evidence.unwrap().quote.0[0x30], 2);
    let error = refused("sev_guest", |machine| machine.floor = 4);
    assert!(matches!(error, AttestError::Floor(4)), "{error}");
}

#[test]
fn a_driver_that_nobody_knows_is_not_taken() {
    let with = |provider| {
        let kernel = Kernel::new(provider).shared();
        let error = Tsm::with(kernel.clone(), &kernel.folder).unwrap_err();
        assert_eq!(kernel.look().left(), 0);
        error
    };
    assert!(matches!(with(Some("arm_cca_guest")), AttestError::UnknownProvider(_)));
    assert!(matches!(with(None), AttestError::NoProvider(_)));
}

#[test]
fn a_driver_that_changes_is_noticed() {
    let error = refused("sev_guest", |machine| machine.provider = Some("tdx_guest"));
    assert!(matches!(error, AttestError::OtherKind { .. }), "{error}");
}

#[test]
fn requests_at_the_same_time_do_not_meet() {
    let mut kernel = Kernel::new(Some("tdx_guest"));
    kernel.together = Some(Barrier::new(2));
    let kernel = kernel.shared();
    kernel.look().leave("of-somebody-else");
    let tsm = tsm(&kernel);
    thread::scope(|scope| {
        for data in [MINE, OTHER] {
            let tsm = &tsm;
            scope.spawn(move || {
                let evidence = tsm.evidence(&data).unwrap();
                assert_eq!(&evidence.quote.0[fixture::TDX..][..64], data);
            });
        }
    });
    assert_eq!(kernel.look().left(), 1, "only ours are removed");
}

/// Real files and a thread in the place of the kernel.
struct Played;

impl Files for Played {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        System.read(path, limit)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        System.write(path, bytes)
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        System.make(path)?;
        fs::write(path.join("provider"), "tdx_guest\n")?;
        fs::write(path.join("generation"), "7\n")?;
        fs::write(path.join("inblob"), "")?;
        let outblob = path.join("outblob");
        rustix::fs::mknodat(CWD, &outblob, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(io::Error::from)?;
        let path = path.to_owned();
        thread::spawn(move || {
            // Opens when somebody reads.
            let mut outblob = fs::OpenOptions::new().write(true).open(outblob).unwrap();
            let inblob = fs::read(path.join("inblob")).unwrap();
            fs::write(path.join("generation"), "8\n").unwrap();
            let mut quote = fixture::tdx_quote();
            fixture::put(&mut quote, fixture::TDX, &inblob);
            outblob.write_all(&quote).unwrap();
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        // configfs removes a request's files with it.
        for name in ["provider", "generation", "inblob", "outblob"] {
            fs::remove_file(path.join(name))?;
        }
        System.remove(path)
    }
}

#[test]
fn it_works_with_real_files() {
    let folder = tempfile::tempdir().unwrap();
    let tsm = Tsm::with(Arc::new(Played), folder.path()).unwrap();
    let evidence = tsm.evidence(&MINE).unwrap();
    assert_eq!(&evidence.quote.0[fixture::TDX..][..64], MINE);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(tsm.description().starts_with("Intel TDX through configfs-tsm at `/"));
}
