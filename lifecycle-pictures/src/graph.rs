//! Hooks as a layered graph: a band for each order, in it who waits for whom.

use std::collections::BTreeMap;

use lifecycle_core::Outcome;

use super::{
    layout::{Block, Route},
    legend::{self, Entry, Sample, chip, colour_of, pointer},
    pack::packed,
    svg::{Drawing, explained, line, number, path, rect, text},
    text::{COLUMN, columns, end_of, start_of, width},
};

/// How wide a row of boxes may get before it is broken.
const MOST: f64 = 1_040.0;
const MARGIN: f64 = 20.0;
/// Between a band's edge and what is in it.
const PADDING: f64 = 14.0;
/// Between two bands; the barrier runs through its middle.
const BARRIER: f64 = 26.0;
const BOX_HEIGHT: f64 = 42.0;
/// How far an outline may reach beyond its box.
const OUTLINE: f64 = 2.0;
/// How many columns of a name a box shows.
const NAME: usize = 28;

/// What is drawn.
pub(crate) struct HookGraph {
    pub(crate) title: String,
    pub(crate) facts: Vec<String>,
    pub(crate) hooks: Vec<Hook>,
    /// Places among the hooks, in order.
    pub(crate) critical: Vec<usize>,
    /// What these are, for the legend.
    pub(crate) critical_is: &'static str,
}

/// A box of the graph.
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) detail: String,
    /// Lines for who points at it.
    pub(crate) explained: Vec<String>,
    pub(crate) order: i32,
    /// Places among the hooks.
    pub(crate) waits_for: Vec<usize>,
    pub(crate) is_unordered: bool,
    pub(crate) outcome: Option<Outcome>,
}

impl HookGraph {
    /// As a file of its own.
    pub(crate) fn to_svg(&self) -> String {
        self.draw(true).to_svg()
    }

    /// With its title, or for a page that says it.
    pub(super) fn draw(&self, with_title: bool) -> Drawing {
        let mut drawing = Drawing::new(&self.title, self.describe());
        let mut y = MARGIN;
        if with_title {
            drawing.add(y, y + 17.0, text("lc-title", MARGIN, y + 13.0, &self.title));
            y += 22.0;
            for fact in &self.facts {
                drawing.add(y, y + 17.0, text("lc-faint", MARGIN, y + 13.0, fact));
                y += 20.0;
            }
            y += 8.0;
        }
        let bands = self.bands();
        let label =
            bands.iter().map(|band| width(&band.label())).fold(0.0, f64::max) + 2.0 * PADDING;
        let inner = bands.iter().map(|band| band.block.width).fold(0.0, f64::max);
        let said = std::iter::once(&self.title).chain(&self.facts).map(|said| width(said) * 1.25);
        let band_width = said.fold(label + inner + PADDING, f64::max).max(420.0);
        for (at, band) in bands.iter().enumerate() {
            if at > 0 {
                barrier(&mut drawing, [&bands[at - 1].label(), &band.label()], y, band_width);
                y += BARRIER;
            }
            let height = band.block.height + 2.0 * PADDING;
            drawing.add_divisible(
                y,
                y + height,
                rect("lc-band", MARGIN, y, band_width, height, 8.0),
            );
            let baseline = y + PADDING + BOX_HEIGHT / 2.0 + 4.0;
            let label_at = MARGIN + PADDING;
            drawing.add(
                baseline - 12.0,
                baseline + 4.0,
                text("lc-faint", label_at, baseline, &band.label()),
            );
            self.draw_band(band, &mut drawing, [MARGIN + label, y + PADDING]);
            y += height;
        }
        y = legend::draw(&self.legend(bands.len()), &mut drawing, MARGIN, y + PADDING, band_width);
        drawing.width = band_width + 2.0 * MARGIN;
        drawing.height = (y + MARGIN).ceil();
        drawing
    }

    fn describe(&self) -> String {
        let names = self.critical.iter().map(|&at| self.hooks[at].name.as_str());
        let names: Vec<&str> = names.collect();
        let critical = match names.is_empty() {
            true => String::new(),
            false => format!(" {}: {}.", self.critical_is, names.join(", then ")),
        };
        format!("{}.{critical}", self.facts.join(". "))
    }

    fn bands(&self) -> Vec<Band> {
        let mut by_order: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (at, hook) in self.hooks.iter().enumerate() {
            by_order.entry(hook.order).or_default().push(at);
        }
        let mut place = vec![0; self.hooks.len()];
        by_order
            .values()
            .flat_map(|members| members.iter().enumerate())
            .for_each(|(n, &at)| place[at] = n);
        let size = [self.box_width(self.columns()), BOX_HEIGHT];
        let band = |(order, members): (i32, Vec<usize>)| {
            // The barrier shows what waits for another order.
            let edges = members.iter().flat_map(|&at| {
                let before = self.hooks[at].waits_for.iter().copied();
                let before = before.filter(|&before| self.hooks[before].order == order);
                before.map(|before| (place[before], place[at])).collect::<Vec<_>>()
            });
            let block = packed(members.len(), &edges.collect::<Vec<_>>(), size, MOST);
            Band { order, members, block }
        };
        by_order.into_iter().map(band).collect()
    }

    /// How many columns of text a box has room for: as many as the widest needs, within reason.
    fn columns(&self) -> usize {
        let widest =
            self.hooks.iter().map(|hook| columns(&hook.name).max(columns(&hook.detail))).max();
        widest.unwrap_or_default().clamp(10, NAME)
    }

    fn box_width(&self, columns: usize) -> f64 {
        (self.inset() + columns as f64 * COLUMN + 28.0).ceil()
    }

    /// Where the words of a box begin: behind the sign of its outcome, where there is one.
    fn inset(&self) -> f64 {
        if self.hooks.iter().any(|hook| hook.outcome.is_some()) { 32.0 } else { 10.0 }
    }

    fn draw_band(&self, band: &Band, drawing: &mut Drawing, [left, top]: [f64; 2]) {
        let is_critical = |route: &Route| {
            let pair = [band.members[route.from], band.members[route.to]];
            self.critical.windows(2).any(|step| step == pair)
        };
        // What matters is drawn over the rest.
        let (critical, others): (Vec<&Route>, Vec<&Route>) =
            band.block.routes.iter().partition(|route| is_critical(route));
        for (routes, class) in [(others, "lc-edge"), (critical, "lc-edge lc-heavy")] {
            for route in routes {
                let (d, ends) = curve(route, [left, top]);
                let arrow = if class == "lc-edge" { "lc-arrow" } else { "lc-ink" };
                drawing.add_divisible(
                    ends[0],
                    ends[1],
                    path(class, &d) + &arrow_head(route, [left, top], arrow),
                );
            }
        }
        let columns = self.columns();
        for (&at, &[x, y]) in band.members.iter().zip(&band.block.boxes) {
            let (x, y) = (left + x, top + y);
            drawing.add(y - OUTLINE, y + BOX_HEIGHT + OUTLINE, self.draw_box(at, columns, x, y));
        }
    }

    fn draw_box(&self, at: usize, columns: usize, x: f64, y: f64) -> String {
        let (hook, inset) = (&self.hooks[at], self.inset());
        let wide = self.box_width(columns);
        let is_critical = self.critical.contains(&at);
        let outline = if hook.is_unordered { "lc-box lc-open" } else { "lc-box" };
        let mut parts = vec![
            rect(outline, x, y, wide, BOX_HEIGHT, 5.0),
            text("lc-name", x + inset, y + 18.0, &end_of(&hook.name, columns)),
            text("lc-faint", x + inset, y + 34.0, &start_of(&hook.detail, columns)),
        ];
        if let Some(outcome) = &hook.outcome {
            parts.push(chip(colour_of(outcome), outcome.sign(), x + 9.0, y + 13.0));
        }
        if is_critical {
            parts.push(pointer(x + wide - 15.0, y + 14.0));
        }
        explained(&hook.explained, if is_critical { "lc-critical" } else { "" }, &parts)
    }

    fn legend(&self, bands: usize) -> Vec<Entry> {
        let mut entries =
            legend::outcomes(self.hooks.iter().filter_map(|hook| hook.outcome.as_ref()));
        let mut say = |sample: fn(f64, f64) -> String, words: &str| {
            entries.push(Entry { sample: Sample::Markup(sample), words: words.to_owned() });
        };
        if !self.critical.is_empty() {
            say(legend::critical_sample, self.critical_is);
        }
        if self.hooks.iter().any(|hook| hook.is_unordered) {
            say(legend::unordered_sample, "unordered: runs beside all of its order");
        }
        if bands > 1 {
            say(legend::barrier_sample, "barrier: all above end before any below start");
        }
        entries
    }
}

/// The hooks of one order.
struct Band {
    order: i32,
    members: Vec<usize>,
    block: Block,
}

impl Band {
    fn label(&self) -> String {
        format!("order {}", self.order)
    }
}

fn barrier(drawing: &mut Drawing, [above, below]: [&str; 2], y: f64, width: f64) {
    let middle = y + BARRIER / 2.0;
    let [x, end] = [MARGIN, MARGIN + width];
    let [centre, tip] = [x + width / 2.0, middle + 7.0];
    let arrow = format!(
        "M{} {}L{} {}L{} {}Z",
        number(centre - 6.0),
        number(middle),
        number(centre + 6.0),
        number(middle),
        number(centre),
        number(tip)
    );
    let parts = [line("lc-heavy", [x, middle], [end, middle]), path("lc-ink", &arrow)];
    let said = format!("all of {above} ends before anything of {below} starts");
    drawing.add(middle - 3.0, tip, explained(&[said], "", &parts));
}

/// The way of an edge up to its arrow head, and how far it reaches from top to bottom.
fn curve(route: &Route, [left, top]: [f64; 2]) -> (String, [f64; 2]) {
    let mut points: Vec<[f64; 2]> = route.points.iter().map(|[x, y]| [x + left, y + top]).collect();
    if let Some([x, y]) = points.last_mut() {
        *(if route.is_sideways { x } else { y }) -= 5.0;
    }
    let pair = |[x, y]: [f64; 2]| format!("{} {}", number(x), number(y));
    let mut d = format!("M{}", pair(points[0]));
    for (step, points) in points.windows(2).enumerate() {
        let [from, to] = [points[0], points[1]];
        if step % 2 == 0 {
            d += &format!("L{}", pair(to));
        } else {
            let [x, y] = [f64::midpoint(from[0], to[0]), f64::midpoint(from[1], to[1])];
            let bends = if route.is_sideways {
                [[x, from[1]], [x, to[1]]]
            } else {
                [[from[0], y], [to[0], y]]
            };
            d += &format!("C{} {} {}", pair(bends[0]), pair(bends[1]), pair(to));
        }
    }
    let ends = points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], point| {
        [low.min(point[1]), high.max(point[1])]
    });
    (d, ends)
}

fn arrow_head(route: &Route, [left, top]: [f64; 2], class: &str) -> String {
    let [x, y] = route.points.last().map_or([left, top], |[x, y]| [x + left, y + top]);
    let sides = match route.is_sideways {
        true => [[x - 7.0, y - 4.0], [x - 7.0, y + 4.0]],
        false => [[x - 4.0, y - 7.0], [x + 4.0, y - 7.0]],
    };
    let [[a, b], [c, d]] = sides.map(|point| point.map(number));
    path(class, &format!("M{} {}L{a} {b}L{c} {d}Z", number(x), number(y)))
}
