//! The page: what it says, and how it is cut for paper.

use super::{
    super::{
        report::{graph, timeline},
        svg::Drawing,
    },
    drawings::SIZES,
    samples::*,
};

#[test]
fn a_page_has_the_figures_in_tables() {
    let page = report(8).to_html();
    let table = |title: &str| {
        let rest =
            page.split(&format!("<h2>{title}</h2>")).nth(1).unwrap_or_else(|| panic!("no {title}"));
        let body = rest.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next());
        let rows = body.unwrap_or_default().split("</tr>").filter(|row| !row.trim().is_empty());
        let cells = |row: &str| -> Vec<String> {
            let cells = row.split("<td").skip(1).filter_map(|cell| cell.split_once('>'));
            cells.map(|(_, cell)| cell.trim_end_matches("</td>").to_owned()).collect()
        };
        rows.map(cells).collect::<Vec<_>>()
    };
    let column = |title: &str, at: usize| -> Vec<String> {
        table(title).into_iter().map(|row| row[at].clone()).collect()
    };
    assert_eq!(column("Critical chain", 0), ["@3.54 s", "@4.88 s", "@4.92 s", "@6.33 s"]);
    assert_eq!(column("Critical chain", 1), ["+1.34 s", "+45 ms", "+1.40 s", "+2.00 s"]);
    assert_eq!(column("Blame", 0)[..3], ["2.00 s", "1.40 s", "1.34 s"]);
    assert_eq!(column("Slack", 0)[..3], ["0 us", "0 us", "0 us"]);
    assert_eq!(column("Slack", 0)[7], "1.46 s");
    assert_eq!(column("Calls in flight", 0), ["orders::http::place_order"]);
    assert!(column("Calls in flight", 1)[0].starts_with("8 in flight, 8 finished, 8 refused"));
    assert_eq!(table("Signals").len(), 8);
    let problems =
        page.split("<ul class=\"problems\">").nth(1).unwrap().split("</ul>").next().unwrap();
    assert_eq!(problems.matches("<li>hook `").count(), 6, "{problems}");
    let clean = report(1).to_html();
    assert!(!clean.contains("class=\"problems\">"), "{clean}");
    assert!(!empty_report().to_html().contains("<table>"));
}

#[test]
fn what_did_not_start_says_why_line_by_line() {
    let report =
        invalid_report(&["the plan is invalid:\n`a` waits\tfor `b`\r\nand <b>".to_owned()]);
    let page = report.to_html();
    assert!(page.contains("<h1>did not start, exit code 78</h1>"), "{page}");
    assert!(!page.contains("<svg") && !page.contains("<h2>") && !page.contains("<p>"), "{page}");
    assert!(
        page.contains("<li>the plan is invalid:<br>`a` waits for `b`<br>and &lt;b&gt;</li>"),
        "{page}"
    );
    let long = "word ".repeat(40) + "end";
    let report =
        invalid_report(&["the plan is invalid:\n`a` waits\tfor `b`".to_owned(), long.clone()]);
    let svg = report.to_svg();
    let lines: Vec<&str> =
        svg.split("<text ").skip(1).filter_map(|text| text.split(['>', '<']).nth(1)).collect();
    assert_eq!(
        lines[..4],
        ["x", "did not start, exit code 78", "the plan is invalid:", "`a` waits for `b`"]
    );
    assert!(lines[4..].iter().all(|line| line.len() <= 130), "{lines:?}");
    assert_eq!(lines[4..].join(" "), long);
    assert!(!svg.contains("lc-thin\"") && !svg.contains("<rect class=\"lc-bar"), "{svg}");
}

#[test]
fn notes_are_shown_as_they_are() {
    let report = changed(&report(1), |json| {
        json["notes"] = serde_json::json!([
            { "about": "postgres", "text": "pid 7 ended by SIGKILL after SIGTERM in 2.0s" },
            { "about": "proxy <1>", "text": "its last lines: a & b" },
        ]);
    });
    let page = report.to_html();
    let notes = page.split("<h2>Notes</h2>").nth(1).unwrap_or_else(|| panic!("{page}"));
    for row in [
        "<td class=\"name\">postgres</td><td>pid 7 ended by SIGKILL after SIGTERM in 2.0s</td>",
        "<td class=\"name\">proxy &lt;1&gt;</td><td>its last lines: a &amp; b</td>",
    ] {
        assert!(notes.contains(row), "{row}\n{notes}");
    }
}

/// A page is printed in pieces: nothing is missing, and nothing that is one is cut in two.
#[test]
fn what_is_printed_is_whole() {
    for count in SIZES {
        let report = if count == 0 { empty_report() } else { report(count) };
        for drawing in [timeline(&report).draw(false), graph(&report).draw(false)] {
            let pieces = drawing.pieces(620.0);
            let words = |text: &str| text.matches("<text ").count();
            let cut: usize = pieces.iter().map(|piece| words(piece)).sum();
            assert_eq!(cut, words(&drawing.to_svg()), "{count}");
            let height = |svg: &String| -> f64 {
                svg.split(" height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
            };
            assert!(pieces.iter().all(|piece| height(piece) <= 620.0), "{count}");
            assert!(
                (pieces.iter().map(height).sum::<f64>() - drawing.height).abs() < 0.5,
                "{count}"
            );
        }
    }
}

#[test]
fn a_cut_goes_below_what_reaches_furthest() {
    let mut drawing = Drawing::new("steps", String::new());
    drawing.height = 100.0;
    for (top, bottom) in [(0.0, 30.0), (20.0, 50.0), (50.0, 70.0), (60.0, 100.0)] {
        drawing.add(top, bottom, format!("<text>{top}</text>"));
    }
    drawing.add_divisible(0.0, 100.0, "<path/>".to_owned());
    let pieces: Vec<Vec<String>> = [60.0, 40.0].map(|most| drawing.pieces(most)).into();
    for pieces in pieces {
        let heights: Vec<bool> =
            pieces.iter().map(|piece| piece.contains("height=\"50\"")).collect();
        assert_eq!(heights, [true, true], "{pieces:?}");
        assert!(
            pieces
                .iter()
                .all(|piece| piece.matches("<text>").count() == 2 && piece.contains("<path/>"))
        );
    }
}
