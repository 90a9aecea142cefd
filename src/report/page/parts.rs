//! What the page is put together from: escaped text, tables whose rows can be led to, figures, meanings out of the published schema.

use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::Value;

use crate::formats::report_v1::SCHEMA;
use crate::report::phrasing::plain;

/// The longest text of others that is shown whole.
const LONGEST: usize = 600;

static MEANINGS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SCHEMA).unwrap_or_default());

/// Text as HTML has it, in elements and in quoted attributes. What turns the direction of text or moves a cursor is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => told.push_str("&amp;"),
            '<' => told.push_str("&lt;"),
            '>' => told.push_str("&gt;"),
            '"' => told.push_str("&quot;"),
            '\'' => told.push_str("&#39;"),
            '\n' => told.push('\n'),
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                told.push(' ');
            }
            letter if letter.is_control() => told.push(' '),
            letter => told.push(letter),
        }
    }
    told
}

/// A sentence of titer's own, in which commands stand between backticks.
pub(super) fn sentence(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

/// The name under which a row can be led to, as the page's script makes it, too.
pub(super) fn anchor(kind: &str, id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    format!("{kind}-{}", id.chars().map(plain).collect::<String>())
}

/// A cell.
#[derive(Debug)]
pub(super) enum Cell {
    /// Anybody's text.
    Text(String),
    /// The same, given room.
    Wide(String),
    /// An id, a test, a path.
    Code(String),
    /// A long id, and how much of it is shown: enough to ask for it by.
    Name(String, usize),
    /// To the right.
    Number(String),
    /// A time, or something else that stays on one line.
    Line(String),
    /// Good or bad, and the word for it.
    State(bool, String),
    /// Leads to a row.
    Link(String, String),
}

/// A column: its head, and whether it holds numbers.
pub(super) type Head = (&'static str, bool);

/// A table to be.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) id: &'a str,
    pub(super) caption: &'a str,
    pub(super) heads: &'a [Head],
    /// Each with the name that it can be led to by, if it has one.
    pub(super) rows: Vec<(Option<String>, Vec<Cell>)>,
    /// Whether it can be searched.
    pub(super) is_searched: bool,
    pub(super) is_open: bool,
}

impl Table<'_> {
    /// Writes it, within something that opens; nothing where there is no row.
    pub(super) fn write(&self, page: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let (id, open) = (self.id, if self.is_open { " open" } else { "" });
        let _ = writeln!(
            page,
            "<details id=\"{id}\"{open}><summary>{} ({})</summary>",
            escaped(self.caption),
            self.rows.len()
        );
        if self.is_searched {
            let _ = write!(
                page,
                "<div data-searched><p class=\"search\" hidden><label for=\"{id}-search\">Search</label> \
                 <input type=\"search\" id=\"{id}-search\" autocomplete=\"off\" spellcheck=\"false\"> <output for=\"{id}-search\" aria-live=\"polite\"></output></p>"
            );
        }
        let _ = write!(
            page,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table><thead><tr>",
            escaped(self.caption)
        );
        for (head, is_number) in self.heads {
            let _ = write!(page, "<th scope=\"col\"{}>{head}</th>", if *is_number { " class=\"number\"" } else { "" });
        }
        page.push_str("</tr></thead><tbody>\n");
        for (id, cells) in &self.rows {
            match id {
                Some(id) => drop(write!(page, "<tr id=\"{}\">", escaped(id))),
                None => page.push_str("<tr>"),
            }
            for cell in cells {
                write_cell(page, cell);
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
        page.push_str(if self.is_searched { "</div></details>\n" } else { "</details>\n" });
    }
}

fn write_cell(page: &mut String, cell: &Cell) {
    let escaped = |text: &str| escaped(&plain(text, LONGEST));
    let _ = match cell {
        Cell::Text(text) => write!(page, "<td>{}</td>", escaped(text)),
        Cell::Wide(text) => write!(page, "<td class=\"wide\">{}</td>", escaped(text)),
        Cell::Code(text) => write!(page, "<td class=\"wide\"><code>{}</code></td>", escaped(text)),
        Cell::Name(text, most) => {
            let beginning = text.get(..*most).unwrap_or(text);
            write!(page, "<td class=\"nowrap\"><code title=\"{}\">{}</code></td>", escaped(text), escaped(beginning))
        }
        Cell::Number(text) => write!(page, "<td class=\"number\">{}</td>", escaped(text)),
        Cell::Line(text) => write!(page, "<td class=\"nowrap\">{}</td>", escaped(text)),
        Cell::State(is_good, text) => {
            let state = if *is_good { "good" } else { "bad" };
            write!(page, "<td class=\"nowrap state-{state}\">{}</td>", escaped(text))
        }
        Cell::Link(to, text) => {
            write!(page, "<td class=\"nowrap\"><a href=\"#{}\"><code>{}</code></a></td>", escaped(to), escaped(text))
        }
    };
}

/// One thing of a legend: its name, its colour, and its sign (`square`, `circle`, `dot`, `diamond`, `cross`, `line`).
pub(super) type Sign<'a> = (&'a str, &'a str, &'a str);

/// A place for a chart, which the page's script draws.
pub(super) fn figure(page: &mut String, chart: &str, caption: &str, signs: &[Sign<'_>]) {
    let _ = write!(
        page,
        "<figure class=\"chart\" id=\"chart-{chart}\" data-chart=\"{chart}\" hidden><figcaption>{}</figcaption>",
        escaped(caption)
    );
    if !signs.is_empty() {
        page.push_str("<ul class=\"legend\">");
        for (name, colour, sign) in signs {
            let shape = match *sign {
                "circle" => "<circle cx=\"7\" cy=\"7\" r=\"4.5\" fill=\"none\" stroke=\"@\" stroke-width=\"2\"/>",
                "dot" => "<circle cx=\"7\" cy=\"7\" r=\"4.5\" fill=\"@\"/>",
                "diamond" => "<path d=\"M7 1l5 6-5 6-5-6z\" fill=\"@\"/>",
                "cross" => "<path d=\"M3 3l8 8M11 3l-8 8\" stroke=\"@\" stroke-width=\"2.5\" fill=\"none\"/>",
                "line" => "<path d=\"M0 7h14\" stroke=\"@\" stroke-width=\"3\" fill=\"none\"/>",
                _ => "<rect x=\"1\" y=\"1\" width=\"12\" height=\"12\" rx=\"2\" fill=\"@\"/>",
            };
            let shape = shape.replace('@', colour);
            let _ = write!(
                page,
                "<li><svg width=\"14\" height=\"14\" aria-hidden=\"true\">{shape}</svg>{}</li>",
                escaped(name)
            );
        }
        page.push_str("</ul>");
    }
    page.push_str("<div class=\"plot\"></div></figure>\n");
}

/// What numbers mean, as the published schema says: `("drafted", "Guards.drafted")`.
pub(super) fn meanings(page: &mut String, all: &[(&str, &str)]) {
    page.push_str("<details><summary>What these numbers mean</summary><dl class=\"means\">");
    for (name, path) in all {
        let _ = write!(page, "<dt>{}</dt><dd>{}</dd>", escaped(name), sentence(meaning(path)));
    }
    page.push_str("</dl></details>\n");
}

/// What the schema says of a member.
pub(super) fn meaning(path: &str) -> &'static str {
    let (definition, member) = path.split_once('.').unwrap_or((path, ""));
    let definition = &MEANINGS["$defs"][definition];
    let told =
        if member.is_empty() { &definition["description"] } else { &definition["properties"][member]["description"] };
    told.as_str().unwrap_or_default()
}

/// A sentence in place of a chart of nothing.
pub(super) fn empty(page: &mut String, sentence: &str) {
    let _ = writeln!(page, "<p class=\"empty\">{}</p>", self::sentence(sentence));
}
