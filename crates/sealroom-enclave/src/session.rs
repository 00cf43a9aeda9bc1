//! One computation, from claim to end.

use crate::{
    args::RunArgs,
    attester::{self, Attester},
    compose::{self, Environment},
    fetch,
    heartbeat::Heartbeat,
    identity::Identity,
    release, run,
    server::{Leased, Server, is_lease_lost},
};
use anyhow::{Context as _, bail};
use sealroom_http::{HttpError, RefreshToken};
use sealroom_lifecycle::{
    Record, State, replay,
    state::{ChainError, Closed},
    wire::{Claim, JudgeKey, PublishIdentity},
};
use sealroom_protocol::{Role, Timestamp, manifest::CanonicalManifest};
use sealroom_sandbox::{Launcher, Runtime, RuntimeReport};
use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

/// The runtime profile that runs get.
const PROFILE: &str = "default";

/// What the process has before it takes on a computation.
pub(crate) struct Setting<'a> {
    pub(crate) args: &'a RunArgs,
    pub(crate) launcher: &'a Launcher,
    pub(crate) runtime: &'a Runtime,
    pub(crate) report: &'a RuntimeReport,
}

/// A computation whose identity this process holds.
pub(crate) struct Session<'a> {
    pub(crate) setting: &'a Setting<'a>,
    pub(crate) server: Arc<Leased>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) work_dir: &'a Path,
    pub(crate) state: State,
    pub(crate) code: fetch::Code,
    pub(crate) manifest: CanonicalManifest,
    pub(crate) identity: Identity,
    /// Runs that this process has started, and the number of the newest. The server's log is not
    /// asked: it could leave runs out.
    runs: u32,
    newest_run: u32,
    /// Whether every release that stands opens. A run with one that does not would fail, and cost
    /// everybody another round of approvals.
    keys_open: bool,
}

/// Takes on one computation and serves it until it ends.
pub(crate) fn serve_one(setting: &Setting<'_>) -> anyhow::Result<()> {
    let args = setting.args;
    let token = fs::read_to_string(&args.token_file)
        .with_context(|| format!("cannot read `{}`", args.token_file.display()))?;
    let server = Server::new(&args.server, RefreshToken::new(&token))?;
    let attester = attester::choose(&args.attester)?;
    let work_dir = work_dir(args.work_dir.as_deref()).context("cannot make a work folder")?;
    let claim = wait_for_claim(&server, args, attester.as_ref())?;
    tracing::info!(computation = %claim.computation, "took on a computation");
    let leased = Arc::new(server.leased(&claim)?);
    let lease = Duration::from_secs(claim.lease_seconds.clamp(1, 3600));
    let heartbeat = Heartbeat::start(Arc::clone(&leased), lease);
    let served = Session::begin(
        setting,
        &claim,
        leased.clone(),
        heartbeat,
        work_dir.path(),
        attester.as_ref(),
    )
    .and_then(Session::serve);
    // Whatever happened: the server need not wait for the lease to run out.
    if let Err(error) = leased.give_up() {
        tracing::debug!("could not give the lease back: {error}");
    }
    tracing::info!(computation = %claim.computation, "computation forgotten");
    served
}

fn wait_for_claim(
    server: &Server,
    args: &RunArgs,
    attester: &dyn Attester,
) -> anyhow::Result<Claim> {
    loop {
        match server.claim(args.id, attester.kind()) {
            Ok(Some(claim)) => return Ok(claim),
            Ok(None) => {}
            Err(error @ HttpError::Unreachable { .. }) => {
                tracing::warn!("{error}, trying again");
                thread::sleep(Duration::from_secs(2));
            }
            Err(error) => bail!(anyhow::Error::new(error).context("the server gives no work")),
        }
    }
}

impl<'a> Session<'a> {
    /// Makes the manifest and the identity, and publishes them.
    fn begin(
        setting: &'a Setting<'a>,
        claim: &Claim,
        server: Arc<Leased>,
        heartbeat: Heartbeat,
        work_dir: &'a Path,
        attester: &dyn Attester,
    ) -> anyhow::Result<Self> {
        let state = whole_log(&server)?;
        if state.computation != claim.computation || !state.needs_enclave() {
            bail!("the server's log is not of a computation that waits for an enclave");
        }
        let stored = state.code.as_ref().context("there is no code")?;
        let provider = state.of_role(Role::CodeProvider).find_map(|p| p.registered);
        let (_, suite, _) = provider.context("the code provider has not joined")?;
        let expected = (stored.files.as_slice(), stored.archive);
        let code = fetch::code(server.code()?, suite.into(), work_dir, expected)
            .context("the code is refused")?;
        let environment = Environment {
            report: setting.report,
            profile: PROFILE,
            lock: &lock_file(setting.runtime)?,
            attester: attester.kind(),
        };
        let manifest = compose::manifest(&state, code.files.clone(), &environment)?;
        let identity = Identity::fresh();
        let keys = identity.public();
        let report_data = keys.report_data(&manifest.digest(), &[]);
        let evidence = attester.evidence(&report_data).context("no evidence can be had")?;
        let publish = PublishIdentity { manifest: manifest.text().to_owned(), keys, evidence };
        server.publish_identity(&publish)?;
        tracing::info!(manifest = %manifest.digest(), "identity published");
        let newest_run = state.runs.last().map_or(0, |run| run.number);
        let mut session = Self {
            setting,
            server,
            heartbeat,
            work_dir,
            state,
            code,
            manifest,
            identity,
            runs: 0,
            newest_run,
            keys_open: true,
        };
        session.follow()?;
        Ok(session)
    }

    /// Follows the computation and runs it whenever all is there.
    fn serve(mut self) -> anyhow::Result<()> {
        while !self.is_over()? {
            if !self.state.ready_to_run() || !self.keys_open {
                self.follow()?;
                continue;
            }
            match self.server.start_run() {
                Ok(number) => {
                    self.count_run(number)?;
                    // One guess of the safety words for each round of approvals, whatever the log says.
                    if run::execute(&self, number)? == run::Keys::Refused {
                        return Ok(());
                    }
                }
                // Something changed meanwhile: a key was taken back, data was reset.
                Err(error) if error.status() == Some(409) && !is_lease_lost(&error) => {}
                Err(error) => return Err(error.into()),
            }
            self.follow()?;
        }
        Ok(())
    }

    /// Counts a run against what was approved; no number comes twice, so no result can pass for
    /// another's.
    fn count_run(&mut self, number: u32) -> anyhow::Result<()> {
        let max = self.manifest.manifest().policy.max_runs;
        if self.runs >= max || number <= self.newest_run {
            bail!("the server asks for run {number} beyond the {max} that were approved");
        }
        self.runs += 1;
        self.newest_run = number;
        Ok(())
    }

    /// Whether the lease is gone for good.
    pub(crate) fn is_lost(&self) -> bool {
        self.heartbeat.lost().load(Ordering::Relaxed)
    }

    /// Whether there is nothing left to do for this identity.
    fn is_over(&self) -> anyhow::Result<bool> {
        if self.is_lost() {
            bail!("the lease is lost");
        }
        let mine = self.identity.signing.public();
        let stands = self.state.identity.as_ref().is_some_and(|i| i.keys.signing == mine);
        let exhausted = self.runs >= self.manifest.manifest().policy.max_runs;
        let expires_at = self.manifest.manifest().policy.expires_at;
        let expired = expires_at.is_some_and(|end| Timestamp::now() >= end);
        Ok(!stands || exhausted || expired || self.state.closed != Closed::Open)
    }

    /// Takes in what happened since; waits a while if nothing did.
    fn follow(&mut self) -> anyhow::Result<()> {
        let records = match self.server.events(Some(self.state.head.0)) {
            Ok(events) => events.records,
            Err(error) if is_lease_lost(&error) => return Err(error.into()),
            Err(error) => {
                tracing::warn!("cannot follow the computation: {error}");
                thread::sleep(Duration::from_secs(1));
                return Ok(());
            }
        };
        apply(&mut self.state, &records).context("the server's log is refused")?;
        self.judge_keys()
    }

    /// Tries every key that was released since: who sealed to another identity hears of it at once, and
    /// nobody else has to approve again. Whether the safety words agree is not looked at before all
    /// keys are there.
    fn judge_keys(&mut self) -> anyhow::Result<()> {
        self.keys_open = true;
        for participant in &self.state.participants {
            let Some(released) = participant.untried() else { continue };
            let (id, digest) = (participant.id, released.release.digest());
            let opened = release::open(&released.release, id, &self.manifest, &self.identity);
            self.keys_open &= opened.is_ok();
            let judgement = JudgeKey { participant: id, release: digest, opens: opened.is_ok() };
            match self.server.judge_key(&judgement) {
                Ok(()) => {}
                Err(error) if is_lease_lost(&error) => return Err(error.into()),
                // It is tried again with the next event, or before a run.
                Err(error) => tracing::warn!("cannot say whether a key opens: {error}"),
            }
        }
        Ok(())
    }
}

/// The lock file that set-up has put beside the packages which it installed from it.
fn lock_file(runtime: &Runtime) -> anyhow::Result<String> {
    let path = runtime.root().join(PROFILE).join("requirements.lock");
    fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// Folds the log as far as it goes now; long ones come in pages.
fn whole_log(server: &Leased) -> anyhow::Result<State> {
    let first = server.events(None)?;
    let mut state = replay(&first.records).context("the server's log is refused")?;
    let mut head = first.head;
    while state.head.0 < head {
        let page = server.events(Some(state.head.0))?;
        if page.records.is_empty() {
            bail!("the server's log is shorter than it says");
        }
        apply(&mut state, &page.records).context("the server's log is refused")?;
        head = page.head;
    }
    Ok(state)
}

fn apply(state: &mut State, records: &[Record]) -> Result<(), ChainError> {
    records.iter().try_for_each(|record| state.apply(record))
}

/// A folder of one's own for ciphertext, made in `chosen` and gone with the process.
fn work_dir(chosen: Option<&Path>) -> std::io::Result<tempfile::TempDir> {
    let parent = chosen.map_or_else(std::env::temp_dir, Path::to_owned);
    fs::create_dir_all(&parent)?;
    tempfile::Builder::new().prefix("sealroom-enclave-").tempdir_in(parent)
}
