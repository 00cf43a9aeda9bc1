use super::*;
use proptest::prelude::*;

fn text_of(file: &str) -> String {
    Requirements::parse(file.as_bytes()).unwrap().to_text()
}

fn fault_of(file: &[u8]) -> (usize, LineFault, String) {
    let error = Requirements::parse(file).unwrap_err();
    let hint = error.hint().unwrap();
    match error {
        RequirementsError::Line { line, fault } => (line, fault, hint),
        other => panic!("{other}"),
    }
}

#[test]
fn what_people_write_is_read() {
    let file = "\u{feff}# what the code imports\r\n\r\nNumPy\nscikit_learn[ Tests,docs ] >= 1.0 , <2 # why\n\
        \trequests == 2.22.0 ; python_version < \"3.9\" and sys_platform == 'linux'\n\
        a.b (>=1)\npandas \\\n  == \\\n  2.0\nc~=1.4.5;os_name=='posix'\nd!=1.*\ne==1.0+cpu # \u{e9}\n";
    assert_eq!(
        text_of(file),
        "numpy\nscikit-learn[tests,docs]>=1.0, <2\n\
         requests==2.22.0 ; python_version < '3.9' and sys_platform == 'linux'\na-b>=1\n\
         pandas==2.0\nc~=1.4.5 ; os_name == 'posix'\nd!=1.*\ne==1.0+cpu\n"
    );
    let requirements = Requirements::parse(file.as_bytes()).unwrap();
    assert_eq!(requirements.names().len(), 8);
    assert_eq!(requirements.digest(), Digest::of(file.as_bytes()));
    let pinned: Vec<_> =
        requirements.entries().iter().filter_map(|e| e.pinned.as_deref()).collect();
    assert_eq!(pinned, ["2.22.0", "2.0", "1.0+cpu"]);
}

#[test]
fn a_file_may_ask_for_nothing_or_for_one_package_twice() {
    assert!(Requirements::parse(b"").unwrap().is_empty());
    assert!(Requirements::parse(b"# nothing\n\n \\\n").unwrap().is_empty());
    let twice = Requirements::parse(b"a>=1\nA<1").unwrap();
    assert_eq!((twice.is_empty(), twice.names().len(), twice.entries().len()), (false, 1, 2));
}

#[test]
fn hashes_are_kept() {
    let hash = Digest::of(b"wheel");
    let file = format!("a==1 --hash=sha256:{hash} \\\n  --hash sha256:{}\n", "AB".repeat(32));
    let requirements = Requirements::parse(file.as_bytes()).unwrap();
    assert_eq!(requirements.to_text(), "a==1\n");
    assert_eq!(requirements.entries()[0].hashes, [hash, "ab".repeat(32).parse().unwrap()].into());
}

#[test]
fn options_are_refused_by_their_name() {
    for (line, option, hint) in [
        ("-e .", "-e", "beside `run.py`"),
        ("-e.", "-e", "beside `run.py`"),
        ("--editable=x", "--editable", "beside `run.py`"),
        ("-r other.txt", "-r", "there can be only one"),
        ("-rother.txt", "-r", "there can be only one"),
        ("-c other.txt", "-c", "there can be only one"),
        ("--index-url https://u:secret@h/simple", "--index-url", "setting of whoever resolves"),
        ("--extra-index-url=https://u:secret@h", "--extra-index-url", "setting of whoever"),
        ("-i https://u:secret@h/simple", "-i", "setting of whoever resolves"),
        ("--find-links x", "--find-links", "setting of whoever resolves"),
        ("--trusted-host x", "--trusted-host", "setting of whoever resolves"),
        ("--no-binary :all:", "--no-binary", "the policy allows"),
        ("--pre", "--pre", "by its version"),
        ("--unknown", "--unknown", "only names"),
        ("a==1 --config-settings=x=y", "--config-settings", "only names"),
        ("a==1 -x", "-x", "only names"),
        ("-", "-", "only names"),
        ("-\u{e9}", "-", "only names"),
    ] {
        let (number, fault, found) = fault_of(format!("\n# one\n{line}\n").as_bytes());
        assert_eq!(number, 3, "{line}");
        assert!(matches!(&fault, LineFault::Option(name) if name.starts_with(option)), "{fault}");
        assert!(found.contains(hint), "{line}: {found}");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }
}

#[test]
fn each_other_fault_is_refused_for_its_own_reason() {
    let long = format!("a=={}", "1.".repeat(9000));
    let is = |line: &str| fault_of(line.as_bytes()).1.to_string();
    for (line, why) in [
        ("https://h/a.whl", "`https://h/a.whl` is an address"),
        ("a @ https://u:secret@h/a.zip", "`a @ https://****@h/a.zip` is an address"),
        ("a@git+ssh://git@h/a", "is an address"),
        ("git+https://h/a.git#egg=a", "is an address"),
        ("file:a", "is an address"),
        ("./a", "`./a` is a file or folder"),
        (".", "is a file or folder"),
        ("../a", "is a file or folder"),
        ("/a/b", "is a file or folder"),
        ("~/a", "is a file or folder"),
        ("a\\b", "is a file or folder"),
        ("a-1-py3-none-any.whl", "is a file or folder"),
        ("a-1.tar.gz", "is a file or folder"),
        ("a==${VERSION}", "has a variable of the environment"),
        ("a --hash=sha256:${X}", "has a variable of the environment"),
        ("a\u{0}b", "control character U+0000"),
        ("a\u{1b}[2K", "control character U+001B"),
        ("a # \u{7f}", "control character U+007F"),
        ("a\rb", "control character U+000D"),
        ("a==1 --hash=sha256:00", "`sha256:00` is no SHA-256 value"),
        ("a==1 --hash=md5:00", "`md5:00` is no SHA-256 value"),
        ("a==1 --hash", "is no SHA-256 value"),
        ("\u{430}bc", "is no name of a package"),
        ("-a-", "option `-a` is not"),
        ("_a", "is no name of a package"),
        ("a[b", "is no name of a package"),
        ("a[-]", "is no name of a package"),
        ("a b", "`b` says no version: it does not begin with an operator"),
        ("a=1", "`=1` says no version"),
        ("a==", "`==` says no version"),
        ("a==1,", "says no version"),
        ("a>=1.*", "says no version"),
        ("a==1; python_version", "`python_version` is no marker: it ends too soon"),
        ("a==1;", "is no marker"),
        ("a ; x == '1'", "`x` is no variable"),
        (&long, "longer than 16384 bytes"),
    ] {
        assert!(is(line).contains(why), "{line:.40}: {}", is(line));
    }
    assert_eq!(
        fault_of(b"a\nb\n\xff\n"),
        (3, LineFault::NotUtf8, "save it as plain UTF-8 text".to_owned())
    );
    assert_eq!(fault_of(b"a\nb \\\n  -e .\n").0, 2, "a continued line has the number of its first");
}

#[test]
fn too_much_is_refused() {
    let lines = |n: usize| (0..n).map(|i| format!("package{i}\n")).collect::<String>();
    assert_eq!(Requirements::parse(lines(1000).as_bytes()).unwrap().names().len(), 1000);
    let error = Requirements::parse(lines(10_000).as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1001 is one requirement too many: at most 1000 are accepted"
    );
    assert!(error.hint().unwrap().contains("what the code imports"));
    let error = Requirements::parse(&vec![b'#'; MAX_REQUIREMENTS + 1]).unwrap_err();
    assert!(error.to_string().contains("262145 bytes"), "{error}");
}

proptest! {
    #[test]
    fn what_is_handed_on_reads_as_the_same(
        file in "([a-zA-Z][a-z0-9._-]{0,6}(\\[[a-z]{1,3}\\])?( ?(==|>=|<|~=|!=) ?[0-9]{1,2}\\.[0-9])?( ?; ?python_version ?< ?'3\\.[0-9]')?( #.{0,5})?\n){0,9}"
    ) {
        if let Ok(once) = Requirements::parse(file.as_bytes()) {
            let again = Requirements::parse(once.to_text().as_bytes()).unwrap();
            prop_assert_eq!(once.entries(), again.entries());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text: String, near in "[a-z=<>~!;,'\"()\\[\\] \\\\\n\t#@:/.${}_-]{0,60}") {
        for bytes in [&bytes, text.as_bytes(), near.as_bytes()] {
            if let Ok(requirements) = Requirements::parse(bytes) {
                // Nothing but names, versions and markers is handed on.
                let plain = |c: char| c.is_ascii() && (!c.is_control() || c == '\n') && !matches!(c, '@' | '/' | '$' | '#' | '\\');
                let text = requirements.to_text();
                let outside: String = text.split('\'').step_by(2).collect();
                prop_assert!(outside.split('"').step_by(2).all(|part| part.chars().all(plain)), "{}", text);
                prop_assert!(text.lines().all(|line| !line.starts_with('-')));
            }
        }
    }
}
