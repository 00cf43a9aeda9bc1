//! A jail that was started before there was a job: its interpreter waits for the first word.

use std::time::Duration;

use crate::channel::Manifest;
use crate::error::SandboxError;
use crate::job::{Job, Limits, Outcome};
use crate::launcher::Launcher;
use crate::run::{self, Begun};
use crate::runtime::Runtime;

/// How long an interpreter may take to be ready, with what it imports.
const LONGEST_WARMING: Duration = Duration::from_secs(120);

/// An interpreter in its jail, all walls up, that has asked for its job and was told nothing yet. Good for one run;
/// dropped, it is killed.
#[derive(Debug)]
pub struct WarmJail {
    begun: Begun,
    limits: Limits,
    runtime: Runtime,
}

impl Launcher {
    /// Starts a jail up to where it needs to know the job, and waits until it is there.
    ///
    /// `preload` names modules of installed packages to import in it; one that cannot be imported is passed over. If
    /// the code brings a module of the same name, or of the name of one that came along, the interpreter starts once
    /// more without them: its own come first, as always.
    ///
    /// # Errors
    /// If the jail cannot be built here, the interpreter does not start in it, or a name is none of a module.
    pub fn warm(
        &self,
        runtime: &Runtime,
        limits: &Limits,
        preload: &[&str],
    ) -> Result<WarmJail, SandboxError> {
        if let Some(name) = preload.iter().find(|name| !is_module(name)) {
            return Err(SandboxError::NoModule { name: (*name).to_owned() });
        }
        let mut start = runtime.start(limits, "run");
        start.args.extend(preload.iter().map(|name| (*name).to_owned()));
        let mut begun = run::begin(self, &start)?;
        begun.wait_until_it_asks(LONGEST_WARMING)?;
        Ok(WarmJail { begun, limits: limits.clone(), runtime: runtime.clone() })
    }

    /// Runs a job to its end in a jail that waits for one; its time begins now. If that jail has ended meanwhile, in a
    /// new one.
    ///
    /// # Errors
    /// As [`run`](Self::run), and if the job has other limits than the jail was made with.
    pub fn run_in(&self, mut warm: WarmJail, job: Job<'_>) -> Result<Outcome, SandboxError> {
        if warm.limits != job.limits {
            return Err(SandboxError::OtherLimits);
        }
        if !warm.begun.still_waits() {
            return self.run(&warm.runtime, job);
        }
        let manifest = Manifest::of(&job)?;
        warm.begun.begins_now();
        warm.begun.run(&manifest, job).map(|ran| ran.outcome)
    }
}

/// Names joined by dots, in ASCII: nothing that an interpreter could take for an option.
fn is_module(name: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    name.split('.').all(is_name)
}
