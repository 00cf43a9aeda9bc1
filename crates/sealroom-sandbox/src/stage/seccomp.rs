//! seccomp: which system calls a run may make. An allow-list; whatever is not on it answers EPERM.
//!
//! Two filters, because a filter has one answer. `clone3`, `openat2` and `io_uring_setup` hide their arguments from
//! filters; answering ENOSYS makes the C library fall back to calls that can be looked at.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::StepError;

mod calls;

/// Namespaces that `clone` could make.
const NEW_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;
/// What may be asked of a descriptor: is it a terminal, how wide, how much is there; nothing that types into one.
const IOCTLS: [libc::Ioctl; 6] =
    [libc::FIOCLEX, libc::FIONBIO, libc::FIONCLEX, libc::FIONREAD, libc::TCGETS, libc::TIOCGWINSZ];
/// What a process may ask about or set for itself.
const PRCTLS: [u64; 9] = [
    libc::PR_CAPBSET_READ as u64,
    libc::PR_GET_DUMPABLE as u64,
    libc::PR_GET_NAME as u64,
    libc::PR_GET_NO_NEW_PRIVS as u64,
    libc::PR_GET_SECCOMP as u64,
    libc::PR_SET_NAME as u64,
    libc::PR_SET_PDEATHSIG as u64,
    libc::PR_SET_THP_DISABLE as u64,
    libc::PR_SET_VMA as u64,
];

/// Both filters, in the order of installing.
pub(super) struct Filters([BpfProgram; 2]);

/// Compiles the filters.
pub(super) fn compile() -> Result<Filters, StepError> {
    let arch: TargetArch =
        std::env::consts::ARCH.try_into().map_err(StepError::at("name the processor"))?;
    let absent = calls::ABSENT.iter().map(|call| (*call, Vec::new())).collect();
    let enosys = SeccompAction::Errno(libc::ENOSYS as u32);
    let eperm = SeccompAction::Errno(libc::EPERM as u32);
    let absent = program(absent, SeccompAction::Allow, enosys, arch)?;
    let allowed = program(allowed()?, eperm, SeccompAction::Allow, arch)?;
    Ok(Filters([absent, allowed]))
}

/// Installs them, the allow-list last: it does not allow installing more.
pub(super) fn install(filters: &Filters) -> Result<(), StepError> {
    for filter in &filters.0 {
        seccompiler::apply_filter(filter).map_err(StepError::at("filter system calls"))?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn allowed() -> Result<Rules, StepError> {
    // On two refusals the filter installed last would win: the absent ones are let through here.
    let plain = calls::ALLOWED.iter().chain(&calls::ABSENT).chain(calls::OLD_ALLOWED);
    let mut rules: Rules = plain.map(|call| (*call, Vec::new())).collect();
    let no_namespaces = SeccompCmpOp::MaskedEq(NEW_NAMESPACES);
    rules.insert(libc::SYS_clone, vec![rule(0, no_namespaces, 0)?]);
    rules.insert(libc::SYS_ioctl, one_of(1, &IOCTLS.map(u64::from))?);
    rules.insert(libc::SYS_prctl, one_of(0, &PRCTLS)?);
    rules.insert(libc::SYS_socketpair, connected_pairs()?);
    // Reads limits, never sets them.
    let pointer = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0);
    let getter = pointer.and_then(|condition| SeccompRule::new(vec![condition]));
    rules.insert(libc::SYS_prlimit64, vec![getter.map_err(StepError::at("write a rule"))?]);
    Ok(rules)
}

/// Pairs of connected sockets alone: a datagram can be sent from one of a pair to any other socket that has a path.
fn connected_pairs() -> Result<Vec<SeccompRule>, StepError> {
    const KIND: u64 = 0xf;
    let rule = |kind: i32| {
        let equals = |argument, op, value: i32| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value as u64)
        };
        let unix = equals(0, SeccompCmpOp::Eq, libc::AF_UNIX);
        let kind = equals(1, SeccompCmpOp::MaskedEq(KIND), kind);
        let both = unix.and_then(|unix| Ok(vec![unix, kind?]));
        both.and_then(SeccompRule::new).map_err(StepError::at("write a rule"))
    };
    [libc::SOCK_STREAM, libc::SOCK_SEQPACKET].into_iter().map(rule).collect()
}

fn one_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, StepError> {
    values.iter().map(|value| rule(argument, SeccompCmpOp::Eq, *value)).collect()
}

fn rule(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, StepError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(StepError::at("write a rule"))
}

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, StepError> {
    let filter = SeccompFilter::new(rules, otherwise, on_match, arch);
    filter.and_then(TryInto::try_into).map_err(StepError::at("compile the system call filter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_and_hold_the_dangerous_calls_off() {
        compile().unwrap();
        let rules = allowed().unwrap();
        let dangerous = [
            libc::SYS_bpf,
            libc::SYS_chroot,
            libc::SYS_connect,
            libc::SYS_keyctl,
            libc::SYS_memfd_create,
            libc::SYS_mount,
            libc::SYS_perf_event_open,
            libc::SYS_process_vm_readv,
            libc::SYS_ptrace,
            libc::SYS_seccomp,
            libc::SYS_setns,
            libc::SYS_setuid,
            libc::SYS_socket,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ];
        for call in dangerous {
            assert!(!rules.contains_key(&call), "{call}");
        }
    }
}
