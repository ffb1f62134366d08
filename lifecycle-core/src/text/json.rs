//! What plan and report have in common as JSON: the head, seconds as numbers, and how it is read.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned, ser};
use serde_json::value::RawValue;
use thiserror::Error;

use super::terminal;

/// Why a text is not the JSON of a plan or of a report.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct JsonError {
    message: String,
}

impl JsonError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// A format that is written and read.
pub(crate) struct Format {
    /// What the member `format` says.
    pub(crate) name: &'static str,
    /// Goes up when a member changes its meaning or goes; new members alone do not change it.
    pub(crate) version: u64,
    /// How to make one.
    pub(crate) made_by: &'static str,
}

impl Format {
    /// `document` behind its head, a line a member: two writings of one thing differ in no byte.
    pub(crate) fn write(&self, document: &impl Serialize) -> String {
        #[derive(Serialize)]
        struct Headed<'d, T> {
            format: &'static str,
            version: u64,
            #[serde(flatten)]
            document: &'d T,
        }
        let headed = Headed { format: self.name, version: self.version, document };
        let text = serde_json::to_string_pretty(&headed)
            .unwrap_or_else(|error| unreachable!("documents have names for members: {error}"));
        // serde_json leaves DEL and its kin as they are, and marks of direction; nothing may move a
        // terminal's cursor or turn its text. Outside of strings there are no such characters but
        // the ends of lines.
        let moves = |char: char| !terminal::is_plain(char) && char != '\n';
        if !text.contains(moves) {
            return text;
        }
        let mut escaped = String::with_capacity(text.len() + 64);
        for char in text.chars() {
            if moves(char) {
                let mut units = [0; 2];
                let units = char.encode_utf16(&mut units).iter();
                escaped.extend(units.map(|unit| format!("\\u{unit:04x}")));
            } else {
                escaped.push(char);
            }
        }
        escaped
    }

    /// `text` as a document of this format, up to this version.
    pub(crate) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, JsonError> {
        #[derive(Deserialize)]
        struct Head {
            format: Option<String>,
            version: Option<u64>,
        }
        let Self { name, version, made_by } = self;
        let no_json = |error| {
            JsonError::new(format!("this is no JSON of the format `{name}`: {error}; {made_by}"))
        };
        let head: Head = serde_json::from_str(text).map_err(no_json)?;
        match (head.format.as_deref(), head.version) {
            (Some(found), Some(found_version)) if found == *name => {
                if found_version > *version {
                    return Err(JsonError::new(format!(
                        "the JSON is `{name}` version {found_version}, and this library reads up \
                         to version {version}: use the library that wrote it, or a newer one"
                    )));
                }
            }
            (Some(found), _) if found != *name => {
                return Err(JsonError::new(format!(
                    "the JSON is `{found}`, and `{name}` is wanted; {made_by}"
                )));
            }
            _ => {
                return Err(JsonError::new(format!(
                    "the JSON lacks `format` and `version`, so it is no `{name}`; {made_by}"
                )));
            }
        }
        serde_json::from_str(text).map_err(no_json)
    }
}

/// Seconds, exact to the nanosecond: `1`, `0.25`. A float would write `1.0`, and more digits than
/// there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (whole, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            return to.serialize_u64(whole);
        }
        let text = format!("{whole}.{nanos:09}");
        let number = RawValue::from_string(text.trim_end_matches('0').to_owned());
        number.map_err(ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(from)?;
        if seconds >= u64::MAX as f64 {
            return Ok(Self(Duration::MAX));
        }
        let duration = Duration::try_from_secs_f64(seconds);
        duration.map(Self).map_err(|error| de::Error::custom(format!("{seconds} seconds: {error}")))
    }
}

/// A time within a stop: of what no clock ever measured sums would overflow.
struct Moment(Duration);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let Seconds(moment) = Seconds::deserialize(from)?;
        if moment > CENTURY {
            let seconds = moment.as_secs();
            return Err(de::Error::custom(format!("{seconds} seconds: no stop takes a century")));
        }
        Ok(Self(moment))
    }
}

/// For `with`: a duration as [`Seconds`].
pub(crate) mod seconds {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        Seconds(*duration).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Seconds::deserialize(from)?.0)
    }
}

/// For `with`: a time within a stop.
pub(crate) mod moment {
    use super::*;

    pub(crate) use super::seconds::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Moment::deserialize(from)?.0)
    }
}

/// For `with`: seconds, where there may be none.
pub(crate) mod optional_seconds {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(Seconds).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Seconds>::deserialize(from)?.map(|seconds| seconds.0))
    }
}

/// For `with`: a time within a stop, where there may be none.
pub(crate) mod optional_moment {
    use super::*;

    pub(crate) use super::optional_seconds::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Moment>::deserialize(from)?.map(|moment| moment.0))
    }
}

/// `&'static str`, by a name in which serde does not see a lifetime that it would borrow for.
pub(crate) type Static = &'static str;

/// For `deserialize_with`: text that has to stand where text of the program stands.
pub(crate) fn interned<'de, D: Deserializer<'de>>(from: D) -> Result<Static, D::Error> {
    Ok(super::intern::intern(&String::deserialize(from)?))
}

/// For `deserialize_with`: the same, where there may be none.
pub(crate) fn optional_interned<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Static>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|text| super::intern::intern(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { name: "test", version: 3, made_by: "nothing" };

    #[test]
    fn what_is_written_is_json() {
        #[derive(Serialize)]
        struct Document {
            none: Option<u8>,
            yes: bool,
            count: usize,
            negative: i32,
            times: Vec<Seconds>,
            nanosecond: Seconds,
            longest: Seconds,
            text: &'static str,
            empty: Vec<u8>,
            nothing: Nothing,
        }
        #[derive(Serialize)]
        struct Nothing {}
        let document = Document {
            none: None,
            yes: true,
            count: 7,
            negative: -3,
            times: [0, 250, 1_500, 60_000].map(|ms| Seconds(Duration::from_millis(ms))).into(),
            nanosecond: Seconds(Duration::from_nanos(1)),
            longest: Seconds(Duration::MAX),
            text: "a \"b\"\\\n\r\t\u{1}\u{7f}\u{85}\u{202e}\u{e0001} ü 日",
            empty: Vec::new(),
            nothing: Nothing {},
        };
        assert_eq!(
            FORMAT.write(&document),
            r#"{
  "format": "test",
  "version": 3,
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
  "longest": 18446744073709551615.999999999,
  "text": "a \"b\"\\\n\r\t\u0001\u007f\u0085\u202e\udb40\udc01 ü 日",
  "empty": [],
  "nothing": {}
}"#
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        #[derive(Serialize, Deserialize)]
        struct Document {
            text: String,
            #[serde(with = "seconds")]
            time: Duration,
        }
        let text: String =
            (0..0x300).filter_map(char::from_u32).chain("日\u{1f600}\u{2028}".chars()).collect();
        for time in [Duration::MAX, Duration::from_millis(1_500)] {
            let written = FORMAT.write(&Document { text: text.clone(), time });
            let read: Document = FORMAT.read(&written).unwrap();
            assert_eq!((read.text, read.time), (text.clone(), time));
        }
    }
}
