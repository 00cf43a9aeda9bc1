//! Packages that code adds to its runtime: the lock that came with it, or, for clients of 2022, the one that is made
//! here.

use crate::{
    Config, Offer,
    problem::{Answer, Failure},
};
use sealroom_protocol::{
    Lock, PackageName, Policy, Suite, api,
    code::REQUIREMENTS,
    package::{LOCK_FILE, MAX_LOCK},
};
use sealroom_resolve::{Fetched, Limits, Requirements, ResolveError, Target, Tools};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Resolutions at once; the others wait for their turn.
const AT_ONCE: usize = 2;
/// How long one may take: its client waits for the answer.
const LONGEST: Duration = Duration::from_secs(240);

/// The clear files of a code that say which packages it adds.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) requirements: Option<Vec<u8>>,
    pub(crate) lock: Option<Vec<u8>>,
}

impl Asked {
    /// How much of a clear file is of interest.
    pub(crate) const MOST: u64 = MAX_LOCK as u64 + 1;

    /// Where to keep the content of a clear file, if it is one of those.
    pub(crate) fn slot(&mut self, path: &str) -> Option<&mut Option<Vec<u8>>> {
        match path {
            REQUIREMENTS => Some(&mut self.requirements),
            LOCK_FILE => Some(&mut self.lock),
            _ => None,
        }
    }
}

/// What code adds.
pub(crate) enum Added {
    Nothing,
    /// By a lock that came along; its files were uploaded before.
    Locked(Lock),
    /// As it was resolved here; the files are in a folder that goes when this is dropped.
    Resolved(Fetched, tempfile::TempDir),
}

/// Makes locks for clients that send none.
pub(crate) struct Resolver {
    seats: Arc<Semaphore>,
    tools: Option<PathBuf>,
    spool: PathBuf,
}

impl Resolver {
    pub(crate) fn new(config: &Config) -> Self {
        let seats = Arc::new(Semaphore::new(AT_ONCE));
        Self { seats, tools: config.offer.tools.clone(), spool: config.data_dir.join("tmp") }
    }

    /// What the code adds, by what it brings.
    pub(crate) async fn added(
        &self,
        asked: Asked,
        suite: Suite,
        policy: &Policy,
        offer: &Offer,
    ) -> Answer<Added> {
        let requirements = asked.requirements.map(|text| Requirements::parse(&text)).transpose();
        let requirements = requirements.map_err(|error| {
            let hint =
                error.hint().unwrap_or_else(|| "mend it, and push the code again".to_owned());
            Failure::invalid(format!("`{REQUIREMENTS}`: {}", with_causes(&error)), hint)
        })?;
        let requirements = requirements.filter(|found| !found.is_empty());
        match (suite, requirements, asked.lock) {
            // A file of that name means nothing to a client of 2022.
            (Suite::Sodium, None, _) | (Suite::Hybrid, None, None) => Ok(Added::Nothing),
            (Suite::Hybrid, _, Some(text)) => {
                let lock = Lock::parse(&text).map_err(|error| {
                    let detail = format!("`{LOCK_FILE}`: {}", with_causes(&error));
                    Failure::invalid(detail, "make it anew with `sealroom packages lock`")
                })?;
                Ok(Added::Locked(lock))
            }
            (Suite::Hybrid, Some(_), None) => {
                let detail =
                    format!("the code asks for packages, and has no `{LOCK_FILE}` that says which");
                Err(Failure::invalid(detail, "push it with `sealroom code push`, which makes one"))
            }
            (Suite::Sodium, Some(requirements), _) => {
                self.resolve(requirements, policy, offer).await
            }
        }
    }

    async fn resolve(
        &self,
        requirements: Requirements,
        policy: &Policy,
        offer: &Offer,
    ) -> Answer<Added> {
        let runtime = offer.runtimes.iter().find(|runtime| runtime.name == policy.runtime);
        let runtime = runtime.ok_or_else(|| offer.lacks(&policy.runtime))?;
        let target = target(runtime, policy);
        let fault =
            |error: std::io::Error| Failure::internal("cannot make a folder for packages", &error);
        let into = tempfile::tempdir_in(&self.spool).map_err(fault)?;
        let seat = Arc::clone(&self.seats).acquire_owned();
        let seat = tokio::time::timeout(LONGEST, seat).await;
        let Ok(Ok(seat)) = seat else {
            let detail = "too many codes with packages are being taken in at once";
            return Err(Failure::wrong_state(detail, "try again in a few minutes"));
        };
        let tools = self.tools.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let tools = Tools::locate(tools.as_deref())?;
            let limits = Limits { time: LONGEST, ..Limits::default() };
            let fetched =
                sealroom_resolve::resolve(&requirements, &target, &tools, &limits, into.path())?;
            Ok::<_, ResolveError>((fetched, into))
        });
        let resolved = task.await.map_err(|error| Failure::internal("a task failed", &error))?;
        let (fetched, into) = resolved.map_err(|error| {
            let hint =
                error.hint().unwrap_or_else(|| "mend `requirements.txt`, and try again".to_owned());
            Failure::invalid(format!("`{REQUIREMENTS}`: {}", with_causes(&error)), hint)
        })?;
        Ok(Added::Resolved(fetched, into))
    }
}

fn target(runtime: &api::Runtime, policy: &Policy) -> Target {
    let base = runtime.lock.packages.iter();
    let base: Vec<(PackageName, _)> = base.map(|p| (p.name.clone(), p.version.clone())).collect();
    Target {
        runtime: runtime.name.clone(),
        python: runtime.python.clone(),
        arch: runtime.arch.clone(),
        glibc: runtime.glibc,
        platform_tags: runtime.platform_tags.clone(),
        base,
        allow_source: policy.packages.allow_source.clone(),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
