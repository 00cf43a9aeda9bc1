//! With the real git, and repositories that the tests make; a few with a git that misbehaves.

mod support;

use super::{
    error::GitError,
    process::{Git, text},
    *,
};
use crate::config::GitAccess;
use axum::response::IntoResponse as _;
use std::time::Instant as Clock;
use support::{Answering, Lab, Repo, is_alive, listed, noise, source};

fn names(archive: &File) -> Vec<String> {
    listed(archive).into_iter().map(|(name, _)| name).collect()
}

async fn content(lab: &Lab, reference: Option<&str>) -> String {
    let archive = lab.fetcher().try_fetch(&source(reference)).await.unwrap();
    String::from_utf8(listed(&archive).pop().unwrap().1).unwrap()
}

/// A repository with a commit for each way to name one.
fn with_history(lab: &Lab) -> String {
    let repo = lab.repo();
    let first = repo.commit("first");
    repo.git(&["tag", "light"]);
    repo.commit("second");
    repo.git(&["tag", "-a", "-m", "x", "v1.0"]);
    repo.git(&["tag", "the-tree", "HEAD^{tree}"]);
    repo.git(&["checkout", "-q", "-b", "feature/x"]);
    repo.commit("third");
    repo.git(&["checkout", "-q", "-b", "tag"]);
    repo.commit("fourth");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("last");
    first
}

#[tokio::test]
async fn code_is_fetched_by_branch_tag_and_commit() {
    let lab = Lab::new();
    let first = with_history(&lab);
    let cases = [
        (None, "last"),
        (Some("main"), "last"),
        (Some("HEAD"), "last"),
        (Some("feature/x"), "third"),
        (Some("tag"), "fourth"),
        (Some("light"), "first"),
        (Some("v1.0"), "second"),
        (Some(first.as_str()), "first"),
    ];
    for (reference, expected) in cases {
        assert_eq!(content(&lab, reference).await, expected, "{reference:?}");
    }
    assert!(lab.leftovers().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    let lab = Lab::new();
    let first = with_history(&lab);
    let absent = "0123456789abcdef0123456789abcdef01234567";
    for reference in ["nope", "refs/heads/nope", absent, &first[..12], "the-tree"] {
        let error = lab.fetcher().try_fetch(&source(Some(reference))).await.unwrap_err();
        assert!(matches!(error, GitError::NoRef { .. }), "{reference}: {error}");
    }
    let elsewhere = GitSource::parse("https://github.com/owner/nope", None).unwrap();
    let error = lab.fetcher().try_fetch(&elsewhere).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no public repository github.com/owner/nope");

    let empty = Lab::new();
    empty.repo();
    let error = empty.fetcher().try_fetch(&source(None)).await.unwrap_err();
    assert_eq!(error.to_string(), "github.com/owner/code has no default branch");
    assert!(lab.leftovers().is_empty() && empty.leftovers().is_empty());
}

#[tokio::test]
async fn a_file_that_would_pass_for_a_sealed_one_is_refused() {
    let lab = Lab::new();
    let repo = lab.repo();
    repo.write("a/b.py.enc", b"clear");
    repo.git(&["add", "."]);
    repo.commit("pass");
    let error = lab.fetcher().try_fetch(&source(None)).await.unwrap_err();
    assert!(error.to_string().starts_with("`a/b.py.enc` ends in `.enc`"), "{error}");
}

#[tokio::test]
async fn an_archive_has_plain_files_in_clear_and_is_the_same_each_time() {
    let lab = Lab::new();
    let repo = lab.repo();
    let long = format!("{}/{}.py", "d".repeat(120), "n".repeat(120));
    for path in ["a.py", "b/run.py", "b/c.bin", "B.py", "é.py", long.as_str()] {
        repo.write(path, path.as_bytes());
    }
    for path in [".env", ".github/x.yml", "b/.hidden/y.py", "b/.z"] {
        repo.write(path, b"hidden");
    }
    repo.write("large.bin", &noise(300_000));
    repo.write("tool.sh", b"exit");
    repo.git(&["add", "."]);
    repo.git(&["update-index", "--chmod=+x", "tool.sh"]);
    repo.commit("pass");

    let archive = lab.fetcher().try_fetch(&source(None)).await.unwrap();
    let expected =
        ["B.py", "a.py", "b/c.bin", "b/run.py", &long, "large.bin", "run.py", "tool.sh", "é.py"];
    assert_eq!(names(&archive), expected);
    for (name, content) in listed(&archive) {
        match name.as_str() {
            "run.py" => assert_eq!(content, b"pass"),
            "tool.sh" => assert_eq!(content, b"exit"),
            "large.bin" => assert_eq!(content, noise(300_000)),
            name => assert_eq!(content, name.as_bytes()),
        }
    }
    let again = lab.fetcher().try_fetch(&source(Some("main"))).await.unwrap();
    assert_eq!(support::bytes(&archive), support::bytes(&again));
    assert!(lab.leftovers().is_empty());
}

#[tokio::test]
async fn attributes_of_a_repository_change_nothing() {
    let lab = Lab::new();
    let repo = lab.repo();
    let attributes =
        b"* filter=evil ident export-subst eol=crlf text working-tree-encoding=UTF-16\n\
                       ignored.py export-ignore\n";
    repo.entry("100644", attributes, b".gitattributes");
    repo.entry("100644", b"# $Id$ $Format:%H$\r\n", b"ident.py");
    repo.entry("100644", b"x", b"ignored.py");
    repo.entry("100644", b"pass\n", b"run.py");
    repo.commit_index();

    let archive = lab.fetcher().try_fetch(&source(None)).await.unwrap();
    let expected: [(&str, &[u8]); 3] =
        [("ident.py", b"# $Id$ $Format:%H$\r\n"), ("ignored.py", b"x"), ("run.py", b"pass\n")];
    let expected = expected.map(|(name, content)| (name.to_owned(), content.to_vec()));
    assert_eq!(listed(&archive), expected);
}

#[tokio::test]
async fn each_repository_that_is_no_code_is_refused_for_its_own_reason() {
    type Spoil = fn(&Repo);
    let cases: &[(&str, Spoil, &str)] = &[
        (
            "link",
            |repo| repo.entry("120000", b"run.py", b"deep/link"),
            "`deep/link` is a symbolic link, only regular files can be code",
        ),
        (
            "submodule",
            |repo| repo.raw_entry("160000", &"1".repeat(40), b"sub"),
            "`sub` is a submodule, only regular files can be code",
        ),
        (
            "line break",
            |repo| repo.entry("100644", b"x", b"a\nb"),
            "the repository has a bad name: `a\u{fffd}b` has a control",
        ),
        (
            "backslash",
            |repo| repo.entry("100644", b"x", b"a\\b"),
            "the repository has a bad name: `a\\b` has a control",
        ),
        (
            "escape sequence",
            |repo| repo.entry("120000", b"x", b"\x1b[2Ja"),
            "`\u{fffd}[2Ja` is a symbolic link",
        ),
        (
            "not UTF-8",
            |repo| repo.entry("100644", b"x", b"\xff"),
            "`\u{fffd}` has a name that is not UTF-8",
        ),
        (
            "too many",
            |repo| (0..4096).for_each(|n| repo.later(&format!("many/{n}"))),
            "the repository has more than 4096 files",
        ),
        (
            "no entrypoint",
            |repo| drop(repo.git(&["rm", "-q", "--cached", "run.py"])),
            "the repository has no `run.py` at its top",
        ),
        (
            "parent",
            |repo| repo.tree("..", "100644", 1),
            "git could not fetch github.com/owner/code",
        ),
        (".git", |repo| repo.tree(".git", "100644", 1), "git could not fetch github.com/owner/"),
        // Ten million files, in nine objects.
        ("bomb", |repo| repo.tree("f", "100644", 7), "the repository has more than 4096 files"),
    ];
    for (name, spoil, message) in cases {
        let lab = Lab::new();
        let repo = lab.repo();
        repo.commit("pass");
        assert_eq!(content(&lab, None).await, "pass", "the untouched sample");
        spoil(&repo);
        repo.commit_index();
        let error = lab.fetcher().try_fetch(&source(Some("main"))).await.expect_err(name);
        assert!(error.to_string().starts_with(message), "{name}: {error}");
        assert_eq!(status(error), 422, "{name}");
        assert!(lab.leftovers().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_size_is_judged_by_the_tree_and_by_the_clone() {
    let cases: [(&str, &str, Vec<u8>, &str); 3] = [
        ("shrinks to nothing", "zeros", vec![0; 2_000_000], "the code in the repository has more"),
        ("does not shrink", "noise", noise(2_000_000), "the repository has more than 1000000"),
        ("hidden", ".noise", noise(2_000_000), "the repository has more than 1000000"),
    ];
    for (name, path, content, message) in cases {
        let lab = Lab::new();
        let repo = lab.repo();
        repo.write(path, &content);
        repo.commit("pass");
        let small = lab.fetcher_with(|config| config.max_code_bytes = 1_000_000);
        let error = small.try_fetch(&source(None)).await.unwrap_err();
        assert!(error.to_string().starts_with(message), "{name}: {error}");
        assert_eq!(status(error), 413, "{name}");
        assert!(lab.fetcher().try_fetch(&source(None)).await.is_ok(), "{name}");
        assert!(lab.leftovers().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_clone_that_grows_is_stopped_while_it_grows() {
    let lab = Lab::new();
    lab.fake_git(
        "mkdir -p \"$GIT_DIR\"; n=0
         while :; do n=$((n+1)); head -c 100000 /dev/zero > \"$GIT_DIR/$n\"; sleep 0.001; done",
    );
    let small = lab.fetcher_with(|config| config.max_code_bytes = 1_000_000);
    let begun = Clock::now();
    let error = small.try_fetch(&source(None)).await.unwrap_err();
    assert!(matches!(error, GitError::TooLarge { what: "the repository", .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(lab.leftovers().is_empty());
}

#[tokio::test]
async fn the_kernel_stops_a_single_file_that_grows_too_fast_to_be_seen() {
    let lab = Lab::new();
    lab.fake_git(
        "mkdir -p \"$GIT_DIR\"; sleep 0.3; head -c 50000000 /dev/zero > \"$GIT_DIR/pack\"
         wc -c < \"$GIT_DIR/pack\" > \"$LAB/part\" && mv \"$LAB/part\" \"$LAB/size\"; exit 128",
    );
    let small = lab.fetcher_with(|config| config.max_code_bytes = 1_000_000);
    let error = small.try_fetch(&source(None)).await.unwrap_err();
    assert!(matches!(error, GitError::TooLarge { what: "the repository", .. }), "{error}");
    // Written if it was not killed before that.
    if let Ok(size) = fs::read_to_string(lab.path("size")) {
        assert_eq!(size.trim(), "1000001");
    }
}

#[tokio::test]
async fn time_that_runs_out_ends_git_and_its_helpers() {
    let lab = Lab::new();
    lab.fake_git("sleep 600 & echo $! > \"$LAB/pid\"; wait");
    let hurried = lab.fetcher_with(|config| {
        config.code_from_git.as_mut().unwrap().time_limit = Duration::from_millis(1500);
    });
    let begun = Clock::now();
    let error = hurried.try_fetch(&source(None)).await.unwrap_err();
    let message = "fetching the code took longer than 1.5 seconds and was given up";
    assert_eq!(error.to_string(), message);
    assert_eq!(status(error), 409);
    assert!(begun.elapsed() < Duration::from_secs(20));
    // The kernel may still be about to note that it is dead.
    support::until(|| !is_alive(&lab.path("pid"))).await;
    assert!(lab.leftovers().is_empty());
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_git_and_its_helpers() {
    let lab = Lab::new();
    lab.fake_git("sleep 600 & echo $! > \"$LAB/pid\"; wait");
    let (fetcher, source) = (lab.fetcher(), source(None));
    tokio::select! {
        ended = fetcher.try_fetch(&source) => panic!("{ended:?}"),
        () = support::until(|| is_alive(&lab.path("pid"))) => {}
    }
    support::until(|| !is_alive(&lab.path("pid")) && lab.leftovers().is_empty()).await;
    support::until(|| fetcher.seats.available_permits() == SEATS).await;
}

#[tokio::test]
async fn the_third_fetch_waits_for_a_seat_but_not_for_ever() {
    let lab = Lab::new();
    lab.repo().commit("pass");
    let fetcher = lab.fetcher_with(|config| {
        config.code_from_git.as_mut().unwrap().time_limit = Duration::from_secs(5);
    });
    let first = fetcher.seats.clone().acquire_owned().await.unwrap();
    assert!(fetcher.try_fetch(&source(None)).await.is_ok(), "one seat is free");
    let second = fetcher.seats.clone().acquire_owned().await.unwrap();
    let error = fetcher.try_fetch(&source(None)).await.unwrap_err();
    assert!(matches!(error, GitError::Busy), "{error}");
    assert_eq!(status(error), 409);
    let wanted = source(None);
    let (fetched, ()) = tokio::join!(fetcher.try_fetch(&wanted), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop((first, second));
    });
    assert!(fetched.is_ok(), "seats became free");
}

#[tokio::test]
async fn git_sees_nothing_of_this_machine() {
    let lab = Lab::new();
    lab.fake_git("env > \"$LAB/env\"; exit 128");
    lab.fetcher().try_fetch(&source(None)).await.unwrap_err();
    let environment = fs::read_to_string(lab.path("env")).unwrap();
    // Cargo gives tests many variables of its own; none of them may be there.
    for line in environment.lines() {
        let name = line.split('=').next().unwrap();
        let known = name.starts_with("GIT_")
            || ["HOME", "XDG_CONFIG_HOME", "TMPDIR", "PATH", "LC_ALL", "SSH_ASKPASS"]
                .contains(&name)
            || ["PWD", "OLDPWD", "SHLVL", "_", "LAB"].contains(&name)
            || name.to_lowercase().ends_with("_proxy");
        assert!(known, "{line}");
    }

    let lab = Lab::new();
    let (folder, limits) = (lab.path("alone"), GitLimits { max_bytes: 1 << 20, time: REASONABLE });
    fs::create_dir(&folder).unwrap();
    let (deadline, stop) = (Instant::now() + limits.time, CancellationToken::new());
    let git = Git::new(GitAccess::default(), &folder, limits, deadline, stop).unwrap();
    let list = git.run(&["config", "--list", "--show-scope"], Stdio::null(), text).await.unwrap();
    assert!(list.contains("command\tprotocol.https.allow=always\n"), "{list}");
    assert!(list.lines().all(|line| line.starts_with("command\t")), "{list}");
}

const REASONABLE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn git_speaks_no_protocol_but_the_one() {
    let lab = Lab::new();
    lab.repo().commit("pass");
    let (folder, limits) = (lab.path("alone"), GitLimits { max_bytes: 1 << 20, time: REASONABLE });
    fs::create_dir(&folder).unwrap();
    let (deadline, stop) = (Instant::now() + limits.time, CancellationToken::new());
    let git = Git::new(GitAccess::default(), &folder, limits, deadline, stop).unwrap();
    let file = format!("file://{}/github/owner/code.git", lab.path("").display());
    for url in [file.as_str(), "http://127.0.0.1/o/r", "git://127.0.0.1/o/r", "ext::sh -c true"] {
        let listed = git.run(&["ls-remote", "--", url], Stdio::null(), text).await;
        let error = format!("{:?}", listed.unwrap_err());
        assert!(error.contains("not allowed"), "{url}: {error}");
    }
}

#[tokio::test]
async fn each_answer_of_a_web_server_has_its_meaning() {
    type Meaning = fn(&GitError) -> bool;
    let missing: Meaning = |error| matches!(error, GitError::NoRepository(_));
    let moved: Meaning = |error| matches!(error, GitError::Moved(_));
    let trouble: Meaning = |error| matches!(error, GitError::Unreachable);
    let cases: [(&str, Meaning, u16); 9] = [
        ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"GitHub\"", missing, 422),
        ("403 Forbidden", missing, 422),
        ("404 Not Found", missing, 422),
        ("301 Moved Permanently\r\nLocation: /owner/moved.git/info/refs", moved, 422),
        ("302 Found\r\nLocation: http://localhost:1/", moved, 422),
        ("307 Temporary Redirect\r\nLocation: file:///etc/passwd", moved, 422),
        ("429 Too Many Requests\r\nRetry-After: 1", trouble, 409),
        ("500 Internal Server Error", trouble, 409),
        ("503 Service Unavailable", trouble, 409),
    ];
    for (answer, meaning, expected) in cases {
        let (lab, server) = (Lab::new(), Answering::with(Some(answer)));
        let error = lab.fetcher_at(&server.base).try_fetch(&source(None)).await.unwrap_err();
        assert!(meaning(&error), "{answer}: {error}");
        assert_eq!(status(error), expected, "{answer}");
        assert_eq!(server.paths(), ["/owner/code.git/info/refs?service=git-upload-pack"]);
    }

    let (lab, silent) = (Lab::new(), Answering::with(None));
    let hurried = lab.fetcher_with(|config| {
        let mut access = GitAccess::danger_instead_of_github(&silent.base);
        access.time_limit = Duration::from_secs(1);
        config.code_from_git = Some(access);
    });
    let error = hurried.try_fetch(&source(None)).await.unwrap_err();
    assert!(matches!(error, GitError::Slow(_)), "{error}");

    let nobody = lab.fetcher_at("http://127.0.0.1:1/").try_fetch(&source(None)).await;
    assert!(matches!(nobody.unwrap_err(), GitError::Unreachable));
}

#[test]
fn what_tests_cannot_bring_about_is_known_by_its_words() {
    let limits = GitLimits { max_bytes: 1, time: REASONABLE };
    let about = |text: &str| {
        GitError::Failed(error::Complaint::new(text.as_bytes())).about(&source(None), limits)
    };
    let unable = "fatal: unable to access 'https://github.com/owner/code.git/': ";
    for text in [
        "Could not resolve host: github.com",
        "Could not resolve proxy: proxy.example",
        "server certificate verification failed. CAfile: none CRLfile: none",
        "Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds",
        "CONNECT tunnel failed, response 403",
    ] {
        let error = about(&format!("{unable}{text}"));
        assert!(matches!(error, GitError::Unreachable), "{text}: {error}");
    }
    let full = about("fatal: write error: No space left on device");
    assert_eq!(status(full), 507);
    let large = about("error: index-pack died of signal 25");
    assert!(matches!(large, GitError::TooLarge { .. }));
    let password = about("fatal: could not read Username for 'https://github.com': no terminal");
    assert!(matches!(password, GitError::NoRepository(_)));
    assert!(matches!(about("fatal: what else"), GitError::Refused(_)));
}

#[tokio::test]
async fn what_git_says_never_reaches_the_caller() {
    let lab = Lab::new();
    lab.fake_git("printf 'fatal: \\033[2J secret\\n' >&2; exit 128");
    let failure = lab.fetcher().fetch(&source(None)).await.unwrap_err();
    let text = format!("{failure:?}");
    assert!(text.contains("git could not fetch github.com/owner/code"), "{text}");
    assert!(!text.contains("secret") && !text.contains("fatal"), "{text}");
}

#[tokio::test]
async fn without_the_operators_word_nothing_is_fetched() {
    let lab = Lab::new();
    let off = lab.fetcher_with(|config| config.code_from_git = None);
    let text = format!("{:?}", off.allowed().unwrap_err());
    assert!(text.contains("403") && text.contains("--allow-git"), "{text}");
    assert_eq!(off.fetch(&source(None)).await.unwrap_err().into_response().status(), 403);
    assert!(lab.fetcher().allowed().is_ok());
}

#[tokio::test]
async fn a_missing_git_is_found_at_the_start() {
    let lab = Lab::new();
    let mut config = lab.config();
    let access = GitAccess::default().with_program(Path::new("/nonexistent/git"));
    config.code_from_git = Some(access);
    let error = Fetcher::open(&config).await.err().unwrap();
    assert!(matches!(error, ServeError::NoGit { .. }));
    assert_eq!(error.hint(), Some("install git, or start without --allow-git"));
    // It may also vanish later.
    let failure = Fetcher::new(&config).fetch(&source(None)).await.unwrap_err();
    assert!(format!("{failure:?}").contains("git cannot be run there"), "{failure:?}");
    assert_eq!(failure.into_response().status(), 500);
    config.code_from_git = None;
    assert!(Fetcher::open(&config).await.is_ok(), "not needed when off");
}

#[tokio::test]
async fn what_a_killed_server_left_is_removed_at_the_start() {
    let lab = Lab::new();
    let (left, other) = (lab.path("data/tmp/git-abc/repository"), lab.path("data/tmp/other"));
    fs::create_dir_all(&left).unwrap();
    fs::create_dir_all(&other).unwrap();
    assert!(Fetcher::open(&lab.config()).await.is_ok());
    assert!(!left.exists() && !lab.path("data/tmp/git-abc").exists() && other.exists());
}

#[test]
fn no_failure_is_one_that_old_clients_repeat() {
    let text = String::new;
    let errors = [
        (GitError::Off, 403),
        (GitError::Source(GitSource::parse("ext::id", None).unwrap_err()), 422),
        (GitError::Busy, 409),
        (GitError::Start(std::io::ErrorKind::NotFound.into()), 500),
        (GitError::Slow(Duration::from_secs(1)), 409),
        (GitError::TooLarge { what: "x", limit: 1 }, 413),
        (GitError::TooManyFiles, 422),
        (GitError::NotAFile { path: text(), what: "x" }, 422),
        (GitError::Name("".parse::<sealroom_protocol::CodePath>().unwrap_err()), 422),
        (GitError::NotUtf8(text()), 422),
        (GitError::SealedName(text()), 422),
        (GitError::NoEntrypoint, 422),
        (GitError::NoRepository(text()), 422),
        (GitError::NoRef { repository: text(), reference: None }, 422),
        (GitError::Moved(text()), 422),
        (GitError::Unreachable, 409),
        (GitError::Refused(text()), 422),
        (GitError::Failed(error::Complaint::default()), 500),
        (GitError::Unexpected, 500),
        (GitError::Cut, 500),
        (GitError::Gone, 500),
        (GitError::Io(std::io::ErrorKind::BrokenPipe.into()), 500),
        (GitError::Io(std::io::ErrorKind::StorageFull.into()), 507),
    ];
    for (error, expected) in errors {
        let name = format!("{error:?}");
        let response = Failure::from(error).into_response();
        assert_eq!(response.status(), expected, "{name}");
        assert!(response.headers().get("retry-after").is_none(), "{name}");
    }
}

fn status(error: GitError) -> u16 {
    Failure::from(error).into_response().status().as_u16()
}
