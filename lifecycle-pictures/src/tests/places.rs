//! Where boxes and edges go.

use super::{
    super::{layout::Route, pack::packed},
    samples::Chance,
};

const SIZE: [f64; 2] = [200.0, 42.0];

/// Edges by chance from smaller to larger numbers.
fn edges(count: usize, most: usize, chance: &mut Chance) -> Vec<(usize, usize)> {
    let pair = |_| {
        let (a, b) = (chance.below(count), chance.below(count));
        (a.min(b), a.max(b))
    };
    let mut edges: Vec<_> = (0..most).map(pair).filter(|(from, to)| from != to).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

#[test]
fn no_box_is_over_another_and_no_edge_runs_through_one() {
    let mut chance = Chance(0xfeed);
    for round in 0..120 {
        let count = 1 + chance.below(60);
        let edges = edges(count, chance.below(2 * count), &mut chance);
        let most = [300.0, 1_000.0, 4_000.0][round % 3];
        let block = packed(count, &edges, SIZE, most);
        assert_eq!((block.boxes.len(), block.routes.len()), (count, edges.len()));
        for (at, &[x, y]) in block.boxes.iter().enumerate() {
            assert!(x >= 0.0 && x + SIZE[0] <= block.width, "{x} of {}", block.width);
            assert!(y >= 0.0 && y + SIZE[1] <= block.height, "{y} of {}", block.height);
            for &[other_x, other_y] in &block.boxes[..at] {
                let apart =
                    (x - other_x).abs() >= SIZE[0] + 5.0 || (y - other_y).abs() >= SIZE[1] + 5.0;
                assert!(apart, "round {round}: {x} {y} and {other_x} {other_y}");
            }
        }
        for route in &block.routes {
            clear_of_boxes(route, &block.boxes);
        }
    }
}

/// Curves stay between layers, so it is the straight parts and the ends of curves that count.
#[track_caller]
fn clear_of_boxes(route: &Route, boxes: &[[f64; 2]]) {
    let along = usize::from(!route.is_sideways);
    for points in route.points.windows(2) {
        assert!(points[0][along] <= points[1][along], "an edge turns back: {route:?}");
        for step in 0..=20 {
            let share = f64::from(step) / 20.0;
            let [x, y] =
                [0, 1].map(|axis| points[0][axis] * (1.0 - share) + points[1][axis] * share);
            let within = |&[left, top]: &[f64; 2]| {
                x > left + 0.6
                    && x < left + SIZE[0] - 0.6
                    && y > top + 0.6
                    && y < top + SIZE[1] - 0.6
            };
            assert_eq!(boxes.iter().position(within), None, "{x} {y} of {route:?}");
        }
    }
}

#[test]
fn edges_lead_from_their_box_to_their_box() {
    for most in [100.0, 10_000.0] {
        let block = packed(4, &[(0, 1), (1, 2), (0, 2), (3, 2)], SIZE, most);
        for route in &block.routes {
            let [[x, y], [to_x, to_y]] = [route.from, route.to].map(|at| block.boxes[at]);
            let (first, last) = (route.points[0], *route.points.last().unwrap());
            let middle = |at: f64, size: f64| at + size / 2.0;
            let (from, to) = match route.is_sideways {
                true => ([x + SIZE[0], middle(y, SIZE[1])], [to_x, middle(to_y, SIZE[1])]),
                false => ([middle(x, SIZE[0]), y + SIZE[1]], [middle(to_x, SIZE[0]), to_y]),
            };
            assert_eq!((first, last), (from, to));
        }
    }
}

#[test]
fn what_is_too_wide_goes_to_the_right_and_what_has_no_edge_into_rows() {
    let fan: Vec<(usize, usize)> = (0..30).map(|at| (at, 30)).collect();
    let block = packed(31, &fan, SIZE, 1_000.0);
    assert!(block.width < 1_000.0 && block.routes[0].is_sideways, "{}", block.width);
    let narrow = packed(4, &fan_of(3), SIZE, 1_000.0);
    assert!(!narrow.routes[0].is_sideways);
    let alone = packed(200, &[], SIZE, 1_000.0);
    assert!(
        alone.width <= 1_000.0 && alone.height < 60.0 * 50.0,
        "{} by {}",
        alone.width,
        alone.height
    );
}

fn fan_of(count: usize) -> Vec<(usize, usize)> {
    (0..count).map(|at| (at, count)).collect()
}

#[test]
fn a_circle_is_drawn_without_the_way_back() {
    let block = packed(3, &[(0, 1), (1, 2), (2, 0)], SIZE, 1_000.0);
    assert_eq!(block.boxes.len(), 3);
    assert!(block.routes.len() < 3);
}

/// Thousands of hooks are nobody's picture, and still no reason to hang.
#[test]
fn thousands_are_drawn() {
    let mut chance = Chance(5);
    let block = packed(3_000, &edges(3_000, 1_500, &mut chance), SIZE, 1_000.0);
    assert_eq!(block.boxes.len(), 3_000);
    let layered: Vec<(usize, usize)> =
        (0..2_000).flat_map(|at| [(at, at + 1), (at, 2_001)]).collect();
    assert_eq!(packed(2_002, &layered, SIZE, 1_000.0).routes.len(), 4_000);
}
