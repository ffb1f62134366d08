//! Who hears the signal of what is started.

use super::super::shell::{Hears, hears, split};

fn of(command: &[&str]) -> Hears {
    hears(&command.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

#[test]
fn a_shell_that_is_not_replaced_hears_it_instead_of_the_service() {
    for (command, instead) in [
        (&["sh", "-c", "./a"][..], Some("exec ./a")),
        (&["/bin/bash", "-c", "a && ./b -c d"], Some("a && exec ./b -c d")),
        (&["bash", "-lc", "LOG=1 ./a"], Some("LOG=1 exec ./a")),
        (&["dash", "-e", "-c", "a; b;"], Some("a; exec b;")),
        (&["bash", "-o", "pipefail", "-ec", "./a # at last"], Some("exec ./a # at last")),
        (&["busybox", "sh", "-c", "./a"], Some("exec ./a")),
        (&["tini", "-g", "--", "sh", "-c", "a && ./b"], Some("a && exec ./b")),
        (&["dumb-init", "sh", "-c", "a && ./b"], Some("a && exec ./b")),
        (&["env", "A=b", "nice", "-n", "5", "sh", "-c", "./a"], Some("exec ./a")),
        (&["su-exec", "www", "bash", "-c", "./a"], Some("exec ./a")),
        (&["sh", "-c", "(./a)"], None),
        (&["sh", "-c", "./a | tee log"], None),
        (&["sh", "-c", "exec ./a | tee log"], None),
        (&["sh", "-c", "./a |& tee log"], None),
        (&["sh", "-c", "./a & wait"], None),
        (&["sh", "-c", "exec > log 2>&1; ./a"], Some("exec > log 2>&1; exec ./a")),
        (&["sh", "-c", "exec ./a &"], None),
        (&["sh", "-c", "test -f a && exec ./a || ./b"], Some("test -f a && exec ./a || exec ./b")),
        (&["sh", "-c", "while true; do ./a; done"], None),
        (&["sh", "-c", "exec >log; ./a"], Some("exec >log; exec ./a")),
        (&["sh", "-c", "exec sh -c ./a"], Some("exec ./a")),
        (&["sh", "-c", "echo 'exec ./a'; ./b"], Some("echo 'exec ./a'; exec ./b")),
        (&["sh", "-c", "# exec ./a\n./b\n"], Some("# exec ./a\nexec ./b\n")),
    ] {
        match of(command) {
            Hears::Shell { instead: found, .. } => {
                assert_eq!(found.as_deref(), instead, "{command:?}");
            }
            other => panic!("{command:?}: {other:?}"),
        }
    }
}

#[test]
fn what_is_started_itself_hears_it() {
    for command in [
        &["/a"][..],
        &["/a", "-c", "sh"],
        &["tini", "--", "/a"],
        &["exec", "/a"],
        &["sh", "-c", "exec ./a"],
        &["sh", "-c", "a && exec ./b"],
        &["sh", "-c", "A=b exec ./a"],
        &["sh", "-c", "set -e\na\nexec ./b \"$@\"\n"],
        &["sh", "-c", "exec ./a; echo never"],
        &["sh", "-c", "exec ./a 2>&1"],
        &["sh", "-c", "exec \"$0\" \"$@\"", "./a"],
        &["sh", "-c", "if a; then exec ./b; else exec ./c; fi"],
        &["sh", "-c", "case $1 in a) exec ./b;; *) exec ./c;; esac"],
        &["bash"],
        &["sh", "-c", ""],
        &[],
    ] {
        assert_eq!(of(command), Hears::Service, "{command:?}");
    }
}

#[test]
fn su_kills_on_its_own() {
    for command in [
        &["su", "-", "app", "-c", "/a"][..],
        &["tini", "--", "/bin/su", "app"],
        &["runuser", "-u", "app", "/a"],
    ] {
        assert_eq!(of(command), Hears::Su, "{command:?}");
    }
    assert_eq!(of(&["su-exec", "app", "/a"]), Hears::Service);
}

#[test]
fn what_is_in_no_file_is_not_known() {
    for command in [
        &["/entrypoint.sh", "/a"][..],
        &["docker-entrypoint", "a"],
        &["sh", "/entrypoint.sh"],
        &["bash", "-e", "/entrypoint.sh"],
        &["sh", "-c", "exec /entrypoint.sh /a"],
        &["tini", "--", "/entrypoint.sh", "/a"],
    ] {
        assert!(matches!(of(command), Hears::Script(_)), "{command:?}");
    }
    for script in ["trap 'kill $!' TERM; ./a & wait", "trap stop TERM\n./a &\nwait $!"] {
        assert_eq!(of(&["bash", "-c", script]), Hears::Trap, "{script}");
    }
}

#[test]
fn a_text_is_taken_apart_as_a_shell_does() {
    for (text, words) in [
        ("a b  c", Some(vec!["a", "b", "c"])),
        (r#"a "b c" 'd "e"'f"#, Some(vec!["a", "b c", "d \"e\"f"])),
        (r#"a\ b "c\"d" "e\f""#, Some(vec!["a b", "c\"d", "e\\f"])),
        ("a ''", Some(vec!["a", ""])),
        ("a 'b", None),
        (r"a \", None),
    ] {
        let found = split(text);
        assert_eq!(
            found,
            words.map(|words| words.into_iter().map(str::to_owned).collect()),
            "{text}"
        );
    }
}
