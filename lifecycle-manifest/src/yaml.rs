//! YAML as the readers of the platforms take it: kubectl's and compose's are ports of libyaml, and so is
//! `libyaml-safer`. What reads by the letter of the specification refuses files that are deployed every day.
//! A tree of nodes, each with its line; what an alias stands for is shared and not copied.

use std::{collections::HashMap, rc::Rc};

use libyaml_safer::{Event, EventData, Parser, ScalarStyle};

/// As deep as JSON is read as well. Nodes are dropped by recursion.
const DEEPEST: usize = 128;

/// A file has fewer values, as it has fewer characters; a few aliases of aliases can stand for more than
/// anybody can walk through.
const MOST: usize = 8 * 1_024 * 1_024;

/// A value and the line that it begins in.
#[derive(Clone, Debug)]
pub(super) struct Yaml {
    pub(super) line: usize,
    /// What stands before it, as in `!Ref`; those of YAML itself are not kept.
    pub(super) tag: Option<String>,
    pub(super) data: Rc<Data>,
    /// How many levels are in it.
    levels: usize,
    /// How many values are in it, each alias counted as what it stands for.
    size: usize,
}

#[derive(Debug)]
pub(super) enum Data {
    Scalar { text: String, kind: Kind },
    List(Vec<Yaml>),
    Mapping(Mapping),
}

/// What a scalar is to who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Integer,
    Float,
    Text,
}

#[derive(Debug, Default)]
pub(super) struct Mapping {
    pub(super) entries: Vec<(Yaml, Yaml)>,
    by_key: HashMap<String, usize>,
}

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(super) struct YamlError {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Yaml {
    pub(super) fn scalar(&self) -> Option<(&str, Kind)> {
        match &*self.data {
            Data::Scalar { text, kind } => Some((text, *kind)),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match &*self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn mapping(&self) -> Option<&Mapping> {
        match &*self.data {
            Data::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|(_, kind)| kind == Kind::Null)
    }
}

impl Mapping {
    /// What `key` has, and the line that the key stands in.
    pub(super) fn entry(&self, key: &str) -> Option<(usize, &Yaml)> {
        self.by_key.get(key).map(|at| &self.entries[*at]).map(|(key, value)| (key.line, value))
    }

    fn insert(&mut self, key: Yaml, value: Yaml) -> Result<(), YamlError> {
        if let Some((text, _)) = key.scalar()
            && self.by_key.insert(text.to_owned(), self.entries.len()).is_some()
        {
            return Err(YamlError::new(key.line, format!("the key `{text}` stands here twice")));
        }
        self.entries.push((key, value));
        Ok(())
    }
}

impl YamlError {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// The documents of `text`.
pub(super) fn load(text: &str) -> Result<Vec<Yaml>, YamlError> {
    let mut bytes = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut bytes);
    let mut tree = Tree::default();
    loop {
        let event = parser.parse().map_err(|error| unreadable(text, &error))?;
        if matches!(event.data, EventData::StreamEnd) {
            return Ok(tree.documents);
        }
        tree.take(event)?;
    }
}

/// At the line of the problem, in libyaml's words, which who searches for them finds.
fn unreadable(text: &str, error: &libyaml_safer::Error) -> YamlError {
    let line = error.problem_mark().map_or(1, |mark| line_of(mark.line));
    let tabbed = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if text.lines().nth(line - 1).is_some_and(tabbed) {
        return YamlError::new(line, "a tab stands before the text, where YAML takes spaces only");
    }
    let context = match (error.context(), error.context_mark()) {
        (Some(context), Some(mark)) if line_of(mark.line) != line => {
            format!(", {context} that begins in line {}", line_of(mark.line))
        }
        (Some(context), _) => format!(", {context}"),
        _ => String::new(),
    };
    YamlError::new(line.min(text.lines().count().max(1)), error.problem().to_owned() + &context)
}

fn line_of(mark: u64) -> usize {
    usize::try_from(mark).unwrap_or(usize::MAX).saturating_add(1)
}

/// What has come so far.
#[derive(Default)]
struct Tree {
    documents: Vec<Yaml>,
    open: Vec<Open>,
    anchors: HashMap<String, Yaml>,
}

/// A collection whose end has not come yet.
struct Open {
    line: usize,
    tag: Option<String>,
    anchor: Option<String>,
    levels: usize,
    size: usize,
    content: Content,
}

enum Content {
    List(Vec<Yaml>),
    Mapping { mapping: Mapping, key: Option<Yaml> },
}

impl Tree {
    // One event after the other, as what is nested deep must not be read by recursion.
    fn take(&mut self, event: Event) -> Result<(), YamlError> {
        let line = line_of(event.start_mark.line);
        match event.data {
            EventData::SequenceStart { anchor, tag, .. } => {
                self.begin(line, anchor, tag, Content::List(Vec::new()))
            }
            EventData::MappingStart { anchor, tag, .. } => {
                let content = Content::Mapping { mapping: Mapping::default(), key: None };
                self.begin(line, anchor, tag, content)
            }
            EventData::SequenceEnd | EventData::MappingEnd => self.end(),
            EventData::Scalar { anchor, tag, value, style, .. } => {
                let kind = kind(&value, style, tag.as_deref());
                let data = Rc::new(Data::Scalar { text: value, kind });
                self.put(anchor, Yaml { line, tag: own(tag), data, levels: 0, size: 1 })
            }
            EventData::Alias { anchor } => match self.anchors.get(&anchor) {
                Some(known) => self.put(None, Yaml { line, ..known.clone() }),
                None => Err(YamlError::new(
                    line,
                    format!(
                        "`*{anchor}` is an alias of nothing: no `&{anchor}` is in this document before it"
                    ),
                )),
            },
            EventData::DocumentEnd { .. } => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        line: usize,
        anchor: Option<String>,
        tag: Option<String>,
        content: Content,
    ) -> Result<(), YamlError> {
        self.open.push(Open { line, tag: own(tag), anchor, levels: 1, size: 1, content });
        self.bound(line, 0)
    }

    fn end(&mut self) -> Result<(), YamlError> {
        let Some(Open { line, tag, anchor, levels, size, content }) = self.open.pop() else {
            return Ok(());
        };
        let data = Rc::new(match content {
            Content::List(items) => Data::List(items),
            Content::Mapping { mapping, .. } => Data::Mapping(mapping),
        });
        self.put(anchor, Yaml { line, tag, data, levels, size })
    }

    fn put(&mut self, anchor: Option<String>, yaml: Yaml) -> Result<(), YamlError> {
        self.bound(yaml.line, yaml.levels)?;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, yaml.clone());
        }
        let Some(around) = self.open.last_mut() else {
            self.documents.push(yaml);
            return Ok(());
        };
        around.levels = around.levels.max(yaml.levels + 1);
        around.size = around.size.saturating_add(yaml.size);
        if around.size > MOST {
            return Err(YamlError::new(
                yaml.line,
                "its aliases stand for more than can be read: write out what they stand for",
            ));
        }
        match &mut around.content {
            Content::List(items) => items.push(yaml),
            Content::Mapping { mapping, key } => match key.take() {
                Some(key) => mapping.insert(key, yaml)?,
                None => *key = Some(yaml),
            },
        }
        Ok(())
    }

    /// What comes next has `levels` in it.
    fn bound(&self, line: usize, levels: usize) -> Result<(), YamlError> {
        if self.open.len() + levels > DEEPEST {
            let what = format!("nested more than {DEEPEST} deep, which no manifest is");
            return Err(YamlError::new(line, what));
        }
        Ok(())
    }
}

const OF_YAML: &str = "tag:yaml.org,2002:";

/// A tag that is not one of YAML itself.
fn own(tag: Option<String>) -> Option<String> {
    tag.filter(|tag| !tag.starts_with(OF_YAML) && tag != "!")
}

fn kind(text: &str, style: ScalarStyle, tag: Option<&str>) -> Kind {
    match tag.and_then(|tag| tag.strip_prefix(OF_YAML)) {
        Some("int") => Kind::Integer,
        Some("float") => Kind::Float,
        Some("bool") => Kind::Bool,
        Some("null") => Kind::Null,
        Some(_) => Kind::Text,
        None if tag == Some("!") || style != ScalarStyle::Plain => Kind::Text,
        None => plain(text),
    }
}

/// What a plain scalar is: `yes` and `040` too, as kubectl's reader takes them.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "y" | "Y" | "n" | "N" => return Kind::Bool,
        _ => {}
    }
    let word = text.to_ascii_lowercase();
    let one_case = text == word || text == text.to_ascii_uppercase() || {
        text.starts_with(char::is_uppercase) && text[1..] == word[1..]
    };
    if one_case && ["true", "false", "yes", "no", "on", "off"].contains(&word.as_str()) {
        return Kind::Bool;
    }
    let number = text.replace('_', "");
    if !number.starts_with(|char: char| char.is_ascii_digit() || "+-.".contains(char)) {
        return Kind::Text;
    }
    let digits = number.trim_start_matches(['+', '-']);
    let based = |prefix, radix| {
        digits.strip_prefix(prefix).is_some_and(|rest| u64::from_str_radix(rest, radix).is_ok())
    };
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if decimal || based("0x", 16) || based("0o", 8) || based("0b", 2) {
        Kind::Integer
    } else if [".inf", ".nan"].contains(&digits.to_ascii_lowercase().as_str())
        || (number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
            && number.parse::<f64>().is_ok())
    {
        Kind::Float
    } else {
        Kind::Text
    }
}
