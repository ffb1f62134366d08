//! Passwords in URLs do not belong in logs and reports. By hand: what is read is prose in which
//! URLs occur, and a parser of URLs wants one that stands alone and is valid.

/// `text` with the password of every `scheme://user:password@host` in it replaced by `***`.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail
            .find(|char: char| char.is_whitespace() || "/?#\"'<>`".contains(char))
            .unwrap_or(tail.len());
        let authority = &tail[..end];
        match authority.rfind('@').map(|at| authority.split_at(at)) {
            Some((user, host)) if user.contains(':') => {
                out.push_str(user.split(':').next().unwrap_or_default());
                out.push_str(":***");
                out.push_str(host);
            }
            _ => out.push_str(authority),
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn passwords_go_and_the_rest_stays() {
        assert_eq!(
            redact(
                "cannot reach postgres://app:s3cr:et@db:5432/x?y, nor amqp://u:p@mq or http://host/a@b"
            ),
            "cannot reach postgres://app:***@db:5432/x?y, nor amqp://u:***@mq or http://host/a@b"
        );
        assert_eq!(redact("sqlite://orders.db"), "sqlite://orders.db");
    }
}
