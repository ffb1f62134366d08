//! JSON as it is written: the one way, so that two writings of one thing differ in no byte. Written
//! here and not by a library, so that every shipped binary answers in JSON whatever features it was
//! built with; reading is the feature `json`, with serde.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use crate::SourceLocation;

/// A value; members of an object in the order in which they are written.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Count(u64),
    Integer(i64),
    /// Seconds, to the nanosecond.
    Seconds(Duration),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl Json {
    /// A list of what `items` become.
    pub(crate) fn list<T>(items: impl IntoIterator<Item = T>) -> Self
    where
        Self: From<T>,
    {
        Self::List(items.into_iter().map(Self::from).collect())
    }

    /// `file` and `line`, as members of the object that has the place.
    pub(crate) fn place(location: SourceLocation) -> [(&'static str, Self); 2] {
        [("file", location.file().into()), ("line", Self::Count(location.line().into()))]
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Count(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Seconds(value) => seconds(f, *value),
            Self::Text(value) => text(f, value),
            Self::List(items) => {
                lines(f, depth, ['[', ']'], items, |f, item| item.write(f, depth + 1))
            }
            Self::Object(members) => lines(f, depth, ['{', '}'], members, |f, (name, value)| {
                write!(f, "\"{name}\": ")?;
                value.write(f, depth + 1)
            }),
        }
    }
}

/// Indented by two spaces a level, a line a member.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<usize> for Json {
    fn from(value: usize) -> Self {
        Self::Count(value as u64)
    }
}

impl From<Duration> for Json {
    fn from(value: Duration) -> Self {
        Self::Seconds(value)
    }
}

impl<T> From<Option<T>> for Json
where
    Self: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

fn lines<T>(
    f: &mut fmt::Formatter<'_>,
    depth: usize,
    [open, close]: [char; 2],
    items: &[T],
    mut write: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_char(open)?;
    for (number, item) in items.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        write!(f, "{comma}\n{:indent$}", "", indent = 2 * (depth + 1))?;
        write(f, item)?;
    }
    if !items.is_empty() {
        write!(f, "\n{:indent$}", "", indent = 2 * depth)?;
    }
    f.write_char(close)
}

fn seconds(f: &mut fmt::Formatter<'_>, duration: Duration) -> fmt::Result {
    let (whole, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 {
        return write!(f, "{whole}");
    }
    let fraction = format!("{nanos:09}");
    write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
}

fn text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            char if char.is_control() => write!(f, "\\u{:04x}", char as u32)?,
            char => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let value = Json::Object(vec![
            ("none", Json::Null),
            ("yes", true.into()),
            ("count", 7_usize.into()),
            ("negative", Json::Integer(-3)),
            ("times", Json::list([0, 250, 1_500, 60_000].map(Duration::from_millis))),
            ("nanosecond", Duration::from_nanos(1).into()),
            ("text", "a \"b\"\\\n\r\t\u{1}\u{7f}\u{85} ü 日".into()),
            ("empty", Json::List(Vec::new())),
            ("nothing", Json::Object(Vec::new())),
        ]);
        assert_eq!(
            value.to_string(),
            r#"{
  "none": null,
  "yes": true,
  "count": 7,
  "negative": -3,
  "times": [
    0,
    0.25,
    1.5,
    60
  ],
  "nanosecond": 0.000000001,
  "text": "a \"b\"\\\n\r\t\u0001\u007f\u0085 ü 日",
  "empty": [],
  "nothing": {}
}"#
        );
    }

    #[cfg(feature = "json")]
    #[test]
    fn a_library_reads_the_same() {
        let text: String =
            (0..0x300).filter_map(char::from_u32).chain("日\u{1f600}\u{2028}".chars()).collect();
        let written = Json::list([text.as_str()]).to_string();
        assert_eq!(serde_json::from_str::<Vec<String>>(&written).unwrap(), [text]);
    }
}
