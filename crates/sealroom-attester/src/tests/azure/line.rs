//! A software TPM, and a line to it on which a test can listen, answer in its name, or do something first.

use crate::tpm::{Tpm, provision::answer_of};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tempfile::TempDir;

pub(super) const NV_READ: u32 = 0x14e;
pub(super) const QUOTE: u32 = 0x158;
pub(super) const NV_READ_PUBLIC: u32 = 0x169;
pub(super) const PCR_READ: u32 = 0x17e;

/// `swtpm`, started for one test.
pub(super) struct SoftwareTpm {
    process: Child,
    folder: TempDir,
}

impl SoftwareTpm {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = format!("dir={}", folder.path().display());
        let at = |name| format!("type=unixio,path={}", folder.path().join(name).display());
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--tpmstate", &state])
            .args(["--server", &at("tpm"), "--ctrl", &at("control")])
            .args(["--flags", "not-need-init,startup-clear"])
            .stdout(Stdio::null())
            .spawn()
            .expect("swtpm has to be installed (Debian's package `swtpm`)");
        Self { process, folder }
    }

    pub(super) fn connect(&self) -> Tpm {
        Tpm::await_at(&self.folder.path().join("tpm"))
    }
}

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Gets a command; says what is answered, or has it passed on.
type Hook = Box<dyn FnMut(&[u8], &mut Tpm) -> Option<Vec<u8>> + Send>;

type Spoil = Box<dyn FnMut(Vec<u8>) -> Vec<u8> + Send>;

#[derive(Default)]
struct State {
    hooks: BTreeMap<u32, Hook>,
    spoil: Option<Spoil>,
    kept: BTreeMap<u32, Vec<u8>>,
}

/// The line.
pub(super) struct Line {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    _folder: TempDir,
    _software: Option<SoftwareTpm>,
}

impl Line {
    pub(super) fn to(software: SoftwareTpm, tpm: Tpm) -> Self {
        Self::new(Some(software), Some(tpm))
    }

    /// With nothing at its other end: all there is are indices that are [kept](Self::keep).
    pub(super) fn alone() -> Self {
        Self::new(None, None)
    }

    fn new(software: Option<SoftwareTpm>, mut tpm: Option<Tpm>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                while let Some(command) = next(&mut stream) {
                    let answer = shared.lock().unwrap().answer(&command, tpm.as_mut());
                    let is_whole = answer.len() >= 10 && answer[2..6] == whole(&answer);
                    // Who would wait for more is not kept waiting.
                    if stream.write_all(&answer).is_err() || !is_whole {
                        break;
                    }
                }
            }
        });
        Self { path, state, _folder: folder, _software: software }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn on(
        &self,
        code: u32,
        hook: impl FnMut(&[u8], &mut Tpm) -> Option<Vec<u8>> + Send + 'static,
    ) {
        self.state.lock().unwrap().hooks.insert(code, Box::new(hook));
    }

    /// Does that to every answer out of what is [kept](Self::keep).
    pub(super) fn spoil(&self, spoil: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) {
        self.state.lock().unwrap().spoil = Some(Box::new(spoil));
    }

    /// Has an index with that content.
    pub(super) fn keep(&self, index: u32, content: Vec<u8>) {
        self.state.lock().unwrap().kept.insert(index, content);
    }
}

fn whole(answer: &[u8]) -> [u8; 4] {
    u32::try_from(answer.len()).unwrap().to_be_bytes()
}

fn next(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut command = vec![0; 10];
    stream.read_exact(&mut command).ok()?;
    let size = number(&command, 2);
    command.resize(size as usize, 0);
    stream.read_exact(&mut command[10..]).ok()?;
    Some(command)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> usize {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap()).into()
}

impl State {
    fn answer(&mut self, command: &[u8], tpm: Option<&mut Tpm>) -> Vec<u8> {
        let code = number(command, 6);
        let Some(tpm) = tpm else {
            let answer = self.kept(code, command);
            return match &mut self.spoil {
                Some(spoil) => spoil(answer),
                None => answer,
            };
        };
        let answer = self.hooks.get_mut(&code).and_then(|hook| hook(command, tpm));
        answer.unwrap_or_else(|| tpm.pass(command))
    }

    /// TPM2_NV_ReadPublic and TPM2_NV_Read, from memory.
    fn kept(&self, code: u32, command: &[u8]) -> Vec<u8> {
        let index = number(command, if code == NV_READ { 14 } else { 10 });
        let Some(content) = self.kept.get(&index) else { return answer_of(0x8001, 0x18b, &[]) };
        if code == NV_READ_PUBLIC {
            let size = u16::try_from(content.len()).unwrap().to_be_bytes();
            // Index, name algorithm, attributes, policy, size.
            let public =
                [&index.to_be_bytes()[..], &[0, 0x0b, 0x02, 0x02, 0, 0x02], &[0, 0], &size];
            return answer_of(0x8001, 0, &[sized(&public.concat()), sized(&[0; 34])].concat());
        }
        let (wanted, offset) = (half(command, command.len() - 4), half(command, command.len() - 2));
        chunk(&content[offset..offset + wanted])
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// What TPM2_NV_Read answers.
pub(super) fn chunk(content: &[u8]) -> Vec<u8> {
    let content = sized(content);
    let size = u32::try_from(content.len()).unwrap().to_be_bytes();
    answer_of(0x8002, 0, &[&size[..], &content, &[0, 0, 1, 0, 0]].concat())
}
