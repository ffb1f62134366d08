//! From the text of a file to its nodes: within bounds, and with every plain scalar as it is written.

use std::collections::HashMap;

use saphyr::{MarkedYaml, YamlLoader};
use saphyr_parser::{
    BufferedInput, Event, Parser, ScalarStyle, ScanError, Span, SpannedEventReceiver,
};

/// As deep as JSON is read as well. Nodes are cloned, compared and dropped by recursion.
const DEEPEST: usize = 128;

/// Plain scalars as they are written, by the character that they begin at: `040` is not `40` to every reader.
pub(super) type Written = HashMap<usize, String>;

/// The documents of `text`.
pub(super) fn load(text: &str) -> Result<(Vec<MarkedYaml<'static>>, Written), ScanError> {
    let mut loader = YamlLoader::default();
    let mut seen = Seen::default();
    // One event after the other, as the parser's own way to feed a loader calls itself at each level.
    for event in Parser::new(BufferedInput::new(text.chars())) {
        let (event, span) = event?;
        seen.see(&event, span)?;
        loader.on_event(event, span);
        if let Some(error) = loader.error() {
            return Err(error.clone());
        }
    }
    Ok((loader.into_documents(), seen.written))
}

/// What has come so far.
#[derive(Default)]
struct Seen {
    /// The collections around: their anchors, and how many levels are in them.
    open: Vec<(usize, usize)>,
    anchors: HashMap<usize, Anchored>,
    written: Written,
}

/// What an alias stands for.
#[derive(Clone, Default)]
struct Anchored {
    levels: usize,
    written: Option<String>,
}

impl Seen {
    fn see(&mut self, event: &Event, span: Span) -> Result<(), ScanError> {
        match event {
            Event::MappingStart(anchor, _) | Event::SequenceStart(anchor, _) => {
                self.open.push((*anchor, 1));
                self.bound(0, span)
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let (anchor, levels) = self.open.pop().unwrap_or_default();
                self.anchors.insert(anchor, Anchored { levels, written: None });
                self.bound(levels, span)
            }
            Event::Scalar(text, style, anchor, _) => {
                let written = (*style == ScalarStyle::Plain).then(|| text.to_string());
                self.written.extend(written.clone().map(|text| (span.start.index(), text)));
                self.anchors.insert(*anchor, Anchored { levels: 0, written });
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some(Anchored { levels, written }) = self.anchors.get(anchor).cloned() else {
                    return Err(ScanError::new_str(
                        span.start,
                        "an alias of what is not in this document",
                    ));
                };
                self.written.extend(written.map(|text| (span.start.index(), text)));
                self.bound(levels, span)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What comes next has `levels` in it.
    fn bound(&mut self, levels: usize, span: Span) -> Result<(), ScanError> {
        if self.open.len() + levels > DEEPEST {
            let what = format!("nested more than {DEEPEST} deep, which no manifest is");
            return Err(ScanError::new(span.start, what));
        }
        if let Some((_, around)) = self.open.last_mut() {
            *around = (*around).max(levels + 1);
        }
        Ok(())
    }
}
