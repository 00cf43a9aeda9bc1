//! A contract in words, a line for each clause that a run can break or that says what is told.

use super::{
    Clause, Column, ColumnKind, Content, Contract, CsvShape, ExitStatus, ResultClause,
    column::DEFAULT_CHARS,
};
use crate::text::visible;

/// Words that are listed in a line; of more, the number is said.
const WORDS_SHOWN: usize = 12;
/// Characters of a schema that are shown.
const SCHEMA_SHOWN: usize = 400;

pub(super) fn clauses(contract: &Contract) -> Vec<Clause> {
    let mut list = Vec::new();
    let mut say = |id: String, text: String| list.push(Clause { id, text });
    say(
        "results".to_owned(),
        match contract.results.as_slice() {
            [] => "results of any name and content may be written".to_owned(),
            [.., last] if last.is_any() => "results of any name may be written".to_owned(),
            [_] => "1 result may be written, and no other".to_owned(),
            several => format!("{} results may be written, and no others", several.len()),
        },
    );
    for (at, clause) in contract.results.iter().enumerate() {
        result(&format!("results[{at}]"), clause, &mut say);
    }
    if let Some((largest, others)) = contract.pad_to.split_last() {
        let sizes = others.iter().map(|size| format!("{size}, ")).collect::<String>();
        say(
            "pad_to".to_owned(),
            format!("each result is padded to {sizes}{largest} bytes, and none is larger"),
        );
    }
    say(
        "exit_status".to_owned(),
        match contract.exit_status {
            ExitStatus::Code => "everybody learns the exit code that the code chooses",
            ExitStatus::Folded => "everybody learns whether a run succeeded, not the exit code",
        }
        .to_owned(),
    );
    if let Some(seconds) = contract.round_duration_seconds {
        say(
            "round_duration_seconds".to_owned(),
            format!("the time that a run takes is told in steps of {seconds} s"),
        );
    }
    list
}

fn result(id: &str, clause: &ResultClause, say: &mut impl FnMut(String, String)) {
    let name = match clause.is_any() {
        true => "any other result".to_owned(),
        false => format!("`{}`", clause.name),
    };
    if let Some(consumers) = &clause.consumers {
        let list = consumers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        say(format!("{id}.consumers"), format!("{name} is for consumer {list} only"));
    }
    if clause.required {
        let whom = if clause.consumers.is_some() { "each of these" } else { "every consumer" };
        say(format!("{id}.required"), format!("{whom} gets {name}, or the run fails"));
    }
    if let Some(most) = clause.max_bytes {
        say(format!("{id}.max_bytes"), format!("{name} has at most {most} bytes"));
    }
    match &clause.content {
        Content::Any => say(id.to_owned(), format!("{name} may have any content")),
        Content::MediaType(kind) if kind == "application/octet-stream" => {
            say(format!("{id}.media_type"), format!("{name} may have any content"));
        }
        Content::MediaType(kind) => {
            say(format!("{id}.media_type"), format!("{name} looks like {}", visible(kind)));
        }
        Content::Json { schema } if *schema == serde_json::Value::Bool(true) => {
            say(format!("{id}.json"), format!("{name} is any JSON"));
        }
        Content::Json { schema } => {
            let text = visible(&schema.to_string());
            let cut: String = text.chars().take(SCHEMA_SHOWN).collect();
            let rest = if cut.len() < text.len() { " … (cut: the manifest has all)" } else { "" };
            say(format!("{id}.json"), format!("{name} is JSON that fits {cut}{rest}"));
        }
        Content::Csv(shape) => table(&format!("{id}.csv"), &name, shape, say),
    }
}

fn table(id: &str, name: &str, shape: &CsvShape, say: &mut impl FnMut(String, String)) {
    let columns = match shape.columns.len() {
        1 => "1 column".to_owned(),
        several => format!("{several} columns"),
    };
    say(id.to_owned(), format!("{name} is CSV of {columns}, with a header"));
    for (at, column) in shape.columns.iter().enumerate() {
        say(format!("{id}.columns[{at}]"), cell(column));
    }
    say(format!("{id}.max_rows"), format!("{name} has at most {} rows", shape.max_rows));
    if let Some(group) = &shape.min_group_size {
        let column = visible(&group.column);
        let text = format!("each row counts at least {} in `{column}`", group.at_least);
        say(format!("{id}.min_group_size"), text);
    }
}

fn cell(column: &Column) -> String {
    fn range(min: Option<String>, max: Option<String>) -> String {
        match (min, max) {
            (None, None) => String::new(),
            (Some(min), None) => format!(", at least {min}"),
            (None, Some(max)) => format!(", at most {max}"),
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
        }
    }
    fn shown<T: ToString>(bound: Option<&T>) -> Option<String> {
        bound.map(T::to_string)
    }
    let kind = match &column.kind {
        ColumnKind::Text { max_chars } => {
            format!("a line of text, at most {} characters", max_chars.unwrap_or(DEFAULT_CHARS))
        }
        ColumnKind::Integer { min, max } => {
            format!("an integer{}", range(shown(min.as_ref()), shown(max.as_ref())))
        }
        ColumnKind::Number { min, max, decimals } => {
            let digits = match decimals {
                None => String::new(),
                Some(most) => format!(", at most {most} decimals"),
            };
            format!("a number{}{digits}", range(shown(min.as_ref()), shown(max.as_ref())))
        }
        ColumnKind::Boolean => "true or false".to_owned(),
        ColumnKind::Date => "a date".to_owned(),
        ColumnKind::Word { words } if words.len() > WORDS_SHOWN => {
            let some = words.iter().take(WORDS_SHOWN).map(|it| visible(it)).collect::<Vec<_>>();
            format!("one of {} words: {}, …", words.len(), some.join(", "))
        }
        ColumnKind::Word { words } => {
            format!("one of {}", words.iter().map(|it| visible(it)).collect::<Vec<_>>().join(", "))
        }
    };
    let empty = if column.optional { ", or empty" } else { "" };
    format!("`{}`: {kind}{empty}", visible(&column.name))
}
