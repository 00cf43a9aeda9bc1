//! Times jails beside the bare interpreter, in turns, and prints Markdown tables. For `benches/jail.sh`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::error::Error;
use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sealroom_packages::{Ready, Runtimes};
use sealroom_sandbox::{
    CodeFile, Exit, Job, Launcher, Limits, Participants, ResultWriter, Results, Runtime, WarmJail,
};

const IMPORT: &str = "import pandas";
const WORK: &str = include_str!("../../../benches/jail.py");

fn main() -> ExitCode {
    if let Some(code) = sealroom_sandbox::run_hidden_stage() {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("time_jail: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let numbers: Result<Vec<u32>, _> = std::env::args().skip(1).map(|word| word.parse()).collect();
    let [rounds, seconds, work_rounds] = numbers?[..] else {
        return Err("time_jail ROUNDS SECONDS WORK_ROUNDS".into());
    };
    let bench = Bench::new()?;
    println!("{}\n", bench.launcher.probe(&bench.runtime)?.jail.join(", "));
    bench.starts(rounds)?;
    if work_rounds > 0 {
        bench.work(seconds, work_rounds)?;
    }
    Ok(())
}

struct Bench {
    launcher: Launcher,
    // What holds the packages.
    _ready: Ready,
    runtime: Runtime,
    packages: String,
    interpreter: String,
    limits: Limits,
}

/// One way of running Python, measured.
type Way<'a> = (&'a str, Box<dyn Fn() -> Result<Took, Box<dyn Error>> + 'a>);

/// What it took: until its end by the clock, and the seconds of processor time that it printed, if it did.
struct Took {
    clock: Duration,
    work: f64,
}

/// One of its two figures.
type Seconds = fn(&Took) -> f64;

impl Took {
    fn new(clock: Duration, said: &[u8]) -> Self {
        Self { clock, work: String::from_utf8_lossy(said).trim().parse().unwrap_or(f64::NAN) }
    }
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let ready = Runtimes::locate(None)?.ready(&"default".parse()?)?;
        let runtime = ready.runtime()?;
        let interpreter = ready.installed.interpreter.display().to_string();
        let folder = ready.layer.as_ref().map(|layer| layer.folder().display().to_string());
        let packages = folder.ok_or("the runtime `default` has no packages")?;
        let limits = Limits { memory_bytes: 8 << 30, ..Limits::default() };
        Ok(Self {
            launcher: Launcher::start()?,
            _ready: ready,
            runtime,
            packages,
            interpreter,
            limits,
        })
    }

    /// From the order to start to the last process's end, of programs that do next to nothing.
    fn starts(&self, rounds: u32) -> Result<(), Box<dyn Error>> {
        let plain = |words: &'static [&'static str]| move || self.bare(words);
        let isolated: &[&str] = &["-I", "-S", "-c", "pass"];
        let ways: [Way<'_>; 8] = [
            ("`python3 -c pass`", Box::new(plain(&["-c", "pass"]))),
            ("`python3 -I -S -c pass`", Box::new(plain(isolated))),
            ("cold jail", Box::new(|| self.cold("pass"))),
            ("warm jail", Box::new(|| self.warm("pass", &[]))),
            ("`import pandas`, bare", Box::new(|| self.bare_script(IMPORT))),
            ("`import pandas`, cold jail", Box::new(|| self.cold(IMPORT))),
            ("`import pandas`, warm jail", Box::new(|| self.warm(IMPORT, &[]))),
            ("`import pandas`, preloaded", Box::new(|| self.warm(IMPORT, &["pandas"]))),
        ];
        let mut times = vec![Vec::new(); ways.len()];
        for round in 0..=rounds {
            for ((_, way), times) in ways.iter().zip(&mut times) {
                let took = way()?.clock;
                // The first fills caches.
                if round > 0 {
                    times.push(took);
                }
            }
        }
        let columns = "median, ms | least | most | beside `python3 -c pass` | beside `-I -S`";
        println!("| {rounds} rounds in turns | {columns} |\n|---|---|---|---|---|---|");
        times.iter_mut().for_each(|times| times.sort());
        let median = |at: usize| ms(times[at][times[at].len() / 2]);
        for (at, (name, _)) in ways.iter().enumerate() {
            let (least, most) = (ms(times[at][0]), ms(times[at][times[at].len() - 1]));
            let beside = [0, 1].map(|base| median(at) - median(base));
            println!(
                "| {name} | {:.1} | {least:.1} | {most:.1} | {:+.1} | {:+.1} |",
                median(at),
                beside[0],
                beside[1]
            );
        }
        Ok(())
    }

    /// A minute of tables in one process.
    fn work(&self, seconds: u32, rounds: u32) -> Result<(), Box<dyn Error>> {
        let script = |repeat: u32| format!("REPEAT = {repeat}\n{WORK}");
        // As often as takes the time that was asked for, by a measurement of a tenth of it.
        let mut repeat = 1;
        let target = Duration::from_secs(seconds.into());
        while self.bare_script(&script(repeat))?.clock < target / 10 {
            repeat *= 2;
        }
        let took = self.bare_script(&script(repeat))?.clock;
        let repeat = (f64::from(repeat) * target.as_secs_f64() / took.as_secs_f64()).ceil() as u32;
        let (mut bare, mut jailed) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprintln!("time_jail: round {round} of {rounds} of {seconds} s each way");
            bare.push(self.bare_script(&script(repeat))?);
            jailed.push(self.cold(&script(repeat))?);
        }
        println!(
            "\n| pandas, {rounds} rounds in turns | median, s | least | most | ratio of medians |"
        );
        println!("|---|---|---|---|---|");
        // What a busy machine takes away shows in the clock, far less in the processor time.
        let kinds: [(&str, Seconds); 2] = [
            ("by the clock", |took| took.clock.as_secs_f64()),
            ("processor time", |took| took.work),
        ];
        for (kind, seconds) in kinds {
            let base = middle(&bare, seconds).1;
            for (name, times) in [("bare", &bare), ("jailed", &jailed)] {
                let (least, median, most) = middle(times, seconds);
                let ratio = median / base;
                println!("| {name}, {kind} | {median:.2} | {least:.2} | {most:.2} | {ratio:.3} |");
            }
        }
        Ok(())
    }

    fn bare(&self, words: &[&str]) -> Result<Took, Box<dyn Error>> {
        let begin = Instant::now();
        let output = Command::new(&self.interpreter)
            .args(words)
            .env_clear()
            .envs([("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let clock = begin.elapsed();
        if !output.status.success() {
            return Err(format!("the interpreter ended with {}", output.status).into());
        }
        Ok(Took::new(clock, &output.stdout))
    }

    /// With the packages that a run has.
    fn bare_script(&self, script: &str) -> Result<Took, Box<dyn Error>> {
        let script = format!("import sys\nsys.path.append({:?})\n{script}", self.packages);
        self.bare(&["-I", "-S", "-B", "-X", "utf8", "-c", &script])
    }

    fn cold(&self, script: &str) -> Result<Took, Box<dyn Error>> {
        self.time(script, |job| self.launcher.run(&self.runtime, job))
    }

    /// From the job on: the jail was started before.
    fn warm(&self, script: &str, preload: &[&str]) -> Result<Took, Box<dyn Error>> {
        let warm: WarmJail = self.launcher.warm(&self.runtime, &self.limits, preload)?;
        self.time(script, |job| self.launcher.run_in(warm, job))
    }

    fn time(
        &self,
        script: &str,
        run: impl FnOnce(Job<'_>) -> Result<sealroom_sandbox::Outcome, sealroom_sandbox::SandboxError>,
    ) -> Result<Took, Box<dyn Error>> {
        let source = Arc::new(script.as_bytes().to_vec());
        let job = Job {
            code: vec![CodeFile { path: "run.py".to_owned(), sealed: true, source }],
            inputs: Vec::new(),
            participants: Participants::default(),
            limits: self.limits.clone(),
            layers: &[],
            results: &mut Nowhere,
            cancel: &AtomicBool::new(false),
        };
        let begin = Instant::now();
        let outcome = run(job)?;
        let clock = begin.elapsed();
        match outcome.exit {
            Exit::Code(0) => Ok(Took::new(clock, &outcome.log)),
            exit => Err(format!("{exit:?}: {}", String::from_utf8_lossy(&outcome.log)).into()),
        }
    }
}

/// No results here.
struct Nowhere;

impl Results for Nowhere {
    fn begin(&mut self, _: &[u32], _: &str) -> io::Result<Box<dyn ResultWriter>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Least, median and most.
fn middle(times: &[Took], seconds: Seconds) -> (f64, f64, f64) {
    let mut all: Vec<f64> = times.iter().map(seconds).collect();
    all.sort_by(f64::total_cmp);
    (all[0], all[all.len() / 2], all[all.len() - 1])
}
