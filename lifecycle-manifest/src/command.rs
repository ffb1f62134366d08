//! How long a command takes: known of sleeps, and of nothing else that takes time.

use std::time::Duration;

/// Where the programs are that are known by their names.
const FOLDERS: [&str; 5] = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/busybox/"];

/// How long `words` take, run without a shell; `None` when that is not understood whole.
pub(super) fn length(words: &[String]) -> Option<Duration> {
    let (program, rest) = words.split_first()?;
    match (program_name(program), rest) {
        ("busybox", rest) => length(rest),
        ("sh" | "bash" | "ash" | "dash", [flag, script]) if only_runs(flag) => {
            script_length(script)
        }
        ("sleep" | "true" | "echo", _) => builtin(words),
        _ => None,
    }
}

fn program_name(path: &str) -> &str {
    FOLDERS.iter().find_map(|folder| path.strip_prefix(folder)).unwrap_or(path)
}

/// `-c`, with what stops at an error or shows the commands; a login shell runs a profile first.
fn only_runs(flag: &str) -> bool {
    let letters = flag.strip_prefix('-').and_then(|flags| flags.strip_suffix('c'));
    letters.is_some_and(|letters| letters.chars().all(|letter| "eux".contains(letter)))
}

/// How long commands take one after the other.
fn script_length(script: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for command in commands(script)? {
        match (command[0].as_str(), &command[1..]) {
            // What stands behind it is not run.
            ("exit", _) => return Some(total),
            ("exec", rest) => return total.checked_add(builtin(rest)?),
            ("set", _) => {}
            _ => total = total.checked_add(builtin(&command)?)?,
        }
    }
    Some(total)
}

fn builtin(words: &[String]) -> Option<Duration> {
    let (program, operands) = words.split_first()?;
    match program_name(program) {
        "sleep" if !operands.is_empty() => operands
            .iter()
            .try_fold(Duration::ZERO, |total, operand| total.checked_add(sleep_time(operand)?)),
        "true" | "echo" | ":" => Some(Duration::ZERO),
        _ => None,
    }
}

/// `5`, `0.5`, `5s`, `1m`, `1h`, `1d`.
fn sleep_time(operand: &str) -> Option<Duration> {
    let (number, unit) =
        operand.split_at(operand.find(char::is_alphabetic).unwrap_or(operand.len()));
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// The commands of a script that has only words, quotes, comments, `;`, `&&` and ends of lines in it.
fn commands(script: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == char => break,
                        '$' | '`' | '\\' if char == '"' => return None,
                        inside => word.push(inside),
                    }
                }
            }
            '#' if word.is_none() => while chars.next_if(|char| *char != '\n').is_some() {},
            '\\' if chars.next_if_eq(&'\n').is_some() => {}
            ' ' | '\t' => commands.last_mut()?.extend(word.take()),
            ';' | '\n' => end(&mut commands, &mut word),
            '&' if chars.next_if_eq(&'&').is_some() => end(&mut commands, &mut word),
            char if char.is_alphanumeric() || "_-.,:/+=%@^".contains(char) => {
                word.get_or_insert_default().push(char);
            }
            _ => return None,
        }
    }
    end(&mut commands, &mut word);
    commands.retain(|command| !command.is_empty());
    Some(commands)
}

fn end(commands: &mut Vec<Vec<String>>, word: &mut Option<String>) {
    if let Some(last) = commands.last_mut() {
        last.extend(word.take());
    }
    commands.push(Vec::new());
}
