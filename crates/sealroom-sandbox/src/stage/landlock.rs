//! Landlock: which files a run reaches at all, even if a mount or a permission were wrong.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::StepError;

/// The newest interface we know; kernels that know less enforce what they can.
const NEWEST: ABI = ABI::V7;

/// What a run may reach.
pub(super) struct Reach<'a> {
    /// Trees to read and execute.
    pub(super) readable: &'a [PathBuf],
    /// A tree whose folders may be listed.
    pub(super) listable: Option<&'a Path>,
    /// Single files to read and, devices that they are, to write.
    pub(super) devices: &'a [&'a str],
    /// Trees to do anything in but run programs and make device nodes.
    pub(super) writable: &'a [&'a Path],
}

/// Lets signals of this process and its children reach only one another; false if the kernel knows no such thing.
pub(super) fn keep_signals_in() -> Result<bool, StepError> {
    let step = |error| StepError::at::<landlock::RulesetError>("keep signals in")(error);
    rustix::thread::set_no_new_privs(true).map_err(StepError::at("forbid new privileges"))?;
    // Whoever restricts anything also forbids moving files to other folders, unless it is allowed.
    let status = Ruleset::default()
        .handle_access(AccessFs::Refer)
        .and_then(|ruleset| ruleset.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(["/"], AccessFs::Refer)))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(step)?;
    Ok(status.ruleset == RulesetStatus::FullyEnforced)
}

/// Enforces it on this process and its children; returns the layer's name, which tells the kernel's version of it.
pub(super) fn enforce(reach: &Reach<'_>) -> Result<String, StepError> {
    let step = |error| StepError::at::<landlock::RulesetError>("restrict files by landlock")(error);
    let node = AccessFs::MakeBlock | AccessFs::MakeChar;
    let writable = AccessFs::from_all(NEWEST) & !(node | AccessFs::Execute);
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(|r| r.add_rules(path_beneath_rules(reach.readable, AccessFs::from_read(NEWEST))))
        .and_then(|r| r.add_rules(path_beneath_rules(reach.listable, AccessFs::ReadDir)))
        .and_then(|r| r.add_rules(path_beneath_rules(reach.devices, device)))
        .and_then(|r| r.add_rules(path_beneath_rules(reach.writable, writable)))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(step)?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi }
            if status.ruleset != RulesetStatus::NotEnforced =>
        {
            Ok(format!("landlock-abi-{}", kernel_abi.unwrap_or(effective_abi as i32)))
        }
        _ => Err(StepError::at("restrict files by landlock")("this kernel does not offer it")),
    }
}
