//! Drawings and tables on one page that needs nothing else: no network, no fonts, no script.

use super::{graph::HookGraph, style, svg::Drawing, text::escaped, timeline::Timeline};

/// How high a piece of a drawing may be that is printed on a page of its own: A4 across, at the width of a
/// timeline.
const PIECE: f64 = 620.0;

/// What stands on the page.
pub(crate) struct Page {
    pub(crate) problems: Vec<String>,
    pub(crate) timeline: Timeline,
    pub(crate) graph: HookGraph,
    pub(crate) tables: Vec<Table>,
}

/// A table under a heading. One without rows is left out.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    /// What each column is called, and how it is set.
    pub(crate) columns: Vec<(&'static str, Column)>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// How the cells of a column are set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Number,
    Name,
    Place,
    Words,
}

impl Page {
    pub(crate) fn to_html(&self) -> String {
        let Timeline { title, facts, .. } = &self.timeline;
        let facts = facts.iter().map(|fact| format!("<p>{}</p>\n", escaped(fact)));
        let problems = self.problems.iter().map(|problem| {
            let lines: Vec<String> = problem.lines().map(escaped).collect();
            format!("<li>{}</li>\n", lines.join("<br>"))
        });
        let problems = match self.problems.is_empty() {
            true => String::new(),
            false => format!("<ul class=\"problems\">\n{}</ul>\n", problems.collect::<String>()),
        };
        let graph = match self.graph.hooks.is_empty() {
            true => String::new(),
            false => section(
                "Who waited for whom",
                &pictures("Graph of the hooks", &self.graph.draw(false)),
            ),
        };
        let timeline = match self.timeline.has_rows() {
            true => section("Timeline", &pictures("Timeline", &self.timeline.draw(false))),
            false => String::new(),
        };
        let tables: String = self.tables.iter().map(Table::html).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{name}</title>\n\
             <style>{page_style}{style}</style>\n</head>\n<body>\n<main>\n\
             <h1>{name}</h1>\n{facts}{problems}{timeline}{graph}{tables}</main>\n</body>\n</html>\n",
            name = escaped(title),
            page_style = style::page_css(),
            style = style::css(),
            facts = facts.collect::<String>(),
        )
    }
}

impl Table {
    fn html(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let head = self.columns.iter();
        let head: String = head
            .map(|(name, column)| format!("<th scope=\"col\"{}>{name}</th>", column.class()))
            .collect();
        let row = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&self.columns);
            let cells = cells
                .map(|(cell, (_, column))| format!("<td{}>{}</td>", column.class(), escaped(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let rows: String = self.rows.iter().map(row).collect();
        section(
            self.title,
            &format!(
                "<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
            ),
        )
    }
}

impl Column {
    const fn class(self) -> &'static str {
        match self {
            Self::Number => " class=\"number\"",
            Self::Name => " class=\"name\"",
            Self::Place => " class=\"name place\"",
            Self::Words => "",
        }
    }
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

/// A drawing that scrolls by itself where the window is too narrow, and is printed in pieces.
fn pictures(name: &str, drawing: &Drawing) -> String {
    let pieces = drawing.pieces(PIECE).join("\n");
    format!(
        "<div class=\"picture\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\">\n{pieces}\n</div>\n"
    )
}
