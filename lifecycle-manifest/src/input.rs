//! The text of a file, read up to a size and never waited for.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
};

use lifecycle_core::ext::ManifestError;

/// Many times what a platform takes: an object of Kubernetes has 1.5 MiB at most.
const LARGEST: u64 = 8 * 1_024 * 1_024;

/// What the file at `path` says.
pub(super) fn read(path: &Path) -> Result<String, ManifestError> {
    let wrong = |what: String| ManifestError::new(format!("{}: {what}", path.display()));
    let failed = |error: io::Error| {
        let here = std::env::current_dir().unwrap_or_default();
        let looked_in = match error.kind() {
            io::ErrorKind::NotFound if path.is_relative() => format!(" in {}", here.display()),
            _ => String::new(),
        };
        wrong(format!("{error}{looked_in}"))
    };
    let of = |metadata: &Metadata| {
        if metadata.is_file() {
            Ok(())
        } else {
            Err(wrong(format!(
                "{} is no file to read; write the manifest into one",
                what(metadata)
            )))
        }
    };
    // A pipe is not opened: that waits for who writes into it.
    of(&fs::metadata(path).map_err(failed)?)?;
    let file = File::open(path).map_err(failed)?;
    of(&file.metadata().map_err(failed)?)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong("it is larger than 8 MiB, which no manifest is".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        ManifestError::new(format!("{}:{line}: it is no text: UTF-8 is needed", path.display()))
    })
}

fn what(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "a folder" } else { "a pipe or a device" }
}
