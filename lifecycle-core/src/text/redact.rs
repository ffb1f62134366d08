//! Secrets do not belong in logs and reports. One function stands in front of everything that is
//! written; docs/redaction.md says what it knows and what it cannot know.
//!
//! By hand, because what exists finds secrets in source code (rules made of hundreds of patterns,
//! to be looked at by a person) or hides fields whose type is known; here the text is an error's,
//! often a URL that could not be parsed, and has to be rewritten in a time that grows with its
//! length alone.

use super::cut;

const HIDDEN: &str = "***";

/// `text`, cut where it is too long, with `***` in place of each secret in it. What was redacted
/// before stays as it is.
pub(crate) fn redact(text: &str) -> String {
    let looked_at = cut::looked_at(text);
    let mut redacted = Scan { text: looked_at, out: String::new(), copied: 0 }.run();
    if looked_at.len() < text.len() {
        redacted.truncate(redacted.floor_char_boundary(cut::MOST));
        redacted.push_str(cut::SAID);
    }
    redacted
}

struct Scan<'a> {
    text: &'a str,
    out: String,
    /// How much of the text is in `out`.
    copied: usize,
}

/// How URLs are written: plain, inside of JSON, inside of another URL once and twice.
const URL_FORMS: [UrlForm; 5] = [
    UrlForm { marker: "://", colon: ":", at: "@" },
    UrlForm { marker: r":\/\/", colon: ":", at: "@" },
    UrlForm { marker: r":\\/\\/", colon: ":", at: "@" },
    UrlForm { marker: "%3a%2f%2f", colon: "%3a", at: "%40" },
    UrlForm { marker: "%253a%252f%252f", colon: "%253a", at: "%2540" },
];

struct UrlForm {
    marker: &'static str,
    colon: &'static str,
    at: &'static str,
}

/// How far a password that holds a space is looked for.
const ACROSS_SPACES: usize = 128;
/// The longest name of a secret.
const NAME: usize = 64;

impl Scan<'_> {
    fn run(mut self) -> String {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let starts_word = is_word(byte) && (at == 0 || !is_word(bytes[at - 1]));
            let next = match byte {
                b':' | b'%' => self.url(at).or_else(|| self.named(at)),
                b'=' | b'>' | b'"' | b'\'' | b'\\' | b' ' => self.named(at),
                b'@' => self.mysql(at),
                b'-' => self.key_block(at),
                _ if starts_word => self.known(at),
                _ => None,
            };
            at = next.unwrap_or(at + 1).max(at + 1);
        }
        self.out.push_str(&self.text[self.copied..]);
        self.out
    }

    /// Hides a part; what follows is looked at from its end on.
    fn hide(&mut self, from: usize, to: usize) -> Option<usize> {
        let from = from.max(self.copied);
        if to > from && &self.text[from..to] != HIDDEN {
            self.out.push_str(&self.text[self.copied..from]);
            self.out.push_str(HIDDEN);
            self.copied = to;
        }
        Some(to)
    }

    /// `scheme://user:SECRET@host` and `https://SECRET@host`, also where the secret holds what a
    /// URL must not: this is how errors of parsers show it.
    fn url(&mut self, marker: usize) -> Option<usize> {
        let form = URL_FORMS.iter().find(|form| self.has(marker, form.marker))?;
        let start = marker + form.marker.len();
        let scheme = self.word_before(marker);
        let is_web =
            ["http", "https", "ws", "wss"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
        let run = self.run_of_url(start);
        let mut at = rfind(&self.text[start..run], form.at).map(|at| start + at);
        let mut crossed = false;
        if at.is_none() && self.text.as_bytes().get(run) == Some(&b' ') {
            // A password with a space in it, unless this is the end of a URL without one.
            let most = self.text.floor_char_boundary(run + ACROSS_SPACES);
            let most = self.text[run..most].find(['\n', '\r']).map_or(most, |at| run + at);
            let most = self.text[run..most].find("://").map_or(most, |at| run + at);
            at = self.text[run..most].find(form.at).map(|at| run + at);
            crossed = true;
        }
        let at = at?;
        let user = &self.text[start..at];
        let colon = find(user, form.colon);
        let path = user.find(['/', '?', '#']).unwrap_or(user.len());
        if user.starts_with('[') {
            return None;
        }
        match colon.filter(|colon| *colon < path) {
            Some(colon) => {
                let secret = &user[colon + form.colon.len()..];
                if starts_with_port(secret) && (is_web || crossed) {
                    return Some(start);
                }
                self.hide(start + colon + form.colon.len(), at)
            }
            None if path < user.len() || crossed => Some(start),
            None if user == "git" || (!is_web && is_plain_name(user)) => Some(start),
            None => self.hide(start, at),
        }
    }

    /// Where a URL ends that may be malformed: at white space, where a quoted string ends, or where
    /// another URL begins.
    fn run_of_url(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start;
        while let Some(&byte) = bytes.get(at) {
            let is_end = byte.is_ascii_whitespace()
                || (is_quote(byte) && ends_value(&self.text[at + 1..]))
                || (byte == b'\\' && bytes.get(at + 1).copied().is_some_and(is_quote));
            if is_end {
                break;
            }
            if (byte == b':' || byte == b'%')
                && URL_FORMS.iter().any(|form| self.has(at, form.marker))
            {
                return at - self.word_before(at).len().min(at - start);
            }
            at += 1;
        }
        at
    }

    /// `user:SECRET@tcp(host)`, as Go writes it for MySQL.
    fn mysql(&mut self, at: usize) -> Option<usize> {
        let is_address = ["@tcp(", "@unix(", "@tcp4(", "@tcp6("].iter().any(|a| self.has(at, a));
        if !is_address {
            return None;
        }
        let from = self.text.floor_char_boundary(at.saturating_sub(256)).max(self.copied);
        let before = &self.text[from..at];
        let gap = before.bytes().rposition(|byte| byte.is_ascii_whitespace());
        let start = gap.map_or(0, |at| at + 1);
        let colon = before[start..].find(':')?;
        self.hide(from + start + colon + 1, at)
    }

    /// `password=SECRET` and its kin: a name that says so, what separates it, and the value.
    fn named(&mut self, separator: usize) -> Option<usize> {
        let text = self.text;
        let bytes = text.as_bytes();
        let name = self.name_before(separator);
        let start = separator - name.len();
        let before = &text[..start];
        let is_query = before.ends_with(['?', '&']);
        let is_header = is_header(name);
        if name.is_empty()
            || !(is_header || is_secret_name(name) || (is_query && is_secret_query(name)))
        {
            return None;
        }
        let after = |at: usize| text.get(at..).unwrap_or_default();
        // What closes the name, and what separates it from its value.
        let mut at = separator;
        let closed = after(at).trim_start_matches(['\\', '"', '\'', '`', ']']);
        at = text.len() - closed.len();
        let spaces = closed.len() - closed.trim_start_matches(' ').len();
        let rest = &closed[spaces..];
        let is_option =
            before.trim_end_matches(['"', '\'']).ends_with("--") || before.ends_with('-');
        at += spaces;
        if rest.starts_with("=>") {
            at += 2;
        } else if rest.starts_with("%3d") || rest.starts_with("%3D") {
            at += 3;
        } else if rest.starts_with(['=', ':']) {
            at += 1;
        } else if rest.starts_with('>') && before.ends_with('<') {
            let end = after(at + 1).find('<').map_or(text.len(), |end| at + 1 + end);
            return self.hide(at + 1, end);
        } else if is_option && (spaces > 0 || rest.starts_with(',')) {
            at += usize::from(rest.starts_with(','));
        } else {
            return None;
        }
        if bytes.get(at - 1) == Some(&b':') && before.ends_with("unexpected ") {
            return None;
        }
        at = text.len() - after(at).trim_start_matches([' ', '\t']).len();
        // `Some("..")`, `Secret("..")`.
        loop {
            let wrapper = after(at).bytes().take(NAME).take_while(|&byte| is_word(byte)).count();
            let is_type = bytes.get(at).is_some_and(u8::is_ascii_uppercase);
            if !is_type || bytes.get(at + wrapper) != Some(&b'(') {
                break;
            }
            at += wrapper + 1;
        }
        let value = after(at);
        let is_prose = bytes[separator..at].last() == Some(&b' ') && !is_option;
        let end = at + end_of_value(value, is_header);
        let (from, end) = inside_quotes(text, at, end);
        if says_nothing(&text[from..end], is_prose) {
            return Some(end);
        }
        self.hide(from, end)
    }

    /// A private key in PEM, to its last line.
    fn key_block(&mut self, at: usize) -> Option<usize> {
        const BEGIN: &str = "-----BEGIN ";
        const KEY: &str = "PRIVATE KEY-----";
        if !self.has(at, BEGIN) {
            return None;
        }
        let head = &self.text[at..self.text.floor_char_boundary(at + 80)];
        let body = at + head.find(KEY)? + KEY.len();
        let end = self.text[body..].find("-----END").map_or(self.text.len(), |end| body + end);
        self.hide(body, end)
    }

    /// Tokens that say what they are, and what stands after `Bearer` and `Basic`.
    fn known(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let token = |from: usize| rest[from..].bytes().take_while(|&byte| is_token(byte)).count();
        for (scheme, is_bearer) in [("bearer ", true), ("basic ", false)] {
            if self.has(at, scheme) {
                let length = token(scheme.len());
                let what = &rest[scheme.len()..scheme.len() + length];
                let is_secret = if is_bearer { !is_prose(what) } else { is_base64(what) };
                let from = at + scheme.len();
                return if is_secret { self.hide(from, from + length) } else { None };
            }
        }
        let is_jwt = || {
            let length = token(0);
            rest.starts_with("eyJ") && length > 20 && rest[..length].matches('.').count() >= 2
        };
        let is_known = PREFIXES
            .iter()
            .any(|(prefix, least)| rest.starts_with(prefix) && token(0) >= prefix.len() + least);
        (is_known || is_jwt()).then(|| token(0)).and_then(|length| self.hide(at, at + length))
    }

    fn has(&self, at: usize, what: &str) -> bool {
        let found = self.text.as_bytes().get(at..at + what.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(what.as_bytes()))
    }

    fn word_before(&self, end: usize) -> &str {
        let bytes = &self.text.as_bytes()[..end];
        let length = bytes.iter().rev().take(NAME).take_while(|&&byte| is_word(byte)).count();
        &self.text[end - length..end]
    }

    /// With the characters that names have inside.
    fn name_before(&self, end: usize) -> &str {
        let bytes = &self.text.as_bytes()[..end];
        let is_name = |byte: u8| is_word(byte) || matches!(byte, b'-' | b'.');
        let length = bytes.iter().rev().take(NAME).take_while(|&&byte| is_name(byte)).count();
        self.text[end - length..end].trim_start_matches(['-', '.'])
    }
}

/// What the names of secrets end with or are, in lower case and without what separates their parts.
const ANYWHERE: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "privatekey",
    "accesskey",
    "credential",
    "pgpass",
];
const AT_THE_END: [&str; 12] = [
    "pwd",
    "token",
    "signature",
    "accountkey",
    "sharedkey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "masterkey",
    "jwt",
    "sessionid",
    "authorization",
];
/// Only as a part of their own.
const AS_A_PART: [&str; 4] = ["pass", "sig", "auth", "pw"];
const IN_A_QUERY: [&str; 6] = ["key", "code", "sid", "session", "access", "credentials"];
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// What tokens start with, and how long they are after it at least.
const PREFIXES: [(&str, usize); 22] = [
    ("AKIA", 12),
    ("ASIA", 12),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("ghu_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("sk-", 20),
    ("AIza", 20),
    ("ya29.", 10),
    ("npm_", 20),
    ("hvs.", 10),
    ("dop_v1_", 16),
];

fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header))
}

fn is_secret_name(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let plain = plain.trim_end_matches(|char: char| char.is_ascii_digit());
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or_default();
    // The last part of `dbPass`.
    let camel = last.rfind(|char: char| char.is_ascii_uppercase()).filter(|at| *at > 0);
    let parts = [last, camel.map_or("", |at| &last[at..])];
    ANYWHERE.iter().any(|secret| plain.contains(secret))
        || AT_THE_END.iter().any(|secret| plain.ends_with(secret))
        || AS_A_PART.iter().any(|secret| parts.iter().any(|part| part.eq_ignore_ascii_case(secret)))
}

fn is_secret_query(name: &str) -> bool {
    IN_A_QUERY.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// How long the value is that `text` starts with: in quotes, in brackets, to the end of the line,
/// or to what separates it from the next.
fn end_of_value(text: &str, is_header: bool) -> usize {
    let bytes = text.as_bytes();
    let (escapes, quote) = quote_of(text);
    if let Some(quote) = quote {
        let mut at = escapes + 1;
        while at < text.len() {
            let found = bytes[at..].iter().take_while(|&&byte| byte == b'\\').count();
            at += found;
            let is_close = bytes.get(at) == Some(&quote)
                && (found == escapes || (escapes == 0 && found % 2 == 0))
                && ends_value(&text[at + 1..]);
            if is_close {
                return at + 1;
            }
            at += usize::from(at < text.len());
        }
        return text.len();
    }
    if text.starts_with('[') {
        return text.find([']', '\n']).unwrap_or(text.len());
    }
    let mut at = 0;
    while at < text.len() {
        let byte = bytes[at];
        let is_end = match byte {
            b'\n' | b'\r' => true,
            b' ' | b'\t' => !is_header,
            b'&' | b';' | b',' | b')' | b']' | b'}' | b'<' | b'"' | b'\'' | b'`' => {
                !(is_header && matches!(byte, b';' | b',')) && ends_value(&text[at + 1..])
            }
            b'\\' => bytes[at..].iter().find(|&&byte| byte != b'\\').copied().is_some_and(is_quote),
            _ => false,
        };
        if is_end {
            break;
        }
        at += 1;
    }
    at
}

/// The quote that `text` starts with, and the backslashes before it, which stand before its like as
/// well.
fn quote_of(text: &str) -> (usize, Option<u8>) {
    let escapes = text.len() - text.trim_start_matches('\\').len();
    (escapes, text.as_bytes().get(escapes).copied().filter(|&byte| is_quote(byte)))
}

/// The value from `from` to `to` without its quotes.
fn inside_quotes(text: &str, from: usize, to: usize) -> (usize, usize) {
    let value = &text[from..to];
    let (escapes, Some(quote)) = quote_of(value) else { return (from, to) };
    let start = escapes + 1;
    let is_closed = value.len() >= 2 * start && value.as_bytes()[value.len() - 1] == quote;
    let end = if is_closed { value.len() - start } else { value.len() };
    (from + start.min(end), from + end)
}

/// Whether a value can have ended before `rest`: else what seems to end it is a part of it.
fn ends_value(rest: &str) -> bool {
    let Some(next) = rest.chars().next() else { return true };
    if next.is_whitespace() || "&;,)]}<>\"'`:\\#|".contains(next) {
        return true;
    }
    // The next of several: `name=`.
    let name =
        rest.bytes().take(NAME).take_while(|&b| is_word(b) || matches!(b, b'-' | b'.')).count();
    name > 0 && matches!(rest.as_bytes().get(name), Some(b'=' | b':'))
}

/// Whether the value is one of those that tell nothing, or the start of a sentence about the name.
fn says_nothing(value: &str, is_in_prose: bool) -> bool {
    const VALUES: [&str; 10] =
        ["", HIDDEN, "none", "null", "nil", "true", "false", "undefined", "unset", "[redacted]"];
    VALUES.iter().any(|nothing| value.eq_ignore_ascii_case(nothing))
        || (is_in_prose && !value.is_empty() && is_prose(value))
}

/// Words that are written after `password:` and `Bearer` and are none.
fn is_prose(word: &str) -> bool {
    const WORDS: [&str; 38] = [
        "a",
        "an",
        "and",
        "auth",
        "authentication",
        "authorization",
        "cannot",
        "challenge",
        "could",
        "does",
        "error",
        "expected",
        "expired",
        "failed",
        "format",
        "has",
        "header",
        "invalid",
        "is",
        "malformed",
        "may",
        "missing",
        "must",
        "no",
        "not",
        "of",
        "or",
        "realm",
        "refused",
        "rejected",
        "required",
        "scheme",
        "should",
        "the",
        "token",
        "too",
        "unknown",
        "was",
    ];
    WORDS.contains(&word.trim_end_matches(['.', '=', '-']))
}

fn is_base64(word: &str) -> bool {
    word.len() >= 6 && word.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// `8080/`, `8080`: after a host.
fn starts_with_port(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_end =
        text[digits..].chars().next().is_none_or(|c| c.is_whitespace() || "/?#,".contains(c));
    (1..=5).contains(&digits) && is_end
}

/// A name that a person gave to an account.
fn is_plain_name(user: &str) -> bool {
    let stem = user.trim_end_matches(|char: char| char.is_ascii_digit());
    user.len() <= 16
        && user.len() - stem.len() <= 2
        && stem.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.'))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_token(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn find(text: &str, what: &str) -> Option<usize> {
    let windows = text.as_bytes().windows(what.len());
    windows.into_iter().position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

fn rfind(text: &str, what: &str) -> Option<usize> {
    let windows = text.as_bytes().windows(what.len());
    windows.into_iter().rposition(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

#[cfg(test)]
pub(crate) mod shapes;
#[cfg(test)]
mod tests;
