use super::CommandResult;
use crate::{
    error::CliError,
    term::{Term, print},
};
use cast::{Cast, Person};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

mod cast;

/// Watch distrusting parties compute on data that none of them can see
///
/// Starts a server and an enclave on this machine, and plays every participant through the same
/// commands that you would use, each from a profile of its own. Nothing is left behind but results.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "sealroom-demo")]
    out: PathBuf,
    /// Where `hospital-a.csv` and `hospital-b.csv` are [default: where `make setup` put them]
    #[arg(long, value_name = "DIR")]
    hospitals: Option<PathBuf>,
}

macro_rules! example {
    ($path:literal) => {
        include_str!(concat!("../../../../examples/", $path))
    };
}

const HELLO: [(&str, &str); 2] = [
    ("run.py", example!("hello-world/run.py")),
    ("secret_module.py", example!("hello-world/secret_module.py")),
];
const PEOPLE: &str = example!("data/people.csv");
const HOSPITALS: [(&str, &str); 4] = [
    ("run.py", example!("two-hospitals/run.py")),
    ("riskmodel/__init__.py", example!("two-hospitals/riskmodel/__init__.py")),
    ("riskmodel/logistic.py", example!("two-hospitals/riskmodel/logistic.py")),
    ("riskmodel/report.py", example!("two-hospitals/riskmodel/report.py")),
];

pub(crate) fn run(args: &Args, term: &Term) -> CommandResult {
    let started = Instant::now();
    let hospitals = find_hospitals(args.hospitals.as_deref())?;
    fs::create_dir_all(&args.out).map_err(|error| CliError::io(&args.out, &error))?;
    let cast = Cast::gather(term)?;
    hello_world(&cast, &args.out)?;
    two_hospitals(&cast, term, &args.out, &hospitals)?;
    term.say(term.bold(&format!(
        "\nDone in {:.0} s. Results are in `{}`.",
        started.elapsed().as_secs_f64(),
        args.out.display()
    )));
    term.say("The enclave was simulated: on hardware, `verify` needs no --allow-simulated.");
    let seconds = started.elapsed().as_secs();
    if term.is_json() {
        term.data(&serde_json::json!({"seconds": seconds, "out": args.out}), |_| String::new());
    }
    Ok(ExitCode::SUCCESS)
}

fn find_hospitals(named: Option<&Path>) -> Result<[PathBuf; 2], CliError> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("../demo")));
    let dir = named.map(Path::to_owned).or(beside).unwrap_or_default();
    let files = ["hospital-a.csv", "hospital-b.csv"].map(|name| dir.join(name));
    match files.iter().find(|file| !file.is_file()) {
        None => Ok(files),
        Some(missing) => Err(CliError::new(
            format!("`{}` is missing", missing.display()),
            "get the hospitals' data with `make setup`, or name their folder with --hospitals",
        )),
    }
}

/// The reference example: one provider of code, one of data, one consumer, one owner.
fn hello_world(cast: &Cast<'_>, out: &Path) -> Result<(), CliError> {
    cast.title("Scene 1: the reference example, three parties who do not trust each other");
    let owner = cast.person("owner", "owner@example.org")?;
    let coder = cast.person("coder", "coder@example.org")?;
    let hospital = cast.person("hospital", "hospital@example.org")?;
    let analyst = cast.person("analyst", "analyst@example.org")?;
    let code = cast.folder("hello-world", &HELLO)?;
    let people = cast.folder("people", &[("people.csv", PEOPLE)])?.join("people.csv");

    cast.note("The owner creates the computation. The three words travel by telephone.");
    let (id, words) = owner.create(&[
        "--name",
        "hello world",
        "--code",
        coder.email,
        "--data",
        hospital.email,
        "--result",
        analyst.email,
    ])?;
    cast.note("Each participant makes keys of its own.");
    for person in [&coder, &hospital, &analyst] {
        person.play(&["join", &id])?;
    }
    cast.note("The coder seals its module. run.py stays in clear: everybody can read it.");
    coder.play(&["code", "push", &id, &text(&code)])?;
    cast.note("The hospital seals its table on the way out.");
    hospital.play(&["data", "push", &id, &text(&people)])?;
    hospital.play(&["data", "done", &id])?;
    cast.show_what_the_server_sees(&["Grace", "asthma", "Replace all the value"])?;

    cast.note("An enclave has taken it on. The hospital looks before it gives its key.");
    cast.wait_for_identity(&owner, &id)?;
    cast.expect_refusal(&hospital, &["verify", &id])?;
    cast.note("No hardware here, so the simulated enclave was refused. For a demo it may pass:");
    hospital.play(&["verify", &id, "--allow-simulated"])?;
    cast.note("Everybody verifies for itself, and releases its key to this enclave alone.");
    for person in [&coder, &hospital, &analyst] {
        person.play_quietly(&["approve", &id, "--words", &words, "--allow-simulated"])?;
    }
    cast.note("With the last key the run starts by itself.");
    analyst.play(&["status", &id, "--watch"])?;
    let results = out.join("hello-world");
    analyst.play(&["results", "get", &id, "--out", &text(&results)])?;
    cast.show_text(&results.join("result.bin"))?;
    cast.note("Anybody who took part can check the whole story.");
    hospital.play(&["audit", &id])?;
    Ok(())
}

/// Two hospitals hold half of a table each; a drug maker's secret method learns from both halves.
fn two_hospitals(
    cast: &Cast<'_>,
    term: &Term,
    out: &Path,
    [table_a, table_b]: &[PathBuf; 2],
) -> Result<(), CliError> {
    cast.title("Scene 2: two hospitals, one model");
    let maker = cast.person("drug maker", "maker@example.org")?;
    let a = cast.person("hospital A", "a@example.org")?;
    let b = cast.person("hospital B", "b@example.org")?;
    let code = cast.folder("two-hospitals", &HOSPITALS)?;
    cast.note(
        "569 patients (Wisconsin breast cancer data), half in each hospital. The drug maker brings\n\
         a sealed method; it gets the coefficients, and all three get a picture.",
    );
    let (id, words) = maker.create(&[
        "--name",
        "two hospitals",
        "--code",
        maker.email,
        "--data",
        a.email,
        "--data",
        b.email,
        "--result",
        maker.email,
        "--result",
        a.email,
        "--result",
        b.email,
    ])?;
    for person in [&maker, &a, &b] {
        person.play_quietly(&["join", &id])?;
    }
    maker.play(&["code", "push", &id, &text(&code)])?;
    for (person, table) in [(&a, table_a), (&b, table_b)] {
        person.play(&["data", "push", &id, &text(table)])?;
        person.play_quietly(&["data", "done", &id])?;
    }
    cast.show_what_the_server_sees(&["mean radius,mean texture", "L-BFGS-B"])?;
    cast.wait_for_identity(&maker, &id)?;
    for person in [&maker, &a, &b] {
        person.play_quietly(&["approve", &id, "--words", &words, "--allow-simulated"])?;
    }
    maker.play(&["status", &id, "--watch"])?;
    let folder =
        |person: &Person<'_>| out.join("two-hospitals").join(person.name.replace(' ', "-"));
    for person in [&maker, &a, &b] {
        person.play(&["results", "get", &id, "--out", &text(&folder(person))])?;
    }
    cast.show_text(&folder(&maker).join("model.json"))?;
    let picture = folder(&a).join("model.png");
    print(&format!("  the picture: {}", term.bold(&picture.display().to_string())));
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
