//! What a keeper says: one line each.

use std::{fmt, io, str::FromStr};

use crate::ExitStatus;

/// What a keeper says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The child runs, with this process id, since that many ticks after the boot.
    Started(u32, u64),
    /// It could not be started: the number of the error.
    Refused(i32),
    /// The child has ended. Others of its tree may live.
    Ended(ExitStatus),
    /// One of the tree that is about to be killed.
    Kills(Member),
    /// It was killed a while ago and is still there.
    Stuck(Member),
    /// Nothing of the tree is left.
    Gone,
}

/// A process of a child's tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel keeps it: at most 15 bytes.
    pub name: String,
    /// The letter of its state in `/proc/<pid>/stat`: `S` sleeps, `D` cannot be interrupted.
    pub state: char,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |f: &mut fmt::Formatter<'_>, what: &str, member: &Member| {
            let name = member.name.replace(|c: char| c.is_control(), "?");
            write!(f, "{what} {} {} {name}", member.pid, member.state)
        };
        match self {
            Self::Started(pid, start) => write!(f, "started {pid} {start}"),
            Self::Refused(error) => write!(f, "refused {error}"),
            Self::Ended(ExitStatus::Code(code)) => write!(f, "code {code}"),
            Self::Ended(ExitStatus::Signal(number)) => write!(f, "signal {number}"),
            Self::Kills(killed) => member(f, "kills", killed),
            Self::Stuck(stuck) => member(f, "stuck", stuck),
            Self::Gone => f.write_str("gone"),
        }
    }
}

impl FromStr for Word {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let parse = || {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            let member = || {
                let mut parts = rest.splitn(3, ' ');
                Some(Member {
                    pid: parts.next()?.parse().ok()?,
                    state: parts.next()?.chars().next()?,
                    name: parts.next()?.to_owned(),
                })
            };
            Some(match what {
                "started" => {
                    let (pid, start) = rest.split_once(' ')?;
                    Self::Started(pid.parse().ok()?, start.parse().ok()?)
                }
                "refused" => Self::Refused(rest.parse().ok()?),
                "code" => Self::Ended(ExitStatus::Code(rest.parse().ok()?)),
                "signal" => Self::Ended(ExitStatus::Signal(rest.parse().ok()?)),
                "kills" => Self::Kills(member()?),
                "stuck" => Self::Stuck(member()?),
                "gone" => Self::Gone,
                _ => return None,
            })
        };
        parse().ok_or_else(|| io::Error::other(format!("the keeper said `{line}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_written() {
        let member = |name: &str| Member { pid: 7, name: name.to_owned(), state: 'D' };
        for word in [
            Word::Started(4_194_303, u64::MAX),
            Word::Refused(2),
            Word::Ended(ExitStatus::Code(70)),
            Word::Ended(ExitStatus::Signal(9)),
            Word::Kills(member("a b) c")),
            Word::Stuck(member("")),
            Word::Gone,
        ] {
            assert_eq!(word.to_string().parse::<Word>().expect("a word"), word);
        }
    }

    #[test]
    fn a_name_with_a_line_break_is_one_line() {
        let word = Word::Kills(Member { pid: 1, name: "a\nb".to_owned(), state: 'S' });
        assert_eq!(word.to_string().lines().count(), 1);
    }

    #[test]
    fn what_is_no_word_is_an_error() {
        for line in ["", "gone?", "started x", "started 7", "kills 7", "kills x S y"] {
            assert!(line.parse::<Word>().is_err(), "{line}");
        }
    }
}
