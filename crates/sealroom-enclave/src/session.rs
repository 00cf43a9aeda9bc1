//! One computation, from claim to end.

use crate::{
    args::RunArgs,
    challenge::Challenged,
    compose::{self, Found},
    environment::{self, Machine},
    fetch,
    heartbeat::Heartbeat,
    identity::Identity,
    release,
    run::{self, Ended},
    server::{Leased, Server, is_lease_lost},
    stop::Stop,
    withdrawal::{self, TakenBack},
};
use anyhow::{Context as _, bail};
use sealroom_attester::{Attester, Chosen};
use sealroom_channel::Endpoint;
use sealroom_http::{HttpError, RefreshToken};
use sealroom_lifecycle::{
    Record, State, replay,
    state::{ChainError, Closed},
    wire::{Claim, JudgeKey, KeyDestroyed, PublishIdentity},
};
use sealroom_packages::{Environment, Runtimes, Store};
use sealroom_protocol::{
    Digest, Role, Timestamp, contract::Terms, manifest::CanonicalManifest, receipt::Basis,
};
use sealroom_sandbox::{Launcher, WarmJail};
use std::{cell::Cell, fs, path::Path, sync::Arc, thread, time::Duration};

/// How often a record of destruction is tried before the process ends.
const RECORD_TRIES: usize = 10;

/// What the process has before it takes on a computation.
pub(crate) struct Setting<'a> {
    pub(crate) args: &'a RunArgs,
    pub(crate) launcher: &'a Launcher,
    pub(crate) runtimes: &'a Runtimes,
    /// Where packages of computations are kept.
    pub(crate) store: &'a Store,
    pub(crate) machine: &'a Machine,
}

/// A computation whose identity this process holds.
pub(crate) struct Session<'a> {
    pub(crate) setting: &'a Setting<'a>,
    pub(crate) server: Arc<Leased>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) work_dir: &'a Path,
    pub(crate) state: State,
    pub(crate) code: fetch::Code,
    /// What the code runs with.
    pub(crate) environment: Environment,
    /// Of its bill of materials.
    pub(crate) sbom: Digest,
    pub(crate) manifest: CanonicalManifest,
    pub(crate) identity: Identity,
    /// What runs stand on, for their receipts.
    pub(crate) basis: Basis,
    /// When the evidence was made.
    pub(crate) published_at: Timestamp,
    /// What may leave a run.
    pub(crate) terms: Terms,
    /// What was released to this identity and taken back.
    pub(crate) taken_back: TakenBack,
    /// A jail that waits for the next run, with nothing in it yet.
    pub(crate) warm: Cell<Option<WarmJail>>,
    /// The runs of this process that are over.
    ended: Vec<Ended>,
    /// Runs that this process has started, and the number of the newest. The server's log is not
    /// asked: it could leave runs out.
    pub(crate) runs: u32,
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
    let Chosen { attester, why } = sealroom_attester::choose(&args.attester)?;
    tracing::info!(kind = %attester.kind(), "attester: {}, as {why}", attester.description());
    let attester: Arc<dyn Attester> = attester.into();
    let work_dir = work_dir(args.work_dir.as_deref()).context("cannot make a work folder")?;
    // Before anything is promised: a port that is taken is told at once.
    let endpoint = args.listen.map(Endpoint::bind).transpose()?;
    let claim = wait_for_claim(&server, setting, attester.as_ref())?;
    tracing::info!(computation = %claim.computation, "took on a computation");
    let leased = Arc::new(server.leased(&claim)?);
    let lease = Duration::from_secs(claim.lease_seconds.clamp(1, 3600));
    let stop = Arc::new(Stop::default());
    let heartbeat = Heartbeat::start(Arc::clone(&leased), lease, Arc::clone(&stop));
    let dir = work_dir.path();
    let served = Session::begin(setting, &claim, leased.clone(), stop, dir, &attester, endpoint)
        .and_then(Session::serve);
    drop(heartbeat);
    // Whatever happened: the server need not wait for the lease to run out.
    if let Err(error) = leased.give_up() {
        tracing::debug!("could not give the lease back: {error}");
    }
    tracing::info!(computation = %claim.computation, "computation forgotten");
    served
}

fn wait_for_claim(
    server: &Server,
    setting: &Setting<'_>,
    attester: &dyn Attester,
) -> anyhow::Result<Claim> {
    loop {
        match server.claim(setting.args.id, attester.kind(), &setting.machine.runtimes) {
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
        stop: Arc<Stop>,
        work_dir: &'a Path,
        attester: &Arc<dyn Attester>,
        endpoint: Option<Endpoint>,
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
        let Setting { launcher, runtimes, store, machine, args } = *setting;
        let ready = machine.ready(runtimes, &state.policy.runtime, launcher)?;
        let kept = (store, args.cache_bytes);
        let environment =
            environment::prepare(&state, ready, kept, (launcher, stop.flag()), &server)?;
        let found = Found {
            environment: environment.part.clone(),
            jail: machine.jail.clone(),
            attester: attester.kind(),
        };
        let sbom = Digest::of(&sealroom_packages::sbom::cyclonedx(&environment.part));
        let manifest = compose::manifest(&state, code.files.clone(), found)?;
        if state.dev_mode {
            tracing::warn!("DEVELOPMENT MODE: this computation protects nothing");
        }
        let terms = manifest.manifest().terms().context("the output contract is refused")?;
        let identity = Identity::fresh();
        let keys = identity.public();
        let report_data = keys.report_data(&manifest.digest(), &[]);
        let evidence = attester.evidence(&report_data).context("no evidence can be had")?;
        // The manifest says which kind it is; participants hold the evidence against it.
        if evidence.kind != attester.kind() {
            bail!(
                "the evidence is of kind `{}`, the manifest says `{}`",
                evidence.kind,
                attester.kind()
            );
        }
        let published_at = run::now();
        let basis = Basis::of(manifest.manifest(), &evidence);
        let publish = PublishIdentity { manifest: manifest.text().to_owned(), keys, evidence };
        server.publish_identity(&publish)?;
        tracing::info!(manifest = %manifest.digest(), "identity published");
        let attester = Arc::clone(attester);
        let challenged = Challenged { attester, manifest: manifest.digest(), keys: publish.keys };
        if let Some(endpoint) = endpoint {
            challenged.answer_at(endpoint, Arc::clone(&stop))?;
        }
        challenged.answer(Arc::clone(&server), Arc::clone(&stop));
        let newest_run = state.runs.last().map_or(0, |run| run.number);
        let mut session = Self {
            setting,
            server,
            stop,
            work_dir,
            state,
            code,
            environment,
            sbom,
            manifest,
            identity,
            basis,
            published_at,
            terms,
            taken_back: TakenBack::default(),
            warm: Cell::new(None),
            ended: Vec::new(),
            runs: 0,
            newest_run,
            keys_open: true,
        };
        session.follow()?;
        Ok(session)
    }

    /// Follows the computation and runs it whenever all is there.
    fn serve(mut self) -> anyhow::Result<()> {
        self.serve_runs()?;
        // A record of destruction that could not be told yet is worth a while.
        for _ in 0..RECORD_TRIES {
            if self.taken_back.owed().is_none() || self.stop.is_lost() {
                break;
            }
            thread::sleep(Duration::from_secs(1));
            self.record_destructions()?;
        }
        Ok(())
    }

    fn serve_runs(&mut self) -> anyhow::Result<()> {
        while !self.is_over()? {
            if !self.state.ready_to_run() || !self.keys_open {
                self.warm_up();
                self.follow()?;
                continue;
            }
            match self.server.start_run() {
                Ok(number) => {
                    self.count_run(number)?;
                    // One guess of the safety words for each round of approvals, whatever the log says.
                    let ended = run::execute(self, number)?;
                    let refused = ended.keys == run::Keys::Refused;
                    self.ended.push(ended);
                    if refused {
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

    /// Has an interpreter in its jail ready by the time that the last key comes.
    fn warm_up(&self) {
        let awaited = self.state.participants.iter().any(|p| p.release.is_some());
        let warm = self.warm.take();
        if warm.is_some() || !awaited {
            return self.warm.set(warm);
        }
        match self.setting.launcher.warm(
            &self.environment.runtime,
            &run::limits(&self.manifest.manifest().policy),
            &[],
        ) {
            Ok(warm) => self.warm.set(Some(warm)),
            // The run will say what is wrong, or have a jail of its own.
            Err(error) => tracing::warn!("no jail can be made ready: {error}"),
        }
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

    /// Whether there is nothing left to do for this identity.
    fn is_over(&self) -> anyhow::Result<bool> {
        if self.stop.is_lost() {
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
        for record in &records {
            self.taken_back.note(&self.state, record, &self.ended);
            self.state.apply(record).context("the server's log is refused")?;
        }
        self.record_destructions()?;
        self.judge_keys()
    }

    /// Signs and tells that keys which were taken back are gone. Between runs, so nothing of them is open.
    fn record_destructions(&mut self) -> anyhow::Result<()> {
        while let Some(owed) = self.taken_back.owed() {
            let participant = owed.participant;
            let record = withdrawal::sign(owed, &self.manifest, &self.identity, &self.ended);
            if let Some(record) = record {
                match self.server.key_destroyed(&KeyDestroyed { participant, record }) {
                    Ok(()) => tracing::info!("destroyed the key of {participant}"),
                    Err(error) if is_lease_lost(&error) => return Err(error.into()),
                    // Said again with the next event.
                    Err(error @ HttpError::Unreachable { .. }) => {
                        tracing::warn!("cannot say that a key is destroyed: {error}");
                        return Ok(());
                    }
                    Err(error) => tracing::warn!("a record of destruction is refused: {error}"),
                }
            }
            self.taken_back.settled();
        }
        Ok(())
    }

    /// Tries every key that was released since: who sealed to another identity hears of it at once, and
    /// nobody else has to approve again. Whether the safety words agree is not looked at before all
    /// keys are there.
    fn judge_keys(&mut self) -> anyhow::Result<()> {
        self.keys_open = true;
        for participant in &self.state.participants {
            let Some(released) = participant.untried() else { continue };
            let (id, release) = (participant.id, released.release.digest());
            let opens = !self.taken_back.contains(&release)
                && release::open(&released.release, id, &self.manifest, &self.identity).is_ok();
            self.keys_open &= opens;
            let judgement = JudgeKey { participant: id, release, opens };
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
