//! SVG as it is written: shapes that know how far they reach, so that a drawing can be cut between them.

use super::{
    style,
    text::{escaped, width},
};

/// Shapes one over the other, from the first to the last.
#[derive(Default)]
pub(super) struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    name: String,
    description: String,
    shapes: Vec<Shape>,
}

struct Shape {
    top: f64,
    bottom: f64,
    /// Whether a page may end within it.
    is_divisible: bool,
    markup: String,
}

impl Drawing {
    /// Nothing yet, called `name`.
    pub(super) fn new(name: &str, description: String) -> Self {
        Self { name: name.to_owned(), description, ..Self::default() }
    }

    /// Adds what must stay in one piece.
    pub(super) fn add(&mut self, top: f64, bottom: f64, markup: String) {
        self.shapes.push(Shape { top, bottom, is_divisible: false, markup });
    }

    /// Adds what may be cut: lines, and what lies behind everything.
    pub(super) fn add_divisible(&mut self, top: f64, bottom: f64, markup: String) {
        self.shapes.push(Shape { top, bottom, is_divisible: true, markup });
    }

    /// The whole of it as a file of its own.
    pub(super) fn to_svg(&self) -> String {
        let style = format!("<style>{}</style>", style::css());
        self.window(0.0, self.height, &style) + "\n"
    }

    /// The whole of it for a page that has the style, in pieces of at most `most` where that cuts nothing in
    /// two, so that it can be printed. One below the other they look like one.
    pub(super) fn pieces(&self, most: f64) -> Vec<String> {
        let mut pieces = Vec::new();
        let mut top = 0.0;
        while top < self.height {
            let bottom = self.cut_below(top, most);
            pieces.push(self.window(top, bottom, ""));
            top = bottom;
        }
        pieces
    }

    /// The lowest place within `most` of `top` where nothing is cut in two; else the next below that.
    fn cut_below(&self, top: f64, most: f64) -> f64 {
        if self.height - top <= most {
            return self.height;
        }
        let whole = || self.shapes.iter().filter(|shape| !shape.is_divisible);
        let is_free = |at: &f64| whole().all(|shape| shape.bottom <= *at || shape.top >= *at);
        let ends =
            || whole().map(|shape| shape.bottom.ceil()).filter(|at| *at > top).filter(is_free);
        let within = ends().filter(|at| *at <= top + most).max_by(f64::total_cmp);
        within.or_else(|| ends().min_by(f64::total_cmp)).unwrap_or(self.height).min(self.height)
    }

    fn window(&self, top: f64, bottom: f64, style: &str) -> String {
        let (width, height) = (number(self.width), number(bottom - top));
        let shapes: Vec<&str> = self
            .shapes
            .iter()
            .filter(|shape| shape.top < bottom && shape.bottom > top)
            .map(|shape| shape.markup.as_str())
            .collect();
        let (role, words) = if top == 0.0 {
            let (name, description) = (escaped(&self.name), escaped(&self.description));
            ("role=\"img\"", format!("<title>{name}</title><desc>{description}</desc>"))
        } else {
            ("aria-hidden=\"true\"", String::new())
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lc\" {role} viewBox=\"0 {top} {width} {height}\" \
             width=\"{width}\" height=\"{height}\">{words}{style}\n\
             <rect class=\"lc-ground\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>\n{shapes}\n</svg>",
            top = number(top),
            shapes = shapes.join("\n"),
        )
    }
}

/// A rectangle.
pub(super) fn rect(class: &str, x: f64, y: f64, width: f64, height: f64, round: f64) -> String {
    let round = if round > 0.0 { format!(" rx=\"{}\"", number(round)) } else { String::new() };
    let [x, y, width, height] = [x, y, width, height].map(number);
    format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{round}/>"
    )
}

/// A path.
pub(super) fn path(class: &str, d: &str) -> String {
    format!("<path class=\"{class}\" d=\"{d}\"/>")
}

/// A straight line.
pub(super) fn line(class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) -> String {
    path(class, &format!("M{} {}L{} {}", number(x1), number(y1), number(x2), number(y2)))
}

/// Fixed-width text on the baseline `y`. Where a reader's fonts decide how wide it gets, it is made as wide
/// as its columns.
pub(super) fn text(class: &str, x: f64, y: f64, text: &str) -> String {
    let is_known = text.is_ascii() || text.chars().all(|char| char.is_ascii() || char == '…');
    let length = match is_known {
        true => String::new(),
        false => {
            format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(width(text)))
        }
    };
    format!(
        "<text class=\"{class}\" x=\"{}\" y=\"{}\"{length}>{}</text>",
        number(x),
        number(y),
        escaped(text)
    )
}

/// `parts` together, with what a reader sees who points at them: a line each.
pub(super) fn explained(lines: &[String], class: &str, parts: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<g{class}><title>{}</title>{}</g>", lines.join("\n"), parts.concat())
}

/// A number with at most one digit of fraction: the tenth of a pixel is not seen.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
