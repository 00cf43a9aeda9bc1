//! The rules of configfs-tsm as a kernel keeps them (drivers/virt/coco/tsm.c, fs/configfs/file.c of Linux 6.8), for
//! machines that are no confidential VM.

use super::fixture;
use crate::files::{Files, System};
use rustix::io::Errno;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Barrier, Mutex, MutexGuard},
};

#[derive(Default)]
struct Request {
    written: u64,
    read: u64,
    level: u32,
    inblob: Vec<u8>,
    outblob: Option<Vec<u8>>,
}

/// What a test decides.
pub(super) struct Machine {
    pub(super) provider: Option<&'static str>,
    pub(super) floor: u32,
    pub(super) auxblob: Vec<u8>,
    /// What the driver says instead of making a report: one after the other, and then always.
    pub(super) refusals: VecDeque<Errno>,
    pub(super) always: Option<Errno>,
    /// How often somebody else writes their report data after ours.
    pub(super) meddlers: u32,
    /// What the host does to a report.
    pub(super) spoil: fn(&mut Vec<u8>),
    /// Whether what is written at close gets lost, of which the kernel tells nobody.
    pub(super) is_lossy: bool,
    /// Whether the kernel forgets to count.
    pub(super) is_stale: bool,
    pub(super) may_make: bool,
    requests: BTreeMap<String, Request>,
    pub(super) made: u32,
    pub(super) written: Vec<(String, Vec<u8>)>,
}

pub(super) struct Kernel {
    pub(super) folder: PathBuf,
    machine: Mutex<Machine>,
    /// Reports are made when that many are asked for.
    pub(super) together: Option<Barrier>,
}

impl Kernel {
    pub(super) fn new(provider: Option<&'static str>) -> Self {
        Self::below(Path::new("/"), provider)
    }

    pub(super) fn below(root: &Path, provider: Option<&'static str>) -> Self {
        let machine = Machine {
            provider,
            floor: 0,
            auxblob: fixture::certificates(),
            refusals: VecDeque::new(),
            always: None,
            meddlers: 0,
            spoil: |_| {},
            is_lossy: false,
            is_stale: false,
            may_make: true,
            requests: BTreeMap::new(),
            made: 0,
            written: Vec::new(),
        };
        let folder = root.join(crate::tsm::FOLDER);
        Self { folder, machine: Mutex::new(machine), together: None }
    }

    pub(super) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    pub(super) fn look(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }

    fn split<'p>(&self, path: &'p Path) -> Option<(&'p str, &'p str)> {
        path.strip_prefix(&self.folder).ok()?.to_str()?.split_once('/')
    }
}

impl Machine {
    /// How many requests are still there.
    pub(super) fn left(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn leave(&mut self, name: &str) {
        self.requests.insert(name.to_owned(), Request::default());
    }

    /// Which attributes a request has: `tsm_report_is_visible` of each provider.
    fn shows(&self, name: &str) -> bool {
        match name {
            "generation" | "provider" | "inblob" | "outblob" => true,
            "privlevel" | "privlevel_floor" | "auxblob" => self.provider == Some("sev_guest"),
            _ => false,
        }
    }

    fn report(&mut self, request: &str) -> io::Result<Vec<u8>> {
        if self.meddlers > 0 {
            self.meddlers -= 1;
            self.store(request, "inblob", &fixture::OTHER)?;
        }
        let (provider, spoil) = (self.provider.ok_or(Errno::NXIO)?, self.spoil);
        let found = self.requests.get_mut(request).ok_or(Errno::NOENT)?;
        if found.inblob.is_empty() {
            return Err(Errno::INVAL.into());
        }
        if let Some(outblob) = found.outblob.as_ref().filter(|_| found.read == found.written) {
            return Ok(outblob.clone());
        }
        if let Some(refusal) = self.refusals.pop_front().or(self.always) {
            return Err(refusal.into());
        }
        // Both drivers take 64 bytes, no more and no less.
        let inblob: [u8; 64] = found.inblob.as_slice().try_into().map_err(|_| Errno::INVAL)?;
        let mut outblob = if provider == "tdx_guest" {
            let mut quote = fixture::tdx_quote();
            fixture::put(&mut quote, fixture::TDX, &inblob);
            quote
        } else {
            let mut report = fixture::snp_report();
            fixture::put(&mut report, fixture::SNP, &inblob);
            fixture::put(&mut report, 0x30, &found.level.to_le_bytes());
            report
        };
        spoil(&mut outblob);
        found.read = found.written;
        found.outblob = Some(outblob.clone());
        Ok(outblob)
    }

    fn store(&mut self, request: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (floor, is_lossy) = (self.floor, self.is_lossy);
        let request = self.requests.get_mut(request).ok_or(Errno::NOENT)?;
        match name {
            "privlevel" => {
                let level = String::from_utf8_lossy(bytes).trim_end().parse();
                let level = level.map_err(|_| Errno::INVAL)?;
                if !(floor..=3).contains(&level) {
                    return Err(Errno::INVAL.into());
                }
                request.level = level;
            }
            // `configfs_write_bin_file` looks at the size; what the driver thinks of it at close goes unheard.
            "inblob" if bytes.len() > 64 => return Err(Errno::FBIG.into()),
            "inblob" if is_lossy => return Ok(()),
            "inblob" => request.inblob = bytes.to_vec(),
            _ => return Err(Errno::ACCESS.into()),
        }
        request.written += 1;
        Ok(())
    }
}

impl Files for Kernel {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let Some((request, name)) = self.split(path) else { return System.read(path, limit) };
        if let Some(together) = self.together.as_ref().filter(|_| name == "outblob") {
            together.wait();
        }
        let mut machine = self.look();
        let found = machine.requests.get(request).filter(|_| machine.shows(name));
        let found = found.ok_or(Errno::NOENT)?;
        let bytes = match name {
            "provider" => format!("{}\n", machine.provider.ok_or(Errno::NXIO)?).into_bytes(),
            "generation" if machine.is_stale => b"0\n".to_vec(),
            "generation" => format!("{}\n", found.written).into_bytes(),
            "privlevel_floor" => format!("{}\n", machine.floor).into_bytes(),
            "outblob" => machine.report(request)?,
            "auxblob" => {
                machine.report(request)?;
                machine.auxblob.clone()
            }
            _ => return Err(Errno::ACCESS.into()),
        };
        match bytes.len() > limit {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let Some((request, name)) = self.split(path) else { return System.write(path, bytes) };
        let mut machine = self.look();
        if !machine.shows(name) {
            return Err(Errno::NOENT.into());
        }
        machine.written.push((name.to_owned(), bytes.to_vec()));
        machine.store(request, name, bytes)
    }

    fn make(&self, path: &Path) -> io::Result<()> {
        let name = path.strip_prefix(&self.folder).map_err(|_| Errno::NOENT)?;
        let mut machine = self.look();
        if !machine.may_make {
            return Err(Errno::ACCESS.into());
        }
        machine.provider.ok_or(Errno::NXIO)?;
        machine.made += 1;
        match machine.requests.insert(name.to_str().unwrap().to_owned(), Request::default()) {
            None => Ok(()),
            Some(_) => Err(Errno::EXIST.into()),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let name = path.strip_prefix(&self.folder).map_err(|_| Errno::NOENT)?;
        let name = name.to_str().unwrap();
        self.look().requests.remove(name).map(drop).ok_or_else(|| Errno::NOENT.into())
    }
}
