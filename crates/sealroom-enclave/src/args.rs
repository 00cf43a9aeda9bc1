//! The command line.

use sealroom_lifecycle::EnclaveId;
use sealroom_protocol::JailLevel;
use std::{ffi::OsString, net::SocketAddr, path::PathBuf};
use uuid::Uuid;

const HELP: &str = "\
The trusted program of Sealroom: takes on one computation of a server, serves it, and ends.
`sealroom serve` starts it by itself; in a confidential VM a service manager does.

Usage: sealroom-enclave run --server URL --token-file FILE [OPTIONS]

Options:
      --server URL         the server to work for
      --token-file FILE    refresh token of kind `enclave` (`sealroom account add --kind enclave`)
      --work-dir DIR       where a folder for ciphertext is made meanwhile [default: the system's temporary folder]
      --runtimes DIR       the folder of Python runtimes [default: the one that `make setup` made]
      --cache-dir DIR      where packages of computations are kept, by content; like the runtimes, a place that nobody
                           else may change: in memory, or this machine's own disk [default: `cache` in the runtimes]
      --cache-bytes N      what of it is kept at most when nobody uses it [default: 20 GiB]
      --attester NAME      what vouches for this program: `snp`, `tdx` or `tsm` (either) through the kernel, `gramine`
                           (SGX), `azure` (a virtual TPM), `simulated` (nothing does); `auto` takes what the machine
                           has, and simulates only where no such hardware is [default: auto]
      --listen ADDR        answer participants directly too, over attested TLS, at this address and port (0: a free one,
                           named in the log); whoever reaches it may ask for evidence [default: do not listen]
      --require-jail LEVEL do not start with less of a jail than `full`, `walled` or `minimum` [default: minimum]
      --id UUID            its name in logs and leases [default: a fresh one]
      --help               print this
      --version            print the version

Environment:
  SEALROOM_LOG             what is logged to stderr: error, warn, info, debug [default: info]
";

pub(crate) enum Command {
    Print(String),
    Run(RunArgs),
}

pub(crate) struct RunArgs {
    pub(crate) server: String,
    pub(crate) token_file: PathBuf,
    pub(crate) work_dir: Option<PathBuf>,
    pub(crate) runtimes: Option<PathBuf>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) cache_bytes: u64,
    pub(crate) attester: String,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) require_jail: JailLevel,
    pub(crate) id: EnclaveId,
}

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let (mut server, mut token_file, mut work_dir, mut runtimes) = (None, None, None, None);
    let (mut cache_dir, mut cache_bytes) = (None, 20 << 30);
    let (mut attester, mut id) = ("auto".to_owned(), Uuid::new_v4());
    let mut require_jail = JailLevel::Minimum;
    let mut listen = None;
    let mut run = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Value(word) if word == "run" && !run => run = true,
            Long("server") => server = Some(parser.value()?.string()?),
            Long("token-file") => token_file = Some(path(parser.value()?)),
            Long("work-dir") => work_dir = Some(path(parser.value()?)),
            Long("runtimes") => runtimes = Some(path(parser.value()?)),
            Long("cache-dir") => cache_dir = Some(path(parser.value()?)),
            Long("cache-bytes") => cache_bytes = parser.value()?.parse()?,
            Long("attester") => attester = parser.value()?.string()?,
            Long("listen") => listen = Some(parser.value()?.parse()?),
            Long("require-jail") => require_jail = parser.value()?.parse()?,
            Long("id") => id = parser.value()?.parse()?,
            Short('h') | Long("help") => return Ok(Command::Print(HELP.to_owned())),
            Short('V') | Long("version") => {
                return Ok(Command::Print(format!(
                    "sealroom-enclave {}\n",
                    crate::compose::VERSION
                )));
            }
            other => return Err(other.unexpected()),
        }
    }
    if !run {
        return Err("the command `run` is missing".into());
    }
    Ok(Command::Run(RunArgs {
        server: server.ok_or("--server is missing")?,
        token_file: token_file.ok_or("--token-file is missing")?,
        work_dir,
        runtimes,
        cache_dir,
        cache_bytes,
        attester,
        listen,
        require_jail,
        id: EnclaveId(id),
    }))
}

fn path(value: OsString) -> PathBuf {
    PathBuf::from(value)
}
