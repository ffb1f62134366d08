//! What every JSON of this library is read by.

use std::{error::Error, fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// Why a text is not the JSON of a plan or of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    message: String,
}

impl JsonError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for JsonError {}

/// `text` as a document of this `format`, up to this `version`; `made_by` says how to make one.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(
    text: &str,
    format: &str,
    version: u64,
    made_by: &str,
) -> Result<T, JsonError> {
    #[derive(Deserialize)]
    struct Head {
        format: Option<String>,
        version: Option<u64>,
    }
    let no_json = |error| {
        JsonError::new(format!("this is no JSON of the format `{format}`: {error}; {made_by}"))
    };
    let head: Head = serde_json::from_str(text).map_err(no_json)?;
    match (head.format.as_deref(), head.version) {
        (Some(found), Some(found_version)) if found == format => {
            if found_version > version {
                return Err(JsonError::new(format!(
                    "the JSON is `{format}` version {found_version}, and this library reads up to version \
                     {version}: use the library that wrote it, or a newer one"
                )));
            }
        }
        (Some(found), _) if found != format => {
            return Err(JsonError::new(format!(
                "the JSON is `{found}`, and `{format}` is wanted; {made_by}"
            )));
        }
        _ => {
            return Err(JsonError::new(format!(
                "the JSON lacks `format` and `version`, so it is no `{format}`; {made_by}"
            )));
        }
    }
    serde_json::from_str(text).map_err(no_json)
}

/// For `deserialize_with`: seconds as they are written.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    if seconds >= u64::MAX as f64 {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| de::Error::custom(format!("{seconds} seconds: {error}")))
}

/// A time within a stop: of what no clock ever measured sums would overflow.
pub(crate) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let moment = seconds(from)?;
    if moment > CENTURY {
        return Err(de::Error::custom(format!(
            "{} seconds: no stop takes a century",
            moment.as_secs()
        )));
    }
    Ok(moment)
}

/// The same where there may be none.
pub(crate) fn optional_moment<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    struct Seconds(#[serde(deserialize_with = "moment")] Duration);
    Ok(Option::<Seconds>::deserialize(from)?.map(|seconds| seconds.0))
}

/// Seconds, where there may be none.
pub(crate) fn optional_seconds<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    struct Seconds(#[serde(deserialize_with = "seconds")] Duration);
    Ok(Option::<Seconds>::deserialize(from)?.map(|seconds| seconds.0))
}
