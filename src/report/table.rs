//! Rows for people (aligned columns) and for programs (JSON).

use std::io::{self, Write};

use serde_json::Value;

/// Writes aligned columns: numbers to the right, an empty cell for a value that is not there.
///
/// # Errors
/// When `out` does not take it.
pub fn aligned(columns: &[String], rows: &[Vec<Value>], out: &mut dyn Write) -> io::Result<()> {
    let head: Vec<String> = columns.iter().map(|name| plain(name)).collect();
    let body: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let width = |at: usize| body.iter().map(|row| length(&row[at])).chain([length(&head[at])]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let is_number: Vec<bool> = (0..head.len()).map(|at| holds_numbers(rows, at)).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    for line in [&head, &rule].into_iter().chain(&body) {
        let padded: Vec<String> =
            line.iter().enumerate().map(|(at, text)| padded(text, widths[at], is_number[at])).collect();
        writeln!(out, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

/// Writes one JSON array of objects, one a line, members in the order of the columns.
///
/// # Errors
/// When `out` does not take it.
pub fn json(columns: &[String], rows: &[Vec<Value>], out: &mut dyn Write) -> io::Result<()> {
    let names = distinct(columns);
    writeln!(out, "[")?;
    for (at, row) in rows.iter().enumerate() {
        let members: Vec<String> =
            names.iter().zip(row).map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        writeln!(out, "{{{}}}{}", members.join(","), if at + 1 < rows.len() { "," } else { "" })?;
    }
    writeln!(out, "]")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => plain(&value.to_string()),
    }
}

/// Test names and messages come from elsewhere: nothing in them may move a terminal's cursor or change its colours.
fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        if letter.is_control() {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
        plain
    })
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn holds_numbers(rows: &[Vec<Value>], at: usize) -> bool {
    let mut values = rows.iter().map(|row| &row[at]).filter(|value| !value.is_null()).peekable();
    values.peek().is_some() && values.all(Value::is_number)
}

fn padded(text: &str, width: usize, right: bool) -> String {
    let room = " ".repeat(width.saturating_sub(length(text)));
    if right { format!("{room}{text}") } else { format!("{text}{room}") }
}

/// A query may name two columns alike, a JSON object may not: `a, a` becomes `a, a_2`.
fn distinct(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let others = (2..).map(|number| format!("{column}_{number}"));
        let name = std::iter::once(column.clone()).chain(others).find(|name| !names.contains(name));
        names.extend(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> (Vec<String>, Vec<Vec<Value>>) {
        let columns = ["test_id", "runs"].map(str::to_owned).to_vec();
        (
            columns,
            vec![vec![json!("a"), json!(12)], vec![json!("b\u{1b}[31m"), json!(3)], vec![json!(null), json!(null)]],
        )
    }

    fn written(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_get_aligned_columns_and_no_control_characters() {
        let (columns, rows) = table();
        insta::assert_snapshot!(written(|out| aligned(&columns, &rows, out)), @r"
        test_id      runs
        -----------  ----
        a              12
        b\u{1b}[31m     3
        ");
    }

    #[test]
    fn programs_get_an_array_of_objects_in_the_order_of_the_columns() {
        let (columns, rows) = table();
        let text = written(|out| json(&columns, &rows, out));
        assert_eq!(text.lines().nth(1), Some(r#"{"test_id":"a","runs":12},"#));
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back.as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(written(|out| json(&[], &[], out)), "[\n]\n");
    }

    #[test]
    fn two_columns_of_one_name_are_two_members() {
        assert_eq!(distinct(&["a", "a", "a_2"].map(str::to_owned)), ["a", "a_2", "a_2_2"]);
    }
}
