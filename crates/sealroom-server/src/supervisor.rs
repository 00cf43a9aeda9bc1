//! Enclaves on this machine: child processes, each good for one computation, one of them idle.
//!
//! They are told apart by their place (a folder `enclaves/N`) and by the name that they are given. An
//! enclave that outlives its server keeps its keys, so it is not replaced but watched by the next.

mod process;

use crate::{
    AccountKind, Config, ServeError, auth, engine::Engine, problem::Answer, server::App, setup,
    sweeper,
};
use process::{Enclave, Process, is_enclave, mentions, read_pid, send};
use rustix::process::{Pid, Signal};
use sealroom_lifecycle::EnclaveId;
use sealroom_protocol::Email;
use sealroom_protocol::JailLevel;
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// The account of all enclaves that the server starts itself.
const ACCOUNT: &str = "local-enclaves@localhost";
/// How often the children are looked at, beside when something happens.
const EVERY: Duration = Duration::from_millis(500);
/// An enclave that ends before this, without work or with an error, has a fault; the next waits a little.
const EARLY: Duration = Duration::from_secs(10);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// What an enclave gets to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Starts, watches and ends the enclaves of this machine.
pub(crate) struct Supervisor {
    engine: Engine,
    program: PathBuf,
    runtimes: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    require_jail: Option<JailLevel>,
    server: String,
    token_file: PathBuf,
    folder: PathBuf,
    max: usize,
    places: BTreeMap<u32, Enclave>,
    /// How long to wait before the next start, and since when.
    pause: Option<(Duration, Instant)>,
}

impl Supervisor {
    /// Finds the program, and gives its children an account.
    pub(crate) async fn prepare(
        config: &Config,
        max: u32,
        address: SocketAddr,
        engine: Engine,
    ) -> Result<Self, ServeError> {
        let program = config.enclave_program.clone().unwrap_or_else(beside_this_program);
        if !program.is_file() {
            return Err(ServeError::NoEnclave { path: program });
        }
        let folder = config.data_dir.join("enclaves");
        setup::private_dir(&folder)?;
        let token_file = config.data_dir.join("enclave-token");
        ensure_token(&engine, &token_file).await?;
        let mut supervisor = Self {
            engine,
            program,
            runtimes: config.runtimes.clone(),
            cache_dir: config.cache_dir.clone(),
            require_jail: config.require_jail,
            server: format!("http://{}", reachable(address)),
            token_file,
            folder,
            max: usize::try_from(max).unwrap_or(usize::MAX),
            places: BTreeMap::new(),
            pause: None,
        };
        supervisor.inherit();
        Ok(supervisor)
    }

    /// Keeps one enclave idle while there is room, until `stop`; then ends all.
    pub(crate) async fn run(mut self, app: App, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.bury().await;
            match self.idle().await {
                Ok(0) if self.places.len() < self.max && self.may_start() => self.start(),
                Ok(_) => {}
                Err(failure) => tracing::warn!("cannot count idle enclaves: {failure:?}"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = app.claimed.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        self.end_all().await;
    }

    /// How many enclaves have no computation.
    async fn idle(&mut self) -> Answer<usize> {
        let mut idle = 0;
        for enclave in self.places.values_mut() {
            if self.engine.db().leases_of(enclave.id).await?.is_empty() {
                // One that has given its computation up is about to end.
                idle += usize::from(!enclave.worked);
            } else {
                enclave.worked = true;
            }
        }
        Ok(idle)
    }

    /// Looks who has died, and what that means.
    async fn bury(&mut self) {
        let mut dead = Vec::new();
        for (place, enclave) in &mut self.places {
            if let Some(how) = enclave.ended() {
                dead.push((*place, how));
            }
        }
        for (place, (how, well)) in dead {
            let Some(enclave) = self.places.remove(&place) else { continue };
            // What it left running dies with it.
            send(enclave.pid, Signal::KILL);
            sweeper::end_all_of(&self.engine, enclave.id).await;
            let (id, lived) = (enclave.id, enclave.since.elapsed());
            if (enclave.worked && well) || lived >= EARLY {
                tracing::info!(enclave = %id, "a local enclave has ended: {how}");
                self.pause = None;
            } else {
                let last = self.pause.map_or(Duration::from_millis(250), |(pause, _)| pause);
                let pause = (last * 2).min(MAX_PAUSE);
                tracing::error!(
                    enclave = %id,
                    "a local enclave has ended early: {how}; the next starts in {pause:?}"
                );
                self.pause = Some((pause, Instant::now()));
            }
            drop(fs::remove_dir_all(self.folder.join(place.to_string())));
        }
    }

    fn may_start(&self) -> bool {
        self.pause.is_none_or(|(pause, since)| since.elapsed() >= pause)
    }

    fn start(&mut self) {
        let place = (0..).find(|n| !self.places.contains_key(n)).unwrap_or_default();
        match self.spawn(place) {
            Ok(enclave) => {
                tracing::info!(enclave = %enclave.id, "a local enclave has started");
                self.places.insert(place, enclave);
            }
            Err(error) => {
                tracing::error!("cannot start an enclave: {error}");
                self.pause = Some((MAX_PAUSE, Instant::now()));
            }
        }
    }

    fn spawn(&self, place: u32) -> std::io::Result<Enclave> {
        let id = EnclaveId(uuid::Uuid::new_v4());
        let work_dir = self.folder.join(place.to_string());
        drop(fs::remove_dir_all(&work_dir));
        fs::create_dir_all(&work_dir)?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--server").arg(&self.server);
        command.arg("--token-file").arg(&self.token_file);
        command.arg("--work-dir").arg(work_dir.join("work")).arg("--id").arg(id.to_string());
        for (option, folder) in [("--runtimes", &self.runtimes), ("--cache-dir", &self.cache_dir)] {
            folder.as_ref().map(|folder| command.arg(option).arg(folder));
        }
        if let Some(level) = self.require_jail {
            command.arg("--require-jail").arg(level.to_string());
        }
        // In its own group: a Ctrl-C at the terminal is for the server, which then ends it in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).kill_on_drop(true);
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| std::io::Error::other("the enclave ended at once"))?;
        fs::write(work_dir.join("pid"), format!("{} {id}", pid.as_raw_nonzero()))?;
        let (process, since) = (Process::Child(child), Instant::now());
        Ok(Enclave { id, pid, process, since, worked: false })
    }

    /// Takes over the enclaves that a server before this one has left, if they talk to this address;
    /// ends the others.
    fn inherit(&mut self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let place = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let known = place.zip(read_pid(&entry.path()));
            let alive = known.filter(|(_, (pid, id))| is_enclave(*pid, *id));
            let Some((place, (pid, id))) = alive else {
                drop(fs::remove_dir_all(entry.path()));
                continue;
            };
            if mentions(pid, &self.server) && self.places.len() < self.max {
                tracing::info!(enclave = %id, "a local enclave has outlived its server");
                let (process, since) = (Process::Inherited, Instant::now());
                self.places.insert(place, Enclave { id, pid, process, since, worked: false });
            } else {
                send(pid, Signal::KILL);
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    async fn end_all(&mut self) {
        for enclave in self.places.values() {
            send(enclave.pid, Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        while !self.places.is_empty() && Instant::now() < deadline {
            let mut ended = Vec::new();
            self.places.retain(|_, enclave| {
                let over = enclave.ended().is_some();
                ended.extend(over.then_some(enclave.id));
                !over
            });
            for id in ended {
                sweeper::end_all_of(&self.engine, id).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for enclave in self.places.values_mut() {
            send(enclave.pid, Signal::KILL);
            if let Process::Child(child) = &mut enclave.process {
                drop(child.wait().await);
            }
            sweeper::end_all_of(&self.engine, enclave.id).await;
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn beside_this_program() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.with_file_name("sealroom-enclave")
}

/// The address under which a child on this machine finds the server.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A refresh token for the children; the one from last time if it is still good.
async fn ensure_token(engine: &Engine, file: &Path) -> Result<(), ServeError> {
    let db = engine.db();
    let known = fs::read_to_string(file).unwrap_or_default();
    let digest = sealroom_protocol::Digest::of(known.trim().as_bytes());
    if db.account_of_token(&digest).await?.is_some_and(|a| a.kind == AccountKind::Enclave) {
        return Ok(());
    }
    let email: Email =
        ACCOUNT.parse().map_err(|_| ServeError::Stored("the enclaves' account".to_owned()))?;
    let token = auth::new_refresh_token(db, &email, AccountKind::Enclave).await?;
    setup::write_secret(file, &token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_find_the_server_on_their_own_machine() {
        let url = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(url("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(url("[::]:80"), "[::1]:80");
        assert_eq!(url("10.0.0.5:81"), "10.0.0.5:81");
    }
}
