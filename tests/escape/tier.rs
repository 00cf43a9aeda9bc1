//! Who starts the jail: root, an ordinary user, an ordinary user whom the system grants no namespaces.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sealroom_packages::Runtimes;
use sealroom_protocol::RuntimeName;
use sealroom_sandbox::{Launcher, Runtime};

/// Who starts the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Whoever runs the tests, if that is root.
    Root,
    /// A user like any other, without groups and capabilities; or whoever runs the tests, if that is not root.
    User,
    /// The same, within a user namespace that may have no others below it.
    WithoutNamespaces,
}

/// What kind of jail came of it: what stops an attempt depends on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walls {
    /// A root of its own and a uid of its own.
    Root,
    /// A root of its own, the starter's uid.
    User,
    /// Landlock and system call filters on the machine's own files.
    WithoutNamespaces,
}

/// A launcher and the jail that it builds here.
pub(crate) struct Started {
    pub(crate) launcher: Launcher,
    pub(crate) layers: Vec<String>,
    pub(crate) walls: Walls,
}

impl Tier {
    /// Starts a launcher; `None` if the one who runs the tests can't be that user.
    pub(crate) fn start(self, runtime: &Runtime) -> Option<Started> {
        let stage = Path::new(env!("CARGO_BIN_EXE_sealroom-sandbox-stage"));
        let we_are_root = rustix::process::geteuid().is_root();
        let (launcher, wrapper) = match (self, we_are_root) {
            (Self::Root, true) | (Self::User, false) => (Launcher::start_with(stage), None),
            (Self::Root | Self::WithoutNamespaces, false) => return None,
            (Self::User | Self::WithoutNamespaces, true) => {
                let wrapper = Wrapper::new(self, stage);
                (Launcher::start_with(&wrapper.script), Some(wrapper))
            }
        };
        let launcher = launcher.expect("a launcher");
        let layers = match launcher.probe(runtime) {
            Ok(report) => report.jail,
            Err(error) => {
                panic!("{self:?}: {error}\n{}", wrapper.map(|w| w.said()).unwrap_or_default())
            }
        };
        let has = |name| layers.iter().any(|layer| layer == name);
        let walls = match (has("private-root"), self) {
            (false, _) => Walls::WithoutNamespaces,
            (true, Self::Root) => Walls::Root,
            (true, _) => Walls::User,
        };
        Some(Started { launcher, layers, walls })
    }
}

/// A script that becomes another user and then the launcher.
struct Wrapper {
    folder: tempfile::TempDir,
    script: PathBuf,
}

/// What an ordinary user needs to reach may lie in a folder that is closed to him: a home, as a rule. In mounts of our
/// own we put an empty open folder in its place, with nothing in it but what is needed.
impl Wrapper {
    fn new(tier: Tier, stage: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("escape-").tempdir().unwrap();
        let script = folder.path().join("launcher");
        let runtimes = Runtimes::locate(None).unwrap();
        let interpreter = runtimes.installed(&RuntimeName::default()).unwrap().base_prefix;
        let needed = [stage.to_owned(), runtimes.root().to_owned(), interpreter];
        let text = format!(
            "#!/bin/sh\n\
             # Started by the tests: see tests/escape/tier.rs.\n\
             set -eu\n\
             PATH=/usr/sbin:/usr/bin:/sbin:/bin\n\
             exec 2>>{errors}\n\
             if [ \"$1\" != inside ]; then\n\
             \texec unshare --mount --propagation private -- \"$0\" inside \"$@\"\n\
             fi\n\
             shift\n\
             {opened}\
             set -- {stage} \"$@\"\n\
             {namespaces}\
             exec setpriv --reuid {uid} --regid {uid} --clear-groups \
             --inh-caps=-all --bounding-set=-all -- \"$@\"\n",
            errors = quoted(&folder.path().join("errors")),
            opened = opened(&needed, folder.path()),
            stage = quoted(stage),
            uid = ordinary_uid(),
            namespaces = match tier {
                Tier::WithoutNamespaces => NO_MORE_NAMESPACES,
                _ => "",
            },
        );
        std::fs::write(&script, text).unwrap();
        for path in [folder.path(), &script] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self { folder, script }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }
}

/// The user of jails that root does not start. Of no service and, as a rule, of no other tests that run at the same time: what a user may do to his own processes
/// must not depend on whose tests they are.
pub(crate) fn ordinary_uid() -> u32 {
    match rustix::process::geteuid() {
        root if root.is_root() => 50_000 + std::process::id() % 10_000,
        ours => ours.as_raw(),
    }
}

/// Inside a user namespace, its owner may say that there are no more below it.
const NO_MORE_NAMESPACES: &str = "\
set -- unshare --user --map-current-user --keep-caps -- sh -c '\n\
\techo 0 >/proc/sys/user/max_user_namespaces\n\
\texec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all -- \"$@\"\n\
' sh \"$@\"\n";

/// Commands that make `needed` reachable for everybody.
fn opened(needed: &[PathBuf], aside: &Path) -> String {
    let mut commands = String::new();
    let mut replaced: Vec<&Path> = Vec::new();
    for (number, path) in needed.iter().enumerate() {
        let Some(closed) = closed(path) else { continue };
        let stash = quoted(&aside.join(number.to_string()));
        let (make, place) = match path.is_dir() {
            true => ("mkdir -p", quoted(path)),
            false => ("touch", quoted(path)),
        };
        let parent = quoted(path.parent().expect("not the root folder"));
        let kept = format!("{make} {stash}\nmount --rbind {place} {stash}\n");
        let shown = format!("mkdir -p {parent}\n{make} {place}\nmount --rbind {stash} {place}\n");
        // All are kept aside before the first folder is replaced.
        commands.insert_str(0, &kept);
        if !replaced.contains(&closed) {
            commands += &format!("mount -t tmpfs -o mode=0755 tmpfs {}\n", quoted(closed));
            replaced.push(closed);
        }
        commands += &shown;
    }
    commands
}

/// The topmost folder above `path` that only some may enter.
fn closed(path: &Path) -> Option<&Path> {
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    let open = |folder: &&&Path| {
        std::fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o5 == 0o5)
    };
    above.into_iter().rev().find(|folder| !open(&folder))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
