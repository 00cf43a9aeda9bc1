//! v2 against a model of its rules, v1 against this machine's kernel.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::model::Model;
use super::*;

const BOUNDS: Bounds = Bounds { memory_bytes: 1 << 28, processes: 20, cpus: Some(2) };

fn is_ours(model: &mut Model, path: &str, shared: &[&str]) {
    model.group(path, |group| {
        group.writable = true;
        group.shared = shared.iter().map(|name| (*name).to_owned()).collect();
    });
}

fn run_name() -> String {
    format!("sealroom-42-{}", std::process::id())
}

#[test]
fn in_v2_a_run_is_bound_below_the_nearest_cgroup_that_shares_out_memory_and_processes() {
    let mut model = Model::new("/a/b/c");
    is_ours(&mut model, "/a", &["cpu", "memory", "pids"]);
    is_ours(&mut model, "/a/b", &["memory", "pids"]);
    let cgroups = Cgroups::make(&model, &BOUNDS);
    let path = format!("/a/b/{}", run_name());
    let settings = model.look(&path).expect("made there").settings;
    let expected = [
        ("memory.max", "268435456"),
        ("memory.oom.group", "1"),
        ("memory.swap.max", "0"),
        ("pids.max", "21"),
    ];
    assert!(settings.iter().map(|(a, b)| (a.as_str(), b.as_str())).eq(expected), "{settings:?}");
    let doors = cgroups.doors();
    assert_eq!(doors.len(), 1);
    assert_eq!(doors[0].binds, [Controller::Memory, Controller::Pids]);
    model.write(&doors[0].file, "0").unwrap();
    assert!(model.look(&path).unwrap().processes.contains(&std::process::id()));
}

#[test]
fn in_v2_memory_alone_is_better_than_nothing_and_no_share_of_processors_is_set_unasked() {
    let mut model = Model::new("/a/b");
    is_ours(&mut model, "/a", &["cpu", "memory"]);
    let cgroups = Cgroups::make(&model, &Bounds { cpus: None, ..BOUNDS });
    assert_eq!(cgroups.doors()[0].binds, [Controller::Memory, Controller::Cpu]);
    let settings = model.look(&format!("/a/{}", run_name())).unwrap().settings;
    assert!(!settings.contains_key("cpu.max"), "{settings:?}");
    cgroups.remove(&model);
    let cgroups = Cgroups::make(&model, &BOUNDS);
    let settings = model.look(&format!("/a/{}", run_name())).unwrap().settings;
    assert_eq!(settings["cpu.max"], "200000 100000");
    cgroups.remove(&model);
    assert_eq!(model.look(&format!("/a/{}", run_name())), None);
}

#[test]
fn what_is_not_ours_to_change_is_left_alone() {
    let model = Model::new("/a/b");
    let before = model.groups.borrow().clone();
    prepare(&model);
    assert!(Cgroups::make(&model, &BOUNDS).doors().is_empty());
    assert_eq!(*model.groups.borrow(), before);
}

#[test]
fn a_delegated_cgroup_is_made_ready_once() {
    let mut model = Model::new("/service");
    is_ours(&mut model, "/service", &[]);
    // Our parent, a child of ours, and its child.
    let us = std::process::id();
    model.process(500, us);
    model.process(501, 500);
    model.group("/service", |group| group.processes.extend([77, 500, 501]));
    prepare(&model);
    let leaf = model.look("/service/sealroom-host").expect("a leaf");
    assert_eq!(leaf.processes, [77, 500, 501, us].into());
    assert_eq!(model.look("/service").unwrap().processes, [].into());
    // As the next launcher finds it.
    model.proc("self/cgroup", "0::/service/sealroom-host\n");
    let before = model.groups.borrow().clone();
    prepare(&model);
    assert_eq!(*model.groups.borrow(), before);
    let doors = Cgroups::make(&model, &BOUNDS).doors();
    assert_eq!(doors[0].binds, Controller::ALL);
    model.write(&doors[0].file, "0").unwrap();
}

#[test]
fn a_cgroup_with_strangers_in_it_is_not_taken_over() {
    let mut model = Model::new("/session");
    is_ours(&mut model, "/session", &[]);
    model.process(900, 77);
    model.group("/session", |group| _ = group.processes.insert(900));
    let before = model.groups.borrow().clone();
    prepare(&model);
    assert_eq!(*model.groups.borrow(), before);
}

#[test]
fn the_root_of_all_is_never_taken_over() {
    let mut model = Model::new("/");
    is_ours(&mut model, "/", &[]);
    let before = model.groups.borrow().clone();
    prepare(&model);
    assert_eq!(*model.groups.borrow(), before);
}

#[test]
fn a_container_sees_its_own_part_of_the_hierarchy() {
    let mut model = Model::new("/");
    is_ours(&mut model, "/", &["memory", "pids"]);
    model.proc(
        "self/mountinfo",
        "30 1 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n31 1 0:27 / /proc rw - proc proc rw",
    );
    model.proc("self/cgroup", "0::/docker/abc\n");
    assert_eq!(Cgroups::make(&model, &BOUNDS).doors().len(), 1);
    model.proc("self/cgroup", "0::/docker/other\n");
    assert!(place::find(&model).is_empty());
    model.proc("self/cgroup", "0::/docker/abc/../other\n");
    assert!(place::find(&model).is_empty());
}

#[test]
fn what_killed_launchers_left_is_swept_if_it_is_empty_and_nobodys() {
    let mut model = Model::new("/a/b");
    is_ours(&mut model, "/a", &["memory", "pids"]);
    model.process(300, 1);
    model.proc("303/stat", "303 (dead) Z 1 0 0");
    let folders = [
        "sealroom-42-300",
        "sealroom-42-301",
        "sealroom-42-302",
        "sealroom-42-303",
        "sealroom-7-301",
        "sealroom-host",
        "other",
    ];
    for folder in folders {
        model.group(&format!("/a/{folder}"), |group| group.writable = true);
    }
    model.group("/a/sealroom-42-302", |group| _ = group.processes.insert(999));
    sweep(&model);
    assert_eq!(model.look("/a/sealroom-42-301"), None);
    assert_eq!(model.look("/a/sealroom-42-303"), None);
    for folder in ["sealroom-42-300", "sealroom-42-302", "sealroom-7-301", "sealroom-host", "other"]
    {
        assert!(model.look(&format!("/a/{folder}")).is_some(), "{folder}");
    }
}

#[test]
fn what_is_left_of_a_killed_jail_is_killed_and_removed() {
    let mut model = Model::new("/a/b");
    is_ours(&mut model, "/a", &["memory", "pids"]);
    model.group("/a/sealroom-42-300", |group| {
        group.writable = true;
        group.processes.insert(999);
    });
    clear_after(&model, 300);
    assert_eq!(model.look("/a/sealroom-42-300"), None);
}

#[test]
fn v2_tells_of_the_peak_and_of_kills() {
    let mut model = Model::new("/a/b");
    is_ours(&mut model, "/a", &["memory", "pids"]);
    let cgroups = Cgroups::make(&model, &BOUNDS);
    assert_eq!(cgroups.seen(&model), Seen::default());
    model.group(&format!("/a/{}", run_name()), |group| {
        let settings = &mut group.settings;
        settings.insert("memory.peak".to_owned(), "123\n".to_owned());
        settings.insert("memory.events".to_owned(), "low 0\noom 1\noom_kill 2\n".to_owned());
    });
    assert_eq!(cgroups.seen(&model), Seen { peak_memory_bytes: Some(123), out_of_memory: true });
}

/// Cgroups of this machine under a name of the test's own thread, or none where it grants none.
struct Real(Option<Cgroups>);

impl Real {
    fn make(bounds: &Bounds) -> Self {
        // Tests share a process and the name with it.
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock();
        let made = Cgroups::make(&System, bounds);
        let groups = made.groups.into_iter().map(|group| {
            let new = group.path.with_file_name(format!(
                "sealroom-test-{}-{}",
                std::process::id(),
                bounds.processes
            ));
            let _ = std::fs::rename(&group.path, &new);
            Group { path: new, ..group }
        });
        Self(Some(Cgroups { groups: groups.collect() }))
    }

    fn group(&self, controller: Controller) -> Option<&Group> {
        let groups = &self.0.as_ref()?.groups;
        let group = groups.iter().find(|group| group.binds.contains(&controller));
        if group.is_none() {
            println!("skipped: this machine grants no {} cgroup", controller.name());
        }
        group
    }

    /// A shell that enters all of them, then does what is said.
    fn shell(&self, script: &str) -> Child {
        let doors = self.0.as_ref().map(Cgroups::doors).unwrap_or_default();
        let enter: String =
            doors.iter().map(|door| format!("echo 0 > {}; ", door.file.display())).collect();
        Command::new("/bin/sh")
            .args(["-c", &format!("{enter}{script}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(cgroups) = self.0.take() {
            let paths: Vec<_> = cgroups.groups.iter().map(|group| group.path.clone()).collect();
            cgroups.remove(&System);
            assert!(paths.iter().all(|path| !path.exists()), "{paths:?}");
        }
    }
}

#[test]
fn here_the_number_of_processes_is_bound_and_who_is_left_is_killed() {
    let real = Real::make(&Bounds { processes: 11, ..BOUNDS });
    let Some(group) = real.group(Controller::Pids) else { return };
    let maximum = System.read(&group.path.join("pids.max")).unwrap();
    assert_eq!(maximum.trim(), "12");
    let mut shell = real.shell("for n in $(seq 40); do sleep 1000 >/dev/null & done; echo unbound");
    let mut said = String::new();
    // A shell that cannot fork ends.
    shell.stdout.take().unwrap().read_to_string(&mut said).unwrap_or_default();
    assert!(!said.contains("unbound"));
    drop(real);
    shell.wait().unwrap();
}

#[test]
fn here_the_share_of_processors_is_bound() {
    let real = Real::make(&Bounds { processes: 13, cpus: Some(1), ..BOUNDS });
    let Some(group) = real.group(Controller::Cpu) else { return };
    let names = ["cpu.cfs_quota_us", "cpu.max"];
    let quota = names.iter().find_map(|name| System.read(&group.path.join(name)).ok()).unwrap();
    assert_eq!(quota.split_whitespace().next(), Some("100000"));
    let mut inside = real.shell("echo in; exec sleep 1000");
    let mut lines = BufReader::new(inside.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "in");
    let processes = System.read(&group.path.join("cgroup.procs")).unwrap();
    assert_eq!(processes.trim(), inside.id().to_string());
    drop(real);
    inside.wait().unwrap();
}

#[test]
fn here_memory_of_every_kind_is_bound() {
    let real = Real::make(&Bounds { memory_bytes: 32 << 20, processes: 17, cpus: None });
    if real.group(Controller::Memory).is_none() {
        return;
    }
    let file = format!("/dev/shm/sealroom-test-{}", std::process::id());
    let script =
        format!("echo in; head -c 67108864 /dev/zero > {file}; echo \"it took $(wc -c < {file})\"");
    let mut shell = real.shell(&script);
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "in");
    let rest: String = lines.map_while(Result::ok).collect();
    let _ = std::fs::remove_file(&file);
    assert!(!rest.contains("67108864"), "{rest}");
    let seen = real.0.as_ref().unwrap().seen(&System);
    assert!(
        seen.out_of_memory && seen.peak_memory_bytes.is_some_and(|peak| peak <= 32 << 20),
        "{seen:?}"
    );
    shell.wait().unwrap();
}
