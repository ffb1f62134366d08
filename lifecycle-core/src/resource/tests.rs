use super::*;

const HERE: SourceLocation = SourceLocation::new("src/here.rs", 1);

fn id(n: u64) -> HookId {
    HookId::Registered(n)
}

fn binder<'b>(resources: &'b Resources, n: u64, name: &'b str) -> Binder<'b> {
    resources.began(id(n));
    Binder::new(resources, id(n), name, Arc::new(ShutdownContext::for_tests()))
}

#[derive(Debug, PartialEq)]
struct Plain(u32);

#[derive(Debug, PartialEq, Clone)]
struct Copyable(u32);

#[test]
fn a_taker_gets_the_value_itself_after_its_borrowers() {
    let resources = Resources::default();
    resources.provide(Plain(7), HERE, true).unwrap();
    let share = binder(&resources, 1, "reader").borrow::<Plain>().unwrap();
    assert_eq!(*share, Plain(7));
    drop(share);
    resources.ended(id(1));
    assert_eq!(binder(&resources, 2, "taker").take::<Plain>(None), Some(Plain(7)));
    assert!(resources.missing(&[Need::borrow::<Plain>()])[0].why.contains("taken by taker"));
}

#[test]
fn what_is_still_borrowed_is_cloned_or_refused_by_name() {
    let resources = Resources::default();
    resources.provide(Plain(1), HERE, true).unwrap();
    resources.provide(Copyable(2), HERE, true).unwrap();
    let mut stuck = binder(&resources, 1, "stuck_hook");
    let _plain = stuck.borrow::<Plain>().unwrap();
    let _copyable = stuck.borrow::<Copyable>().unwrap();

    let mut taker = binder(&resources, 2, "taker");
    assert_eq!(taker.take::<Copyable>(Some(|value| value.clone())), Some(Copyable(2)));
    assert_eq!(taker.take::<Plain>(None), None);
    let problem = taker.into_problem().unwrap();
    assert!(problem.contains("still borrowed by stuck_hook"), "{problem}");
}

#[test]
fn what_a_hook_that_runs_on_uses_is_not_handed_out() {
    struct User;
    let resources = Resources::default();
    resources.provide(Plain(1), HERE, true).unwrap();
    resources.provide(Copyable(2), HERE, true).unwrap();
    resources.provide(User, HERE, true).unwrap_or_else(|_| unreachable!());
    resources.add_uses(Uses::new::<User, Plain>(HERE));
    resources.add_uses(Uses::new::<User, Copyable>(HERE));
    let _user = binder(&resources, 1, "stuck_hook").borrow::<User>().unwrap();

    let mut taker = binder(&resources, 2, "taker");
    assert_eq!(taker.take::<Plain>(None), None);
    let problem = taker.into_problem().unwrap();
    assert!(problem.contains("still borrowed by stuck_hook"), "{problem}");
    assert_eq!(
        binder(&resources, 3, "other").take::<Copyable>(Some(|value| value.clone())),
        Some(Copyable(2))
    );
    resources.ended(id(1));
    assert_eq!(binder(&resources, 4, "late").take::<Plain>(None), Some(Plain(1)));
}

#[test]
fn what_a_hook_that_runs_on_counts_as_borrowing_is_not_handed_out() {
    struct User;
    let resources = Resources::default();
    resources.provide(Plain(1), HERE, true).unwrap();
    resources.provide(Copyable(2), HERE, true).unwrap();
    resources.provide(Arc::new(3_u8), HERE, true).unwrap();
    resources.add_uses(Uses::new::<User, Copyable>(HERE));
    resources.began(id(1));
    let uses = [Need::borrow::<Plain>(), Need::borrow::<User>(), Need::borrow::<u8>()];
    resources.count(id(1), "stuck_hook", &uses);

    let mut taker = binder(&resources, 2, "taker");
    assert_eq!(taker.take::<Plain>(None), None);
    let problem = taker.into_problem().unwrap();
    assert!(problem.contains("still borrowed by stuck_hook"), "{problem}");
    assert_eq!(binder(&resources, 2, "taker").take::<Copyable>(None), None);
    assert_eq!(
        binder(&resources, 2, "taker").take::<Copyable>(Some(|value| value.clone())),
        Some(Copyable(2))
    );
    assert_eq!(binder(&resources, 2, "taker").take::<Arc<u8>>(None), None);
    resources.ended(id(1));
    assert_eq!(binder(&resources, 3, "late").take::<Plain>(None), Some(Plain(1)));
    assert_eq!(binder(&resources, 3, "late").take::<Arc<u8>>(None), Some(Arc::new(3)));
}

#[test]
fn an_arc_serves_a_borrow_of_what_it_holds() {
    let resources = Resources::default();
    resources.provide(Arc::new(Plain(3)), HERE, true).unwrap();
    assert!(resources.missing(&[Need::borrow::<Plain>()]).is_empty());
    assert_eq!(*binder(&resources, 1, "h").borrow::<Plain>().unwrap(), Plain(3));
    assert_eq!(**binder(&resources, 1, "h").borrow::<Arc<Plain>>().unwrap(), Plain(3));
    assert_eq!(*binder(&resources, 1, "h").borrow::<Plain>().unwrap(), Plain(3));
}

#[test]
fn what_need_not_be_sync_can_be_taken() {
    let resources = Resources::default();
    resources.provide(std::cell::Cell::new(5), HERE, true).unwrap();
    assert_eq!(binder(&resources, 1, "h").take::<std::cell::Cell<i32>>(None).unwrap().get(), 5);
}

#[test]
fn a_near_miss_is_named_with_its_place() {
    let resources = Resources::default();
    resources.provide(Arc::new(Plain(3)), HERE, true).unwrap();
    let missing = resources.missing(&[Need::take::<Plain>()]);
    assert!(
        missing[0].why.contains("Arc<") && missing[0].why.contains("src/here.rs:1"),
        "{}",
        missing[0]
    );
}

#[test]
fn twice_is_turned_away_with_the_first_place_and_late_with_the_value() {
    let resources = Resources::default();
    resources.provide(Plain(1), HERE, true).unwrap();
    assert_eq!(
        resources.provide(Plain(2), SourceLocation::new("b.rs", 2), true),
        Err((Turned::Twice { first: HERE }, Plain(2)))
    );
    resources.provide(Plain(2), HERE, false).unwrap();
    assert_eq!(*resources.replace(Plain(4), HERE).unwrap(), Plain(2));
    resources.close();
    assert_eq!(resources.provide(Plain(3), HERE, false), Err((Turned::TooLate, Plain(3))));
}

#[test]
fn leftovers_come_last_provided_first() {
    let resources = Resources::default();
    resources.provide(1_u8, HERE, true).unwrap();
    resources.provide(2_u16, HERE, true).unwrap();
    resources.provide(3_u32, HERE, true).unwrap();
    binder(&resources, 1, "h").take::<u16>(None).unwrap();
    let names: Vec<_> = resources.unclaimed().iter().map(|unclaimed| unclaimed.type_name).collect();
    assert_eq!(names, ["u32", "u8"]);
}
