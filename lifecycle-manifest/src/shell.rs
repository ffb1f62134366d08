//! Who hears the signal: the service, or a shell that stands between it and the platform.
//!
//! A shell that runs the service as its child does not pass TERM on. As PID 1 it does not even end by it; under
//! an init it ends at once, and the service is killed with it.

use std::ops::Range;

use lifecycle_core::ext::ManifestError;

use super::place::Place;

/// A word of what is started, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) field: String,
}

impl Word {
    /// Words that stand in one line.
    pub(super) fn all(
        words: impl IntoIterator<Item = String>,
        place: &Place,
        field: &str,
    ) -> Vec<Self> {
        let word = |text| Self { text, place: place.clone(), field: field.to_owned() };
        words.into_iter().map(word).collect()
    }
}

/// What is known of who hears the signal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hears {
    /// What is started, as far as these words tell.
    Service,
    /// A script that is in no file here.
    Script(String),
    /// A shell that has a trap, which may pass the signal on.
    Trap,
    /// `su`, which kills on its own.
    Su,
    /// A shell, and the script to write instead where one can be named.
    Shell { script: String, instead: Option<String> },
}

/// An error where a shell hears the signal instead of what `words` start; what cannot be known is noted.
pub(super) fn check(words: &[Word], notes: &mut Vec<String>) -> Result<(), ManifestError> {
    let texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
    let Some(last) = words.last() else { return Ok(()) };
    let at = |text: &str| words.iter().find(|word| word.text == text).unwrap_or(last);
    match hears(&texts) {
        Hears::Service => {}
        Hears::Script(script) => notes.push(format!(
            "{}: what `{script}` does is not in this file: unless it ends in `exec` and the service, the service \
             hears no signal",
            at(&script).place
        )),
        Hears::Su => return Err(last.place.wrong(&last.field, SU)),
        Hears::Trap => notes.push(format!(
            "{}: a shell stands between, and whether its trap passes the signal on is not known: `exec` the service \
             to be sure",
            last.place
        )),
        Hears::Shell { script, instead } => {
            let Word { place, field, .. } = at(&script);
            return Err(place.wrong(field, between(&script, instead.as_deref())));
        }
    }
    Ok(())
}

/// What is wrong where a shell runs `script`.
pub(super) fn between(script: &str, instead: Option<&str>) -> String {
    let script = shown(script);
    let write = match instead {
        Some(instead) => format!("write `{}`", shown(instead)),
        None => {
            "make the service the last command, behind `exec`, with no pipe and no `&`".to_owned()
        }
    };
    format!(
        "a shell stands between: it hears the signal, the service does not, and no hook runs (`{script}`); {write}"
    )
}

/// A script in one line, and not too long.
fn shown(script: &str) -> String {
    const LONG: usize = 120;
    let line = script.trim().replace('\n', "\\n");
    match line.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What is wrong with `su`, and with `runuser`, which is the same program.
pub(super) const SU: &str = "`su` kills what it runs 2s after the signal, whatever is granted: name the user where the \
                             platform is told (`User=`, `user:`, `runAsUser`), or use `setpriv` or `gosu`";

/// Who hears the signal that is sent to what `words` start.
pub(super) fn hears(words: &[String]) -> Hears {
    let Some(begin) = words.iter().position(|word| !is_in_between(word)) else {
        return Hears::Service;
    };
    let words = &words[begin..];
    // The options of a wrapper are its own; a shell behind it is one all the same.
    let matters = |word: &String| is_shell(word) || is_script(word) || is_su(word);
    let at = if is_wrapper(&words[0]) { words.iter().position(matters) } else { Some(0) };
    let Some(at) = at else { return Hears::Service };
    let name = base(&words[at]);
    let rest = &words[at + 1..];
    if is_su(&words[at]) {
        return Hears::Su;
    }
    if name == "busybox" {
        return hears(rest);
    }
    if !is_shell(&words[at]) {
        return if is_script(&words[at]) {
            Hears::Script(words[at].clone())
        } else {
            Hears::Service
        };
    }
    let mut options = rest.iter();
    let mut runs_text = false;
    while let Some(option) = options.clone().next().filter(|word| word.starts_with(['-', '+'])) {
        options.next();
        runs_text |= option.starts_with('-') && !option.starts_with("--") && option.contains('c');
        if option.ends_with(['o', 'O']) && !option.starts_with("--") {
            options.next();
        }
    }
    match options.next() {
        Some(script) if runs_text => of_script(script),
        Some(script) => Hears::Script(script.clone()),
        None => Hears::Service,
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

fn is_shell(word: &str) -> bool {
    ["sh", "bash", "ash", "dash", "zsh", "ksh", "mksh", "fish"].contains(&base(word))
}

fn is_su(word: &str) -> bool {
    ["su", "runuser"].contains(&base(word))
}

/// As far as its name tells.
fn is_script(word: &str) -> bool {
    word.ends_with(".sh") || base(word).contains("entrypoint")
}

fn is_wrapper(word: &str) -> bool {
    [
        "tini",
        "tini-static",
        "docker-init",
        "dumb-init",
        "catatonit",
        "env",
        "nice",
        "ionice",
        "chrt",
        "taskset",
        "numactl",
        "stdbuf",
        "nohup",
        "setsid",
        "timeout",
        "setpriv",
        "chpst",
        "su-exec",
        "gosu",
        "sudo",
        "doas",
        "unshare",
        "prlimit",
        "time",
        "eatmydata",
        "command",
    ]
    .contains(&base(word))
}

/// `exec`, and assignments before a command.
fn is_in_between(word: &str) -> bool {
    word == "exec" || is_assignment(word)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|char: char| char.is_ascii_digit())
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
    })
}

/// Who hears the signal of a shell that runs `script`.
pub(super) fn of_script(script: &str) -> Hears {
    let commands = commands(script);
    let first = |command: &Command| {
        command.words.iter().map(|(word, _)| word).find(|word| !is_assignment(word)).cloned()
    };
    let is_exec = |command: &Command| {
        first(command).is_some_and(|word| word == "exec") && command.programs().count() > 1
    };
    let Some(last) = commands.last() else { return Hears::Service };
    // What stands behind a command that replaces the shell is never reached.
    let replaces = commands.iter().find(|command| {
        is_exec(command) && command.depth == 0 && command.is_alone && !command.is_conditional
    });
    let closes = |command: &Command| {
        command.depth == 0
            && first(command)
                .is_some_and(|word| ["fi", "esac", "done", "}"].contains(&word.as_str()))
    };
    let ends_in = replaces
        .or_else(|| Some(last).filter(|last| is_exec(last) && last.is_alone && last.depth == 0))
        .or_else(|| {
            commands
                .iter()
                .rfind(|command| is_exec(command) && command.is_alone)
                .filter(|_| closes(last))
        });
    if let Some(command) = ends_in {
        let words: Vec<String> = command.programs().map(str::to_owned).collect();
        return match hears(&words) {
            Hears::Script(name) if name.contains(['$', '@']) => Hears::Service,
            hears => hears,
        };
    }
    if commands.iter().any(|command| first(command).is_some_and(|word| word == "trap")) {
        return Hears::Trap;
    }
    // What waits for the service is not the service.
    let service = last.words.iter().find(|(word, _)| !is_assignment(word));
    let service = service.filter(|(word, _)| word != "wait");
    let instead = service
        .filter(|_| last.is_alone && last.depth == 0 && !closes(last))
        .map(|(_, Range { start, .. })| format!("{}exec {}", &script[..*start], &script[*start..]));
    Hears::Shell { script: script.to_owned(), instead }
}

/// A command of a script.
#[derive(Debug)]
struct Command {
    words: Vec<(String, Range<usize>)>,
    /// In how many parentheses.
    depth: usize,
    /// In no pipe, and in the foreground.
    is_alone: bool,
    /// Behind `&&` or `||`.
    is_conditional: bool,
}

impl Command {
    /// Its words without assignments before it, and without what redirects.
    fn programs(&self) -> impl Iterator<Item = &str> {
        let mut is_target = false;
        self.words.iter().map(|(word, _)| word.as_str()).filter(move |word| {
            let redirects =
                word.trim_start_matches(|char: char| char.is_ascii_digit() || char == '&');
            let is_of_redirection =
                std::mem::take(&mut is_target) || redirects.starts_with(['<', '>']);
            is_target = redirects.starts_with(['<', '>']) && word.ends_with(['<', '>']);
            !is_of_redirection && !is_assignment(word)
        })
    }
}

/// The commands of `script`, as far as words, quotes, comments and operators tell.
fn commands(script: &str) -> Vec<Command> {
    let mut found = Commands::default();
    let mut chars = script.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '#' if found.word.is_none() => {
                while chars.next_if(|(_, char)| *char != '\n').is_some() {}
            }
            '\\' => match chars.next() {
                Some((_, '\n')) => {}
                Some((_, escaped)) => found.push(at, escaped),
                None => {}
            },
            '\'' | '"' | '`' => {
                found.push_none(at);
                while let Some((_, inside)) = chars.next() {
                    if inside == char {
                        break;
                    }
                    if inside == '\\' && char != '\'' {
                        chars.next();
                    }
                    found.push(at, inside);
                }
            }
            '$' if chars.next_if(|(_, char)| *char == '(' || *char == '{').is_some() => {
                found.push(at, '$');
                let mut open = 1;
                while open > 0
                    && let Some((_, inside)) = chars.next()
                {
                    match inside {
                        '(' | '{' => open += 1,
                        ')' | '}' => open -= 1,
                        _ => {}
                    }
                }
            }
            ' ' | '\t' | '\r' => found.end_word(at),
            '\n' | ';' => found.end(at, false, false),
            '(' => {
                found.end(at, false, false);
                found.depth += 1;
            }
            ')' => {
                found.end(at, false, false);
                found.depth = found.depth.saturating_sub(1);
            }
            '&' if chars.next_if(|(_, char)| *char == '&').is_some() => found.end(at, false, true),
            // `2>&1` and `&>file` are no background.
            '&' if script[..at].ends_with('>') || script[at + 1..].starts_with('>') => {
                found.push(at, char);
            }
            '&' => {
                found.in_background(at);
            }
            '|' if chars.next_if(|(_, char)| *char == '|').is_some() => found.end(at, false, true),
            '|' => {
                chars.next_if(|(_, char)| *char == '&');
                found.end(at, true, false);
            }
            char => found.push(at, char),
        }
    }
    found.end(script.len(), false, false);
    found.commands
}

#[derive(Default)]
struct Commands {
    commands: Vec<Command>,
    words: Vec<(String, Range<usize>)>,
    word: Option<(String, usize)>,
    depth: usize,
    after_pipe: bool,
    after_condition: bool,
}

impl Commands {
    fn push(&mut self, at: usize, char: char) {
        self.word.get_or_insert_with(|| (String::new(), at)).0.push(char);
    }

    fn push_none(&mut self, at: usize) {
        self.word.get_or_insert_with(|| (String::new(), at));
    }

    fn end_word(&mut self, at: usize) {
        if let Some((word, start)) = self.word.take() {
            // What opens a block is no command.
            let opens = ["then", "do", "else", "elif", "if", "while", "until", "{", "!", "time"];
            if !(self.words.is_empty() && opens.contains(&word.as_str())) {
                self.words.push((word, start..at));
            } else if ["then", "else", "do"].contains(&word.as_str()) {
                self.after_condition = true;
            }
        }
    }

    fn end(&mut self, at: usize, into_pipe: bool, into_condition: bool) {
        self.end_word(at);
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            self.after_condition |= into_condition;
            return;
        }
        self.commands.push(Command {
            words,
            depth: self.depth,
            is_alone: !self.after_pipe && !into_pipe,
            is_conditional: self.after_condition,
        });
        self.after_pipe = into_pipe;
        self.after_condition = into_condition;
    }

    fn in_background(&mut self, at: usize) {
        self.end(at, false, false);
        if let Some(last) = self.commands.last_mut() {
            last.is_alone = false;
        }
    }
}

/// The words of a command that is written in one text, as a shell takes them apart; `None` where a quote is
/// left open.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == char => break,
                        '\\' if char == '"' => match chars.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            char if char.is_whitespace() => words.extend(word.take()),
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Some(words)
}

/// The commands of `script`, each as its words.
pub(super) fn simple_commands(script: &str) -> Vec<Vec<String>> {
    let words = |command: Command| command.words.into_iter().map(|(word, _)| word).collect();
    commands(script).into_iter().map(words).collect()
}
