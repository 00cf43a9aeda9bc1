//! Collateral for the evidence of computations: fetched in the background or taken from files of the operator, and kept
//! with the computation, so that what was verified can be verified again later.
//!
//! A cache that nobody has to trust: participants check what they get, and can fetch for themselves. Nothing waits for
//! it. Whom to ask is the operator's word alone; evidence without hardware costs nothing.

use crate::{
    Config,
    db::files::{File, Place},
    engine::Engine,
    problem::Answer,
    upload::{self, Incoming, Limits},
};
use bytes::Bytes;
use sealroom_collateral::{Collateral, FetchError, Fetcher, MAX_FILE, Need, NeedError};
use sealroom_lifecycle::{State, state::Identity};
use sealroom_protocol::{ComputationId, Digest, Evidence, EvidenceKind};
use std::{
    collections::HashMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, oneshot};

/// Fetches at once; the others wait for their turn. A service limits how often it is asked.
const AT_ONCE: usize = 2;
/// After a fetch that failed, or was for something newer: how long until the next, whoever asks.
const PAUSE: Duration = Duration::from_secs(60);
/// Files of the operator's that are looked at.
const MAX_FILES: usize = 1000;

/// Finds and keeps collateral.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<Inner>);

struct Inner {
    engine: Engine,
    fetcher: Option<Fetcher>,
    folder: PathBuf,
    seats: Semaphore,
    /// What is being looked for (`None`), or was not found: not before then.
    busy: Mutex<HashMap<(ComputationId, Digest), Option<Instant>>>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("no file in `{}` is for {need}, and no service is configured", folder.display())]
    NoFile { folder: PathBuf, need: Box<Need> },
}

/// Names the collateral of a piece of evidence among the files of its computation.
pub(crate) fn place(evidence: &Evidence) -> Place {
    Place::Collateral(Digest::of(&evidence.quote.0))
}

/// Whether anything vouches for evidence of that kind.
pub(crate) const fn exists_for(kind: EvidenceKind) -> bool {
    !matches!(kind, EvidenceKind::Simulated | EvidenceKind::Tpm)
}

impl Keeper {
    pub(crate) fn new(config: &Config, engine: Engine) -> Self {
        Self(Arc::new(Inner {
            engine,
            fetcher: config.collateral.clone().map(Fetcher::new),
            folder: config.data_dir.join("collateral"),
            seats: Semaphore::new(AT_ONCE),
            busy: Mutex::default(),
        }))
    }

    /// Starts to look for what the evidence of the identity that stands needs, if nobody does so already.
    pub(crate) fn want_for_standing(&self, state: &State) {
        if let Some(identity) = &state.identity {
            self.want(state.computation, identity);
        }
    }

    /// Starts to look for what an identity's evidence needs, if nobody does so already.
    pub(crate) fn want(&self, id: ComputationId, identity: &Identity) {
        self.look_for(id, identity, false);
    }

    /// The same for what has run out. The service may have nothing newer: it is not asked all the time.
    pub(crate) fn want_newer(&self, id: ComputationId, identity: &Identity) {
        self.look_for(id, identity, true);
    }

    fn look_for(&self, id: ComputationId, identity: &Identity, newer: bool) {
        let inner = &self.0;
        if !exists_for(identity.evidence.kind)
            || (inner.fetcher.is_none() && !inner.folder.is_dir())
        {
            return;
        }
        let key = (id, Digest::of(&identity.evidence.quote.0));
        if !inner.begin(key) {
            return;
        }
        let (keeper, evidence) = (self.clone(), identity.evidence.clone());
        tokio::spawn(async move {
            let kept = keeper.find_and_keep(id, evidence).await;
            keeper.0.end(key, kept.is_none() || newer);
        });
    }

    async fn find_and_keep(&self, id: ComputationId, evidence: Evidence) -> Option<()> {
        let _seat = self.0.seats.acquire().await.ok()?;
        let place = place(&evidence);
        let (tell, told) = oneshot::channel();
        let inner = Arc::clone(&self.0);
        // A thread of its own: a slow service does not keep the server from stopping.
        let spawned = thread::Builder::new()
            .name("collateral".to_owned())
            .spawn(move || drop(tell.send(inner.find(&evidence))));
        if let Err(error) = spawned {
            tracing::warn!(computation = %id, "cannot start a thread for collateral: {error}");
            return None;
        }
        let collateral = match told.await.ok()? {
            Ok(collateral) => collateral,
            Err(missing) => {
                let why = with_causes(&missing);
                tracing::warn!(computation = %id, "no collateral: {why}");
                return None;
            }
        };
        match self.keep(id, place, &collateral).await {
            Ok(kept) => kept.then_some(()),
            Err(failure) => {
                tracing::warn!(computation = %id, "cannot keep collateral: {failure:?}");
                None
            }
        }
    }

    async fn keep(&self, id: ComputationId, place: Place, found: &Collateral) -> Answer<bool> {
        let engine = &self.0.engine;
        let text = Bytes::from(found.write());
        let limits = Limits { max_bytes: MAX_FILE as u64, idle: Duration::from_secs(60) };
        let pieces = futures::stream::iter([Ok(text)]);
        let stored = Incoming::of_pieces(pieces, limits).store(engine).await?;
        let upload::Stored { blob, size, sha256 } = stored;
        let file = File { computation: id, place: place.clone(), sha256, size, blob: blob.clone() };
        let kept = engine.keep_collateral(file).await;
        upload::settle(engine, id, &place, sha256, blob).await;
        if matches!(kept, Ok(true)) {
            tracing::info!(computation = %id, size, "collateral is kept");
        }
        kept
    }
}

impl Inner {
    /// Whether to look now. It is being looked for from then on.
    fn begin(&self, key: (ComputationId, Digest)) -> bool {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        busy.retain(|_, not_before| not_before.is_none_or(|time| time > now));
        if busy.contains_key(&key) {
            return false;
        }
        busy.insert(key, None);
        true
    }

    fn end(&self, key: (ComputationId, Digest), pause: bool) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if pause {
            busy.insert(key, Some(Instant::now() + PAUSE));
        } else {
            busy.remove(&key);
        }
    }

    /// From the service; from the operator's files if there is none, or it fails.
    fn find(&self, evidence: &Evidence) -> Result<Collateral, Missing> {
        let need = Need::of(evidence).map_err(FetchError::from)?;
        let need = need.ok_or(FetchError::from(NeedError::Unsigned))?;
        let now = u64::try_from(crate::db::now_ms() / 1000).unwrap_or_default();
        let fetched = match &self.fetcher {
            Some(fetcher) => match fetcher.fetch(evidence.kind, &need, now) {
                Ok(found) => return Ok(found),
                Err(error) => Err(error.into()),
            },
            None => Err(Missing::NoFile { folder: self.folder.clone(), need: need.clone().into() }),
        };
        let filed = file_for(&self.folder, &need);
        filed
            .map(|Collateral { endorsements, .. }| {
                let items = endorsements.into_iter().map(|item| item.0).collect();
                Collateral::new(evidence.kind, items)
            })
            .map_or(fetched, Ok)
    }
}

/// The operator's file that meets `need`, and counts for longest.
fn file_for(folder: &Path, need: &Need) -> Option<Collateral> {
    let entries = fs::read_dir(folder).ok()?.take(MAX_FILES).flatten();
    let read = |entry: fs::DirEntry| {
        let mut bytes = Vec::new();
        let file = fs::File::open(entry.path()).ok()?;
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).ok()?;
        match Collateral::read(&bytes) {
            Ok(found) => Some(found).filter(|found| need.is_met_by(found)),
            Err(error) => {
                tracing::warn!("`{}` is no collateral: {error}", entry.path().display());
                None
            }
        }
    };
    entries.filter_map(read).max_by_key(Collateral::expires)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
