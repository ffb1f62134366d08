//! A document of JSON, changed here and there.

use serde_json::{Number, Value, json};

use crate::choices::Choices;

const NUMBERS: [&str; 20] = [
    "0",
    "-1",
    "1",
    "1e-9",
    "0.5",
    "2.5",
    "59.999999999",
    "255",
    "256",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "3153600000",
    "3153600001",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
];

/// `seed` after a few changes, most of which leave it what it is.
pub(crate) fn changed(seed: &Value, choices: &mut Choices<'_>) -> String {
    let mut document = seed.clone();
    for _ in 0..=choices.below(4) {
        change(&mut document, seed, choices);
    }
    let mut text = document.to_string();
    if choices.byte() > 250 && !text.is_empty() {
        text.truncate(text.floor_char_boundary(choices.below(text.len())));
    }
    text
}

fn change(within: &mut Value, seed: &Value, choices: &mut Choices<'_>) {
    let goes_on = choices.byte() > 3;
    match within {
        Value::Object(members) if goes_on && !members.is_empty() => {
            let at = choices.below(members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            if choices.byte() < 4 {
                members.remove(&name);
            } else if let Some(member) = members.get_mut(&name) {
                change(member, seed, choices);
            }
        }
        Value::Array(items) if goes_on && !items.is_empty() => {
            let [at, other] = [(); 2].map(|()| choices.below(items.len()));
            match choices.byte() {
                0..6 => items.swap(at, other),
                6..12 => drop(items.remove(at)),
                12..18 => items.push(items[at].clone()),
                _ => change(&mut items[at], seed, choices),
            }
        }
        Value::Number(_) if goes_on => *within = number(choices),
        // Most texts of a document are words that it must have.
        Value::String(_) if goes_on && choices.byte() > 64 => {}
        Value::String(_) if goes_on => *within = text(seed, choices),
        Value::Bool(value) if goes_on => *value = !*value,
        _ => {
            *within = match choices.below(8) {
                0 => Value::Null,
                1 => json!(true),
                2 => json!([]),
                3 => json!({}),
                4 => text(seed, choices),
                _ => number(choices),
            }
        }
    }
}

fn number(choices: &mut Choices<'_>) -> Value {
    let text = choices.one_of(&NUMBERS);
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Any, or one that stands elsewhere in the document: the name of another hook.
fn text(document: &Value, choices: &mut Choices<'_>) -> Value {
    fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
        match value {
            Value::String(text) => texts.push(text),
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    if choices.byte().is_multiple_of(2) {
        collect(document, &mut texts);
    }
    match texts.is_empty() {
        true => choices.text().into(),
        false => (*choices.one_of(&texts)).into(),
    }
}
