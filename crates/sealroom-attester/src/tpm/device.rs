//! Commands to a TPM and its answers: through the kernel's resource manager, or a socket of a software TPM.

use super::{
    TpmError,
    code::ResponseCode,
    wire::{Reader, Writer},
};
use std::{
    cmp::Ordering,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::{fs::FileTypeExt as _, net::UnixStream},
    path::Path,
    thread,
    time::Duration,
};

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
/// TPM_RS_PW: a password instead of a session.
const PASSWORD: u32 = 0x4000_0009;
/// Tag, size, code.
const HEADER: usize = 10;
/// The kernel's own limit for both directions (drivers/char/tpm, `TPM_BUFSIZE`).
const MAX_ANSWER: usize = 4096;
/// A TPM that tests itself, or writes its memory, is back within seconds.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);
/// A key of RSA takes a slow TPM under a second.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);

trait Device: Read + Write + Send {}
impl<D: Read + Write + Send> Device for D {}

/// A TPM, open for this process.
pub(crate) struct Tpm(Box<dyn Device>);

impl Tpm {
    /// Opens a device (`/dev/tpmrm0`), or connects to a socket.
    pub(crate) fn open(path: &Path) -> Result<Self, TpmError> {
        let open = || -> io::Result<Box<dyn Device>> {
            if fs::metadata(path)?.file_type().is_socket() {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(SOCKET_TIMEOUT))?;
                return Ok(Box::new(socket));
            }
            Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
        };
        open().map(Self).map_err(|source| TpmError::Device { action: "open", source })
    }

    /// One command. If it `is_authorized`, the first handle is used with the empty password.
    pub(super) fn call(
        &mut self,
        name: &'static str,
        code: u32,
        handles: &[u32],
        is_authorized: bool,
        parameters: Writer,
    ) -> Result<Vec<u8>, TpmError> {
        let command = command(code, handles, is_authorized, &parameters);
        let mut tries = 1;
        loop {
            let (found, answer) = self.exchange(&command)?;
            match found {
                ResponseCode::SUCCESS => return without_sessions(answer, is_authorized),
                code if !code.is_later() => return Err(TpmError::Refused { command: name, code }),
                code if tries >= TRIES => {
                    return Err(TpmError::Busy { command: name, code, tries });
                }
                _ => thread::sleep(PAUSE),
            }
            tries += 1;
        }
    }

    /// Sends one command and reads one answer: its code, and what follows the header with the tag in front.
    pub(super) fn exchange(
        &mut self,
        command: &[u8],
    ) -> Result<(ResponseCode, (u16, Vec<u8>)), TpmError> {
        let fault = |action| move |source| TpmError::Device { action, source };
        // The kernel takes a command whole or not at all.
        self.0.write_all(command).map_err(fault("write to"))?;
        let mut answer = vec![0; MAX_ANSWER];
        let mut filled = 0;
        let size = loop {
            let count = match self.0.read(&mut answer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(fault("read from"))?,
            };
            filled += count;
            if filled >= HEADER {
                let size = Reader(&answer[2..6]).word()? as usize;
                match filled.cmp(&size) {
                    Ordering::Equal => break size,
                    Ordering::Less if size <= MAX_ANSWER => {}
                    _ => return Err(TpmError::Malformed),
                }
            }
            if count == 0 {
                return Err(TpmError::Malformed);
            }
        };
        answer.truncate(size);
        let mut rest = Reader(&answer);
        let (tag, _size, code) = (rest.half()?, rest.word()?, rest.word()?);
        Ok((ResponseCode(code), (tag, rest.0.to_vec())))
    }
}

/// A command's bytes.
pub(super) fn command(
    code: u32,
    handles: &[u32],
    is_authorized: bool,
    parameters: &Writer,
) -> Vec<u8> {
    let mut body = handles.iter().fold(Writer::default(), |body, handle| body.word(*handle));
    if is_authorized {
        // Length of what follows; handle, empty nonce, no attributes, empty password.
        body = body.word(9).word(PASSWORD).sized(&[]).raw(&[0]).sized(&[]);
    }
    let body = body.raw(&parameters.0).0;
    let tag = if is_authorized { SESSIONS } else { NO_SESSIONS };
    let size = u32::try_from(HEADER + body.len()).expect("commands here are short");
    Writer::default().half(tag.into()).word(size).word(code).raw(&body).0
}

/// What a command gave back, without what an empty password brings with it.
fn without_sessions(
    (tag, answer): (u16, Vec<u8>),
    is_authorized: bool,
) -> Result<Vec<u8>, TpmError> {
    match (tag, is_authorized) {
        (NO_SESSIONS, false) => Ok(answer),
        (SESSIONS, true) => {
            let mut answer = Reader(&answer);
            let size = answer.word()? as usize;
            Ok(answer.take(size)?.to_vec())
        }
        _ => Err(TpmError::Malformed),
    }
}
